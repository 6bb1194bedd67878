"""A deep check of the journal: the bytes of every released message are those whose hash was written at release."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import sqlalchemy as sa

from anlan.store import Event, Finding
from anlan.warning import tables

__all__ = ["check_message"]


def check_message(connection: sa.Connection, event: Event) -> Iterator[Finding]:
    """Compare a message with the event of its release. Give it to ``store.verify(deep_checks=[…])``."""
    if event.kind != "warning.released":
        return
    identifier = event.data["message"]
    table = tables.message
    query = sa.select(table.c.cap_bytes, table.c.sha256).where(
        table.c.identifier == identifier, table.c.known_seq == event.tx_seq
    )
    row = connection.execute(query).first()
    if row is None:
        yield Finding("message", event.seq, f"the message {identifier} that was released is not there")
        return
    digest = hashlib.sha256(bytes(row.cap_bytes)).hexdigest()
    if digest != event.data["sha256"] or row.sha256 != digest:
        yield Finding(
            "message", event.seq, f"the bytes of message {identifier} are not those that were released"
        )
