"""Pages tell what was changed later, and their links lead to pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from anlan import assessment, registry, series
from anlan.flows import chain
from anlan.series import Flag, ObservationColumns, SeriesKey
from anlan.store import SYSTEM, Actor, Node, Scope, World, new_public_id
from anlan.warning import actions

Browse = Callable[..., httpx.Client]
FormToken = Callable[[str], str]
FIRST_TOLD = datetime(2026, 5, 4, 1, tzinfo=UTC)
AREA, PATH = "421222", "CN/420000/421200/421222/"


def _publish(world: World, columns: ObservationColumns) -> None:
    batch = series.begin_batch(world, source_code="county.weekly")
    series.stage_observations(world, batch, columns)
    with world.write(SYSTEM) as tx:
        series.publish(tx, batch, mode="add", label="w.csv", area_path=PATH, domain="infectious_disease")


@pytest.fixture(scope="module")
def told_twice(served: Node) -> int:
    """Forty weeks; the first is corrected, then the third, then the second is withdrawn."""
    world = served.world("live")
    key = SeriesKey("disease.measles.weekly", AREA, PATH, "infectious_disease", sensitivity=1)
    made = int(series.series_ids(world, SYSTEM, [key])[0])
    with world.read() as connection:
        scope = Scope.everything("test")
        calendar = registry.indicator(connection, scope, world.as_of(), "disease.measles.weekly").calendar
    first = calendar.parse("2025-W21")
    known = [int((FIRST_TOLD + timedelta(days=day)).timestamp()) for day in range(4)]
    weeks = list(range(first, first + 40))
    _publish(world, ObservationColumns.of([made] * 40, weeks, [known[0]] * 40, [5.0] * 40))
    _publish(world, ObservationColumns.of([made], [first], [known[1]], [99.0]))
    _publish(world, ObservationColumns.of([made], [first + 2], [known[2]], [77.0]))
    gone = ObservationColumns.of([made], [first + 1], [known[3]], [float("nan")], flags=[Flag.WITHDRAWN])
    _publish(world, gone)
    return made


def _cells(page: str, section: str) -> list[list[str]]:
    body = page.partition(f'id="{section}"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.S)
    return [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows
    ]


def test_corrections_of_any_age_are_told_newest_first(browse: Browse, told_twice: int) -> None:
    page = browse("analyst").get(f"/w/live/series/{told_twice}").text
    rows = _cells(page, "revised")
    assert [row[1:3] for row in rows] == [["5", "—"], ["5", "77"], ["5", "99"]]
    # The table behind the chart has what stood before, the chart marks the same periods.
    table = {row[0]: row[1:] for row in _cells(page, "table-series")}
    assert [table[row[0]] for row in rows] == [["—", "5"], ["77", "5"], ["99", "5"]]
    assert sum(bool(row[1]) for row in table.values()) == 3
    data = json.loads(page.partition("data-chart-data>")[2].partition("</script>")[0])
    assert [place for place, marked in enumerate(data["revised"]) if marked] == [0, 1, 2]
    assert f"Changed later: {rows[1][0]}, {rows[0][0]}, {rows[2][0]}" in page


def test_before_the_correction_nothing_is_marked(browse: Browse, told_twice: int) -> None:
    client = browse("analyst")
    page = client.get(f"/w/live/series/{told_twice}?known=2026-05-04").text
    assert 'id="revised"' not in page
    assert '"revised":[]' in page.replace(" ", "")
    later = client.get(f"/w/live/series/{told_twice}?known=2026-05-05").text
    assert [row[1:3] for row in _cells(later, "revised")] == [["5", "99"]]


def _links(page: str) -> list[str]:
    """Where language and theme lead."""
    found = re.findall(r'href="([^"]*[?&;](?:lang|theme)=[a-z]+)"', page)
    assert len(found) >= 4
    return [link.replace("&amp;", "&") for link in found]


def test_language_and_theme_links_of_an_answered_form_lead_to_a_page(
    browse: Browse, form_token: FormToken
) -> None:
    chief, analyst = browse("chief"), browse("analyst")
    page = chief.get("/w/live/journal").text
    answers = [(chief, chief.post("/w/live/journal/verify?deep=1", data={"csrf": form_token(page)}), 200)]
    page = analyst.get("/w/live/data").text
    data = {"csrf": form_token(page), "source": "county.weekly"}
    answers.append((analyst, analyst.post("/w/live/data/upload", data=data), 422))
    # A form without its token gets an error page, which leads back to where the form was.
    refused = chief.post("/w/live/journal/verify", headers={"referer": f"{chief.base_url}/w/live/journal"})
    answers.append((chief, refused, 403))
    for client, answer, status in answers:
        assert answer.status_code == status
        for link in _links(answer.text):
            assert client.get(link).status_code == 200, link
    assert "/verify?" not in answers[0][1].text.replace("verify?deep=1", "")


def test_a_refused_judgement_keeps_the_links_of_the_signal(browse: Browse, form_token: FormToken) -> None:
    duty = browse("duty_officer")
    listed = duty.get("/w/exercise/signals?state=new").text
    found = re.search(r'href="(/w/exercise/signals/[0-9a-f-]{36})"', listed)
    assert found is not None
    page = duty.get(found[1]).text
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None
    data = {"csrf": form_token(page), "version": version[1], "reason": ""}
    answer = duty.post(f"{found[1]}/dismiss", data=data)
    assert answer.status_code == 422
    assert {link.partition("?")[0] for link in _links(answer.text)} == {found[1]}


def test_the_preview_says_how_cells_are_read_and_how_many_rows_go_in(
    browse: Browse, form_token: FormToken
) -> None:
    analyst = browse("analyst")
    page = analyst.get("/w/live/data").text
    rows = ["county,week,cases", "421281,2026-W01,\uff11\uff14", "421223,2026-W01,3", "421299,2026-W01,2"]
    answer = analyst.post(
        "/w/live/data/upload",
        data={"csrf": form_token(page), "source": "county.weekly"},
        files={"file": ("w.csv", "\n".join(rows).encode(), "text/csv")},
    )
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    page = analyst.get(address).text
    form = {
        "csrf": form_token(page),
        "do": "preview",
        "column_0": "area",
        "column_1": "period",
        "column_2": "value",
        "fixed_indicator": "disease.measles.weekly",
    }
    before = analyst.get("/w/live/data").text
    assert analyst.post(address, data=form).status_code == 303
    page = analyst.get(address).text
    shown = _cells(page, "preview")
    assert shown[0][1:4] == ["Chibi City421281", "2026 week 12026-W01", "14\uff11\uff14"]
    assert shown[1][3] == "3"
    assert shown[2][1] == "421299"
    assert shown[2][4] != ""
    assert "<strong>2</strong> would be accepted, <strong>1</strong> not." in page
    # Looking writes nothing.
    assert analyst.get("/w/live/data").text.count("data-row") == before.count("data-row")


def test_the_journal_names_people_in_the_language_of_the_reader(
    browse: Browse, served: Node, form_token: FormToken
) -> None:
    live = served.world("live")
    with live.read() as connection:
        people = registry.people(connection, Scope.everything("test"), live.as_of())
    person = people[0]
    assert person.names["zh"] != person.names["en"]
    with live.write(Actor("person", person.public_id, person.names["zh"])) as tx:
        tx.event("test.named", subject=("person", person.public_id))
    for language in ("en", "zh"):
        page = browse("chief", language).get("/w/live/journal").text
        assert person.names[language] in page.partition("<tbody>")[2].partition("</tr>")[0]


def test_a_draft_says_what_is_in_force_for_the_same_hazard_there(browse: Browse, served: Node) -> None:
    world, scope, settings = served.world("exercise"), Scope.everything("test"), served.settings
    author, second = (Actor("person", new_public_id(), name) for name in ("author", "second"))
    with world.read() as connection:
        found = next(
            one
            for one in assessment.triages(connection, scope, world.as_of(), limit=None)
            if one.kind == "detector" and one.state == "new"
        )
    with world.write(author) as tx:
        assessment.verify_signal(tx, found.signal_id, expected_seq=found.known_seq)
    made = []
    for reason in ("invented", "the same event, looked at again"):
        with world.write(author) as tx:
            judged = assessment.assess(
                tx, signal_ids=[found.signal_id], likelihood=4, impact=4, confidence="high", reasons=[reason],
                area_code=found.area_code, area_path=found.area_path, domain=found.domain,
            )  # fmt: skip
        made.append(judged.public_id)
    first = chain.draft_from_assessment(world, author, scope, made[0], settings=settings)
    client = browse("chief")
    assert "Already in force" not in client.get(f"/w/exercise/warnings/{first.public_id}").text
    with world.write(author) as tx:
        first = actions.submit(tx, first.public_id, expected_seq=first.known_seq, settings=settings)
    with world.write(second) as tx:
        first = actions.release(tx, first.public_id, expected_seq=first.known_seq, settings=settings)
    again = chain.draft_from_assessment(world, author, scope, made[1], settings=settings)
    page = client.get(f"/w/exercise/warnings/{again.public_id}").text
    assert f"Already in force for this hazard here: {first.number}," in page
    # The one in force does not speak of itself.
    assert "Already in force" not in client.get(f"/w/exercise/warnings/{first.public_id}").text
