"""Readers of the journal: what one room causes in another.

A reader has a name, the kinds of events it wants, and a handler that must be idempotent: after a crash between the
handler's own transaction and the cursor's step, the same event is handed over once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from anlan.store import Event, World, events_after
from anlan.store.schema import reader_cursor

__all__ = ["Reader", "dispatch", "position"]

_log = logging.getLogger(__name__)
_AT_ONCE = 500


@dataclass(frozen=True)
class Reader:
    """One reader of the journal. ``handle`` gets events of ``kinds`` in order, at least once each."""

    name: str
    kinds: tuple[str, ...]
    handle: Callable[[World, Event], None]


def position(world: World, reader: str) -> int:
    """The sequence up to which a reader has read; 0 before its first event."""
    with world.read() as connection:
        found = connection.execute(sa.select(reader_cursor.c.seq).where(reader_cursor.c.reader == reader))
        return found.scalar_one_or_none() or 0


def dispatch(world: World, readers: Sequence[Reader]) -> int:
    """Hand new events to every reader. Returns how many were handled; a failing reader waits, the others go on."""
    handled = 0
    for reader in readers:
        try:
            handled += _catch_up(world, reader)
        except Exception:  # the edge of a task: one broken reader must not stop the others
            _log.exception(
                "reader %s stopped at %s in world %s", reader.name, position(world, reader.name), world.name
            )
    return handled


def _catch_up(world: World, reader: Reader) -> int:
    handled = 0
    while True:
        seq = position(world, reader.name)
        with world.read() as connection:
            head = world.as_of().seq
            events = events_after(connection, seq, kinds=reader.kinds, limit=_AT_ONCE)
        for event in events:
            reader.handle(world, event)
            _move(world, reader.name, event.seq)
            handled += 1
        if len(events) < _AT_ONCE:
            if not events and seq < head:
                _move(world, reader.name, head)
            return handled


def _move(world: World, reader: str, seq: int) -> None:
    insert = sqlite.insert(reader_cursor) if world.dialect == "sqlite" else postgresql.insert(reader_cursor)
    with world.stage() as connection:
        connection.execute(
            insert.values(reader=reader, seq=seq).on_conflict_do_update(
                index_elements=["reader"], set_={"seq": seq}
            )
        )
