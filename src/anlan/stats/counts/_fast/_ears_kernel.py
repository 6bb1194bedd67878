# mypy: ignore-errors
# numba infers the types.
"""The EARS detectors in one pass: a series is read once and the result is written once.

The numbers of the whole result: eight periods at a time, sums in the order of ``ears._moments``, no products fused,
so that every number is the same to the last bit; series with gaps take the period by period form. Screening: eight
series at a time, on sums of whole numbers that roll along, which are exact; n y - S > threshold n sigma is compared by
squares, without root or division. Where both sides agree to 1e-5 the value is decided by the numbers of the result.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from anlan.stats.counts._fast._tile_kernel import (
    EVERY,
    LARGEST,
    faults,
    found_words,
    largest,
    load_tile,
    set_bits,
    turn,
    write_times,
)
from anlan.stats.counts._fast._vector import (
    EXACT,
    LANES,
    OPTIONS,
    absolute,
    any_less,
    bits_less,
    load,
    load_at,
    prefetch,
    product,
    root,
    splat,
    store_at,
    where_less,
)
from anlan.stats.counts.result import Reason

_NEAR = 1e-5  # relative distance of both sides below which rounding could decide
_LONGEST = 512  # periods; longer baselines take the exact form
C3 = 4  # ``guard`` of C1 is 0, of C2 2; C3 looks at C2 of three periods
SHORT_HISTORY, MISSING_CURRENT, INCOMPLETE_REFERENCE, ZERO_VARIANCE = (
    int(code)
    for code in (
        Reason.SHORT_HISTORY, Reason.MISSING_CURRENT, Reason.INCOMPLETE_REFERENCE, Reason.ZERO_VARIANCE,
    )
)  # fmt: skip


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
    squares = 0.0
    for j in range(length):
        if y[j] == y[j]:
            away = y[j] - origin - shift
            squares += away * away
    spread = np.sqrt(squares / (number - 1))
    return origin + shift, spread if spread > min_sigma else min_sigma


@njit(**EXACT)
def _row_moments(y, length, guard, least, min_sigma, means, sigmas):
    """Baseline mean and standard deviation of every period of one series, NaN where there is none."""
    first = min(length + guard, y.size)
    n = y.size - first
    for t in range(first):
        means[t] = np.nan
        sigmas[t] = np.nan
    if n < LANES or _has_gap(y):
        for t in range(n):
            means[first + t], sigmas[first + t] = _window_with_gaps(
                y[t : t + length], length, least, min_sigma
            )
        return
    t = 0
    while t < n:
        # The last eight overlap the ones before: the same numbers are written twice.
        t = min(t, n - LANES)
        found_mean, found_sigma = _moments_at(y, t, length, min_sigma)
        store_at(means, first + t, found_mean)
        store_at(sigmas, first + t, found_sigma)
        t += LANES


@njit(**EXACT)
def moments(cases, length, guard, least, min_sigma, mean, sigma):
    """Baseline mean and standard deviation of every period, (n_series, n_times), NaN where there is none."""
    for s in range(cases.shape[0]):
        _row_moments(cases[s], length, guard, least, min_sigma, mean[s], sigma[s])


@njit(**EXACT)
def _decide(y, mean, sigma, first, threshold, upper, score, statistic, alarm, reason):
    """The rest of the result of C1 and C2 for one series; codes as in ``result.Reason``."""
    for t in range(y.size):
        limit = mean[t] + threshold * sigma[t]
        room, above = limit - mean[t], y[t] - mean[t]
        upper[t] = limit
        statistic[t] = above / sigma[t]
        score[t] = above / room if room > 0 else np.nan
        code = SHORT_HISTORY
        if t >= first:
            code = ZERO_VARIANCE if sigma[t] == 0 else 0
            code = code if limit == limit else INCOMPLETE_REFERENCE
            code = code if y[t] == y[t] else MISSING_CURRENT
        reason[t] = code
        # Any comparison with NaN is false: what is not decided does not alarm.
        alarm[t] = y[t] > limit


@njit(**EXACT)
def fill(cases, length, guard, least, threshold, min_sigma, at, result):
    """The result of C1 and C2 at the periods ``at``: expected, sigma, upper, score, statistic, alarm, reason.

    No periods in ``at`` are all of them.
    """
    expected, sigma, upper, score, statistic, alarm, reason = result
    n_times = cases.shape[1]
    if not at.size:
        for s in range(cases.shape[0]):
            _row_moments(cases[s], length, guard, least, min_sigma, expected[s], sigma[s])
            _decide(
                cases[s], expected[s], sigma[s], length + guard, threshold, upper[s], score[s], statistic[s],
                alarm[s], reason[s],
            )  # fmt: skip
        return
    numbers, flags, codes = np.empty((5, n_times)), np.empty(n_times, np.bool_), np.empty(n_times, np.int8)
    for s in range(cases.shape[0]):
        _row_moments(cases[s], length, guard, least, min_sigma, numbers[0], numbers[1])
        _decide(
            cases[s], numbers[0], numbers[1], length + guard, threshold, numbers[2], numbers[3], numbers[4],
            flags, codes,
        )  # fmt: skip
        for j in range(at.size):
            t = at[j]
            expected[s, j], sigma[s, j], upper[s, j] = numbers[0, t], numbers[1, t], numbers[2, t]
            score[s, j], statistic[s, j] = numbers[3, t], numbers[4, t]
            alarm[s, j], reason[s, j] = flags[t], codes[t]


@njit(**EXACT)
def _excess(y, mean, sigma):
    """What C2 has above 1, as ``ears._fill_c3`` has it; NaN where there is no C2."""
    above = -1.0 if sigma == 0 and y == mean else (y - mean) / sigma - 1.0
    return 0.0 if above < 0 else above


@njit(**EXACT)
def _passes_c3(y, mean, sigma, lagged, threshold):
    room = threshold - lagged
    if room < 0:
        return y > 0
    return y > 0 and y > mean + sigma * (1.0 + room)


@njit(**EXACT)
def _exact_row(y, length, guard, least, threshold, min_sigma, found):
    """The alarms of one series by the numbers of the whole result."""
    means, sigmas = np.empty(y.size), np.empty(y.size)
    _row_moments(y, length, min(guard, 2), least, min_sigma, means, sigmas)
    if guard != C3:
        for t in range(y.size):
            found[t] = y[t] > means[t] + threshold * sigmas[t]
        return
    found[: min(length + C3, y.size)] = False
    before, last = np.nan, np.nan
    for t in range(length + 2, y.size):
        if t >= length + C3:
            found[t] = _passes_c3(y[t], means[t], sigmas[t], before + last, threshold)
        before, last = last, _excess(y[t], means[t], sigmas[t])


@njit(**EXACT)
def _exact_at(tile, t, lane, length, guard, least, threshold, min_sigma):
    """As ``_exact_row``, for one period of a series in a tile."""
    if guard != C3:
        mean, sigma = _window_with_gaps(tile[t - length - guard : t - guard, lane], length, least, min_sigma)
        return tile[t, lane] > mean + threshold * sigma
    lagged = 0.0
    for back in (2, 1, 0):
        day = t - back
        mean, sigma = _window_with_gaps(tile[day - length - 2 : day - 2, lane], length, least, min_sigma)
        if back:
            lagged += _excess(tile[day, lane], mean, sigma)
    return _passes_c3(tile[t, lane], mean, sigma, lagged, threshold)


@njit(**EXACT)
def _settle(tile, found, doubts, exact, length, guard, least, threshold, min_sigma):
    """Decide what is in doubt, but for the series of the bits ``exact``."""
    for t in range(length + guard, tile.shape[0]):
        doubt = doubts[t] & ~exact
        if doubt:
            for lane in range(LANES):
                if doubt >> lane & 1 and _exact_at(tile, t, lane, length, guard, least, threshold, min_sigma):
                    found[t] |= 1 << lane


@njit(**OPTIONS)
def _roll(tile, t, length, guard, total, squares):
    """Sums of the window of the time after t."""
    new, old = load(tile, t - guard), load(tile, t - guard - length)
    change = new - old
    return total + change, squares + change * (new + old)


@njit(**OPTIONS)
def _begin(tile, length):
    total, squares = splat(0.0), splat(0.0)
    for t in range(length):
        y = load(tile, t)
        total, squares = total + y, squares + y * y
    return total, squares


@njit(**OPTIONS)
def _whole_tile(tile, length, guard, threshold, min_sigma, found, doubts, ahead):
    """C1 and C2 of a tile without gaps: bits of the alarms and of what is in doubt; whether anything is.

    Meanwhile the next tile is fetched; ``ahead`` is memory, place and bytes a time.
    """
    memory, place, step = ahead
    n = length * 1.0
    factor = threshold * threshold * n / (n - 1.0)
    high, low = factor * (1.0 + _NEAR), factor * (1.0 - _NEAR)
    # n^2 (n - 1) sigma^2 / n is whole; the small number decides 0 > 0.
    smallest = max(n * (n - 1.0) * min_sigma * min_sigma, 1e-6 / factor)
    total, squares = _begin(tile, length)
    in_doubt = 0
    for t in range(length + guard, tile.shape[0]):
        prefetch(memory, place + t * step)
        above = load(tile, t) * n - total
        spread = squares * n - total * total
        spread = where_less(spread, smallest, smallest, spread)
        square = above * absolute(above)
        hits = bits_less(spread * high, square)
        doubt = EVERY & ~(hits | bits_less(square, spread * low))
        found[t], doubts[t] = hits, doubt
        in_doubt |= doubt
        total, squares = _roll(tile, t, length, guard, total, squares)
    return in_doubt


@njit(**OPTIONS)
def _tile_with_gaps(tile, length, guard, least, threshold, min_sigma, found, doubts):
    """As ``_whole_tile`` with the number of reported values of each window."""
    factor, smallest = threshold * threshold, min_sigma * min_sigma
    number, total, squares = splat(0.0), splat(0.0), splat(0.0)
    in_doubt = 0
    for t in range(guard, tile.shape[0]):
        y = load(tile, t)
        if t >= length + guard:
            above = y * number - total
            spread = squares * number - total * total
            pairs = number * (number - 1.0)
            spread = where_less(spread, pairs * smallest, pairs * smallest, spread)
            square = above * absolute(above) * (number - 1.0)
            other = spread * number * factor
            other = where_less(other, 1e-6, 1e-6, other)
            ready = bits_less(least - 0.5, number) & bits_less(y, np.inf)
            hits = bits_less(other * (1.0 + _NEAR), square) & ready
            doubt = ready & ~(hits | bits_less(square, other * (1.0 - _NEAR)))
            found[t], doubts[t] = hits, doubt
            in_doubt |= doubt
            old = load(tile, t - guard - length)
            there, old = where_less(old, np.inf, 1.0, 0.0), where_less(old, np.inf, old, 0.0)
            number, total, squares = number - there, total - old, squares - old * old
        new = load(tile, t - guard)
        there, new = where_less(new, np.inf, 1.0, 0.0), where_less(new, np.inf, new, 0.0)
        number, total, squares = number + there, total + new, squares + new * new
    return in_doubt


@njit(**OPTIONS)
def _whole_tile_c3(tile, length, threshold, min_sigma, found, doubts, ahead):
    """C3 of a tile without gaps, as ``_whole_tile``."""
    memory, place, step = ahead
    n = length * 1.0
    total, squares = _begin(tile, length)
    before, last = splat(0.0), splat(0.0)
    in_doubt = 0
    for t in range(length + 2, tile.shape[0]):
        prefetch(memory, place + t * step)
        y = load(tile, t)
        above = y * n - total
        sigma = root((squares * n - total * total) * (1.0 / (n * (n - 1.0))))
        sigma = where_less(sigma, min_sigma, min_sigma, sigma)
        if t >= length + C3:
            lagged = before + last
            room = lagged * -1.0 + threshold
            limit = total * (1.0 / n) + sigma * (room + 1.0)
            late, some = bits_less(room, 0.0), bits_less(0.0, y)
            near = bits_less(absolute(room), lagged * 1e-7 + 1e-7)
            near |= bits_less(absolute(y - limit), 1e-6) & bits_less(0.0, sigma) & ~late
            doubt = some & near
            found[t], doubts[t] = some & (late | bits_less(limit, y)) & ~doubt, doubt
            in_doubt |= doubt
        excess = above / (sigma * n) - 1.0
        excess = where_less(0.0, excess, excess, 0.0)
        before, last = last, where_less(0.0, above, excess, 0.0)
        total, squares = _roll(tile, t, length, 2, total, squares)
    return in_doubt


@njit(**EXACT)
def screen(cases, memory, length, guard, least, threshold, min_sigma, begin, number, times):
    """Write the times of the alarms of C1 (``guard`` 0), C2 (2) or C3 into ``times``, as far as it has room, and ``number`` by
    series.

    ``memory`` are the bytes of ``cases``. Returns the series to go on with (n_series at the end, -1 where a value is
    not acceptable), and the number of times.
    """
    n_series, n_times = cases.shape
    tile, doubts = np.empty((n_times, LANES)), np.zeros(n_times, np.uint8)
    found, words, bits = found_words(n_times)
    y, flags = np.empty(n_times), np.empty(n_times, np.bool_)
    step = LANES * cases.itemsize
    n = 0
    for s in range(begin, n_series, LANES):
        if n + LANES * n_times > times.size:
            return s, n
        load_tile(cases, s, 0, tile)
        gaps, exact = 0, 0
        most = largest(tile)
        if most < 0 or most > LARGEST:
            refused, gaps, exact = faults(tile)
            if refused:
                return -1, n
        if guard == C3:
            exact |= gaps
        if length > _LONGEST:
            exact = EVERY
        ahead = memory, (s + LANES) * n_times * cases.itemsize, step
        if exact == EVERY or n_times <= length + guard:
            in_doubt = 0
        elif guard == C3:
            in_doubt = _whole_tile_c3(tile, length, threshold, min_sigma, found, doubts, ahead)
        elif gaps:
            in_doubt = _tile_with_gaps(tile, length, guard, least, threshold, min_sigma, found, doubts)
        else:
            in_doubt = _whole_tile(tile, length, guard, threshold, min_sigma, found, doubts, ahead)
        if in_doubt & ~exact:
            _settle(tile, found, doubts, exact, length, guard, least, threshold, min_sigma)
        turn(words, bits)
        for lane in range(LANES):
            if exact >> lane & 1:
                for t in range(n_times):
                    y[t] = tile[t, lane]
                _exact_row(y, length, guard, least, threshold, min_sigma, flags)
                set_bits(flags, bits[lane])
        n = write_times(bits, s, 0, number, times, n)
    return n_series, n
