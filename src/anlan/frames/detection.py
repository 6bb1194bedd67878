"""``anlan.detect``: from a tidy table to a table of findings, one row per series and evaluated period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from anlan.charts import Picture
from anlan.frames._errors import input_error, parameter_error, shown_list
from anlan.frames.grid import SeriesGrid, read_series
from anlan.frames.plotting import curves
from anlan.frames.times import Ordinals, period_dates
from anlan.stats.counts import AUTO_CHOICES, METHODS, REQUIRED, Detection, Method, Reason, method_named
from anlan.texts import DEFAULT_LANGUAGE

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrameT

RESULT_COLUMNS = ("observed", "expected", "upper", "score", "p_value", "alarm", "reason")
CHOSEN = "chosen"  # a further column, for the method that chooses among others
REASONS: tuple[str, ...] = tuple(reason.name.lower() for reason in sorted(Reason))


@dataclass(frozen=True)
class Found:
    """A checked table with what a method found in it.

    ``parameters`` are those that the caller gave; the method's defaults apply to the others. ``value`` is the name of the
    column that was judged, ``extra`` names what of ``result.extra`` becomes columns of the table.
    """

    grid: SeriesGrid
    result: Detection
    method: str
    parameters: Mapping[str, Any]
    value: str = ""
    extra: tuple[str, ...] = ()

    @property
    def ordinals(self) -> Ordinals:
        """The period number of each evaluated column."""
        return self.grid.ordinals[self.result.times]

    def table(self) -> nw.DataFrame[Any]:
        """One row per series and evaluated period, series after series."""
        n_series, n_times = self.result.observed.shape
        backend = self.grid.frame.implementation
        rows = np.repeat(self.grid.row_of_series, n_times)
        columns = [self.grid.frame[name][rows] for name in self.grid.by]
        place = np.tile(np.arange(n_times), n_series)
        columns += [series[place] for series in self.grid.times.write(self.ordinals).values()]
        for name in RESULT_COLUMNS[:5]:
            flat = getattr(self.result, name).reshape(-1)
            columns.append(nw.new_series(name, flat, nw.Float64, backend=backend).fill_nan(None))
        columns.append(nw.new_series("alarm", self.result.alarm.reshape(-1), nw.Boolean, backend=backend))
        columns.append(_reasons(self.result, backend))
        if self.method == "auto":
            columns.append(_chosen(self.result, backend))
        for name in self.extra:
            flat = self.result.extra[name].reshape(-1)
            if flat.dtype == np.bool_:
                columns.append(nw.new_series(name, flat, nw.Boolean, backend=backend))
                continue
            numbers = nw.new_series(name, flat.astype(np.float64), nw.Float64, backend=backend)
            columns.append(numbers.fill_nan(None))
        # pandas carries row labels along with what is copied; they mean nothing in the result.
        return nw.from_dict({series.name: nw.maybe_reset_index(series) for series in columns})

    def plot(self, *, most: int = 24, unit: str = "", language: str = DEFAULT_LANGUAGE) -> Picture:
        """The series with what came before the judged periods, those with alarms first; see ``anlan.plot``."""
        return Picture(curves(self, most=most, unit=unit, language=language), language)


def detect(
    frame: IntoDataFrameT,
    *,
    time: str | Sequence[str],
    value: str,
    by: str | Sequence[str] | None = None,
    method: str = "farrington_flexible",
    step: str | None = None,
    missing: str = "gap",
    unordered: str = "error",
    population: str | None = None,
    last: int | None = None,
    extra: bool | str | Sequence[str] = False,
    **parameters: Any,
) -> IntoDataFrameT:
    """Look for values that are too high (or break a limit) in every series of a tidy table.

    Parameters
    ----------
    frame : polars, pandas or pyarrow frame
        One row per series and period. Rows of different series may be mixed.
    time : str or two str
        The time column: dates, datetimes at midnight, or texts such as ``2024-W07``, ``2024-07``, ``2024-07-05``,
        ``2024年7月``; or a year column and an ISO week or month column, ``["year", "week"]``.
    value : str
        Column of counts (or of measured values, for ``method="limit"``). An empty cell is a period without a report.
    by : str or sequence of str, optional
        Columns that name the series. None: the whole table is one series.
    method : str, default "farrington_flexible"
        A name in ``anlan.stats.counts.METHODS``; ``anlan methods`` lists them.
    step : {"day", "week", "month"}, optional
        None: inferred; an error if the times do not agree on one.
    missing : {"gap", "zero"}, default "gap"
        What a period without a row means. A gap is not a zero: it leaves the history and is not judged. "zero" is
        for tables that list only periods with cases.
    unordered : {"error", "sort"}, default "error"
        What to do with series that are not in order of time. Exchanged day and month show up as disorder.
    population : str, optional
        Column with the population at risk, for methods that take one.
    last : int, optional
        Judge only the latest so many periods. None: all; those with too little history say so in ``reason``.
    extra : bool, str or sequence of str, default False
        Further columns of the method, by name, or all it has: thresholds and intensity of ``mem``, the level of ``anlan``.
    **parameters
        Parameters of the method, under the names of its array call.

    Returns
    -------
    frame of the same type
        A row per series and evaluated period: the key columns, the time column(s) as they came, ``observed``,
        ``expected``, ``upper`` (the bound), ``score`` (1 at the bound), ``p_value``, ``alarm`` (bool) and ``reason`` (``ok``, or why
        nothing or less was decided); for ``method="auto"`` also ``chosen``, the method that judged it. All series stand on the same periods, from the first to the last of the table.

    Raises
    ------
    InputError
        If the table cannot be used; all bad rows of one kind are counted and the first ten named.
    ParameterError
        If an argument is not acceptable; the message names it.

    Examples
    --------
    >>> import polars as pl
    >>> cases = pl.DataFrame({"day": [f"2024-07-{d:02d}" for d in range(1, 15)], "cases": [2, 3] * 6 + [3, 19]})
    >>> found = detect(cases, time="day", value="cases", method="ears_c1")
    >>> found.filter(pl.col("alarm"))["day"].to_list()
    ['2024-07-14']
    """
    found = detect_series(
        frame,
        time=time,
        value=value,
        by=by,
        method=method,
        step=step,
        missing=missing,
        unordered=unordered,
        population=population,
        last=last,
        extra=extra,
        parameters=parameters,
    )
    native: IntoDataFrameT = found.table().to_native()
    return native


def detect_series(
    frame: Any,
    *,
    time: str | Sequence[str],
    value: str,
    by: str | Sequence[str] | None = None,
    method: str = "farrington_flexible",
    step: str | None = None,
    missing: str = "gap",
    unordered: str = "error",
    population: str | None = None,
    last: int | None = None,
    extra: bool | str | Sequence[str] = False,
    first_row: int = 1,
    parameters: Mapping[str, Any] | None = None,
) -> Found:
    """What ``detect`` does, before it becomes a table: for callers that also draw or count.

    ``first_row`` is the number of the first row in messages; 2 for a file with a heading.
    """
    chosen = method_named(method)
    given = dict(parameters or {})
    _check_call(chosen, given, time, by, last)
    if population is not None and not chosen.uses_population:
        accepted = ", ".join(name for name, one in METHODS.items() if one.uses_population)
        raise parameter_error(
            "library.error.no_population", method=method, given=population, accepted=accepted
        )
    grid = read_series(
        frame,
        time=time,
        value=value,
        by=by,
        step=step,
        missing=missing,
        unordered=unordered,
        counts=chosen.kinds == ("count",),
        population=population,
        first_row=first_row,
    )
    if grid.step not in chosen.steps:
        accepted = ", ".join(chosen.steps)
        raise parameter_error("library.error.method_step", method=method, step=grid.step, accepted=accepted)
    result = chosen.run(
        grid.values,
        dates=period_dates(grid.step, grid.ordinals),
        evaluate=None if last is None else slice(-last, None),
        population=grid.population,
        **given,
    )
    taken = [*grid.by, *([time] if isinstance(time, str) else time)]
    return Found(grid, result, method, given, value, _extra(result, extra, taken))


def _extra(result: Detection, wanted: bool | str | Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    """Names of the further columns; unknown ones, and names that the table has already, are errors."""
    there = [name for name in result.extra if not (name == CHOSEN and result.method == "auto")]
    names = there if wanted is True else [wanted] if isinstance(wanted, str) else list(wanted or ())
    unknown = [name for name in names if name not in there]
    if unknown:
        accepted = shown_list(there, len(there)) or "none"
        raise parameter_error(
            "library.error.extra", method=result.method, names=shown_list(unknown), accepted=accepted
        )
    clash = [name for name in names if name in taken]
    if clash:
        raise input_error("library.error.name_taken", names=shown_list(clash), reserved=shown_list(names))
    return tuple(dict.fromkeys(names))


def _check_call(
    method: Method,
    given: Mapping[str, Any],
    time: str | Sequence[str],
    by: str | Sequence[str] | None,
    last: int | None,
) -> None:
    for name in given:
        method.parameter(name)
    required = [
        item.name for item in method.parameters if item.default is REQUIRED and item.name not in given
    ]
    if required:
        raise parameter_error("library.error.required", method=method.name, names=shown_list(required))
    if last is not None and (isinstance(last, bool) or not isinstance(last, int) or last < 1):
        raise parameter_error("library.error.last", given=last)
    keys = [by] if isinstance(by, str) else list(by or ())
    times = [time] if isinstance(time, str) else list(time)
    reserved = [*RESULT_COLUMNS, *([CHOSEN] if method.name == "auto" else [])]
    taken = [name for name in [*keys, *times] if name in reserved]
    if taken:
        raise input_error("library.error.name_taken", names=shown_list(taken), reserved=shown_list(reserved))


def _reasons(result: Detection, backend: Any) -> nw.Series[Any]:
    words = nw.new_series("reason", list(REASONS), nw.String, backend=backend)
    codes: NDArray[np.int64] = result.reason.reshape(-1).astype(np.int64)
    return words[codes]


def _chosen(result: Detection, backend: Any) -> nw.Series[Any]:
    """Names of the chosen methods; empty where there was too little history for any."""
    words = nw.new_series(CHOSEN, ["", *AUTO_CHOICES], nw.String, backend=backend)
    codes: NDArray[np.int64] = result.extra[CHOSEN].reshape(-1).astype(np.int64) + 1
    return words[codes]
