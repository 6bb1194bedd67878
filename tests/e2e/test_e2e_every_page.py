"""Every page: both languages, light, dark and print, three widths; nothing leaves the machine, axe finds nothing serious."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from e2e_furnish import PAGE_NAMES, PageOf
from e2e_site import Desk, desk
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

OpenDesk = Callable[..., Desk]
WIDTHS = (1440, 1024, 390)
PAPER = 718  # CSS pixels between the margins of A4
AXE = Axe()


def _open(shift: Any, open_desk: OpenDesk, name: str, language: str, **options: Any) -> tuple[Desk, PageOf]:
    page: PageOf = shift.pages[name]
    if page.login:
        options["storage_state"] = shift.sessions[page.login]
    desk = open_desk(shift.server.address, language, **options)
    if page.status != 200:
        desk.expected_status.add(page.status)
    answer = desk.page.goto(desk.address + page.path)
    assert answer is not None
    assert answer.status == page.status
    return desk, page


def _wider_than_the_window(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def _serious(page: Page) -> list[str]:
    """What axe holds to be serious or critical, with the first places."""
    found: list[dict[str, Any]] = AXE.run(page).response["violations"]
    return [
        f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_what_must_not_happen_would_be_noticed(shift: Any, browser: Browser) -> None:
    """The checks of this file, tried on a page that is made to break each of them."""

    def spoil() -> None:
        with desk(browser, shift.server.address, "en") as opened:
            page = opened.page
            opened.go("/sign-in")
            page.evaluate(
                "document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')"
            )
            page.evaluate("document.querySelector('main').style.minWidth = '3000px'")
            assert _wider_than_the_window(page) > 0
            assert any(said.startswith("button-name") for said in _serious(page))
            with page.expect_console_message():
                page.evaluate("fetch('http://neighbour.invalid/').catch(() => console.error('gone'))")

    with pytest.raises(AssertionError, match=r"neighbour\.invalid"):
        spoil()


def test_every_page_is_in_the_list(shift: Any) -> None:
    assert tuple(shift.pages) == PAGE_NAMES


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", PAGE_NAMES)
def test_a_page_fits_reads_well_and_keeps_to_itself(
    shift: Any, open_desk: OpenDesk, name: str, language: str
) -> None:
    opened, _ = _open(shift, open_desk, name, language, color_scheme="light")
    page = opened.page
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if language == "zh" else "en")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert _wider_than_the_window(page) <= 0, f"{width} px"
    # Each look and each of the two layouts once; a run takes longer than all the rest of the page.
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert _serious(page) == [], "390 px, dark"
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    assert _serious(page) == [], "1440 px, light"
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER, "height": 1000})
    assert _wider_than_the_window(page) <= 0, "on paper"
    assert page.locator("nav.bottom, nav.rail").filter(visible=True).count() == 0


@pytest.mark.parametrize("name", ["board", "warning-in-force", "public-exercise"])
def test_the_band_of_the_exercise_stays_on_paper(shift: Any, open_desk: OpenDesk, name: str) -> None:
    desk, _ = _open(shift, open_desk, name, "zh")
    desk.page.emulate_media(media="print")
    expect(desk.page.locator("body")).to_contain_text("演练")
    assert desk.page.get_by_text("演练").filter(visible=True).count() > 0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_language_and_theme_are_remembered(shift: Any, open_desk: OpenDesk, language: str) -> None:
    desk, _ = _open(shift, open_desk, "board", language, color_scheme="light")
    page = desk.page
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("header details.menu summary").click()
    page.get_by_role("link", name=desk.t("web.theme.dark")).first.click()
    desk.go("/w/exercise/signals")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    other = {"zh": "en", "en": "zh"}[language]
    page.locator("header.status").get_by_role("link", name="EN" if other == "en" else "中文").click()
    desk.go("/w/exercise/")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        {"zh": "现在需要我处理什么？", "en": "What needs me now?"}[other]
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_past_of_a_number_can_be_walked_through(shift: Any, open_desk: OpenDesk, language: str) -> None:
    """Germany, 15 December 2024: 2 189 as first published, 2 529 five weeks later (README of the data)."""
    desk, _ = _open(shift, open_desk, "series", language)
    page = desk.page
    label = {"zh": "2024年12月15日", "en": "15 December 2024"}[language]
    day = page.locator("#table").locator("xpath=ancestor::section").locator("tr").filter(has_text=label)
    for known, value in (("2024-12-17", "2\u202f189"), ("2025-01-21", "2\u202f529")):
        page.locator("#known-day").fill(known)
        desk.button("web.known.show").click()
        expect(page).to_have_url(re.compile(f"known={known}"))
        expect(desk.known_band()).to_be_visible()
        page.locator("#table").locator("xpath=ancestor::section").locator("summary").click()
        expect(day.first).to_contain_text(value)
    page.locator("#known-track").focus()
    page.locator("#known-track").press("Home")
    expect(page).not_to_have_url(re.compile("2025-01-21"))
    desk.known_band().get_by_role("link", name=desk.t("web.band.back")).click()
    expect(desk.known_band()).to_have_count(0)
