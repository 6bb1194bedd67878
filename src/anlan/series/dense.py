"""All series of an indicator as one dense matrix, for detection: read in bulk, kept on disk as .npy files.

The kept matrix is stamped with the journal sequence that it is the state of, and with that event's hash, so that it is
refused after a restore to another past. A question about a later state adds the rows of the batches since; about an
earlier state, or about what the world knew by some moment, it is of no use and the database answers. Cached or not,
the answer is the same bytes. What is kept may be deleted at any time.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from anlan.errors import InputError
from anlan.series import bulk, tables
from anlan.series.bulk import RawRows
from anlan.series.queries import current_rows, series_list, visible_rows
from anlan.series.types import Flag, Float64, Int64, Matrix, Series
from anlan.store import AsOf, Scope, World
from anlan.store import schema as store_tables

__all__ = ["matrix"]

_LAYOUT = 1
_ABSENT = np.iinfo(np.int64).min
_MOST_CELLS = 400_000_000
_ARRAYS = ("ids", "values", "known_at", "flags", "qualifiers")


@dataclass(eq=False)
class _Dense:
    """All series of an indicator as of ``seq``. Withdrawn cells keep their flag and known_at: later rows must beat it."""

    seq: int
    first_period: int
    ids: Int64
    values: Float64
    known_at: Int64
    flags: NDArray[np.int16]
    qualifiers: NDArray[np.int8]


def matrix(world: World, scope: Scope, as_of: AsOf, indicator: str, *, folder: Path | None = None) -> Matrix:
    """The current values of all series of an indicator that the scope sees, one row each, by id.

    The columns reach from the first to the last period in which a series that is seen has a value.

    Parameters
    ----------
    world, scope, as_of
        As in the queries of this room.
    indicator : str
        Code of the indicator.
    folder : Path, optional
        Where matrices may be kept, in the node's data folder; shared by worlds. Without it the database answers.
    """
    with world.read() as connection:
        shown = series_list(connection, scope, as_of, indicator=indicator)
        if not shown:
            return _shown(_empty(as_of.seq), (), as_of.seq)
        if folder is None or as_of.known_at is not None:
            ids = np.array([one.id for one in shown], np.int64)
            return _shown(_built(ids, as_of.seq, visible_rows(connection, as_of, ids)), shown, as_of.seq)
        dense = _brought_up(connection, _Kept(folder, world.public_id, indicator), as_of, indicator)
    return _shown(dense, shown, as_of.seq)


def _shown(dense: _Dense, shown: Sequence[Series], seq: int) -> Matrix:
    """Cut what the scope sees, and the periods that have values, out of the whole."""
    ids = np.array([one.id for one in shown], np.int64)
    values, flags, qualifiers, known_at = dense.values, dense.flags, dense.qualifiers, dense.known_at
    if len(ids) != len(dense.ids):
        at = np.searchsorted(dense.ids, ids)
        values, flags, qualifiers, known_at = values[at], flags[at], qualifiers[at], known_at[at]
    withdrawn = (flags & Flag.WITHDRAWN) != 0
    present = (known_at != _ABSENT) & ~withdrawn
    used = np.flatnonzero(present.any(axis=0))
    first, end = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
    if withdrawn.any():
        flags, qualifiers = flags.copy(), qualifiers.copy()
        flags[withdrawn], qualifiers[withdrawn] = 0, 0
    made = Matrix(
        tuple(shown),
        dense.first_period + first if len(used) else 0,
        np.ascontiguousarray(values[:, first:end]),
        np.ascontiguousarray(flags[:, first:end]),
        np.ascontiguousarray(qualifiers[:, first:end]),
        seq,
    )
    for array in (made.values, made.flags, made.qualifiers):
        array.flags.writeable = False
    return made


def _brought_up(connection: sa.Connection, kept: _Kept, as_of: AsOf, indicator: str) -> _Dense:
    """The state at ``as_of.seq`` from what is kept and the batches since; kept anew when there is much to add."""
    everything = Scope.everything("dense cache")  # the caller cuts by its own scope
    ids = np.array(
        [one.id for one in series_list(connection, everything, as_of, indicator=indicator)], np.int64
    )
    stamp = kept.stamp()
    head = connection.execute(sa.select(store_tables.journal_head.c.seq)).scalar_one()
    if stamp is not None and stamp["hash"] != _hash_at(connection, stamp["seq"]):
        stamp = None
    if stamp is not None and stamp["seq"] > as_of.seq:
        return _built(ids, as_of.seq, visible_rows(connection, as_of, ids))
    dense = None if stamp is None else kept.load(stamp)
    if dense is None:
        made = _built(ids, min(as_of.seq, head), visible_rows(connection, as_of, ids))
        kept.save(made, _hash_at(connection, made.seq))
        return made
    span = _span_since(connection, dense.seq, as_of.seq, indicator)
    if span is None:
        return _grown(dense, ids, None)
    rows = bulk.read_rows(
        connection, bulk.runs_of(ids), seq=as_of.seq, after_seq=dense.seq, first=span[0], last=span[1]
    )
    updated = _added(_grown(dense, ids, rows), current_rows(rows))
    if len(rows) * 50 > updated.values.size:
        updated.seq = min(as_of.seq, head)
        kept.save(updated, _hash_at(connection, updated.seq))
    return updated


def _hash_at(connection: sa.Connection, seq: int) -> str:
    event = store_tables.event.c
    return connection.execute(sa.select(event.hash).where(event.seq == seq)).scalar() or ""


def _span_since(connection: sa.Connection, after: int, seq: int, indicator: str) -> tuple[int, int] | None:
    """First and last period that batches of the indicator touched, or None when there was none."""
    made = tables.batch.c
    query = sa.select(made.coverage).where(made.known_seq > after, made.known_seq <= seq)
    touched = [row[indicator] for row in connection.execute(query).scalars() if indicator in row]
    if not touched:
        return None
    return min(entry[0] for entry in touched), max(entry[1] for entry in touched)


def _empty(seq: int) -> _Dense:
    return _blank(seq, 0, np.empty(0, np.int64), 0)


def _blank(seq: int, first_period: int, ids: Int64, width: int) -> _Dense:
    shape = (len(ids), width)
    if len(ids) * width > _MOST_CELLS:
        raise InputError(
            f"{len(ids)} series over {width} periods are too many for one matrix; are the periods right?",
            key="series.matrix_too_large",
            values={"series": len(ids), "periods": width},
        )
    return _Dense(
        seq,
        first_period,
        ids,
        np.full(shape, np.nan),
        np.full(shape, _ABSENT, np.int64),
        np.zeros(shape, np.int16),
        np.zeros(shape, np.int8),
    )


def _built(ids: Int64, seq: int, visible: RawRows) -> _Dense:
    rows = current_rows(visible)
    if not len(rows):
        return _blank(seq, 0, ids, 0)
    first = int(rows.period.min())
    return _added(_blank(seq, first, ids, int(rows.period.max()) - first + 1), rows)


def _grown(dense: _Dense, ids: Int64, rows: RawRows | None) -> _Dense:
    """A copy with room for all series and for the periods of the rows; the same one when nothing is to be added."""
    if rows is None and len(ids) == len(dense.ids):
        return dense
    first, end = dense.first_period, dense.first_period + dense.values.shape[1]
    if rows is not None and len(rows):
        low, high = int(rows.period.min()), int(rows.period.max()) + 1
        first, end = (min(first, low), max(end, high)) if dense.values.shape[1] else (low, high)
    grown = _blank(dense.seq, first, ids, end - first)
    at = np.searchsorted(ids, dense.ids)
    columns = slice(dense.first_period - first, dense.first_period - first + dense.values.shape[1])
    if dense.values.shape[1]:
        for name in _ARRAYS[1:]:
            getattr(grown, name)[at, columns] = getattr(dense, name)
    return grown


def _added(dense: _Dense, rows: RawRows) -> _Dense:
    """Write current rows of newer batches: one replaces a cell unless the cell was known later."""
    if not len(rows):
        return dense
    row = np.searchsorted(dense.ids, rows.series_id)
    column = rows.period - dense.first_period
    wins = rows.known_at >= dense.known_at[row, column]
    row, column = row[wins], column[wins]
    dense.values[row, column] = rows.value[wins]
    dense.known_at[row, column] = rows.known_at[wins]
    dense.flags[row, column] = rows.flags[wins]
    dense.qualifiers[row, column] = rows.qualifier[wins]
    return dense


class _Kept:
    """The files of one indicator of one world: a pointer file, replaced in one step, and the folder it points to."""

    def __init__(self, folder: Path, world_id: str, indicator: str) -> None:
        self.folder = folder / world_id / quote(indicator, safe="")
        self.pointer = self.folder / "current.json"

    def stamp(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self.pointer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        whole = (
            isinstance(found, dict) and found.get("layout") == _LAYOUT and isinstance(found.get("seq"), int)
        )
        return found if whole else None

    def load(self, stamp: dict[str, Any]) -> _Dense | None:
        """The arrays, or None when they are damaged or another process has just replaced them."""
        place = self.folder / str(stamp.get("folder"))
        try:
            arrays = {
                name: np.load(place / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS
            }
            dense = _Dense(stamp["seq"], stamp["first_period"], **arrays)
        except (OSError, ValueError, KeyError):
            return None
        shape = (len(dense.ids), dense.values.shape[-1])
        return dense if all(getattr(dense, name).shape == shape for name in _ARRAYS[1:]) else None

    def save(self, dense: _Dense, event_hash: str) -> None:
        """Write beside, then point to it. A full disk costs the cache, not the answer."""
        name = uuid.uuid4().hex
        try:
            self._write(dense, event_hash, name)
        except OSError:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            return
        for old in self.folder.iterdir():
            if old.is_dir() and old.name != name:
                shutil.rmtree(old, ignore_errors=True)

    def _write(self, dense: _Dense, event_hash: str, name: str) -> None:
        place = self.folder / name
        place.mkdir(parents=True)
        for array in _ARRAYS:
            np.save(place / f"{array}.npy", getattr(dense, array), allow_pickle=False)
        stamp = {
            "layout": _LAYOUT,
            "seq": dense.seq,
            "hash": event_hash,
            "first_period": dense.first_period,
            "folder": name,
        }
        fresh = self.folder / f"{name}.json"
        fresh.write_text(json.dumps(stamp), encoding="utf-8")
        fresh.replace(self.pointer)
