"""Trying rules on the past, as it was known then: alarms, signals, events found, and how early.

The rule looks whenever something became known (``unfolding``), by the same code as a live run: the same window, the
same comparison with what it saw before, the same merging of alarms into signals. A correction is seen from the day on
which it was known, so what a later correction says of an old week cannot help or hurt the rule. What is measured:

- *alarms a year*, *signals a year*: over the tested periods of each indicator, added up over its indicators.
- *events found*: an alarm on a series in or below the area of the event, in a period that overlaps it.
- *delay*: from the start of the event (00:00 of that day) to the look that gave the first such alarm.
- *ahead*: from that look to the end of the day on which people recognised the event, where that is known.
- *taken back*: signals that later corrections left without ground.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from anlan.analysis.drafting import Context, Numbering, plan
from anlan.analysis.facts import EVERYTHING, IndicatorFacts, PlaceFacts, indicator_facts, place_facts
from anlan.analysis.looking import Look, look_over, selected_rows, window_of
from anlan.analysis.rulebook import check_rule
from anlan.analysis.trial_types import BASES, MOST_YEARS, Basis, KnownEvent, Tested, Trial, Tried
from anlan.analysis.types import Rule, Signal
from anlan.analysis.unfolding import State, Unfolding, learned_at
from anlan.errors import ConflictError, ParameterError
from anlan.registry.calendars import Calendar
from anlan.series import all_versions, series_list
from anlan.series.types import Flag, Series, SeriesValues
from anlan.stats.counts import Reason
from anlan.store import AsOf, Scope, World

__all__ = ["backtest"]

_DECIDED = {reason.name.lower() for reason in Reason if reason.is_decided}


def backtest(
    world: World,
    rules: Sequence[Rule],
    *,
    years: int = 5,
    events: Sequence[KnownEvent] = (),
    basis: Basis = "reported",
    as_of: AsOf | None = None,
    scope: Scope = EVERYTHING,
) -> Trial:
    """Try one rule, or two side by side, on the newest ``years`` years as they were known then. Writes nothing.

    Parameters
    ----------
    rules : one or two Rule
        Any version, also one that is not stored. The first is the one that is asked about.
    years : int, 1 to 30
    events : sequence of KnownEvent
        What should have been found.
    basis : {"reported", "received"}
        Whether a rule knows what the world could know by then (``known_at``), or what had reached this node.
    as_of : AsOf, optional
        Nothing that came to the node after this sequence is used; now if not given.
    scope : Scope
        Series that it does not see are left out.

    Returns
    -------
    Trial

    Raises
    ------
    ParameterError
        None or more than two rules, years or basis not accepted.
    ConfigurationError, ConflictError, NotFoundError
        A rule cannot be used, or is a silence rule; its indicator is not installed.
    """
    _check(rules, years, basis)
    asked = world.as_of() if as_of is None else as_of
    listed = tuple(events)
    with world.read() as connection:
        places = place_facts(connection, asked)
        past = _Past(connection, asked, scope, basis, years)
        tried = [_try(past, check_rule(rule), places, listed) for rule in rules]
        tested = tuple(past.tested[key] for key in sorted(past.tested))
    return Trial(years, basis, asked.seq, tested, listed, tuple(tried))


def _check(rules: Sequence[Rule], years: int, basis: str) -> None:
    wrong = [
        ("rules", "one rule or two", len(rules), len(rules) not in (1, 2)),
        ("years", f"an int >= 1 and <= {MOST_YEARS}", years, not 1 <= years <= MOST_YEARS),
        ("basis", "one of " + ", ".join(repr(one) for one in BASES), basis, basis not in BASES),
    ]
    for name, accepted, given, is_wrong in wrong:
        if is_wrong:
            raise ParameterError(
                f"{name} must be {accepted}. Got {given!r}.",
                key="analysis.backtest.argument",
                values={"name": name, "accepted": accepted, "given": str(given)},
            )
    for rule in rules:
        if rule.kind == "silence":
            raise ConflictError(
                f"the rule {rule.code!r} watches for silence; there are no values to try it on",
                key="analysis.backtest.silence",
                values={"code": rule.code},
            )


@dataclass
class _Past:
    """What is read once for all rules: the versions of an indicator's values, and what was tested of it."""

    connection: sa.Connection
    as_of: AsOf
    scope: Scope
    basis: Basis
    years: int
    tested: dict[str, Tested] = field(default_factory=dict)
    _series: dict[str, list[Series]] = field(default_factory=dict)
    _rows: dict[tuple[int, ...], SeriesValues] = field(default_factory=dict)

    def series(self, indicator: str) -> list[Series]:
        if indicator not in self._series:
            self._series[indicator] = series_list(
                self.connection, self.scope, self.as_of, indicator=indicator
            )
        return self._series[indicator]

    def unfolding(self, chosen: Sequence[Series], calendar: Calendar) -> Unfolding | None:
        ids = tuple(one.id for one in chosen)
        if ids not in self._rows:
            self._rows[ids] = all_versions(self.connection, self.scope, self.as_of, ids)
        rows = self._rows[ids]
        if not len(rows):
            return None
        return Unfolding(chosen, rows, learned_at(self.connection, rows, self.basis), calendar)

    def span(self, chosen: Sequence[Series], calendar: Calendar) -> tuple[int, int] | None:
        """First and last tested period: the newest ``years`` years that have values now."""
        rows = self._rows[tuple(one.id for one in chosen)]
        periods = rows.period[~np.isnan(rows.value)]
        if not len(periods):
            return None
        last = int(periods.max())
        return max(int(periods.min()), last - self.years * calendar.periods_per_year + 1), last


@dataclass
class _Sum:
    """What adds up over the indicators of a rule."""

    series: int = 0
    looks: int = 0
    judged: int = 0
    too_late: int = 0
    alarms_a_year: float = 0.0
    signals_a_year: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    alarms: list[_Alarm] = field(default_factory=list)
    signals: list[tuple[Signal, IndicatorFacts]] = field(default_factory=list)


@dataclass(frozen=True)
class _Alarm:
    """A period of a series that passed the bound, and the look that said so first."""

    series: Series
    period: int
    calendar: Calendar
    moment: datetime


def _try(past: _Past, rule: Rule, places: PlaceFacts, events: tuple[KnownEvent, ...]) -> Tried:
    total = _Sum()
    for code in rule.selector.indicators:
        indicator = indicator_facts(past.connection, past.as_of, code)
        _try_on(past, rule, indicator, places, total)
    delays, ahead, matched = _matched(events, total.alarms)
    years = Counter(alarm.calendar.date_of(alarm.period).year for alarm in total.alarms)
    raised = Counter(facts.calendar.date_of(one.first_period).year for one, facts in total.signals)
    outside = [one for one, _ in total.signals if not _covers(one, matched)]
    return Tried(
        code=rule.code,
        version=rule.version,
        names=dict(rule.names),
        method=rule.method,
        parameters=dict(rule.parameters),
        series=total.series,
        looks=total.looks,
        judged=total.judged,
        undecided={name: count for name, count in sorted(total.reasons.items()) if name not in _DECIDED},
        too_late=total.too_late,
        alarms=len(total.alarms),
        signals=len(total.signals),
        taken_back=sum(not one.holds for one, _ in total.signals),
        alarms_a_year=round(total.alarms_a_year, 6),
        signals_a_year=round(total.signals_a_year, 6),
        levels=dict(Counter(one.level_hint for one, _ in total.signals)),
        years=tuple((year, years[year], raised[year]) for year in sorted({*years, *raised})),
        outside_events=len(outside),
        delays=delays,
        ahead=ahead,
    )


def _try_on(past: _Past, rule: Rule, indicator: IndicatorFacts, places: PlaceFacts, total: _Sum) -> None:
    listed = past.series(indicator.code)
    chosen = [listed[row] for row in selected_rows(rule, listed, places)]
    unfolding = past.unfolding(chosen, indicator.calendar) if chosen else None
    span = past.span(chosen, indicator.calendar) if unfolding is not None else None
    if unfolding is None or span is None:
        return
    unfolding.skip_to(indicator.calendar.start_of(span[0]))
    run = _Run(rule, indicator, places, past.as_of, span, unfolding)
    for state in unfolding.looks():
        run.look(state)
    eligible = run.eligible()
    per_year = (span[1] - span[0] + 1) / indicator.calendar.periods_per_year
    total.series += len(chosen)
    total.looks += run.looks
    total.judged += int((run.judged & eligible).sum())
    total.too_late += int((eligible & ~run.judged).sum())
    total.alarms_a_year += len(run.alarms) / per_year
    total.signals_a_year += len(run.signals) / per_year
    total.reasons.update(run.reasons)
    total.alarms += run.alarms.values()
    total.signals += [(one, indicator) for one in run.signals.values()]
    _note_tested(past, indicator, chosen, span, per_year, eligible)


class _Run:
    """One rule on one indicator while the past unfolds."""

    def __init__(
        self,
        rule: Rule,
        indicator: IndicatorFacts,
        places: PlaceFacts,
        as_of: AsOf,
        span: tuple[int, int],
        unfolding: Unfolding,
    ) -> None:
        self._rule, self._indicator, self._places, self._as_of = rule, indicator, places, as_of
        self._span, self._unfolding = span, unfolding
        self._rows = np.arange(len(unfolding.values), dtype=np.int64)
        self._reached: int | None = None
        self._numbering = Numbering(0, 0)
        self.judged = np.zeros(unfolding.values.shape, dtype=bool)
        self.looks = 0
        self.reasons: Counter[str] = Counter()
        self.alarms: dict[tuple[int, int], _Alarm] = {}
        self.signals: dict[str, Signal] = {}

    def look(self, state: State) -> None:
        matrix, first = state.matrix, state.matrix.first_period
        window = window_of(self._rule, self._indicator.calendar, matrix, self._rows, self._reached)
        if window is None:
            return
        window = slice(max(window.start, self._span[0] - first), window.stop)
        if window.start >= window.stop:
            return
        watched = frozenset(one.series_id for one in self.signals.values() if one.series_id is not None)
        look = look_over(
            self._rule, self._indicator, matrix, self._rows, self._as_of, window=window,
            before=None if self._reached is None else state.before[:, window], reached=self._reached,
            with_signals=watched,
        )  # fmt: skip
        self._reached = first + window.stop - 1
        self.looks += 1
        self.reasons.update(look.reasons)
        self._note_judged(state, window, first_look=self.looks == 1)
        self._draft(look, state.moment)

    def eligible(self) -> NDArray[np.bool_]:
        """Values of the tested periods that stand now and that the rule would have looked at in time."""
        first, calendar = self._unfolding.first_period, self._indicator.calendar
        periods = range(first, first + self._unfolding.values.shape[1])
        inside = [
            self._span[0] <= one <= self._span[1] and _valid(self._rule, calendar, one) for one in periods
        ]
        whole = (self._unfolding.flags & int(Flag.RETROSPECTIVE)) == 0
        found: NDArray[np.bool_] = ~np.isnan(self._unfolding.values) & whole & np.array(inside)[np.newaxis, :]
        return found

    def _note_judged(self, state: State, window: slice, *, first_look: bool) -> None:
        shift = state.matrix.first_period - self._unfolding.first_period
        if first_look:  # all of the window is new to it
            self.judged[:, window.start + shift : window.stop + shift] |= ~np.isnan(
                state.matrix.values[:, window]
            )
            return
        row, column = state.fresh
        inside = (column >= window.start + shift) & (column < window.stop + shift)
        self.judged[row[inside], column[inside]] = True

    def _draft(self, look: Look, moment: datetime) -> None:
        for cell in look.cells:
            if cell.alarm:
                alarm = _Alarm(cell.series, cell.period, self._indicator.calendar, moment)
                self.alarms.setdefault((cell.series.id, cell.period), alarm)
        if not look.cells:
            return
        touched = {cell.series.id for cell in look.cells}
        existing = [one for one in self.signals.values() if one.series_id in touched]
        context = Context(self._rule, self._indicator, self._places, self._as_of, moment, "", {})
        for change in plan(context, look.cells, existing, self._numbering).changes:
            self.signals[change.signal.public_id] = change.signal


def _valid(rule: Rule, calendar: Calendar, period: int) -> bool:
    text = calendar.date_of(period).isoformat()
    return (not rule.valid_from or rule.valid_from <= text) and (not rule.valid_to or text <= rule.valid_to)


def _note_tested(
    past: _Past,
    indicator: IndicatorFacts,
    chosen: Sequence[Series],
    span: tuple[int, int],
    years: float,
    eligible: NDArray[np.bool_],
) -> None:
    rows = past._rows[tuple(one.id for one in chosen)]
    inside = (rows.period >= span[0]) & (rows.period <= span[1])
    here = [getattr(rows, name)[inside] for name in ("series_id", "period", "value", "known_at", "known_seq")]
    series, period, value, known_at, known_seq = here
    by_reported = (known_seq, known_at) if past.basis == "reported" else (known_at, known_seq)
    order = np.lexsort((*by_reported, period, series))
    new = np.append(True, (np.diff(series[order]) != 0) | (np.diff(period[order]) != 0))
    first_value = value[order][new]
    now = np.lexsort((known_seq, known_at, period, series))
    last_value = value[now][np.append(new[1:], True)]
    differs = ~((first_value == last_value) | (np.isnan(first_value) & np.isnan(last_value)))
    made = Tested(
        indicator=indicator.code,
        names=dict(indicator.names),
        first=indicator.calendar.text(span[0]),
        last=indicator.calendar.text(span[1]),
        years=round(years, 6),
        series=len(chosen),
        values=int(eligible.sum()),
        revised=int(differs.sum()),
        assumed=int(((rows.flags[inside] & int(Flag.KNOWN_AT_ASSUMED)) != 0)[order][new].sum()),
    )
    held = past.tested.get(indicator.code)
    if held is None or held.series < made.series:
        past.tested[indicator.code] = replace(made)


def _matched(
    events: Sequence[KnownEvent], alarms: Sequence[_Alarm]
) -> tuple[tuple[float | None, ...], tuple[float | None, ...], set[tuple[int, int]]]:
    """Delay and lead of each event, and the (series, period) that lie in any event."""
    delays: list[float | None] = []
    ahead: list[float | None] = []
    matched: set[tuple[int, int]] = set()
    for one in events:
        inside = [alarm for alarm in alarms if _lies_in(alarm, one)]
        matched |= {(alarm.series.id, alarm.period) for alarm in inside}
        first = min((alarm for alarm in inside), key=lambda alarm: alarm.moment, default=None)
        if first is None:
            delays.append(None)
            ahead.append(None)
            continue
        zone = ZoneInfo(first.calendar.zone)
        began = _midnight(one.start, zone)
        delays.append(_days(first.moment - began))
        known = None if one.recognised is None else _midnight(one.recognised, zone) + timedelta(days=1)
        ahead.append(None if known is None else _days(known - first.moment))
    return tuple(delays), tuple(ahead), matched


def _lies_in(alarm: _Alarm, one: KnownEvent) -> bool:
    if one.indicator and one.indicator != alarm.series.indicator_code:
        return False
    if f"/{one.area_code}/" not in f"/{alarm.series.area_path}":
        return False
    zone = ZoneInfo(alarm.calendar.zone)
    ends = _midnight(one.end, zone) + timedelta(days=1)
    starts = _midnight(one.start, zone)
    return alarm.calendar.start_of(alarm.period) < ends and alarm.calendar.end_of(alarm.period) > starts


def _covers(signal: Signal, matched: set[tuple[int, int]]) -> bool:
    return any((signal.series_id, int(entry["period"])) in matched for entry in signal.evidence["periods"])


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _days(length: timedelta) -> float:
    return round(length.total_seconds() / 86400, 3)
