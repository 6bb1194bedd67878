"""The migrations give exactly the tables that the rooms declare, on both databases."""

from __future__ import annotations

import importlib

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from anlan.store import World, metadata
from anlan.store.migrate import current_revision, head_revision

ROOMS = ("registry", "series", "intake", "analysis", "assessment", "warning")


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
