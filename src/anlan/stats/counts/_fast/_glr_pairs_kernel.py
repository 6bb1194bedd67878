# mypy: ignore-errors
# numba infers the types.
"""The likelihood ratio charts that look at every beginning by itself: an epidemic change, and R's own iterations.

An epidemic's log ratio need not be concave in lambda, so that no beginning can be set aside. Sums over time at the
points of a grid of lambda say between which two of them each maximum lies. R's charts are repeated as they are, also
where they fail (``anlan.stats.counts._glr_reference``).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from anlan.stats.counts._fast._glr_kernel import MOST_STEPS, SUMS, _closed_least, _closed_ratio
from anlan.stats.counts._fast._vector import OPTIONS

CLOSED_IN_R, INTERCEPT_IN_R, EPIDEMIC_IN_R, EPIDEMIC = range(
    4
)  # Poisson intercept; negative binomial; Poisson; ours
_START, _TOLERANCE, _LOWEST, _MOST_STEPS_IN_R = 0.5, 1e-6, -18.0, 1000
_NO_LIMIT_IN_R = 1e99


@njit(**OPTIONS)
def _gain(y, mu, mean, alpha):
    """Log ratio of one period; ``alpha`` 0 is Poisson."""
    if alpha == 0.0:
        return y * math.log(mean / mu) - (mean - mu)
    return y * math.log(mean / mu) - (y + 1.0 / alpha) * (math.log1p(alpha * mean) - math.log1p(alpha * mu))


@njit(**OPTIONS)
def _grid_row(row, grid, y, mu, previous, alpha):
    """The log ratio of one period at each lambda of the grid."""
    for j in range(grid.size):
        row[j] = _gain(y, mu, mu + grid[j] * previous, alpha) if mu > 0.0 and previous > 0.0 else 0.0


@njit(**SUMS)
def _epidemic_score(y, mu, previous, alpha, first, stop, lam):
    first_sum, second_sum = 0.0, 0.0
    for s in range(first, stop):
        p = previous[s]
        mean = mu[s] + lam * p if p > 0.0 else 1.0
        spread = mean * (1.0 + alpha * mean)
        slope = p * (y[s] - mean) / spread
        first_sum += slope
        second_sum -= p * (p + slope * (1.0 + 2.0 * alpha * mean)) / spread
    return first_sum, second_sum


@njit(**OPTIONS)
def _between(y, mu, previous, alpha, first, stop, low, high, lam):
    """Lambda of the maximum between ``low`` and ``high``: Newton steps, halving where they leave the bracket."""
    for _ in range(MOST_STEPS):
        slope, bend = _epidemic_score(y, mu, previous, alpha, first, stop, lam)
        if slope > 0.0:
            low = lam
        else:
            high = lam
        following = lam - slope / bend
        if not (following >= low and following <= high):
            following = (low + high) / 2.0
        moved = abs(following - lam)
        lam = following
        if not moved > 1e-9 * (lam + 1e-3):
            break
    return lam


@njit(**OPTIONS)
def _epidemic(y, mu, previous, alpha, table, now, grid, first, last, t):
    """Largest log ratio over the beginnings and lambda, and the lambda; ``now`` is the grid row of period t."""
    best, best_lam, most = 0.0, 0.0, 0.0
    for q in range(t, first - 1, -1):
        if previous[q] > 0.0:
            most = max(most, (y[q] - mu[q]) / previous[q])
        if q > last or most <= 0.0:
            continue
        top, j = 0.0, 0
        for i in range(grid.size):
            value = table[t, i] - table[q, i] + now[i]
            if value > top:
                top, j = value, i
        low = grid[max(j - 1, 0)]
        high = grid[j + 1] if j + 1 < grid.size else max(most, grid[j])
        lam = _between(y, mu, previous, alpha, q, t + 1, low, high, grid[j])
        ratio = 0.0
        for s in range(q, t + 1):
            if mu[s] > 0.0 and previous[s] > 0.0:
                ratio += _gain(y[s], mu[s], mu[s] + lam * previous[s], alpha)
        if ratio > best:
            best, best_lam = ratio, lam
    return best, best_lam


@njit(**OPTIONS)
def _epidemic_limit(y, mu, previous, alpha, table, grid, first, last, t, threshold):
    """The smallest count of period t, whose ``mu`` and ``previous`` are there, that reaches the threshold."""
    if last < first or not (mu[t] > 0.0 and mu[t] < np.inf and previous[t] > 0.0):
        return np.inf
    cost, worth, now = np.empty(grid.size), np.empty(grid.size), np.empty(grid.size)
    _grid_row(cost, grid, 0.0, mu[t], previous[t], alpha)
    _grid_row(worth, grid, 1.0, mu[t], previous[t], alpha)
    count = np.inf
    for j in range(1, grid.size):
        worth[j] -= cost[j]
        for q in range(first, last + 1):
            count = min(count, (threshold - (table[t, j] - table[q, j]) - cost[j]) / worth[j])
    count = max(count, 0.0)
    worth[0] = 0.0
    for _ in range(MOST_STEPS):
        y[t] = count
        for j in range(grid.size):
            now[j] = cost[j] + count * worth[j]
        ratio, lam = _epidemic(y, mu, previous, alpha, table, now, grid, first, last, t)
        mean = mu[t] + lam * previous[t]
        slope = _gain(1.0, mu[t], mean, alpha) - _gain(0.0, mu[t], mean, alpha)
        if not slope > 0.0:
            break
        following = max(count - (ratio - threshold) / slope, 0.0)
        moved = abs(following - count)
        count = following
        if not moved > 1e-9 * max(count, 1.0):
            break
    return np.ceil(count - 1e-7)


@njit(**OPTIONS)
def _closed_in_r(y, mu, first, last, t, sign):
    best, cases, expected = 0.0, 0.0, 0.0
    for q in range(t, first - 1, -1):
        cases, expected = cases + y[q], expected + mu[q]
        # A decrease to no case is not a number in R.
        if q <= last and expected > 0.0 and sign * (cases - expected) > 0.0 and (sign > 0 or cases > 0.0):
            best = max(best, _closed_ratio(cases, expected, 0.0))
    return best


@njit(**OPTIONS)
def _closed_limit_in_r(y, mu, first, last, t, threshold):
    best, cases, expected = np.inf, 0.0, mu[t]
    if not (expected > 0.0 and expected < np.inf):
        return _NO_LIMIT_IN_R
    for q in range(t, first - 1, -1):
        if q < t:
            cases, expected = cases + y[q], expected + mu[q]
        if q <= last:
            best = _closed_least(cases, expected, 0.0, threshold, best)
    return np.ceil(best - 1e-7) if best < np.inf else _NO_LIMIT_IN_R


@njit(**SUMS)
def _score_in_r(y, mu, alpha, first, stop, kappa):
    power, score, information = math.exp(kappa), 0.0, 0.0
    for s in range(first, stop):
        raised = mu[s] * power
        share = 1.0 / (1.0 + alpha * raised)
        score += (y[s] - raised) * share
        information += raised * (alpha * y[s] + 1.0) * share * share
    return score, information


@njit(**OPTIONS)
def _kappa_in_r(y, mu, alpha, first, stop, kappa):
    for _ in range(_MOST_STEPS_IN_R):
        score, information = _score_in_r(y, mu, alpha, first, stop, kappa)
        following = kappa + score / information
        moved = abs(following - kappa)
        kappa = following
        if not (moved >= _TOLERANCE and kappa >= _LOWEST):
            break
    return kappa


@njit(**OPTIONS)
def _lambda_in_r(y, mu, previous, first, stop, lam):
    for _ in range(_MOST_STEPS_IN_R):
        slope, second = 0.0, 0.0
        for s in range(first, stop):
            if previous[s] > 0.0:
                share = previous[s] / (mu[s] + lam * previous[s])
                slope += y[s] * share - previous[s]
                second += y[s] * share * share
        slope *= lam
        following = lam * math.exp(-slope / (slope - lam * lam * second))
        moved = abs(following - lam)
        lam = following
        if not moved >= _TOLERANCE:
            break
    return lam


@njit(**OPTIONS)
def _largest_in_r(y, mu, previous, alpha, first, last, t, sign, chart, is_epidemic):
    if chart == CLOSED_IN_R:
        return _closed_in_r(y, mu, first, last, t, sign)
    best, estimate = 0.0, _START
    for q in range(first, last + 1):
        if chart == EPIDEMIC_IN_R:
            estimate = _lambda_in_r(y, mu, previous, q, t + 1, estimate)
            power = estimate
        else:
            kappa = _kappa_in_r(y, mu, alpha, q, t + 1, estimate)
            estimate = 0.0 if np.isnan(kappa) else (max(kappa, 0.0) if sign > 0 else min(kappa, 0.0))
            power = math.exp(kappa if is_epidemic else estimate)
        ratio = 0.0
        for s in range(q, t + 1):
            if mu[s] > 0.0:
                mean = mu[s] + power * previous[s] if is_epidemic else power * mu[s]
                ratio += _gain(y[s], mu[s], mean, alpha)
        if ratio > best:
            best = ratio
    return best


@njit(**OPTIONS)
def _counted_in_r(y, mu, previous, alpha, first, last, t, sign, chart, is_epidemic, threshold, state, most):
    """R's limit of the negative binomial charts: from the count on until the alarm flips."""
    count = y[t]
    found = 0.0 if state and count == 0.0 else _NO_LIMIT_IN_R
    if last < first or not (count > 0.0 and mu[t] > 0.0):
        return found
    for _ in range(most):
        y[t] = count
        ratio = _largest_in_r(y, mu, previous, alpha, first, last, t, sign, chart, is_epidemic)
        if (ratio >= threshold) != state:
            return count + (1.0 if state else 0.0)
        count += -1.0 if state else 1.0
        if count < 0.0:
            return 0.0
    return found


@njit(**OPTIONS)
def _bounds(start, t, n, window, min_window, chart):
    first = start if window >= n else max(start, t - window)
    if chart != CLOSED_IN_R:
        return first, t - min_window + 1
    # In R M and Mtilde mean other weeks in this chart, by one.
    if t - start + 1 < min_window + (1 if window < n else 0):
        return first, -1
    return first, t if window >= n else t - min_window


@njit(**OPTIONS)
def by_pairs(
    y, mu, means, previous, before, alpha, grid, start, rules, chart, is_epidemic, strict, most_counts, wanted, stops,
    statistic, alarm, upper,
):  # fmt: skip
    """As ``closed`` of ``_glr_kernel``, for the charts named above; ``before`` are the counts before each period."""
    sign, threshold, window, min_window = rules
    n = y.size
    needs_grid = chart in (EPIDEMIC, EPIDEMIC_IN_R)
    table = np.zeros((n + 1 if needs_grid else 1, grid.size))
    for t in range(start, n):
        first, last = _bounds(start, t, n, window, min_window, chart)
        if needs_grid:
            _grid_row(table[t + 1], grid, y[t], mu[t], previous[t], alpha)
        if chart == EPIDEMIC:
            best = _epidemic(y, mu, previous, alpha, table, table[t + 1], grid, first, last, t)[0]
        else:
            best = _largest_in_r(y, mu, previous, alpha, first, last, t, sign, chart, is_epidemic)
        statistic[t] = best
        alarm[t] = best > threshold if strict else best >= threshold
        if wanted[t]:
            # The tested period counts as reported: what its count would have to be.
            kept = y[t], mu[t], previous[t]
            mu[t], previous[t] = means[t], before[t]
            if chart == CLOSED_IN_R:
                upper[t] = _closed_limit_in_r(y, mu, first, last, t, threshold)
            elif chart == INTERCEPT_IN_R:
                upper[t] = _counted_in_r(
                    y, mu, previous, alpha, first, last, t, sign, chart, is_epidemic, threshold, alarm[t], most_counts
                )  # fmt: skip
            else:
                upper[t] = _epidemic_limit(y, mu, previous, alpha, table, grid, first, last, t, threshold)
                if chart == EPIDEMIC_IN_R and upper[t] == np.inf:
                    upper[t] = _NO_LIMIT_IN_R
            y[t], mu[t], previous[t] = kept
        if needs_grid:
            for j in range(grid.size):
                table[t + 1, j] += table[t, j]
        if alarm[t]:
            start = t + 1
            if stops:
                return t + 1
    return n


@njit(**OPTIONS)
def known(gain, threshold, strict, statistic, path):
    """The chart of a known change: sums of ``gain`` (n_series, n) that stay above 0 and begin anew after an alarm.

    ``statistic`` (n_series,) is where they begin and end, ``path`` (n_series, n) gets them.
    """
    for s in range(gain.shape[0]):
        now = statistic[s]
        for t in range(gain.shape[1]):
            now = max(now + gain[s, t], 0.0)
            path[s, t] = now
            if now > threshold or (now == threshold and not strict):
                now = 0.0
        statistic[s] = now
