"""The citizen's page: small, kept by caches until it changes, framed at one address, and never an exercise's."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from warning_worlds import ALL, CHIEF, FACTS, OFFICER
from web_watched import Watched

from anlan.store import FixedClock, Node, World
from anlan.warning import HazardWarning, actions
from anlan.warning import queries as warnings
from anlan.warning.shapes import circle
from anlan.warning.tables import message
from anlan.web.security import CSP

Browse = Callable[..., httpx.Client]
CHIBI, TONGCHENG, JIAYU, CHONGYANG = "421281", "421222", "421221", "421223"


def _release(node: Node, step: HazardWarning) -> HazardWarning:
    settings = replace(node.settings, public_release=True)
    world = node.world("live")
    with world.write(OFFICER) as tx:
        step = actions.submit(tx, step.public_id, expected_seq=step.known_seq, settings=settings)
    with world.write(CHIEF) as tx:
        return actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=settings)


def released(node: Node, level: str, areas: list[str], **changes: Any) -> HazardWarning:
    with node.world("live").write(OFFICER) as tx:
        step = actions.draft(
            tx,
            settings=node.settings,
            level=level,
            hazard="measles",
            area_codes=areas,
            facts=FACTS,
            **changes,
        )
    return _release(node, step)


def ended(node: Node, one: HazardWarning, what: str) -> None:
    with node.world("live").write(OFFICER) as tx:
        step = getattr(actions, what)(
            tx, one.public_id, expected_seq=one.known_seq, settings=node.settings, reason="no new case"
        )
    _release(node, step)


@pytest.fixture
def live(served: Node) -> World:
    return served.world("live")


@pytest.fixture
def clock(live: World) -> FixedClock:
    assert isinstance(live.clock, FixedClock)
    return live.clock


@pytest.fixture
def three(served: Node, live: World, clock: FixedClock) -> Iterator[list[HazardWarning]]:
    """Three warnings in force, one of them for a drawn part of the ground; over again afterwards."""
    made = [
        released(served, "yellow", [TONGCHENG]),
        released(served, "orange", [CHIBI, JIAYU]),
        released(served, "red", [], shapes=[circle((29.54, 114.04), 5)]),
    ]
    yield made
    with live.read() as connection:
        left = warnings.in_force(connection, ALL, live.as_of(), at=clock.now())
    clock.advance(timedelta(seconds=1))
    for one in left:
        ended(served, one, "end")


def get(client: httpx.Client, address: str, **headers: str) -> httpx.Response:
    return client.get(address, headers={"accept-language": "en", **headers})


def test_what_holds_comes_first_and_stays_small(browse: Browse, three: list[HazardWarning]) -> None:
    client = browse()
    for language in ("zh", "en"):
        answer = client.get(f"/public?lang={language}")
        page = answer.text
        sheets = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
        assert len(sheets) == 3
        assert len(answer.content) <= 15_000
        # With everything that it loads but the map it is under that as well as it travels, packed.
        travelled = [
            httpx.get(f"{client.base_url}{name}", headers={"accept-encoding": "gzip"}) for name in sheets
        ]
        packed = sum(int(one.headers["content-length"]) for one in travelled)
        packed += int(answer.headers["content-length"])
        assert packed <= 15_000
        for nothing in ("<script", "style=", "http://", "https://", "csrf"):
            assert nothing not in page.replace('xmlns="http://www.w3.org', "")
        assert re.findall(r'<article class="lv-(\w+)"', page) == ["red", "orange", "yellow"]
    assert "The whole city: 3 warnings in force." in page
    chibi = get(client, f"/public?area={CHIBI}").text
    assert re.findall(r'<article class="lv-(\w+)"', chibi) == ["orange"]
    assert "Chibi City: 1 warning in force." in chibi
    assert "Tongshan County: no warning in force." in get(client, "/public?area=421224").text
    assert get(client, "/public?area=999999").status_code == 404


def test_it_is_kept_by_caches_until_it_changes(
    browse: Browse, served: Node, live: World, three: list[HazardWarning], clock: FixedClock
) -> None:
    client = browse()
    first = get(client, "/public")
    assert first.headers["cache-control"] == "public, max-age=30"
    assert {part.strip() for part in first.headers["vary"].split(",")} == {
        "Accept-Language",
        "Accept-Encoding",
    }
    assert "set-cookie" not in first.headers
    tag = first.headers["etag"]
    again = get(client, "/public", **{"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert "set-cookie" not in again.headers
    # Neither the time that passes nor what happens elsewhere makes another page of it, nor who asks.
    clock.advance(timedelta(minutes=2))
    with live.write(OFFICER) as tx:
        tx.event("test.said")
        actions_before = tx.seq
    assert get(client, "/public").headers["etag"] == tag
    assert get(browse("chief"), "/public", cookie="anlan_lang=zh").headers["etag"] == tag
    assert live.head() >= actions_before
    chinese = get(client, "/public", **{"accept-language": "zh-CN"})
    assert chinese.headers["etag"] != tag
    assert 'lang="zh-CN"' in chinese.text
    # A draft is no news; a release is.
    with live.write(OFFICER) as tx:
        step = actions.draft(
            tx, settings=served.settings, level="blue", hazard="measles", area_codes=[CHONGYANG], facts=FACTS
        )
    assert get(client, "/public").headers["etag"] == tag
    _release(served, step)
    changed = get(client, "/public", **{"if-none-match": tag})
    assert changed.status_code == 200
    assert "4 warnings in force" in changed.text
    assert "4 warnings in force" in get(client, "/public", **{"accept-encoding": "identity"}).text


def test_time_alone_ends_a_warning_on_the_page(
    browse: Browse, three: list[HazardWarning], clock: FixedClock
) -> None:
    client = browse()
    tag = get(client, "/public").headers["etag"]
    soonest = min(one.expires for one in three)
    before = clock.now()
    clock.moment = soonest - timedelta(seconds=10)
    last = get(client, "/public")
    assert "3 warnings in force" in last.text
    assert last.headers["cache-control"] in {f"public, max-age={age}" for age in (9, 10)}
    clock.moment = soonest
    try:
        page = get(client, "/public", **{"if-none-match": tag})
        assert page.status_code == 200
        held = len([one for one in three if one.expires > soonest])
        assert page.text.count("<article") == held < 3
        assert page.text.split("The last thirty days")[1].count("<li>") >= 3 - held
    finally:
        clock.moment = before


def test_what_ended_is_listed_for_thirty_days(
    browse: Browse, served: Node, live: World, clock: FixedClock
) -> None:
    client = browse()
    one = released(served, "orange", [CHONGYANG])
    wrong = released(served, "red", [CHONGYANG])
    clock.advance(timedelta(hours=2))
    ended(served, one, "end")
    ended(served, wrong, "cancel")

    def past() -> str:
        return get(client, f"/public?area={CHONGYANG}").text.split("The last thirty days")[1]

    shown = past()
    assert shown.index("orange") >= 0
    assert "issued in error" in shown
    before = clock.now()
    try:
        clock.moment = before + timedelta(days=29, hours=23)
        assert "issued in error" in past()
        clock.moment = before + timedelta(days=30, minutes=1)
        assert "No warning has ended" in past()
    finally:
        clock.moment = before


@pytest.mark.parametrize(
    ("column", "value"), [("status", "Exercise"), ("status", "Test"), ("scope", "Restricted")]
)
def test_what_may_not_reach_the_public_is_on_no_page_for_it(
    browse: Browse, live: World, three: list[HazardWarning], column: str, value: str
) -> None:
    """Whatever came into the live world, and by whatever fault: the rule is asked for each message."""
    red = three[2].message_identifier
    assert red is not None

    def put(**values: str) -> None:
        with live.stage() as connection:
            connection.execute(message.update().where(message.c.identifier == red).values(**values))

    client = browse()
    with live.read() as connection:
        was = connection.execute(sa.select(message.c[column]).where(message.c.identifier == red)).scalar_one()
    put(**{column: value})
    try:
        for area in ("", "&area=421223"):  # pages that have not been written yet
            for address in (
                "/public?lang=zh",
                "/w/live/public?lang=zh",
                "/public/embed?lang=zh",
                "/public.json?lang=zh",
            ):
                said = client.get(f"{address}{area}&fresh={column}{value}").text
                assert red not in said, address
                assert re.search(r'<(article|li) class="lv-red"|"level":"red"', said) is None, address
    finally:
        put(**{column: was})


@pytest.fixture(autouse=True)
def _nothing_written(running: Any) -> None:
    """Each test reads pages that are written anew; that they are kept is asked by its own test."""
    kept = running.app.state.site.kept
    for name in [name for name in kept if name.startswith("public ") or name.startswith("buckets ")]:
        del kept[name]


def test_an_exercise_is_for_who_takes_part_and_says_so(browse: Browse, three: list[HazardWarning]) -> None:
    stranger, viewer = browse(), browse("viewer")
    for path in ("/public", "/public/embed", "/public/map.svg", "/public.json", "/public/report"):
        assert stranger.get(f"/w/exercise{path}").headers["location"].startswith("/sign-in"), path
        answer = viewer.get(f"/w/exercise{path}")
        assert answer.status_code == 200, path
        assert "public" not in answer.headers["cache-control"], path
        assert answer.headers["content-security-policy"].count("frame-ancestors 'none'") == 1, path
        if path == "/public.json":
            said = answer.json()
            assert said["exercise"] is True
            assert set(said["notice"]) == {"zh", "en"}
            assert said["features"] == []
        elif path != "/public/map.svg":
            assert answer.text.count("这是演练，不是真的预警") == 2, path
            assert answer.text.count("This is an exercise, not a real warning") == 2, path
            assert "<article" not in answer.text
    assert "这是演练" not in stranger.get("/public").text


def test_only_the_embedded_page_may_be_framed(browse: Browse, three: list[HazardWarning]) -> None:
    client = browse()
    strip = get(client, "/public/embed")
    assert "frame-ancestors *" in strip.headers["content-security-policy"]
    assert "x-frame-options" not in strip.headers
    assert "set-cookie" not in strip.headers
    assert "<form" not in strip.text
    assert "3 warnings in force" in strip.text
    assert 'target="_blank" rel="noopener"' in strip.text
    for address in ("/public", "/public/report", "/w/live/public"):
        headers = client.get(address).headers
        assert headers["content-security-policy"] == CSP
        assert headers["x-frame-options"] == "DENY"


def test_programs_get_the_ground_that_is_warned(browse: Browse, three: list[HazardWarning]) -> None:
    answer = browse().get("/public.json")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    found = answer.json()
    assert found["type"] == "FeatureCollection"
    assert [one["properties"]["level"] for one in found["features"]] == ["red", "orange", "yellow"]
    red, orange, _ = found["features"]
    (ring,) = red["geometry"]["coordinates"][0]
    assert len(ring) == 73
    assert ring[0] == ring[-1]
    assert sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:], strict=False)) > 0
    assert abs(sum(point[0] for point in ring[1:]) / 72 - 114.04) < 1e-3
    assert [area["code"] for area in orange["properties"]["areas"]] == [CHIBI, JIAYU]
    assert set(orange["properties"]["headline"]) >= {"zh", "en"} or len(orange["properties"]["headline"]) >= 2
    assert orange["geometry"]["type"] == "MultiPolygon"
    assert "csrf" not in json.dumps(found)
    cap = browse().get(orange["properties"]["cap"].split(":", 2)[2].partition("/")[2].join(("/", "")))
    assert cap.status_code == 200


def test_the_map_is_a_picture_of_its_own(browse: Browse, three: list[HazardWarning]) -> None:
    answer = browse().get("/public/map.svg?lang=en")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    drawn = " ".join(one.attrib.get("class", "") for one in root.iter())
    assert {"lv-red", "lv-orange", "lv-yellow"} <= set(drawn.split())
    assert root.find(".//{http://www.w3.org/2000/svg}script") is None
    page = get(browse(), "/public").text
    found = re.search(r'<img class="citymap" src="/public/map.svg\?lang=en"[^>]* alt="([^"]*)"', page)
    assert found is not None
    for said in ("Chibi City: Orange", "Chongyang County: Red", "Tongcheng County: Yellow"):
        assert said in found[1]


def test_a_head_request_and_the_full_address_agree(browse: Browse, three: list[HazardWarning]) -> None:
    client = browse()
    full = get(client, "/w/live/public")
    assert full.status_code == 200
    assert "/w/live/public/report" in full.text
    head = client.head("/public", headers={"accept-language": "en"})
    assert head.content == b""
    assert head.headers["etag"] == get(client, "/public").headers["etag"]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "theme", "width", "scripts"),
    [
        ("zh", "light", 1280, True),
        ("en", "dark", 390, False),
        ("zh", "dark", 390, True),
        ("en", "light", 390, True),
    ],
)
def test_it_reads_well(
    browser: Browser,
    running: Any,
    three: list[HazardWarning],
    language: str,
    theme: Any,
    width: int,
    scripts: bool,
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=theme, java_script_enabled=scripts
    )
    watched = Watched(context, running.address)
    page = watched.page
    for name, path in (
        ("public", "/public?"),
        ("county", f"/public?area={CHIBI}&"),
        ("embed", "/public/embed?"),
        ("report", "/public/report?"),
    ):
        page.goto(f"{running.address}{path}lang={language}")
        if name == "public":
            assert page.evaluate("document.querySelector('.citymap').naturalWidth > 100")
        if scripts:
            violations = Axe().run(page).response["violations"]
            assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        if out := os.environ.get("ANLAN_SHOTS"):
            page.screenshot(path=f"{out}/{name}-{language}-{theme}-{width}.png", full_page=True)
    page.goto(f"{running.address}/public?lang={language}")
    page.select_option("#here", CHIBI)
    page.locator("form.here button").click()
    assert page.locator("article").count() == 1
    assert page.locator("html").get_attribute("lang") == ("zh-CN" if language == "zh" else "en")
    assert watched.complaints == []
    context.close()


@pytest.mark.browser
def test_another_site_can_frame_the_strip_and_nothing_else(
    browser: Browser, running: Any, three: list[HazardWarning]
) -> None:
    """A page of another origin (another name of this machine) with two frames."""
    context = browser.new_context()
    page = context.new_page()
    frames = (
        f"<iframe id=a src='{running.address}/public/embed?lang=en'></iframe>"
        f"<iframe id=b src='{running.address}/public?lang=en'></iframe>"
    )
    with elsewhere(frames) as other:
        page.goto(other)
        page.wait_for_load_state("load")
        first = page.frame_locator("#a").locator("h1")
        first.wait_for(timeout=10_000)
        assert "3 warnings in force" in (first.text_content() or "")
        assert page.frame_locator("#b").locator("article").count() == 0
    context.close()


@contextmanager
def elsewhere(page: str) -> Iterator[str]:
    """A server of another origin with one page."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
