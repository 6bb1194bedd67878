"""The EARS detectors on compiled kernels: the numbers of the plain module, to the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from anlan.stats.counts._fast import _ears_kernel
from anlan.stats.counts._fast._found import Found, all_found
from anlan.stats.counts.result import Detection, FloatArray, IntArray

_BLOCK = 512  # series whose p-values are made while their statistics are in the cache
GUARDS = {"ears_c1": 0, "ears_c2": 2, "ears_c3": _ears_kernel.C3}


def moments(
    cases: FloatArray, baseline: int, guard: int, min_reported: int, min_sigma: float
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the baseline of each period, NaN where it is not usable."""
    mean, sigma = np.empty(cases.shape), np.empty(cases.shape)
    _ears_kernel.moments(cases, baseline, guard, min_reported, min_sigma, mean, sigma)
    return mean, sigma


def detect(
    method: str, cases: FloatArray, positions: IntArray, *, baseline: int, min_reported: int, threshold: float,
    min_sigma: float,
) -> Detection:  # fmt: skip
    """The whole result of C1 or C2."""
    shape = (len(cases), len(positions))
    everything = np.array_equal(positions, np.arange(cases.shape[1]))
    at = positions[:0] if everything else positions
    expected, sigma, upper, score, statistic, p_value = (np.empty(shape) for _ in range(6))
    alarm, reason = np.empty(shape, dtype=np.bool_), np.empty(shape, dtype=np.int8)
    if not positions.size:
        everything, at = False, positions
    for start in range(0, len(cases), _BLOCK):
        rows = slice(start, start + _BLOCK)
        parts = tuple(part[rows] for part in (expected, sigma, upper, score, statistic, alarm, reason))
        _ears_kernel.fill(
            cases[rows], baseline, GUARDS[method], min_reported, threshold, min_sigma, at, parts
        )
        np.negative(statistic[rows], out=p_value[rows])
        special.ndtr(p_value[rows], out=p_value[rows])
    return Detection(
        method=method, times=positions, observed=cases.copy() if everything else cases[:, positions],
        expected=expected, upper=upper, score=score, p_value=p_value, alarm=alarm, reason=reason,
        extra={"statistic": statistic, "sigma": sigma},
    )  # fmt: skip


def alarms(
    method: str, counts: NDArray[np.generic], *, baseline: int, min_reported: int, threshold: float,
    min_sigma: float,
) -> Found | None:  # fmt: skip
    """Number of alarms of each series and their times, nothing else; None where a value of ``counts`` is not acceptable."""

    memory = counts.reshape(-1).view(np.uint8)

    def screen(begin: int, number: IntArray, times: IntArray) -> tuple[int, int]:
        given = (baseline, GUARDS[method], min_reported, threshold, min_sigma)
        found: tuple[int, int] = _ears_kernel.screen(counts, memory, *given, begin, number, times)
        return found

    return all_found(counts.shape, screen)
