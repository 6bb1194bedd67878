"""Choose the method by the length of a series' history, and say which was chosen.

The more history there is, the more a method may know of season and trend. The lines of the rule stand in ``RULES`` and
nowhere else; docs/methods/auto.md shows them with the measurement behind them. The choice is made for each series and
period on what was there before it, so that a later period changes no earlier choice. It is a stated rule, not a
fall-back: a method that then cannot decide says why, and no other takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.stats.counts import _input
from anlan.stats.counts._calendar import following_dates
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.anchors import time_axis
from anlan.stats.counts.anlan_method import WEEKS_A_YEAR, anlan_detector
from anlan.stats.counts.bayes import bayes1
from anlan.stats.counts.ears import ears_c1, ears_c2
from anlan.stats.counts.farrington import farrington_flexible
from anlan.stats.counts.periodic import periodic_nb
from anlan.stats.counts.result import Detection, FloatArray, IntArray, Reason

__all__ = ["AUTO_CHOICES", "LEAST_HISTORY", "PREFERENCES", "RULES", "AutoState", "Line", "auto"]


@dataclass(frozen=True)
class Line:
    """From ``years`` and ``periods`` of history on, ``function`` decides, with ``parameters`` besides ``alpha``.

    ``half_window`` adds half a window of Farrington's and the week that dated years can be longer.
    """

    choice: str
    function: Callable[..., Detection]
    years: int = 0
    periods: int = 0
    half_window: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)


# Each with all periods that there are: one or two values have a predictive distribution, but no variance.
_FIRST = tuple(Line("bayes1", bayes1, periods=number, parameters={"w": number}) for number in range(6, 0, -1))
_SHORT = (Line("ears_c2", ears_c2, periods=9), Line("ears_c1", ears_c1, periods=7), *_FIRST)

#: The rules by preference, the longest history first. Days know the lines without years only.
RULES: Mapping[str, tuple[Line, ...]] = MappingProxyType(
    {
        "anlan": (Line("anlan", anlan_detector, years=2), *_SHORT),
        "published": (
            Line("farrington_flexible", farrington_flexible, years=5, half_window=True),
            Line(
                "farrington_flexible (4 years)", farrington_flexible, years=4, half_window=True, parameters={"b": 4}
            ),
            Line("periodic_nb", periodic_nb, years=3),
            Line("periodic_nb (no trend)", periodic_nb, years=2, parameters={"trend": False}),
            *_SHORT,
        ),
    }
)  # fmt: skip
PREFERENCES = tuple(RULES)
#: What ``extra["chosen"]`` counts: 0 is the first of these names.
AUTO_CHOICES = tuple(dict.fromkeys(line.choice for lines in RULES.values() for line in lines))
#: Periods before the first one that is decided.
LEAST_HISTORY = min(line.periods for lines in RULES.values() for line in lines if not line.years)

_NONE = -1.0
_NEVER = np.iinfo(np.int64).max // 2  # first report of a series that has none yet
_LOOKS_BACK_YEARS = 5  # the longest window of a line with the longest history
_ARRAYS = ("expected", "upper", "score", "p_value", "alarm", "reason")


def auto(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    alpha: float = 0.005,
    prefer: str = "anlan",
) -> Detection:
    """Judge each period by the method that fits the history before it.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases >= 0. NaN is not reported. History counts from the first report of a series.
    dates : array of n_times dates, optional
        One day of each period: days, weeks or months without gaps. Days are judged by the methods without a season
        only: the others know no weekdays. Without dates ``frequency`` positions are a year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    alpha : float, default 0.005
        One-sided error probability of a period, given to whichever method is chosen.
    prefer : {"anlan", "published"}, default "anlan"
        From two years of history on: anlan's own method, which detected more at the same rate of false alarms in every
        band of history, or the published rule with periodic regression and Farrington flexible.

    Returns
    -------
    Detection
        Limits, p-values and reasons are those of the chosen method, its other settings at their defaults. ``extra``:
        ``chosen``, the place in ``AUTO_CHOICES`` counted from 0, -1 where there is no history at all; ``history`` in
        periods.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.
    """
    cases = _input.as_series(counts)
    settings = _settings(cases.shape[1], dates, frequency, alpha, prefer)
    stamps = None if dates is None else np.asarray(dates, dtype="datetime64[D]")
    positions = _input.as_positions(evaluate, cases.shape[1])
    return _judge(cases, stamps, positions, _first_report(cases, 0), settings)


@dataclass(frozen=True)
class AutoState:
    """After ``position`` periods: the latest ones of each series, and where the first report of each was.

    ``values`` hold five years and a little, or all there is while that is less, and all the time for days the latest
    nine. ``first`` (n_series,) are positions since the beginning.
    """

    position: int
    values: FloatArray
    dates: NDArray[np.datetime64] | None
    first: IntArray
    settings: _Settings
    method: str = "auto"

    def update(self, fresh: FloatArray) -> tuple[AutoState, Detection]:
        """Take new values of shape (n_series, n_new)."""
        n_new, n_kept = fresh.shape[1], self.values.shape[1]
        dropped = self.position - n_kept
        values = np.concatenate([self.values, fresh], axis=1)
        dates = None if self.dates is None else np.append(self.dates, following_dates(self.dates, n_new))
        first = np.minimum(self.first, _first_report(fresh, self.position))
        new = np.arange(n_kept, n_kept + n_new)
        found = _judge(values, dates, new, np.where(first < _NEVER, first - dropped, first), self.settings)
        kept = slice(max(values.shape[1] - self.settings.memory, 0), None)
        after = replace(
            self, position=self.position + n_new, first=first, values=np.ascontiguousarray(values[:, kept]),
            dates=None if dates is None else dates[kept],
        )  # fmt: skip
        return after, replace(found, times=self.position + np.arange(n_new))


def auto_begin(
    counts: ArrayLike, *, dates: ArrayLike | None = None, frequency: int | None = None, alpha: float = 0.005,
    prefer: str = "anlan",
) -> AutoState:  # fmt: skip
    """The state after ``counts``; parameters as for ``auto``."""
    cases = _input.as_series(counts)
    n_times = cases.shape[1]
    settings = _settings(n_times, dates, frequency, alpha, prefer)
    stamps = None if dates is None else np.asarray(dates, dtype="datetime64[D]")
    if stamps is not None and n_times < 2:
        accepted = "at least two, from which the next ones follow"
        raise _input.parameter_error("dates", accepted, f"{n_times} of them")
    kept = slice(max(n_times - settings.memory, 0), None)
    return AutoState(
        position=n_times,
        values=np.ascontiguousarray(cases[:, kept]),
        dates=None if stamps is None else stamps[kept],
        first=_first_report(cases, 0),
        settings=settings,
    )


@dataclass(frozen=True)
class _Settings:
    """``year`` is the number of periods in a year, None for days; ``exact_year`` the same for dated weeks."""

    year: int | None
    exact_year: float
    frequency: int | None
    alpha: float
    prefer: str

    @property
    def lines(self) -> list[tuple[int, Line]]:
        """Least history and line, the longest first."""
        known = [line for line in RULES[self.prefer] if not line.years or self.year is not None]
        return [(self._least(line), line) for line in known]

    @property
    def memory(self) -> int:
        """Periods that no result reaches beyond, once a series has the longest history of the rule."""
        if self.year is None:
            return max(least for least, _ in self.lines)
        return math.ceil(_LOOKS_BACK_YEARS * self.exact_year) + self._half_window() + 1

    def _least(self, line: Line) -> int:
        years = (
            math.ceil(line.years * self.exact_year)
            if line.choice == "anlan"
            else line.years * (self.year or 0)
        )
        return years + line.periods + line.half_window * self._half_window()

    def _half_window(self) -> int:
        return 1 if self.year == 12 else 4


def _settings(
    n_times: int, dates: ArrayLike | None, frequency: int | None, alpha: float, prefer: str
) -> _Settings:
    error = _input.as_number("alpha", alpha, above=0, below=0.5)
    rule = _input.as_choice("prefer", prefer, PREFERENCES)
    if _are_days(dates, n_times):
        if frequency is not None:
            raise _input.parameter_error("frequency", "None for dates that are a day apart", frequency)
        return _Settings(None, 0.0, None, error, rule)
    axis = time_axis(n_times, dates=dates, frequency=frequency)
    exact = WEEKS_A_YEAR if axis.step == "week" else float(axis.frequency)
    return _Settings(axis.frequency, exact, frequency, error, rule)


def _judge(
    cases: FloatArray, dates: NDArray[np.datetime64] | None, positions: IntArray, first: IntArray, settings: _Settings
) -> Detection:  # fmt: skip
    """``first`` (n_series,) is the position of the first report, negative where it lies before ``cases``."""
    result = _empty(cases[:, positions], positions, first)
    for reported in np.unique(first).tolist():
        rows = np.flatnonzero(first == reported)
        start = max(reported, 0)
        for place, line in _chosen(settings.lines, positions - reported):
            found = _run(line, cases[rows, start:], dates, start, positions[place] - start, settings)
            block = np.ix_(rows, place)
            for name in _ARRAYS:
                getattr(result, name)[block] = getattr(found, name)
            result.extra["chosen"][block] = AUTO_CHOICES.index(line.choice)
    return result


def _run(
    line: Line, cases: FloatArray, dates: NDArray[np.datetime64] | None, start: int, positions: IntArray,
    settings: _Settings,
) -> Detection:  # fmt: skip
    given: dict[str, Any] = {"alpha": settings.alpha, **line.parameters}
    if line.years:
        given |= {"dates": None if dates is None else dates[start:], "frequency": settings.frequency}
    return line.function(cases, evaluate=positions, **given)


def _chosen(lines: list[tuple[int, Line]], history: IntArray) -> list[tuple[IntArray, Line]]:
    """Places that each line decides: the first of the list that has enough history."""
    left = np.ones(len(history), dtype=bool)
    groups = []
    for least, line in lines:
        mine = left & (history >= least)
        left &= ~mine
        if mine.any():
            groups.append((np.flatnonzero(mine), line))
    return groups


def _first_report(cases: FloatArray, position: int) -> IntArray:
    """Position of the first report of each series, counted from ``position``; ``_NEVER`` without one."""
    reported = ~np.isnan(cases)
    there = reported.any(axis=1)
    first: IntArray = np.where(there, position + reported.argmax(axis=1) if cases.shape[1] else 0, _NEVER)
    return first


def _are_days(dates: ArrayLike | None, n_times: int) -> bool:
    """Whether the dates are consecutive days; ``time_axis`` judges all others."""
    if dates is None:
        return False
    try:
        days = np.asarray(dates, dtype="datetime64[D]").astype(np.int64)
    except (TypeError, ValueError):
        return False
    return days.shape == (n_times,) and n_times > 1 and bool((np.diff(days) == 1).all())


def _empty(observed: FloatArray, positions: IntArray, first: IntArray) -> Detection:
    shape = observed.shape
    history = np.maximum(positions - first[:, np.newaxis], 0).astype(np.float64)
    return Detection(
        method="auto",
        times=positions,
        observed=observed,
        expected=np.full(shape, np.nan),
        upper=np.full(shape, np.nan),
        score=np.full(shape, np.nan),
        p_value=np.full(shape, np.nan),
        alarm=np.zeros(shape, dtype=bool),
        reason=np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8),
        extra={"chosen": np.full(shape, _NONE), "history": history},
    )
