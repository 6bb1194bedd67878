"""A danger reported without a name, followed by its code, worked on by the office: story 10, as far as it goes here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from web_watched import Watched

from anlan import resolution
from anlan.resolution import Matter
from anlan.store import Node, Scope
from anlan.web.limits import DailyBuckets

Browse = Callable[..., httpx.Client]
Token = Callable[[str], str]
ALL = Scope.everything("test")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)
CODE = r"([B-DF-HJ-NP-TV-XZ]{4}(?:-[B-DF-HJ-NP-TV-XZ]{4}){3})"


@pytest.fixture(autouse=True)
def _full_buckets(running: Any) -> None:
    kept = running.app.state.site.kept
    for name in [name for name in kept if name.startswith("buckets ")]:
        del kept[name]


def send(
    client: httpx.Client, token: Token, home: str = "", files: Any = None, **fields: str
) -> httpx.Response:
    page = client.get(f"{home}/public/report?lang=en")
    data = {
        "csrf": token(page.text),
        "text": "Drums behind the workshop, sharp smell at night",
        "website": "",
        **fields,
    }
    return client.post(f"{home}/public/report?lang=en", data=data, files=files)


def code_of(answer: httpx.Response) -> str:
    found = re.search(CODE, answer.text)
    assert answer.status_code == 201, answer.text
    assert found is not None
    return found[1]


def newest(node: Node, world: str = "live") -> Matter:
    home = node.world(world)
    with home.read() as connection:
        return resolution.matters(connection, ALL, home.as_of())[0]


def test_the_tip_from_report_to_closing(browse: Browse, form_token: Token, served: Node) -> None:
    citizen, duty, chief = browse(), browse("duty_officer"), browse("chief")
    answer = send(
        citizen, form_token, area="421281", place="end of Guihua road", domain="infectious_disease",
        contact="Wang, 13900000000", files={"photo": ("x.png", PNG, "image/png")},
    )  # fmt: skip
    code = code_of(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    made = newest(served)
    assert (made.has_contact, made.has_photo, made.area_code) == (True, True, "421281")

    board = duty.get("/w/live/").text
    href = f"/w/live/matters/{made.public_id}"
    assert href in board
    assert "nobody has taken it in hand" in board
    assert re.search(r'href="/w/live/matters".*?<span class="count">1</span>', board, re.DOTALL)
    listed = duty.get("/w/live/matters").text
    page = duty.get(href).text
    assert href in listed
    assert "Drums behind the workshop" in page
    for told in (
        listed,
        page,
        board,
        duty.get("/w/live/matters?format=csv").text,
        chief.get("/w/live/journal").text,
    ):
        for word in (code, "13900000000", "127.0.0.1"):
            assert word not in told
    shown = duty.get(f"{href}/photo")
    assert (shown.headers["content-type"], shown.content) == ("image/png", PNG)

    def act(client: httpx.Client, what: str, **fields: str) -> httpx.Response:
        page = client.get(href).text
        version = re.search(r'name="version" value="(\d+)"', page)
        assert version is not None
        return client.post(f"{href}/{what}", data={"csrf": form_token(page), "version": version[1], **fields})

    assert act(duty, "ask", question="").status_code == 422
    old = duty.get(href).text
    assert act(duty, "take").status_code == 303
    version = re.search(r'name="version" value="(\d+)"', old)
    assert version is not None
    late = chief.post(f"{href}/take", data={"csrf": form_token(chief.get(href).text), "version": version[1]})
    assert late.status_code == 409
    assert "changed since you looked" in late.text
    assert act(duty, "ask", question="What stands on the drums?").status_code == 303

    follow = f"/public/report/{code}"
    seen = citizen.get(follow.lower() + "?lang=en")
    assert "In hand" in seen.text
    assert "What stands on the drums?" in seen.text
    assert "duty_officer" not in seen.text
    assert seen.headers["cache-control"] == "no-store"
    form = {"csrf": form_token(seen.text)}
    assert citizen.post(follow, data={**form, "answer": " "}).status_code == 422
    assert citizen.post(follow, data={**form, "answer": "A skull, and UN 1090"}).status_code == 303
    assert "The reporter has written" in duty.get("/w/live/").text
    assert "UN 1090" in duty.get(href).text
    assert act(chief, "close", reason="Drums removed, the firm is fined").status_code == 303
    over = citizen.get(f"{follow}?lang=en")
    assert "Drums removed, the firm is fined" in over.text
    assert "<textarea" not in over.text
    gone = citizen.post(
        follow, data={"csrf": form_token(citizen.get("/public/report").text), "answer": "and?"}
    )
    assert gone.status_code == 409
    assert href not in duty.get("/w/live/").text
    assert href in duty.get("/w/live/matters?state=closed").text
    history = duty.get(href).text
    for word in (
        "Danger reported",
        "Matter taken in hand",
        "Reporter asked",
        "Reporter answered",
        "Matter closed",
    ):
        assert word in history


def test_whoever_is_signed_in_reports_as_a_citizen(browse: Browse, form_token: Token, served: Node) -> None:
    code_of(send(browse("analyst"), form_token))
    assert newest(served).by == "citizen"
    live = served.world("live")
    with live.read() as connection:
        found = connection.execute(
            sa.text("SELECT actor FROM event WHERE kind = 'matter.reported'")
        ).scalars()
        assert {str(one) for one in found} == {'{"id":"citizen","kind":"citizen","name":""}'}


def test_a_contact_is_for_who_may_read_personal_values(
    browse: Browse, form_token: Token, served: Node
) -> None:
    code_of(send(browse(), form_token, contact="Wang, 13900000000"))
    href = f"/w/live/matters/{newest(served).public_id}"
    duty = browse("duty_officer")
    page = duty.get(href).text
    assert "Only who may read personal values" in page
    assert f"{href}/contact" not in page
    assert duty.post(f"{href}/contact", data={"csrf": form_token(page)}).status_code == 403


def test_a_code_that_is_none_says_so_and_no_more(browse: Browse) -> None:
    client = browse()
    for typed in ("BBBB-CCCC-DDDD-FFFF", "x", "%27%22%3Cscript%3E"):
        answer = client.get(f"/public/report/{typed}?lang=en")
        assert answer.status_code == 404
        assert "No report has this code" in answer.text
        assert "<script" not in answer.text
    asked = client.get("/public/report?code=bbbb+cccc+dddd+ffff")
    assert asked.headers["location"] == "/public/report/BBBB-CCCC-DDDD-FFFF"


def test_a_code_of_one_world_is_none_of_another(browse: Browse, form_token: Token, served: Node) -> None:
    player = browse("viewer")
    answer = send(player, form_token, home="/w/exercise")
    code = code_of(answer)
    assert answer.text.count("This is an exercise, not a real warning") == 2
    assert player.get(f"/w/exercise/public/report/{code}").status_code == 200
    assert player.get(f"/public/report/{code}").status_code == 404
    assert newest(served, "exercise").title.startswith("Drums")


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    browse: Browse, form_token: Token, served: Node
) -> None:
    client, head = browse(), served.world("live").head()
    bad = send(
        client,
        form_token,
        text=" ",
        place="by the bridge",
        files={"photo": ("x.gif", b"GIF89a", "image/gif")},
    )
    assert bad.status_code == 422
    assert "Write something here" in bad.text
    assert "JPEG or PNG" in bad.text
    assert 'value="by the bridge"' in bad.text
    trapped = send(client, form_token, website="http://buy.example")
    assert (trapped.status_code, "hidden field" in trapped.text) == (422, True)
    assert "Drums behind the workshop" in trapped.text
    large = send(client, form_token, files={"photo": ("x.png", PNG + b"\0" * 5_000_001, "image/png")})
    assert (large.status_code, "larger than 5 MB" in large.text) == (422, True)
    assert send(client, form_token, area="110000").status_code == 422
    assert client.post("/public/report", data={"text": "no token"}).status_code == 403
    assert served.world("live").head() == head


def test_many_reports_from_one_place_are_slowed_and_no_address_is_kept(
    browse: Browse, form_token: Token, running: Any
) -> None:
    client = browse()
    statuses = [send(client, form_token).status_code for _ in range(6)]
    assert statuses == [201] * 5 + [429]
    held = running.app.state.site.kept["buckets reports"]
    assert "127.0.0.1" not in repr(vars(held))


def test_buckets_fill_again_and_are_forgotten_each_day() -> None:
    now = 0.0
    buckets = DailyBuckets(2, 60.0, clock=lambda: now)
    assert [buckets.take("10.0.0.1") for _ in range(3)] == [True, True, False]
    assert buckets.take("10.0.0.2")
    assert [buckets.take(one) for one in ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1")] == [
        True, True, False, True,
    ]  # fmt: skip
    now = 60.0
    assert [buckets.take("10.0.0.1") for _ in range(2)] == [True, False]
    before = set(buckets._held)
    now = timedelta(days=1).total_seconds()
    assert buckets.take("10.0.0.1")
    assert len(buckets._held) == 1
    assert not before & set(buckets._held)


@pytest.mark.parametrize("role", ["viewer", "reporter", "analyst", "admin"])
def test_matters_are_for_who_handles_them(browse: Browse, role: str) -> None:
    client = browse(role)
    assert client.get("/w/live/matters").status_code == 403
    assert "/w/live/matters" not in client.get("/w/live/").text


@pytest.mark.browser
@pytest.mark.parametrize(("language", "theme", "width"), [("zh", "light", 1440), ("en", "dark", 390)])
def test_the_pages_are_clean(
    browser: Browser,
    open_page: Callable[..., Watched],
    running: Any,
    served: Node,
    language: str,
    theme: Any,
    width: int,
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=theme)
    stranger = Watched(context, running.address)

    def look(watched: Watched, name: str) -> None:
        violations = Axe().run(watched.page).response["violations"]
        assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == [], name
        assert watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        if out := os.environ.get("ANLAN_SHOTS"):
            watched.page.screenshot(path=f"{out}/{name}-{language}-{theme}-{width}.png", full_page=True)

    page = stranger.page
    page.goto(f"{running.address}/public/report?lang={language}")
    page.fill("#f-text", "作坊后门堆放不明化工桶，晚上有刺鼻气味\nDrums behind the workshop")
    page.fill("#f-place", "桂花路尽头")
    page.set_input_files("#f-photo", {"name": "x.png", "mimeType": "image/png", "buffer": PNG})
    page.locator("button.main").click()
    page.locator("#code").wait_for()
    look(stranger, "taken")
    page.locator("main a").first.click()
    page.fill("#f-answer", "还有一桶在漏")
    page.locator("button.main").click()
    page.locator(".card").first.wait_for()
    look(stranger, "receipt")
    assert stranger.complaints == []
    context.close()
    watched = open_page("duty_officer", language, theme, width)
    for name, path in (
        ("matters", "/w/live/matters"),
        ("matter", f"/w/live/matters/{newest(served).public_id}"),
        ("board", "/w/live/"),
    ):
        watched.page.goto(watched.address + path)
        look(watched, name)
    assert watched.complaints == []
