"""Whole columns of cells -> columns of values, at the speed of a million rows a second.

Cells in plain form (digits, ISO dates) are cast in one go. Every other *distinct* text goes once through the scalar
readers of ``cells`` and ``periods``, which stay the only place where the rules stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from anlan.intake.cells import SUSPECTS, Value, ValueRules, fold, read_value
from anlan.intake.periods import FIRST_YEAR, LAST_YEAR, Period, PeriodRules, read_period
from anlan.intake.refusals import Refusal
from anlan.texts import Sentence

__all__ = [
    "KINDS",
    "QUALIFIERS",
    "How",
    "PeriodColumn",
    "ValueColumn",
    "clean_texts",
    "number_text",
    "read_periods",
    "read_values",
    "texts_of",
]

# A class of ASCII digits, since \d would take the digits of every script.
_PLAIN_POINT = r"^-?[0-9]{1,15}(\.[0-9]{1,17})?$"
_PLAIN_COMMA = r"^-?[0-9]{1,15}(,[0-9]{1,17})?$"
_LARGEST_WHOLE = 10**15
KINDS = pl.Enum(["year", "quarter", "month", "week", "day", "moment"])
QUALIFIERS = pl.Enum(["", "<", "<=", ">", ">=", "nd"])
_ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_ISO_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}$"


@dataclass(frozen=True)
class How:
    """What was done to some cells of a column beyond plain reading, with one example."""

    name: str
    cells: int
    raw: str
    read: str


@dataclass(frozen=True)
class ValueColumn:
    """A read value column; all series have the length of the input.

    ``number`` is Float64 with null for missing and refused cells, ``qualifier`` is ``""``, ``<``, … or ``nd``,
    ``refused`` marks the cells whose text is a key of ``refusals``.
    """

    number: pl.Series
    qualifier: pl.Series
    refused: pl.Series
    refusals: Mapping[str, Refusal]
    how: tuple[How, ...]


@dataclass(frozen=True)
class PeriodColumn:
    """A read period column: ``start`` naive Datetime, ``kind`` text, ``offset`` minutes from UTC or null."""

    start: pl.Series
    kind: pl.Series
    offset: pl.Series
    refused: pl.Series
    refusals: Mapping[str, Refusal]
    how: tuple[How, ...]


def texts_of(column: pl.Series) -> pl.Series:
    """Any column as text, as a person would see its cells; null becomes the empty text."""
    kind = column.dtype
    if kind == pl.String:
        texts = column
    elif kind.is_float():
        texts = pl.Series(column.name, [number_text(value) for value in column.to_list()], dtype=pl.String)
    elif isinstance(kind, pl.Datetime):
        texts = column.dt.strftime("%Y-%m-%dT%H:%M:%S" + ("%:z" if kind.time_zone else ""))
    else:
        texts = column.cast(pl.String)
    return texts.fill_null("")


def number_text(value: float | None) -> str:
    """A number as a person would type it: whole numbers without a point."""
    if value is None or value != value:
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_WHOLE else repr(value)


def clean_texts(column: pl.Series) -> pl.Series:
    """Names and codes with full-width forms folded, inner spaces single and ends trimmed."""
    texts = texts_of(column)
    distinct = texts.unique()
    cleaned = [" ".join(fold(text).split()) for text in distinct.to_list()]
    if cleaned == distinct.to_list():
        return texts.rename("clean")
    return _spread(texts, distinct, pl.DataFrame({"clean": cleaned}, schema={"clean": pl.String}))["clean"]


def read_values(column: pl.Series, rules: ValueRules) -> ValueColumn:
    """Read a value column of any type.

    Parameters
    ----------
    column : polars.Series of length n
        Text as delivered, or numbers.
    rules : ValueRules
        What the column accepts and what its source has declared.

    Returns
    -------
    ValueColumn
        The same cell by cell as ``read_value``, with one exception that needs the whole column: where other cells
        show a decimal comma (``1,5``), ``1,234`` is refused as well instead of being read as 1234.
    """
    plain, number = _plain_numbers(column, rules)
    rest = texts_of(column.filter(~plain))
    distinct = rest.unique(maintain_order=True)
    read = {text: read_value(text, rules) for text in distinct.to_list()}
    _refuse_doubtful_commas(read, rules)
    outcome = pl.DataFrame(
        {
            "number": [value.number if isinstance(value, Value) else None for value in read.values()],
            "qualifier": [value.qualifier if isinstance(value, Value) else "" for value in read.values()],
            "refused": [isinstance(value, Refusal) for value in read.values()],
        },
        schema={"number": pl.Float64, "qualifier": QUALIFIERS, "refused": pl.Boolean},
    )
    whole = pl.DataFrame(
        {
            "number": number,
            "qualifier": pl.repeat("", len(column), dtype=QUALIFIERS, eager=True),
            "refused": pl.repeat(False, len(column), eager=True),
        }
    )
    if len(rest):
        spread = _spread(rest, distinct, outcome)
        positions = (~plain).arg_true()
        whole = whole.with_columns(whole[name].scatter(positions, spread[name]) for name in outcome.columns)
    return ValueColumn(
        whole["number"],
        whole["qualifier"],
        whole["refused"],
        {text: value for text, value in read.items() if isinstance(value, Refusal)},
        _how({text: value for text, value in read.items() if isinstance(value, Value)}, rest),
    )


def _plain_numbers(column: pl.Series, rules: ValueRules) -> tuple[pl.Series, pl.Series]:
    if column.dtype == pl.String:
        plain = column.str.contains(_PLAIN_COMMA if rules.decimal_comma else _PLAIN_POINT)
        texts = column.str.replace(",", ".", literal=True) if rules.decimal_comma else column
        number = texts.cast(pl.Float64, strict=False)
    elif column.dtype.is_integer():
        number = column.cast(pl.Float64)
        plain = column.is_between(-_LARGEST_WHOLE + 1, _LARGEST_WHOLE - 1)
    elif column.dtype.is_float() or column.dtype.is_decimal():
        number = column.cast(pl.Float64)
        plain = number.is_finite()
    else:
        return pl.repeat(False, len(column), eager=True), pl.repeat(
            None, len(column), dtype=pl.Float64, eager=True
        )
    good = plain.fill_null(False) & number.is_not_null()
    if rules.minimum is not None:
        good &= (number >= rules.minimum).fill_null(False)
    else:
        good &= ~number.is_in(list(SUSPECTS)).fill_null(False)
    if rules.maximum is not None:
        good &= (number <= rules.maximum).fill_null(False)
    if rules.whole:
        good &= (number == number.floor()).fill_null(False)
    if rules.sentinels:
        good &= ~number.is_in(list(rules.sentinels)).fill_null(False)
    frame = pl.DataFrame({"number": number, "good": good})
    # There is no minus zero. (Adding 0.0 would do, but polars removes such an addition.)
    unsigned = pl.when(pl.col("number") == 0).then(0.0).otherwise("number")
    return good, frame.select(pl.when("good").then(unsigned).alias("number")).to_series()


def _refuse_doubtful_commas(read: dict[str, Value | Refusal], rules: ValueRules) -> None:
    if not any(isinstance(value, Refusal) and value.key == "intake.value.comma" for value in read.values()):
        return
    for text, value in read.items():
        folded = fold(text)
        if (
            isinstance(value, Value)
            and "thousands" in value.how
            and folded.count(",") == 1
            and "." not in folded
        ):
            suggestion = Sentence("intake.suggest.decimal_comma")
            read[text] = Refusal("intake.value.comma_or_thousands", text, rules.accepted(), {}, suggestion)


def read_periods(column: pl.Series, rules: PeriodRules) -> PeriodColumn:
    """Read a period column of any type; cell by cell the same as ``read_period``.

    Parameters
    ----------
    column : polars.Series of length n
        Text as delivered, dates, or datetimes (with a zone they become UTC with offset 0).
    rules : PeriodRules
        What the source has declared.
    """
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        column = column.dt.convert_time_zone("UTC")
    texts = texts_of(column)
    distinct = texts.unique(maintain_order=True)
    iso = _iso_periods(distinct)
    rest = distinct.filter(iso["start"].is_null())
    read = {text: read_period(text, rules) for text in rest.to_list()}
    if read:
        periods = [value if isinstance(value, Period) else None for value in read.values()]
        outcome = pl.DataFrame(
            {
                "start": [period.start if period else None for period in periods],
                "kind": [period.kind if period else None for period in periods],
                "offset": [period.offset_minutes if period else None for period in periods],
            },
            schema=iso.schema,
        )
        positions = iso["start"].is_null().arg_true()
        iso = iso.with_columns(iso[name].scatter(positions, outcome[name]) for name in outcome.columns)
    spread = _spread(texts, distinct, iso)
    return PeriodColumn(
        spread["start"],
        spread["kind"],
        spread["offset"],
        spread["start"].is_null().rename("refused"),
        {text: value for text, value in read.items() if isinstance(value, Refusal)},
        _how({text: value for text, value in read.items() if isinstance(value, Period)}, texts),
    )


def _iso_periods(distinct: pl.Series) -> pl.DataFrame:
    day = distinct.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    moment = distinct.str.replace("T", " ", literal=True).str.to_datetime(
        "%Y-%m-%d %H:%M:%S", strict=False, time_unit="us"
    )
    frame = pl.DataFrame({"text": distinct, "day": day, "moment": moment})
    first, last = datetime(FIRST_YEAR, 1, 1), datetime(LAST_YEAR + 1, 1, 1)
    is_day = pl.col("text").str.contains(_ISO_DAY) & (pl.col("day") >= first) & (pl.col("day") < last)
    is_moment = (
        pl.col("text").str.contains(_ISO_MOMENT) & (pl.col("moment") >= first) & (pl.col("moment") < last)
    )
    return frame.select(
        start=pl.when(is_day).then("day").when(is_moment).then("moment"),
        kind=pl.when(is_day).then(pl.lit("day")).when(is_moment).then(pl.lit("moment")).cast(KINDS),
        offset=pl.lit(None, dtype=pl.Int16),
    )


def _spread(texts: pl.Series, distinct: pl.Series, outcome: pl.DataFrame) -> pl.DataFrame:
    """Give every text the outcome of its distinct twin, in the order of the texts."""
    known = outcome.with_columns(distinct.alias("_text"))
    wide = texts.alias("_text").to_frame().join(known, on="_text", how="left", maintain_order="left")
    return wide.drop("_text")


def _how(read: Mapping[str, Value] | Mapping[str, Period], texts: pl.Series) -> tuple[How, ...]:
    marked = [text for text, outcome in read.items() if outcome.how]
    if not marked:
        return ()
    counts = dict(texts.filter(texts.is_in(marked)).value_counts().iter_rows())
    found: dict[str, How] = {}
    for text in marked:
        outcome = read[text]
        for name in outcome.how:
            before = found.get(name)
            cells = counts.get(text, 0) + (before.cells if before else 0)
            found[name] = (
                How(name, cells, before.raw, before.read)
                if before
                else How(name, cells, text, _said(outcome))
            )
    return tuple(found.values())


def _said(outcome: Value | Period) -> str:
    if isinstance(outcome, Period):
        return (
            outcome.start.isoformat(sep=" ", timespec="minutes")
            if outcome.kind == "moment"
            else str(outcome.start.date())
        )
    return outcome.qualifier + ("" if outcome.number is None else f"{outcome.number:.15g}")
