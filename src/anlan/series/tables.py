"""Tables of the series room: series, batches, observations, records.

Look-alikes: ``batch_stage`` holds batches on their way in, and nothing can see their observations; a row in ``batch``
*is* the publication, and its ``known_seq`` is that of all its observations. So publishing a million rows writes one.

There is no index on ``observation.batch_id`` on purpose: it would cost a third of the loading speed. What needs the
rows of one batch knows its coverage (series and periods) or goes through the table once for all batches.
"""

from __future__ import annotations

import sqlalchemy as sa

from anlan.store import BigInt, JsonText, UtcTime, metadata

__all__ = ["batch", "batch_stage", "observation", "record", "series"]

series = sa.Table(
    "series",
    metadata,
    sa.Column("id", BigInt, primary_key=True, autoincrement=False),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("indicator_code", sa.String(80), nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("site_code", sa.String(80), nullable=False),  # '' when it is of the area itself
    sa.Column("stratum", sa.String(120), nullable=False),  # '' when it is not divided
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.SmallInteger, nullable=False),
    sa.UniqueConstraint("indicator_code", "area_code", "site_code", "stratum", "known_seq"),
    info={"kind": "versions", "key": ("id",)},
)

batch = sa.Table(
    "batch",
    metadata,
    sa.Column("id", BigInt, primary_key=True, autoincrement=False),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("public_id", sa.String(36), nullable=False, index=True),
    sa.Column("node_id", sa.String(36), nullable=False),
    sa.Column("source_code", sa.String(80), nullable=False, index=True),
    sa.Column("delivered_at", UtcTime, nullable=False),
    sa.Column("mode", sa.String(10), nullable=False),  # add, replace
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("row_count", BigInt, nullable=False),
    sa.Column("series_count", BigInt, nullable=False),
    sa.Column("coverage", JsonText, nullable=False),  # indicator -> [first period, last period, series, rows]
    sa.Column("sha256", sa.String(64), nullable=False),  # of its observations, see anlan.series.digest
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.SmallInteger, nullable=False),
    info={"kind": "versions", "key": ("id",)},
)

batch_stage = sa.Table(
    "batch_stage",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("source_code", sa.String(80), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("leased_until", UtcTime, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # open, staging, staged, discarding
    sa.Column("row_count", BigInt, nullable=False),
    sa.Column("staged_count", BigInt, nullable=False),  # rows of the sorted order that are in the table
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("coverage", JsonText, nullable=False),
    sa.Column("series_runs", JsonText, nullable=False),  # [[first id, last id], …] that its rows may be in
    sqlite_autoincrement=True,  # an id is never used twice, even after its row is gone
    info={"kind": "housekeeping"},
)

observation = sa.Table(
    "observation",
    metadata,
    sa.Column("series_id", BigInt, primary_key=True, autoincrement=False),
    sa.Column("period", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("known_at", BigInt, primary_key=True, autoincrement=False),  # whole seconds since 1970 UTC
    sa.Column("batch_id", BigInt, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Double),
    sa.Column("qualifier", sa.SmallInteger, nullable=False),
    sa.Column("flags", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
    info={"kind": "rows", "key": ("series_id", "period", "known_at", "batch_id")},
)

record = sa.Table(
    "record",
    metadata,
    sa.Column("source_code", sa.String(80), primary_key=True),
    sa.Column("external_id", sa.String(120), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("known_at", BigInt, nullable=False),  # whole seconds since 1970 UTC
    sa.Column("node_id", sa.String(36), nullable=False),
    sa.Column("batch_id", BigInt),
    sa.Column("fields", JsonText, nullable=False),  # never personal values: those stand in the vault
    sa.Column("subject_id", sa.String(36)),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("sensitivity", sa.SmallInteger, nullable=False),
    info={"kind": "versions", "key": ("source_code", "external_id")},
)
