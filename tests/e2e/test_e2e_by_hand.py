"""A keyboard is enough, and so is a browser without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from e2e_site import Desk, Server
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

MakeServer = Callable[..., Server]
OpenDesk = Callable[..., Desk]
ROWS = b"county,week,indicator,cases\n421281,2026-W01,disease.measles.weekly,3\n421281,2026-W02,disease.measles.weekly,x\n"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_keyboard_is_enough(make_server: MakeServer, open_desk: OpenDesk, language: str) -> None:
    server = make_server()
    desk = open_desk(server.address, language)
    page, keys = desk.page, desk.page.keyboard
    desk.go("/w/exercise/")
    expect(page.locator("#f-account")).to_be_focused()
    keys.type("duty")
    keys.press("Tab")
    keys.type(server.password("duty"))
    keys.press("Enter")
    page.wait_for_url("**/w/exercise/")

    rows = page.locator("[data-row]:visible")
    expect(rows).not_to_have_count(0)
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        keys.press(key)
        expect(page.locator("[data-row].here")).to_have_count(1)
        expect(rows.nth(place)).to_have_class(re.compile(r"\bhere\b"))
    title = rows.nth(1).locator("b").first.inner_text().strip()
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)

    keys.press("/")
    expect(page.locator("#search")).to_be_focused()
    keys.type("j")
    expect(page.locator("#search")).to_have_value("j")
    keys.press("Escape")
    expect(page.locator("#search")).not_to_be_focused()
    keys.press("/")
    keys.press("Control+A")
    keys.type({"zh": "赤壁", "en": "Chibi"}[language])
    keys.press("Enter")
    page.wait_for_url("**/w/exercise/search?q=*")
    expect(page.locator("main").get_by_role("link", name=re.compile("赤壁|Chibi")).first).to_be_visible()


def test_the_first_tab_leads_past_the_frame_and_focus_can_be_seen(
    make_server: MakeServer, open_desk: OpenDesk
) -> None:
    server = make_server()
    desk = open_desk(server.address, "en")
    desk.sign_in(server, "duty", "/w/exercise/")
    desk.page.keyboard.press("Tab")
    skip = desk.page.get_by_role("link", name=desk.t("web.skip"))
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("#main")).to_be_focused()
    desk.page.keyboard.press("Tab")
    outline = "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.boxShadow; })()"
    assert desk.page.evaluate(outline) != "nonenone"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_without_scripts_the_work_can_be_done(
    make_server: MakeServer, open_desk: OpenDesk, language: str
) -> None:
    server = make_server()
    desk = open_desk(server.address, language, java_script_enabled=False)
    page = desk.page
    desk.sign_in(server, "duty", "/w/exercise/")
    waiting = desk.section("waiting").locator("tr[data-row]")
    before = waiting.count()
    assert before > 0
    waiting.first.get_by_role("link").first.click()

    # The chart is a drawing with a table; the figures are all there.
    expect(page.locator("figure svg").first).to_be_visible()
    page.locator("#figures").locator("xpath=ancestor::section").locator("summary").click()
    expect(
        page.locator("#figures").locator("xpath=ancestor::section").locator("tbody tr").first
    ).to_be_visible()
    page.locator("#f-found").fill("电话核实 / by telephone")
    desk.button("web.signal.verify").click()
    expect(desk.link("web.signal.assess")).to_be_visible()
    desk.link("web.signal.assess").click()
    desk.expected_status.add(422)
    expect(page.get_by_role("radio").first).to_be_visible()

    desk.go("/w/live/data")
    form = desk.section("hand-in")
    form.get_by_label(desk.t("web.data.source")).select_option("county.weekly")
    form.get_by_label(desk.t("web.data.file")).set_input_files(
        {"name": "周报.csv", "mimeType": "text/csv", "buffer": ROWS}
    )
    desk.button("web.data.look").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(desk.t("web.mapping.title"))
    desk.button("web.mapping.take").click()
    expect(page.locator("article.reject")).to_have_count(1)
    desk.go("/w/live/series/1?known=2020-01-31")
    expect(desk.known_band()).to_be_visible()
