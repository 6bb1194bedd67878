# mypy: ignore-errors
# numba infers the types.
"""Tails and quantiles of the count distributions with variance ``dispersion * mean``, one element at a time.

The probability of a single count follows Loader (2000): deviations from the mode instead of differences of large
log gamma values, so that small dispersions and large means keep their digits. Tails are that probability times a
continued fraction or a series (Abramowitz and Stegun 26.5.8, 6.5.29, 6.5.31). What is not clear after that is left to
``distributions``, marked by NaN.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from anlan.stats.counts._fast._vector import OPTIONS

_HALF_LOG_2PI = 0.91893853320467274178
_TERMS = 3000
_STEPS = 5000
_TINY = 1e-300
_LARGEST_MEAN = 1e7
# Two implementations of the distribution function may differ by this: closer decisions are not taken here.
_DOUBT = 1e-9
_SLACK = 64 * 2.220446049250313e-16


@njit(**OPTIONS)
def _stirling_error(z):
    """log z! less Stirling's formula."""
    if z < 12.0:
        return math.lgamma(z + 1.0) - (z + 0.5) * math.log(z) + z - _HALF_LOG_2PI
    s = 1.0 / (z * z)
    return (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s / 1188)))) / z


@njit(**OPTIONS)
def _deviation(x, mean):
    """x log(x / mean) + mean - x."""
    if abs(x - mean) < 0.1 * (x + mean):
        v = (x - mean) / (x + mean)
        total = (x - mean) * v
        term = 2.0 * x * v
        for j in range(1, 1000):
            term *= v * v
            fresh = total + term / (2 * j + 1)
            if fresh == total:
                return fresh
            total = fresh
    return x * math.log(x / mean) + mean - x


@njit(**OPTIONS)
def probability(y, mean, dispersion):
    """P(Y = y) for whole y >= 1."""
    if dispersion <= 1.0:
        return math.exp(-_stirling_error(y) - _deviation(y, mean) - 0.5 * math.log(y) - _HALF_LOG_2PI)
    size = mean / (dispersion - 1.0)
    n = size + y
    # As the plain path rounds it: close to dispersion 1 that decides the ninth digit.
    failure = 1.0 - 1.0 / dispersion
    success = 1.0 - failure
    log_part = _stirling_error(n) - _stirling_error(size) - _stirling_error(y)
    log_part -= _deviation(size, n * success) + _deviation(y, n * failure)
    return size / n * math.exp(log_part - _HALF_LOG_2PI - 0.5 * (math.log(size) + math.log(y / n)))


@njit(**OPTIONS)
def _beta_fraction(a, b, x):
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 + even * d
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = 1.0 + even / c
        c = c if abs(c) > _TINY else _TINY
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 + odd * d
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = 1.0 + odd / c
        c = c if abs(c) > _TINY else _TINY
        value *= d * c
        if abs(d * c - 1.0) < 3e-16:
            return value
    return np.nan


@njit(**OPTIONS)
def _gamma_series(y, mean):
    term, total = 1.0, 1.0
    for k in range(1, _TERMS):
        term *= mean / (y + k)
        total += term
        if term < total * 1e-17:
            return total
    return np.nan


@njit(**OPTIONS)
def _gamma_fraction(a, x):
    b = x + 1.0 - a
    c = 1.0 / _TINY
    d = 1.0 / (b if abs(b) > _TINY else _TINY)
    value = d
    for i in range(1, _TERMS):
        b += 2.0
        d = -i * (i - a) * d + b
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = b - i * (i - a) / c
        c = c if abs(c) > _TINY else _TINY
        value *= d * c
        if abs(d * c - 1.0) < 3e-16:
            return value
    return np.nan


@njit(**OPTIONS)
def _complement(lower):
    """1 - lower, unless that would lose digits."""
    return 1.0 - lower if lower < 0.999 else np.nan


@njit(**OPTIONS)
def tail(y, mean, dispersion, here):
    """P(Y >= y) for whole y >= 1, given ``here`` = P(Y = y); NaN where a fraction does not settle."""
    if dispersion <= 1.0:
        if mean < y + 1.0:
            return here * _gamma_series(y, mean)
        return _complement(here * y * _gamma_fraction(y, mean))
    size = mean / (dispersion - 1.0)
    x = 1.0 - 1.0 / dispersion
    if x < (y + 1.0) / (y + size + 2.0):
        return here * _beta_fraction(y, size, x)
    return _complement(here * y / size * _beta_fraction(size, y, 1.0 - x))


@njit(**OPTIONS)
def _quantile(alpha, z, mean, dispersion):
    """Smallest whole number that is exceeded with at most probability alpha; NaN where that is too close to call."""
    limit = alpha * (1.0 + _SLACK)
    spread = math.sqrt(dispersion * mean)
    skewness = (2.0 * dispersion - 1.0) / spread
    count = max(np.floor(mean + spread * (z + skewness * (z * z - 1.0) / 6.0) + 0.5), 0.0)
    # ``beyond`` is P(Y > count), ``here`` the probability of count + 1.
    here = probability(count + 1.0, mean, dispersion)
    beyond = tail(count + 1.0, mean, dispersion, here)
    poisson = dispersion <= 1.0
    size = mean / (1.0 if poisson else dispersion - 1.0)
    x = 1.0 - 1.0 / dispersion
    going_down = beyond <= limit
    for _ in range(_STEPS):
        if not abs(beyond - limit) > _DOUBT * limit:
            return np.nan
        if beyond <= limit:
            if not going_down or count == 0.0:
                return count
            here = here * (count + 1.0) / (mean if poisson else (size + count) * x)
            more = beyond + here
            if not abs(more - limit) > _DOUBT * limit:
                return np.nan
            if more > limit:
                return count
            beyond, count = more, count - 1.0
        else:
            beyond -= here
            count += 1.0
            here = here * (mean if poisson else (size + count) * x) / (count + 1.0)
    return np.nan


@njit(**OPTIONS)
def quantiles(alpha, z, mean, dispersion, result):
    """Quantile at 1 - alpha of each element; NaN where it was not found here."""
    for i in range(mean.size):
        m, phi = mean[i], dispersion[i]
        usable = m > 0.0 and m < _LARGEST_MEAN and phi >= 1.0 and phi < 1e12
        result[i] = _quantile(alpha, z, m, phi) if usable else np.nan


@njit(**OPTIONS)
def upper_tails(count, mean, dispersion, result):
    """P(Y >= count) of each element; NaN where it was not found here."""
    for i in range(mean.size):
        y, m, phi = np.ceil(count[i]), mean[i], dispersion[i]
        if not (m > 0.0 and m < _LARGEST_MEAN and phi >= 1.0 and phi < 1e12 and y < 1e15):
            result[i] = np.nan
        elif y <= 0.0:
            result[i] = 1.0
        else:
            result[i] = tail(y, m, phi, probability(y, m, phi))
