"""A raw table and its mapping -> items (one value each) and, for what cannot be read, problems with their places.

An *item* is a value with its period, place, indicator and stratum. In a long table a row is an item; in a wide table a
row holds one item for each value column, and one bad cell does not take its neighbours with it. Whether the area or the
indicator exists is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from anlan.errors import InputError, Problem
from anlan.intake.cells import ValueRules, fold
from anlan.intake.columns import KINDS, QUALIFIERS, How, clean_texts, read_periods, read_values, texts_of
from anlan.intake.files import RawTable
from anlan.intake.mapping import ColumnUse, Mapping
from anlan.intake.periods import read_period
from anlan.intake.refusals import Refusal
from anlan.texts import Sentence, say

__all__ = ["BadRow", "ColumnHow", "PreviewRow", "Reading", "Refused", "preview", "read_items"]

RulesOf = Callable[[str], ValueRules]


@dataclass(frozen=True)
class Refused:
    """Cells of one column that were refused: positions of their rows, and the refusal of each."""

    column: int
    positions: pl.Series
    texts: pl.Series
    refusals: AnyMapping[str, Refusal]


@dataclass(frozen=True)
class ColumnHow:
    """What was done to some cells of a column beyond plain reading."""

    column: int
    header: str
    how: How


@dataclass(frozen=True)
class BadRow:
    """A row that was not accepted, in whole or in part, as delivered."""

    position: int
    row: int
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Reading:
    """What a table says.

    Parameters
    ----------
    items : polars.DataFrame
        ``position`` (of the row in the table, UInt32), ``value_column`` (UInt16), ``start`` (naive Datetime), ``kind``,
        ``offset`` (minutes or null), ``area``, ``site``, ``indicator``, ``stratum``, ``unit`` (cleaned text, ``""`` where
        there is none), ``number`` (null if missing), ``qualifier``, ``known_start``, ``known_kind``, ``known_offset``.
    others : polars.DataFrame
        The same columns for items that were refused, as far as they could be read: their names can still be looked up,
        so that all problems of a row are told at once.
    refused : tuple of Refused
        Everything that was not read.
    """

    table: RawTable
    mapping: Mapping
    items: pl.DataFrame
    others: pl.DataFrame
    refused: tuple[Refused, ...]
    how: tuple[ColumnHow, ...]

    @property
    def n_bad_rows(self) -> int:
        return 0 if not self.refused else pl.concat([part.positions for part in self.refused]).n_unique()

    def and_refused(self, more: list[Refused]) -> Reading:
        """The same with items taken out that were refused later, by row and value column."""
        return replace(self, refused=(*self.refused, *(part for part in more if len(part.positions))))

    def bad_rows(self) -> Iterator[BadRow]:
        """Rows with problems in the order of the file, made one at a time."""
        if not self.refused:
            return
        parts = [
            pl.DataFrame({"position": part.positions, "text": part.texts}).with_columns(
                pl.lit(number).alias("part"), pl.lit(part.column).alias("column")
            )
            for number, part in enumerate(self.refused)
        ]
        found = pl.concat(parts).unique(maintain_order=True).sort("position", "column", maintain_order=True)
        position, problems = -1, list[Problem]()
        for at, text, number, column in found.iter_rows():
            if at != position and problems:
                yield self._bad_row(position, problems)
                problems = []
            position = at
            problems.append(self.refused[number].refusals[text].at(**self.table.place(at, column)))
        yield self._bad_row(position, problems)

    def _bad_row(self, position: int, problems: list[Problem]) -> BadRow:
        row = int(self.table.rows[position])
        return BadRow(position, row, tuple(self.table.cells(position)), tuple(problems))


def read_items(table: RawTable, mapping: Mapping, *, rules_of: RulesOf | None = None) -> Reading:
    """Read a table by its mapping.

    Parameters
    ----------
    table : RawTable
    mapping : Mapping
        Must name columns of this table; use ``Mapping.fit`` for a remembered one.
    rules_of : callable, optional
        Gives the rules of values for an indicator as written (cleaned). Without it any number is accepted.

    Raises
    ------
    InputError
        The mapping cannot be used (``intake.mapping.unusable``); its problems say what is missing.
    """
    if wrong := mapping.problems():
        key = "intake.mapping.unusable"
        raise InputError(say(key, "en"), key=key, problems=wrong)
    walk = _Walk(table, mapping, rules_of or (lambda _indicator: mapping.declared.value_rules()))
    return walk.reading()


class _Walk:
    """One pass over a table; collects what is refused and how cells were read."""

    def __init__(self, table: RawTable, mapping: Mapping, rules_of: RulesOf) -> None:
        self.table, self.mapping, self.rules_of = table, mapping, rules_of
        self.refused: list[Refused] = []
        self.how: list[ColumnHow] = []
        self.positions = pl.int_range(table.n_rows, dtype=pl.UInt32, eager=True).alias("position")

    def reading(self) -> Reading:
        keys = self._keys()
        bad = self._bad_rows_so_far()
        blocks, others = zip(
            *(self._values(use, keys, bad) for use in self.mapping.with_role("value")), strict=True
        )
        items = blocks[0] if len(blocks) == 1 else pl.concat(blocks)
        if len(blocks) > 1:
            items = items.sort("position", maintain_order=True)
        return Reading(
            self.table, self.mapping, items, pl.concat(others), tuple(self.refused), tuple(self.how)
        )

    def _keys(self) -> pl.DataFrame:
        self._refuse_rows()
        columns = [self.positions, *self._period("period", "start", "kind", "offset")]
        columns += self._period("known_at", "known_start", "known_kind", "known_offset")
        columns += [
            self._name("area", needed=not self._has_site()),
            self._name("site"),
            self._name("indicator", needed=not self.mapping.is_wide),
        ]
        columns += [self._stratum(), self._name("unit")]
        return pl.DataFrame(columns)

    def _has_site(self) -> bool:
        return bool(self.mapping.with_role("site")) or "site" in self.mapping.fixed

    def _refuse(
        self, column: int, mask: pl.Series, texts: pl.Series, refusals: AnyMapping[str, Refusal]
    ) -> None:
        if mask.any():
            self.refused.append(Refused(column, self.positions.filter(mask), texts.filter(mask), refusals))

    def _note(self, use: ColumnUse, how: tuple[How, ...]) -> None:
        self.how.extend(ColumnHow(use.index, use.header, one) for one in how)

    def _refuse_rows(self) -> None:
        used = {use.index for use in self.mapping.columns if use.role != "ignore"}
        width = self.table.n_columns
        for position, count in self.table.short_rows.items():
            text = Sentence("intake.accepted.cells", {"cells": width})
            refusal = Refusal("intake.row.uneven", "", text, {"cells": count, "expected": width})
            self._refuse_one(position, min(count, width - 1), refusal)
        accepted = {True: Sentence("intake.accepted.number"), False: Sentence("intake.accepted.text")}
        values = {use.index for use in self.mapping.with_role("value")}
        for fault in self.table.faults:
            if fault.column in used:
                self._refuse_one(
                    fault.position,
                    fault.column,
                    Refusal(fault.key, fault.raw, accepted[fault.column in values]),
                )
        for span in self.table.merged:
            if span.column in values:
                for position in range(span.first, span.last + 1):
                    raw = texts_of(self.table.column(span.column).slice(position, 1))[0]
                    rows = {
                        "first": int(self.table.rows[span.first]),
                        "last": int(self.table.rows[span.last]),
                    }
                    self._refuse_one(
                        position, span.column, Refusal("intake.value.merged", raw, accepted[True], rows)
                    )

    def _refuse_one(self, position: int, column: int, refusal: Refusal) -> None:
        at = pl.Series("position", [position], dtype=pl.UInt32)
        self.refused.append(Refused(column, at, pl.Series("text", [refusal.raw]), {refusal.raw: refusal}))

    def _bad_rows_so_far(self) -> pl.Series:
        if not self.refused:
            return pl.Series("position", [], dtype=pl.UInt32)
        value_columns = {use.index for use in self.mapping.with_role("value")}
        whole = [
            part.positions
            for part in self.refused
            if part.column not in value_columns or not self.mapping.is_wide
        ]
        return pl.concat(whole).unique() if whole else pl.Series("position", [], dtype=pl.UInt32)

    def _constant(self, name: str, value: Any, dtype: type[pl.DataType] | pl.DataType) -> pl.Series:
        return pl.repeat(value, self.table.n_rows, dtype=dtype, eager=True).alias(name)

    def _period(self, role: str, start: str, kind: str, offset: str) -> list[pl.Series]:
        use = self.mapping.one(role)  # type: ignore[arg-type]
        rules = self.mapping.declared.period_rules()
        if use is None:
            said = read_period(self.mapping.fixed[role], rules) if role in self.mapping.fixed else None
            if isinstance(said, Refusal):
                problem = said.at(role=role)
                raise InputError(str(problem), key=problem.key, values=problem.values, problems=(problem,))
            return [
                self._constant(start, said and said.start, pl.Datetime("us")),
                self._constant(kind, said and said.kind, KINDS),
                self._constant(offset, said and said.offset_minutes, pl.Int16),
            ]
        column = self.table.column(use.index)
        clock = self.mapping.one("time") if role == "period" else None
        if clock is not None:
            column = _with_clock(column, self.table.column(clock.index))
        read = read_periods(column, rules)
        mask = read.refused
        texts = texts_of(column)
        refusals = dict(read.refusals)
        if role == "known_at":  # a row without a claim of its own is known when it arrives
            mask = mask & (texts.str.strip_chars() != "")
        else:
            refusals = self._with_range(refusals, read.start)
        self._refuse(use.index, mask, texts, refusals)
        self._note(use, read.how)
        return [read.start.alias(start), read.kind.alias(kind), read.offset.alias(offset)]

    def _with_range(self, refusals: dict[str, Refusal], starts: pl.Series) -> dict[str, Refusal]:
        """Say between which dates the readable rows lie: a reporter fixes a date by its neighbours."""
        if not refusals or starts.null_count() == len(starts):
            return refusals
        first, last = str(starts.min())[:10], str(starts.max())[:10]
        near = Sentence("intake.accepted.period_between", {"first": first, "last": last})
        return {text: replace(refusal, accepted=near) for text, refusal in refusals.items()}

    def _name(self, role: str, *, needed: bool = False) -> pl.Series:
        use = self.mapping.one(role)  # type: ignore[arg-type]
        if use is None:
            return self._constant(role, " ".join(fold(self.mapping.fixed.get(role, "")).split()), pl.String)
        column = self.table.column(use.index)
        names = clean_texts(column).alias(role)
        if role in ("area", "site"):
            self._note_trimmed(use, texts_of(column))
        if needed:
            refusal = Refusal(f"intake.{role}.empty", "", Sentence(f"intake.accepted.{role}"))
            self._refuse(use.index, names == "", names, {"": refusal})
        return names

    def _note_trimmed(self, use: ColumnUse, texts: pl.Series) -> None:
        loose = texts.filter(texts.str.strip_chars() != texts)
        if len(loose):
            self._note(use, (How("trimmed", len(loose), loose[0], loose[0].strip()),))

    def _stratum(self) -> pl.Series:
        uses = self.mapping.with_role("stratum")
        if not uses:
            return self._constant("stratum", self.mapping.fixed.get("stratum", ""), pl.String)
        parts = [clean_texts(self.table.column(use.index)).alias(f"s{use.index}") for use in uses]
        if len(parts) == 1:
            return parts[0].alias("stratum")
        return pl.DataFrame(parts).select(pl.concat_str(pl.all(), separator="|")).to_series().alias("stratum")

    def _values(
        self, use: ColumnUse, keys: pl.DataFrame, bad: pl.Series
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        if use.key:
            keys = keys.with_columns(pl.lit(" ".join(fold(use.key).split())).alias("indicator"))
        column = self.table.column(use.index)
        number, qualifier, refused, refusals = self._read_by_rules(use, column, keys["indicator"])
        texts = texts_of(column)
        # A cell that was refused as a formula or a merge is not refused a second time as a number.
        earlier = [part.positions for part in self.refused if part.column == use.index]
        taken = (
            self.positions.is_in(pl.concat(earlier).implode())
            if earlier
            else self._constant("taken", False, pl.Boolean)
        )
        self._refuse(use.index, refused & ~taken, texts, refusals)
        keep = ~(refused | taken)
        if len(bad):
            keep &= ~self.positions.is_in(bad.implode())
        is_said = self._constant("said", True, pl.Boolean)
        if self.mapping.declared.empty_values == "nothing":
            is_said = texts.str.strip_chars() != ""
        items = keys.with_columns(
            pl.lit(use.index, dtype=pl.UInt16).alias("value_column"),
            number.alias("number"),
            qualifier.alias("qualifier"),
        )
        others = items.filter(~keep & is_said)
        keep &= is_said
        return (items if bool(keep.all()) else items.filter(keep)), others

    def _read_by_rules(
        self, use: ColumnUse, column: pl.Series, indicators: pl.Series
    ) -> tuple[pl.Series, pl.Series, pl.Series, dict[str, Refusal]]:
        """Read the cells of each indicator by its own rules; indicators with equal rules go together."""
        groups: dict[ValueRules, list[str]] = {}
        for indicator in indicators.unique().to_list():
            groups.setdefault(self.rules_of(indicator), []).append(indicator)
        numbers = self.table.number_cells.get(use.index)
        number = self._constant("number", None, pl.Float64)
        qualifier = self._constant("qualifier", "", QUALIFIERS)
        refused = self._constant("refused", False, pl.Boolean)
        refusals: dict[str, Refusal] = {}
        for rules, names in groups.items():
            if len(groups) == 1:
                place = None
                part = column
            else:
                place = indicators.is_in(names).arg_true()
                part = column.gather(place)
            if rules.decimal_comma and numbers is not None:
                part = _points_to_commas(part, numbers if place is None else numbers.gather(place))
            read = read_values(part, rules)
            self._note(use, read.how)
            refusals |= read.refusals
            if place is None:
                return read.number, read.qualifier, read.refused, refusals
            number = number.scatter(place, read.number)
            qualifier = qualifier.scatter(place, read.qualifier)
            refused = refused.scatter(place, read.refused)
        return number, qualifier, refused, refusals


def _points_to_commas(column: pl.Series, is_number: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"text": column, "is_number": is_number})
    swapped = pl.col("text").str.replace(".", ",", literal=True)
    return frame.select(pl.when("is_number").then(swapped).otherwise("text").alias("text")).to_series()


def _with_clock(dates: pl.Series, clocks: pl.Series) -> pl.Series:
    day = texts_of(dates).str.replace(r"[ T]00:00:00$", "")
    clock = clean_texts(clocks).str.replace(r"^(\d{1,2})$", "${1}:00")
    frame = pl.DataFrame({"day": day, "clock": clock})
    both = pl.when(pl.col("clock") == "").then("day").otherwise(pl.concat_str("day", "clock", separator=" "))
    return frame.select(both.alias("period")).to_series()


@dataclass(frozen=True)
class PreviewRow:
    """A row as delivered and as it would be read: role -> text, and its problems."""

    row: int
    cells: tuple[str, ...]
    items: tuple[AnyMapping[str, str], ...]
    problems: tuple[Problem, ...]


def preview(
    table: RawTable, mapping: Mapping, *, rows: int = 20, rules_of: RulesOf | None = None
) -> tuple[PreviewRow, ...]:
    """The first rows as they would be read; nothing is stored.

    Raises
    ------
    InputError
        As in ``read_items``.
    """
    head = table.head(rows)
    reading = read_items(head, mapping, rules_of=rules_of)
    problems = {bad.position: bad.problems for bad in reading.bad_rows()}
    items: dict[int, list[AnyMapping[str, str]]] = {}
    for item in reading.items.iter_rows(named=True):
        items.setdefault(int(item["position"]), []).append(_said(item))
    return tuple(
        PreviewRow(int(head.rows[p]), tuple(head.cells(p)), tuple(items.get(p, ())), problems.get(p, ()))
        for p in range(head.n_rows)
    )


def _said(item: AnyMapping[str, object]) -> AnyMapping[str, str]:
    start = str(item["start"])
    number = "" if item["number"] is None else f"{item['number']:.15g}"
    period = start if item["kind"] == "moment" else start[:10]
    said = {name: str(item[name]) for name in ("area", "site", "indicator", "stratum") if item[name]}
    return {"period": period, "kind": str(item["kind"]), **said, "value": f"{item['qualifier']}{number}"}
