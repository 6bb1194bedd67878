"""Silence: the quiet station (story 4), sources that never delivered, and what ends a silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from anlan.analysis import say
from anlan.analysis.queries import silent
from anlan.analysis.running import run_due
from anlan.analysis.silence import check_silence
from anlan.registry.actions import edit_source
from anlan.registry.calendars import Calendar
from anlan.registry.pack_types import PackRule
from anlan.registry.queries import source
from anlan.store import NOTHING, SYSTEM, AsOf, Scope, verify

HOUR = Calendar(step="hour")
LEVEL = ("river.level", "421281")
Hours = dict[int, float | None]
Hourly = Callable[[int, list[float | None]], Hours]


def _at(city: Any, hour: int, minute: int = 0) -> None:
    """Set the clock to a time of 7 July 2026 in Xianning."""
    city.clock.moment = datetime(2026, 7, 6, 16, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)


def _hour(hour: int) -> int:
    return HOUR.period_of(datetime(2026, 7, 6, 16, tzinfo=UTC) + timedelta(hours=hour))


def _gauge(city: Any) -> list[Any]:
    return [one for one in city.signals(kinds=("silence",)) if one.source_code == "gauge"]


def test_the_quiet_station(city: Any, hourly: Hourly, make_level_rule: Callable[..., Any]) -> None:
    """A gauge stops at 02:10, the board says so at 03:10, it is back at 05:00 with what it had kept."""
    city.install(make_level_rule())
    _at(city, 2, 10)
    city.deliver({LEVEL: hourly(_hour(0), [29.0, 29.4])}, source="gauge")
    run_due(city.world)
    _at(city, 3, 9)
    assert check_silence(city.world).raised == ()
    _at(city, 3, 10)
    (public_id,) = check_silence(city.world).raised
    (found,) = _gauge(city)
    assert (found.public_id, found.kind, found.is_open, found.first_period) == (
        public_id,
        "silence",
        True,
        _hour(2),
    )
    assert say(found.title, "en") == "No data from Lushui gauge since 2026-07-07 02:10"
    assert say(found.title, "zh") == "陆水站自 2026-07-07 02:10 起没有送来数据"
    assert say(found.why[-1], "en").endswith(
        "was due at 2026-07-07 03:00; with 10 minutes of grace it counts as missing from 2026-07-07 03:10."
    )
    assert found.evidence["silent_from"] == "2026-07-06T19:10:00+00:00"
    _at(city, 4, 30)
    head = city.world.head()
    assert check_silence(city.world).raised == ()
    assert city.world.head() == head
    _at(city, 5, 0)
    city.deliver({LEVEL: hourly(_hour(2), [30.2, 30.6, 30.1])}, source="gauge")
    assert check_silence(city.world).ended == (public_id,)
    (found,) = _gauge(city)
    assert (found.is_open, found.first_period, found.last_period) == (False, _hour(2), _hour(4))
    assert say(found.why[-1], "zh") == "2026-07-07 05:00 恢复送数。"
    # The rule now runs on what came late, and the signal says so.
    (report,) = run_due(city.world).reports
    (level,) = [one for one in city.signals() if one.public_id in report.raised]
    assert (level.kind, level.level_hint, level.holds, level.ended_at) == ("limit", "orange", True, None)
    assert [entry["observed"] for entry in level.evidence["periods"]] == [30.6, 30.1]
    assert level.raised_at == city.clock.now()
    assert verify(city.world, deep=True) == []


def test_what_the_rule_would_have_said_then(
    city: Any, hourly: Hourly, make_level_rule: Callable[..., Any]
) -> None:
    city.install(make_level_rule())
    _at(city, 5, 0)
    city.deliver({LEVEL: hourly(_hour(0), [29.0, 30.2, 30.6, 29.9])}, source="gauge")
    run_due(city.world)
    (found,) = city.signals(kinds=("limit",))
    assert found.late
    late = next(one for one in found.why if one.key == "signal.why.late")
    assert "ended at 2026-07-07 04:00, the value came at 2026-07-07 05:00" in say(late, "en")
    assert "would have said then" in say(late, "en")


def test_a_source_that_never_delivered_is_expected_from_its_registration(city: Any) -> None:
    assert check_silence(city.world).raised == ()
    city.clock.advance(timedelta(hours=2))
    (public_id,) = check_silence(city.world).raised
    (found,) = _gauge(city)
    assert say(found.title, "en") == "Lushui gauge has not delivered anything yet"
    # Registered on Monday 08:05; the week ends on the 13th, due on the 14th, silent on the 15th at 00:00.
    city.clock.moment = datetime(2026, 7, 14, 15, 59, tzinfo=UTC)
    assert check_silence(city.world).raised == ()
    city.clock.moment = datetime(2026, 7, 14, 16, 0, tzinfo=UTC)
    assert len(check_silence(city.world).raised) == 1


def test_a_delivery_before_the_end_of_its_period_counts_for_it(city: Any, hourly: Hourly) -> None:
    _at(city, 2, 50)
    city.deliver({LEVEL: hourly(_hour(2), [29.0])}, source="gauge")
    _at(city, 3, 30)
    assert check_silence(city.world).raised == ()
    _at(city, 4, 10)
    assert len(check_silence(city.world).raised) == 1


def test_falling_silent_again_soon_goes_on_with_the_same_signal(city: Any, hourly: Hourly) -> None:
    _at(city, 2, 10)
    city.deliver({LEVEL: hourly(_hour(1), [29.0])}, source="gauge")
    _at(city, 3, 10)
    (public_id,) = check_silence(city.world).raised
    city.deliver({LEVEL: hourly(_hour(2), [29.0])}, source="gauge")
    assert check_silence(city.world).ended == (public_id,)
    _at(city, 9, 0)
    assert check_silence(city.world).extended == (public_id,)
    (found,) = _gauge(city)
    assert found.is_open
    assert len(found.evidence["before"]) == 1
    assert say(found.why[-1], "en") == "It had fallen silent before and was back from 2026-07-07 03:10."
    city.deliver({LEVEL: hourly(_hour(8), [29.0])}, source="gauge")
    check_silence(city.world)
    _at(city, 60, 0)
    assert len(check_silence(city.world).raised) == 1  # more than a day later it is another one


def test_a_rule_of_the_pack_gives_the_level_and_a_retired_one_stops_watching(
    city: Any, hourly: Hourly
) -> None:
    watch = PackRule(
        code="gauge.silent", names={"zh": "水位站断数", "en": "Gauge silent"}, method="silence", parameters={},
        extend_days=1, sources=("gauge",), levels=(("yellow", 0.0),),
    )  # fmt: skip
    city.install(watch)
    _at(city, 2, 10)
    city.deliver({LEVEL: hourly(_hour(1), [29.0])}, source="gauge")
    _at(city, 9, 0)
    check_silence(city.world)
    (found,) = _gauge(city)
    assert (found.rule_code, found.level_hint) == ("gauge.silent", "yellow")
    city.install(version="2.0.0")
    assert check_silence(city.world).ended == (found.public_id,)
    assert check_silence(city.world).raised == ()


def test_a_retired_source_is_not_silent(city: Any, hourly: Hourly) -> None:
    _at(city, 2, 10)
    city.deliver({LEVEL: hourly(_hour(1), [29.0])}, source="gauge")
    _at(city, 9, 0)
    (public_id,) = check_silence(city.world).raised
    with city.world.read() as connection:
        seq = source(connection, Scope.everything("test"), AsOf(10**9), "gauge").known_seq
    with city.world.write(SYSTEM) as tx:
        edit_source(tx, "gauge", expected_seq=seq, retired=True)
    assert check_silence(city.world).ended == (public_id,)
    (found,) = _gauge(city)
    assert say(found.why[-1], "en") == "The source is no longer expected to deliver."


def test_the_silent_list_is_scoped_and_answers_for_the_past(city: Any, hourly: Hourly) -> None:
    _at(city, 2, 10)
    city.deliver({LEVEL: hourly(_hour(1), [29.0])}, source="gauge")
    _at(city, 9, 0)
    check_silence(city.world)
    then = city.now()
    city.deliver({LEVEL: hourly(_hour(8), [29.0])}, source="gauge")
    check_silence(city.world)
    with city.world.read() as connection:
        everything = Scope.everything("test")
        assert [one.source_code for one in silent(connection, everything, then)] == ["gauge"]
        assert silent(connection, everything, AsOf(10**9)) == []
        assert silent(connection, NOTHING, then) == []
