"""Looking: what a rule says about the values that it has not looked at yet. Reads, computes, writes nothing.

Which values are looked at
    The *window* is the newest ``evaluate_last`` periods up to the newest period that has a value in any selected
    series. It reaches further back when the rule has not run for longer than that, so that no period is skipped.
    In the window each value counts that is new or differs from what the last run saw (a correction, a late value, a
    withdrawal). Values before the window are history: they are compared with, and not looked at themselves.

All series that have such a value go through the method in one call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anlan.analysis.facts import EVERYTHING, IndicatorFacts, PlaceFacts
from anlan.analysis.sentences import tidy
from anlan.analysis.types import EVALUATE_LAST, Rule, Run
from anlan.errors import AnlanError, ConfigurationError
from anlan.registry.calendars import Calendar
from anlan.series import matrix as dense_matrix
from anlan.series import queries as series_queries
from anlan.series.types import Flag, Matrix, Series
from anlan.stats.counts import METHODS, Detection, Reason
from anlan.store import AsOf, Scope, World

__all__ = ["Cell", "Look", "look_at", "look_over", "run_method", "selected_rows", "window_of"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Cell:
    """One value that was looked at. ``history_years`` counts the reported values before it."""

    series: Series
    period: int
    observed: float | None
    expected: float | None
    upper: float | None
    p_value: float | None
    score: float | None
    alarm: bool
    reason: Reason
    flags: int
    qualifier: int
    history_years: float
    history_first: int
    extra: Mapping[str, float]


@dataclass(frozen=True)
class Look:
    """What one look saw. ``cells`` are in order of series and period; ``reasons`` counts all of them and those set aside."""

    rule: Rule
    indicator: str
    as_of: AsOf
    series: int
    first_period: int | None = None
    last_period: int | None = None
    cells: tuple[Cell, ...] = ()
    seen: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


def look_at(
    world: World,
    rule: Rule,
    indicator: IndicatorFacts,
    places: PlaceFacts,
    as_of: AsOf,
    *,
    previous: Run | None = None,
    scope: Scope = EVERYTHING,
    with_signals: frozenset[int] = frozenset(),
    folder: Path | None = None,
) -> Look:
    """Run a rule on what is new in one indicator.

    Parameters
    ----------
    world, rule, indicator, places, as_of
        What to look for, where, and as of when (``as_of.known_at`` limits to what the world could know).
    previous : Run, optional
        The last run of this version of the rule; what it saw is not looked at again.
    scope : Scope
        Series that it does not see are left out.
    with_signals : frozenset of int
        Series whose quiet values are wanted too (in ``cells``), because a signal stands on them.
    folder : Path, optional
        Where dense matrices are kept between runs, as in ``anlan.series.dense.matrix``.

    Raises
    ------
    ConfigurationError
        The method cannot run on this indicator with these parameters.
    """
    reached = None if previous is None else previous.last_period
    matrix = _reaching(dense_matrix(world, scope, as_of, indicator.code, folder=folder), reached)
    rows = selected_rows(rule, matrix.series, places)
    window = window_of(rule, indicator.calendar, matrix, rows, reached)
    if window is None:
        return Look(rule, indicator.code, as_of, len(rows))
    before = _before(world, scope, matrix, rows, window, previous)
    return look_over(
        rule, indicator, matrix, rows, as_of,
        window=window, before=before, reached=reached, with_signals=with_signals,
    )  # fmt: skip


def look_over(
    rule: Rule,
    indicator: IndicatorFacts,
    matrix: Matrix,
    rows: NDArray[np.int64],
    as_of: AsOf,
    *,
    window: slice,
    before: NDArray[np.float64] | None,
    reached: int | None,
    with_signals: frozenset[int] = frozenset(),
) -> Look:
    """What a rule says about the values of ``window`` that are not those of ``before``. Pure.

    Parameters
    ----------
    matrix, rows
        All that is known, and which of its rows the rule watches.
    window : slice
        Columns to look at, from ``window_of``.
    before : ndarray of shape (len(rows), width of the window), or None
        What the last look saw there; None when there was none.
    reached : int, optional
        The newest period that the last look saw; later ones are new even without a value.
    with_signals : frozenset of int
        As in ``look_at``.

    Raises
    ------
    ConfigurationError
        The method cannot run on this indicator with these parameters.
    """
    changed = _changed(matrix, rows, window, before, reached)
    reasons: Counter[str] = Counter()
    changed = _set_aside(rule, indicator.calendar, matrix, rows, window, changed, reasons)
    last = matrix.first_period + window.stop - 1
    first = matrix.first_period + window.start
    if not changed.any():
        return Look(rule, indicator.code, as_of, len(rows), first, last, reasons=dict(reasons))
    cells, seen = _judge(rule, indicator, matrix, rows, window, changed, reasons, with_signals)
    return Look(
        rule, indicator.code, as_of, len(rows), first, last, tuple(cells), seen, dict(sorted(reasons.items()))
    )


def selected_rows(rule: Rule, series: Sequence[Series], places: PlaceFacts) -> NDArray[np.int64]:
    """Positions of the series that the rule watches."""
    chosen = rule.selector
    return np.array(
        [
            row
            for row, one in enumerate(series)
            if (not chosen.area_kinds or places.kinds.get(one.area_code) in chosen.area_kinds)
            and (not chosen.areas or any(f"/{code}/" in f"/{one.area_path}" for code in chosen.areas))
            and (chosen.strata == "each" or one.stratum == "")
        ],
        dtype=np.int64,
    )


def run_method(
    rule: Rule,
    indicator: IndicatorFacts,
    values: NDArray[np.float64],
    periods: NDArray[np.int64],
    evaluate: NDArray[np.int64],
) -> Detection:
    """The rule's method on ``values`` of shape (n_series, n_periods), at the positions ``evaluate``.

    Raises
    ------
    ConfigurationError
        The method refuses the parameters or the calendar.
    """
    method = METHODS[rule.method]
    dates = indicator.calendar.dates_of(periods) if method.uses_dates else None
    try:
        return method.run(values, dates=dates, evaluate=evaluate, **rule.parameters)
    except AnlanError as error:
        raise ConfigurationError(
            f"the rule {rule.code!r} cannot run on {indicator.code}: {error.message}",
            key="analysis.rule.cannot_run",
            values={"code": rule.code, "indicator": indicator.code, "reason": error.message},
        ) from error


def window_of(
    rule: Rule, calendar: Calendar, matrix: Matrix, rows: NDArray[np.int64], reached: int | None
) -> slice | None:
    """Columns of the matrix to look at, or None when there are no values. ``reached`` as in ``look_over``."""
    if not len(rows) or not matrix.values.shape[1]:
        return None
    reported = ~np.isnan(matrix.values[rows]).all(axis=0)
    if not reported.any() and reached is None:
        return None
    newest = int(np.flatnonzero(reported)[-1]) if reported.any() else 0
    start, stop = newest - (rule.evaluate_last or EVALUATE_LAST[calendar.step]) + 1, newest + 1
    if reached is not None:
        column = reached - matrix.first_period
        start, stop = min(start, column + 1), max(stop, column + 1)
    return slice(max(0, start), stop)


def _reaching(matrix: Matrix, reached: int | None) -> Matrix:
    """The matrix, widened to what the last run has seen: values there may have been withdrawn since."""
    if reached is None:
        return matrix
    width = matrix.values.shape[1]
    first = matrix.first_period if width else reached
    missing = reached - first + 1 - width
    if missing <= 0:
        return matrix
    pad = ((0, 0), (0, missing))
    return Matrix(
        series=matrix.series,
        first_period=first,
        values=np.pad(matrix.values, pad, constant_values=np.nan),
        flags=np.pad(matrix.flags, pad),
        qualifiers=np.pad(matrix.qualifiers, pad),
        seq=matrix.seq,
    )


def _before(
    world: World, scope: Scope, matrix: Matrix, rows: NDArray[np.int64], window: slice, previous: Run | None
) -> NDArray[np.float64] | None:
    """The values that the last run saw, in the shape of the window; None when there was no run."""
    if previous is None:
        return None
    first, last = matrix.first_period + window.start, matrix.first_period + window.stop - 1
    ids = [matrix.series[row].id for row in rows]
    with world.read() as connection:
        as_of = AsOf(previous.input_seq, previous.input_known_at)
        found = series_queries.values(connection, scope, as_of, ids, first=first, last=last)
    before = np.full((len(rows), window.stop - window.start), np.nan)
    place = np.searchsorted(ids, found.series_id)
    before[place, found.period - first] = found.value
    return before


def _changed(
    matrix: Matrix,
    rows: NDArray[np.int64],
    window: slice,
    before: NDArray[np.float64] | None,
    reached: int | None,
) -> Mask:
    now = matrix.values[rows, window]
    if before is None:
        return np.ones(now.shape, dtype=bool)
    changed: Mask = ~((now == before) | (np.isnan(now) & np.isnan(before)))
    if reached is not None:
        periods = np.arange(matrix.first_period + window.start, matrix.first_period + window.stop)
        changed |= (periods > reached)[np.newaxis, :]
    return changed


def _set_aside(
    rule: Rule,
    calendar: Calendar,
    matrix: Matrix,
    rows: NDArray[np.int64],
    window: slice,
    changed: Mask,
    reasons: Counter[str],
) -> Mask:
    """Take out what is never looked at, and count it."""
    retrospective = (matrix.flags[rows, window] & int(Flag.RETROSPECTIVE)) != 0
    outside = np.array(
        [
            not _valid(rule, calendar.date_of(period))
            for period in range(matrix.first_period + window.start, matrix.first_period + window.stop)
        ]
    )[np.newaxis, :]
    for name, mask in (("retrospective", retrospective), ("not_valid_then", outside & ~retrospective)):
        count = int((changed & mask).sum())
        if count:
            reasons[name] = count
    kept: Mask = changed & ~retrospective & ~outside
    return kept


def _valid(rule: Rule, day: date) -> bool:
    text = day.isoformat()
    return (not rule.valid_from or rule.valid_from <= text) and (not rule.valid_to or text <= rule.valid_to)


def _judge(
    rule: Rule,
    indicator: IndicatorFacts,
    matrix: Matrix,
    rows: NDArray[np.int64],
    window: slice,
    changed: Mask,
    reasons: Counter[str],
    with_signals: frozenset[int],
) -> tuple[list[Cell], int]:
    some = np.flatnonzero(changed.any(axis=1))
    rows, changed = rows[some], changed[some]
    columns = np.flatnonzero(changed.any(axis=0)) + window.start
    values = matrix.values[rows]
    if rule.kind != "limit":
        negative = values < 0
        values = np.where(negative, np.nan, values)
    else:
        negative = np.zeros(values.shape, dtype=bool)
    found = run_method(rule, indicator, values, matrix.periods, columns)
    mask = changed[:, columns - window.start]
    codes = np.where(negative[:, columns], -1, found.reason)[mask]
    for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
        reasons["not_a_count" if code < 0 else Reason(int(code)).name.lower()] += int(count)
    watched = np.array([matrix.series[row].id in with_signals for row in rows])[:, np.newaxis]
    if rule.kind == "limit":
        # What comes after an alarm says whether it has ended.
        watched = watched | (mask & found.alarm).any(axis=1, keepdims=True)
    wanted = mask & (found.alarm | watched)
    before = np.cumsum(~np.isnan(values), axis=1)
    per_year = indicator.calendar.periods_per_year
    cells = [
        _cell(
            matrix, found, rows[at], at, column, int(before[at, columns[column]] - 1) / per_year, values[at]
        )
        for at, column in _places(wanted)
    ]
    return cells, int(mask.sum())


def _places(mask: Mask) -> Iterator[tuple[int, int]]:
    for at, column in zip(*np.nonzero(mask), strict=True):
        yield int(at), int(column)


def _cell(
    matrix: Matrix,
    found: Detection,
    row: int,
    at: int,
    column: int,
    history_years: float,
    values: NDArray[np.float64],
) -> Cell:
    position = int(found.times[column])
    reason = Reason(int(found.reason[at, column]))
    observed = tidy(float(found.observed[at, column]))
    reported = np.flatnonzero(~np.isnan(values))
    extra = {name: tidy(float(array[at, column])) for name, array in sorted(found.extra.items())}
    return Cell(
        series=matrix.series[row],
        period=matrix.first_period + position,
        observed=observed,
        expected=tidy(float(found.expected[at, column])),
        upper=tidy(float(found.upper[at, column])),
        p_value=tidy(float(found.p_value[at, column])),
        score=tidy(float(found.score[at, column])),
        # A limit's alarm that is only held for want of a value is no finding of this period.
        alarm=bool(found.alarm[at, column]) and observed is not None,
        reason=reason,
        flags=int(matrix.flags[row, position]),
        qualifier=int(matrix.qualifiers[row, position]),
        history_years=round(max(history_years, 0.0), 1),
        history_first=matrix.first_period + (int(reported[0]) if len(reported) else position),
        extra={name: value for name, value in extra.items() if value is not None},
    )
