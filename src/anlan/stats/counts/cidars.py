"""The two methods of CIDARS, China's automated alert system: a fixed value, and the moving percentile.

CIDARS runs daily for each county: nine severe diseases by fixed value, nineteen commoner ones by comparing the cases
of the last seven days with the same seven days, and those before and after them, of past years.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts.anchors import DateArray, MonthAxis, TimeAxis, time_axis, years_before
from anlan.stats.counts.result import Detection, FloatArray, IntArray, Reason, exceedance_score

PERCENTILES = ("linear", "weibull")
_DAYS_IN_YEAR = 365


def cidars_fixed(
    counts: ArrayLike, *, evaluate: Evaluate = None, threshold: int = 1, window: int = 1
) -> Detection:
    """Alarm as soon as the latest periods have ``threshold`` cases.

    For diseases of which a single case is an event: plague, cholera, poliomyelitis, diphtheria.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases >= 0 of each period. NaN is not reported.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    threshold : int, default 1
        Cases from which there is an alarm. CIDARS: 1 for most of the nine diseases.
    window : int, default 1
        Latest periods that are added up, this one included. Days before the start of the series have no cases; days
        without a report add nothing, as a case that is known is enough.

    Returns
    -------
    Detection
        ``upper`` is the count of this period above which there is an alarm, ``threshold`` - 1 less the cases of the
        earlier periods of the window. ``expected`` and ``p_value`` are NaN. ``extra``: ``window_sum``.

    References
    ----------
    Yang W, Li Z, Lan Y, et al. (2011). Western Pac Surveill Response J 2(1): 10-15.
    """
    cases = _input.as_series(counts)
    least = _input.as_whole("threshold", threshold, at_least=1)
    length = _input.as_whole("window", window, at_least=1)
    positions = _input.as_positions(evaluate, cases.shape[1])
    observed = cases[:, positions]
    known = np.nan_to_num(cases)
    total = _sums_before(known, length)[:, positions] + known[:, positions]
    upper = least - 1 - (total - known[:, positions])
    missing = np.isnan(observed)
    empty = np.full(observed.shape, np.nan)
    return Detection(
        method="cidars_fixed",
        times=positions,
        observed=observed,
        expected=empty,
        upper=upper,
        score=empty.copy(),
        p_value=empty.copy(),
        alarm=~missing & (total >= least),
        reason=np.where(missing, Reason.MISSING_CURRENT, Reason.OK).astype(np.int8),
        extra={"window_sum": total},
    )


def _sums_before(cases: FloatArray, length: int) -> FloatArray:
    """Sum of the ``length`` - 1 periods before each one; fewer at the start."""
    n_times = cases.shape[1]
    total = np.zeros_like(cases)
    for back in range(1, min(length, n_times)):
        total[:, back:] += cases[:, : n_times - back]
    return total


def cidars_moving(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    percentile: float = 80.0,
    window: int | None = None,
    blocks: int = 2,
    b: int = 5,
    min_years: int = 3,
    definition: str = "linear",
) -> Detection:
    """Compare the cases of the last days with a percentile of the same days of past years (moving percentile).

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases >= 0 of each day or week. NaN is not reported.
    dates : array of n_times dates, optional
        One day each, a day or a week apart. Past years are then compared on the same date (29 February: 1 March).
        Without dates ``frequency`` positions are a year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    frequency : int, optional
        Periods in a year when there are no dates; default 365.
    percentile : float, default 80
        Percentile of the history above which there is an alarm. CIDARS began with 50 and went on to 50 to 90 by
        disease; docs/methods/cidars.md has the table.
    window : int, optional
        Periods that are added up, this one included. CIDARS: 7 days. Default 7 days, or 1 week.
    blocks : int, default 2
        Blocks of ``window`` periods to each side of the same time of year. CIDARS 2, that is 5 values a year.
    b : int, default 5
        Years of history. CIDARS 5: 25 values.
    min_years : int, default 3
        Years of history below which nothing is decided.
    definition : {"linear", "weibull"}, default "linear"
        How the percentile lies between two values; CIDARS has not published it. ``linear``: rank 1 + (n - 1) p;
        ``weibull``: rank (n + 1) p.

    Returns
    -------
    Detection
        ``upper`` is the count of this period above which there is an alarm: the percentile less the earlier periods of
        the window, so it can be negative. ``expected`` is the history's mean less the same. ``p_value`` is the rank of
        the window among the history, (1 + values at least as large) / (1 + values): exact when the years are
        exchangeable, never below 1/26 with 25 values. ``extra``: ``window_sum``, ``threshold`` the percentile,
        ``n_history`` the number of values.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Yang W, Li Z, Lan Y, et al. (2011). A nationwide web-based automated system for outbreak early detection and rapid
    response in China. Western Pac Surveill Response J 2(1): 10-15.
    """
    cases = _input.as_series(counts)
    axis = _axis(cases.shape[1], dates, frequency)
    settings = _settings(axis, percentile, window, blocks, b, min_years, definition)
    positions = _input.as_positions(evaluate, cases.shape[1])
    # NaN as soon as one day of a window is not reported: a sum without it would be too small.
    sums = _sums_before(cases, settings.window) + cases
    sums[:, : settings.window - 1] = np.nan
    shape = (len(cases), len(positions))
    found = {name: np.full(shape, np.nan) for name in ("threshold", "mean", "p_value", "n_history")}
    reason = np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8)
    for place, position in enumerate(positions.tolist()):
        ends = _history_ends(axis, position, settings)
        if ends is None:
            continue
        values = sums[:, ends]
        enough = (~np.isnan(values)).sum(axis=1) >= settings.min_years * (2 * settings.blocks + 1)
        reason[:, place] = np.where(enough, Reason.OK, Reason.INCOMPLETE_REFERENCE)
        column = _judge(values, sums[:, position], settings)
        for name, array in column.items():
            found[name][:, place] = np.where(enough, array, np.nan)
    return _detection(cases, sums, positions, found, reason)


@dataclass(frozen=True)
class _Settings:
    percentile: float
    window: int
    blocks: int
    b: int
    min_years: int
    definition: str


def _settings(
    axis: _DayAxis | TimeAxis,
    percentile: float,
    window: int | None,
    blocks: int,
    b: int,
    min_years: int,
    definition: str,
) -> _Settings:
    years = _input.as_whole("b", b, at_least=1)
    usual = 7 if axis.frequency >= _DAYS_IN_YEAR else 1
    settings = _Settings(
        percentile=_input.as_number("percentile", percentile, above=0, below=100),
        window=_input.as_whole("window", usual if window is None else window, at_least=1, at_most=axis.frequency // 2),
        blocks=_input.as_whole("blocks", blocks, at_least=0),
        b=years,
        min_years=_input.as_whole("min_years", min_years, at_least=1, at_most=max(years, 1)),
        definition=_input.as_choice("definition", definition, PERCENTILES),
    )  # fmt: skip
    if (settings.blocks + 1) * settings.window > axis.frequency:
        raise parameter_error("blocks", f"below a year of {axis.frequency} periods with the window", blocks)
    return settings


def _axis(n_times: int, dates: ArrayLike | None, frequency: int | None) -> _DayAxis | TimeAxis:
    if dates is None:
        return time_axis(n_times, dates=None, frequency=_DAYS_IN_YEAR if frequency is None else frequency)
    axis = _day_axis(n_times, dates) or time_axis(n_times, dates=dates, frequency=None)
    if isinstance(axis, MonthAxis):
        raise parameter_error("dates", "a day or a week apart", "consecutive months")
    if frequency is not None and frequency != axis.frequency:
        raise parameter_error("frequency", f"{axis.frequency} for these dates, or None", frequency)
    return axis


def _day_axis(n_times: int, dates: ArrayLike) -> _DayAxis | None:
    """The axis of consecutive days; None where the dates are something else, which ``time_axis`` then judges."""
    try:
        days = np.asarray(dates, dtype="datetime64[D]")
    except (TypeError, ValueError):
        return None
    consecutive = days.shape == (n_times,) and n_times > 1 and (np.diff(days).astype(np.int64) == 1).all()
    return _DayAxis(days) if consecutive else None


@dataclass(frozen=True)
class _DayAxis:
    dates: DateArray
    frequency: int = _DAYS_IN_YEAR

    def anchors(self, position: int, years: int) -> IntArray | None:
        same = [years_before(self.dates[position], i) for i in range(1, years + 1)]
        found: IntArray = (np.array(same) - self.dates[0]).astype(np.int64)
        return found if found[-1] >= 0 else None


def _history_ends(axis: _DayAxis | TimeAxis, position: int, settings: _Settings) -> IntArray | None:
    """Last periods of the history's windows, of as many years as there are; None below ``min_years``."""
    side = settings.window * np.arange(-settings.blocks, settings.blocks + 1)
    for years in range(settings.b, settings.min_years - 1, -1):
        anchors = axis.anchors(position, years)
        if anchors is not None and anchors[-1] + side[0] - settings.window + 1 >= 0:
            ends: IntArray = (anchors[:, np.newaxis] + side).reshape(-1)
            return ends
    return None


def _judge(values: FloatArray, total: FloatArray, settings: _Settings) -> dict[str, FloatArray]:
    """Percentile, mean and rank of ``total`` (n_series,) among ``values`` (n_series, n_values); NaN are left out."""
    ordered = np.sort(values, axis=1)
    there = ~np.isnan(values)
    number = there.sum(axis=1)
    share = settings.percentile / 100
    rank = (number - 1) * share if settings.definition == "linear" else (number + 1) * share - 1
    rank = np.clip(rank, 0, np.maximum(number - 1, 0))
    low = np.floor(rank).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(number - 1, 0))
    rows = np.arange(len(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        threshold = ordered[rows, low] + (rank - low) * (ordered[rows, high] - ordered[rows, low])
        mean = np.where(there, values, 0.0).sum(axis=1) / number
        as_large = (values >= total[:, np.newaxis]).sum(axis=1)
        p_value = np.where(np.isnan(total), np.nan, (1 + as_large) / (1 + number))
    return {"threshold": threshold, "mean": mean, "p_value": p_value, "n_history": number.astype(np.float64)}


def _detection(
    cases: FloatArray, sums: FloatArray, positions: IntArray, found: dict[str, FloatArray],
    reason: np.ndarray[tuple[int, ...], np.dtype[np.int8]],
) -> Detection:  # fmt: skip
    observed, total = cases[:, positions], sums[:, positions]
    rest = total - observed
    reason[np.isnan(total) & (reason != Reason.SHORT_HISTORY)] = Reason.MISSING_CURRENT
    expected, upper = found["mean"] - rest, found["threshold"] - rest
    return Detection(
        method="cidars_moving",
        times=positions,
        observed=observed,
        expected=expected,
        upper=upper,
        score=exceedance_score(observed, expected, upper),
        p_value=found["p_value"],
        # The window itself against the percentile: a difference must not decide by its rounding.
        alarm=(reason == Reason.OK) & (total > found["threshold"]),
        reason=reason,
        extra={"window_sum": total, "threshold": found["threshold"], "n_history": found["n_history"]},
    )
