"""Choose the method by the length of a series' history, and say which was chosen.

The rule is the one of a European signal tool (docs/methods/auto.md): the more history there is, the more a method may
know of season and trend. The choice is made for each series and period on what was there before it, so that a later
period changes no earlier choice. It is a stated rule, not a fall-back: a method that then cannot decide says why, and
no other takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.anchors import time_axis
from anlan.stats.counts.ears import ears_c1, ears_c2
from anlan.stats.counts.farrington import farrington_flexible
from anlan.stats.counts.periodic import periodic_nb
from anlan.stats.counts.result import Detection, FloatArray, IntArray, Reason

#: What ``extra["chosen"]`` counts: 0 is the first of these names.
AUTO_CHOICES = (
    "farrington_flexible",
    "farrington_flexible (4 years)",
    "periodic_nb",
    "periodic_nb (no trend)",
    "ears_c2",
    "ears_c1",
)
_NONE = -1.0
_ARRAYS = ("expected", "upper", "score", "p_value", "alarm", "reason")
_C1_HISTORY, _C2_HISTORY = 7, 9


def auto(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    alpha: float = 0.005,
) -> Detection:
    """Judge each period by the method that fits the history before it.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases >= 0. NaN is not reported. History counts from the first report of a series.
    dates : array of n_times dates, optional
        One day of each period: days, weeks or months without gaps. Days are judged by EARS only: the seasonal methods
        know no weekdays. Without dates ``frequency`` positions are a year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    alpha : float, default 0.005
        One-sided error probability of a period, given to whichever method is chosen.

    Returns
    -------
    Detection
        Limits, p-values and reasons are those of the chosen method, its other settings at their defaults. ``extra``:
        ``chosen``, the place in ``AUTO_CHOICES`` counted from 0, -1 where there was too little history for any; ``history``
        in periods.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.
    """
    cases = _input.as_series(counts)
    days = _as_days(dates, cases.shape[1])
    axis = None if days is not None else time_axis(cases.shape[1], dates=dates, frequency=frequency)
    if days is not None and frequency is not None:
        raise _input.parameter_error("frequency", "None for dates that are a day apart", frequency)
    rules = _rules(
        None if axis is None else axis.frequency, _input.as_number("alpha", alpha, above=0, below=0.5)
    )
    positions = _input.as_positions(evaluate, cases.shape[1])
    reported = ~np.isnan(cases)
    n_times = cases.shape[1]
    first = np.where(reported, np.arange(n_times), n_times).min(axis=1, initial=n_times)
    result = _empty(cases[:, positions], positions, first)
    stamps = None if dates is None else np.asarray(dates, dtype="datetime64[D]")
    for start in np.unique(first).tolist():
        rows = np.flatnonzero(first == start)
        for place, rule in _chosen(rules, positions - start):
            found = rule.run(cases[rows, start:], stamps, start, positions[place] - start, frequency)
            block = np.ix_(rows, place)
            for name in _ARRAYS:
                getattr(result, name)[block] = getattr(found, name)
            result.extra["chosen"][block] = rule.code
    return result


@dataclass(frozen=True)
class _Rule:
    """One line of the rule: from ``least`` periods of history on, ``function`` decides."""

    code: int
    least: int
    function: Callable[..., Detection]
    seasonal: bool

    def run(
        self, cases: FloatArray, dates: np.ndarray[tuple[int, ...], np.dtype[np.datetime64]] | None, start: int,
        positions: IntArray, frequency: int | None,
    ) -> Detection:  # fmt: skip
        if not self.seasonal:
            return self.function(cases, evaluate=positions)
        given = None if dates is None else dates[start:]
        return self.function(cases, evaluate=positions, dates=given, frequency=frequency)


def _rules(frequency: int | None, alpha: float) -> list[_Rule]:
    """The rule from the longest history down; ``frequency`` None is daily data."""
    ears = [
        _Rule(4, _C2_HISTORY, partial(ears_c2, alpha=alpha), False),
        _Rule(5, _C1_HISTORY, partial(ears_c1, alpha=alpha), False),
    ]
    if frequency is None:
        return ears
    # Window and one week more, which five years of dated weeks can hold.
    room = 1 if frequency == 12 else 4
    seasonal = [
        _Rule(0, 5 * frequency + room, partial(farrington_flexible, alpha=alpha, b=5), True),
        _Rule(1, 4 * frequency + room, partial(farrington_flexible, alpha=alpha, b=4), True),
        _Rule(2, 3 * frequency, partial(periodic_nb, alpha=alpha), True),
        _Rule(3, 2 * frequency, partial(periodic_nb, alpha=alpha, trend=False), True),
    ]
    return [*seasonal, *ears]


def _chosen(rules: list[_Rule], history: IntArray) -> list[tuple[IntArray, _Rule]]:
    """Places that each rule decides: the first of the list that has enough history."""
    left = np.ones(len(history), dtype=bool)
    groups = []
    for rule in rules:
        mine = left & (history >= rule.least)
        left &= ~mine
        if mine.any():
            groups.append((np.flatnonzero(mine), rule))
    return groups


def _as_days(dates: ArrayLike | None, n_times: int) -> IntArray | None:
    """Day numbers where the dates are consecutive days, else None (``time_axis`` judges them then)."""
    if dates is None:
        return None
    try:
        days = np.asarray(dates, dtype="datetime64[D]").astype(np.int64)
    except (TypeError, ValueError):
        return None
    daily = days.shape == (n_times,) and n_times > 1 and (np.diff(days) == 1).all()
    return days if daily else None


def _empty(observed: FloatArray, positions: IntArray, first: IntArray) -> Detection:
    shape = observed.shape
    history = np.maximum(positions - first[:, np.newaxis], 0).astype(np.float64)
    reason = np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8)
    return Detection(
        method="auto",
        times=positions,
        observed=observed,
        expected=np.full(shape, np.nan),
        upper=np.full(shape, np.nan),
        score=np.full(shape, np.nan),
        p_value=np.full(shape, np.nan),
        alarm=np.zeros(shape, dtype=bool),
        reason=reason,
        extra={"chosen": np.full(shape, _NONE), "history": history},
    )
