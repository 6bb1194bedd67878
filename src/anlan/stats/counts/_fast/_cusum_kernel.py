# mypy: ignore-errors
# numba infers the types.
"""CUSUM charts of eight series side by side, with the numbers of ``cusum.CusumChart.walk`` to the last bit.

The standardised count is front (a - b) / c, a being the count on the scale of the transformation, or for "rossi"
(a - 3 b + 2 sqrt(a b)) / c. ``b`` and ``c`` are (n_series, 1) where the mean is constant, else (n_series, n). Screening takes the
gains of small whole counts from a table where the mean is constant. No products are fused.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from anlan.stats.counts._fast._tile_kernel import (
    EVERY,
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
    absolute,
    bits_less,
    load,
    lookup,
    prefetch,
    product,
    root,
    round_up,
    splat,
    store,
    where_less,
)
from anlan.stats.counts.result import Reason

TABLE = 64  # counts below have their gains in a table
LINEAR, ROSSI, ROSSI_IN_R, LEFT, ROOM = range(5)  # how the limit follows from the room that is left
MISSING_CURRENT, SHORT_HISTORY, ZERO_REFERENCE, UNBOUNDED = (
    int(code)
    for code in (Reason.MISSING_CURRENT, Reason.SHORT_HISTORY, Reason.ZERO_REFERENCE, Reason.UNBOUNDED)
)


@njit(**EXACT)
def _gain(a, b, c, front, k, is_rossi):
    """Standardised counts less k; 0 where that is no number: not reported, or nothing expected."""
    if is_rossi:
        x = (a - product(b, splat(3.0)) + product(root(product(a, b)), splat(2.0))) / c
    else:
        x = product(a - b, splat(front)) / c
    x = x - k
    return where_less(absolute(x), np.inf, x, 0.0)


@njit(**EXACT)
def _step(now, gain, h, resets):
    """The statistic after one period."""
    begin = where_less(now, h, now, 0.0) if resets else now
    following = begin + gain
    return where_less(following, 0.0, 0.0, following)


@njit(**EXACT)
def _load_means(values, series, tile):
    """Rows of means; a single column makes one row."""
    if values.shape[1] == 1:
        for lane in range(LANES):
            tile[0, lane] = values[min(series + lane, values.shape[0] - 1), 0]
    else:
        load_tile(values, series, 0, tile)


@njit(**EXACT)
def _walk_table(tile, b, c, chart, most, found, ahead):
    """Bits of S >= h for whole counts up to ``most`` and a constant mean; the next tile is fetched meanwhile."""
    front, k, h, is_rossi, resets = chart
    memory, place, bytes_a_time = ahead
    table = np.empty((TABLE, LANES))
    mean, scale = load(b, 0), load(c, 0)
    for count in range(most + 1):
        store(table, count, _gain(splat(count * 1.0), mean, scale, front, k, is_rossi))
    now = splat(0.0)
    for t in range(tile.shape[0]):
        prefetch(memory, place + t * bytes_a_time)
        now = _step(now, lookup(table, load(tile, t)), h, resets)
        found[t] = EVERY & ~bits_less(now, h)


@njit(**EXACT)
def _walk(tile, b, c, chart, found):
    """Bits of S >= h at reported values, whatever the counts and means are."""
    front, k, h, is_rossi, resets = chart
    now = splat(0.0)
    for t in range(tile.shape[0]):
        a, at = load(tile, t), t if b.shape[0] > 1 else 0
        now = _step(now, _gain(a, load(b, at), load(c, at), front, k, is_rossi), h, resets)
        found[t] = EVERY & ~bits_less(now, h) & bits_less(a, np.inf)


@njit(**EXACT)
def screen(values, memory, first, b, c, chart, control_reason, begin, number, times):
    """Write the times of the alarms from ``first`` on into ``times``, as far as it has room, and ``number`` by series.

    ``values`` are the counts on the scale of the transformation, ``memory`` its bytes; ``chart`` is front, k, h, whether the
    transformation is "rossi", and whether an alarm resets. Returns the series to go on with (n_series at the end, -1
    where a value is not acceptable), and the number of times.
    """
    n_series, n_times = values.shape
    n_walked = n_times - first
    tile = np.empty((n_walked, LANES))
    mean, scale = np.empty((b.shape[1], LANES)), np.empty((c.shape[1], LANES))
    found, words, bits = found_words(n_walked)
    flags = np.empty(n_walked, np.bool_)
    n = 0
    for s in range(begin, n_series, LANES):
        if n + LANES * n_walked > times.size:
            return s, n
        load_tile(values, s, first, tile)
        _load_means(b, s, mean)
        _load_means(c, s, scale)
        most = largest(tile)
        if 0 <= most < TABLE and b.shape[1] == 1:
            ahead = memory, (s + LANES) * n_times * values.itemsize, LANES * values.itemsize
            _walk_table(tile, mean, scale, chart, int(most), found, ahead)
        else:
            if (most < 0 or most == np.inf) and faults(tile)[0]:
                return -1, n
            _walk(tile, mean, scale, chart, found)
        turn(words, bits)
        for lane in range(min(LANES, n_series - s)):
            if control_reason[s + lane]:
                # Nothing expected: the first case alarms. Nothing known: no alarm.
                for t in range(n_walked):
                    flags[t] = control_reason[s + lane] == ZERO_REFERENCE and tile[t, lane] > 0
                set_bits(flags, bits[lane])
        n = write_times(bits, s, first, number, times, n)
    return n_series, n


@njit(**EXACT)
def _limit(room, left, limits, at, form, power):
    """``cusum.count_at`` and ``cusum._upper_in_r``; ``limits`` are tiles whose meaning depends on the form."""
    p, q, r = load(limits[0], at), load(limits[1], at), load(limits[2], at)
    if form == ROOM:
        return room
    if form == LEFT:
        y = left
    elif form == ROSSI:
        # p is the mean, q its root.
        inside = product(p, splat(4.0)) + product(product(room, splat(2.0)), q)
        y = root(where_less(inside, 0.0, 0.0, inside)) - q
    elif form == ROSSI_IN_R:
        # r is the mean to the power of 1.5.
        inside = product(product(p, p), splat(4.0)) + product(product(room, splat(2.0)), r)
        y = product(product(room, splat(2.0)), q) + product(p, splat(5.0))
        y = y - product(root(inside), splat(2.0))
        return where_less(0.0, y, y, 0.0)
    else:
        y = product(p, room) + q - r
    y = where_less(y, 0.0, 0.0, y)
    if power == 2.0:
        return product(y, y)
    return product(y, root(y)) if power == 1.5 else y


@njit(**EXACT)
def fill(cases, values, first, b, c, chart, means, limits, shape, control_reason, at, result):
    """The result at the positions ``at``: expected, upper, score, statistic, alarm, reason.

    ``values`` as in ``screen``; ``means`` (n_series, 1 or n) and ``limits``, three of them, for the limits, of which
    ``shape`` is form, power, and whether they are rounded up.
    """
    front, k, h, is_rossi, resets = chart
    form, power, rounds_up = shape
    n_series, width = cases.shape[0], b.shape[1]
    n_walked = max(at.max() + 1 - first, 0)
    tile, path, upper = np.empty((n_walked, LANES)), np.empty((n_walked, LANES)), np.empty((n_walked, LANES))
    mean, scale = np.empty((width, LANES)), np.empty((width, LANES))
    parts = np.empty((width, LANES)), np.empty((width, LANES)), np.empty((width, LANES))
    for s in range(0, n_series, LANES):
        load_tile(values, s, first, tile)
        _load_means(b, s, mean)
        _load_means(c, s, scale)
        for place in range(3):
            _load_means(limits[place], s, parts[place])
        now = splat(0.0)
        for t in range(n_walked):
            row = t if width > 1 else 0
            before = where_less(now, h, now, 0.0) if resets else now
            gain = _gain(load(tile, t), load(mean, row), load(scale, row), front, k, is_rossi)
            now = _step(now, gain, h, resets)
            room = splat(h + k) - before
            limit = _limit(room, splat(h) - now, parts, row, form, power)
            store(path, t, now)
            store(upper, t, round_up(limit) if rounds_up else limit)
        for lane in range(min(LANES, n_series - s)):
            _write(s + lane, lane, path, upper, cases, first, means, h, control_reason[s + lane], at, result)


@njit(**EXACT)
def _write(series, lane, path, upper, cases, first, means, h, code, at, result):
    """One series of the result, as ``_charts._fill``."""
    expected, limit, score, statistic, alarm, reason = result
    for j in range(at.size):
        t = at[j] - first
        expected[series, j], limit[series, j], score[series, j] = np.nan, np.nan, np.nan
        statistic[series, j], alarm[series, j], reason[series, j] = np.nan, False, SHORT_HISTORY
        if t < 0:
            continue
        y, now, most = cases[series, at[j]], path[t, lane], upper[t, lane]
        there = y == y
        reason[series, j] = code if there else MISSING_CURRENT
        if code == 0:
            expected[series, j] = means[series, t if means.shape[1] > 1 else 0]
            limit[series, j], score[series, j], statistic[series, j] = most, now / h, now
            if there and not abs(most) < np.inf:
                reason[series, j] = UNBOUNDED
            else:
                alarm[series, j] = there and now >= h
        elif code == ZERO_REFERENCE:
            expected[series, j], limit[series, j], statistic[series, j] = 0.0, 0.0, now
            alarm[series, j] = there and y > 0
