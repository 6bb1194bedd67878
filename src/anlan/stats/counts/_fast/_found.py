"""Collecting what a screening kernel writes down: a buffer that is emptied whenever the next series might not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from anlan.stats.counts.result import IntArray

_LEAST = 65536
_SHARE = 8  # one value in so many may be an alarm before the buffer has to be emptied
_SERIES = 8  # side by side

Found = tuple[IntArray, IntArray]


def all_found(
    shape: tuple[int, ...], screen: Callable[[int, IntArray, IntArray], tuple[int, int]]
) -> Found | None:
    """Number of alarms of each series and the times of all, series after series; None where a value is not acceptable.

    ``screen`` takes the series to go on with and the arrays for both; it fills the times as far as they reach and gives
    the series after that, or -1 where a value is not acceptable, and the number of times.
    """
    n_series, n_times = shape
    number = np.zeros(n_series, dtype=np.int64)
    size = max(_LEAST, 2 * _SERIES * n_times, n_series * n_times // _SHARE)
    parts: list[IntArray] = []
    begin = 0
    while begin < n_series:
        # What is not written to takes no memory.
        times = np.empty(size, dtype=np.int64)
        begin, n = screen(begin, number, times)
        if begin < 0:
            return None
        parts.append(times[:n])
    return number, parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype=np.int64), *parts])
