"""Story 5: an epidemiologist tries a change on the past as it was known, proposes it, and another person approves."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from e2e_site import Desk, Server
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

MakeServer = Callable[..., Server]
OpenDesk = Callable[..., Desk]
AXE = Axe()
GRAVE = ("serious", "critical")
RULE = "/w/exercise/rules/measles.weekly.sudden"
NAME = {"zh": "麻疹周报告数突增", "en": "Sudden rise of weekly measles"}
WHY = {"zh": "近一年多为误报，提高上界", "en": "Most signals of last year were false; a higher bound"}
WRONG = {"zh": "应为数值，> 0。收到“high”", "en": "accepted is a number > 0. Got “high”"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_rule_is_changed_by_two_people_after_it_was_tried(
    make_server: MakeServer, open_desk: OpenDesk, language: str
) -> None:
    server = make_server()
    analyst = open_desk(server.address, language)
    analyst.sign_in(server, "analyst", "/w/exercise/signals")
    made_before = _finds_the_rule(analyst)
    _types_something_wrong(analyst)
    _tries_it_on_the_past(analyst)
    _proposes_it(analyst)

    chief = open_desk(server.address, language, width=390, height=844, has_touch=True, is_mobile=True)
    chief.sign_in(server, "chief", RULE)
    _approves_it(chief)
    _the_old_version_stays_readable(analyst, made_before)


def _finds_the_rule(analyst: Desk) -> int:
    """From the signals to the rules, to the one that signals too often; gives how many signals it has made."""
    analyst.link("web.rules.title").first.click()
    expect(analyst.page.get_by_role("heading", level=1)).to_have_text(analyst.t("web.rules.heading"))
    row = analyst.page.locator("tr[data-row]").filter(has_text=NAME[analyst.language])
    row.get_by_role("link").first.click()
    expect(analyst.page.get_by_role("heading", level=1)).to_have_text(NAME[analyst.language])
    expect(analyst.section("settings")).to_contain_text("EARS C2")
    return int(analyst.section("versions").locator("tr[data-row] td.num").inner_text())


def _types_something_wrong(analyst: Desk) -> None:
    """The form says at the field what is accepted, and keeps what was typed."""
    analyst.link("web.rule.edit").first.click()
    threshold = analyst.page.locator("[id='f-p.threshold']")
    threshold.fill("high")
    analyst.page.get_by_label(analyst.t("web.rule.note"), exact=True).fill(WHY[analyst.language])
    analyst.expected_status.add(422)
    analyst.button("web.rule.propose").last.click()
    expect(analyst.page.locator("[id='e-p.threshold']")).to_contain_text(WRONG[analyst.language])
    expect(threshold).to_have_value("high")
    expect(analyst.page.get_by_label(analyst.t("web.rule.note"), exact=True)).to_have_value(
        WHY[analyst.language]
    )
    threshold.fill("12")


def _tries_it_on_the_past(analyst: Desk) -> None:
    """Five years as known then, beside the version that runs."""
    page = analyst.page
    page.get_by_text(analyst.t("web.backtest.try_first"), exact=True).click()
    page.get_by_label(analyst.t("web.backtest.years"), exact=True).fill("5")
    analyst.button("web.backtest.do_form").click()
    expect(page.locator("section[aria-labelledby='measures']")).to_be_visible(timeout=60_000)
    figures = page.locator("section[aria-labelledby='measures'] tbody tr").first.locator("td.num")
    tried, runs = (float(text.replace("\u202f", "")) for text in figures.all_inner_texts())
    assert tried < runs
    expect(analyst.section("tried")).to_contain_text("12")
    expect(analyst.section("rests")).to_contain_text(re.compile(r"20\d\d-W\d\d"))
    analyst.link("web.backtest.go_on").click()
    expect(page.locator("[id='f-p.threshold']")).to_have_value("12")


def _proposes_it(analyst: Desk) -> None:
    analyst.page.get_by_label(analyst.t("web.rule.note"), exact=True).fill(WHY[analyst.language])
    analyst.button("web.rule.propose").last.click()
    expect(analyst.section("proposal")).to_contain_text(WHY[analyst.language])
    expect(analyst.page.get_by_text(analyst.t("web.rule.proposal_own"))).to_be_visible()
    expect(analyst.button("web.rule.approve")).to_have_count(0)
    expect(analyst.section("backtests").locator("li")).to_have_count(1)


def _approves_it(chief: Desk) -> None:
    """On the phone: what would change, the back-test, and one filled button."""
    expect(chief.section("proposal")).to_contain_text(chief.t("web.rule.was", before="3"))
    chief.button("web.rule.approve").click()
    expect(chief.section("proposal")).to_have_count(0)
    expect(chief.section("versions").locator("tr[data-row]").first).to_contain_text(
        chief.t("web.rule.state.active")
    )


def _the_old_version_stays_readable(analyst: Desk, made_before: int) -> None:
    analyst.go(RULE)
    old = analyst.section("versions").locator("tr[data-row]").last
    expect(old).to_contain_text(analyst.t("web.rule.state.replaced"))
    old.get_by_role("link").first.click()
    expect(analyst.section("settings")).to_contain_text("3")
    expect(analyst.section("made").locator("tr[data-row]")).to_have_count(min(made_before, 50))
    expect(analyst.section("made").locator(".count")).to_have_text(str(made_before))


@pytest.mark.parametrize(("language", "scheme", "width"), [("zh", "dark", 390), ("en", "light", 1440)])
def test_the_pages_about_rules_fit_and_read_well(
    make_server: MakeServer, open_desk: OpenDesk, language: str, scheme: str, width: int
) -> None:
    server = make_server()
    desk = open_desk(server.address, language, width=width, color_scheme=scheme)
    desk.sign_in(server, "analyst", "/w/exercise/rules")
    desk.go(f"{RULE}/edit")
    desk.page.get_by_text(desk.t("web.backtest.try_first"), exact=True).click()
    desk.button("web.backtest.do_form").click()
    expect(desk.page.locator("section[aria-labelledby='measures']")).to_be_visible(timeout=60_000)
    tried = desk.page.url.removeprefix(server.address)
    for path in (
        "/w/exercise/rules", RULE, f"{RULE}/edit", f"{RULE}/copy", f"{RULE}/versions/1", tried,
        "/w/exercise/budgets/infectious_disease",
    ):  # fmt: skip
        desk.go(path)
        expect(desk.page.get_by_role("heading", level=1)).to_have_count(1)
        beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert desk.page.evaluate(beyond) <= 0, path
        serious = [one["id"] for one in AXE.run(desk.page).response["violations"] if one["impact"] in GRAVE]
        assert serious == [], path
