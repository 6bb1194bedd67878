"""The first schema."""

from __future__ import annotations

import importlib

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for room in ("registry", "series", "intake", "analysis", "assessment", "warning"):
        try:
            importlib.import_module(f"anlan.{room}.tables")
        except ModuleNotFoundError:
            continue
    from anlan.store.schema import metadata

    metadata.create_all(op.get_bind())
