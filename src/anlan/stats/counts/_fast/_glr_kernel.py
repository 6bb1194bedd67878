# mypy: ignore-errors
# numba infers the types.
"""The likelihood ratio charts of an unknown change factor, one series after the other.

Of all beginnings of a change only those are kept that can still be the best: the log ratio of a stretch of periods is
concave in kappa and 0 at 0, so that of two beginnings the older is better below some kappa, which depends on the
stretch between them alone, and the newer above it, for ever after (Romano et al. 2023, J Mach Learn Res 24(81): 1-36).
Some handful of a hundred beginnings remain. With a window the older ones expire, and only newer ones may displace.

Where the log ratio depends on the sums of counts and means alone (Poisson; negative binomial with a constant mean) the
rest is arithmetic: ``closed``. Otherwise (``varying``) every beginning carries its log ratio as a Taylor polynomial
about its own best kappa, and another about the kappa of its limit; a new period adds to the coefficients, and only when
kappa has wandered too far are they computed anew from all periods.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from anlan.stats.counts._fast._vector import OPTIONS

# Sums may be taken in any order here.
SUMS = {**OPTIONS, "fastmath": {"contract", "nsz", "reassoc"}}
MOST_STEPS = 100
KAPPA, POWER, VALUE, CASES = 0, 1, 2, 9  # columns of a polynomial; the derivatives stand between
COLUMNS = 11
VALID = 10
FARTHEST = -60.0  # kappa below which a decrease is complete


@njit(**OPTIONS)
def _log_mixed(factor, scale):
    """log((factor + scale) / (1 + scale)), exact next to 0 and far from it."""
    away = (factor - 1.0) / (1.0 + scale)
    return math.log1p(away) if away > -0.5 else math.log((factor + scale) / (1.0 + scale))


@njit(**OPTIONS)
def _closed_ratio(cases, expected, scale):
    """Largest log ratio of a stretch with these sums; ``scale`` is alpha times the constant mean, 0 for Poisson."""
    if scale == 0.0:
        return (cases * math.log(cases / expected) if cases > 0.0 else 0.0) + (expected - cases)
    rest = _log_mixed(cases / expected, 1.0 / scale) * expected / scale
    return -rest if cases <= 0.0 else -cases * _log_mixed(expected / cases, scale) - rest


@njit(**OPTIONS)
def _closed_least(cases, expected, scale, threshold, best):
    """The smallest count that takes a stretch to the threshold, if below ``best``."""
    if best < np.inf:
        total = cases + best
        if total <= expected or _closed_ratio(total, expected, scale) < threshold:
            return best
    else:
        # Newton steps in a convex function: wherever they begin, the second is above the limit.
        total = expected + math.sqrt(2.0 * threshold * expected * (1.0 + scale)) + threshold
    for _ in range(MOST_STEPS):
        slope = -_log_mixed(expected / total, scale)
        if not slope > 0.0:
            break
        following = total - (_closed_ratio(total, expected, scale) - threshold) / slope
        following = max(following, expected * (1.0 + 1e-12))
        moved = abs(following - total)
        total = following
        if moved <= 1e-10 * max(total, 1.0):
            break
    return min(best, max(total - cases, 0.0))


@njit(**OPTIONS)
def _closed_most(cases, expected, scale, threshold, best):
    """The largest whole count that still leaves a decrease at the threshold, if above ``best``."""
    low, high = best, np.ceil(expected - cases)
    while high - low > 1.0:
        middle = low + 1.0 if low == best else np.floor((low + high) / 2.0)
        total = cases + middle
        if total < expected and _closed_ratio(total, expected, scale) >= threshold:
            low = middle
        elif low == best:
            return best
        else:
            high = middle
    return low


@njit(**OPTIONS)
def _closed_push(begin, ratio, cases, expected, head, top, q, sign, expires):
    """Add beginning ``q``; beginnings that can no longer be the best go. The new top."""
    below = 1.0
    while top > head:
        k = top - 1
        below = cases[k] / expected[k]
        if sign * (below - ratio[k]) > 0.0:
            break
        top = k
        below = 1.0
        if top > head:
            cases[k - 1] += cases[k]
            expected[k - 1] += expected[k]
    begin[top], cases[top], expected[top] = q, 0.0, 0.0
    ratio[top] = 1.0 if expires else below
    return top + 1


@njit(**OPTIONS)
def _closed_limit(cases, expected, head, top, recent, awaited, mean, scale, sign, threshold):
    """The limit of a period with that mean; ``recent`` and ``awaited`` are the sums since the newest beginning."""
    best = np.inf if sign > 0 else -1.0
    if not (mean > 0.0 and mean < np.inf):
        return best
    awaited += mean
    for k in range(top - 1, head - 1, -1):
        recent, awaited = recent + cases[k], awaited + expected[k]
        if sign > 0:
            best = _closed_least(recent, awaited, scale, threshold, best)
        else:
            best = _closed_most(recent, awaited, scale, threshold, best)
    return np.ceil(best - 1e-7) if sign > 0 else best


@njit(**OPTIONS)
def closed(y, mu, means, scale, start, rules, wanted, stops, statistic, alarm, upper):
    """One series from ``start`` on. The period after the first alarm if the walk ``stops`` there, else the last.

    ``cases`` and ``expected`` of a beginning are those of the periods up to the next one.
    """
    sign, threshold, window, min_window = rules
    n = y.size
    begin, ratio, cases, expected = (
        np.zeros(n + 1, np.int64),
        np.zeros(n + 1),
        np.zeros(n + 1),
        np.zeros(n + 1),
    )
    expires, head, top = window < n, 0, 0
    for t in range(start, n):
        q = t - min_window + 1
        if q >= start:
            if top > head:
                cases[top - 1] += y[q - 1]
                expected[top - 1] += mu[q - 1]
            top = _closed_push(begin, ratio, cases, expected, head, top, q, sign, expires)
        while head < top and begin[head] < t - window:
            head += 1
        recent, awaited = 0.0, 0.0
        for s in range(max(q, start), t):
            recent, awaited = recent + y[s], awaited + mu[s]
        if wanted[t]:
            upper[t] = _closed_limit(
                cases, expected, head, top, recent, awaited, means[t], scale, sign, threshold
            )
        recent, awaited, best = recent + y[t], awaited + mu[t], 0.0
        for k in range(top - 1, head - 1, -1):
            recent, awaited = recent + cases[k], awaited + expected[k]
            if sign * (recent - awaited) > 0.0 and awaited > 0.0:
                best = max(best, _closed_ratio(recent, awaited, scale))
        statistic[t] = best
        if best >= threshold:
            alarm[t] = True
            head, top, start = 0, 0, t + 1
            if stops:
                return t + 1
    return n


@njit(**SUMS)
def _slopes(y, mu, alpha, first, stop, kappa):
    """First and second derivative in kappa of the log ratio of the periods ``first`` to ``stop`` - 1."""
    power = math.exp(kappa)
    slope, bend = 0.0, 0.0
    for s in range(first, stop):
        raised = mu[s] * power
        share = 1.0 / (1.0 + alpha * raised)
        term = raised * (1.0 + alpha * y[s]) * share
        slope += y[s] - term
        bend -= term * share
    return slope, bend


@njit(**OPTIONS)
def _ratio(y, mu, alpha, first, stop, kappa):
    """The log ratio of the periods ``first`` to ``stop`` - 1 at ``kappa``."""
    power, value = math.exp(kappa), 0.0
    for s in range(first, stop):
        raised = alpha * mu[s]
        value += kappa * y[s] - (y[s] + 1.0 / alpha) * (math.log1p(raised * power) - math.log1p(raised))
    return value


@njit(**OPTIONS)
def _begin_polynomial(table, k, kappa):
    table[k, :] = 0.0
    table[k, KAPPA], table[k, POWER], table[k, VALID] = kappa, math.exp(kappa), 1.0


@njit(**OPTIONS)
def _add(table, k, y, mu, alpha, base):
    """Add one period to a polynomial; ``base`` is log(1 + alpha mu)."""
    raised = mu * table[k, POWER]
    z = alpha * raised
    share = 1.0 / (1.0 + z)
    p = z * share
    u, c = p * share, 1.0 - 2.0 * p
    term = raised * (1.0 + alpha * y) * share
    bend = term * share
    table[k, VALUE] += table[k, KAPPA] * y - (y + 1.0 / alpha) * (math.log1p(z) - base)
    table[k, 3] += y - term
    table[k, 4] -= bend
    table[k, 5] -= bend * c
    table[k, 6] -= bend * (1.0 - 6.0 * u)
    table[k, 7] -= bend * c * (1.0 - 12.0 * u)
    table[k, 8] -= bend * (1.0 - 30.0 * u + 120.0 * u * u)
    table[k, CASES] += y


@njit(**OPTIONS)
def _add_all(table, k, y, mu, alpha, base, first, stop):
    for s in range(first, stop):
        _add(table, k, y[s], mu[s], alpha, base[s])


@njit(**OPTIONS)
def _reach(table, k):
    """How far from its kappa a polynomial is good to 1e-11: the next term is at most reach^7 / 5040 times the mean."""
    if table[k, VALID] == 0.0:
        return 0.0
    size = table[k, CASES] - table[k, 3]
    if size < 100.0:
        return 0.08 if size < 5.0 else 0.04
    if size < 1e4:
        return 0.02
    return 0.01 if size < 1e6 else 0.002


@njit(**OPTIONS)
def _at(table, k, d):
    """Value and two derivatives at a distance from its kappa."""
    a, b, c, e, f, g = table[k, 3], table[k, 4], table[k, 5], table[k, 6], table[k, 7], table[k, 8]
    value = table[k, VALUE] + d * (a + d / 2 * (b + d / 3 * (c + d / 4 * (e + d / 5 * (f + d / 6 * g)))))
    slope = a + d * (b + d / 2 * (c + d / 3 * (e + d / 4 * (f + d / 5 * g))))
    bend = b + d * (c + d / 2 * (e + d / 3 * (f + d / 4 * g)))
    return value, slope, bend


@njit(**OPTIONS)
def _top_of(table, k):
    """The distance of the maximum from its kappa, as far as the polynomial can tell."""
    d = 0.0
    for _ in range(4):
        _, slope, bend = _at(table, k, d)
        d -= slope / bend
        if not abs(d) < 0.1:
            break
    return d


@njit(**OPTIONS)
def _search(y, mu, alpha, first, stop, sign, kappa):
    """Kappa of the maximum to about a hundredth, from ``kappa`` on; there is one on this side of 0."""
    low, high = (0.0, np.inf) if sign > 0 else (-np.inf, 0.0)
    for _ in range(MOST_STEPS):
        slope, bend = _slopes(y, mu, alpha, first, stop, kappa)
        if slope > 0.0:
            low = kappa
        else:
            high = kappa
        step = min(max(slope / bend, -2.0), 2.0)
        if abs(step) < 5e-3:
            return kappa - step
        following = kappa - step
        if not (following > low and following < high):
            following = (low + high) / 2.0
        kappa = following
    return kappa


@njit(**OPTIONS)
def _peak(peaks, k, y, mu, alpha, base, first, stop, sign):
    """The largest log ratio of the periods ``first`` to ``stop`` - 1 over kappa."""
    reach, start = _reach(peaks, k), 0.5 * sign
    if reach > 0.0:
        d = _top_of(peaks, k)
        if abs(d) <= reach:
            return _at(peaks, k, d)[0]
        start = peaks[k, KAPPA]
    elif stop - first == 1:
        start = math.log(y[first] / mu[first])
    kappa = _search(y, mu, alpha, first, stop, sign, start)
    for _ in range(4):
        _begin_polynomial(peaks, k, kappa)
        _add_all(peaks, k, y, mu, alpha, base, first, stop)
        d = _top_of(peaks, k)
        if abs(d) <= _reach(peaks, k) or not abs(d) < 0.1:
            break
        kappa += d
    return _at(peaks, k, d)[0] if abs(d) <= 0.1 else peaks[k, VALUE]


@njit(**OPTIONS)
def _root(y, mu, alpha, first, stop, sign):
    """A kappa next to the one beyond which the log ratio of a stretch is negative, on the side of 0; it rises at 0."""
    kappa = 0.5 * sign
    for _ in range(MOST_STEPS):
        if sign * _slopes(y, mu, alpha, first, stop, kappa)[0] < 0.0 or abs(kappa) > 500.0:
            break
        kappa *= 2.0
    for _ in range(MOST_STEPS):
        # From beyond the maximum one step leads beyond the root, and the others come back from there.
        slope = _slopes(y, mu, alpha, first, stop, kappa)[0]
        step = _ratio(y, mu, alpha, first, stop, kappa) / slope
        kappa -= step
        if not abs(step) > 1e-9:
            break
    kappa -= sign * 1e-8
    return kappa if sign * kappa > 1e-6 else 0.0


@njit(**OPTIONS)
def _push(begin, bound, gain, known, head, top, q, y, mu, alpha, score, cases, sign, expires):
    """Add beginning ``q``; beginnings that can no longer be the best go. The new top.

    Beginning k is better than the one below it where sign kappa is above ``bound``; ``gain`` is the log ratio there
    of its periods up to ``known``.
    """
    while top > head:
        k = top - 1
        last = begin[k]
        if sign * (score[q] - score[last]) > 0.0:
            if expires or k == head:
                break
            if np.isnan(bound[k]):
                under = begin[k - 1]
                if sign < 0 and cases[last] == cases[under]:
                    bound[k] = -np.inf
                else:
                    bound[k] = _root(y, mu, alpha, under, last, sign)
                gain[k], known[k] = 0.0, last
            if bound[k] == 0.0:
                break
            if bound[k] > -np.inf:
                gain[k] += _ratio(y, mu, alpha, known[k], q, bound[k])
                known[k] = q
                if gain[k] > 0.0:
                    break
        top -= 1
    begin[top], bound[top] = q, np.nan
    return top + 1


@njit(**OPTIONS)
def _limit(limits, k, y, mu, alpha, base, first, t, mean, sign, threshold, start):
    """The count of period t at which the stretch from ``first`` on reaches the threshold; and its kappa.

    For any kappa the log ratio is a straight line in the count, so that there is a count for each; the least of
    these over kappa (a decrease: the largest). The derivatives of the log ratio at that count lead there.
    """
    scale = alpha * mean
    whole = math.log1p(scale)
    low, high = (0.0, np.inf) if sign > 0 else (-np.inf, 0.0)
    kappa = limits[k, KAPPA] if limits[k, VALID] > 0.0 else start
    count = np.inf
    for _ in range(MOST_STEPS):
        d = kappa - limits[k, KAPPA]
        if first < t and (limits[k, VALID] == 0.0 or not abs(d) <= _reach(limits, k)):
            _begin_polynomial(limits, k, kappa)
            _add_all(limits, k, y, mu, alpha, base, first, t)
            d = 0.0
        value, slope, bend = (0.0, 0.0, 0.0) if first == t else _at(limits, k, d)
        z = scale * math.exp(kappa)
        growth, p = math.log1p(z) - whole, z / (1.0 + z)
        worth = kappa - growth
        count = (threshold - value + growth / alpha) / worth
        if sign > 0 and count <= 0.0:
            return 0.0, kappa
        # A decrease for which even no case is too many here: to where no case has the largest ratio.
        y_now = max(count, 0.0)
        slope += y_now * (1.0 - p) - p / alpha
        bend -= (y_now + 1.0 / alpha) * p * (1.0 - p)
        if slope > 0.0:
            low = kappa
        else:
            high = kappa
        following = kappa - min(max(slope / bend, -4.0), 4.0) if bend < 0.0 else np.nan
        if not (following > low and following < high):
            following = 2.0 * kappa + 0.5 * sign if np.isinf(high - low) else (low + high) / 2.0
        following = max(following, FARTHEST)
        if abs(following - kappa) < 1e-7 or following > 600.0:
            break
        kappa = following
    return count, kappa


@njit(**OPTIONS)
def _limits(limits, begin, head, top, y, mu, alpha, base, t, mean, sign, threshold):
    best = np.inf if sign > 0 else -1.0
    if not (mean > 0.0 and mean < np.inf):
        return best
    kappa = sign * math.log1p(math.sqrt(2.0 * threshold * (1.0 + alpha * mean) / mean))
    for k in range(top - 1, head - 1, -1):
        count, kappa = _limit(limits, k, y, mu, alpha, base, begin[k], t, mean, sign, threshold, kappa)
        best = min(best, count) if sign > 0 else max(best, np.floor(count))
        if sign > 0 and best == 0.0:
            break
    if sign > 0:
        return np.ceil(best - 1e-7) if best < 1e15 else np.inf
    return best


@njit(**OPTIONS)
def varying(y, mu, means, alpha, start, rules, wanted, stops, statistic, alarm, upper):
    """As ``closed``, for negative binomial counts with a mean that varies."""
    sign, threshold, window, min_window = rules
    n = y.size
    base = np.log1p(alpha * mu)
    score, cases, none = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    begin, known = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    bound, gain = np.zeros(n + 1), np.zeros(n + 1)
    peaks, limits = np.zeros((n + 1, COLUMNS)), np.zeros((n + 1, COLUMNS))
    expires, head, top = window < n, 0, 0
    for t in range(start, n):
        q = t - min_window + 1
        if q >= start:
            top = _push(begin, bound, gain, known, head, top, q, y, mu, alpha, score, cases, sign, expires)
            peaks[top - 1, VALID] = limits[top - 1, VALID] = 0.0
        while head < top and begin[head] < t - window:
            head += 1
        if wanted[t]:
            upper[t] = _limits(limits, begin, head, top, y, mu, alpha, base, t, means[t], sign, threshold)
        score[t + 1] = score[t] + (y[t] - mu[t]) / (1.0 + alpha * mu[t])
        cases[t + 1], none[t + 1] = cases[t] + y[t], none[t] + base[t] / alpha
        best = 0.0
        for k in range(head, top):
            if peaks[k, VALID] > 0.0:
                _add(peaks, k, y[t], mu[t], alpha, base[t])
            if limits[k, VALID] > 0.0:
                _add(limits, k, y[t], mu[t], alpha, base[t])
            first = begin[k]
            if sign * (score[t + 1] - score[first]) > 0.0:
                if sign < 0 and cases[t + 1] == cases[first]:
                    best = max(best, none[t + 1] - none[first])
                else:
                    best = max(best, _peak(peaks, k, y, mu, alpha, base, first, t + 1, sign))
        statistic[t] = best
        if best >= threshold:
            alarm[t] = True
            head, top, start = 0, 0, t + 1
            if stops:
                return t + 1
    return n
