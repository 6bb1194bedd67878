# mypy: ignore-errors
# numba infers the types.
"""OutbreakP with the pools of equal means as a stack: a new count merges with pools only while means would fall.

The steps are those of ``outbreakp.Pools``, one series at a time. The limit is searched from the one of the period
before, which is mostly the same.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from anlan.stats.counts._fast._vector import EXACT
from anlan.stats.counts.result import Reason

_MOST_DOUBLINGS = 60
_POWERS = 64  # counts whose powers of one ratio are kept
MISSING_CURRENT, SHORT_HISTORY, INCOMPLETE_REFERENCE = (
    int(code) for code in (Reason.MISSING_CURRENT, Reason.SHORT_HISTORY, Reason.INCOMPLETE_REFERENCE)
)


@njit(**EXACT)
def _x_log(cases, size):
    return cases * math.log(cases / max(size, 1.0)) if cases > 0 else 0.0


@njit(**EXACT)
def _merged(stack, depth, count):
    """Depth below the pool that a further count would end up in, the pool's cases and its size."""
    cases, size = count, 1.0
    while cases / size <= stack[depth, 2]:
        cases += stack[depth, 0]
        size += stack[depth, 1]
        depth -= 1
    return depth, cases, size


@njit(**EXACT)
def _push(stack, depth, count):
    """The stack with a further count: columns are cases, size, mean, and the sum of y log(mean) up to here."""
    below, cases, size = _merged(stack, depth, count)
    at = below + 1
    stack[at, 0], stack[at, 1], stack[at, 2] = cases, size, cases / size
    stack[at, 3] = stack[below, 3] + _x_log(cases, size)
    return at


@njit(**EXACT)
def _with_count(stack, depth, total, number, count):
    """The statistic if ``count`` came next."""
    below, cases, size = _merged(stack, depth, count)
    return stack[below, 3] + _x_log(cases, size) - _x_log(total + count, number + 1.0)


@njit(**EXACT)
def _smallest_count(stack, depth, total, number, log_k, guess):
    """The smallest whole count that would take the statistic above ``log_k``; it never falls in the count."""
    if number == 0:
        return 1.0
    low, high, step = -1.0, guess, 1.0
    if _with_count(stack, depth, total, number, guess) > log_k:
        while high - step >= 0 and _with_count(stack, depth, total, number, high - step) > log_k:
            high -= step
            step *= 2.0
        low = max(high - step, -1.0)
    else:
        low = guess
        for _ in range(_MOST_DOUBLINGS):
            high = low + step
            if _with_count(stack, depth, total, number, high) > log_k:
                break
            low = high
            step *= 2.0
    while high - low > 1:
        middle = math.floor((low + high) / 2)
        if _with_count(stack, depth, total, number, middle) > log_k:
            high = middle
        else:
            low = middle
    return high


@njit(**EXACT)
def _product_in_r(y, n, stack, depth, mean, powers):
    """log of the plain product of (isotonic mean / mean)^y in double precision, in the order of the periods."""
    if not mean > 0:
        return 0.0
    result, at = 1.0, 0
    for pool in range(1, depth + 1):
        ratio = stack[pool, 2] / mean
        powers[:] = np.nan
        for _ in range(int(stack[pool, 1])):
            if at == n:
                break
            count = y[at]
            place = int(count) if count < _POWERS else 0
            if place and place == count:
                if powers[place] != powers[place]:
                    powers[place] = ratio**count
                result *= powers[place]
            elif count > 0:
                result *= ratio**count
            at += 1
    return math.log(result) if result > 0 else (-np.inf if result == 0 else np.nan)


@njit(**EXACT)
def fill(cases, log_k, first, as_reference, at, result):
    """The result at the positions ``at``: expected, upper, score, statistic, alarm, reason."""
    n_series, n_times = cases.shape
    n = at.max() + 1
    wanted = np.zeros(n, np.bool_)
    wanted[at] = True
    stack, powers, reported = np.empty((n + 1, 4)), np.empty(_POWERS), np.empty(n)
    row, flags, codes = np.empty((4, n)), np.empty(n, np.bool_), np.empty(n, np.int8)
    for s in range(n_series):
        # The lowest pool is the empty one: a mean below all others.
        stack[0] = np.array([0.0, 1.0, -1.0, 0.0])
        depth, n_reported, total, guess = 0, 0, 0.0, 8.0
        for t in range(n):
            y = cases[s, t]
            if wanted[t]:
                upper = _smallest_count(stack, depth, total, float(n_reported), log_k, guess)
                guess = upper
            was_empty = n_reported == 0
            if y == y:
                depth = _push(stack, depth, y)
                reported[n_reported] = y
                n_reported += 1
                total += y
            if not wanted[t]:
                continue
            code = INCOMPLETE_REFERENCE if was_empty else 0
            code = code if y == y else MISSING_CURRENT
            codes[t] = code if t >= first else SHORT_HISTORY
            flags[t] = False
            row[:, t] = np.nan
            if codes[t] == 0 or codes[t] == MISSING_CURRENT:
                statistic = stack[depth, 3] - _x_log(total, float(n_reported))
                mean = total / n_reported
                ratio = statistic
                if as_reference:
                    ratio = _product_in_r(reported, n_reported, stack, depth, mean, powers)
                row[0, t], row[1, t], row[2, t], row[3, t] = mean, upper, statistic / log_k, ratio
                flags[t] = codes[t] == 0 and ratio > log_k
        _write(s, at, row, flags, codes, result)


@njit(**EXACT)
def _write(series, at, row, flags, codes, result):
    expected, upper, score, statistic, alarm, reason = result
    for j in range(at.size):
        t = at[j]
        expected[series, j], upper[series, j] = row[0, t], row[1, t]
        score[series, j], statistic[series, j] = row[2, t], row[3, t]
        alarm[series, j], reason[series, j] = flags[t], codes[t]


@njit(**EXACT)
def screen(cases, log_k, first, begin, number, times):
    """Write the times of the alarms into ``times``, as far as it has room, and ``number`` by series.

    Returns the series to go on with (n_series at the end, -1 where a value is not acceptable), and the number of times.
    """
    n_series, n_times = cases.shape
    stack = np.empty((n_times + 1, 4))
    n = 0
    for s in range(begin, n_series):
        if n + n_times > times.size:
            return s, n
        stack[0] = np.array([0.0, 1.0, -1.0, 0.0])
        depth, n_reported, total, before = 0, 0, 0.0, n
        for t in range(n_times):
            y = float(cases[s, t])
            if y != y:
                continue
            if not 0 <= y < np.inf:
                return -1, n
            depth = _push(stack, depth, y)
            n_reported += 1
            total += y
            if t >= first and stack[depth, 3] - _x_log(total, float(n_reported)) > log_k:
                times[n] = t
                n += 1
        number[s] = n - before
    return n_series, n
