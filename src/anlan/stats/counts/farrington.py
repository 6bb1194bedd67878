"""The flexible Farrington method of Noufaily et al. (2013) for weekly and monthly counts.

Steps in the paper's order: reference periods and seasonal blocks (``anchors``), quasi-Poisson regression with trend and
season (``glm``), one reweighting that pulls down past outbreaks and the decision on the trend (``_farrington_fit``),
the upper limit, the exceedance score, and the rule that a handful of cases gives no signal (``_farrington_limits``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _farrington_fit, _fast, _input
from anlan.stats.counts._farrington_fit import Settings
from anlan.stats.counts._farrington_limits import Result
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.anchors import TimeAxis, references, time_axis
from anlan.stats.counts.result import Detection, IntArray

THRESHOLD_METHODS = ("nbPlugin", "muan", "delta")
POWERS = {"2/3": 2 / 3, "1/2": 0.5, "none": 1.0}
_BLOCK = 256  # fits at a time: their rows stay in the cache
_SECONDS_SAVED = 4e-5  # per fit, by the compiled kernels of extra ``fast``
_MIN_YEARS_FOR_TREND = 3


def farrington_flexible(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    population: ArrayLike | None = None,
    frequency: int | None = None,
    b: int = 5,
    w: int | None = None,
    n_periods: int = 10,
    past_not_included: int | None = None,
    reweight: bool = True,
    weights_threshold: float = 2.58,
    trend: bool = True,
    p_threshold_trend: float = 1.0,
    alpha: float = 0.005,
    threshold_method: str = "nbPlugin",
    power_transform: str = "2/3",
    limit54_cases: int = 5,
    limit54_periods: int | None = None,
    variant: str = "published",
) -> Detection:
    """Compare each period with the same season of past years, allowing for trend and past outbreaks.

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
        Years of history to use. Paper 5, R 5.
    w : int, optional
        Half-width of the window around the same time of past years. Default 3 weeks (paper and R), 1 month.
    n_periods : int, default 10
        Levels of the seasonal factor. Paper 10, R 1 (windows only, no season).
    past_not_included : int, optional
        Latest periods left out, so that an outbreak under way does not hide itself. Default 26 weeks (paper),
        6 months, or half of ``frequency``. R: w.
    reweight : bool, default True
        Pull down past periods with large residuals, once.
    weights_threshold : float, default 2.58
        Anscombe residual from which a period is pulled down. Paper 2.58; the method of 1996 used 1.
    trend : bool, default True
        Fit a log-linear trend. It needs ``b`` >= 3 and is dropped when it extrapolates above all past counts.
    p_threshold_trend : float, default 1.0
        Keep the trend only if its p-value is below this; 1 keeps it always. Paper 1, R 0.05.
    alpha : float, default 0.005
        One-sided error probability of a period. The paper evaluates 0.01, R uses 0.05.
    threshold_method : {"nbPlugin", "muan", "delta"}, default "nbPlugin"
        Limit from the negative binomial at the expected count (paper), the same at an upper limit of the expected
        count (Salmon et al. 2016), or a normal approximation on a power scale (Farrington et al. 1996; R).
    power_transform : {"2/3", "1/2", "none"}, default "2/3"
        Scale of the normal approximation for ``delta``.
    limit54_cases, limit54_periods : int
        No alarm unless the last ``limit54_periods`` periods, this one included, have ``limit54_cases`` reported cases.
        Defaults 5 in 4 weeks (paper), 5 in 1 month. 0 cases switches the rule off.
    variant : {"published", "surveillance-1.20"}, default "published"
        ``surveillance-1.20`` gives the numbers of the R package where they differ from the published formulae; the
        differences are listed in docs/methods/farrington_flexible.md.

    Returns
    -------
    Detection
        ``extra``: ``phi`` dispersion, ``trend_coefficient`` per period (NaN without trend), ``trend_used``,
        ``p_trend``, ``mu0`` the mean that the limit is computed from, ``compiled`` whether the compiled kernels of the
        extra ``fast`` did the work (docs/explain/speed.md); the numbers are the same.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Noufaily A, Enki DG, Farrington P, Garthwaite P, Andrews N, Charlett A (2013). An improved algorithm for outbreak
    detection in multiple surveillance systems. Stat Med 32(7): 1206-1222.
    Farrington CP, Andrews NJ, Beale AD, Catchpole MA (1996). J R Stat Soc A 159(3): 547-563.
    Salmon M, Schumacher D, Höhle M (2016). J Stat Softw 70(10).
    """
    cases = _input.as_series(counts)
    axis = time_axis(cases.shape[1], dates=dates, frequency=frequency)
    settings = _settings(
        axis,
        b=b, w=w, n_periods=n_periods, past_not_included=past_not_included, reweight=reweight,
        weights_threshold=weights_threshold, trend=trend, p_threshold_trend=p_threshold_trend, alpha=alpha,
        threshold_method=threshold_method, power_transform=power_transform, limit54_cases=limit54_cases,
        limit54_periods=limit54_periods, variant=variant,
    )  # fmt: skip
    positions = _input.as_positions(evaluate, cases.shape[1])
    exposure = None if population is None else _input.as_population(population, cases)
    kernels = _fast.kernels("farrington", _SECONDS_SAVED * len(cases) * len(positions))
    result = Result(cases, positions, settings, kernels)
    predict = _farrington_fit.predict if kernels is None else kernels.predict
    for reference, places in references(
        axis, positions, b=settings.b, w=settings.w, n_periods=settings.n_periods,
        skip=settings.past_not_included, calendar=settings.as_reference,
    ):  # fmt: skip
        for series, place in fit_blocks(len(cases), places, _BLOCK if kernels is None else kernels.BLOCK):
            result.fill(
                series, place, predict(cases, exposure, reference, series, positions[place], settings)
            )
    return result.detection()


def _settings(
    axis: TimeAxis, *, b: int, w: int | None, n_periods: int, past_not_included: int | None, reweight: bool,
    weights_threshold: float, trend: bool, p_threshold_trend: float, alpha: float, threshold_method: str,
    power_transform: str, limit54_cases: int, limit54_periods: int | None, variant: str,
) -> Settings:  # fmt: skip
    monthly = axis.frequency == 12
    skipped = axis.frequency // 2 if past_not_included is None else past_not_included
    recent = (1 if monthly else 4) if limit54_periods is None else limit54_periods
    as_reference = _input.as_choice("variant", variant, _input.VARIANTS) != "published"
    return Settings(
        b=_input.as_whole("b", b, at_least=1),
        w=half_window(axis, w),
        n_periods=_input.as_whole("n_periods", n_periods, at_least=1, at_most=axis.frequency),
        past_not_included=_input.as_whole(
            "past_not_included", skipped, at_least=0, at_most=axis.frequency - 1
        ),
        reweight=_input.as_flag("reweight", reweight),
        weights_threshold=_input.as_number("weights_threshold", weights_threshold, above=0),
        trend=_input.as_flag("trend", trend) and b >= _MIN_YEARS_FOR_TREND,
        p_threshold_trend=_input.as_number("p_threshold_trend", p_threshold_trend, above=0, at_most=1),
        alpha=_input.as_number("alpha", alpha, above=0, below=0.5),
        threshold_method=_input.as_choice("threshold_method", threshold_method, THRESHOLD_METHODS),
        power=POWERS[_input.as_choice("power_transform", power_transform, tuple(POWERS))],
        limit54_cases=_input.as_whole("limit54_cases", limit54_cases, at_least=0),
        limit54_periods=_input.as_whole("limit54_periods", recent, at_least=1),
        as_reference=as_reference,
        shifts_origin=as_reference and axis.step != "position",
    )


def half_window(axis: TimeAxis, w: int | None) -> int:
    """The half-width of the window, by default 3 weeks or 1 month; windows of different years must not meet."""
    width = _input.as_whole("w", (1 if axis.frequency == 12 else 3) if w is None else w, at_least=0)
    if 2 * width + 1 >= axis.frequency:
        raise _input.parameter_error("w", f"an int below half a year of {axis.frequency} periods", width)
    return width


def fit_blocks(n_series: int, places: IntArray, block: int = _BLOCK) -> Iterator[tuple[IntArray, IntArray]]:
    """Pairs (series, place) in blocks; the series of one time stand together."""
    for start in range(0, n_series * len(places), block):
        pair = np.arange(start, min(start + block, n_series * len(places)))
        yield pair % n_series, places[pair // n_series]
