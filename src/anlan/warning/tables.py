"""Tables of the warning room: kinds of danger, warnings, released messages."""

from __future__ import annotations

import sqlalchemy as sa

from anlan.store import BigInt, JsonText, UtcTime, metadata
from anlan.warning import tables_sending  # noqa: F401 - the room's tables are complete with these

__all__ = ["hazard", "message", "outcome", "warning"]

_ADDED = {"added": "0002"}

hazard = sa.Table(
    "hazard",
    metadata,
    sa.Column("code", sa.String(60), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("names", JsonText, nullable=False),
    sa.Column("category", sa.String(20), nullable=False),
    sa.Column("templates", JsonText, nullable=False),  # level -> field -> language -> text
    sa.Column("pack_version", sa.String(20), nullable=False),
    info={"kind": "versions", "key": ("code",)},
)

warning = sa.Table(
    "warning",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("node_id", sa.String(36), nullable=False),
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("chain_id", sa.String(36), nullable=False, index=True),
    sa.Column("previous_id", sa.String(36)),
    sa.Column("kind", sa.String(10), nullable=False),  # alert, update, end, cancel
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("hazard", sa.String(60), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("urgency", sa.String(10), nullable=False),
    sa.Column("certainty", sa.String(10), nullable=False),
    sa.Column("response_types", JsonText, nullable=False),
    sa.Column("area_codes", JsonText, nullable=False),
    sa.Column("area_paths", JsonText, nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),  # of the smallest area that holds all
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("texts", JsonText, nullable=False),  # language -> field -> text
    sa.Column("texts_from", sa.String(10), nullable=False),  # pack, general
    sa.Column("facts", JsonText, nullable=False),
    sa.Column("effective", UtcTime),
    sa.Column("onset", UtcTime),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("assessment_id", sa.String(36), index=True),
    sa.Column("authors", JsonText, nullable=False),
    sa.Column("drafted_by", sa.String(80), nullable=False),
    sa.Column("drafted_at", UtcTime, nullable=False),
    sa.Column("submitted_by", sa.String(80)),
    sa.Column("submitted_at", UtcTime),
    sa.Column("released_by", sa.String(80)),
    sa.Column("released_at", UtcTime),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("message_identifier", sa.String(200)),
    sa.Column("changed_by", sa.String(80), nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("shapes", JsonText, info=_ADDED),  # drawn parts of the ground; none: the whole areas
    sa.Column("alone_reason", sa.Text, info=_ADDED),  # why one person alone released it
    sa.Column("reviewed_by", sa.String(80), info=_ADDED),  # who looked at that afterwards
    sa.Column("reviewed_at", UtcTime, info=_ADDED),
    sa.Column("review", sa.Text, info=_ADDED),
    sa.Index("ix_warning_number", "year", "serial"),
    sa.Index("ix_warning_state", "state", "expires"),
    info={"kind": "versions", "key": ("public_id",)},
)

message = sa.Table(
    "message",
    metadata,
    sa.Column("identifier", sa.String(200), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("warning_id", sa.String(36), nullable=False, index=True),
    sa.Column("chain_id", sa.String(36), nullable=False, index=True),
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("sender", sa.String(200), nullable=False),
    sa.Column("sent", UtcTime, nullable=False, index=True),
    sa.Column("msg_type", sa.String(10), nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("scope", sa.String(12), nullable=False),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("area_paths", JsonText, nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("cap_bytes", sa.LargeBinary, nullable=False),
    info={"kind": "versions", "key": ("identifier",)},
)

# What came of a warning; or, without a chain, what happened although nobody warned.
outcome = sa.Table(
    "outcome",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),  # the chain's, where there is one
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("chain_id", sa.String(36), index=True),
    sa.Column("hazard", sa.String(60), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("area_codes", JsonText, nullable=False),
    sa.Column("area_paths", JsonText, nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("happened", sa.Boolean, nullable=False),
    sa.Column("began_at", UtcTime),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("recorded_by", sa.String(80), nullable=False),
    sa.Column("recorded_at", UtcTime, nullable=False),
    info={"kind": "versions", "key": ("public_id",)},
)
