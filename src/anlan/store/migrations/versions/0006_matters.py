"""Matters: the dangers that citizens report, with what was asked and answered, photos and receipts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "matter",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("turn", sa.String(length=10), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("has_contact", sa.Boolean(), nullable=False),
        sa.Column("has_photo", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("taken_by", sa.String(length=80), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_matter"),
    )
    op.create_index("ix_matter_known_seq", "matter", ["known_seq"], unique=False)
    op.create_index("ix_matter_number", "matter", ["year", "serial"], unique=False)
    op.create_index("ix_matter_state", "matter", ["state", "opened_at"], unique=False)
    op.create_table(
        "matter_note",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("matter_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_matter_note"),
    )
    op.create_index("ix_matter_note_known_seq", "matter_note", ["known_seq"], unique=False)
    op.create_index("ix_matter_note_matter_id", "matter_note", ["matter_id"], unique=False)
    op.create_table(
        "matter_photo",
        sa.Column("matter_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("matter_id", "known_seq", name="pk_matter_photo"),
    )
    op.create_index("ix_matter_photo_known_seq", "matter_photo", ["known_seq"], unique=False)
    op.create_table(
        "matter_receipt",
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("matter_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("code_digest", "known_seq", name="pk_matter_receipt"),
    )
    op.create_index("ix_matter_receipt_known_seq", "matter_receipt", ["known_seq"], unique=False)
