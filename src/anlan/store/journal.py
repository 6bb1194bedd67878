"""The journal: append-only, hash-chained, in commit order. Reading it, and verifying it against the rows.

What ``verify`` finds: changed events, gaps, a broken chain, a tail that was cut (against signed heads kept outside
the database) and, with ``deep``, rows that were edited, removed or added behind the journal's back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from anlan.store import schema
from anlan.store.types import canonical_json

if TYPE_CHECKING:
    from anlan.store.world import World

__all__ = ["Event", "Finding", "events_after", "event_hash", "rows_digest", "verify"]

FIRST_HASH = "0" * 64
_HASHED = ("seq", "tx_seq", "kind", "subject_kind", "subject_id", "actor", "data", "rows", "previous_hash")


@dataclass(frozen=True)
class Event:
    """One entry: what happened, to what, by whom, and the transaction (``tx_seq``) it belongs to."""

    seq: int
    tx_seq: int
    at: datetime
    kind: str
    subject_kind: str
    subject_id: str
    actor: Mapping[str, str]
    data: Mapping[str, Any]
    rows: Mapping[str, Mapping[str, Any]] | None
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class Finding:
    """Something that verification found: its kind, the sequence it concerns, and a sentence."""

    kind: str
    seq: int
    message: str


def event_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of an event, its moment and the hash before it."""
    fixed = {name: entry[name] for name in _HASHED}
    fixed["at"] = entry["at"].isoformat()
    return hashlib.sha256(canonical_json(fixed).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return value


def rows_digest(connection: sa.Connection, table: sa.Table, seq: int) -> dict[str, Any]:
    """Count and SHA-256 of the rows of a versions table that became known at ``seq``, in key order.

    A column that a later migration added (``info["added"]``) counts, by its name, only where it has a value: the
    digests of rows written before it stay what they were.
    """
    added = [bool(column.info.get("added")) for column in table.columns]
    names = [column.name for column in table.columns]
    rows = connection.execute(
        sa.select(table).where(table.c.known_seq == seq).order_by(*table.primary_key.columns)
    )
    digest, count = hashlib.sha256(), 0
    for row in rows:
        plain = [_plain(value) for value, later in zip(row, added, strict=True) if not later]
        plain += [
            [name, _plain(value)]
            for name, value, later in zip(names, row, added, strict=True)
            if later and value is not None
        ]
        digest.update(canonical_json(plain).encode())
        digest.update(b"\n")
        count += 1
    return {"n": count, "sha256": digest.hexdigest()}


def events_after(
    connection: sa.Connection, seq: int, *, kinds: Iterable[str] | None = None, limit: int | None = None
) -> list[Event]:
    """Events after ``seq`` in order; readers with a cursor never skip one."""
    query = sa.select(schema.event).where(schema.event.c.seq > seq).order_by(schema.event.c.seq)
    if kinds is not None:
        query = query.where(schema.event.c.kind.in_(list(kinds)))
    if limit is not None:
        query = query.limit(limit)
    return [Event(**row._mapping) for row in connection.execute(query)]


DeepCheck = Callable[[sa.Connection, Event], Iterable[Finding]]


def verify(world: World, *, deep: bool = False, deep_checks: Iterable[DeepCheck] = ()) -> list[Finding]:
    """Check the chain, the signed heads and, with ``deep``, every journaled row. An empty list means clean."""
    checks = list(deep_checks)
    tables = [table for table in schema.metadata.sorted_tables if table.info.get("kind") == "versions"]
    findings: list[Finding] = []
    hashes: dict[int, str] = {}
    expected: dict[str, dict[int, Mapping[str, Any]]] = {table.name: {} for table in tables}
    # Before the events: a head signed while we read names an event that our state does not have yet.
    signed = [] if world.heads is None else world.heads.signed()
    with world.read() as connection:
        head = connection.execute(sa.select(schema.journal_head)).one()
        previous, last = FIRST_HASH, 0
        for entry in _all_events(connection):
            findings += _check_link(entry, previous, last)
            previous, last = entry.hash, entry.seq
            hashes[entry.seq] = entry.hash
            for name, digest in (entry.rows or {}).items():
                expected.setdefault(name, {})[entry.tx_seq] = digest
            if deep:
                for check in checks:
                    findings += check(connection, entry)
        if (head.seq, head.hash) != (last, previous):
            findings.append(Finding("head", head.seq, f"the head says {head.seq}, the last event is {last}"))
        if deep:
            for table in tables:
                findings += _check_rows(connection, table, expected[table.name])
    if world.heads is not None:
        findings += world.heads.compare(hashes, signed)
    return findings


def _all_events(connection: sa.Connection) -> Iterator[Event]:
    query = sa.select(schema.event).order_by(schema.event.c.seq).execution_options(yield_per=2000)
    for row in connection.execute(query):
        yield Event(**row._mapping)


def _check_link(entry: Event, previous: str, last: int) -> Iterator[Finding]:
    if entry.seq != last + 1:
        yield Finding("gap", entry.seq, f"after event {last} comes {entry.seq}")
    if entry.previous_hash != previous:
        yield Finding("chain", entry.seq, f"event {entry.seq} does not continue the hash of the one before")
    if event_hash(vars(entry)) != entry.hash:
        yield Finding("changed", entry.seq, f"event {entry.seq} ({entry.kind}) is not what was written")


def _check_rows(
    connection: sa.Connection, table: sa.Table, expected: Mapping[int, Mapping[str, Any]]
) -> Iterator[Finding]:
    present = set(connection.execute(sa.select(table.c.known_seq).distinct()).scalars())
    for seq in sorted(present - set(expected)):
        yield Finding("rows", seq, f"{table.name} has rows of {seq} that no event wrote")
    for seq, digest in sorted(expected.items()):
        found = rows_digest(connection, table, seq)
        if found != digest:
            yield Finding(
                "rows",
                seq,
                f"{table.name}: rows written at {seq} were {digest['n']} and are {found['n']}, or differ",
            )
