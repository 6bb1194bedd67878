"""Runs of rules: what becomes a signal, what goes on, what is said of corrections and late data, and what is not repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import anlan
from anlan.analysis import queries, running, say, tables
from anlan.analysis.looking import look_at
from anlan.analysis.queries import runs, signal, signal_history, signal_numbered, signal_page, signals
from anlan.analysis.running import preview_rule, run_due, run_rule
from anlan.analysis.types import RunReport, Signal
from anlan.errors import ConfigurationError, ConflictError, NotFoundError, ParameterError
from anlan.registry.calendars import Calendar
from anlan.series import Flag
from anlan.store import NOTHING, AsOf, Scope, World, canonical_json, events_after, verify

CHIBI = ("measles", "421281")
MakeRule = Callable[..., Any]
Weeks = dict[int, float | None]
WEEK = Calendar(step="week")


def _run(city: Any, code: str = "measles.rise", **more: Any) -> RunReport:
    (report,) = run_rule(city.world, code, **more)
    return report


def _content(found: Signal) -> str:
    """Everything of a signal that must be the same when the inputs are the same."""
    kept = {
        name: getattr(found, name)
        for name in (
            "kind", "rule_code", "rule_version", "code_version", "series_id", "indicator_code", "area_code",
            "first_period", "last_period", "observed", "expected", "upper", "p_value", "score", "level_hint", "holds",
            "late",
        )
    }  # fmt: skip
    evidence = {name: value for name, value in found.evidence.items() if name != "batch"}
    said = [sentence.to_json() for sentence in (found.title, *found.why)]
    return canonical_json([kept, evidence, said])


def test_seven_cases_become_a_signal_with_its_reasons(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    """EARS C2 by hand: baseline 1 2 1 2 1 2 1, mean 10/7, variance 2/7, bound mean + 3 sd = 3.0321."""
    city.install(make_measles_rule())
    seq = city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    report = _run(city)
    assert (report.wrote, report.series, report.cells, report.alarms) == (True, 1, 12, 1)
    (found,) = city.signals()
    mean, sd = 10 / 7, (2 / 7) ** 0.5
    assert found.observed == 7
    assert found.expected == pytest.approx(mean, rel=1e-8)
    assert found.upper == pytest.approx(mean + 3 * sd, rel=1e-8)
    assert found.score == pytest.approx((7 - mean) / (3 * sd), rel=1e-8)
    assert found.p_value is not None
    assert found.p_value < 1e-20
    assert (found.number, found.kind, found.level_hint) == ("2026-0001", "detector", "blue")
    assert (found.rule_version, found.code_version, found.input_seq) == (1, anlan.__version__, seq)
    assert (found.area_code, found.domain, found.source_code) == ("421281", "testing", "cdc")
    assert (found.first_period, found.last_period, found.late) == (this_week, this_week, False)
    assert found.evidence["parameters"] == {"threshold": 3.0}
    assert found.evidence["history_years"] == 0.4
    assert found.evidence["periods"][0]["text"] == "2026-W27"
    assert verify(city.world, deep=True) == []


def test_the_title_and_the_reasons_in_both_languages(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    _run(city)
    (found,) = city.signals()
    assert say(found.title, "en") == "Measles in Chibi: 7 cases in week 27 of 2026, 1.4 expected"
    assert say(found.title, "zh") == "赤壁市麻疹：2026年第27周已报 7 例，预期 1.4 例"
    why = [say(sentence, "en") for sentence in found.why]
    assert why[0].startswith("Rule: Sudden rise of measles, version 1. Method: ")
    assert why[1] == "Reported 7 cases, expected 1.4, bound 3.0, p < 0.0001."
    assert why[2].startswith(
        "If all was as usual, a week like this would come less than once in 1\u202f000\u202f000 weeks"
    )
    assert why[3] == "The series has 0.4 years of values before that, from 2026 week 8 on."
    assert [say(sentence, "zh") for sentence in found.why][1] == "已报 7 例，预期 1.4，上界 3.0，p < 0.0001。"


def test_strata_are_named_and_watched_only_when_asked_for(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule(), make_measles_rule(code="measles.each", strata="each"))
    city.deliver({("measles", "421281", "child"): {**quiet_weeks, this_week: 7.0}})
    report = _run(city)
    assert (report.series, report.cells) == (0, 0)
    assert len(_run(city, "measles.each").raised) == 1
    (found,) = city.signals()
    assert say(found.title, "en").startswith("Measles (0 to 14 years) in Chibi: 7 cases")


def test_a_rule_watches_only_its_kinds_of_area(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({("measles", "421200"): {**quiet_weeks, this_week: 9.0}, CHIBI: quiet_weeks})
    report = _run(city)
    assert (report.series, report.raised) == (1, ())


def test_running_again_writes_nothing(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    _run(city)
    head = city.world.head()
    again = _run(city)
    assert (again.wrote, again.cells) == (False, 0)
    assert run_due(city.world).reports == ()
    assert city.world.head() == head


def test_the_same_values_again_are_noted_but_signal_nothing(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    _run(city)
    city.deliver({CHIBI: {this_week: 7.0}}, after=timedelta(hours=1))
    report = _run(city)
    assert (report.wrote, report.cells, report.raised, report.extended, report.revised) == (
        True,
        0,
        (),
        (),
        (),
    )
    assert len(city.signals()) == 1
    assert not _run(city).wrote


def test_the_next_week_extends_and_a_higher_level_raises_a_new_one(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    first = _run(city).raised[0]
    city.deliver({CHIBI: {this_week + 1: 6.0}}, after=timedelta(days=7))
    report = _run(city)
    assert (report.raised, report.extended) == ((), (first,))
    (found,) = city.signals()
    assert (found.first_period, found.last_period, found.observed) == (this_week, this_week + 1, 6.0)
    assert [entry["observed"] for entry in found.evidence["periods"]] == [7.0, 6.0]
    assert say(found.why[-1], "en") == "2 weeks passed the bound between 2026 week 27 and 2026 week 28."
    assert found.number == "2026-0001"
    city.deliver({CHIBI: {this_week + 2: 40.0}}, after=timedelta(days=7))
    report = _run(city)
    assert len(report.raised) == 1
    assert [one.level_hint for one in city.signals()] == ["blue", "yellow"]
    with city.world.read() as connection:
        kinds = [entry.kind for entry in events_after(connection, 0) if entry.kind.startswith("signal.")]
    assert kinds == ["signal.raised", "signal.extended", "signal.raised"]


@pytest.mark.parametrize(("gap", "cases", "extends"), [(1, 8.0, True), (3, 20.0, True), (4, 20.0, False)])
def test_days_between_decide_whether_a_signal_goes_on(
    city: Any,
    quiet_weeks: Weeks,
    this_week: int,
    make_measles_rule: MakeRule,
    gap: int,
    cases: float,
    extends: bool,
) -> None:
    """extend_days 14: after two quiet weeks it still extends, after three it does not."""
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    _run(city)
    between: Weeks = {this_week + step: 1.0 for step in range(1, gap)}
    city.deliver({CHIBI: {**between, this_week + gap: cases}}, after=timedelta(weeks=gap))
    report = _run(city)
    assert (len(report.extended), len(report.raised)) == ((1, 0) if extends else (0, 1))


def test_an_earlier_period_extends_backwards_without_changing_the_title(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    without = {period: value for period, value in quiet_weeks.items() if period != this_week - 1}
    city.deliver({CHIBI: {**without, this_week: 7.0}})
    _run(city)
    (before,) = city.signals()
    city.deliver({CHIBI: {this_week - 1: 9.0}}, after=timedelta(days=2))
    assert len(_run(city).extended) == 1
    (after,) = city.signals()
    assert (after.first_period, after.last_period) == (this_week - 1, this_week)
    assert (after.title, after.observed) == (before.title, 7.0)


def test_a_correction_takes_the_ground_from_a_signal_and_says_so(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    _run(city)
    city.deliver({CHIBI: {this_week: 2.0}}, after=timedelta(hours=5))
    report = _run(city)
    assert (len(report.revised), report.alarms) == (1, 0)
    (found,) = city.signals()
    assert (found.holds, found.observed, found.evidence["periods"][0]["observed_now"]) == (False, 7.0, 2.0)
    assert (
        say(found.why[-1], "en") == "After a correction 2026 week 27 has 2 cases: the rule no longer says so."
    )
    assert city.signals(only_holding=True) == []
    city.deliver({CHIBI: {this_week: 8.0}}, after=timedelta(hours=5))
    assert len(_run(city).revised) == 1
    (found,) = city.signals()
    assert (found.holds, found.observed) == (True, 8.0)
    assert say(found.title, "en").startswith("Measles in Chibi: 8 cases")
    assert any(say(one, "en").startswith("The value was 2 cases until") for one in found.why)


def test_a_withdrawal_takes_the_ground_too(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    _run(city)
    city.deliver({CHIBI: {this_week: None}}, after=timedelta(hours=5))
    assert len(_run(city).revised) == 1
    (found,) = city.signals()
    assert not found.holds
    assert say(found.why[-1], "zh") == "2026年第27周的数值已撤回：规则不再如此判定。"


def test_late_data_say_what_the_rule_would_have_said_then(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    """The source is due within 24 h + 24 h after the week; these values come five days later."""
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}}, after=timedelta(days=5))
    _run(city)
    (found,) = city.signals()
    assert found.late
    late = next(one for one in found.why if one.key == "signal.why.late")
    assert say(late, "en") == (
        "The data came late: 2026 week 27 ended at 2026-07-06 00:00, the value came at 2026-07-11 08:05. In time, "
        "the rule would have said then what it says now."
    )
    assert found.evidence["due_by"] == "2026-07-07T16:00:00+00:00"


def test_retrospective_values_are_never_raised_as_current(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 70.0}}, flags=Flag.RETROSPECTIVE)
    report = _run(city)
    assert (report.raised, report.cells, report.reasons) == ((), 0, {"retrospective": 12})
    assert not _run(city).wrote
    city.deliver({CHIBI: {this_week + 1: 80.0}}, after=timedelta(days=7))
    assert len(_run(city).raised) == 1


def test_what_cannot_be_decided_is_counted_in_the_run(
    city: Any, this_week: int, quiet_weeks: Weeks, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    short: Weeks = {this_week - back: 1.0 for back in range(3)}
    odd: Weeks = {**quiet_weeks, this_week - 1: -3.0, this_week: 2.0}
    city.deliver({CHIBI: short, ("measles", "421221"): odd})
    report = _run(city)
    assert sum(report.reasons.values()) == report.cells == 24
    assert report.reasons == {
        "incomplete_reference": 3, "missing_current": 8, "not_a_count": 1, "ok": 10, "short_history": 2,
    }  # fmt: skip
    with city.world.read() as connection:
        (kept,) = runs(connection, Scope.everything("test"), AsOf(10**9))
        assert (dict(kept.reasons), kept.cells, kept.input_seq) == (
            dict(report.reasons),
            24,
            report.input_seq,
        )
        assert runs(connection, NOTHING, AsOf(10**9)) == []


def test_the_first_run_looks_at_the_newest_periods_and_later_ones_skip_none(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    rule = make_measles_rule(extend_days=0)
    city.install(rule)
    peaks = dict.fromkeys((30, 5), 30.0)
    past: Weeks = {this_week - back: peaks.get(back, 1.0 + back % 2) for back in range(50, -1, -1)}
    city.deliver({CHIBI: past})
    _run(city)
    assert [one.last_period for one in city.signals()] == [this_week - 5]
    later: Weeks = {this_week + step: 30.0 if step == 12 else 1.0 + step % 2 for step in range(1, 21)}
    city.deliver({CHIBI: later}, after=timedelta(weeks=20))
    report = _run(city)
    assert report.cells == 20
    assert [one.last_period for one in city.signals()] == [this_week - 5, this_week + 12]


def test_as_of_decides_what_a_run_may_see(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    before = city.deliver({CHIBI: quiet_weeks})
    city.deliver({CHIBI: {this_week: 7.0}})
    assert _run(city, as_of=AsOf(before)).raised == ()
    assert len(_run(city).raised) == 1
    with pytest.raises(ParameterError, match="as_of must not be before"):
        _run(city, as_of=AsOf(before))


def test_known_at_limits_to_what_the_world_could_know(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    now = city.clock.now()
    city.deliver({CHIBI: quiet_weeks}, known_at=now - timedelta(days=3))
    city.deliver({CHIBI: {this_week: 7.0}}, known_at=now - timedelta(days=1))
    report = _run(city, as_of=AsOf(city.world.head(), now - timedelta(days=2)))
    assert report.raised == ()
    assert len(_run(city).raised) == 1
    (found,) = city.signals()
    assert found.input_known_at is None


def test_a_new_version_of_a_rule_does_not_repeat_what_the_old_one_said(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    one_level = {"levels": (("blue", 0.0),)}
    city.install(make_measles_rule(**one_level))
    city.deliver(
        {CHIBI: {**quiet_weeks, this_week: 7.0}, ("measles", "421221"): {**quiet_weeks, this_week: 2.5}}
    )
    _run(city)
    (rule,) = city.install(make_measles_rule(parameters={"threshold": 1.5}, **one_level), version="1.1.0")
    assert rule.version == 2
    report = _run(city)
    assert report.reasons["already_signalled"] == 1
    assert [(one.area_code, one.rule_version) for one in city.signals()] == [("421281", 1), ("421221", 2)]


def test_the_same_inputs_give_the_same_signal_in_two_worlds(
    city: Any, drill: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    for place in (city, drill):
        place.install(make_measles_rule())
        place.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
        _run(place)
    assert _content(city.signals()[0]) == _content(drill.signals()[0])


def test_a_crash_before_the_write_loses_nothing(
    city: Any,
    quiet_weeks: Weeks,
    this_week: int,
    make_measles_rule: MakeRule,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    head = city.world.head()
    with monkeypatch.context() as patched:
        patched.setattr(running, "_note_run", _die)
        with pytest.raises(ZeroDivisionError):
            _run(city)
    assert (city.world.head(), city.signals()) == (head, [])
    assert len(_run(city).raised) == 1


def _die(*_: object) -> None:
    raise ZeroDivisionError


def test_two_workers_never_raise_one_signal_twice(
    city: Any,
    quiet_weeks: Weeks,
    this_week: int,
    make_measles_rule: MakeRule,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second worker runs to the end while the first one is between looking and writing."""
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    reports: list[RunReport] = []

    def look_and_be_overtaken(*args: Any, **more: Any) -> Any:
        found = look_at(*args, **more)
        with monkeypatch.context() as patched:
            patched.setattr(running, "look_at", look_at)
            if not reports:
                reports.append(_run(city))
        return found

    monkeypatch.setattr(running, "look_at", look_and_be_overtaken)
    outer = _run(city)
    assert (len(reports[0].raised), outer.wrote, outer.raised) == (1, False, ())
    assert len(city.signals()) == 1


def test_workers_in_threads_agree(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    threads = [threading.Thread(target=_run, args=(city,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(city.signals()) == 1


def test_due_rules_run_once_and_a_broken_one_stops_no_other(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    broken = make_measles_rule(
        code="a.broken",
        indicators=("river.level",),
        area_kinds=(),
        method="farrington_flexible",
        parameters={},
    )
    city.install(broken, make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    city.deliver({("river.level", "421281"): {500000: 1.0, 500001: 2.0}}, source="gauge")
    due = run_due(city.world)
    assert [(report.rule_code, len(report.raised)) for report in due.reports] == [("measles.rise", 1)]
    (failure,) = due.failures
    assert (failure.rule_code, failure.indicator_code, failure.error.key) == (
        "a.broken",
        "river.level",
        "analysis.rule.cannot_run",
    )
    assert run_due(city.world).reports == ()
    with pytest.raises(ConfigurationError, match="'a.broken' cannot run on river.level"):
        _run(city, "a.broken")


def test_a_rule_without_data_is_noted_once(city: Any, make_measles_rule: MakeRule) -> None:
    city.install(make_measles_rule())
    (report,) = run_due(city.world).reports
    assert (report.wrote, report.series, report.cells) == (True, 0, 0)
    assert run_due(city.world).reports == ()


def test_a_preview_writes_nothing(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    (rule,) = city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    head = city.world.head()
    (look,) = preview_rule(city.world, rule)
    assert [(cell.period, cell.observed, cell.alarm) for cell in look.cells] == [(this_week, 7.0, True)]
    assert city.world.head() == head


def test_only_active_rules_run(city: Any, make_measles_rule: MakeRule) -> None:
    city.install(make_measles_rule())
    city.install(version="2.0.0")
    with pytest.raises(ConflictError, match="it is retired"):
        _run(city)
    with pytest.raises(NotFoundError, match="there are: measles.rise"):
        _run(city, "nowhere")


def test_questions_about_the_past_give_the_same_bytes(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver({CHIBI: {**quiet_weeks, this_week: 7.0}})
    (public_id,) = _run(city).raised
    then = city.now()

    def asked() -> bytes:
        with city.world.read() as connection:
            everything = Scope.everything("test")
            answers = (
                signals(connection, everything, then),
                signal_page(connection, everything, then),
                signal_history(connection, everything, then, public_id),
                runs(connection, everything, then),
            )
        return repr(answers).encode()

    before = asked()
    city.deliver({CHIBI: {this_week: 2.0, this_week + 1: 9.0}}, after=timedelta(days=7))
    assert _run(city).wrote
    assert asked() == before
    with city.world.read() as connection:
        assert len(signal_history(connection, Scope.everything("test"), AsOf(10**9), public_id)) == 2


def test_scopes_see_their_own_signals(
    city: Any, quiet_weeks: Weeks, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule())
    city.deliver(
        {CHIBI: {**quiet_weeks, this_week: 7.0}, ("measles", "421221"): {**quiet_weeks, this_week: 7.0}}
    )
    _run(city)
    chibi = Scope(("CN/420000/421200/421281/",), None, 1, "test")
    with city.world.read() as connection:
        (seen,) = signals(connection, chibi, AsOf(10**9))
        assert seen.area_code == "421281"
        assert signals(connection, NOTHING, AsOf(10**9)) == []
        assert signal_page(connection, NOTHING, AsOf(10**9)).total == 0
        with pytest.raises(NotFoundError):
            signal(connection, NOTHING, AsOf(10**9), seen.public_id)
        assert signal_numbered(connection, chibi, AsOf(10**9), seen.number) == seen
        with pytest.raises(NotFoundError):
            signal_numbered(connection, chibi, AsOf(10**9), "2026-9999")
        page = signal_page(
            connection, Scope.everything("test"), AsOf(10**9), limit=1, area_prefix="CN/420000/"
        )
        assert (len(page.signals), page.total) == (1, 2)


def test_the_list_of_signals_is_read_from_its_index(world: World, city: Any) -> None:
    query = queries._signals_now(Scope.everything("test"), AsOf(1))
    column = tables.signal.c
    query = query.order_by(column.raised_at.desc(), column.serial.desc(), column.public_id.desc()).limit(50)
    text = str(query.compile(world.engine, compile_kwargs={"literal_binds": True}))
    with world.read() as connection:
        if world.dialect == "sqlite":
            ask = "EXPLAIN QUERY PLAN"
        else:
            ask = "EXPLAIN"
            for way in ("seqscan", "bitmapscan", "sort"):  # the table is too small to be worth an index
                connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{ask} {text}"))
    assert "ix_signal_raised" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort " not in plan
