"""Pages in a real browser: nothing leaves the machine, nothing is complained of, axe finds nothing serious."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from web_watched import Watched

Browse = Callable[..., httpx.Client]
Open = Callable[..., Watched]
pytestmark = pytest.mark.browser
PAGES = (
    "/w/exercise/", "/w/exercise/signals", "SIGNAL", "SIGNAL/assess", "/w/exercise/warnings", "/w/live/domains",
    "/w/live/domains/infectious_disease", "/w/live/series/1", "/w/live/series/1?known=2025-02-20", "/w/live/data",
    "/w/live/journal", "/w/live/search?q=measles", "/w/exercise/public", "/w/live/nowhere",
)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_warning_is_clean_in_every_tab(open_page: Open, warning: str, theme: str) -> None:
    watched = open_page("duty_officer", "en", theme, 1024)
    axe = Axe()
    for tab in ("page", "sms", "cap"):
        watched.page.goto(f"{watched.address}{warning}?tab={tab}")
        serious = [
            (violation["id"], [node["html"][:150] for node in violation["nodes"]])
            for violation in axe.run(watched.page).response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == []
    watched.page.goto(watched.address + warning)
    watched.page.click("form[action$=submit] button")
    watched.page.wait_for_load_state()
    assert "will you release it?" in watched.page.title()
    assert watched.complaints == []


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("zh", "light", 1440), ("en", "dark", 390), ("zh", "dark", 1024)]
)
def test_pages_are_clean(open_page: Open, signal: str, language: str, theme: str, width: int) -> None:
    watched = open_page("chief", language, theme, width)
    axe = Axe()
    bad: list[str] = []
    for address in PAGES:
        watched.page.goto(watched.address + address.replace("SIGNAL", signal))
        watched.page.wait_for_load_state("networkidle")
        wide = watched.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if wide > 0:
            bad.append(f"{address}: {wide} px wider than the window")
        for violation in axe.run(watched.page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
                bad.append(f"{address}: {violation['id']}: {nodes}")
        bad += [f"{address}: {said}" for said in watched.complaints]
        watched.complaints.clear()
    assert bad == []


def test_a_keyboard_is_enough_for_the_board(open_page: Open) -> None:
    watched = open_page("chief", "en")
    page = watched.page
    page.goto(watched.address + "/w/exercise/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.locator(".here").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/w/exercise/(signals|warnings)/"))
    assert watched.complaints == []


def test_the_live_chart_replaces_the_drawing_and_paper_keeps_it(open_page: Open) -> None:
    watched = open_page("viewer", "zh")
    page = watched.page
    page.goto(watched.address + "/w/live/series/1")
    page.wait_for_selector(".plot.live canvas")
    assert not page.locator(".plot-fallback").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".plot-fallback svg").is_visible()
    assert not page.locator(".plot-live").is_visible()


def test_paper_has_one_column_and_keeps_the_foot_free(open_page: Open) -> None:
    watched = open_page("viewer", "zh")
    page = watched.page
    page.goto(watched.address + "/w/exercise/")
    page.emulate_media(media="print")
    main, side, band = (
        page.locator(where).bounding_box()
        for where in (".cols-side > div", ".cols-side > .side", ".foot-band")
    )
    assert main is not None
    assert side is not None
    assert band is not None
    assert side["y"] >= main["y"] + main["height"]
    free, repeated = page.eval_on_selector(
        ".shell",
        "shell => { const style = getComputedStyle(shell);"
        " return [parseFloat(style.paddingBottom), style.webkitBoxDecorationBreak || style.boxDecorationBreak] }",
    )
    assert free >= band["height"]
    assert repeated == "clone"


def test_the_levels_of_a_draft_stand_on_one_line_each(open_page: Open, warning: str) -> None:
    watched = open_page("duty_officer", "en")
    watched.page.goto(watched.address + warning)
    labels = watched.page.locator(".seg.levels label span")
    assert labels.count() == 4
    lines = [box["height"] for place in range(4) if (box := labels.nth(place).bounding_box()) is not None]
    assert len(lines) == 4
    assert max(lines) < 30
    cut = "node => node.scrollWidth > node.clientWidth"
    assert not watched.page.eval_on_selector(".seg.levels", cut)


def test_pages_work_without_scripts(open_page: Open, signal: str) -> None:
    watched = open_page("duty_officer", "zh", java_script_enabled=False)
    page = watched.page
    page.goto(watched.address + signal)
    assert page.locator(".plot-fallback svg").is_visible()
    page.locator("details.act summary").first.click()
    assert page.locator("#f-reason").is_visible()
    page.goto(watched.address + "/w/live/series/1")
    page.fill("#known-day, input[name=known]", "2025-02-20") if page.locator("#known-day").count() else None
    assert page.locator(".known").is_visible()
    assert watched.complaints == []


def test_what_was_typed_is_kept_as_a_draft(open_page: Open, signal: str) -> None:
    watched = open_page("duty_officer", "en")
    page = watched.page
    page.goto(watched.address + signal)
    page.locator("details.act summary").first.click()
    page.fill("#f-reason", "the laboratory has withdrawn five results")
    # The note appears when the draft is kept; it stands in this form only once it has been typed in.
    page.wait_for_timeout(1800)
    page.goto(watched.address + "/w/exercise/")
    page.go_back()
    page.locator("details.act summary").first.click()
    assert page.input_value("#f-reason") == "the laboratory has withdrawn five results"


def test_a_page_is_light_and_the_board_small(browse: Browse) -> None:
    client = browse("chief")
    page = client.get("/w/exercise/").text
    files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    sent = sum(int(client.get(name).headers.get("content-length", 0)) for name in files)
    assert len(page.encode()) + sent < 150_000
    assert not any("echarts" in name for name in files)
    public = browse().get("/public").text
    assert len(public.encode()) < 15_000
    assert "<script" not in public
