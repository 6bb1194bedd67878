"""The migrations give exactly the declared tables, and run on the database that was kept at the first schema."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import first_schema
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from anlan import analysis, intake
from anlan.flows.verify import verify_world
from anlan.flows.work import work_once
from anlan.settings import Settings
from anlan.store import SYSTEM, FixedClock, Node, Scope, Vault, World, metadata
from anlan.store.migrate import current_revision, head_revision
from anlan.store.restoring import restore
from anlan.warning import queries as warnings

ALL = Scope.everything("test")
ROOMS = ("registry", "series", "intake", "analysis", "assessment", "warning", "resolution")


def test_the_migrated_schema_is_the_declared_one(world: World) -> None:
    for room in ROOMS:
        importlib.import_module(f"anlan.{room}.tables")
    with world.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        differences = compare_metadata(context, metadata)
    assert differences == []
    assert current_revision(world.engine) == head_revision()


def test_columns_allow_and_refuse_nothing_as_declared(world: World) -> None:
    for room in ROOMS:
        importlib.import_module(f"anlan.{room}.tables")
    inspector = sa.inspect(world.engine)
    for table in metadata.sorted_tables:
        found = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert found == {column.name: column.nullable for column in table.columns}, table.name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    """The node that was kept at the first schema, restored and brought to today's."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    settings = Settings(data_dir=tmp_path / "node", database_url=url)
    restore(settings, first_schema.archive(request.param), passphrase=first_schema.PASSPHRASE)
    node = Node(settings, clock=FixedClock(first_schema.MADE_AT))
    node.upgrade_worlds()
    yield node
    node.close()


def test_every_migration_runs_on_the_kept_database(kept: Node) -> None:
    world = kept.world("exercise")
    assert current_revision(world.engine) == head_revision()
    for name in kept.world_names():
        assert verify_world(kept.world(name), deep=True) == []
    with world.read() as connection:
        as_of = world.as_of()
        received = intake.deliveries(connection, ALL, as_of, limit=None)
        signals = analysis.signals(connection, ALL, as_of, limit=None)
        messages = warnings.messages(connection, ALL, as_of, limit=None)
    assert [len(received), len(messages)] == [2, 1]
    assert sorted(one.receipt.counts.rows_rejected for one in received) == [1, 1]
    assert len(signals) >= 5
    assert b"<status>Exercise</status>" in messages[0].cap_bytes
    vault = Vault(world, kept.master_key, kept.folder / "erased.jsonl")
    assert vault.open("subject-1", scope=ALL, actor=SYSTEM) == {"name": "张三"}


def test_work_goes_on_in_the_kept_database(kept: Node) -> None:
    world = kept.world("exercise")
    head = world.head()
    content = b"county,week,indicator,cases\n421281,2026-06-29,disease.measles.weekly,30\n"
    intake.deliver(world, SYSTEM, ALL, source_code="county.weekly", filename="next.csv", content=content)
    work_once(world)
    assert world.head() > head
    assert verify_world(world, deep=True) == []
