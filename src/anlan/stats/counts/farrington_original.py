"""The method of Farrington et al. (1996): the same weeks of past years, a trend, and a limit on the 2/3 power scale.

It is the flexible method (``farrington``) without a season: one level, windows only, residuals above 1 pulled down, the
trend kept where it is significant. Fits and limits are the same code; ``docs/methods/farrington_original.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input
from anlan.stats.counts._farrington_fit import Settings, predict
from anlan.stats.counts._farrington_limits import Result
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.anchors import (
    MonthAxis,
    PositionAxis,
    Reference,
    TimeAxis,
    WeekAxis,
    references,
    time_axis,
)
from anlan.stats.counts.farrington import POWERS, fit_blocks, half_window
from anlan.stats.counts.result import Detection, IntArray, Reason

_MIN_YEARS_FOR_TREND = 3
_TREND_P = 0.05
_WEIGHTS_THRESHOLD = 1.0


def farrington_original(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    population: ArrayLike | None = None,
    frequency: int | None = None,
    b: int = 5,
    w: int | None = None,
    reweight: bool = True,
    weights_threshold: float = _WEIGHTS_THRESHOLD,
    trend: bool = True,
    p_threshold_trend: float = _TREND_P,
    alpha: float = 0.01,
    power_transform: str = "2/3",
    limit54_cases: int = 5,
    limit54_periods: int | None = None,
    variant: str = "published",
) -> Detection:
    """Compare each period with the same weeks of past years, allowing for a significant trend and past outbreaks.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: such periods leave the reference and are not decided.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. Decides which past weeks are compared, also
        across years of 53 weeks. Without dates periods are counted by position, ``frequency`` to the year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    population : array of shape (n_series, n_times) or (n_times,), optional
        Population at risk, > 0. Its logarithm becomes an offset.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    b : int, default 5
        Years of history to use. Paper 5, R 3.
    w : int, optional
        Half-width of the window around the same time of past years. Default 3 weeks (paper and R), 1 month.
    reweight : bool, default True
        Pull down past periods with large residuals, once.
    weights_threshold : float, default 1.0
        Anscombe residual from which a period is pulled down. Paper and R 1.
    trend : bool, default True
        Fit a log-linear trend. It needs ``b`` >= 3 and is dropped when it extrapolates above all past counts.
    p_threshold_trend : float, default 0.05
        Keep the trend only if its p-value is below this. Paper and R 0.05.
    alpha : float, default 0.01
        *Two-sided* error probability: the limit uses the 1 - alpha / 2 quantile. Paper 0.01, R 0.05.
    power_transform : {"2/3", "1/2", "none"}, default "2/3"
        Scale of the normal approximation. Paper and R 2/3.
    limit54_cases, limit54_periods : int
        No alarm unless the last ``limit54_periods`` periods, this one included, have ``limit54_cases`` reported cases.
        Defaults 5 in 4 weeks (paper and R), 5 in 1 month. 0 cases switches the rule off.
    variant : {"published", "surveillance-1.20"}, default "published"
        ``surveillance-1.20`` gives the numbers of the R package where they differ from the published method; the
        differences are listed in docs/methods/farrington_original.md.

    Returns
    -------
    Detection
        ``p_value`` is the normal upper tail on the transformed scale (an approximation). ``extra``: ``phi``
        dispersion, ``trend_coefficient`` per period (NaN without trend), ``trend_used``, ``p_trend``.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Farrington CP, Andrews NJ, Beale AD, Catchpole MA (1996). A statistical algorithm for the early detection of
    outbreaks of infectious disease. J R Stat Soc A 159(3): 547-563.
    """
    cases = _input.as_series(counts)
    axis = time_axis(cases.shape[1], dates=dates, frequency=frequency)
    as_reference = _input.as_choice("variant", variant, _input.VARIANTS) != "published"
    width = half_window(axis, w)
    recent = (1 if axis.frequency == 12 else 4) if limit54_periods is None else limit54_periods
    years = _input.as_whole("b", b, at_least=1)
    settings = Settings(
        b=years, w=width, n_periods=1, past_not_included=width,
        reweight=_input.as_flag("reweight", reweight),
        weights_threshold=_input.as_number("weights_threshold", weights_threshold, above=0),
        trend=_input.as_flag("trend", trend) and years >= _MIN_YEARS_FOR_TREND,
        p_threshold_trend=_input.as_number("p_threshold_trend", p_threshold_trend, above=0, at_most=1),
        alpha=_input.as_number("alpha", alpha, above=0, below=1) / 2,
        threshold_method="delta",
        power=POWERS[_input.as_choice("power_transform", power_transform, tuple(POWERS))],
        limit54_cases=_input.as_whole("limit54_cases", limit54_cases, at_least=0),
        limit54_periods=_input.as_whole("limit54_periods", recent, at_least=1),
        as_reference=False, shifts_origin=False, classic_in_r=as_reference,
    )  # fmt: skip
    positions = _input.as_positions(evaluate, cases.shape[1])
    exposure = None if population is None else _input.as_population(population, cases)
    result = Result(cases, positions, settings)
    groups = (
        _partial_references(axis, positions, years, width)
        if as_reference
        else references(axis, positions, b=years, w=width, n_periods=1, skip=width, calendar=False)
    )
    for reference, places in groups:
        for series, place in fit_blocks(len(cases), places):
            found = predict(cases, exposure, reference, series, positions[place], settings)
            result.fill(series, place, found)
    return _named(result.detection(), as_reference=as_reference)


def _named(found: Detection, *, as_reference: bool) -> Detection:
    upper = found.upper
    if as_reference:
        # R writes 0 as the limit of a week with too few recent cases.
        upper = np.where(found.reason == Reason.TOO_FEW_RECENT, 0.0, upper)
    extra = {name: values for name, values in found.extra.items() if name != "mu0"}
    return replace(found, method="farrington_original", upper=upper, extra=extra)


def _partial_references(
    axis: TimeAxis, positions: IntArray, years: int, width: int
) -> Iterator[tuple[Reference, IntArray]]:
    """As ``references``, but windows that begin before the series lose those periods instead of being refused."""
    lead = (years + 1) * (axis.frequency + 1)
    extended = _extended(axis, lead)
    everything = references(
        extended, positions + lead, b=years, w=width, n_periods=1, skip=width, calendar=False
    )
    for reference, places in everything:
        for place in places:
            there = positions[place] + reference.offsets >= 0
            if there.any():
                parts = (reference.offsets, reference.block, reference.time)
                yield Reference(*(part[there] for part in parts)), np.array([place])


def _extended(axis: TimeAxis, lead: int) -> TimeAxis:
    """The axis with ``lead`` periods before its first."""
    if isinstance(axis, WeekAxis):
        before = axis.dates[0] - 7 * np.arange(lead, 0, -1)
        return WeekAxis(np.concatenate([before, axis.dates]))
    if isinstance(axis, MonthAxis):
        months = axis.dates[0].astype("datetime64[M]") - np.arange(lead, 0, -1)
        return MonthAxis(np.concatenate([months.astype("datetime64[D]"), axis.dates]))
    return PositionAxis(axis.frequency)
