"""From values that were looked at to new versions of signals. Pure: nothing here reads or writes.

What becomes of an alarm, in this order:

1. A signal of this version of the rule has the period already: it is *revised* where the numbers differ. When the
   level is now higher, a new signal is raised.
2. A signal of an earlier version of the rule has the period at the same or a higher level: nothing, it is counted.
3. A signal of this version on the series, at the same or a higher level, lies within ``extend_days``: it is
   *extended*. Days are counted from the end of the one period to the start of the other, so that a period that
   follows directly extends always.
4. Otherwise a signal is *raised*.

A value that is no alarm takes the ground from a signal that rests on it (*revised*, ``holds`` is False when nothing is
left), and ends the signal of a limit that lies before it (*ended*). Both leave the triage to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal

import anlan
from anlan.analysis.facts import IndicatorFacts, PlaceFacts
from anlan.analysis.looking import Cell
from anlan.analysis.types import LevelName, Rule, Signal, level_rank
from anlan.analysis.wording import (
    Arrival,
    because,
    changed_reason,
    limit_ended,
    title,
    went_on,
    with_sentence,
)
from anlan.registry.calendars import Calendar
from anlan.store import AsOf, new_public_id
from anlan.texts import Sentence

__all__ = ["Change", "Context", "Numbering", "Plan", "plan"]

ChangeKind = Literal["raised", "extended", "revised", "ended"]


@dataclass
class Numbering:
    """Gives signals their number within the year: ``2026-0147``."""

    year: int
    serial: int

    def next(self) -> dict[str, Any]:
        self.serial += 1
        return {"number": f"{self.year}-{self.serial:04d}"}


@dataclass(frozen=True)
class Context:
    """What all signals of a run share."""

    rule: Rule
    indicator: IndicatorFacts
    places: PlaceFacts
    as_of: AsOf
    now: datetime
    node_id: str
    arrivals: Mapping[tuple[int, int], Arrival]


@dataclass(frozen=True)
class Change:
    """A new version of a signal and what it is about."""

    signal: Signal
    kinds: tuple[ChangeKind, ...]


@dataclass
class Plan:
    """All changes of a run, and the alarms that were signalled by an earlier version of the rule."""

    changes: list[Change] = field(default_factory=list)
    already_signalled: int = 0

    def ids(self, kind: ChangeKind) -> tuple[str, ...]:
        return tuple(change.signal.public_id for change in self.changes if kind in change.kinds)


def plan(context: Context, cells: Iterable[Cell], existing: Iterable[Signal], numbering: Numbering) -> Plan:
    """Decide what becomes of each value.

    Parameters
    ----------
    context : Context
    cells : iterable of Cell
        In order of series and period.
    existing : iterable of Signal
        The newest version of every signal of the rule on these series, whatever its version.
    numbering : Numbering
        Where numbers of new signals come from.
    """
    by_series: dict[int | None, list[Signal]] = {}
    for signal in existing:
        by_series.setdefault(signal.series_id, []).append(signal)
    made = Plan()
    for series_id, group in groupby(cells, key=lambda cell: cell.series.id):
        series = _Series(context, by_series.get(series_id, []), numbering)
        for cell in group:
            series.take(cell)
        made.changes += series.changes()
        made.already_signalled += series.already_signalled
    return made


class _Series:
    """The signals of one series while its values are taken one by one."""

    def __init__(self, context: Context, signals: Sequence[Signal], numbering: Numbering) -> None:
        self._context = context
        self._numbering = numbering
        self._signals = {signal.public_id: signal for signal in signals}
        self._kinds: dict[str, list[ChangeKind]] = {}
        self.already_signalled = 0

    def changes(self) -> list[Change]:
        return [Change(self._signals[one], tuple(kinds)) for one, kinds in self._kinds.items()]

    def take(self, cell: Cell) -> None:
        if cell.alarm:
            self._take_alarm(cell)
        else:
            self._take_quiet(cell)

    def _take_alarm(self, cell: Cell) -> None:
        level = self._context.rule.level_for(cell.score)
        covering = self._covering(cell.period, same_version=True)
        high_enough = [one for one in covering if level_rank(one.level_hint) >= level_rank(level)]
        if high_enough:
            for signal in covering:
                self._revise(signal, cell)
            return
        earlier = self._covering(cell.period, same_version=False)
        if any(level_rank(one.level_hint) >= level_rank(level) for one in earlier):
            self.already_signalled += 1
            return
        near = [] if covering else self._near(cell.period, level)
        if near:
            self._extend(near[0], cell)
        else:
            signal = _raised(self._context, cell, level, self._numbering)
            self._note(signal, "raised")

    def _take_quiet(self, cell: Cell) -> None:
        for signal in self._covering(cell.period, same_version=True):
            if _entry(signal, cell.period)["holds"]:
                self._lose_ground(signal, cell)
        if self._context.rule.kind != "limit" or cell.observed is None:
            return
        for signal in list(self._signals.values()):
            if signal.ended_at is None and signal.last_period < cell.period:
                why = with_sentence(signal.why, limit_ended(self._context.indicator, cell))
                self._note(replace(signal, ended_at=self._context.now, why=why), "ended")

    def _covering(self, period: int, *, same_version: bool) -> list[Signal]:
        version = self._context.rule.version
        found = [
            one
            for one in self._signals.values()
            if (one.rule_version == version) == same_version
            and any(entry["period"] == period for entry in one.evidence["periods"])
        ]
        return sorted(found, key=lambda one: -level_rank(one.level_hint))

    def _near(self, period: int, level: LevelName) -> list[Signal]:
        """Signals that this period continues, the closest first."""
        rule, calendar = self._context.rule, self._context.indicator.calendar
        gaps = {
            one.public_id: _gap(calendar, one, period)
            for one in self._signals.values()
            if one.rule_version == rule.version and level_rank(one.level_hint) >= level_rank(level)
        }
        close = [one for one, gap in gaps.items() if gap <= timedelta(days=rule.extend_days)]
        return [self._signals[one] for one in sorted(close, key=lambda one: (gaps[one], one))]

    def _extend(self, signal: Signal, cell: Cell) -> None:
        newest = cell.period > signal.last_period
        after = _with_entry(self._context, signal, cell)
        if newest:
            after = _restated(self._context, after, cell)
        after = replace(
            after,
            first_period=min(signal.first_period, cell.period),
            last_period=max(signal.last_period, cell.period),
            ended_at=None if newest else signal.ended_at,
        )
        self._note(_counted(self._context, after), "extended")

    def _revise(self, signal: Signal, cell: Cell) -> None:
        before = _entry(signal, cell.period)
        after = _with_entry(self._context, signal, cell)
        if _numbers(_entry(after, cell.period)) == _numbers(before):
            return
        if cell.period == signal.last_period:
            after = _restated(self._context, after, cell)
        self._note(_counted(self._context, after), "revised")

    def _lose_ground(self, signal: Signal, cell: Cell) -> None:
        entries = [
            {**entry, "holds": False, "observed_now": cell.observed}
            if entry["period"] == cell.period
            else entry
            for entry in signal.evidence["periods"]
        ]
        after = replace(
            signal,
            evidence={**signal.evidence, "periods": entries},
            holds=any(entry["holds"] for entry in entries),
            why=with_sentence(signal.why, changed_reason(self._context.indicator, cell)),
        )
        self._note(after, "revised")

    def _note(self, signal: Signal, kind: ChangeKind) -> None:
        context = self._context
        if kind != "raised":
            signal = replace(
                signal,
                changed_at=context.now,
                input_seq=context.as_of.seq,
                input_known_at=context.as_of.known_at,
                code_version=anlan.__version__,
            )
        self._signals[signal.public_id] = signal
        kinds = self._kinds.setdefault(signal.public_id, [])
        # What happens to a signal in the run that raises it is part of raising it.
        if kind not in kinds and not ("raised" in kinds and kind in ("extended", "revised")):
            kinds.append(kind)
        if kind == "extended" and "ended" in kinds and signal.ended_at is None:
            kinds.remove("ended")


def _gap(calendar: Calendar, signal: Signal, period: int) -> timedelta:
    if period > signal.last_period:
        return calendar.start_of(period) - calendar.end_of(signal.last_period)
    if period < signal.first_period:
        return calendar.start_of(signal.first_period) - calendar.end_of(period)
    return timedelta(0)


def _entry(signal: Signal, period: int) -> Mapping[str, Any]:
    return next(entry for entry in signal.evidence["periods"] if entry["period"] == period)


def _numbers(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry.get(name) for name in ("observed", "expected", "upper", "p_value", "score", "holds")}


def _new_entry(calendar: Calendar, cell: Cell) -> dict[str, Any]:
    return {
        "period": cell.period,
        "text": calendar.text(cell.period),
        "observed": cell.observed,
        "expected": cell.expected,
        "upper": cell.upper,
        "p_value": cell.p_value,
        "score": cell.score,
        "flags": cell.flags,
        "qualifier": cell.qualifier,
        "holds": True,
    }


def _with_entry(context: Context, signal: Signal, cell: Cell) -> Signal:
    kept = [entry for entry in signal.evidence["periods"] if entry["period"] != cell.period]
    kept.append(_new_entry(context.indicator.calendar, cell))
    kept.sort(key=lambda entry: int(entry["period"]))
    return replace(signal, evidence={**signal.evidence, "periods": kept}, holds=True)


def _restated(context: Context, signal: Signal, cell: Cell) -> Signal:
    """The signal with numbers, title and reasons of its newest period."""
    arrival = context.arrivals.get((cell.series.id, cell.period))
    return replace(
        signal,
        observed=cell.observed,
        expected=cell.expected,
        upper=cell.upper,
        p_value=cell.p_value,
        score=cell.score,
        late=arrival is not None and arrival.late,
        evidence={**signal.evidence, **_about(context, cell, arrival)},
        title=title(context.rule, context.indicator, context.places, cell),
        why=because(context.rule, context.indicator, cell, arrival),
    )


def _counted(context: Context, signal: Signal) -> Signal:
    periods = [int(entry["period"]) for entry in signal.evidence["periods"] if entry["holds"]]
    if len(periods) < 2:
        return signal
    return replace(signal, why=with_sentence(signal.why, went_on(context.indicator, periods)))


def _about(context: Context, cell: Cell, arrival: Arrival | None) -> dict[str, Any]:
    calendar = context.indicator.calendar
    return {
        "method": context.rule.method,
        "parameters": dict(context.rule.parameters),
        "reason": cell.reason.name.lower(),
        "history_years": cell.history_years,
        "history_first": calendar.text(cell.history_first),
        "extra": dict(cell.extra),
        "unit": context.indicator.unit,
        "period_ended_at": calendar.end_of(cell.period).isoformat(),
        "arrived_at": None if arrival is None else arrival.arrived_at.isoformat(),
        "due_by": None if arrival is None else arrival.due_by.isoformat(),
        "batch": None if arrival is None else arrival.batch,
        "value_before": None if arrival is None else arrival.before,
    }


def _raised(context: Context, cell: Cell, level: LevelName, numbering: Numbering) -> Signal:
    rule, series = context.rule, cell.series
    arrival = context.arrivals.get((series.id, cell.period))
    blank = Signal(
        public_id=new_public_id(),
        known_seq=0,
        node_id=context.node_id,
        **numbering.next(),
        kind="limit" if rule.kind == "limit" else "detector",
        rule_code=rule.code,
        rule_version=rule.version,
        code_version=anlan.__version__,
        hazard=rule.hazard,
        series_id=series.id,
        source_code=None if arrival is None else arrival.source_code,
        indicator_code=context.indicator.code,
        stratum=series.stratum,
        site_code=series.site_code,
        area_code=series.area_code,
        area_path=series.area_path,
        domain=series.domain,
        sensitivity=series.sensitivity,
        calendar=context.indicator.calendar,
        first_period=cell.period,
        last_period=cell.period,
        observed=None,
        expected=None,
        upper=None,
        p_value=None,
        score=None,
        level_hint=level,
        holds=True,
        late=False,
        evidence={"periods": [_new_entry(context.indicator.calendar, cell)]},
        title=Sentence("", {}),
        why=(),
        input_seq=context.as_of.seq,
        input_known_at=context.as_of.known_at,
        raised_at=context.now,
        changed_at=context.now,
        ended_at=None,
    )
    return _restated(context, blank, cell)
