"""CUSUM charts on compiled kernels: the statistics of the plain module to the last bit, limits to the last digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anlan.stats.counts import _charts, _input
from anlan.stats.counts._fast import _cusum_kernel
from anlan.stats.counts._fast._found import Found, all_found
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.cusum import (
    FRONT,
    LIMIT_POWER,
    CusumChart,
    centre_and_scale,
    count_at,
    limit_line,
    own_scale,
)
from anlan.stats.counts.result import Detection, FloatArray, IntArray, Reason

_BLOCK = 512  # series whose means are made at a time
_LARGEST_MEAN = 1e100  # above, limits may be infinite: left to the plain module


@dataclass(frozen=True)
class _Means:
    """Means of the periods from ``first`` on and what follows from them; one column where they are constant."""

    level: FloatArray
    centre: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, chart: CusumChart, last: int) -> _Means:
        means = chart.control.means(chart.control.training, last + 1)
        level = np.array(means[:, :1] if means.strides[1] == 0 else means, order="C")
        with np.errstate(all="ignore"):
            centre, scale = centre_and_scale(level, chart.transform, chart.overdispersion)
        return cls(level, np.ascontiguousarray(centre), np.ascontiguousarray(scale))


def detect(chart: CusumChart, cases: FloatArray, evaluate: Evaluate) -> Detection:
    """As ``_charts.run``."""
    positions = _input.as_positions(evaluate, cases.shape[1])
    first, last = chart.control.training, int(positions.max(initial=-1))
    if last < first:
        return _charts.run(chart, cases, evaluate)
    everything = np.array_equal(positions, np.arange(cases.shape[1]))
    shape = (len(cases), len(positions))
    expected, upper, score, statistic = (np.empty(shape) for _ in range(4))
    alarm, reason = np.empty(shape, dtype=np.bool_), np.empty(shape, dtype=np.int8)
    found = Detection(
        method=chart.method, times=positions, observed=cases.copy() if everything else cases[:, positions],
        expected=expected, upper=upper, score=score, p_value=np.full(shape, np.nan), alarm=alarm, reason=reason,
        extra={"statistic": statistic},
    )  # fmt: skip
    for start in range(0, len(cases), _BLOCK):
        rows = slice(start, start + _BLOCK)
        part, means = chart.take(rows), _Means.of(chart.take(rows), last)
        form, power, limits = _limits(part, means.level)
        rounds_up = part.as_reference and part.transform == "standard"
        own = np.ascontiguousarray(own_scale(cases[rows], part.transform, part.overdispersion))
        _cusum_kernel.fill(
            cases[rows], own, first, means.centre, means.scale, _settings(part), means.level, limits,
            (form, power, rounds_up), part.control.reason, positions,
            tuple(array[rows] for array in (expected, upper, score, statistic, alarm, reason)),
        )  # fmt: skip
        if form == _cusum_kernel.ROOM:
            _find_limits(found, rows, part)
    return found


def alarms(chart: CusumChart, counts: NDArray[np.generic]) -> Found | None:
    """Number of alarms of each series and their times, nothing else; None where a value of ``counts`` is not acceptable."""
    means = _Means.of(chart, counts.shape[1] - 1)
    if (means.level[chart.control.reason == Reason.OK] > _LARGEST_MEAN).any():
        flags = _charts.run(chart, _input.as_series(counts), None).alarm
        return flags.sum(axis=1), np.nonzero(flags)[1]
    values = counts
    if chart.transform.startswith("anscombe"):
        values = np.ascontiguousarray(
            own_scale(_input.as_series(counts), chart.transform, chart.overdispersion)
        )
    memory, first, settings = values.reshape(-1).view(np.uint8), chart.control.training, _settings(chart)

    def screen(begin: int, number: IntArray, times: IntArray) -> tuple[int, int]:
        given = (means.centre, means.scale, settings, chart.control.reason, begin, number, times)
        found: tuple[int, int] = _cusum_kernel.screen(values, memory, first, *given)
        return found

    return all_found(values.shape, screen)


def _settings(chart: CusumChart) -> tuple[float, float, float, bool, bool]:
    return FRONT.get(chart.transform, 1.0), chart.k, chart.h, chart.transform == "rossi", chart.reset


def _limits(chart: CusumChart, level: FloatArray) -> tuple[int, float, FloatArray]:
    """Form of the limit, power, and the three arrays that the form takes, stacked."""
    form, power, parts = _cusum_kernel.LINEAR, LIMIT_POWER.get(chart.transform, 1.0), (level, level, level)
    with np.errstate(all="ignore"):
        if chart.transform == "rossi":
            form = _cusum_kernel.ROSSI_IN_R if chart.as_reference else _cusum_kernel.ROSSI
            power, parts = 2.0, (level, np.sqrt(level), level**1.5)
        elif chart.as_reference and chart.transform in ("none", "anscombeNegBin"):
            form = _cusum_kernel.LEFT
        elif chart.transform == "anscombeNegBin":
            form = _cusum_kernel.ROOM
        else:
            slope, start, less = limit_line(level, chart.transform, chart.overdispersion)
            if chart.as_reference and chart.transform == "anscombe2nd":
                # R has another sign of the exponent.
                start, less = start - np.cbrt(level) / 9, np.zeros_like(level)
            parts = slope, start, less
    return form, power, np.stack(parts)


def _find_limits(found: Detection, rows: slice, chart: CusumChart) -> None:
    """Limits that need the inverse of an integral: the kernel left the room in their place."""
    ok = np.arange(len(found.upper))[rows][chart.control.reason == Reason.OK]
    with np.errstate(all="ignore"):
        upper = count_at(found.expected[ok], found.upper[ok], chart.transform, chart.overdispersion)
    unbounded = (found.reason[ok] == Reason.OK) & ~np.isfinite(upper)
    found.upper[ok] = upper
    found.reason[ok] = np.where(unbounded, Reason.UNBOUNDED, found.reason[ok])
    found.alarm[ok] &= ~unbounded
