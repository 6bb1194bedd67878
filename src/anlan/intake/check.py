"""The deep check of deliveries: the kept bytes and the rejected rows, against what the journal says they were.

For ``verify(deep_checks=[delivery_check])``, beside ``anlan.series.batch_check`` for the observations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import sqlalchemy as sa

from anlan.intake import tables
from anlan.intake.kept import kept_bytes
from anlan.store import Event, Finding, canonical_json

__all__ = ["delivery_check", "rejected_line"]


def rejected_line(row: int, cells: list[str], problems: list[str]) -> bytes:
    """What the digest of rejected rows is made of: one line for each, in the order of the file."""
    return canonical_json([row, cells, problems]).encode() + b"\n"


def delivery_check(connection: sa.Connection, event: Event) -> Iterator[Finding]:
    """Findings about the bytes and the rejected rows of the delivery that an event tells of."""
    if event.kind != "delivery.received":
        return
    number = event.data["number"]
    if hashlib.sha256(kept_bytes(connection, event.data["sha256"])).hexdigest() != event.data["sha256"]:
        yield Finding("delivery", event.seq, f"delivery {number}: the kept file is not the one received")
    table = tables.rejected_row
    query = sa.select(table).where(table.c.delivery_id == event.data["delivery"]).order_by(table.c.row)
    digest, count = hashlib.sha256(), 0
    for row in connection.execute(query):
        digest.update(rejected_line(row.row, row.cells, row.problems))
        count += 1
    if count != event.data["rows_rejected"] or digest.hexdigest() != event.data["rejected_sha256"]:
        yield Finding(
            "delivery", event.seq, f"delivery {number}: its rejected rows are not those kept ({count})"
        )
