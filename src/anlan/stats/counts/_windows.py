"""Windows of earlier periods that the Bayes, RKI and CDC methods compare with: just before, and the same season of past years.

The windows are those of the Farrington methods (``anchors``), without a model: only their sums and moments are used.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.stats.counts import _input
from anlan.stats.counts._input import parameter_error
from anlan.stats.counts.anchors import PositionAxis, TimeAxis, time_axis
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason

SERIES_BLOCK = 128


def axis_for(n_times: int, dates: ArrayLike | None, frequency: int | None, variant: str) -> TimeAxis:
    """The time axis; the R package counts these methods by position even where there are dates."""
    axis = time_axis(n_times, dates=dates, frequency=frequency)
    if _input.as_choice("variant", variant, _input.VARIANTS) == "published":
        return axis
    return PositionAxis(axis.frequency)


def window_width(w: object, axis: TimeAxis, b: int, *, at_least: int) -> int:
    """``w`` as a whole number; windows of different years must not meet."""
    width = _input.as_whole("w", w, at_least=at_least)
    if b and 2 * width + 1 >= axis.frequency:
        raise parameter_error("w", f"an int below half a year of {axis.frequency} periods", width)
    return width


def window_rows(
    axis: TimeAxis, positions: IntArray, *, b: int, w: int, current: bool
) -> tuple[IntArray, BoolArray]:
    """Positions of the reference of each tested position, shape (n_rows, n_evaluated), and whether all exist.

    The ``w`` periods just before where ``current``, and the anchor and ``w`` periods to both sides of it in each of
    the past ``b`` years. Where not all exist the rows are 0 and must not be used.
    """
    n_rows = current * w + b * (2 * w + 1)
    rows = np.zeros((n_rows, len(positions)), dtype=np.int64)
    complete = np.zeros(len(positions), dtype=bool)
    around = np.arange(-w, w + 1)
    for place, position in enumerate(positions.tolist()):
        anchors = axis.anchors(position, b) if b else np.zeros(0, dtype=np.int64)
        if anchors is None:
            continue
        past = (anchors[:, np.newaxis] + around).ravel()
        found = np.concatenate([np.arange(position - w, position), past]) if current else past
        if found.min() >= 0:
            rows[:, place], complete[place] = found, True
    return rows, complete


def moments(cases: FloatArray, rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Number of reported values, their mean, and their sum of squares about it, each (n_series, n_evaluated)."""
    shape = (len(cases), rows.shape[1])
    number, total = np.zeros(shape), np.zeros(shape)
    for row in rows:
        values = cases[:, row]
        number += ~np.isnan(values)
        total += np.where(np.isnan(values), 0.0, values)
    squares = np.zeros(shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / number
        for row in rows:
            values = cases[:, row]
            squares += np.where(np.isnan(values), 0.0, (values - mean) ** 2)
    return number, mean, squares


def enough_reported(number: FloatArray, n_rows: int, *, least: int = 2) -> BoolArray:
    """At least half of the reference, and two values (or ``least``)."""
    enough: BoolArray = number >= max(0.5 * n_rows, least)
    return enough


def base_reason(
    observed: FloatArray, complete: BoolArray, enough: BoolArray, special: NDArray[np.bool_], code: Reason
) -> NDArray[np.int8]:
    """The reason of every value: ``code`` where ``special``, and the ordinary ones before it."""
    reason = np.full(observed.shape, int(Reason.OK), dtype=np.int8)
    reason[special] = code
    reason[~enough] = Reason.INCOMPLETE_REFERENCE
    reason[np.isnan(observed)] = Reason.MISSING_CURRENT
    reason[:, ~complete] = Reason.SHORT_HISTORY
    return reason


def decided(reason: NDArray[np.int8]) -> BoolArray:
    """Where a decision was made on the value of the period."""
    codes = [int(code) for code in Reason if code.is_decided]
    return np.isin(reason, codes)


def blocks(n_series: int) -> Iterator[slice]:
    for start in range(0, n_series, SERIES_BLOCK):
        yield slice(start, start + SERIES_BLOCK)


def empty(method: str, cases: FloatArray, positions: IntArray, extra: tuple[str, ...]) -> Detection:
    """A result in which nothing is decided yet; its arrays are to be filled."""
    shape = (len(cases), len(positions))
    return Detection(
        method=method,
        times=positions,
        observed=cases[:, positions],
        expected=np.full(shape, np.nan),
        upper=np.full(shape, np.nan),
        score=np.full(shape, np.nan),
        p_value=np.full(shape, np.nan),
        alarm=np.zeros(shape, dtype=bool),
        reason=np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8),
        extra={name: np.full(shape, np.nan) for name in extra},
    )
