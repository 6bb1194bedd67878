"""Story 2, first half: from a signal on the board to a warning that a second person releases, changes and ends."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from e2e_site import Desk, Server, run_anlan
from lxml import etree
from playwright.sync_api import APIResponse, expect

pytestmark = pytest.mark.browser

ATOM = {"a": "http://www.w3.org/2005/Atom", "cap": "urn:oasis:names:tc:emergency:cap:1.2"}
BOARD = "/w/exercise/"
MakeServer = Callable[..., Server]
OpenDesk = Callable[..., Desk]
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
FOUND = {
    "zh": "电话问过赤壁市疾控中心：14 例均有实验室证据，其中 9 例在同一工地。",
    "en": "Asked Chibi CDC by telephone: all 14 confirmed by laboratory, 9 of them at one building site.",
}
GROUNDS = {
    "zh": "14 例集中在一周内，往年同期不到 1 例。\n工地仍在招工，接触者未全部接种。",
    "en": "14 cases within a week against fewer than one in earlier years.\nThe site still takes on workers; not all contacts are vaccinated.",
}
OVER = {"zh": "最后一例后满两个潜伏期，无新病例。", "en": "Two incubation periods without a new case."}
CELL = {"zh": "很可能 × 严重", "en": "likely × serious"}
CHIBI = {"zh": re.compile("赤壁市.*已报.*预期 0.0 例"), "en": re.compile("Chibi.* cases.* 0.0 expected")}
HEADLINE = {
    "orange": {"zh": "赤壁市麻疹橙色预警", "en": "Measles in Chibi City: orange warning"},
    "yellow": {"zh": "赤壁市麻疹黄色预警", "en": "Measles in Chibi City: yellow warning"},
}
MARKED = {"zh": "【演练】", "en": "EXERCISE: "}
ADDED = {"zh": "接触者三日内补种。", "en": "Vaccinate contacts within three days."}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_signal_becomes_a_warning_that_a_second_person_releases(
    make_server: MakeServer, open_desk: OpenDesk, language: str
) -> None:
    server = make_server()
    duty = open_desk(server.address, language)
    duty.sign_in(server, "duty", BOARD)
    _read_the_signal(duty)
    _judge(duty)
    path = _draft_and_submit(duty)

    chief = open_desk(server.address, language, **PHONE)
    chief.sign_in(server, "chief", BOARD)
    _release_on_the_phone(chief, path)
    _is_in_force_everywhere(duty, chief, server, path)
    _lower(duty, chief, path)
    _end(duty, chief)
    _the_log_tells_all_of_it(chief, server)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_live_world_drafts_but_never_issues_and_says_so(
    make_server: MakeServer, open_desk: OpenDesk, language: str
) -> None:
    server = make_server()
    duty = open_desk(server.address, language)
    duty.sign_in(server, "duty", "/w/live/")
    duty.section("waiting").locator("tr[data-row]").first.get_by_role("link").first.click()
    _judge(duty)
    duty.button("web.signal.draft").click()
    _life_now(duty, "draft")
    expect(duty.page.get_by_text(duty.t("web.warning.no_public"))).to_be_visible()
    duty.button("web.warning.act.submit").click()
    _life_now(duty, "review")
    path = _path(duty)

    chief = open_desk(server.address, language)
    chief.sign_in(server, "chief", path)
    expect(chief.page.get_by_text(chief.t("web.warning.no_public"))).to_be_visible()
    expect(chief.page.get_by_text(chief.t("web.warning.act.return"), exact=True).first).to_be_visible()
    expect(chief.button("web.warning.act.release")).to_have_count(0)
    chief.expected_status.add(403)
    answer = _send_the_form(chief, "/release")
    assert answer.status == 403
    assert chief.t("warning.public_release_off") in answer.text()
    chief.go(path)
    _life_now(chief, "review")
    assert _get(chief, "/feed.atom").text().count("<entry>") == 0


@pytest.mark.parametrize("language", ["zh", "en"])
def test_two_people_act_on_one_text_and_the_second_is_told(
    make_server: MakeServer, open_desk: OpenDesk, language: str
) -> None:
    server = make_server()
    duty, chief = open_desk(server.address, language), open_desk(server.address, language)
    duty.sign_in(server, "duty", "/w/exercise/signals")
    duty.page.get_by_role("link", name=CHIBI[language]).first.click()
    chief.sign_in(server, "chief", _path(duty))
    duty.page.locator("#f-found").fill(FOUND[language])
    duty.button("web.signal.verify").click()
    expect(duty.link("web.signal.assess")).to_be_visible()
    chief.expected_status.add(409)
    chief.page.get_by_text(chief.t("web.signal.dismiss"), exact=True).click()
    chief.page.get_by_label(chief.t("web.signal.dismiss_reason")).fill("?")
    chief.button("web.signal.dismiss_do").click()
    expect(chief.page.get_by_role("heading", level=1)).to_have_text(chief.t("web.error.title.409"))
    expect(chief.page.get_by_text(chief.t("web.error.advice.409"))).to_be_visible()


def _read_the_signal(duty: Desk) -> None:
    """The board shows what waits; the first look is at the signal of the highest level, and at why."""
    waiting = duty.section("waiting").locator("tr[data-row]")
    expect(waiting).not_to_have_count(0)
    expect(duty.page.locator(".band-exercise").first).to_contain_text(duty.t("web.band.not_real"))
    waiting.get_by_role("link", name=CHIBI[duty.language]).first.click()
    expect(duty.page.get_by_role("heading", level=1)).to_have_text(CHIBI[duty.language])
    expect(duty.section("why")).to_contain_text("Farrington" if duty.language == "en" else "往年同期")
    expect(duty.section("why").locator("strong")).not_to_be_empty()
    expect(duty.section("where").locator("svg").first).to_be_visible()
    expect(duty.page.locator("figure.live canvas").first).to_be_visible()
    expect(duty.page.get_by_text(duty.t("web.signal.waits"))).to_be_visible()
    _move_back_a_week(duty)


def _move_back_a_week(duty: Desk) -> None:
    """ "As known on" takes the whole page to what was known a week earlier; the band leads back."""
    title = duty.page.get_by_role("heading", level=1).inner_text()
    track = duty.page.locator("#known-track")
    days = json.loads(track.get_attribute("data-known") or "[]")
    assert len(days) > 10
    field = duty.page.locator("#known-day")
    now = field.input_value()
    week_before = (date.fromisoformat(now) - timedelta(days=7)).isoformat()
    field.fill(week_before)
    duty.button("web.known.show").click()
    expect(duty.page).to_have_url(re.compile(f"known={week_before}"))
    expect(duty.known_band()).to_contain_text(week_before)
    expect(duty.button("web.signal.verify")).to_have_count(0)
    duty.known_band().get_by_role("link", name=duty.t("web.band.back")).click()
    expect(duty.known_band()).to_have_count(0)
    expect(duty.page.get_by_role("heading", level=1)).to_have_text(title)


def _judge(duty: Desk) -> None:
    """Verify with what was found out, then place it in the matrix."""
    duty.page.locator("#f-found").fill(FOUND[duty.language])
    duty.button("web.signal.verify").click()
    expect(duty.page.get_by_text(duty.t("web.signal.waits"))).to_have_count(0)
    expect(duty.section("history")).to_contain_text(FOUND[duty.language])
    duty.link("web.signal.assess").click()
    cell = re.compile(f"^{re.escape(CELL[duty.language])}")
    duty.page.get_by_role("radio", name=cell).check()
    duty.page.get_by_label(duty.t("web.assess.confidence.high")).check()
    duty.page.get_by_label(duty.t("web.assess.reasons"), exact=True).fill(GROUNDS[duty.language])
    duty.button("web.assess.do").click()
    judged = duty.section("judge")
    expect(judged.locator(".level.lv-orange")).to_contain_text(duty.t("web.level.orange"))
    expect(judged).to_contain_text(GROUNDS[duty.language].splitlines()[0])


def _draft_and_submit(duty: Desk) -> str:
    """The texts are filled in; one line is added in each language; the author cannot release. Gives the address."""
    duty.button("web.signal.draft").click()
    _life_now(duty, "draft")
    page = duty.page
    expect(page.get_by_role("radio", name=duty.t("web.level.short.orange"))).to_be_checked()
    expect(page.get_by_role("checkbox", name="421281")).to_be_checked()
    for language in ("zh", "en"):
        expect(page.locator(f"#f-headline_{language}")).to_have_value(HEADLINE["orange"][language])
        expect(page.locator(f"#f-description_{language}")).to_have_value(re.compile(r"\d"))
        told = page.locator(f"#f-instruction_{language}")
        told.fill(told.input_value() + "\n" + ADDED[language])
    duty.button("web.warning.save").click()
    preview = duty.section("preview")
    expect(preview).to_contain_text(ADDED[duty.language])
    expect(preview.get_by_role("heading", level=3)).to_have_text(
        MARKED[duty.language] + HEADLINE["orange"][duty.language]
    )
    expect(duty.section("checks").locator(".is-wrong")).to_have_count(0)
    duty.button("web.warning.act.submit").click()
    _life_now(duty, "review")
    expect(duty.button("web.warning.act.release")).to_have_count(0)
    expect(page.locator("#f-headline_zh")).to_have_count(0)
    path = _path(duty)
    duty.expected_status.add(403)
    assert _send_the_form(duty, "/release").status == 403
    return path


def _release_on_the_phone(chief: Desk, path: str) -> None:
    chief.section("waiting").get_by_role("link", name=re.compile("421281|Chibi|赤壁")).filter(
        has_text=re.compile(re.escape(HEADLINE["orange"][chief.language]))
    ).first.click()
    chief.page.wait_for_url(f"**{path}")
    assert chief.page.evaluate("document.documentElement.scrollWidth") <= 390
    chief.button("web.warning.act.release").click()
    _life_now(chief, "in_force")


def _is_in_force_everywhere(duty: Desk, chief: Desk, server: Server, path: str) -> None:
    """Board, feed, the address of the message and the journal speak of the same bytes."""
    duty.go(BOARD)
    strip = duty.section("in-force").locator(".strip")
    expect(strip).to_have_count(1)
    expect(strip).to_contain_text(HEADLINE["orange"][duty.language])
    expect(strip.locator(".level.lv-orange")).to_be_visible()

    feed = etree.fromstring(_get(duty, f"/w/exercise/feed.atom?lang={duty.language}").body())
    (entry,) = feed.findall("a:entry", ATOM)
    assert entry.findtext("cap:status", None, ATOM) == "Exercise"
    assert entry.findtext("a:title", None, ATOM) == MARKED[duty.language] + HEADLINE["orange"][duty.language]
    link = entry.find("a:link", ATOM)
    assert link is not None
    address = str(link.get("href")).removeprefix(duty.address)

    message = _get(duty, address)
    digest = hashlib.sha256(message.body()).hexdigest()
    assert message.headers["etag"] == f'"{digest}"'
    assert _get(duty, address, **{"if-none-match": message.headers["etag"]}).status == 304
    assert "【演练】".encode() in message.body()
    assert b"<status>Exercise</status>" in message.body()
    (event,) = _events(server, "warning.released")
    assert event["data"]["sha256"] == digest
    chief.go(path + "?tab=cap")
    expect(chief.page.get_by_text(digest)).to_be_visible()


def _lower(duty: Desk, chief: Desk, path: str) -> None:
    """At six the level is lowered: a new step, drafted and released like the first."""
    duty.go(path)
    duty.button("web.warning.act.update").click()
    _life_now(duty, "draft")
    duty.page.locator("label.lv-yellow").click()
    duty.button("web.warning.save").click()
    expect(duty.page.locator("#f-headline_zh")).to_have_value(re.compile(f"^{HEADLINE['yellow']['zh']}"))
    _submit_and_release(duty, chief)
    duty.go(BOARD)
    strip = duty.section("in-force").locator(".strip")
    expect(strip).to_have_count(1)
    expect(strip).to_contain_text(HEADLINE["yellow"][duty.language])
    duty.go(path)
    _life_now(duty, "updated")


def _end(duty: Desk, chief: Desk) -> None:
    """At noon it ends."""
    duty.go(BOARD)
    duty.section("in-force").get_by_role("link", name=duty.t("web.open")).click()
    ending = duty.page.locator("details.act").filter(has_text=duty.t("web.warning.act.end"))
    ending.locator("summary").click()
    ending.get_by_label(duty.t("web.warning.reason")).fill(OVER[duty.language])
    ending.get_by_role("button").click()
    _life_now(duty, "draft")
    expect(duty.page.locator(f"#f-description_{duty.language}")).to_have_value(
        re.compile(re.escape(OVER[duty.language].rstrip("。.")))
    )
    _submit_and_release(duty, chief)
    duty.go(BOARD)
    expect(duty.section("in-force").locator(".strip")).to_have_count(0)
    expect(duty.page.get_by_text(duty.t("web.board.empty_in_force"))).to_be_visible()


def _submit_and_release(duty: Desk, chief: Desk) -> None:
    duty.button("web.warning.act.submit").click()
    _life_now(duty, "review")
    chief.go(_path(duty))
    chief.button("web.warning.act.release").click()
    expect(chief.button("web.warning.act.release")).to_have_count(0)


def _the_log_tells_all_of_it(chief: Desk, server: Server) -> None:
    chief.go("/w/exercise/journal")
    rows = chief.page.locator("tr[data-row] td.first b")
    told = rows.all_inner_texts()
    for kind in ("triage.verified", "assessment.made", "warning.drafted", "warning.edited", "warning.submitted",
                 "warning.released"):  # fmt: skip
        assert chief.t(f"web.event.{kind}") in told, kind
    assert told.count(chief.t("web.event.warning.released")) >= 2
    chief.button("web.journal.verify_deep").click()
    expect(chief.page.get_by_role("status")).to_contain_text(chief.t("web.journal.whole"))
    done = run_anlan("journal", "verify", "--deep", "--data-dir", str(server.folder))
    assert done.returncode == 0, done.stdout + done.stderr


def _life_now(desk: Desk, step: str) -> None:
    expect(desk.page.locator("ol.life li[aria-current='step'] b")).to_have_text(
        desk.t(f"web.warning.life.{step}")
    )


def _path(desk: Desk) -> str:
    return desk.page.url.removeprefix(desk.address).partition("?")[0]


def _send_the_form(desk: Desk, act: str) -> APIResponse:
    """What somebody could send who knows the address of an act that the page does not offer."""
    fields: dict[str, str | float | bool] = {
        name: desk.page.locator(f"main input[name={name}]").first.get_attribute("value") or ""
        for name in ("csrf", "version")
    }
    return desk.context.request.post(
        desk.address + _path(desk) + act, form=fields, headers=_language(desk) | {"origin": desk.address}
    )


def _get(desk: Desk, path: str, **headers: str) -> APIResponse:
    return desk.context.request.get(desk.address + path, headers=_language(desk) | headers)


def _language(desk: Desk) -> dict[str, str]:
    return {"accept-language": desk.language}


def _events(server: Server, kind: str) -> list[Any]:
    done = run_anlan(
        "journal", "list", "--world", "exercise", "--kind", kind, "--json", "--data-dir", str(server.folder)
    )
    found: list[Any] = json.loads(done.stdout)
    return found
