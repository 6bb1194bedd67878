"""Time columns: what a row says (a date, ``2024-W07``, year and week) as period ordinals, and back in the same form.

Ordinals: days since 1970-01-01; ISO weeks since the week of that day; months as ``12 * year + month - 1``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from anlan.frames._errors import input_error, parameter_error, row_problems, shown_list

STEPS = ("day", "week", "month")

_EPOCH = date(1970, 1, 1)
_MONDAY = 3  # 1970-01-01 was a Thursday: day number plus three, divided by seven, changes on Mondays

Ordinals = NDArray[np.int64]
Series = nw.Series[Any]


@dataclass(frozen=True)
class Times:
    """The time column(s) of a table as ordinals, one per row, and the way back.

    ``write`` turns ordinals into columns named, typed and spelled as they came in; a period that no row had is
    spelled the way its neighbours are.
    """

    step: str
    ordinals: Ordinals
    write: Callable[[Ordinals], dict[str, Series]]


def period_label(step: str, ordinal: int) -> str:
    """``2024-07-05``, ``2024-W27`` or ``2024-07``: one spelling of a period, for charts and messages."""
    if step == "month":
        return f"{ordinal // 12:04d}-{ordinal % 12 + 1:02d}"
    day = _date(step, ordinal)
    if step == "day":
        return day.isoformat()
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def period_dates(step: str, ordinals: Ordinals) -> NDArray[np.datetime64]:
    """The first day of each period: the day itself, the Monday of the week, the first of the month."""
    if step == "month":
        return (ordinals - 12 * 1970).astype("datetime64[M]").astype("datetime64[D]")
    days = ordinals if step == "day" else ordinals * 7 - _MONDAY
    return days.astype("datetime64[D]")


def read_times(
    frame: nw.DataFrame[Any], columns: Sequence[str], step: str | None, codes: Ordinals, first_row: int
) -> Times:
    """Read one time column, or a year column and a week or month column.

    ``codes`` numbers the series of each row: the step of dates is inferred from the distances within a series.
    """
    if step is not None and step not in STEPS:
        raise parameter_error("library.error.step", given=step, accepted=", ".join(STEPS))
    for column in columns:
        _refuse_nulls(frame[column], first_row)
    if len(columns) == 2:
        return _read_pair(frame[columns[0]], frame[columns[1]], step, first_row)
    series = frame[columns[0]]
    if series.dtype.is_integer():
        return _read_numbers(series, step, codes, first_row)
    if series.dtype == nw.Date or series.dtype == nw.Datetime or _holds_dates(series):
        return _read_dates(series, step, codes, first_row)
    if series.dtype in (nw.String, nw.Categorical, nw.Enum, nw.Object):
        return _read_texts(series.cast(nw.String), step, codes, first_row)
    raise input_error("library.error.time_type", column=series.name, given=str(series.dtype))


def codes_of(series: Series) -> tuple[Ordinals, list[Any]]:
    """Number the distinct values of a column in the order in which they first appear."""
    if series.dtype in (nw.Categorical, nw.Enum):
        series = series.cast(nw.String)
    values = series.unique(maintain_order=True).to_list()
    codes = series.replace_strict(values, list(range(len(values))), return_dtype=nw.Int64)
    return np.asarray(codes.to_numpy(), dtype=np.int64), values


def _refuse_nulls(series: Series, first_row: int) -> None:
    empty = np.flatnonzero(series.is_null().to_numpy())
    if empty.size:
        raise input_error(
            "library.error.time_empty",
            row_problems("library.problem.empty", empty, series.name, first_row, [""] * 10),
            column=series.name,
            count=int(empty.size),
        )


def _date(step: str, ordinal: int, offset: int = 0) -> date:
    if step == "month":
        return date(ordinal // 12, ordinal % 12 + 1, 1)
    return _EPOCH + timedelta(days=ordinal if step == "day" else ordinal * 7 - _MONDAY + offset)


def _ordinals_of_days(days: Ordinals, step: str) -> Ordinals:
    if step == "day":
        return days
    if step == "week":
        return (days + _MONDAY) // 7
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 12 * 1970


def _holds_dates(series: Series) -> bool:
    return series.dtype == nw.Object and len(series) > 0 and isinstance(series.head(1).to_list()[0], date)


def _read_dates(series: Series, step: str | None, codes: Ordinals, first_row: int) -> Times:
    days = _days(series, first_row)
    step = step or infer_step(days, codes, series.name, first_row)
    offset = _usual_offset(days, step)

    def write(ordinals: Ordinals) -> dict[str, Series]:
        dates = [_in_step(step, ordinal, offset) for ordinal in ordinals.tolist()]
        return {series.name: _dates_like(series, dates)}

    return Times(step, _ordinals_of_days(days, step), write)


def _days(series: Series, first_row: int) -> Ordinals:
    if series.dtype == nw.Object:
        return np.array(series.to_list(), dtype="datetime64[D]").astype(np.int64)
    if series.dtype == nw.Datetime and getattr(series.dtype, "time_zone", None) is not None:
        series = series.dt.replace_time_zone(None)
    exact = np.asarray(series.to_numpy()).astype("datetime64[us]")
    days = exact.astype("datetime64[D]")
    inside = np.flatnonzero(exact != days)
    if inside.size:
        raise input_error(
            "library.error.time_of_day",
            row_problems(
                "library.problem.time_of_day",
                inside,
                series.name,
                first_row,
                exact[inside[:10]].astype("datetime64[s]"),
            ),
            column=series.name,
            count=int(inside.size),
        )
    return days.astype(np.int64)


def _usual_offset(days: Ordinals, step: str) -> int:
    """Which day of its period a date usually is, counted from 0; -1 for the last day of the month."""
    if days.size == 0 or step == "day":
        return 0
    if step == "week":
        return int(np.bincount((days + _MONDAY) % 7).argmax())
    if np.all(_day_of_month(days + 1) == 1):
        return -1
    places = _day_of_month(days)
    return int(places[0]) - 1 if np.ptp(places) == 0 and places[0] <= 28 else 0


def _in_step(step: str, ordinal: int, offset: int) -> date:
    if step == "month":
        return _date("month", ordinal + (offset < 0)) + timedelta(days=offset)
    return _date(step, ordinal, offset)


def _dates_like(series: Series, dates: list[date]) -> Series:
    backend = series.implementation
    if series.dtype != nw.Datetime:
        return nw.new_series(
            series.name, dates, None if series.dtype == nw.Object else series.dtype, backend=backend
        )
    moments = [datetime(day.year, day.month, day.day) for day in dates]
    zone = getattr(series.dtype, "time_zone", None)
    unit: Any = getattr(series.dtype, "time_unit", "us")
    naive = nw.new_series(series.name, moments, nw.Datetime(unit), backend=backend)
    return naive if zone is None else naive.dt.replace_time_zone(zone)


def _day_of_month(days: Ordinals) -> Ordinals:
    exact = days.astype("datetime64[D]")
    first = exact.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.asarray(days - first + 1, dtype=np.int64)


def infer_step(days: Ordinals, codes: Ordinals, column: str, first_row: int) -> str:
    """Tell days, weeks and months apart by the distances between the dates of each series.

    Raises
    ------
    InputError
        If the distances do not agree with one step; the rows that stand out are named.
    """
    order = np.lexsort((days, codes))
    gaps = np.diff(days[order])
    inside = (np.diff(codes[order]) == 0) & (gaps > 0)
    if not inside.any():  # each series has one date: what the dates have in common across series must do
        order = np.argsort(days, kind="stable")
        gaps = np.diff(days[order])
        inside = gaps > 0
    if not inside.any():
        raise input_error("library.error.step_unknown", column=column, accepted=", ".join(STEPS))
    later = order[1:][inside]
    gaps = gaps[inside]
    weekdays, month_days = (days + _MONDAY) % 7, _day_of_month(days)
    is_month = (gaps >= 28) & (gaps <= 31)
    if (
        is_month.any()
        and gaps.min() >= 28
        and (np.ptp(month_days) == 0 or np.all(_day_of_month(days + 1) == 1))
    ):
        return "month"
    if np.ptp(weekdays) == 0 and gaps.min() == 7:
        return "week"
    counts = {"day": int((gaps == 1).sum()), "week": int((gaps == 7).sum()), "month": int(is_month.sum())}
    usual = max(counts, key=lambda name: counts[name])
    if usual == "day" and counts["day"] > 0:
        odd = _series_of_another_step(gaps, codes[later], later)
        if not odd.size:
            return "day"
    elif usual == "week" and counts["week"] > 0:
        odd = np.flatnonzero(weekdays != np.bincount(weekdays).argmax())
    elif counts["month"] > 0:
        odd = np.flatnonzero(month_days != np.bincount(month_days).argmax())
    else:
        found = shown_list(sorted(set(gaps.tolist())), 6)
        raise input_error(
            "library.error.step_unsupported", column=column, found=found, accepted=", ".join(STEPS)
        )
    given = days[odd[:10]].astype("datetime64[D]")
    raise input_error(
        "library.error.step_mixed",
        row_problems("library.problem.step_mixed", odd, column, first_row, given, usual=usual),
        column=column,
        usual=usual,
        count=int(odd.size),
        accepted=", ".join(STEPS),
    )


def _series_of_another_step(gaps: Ordinals, codes: Ordinals, rows: Ordinals) -> Ordinals:
    """Rows of series that are plainly weekly or monthly (four distances or more, all alike) among daily ones."""
    n_series = int(codes.max()) + 1
    total = np.bincount(codes, minlength=n_series)
    weekly = np.bincount(codes[gaps == 7], minlength=n_series)
    monthly = np.bincount(codes[(gaps >= 28) & (gaps <= 31)], minlength=n_series)
    plain = (total >= 4) & ((weekly == total) | (monthly == total))
    return np.sort(rows[plain[codes]])


@dataclass(frozen=True)
class _Form:
    """One accepted spelling. The groups are year and number, or year, month and day."""

    kind: str
    pattern: re.Pattern[str]


_FORMS = (
    _Form("week", re.compile(r"(\d{4})-?[Ww](\d{1,2})")),
    _Form("week", re.compile(r"(\d{4})年第?(\d{1,2})周")),
    _Form("month", re.compile(r"(\d{4})年(\d{1,2})月")),
    _Form("month", re.compile(r"(\d{4})[-/.](\d{1,2})")),
    _Form("day", re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")),
    _Form("day", re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]00:00(?::00(?:\.0+)?)?)?")),
    _Form("day", re.compile(r"(\d{4})(\d{2})(\d{2})")),
)
_COMPACT = re.compile(r"(\d{4})(\d{2})")


def _match(text: str, step: str | None) -> tuple[str, re.Match[str]] | None:
    """The kind of period that a text names. Two bare numbers are a month unless the caller said week."""
    for form in _FORMS:
        found = form.pattern.fullmatch(text)
        if found:
            bare = form.kind == "month" and "月" not in text
            return ("week" if bare and step == "week" else form.kind), found
    found = _COMPACT.fullmatch(text) if step in ("week", "month") else None
    return (str(step), found) if found else None


def _ordinal(kind: str, match: re.Match[str]) -> int | None:
    """None for a period that does not exist: month 13, week 53 of a year with 52, 30 February."""
    numbers = [int(group) for group in match.groups()]
    try:
        if kind == "month":
            return date(numbers[0], numbers[1], 1).year * 12 + numbers[1] - 1
        day = date(*numbers) if kind == "day" else date.fromisocalendar(numbers[0], numbers[1], 1)
    except ValueError:
        return None
    number = (day - _EPOCH).days
    return number if kind == "day" else (number + _MONDAY) // 7


def _read_texts(
    series: Series, step: str | None, codes: Ordinals, first_row: int, dtype: Any = None
) -> Times:
    places, texts = codes_of(series)
    plain = [unicodedata.normalize("NFKC", str(text)).strip() for text in texts]
    matches = [_match(text, step) for text in plain]
    ordinals = [None if found is None else _ordinal(*found) for found in matches]
    _refuse_unreadable(series, places, texts, ordinals, first_row)
    kinds = [found[0] for found in matches if found is not None]
    kind = max(set(kinds), key=kinds.count) if kinds else "day"
    _refuse_mixed_kinds(series, places, texts, kinds, kind, first_row)
    numbers = np.array([number or 0 for number in ordinals], dtype=np.int64)
    if kind != "day":
        if step not in (None, kind):
            raise input_error("library.error.step_other", column=series.name, found=kind, given=step)
        step_known = kind
    else:
        step_known = step or infer_step(numbers[places], codes, series.name, first_row)
        numbers = _ordinals_of_days(numbers, step_known)
    spelled: dict[int, str] = {}
    for number, text in zip(numbers.tolist(), texts, strict=True):
        spelled.setdefault(number, text)
    model = next((found[1] for found in matches if found is not None), None)
    padded = all(len(found[1].group(2)) == 2 for found in matches if found is not None)

    def write(wanted: Ordinals) -> dict[str, Series]:
        found = [
            spelled.get(number) or _spell(model, kind, step_known, number, padded)
            for number in wanted.tolist()
        ]
        column = nw.new_series(series.name, found, nw.String, backend=series.implementation)
        return {series.name: column if dtype is None else column.cast(dtype)}

    return Times(step_known, numbers[places], write)


def _spell(model: re.Match[str] | None, kind: str, step: str, ordinal: int, padded: bool) -> str:
    """A period in the spelling of another one: the numbers of ``model`` are replaced, the rest stays."""
    if model is None:
        return period_label(step, ordinal)
    if kind == "month":
        numbers: tuple[int, ...] = (ordinal // 12, ordinal % 12 + 1)
    else:
        day = _date(step, ordinal)
        numbers = day.isocalendar()[:2] if kind == "week" else (day.year, day.month, day.day)
    text, position, pieces = model.string, 0, []
    for group, number in enumerate(numbers, start=1):
        start, end = model.span(group)
        width = 4 if group == 1 else (2 if padded else 1)
        pieces += [text[position:start], f"{number:0{width}d}"]
        position = end
    return "".join([*pieces, text[position:]])


def _refuse_unreadable(
    series: Series, places: Ordinals, texts: list[Any], ordinals: list[int | None], first_row: int
) -> None:
    bad = np.array([number is None for number in ordinals], dtype=bool)
    if not bad.any():
        return
    rows = np.flatnonzero(bad[places])
    given = [texts[places[row]] for row in rows[:10].tolist()]
    raise input_error(
        "library.error.time_unreadable",
        row_problems("library.problem.time_unreadable", rows, series.name, first_row, given),
        column=series.name,
        count=int(rows.size),
    )


def _refuse_mixed_kinds(
    series: Series, places: Ordinals, texts: list[Any], kinds: list[str], usual: str, first_row: int
) -> None:
    odd = np.array([kind != usual for kind in kinds], dtype=bool)
    if not odd.any():
        return
    rows = np.flatnonzero(odd[places])
    given = [texts[places[row]] for row in rows[:10].tolist()]
    raise input_error(
        "library.error.step_mixed",
        row_problems("library.problem.step_mixed", rows, series.name, first_row, given, usual=usual),
        column=series.name,
        usual=usual,
        count=int(rows.size),
        accepted=", ".join(STEPS),
    )


def _read_numbers(series: Series, step: str | None, codes: Ordinals, first_row: int) -> Times:
    """20240705; with ``step`` given also 202407 for a month or week. Anything shorter could mean too much."""
    shortest = 100_000 if step in ("week", "month") else 10_000_000
    values = np.asarray(series.to_numpy(), dtype=np.int64)
    bad = np.flatnonzero((values < shortest) | (values > 99_991_231))
    if bad.size:
        raise input_error(
            "library.error.time_number",
            row_problems("library.problem.time_unreadable", bad, series.name, first_row, values[bad[:10]]),
            column=series.name,
            count=int(bad.size),
        )
    return _read_texts(series.cast(nw.String), step, codes, first_row, dtype=series.dtype)


def _read_pair(years: Series, numbers: Series, step: str | None, first_row: int) -> Times:
    kind = step or _kind_by_name(numbers.name)
    if kind not in ("week", "month"):
        raise input_error("library.error.time_pair", first=years.name, second=numbers.name)
    year, number = (_whole_numbers(column, first_row) for column in (years, numbers))
    pairs, where = np.unique(np.stack([year, number], axis=1), axis=0, return_inverse=True)
    ordinals = [_pair_ordinal(kind, *pair) for pair in pairs.tolist()]
    places = where.reshape(-1)
    bad = np.flatnonzero(np.array([item is None for item in ordinals], dtype=bool)[places])
    if bad.size:
        given = [f"{years.name} {year[row]}, {numbers.name} {number[row]}" for row in bad[:10].tolist()]
        raise input_error(
            "library.error.time_pair_unreadable",
            row_problems("library.problem.time_pair", bad, numbers.name, first_row, given),
            first=years.name,
            second=numbers.name,
            count=int(bad.size),
        )

    def write(wanted: Ordinals) -> dict[str, Series]:
        found = [_pair(kind, ordinal) for ordinal in wanted.tolist()]
        columns = zip((years, numbers), zip(*found, strict=True) if found else ((), ()), strict=True)
        return {
            column.name: nw.new_series(
                column.name, list(items), nw.Int64, backend=column.implementation
            ).cast(column.dtype)
            for column, items in columns
        }

    return Times(kind, np.array([item or 0 for item in ordinals], dtype=np.int64)[places], write)


def _kind_by_name(name: str) -> str | None:
    lowered = name.lower()
    if "month" in lowered or "月" in lowered:
        return "month"
    return "week" if "week" in lowered or "周" in lowered or lowered in ("kw", "wk", "w") else None


def _pair_ordinal(kind: str, year: int, number: int) -> int | None:
    match = _COMPACT.fullmatch(f"{year:04d}{number:02d}") if 0 < year < 10_000 and 0 < number < 100 else None
    return None if match is None else _ordinal(kind, match)


def _pair(kind: str, ordinal: int) -> tuple[int, int]:
    if kind == "month":
        return ordinal // 12, ordinal % 12 + 1
    year, week, _ = _date("week", ordinal).isocalendar()
    return year, week


def _whole_numbers(series: Series, first_row: int) -> Ordinals:
    """Years and weeks also come as floats or text, out of spreadsheets; they must be whole all the same."""
    if series.dtype.is_numeric():
        values = np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    else:
        places, texts = codes_of(series)
        read = [_float(text) for text in texts]
        values = np.array(read, dtype=np.float64)[places]
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(~(np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 1e6)))
    if bad.size:
        given = [series.to_list()[row] for row in bad[:10].tolist()]
        raise input_error(
            "library.error.not_whole",
            row_problems("library.problem.not_whole", bad, series.name, first_row, given),
            column=series.name,
            count=int(bad.size),
        )
    return values.astype(np.int64)


def _float(text: object) -> float:
    try:
        return float(unicodedata.normalize("NFKC", str(text)).strip())
    except ValueError:
        return float("nan")
