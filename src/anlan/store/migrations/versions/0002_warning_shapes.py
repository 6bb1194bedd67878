"""Warnings can be drawn, and released by one person alone with a review afterwards.

Columns of a versions table that come later are nullable: the digests of the rows before them leave them out.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("warning", sa.Column("shapes", sa.Text(), nullable=True))
    op.add_column("warning", sa.Column("alone_reason", sa.Text(), nullable=True))
    op.add_column("warning", sa.Column("reviewed_by", sa.String(length=80), nullable=True))
    op.add_column("warning", sa.Column("reviewed_at", sa.BigInteger(), nullable=True))
    op.add_column("warning", sa.Column("review", sa.Text(), nullable=True))
