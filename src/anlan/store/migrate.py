"""Bring a world's database to the schema of this version, by Alembic migrations that ship with the package."""

from __future__ import annotations

from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

__all__ = ["current_revision", "head_revision", "known_revisions", "upgrade"]


def _config() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(files("anlan.store").joinpath("migrations")).replace("%", "%%")
    )
    return config


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Run the missing migrations in one transaction."""
    config = _config()
    with engine.connect().execution_options(anlan_write=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def head_revision() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def known_revisions() -> set[str]:
    """All schema revisions that this version can read and migrate."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def current_revision(engine: sa.Engine) -> str | None:
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
