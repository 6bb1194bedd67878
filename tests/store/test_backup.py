"""Backup while others write, and restore into an empty place: whole and verified, or not at all."""

from __future__ import annotations

import itertools
import json
import os
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa

from anlan.errors import ConfigurationError, ConflictError, ForbiddenError, IntegrityError, NotFoundError
from anlan.series import (
    ObservationColumns,
    SeriesKey,
    batch_check,
    begin_batch,
    publish,
    series_ids,
    stage_observations,
    values,
)
from anlan.settings import Settings
from anlan.store import SYSTEM, Node, Scope, Vault, World, schema, verify
from anlan.store.archive import ArchiveReader
from anlan.store.backup import backup
from anlan.store.restoring import restore

ALL = Scope.everything("test")
CHECKS = [batch_check]
_counter = itertools.count()


@pytest.fixture
def place(node: Node, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """An empty place for the restored node, on the same kind of database."""
    settings = Settings(data_dir=tmp_path / "restored" / "node")
    if not node.settings.database_url:
        yield settings
        return
    server, name = request.getfixturevalue("postgres_server"), f"r{os.getpid()}_{next(_counter)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield replace(settings, database_url=f"{server}/{name}")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def fill(node: Node) -> World:
    """Two worlds; in the live one a published batch, one on its way, odd characters and two people."""
    world = node.create_world("live", "live", {"zh": "实况", "en": "Live\ttab\\n"})
    node.create_world("drill", "exercise", {"zh": "演练", "en": "Drill"})
    ids = series_ids(world, SYSTEM, [SeriesKey("cases", f"a{n}", f"CN/a{n}/", "d") for n in range(3)])
    rows = ObservationColumns.of(
        np.repeat(ids, 50), np.tile(np.arange(50), 3), 10, np.linspace(0.1, 7.7, 150)
    )
    for last in (False, True):
        batch_id = begin_batch(world, source_code="甲\t\\乙\n")
        stage_observations(world, batch_id, rows)
        if not last:
            with world.write(SYSTEM) as tx:
                publish(tx, batch_id, mode="add", label="\\.", area_path="CN/", domain="d")
    for name in ("s1", "s2"):
        with world.write(SYSTEM) as tx:
            vault_of(node, world).put(tx, name, {"name": f"张三 {name}"})
            tx.event("subject.kept", subject=("subject", name))
    return world


def vault_of(node: Node, world: World) -> Vault:
    return Vault(world, node.master_key, node.folder / "erased.jsonl")


def answer(world: World) -> bytes:
    with world.read() as connection:
        return values(connection, ALL, world.as_of(), [1, 2, 3]).to_bytes()


def edited(source: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same archive with another manifest."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "manifest.json":
                manifest = json.loads(content)
                change(manifest)
                content = json.dumps(manifest).encode()
            new.writestr(name, content)
    return target


def middle_of(content: bytes, info: zipfile.ZipInfo) -> int:
    """Where the middle byte of a file's compressed content stands in the archive."""
    name, extra = struct.unpack_from("<HH", content, info.header_offset + 26)
    return int(info.header_offset + 30 + name + extra + info.compress_size // 2)


def contents(path: Path) -> dict[str, bytes]:
    reader = ArchiveReader(path)
    try:
        reader.check()
        return {name: reader.read(name) for name in reader.names()}
    finally:
        reader.close()


def nothing_left(settings: Settings) -> bool:
    folder = Path(settings.data_dir)
    files = list(folder.parent.iterdir()) if folder.parent.exists() else []
    schemas: list[Any] = []
    if settings.database_url:
        with psycopg.connect(settings.database_url) as connection:
            query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE '%anlan%'"
            schemas = connection.execute(query).fetchall()
    return not files and not schemas


def test_a_node_comes_back_as_it_was_although_others_wrote_meanwhile(
    node: Node, place: Settings, tmp_path: Path
) -> None:
    world = fill(node)
    stop = threading.Event()

    def write_on() -> None:
        while not stop.is_set():
            with world.write(SYSTEM) as tx:
                tx.event("test.said")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        report = backup(node, tmp_path / "b" / "n.backup", passphrase="湖北 42", deep_checks=CHECKS)
    finally:
        stop.set()
        writer.join()
    assert [one.name for one in report.worlds] == ["live", "drill"]
    assert report.findings == ()
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["n.backup"]
    assert report.path.stat().st_mode & 0o077 == 0
    told = report.worlds[0]
    vault_of(node, world).erase("s2", actor=SYSTEM, reason="by law")  # after the backup

    done = restore(
        place, report.path, passphrase="湖北 42", erased=node.folder / "erased.jsonl", deep_checks=CHECKS
    )
    assert [(one.name, one.erased_again) for one in done.worlds] == [("live", 1), ("drill", 0)]
    assert done.with_keys
    again = Node(place, clock=node.clock)
    try:
        back = again.world("live")
        assert (again.id, back.title, back.public_id) == (node.id, world.title, world.public_id)
        assert again.world("drill").kind == "exercise"
        assert back.head() == told.seq + 1  # the erasure, done again
        with back.read() as connection:
            found = connection.execute(sa.select(schema.event.c.hash).where(schema.event.c.seq == told.seq))
            assert found.scalar_one() == told.hash
        assert answer(back) == answer(world)
        assert vault_of(again, back).open("s1", scope=ALL, actor=SYSTEM) == {"name": "张三 s1"}
        with pytest.raises(NotFoundError):
            vault_of(again, back).open("s2", scope=ALL, actor=SYSTEM)
        assert begin_batch(back, source_code="x") == 3
        assert verify(back, deep=True, deep_checks=CHECKS) == []
        assert backup(again, tmp_path / "second.backup", deep_checks=CHECKS).findings == ()
    finally:
        again.close()


def test_keys_come_from_the_backup_or_from_a_copy_or_are_given_up(
    node: Node, place: Settings, tmp_path: Path
) -> None:
    fill(node)
    sealed = backup(node, tmp_path / "sealed", passphrase="right").path
    plain = backup(node, tmp_path / "plain").path
    assert node.master_key not in plain.read_bytes()
    with zipfile.ZipFile(plain) as archive:
        assert not [name for name in archive.namelist() if "keys" in name or name.endswith(".key")]
    wrong = tmp_path / "wrong_keys"
    wrong.mkdir()
    for name in ("node.key", "personal.key"):
        (wrong / name).write_bytes(os.urandom(32))
    refused: list[tuple[Path, dict[str, Any], str]] = [
        (sealed, {}, "give its passphrase"),
        (sealed, {"passphrase": "wrong"}, "does not open"),
        (plain, {"passphrase": "right"}, "holds no keys"),
        (plain, {"keys": wrong}, "not the keys"),
        (plain, {"keys": tmp_path / "nowhere"}, "cannot be read"),
    ]
    for path, options, message in refused:
        with pytest.raises(ForbiddenError, match=message):
            restore(place, path, **options)
        assert nothing_left(place)
    assert not restore(place, plain, without_keys=True, deep_checks=CHECKS).with_keys
    again = Node(place)
    try:
        assert again.master_key != node.master_key
        assert verify(again.world(), deep=True, deep_checks=CHECKS) == []
        with pytest.raises(NotFoundError):
            vault_of(again, again.world()).open("s1", scope=ALL, actor=SYSTEM)
    finally:
        again.close()


def test_a_copy_of_the_keys_folder_does_for_a_backup_without_keys(
    node: Node, place: Settings, tmp_path: Path
) -> None:
    fill(node)
    plain = backup(node, tmp_path / "plain").path
    Path(place.data_dir).mkdir(parents=True)  # an empty folder, perhaps a mounted one, is an empty place
    (Path(place.data_dir) / "note.txt").write_text("not ours")
    assert restore(place, plain, keys=node.folder / "keys", deep_checks=CHECKS).with_keys
    again = Node(place)
    try:
        assert vault_of(again, again.world()).open("s1", scope=ALL, actor=SYSTEM) == {"name": "张三 s1"}
    finally:
        again.close()
    with pytest.raises(ConflictError, match="there is a node already"):
        restore(place, plain, keys=node.folder / "keys")


def test_nothing_is_written_over(node: Node, place: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no world"):
        backup(node, tmp_path / "none")
    fill(node)
    (tmp_path / "there").write_text("precious")
    with pytest.raises(ConflictError, match="never writes over"):
        backup(node, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "precious"
    plain = backup(node, tmp_path / "plain").path
    with pytest.raises(ConflictError, match="there is a node already"):
        restore(node.settings, plain, without_keys=True)
    if place.database_url:  # an empty folder is not enough when the database is in use
        with pytest.raises(ConflictError, match="anlan_live"):
            restore(replace(place, database_url=node.settings.database_url), plain, without_keys=True)


def test_a_damaged_archive_is_refused_wherever_the_damage_is(
    node: Node, place: Settings, tmp_path: Path
) -> None:
    fill(node)
    good = backup(node, tmp_path / "good").path
    content, random = good.read_bytes(), np.random.default_rng(5)
    bad = tmp_path / "bad"
    with zipfile.ZipFile(good) as archive:
        inside = [middle_of(content, info) for info in archive.infolist() if info.compress_size > 2]
    anywhere = random.integers(0, len(content), 30).tolist()
    for at in [*inside, *anywhere]:
        spoilt = bytearray(content)
        spoilt[at] ^= 0x41
        bad.write_bytes(spoilt)
        try:
            harmless = contents(bad) == contents(
                good
            )  # a byte that carries nothing, such as a date in the directory
        except IntegrityError:
            continue
        assert harmless, at
        assert at not in inside
    for broken in (content[: len(content) // 2], b"", b"not a zip"):
        bad.write_bytes(broken)
        with pytest.raises(IntegrityError, match="cannot be used as a backup"):
            restore(place, bad, without_keys=True)
    with pytest.raises(IntegrityError, match="manifest"):
        restore(place, tmp_path / "absent", without_keys=True)
    assert nothing_left(place)


def test_a_changed_manifest_is_refused(node: Node, place: Settings, tmp_path: Path) -> None:
    fill(node)
    good = backup(node, tmp_path / "good").path
    other = "sqlite" if place.database_url else "postgresql"
    changes: list[tuple[type[Exception], str, Callable[[dict[str, Any]], None]]] = [
        (ConfigurationError, "does not know", lambda m: m["worlds"][0].update(revision="9999")),
        (ConfigurationError, f"backup of a {other} node", lambda m: m.update(database=other)),
        (IntegrityError, "its format is 2", lambda m: m.update(format=2)),
        (IntegrityError, "does not say files", lambda m: m.pop("files")),
        (IntegrityError, "names a file", lambda m: m["files"].update({"heads/../../x": {}})),
        (IntegrityError, "names a file", lambda m: m["files"].update({"/etc/x": {}})),
        (IntegrityError, "does not name", lambda m: m["files"].pop("node.json")),
        (IntegrityError, "not what was written", lambda m: m["files"]["node.json"].update(size=1)),
        (IntegrityError, "cannot be read", lambda m: m["files"].update(more={"size": 0, "sha256": ""})),
        (IntegrityError, "does not verify", lambda m: m["worlds"][0].update(seq=2)),
    ]
    for number, (kind, message, change) in enumerate(changes):
        with pytest.raises(kind, match=message):
            restore(place, edited(good, tmp_path / f"bad{number}", change), without_keys=True)
        assert nothing_left(place)


def test_rows_edited_behind_the_journal_are_told_by_the_backup_and_refused_by_the_restore(
    node: Node, place: Settings, tmp_path: Path
) -> None:
    world = fill(node)
    with world.stage() as connection:
        connection.execute(
            sa.text("UPDATE observation SET value = 0 WHERE series_id = 2 AND period = 7 AND batch_id = 1")
        )
    report = backup(node, tmp_path / "b", deep_checks=CHECKS)
    assert [finding.kind for finding in report.findings] == ["observations"]
    with pytest.raises(IntegrityError, match="live does not verify") as caught:
        restore(place, report.path, without_keys=True, deep_checks=CHECKS)
    assert "batch 1" in str(caught.value.problems[0])
    assert nothing_left(place)
