"""Restoring a backup into an empty place: the node is there whole and verified in the end, or not at all.

The archive is checked first. Then everything is built beside its place (a folder, and PostgreSQL schemas with a name of
their own), brought to the schema of this version, verified with all its rows, and those whose personal values were
erased since the backup lose their keys again. Only then it is moved to where it belongs.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anlan.errors import ConfigurationError, ConflictError, ForbiddenError, IntegrityError, Problem
from anlan.settings import Settings
from anlan.store import archive, schema
from anlan.store.archive import ArchiveReader
from anlan.store.heads import HeadLog
from anlan.store.journal import DeepCheck, verify
from anlan.store.migrate import known_revisions, upgrade
from anlan.store.personal import Vault
from anlan.store.types import SYSTEM
from anlan.store.world import World, make_engine

__all__ = ["RestoreReport", "RestoredWorld", "restore"]

_OURS = ("node.json", "keys", "worlds", "heads")
_ASIDE = "restoring_anlan_"


@dataclass(frozen=True)
class RestoredWorld:
    """A world that is there again: the head of its backup, and how many erasures were done again."""

    name: str
    seq: int
    erased_again: int


@dataclass(frozen=True)
class RestoreReport:
    node_id: str
    made_at: str
    with_keys: bool
    worlds: tuple[RestoredWorld, ...]


def restore(
    settings: Settings,
    path: Path,
    *,
    passphrase: str | None = None,
    keys: Path | None = None,
    without_keys: bool = False,
    erased: Path | None = None,
    deep_checks: Iterable[DeepCheck] = (),
) -> RestoreReport:
    """Build the node of a backup in the place that the settings name, which must hold none.

    Parameters
    ----------
    settings : Settings
        ``data_dir`` and ``database_url`` of the new place; the kind of database must be that of the backup.
    path : Path
        The backup.
    passphrase : str, optional
        Opens the keys in the backup.
    keys : Path, optional
        A copy of the ``keys`` folder, for a backup without keys.
    without_keys : bool, default False
        The keys are lost: make new ones. Personal values can then never be opened again, and heads signed so far
        can no longer be checked.
    erased : Path, optional
        ``erased.jsonl`` of the lost node, newer than the backup: who was erased since.
    deep_checks : iterable of DeepCheck
        The rooms' checks for ``verify``.

    Raises
    ------
    ConflictError
        There is a node already.
    IntegrityError
        The archive is damaged, or its journal does not verify.
    ConfigurationError
        Made by a newer version, or from the other kind of database.
    ForbiddenError
        The keys are missing, or not those of this node.
    """
    folder = Path(settings.data_dir)
    _refuse_occupied(settings, folder)
    reader = ArchiveReader(path)
    try:
        reader.check()
        _refuse_foreign(reader, settings)
        key_files = {} if without_keys else _keys(reader, passphrase, keys)
        aside = folder.parent / f".{folder.name}-restoring-{uuid.uuid4().hex[:8]}"
        aside.mkdir(parents=True)
        try:
            _lay_out(reader, aside, key_files, erased)
            with _databases(reader, settings, aside) as places:
                worlds = [
                    _bring_up(entry, places[entry["name"]], aside, key_files, list(deep_checks))
                    for entry in reader.manifest["worlds"]
                ]
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return RestoreReport(
            reader.manifest["node"], reader.manifest["made_at"], bool(key_files), tuple(worlds)
        )
    finally:
        reader.close()


def _refuse_occupied(settings: Settings, folder: Path) -> None:
    there = [str(folder / name) for name in _OURS if (folder / name).exists()]
    if settings.database_url:
        engine = make_engine(settings.database_url)
        with engine.connect() as connection:
            there += [name for name in sa.inspect(connection).get_schema_names() if name.startswith("anlan_")]
        engine.dispose()
    if there:
        raise ConflictError(
            f"there is a node already ({', '.join(there)}); a restore needs an empty place",
            key="backup.occupied",
            values={"found": ", ".join(there)},
        )


def _refuse_foreign(reader: ArchiveReader, settings: Settings) -> None:
    manifest, here = reader.manifest, "postgresql" if settings.database_url else "sqlite"
    if manifest["database"] != here:
        raise ConfigurationError(
            f"this is a backup of a {manifest['database']} node and the settings name {here}",
            key="backup.other_database",
            values={"made": manifest["database"], "here": here},
        )
    newer = sorted({str(entry["revision"]) for entry in manifest["worlds"]} - known_revisions())
    if newer:
        raise ConfigurationError(
            f"this backup was made by anlan {manifest['version']} with schema {newer[0]}, which this version does not know",
            key="backup.newer_schema",
            values={"version": manifest["version"], "revision": newer[0]},
        )


def _keys(reader: ArchiveReader, passphrase: str | None, folder: Path | None) -> dict[str, bytes]:
    if folder is not None:
        try:
            found = {name: (folder / name).read_bytes() for name in archive.KEY_FILES}
        except OSError as error:
            raise ForbiddenError(
                f"the keys cannot be read: {error}",
                key="backup.keys_unreadable",
                values={"reason": str(error)},
            ) from error
    elif passphrase is not None and "keys.json" in reader.manifest["files"]:
        found = archive.open_keys(reader.read("keys.json"), passphrase, reader.manifest["node"])
    elif "keys.json" in reader.manifest["files"]:
        raise ForbiddenError(
            "the keys in this backup are sealed: give its passphrase",
            key="backup.needs_passphrase",
            values={},
        )
    else:
        raise ForbiddenError(
            "this backup holds no keys: give the folder with the node's keys",
            key="backup.needs_keys",
            values={},
        )
    if archive.fingerprints(found) != reader.manifest["fingerprints"]:
        raise ForbiddenError(
            "these are not the keys of the node in this backup", key="backup.wrong_keys", values={}
        )
    return found


def _lay_out(reader: ArchiveReader, aside: Path, keys: dict[str, bytes], erased: Path | None) -> None:
    """The files of the node beside the databases."""
    reader.extract("node.json", aside / "node.json")
    for name, content in keys.items():
        target = aside / "keys" / name
        target.parent.mkdir(exist_ok=True)
        target.touch(0o600)
        target.write_bytes(content)
    if keys:  # without the key that signed them they say nothing
        for name in reader.names("heads/"):
            reader.extract(name, aside / name)
    lines = reader.read("erased.jsonl").splitlines() if "erased.jsonl" in reader.manifest["files"] else []
    lines += erased.read_bytes().splitlines() if erased is not None else []
    if lines:
        (aside / "erased.jsonl").write_bytes(b"".join(line + b"\n" for line in dict.fromkeys(lines)))


@contextmanager
def _databases(
    reader: ArchiveReader, settings: Settings, aside: Path
) -> Iterator[dict[str, tuple[str, str | None]]]:
    """World -> address and schema, filled from the archive; with the files put in place at the end, or removed."""
    folder = Path(settings.data_dir)
    names = [entry["name"] for entry in reader.manifest["worlds"]]
    if not settings.database_url:
        for name in names:
            reader.extract(f"worlds/{name}.db", aside / "worlds" / f"{name}.db")
        yield {name: (f"sqlite:///{aside / 'worlds' / name}.db", None) for name in names}
        _move_in(aside, folder)
        return
    maker = make_engine(settings.database_url)
    try:
        _drop_leftovers(maker)
        for entry in reader.manifest["worlds"]:
            with maker.begin() as connection:
                connection.execute(sa.schema.CreateSchema(_ASIDE + entry["name"]))
            _fill(reader, entry, settings.database_url)
        yield {name: (settings.database_url, _ASIDE + name) for name in names}
        with maker.begin() as connection:
            for name in names:
                connection.exec_driver_sql(f'ALTER SCHEMA "{_ASIDE}{name}" RENAME TO "anlan_{name}"')
            _move_in(
                aside, folder
            )  # inside the transaction: when the files cannot be moved, nothing is renamed
    except BaseException:
        _drop_leftovers(maker)
        raise
    finally:
        maker.dispose()


def _drop_leftovers(maker: sa.Engine) -> None:
    with maker.begin() as connection:
        for name in sa.inspect(connection).get_schema_names():
            if name.startswith(_ASIDE):
                connection.execute(sa.schema.DropSchema(name, cascade=True))


def _fill(reader: ArchiveReader, entry: dict[str, Any], url: str) -> None:
    """The tables of a PostgreSQL world as they were, at the schema revision that they had."""
    name = _ASIDE + entry["name"]
    engine = make_engine(url, schema_name=name)
    try:
        upgrade(engine, entry["revision"])
        with engine.begin() as connection:
            order = [
                table
                for table, _ in sa.inspect(connection).get_sorted_table_and_fkc_names(schema=name)
                if table
            ]
            if set(order) - {"alembic_version"} != set(entry["tables"]):
                raise IntegrityError(
                    f"the tables of {entry['name']} are not those of schema {entry['revision']}",
                    key="backup.tables",
                    values={"world": entry["name"]},
                )
            driver: Any = connection.connection.driver_connection
            for table in order:
                if table in entry["tables"]:
                    columns = entry["tables"][table]["columns"]
                    with (
                        driver.cursor() as cursor,
                        cursor.copy(
                            f"COPY {archive.quoted(table, columns)} FROM STDIN (ENCODING 'UTF8')"
                        ) as copy,
                    ):
                        for block in reader.blocks(f"worlds/{entry['name']}/{table}.copy"):
                            copy.write(block)
            for place, (value, called) in entry["sequences"].items():
                table, column = place.split(".")
                connection.execute(
                    sa.text("SELECT setval(pg_get_serial_sequence(:table, :column), :value, :called)"),
                    {"table": f'"{table}"', "column": column, "value": value, "called": called},
                )
            connection.exec_driver_sql("ANALYZE")
    finally:
        engine.dispose()


def _bring_up(
    entry: dict[str, Any],
    place: tuple[str, str | None],
    aside: Path,
    keys: dict[str, bytes],
    checks: list[DeepCheck],
) -> RestoredWorld:
    """Migrate, verify, and erase again."""
    engine = make_engine(place[0], schema_name=place[1])
    try:
        upgrade(engine)
        heads = None
        if keys:
            log = aside / "heads" / f"{entry['name']}.jsonl"
            heads = HeadLog(log, Ed25519PrivateKey.from_private_bytes(keys["node.key"]))
        world = World(engine, heads=heads, schema_name=place[1])
        _verify(world, entry, checks)
        if keys:
            vault = Vault(world, keys["personal.key"], aside / "erased.jsonl")
            again = vault.replay_erasures(SYSTEM)
        else:
            again = _forget_all(world)
        world.seal()
        if world.dialect == "sqlite":
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()
    return RestoredWorld(entry["name"], entry["seq"], again)


def _verify(world: World, entry: dict[str, Any], checks: list[DeepCheck]) -> None:
    findings = verify(world, deep=True, deep_checks=checks)
    with world.read() as connection:
        head = connection.execute(sa.select(schema.journal_head)).one()
    if (head.seq, head.hash) != (entry["seq"], entry["hash"]) or findings:
        raise IntegrityError(
            f"the journal of {entry['name']} does not verify; nothing was restored",
            key="backup.does_not_verify",
            values={"world": entry["name"]},
            problems=[
                Problem(f"journal.{one.kind}", {}, {"event": one.seq}, one.message) for one in findings[:50]
            ],
        )


def _forget_all(world: World) -> int:
    """The master key is gone: what it wrapped can never be opened, and saying so is better than an error each time."""
    with world.read() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(schema.personal_key)).scalar_one()
    if count:
        with world.write(SYSTEM) as tx:
            tx.connection.execute(schema.personal_key.delete())
            tx.event("personal.keys_lost", data={"subjects": count})
    return int(count)


def _move_in(aside: Path, folder: Path) -> None:
    if not folder.exists():
        aside.rename(folder)
        return
    for item in sorted(
        aside.iterdir(), key=lambda path: path.name == "node.json"
    ):  # what makes it a node comes last
        item.rename(folder / item.name)
