"""Pictures of what was found: from the table that ``detect`` gave, or from the form before the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from anlan.charts import CurveData, Picture
from anlan.charts.detections import known
from anlan.frames.grid import SeriesGrid, read_series
from anlan.texts import DEFAULT_LANGUAGE, say

if TYPE_CHECKING:
    from anlan.frames.detection import Found

# At least so many periods are drawn, so that "last 4 weeks" still shows what came before.
_LEAST_DRAWN = {"day": 120, "week": 104, "month": 48}
_NUMBERS = ("observed", "expected", "upper")


def plot(
    found: Any,
    *,
    time: str | Sequence[str],
    by: str | Sequence[str] | None = None,
    most: int = 24,
    unit: str = "",
    language: str = DEFAULT_LANGUAGE,
) -> Picture:
    """Draw the table that ``detect`` gave: one epidemic curve a series, those with alarms first.

    Parameters
    ----------
    found : polars, pandas or pyarrow frame
        From ``detect``, whole or some of its series.
    time, by : str or sequence of str
        As in ``detect``.
    most : int, default 24
        Series to draw at most.
    unit : str
        Unit and date basis, for the first line of each curve.
    language : {"zh", "en"}

    Returns
    -------
    Picture
        Shows itself in a notebook; ``save`` writes .html or .svg (with matplotlib also .png or .pdf),
        ``to_matplotlib`` gives a figure.

    Raises
    ------
    InputError
        If the table has not the columns of a result.

    Examples
    --------
    >>> import polars as pl
    >>> import anlan
    >>> cases = pl.DataFrame({"day": [f"2024-07-{d:02d}" for d in range(1, 15)], "cases": [2, 3] * 6 + [3, 19]})
    >>> found = anlan.detect(cases, time="day", value="cases", method="ears_c1")
    >>> anlan.plot(found, time="day").curves[0].alarm[-1]
    True
    """
    grids = {name: read_series(found, time=time, value=name, by=by) for name in _NUMBERS}
    table = nw.from_native(found, eager_only=True)
    flags = table.with_columns(nw.col("alarm").cast(nw.Int8)) if "alarm" in table.columns else table
    alarm = read_series(nw.to_native(flags), time=time, value="alarm", by=by).values == 1
    grid = grids["observed"]
    values = {name: one.values for name, one in grids.items()}
    return Picture(_curves(grid, values, alarm, 0, most, unit, language), language)


def curves(
    found: Found, *, most: int | None = None, unit: str = "", language: str = DEFAULT_LANGUAGE
) -> list[CurveData]:
    """Up to ``most`` series of ``found`` with what came before the judged periods; the latest alarm first, then the most."""
    grid, result = found.grid, found.result
    n_times = grid.values.shape[1]
    start = (
        min(int(result.times.min()), max(0, n_times - _LEAST_DRAWN[grid.step])) if result.times.size else 0
    )
    wide = {name: np.full(grid.values.shape, np.nan) for name in ("expected", "upper")}
    for name, array in wide.items():
        array[:, result.times] = getattr(result, name)
    alarm = np.zeros(grid.values.shape, dtype=bool)
    alarm[:, result.times] = result.alarm
    said = unit or say(f"charts.unit.{grid.step}", language, value=found.value)
    return _curves(grid, {"observed": grid.values, **wide}, alarm, start, most, said, language)


def series_name(key: tuple[Any, ...], otherwise: str) -> str:
    """The key of a series as a title."""
    return " · ".join(_text(part) for part in key) if key else otherwise


def _curves(
    grid: SeriesGrid, values: dict[str, NDArray[np.float64]], alarm: NDArray[np.bool_], start: int, most: int | None,
    unit: str, language: str,
) -> list[CurveData]:  # fmt: skip
    n_series, n_times = alarm.shape
    latest = np.where(alarm.any(axis=1), n_times - 1 - np.argmax(alarm[:, ::-1], axis=1), -1)
    order = np.lexsort((np.arange(n_series), -alarm.sum(axis=1), -latest))
    keys, labels = grid.keys(), grid.labels()[start:]
    return [
        CurveData(
            periods=labels,
            observed=known(values["observed"][index, start:]),
            expected=known(values["expected"][index, start:]),
            upper=known(values["upper"][index, start:]),
            alarm=alarm[index, start:].tolist(),
            title=series_name(keys[index], say("cli.page.whole", language)),
            unit=unit,
        )
        for index in order[:most].tolist()
    ]


def _text(value: object) -> str:
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()).removesuffix("T00:00:00") if isoformat is not None else str(value)
