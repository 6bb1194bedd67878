"""Serfling's method: a linear regression with trend and harmonics through the weeks without an epidemic.

For indicators that are a level with a yearly wave and epidemics on top of it: influenza-like illness, deaths from
pneumonia and influenza. Values are taken as they are, not as counts; for counts see ``periodic``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from anlan.stats.counts import _input
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts._seasonal import harmonic_design, inverses, normal_matrices, pair_products, year_time
from anlan.stats.counts.anchors import TimeAxis, time_axis
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason, exceedance_score

_BLOCK = 256
_ROUNDING = 1e-12  # relative; residuals below it are no variation


def serfling(
    values: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    alpha: float = 0.05,
    harmonics: int = 1,
    trend: bool = True,
    b: int | None = None,
    min_years: int = 3,
    exclude_share: float = 0.15,
) -> Detection:
    """Compare each period with the wave that the periods without an epidemic follow.

    Parameters
    ----------
    values : array of shape (n_series, n_times) or (n_times,)
        Rates, shares or counts >= 0 of each week or month. NaN is not reported.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. The season is then the time of the calendar
        year, also across years of 53 weeks. Without dates ``frequency`` positions are a year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    alpha : float, default 0.05
        One-sided error probability: limit 1.645 standard deviations above the wave (Serfling 1.64).
    harmonics : int, default 1
        Pairs of cosine and sine. Serfling 1; 2 is common.
    trend : bool, default True
        Fit a linear trend (Serfling: yes).
    b : int, optional
        Years of history to use, at least ``min_years``. Default all there is.
    min_years : int, default 3
        Years of history below which nothing is decided.
    exclude_share : float, default 0.15
        Share of the largest values of the history that is left out as epidemic. Serfling chose the weeks by eye; the
        share is the usual substitute (Pelat et al. 2007: 15 to 25 %). 0: all weeks stay.

    Returns
    -------
    Detection
        ``p_value`` is the normal upper tail at (y - wave) / sd: plug-in. The standard deviation comes from what was
        left after the largest values were taken out, so that p-values are too small; use them for ranking. ``extra``:
        ``statistic`` in standard deviations, ``sigma``, ``n_used`` periods in the regression.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Serfling RE (1963). Methods for current statistical analysis of excess pneumonia-influenza deaths. Public Health
    Rep 78(6): 494-506.
    Pelat C, Boëlle PY, Cowling BJ, Carrat F, Flahault A, Ansart S, Valleron AJ (2007). Online detection and
    quantification of epidemics. BMC Med Inform Decis Mak 7: 29.
    """
    levels = _input.as_series(values, name="values")
    axis = time_axis(levels.shape[1], dates=dates, frequency=frequency)
    settings = _settings(axis, alpha, harmonics, trend, b, min_years, exclude_share)
    positions = _input.as_positions(evaluate, levels.shape[1])
    years = year_time(axis, levels.shape[1])
    shape = (len(levels), len(positions))
    found = {name: np.full(shape, np.nan) for name in ("expected", "sigma", "n_used")}
    reason = np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8)
    for place, position in enumerate(positions.tolist()):
        if position < settings.history:
            continue
        for start in range(0, len(levels), _BLOCK):
            rows = slice(start, start + _BLOCK)
            fitted = _fit(levels[rows], years, position, settings)
            for name, column in zip(("expected", "sigma", "n_used"), fitted[:3], strict=True):
                found[name][rows, place] = column
            reason[rows, place] = fitted[3]
    return _detection(levels[:, positions], positions, found, reason, settings)


@dataclass(frozen=True)
class _Settings:
    z: float
    harmonics: int
    trend: bool
    window: int | None
    history: int
    exclude_share: float


def _settings(
    axis: TimeAxis,
    alpha: float,
    harmonics: int,
    trend: bool,
    b: int | None,
    min_years: int,
    exclude_share: float,
) -> _Settings:
    years = _input.as_whole("min_years", min_years, at_least=1)
    if b is not None and _input.as_whole("b", b, at_least=1) < years:
        raise parameter_error("b", f"an int >= min_years ({years}) or None", b)
    return _Settings(
        z=float(-special.ndtri(_input.as_number("alpha", alpha, above=0, below=0.5))),
        harmonics=_input.as_whole("harmonics", harmonics, at_least=0, at_most=(axis.frequency - 1) // 2),
        trend=_input.as_flag("trend", trend),
        window=None if b is None else b * axis.frequency,
        history=years * axis.frequency,
        exclude_share=_input.as_number("exclude_share", exclude_share, at_least=0, below=0.5),
    )  # fmt: skip


def _fit(
    levels: FloatArray, years: FloatArray, position: int, settings: _Settings
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Expected value, standard deviation, number of periods used and reason for one block of series."""
    start = 0 if settings.window is None else max(0, position - settings.window)
    history = levels[:, start:position]
    design = harmonic_design(
        np.append(years[start:position], years[position]), years[position], harmonics=settings.harmonics,
        trend=settings.trend,
    )  # fmt: skip
    rows, at = design[:-1], design[-1]
    used = _without_epidemics(history, settings.exclude_share)
    weight = used.astype(np.float64)
    filled = np.where(used, history, 0.0)
    pairs, places = pair_products(rows)
    coefficients = np.einsum("nij,nj->ni", inverses(normal_matrices(weight, pairs, places)), filled @ rows)
    number = used.sum(axis=1)
    degrees = np.maximum(number - rows.shape[1], 1)
    fitted = coefficients @ rows.T
    with np.errstate(invalid="ignore"):
        sigma = np.sqrt((weight * (filled - fitted) ** 2).sum(axis=1) / degrees)
        scale = np.abs(filled).max(axis=1, initial=0.0)
        flat = sigma <= _ROUNDING * scale
    enough = (number >= settings.history / 2) & ~np.isnan(sigma)
    reason = np.where(enough, np.where(flat, Reason.ZERO_VARIANCE, Reason.OK), Reason.INCOMPLETE_REFERENCE)
    expected = coefficients @ at
    # A wave that is fitted exactly carries rounding only; without this it would raise alarms of 1e-16.
    expected = np.where(flat, np.round(expected, 9), expected)
    return (
        np.where(enough, expected, np.nan),
        np.where(enough, np.where(flat, 0.0, sigma), np.nan),
        number.astype(np.float64),
        reason,
    )


def _without_epidemics(history: FloatArray, share: float) -> BoolArray:
    """Reported periods that are not among the ``share`` largest; ties at the limit stay."""
    reported = ~np.isnan(history)
    number = reported.sum(axis=1)
    ordered = np.sort(history, axis=1)
    # NaN stand last; the limit is the linear quantile of what is reported.
    rank = np.maximum(number - 1, 0) * (1 - share)
    low = np.floor(rank).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(number - 1, 0))
    index = np.arange(len(history))
    limit = ordered[index, low] + (rank - low) * (ordered[index, high] - ordered[index, low])
    with np.errstate(invalid="ignore"):
        kept: BoolArray = reported & (history <= limit[:, np.newaxis])
    return kept


def _detection(
    observed: FloatArray, positions: IntArray, found: dict[str, FloatArray],
    reason: np.ndarray[tuple[int, ...], np.dtype[np.int8]], settings: _Settings,
) -> Detection:  # fmt: skip
    expected, sigma = found["expected"], found["sigma"]
    upper = expected + settings.z * sigma
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(sigma > 0, (observed - expected) / sigma, np.nan)
    reason[np.isnan(observed) & (reason != Reason.SHORT_HISTORY)] = Reason.MISSING_CURRENT
    decided = (reason == Reason.OK) | (reason == Reason.ZERO_VARIANCE)
    return Detection(
        method="serfling",
        times=positions,
        observed=observed,
        expected=expected,
        upper=upper,
        score=exceedance_score(observed, expected, upper),
        p_value=special.ndtr(-statistic),
        alarm=decided & (observed > upper),
        reason=reason,
        extra={"statistic": statistic, "sigma": sigma, "n_used": found["n_used"]},
    )
