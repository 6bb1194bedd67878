"""A deep check of the journal: every released message is there, with the bytes and the signature of its release."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import sqlalchemy as sa

from anlan.store import Event, Finding
from anlan.warning import tables
from anlan.warning.cap.signature import verify_signatures

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
        return
    yield from _check_signature(bytes(row.cap_bytes), identifier, event)


def _check_signature(data: bytes, identifier: str, event: Event) -> Iterator[Finding]:
    """The signature holds, by the certificate that the journal names; messages from before there were any have none."""
    if "unsigned" in event.data:
        reason = event.data["unsigned"]
        yield Finding(
            "unsigned", event.seq, f"message {identifier} was released without a signature: {reason}"
        )
    expected = event.data.get("certificate")
    if expected is None:
        return
    found = verify_signatures(data)
    if [(one.state, one.fingerprint) for one in found] != [("verified", expected)]:
        yield Finding("signature", event.seq, f"the signature of message {identifier} does not hold")
    elif not found[0].was_valid:
        yield Finding(
            "signature", event.seq, f"the certificate of message {identifier} was not valid when it was sent"
        )
