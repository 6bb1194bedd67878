# mypy: ignore-errors
# numba infers the types.
"""The EARS detectors in one pass: a series is read once, eight periods at a time, and the result is written once.

Sums run over the window in the order of ``ears._moments`` and no products are fused, so that every number is the
same to the last bit. Series with gaps take the period by period form.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from anlan.stats.counts._fast._vector import (
    EXACT,
    LANES,
    any_less,
    load_at,
    product,
    root,
    splat,
    store_at,
    store_less_at,
    where_less,
)


@njit(**EXACT)
def _has_gap(y):
    total = splat(0.0)
    whole = y.size - y.size % LANES
    for t in range(0, whole, LANES):
        value = load_at(y, t)
        # NaN is not less than anything.
        total = total + where_less(value, np.inf, 0.0, 1.0)
    if any_less(0.0, total):
        return True
    for t in range(whole, y.size):  # noqa: SIM110 - numba has no any()
        if not y[t] < np.inf:
            return True
    return False


@njit(**EXACT)
def _moments_at(y, t, length, min_sigma):
    """Mean and standard deviation of the eight windows that begin at t ... t + 7."""
    origin = load_at(y, t + length - 1)
    shift = splat(0.0)
    for j in range(length):
        shift = shift + (load_at(y, t + j) - origin)
    shift = shift / (length * 1.0)
    squares = splat(0.0)
    for j in range(length):
        away = load_at(y, t + j) - origin - shift
        squares = squares + product(away, away)
    sigma = root(squares / (length - 1.0))
    return origin + shift, where_less(sigma, min_sigma, min_sigma, sigma)


@njit(**EXACT)
def _window_with_gaps(y, length, least, min_sigma):
    number, origin = 0, np.nan
    for j in range(length):
        if y[j] == y[j]:
            number += 1
            origin = y[j]
    if number < least:
        return np.nan, np.nan
    shift = 0.0
    for j in range(length):
        if y[j] == y[j]:
            shift += y[j] - origin
    shift /= number
    squares = splat(0.0)
    for j in range(length):
        if y[j] == y[j]:
            away = splat(y[j] - origin - shift)
            squares = squares + product(away, away)
    one = np.empty(LANES)
    store_at(one, 0, squares)
    spread = np.sqrt(one[0] / (number - 1))
    return origin + shift, spread if spread > min_sigma else min_sigma


@njit(**EXACT)
def moments(cases, length, guard, least, min_sigma, mean, sigma):
    """Baseline mean and standard deviation of every period, (n_series, n_times), NaN where there is none."""
    n_times = cases.shape[1]
    first = min(length + guard, n_times)
    n = n_times - first
    for s in range(cases.shape[0]):
        y, means, sigmas = cases[s], mean[s], sigma[s]
        for t in range(first):
            means[t] = np.nan
            sigmas[t] = np.nan
        if n < LANES or _has_gap(y):
            for t in range(n):
                means[first + t], sigmas[first + t] = _window_with_gaps(
                    y[t : t + length], length, least, min_sigma
                )
            continue
        t = 0
        while t < n:
            # The last eight overlap the ones before: the same numbers are written twice.
            t = min(t, n - LANES)
            found_mean, found_sigma = _moments_at(y, t, length, min_sigma)
            store_at(means, first + t, found_mean)
            store_at(sigmas, first + t, found_sigma)
            t += LANES


@njit(**EXACT)
def alarms(cases, length, guard, least, threshold, min_sigma, result):
    """Where a value is above mean + threshold sigma (C1, C2); ``result`` (n_series, n_times) of bool."""
    n_times = cases.shape[1]
    first = min(length + guard, n_times)
    n = n_times - first
    for s in range(cases.shape[0]):
        y, found = cases[s], result[s]
        for t in range(first):
            found[t] = False
        if n < LANES or _has_gap(y):
            for t in range(n):
                mean, sigma = _window_with_gaps(y[t : t + length], length, least, min_sigma)
                found[first + t] = y[first + t] > mean + threshold * sigma
            continue
        t = 0
        while t < n:
            t = min(t, n - LANES)
            mean, sigma = _moments_at(y, t, length, min_sigma)
            store_less_at(found, first + t, mean + product(splat(threshold), sigma), load_at(y, first + t))
            t += LANES
