"""Print the operations that bring the migrated schema to what the rooms' tables say: the start of a new migration.

    python tools/draft_migration.py > src/anlan/store/migrations/versions/000N_what.py

What is printed is a draft: read it, name it, say why in its docstring.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext

from anlan.store import JsonText, UtcTime, make_engine, metadata
from anlan.store.migrate import upgrade

ROOMS = ("registry", "series", "intake", "analysis", "assessment", "warning", "resolution")


def render_type(kind: str, item: Any, _context: Any) -> str | bool:
    """Migrations name plain column types, so that they mean the same for ever."""
    if kind != "type":
        return False
    if isinstance(item, UtcTime):
        return "sa.BigInteger()"
    if isinstance(item, JsonText):
        return "sa.Text()"
    if isinstance(item, sa.BigInteger) and item._variant_mapping:
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    return False


def main() -> int:
    for room in ROOMS:
        importlib.import_module(f"anlan.{room}.tables")
    engine = make_engine(f"sqlite:///{tempfile.mkdtemp()}/empty.db")
    if "--from-nothing" not in sys.argv:
        upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"render_item": render_type, "user_module_prefix": ""}
        )
        script = produce_migrations(context, metadata)
        if script.upgrade_ops is None:
            return 1
        sys.stdout.write(
            render_python_code(script.upgrade_ops, render_item=render_type, migration_context=context) + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
