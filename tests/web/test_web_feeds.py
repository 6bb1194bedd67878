"""Feeds and documents over HTTP: conditional requests, archive pages, languages, HEAD; and what nobody outside sees."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from lxml import etree
from warning_worlds import CHIEF, OFFICER, PUBLIC, drafted, furnish, released, submitted

from anlan import registry
from anlan.registry import RoleGrant
from anlan.settings import Settings
from anlan.store import SYSTEM, FixedClock, Node, World
from anlan.warning import HazardWarning, actions
from anlan.warning.cap import check, check_document
from anlan.web.app import create_app

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
ADDRESS = "https://warn.city.example"


@pytest.fixture
def node(tmp_path: Path, clock: FixedClock) -> Iterator[Node]:
    """On SQLite: what the feeds are made from is asked of both databases in ``tests/warning/test_warning_feed.py``."""
    made = Node(Settings(data_dir=tmp_path / "node"), clock=clock)
    yield made
    made.close()


@pytest.fixture
def live(node: Node) -> World:
    node.settings = replace(
        PUBLIC, data_dir=node.settings.data_dir, database_url=node.settings.database_url, base_url=ADDRESS
    )
    return furnish(node.create_world("live", "live", {"zh": "实况", "en": "Live"}))


@contextmanager
def serving(node: Node) -> Iterator[httpx.Client]:
    """A server of this node on a free port; the client asks it whatever the host of an address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(node.settings, node)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        with httpx.Client(base_url=address, timeout=30) as client:
            yield client
        server.should_exit = True
        thread.join(timeout=10)


def cookies_of(answer: httpx.Response) -> str:
    return "; ".join(one.split(";", 1)[0] for one in answer.headers.get_list("set-cookie"))


def local(url: str | None) -> str:
    return (url or "").removeprefix(ADDRESS)


@pytest.fixture
def client(node: Node, live: World) -> Iterator[httpx.Client]:
    with serving(node) as made:
        yield made


def warn(world: World, settings: Settings, **changes: Any) -> HazardWarning:
    return released(world, drafted(world, settings=settings, **changes), settings=settings)


def path_of(step: HazardWarning) -> str:
    return f"/cap/{step.message_identifier}"


@pytest.mark.parametrize("kind", ["atom", "rss"])
def test_feed_changes_exactly_when_its_content_does(
    client: httpx.Client, live: World, node: Node, clock: FixedClock, kind: str
) -> None:
    url = f"/feed.{kind}"
    first = client.get(url)
    assert (first.status_code, first.headers["content-type"]) == (
        200,
        f"application/{kind}+xml; charset=utf-8",
    )
    assert check_document(first.content).is_acceptable
    tag = first.headers["etag"]
    known = {"if-none-match": tag}
    assert client.get(url, headers=known).status_code == 304
    drafted(live)
    clock.advance(timedelta(hours=1))
    again = client.get(url, headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    step = warn(live, node.settings)
    second = client.get(url, headers=known)
    assert second.status_code == 200
    assert path_of(step) in second.text
    assert [one.rule for one in check_document(second.content).findings] == []
    # Only time passes: nothing, until the message leaves.
    clock.advance(timedelta(days=13))
    assert client.get(url, headers={"if-none-match": second.headers["etag"]}).status_code in (200, 304)
    before = client.get(url)
    assert path_of(step) in before.text
    clock.advance(timedelta(days=1))
    after = client.get(url, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert path_of(step) not in after.text


def test_dates_answer_where_no_tag_is_sent(
    client: httpx.Client, live: World, node: Node, clock: FixedClock
) -> None:
    warn(live, node.settings, expires=clock.now() + timedelta(days=30))
    # Within the same minute a second message could come that has the same date.
    assert "last-modified" not in client.get("/feed.atom").headers
    clock.advance(timedelta(minutes=2))
    first = client.get("/feed.atom")
    date = first.headers["last-modified"]
    assert date == "Mon, 06 Jul 2026 00:05:00 GMT"
    assert client.get("/feed.atom", headers={"if-modified-since": date}).status_code == 304
    assert (
        client.get("/feed.atom", headers={"if-modified-since": "Sun, 05 Jul 2026 00:00:00 GMT"}).status_code
        == 200
    )
    for nonsense in ("yesterday", "", "-1"):
        assert client.get("/feed.atom", headers={"if-modified-since": nonsense}).status_code == 200
    # The tag decides where both are sent.
    both = {"if-modified-since": date, "if-none-match": '"other"'}
    assert client.get("/feed.atom", headers=both).status_code == 200
    warn(live, node.settings)
    assert client.get("/feed.atom", headers={"if-modified-since": date}).status_code == 200


def test_weak_and_listed_tags_are_known(client: httpx.Client) -> None:
    tag = client.get("/feed.atom").headers["etag"]
    for asked in (f"W/{tag}", f'"x", {tag}', "*"):
        assert client.get("/feed.atom", headers={"if-none-match": asked}).status_code == 304
    assert client.get("/feed.atom", headers={"if-none-match": '"x", "y"'}).status_code == 200


def test_language_stands_in_the_address_and_not_in_the_request(
    client: httpx.Client, live: World, node: Node
) -> None:
    step = warn(live, node.settings)
    chinese = client.get("/feed.atom")
    for headers in ({"accept-language": "en"}, {"cookie": "anlan_lang=en"}):
        assert client.get("/feed.atom", headers=headers).content == chinese.content
    assert "set-cookie" not in chinese.headers
    english = client.get("/feed.atom?lang=en")
    assert english.headers["etag"] != chinese.headers["etag"]
    roots = [etree.fromstring(one.content) for one in (chinese, english)]
    titles = [root.findtext(f"{ATOM}entry/{ATOM}title") or "" for root in roots]
    assert "麻疹" in titles[0]
    assert "easles" in titles[1]
    ids = [root.findtext(f"{ATOM}entry/{ATOM}id") for root in roots]
    assert ids == [ADDRESS + path_of(step)] * 2
    assert [root.findtext(f"{ATOM}id") for root in roots] == [
        f"{ADDRESS}/feed.atom",
        f"{ADDRESS}/feed.atom?lang=en",
    ]
    assert client.get("/feed.atom?lang=fr").content == chinese.content


@pytest.mark.parametrize("kind", ["atom", "rss"])
def test_archive_pages_are_linked_and_never_change(
    client: httpx.Client, live: World, node: Node, clock: FixedClock, kind: str
) -> None:
    first = warn(live, node.settings)
    assert client.get(f"/feed/2026-W28.{kind}").status_code == 404
    clock.advance(timedelta(days=7))
    warn(live, node.settings)
    clock.advance(timedelta(days=21))
    feed = etree.fromstring(client.get(f"/feed.{kind}").content)
    links = {link.get("rel"): link.get("href") for link in feed.iter(f"{ATOM}link") if link.get("type") != "application/cap+xml"}  # fmt: skip
    newest = client.get(local(links["prev-archive"]))
    assert links["prev-archive"] == f"{ADDRESS}/feed/2026-W29.{kind}"
    assert links["self"] == f"{ADDRESS}/feed.{kind}"
    page = etree.fromstring(newest.content)
    assert page.find(f".//{HISTORY}archive") is not None
    before = next(link.get("href") for link in page.iter(f"{ATOM}link") if link.get("rel") == "prev-archive")
    oldest = client.get(local(before))
    assert path_of(first) in oldest.text
    assert 'rel="prev-archive"' not in oldest.text
    assert check_document(oldest.content).findings == ()
    clock.advance(timedelta(days=100))
    warn(live, node.settings)
    again = client.get(local(before), headers={"if-none-match": oldest.headers["etag"]})
    assert again.status_code == 304
    for wrong in ("2026-W60.atom", "2026-W28.xml", "x", "2026-W28", "2099-W01.atom", "9999-W52.rss"):
        assert client.get(f"/feed/{wrong}").status_code == 404


def test_a_document_at_its_address_never_changes(
    client: httpx.Client, live: World, node: Node, clock: FixedClock
) -> None:
    step = warn(live, node.settings)
    first = client.get(path_of(step))
    assert first.headers["content-type"] == "application/cap+xml; charset=utf-8"
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert first.headers["last-modified"] == "Mon, 06 Jul 2026 00:05:00 GMT"
    assert "vary" not in {name.lower() for name in first.headers if name.lower() == "vary"} or "Cookie" not in first.headers["vary"]  # fmt: skip
    assert [
        one.code for one in check(first.content, issuing=True, profiles=["google"]) if one.severity == "error"
    ] == []
    clock.advance(timedelta(minutes=5))
    with live.write(OFFICER) as tx:
        next_step = actions.cancel(
            tx, step.public_id, expected_seq=step.known_seq, settings=node.settings, reason="误发"
        )
    released(live, next_step, settings=node.settings)
    for path in (Path(node.settings.data_dir) / "keys").glob("cap-*"):
        path.unlink()
    clock.advance(timedelta(days=400))
    warn(live, node.settings)
    again = client.get(path_of(step))
    assert again.content == first.content
    assert client.get(path_of(step), headers={"if-none-match": first.headers["etag"]}).status_code == 304
    date = {"if-modified-since": first.headers["last-modified"]}
    assert client.get(path_of(step), headers=date).status_code == 304
    assert client.get("/cap/none").status_code == 404


def test_head_says_the_same_without_the_body(client: httpx.Client, live: World, node: Node) -> None:
    step = warn(live, node.settings)
    for url in ("/feed.atom", "/feed.rss", path_of(step)):
        head, full = client.head(url), client.get(url)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("etag", "content-type", "cache-control"):
            assert head.headers[name] == full.headers[name]
        assert client.head(url, headers={"if-none-match": full.headers["etag"]}).status_code == 304


def test_packed_and_plain_are_the_same(client: httpx.Client, live: World, node: Node) -> None:
    for _ in range(3):
        warn(live, node.settings)
    packed = client.get("/feed.atom", headers={"accept-encoding": "gzip"})
    plain = client.get("/feed.atom", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]


def test_what_is_kept_is_what_would_be_written(
    client: httpx.Client, live: World, node: Node, clock: FixedClock
) -> None:
    """The kept feed against one of a server that has just started, along a life of messages and time."""

    def fresh() -> bytes:
        with serving(node) as other:
            return other.get("/feed.atom").content

    for hours in (0, 1, 5, 24 * 13, 24 * 30):
        warn(live, node.settings, expires=clock.now() + timedelta(hours=4))
        assert client.get("/feed.atom").content == fresh()
        clock.advance(timedelta(hours=hours))
        assert client.get("/feed.atom").content == fresh()
    clock.advance(timedelta(days=-20))  # a clock set back
    assert client.get("/feed.atom").content == fresh()


def test_nothing_of_an_exercise_leaves(client: httpx.Client, live: World, node: Node) -> None:
    drill = furnish(node.create_world("exercise", "exercise", {"zh": "演练", "en": "Exercise"}))
    step = released(drill, submitted(drill, drafted(drill)), by=CHIEF)
    for url in ("/feed.atom", "/feed.rss"):
        assert (step.message_identifier or "-") not in client.get(url).text
        assert client.get(f"/w/exercise{url}", follow_redirects=False).status_code == 303
        assert client.head(f"/w/exercise{url}", follow_redirects=False).status_code == 303
    assert client.get(path_of(step)).status_code == 404
    assert client.get(f"/w/exercise{path_of(step)}", follow_redirects=False).status_code == 303
    assert client.get("/w/exercise/feed/2026-W28.atom", follow_redirects=False).status_code == 303


def test_an_exercise_has_feeds_for_those_who_take_part(client: httpx.Client, live: World, node: Node) -> None:
    drill = furnish(node.create_world("exercise", "exercise", {"zh": "演练", "en": "Exercise"}))
    step = released(drill, submitted(drill, drafted(drill)), by=CHIEF)
    with live.write(SYSTEM) as tx:
        person = registry.add_person(tx, {"zh": "甲", "en": "A"}, [RoleGrant("duty_officer", sensitivity=2)])
    registry.set_password(live, person, "officer", "correct horse battery", actor=SYSTEM)
    page = client.get("/sign-in")
    token = page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    form = {"csrf": token, "account": "officer", "password": "correct horse battery", "next": "/"}
    # The node is reached by HTTPS as it believes, so that its cookies are sent by hand over this plain line.
    signed_in = client.post("/sign-in", data=form, headers={"origin": ADDRESS, "cookie": cookies_of(page)})
    assert signed_in.status_code == 303
    client.headers["cookie"] = cookies_of(signed_in)
    for kind in ("atom", "rss"):
        answer = client.get(f"/w/exercise/feed.{kind}")
        assert answer.status_code == 200
        assert f"/w/exercise{path_of(step)}" in answer.text
        assert answer.headers["cache-control"] == "private, no-cache"
        again = client.get(f"/w/exercise/feed.{kind}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    assert client.get(f"/w/exercise{path_of(step)}").headers["cache-control"] == "private, no-cache"
