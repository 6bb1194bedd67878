"""Periodic regression on the whole history: trend and harmonics, with a Poisson or negative-binomial limit.

Log-linear regressions with cosine and sine of the time of year, fitted anew for every tested period on everything
before it. They are the descendants of Serfling's method for counts; Serfling's own linear form is in ``serfling``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input, glm
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts._seasonal import fit_log_linear, harmonic_design, pearson_dispersion, year_time
from anlan.stats.counts.anchors import TimeAxis, time_axis
from anlan.stats.counts.distributions import quantile, upper_tail
from anlan.stats.counts.result import Detection, FloatArray, IntArray, Reason, exceedance_score

_BLOCK = 256  # fits at a time: their rows stay in the cache
MIN_YEARS = {True: 3, False: 2}  # with and without trend


def periodic_poisson(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    population: ArrayLike | None = None,
    frequency: int | None = None,
    alpha: float = 0.01,
    harmonics: int = 1,
    trend: bool = True,
    b: int | None = None,
    min_years: int | None = None,
    past_not_included: int = 0,
) -> Detection:
    """Compare each period with a Poisson regression on trend and season of everything before it.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: such periods leave the regression and are not decided.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. The season is then the time of the calendar
        year, so that years of 53 weeks shift nothing. Without dates ``frequency`` positions are a year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    population : array of shape (n_series, n_times) or (n_times,), optional
        Population at risk, > 0. Its logarithm becomes an offset.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    alpha : float, default 0.01
        One-sided error probability of a period. Reference run 0.01.
    harmonics : int, default 1
        Pairs of cosine and sine. Reference run 1; 2 where a season has two peaks or a sharp one.
    trend : bool, default True
        Fit a log-linear trend. Reference run: always.
    b : int, optional
        Years of history to use, at least ``min_years``. Default all there is (reference run).
    min_years : int, optional
        Years of history below which nothing is decided. Default 3 with trend, 2 without.
    past_not_included : int, default 0
        Latest periods left out, so that an outbreak under way does not hide itself. Reference run 0.

    Returns
    -------
    Detection
        ``upper`` is the Poisson quantile at the expected count. ``p_value`` is P(Y >= y) at the fitted mean: exact for
        a Poisson count whose mean is known, not corrected for its estimation, and too small where counts are
        overdispersed. ``extra``: ``phi`` the Pearson dispersion (at least 1; not used in the limit),
        ``trend_coefficient`` per year.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Serfling RE (1963). Public Health Rep 78(6): 494-506.
    Bédubourg G, Le Strat Y (2017). PLoS ONE 12(7): e0181227.
    """
    return _run(
        "periodic_poisson", counts, dates, evaluate, population, frequency,
        alpha=alpha, harmonics=harmonics, trend=trend, b=b, min_years=min_years, past_not_included=past_not_included,
    )  # fmt: skip


def periodic_nb(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    population: ArrayLike | None = None,
    frequency: int | None = None,
    alpha: float = 0.01,
    harmonics: int = 1,
    trend: bool = True,
    b: int | None = None,
    min_years: int | None = None,
    past_not_included: int = 0,
) -> Detection:
    """Compare each period with a regression on trend and season, allowing for more than Poisson variation.

    The mean is that of ``periodic_poisson``; the limit is a quantile of the negative binomial with variance phi * mean,
    phi the Pearson dispersion of the fit (at least 1). Parameters, errors and references as there.

    Returns
    -------
    Detection
        ``p_value`` is P(Y >= y) under that negative binomial: plug-in, not corrected for the estimation of mean and
        dispersion. ``extra``: ``phi``, ``trend_coefficient`` per year.
    """
    return _run(
        "periodic_nb", counts, dates, evaluate, population, frequency,
        alpha=alpha, harmonics=harmonics, trend=trend, b=b, min_years=min_years, past_not_included=past_not_included,
    )  # fmt: skip


@dataclass(frozen=True)
class _Settings:
    alpha: float
    harmonics: int
    trend: bool
    window: int | None
    history: int
    skip: int

    @property
    def n_coefficients(self) -> int:
        return 1 + 2 * self.harmonics + self.trend


def _settings(
    axis: TimeAxis, *, alpha: float, harmonics: int, trend: bool, b: int | None, min_years: int | None,
    past_not_included: int,
) -> _Settings:  # fmt: skip
    with_trend = _input.as_flag("trend", trend)
    years = (
        MIN_YEARS[with_trend] if min_years is None else _input.as_whole("min_years", min_years, at_least=1)
    )
    if b is not None and _input.as_whole("b", b, at_least=1) < years:
        raise parameter_error("b", f"an int >= min_years ({years}) or None", b)
    skip = _input.as_whole("past_not_included", past_not_included, at_least=0)
    return _Settings(
        alpha=_input.as_number("alpha", alpha, above=0, below=0.5),
        harmonics=_input.as_whole("harmonics", harmonics, at_least=0, at_most=(axis.frequency - 1) // 2),
        trend=with_trend,
        window=None if b is None else b * axis.frequency,
        history=years * axis.frequency + skip,
        skip=skip,
    )


def _run(
    method: str, counts: ArrayLike, dates: ArrayLike | None, evaluate: Evaluate, population: ArrayLike | None,
    frequency: int | None, *, alpha: float, harmonics: int, trend: bool, b: int | None, min_years: int | None,
    past_not_included: int,
) -> Detection:  # fmt: skip
    cases = _input.as_series(counts)
    axis = time_axis(cases.shape[1], dates=dates, frequency=frequency)
    settings = _settings(
        axis, alpha=alpha, harmonics=harmonics, trend=trend, b=b, min_years=min_years,
        past_not_included=past_not_included,
    )  # fmt: skip
    positions = _input.as_positions(evaluate, cases.shape[1])
    exposure = None if population is None else _input.as_population(population, cases)
    years = year_time(axis, cases.shape[1])
    shape = (len(cases), len(positions))
    mean, phi, slope = (np.full(shape, np.nan) for _ in range(3))
    reason = np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8)
    for place, position in enumerate(positions.tolist()):
        if position < settings.history:
            continue
        for rows in _blocks(len(cases)):
            fitted = _fit(
                cases[rows], None if exposure is None else exposure[rows], years, position, settings
            )
            mean[rows, place], phi[rows, place], slope[rows, place], reason[rows, place] = fitted
    return _detection(method, cases[:, positions], positions, mean, phi, slope, reason, settings)


def _blocks(n_series: int) -> Iterator[slice]:
    for start in range(0, n_series, _BLOCK):
        yield slice(start, start + _BLOCK)


def _fit(
    cases: FloatArray, exposure: FloatArray | None, years: FloatArray, position: int, settings: _Settings
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Mean, dispersion, trend and reason at ``position`` for one block of series."""
    stop = position - settings.skip
    start = 0 if settings.window is None else max(0, stop - settings.window)
    counts = cases[:, start:stop]
    reported = ~np.isnan(counts)
    weight = None if reported.all() else reported.astype(np.float64)
    relative = None if exposure is None else exposure[:, start:stop] / exposure[:, position, np.newaxis]
    data = glm.Data(np.where(reported, counts, 0.0), weight, relative)
    design = harmonic_design(
        np.append(years[start:stop], years[position]), years[position], harmonics=settings.harmonics,
        trend=settings.trend,
    )  # fmt: skip
    fitted = fit_log_linear(design[:-1], data)
    number = reported.sum(axis=1)
    # Half of the least history: fewer reports than that do not tell a season from a trend.
    enough = number >= max((settings.history - settings.skip) / 2, settings.n_coefficients + 1)
    degrees = np.maximum(number - settings.n_coefficients, 1).astype(np.float64)
    with np.errstate(all="ignore"):
        mean = np.exp(fitted.coefficients @ design[-1])
    usable = fitted.converged & np.isfinite(mean)
    reason = np.where(usable, Reason.OK, Reason.NO_CONVERGENCE)
    reason[data.counts.max(axis=1, initial=0.0) <= 0] = Reason.ZERO_REFERENCE
    reason[~enough] = Reason.INCOMPLETE_REFERENCE
    good = reason == Reason.OK
    slope = fitted.coefficients[:, -1] / 6 if settings.trend else np.full(len(cases), np.nan)
    return (
        np.where(good, mean, np.nan),
        np.where(good, pearson_dispersion(data, fitted.means, degrees), np.nan),
        np.where(good, slope, np.nan),
        reason,
    )


def _detection(
    method: str, observed: FloatArray, positions: IntArray, mean: FloatArray, phi: FloatArray, slope: FloatArray,
    reason: np.ndarray[tuple[int, ...], np.dtype[np.int8]], settings: _Settings,
) -> Detection:  # fmt: skip
    dispersion = np.ones_like(mean) if method == "periodic_poisson" else phi
    upper = quantile(1 - settings.alpha, mean, dispersion)
    p_value = upper_tail(observed, mean, dispersion)
    empty = reason == Reason.ZERO_REFERENCE
    expected, upper = np.where(empty, 0.0, mean), np.where(empty, 0.0, upper)
    reason[(reason == Reason.OK) & ~np.isfinite(upper)] = Reason.UNBOUNDED
    reason[np.isnan(observed) & (reason != Reason.SHORT_HISTORY)] = Reason.MISSING_CURRENT
    decided = (reason == Reason.OK) | (reason == Reason.ZERO_REFERENCE)
    return Detection(
        method=method,
        times=positions,
        observed=observed,
        expected=expected,
        upper=upper,
        score=exceedance_score(observed, expected, upper),
        p_value=p_value,
        alarm=decided & (observed > upper),
        reason=reason,
        extra={"phi": phi, "trend_coefficient": slope},
    )
