"""Back-tests: what a rule would have said on what was known then, against what corrections say now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from anlan.analysis.actions import ask_backtest, backtest, do_backtest
from anlan.analysis.known_events import read_events
from anlan.analysis.queries import kept_backtest, kept_backtests, rule
from anlan.analysis.running import preview_rule, run_rule
from anlan.analysis.trial_types import KnownEvent, Trial
from anlan.analysis.types import Rule
from anlan.errors import ConflictError, ForbiddenError, InputError, NotFoundError, ParameterError
from anlan.registry.calendars import Calendar
from anlan.series import Flag
from anlan.store import SYSTEM, AsOf, Scope, canonical_json, events_after, take, verify

ALL = Scope.everything("test")
NOW = AsOf(10**9)
WEEK = Calendar(step="week")
CHIBI, JIAYU = ("measles", "421281"), ("measles", "421221")
MakeRule = Callable[..., Any]
QUIET = [1.0, 2.0]


def _told(period: int, *, days: int = 1) -> datetime:
    """When the world knows a week: the given days after its end."""
    return WEEK.end_of(period) + timedelta(days=days)


def _history(city: Any, last: int, weeks: int, *, area: tuple[str, str] = CHIBI, **special: float) -> None:
    """Weekly reports, each known a day after its week; ``special`` by weeks before ``last`` (``w3=7.0``)."""
    for back in range(weeks - 1, -1, -1):
        period = last - back
        value = special.get(f"w{back}", QUIET[period % 2])
        city.deliver({area: {period: value}}, known_at=_told(period))


def _rule(city: Any, code: str = "measles.rise") -> Rule:
    with city.world.read() as connection:
        return rule(connection, ALL, NOW, code)


def _alarms_now(city: Any, made: Rule) -> int:
    """Alarms of the whole past when the rule sees today's values."""
    looks = preview_rule(city.world, replace(made, evaluate_last=60))
    return sum(cell.alarm for look in looks for cell in look.cells)


def test_a_value_that_was_corrected_later_alarmed_on_the_day(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    """Nine cases were reported and raised; three weeks later they were two. Today nothing is to be seen of it."""
    city.install(make_measles_rule())
    _history(city, this_week, 40, w8=9.0)
    city.deliver({CHIBI: {this_week - 8: 2.0}}, known_at=_told(this_week - 5))
    made = _rule(city)
    assert _alarms_now(city, made) == 0
    trial = backtest(city.world, [made], years=1)
    (one,) = trial.tried
    assert (one.alarms, one.signals, one.taken_back) == (1, 1, 1)
    assert (trial.tested[0].revised, trial.tested[0].values) == (1, 40)
    assert one.judged == 40
    assert one.undecided["short_history"] >= 5


def test_a_baseline_that_was_corrected_later_did_not_hide_the_outbreak(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    """The weeks before were completed months later; with them nine cases look usual. On the day they did not."""
    city.install(make_measles_rule())
    _history(city, this_week, 45, w20=9.0)
    late = {this_week - back: 8.0 + back % 3 for back in range(23, 31)}
    city.deliver({CHIBI: late}, known_at=_told(this_week - 2))
    made = _rule(city)
    outbreak = KnownEvent("421281", WEEK.date_of(this_week - 20), WEEK.date_of(this_week - 18))
    trial = backtest(city.world, [made], years=1, events=[outbreak])
    assert _alarms_now(city, replace(made, valid_from=str(WEEK.date_of(this_week - 21)))) == 0
    (one,) = trial.tried
    assert one.found == 1
    assert one.delays == (8.0,)  # the week itself and the day until it was told


def test_what_was_completed_later_is_not_known_before(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    """Two cases at first, nine when the late reports had come: the alarm comes on that day, not before."""
    city.install(make_measles_rule())
    _history(city, this_week, 40, w10=2.0)
    city.deliver({CHIBI: {this_week - 10: 9.0}}, known_at=_told(this_week - 10, days=17))
    event = KnownEvent(
        "421200", WEEK.date_of(this_week - 10), WEEK.date_of(this_week - 9), "school",
        recognised=WEEK.date_of(this_week - 5),
    )  # fmt: skip
    trial = backtest(city.world, [_rule(city)], years=1, events=[event])
    (one,) = trial.tried
    assert one.delays == (7.0 + 17.0,)
    # Recognised on the Monday five weeks on; known from 00:00 of week + 24 days: 36 days to the end of that Monday.
    assert one.ahead == (5 * 7 + 1.0 - 24.0,)
    assert one.outside_events == 0


def test_it_gives_what_the_live_rule_gave(city: Any, this_week: int, make_measles_rule: MakeRule) -> None:
    """The world as it came to the node, with corrections and a withdrawal, run live after every delivery."""
    city.install(make_measles_rule(parameters={"threshold": 1.2}, extend_days=0))
    start = this_week - 40
    weeks = [1.0, 2.0] * 6 + [
        9.0,
        1.0,
        8.0,
        2.0,
        2.0,
        1.0,
        30.0,
        2.0,
        1.0,
        12.0,
        1.0,
        2.0,
        1.0,
        1.0,
        2.0,
        1.0,
        11.0,
    ]
    for number, value in enumerate(weeks):
        city.deliver(
            {CHIBI: {start + number: value}, JIAYU: {start + number: QUIET[number % 2]}},
            after=timedelta(days=1), known_at=_told(start + number),
        )  # fmt: skip
        run_rule(city.world, "measles.rise")
        if number in (14, 20):
            change = {start + number - 1: 3.0} if number == 14 else {start + number - 2: None}
            city.deliver({CHIBI: change}, after=timedelta(days=1), known_at=_told(start + number, days=2))
            run_rule(city.world, "measles.rise")
    lived = city.signals()
    trial = backtest(city.world, [_rule(city)], years=1, basis="received")
    (one,) = trial.tried
    assert one.signals == len(lived) >= 4
    assert one.taken_back == sum(not signal.holds for signal in lived)
    assert one.alarms == sum(len(signal.evidence["periods"]) for signal in lived)
    assert dict(one.levels) == {
        level: sum(signal.level_hint == level for signal in lived) for level in {s.level_hint for s in lived}
    }


def test_two_rules_side_by_side(city: Any, this_week: int, make_measles_rule: MakeRule) -> None:
    city.install(make_measles_rule())
    _history(city, this_week, 52, w30=8.0, w12=4.0, w11=8.0)
    before = _rule(city)
    fewer = replace(before, parameters={"threshold": 10.0}, version=0)
    events = [
        KnownEvent("421281", WEEK.date_of(this_week - 12), WEEK.date_of(this_week - 10)),
        KnownEvent("421221", WEEK.date_of(this_week - 12), WEEK.date_of(this_week - 10), "elsewhere"),
        KnownEvent("421281", WEEK.date_of(this_week - 12), WEEK.date_of(this_week - 10), indicator="oxygen"),
    ]
    trial = backtest(city.world, [fewer, before], years=1, events=events)
    one, other = trial.tried
    assert (one.alarms, other.alarms) == (2, 3)
    assert (one.signals, other.signals) == (2, 2)
    assert one.alarms_a_year == pytest.approx(2 / (52 / 52))
    assert (one.found, other.found) == (1, 1)
    assert (one.delays, other.delays) == ((15.0, None, None), (8.0, None, None))
    assert (trial.gained, trial.median_gained) == ((-7.0, None, None), -7.0)
    assert (one.outside_events, other.outside_events) == (1, 1)
    assert Trial.of(trial.to_json()) == trial


def test_years_and_what_was_known_too_late_to_judge(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    """Two years loaded in one day: only the newest twelve weeks were new when anybody could look."""
    city.install(make_measles_rule())
    weeks: dict[int, float | None] = {this_week - back: QUIET[back % 2] for back in range(104)}
    city.deliver({CHIBI: weeks}, known_at=_told(this_week))
    (one,) = backtest(city.world, [_rule(city)], years=1).tried
    assert (one.looks, one.judged, one.too_late) == (1, 12, 40)
    tested = backtest(city.world, [_rule(city)], years=1).tested[0]
    assert (tested.first, tested.last, tested.values) == (
        WEEK.text(this_week - 51), WEEK.text(this_week), 52,
    )  # fmt: skip


def test_retrospective_values_are_history_only(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    weeks: dict[int, float | None] = {this_week - back: QUIET[back % 2] for back in range(1, 30)}
    city.deliver(
        {CHIBI: {**weeks, this_week - 3: 40.0}}, flags=int(Flag.RETROSPECTIVE), known_at=_told(this_week - 1)
    )
    city.deliver({CHIBI: {this_week: 2.0}}, known_at=_told(this_week))
    (one,) = backtest(city.world, [_rule(city)], years=1).tried
    assert (one.alarms, one.judged, one.undecided.get("retrospective")) == (0, 1, 12)


def test_what_came_to_the_node_later_than_the_world_knew(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    """An old correction is found in a drawer: the world knew it in time, this node did not."""
    city.install(make_measles_rule())
    for back in range(30, -1, -1):
        value = 9.0 if back == 4 else QUIET[back % 2]
        city.deliver(
            {CHIBI: {this_week - back: value}}, after=timedelta(days=7), known_at=_told(this_week - back)
        )
    city.deliver(
        {CHIBI: {this_week - 4: 2.0}},
        after=timedelta(days=7),
        known_at=_told(this_week - 4) + timedelta(hours=1),
    )
    made = _rule(city)
    (reported,) = backtest(city.world, [made], years=1).tried
    (received,) = backtest(city.world, [made], years=1, basis="received").tried
    assert (reported.alarms, received.alarms) == (0, 1)


def test_nothing_after_the_asked_sequence_is_used(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    _history(city, this_week, 30, w2=9.0)
    then = city.now()
    before = backtest(city.world, [_rule(city)], years=1).to_json()
    city.deliver({CHIBI: {this_week - 2: 1.0}}, known_at=_told(this_week - 2))
    city.deliver({JIAYU: {this_week: 1.0}}, known_at=_told(this_week))
    assert canonical_json(
        backtest(city.world, [_rule(city)], years=1, as_of=then).to_json()
    ) == canonical_json(before)
    assert backtest(city.world, [_rule(city)], years=1).tried[0].alarms == 0
    narrow = Scope(("CN/420000/421200/421221/",), None, 3, "test")
    assert backtest(city.world, [_rule(city)], years=1, scope=narrow).tried[0].series == 1


def test_a_limit_on_hours(city: Any, make_level_rule: MakeRule) -> None:
    """Two hours at the limit; the second look of the hour sees what the first could not."""
    city.install(make_level_rule())
    hour = Calendar(step="hour")
    start = hour.period_of(datetime.fromisoformat("2026-07-05T00:00+08:00"))
    for number, level in enumerate([29.0, 29.5, 30.2, 30.4, 30.6, 29.2, 29.1]):
        told = hour.end_of(start + number) + timedelta(minutes=5)
        city.deliver({("river.level", "421281"): {start + number: level}}, source="gauge", known_at=told)
    event = KnownEvent("421281", date(2026, 7, 5), date(2026, 7, 5))
    (one,) = backtest(city.world, [_rule(city, "river.high")], years=1, events=[event]).tried
    assert (one.looks, one.alarms, one.signals, dict(one.levels)) == (7, 2, 1, {"orange": 1})
    assert one.delays[0] == pytest.approx((4 * 60 + 5) / 1440, abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"years": 0}, "years must be"),
        ({"years": 31}, "years must be"),
        ({"basis": "guessed"}, "basis must be"),
    ],
)
def test_arguments_that_cannot_be_used(
    city: Any, make_measles_rule: MakeRule, changes: dict[str, Any], said: str
) -> None:
    city.install(make_measles_rule())
    with pytest.raises(ParameterError, match=said):
        backtest(city.world, [_rule(city)], **changes)
    with pytest.raises(ParameterError, match="rules must be"):
        backtest(city.world, [])
    silent = replace(_rule(city), kind="silence", method="silence")
    with pytest.raises(ConflictError, match="silence"):
        backtest(city.world, [silent])


def test_a_series_without_values_gives_an_empty_answer(city: Any, make_measles_rule: MakeRule) -> None:
    city.install(make_measles_rule())
    trial = backtest(
        city.world, [_rule(city)], events=[KnownEvent("421281", date(2024, 1, 1), date(2024, 1, 9))]
    )
    assert (trial.tested, trial.tried[0].judged, trial.tried[0].delays) == ((), 0, (None,))


def test_a_backtest_is_kept_with_the_sequence_it_used(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    _history(city, this_week, 30, w2=9.0)
    made = _rule(city)
    event = KnownEvent("421281", date(2026, 6, 15), date(2026, 6, 21), "school", recognised=date(2026, 7, 1))
    with city.world.write(SYSTEM) as tx:
        asked = ask_backtest(tx, [made], scope=ALL, years=2, events=[event])
    before = city.world.head()
    city.deliver({CHIBI: {this_week - 2: 1.0}}, known_at=_told(this_week - 2))
    job = take(city.world, kinds=("rule.backtest",))
    assert job is not None
    assert job.payload == {"id": asked}
    assert take(city.world, but=("rule.backtest",)) is None
    done = do_backtest(city.world, asked)
    assert (done.state, done.years, done.input_seq) == ("done", 2, before - 1)
    assert done.result is not None
    assert (done.result.input_seq, done.result.tried[0].alarms, done.result.tried[0].found) == (
        before - 1,
        1,
        1,
    )
    assert do_backtest(city.world, asked) == done
    with city.world.read() as connection:
        assert kept_backtests(connection, ALL, NOW, rule_code="measles.rise") == [done]
        assert kept_backtest(connection, ALL, AsOf(before), asked).state == "waiting"
        assert kept_backtest(connection, ALL, NOW, asked).rules == (made,)
        kinds = [one.kind for one in events_after(connection, 0) if one.kind.startswith("rule.backtest")]
    assert kinds == ["rule.backtest_asked", "rule.backtested"]
    assert verify(city.world, deep=True) == []


def test_a_backtest_of_one_county_is_not_shown_as_one_of_the_city(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    _history(city, this_week, 12)
    county = Scope(("CN/420000/421200/421281/",), None, 2, "test")
    other = Scope(("CN/420000/421200/421221/",), None, 2, "test")
    with city.world.write(SYSTEM) as tx:
        asked = ask_backtest(tx, [_rule(city)], scope=county)
    assert do_backtest(city.world, asked).area_path == "CN/420000/421200/421281/"
    with city.world.write(SYSTEM) as tx:
        whole = ask_backtest(tx, [_rule(city)], scope=ALL)
    with city.world.read() as connection:
        assert [one.public_id for one in kept_backtests(connection, county, NOW)] == [asked]
        assert kept_backtests(connection, other, NOW) == []
        assert len(kept_backtests(connection, ALL, NOW)) == 2
        with pytest.raises(NotFoundError):
            kept_backtest(connection, county, NOW, whole)
    with pytest.raises(ForbiddenError), city.world.write(SYSTEM) as tx:
        ask_backtest(tx, [_rule(city)], scope=Scope(("CN/1/", "CN/2/"), None, 2, "test"))


def test_a_backtest_that_cannot_be_done_says_why(city: Any, make_measles_rule: MakeRule) -> None:
    city.install(make_measles_rule())
    broken = replace(_rule(city), selector=replace(_rule(city).selector, indicators=("nowhere",)))
    with city.world.write(SYSTEM) as tx:
        asked = ask_backtest(tx, [broken], scope=ALL)
    done = do_backtest(city.world, asked)
    assert (done.state, done.result) == ("failed", None)
    assert "nowhere" in done.error


def _read(city: Any, content: str | bytes) -> tuple[KnownEvent, ...]:
    with city.world.read() as connection:
        return read_events(connection, ALL, NOW, content, file="outbreaks.csv")


def test_events_from_a_table(city: Any) -> None:
    found = _read(city, "area,start,end,name,recognised\n421281,2024-03-04,2024-03-17,school,2024-03-12\n")
    assert found == (
        KnownEvent("421281", date(2024, 3, 4), date(2024, 3, 17), "school", recognised=date(2024, 3, 12)),
    )
    pasted = "地区\t开始\t名称\n赤壁市\t2024-03-04\t幼儿园\n\n"
    assert _read(city, pasted) == (KnownEvent("421281", date(2024, 3, 4), date(2024, 3, 31), "幼儿园"),)
    assert _read(city, pasted.encode("gb18030")) == _read(city, "\ufeff" + pasted)
    assert _read(city, "\n") == ()


def test_every_line_that_cannot_be_used_is_said(city: Any) -> None:
    with pytest.raises(InputError) as refused:
        _read(
            city,
            "area;start;end;indicator\n"
            "Atlantis;2024-03-04;;\n"
            "421281;4 March;2024-02-30;\n"
            "421281;2024-03-04;2024-03-01;flu\n"
            "421281;2024-03-04;;measles\n",
        )
    assert [(one.where["row"], one.where["column"]) for one in refused.value.problems] == [
        (2, "area"), (3, "start"), (3, "end"), (4, "end"), (4, "indicator"),
    ]  # fmt: skip
    with pytest.raises(InputError) as refused:
        _read(city, "place,start\n421281,2024-03-04\n")
    assert [one.where["column"] for one in refused.value.problems] == ["area"]
