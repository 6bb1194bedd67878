# mypy: ignore-errors
# numba infers the types.
"""What the screening kernels share: a tile of ``LANES`` series laid side by side, and alarms written down as times.

A tile is an array (n_times, LANES). What is found at one time is a byte, one bit a series; eight of them are turned
into one byte a series, and only the bits that are set are written, as times of one series after another.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from anlan.stats.counts._fast._vector import (
    EXACT,
    LANES,
    bits_less,
    bits_uneven,
    load,
    load_tile_at,
    splat,
    store,
    trailing_zeros,
    where_less,
)

LARGEST = 65536.0  # sums of squares of counts up to here are exact
EVERY = 255  # the bits of all lanes
_HIGHEST = np.finfo(np.float64).max


@njit(**EXACT)
def load_tile(values, series, start, tile):
    """Fill ``tile`` with the times from ``start`` on of the series from ``series`` on; the last series is repeated."""
    n = tile.shape[0]
    if n < LANES:
        for t in range(n):
            for lane in range(LANES):
                tile[t, lane] = values[min(series + lane, values.shape[0] - 1), start + t]
        return
    t = 0
    while t < n:
        # The last eight overlap the ones before.
        t = min(t, n - LANES)
        load_tile_at(values, series, start + t, tile, t)
        t += LANES


@njit(**EXACT)
def largest(tile):
    """The largest value, or -1 where not all are whole numbers >= 0."""
    bits, most = 0, splat(0.0)
    for t in range(tile.shape[0]):
        y = load(tile, t)
        bits |= bits_uneven(y)
        most = where_less(most, y, y, most)
    if bits:
        return -1.0
    one = np.empty((1, LANES))
    store(one, 0, most)
    return one.max()


@njit(**EXACT)
def faults(tile):
    """Bits of the series with values that are not acceptable, that are missing, that are not whole or too large."""
    refused, gaps, uneven = 0, 0, 0
    for t in range(tile.shape[0]):
        y = load(tile, t)
        infinite = bits_less(_HIGHEST, y)
        missing = EVERY & ~(bits_less(y, np.inf) | infinite)
        refused |= bits_less(y, 0.0) | infinite
        gaps |= missing
        uneven |= (bits_uneven(y) | bits_less(LARGEST, y)) & ~missing
    return refused, gaps, uneven


@njit(**EXACT)
def found_words(n_times):
    """Scratch for ``turn``: bytes by time, the same as words, and bits by series."""
    words = np.zeros((n_times + 7) // 8, dtype=np.uint64)
    return words.view(np.uint8), words, np.zeros((LANES, (n_times + 63) // 64 * 8), dtype=np.uint8)


@njit(**EXACT)
def turn(words, bits):
    """From bytes by time to bits by series; ``words`` is 0 again afterwards."""
    for g in range(words.size):
        w = words[g]
        words[g] = 0
        # Transpose of 8 x 8 bits: corners of 1, 2 and 4 change places.
        x = (w ^ (w >> np.uint64(7))) & np.uint64(0x00AA00AA00AA00AA)
        w = w ^ x ^ (x << np.uint64(7))
        x = (w ^ (w >> np.uint64(14))) & np.uint64(0x0000CCCC0000CCCC)
        w = w ^ x ^ (x << np.uint64(14))
        x = (w ^ (w >> np.uint64(28))) & np.uint64(0x00000000F0F0F0F0)
        w = w ^ x ^ (x << np.uint64(28))
        for lane in range(LANES):
            bits[lane, g] = w >> np.uint64(8 * lane)


@njit(**EXACT)
def set_bits(found, row):
    """Write a row of flags as bits."""
    row[:] = 0
    for t in range(found.size):
        if found[t]:
            row[t >> 3] |= np.uint8(1) << np.uint8(t & 7)


@njit(**EXACT)
def write_times(bits, series, start, number, times, n):
    """Append ``start`` + time of every bit to ``times`` from ``n`` on, and their number by series; the place after the last."""
    words = bits.view(np.uint64)
    for lane in range(min(LANES, number.size - series)):
        before = n
        for g in range(words.shape[1]):
            word = words[lane, g]
            while word:
                times[n] = start + 64 * g + trailing_zeros(word)
                n += 1
                word &= word - np.uint64(1)
        number[series + lane] = n - before
    return n
