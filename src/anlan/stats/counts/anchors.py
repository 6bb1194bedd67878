"""Which periods a Farrington method compares a week with: anchors, windows, seasonal blocks.

For the period under test k the *anchors* are the same time of year in each of the past ``b`` years. By position that
is k - i * frequency. With dates it is the date of k minus i calendar years, moved to the nearest day with the weekday
of k, so that years of 53 weeks shift nothing (position and date differ by a week after each of them). Months are
matched by month.

Around each anchor a window of ``w`` periods to both sides, and the periods k - w to k, form the *current block*. The
gaps between windows are cut into ``n_periods`` - 1 equal blocks, the first ones a period longer where it does not
divide evenly. The blocks are the levels of the seasonal factor.

    year -2            year -1            now
    ..[www A www]1112223334[www A www]1112223334[www k     n_periods = 5: current block [ ] and blocks 1 to 4
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.stats.counts._input import as_whole, parameter_error
from anlan.stats.counts.result import FloatArray, IntArray

Step = Literal["week", "month", "position"]
DateArray = NDArray[np.datetime64]


@dataclass(frozen=True)
class Reference:
    """Reference periods of one or more tested periods that look alike.

    ``offsets`` (n_rows,) are positions relative to the tested period, ``block`` (n_rows,) the seasonal block from 1
    to ``n_periods`` (the current block), ``time`` (n_rows,) the trend covariate relative to the tested period.
    """

    offsets: IntArray
    block: IntArray
    time: FloatArray


class TimeAxis(Protocol):
    """How periods are counted. ``frequency`` is the number of periods in a year."""

    @property
    def step(self) -> Step: ...

    @property
    def frequency(self) -> int: ...

    def anchors(self, position: int, years: int) -> IntArray | None:
        """Positions of the same time of year, newest first; None when the series does not reach back that far."""

    def trend_time(self, position: int, offsets: IntArray, calendar: bool) -> FloatArray:
        """The trend covariate relative to ``position``: periods, or for ``calendar`` days in units of the first step."""


@dataclass(frozen=True)
class PositionAxis:
    """Periods counted by position; every year is taken to have exactly ``frequency`` of them."""

    frequency: int
    step: Step = "position"

    def anchors(self, position: int, years: int) -> IntArray | None:
        found = position - self.frequency * np.arange(1, years + 1, dtype=np.int64)
        return found if found[-1] >= 0 else None

    def trend_time(self, position: int, offsets: IntArray, calendar: bool) -> FloatArray:  # noqa: ARG002
        return offsets.astype(np.float64)


@dataclass(frozen=True)
class WeekAxis:
    """Weeks with dates, each given by one of its days (the same weekday throughout)."""

    dates: DateArray
    step: Step = "week"
    frequency: int = 52

    def anchors(self, position: int, years: int) -> IntArray | None:
        here = self.dates[position]
        back = np.array([years_before(here, i) for i in range(1, years + 1)])
        # Nearest day with the weekday of k: the remainder is never half a week.
        weeks = np.rint((back - self.dates[0]).astype(np.int64) / 7).astype(np.int64)
        return weeks if weeks[-1] >= 0 else None

    def trend_time(self, position: int, offsets: IntArray, calendar: bool) -> FloatArray:  # noqa: ARG002
        return offsets.astype(np.float64)


@dataclass(frozen=True)
class MonthAxis:
    """Calendar months, each given by one of its days (usually the first or the last)."""

    dates: DateArray
    step: Step = "month"
    frequency: int = 12

    def anchors(self, position: int, years: int) -> IntArray | None:
        found = position - 12 * np.arange(1, years + 1, dtype=np.int64)
        return found if found[-1] >= 0 else None

    def trend_time(self, position: int, offsets: IntArray, calendar: bool) -> FloatArray:
        if not calendar:
            return offsets.astype(np.float64)
        unit = int((self.dates[1] - self.dates[0]).astype(np.int64))
        days = (self.dates[position + offsets] - self.dates[position]).astype(np.int64)
        time: FloatArray = days / unit
        return time


def years_before(date: np.datetime64, years: int) -> np.datetime64:
    """The same day ``years`` earlier; 29 February becomes 1 March in other years."""
    month = date.astype("datetime64[M]")
    day = (date - month.astype("datetime64[D]")).astype(np.int64)
    moved: np.datetime64 = (month - 12 * years).astype("datetime64[D]") + day
    return moved


def time_axis(n_times: int, *, dates: ArrayLike | None, frequency: int | None) -> TimeAxis:
    """The axis of a series: weeks or months from ``dates``, or positions at ``frequency`` a year (default 52).

    Raises
    ------
    ParameterError
        If the dates are not weekly or monthly without gaps, or disagree with ``frequency``.
    """
    if dates is None:
        number = 52 if frequency is None else as_whole("frequency", frequency, at_least=2)
        return PositionAxis(number)
    days = _as_days(dates, n_times)
    axis = _dated_axis(days)
    if frequency is not None and frequency != axis.frequency:
        accepted = f"{axis.frequency} for dates that are a {axis.step} apart, or None"
        raise parameter_error("frequency", accepted, frequency)
    return axis


def _as_days(dates: ArrayLike, n_times: int) -> DateArray:
    accepted = f"{n_times} dates, one for each time"
    try:
        days = np.asarray(dates, dtype="datetime64[D]")
    except (TypeError, ValueError) as error:
        raise parameter_error("dates", accepted, type(dates).__name__) from error
    if days.shape != (n_times,):
        raise parameter_error("dates", accepted, f"shape {days.shape}")
    if np.isnat(days).any():
        raise parameter_error(
            "dates", accepted + ", none missing", f"no date at time {int(np.isnat(days).argmax())}"
        )
    return days


def _dated_axis(days: DateArray) -> TimeAxis:
    steps = np.diff(days).astype(np.int64)
    months = np.diff(days.astype("datetime64[M]")).astype(np.int64)
    if len(days) < 2 or (steps == 7).all():
        return WeekAxis(days)
    if (months == 1).all():
        return MonthAxis(days)
    is_monthly = bool(np.median(steps) > 20)
    wrong = int(np.argmax((months != 1) if is_monthly else (steps != 7)))
    accepted = "in consecutive months" if is_monthly else "7 days apart (weeks), or in consecutive months"
    given = f"{days[wrong]} followed by {days[wrong + 1]} at time {wrong + 1}"
    raise parameter_error("dates", accepted + "; a period without a report stays in as NaN", given)


def references(
    axis: TimeAxis, positions: IntArray, *, b: int, w: int, n_periods: int, skip: int, calendar: bool
) -> Iterator[tuple[Reference, IntArray]]:
    """Group ``positions`` by reference and yield each group with the indices into ``positions``.

    Positions without enough history appear in no group. ``skip`` is the number of periods before the tested one that
    are left out (the tested one is always left out).
    """
    groups: dict[tuple[bytes, bytes, bytes], tuple[Reference, list[int]]] = {}
    known: dict[bytes, tuple[IntArray, IntArray]] = {}
    for place, position in enumerate(positions.tolist()):
        anchors = axis.anchors(position, b)
        if anchors is None or anchors[-1] - w < 0:
            continue
        lags = position - anchors
        if lags.tobytes() not in known:
            known[lags.tobytes()] = reference_rows(lags, w=w, n_periods=n_periods, skip=skip)
        offsets, block = known[lags.tobytes()]
        time = axis.trend_time(position, offsets, calendar)
        key = (offsets.tobytes(), block.tobytes(), time.tobytes())
        groups.setdefault(key, (Reference(offsets, block, time), []))[1].append(place)
    for reference, places in groups.values():
        yield reference, np.asarray(places, dtype=np.int64)


def reference_rows(lags: IntArray, *, w: int, n_periods: int, skip: int) -> tuple[IntArray, IntArray]:
    """Offsets (ascending) and seasonal blocks of the reference for anchors ``lags`` periods back, newest first."""
    blocks: dict[int, int] = dict.fromkeys(range(-w, 1), n_periods)
    newer = 0
    for lag in lags.tolist():
        blocks.update(dict.fromkeys(range(-lag - w, -lag + w + 1), n_periods))
        if n_periods > 1:
            blocks.update(_gap_blocks(-lag + w + 1, newer - w - 1, n_periods))
        newer = -lag
    used = sorted(offset for offset in blocks if offset < -skip)
    return np.array(used, dtype=np.int64), np.array([blocks[offset] for offset in used], dtype=np.int64)


def _gap_blocks(first: int, last: int, n_periods: int) -> Mapping[int, int]:
    length = last - first + 1
    shortest, longer = divmod(max(length, 0), n_periods - 1)
    sizes = [shortest + (block < longer) for block in range(n_periods - 1)]
    labels = [block + 1 for block, size in enumerate(sizes) for _ in range(size)]
    return dict(zip(range(first, last + 1), labels, strict=True))
