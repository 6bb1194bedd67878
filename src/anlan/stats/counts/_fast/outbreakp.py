"""OutbreakP on compiled kernels: the results of the plain module, statistics to 1e-12."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anlan.stats.counts._fast import _outbreakp_kernel
from anlan.stats.counts._fast._found import Found, all_found
from anlan.stats.counts.result import Detection, FloatArray, IntArray


def fill(found: Detection, cases: FloatArray, log_k: float, first: int, as_reference: bool) -> None:
    """As ``outbreakp._fill``, for all series at once."""
    if not found.times.size:
        return
    result = (found.expected, found.upper, found.score, found.extra["statistic"], found.alarm, found.reason)
    _outbreakp_kernel.fill(cases, log_k, first, as_reference, found.times, result)


def alarms(counts: NDArray[np.generic], log_k: float, first: int) -> Found | None:
    """Number of alarms of each series and their times, nothing else; None where a value of ``counts`` is not acceptable."""

    def screen(begin: int, number: IntArray, times: IntArray) -> tuple[int, int]:
        found: tuple[int, int] = _outbreakp_kernel.screen(counts, log_k, first, begin, number, times)
        return found

    return all_found(counts.shape, screen)
