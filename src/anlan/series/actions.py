"""Journaled writing to the series room: series, the publication of a staged batch, records.

How a batch gets to be staged is in ``staging``; publishing writes one row and one event, whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from anlan.errors import ConflictError, InputError, ParameterError
from anlan.series import tables
from anlan.series.staging import staged_row
from anlan.series.types import Batch, Int64, NewRecord, SeriesKey, seconds_of
from anlan.store import Actor, Tx, World, latest, new_public_id

__all__ = ["ensure_series", "publish", "put_records", "series_ids"]

MODES = ("add", "replace")

_NEWEST = 2**62  # every sequence is below it


class _NothingNewError(Exception):
    """Leaves a transaction that turned out to have nothing to say."""


def ensure_series(tx: Tx, keys: Sequence[SeriesKey]) -> Int64:
    """Ids of series, in the order of the keys; those that do not exist are made (event ``series.added``).

    A series whose place or sensitivity differs from the key gets a new version (event ``series.changed``). When
    nothing is new there is no event; where nothing else happens in the transaction use ``series_ids``, which looks
    first.
    """
    return _ensure(tx, keys)[0]


def series_ids(world: World, actor: Actor, keys: Sequence[SeriesKey]) -> Int64:
    """``ensure_series`` in a transaction of its own, opened only when something is new."""
    with world.read() as connection:
        known = _known_series(connection, keys)
    if all(key.natural in known and known[key.natural][1:] == _place(key) for key in keys):
        return _ids(known, keys)
    try:
        with world.write(actor) as tx:
            ids, wrote = _ensure(tx, keys)
            if not wrote:  # somebody else was first between our look and the lock
                raise _NothingNewError
    except _NothingNewError:
        return ids
    return ids


def _ensure(tx: Tx, keys: Sequence[SeriesKey]) -> tuple[Int64, bool]:
    known = _known_series(tx.connection, keys)
    next_id = (tx.connection.execute(sa.select(sa.func.max(tables.series.c.id))).scalar() or 0) + 1
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    added = 0
    for key in keys:
        found = known.get(key.natural)
        if found is not None and found[1:] == _place(key):
            continue
        if key.natural in rows:
            raise ParameterError(
                f"the series {key.natural} is given twice, in different places or sensitivities."
            )
        number = next_id if found is None else found[0]
        if found is None:
            next_id, added = next_id + 1, added + 1
        known[key.natural] = (number, *_place(key))
        rows[key.natural] = {**vars(key), "id": number}
    if rows:
        tx.insert(tables.series, list(rows.values()))
        ids = [row["id"] for row in rows.values()]
        tx.event(
            "series.added" if added else "series.changed",
            subject=("series", str(min(ids))),
            data={
                "added": added,
                "changed": len(rows) - added,
                "first": min(ids),
                "last": max(ids),
                "indicators": sorted({row["indicator_code"] for row in rows.values()}),
            },
        )
    return _ids(known, keys), bool(rows)


_Known = dict[tuple[str, str, str, str], tuple[int, str, str, int]]


def _known_series(connection: sa.Connection, keys: Sequence[SeriesKey]) -> _Known:
    codes = sorted({key.indicator_code for key in keys})
    now = latest(tables.series, _NEWEST)
    rows = connection.execute(sa.select(now).where(now.c.indicator_code.in_(codes)))
    return {
        (row.indicator_code, row.area_code, row.site_code, row.stratum): (
            row.id,
            row.area_path,
            row.domain,
            row.sensitivity,
        )
        for row in rows
    }


def _place(key: SeriesKey) -> tuple[str, str, int]:
    return (key.area_path, key.domain, key.sensitivity)


def _ids(known: _Known, keys: Sequence[SeriesKey]) -> Int64:
    return np.array([known[key.natural][0] for key in keys], np.int64)


def publish(
    tx: Tx,
    batch_id: int,
    *,
    mode: str,
    label: str,
    area_path: str,
    domain: str,
    sensitivity: int = 1,
    delivered_at: datetime | None = None,
) -> Batch:
    """Let everybody see a staged batch: one row, one event (``batch.published``), whatever its size.

    Parameters
    ----------
    tx : Tx
        The journaled transaction; rows of other rooms that belong to the delivery may be in it too.
    batch_id : int
        A batch whose rows are all staged.
    mode : {"add", "replace"}
        What the delivery says of its scope. Withdrawals of a replacing file are rows like others.
    label : str
        What people call it, for example the name of the file.
    area_path, domain, sensitivity
        Who may see that this delivery exists (its values are seen by their series).
    delivered_at : datetime, optional
        When the source delivered; the transaction's moment when not given.
    """
    if mode not in MODES:
        raise ParameterError(f"mode must be one of {', '.join(MODES)}. Got {mode!r}.")
    row = staged_row(tx.connection, batch_id)
    if row.state != "staged":
        raise ConflictError(
            f"batch {batch_id} is {row.state}: {row.staged_count} of {row.row_count} rows are staged",
            key="series.batch_not_staged",
            values={"batch": batch_id, "state": row.state, "staged": row.staged_count, "rows": row.row_count},
        )
    made = Batch(
        id=batch_id,
        public_id=new_public_id(),
        node_id=tx.world.node_id,
        source_code=row.source_code,
        delivered_at=delivered_at or tx.now,
        mode=mode,
        label=label[:200],
        row_count=row.row_count,
        series_count=sum(entry[2] for entry in row.coverage.values()),
        coverage=row.coverage,
        sha256=row.sha256,
        area_path=area_path,
        domain=domain,
        sensitivity=sensitivity,
        known_seq=tx.seq,
    )
    tx.insert(tables.batch, vars(made))
    tx.connection.execute(tables.batch_stage.delete().where(tables.batch_stage.c.id == batch_id))
    tx.event(
        "batch.published",
        subject=("batch", made.public_id),
        data={
            "batch": made.public_id,
            "batch_id": batch_id,
            "source": made.source_code,
            "mode": mode,
            "series_count": made.series_count,
            "rows": made.row_count,
            "indicators": list(made.coverage),
            "sha256": made.sha256,
        },
    )
    return made


def put_records(tx: Tx, records: Sequence[NewRecord]) -> int:
    """Keep new versions of lines of a line list (event ``records.put`` for each source). Returns how many.

    Raises
    ------
    InputError
        One (source, external id) stands twice: a transaction holds one version of one record.
    """
    seen: set[tuple[str, str]] = set()
    counts: dict[str, int] = {}
    rows = []
    for one in records:
        key = (one.source_code, one.external_id)
        if key in seen:
            raise InputError(
                f"record {one.external_id!r} of {one.source_code!r} stands twice in one delivery",
                key="series.duplicate_record",
                values={"record": one.external_id, "source": one.source_code},
            )
        seen.add(key)
        counts[one.source_code] = counts.get(one.source_code, 0) + 1
        rows.append(
            {
                **{name: getattr(one, name) for name in NewRecord.__dataclass_fields__},
                "known_at": seconds_of(one.known_at),
                "node_id": tx.world.node_id,
            }
        )
    tx.insert(tables.record, rows)
    for source, count in sorted(counts.items()):
        tx.event("records.put", subject=("source", source), data={"source": source, "records": count})
    return len(rows)
