"""From values to signals without a database: what must hold however the values come in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.analysis.charts import _shown
from anlan.analysis.drafting import Context, Numbering, plan
from anlan.analysis.facts import IndicatorFacts, PlaceFacts
from anlan.analysis.looking import Cell
from anlan.analysis.types import Rule, Selector, Signal, level_rank
from anlan.registry.calendars import Calendar
from anlan.series import Series
from anlan.stats.counts import Reason
from anlan.store import AsOf

WEEK = Calendar(step="week")
MEASLES = IndicatorFacts("measles", {"zh": "麻疹", "en": "Measles"}, "case", "count", WEEK, 0, 1)
CHIBI = Series(1, "measles", "421281", "CN/420000/421200/421281/", "", "", "testing", 1, 1)
RULE = Rule(
    code="rise", kind="detector", domain="testing", names={"zh": "突增", "en": "Rise"}, method="ears_c2", parameters={},
    selector=Selector(indicators=("measles",)), levels=(("blue", 0.0), ("yellow", 2.0), ("red", 3.0)), extend_days=14,
    version=1,
)  # fmt: skip


def _cell(period: int, score: float | None) -> Cell:
    """A value with a score above 1 alarms; None is a week without a value."""
    alarm = score is not None and score > 1
    return Cell(
        series=CHIBI, period=period, observed=None if score is None else 10 * score, expected=0.0, upper=10.0,
        p_value=0.01, score=score, alarm=alarm, reason=Reason.OK, flags=0, qualifier=0, history_years=5.0,
        history_first=0, extra={},
    )  # fmt: skip


def _take(cells: Sequence[Cell], existing: Sequence[Signal], serial: int = 0) -> list[Signal]:
    context = Context(
        RULE, MEASLES, PlaceFacts({}, {}), AsOf(1), datetime(2026, 7, 6, tzinfo=UTC), "node", arrivals={}
    )
    made = plan(context, cells, existing, Numbering(2026, serial))
    changed = {change.signal.public_id: change.signal for change in made.changes}
    kept = [changed.pop(one.public_id, one) for one in existing]
    return [*kept, *changed.values()]


def _shape(signals: Sequence[Signal]) -> list[tuple[object, ...]]:
    return [
        (one.number, one.level_hint, one.first_period, one.last_period, one.observed, one.holds, str(one.evidence["periods"]))
        for one in signals
    ]  # fmt: skip


scores = st.lists(st.one_of(st.none(), st.floats(0, 5)), min_size=1, max_size=30)


@settings(deadline=None)
@given(scores=scores, cuts=st.lists(st.integers(0, 30), max_size=5))
def test_it_does_not_matter_in_how_many_runs_the_weeks_come(
    scores: list[float | None], cuts: list[int]
) -> None:
    cells = [_cell(period, score) for period, score in enumerate(scores, start=2900)]
    at_once = _take(cells, [])
    edges = sorted({0, len(cells), *(cut for cut in cuts if cut < len(cells))})
    in_parts: list[Signal] = []
    for start, stop in zip(edges, edges[1:], strict=False):
        in_parts = _take(cells[start:stop], in_parts, len(in_parts))
    assert _shape(in_parts) == _shape(at_once)


@settings(deadline=None)
@given(scores=scores)
def test_every_alarm_stands_in_a_signal_of_its_level_or_higher(scores: list[float | None]) -> None:
    cells = [_cell(period, score) for period, score in enumerate(scores, start=2900)]
    signals = _take(cells, [])
    for cell in cells:
        holding = [
            one for one in signals if any(entry["period"] == cell.period for entry in one.evidence["periods"])
        ]
        if cell.alarm:
            wanted = level_rank(RULE.level_for(cell.score))
            assert [one for one in holding if level_rank(one.level_hint) >= wanted]
        else:
            assert holding == []
    assert [one.number for one in signals] == [f"2026-{n:04d}" for n in range(1, len(signals) + 1)]


@settings(deadline=None)
@given(scores=scores)
def test_the_same_values_again_change_nothing(scores: list[float | None]) -> None:
    cells = [_cell(period, score) for period, score in enumerate(scores, start=2900)]
    signals = _take(cells, [])
    assert _take(cells, signals, len(signals)) == signals


@settings(deadline=None)
@given(scores=scores)
def test_when_all_values_turn_quiet_no_signal_holds_and_none_disappears(scores: list[float | None]) -> None:
    cells = [_cell(period, score) for period, score in enumerate(scores, start=2900)]
    signals = _take(cells, [])
    quiet = _take([_cell(cell.period, 0.0) for cell in cells], signals)
    assert [one.public_id for one in quiet] == [one.public_id for one in signals]
    assert not any(one.holds for one in quiet)


@given(length=st.integers(1, 500), signal=st.integers(0, 499), last_n=st.integers(1, 100))
def test_the_chart_always_shows_the_signal(length: int, signal: int, last_n: int) -> None:
    first = min(signal, length - 1)
    shown = _shown(length, first, first, last_n)
    assert first in shown
    assert shown[0] >= 0
    assert shown[-1] < length
    assert len(shown) <= 2 * last_n + 2
