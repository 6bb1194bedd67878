"""Backup of a whole node while it works, into one file that is read again and checked after it was written.

SQLite worlds are copied with the database's own backup call, PostgreSQL worlds by COPY of every table in one
REPEATABLE READ snapshot; no program besides Python is needed. The signed heads are read *before* the data, so that
they never name an event that the copy does not hold. What the archive is made of says ``archive``; the way back is in
``restoring``.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import anlan
from anlan.errors import ConflictError, IntegrityError, NotFoundError
from anlan.store import archive, schema
from anlan.store.archive import ArchiveReader, ArchiveWriter
from anlan.store.heads import HeadLog
from anlan.store.journal import DeepCheck, Finding, verify
from anlan.store.migrate import current_revision
from anlan.store.node import Node
from anlan.store.types import SystemClock
from anlan.store.world import World, make_engine

__all__ = ["BackedUpWorld", "BackupReport", "backup"]


@dataclass(frozen=True)
class BackedUpWorld:
    """Where the journal of a world stood, and what verifying its copy found (nothing, one hopes)."""

    name: str
    seq: int
    hash: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class BackupReport:
    path: Path
    size: int
    made_at: datetime
    has_keys: bool
    worlds: tuple[BackedUpWorld, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for world in self.worlds for finding in world.findings)


def backup(
    node: Node, path: Path, *, passphrase: str | None = None, deep_checks: Iterable[DeepCheck] = ()
) -> BackupReport:
    """Write a backup of all worlds of a node while others read and write.

    Parameters
    ----------
    node : Node
    path : Path
        A file that does not exist yet. It appears when it is complete and checked.
    passphrase : str, optional
        Seals the node's keys and puts them in. Without it they are left out, and a copy of the ``keys`` folder must
        be kept elsewhere: personal values cannot be opened without it.
    deep_checks : iterable of DeepCheck
        The rooms' checks for ``verify``.

    Returns
    -------
    BackupReport
        With the findings of verifying the journals. A node whose journal is broken is still worth keeping, so that
        findings are told and not raised.
    """
    if path.exists():
        raise ConflictError(
            f"{path} exists already; a backup never writes over a file",
            key="backup.exists",
            values={"file": str(path)},
        )
    names = node.world_names()
    if not names:
        raise NotFoundError("this node has no world to back up", key="backup.nothing", values={})
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        partial = folder / "partial"
        made_at = (node.clock or SystemClock()).now()
        writer = ArchiveWriter(partial)
        try:
            worlds, told = _put_worlds(node, names, writer, folder, list(deep_checks))
            _put_node(node, writer, passphrase)
            writer.close(_manifest(node, made_at, told))
        finally:
            writer.abandon()
        _read_again(partial)
        _claim(partial, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return BackupReport(path, path.stat().st_size, made_at, passphrase is not None, tuple(worlds))


def _claim(partial: Path, path: Path) -> None:
    try:
        path.hardlink_to(partial)  # unlike a rename it fails when somebody else made the file meanwhile
    except FileExistsError as error:
        raise ConflictError(
            f"{path} was made by somebody else meanwhile", key="backup.exists", values={"file": str(path)}
        ) from error
    except OSError:
        partial.replace(path)  # a file system without hard links


def _manifest(node: Node, made_at: datetime, worlds: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "made_at": made_at.isoformat(),
        "version": anlan.__version__,
        "database": "postgresql" if node.settings.database_url else "sqlite",
        "node": node.id,
        "node_name": node.settings.node_name,
        "fingerprints": archive.fingerprints(_keys(node)),
        "worlds": worlds,
    }


def _keys(node: Node) -> dict[str, bytes]:
    folder = node.folder / "keys"
    return {name: (folder / name).read_bytes() for name in archive.KEY_FILES}


def _put_node(node: Node, writer: ArchiveWriter, passphrase: str | None) -> None:
    writer.add_file("node.json", node.folder / "node.json")
    erased = node.folder / "erased.jsonl"
    if erased.exists():
        writer.add("erased.jsonl", erased.read_bytes())
    if passphrase is not None:
        writer.add("keys.json", archive.seal_keys(_keys(node), passphrase, node.id))


def _put_worlds(
    node: Node, names: list[str], writer: ArchiveWriter, folder: Path, checks: list[DeepCheck]
) -> tuple[list[BackedUpWorld], list[dict[str, Any]]]:
    worlds, told = [], []
    for name in names:
        world = node.world(name)
        world.seal()
        heads = folder / f"{name}.jsonl"
        original = node.folder / "heads" / f"{name}.jsonl"
        heads.write_bytes(original.read_bytes() if original.exists() else b"")
        writer.add_file(f"heads/{name}.jsonl", heads)
        log = HeadLog(heads, node.key)
        if world.dialect == "sqlite":
            entry, findings = _put_sqlite(world, writer, folder / f"{name}.db", log, checks)
        else:
            entry, findings = _put_postgresql(world, writer, log, checks)
        told.append(entry)
        worlds.append(BackedUpWorld(name, entry["seq"], entry["hash"], tuple(findings)))
    return worlds, told


def _told(world: World, connection: sa.Connection, revision: str | None) -> dict[str, Any]:
    head = connection.execute(sa.select(schema.journal_head)).one()
    return {
        "name": world.name,
        "kind": world.kind,
        "public_id": world.public_id,
        "revision": revision,
        "seq": head.seq,
        "hash": head.hash,
    }


def _put_sqlite(
    world: World, writer: ArchiveWriter, copy: Path, heads: HeadLog, checks: list[DeepCheck]
) -> tuple[dict[str, Any], list[Finding]]:
    target = sqlite3.connect(copy)
    with world.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.backup(target)  # all pages in one step: one state, and writers go on
    target.close()
    engine = make_engine(f"sqlite:///{copy}")
    try:
        copied = World(engine, clock=world.clock, heads=heads)
        revision = current_revision(engine)
        with copied.read() as connection:
            entry = _told(world, connection, revision)
        findings = verify(copied, deep=True, deep_checks=checks)
    finally:
        engine.dispose()
    single = sqlite3.connect(copy)
    single.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    single.close()
    writer.add_file(f"worlds/{world.name}.db", copy)
    copy.unlink()
    return entry, findings


def _put_postgresql(
    world: World, writer: ArchiveWriter, heads: HeadLog, checks: list[DeepCheck]
) -> tuple[dict[str, Any], list[Finding]]:
    revision = current_revision(world.engine)
    with world.read() as connection:
        entry = _told(world, connection, revision)
        inspector = sa.inspect(connection)
        names = sorted(set(inspector.get_table_names(schema=world.schema_name)) - {"alembic_version"})
        entry["tables"] = {}
        entry["sequences"] = {}
        for name in names:
            columns = [column["name"] for column in inspector.get_columns(name, schema=world.schema_name)]
            with writer.entry(f"worlds/{world.name}/{name}.copy") as target:
                rows = _copy_out(connection, name, columns, target)
            entry["tables"][name] = {"columns": columns, "rows": rows}
            entry["sequences"].update(_sequences(connection, name, columns))
    seen = World(world.engine, clock=world.clock, heads=heads, schema_name=world.schema_name)
    return entry, verify(seen, deep=True, deep_checks=checks)


def _copy_out(connection: sa.Connection, table: str, columns: list[str], target: Any) -> int:
    driver: Any = connection.connection.driver_connection
    rows = 0
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {archive.quoted(table, columns)} TO STDOUT (ENCODING 'UTF8')") as copy,
    ):
        waiting = bytearray()
        for piece in copy:
            waiting += piece
            rows += 1  # the server sends one row at a time
            if len(waiting) >= 1 << 20:
                target.write(bytes(waiting))
                waiting.clear()
        target.write(bytes(waiting))
    return rows


def _sequences(connection: sa.Connection, table: str, columns: list[str]) -> dict[str, list[Any]]:
    """Where the counters stand: an id that was given once must not be given again, even when its row is gone."""
    found: dict[str, list[Any]] = {}
    for column in columns:
        name = connection.execute(
            sa.text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": f'"{table}"', "column": column},
        ).scalar()
        if name:
            row = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {name}").one()
            found[f"{table}.{column}"] = [row.last_value, row.is_called]
    return found


def _read_again(path: Path) -> None:
    """What is on the disk must be what was meant: every file, and the journal's chain up to the head."""
    reader = ArchiveReader(path)
    try:
        reader.check()
        for entry in reader.manifest["worlds"]:
            if "tables" in entry:
                last, digest = archive.chain_end(reader, entry["name"], entry["tables"]["event"]["columns"])
                if (last, digest) != (entry["seq"], entry["hash"]):
                    raise IntegrityError(
                        f"the copy of {entry['name']} ends at event {last}, its head says {entry['seq']}",
                        key="backup.incomplete",
                        values={"world": entry["name"], "last": last, "head": entry["seq"]},
                    )
    finally:
        reader.close()
