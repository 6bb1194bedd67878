"""Everything about a delivery that can be known without writing: reading, mapping, places, and what it would change."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from anlan.errors import InputError, Problem
from anlan.intake.compare import CORRECTED, NEW, UNCHANGED, Comparison, compare
from anlan.intake.files import Limits, RawTable, ReadOptions, read_table
from anlan.intake.guess import guess_mapping
from anlan.intake.locate import Located, locate
from anlan.intake.mapping import Declared, Mapping
from anlan.intake.reading import Reading, read_items
from anlan.intake.refusals import Refusal
from anlan.intake.resolve import Registered
from anlan.intake.types import Change, Counts
from anlan.series import Flag, ObservationColumns, Qualifier, SeriesKey, series_list
from anlan.series import tables as series_tables
from anlan.series.bulk import RawRows
from anlan.series.queries import current_rows, visible_rows
from anlan.store import AsOf, Scope
from anlan.texts import Sentence, say

__all__ = ["Plan", "Prepared", "complete_mapping", "plan_changes", "prepare"]

_CHANGES_SHOWN = 100
_SIGNS = {int(Qualifier.BELOW): "<", int(Qualifier.ABOVE): ">"}


@dataclass(frozen=True)
class Prepared:
    """A file that was read and whose items have their places."""

    registered: Registered
    table: RawTable
    mapping: Mapping
    located: Located
    notes: tuple[Sentence, ...]

    @property
    def reading(self) -> Reading:
        return self.located.reading

    @property
    def indicators(self) -> set[str]:
        return {key.indicator_code for key in self.located.keys}


@dataclass(frozen=True, eq=False)
class Plan:
    """What a delivery changes as of a sequence: the rows to write, counts, the first changes. Nothing is written yet."""

    seq: int
    rows: ObservationColumns
    counts: Counts
    changes: tuple[Change, ...]
    notes: tuple[Sentence, ...]


def complete_mapping(
    table: RawTable, registered: Registered, given: Mapping | None, remembered: Mapping | None
) -> tuple[Mapping, bool, tuple[Sentence, ...]]:
    """The mapping to read a table by: given, else remembered and still fitting, else guessed; with the source's defaults.

    Returns
    -------
    mapping : Mapping
    is_remembered : bool
    notes : tuple of Sentence
        What the source's own area or indicator stood in for.

    Raises
    ------
    InputError
        A given mapping does not fit the table (``intake.mapping.changed``).
    """
    is_remembered = False
    mapping = None if given is None else given.fit(table.header) if table.header_row else given
    if mapping is None and remembered is not None:
        try:
            mapping = remembered.fit(table.header)
            is_remembered = True
        except InputError:
            mapping = None  # another form of table: guess, and let a person look at it
    if mapping is None:
        declared = remembered.declared if remembered is not None else Declared()
        mapping = guess_mapping(table, registered.vocabulary(), declared)
    fixed = dict(mapping.fixed)
    notes = []
    source = registered.source
    if (
        not mapping.with_role("area")
        and not mapping.with_role("site")
        and not {"area", "site"} & set(fixed)
        and source.area_code
    ):
        fixed["area"] = source.area_code
        area = registered.areas.by_code.get(source.area_code)
        notes.append(
            Sentence("intake.note.area_of_source", {"area": dict(area.names) if area else source.area_code})
        )
    delivered = registered.delivered()
    if (
        not mapping.with_role("indicator")
        and not mapping.is_wide
        and "indicator" not in fixed
        and len(delivered) == 1
    ):
        fixed["indicator"] = delivered[0].code
        notes.append(Sentence("intake.note.indicator_of_source", {"indicator": dict(delivered[0].names)}))
    weeks = registered.weeks()
    declared = mapping.declared if weeks is None else replace(mapping.declared, weeks=weeks)
    return replace(mapping, fixed=fixed, declared=declared), is_remembered, tuple(notes)


def mapping_problems(mapping: Mapping, registered: Registered) -> tuple[Problem, ...]:
    """Why a table cannot be delivered by this mapping yet: roles missing, guesses not confirmed, names not known."""
    wrong = list(mapping.problems())
    for use in mapping.unsure:
        values = {"header": use.header or "?", "role": use.role, "reason": use.reason}
        said = say("intake.mapping.unsure", "en", **values)
        wrong.append(Problem("intake.mapping.unsure", values, {"column": use.header or str(use.index)}, said))
    for use in mapping.with_role("value"):
        found = registered.indicator(use.key) if use.key else None
        if isinstance(found, Refusal):
            wrong.append(found.at(header=use.header))
    fixed = mapping.fixed
    outcomes = {
        "indicator": registered.indicator(fixed["indicator"]) if "indicator" in fixed else None,
        "area": registered.area(fixed["area"]) if "area" in fixed else None,
        "site": registered.site(fixed["site"]) if "site" in fixed else None,
    }
    wrong += [found.at(fixed=name) for name, found in outcomes.items() if isinstance(found, Refusal)]
    return tuple(wrong)


def prepare(
    registered: Registered,
    filename: str,
    content: bytes,
    *,
    now: datetime,
    given: Mapping | None,
    remembered: Mapping | None,
    options: ReadOptions,
    limits: Limits,
) -> Prepared:
    """Read a file and find the place of each of its items.

    Raises
    ------
    InputError
        The file or the mapping cannot be used as a whole; nothing of it can be accepted.
    """
    table = read_table(content, filename, options=options, limits=limits)
    mapping, _, notes = complete_mapping(table, registered, given, remembered)
    if wrong := mapping_problems(mapping, registered):
        key = "intake.mapping.unusable"
        raise InputError(say(key, "en"), key=key, problems=wrong)
    reading = read_items(table, mapping, rules_of=lambda name: registered.rules_for(name, mapping.declared))
    located = locate(reading, registered, now)
    how = tuple(
        Sentence(
            f"intake.how.{one.how.name}",
            {"header": one.header or "?", "cells": one.how.cells, "raw": one.how.raw, "read": one.how.read},
        )
        for one in reading.how
    )
    return Prepared(registered, table, mapping, located, (*table.notes, *notes, *how))


def plan_changes(
    connection: sa.Connection, prepared: Prepared, ids: NDArray[np.int64], *, seq: int, mode: str, now: int
) -> Plan:
    """Compare a delivery with what is known as of a sequence.

    Parameters
    ----------
    connection : Connection
    prepared : Prepared
    ids : int64 array
        Series of ``prepared.located.keys``; negative where a series does not exist yet.
    seq : int
        What it is compared with.
    mode : {"add", "replace"}
    now : int
        Seconds UTC at which withdrawals become known.
    """
    delivered, positions = _columns(prepared, ids)
    present = _present(connection, ids, delivered, seq)
    found = compare(delivered, present)
    writes = np.flatnonzero(found.status != UNCHANGED)
    rows = delivered.take(writes)
    withdrawn, notes = _no_rows(), tuple[Sentence, ...]()
    if mode == "replace":
        withdrawn, notes = _no_longer_there(connection, prepared, delivered, seq)
    if len(withdrawn):
        rows = _joined(rows, withdrawn, now)
    bad = prepared.reading.n_bad_rows
    counts = Counts(
        rows_read=prepared.table.n_rows,
        rows_accepted=prepared.table.n_rows - bad,
        rows_rejected=bad,
        new=int((found.status == NEW).sum()),
        corrected=int((found.status == CORRECTED).sum()),
        unchanged=int((found.status == UNCHANGED).sum()),
        withdrawn=len(withdrawn),
        repeated=prepared.located.repeated,
        series=len(np.unique(rows.series_id)),
    )
    changes = _changes(prepared, delivered, positions, found, ids)
    return Plan(seq, rows, counts, changes, notes)


def _columns(prepared: Prepared, ids: NDArray[np.int64]) -> tuple[ObservationColumns, NDArray[np.int64]]:
    """Located rows as columns in the order of series ids, and the positions they came from."""
    frame = prepared.located.rows
    series_id = ids[frame["key"].to_numpy()] if frame.height else np.empty(0, np.int64)
    columns = ObservationColumns(
        series_id,
        frame["period"].to_numpy().astype(np.int32, copy=False),
        frame["known_at"].to_numpy().astype(np.int64, copy=False),
        frame["value"].to_numpy().astype(np.float64, copy=False),
        frame["quality"].to_numpy().astype(np.int16, copy=False),
        frame["flags"].to_numpy().astype(np.int32, copy=False),
    )
    positions = frame["position"].to_numpy().astype(np.int64)
    if (np.diff(series_id) >= 0).all():
        return columns, positions
    order = np.argsort(series_id, kind="stable")
    return columns.take(order), positions[order]


def _no_rows() -> RawRows:
    whole = np.empty(0, np.int64)
    short = np.empty(0, np.int32)
    return RawRows(whole, short, whole, whole, np.empty(0, np.float64), np.empty(0, np.int16), short, whole)


def _present(
    connection: sa.Connection,
    ids: NDArray[np.int64],
    delivered: ObservationColumns,
    seq: int,
) -> RawRows:
    existing = np.unique(ids[ids > 0])
    if not len(existing) or not len(delivered):
        return _no_rows()
    first, last = int(delivered.period.min()), int(delivered.period.max())
    # The ids follow from places that the scope was asked about when the rows were located.
    return visible_rows(connection, AsOf(seq), existing.tolist(), first=first, last=last)


def _no_longer_there(
    connection: sa.Connection, prepared: Prepared, delivered: ObservationColumns, seq: int
) -> tuple[RawRows, tuple[Sentence, ...]]:
    """Values that this source had delivered in the scope of the file, and that the file no longer has.

    The scope: the indicators of the file, from its first to its last period of each, in the area of the source as far
    as the sender's own scope reaches. With rejected rows nothing is withdrawn, since one of them may be the value.
    """
    nothing = _no_rows()
    if prepared.reading.n_bad_rows:
        return nothing, (Sentence("intake.note.nothing_withdrawn", {"rows": prepared.reading.n_bad_rows}),)
    source = prepared.registered.source
    column = series_tables.batch.c
    own = connection.execute(
        sa.select(column.id).where(column.source_code == source.code, column.known_seq <= seq)
    ).scalars()
    own_ids = np.fromiter(own, np.int64)
    frame = prepared.located.rows
    codes = np.array([key.indicator_code for key in prepared.located.keys])
    parts = []
    for code in sorted(prepared.indicators):
        mine = codes[frame["key"].to_numpy()] == code
        periods = frame["period"].to_numpy()[mine]
        if not len(periods):
            continue
        found = series_list(
            connection,
            prepared.registered.scope,
            AsOf(seq),
            indicator=code,
            area_prefix=prepared.registered.within or None,
        )
        rows = visible_rows(
            connection,
            AsOf(seq),
            [one.id for one in found],
            first=int(periods.min()),
            last=int(periods.max()),
        )
        current = current_rows(rows)
        keep = ((current.flags & Flag.WITHDRAWN) == 0) & np.isin(current.batch_id, own_ids)
        parts.append(current.take(keep))
    if not parts:
        return nothing, ()
    held = RawRows(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in RawRows.__dataclass_fields__)
    )
    gone = ~np.isin(_pairs(held.series_id, held.period), _pairs(delivered.series_id, delivered.period))
    return held.take(gone), ()


def _pairs(series_id: NDArray[np.int64], period: NDArray[np.int32]) -> NDArray[np.int64]:
    """Series and period as one number: periods lie within 2**31 of zero."""
    return series_id * 2**32 + period


def _joined(rows: ObservationColumns, withdrawn: RawRows, now: int) -> ObservationColumns:
    gone = ObservationColumns.of(
        withdrawn.series_id,
        withdrawn.period,
        np.maximum(withdrawn.known_at, now),
        np.full(len(withdrawn), np.nan),
        0,
        int(Flag.WITHDRAWN | Flag.KNOWN_AT_ASSUMED),
    )
    return ObservationColumns.joined([rows, gone])


def _changes(
    prepared: Prepared,
    delivered: ObservationColumns,
    positions: NDArray[np.int64],
    found: Comparison,
    ids: NDArray[np.int64],
) -> tuple[Change, ...]:
    by_id: dict[int, SeriesKey] = dict(zip(ids.tolist(), prepared.located.keys, strict=True))
    changes = []
    for at in np.flatnonzero(found.status == CORRECTED)[:_CHANGES_SHOWN].tolist():
        key = by_id[int(delivered.series_id[at])]
        indicator = prepared.registered.indicator(key.indicator_code)
        number = int(delivered.period[at])
        period = str(number) if isinstance(indicator, Refusal) else indicator.calendar.text(number)
        before = _said(found.value_before[at], found.qualifier_before[at], found.flags_before[at])
        after = _said(delivered.value[at], delivered.qualifier[at], delivered.flags[at])
        row = int(prepared.table.rows[int(positions[at])])
        changes.append(
            Change(key.indicator_code, key.area_code, key.site_code, key.stratum, period, before, after, row)
        )
    return tuple(changes)


def _said(value: float, qualifier: int, flags: int) -> str:
    if int(flags) & Flag.NOT_DETECTED:
        return "ND"
    return "" if np.isnan(value) else f"{_SIGNS.get(int(qualifier), '')}{float(value):.15g}"


def natural_ids(connection: sa.Connection, keys: Sequence[SeriesKey], seq: int) -> NDArray[np.int64]:
    """Ids of series that exist; -1, -2, … for those that do not, so that each stays a series of its own."""
    codes = sorted({key.indicator_code for key in keys})
    everything = Scope.everything("intake: which series exist")
    known: AnyMapping[tuple[Any, ...], int] = {
        (one.indicator_code, one.area_code, one.site_code, one.stratum): one.id
        for one in (series_list(connection, everything, AsOf(seq), indicator=codes) if codes else ())
    }
    return np.array([known.get(key.natural, -1 - place) for place, key in enumerate(keys)], dtype=np.int64)
