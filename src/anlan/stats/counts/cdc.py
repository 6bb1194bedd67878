"""The historical limits of the CDC: four weeks together against the same and the neighbouring four weeks of past years.

``docs/methods/cdc.md`` has the formulae.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from anlan.stats.counts import _input, _windows
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts.anchors import TimeAxis
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason, exceedance_score


def cdc(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    b: int = 5,
    m: int = 1,
    periods: int | None = None,
    alpha: float = 0.025,
    variant: str = "published",
) -> Detection:
    """Compare the latest four weeks with the same four weeks, and those around them, of past years.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: a sum with a gap is not used.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. Decides what the same week of a past year
        is, also across years of 53 weeks. Without dates periods are counted by position, ``frequency`` to the year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    b : int, default 5
        Past years. Paper and R 5.
    m : int, default 1
        Sums to each side of the same time of a past year. Paper and R 1, that is fifteen sums.
    periods : int, optional
        Periods added up. Default 4 weeks (paper and R), 1 month.
    alpha : float, default 0.025
        Two-sided error probability: the limit uses the 1 - alpha / 2 quantile of the normal distribution. R 0.001.
    variant : {"published", "surveillance-1.20"}, default "published"
        The R package goes back by position even where there are dates; ``surveillance-1.20`` does that too.

    Returns
    -------
    Detection
        ``expected`` and ``upper`` say which count of *this* period would bring the sum to its mean and to its limit
        (they may be negative); ``score`` is the same for sums and counts. ``p_value`` is the normal upper tail of
        the sum, nominal: too small with fifteen sums, for ranking. ``extra``: ``sum``, ``expected_sum``,
        ``upper_sum``, ``n_reference``.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Stroup DF, Williamson GD, Herndon JL, Karon JM (1989). Detection of aberrations in the occurrence of notifiable
    diseases surveillance data. Stat Med 8: 323-329.
    Farrington P, Andrews N (2003). In: Monitoring the Health of Populations, Oxford University Press, 203-231.
    """
    cases = _input.as_series(counts)
    axis = _windows.axis_for(cases.shape[1], dates, frequency, variant)
    years = _input.as_whole("b", b, at_least=1)
    sides = _input.as_whole("m", m, at_least=0)
    length = _input.as_whole(
        "periods", (1 if axis.frequency == 12 else 4) if periods is None else periods, at_least=1
    )
    if sides * length + length >= axis.frequency:
        raise parameter_error("m", f"such that (m + 1) * periods is below {axis.frequency}", m)
    if years * (2 * sides + 1) < 2:
        raise parameter_error("b", "such that there are two sums to compare with", b)
    z = float(-special.ndtri(_input.as_number("alpha", alpha, above=0, below=1) / 2))
    positions = _input.as_positions(evaluate, cases.shape[1])
    rows, complete = _rows(axis, positions, years, sides, length)
    extra = ("sum", "expected_sum", "upper_sum", "n_reference")
    found = _windows.empty("cdc", cases, positions, extra)
    for series in _windows.blocks(len(cases)):
        _fill(found, series, _sums(cases[series], length), (rows, complete), z)
    return found


def _rows(
    axis: TimeAxis, positions: IntArray, years: int, sides: int, length: int
) -> tuple[IntArray, BoolArray]:
    """Positions at which the sums of the reference end."""
    ends = length * np.arange(-sides, sides + 1)
    rows = np.zeros((years * len(ends), len(positions)), dtype=np.int64)
    complete = np.zeros(len(positions), dtype=bool)
    for place, position in enumerate(positions.tolist()):
        anchors = axis.anchors(position, years)
        if anchors is None or anchors[-1] + ends[0] - length + 1 < 0:
            continue
        rows[:, place], complete[place] = (anchors[:, np.newaxis] + ends).ravel(), True
    return rows, complete


def _sums(cases: FloatArray, length: int) -> FloatArray:
    """Sum of each period and the ``length`` - 1 before it; NaN where one is missing or there are too few."""
    sums = np.full(cases.shape, np.nan)
    n_times = cases.shape[1]
    if n_times >= length:
        sums[:, length - 1 :] = 0.0
        for back in range(length):
            sums[:, length - 1 :] += cases[:, length - 1 - back : n_times - back]
    return sums


def _fill(
    found: Detection, series: slice, sums: FloatArray, reference: tuple[IntArray, BoolArray], z: float
) -> None:
    rows, complete = reference
    number, mean, squares = _windows.moments(sums, rows)
    observed, latest = found.observed[series], sums[:, found.times]
    enough = _windows.enough_reported(number, len(rows))
    usable = enough & complete
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.where(usable, np.sqrt(squares / (number - 1) * (1 + 1 / number)), np.nan)
        mean = np.where(usable, mean, np.nan)
        limit = mean + z * deviation
        earlier = latest - observed
        p_value = special.ndtr(-(latest - mean) / deviation)
    flat = deviation == 0
    reason = _windows.base_reason(observed, complete, enough, flat, Reason.ZERO_VARIANCE)
    reason[flat & (mean == 0) & (reason == Reason.ZERO_VARIANCE)] = Reason.ZERO_REFERENCE
    # A gap in the four weeks themselves: their sum is not known.
    decided = _windows.decided(reason)
    reason[decided & np.isnan(latest)] = Reason.INCOMPLETE_REFERENCE
    decided &= ~np.isnan(latest)
    found.expected[series], found.upper[series] = mean - earlier, limit - earlier
    found.p_value[series] = np.where(flat, np.nan, p_value)
    found.reason[series] = reason
    found.alarm[series] = decided & (latest > limit)
    found.score[series] = exceedance_score(latest, mean, limit)
    extra = {"sum": latest, "expected_sum": mean, "upper_sum": limit, "n_reference": number}
    for name, values in extra.items():
        found.extra[name][series] = np.where(complete, values, np.nan) if name != "sum" else values
