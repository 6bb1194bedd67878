"""Collecting what a screening kernel writes down: a buffer that is emptied whenever the next series might not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anlan.stats.counts.result import IntArray

_LEAST = 65536
_SHARE = 8  # one value in so many may be an alarm before the buffer has to be emptied
_SERIES = 8  # side by side

Places = tuple[IntArray, IntArray]


def all_places(shape: tuple[int, ...], screen: Callable[[int, Places], tuple[int, int]]) -> Places | None:
    """Series and times of all that the kernel finds; None where a value is not acceptable.

    ``screen`` takes the series to go on with and two arrays for series and time; it fills them as far as they reach and
    gives the series after that, or -1 where a value is not acceptable, and the number of places.
    """
    n_series, n_times = shape
    size = max(_LEAST, 2 * _SERIES * n_times, n_series * n_times // _SHARE)
    parts: list[Places] = []
    begin = 0
    while begin < n_series:
        # What is not written to takes no memory.
        series, times = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
        begin, n = screen(begin, (series, times))
        if begin < 0:
            return None
        parts.append((series[:n], times[:n]))
    return joined(parts)


def joined(parts: list[Places]) -> Places:
    """The places of several calls one after another."""
    if len(parts) == 1:
        return parts[0]
    nothing = np.zeros(0, dtype=np.int64)
    series, times = (np.concatenate([nothing, *(part[place] for part in parts)]) for place in (0, 1))
    return series, times
