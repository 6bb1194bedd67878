"""Work to be done, kept in the database: queued once per key, leased to one worker, tried again after a crash."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from anlan.store.schema import work
from anlan.store.world import World

__all__ = ["Job", "enqueue", "fail", "finish", "take"]

_LEASE = timedelta(minutes=10)
_RETRY = timedelta(seconds=30)


@dataclass(frozen=True)
class Job:
    id: int
    kind: str
    key: str
    payload: Mapping[str, Any]
    attempts: int


def enqueue(
    connection: sa.Connection, kind: str, key: str, payload: Mapping[str, Any], due_at: datetime
) -> None:
    """Queue work; a second call with the same key while the first still waits changes nothing."""
    values = {"kind": kind, "key": key, "payload": dict(payload), "due_at": due_at, "attempts": 0}
    insert = sqlite.insert(work) if connection.dialect.name == "sqlite" else postgresql.insert(work)
    connection.execute(insert.values(**values).on_conflict_do_nothing(index_elements=["key"]))


def take(world: World, *, kinds: Collection[str] | None = None, but: Collection[str] = ()) -> Job | None:
    """Lease the oldest due work, or None. A worker that dies gives it back when the lease ends.

    ``kinds`` takes work of these kinds only, ``but`` of all other kinds.
    """
    now = world.clock.now()
    free = sa.or_(work.c.leased_until.is_(None), work.c.leased_until < now)
    wanted = [work.c.kind.not_in(but)] if but else []
    wanted += [work.c.kind.in_(kinds)] if kinds is not None else []
    oldest = sa.select(work).where(work.c.due_at <= now, free, *wanted)
    oldest = oldest.order_by(work.c.due_at, work.c.id).limit(1)
    with world.stage() as connection:
        row = connection.execute(oldest.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return None
        connection.execute(
            work.update()
            .where(work.c.id == row.id)
            .values(leased_until=now + _LEASE, attempts=row.attempts + 1)
        )
    return Job(row.id, row.kind, row.key, row.payload, row.attempts + 1)


def finish(world: World, job: Job) -> None:
    with world.stage() as connection:
        connection.execute(work.delete().where(work.c.id == job.id))


def fail(world: World, job: Job, error: str) -> None:
    """Keep the work with its error; it is tried again after a growing pause."""
    pause = _RETRY * 2 ** min(job.attempts, 8)
    with world.stage() as connection:
        connection.execute(
            work.update()
            .where(work.c.id == job.id)
            .values(leased_until=None, due_at=world.clock.now() + pause, last_error=error[:2000])
        )
