"""A world: one database with its own data, journal, clock and channels. All reading and writing goes through it.

Three doors, and no other:

``read()``   a connection that sees one state for as long as it is open
``write()``  a transaction that holds the journal: rows get its sequence, and it must say what happened (``Tx.event``)
``stage()``  a short transaction outside the journal: bulk rows that nothing can see yet, sessions, cursors, leases

The journal's lock is taken first, not last: rows need the sequence they become known at, so they must have it when
they are written. This costs no concurrency because nothing long happens inside ``write``: bulk rows are staged
before and become visible by one small row (docs/decisions/0002-journal-lock.md).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from anlan.errors import NotFoundError, UnavailableError
from anlan.store import schema
from anlan.store.heads import HeadLog
from anlan.store.journal import event_hash, rows_digest
from anlan.store.types import Actor, AsOf, Clock, FixedClock, SystemClock

__all__ = ["Tx", "World", "make_engine"]

_WRITE = {"anlan_write": True}
_LOOK_SECONDS = 0.003
# Together more than the 40 threads of the web server: a thread that reads asks for a second connection at times, and
# when all are held by such threads none goes on.
_POOL, _POOL_OVERFLOW = 10, 50
_SLOW_LOCK_CODES = {"55P03", "57014", "40P01", "40001", "53100", "57P01", "57P03"}


def make_engine(url: str, *, schema_name: str | None = None, lock_timeout_seconds: int = 30) -> sa.Engine:
    """An engine for one world: a SQLite file, or a PostgreSQL schema reached by its search path."""
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            address,
            connect_args={"check_same_thread": False, "timeout": lock_timeout_seconds},
            pool_size=_POOL,
            max_overflow=_POOL_OVERFLOW,
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", partial(_begin_sqlite, patience_seconds=lock_timeout_seconds))
        return engine
    options = f"-c lock_timeout={lock_timeout_seconds * 1000}"
    if schema_name:
        options += f" -c search_path={schema_name}"
    return sa.create_engine(
        address.set(drivername="postgresql+psycopg"),
        connect_args={"options": options},
        pool_size=_POOL,
        max_overflow=_POOL_OVERFLOW,
        pool_pre_ping=True,
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would begin DEFERRED and commit behind our back.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-65536",
        "mmap_size=1073741824",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection, *, patience_seconds: float) -> None:
    if not connection.get_execution_options().get("anlan_write", False):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite's own waiting looks ever more seldom, in the end every 100 ms: whoever waits for long starves behind quick
    # writers. So we look often ourselves; a look costs some microseconds.
    driver: Any = connection.connection.driver_connection
    limit = time.monotonic() + patience_seconds
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < limit:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(_LOOK_SECONDS)
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the last look says why not, in SQLAlchemy's words
    finally:
        driver.execute(f"PRAGMA busy_timeout={int(patience_seconds * 1000)}")


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn a driver's 'locked' or 'full' into an error that says what to do."""
    try:
        yield
    except sa.exc.OperationalError as error:
        cause = error.orig
        text = str(cause)
        busy = isinstance(cause, sqlite3.OperationalError) and (
            "locked" in text or "busy" in text or "full" in text
        )
        if busy or getattr(cause, "sqlstate", None) in _SLOW_LOCK_CODES:
            raise UnavailableError(
                f"the database cannot take this now ({text}); nothing was written, try again",
                key="store.busy",
                values={"reason": text},
            ) from error
        raise


class Tx:
    """One journaled transaction: everything written through it becomes known at ``seq``."""

    def __init__(self, world: World, connection: sa.Connection, actor: Actor, head: sa.Row[Any]) -> None:
        self.world = world
        self.connection = connection
        self.actor = actor
        self.seq: int = head.seq + 1
        self.now: datetime = max(world.clock.now(), head.at)
        self._head = head
        self._touched: dict[str, sa.Table] = {}
        self._events: list[dict[str, Any]] = []

    def insert(self, table: sa.Table, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Append rows to a ``versions`` table; ``known_seq`` is filled in here and nowhere else."""
        many = [rows] if isinstance(rows, Mapping) else list(rows)
        if not many:
            return
        self._touched[table.name] = table
        self.connection.execute(table.insert(), [{**row, "known_seq": self.seq} for row in many])

    def event(
        self, kind: str, *, subject: tuple[str, str] = ("", ""), data: Mapping[str, Any] | None = None
    ) -> int:
        """Say what happened. ``data`` holds ids and commitments, never personal values. Returns its sequence."""
        seq = self.seq + len(self._events)
        self._events.append(
            {
                "seq": seq,
                "tx_seq": self.seq,
                "at": self.now,
                "kind": kind,
                "subject_kind": subject[0],
                "subject_id": subject[1],
                "actor": dict(self.actor.to_json()),
                "data": dict(data or {}),
                "rows": None,
            }
        )
        return seq

    def _close(self) -> tuple[int, str]:
        if not self._events:
            raise RuntimeError("a journaled transaction must say what happened: call Tx.event before it ends")
        self._events[0]["rows"] = {
            name: rows_digest(self.connection, table, self.seq)
            for name, table in sorted(self._touched.items())
        } or None
        previous = self._head.hash
        for entry in self._events:
            entry["previous_hash"] = previous
            entry["hash"] = previous = event_hash(entry)
        self.connection.execute(schema.event.insert(), self._events)
        last = self._events[-1]["seq"]
        self.connection.execute(
            schema.journal_head.update()
            .where(schema.journal_head.c.id == 1)
            .values(seq=last, hash=previous, at=self.now)
        )
        return last, previous


class World:
    """One world. ``clock`` is real for a live world; an exercise or a replay may hold its own."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        clock: Clock | None = None,
        heads: HeadLog | None = None,
        schema_name: str | None = None,
        cache_folder: Path | None = None,
    ) -> None:
        self.engine = engine
        self.heads = heads
        self.cache_folder = cache_folder  # for what can be rebuilt at any time; None: nothing is kept
        self.schema_name = schema_name
        with self.read() as connection:
            info = connection.execute(sa.select(schema.world_info)).one_or_none()
        if info is None:
            raise NotFoundError("this database holds no world yet", key="store.no_world")
        self.public_id: str = info.public_id
        self.name: str = info.name
        self.kind: str = info.kind
        self.title: dict[str, str] = info.title
        self.node_id: str = info.node_id
        self.salt: str = info.salt
        self.clock: Clock = clock or (FixedClock(info.clock_at) if info.clock_at else SystemClock())

    @property
    def is_live(self) -> bool:
        return self.kind == "live"

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one consistent state until it is closed."""
        with _said_plainly(), self.engine.connect() as connection:
            if self.engine.dialect.name == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    @contextmanager
    def stage(self) -> Iterator[sa.Connection]:
        """A short transaction outside the journal: rows that nothing can see yet, or housekeeping."""
        with (
            _said_plainly(),
            self.engine.connect().execution_options(**_WRITE) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def write(self, actor: Actor) -> Iterator[Tx]:
        """A journaled transaction. All of it happens, with its events, or nothing does."""
        with self.stage() as connection:
            head = connection.execute(
                sa.select(schema.journal_head).where(schema.journal_head.c.id == 1).with_for_update()
            ).one()
            tx = Tx(self, connection, actor, head)
            yield tx
            last, digest = tx._close()
        if self.heads is not None:
            self.heads.note(last, digest, tx.now)

    def head(self) -> int:
        """The sequence of the newest event; 0 before the first."""
        with self.read() as connection:
            return int(connection.execute(sa.select(schema.journal_head.c.seq)).scalar_one())

    def as_of(
        self, *, seq: int | None = None, at: datetime | None = None, known_at: datetime | None = None
    ) -> AsOf:
        """Resolve a question's moment to a journal sequence: ``seq`` itself, the last event by ``at``, or the head."""
        if seq is None and at is not None:
            with self.read() as connection:
                seq = connection.execute(
                    sa.select(sa.func.coalesce(sa.func.max(schema.event.c.seq), 0)).where(
                        schema.event.c.at <= at
                    )
                ).scalar_one()
        return AsOf(self.head() if seq is None else seq, known_at)

    def seal(self) -> None:
        """Sign the present head and keep it outside the database, so that a cut tail can be seen."""
        if self.heads is None:
            return
        with self.read() as connection:
            head = connection.execute(sa.select(schema.journal_head)).one()
        self.heads.note(head.seq, head.hash, head.at, force=True)

    def close(self) -> None:
        self.seal()
        self.engine.dispose()
