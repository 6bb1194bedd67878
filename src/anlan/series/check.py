"""The deep check of observations: what the rows of each batch are, against what the journal says they were.

One pass through the table in key order computes the digests of all batches at once, when the first batch comes up in
a verification; the pass belongs to the transaction that the verification reads in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import sqlalchemy as sa

from anlan.series import bulk, tables
from anlan.store import Event, Finding

__all__ = ["batch_check"]


@dataclass
class _Found:
    counts: dict[int, int] = field(default_factory=dict)
    digests: dict[int, Any] = field(default_factory=dict)
    reported: bool = False


_passes: WeakKeyDictionary[sa.Transaction, _Found] = WeakKeyDictionary()


def batch_check(connection: sa.Connection, event: Event) -> Iterator[Finding]:
    """Findings about the observations of the batch that an event published. For ``verify(deep_checks=[batch_check])``.

    The first batch also brings what belongs to no batch at all: rows that were slipped in.
    """
    if event.kind != "batch.published":
        return
    found = _pass_of(connection)
    if not found.reported:
        found.reported = True
        yield from _strays(connection, found)
    batch_id, rows, digest = event.data["batch_id"], event.data["rows"], event.data["sha256"]
    count = found.counts.get(batch_id, 0)
    now = (found.digests[batch_id] if batch_id in found.digests else bulk.new_digest()).hexdigest()
    if count != rows:
        yield Finding(
            "observations",
            event.seq,
            f"batch {batch_id} was published with {rows} observations and has {count}",
        )
    elif now != digest:
        yield Finding(
            "observations", event.seq, f"batch {batch_id}: its {rows} observations are not those published"
        )


def _pass_of(connection: sa.Connection) -> _Found:
    transaction = connection.get_transaction()
    if transaction is None:
        raise RuntimeError("the check belongs into the transaction of a verification")
    if transaction not in _passes:
        _passes[transaction] = _read_all(connection)
    return _passes[transaction]


def _read_all(connection: sa.Connection) -> _Found:
    found = _Found()
    for rows in bulk.scan_rows(connection):
        order = np.argsort(rows.batch_id, kind="stable")
        packed, ids = bulk.packed(rows)[order], rows.batch_id[order]
        starts = np.flatnonzero(np.concatenate([[True], np.diff(ids) != 0]))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(ids)], strict=True):
            number = int(ids[start])
            if number not in found.digests:
                found.digests[number], found.counts[number] = bulk.new_digest(), 0
            found.digests[number].update(packed[start:end].tobytes())
            found.counts[number] += end - start
    return found


def _strays(connection: sa.Connection, found: _Found) -> Iterator[Finding]:
    known = set(connection.execute(sa.select(tables.batch.c.id)).scalars())
    known |= set(connection.execute(sa.select(tables.batch_stage.c.id)).scalars())
    for number in sorted(set(found.counts) - known):
        yield Finding(
            "observations", 0, f"{found.counts[number]} observations belong to batch {number}, which is none"
        )
