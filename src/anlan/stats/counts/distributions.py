"""Tails and quantiles of the count distributions with variance ``dispersion * mean``, for whole arrays.

With dispersion phi > 1 this is the negative binomial of size mean / (phi - 1) and success probability 1 / phi, with
phi = 1 the Poisson distribution.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from anlan.stats.counts.result import BoolArray, FloatArray

_LARGEST_MEAN = 1e15
# Rounding of the distribution function must not move a quantile that falls exactly on a step.
_QUANTILE_SLACK = 64 * np.finfo(np.float64).eps


def upper_tail(count: FloatArray, mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """P(Y >= count), element by element. 1 for a count of 0; NaN where an argument is not finite.

    Parameters
    ----------
    count, mean, dispersion : ndarray of float64, of one shape
        ``mean`` > 0 and finite, ``dispersion`` >= 1. A fractional count is rounded up.
    """
    y = np.ceil(count)
    above_one = dispersion > 1
    with np.errstate(all="ignore"):
        size = mean / np.where(above_one, dispersion - 1, 1.0)
        negative_binomial = special.betainc(np.maximum(y, 1.0), size, 1 - 1 / dispersion)
        poisson = special.gammainc(np.maximum(y, 1.0), mean)
    tail = np.where(above_one, negative_binomial, poisson)
    known = np.isfinite(y) & np.isfinite(mean) & np.isfinite(dispersion)
    return np.where(known, np.where(y >= 1, tail, 1.0), np.nan)


def quantile(probability: float, mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Smallest whole number whose distribution function reaches ``probability``.

    NaN where ``mean`` or ``dispersion`` is not finite, or the mean is beyond all counts (1e15).
    """
    found = np.where(mean == 0, 0.0, np.nan)
    usable = (mean > 0) & (mean < _LARGEST_MEAN) & np.isfinite(dispersion)
    m, phi = mean[usable], dispersion[usable]
    if m.size:
        found[usable] = _search(probability, m, phi)
    return found


def _search(probability: float, mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    low, high = _bracket(probability, mean, dispersion)
    # Invariant: the quantile lies in (low, high].
    open_ = high - low > 1
    while open_.any():
        middle = np.floor((low[open_] + high[open_]) / 2)
        reached = _reaches(middle, probability, mean[open_], dispersion[open_])
        high[open_] = np.where(reached, middle, high[open_])
        low[open_] = np.where(reached, low[open_], middle)
        open_ = (high - low > 1) & (np.floor((low + high) / 2) > low)
    return high


def _bracket(probability: float, mean: FloatArray, dispersion: FloatArray) -> tuple[FloatArray, FloatArray]:
    z = float(special.ndtri(probability))
    spread = np.sqrt(dispersion * mean)
    skewness = (2 * dispersion - 1) / np.where(spread > 0, spread, 1.0)
    guess = np.maximum(np.floor(mean + spread * (z + skewness * (z * z - 1) / 6) + 0.5), 0.0)
    low, high = guess - 1, guess.copy()
    step = np.ones_like(guess)
    while True:
        too_low = ~_reaches(high, probability, mean, dispersion)
        if not too_low.any():
            break
        low = np.where(too_low, high, low)
        high = np.where(too_low, high + step, high)
        step = np.where(too_low, 2 * step, step)
    step = np.maximum(np.floor(spread * 1e-3), 1.0)
    while True:
        too_high = (low >= 0) & _reaches(low, probability, mean, dispersion)
        if not too_high.any():
            return low, high
        high = np.where(too_high, low, high)
        low = np.where(too_high, np.maximum(low - step, -1.0), low)
        step = np.where(too_high, 2 * step, step)


def _reaches(count: FloatArray, probability: float, mean: FloatArray, dispersion: FloatArray) -> BoolArray:
    """Whether P(Y <= count) >= probability, told by the upper tail so that small alphas keep their digits."""
    beyond = upper_tail(count + 1, mean, dispersion)
    reached: BoolArray = ~(beyond > (1 - probability) * (1 + _QUANTILE_SLACK))
    return reached
