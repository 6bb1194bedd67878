"""What came of warnings, and what happened without one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "outcome",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.String(length=36), nullable=True),
        sa.Column("hazard", sa.String(length=60), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("area_codes", sa.Text(), nullable=False),
        sa.Column("area_paths", sa.Text(), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("happened", sa.Boolean(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_outcome"),
    )
    op.create_index("ix_outcome_chain_id", "outcome", ["chain_id"], unique=False)
    op.create_index("ix_outcome_known_seq", "outcome", ["known_seq"], unique=False)
