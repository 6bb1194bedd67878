"""What the control charts share: a state that walks through time, all series abreast, and the result of the walk.

A chart is a frozen state with ``walk``: it takes the next values of all series and gives the state after them. The
batch call walks through the whole series at once, ``streaming.update`` through what has arrived since; both are the
same code, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input, _windows
from anlan.stats.counts._incontrol import Control
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason

SERIES_BLOCK = 128


@dataclass(frozen=True)
class Steps:
    """What a walk over n periods gives at the wanted ones; arrays of shape (n_series, n_wanted).

    ``upper`` is the count from which on there is an alarm (up to which, for charts that look for a decrease), given
    all that was before; not finite where no count makes one. ``alarm`` is not yet limited to what is decided.
    """

    expected: FloatArray
    upper: FloatArray
    score: FloatArray
    alarm: BoolArray
    extra: dict[str, FloatArray]


class Chart(Protocol):
    """State of a chart after ``position`` periods."""

    @property
    def method(self) -> str: ...

    @property
    def control(self) -> Control: ...

    @property
    def position(self) -> int: ...

    @property
    def extra_names(self) -> tuple[str, ...]: ...

    def take(self, rows: slice) -> Self:
        """The same for some of the series."""

    def walk(self, values: FloatArray, means: FloatArray, wanted: IntArray) -> tuple[Self, Steps]:
        """Take ``values`` (n_series, n) with in-control ``means``: the state after them, and what they gave.

        ``wanted`` are the places among the n, in any order, for which the result is made.
        """


def run(chart: Chart, cases: FloatArray, evaluate: Evaluate) -> Detection:
    """The batch call: walk through everything after the training period and keep what is asked for."""
    positions = _input.as_positions(evaluate, cases.shape[1])
    found = _windows.empty(chart.method, cases, positions, chart.extra_names)
    for start in range(0, len(cases), SERIES_BLOCK):
        rows = slice(start, start + SERIES_BLOCK)
        _run_block(chart.take(rows), cases[rows], found, rows)
    return found


def walked(chart: Chart, cases: FloatArray) -> Chart:
    """The state after ``cases``."""
    first, n_times = chart.control.training, cases.shape[1]
    nothing = np.zeros(0, dtype=np.int64)
    return chart.walk(cases[:, first:], chart.control.means(first, n_times), nothing)[0]


def _run_block(chart: Chart, cases: FloatArray, found: Detection, rows: slice) -> None:
    first, last = chart.control.training, int(found.times.max(initial=-1))
    if last < first:
        return
    inside = found.times >= first
    values, means = cases[:, first : last + 1], chart.control.means(first, last + 1)
    _, steps = chart.walk(values, means, found.times[inside] - first)
    place = (rows, np.flatnonzero(inside))
    _fill(found, place, chart.control, steps)


def _fill(found: Detection, place: tuple[slice, IntArray], control: Control, steps: Steps) -> None:
    """Write steps into the result, with the reasons, and alarms only where something is decided."""
    observed = found.observed[place]
    reason = np.broadcast_to(control.reason[:, np.newaxis], observed.shape).copy()
    usable = (reason == Reason.OK) | (reason == Reason.ZERO_REFERENCE)
    empty = reason == Reason.ZERO_REFERENCE
    reason[(reason == Reason.OK) & ~np.isfinite(steps.upper)] = Reason.UNBOUNDED
    reason[np.isnan(observed)] = Reason.MISSING_CURRENT
    ok = reason == Reason.OK
    found.expected[place] = np.where(empty, 0.0, np.where(usable, steps.expected, np.nan))
    found.upper[place] = np.where(empty, 0.0, np.where(usable, steps.upper, np.nan))
    found.score[place] = np.where(usable & ~empty, steps.score, np.nan)
    # Without a case in the training period the first case is an alarm.
    first_case = (reason == Reason.ZERO_REFERENCE) & (observed > 0)
    found.alarm[place] = (steps.alarm & ok) | first_case
    found.reason[place] = reason
    for name, values in steps.extra.items():
        found.extra[name][place] = np.where(usable, values, np.nan)


def update(chart: Chart, values: ArrayLike, mean: ArrayLike | None) -> tuple[Chart, Detection]:
    """Take the next values; see ``streaming.update``."""
    n_series = len(chart.control.reason)
    given = np.asarray(values)
    fresh = _input.as_series(given[:, np.newaxis] if given.ndim == 1 else given, name="values")
    if len(fresh) != n_series:
        accepted = f"an array of shape ({n_series},) or ({n_series}, n_new)"
        raise _input.parameter_error("values", accepted, f"shape {given.shape}")
    stop = chart.position + fresh.shape[1]
    means = chart.control.means(chart.position, stop) if mean is None else _fresh_means(mean, fresh)
    new = np.arange(fresh.shape[1])
    found = _windows.empty(chart.method, fresh, new, chart.extra_names)
    after, steps = chart.walk(fresh, means, new)
    _fill(found, (slice(None), new), chart.control, steps)
    return after, replace(found, times=chart.position + new)


def _fresh_means(mean: ArrayLike, fresh: FloatArray) -> FloatArray:
    means = np.asarray(mean, dtype=np.float64)
    if means.ndim == 1 and len(means) == len(fresh):
        means = means[:, np.newaxis]
    if means.ndim > 2 or not (np.isfinite(means) & (means > 0)).all():
        raise _input.parameter_error("mean", f"numbers > 0 of shape {fresh.shape}", f"shape {means.shape}")
    return np.broadcast_to(means, fresh.shape)
