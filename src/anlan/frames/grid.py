"""The one door for outside tables: check everything, then hand on arrays that need no more checking.

``read_series`` names what is missing and what was there, which rows are doubled or out of order, which values are not
numbers. What it returns is a grid: every series on the same axis of periods, NaN where nothing was reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from anlan.frames._errors import (
    MAX_NAMED_ROWS,
    input_error,
    parameter_error,
    problem,
    row_problems,
    shown_list,
)
from anlan.frames.times import Ordinals, Times, codes_of, period_label, read_times

MISSING = ("gap", "zero")
UNORDERED = ("error", "sort")

# A grid wider than this many cells with hardly a value in it comes from a wrong year, not from data.
_SUSPICIOUS_CELLS = 5_000_000
_SUSPICIOUS_SHARE = 0.02


@dataclass(frozen=True)
class SeriesGrid:
    """A checked table: ``values[s, t]`` is series ``s`` in period ``first + t``, NaN where nothing was reported.

    ``row_of_series`` is the first row of each series in ``frame``, from which its key columns are copied.
    ``population`` has the shape of ``values``; for periods without a row the latest known one is carried over.
    """

    frame: nw.DataFrame[Any]
    by: tuple[str, ...]
    times: Times
    first: int
    values: NDArray[np.float64]
    row_of_series: Ordinals
    n_rows: int
    population: NDArray[np.float64] | None = None

    @property
    def step(self) -> str:
        """``day``, ``week`` or ``month``."""
        return self.times.step

    @property
    def ordinals(self) -> Ordinals:
        """The period number of each column of ``values``."""
        return np.arange(self.first, self.first + self.values.shape[1], dtype=np.int64)

    def labels(self) -> list[str]:
        """One spelling of each period, for charts and messages."""
        return [period_label(self.step, ordinal) for ordinal in self.ordinals.tolist()]

    def keys(self) -> list[tuple[Any, ...]]:
        """The key of each series, in the order of ``values``."""
        columns = [self.frame[name][self.row_of_series].to_list() for name in self.by]
        return list(zip(*columns, strict=True)) if columns else [()] * len(self.row_of_series)


def read_series(
    frame: Any,
    *,
    time: str | Sequence[str],
    value: str,
    by: str | Sequence[str] | None = None,
    step: str | None = None,
    missing: str = "gap",
    unordered: str = "error",
    counts: bool = False,
    population: str | None = None,
    first_row: int = 1,
) -> SeriesGrid:
    """Check a tidy table and lay its series on one axis of days, weeks or months.

    Parameters
    ----------
    frame : polars, pandas or pyarrow frame
        One row per series and period.
    time : str or two str
        Time column, or a year column and a week or month column.
    value : str
        Column of numbers. An empty cell is a period without a report.
    by : str or sequence of str, optional
        Columns that name the series. None: the whole table is one series.
    step : {"day", "week", "month"}, optional
        None: inferred; an error if the times do not agree on one.
    missing : {"gap", "zero"}, default "gap"
        What a period without a row means. "zero" is for tables that list only periods with cases. An empty
        cell is missing in both.
    unordered : {"error", "sort"}, default "error"
        What to do when a series is not in order of time; such tables often have day and month exchanged.
    counts : bool, default False
        Refuse negative and fractional values.
    population : str, optional
        Column with the population at risk, > 0 wherever there is a value.
    first_row : int, default 1
        Number of the first row in messages; 2 for a file with a heading.

    Raises
    ------
    InputError
        With one problem per bad row, up to ten; the sentence says how many there are.
    """
    time_columns = (time,) if isinstance(time, str) else tuple(time)
    keys = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    _check_options(missing, unordered, time_columns)
    table = _eager(frame)
    _check_columns(table, [*time_columns, value, *keys, *([population] if population else [])])
    values = _values(table[value], first_row)
    if counts:
        _check_counts(values, value, first_row)
    codes, row_of_series = _series_codes(table, keys, first_row)
    times = read_times(table, time_columns, step, codes, first_row)
    _check_keys(times, codes, unordered, time_columns, keys, first_row)
    first, n_times = _extent(times, len(row_of_series), time_columns)
    grid = np.full((len(row_of_series), n_times), np.nan if missing == "gap" else 0.0)
    grid[codes, times.ordinals - first] = values
    people = None
    if population is not None:
        people = np.full_like(grid, np.nan)
        people[codes, times.ordinals - first] = _population(table[population], values, first_row)
        people = _carried(people)
    return SeriesGrid(table, keys, times, first, grid, row_of_series, len(values), people)


def _check_options(missing: str, unordered: str, time: tuple[str, ...]) -> None:
    for name, given, accepted in (("missing", missing, MISSING), ("unordered", unordered, UNORDERED)):
        if given not in accepted:
            choices = ", ".join(accepted)
            raise parameter_error("library.error.choice", name=name, given=given, accepted=choices)
    if len(time) not in (1, 2):
        raise parameter_error("library.error.time_columns", given=len(time))


def _eager(frame: Any) -> nw.DataFrame[Any]:
    try:
        table: nw.DataFrame[Any] = nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise input_error("library.error.frame_type", given=type(frame).__name__) from error
    table = nw.maybe_reset_index(table)
    if len(table) == 0:
        raise input_error("library.error.no_rows", columns=shown_list(table.columns))
    return table


def _check_columns(table: nw.DataFrame[Any], wanted: Sequence[str]) -> None:
    absent = [name for name in wanted if name not in table.columns]
    if absent:
        raise input_error(
            "library.error.columns", missing=shown_list(absent), there=shown_list(table.columns)
        )
    twice = sorted({name for name in wanted if wanted.count(name) > 1})
    if twice:
        raise input_error("library.error.column_twice", columns=shown_list(twice))


def _values(series: nw.Series[Any], first_row: int) -> NDArray[np.float64]:
    if not series.dtype.is_numeric():
        examples = shown_list(dict.fromkeys(str(item) for item in series.head(3).to_list()))
        dtype = str(series.dtype)
        raise input_error("library.error.value_type", column=series.name, given=dtype, examples=examples)
    numbers = series.cast(nw.Float64).fill_null(float("nan"))
    values = np.asarray(numbers.to_numpy(), dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise input_error(
            "library.error.infinite",
            row_problems(
                "library.problem.infinite", infinite, series.name, first_row, values[infinite[:10]].tolist()
            ),
            column=series.name,
            count=int(infinite.size),
        )
    return values


def _check_counts(values: NDArray[np.float64], column: str, first_row: int) -> None:
    """Counts are whole and not negative; a rate or a share belongs to another method."""
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero((values < 0) | (values != np.floor(values)) & ~np.isnan(values))
    if bad.size:
        given = [f"{number:g}" for number in values[bad[:10]].tolist()]
        problems = row_problems("library.problem.count", bad, column, first_row, given)
        raise input_error("library.error.counts", problems, column=column, count=int(bad.size))


def _population(series: nw.Series[Any], counts: NDArray[np.float64], first_row: int) -> NDArray[np.float64]:
    people = _values(series, first_row)
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~(people > 0) & ~np.isnan(counts))
    if bad.size:
        given = [f"{number:g}" for number in people[bad[:10]].tolist()]
        problems = row_problems("library.problem.population", bad, series.name, first_row, given)
        raise input_error("library.error.population", problems, column=series.name, count=int(bad.size))
    return np.where(people > 0, people, np.nan)


def _carried(people: NDArray[np.float64]) -> NDArray[np.float64]:
    """Population of periods without a row: the latest known before, else the first known after, else 1."""
    n_times = people.shape[1]
    known = ~np.isnan(people)
    places = np.arange(n_times)
    before = np.maximum.accumulate(np.where(known, places, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, places, n_times)[:, ::-1], axis=1)[:, ::-1]
    source = np.where(before >= 0, before, np.minimum(after, n_times - 1))
    filled = np.take_along_axis(people, source, axis=1)
    return np.where(np.isnan(filled), 1.0, filled)


def _series_codes(table: nw.DataFrame[Any], by: tuple[str, ...], first_row: int) -> tuple[Ordinals, Ordinals]:
    """Number the series in the order in which they first appear, and find the first row of each."""
    combined = np.zeros(len(table), dtype=np.int64)
    for name in by:
        empty = np.flatnonzero(table[name].is_null().to_numpy())
        if empty.size:
            raise input_error(
                "library.error.key_empty",
                row_problems("library.problem.empty", empty, name, first_row, [""] * 10),
                column=name,
                count=int(empty.size),
            )
        codes, values = codes_of(table[name])
        # Renumber after each column, so that the product of the column sizes cannot overflow.
        combined = np.unique(combined * len(values) + codes, return_inverse=True)[1].reshape(-1)
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return place[inverse.reshape(-1)].astype(np.int64), first[order].astype(np.int64)


def _check_keys(
    times: Times,
    codes: Ordinals,
    unordered: str,
    time: tuple[str, ...],
    by: tuple[str, ...],
    first_row: int,
) -> None:
    """Each series has each period once, and in order of time."""
    order = np.lexsort((np.arange(codes.size), times.ordinals, codes))
    same = (np.diff(codes[order]) == 0) & (np.diff(times.ordinals[order]) == 0)
    where = " + ".join([*by, *time])
    if same.any():
        again, before = order[1:][same], order[:-1][same]
        shown = np.argsort(again)[:MAX_NAMED_ROWS]
        problems = [
            problem(
                "library.problem.doubled",
                {"row": int(row) + first_row},
                period=period_label(times.step, int(times.ordinals[row])),
                earlier=int(other) + first_row,
            )
            for row, other in zip(again[shown], before[shown], strict=True)
        ]
        raise input_error("library.error.doubled", problems, columns=where, count=int(again.size))
    if unordered == "sort":
        return
    by_series = np.argsort(codes, kind="stable")
    backward = (np.diff(codes[by_series]) == 0) & (np.diff(times.ordinals[by_series]) < 0)
    if backward.any():
        rows = np.sort(by_series[1:][backward])
        given = [period_label(times.step, int(times.ordinals[row])) for row in rows[:10]]
        problems = row_problems("library.problem.unordered", rows, where, first_row, given)
        raise input_error("library.error.unordered", problems, columns=where, count=int(rows.size))


def _extent(times: Times, n_series: int, time: tuple[str, ...]) -> tuple[int, int]:
    first, last = int(times.ordinals.min()), int(times.ordinals.max())
    n_times = last - first + 1
    cells = n_series * n_times
    if cells > _SUSPICIOUS_CELLS and times.ordinals.size < _SUSPICIOUS_SHARE * cells:
        raise input_error(
            "library.error.too_sparse",
            column=" + ".join(time),
            first=period_label(times.step, first),
            last=period_label(times.step, last),
            cells=cells,
            rows=int(times.ordinals.size),
        )
    return first, n_times
