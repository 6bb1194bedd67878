"""Tables of assessment: what became of each signal, risk assessments, and the matrices that they use."""

from __future__ import annotations

import sqlalchemy as sa

from anlan.store import BigInt, JsonText, UtcTime, metadata

__all__ = ["assessment", "risk_matrix", "triage"]

triage = sa.Table(
    "triage",
    metadata,
    sa.Column("signal_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("state", sa.String(10), nullable=False),  # new, verified, dismissed, merged
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("merged_into", sa.String(36), index=True),
    sa.Column("kind", sa.String(10), nullable=False),  # of the signal: detector, limit, silence
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("level_hint", sa.String(10), nullable=False),
    sa.Column("raised_at", UtcTime, nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("ix_triage_state", "state", "raised_at", "signal_id"),
    info={"kind": "versions", "key": ("signal_id",)},
)

assessment = sa.Table(
    "assessment",
    metadata,
    sa.Column("public_id", sa.String(36), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("node_id", sa.String(36), nullable=False),
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
    sa.Column("signal_ids", JsonText, nullable=False),
    sa.Column("likelihood", sa.Integer, nullable=False),  # 1 very unlikely .. 5 almost certain
    sa.Column("impact", sa.Integer, nullable=False),  # 1 negligible .. 5 catastrophic
    sa.Column("confidence", sa.String(10), nullable=False),  # low, medium, high
    sa.Column("reasons", JsonText, nullable=False),
    sa.Column("level", sa.String(10)),  # null: no warning level
    sa.Column("matrix_code", sa.String(60), nullable=False),
    sa.Column("matrix_version", sa.Integer, nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.Integer, nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Index("ix_assessment_number", "year", "serial"),
    info={"kind": "versions", "key": ("public_id",)},
)

risk_matrix = sa.Table(
    "risk_matrix",
    metadata,
    sa.Column("code", sa.String(60), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("names", JsonText, nullable=False),
    sa.Column("cells", JsonText, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("by", sa.String(80), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    info={"kind": "versions", "key": ("code",)},
)
