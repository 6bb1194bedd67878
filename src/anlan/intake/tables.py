"""Tables of the intake room: deliveries, the bytes they came as, the rows that were not accepted, remembered mappings.

Bulk (``delivery_content``, ``rejected_row``) is staged in short transactions and belongs to a delivery: a row in
``delivery`` is what makes it visible, in the same transaction as the publication of its batch.
"""

from __future__ import annotations

import sqlalchemy as sa

from anlan.store import BigInt, JsonText, UtcTime, metadata

__all__ = ["delivery", "delivery_content", "delivery_open", "rejected_row", "source_mapping"]

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("node_id", sa.String(36), nullable=False),
    sa.Column("number", sa.String(20), nullable=False),  # 2026-B-00871: what people say on the phone
    sa.Column("source_code", sa.String(80), nullable=False, index=True),
    sa.Column("filename", sa.String(200), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("size_bytes", BigInt, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("delivered_by", sa.String(80), nullable=False),
    sa.Column("mode", sa.String(10), nullable=False),  # add, replace
    sa.Column("batch_public_id", sa.String(36), nullable=False),
    sa.Column("mapping", JsonText, nullable=False),
    sa.Column("receipt", JsonText, nullable=False),  # counts and sentences, see types.Receipt
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.SmallInteger, nullable=False),
    info={"kind": "versions", "key": ("public_id",)},
)

delivery_content = sa.Table(
    "delivery_content",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),  # of the whole file: the same bytes are kept once
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("packing", sa.String(10), nullable=False),  # zlib, or nothing
    sa.Column("content", sa.LargeBinary, nullable=False),
    info={"kind": "rows", "key": ("sha256", "part")},
)

rejected_row = sa.Table(
    "rejected_row",
    metadata,
    sa.Column("delivery_id", sa.String(36), primary_key=True),
    sa.Column("row", BigInt, primary_key=True, autoincrement=False),
    sa.Column("cells", JsonText, nullable=False),  # as delivered
    sa.Column("problems", JsonText, nullable=False),
    info={"kind": "rows", "key": ("delivery_id", "row")},
)

source_mapping = sa.Table(
    "source_mapping",
    metadata,
    sa.Column("source_code", sa.String(80), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("mapping", JsonText, nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    info={"kind": "versions", "key": ("source_code",)},
)

# What is on its way in: enough to go on after a crash. Gone when the delivery is published or dropped.
delivery_open = sa.Table(
    "delivery_open",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),
    sa.Column("source_code", sa.String(80), nullable=False),
    sa.Column("filename", sa.String(200), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size_bytes", BigInt, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("mode", sa.String(10), nullable=False),
    sa.Column("mapping", JsonText, nullable=False),
    sa.Column("options", JsonText, nullable=False),
    sa.Column("actor", JsonText, nullable=False),
    sa.Column("batch_id", BigInt, nullable=False),
    info={"kind": "housekeeping"},
)
