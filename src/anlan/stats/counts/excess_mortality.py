"""Excess mortality: deaths against the wave that the quiet weeks of spring and autumn follow (as EuroMOMO does).

Winter has influenza and summer has heat; a baseline fitted through them would call a bad winter normal. So the
regression sees only the quiet parts of the year and its wave carries over the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from anlan.stats.counts import _input, glm
from anlan.stats.counts._farrington_limits import limit_delta
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts._seasonal import (
    fit_log_linear,
    harmonic_design,
    iso_weeks,
    month_of,
    pearson_dispersion,
    year_time,
)
from anlan.stats.counts.anchors import MonthAxis, TimeAxis, WeekAxis, time_axis
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason, exceedance_score

BASELINES = ("spring_autumn", "all")
QUIET_WEEKS = ((15, 26), (36, 45))  # EuroMOMO
QUIET_MONTHS = ((4, 6), (9, 10))
_POWER = 2 / 3
_BLOCK = 256
_Z95 = float(special.ndtri(0.975))


def excess_mortality(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    population: ArrayLike | None = None,
    frequency: int | None = None,
    z: float = 2.0,
    baseline: str = "spring_autumn",
    b: int = 5,
    min_years: int = 3,
    harmonics: int = 1,
    trend: bool = True,
) -> Detection:
    """Compare deaths with those expected from the quiet parts of past years.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Deaths in each week or month, >= 0. NaN is not reported.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. Quiet weeks are ISO weeks; a week 53 is not
        one of them. Without dates position 0 is the first week of a year and ``frequency`` positions are a year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    population : array of shape (n_series, n_times) or (n_times,), optional
        Population, > 0. Its logarithm becomes an offset.
    frequency : int, optional
        Periods in a year when there are no dates; default 52. 12 is taken as months from January on.
    z : float, default 2.0
        Standard deviations on the 2/3 power scale above which there is an alarm. EuroMOMO marks 2 and, as
        substantial, 4.
    baseline : {"spring_autumn", "all"}, default "spring_autumn"
        Weeks 15-26 and 36-45 (EuroMOMO; months: April to June, September and October), or the whole year.
    b : int, default 5
        Years of history. EuroMOMO 5.
    min_years : int, default 3
        Years of history below which nothing is decided.
    harmonics : int, default 1
        Pairs of cosine and sine; EuroMOMO 1. With the quiet weeks alone more than one is not identified well.
    trend : bool, default True
        Fit a log-linear trend.

    Returns
    -------
    Detection
        ``p_value`` is the normal upper tail at ``extra["z_score"]``, which takes the estimation of the mean and the
        overdispersion into account: calibrated for counts of about ten and more. Further ``extra``: ``excess`` deaths
        and ``excess_low``, ``excess_high`` their 95 % limits (excess over the limits of the prediction), ``phi``,
        ``se`` the standard error of the expected number.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Mazick A, Gergonne B, Nielsen J, et al. (2012). Excess mortality among the elderly in 12 European countries,
    February and March 2012. Euro Surveill 17(14): 20138.
    Farrington CP, Andrews NJ, Beale AD, Catchpole MA (1996). J R Stat Soc A 159(3): 547-563 (limits).
    """
    deaths = _input.as_series(counts)
    axis = time_axis(deaths.shape[1], dates=dates, frequency=frequency)
    settings = _settings(axis, z, baseline, b, min_years, harmonics, trend)
    positions = _input.as_positions(evaluate, deaths.shape[1])
    exposure = None if population is None else _input.as_population(population, deaths)
    years = year_time(axis, deaths.shape[1])
    quiet = _quiet(axis, deaths.shape[1], settings.baseline)
    shape = (len(deaths), len(positions))
    found = {name: np.full(shape, np.nan) for name in ("expected", "phi", "se")}
    reason = np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8)
    for place, position in enumerate(positions.tolist()):
        if position < settings.history:
            continue
        rows_at = np.flatnonzero(quiet[max(0, position - settings.window) : position])
        rows_at += max(0, position - settings.window)
        for start in range(0, len(deaths), _BLOCK):
            block = slice(start, start + _BLOCK)
            offset = None if exposure is None else exposure[block]
            fitted = _fit(deaths[block], offset, years, rows_at, position, settings)
            for name, column in zip(("expected", "phi", "se"), fitted[:3], strict=True):
                found[name][block, place] = column
            reason[block, place] = fitted[3]
    return _detection(deaths[:, positions], positions, found, reason, settings)


def total_excess(found: Detection, places: slice | IntArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Excess deaths added up over evaluated periods, and their standard error, for each series.

    Parameters
    ----------
    found : Detection
        Result of ``excess_mortality``.
    places : slice or array of int, optional
        Columns of the result to add up. Default all.

    Returns
    -------
    tuple of ndarray of shape (n_series,)
        Sum of the excess over the decided periods, and sqrt(sum of phi * expected + (sum of se)^2): counts vary
        independently around their means, while the errors of the baselines are taken as fully correlated. NaN where
        no period is decided.
    """
    columns = slice(None) if places is None else places
    decided = np.isin(found.reason[:, columns], [Reason.OK, Reason.ZERO_REFERENCE])
    excess = np.where(decided, found.extra["excess"][:, columns], 0.0).sum(axis=1)
    own = np.where(decided, found.extra["phi"][:, columns] * found.expected[:, columns], 0.0).sum(axis=1)
    shared = np.where(decided, found.extra["se"][:, columns], 0.0).sum(axis=1)
    none = ~decided.any(axis=1)
    return np.where(none, np.nan, excess), np.where(none, np.nan, np.sqrt(own + shared**2))


@dataclass(frozen=True)
class _Settings:
    z: float
    baseline: str
    window: int
    history: int
    harmonics: int
    trend: bool


def _settings(
    axis: TimeAxis, z: float, baseline: str, b: int, min_years: int, harmonics: int, trend: bool
) -> _Settings:
    least = _input.as_whole("min_years", min_years, at_least=1)
    years = _input.as_whole("b", b, at_least=1)
    if years < least:
        raise parameter_error("b", f"an int >= min_years ({least})", b)
    return _Settings(
        z=_input.as_number("z", z, above=0),
        baseline=_input.as_choice("baseline", baseline, BASELINES),
        window=years * axis.frequency,
        history=least * axis.frequency,
        harmonics=_input.as_whole("harmonics", harmonics, at_least=0, at_most=(axis.frequency - 1) // 2),
        trend=_input.as_flag("trend", trend),
    )


def _quiet(axis: TimeAxis, n_times: int, baseline: str) -> BoolArray:
    """The periods that the baseline is fitted on."""
    if baseline == "all":
        return np.ones(n_times, dtype=bool)
    monthly = axis.frequency == 12
    if isinstance(axis, WeekAxis):
        number = iso_weeks(axis.dates)[1]
    elif isinstance(axis, MonthAxis):
        number = month_of(axis.dates)
    else:
        number = np.arange(n_times) % axis.frequency + 1
        if not monthly:  # other numbers of periods to the year: the same parts of it
            number = np.ceil(number * 52 / axis.frequency).astype(np.int64)
    quiet = np.zeros(n_times, dtype=bool)
    for first, last in QUIET_MONTHS if monthly else QUIET_WEEKS:
        quiet |= (number >= first) & (number <= last)
    return quiet


def _fit(
    deaths: FloatArray, exposure: FloatArray | None, years: FloatArray, rows_at: IntArray, position: int,
    settings: _Settings,
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:  # fmt: skip
    counts = deaths[:, rows_at]
    reported = ~np.isnan(counts)
    weight = None if reported.all() else reported.astype(np.float64)
    relative = None if exposure is None else exposure[:, rows_at] / exposure[:, position, np.newaxis]
    data = glm.Data(np.where(reported, counts, 0.0), weight, relative)
    design = harmonic_design(
        np.append(years[rows_at], years[position]), years[position], harmonics=settings.harmonics,
        trend=settings.trend,
    )  # fmt: skip
    fitted = fit_log_linear(design[:-1], data)
    number = reported.sum(axis=1)
    degrees = number - design.shape[1]
    phi = pearson_dispersion(data, fitted.means, np.maximum(degrees, 1).astype(np.float64))
    with np.errstate(all="ignore"):
        mean = np.exp(fitted.coefficients @ design[-1])
        se = mean * np.sqrt(phi * fitted.variance_at(design[-1]))
    usable = fitted.converged & np.isfinite(mean) & np.isfinite(se)
    reason = np.where(usable, Reason.OK, Reason.NO_CONVERGENCE)
    reason[data.counts.max(axis=1, initial=0.0) <= 0] = Reason.ZERO_REFERENCE
    reason[(number < len(rows_at) / 2) | (degrees < 1)] = Reason.INCOMPLETE_REFERENCE
    good = reason == Reason.OK
    return np.where(good, mean, np.nan), np.where(good, phi, np.nan), np.where(good, se, np.nan), reason


def _detection(
    observed: FloatArray, positions: IntArray, found: dict[str, FloatArray],
    reason: np.ndarray[tuple[int, ...], np.dtype[np.int8]], settings: _Settings,
) -> Detection:  # fmt: skip
    mean, phi, se = found["expected"], found["phi"], found["se"]
    with np.errstate(all="ignore"):
        upper, p_value = limit_delta(observed, mean, phi, se, power=_POWER, z=settings.z)
        high, _ = limit_delta(observed, mean, phi, se, power=_POWER, z=_Z95)
        low = np.maximum(mean**_POWER - (high**_POWER - mean**_POWER), 0.0) ** (1 / _POWER)
        # Far out the tail underflows: the statistic itself, not by way of its p-value.
        z_score = settings.z * (observed**_POWER - mean**_POWER) / (upper**_POWER - mean**_POWER)
    empty = reason == Reason.ZERO_REFERENCE
    expected, upper = np.where(empty, 0.0, mean), np.where(empty, 0.0, upper)
    reason[(reason == Reason.OK) & ~np.isfinite(upper)] = Reason.UNBOUNDED
    reason[np.isnan(observed) & (reason != Reason.SHORT_HISTORY)] = Reason.MISSING_CURRENT
    decided = (reason == Reason.OK) | (reason == Reason.ZERO_REFERENCE)
    return Detection(
        method="excess_mortality",
        times=positions,
        observed=observed,
        expected=expected,
        upper=upper,
        score=exceedance_score(observed, expected, upper),
        p_value=p_value,
        alarm=decided & (observed > upper),
        reason=reason,
        extra={
            "z_score": z_score,
            "excess": observed - expected,
            "excess_low": observed - high,
            "excess_high": observed - low,
            "phi": phi,
            "se": se,
        },
    )
