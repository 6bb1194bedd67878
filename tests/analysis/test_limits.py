"""Rules of kind limit: value, duration, hysteresis, and how a limit's signal ends and comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from anlan.analysis import chart, say
from anlan.analysis.running import run_due
from anlan.errors import NotFoundError
from anlan.registry.calendars import Calendar
from anlan.store import NOTHING, AsOf, Scope

HOUR = Calendar(step="hour")
LEVEL = ("river.level", "421281")
MakeRule = Callable[..., Any]
Hourly = Callable[[int, list[float | None]], dict[int, float | None]]


@pytest.fixture
def start(city: Any) -> int:
    """The hour 06:00-07:00 of 6 July 2026, two hours before the tests' clock."""
    return HOUR.period_of(datetime(2026, 7, 5, 22, tzinfo=UTC))


def test_a_limit_must_be_passed_for_its_duration(
    city: Any, start: int, hourly: Hourly, make_level_rule: MakeRule
) -> None:
    city.install(make_level_rule())
    city.deliver({LEVEL: hourly(start - 5, [29.0, 30.0, 29.9, 29.0, 30.0])}, source="gauge")
    run_due(city.world)
    assert city.signals() == []
    city.deliver({LEVEL: hourly(start, [30.0])}, source="gauge")
    run_due(city.world)
    (found,) = city.signals()
    assert (found.kind, found.first_period, found.expected, found.upper, found.p_value) == (
        "limit",
        start,
        None,
        30.0,
        None,
    )
    assert say(found.title, "en") == (
        "Water level in Chibi: 30.00 m at 6 July 2026 06:00 (06:00–07:00), the limit is 30.00 m"
    )
    assert say(found.why[1], "en") == "Value 30.00 m, limit 30.00 m, beyond it for 2 hours in a row."


def test_hysteresis_holds_and_the_signal_ends_and_comes_back(
    city: Any, start: int, hourly: Hourly, make_level_rule: MakeRule
) -> None:
    city.install(make_level_rule(extend_days=1))
    city.deliver({LEVEL: hourly(start - 3, [30.1, 30.2, 29.8, 29.6])}, source="gauge")
    run_due(city.world)
    (found,) = city.signals()
    assert (found.last_period, found.ended_at) == (start, None)
    assert "not yet back" in say(found.title, "en")
    city.deliver({LEVEL: hourly(start + 1, [29.5])}, source="gauge", after=timedelta(hours=1))
    (report,) = run_due(city.world).reports
    assert report.ended == (found.public_id,)
    (found,) = city.signals()
    assert found.ended_at == city.clock.now()
    assert say(found.why[-1], "en").endswith("29.50 m: the value is back, the alarm has ended.")
    assert city.signals(only_open=True) == []
    city.deliver({LEVEL: hourly(start + 2, [30.4, 30.5])}, source="gauge", after=timedelta(hours=2))
    (report,) = run_due(city.world).reports
    assert report.extended == (found.public_id,)
    assert city.signals(only_open=True)[0].observed == 30.5


def test_an_alarm_that_is_over_within_one_run_is_raised_and_ended(
    city: Any, start: int, hourly: Hourly, make_level_rule: MakeRule
) -> None:
    city.install(make_level_rule())
    city.deliver({LEVEL: hourly(start - 5, [30.1, 30.2, 29.0, 29.0, 29.0, 29.0])}, source="gauge")
    (report,) = run_due(city.world).reports
    assert len(report.raised) == len(report.ended) == 1
    (found,) = city.signals()
    assert found.ended_at is not None


def test_a_missing_value_neither_raises_nor_ends(
    city: Any, start: int, hourly: Hourly, make_level_rule: MakeRule
) -> None:
    city.install(make_level_rule())
    city.deliver(
        {LEVEL: hourly(start - 2, [30.1, 30.2]), ("river.level", "421221"): hourly(start, [1.0])},
        source="gauge",
    )
    (report,) = run_due(city.world).reports
    assert report.reasons["held"] == 1
    (found,) = city.signals()
    assert (found.last_period, found.ended_at) == (start - 1, None)


def test_a_lower_limit_and_its_words(
    city: Any, start: int, hourly: Hourly, make_level_rule: MakeRule
) -> None:
    low = make_level_rule(
        code="oxygen.low", indicators=("oxygen",), parameters={"limit": 2.0, "direction": "below"},
        levels=(("yellow", 0.0), ("red", 2.0)),
    )  # fmt: skip
    city.install(low)
    city.deliver(
        {("oxygen", "421281"): hourly(start, [1.6]), ("oxygen", "421221"): hourly(start, [0.8])},
        source="gauge",
    )
    run_due(city.world)
    found = {one.area_code: one for one in city.signals()}
    assert say(found["421281"].title, "zh").endswith("1.6 mg/L，低于限值 2.0 mg/L")
    assert {code: one.level_hint for code, one in found.items()} == {"421281": "yellow", "421221": "red"}


def test_the_chart_runs_the_rule_of_the_signal_again(
    city: Any, start: int, hourly: Hourly, make_level_rule: MakeRule
) -> None:
    city.install(make_level_rule())
    city.deliver({LEVEL: hourly(start - 3, [29.0, 30.1, 30.2, None])}, source="gauge")
    run_due(city.world)
    (found,) = city.signals()
    then = city.now()
    everything = Scope.everything("test")
    with city.world.read() as connection:
        made = chart(connection, everything, then, found.public_id)
        assert made.observed == (29.0, 30.1, 30.2)
        assert (made.upper, made.alarm) == ((30.0,) * 3, (False, False, True))
        assert made.periods == (start - 3, start - 2, start - 1)
        assert chart(connection, everything, then, found.public_id, last_n=1).periods == (start - 1,)
        with pytest.raises(NotFoundError):
            chart(connection, NOTHING, then, found.public_id)
    city.deliver({LEVEL: hourly(start, [31.0])}, source="gauge", after=timedelta(hours=1))
    with city.world.read() as connection:
        assert chart(connection, everything, then, found.public_id) == made
        assert chart(connection, everything, AsOf(10**9), found.public_id).observed[-1] == 31.0
