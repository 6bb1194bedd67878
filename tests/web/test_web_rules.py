"""The pages about rules: the list, the form from the table of methods, two people, back-tests, and the budget."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import httpx
import pytest

from anlan import analysis, registry
from anlan.flows.work import work_once
from anlan.registry import RoleGrant
from anlan.stats.counts import METHODS
from anlan.store import SYSTEM, Node, Scope

Browse = Callable[..., httpx.Client]
FormToken = Callable[[str], str]
ALL = Scope.everything("test")
RULES = "/w/exercise/rules"
SUDDEN = f"{RULES}/measles.weekly.sudden"


def _form(page: str) -> dict[str, str]:
    """The fields of the form of a change, as a browser would send them."""
    body = page[page.index('<form class="narrow"') :]
    fields = {}
    for tag in re.findall(r"<input[^>]*>", body):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name and 'type="radio"' not in tag:
            fields[name[1]] = html.unescape(value[1]) if value else ""
    for name, options in re.findall(r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', body, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(
            r'value="([^"]*)"', options
        )
        fields[name] = chosen[1] if chosen else ""
    for name, text in re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>(.*?)</textarea>', body, re.DOTALL):
        fields[name] = html.unescape(text)
    return fields


def _rule(node: Node, code: str, **more: int) -> analysis.Rule:
    world = node.world("exercise")
    with world.read() as connection:
        return analysis.rule(connection, ALL, world.as_of(), code, **more)


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Sudden rise of weekly measles"), ("zh", "麻疹周报告数突增")]
)
def test_the_list_says_what_is_watched_and_how_often_it_signals(
    browse: Browse, language: str, said: str
) -> None:
    page = browse("viewer", language).get(RULES).text
    row = page[page.index(said) :].split("</tr>")[0]
    assert "EARS C2" in row
    assert re.search(r'data-label="[^"]*">1</td>', row)
    assert "<h1>" in page
    only = browse("viewer", language).get(f"{RULES}?domain=air_quality").text
    assert said not in only


def test_a_rule_shows_its_versions_and_every_signal_it_made(browse: Browse) -> None:
    page = browse("viewer").get(SUDDEN).text
    assert "Standard deviations" in page or "threshold" in page.lower()
    assert "Version 1" in page
    assert f'href="{SUDDEN}/edit"' not in page
    version = browse("viewer").get(f"{SUDDEN}/versions/1").text
    assert "Chibi" in version
    assert browse("viewer").get(f"{SUDDEN}/versions/9").status_code == 404
    assert browse("viewer").get(f"{RULES}/nowhere").status_code == 404


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_form_is_made_from_the_table_of_methods(browse: Browse, language: str) -> None:
    client = browse("analyst", language)
    page = client.get(f"{SUDDEN}/edit").text
    fields = _form(page)
    assert fields["method"] == "ears_c2"
    assert {name for name in fields if name.startswith("p.")} == {
        f"p.{one.name}" for one in METHODS["ears_c2"].parameters
    }
    assert (fields["p.threshold"], fields["p.min_sigma"], fields["level.blue"]) == ("3", "0.5", "0")
    options = re.search(r'<select id="f-method".*?</select>', page, re.DOTALL)
    assert options is not None
    assert 'value="farrington_flexible"' in options[0]


def test_another_method_shows_its_settings_and_keeps_what_was_typed(browse: Browse) -> None:
    client = browse("analyst")
    typed = {**_form(client.get(f"{SUDDEN}/edit").text), "p.threshold": "4.25", "note": "try Farrington"}
    typed |= {"method": "farrington_flexible", "step": "method"}
    shown = client.post(f"{SUDDEN}/edit", data=typed)
    assert shown.status_code == 200
    fields = _form(shown.text)
    assert {f"p.{one.name}" for one in METHODS["farrington_flexible"].parameters} <= set(fields)
    assert (fields["p.threshold"], fields["note"]) == ("4.25", "try Farrington")
    back = client.post(f"{SUDDEN}/edit", data={**fields, "method": "ears_c2", "step": "method"})
    assert 'type="text" value="4.25"' in back.text


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "accepted is a number &gt; 0. Got “-1”"), ("zh", "应为数值，&gt; 0。收到“-1”")],
)
def test_errors_stand_at_their_fields_and_nothing_is_lost(
    browse: Browse, served: Node, language: str, said: str
) -> None:
    client = browse("analyst", language)
    before = _rule(served, "measles.weekly.sudden")
    typed = {
        **_form(client.get(f"{SUDDEN}/edit").text), "step": "propose", "p.threshold": "-1", "p.baseline": "many",
        "level.blue": "low", "extend_days": "-3", "name_en": "My <name>", "note": "because",
    }  # fmt: skip
    answer = client.post(f"{SUDDEN}/edit", data=typed)
    assert answer.status_code == 422
    assert said in answer.text
    for field in ("p.threshold", "p.baseline", "level.blue", "extend_days"):
        assert f'id="e-{field}"' in answer.text
        assert f'href="#f-{field}"' in answer.text
    fields = _form(answer.text)
    assert {name: fields[name] for name in ("p.threshold", "p.baseline", "name_en", "note")} == {
        "p.threshold": "-1", "p.baseline": "many", "name_en": "My <name>", "note": "because",
    }  # fmt: skip
    assert _rule(served, "measles.weekly.sudden") == before
    empty = {**_form(client.get(f"{SUDDEN}/edit").text), "step": "propose", "name_zh": ""}
    assert 'id="e-name_zh"' in client.post(f"{SUDDEN}/edit", data=empty).text
    same = {**_form(client.get(f"{SUDDEN}/edit").text), "step": "propose"}
    assert client.post(f"{SUDDEN}/edit", data=same).status_code == 422


def test_one_person_proposes_and_another_approves(
    browse: Browse, form_token: FormToken, served: Node, sign_in: Callable[..., httpx.Response]
) -> None:
    """Somebody who holds both roles proposes, and is refused as the second person."""
    live, exercise = served.world("live"), served.world("exercise")
    with live.write(SYSTEM) as tx:
        both = registry.add_person(
            tx,
            {"zh": "双岗甲", "en": "Both"},
            [RoleGrant("analyst", sensitivity=2), RoleGrant("chief", sensitivity=2)],
        )
    registry.set_password(live, both, "both", "correct horse battery", actor=SYSTEM)
    client = browse("")
    sign_in(client, "both")
    code = "measles.weekly.ten"
    address = f"{RULES}/{code}"
    typed = {
        **_form(client.get(f"{address}/edit").text),
        "step": "propose",
        "p.limit": "12",
        "note": "fewer",
    }
    answer = client.post(f"{address}/edit", data=typed)
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    proposed = _rule(served, code)
    assert (proposed.state, proposed.version, proposed.parameters["limit"]) == ("proposed", 2, 12.0)
    own = client.get(address).text
    assert "You proposed this. Another person approves it." in own
    form = {"csrf": form_token(own), "version": str(proposed.known_seq), "note": ""}
    assert client.post(f"{address}/approve", data=form).status_code == 403
    assert browse("analyst").post(f"{address}/approve", data=form).status_code == 403
    assert _rule(served, code).state == "proposed"
    chief = browse("chief")
    page = chief.get(address).text
    assert "(was: 10)" in page
    form["csrf"] = form_token(page)
    assert chief.post(f"{address}/approve", data={**form, "version": "1"}).status_code == 409
    assert chief.post(f"{address}/approve", data=form).status_code == 303
    assert (_rule(served, code).state, _rule(served, code, version=1).parameters["limit"]) == (
        "active",
        10,
    )
    work_once(exercise)
    after = chief.get(address).text
    assert re.search(r"Version 1</b></a>.*?replaced", after, re.DOTALL)
    assert "Chibi" in chief.get(f"{address}/versions/1").text


def test_a_copy_is_a_rule_of_its_own(browse: Browse, served: Node) -> None:
    client = browse("analyst")
    fields = _form(client.get(f"{SUDDEN}/copy").text)
    assert fields["code"] == "local.measles.weekly.sudden"
    assert fields["name_en"] == "Sudden rise of weekly measles (local)"
    wrong = client.post(f"{SUDDEN}/copy", data={**fields, "step": "propose", "code": "My Rule!"})
    assert wrong.status_code == 422
    assert 'id="e-code"' in wrong.text
    answer = client.post(f"{SUDDEN}/copy", data={**fields, "step": "propose", "p.threshold": "5"})
    assert answer.headers["location"] == f"{RULES}/local.measles.weekly.sudden"
    made = _rule(served, "local.measles.weekly.sudden")
    assert (made.state, made.pack_id, made.parameters["threshold"]) == ("proposed", "", 5.0)
    again = client.post(f"{SUDDEN}/copy", data={**fields, "step": "propose", "p.threshold": "6"})
    assert again.status_code == 409


def test_a_change_is_tried_before_it_is_proposed(browse: Browse, served: Node) -> None:
    client = browse("analyst")
    typed = {
        **_form(client.get(f"{SUDDEN}/edit").text), "step": "try", "p.threshold": "80", "years": "1",
        "events": "area,start,name\n421281,2026-06-22,building site",
    }  # fmt: skip
    wrong = client.post(f"{SUDDEN}/edit", data={**typed, "years": "ninety", "events": "area\nnowhere"})
    assert wrong.status_code == 422
    assert 'id="e-years"' in wrong.text
    assert 'id="e-events"' in wrong.text
    answer = client.post(f"{SUDDEN}/edit", data=typed)
    assert answer.status_code == 303
    address = answer.headers["location"]
    assert 'hx-trigger="every 2s"' in client.get(address).text
    work_once(served.world("exercise"))
    page = client.get(address).text
    assert "0.0 signals a year instead of " in page
    assert "0 of 1 events found instead of 1" in page
    assert "Chibi City · building site" in page
    assert "not found" in page
    assert "Signals by year" in page
    onward = re.search(r'href="([^"]*/edit\?from=[^"]*)"', page)
    assert onward is not None
    assert _form(client.get(html.unescape(onward[1])).text)["p.threshold"] == "80"
    assert f'href="{address}"' in browse("viewer").get(SUDDEN).text
    assert browse("viewer", "zh").get(address).status_code == 200
    assert _rule(served, "measles.weekly.sudden").state == "active"


def test_versions_are_tried_side_by_side_from_the_page_of_the_rule(
    browse: Browse, form_token: FormToken, served: Node
) -> None:
    client = browse("analyst")
    form = {
        "csrf": form_token(client.get(SUDDEN).text),
        "tried": "1",
        "years": "1",
        "events": "",
        "basis": "reported",
    }
    wrong = client.post(f"{SUDDEN}/backtests", data={**form, "years": "0"})
    assert wrong.status_code == 422
    assert 'id="e-years"' in wrong.text
    answer = client.post(f"{SUDDEN}/backtests", data={**form, "against": "measles.weekly.ten@1"})
    work_once(served.world("exercise"))
    page = client.get(answer.headers["location"]).text
    assert "measles.weekly.ten, version 1" in page
    assert client.post(f"{SUDDEN}/backtests", data={**form, "against": "nowhere@1"}).status_code == 404
    assert browse("viewer").post(f"{SUDDEN}/backtests", data=form).status_code == 403


def test_a_desk_sets_its_budget_and_the_signals_say_their_rank(
    browse: Browse, form_token: FormToken, served: Node
) -> None:
    address = "/w/exercise/budgets/infectious_disease"
    chief = browse("chief")
    page = chief.get(address).text
    form = {
        "csrf": form_token(page),
        "version": "0",
        "signals_a_week": "1",
        "trailing_weeks": "20",
        "way": "exact",
    }
    wrong = chief.post(address, data={**form, "signals_a_week": "ten"})
    assert wrong.status_code == 422
    assert 'id="e-signals_a_week"' in wrong.text
    assert browse("analyst").post(address, data=form).status_code == 403
    assert chief.get("/w/exercise/budgets/nowhere").status_code == 404
    assert chief.post(address, data=form).status_code == 303
    assert chief.post(address, data=form).status_code == 409
    work_once(served.world("exercise"))
    signals = browse("viewer").get("/w/exercise/signals").text
    assert "1 signals a week. 2026 week 26" in signals
    assert "rank 1 of " in signals
    held = browse("viewer").get("/w/exercise/signals?budget=held").text
    through = browse("viewer").get("/w/exercise/signals?budget=through").text
    assert through.count("<tr data-row>") == 1
    assert "rank 1 of " in through
    assert "rank 1 of " not in held
    assert "2026 week 26" in chief.get(address).text
    chinese = browse("viewer", "zh").get("/w/exercise/signals").text
    assert "每周 1 个信号" in chinese


def test_signals_of_one_rule(browse: Browse) -> None:
    page = browse("viewer").get("/w/exercise/signals?rule=measles.weekly.ten").text
    assert page.count("<tr data-row>") == 1
    assert "measles.weekly.ten ×" in page
