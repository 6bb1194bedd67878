"""Tables of resolution: matters, what was asked and answered, photos, and the digests of receipt codes."""

from __future__ import annotations

import sqlalchemy as sa

from anlan.store import BigInt, UtcTime, metadata

__all__ = ["matter", "matter_note", "matter_photo", "matter_receipt"]

matter = sa.Table(
    "matter",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("node_id", sa.String(36), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),  # tip
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # open, in_hand, closed
    sa.Column("turn", sa.String(10), nullable=False),  # office, reporter, nobody
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),  # empty: the reporter did not say
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("has_contact", sa.Boolean, nullable=False),
    sa.Column("has_photo", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("taken_by", sa.String(80)),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Index("ix_matter_number", "year", "serial"),
    sa.Index("ix_matter_state", "state", "opened_at"),
    info={"kind": "versions", "key": ("public_id",)},
)

# Area, domain and sensitivity are those of the matter, so that a question about notes needs no other table.
matter_note = sa.Table(
    "matter_note",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("matter_id", sa.String(36), nullable=False, index=True),
    sa.Column("kind", sa.String(10), nullable=False),  # question, answer
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    info={"kind": "versions", "key": ("public_id",)},
)

matter_photo = sa.Table(
    "matter_photo",
    metadata,
    sa.Column("matter_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("kind", sa.String(20), nullable=False),  # image/jpeg, image/png
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    info={"kind": "versions", "key": ("matter_id",)},
)

matter_receipt = sa.Table(
    "matter_receipt",
    metadata,
    sa.Column("code_digest", sa.String(64), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("matter_id", sa.String(36), nullable=False),
    info={"kind": "versions", "key": ("code_digest",)},
)
