"""The EARS detectors on compiled kernels: the numbers of ``ears._Baseline``, to the last bit."""

from __future__ import annotations

import numpy as np

from anlan.stats.counts._fast import _ears_kernel
from anlan.stats.counts.result import BoolArray, FloatArray


def moments(
    cases: FloatArray, baseline: int, guard: int, min_reported: int, min_sigma: float
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the baseline of each period, NaN where it is not usable."""
    mean, sigma = np.empty(cases.shape), np.empty(cases.shape)
    _ears_kernel.moments(cases, baseline, guard, min_reported, min_sigma, mean, sigma)
    return mean, sigma


def alarms(
    cases: FloatArray, *, baseline: int = 7, guard: int = 0, min_reported: int = 7, threshold: float = 3.0,
    min_sigma: float = 0.0,
) -> BoolArray:  # fmt: skip
    """Only the alarms of C1 (``guard`` 0) or C2 (2), for screening: nothing else is written."""
    found = np.empty(cases.shape, dtype=np.bool_)
    _ears_kernel.alarms(cases, baseline, guard, min_reported, threshold, min_sigma, found)
    return found
