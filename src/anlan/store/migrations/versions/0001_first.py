"""The first schema, frozen: every later change is a migration of its own, and all of them run on the kept database.

Written out column by column, one function a room, so that it means the same whatever the rooms' tables say later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _store()
    _registry()
    _series()
    _intake()
    _analysis()
    _assessment()
    _warning()


def _store() -> None:
    op.create_table(
        "event",
        sa.Column("seq", BIG, autoincrement=False, nullable=False),
        sa.Column("tx_seq", BIG, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=80), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=True),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_event"),
    )
    op.create_index("ix_event_at", "event", ["at"], unique=False)
    op.create_index("ix_event_kind", "event", ["kind"], unique=False)
    op.create_index("ix_event_subject_id", "event", ["subject_id"], unique=False)
    op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal_head"),
    )
    op.create_table(
        "personal_key",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name="pk_personal_key"),
    )
    op.create_table(
        "personal_value",
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "field", "known_seq", name="pk_personal_value"),
    )
    op.create_index("ix_personal_value_known_seq", "personal_value", ["known_seq"], unique=False)
    op.create_table(
        "reader_cursor",
        sa.Column("reader", sa.String(length=60), nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.PrimaryKeyConstraint("reader", name="pk_reader_cursor"),
    )
    op.create_table(
        "reading",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reading"),
    )
    op.create_index("ix_reading_subject_id", "reading", ["subject_id"], unique=False)
    op.create_table(
        "work",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_work"),
        sa.UniqueConstraint("key", name="uq_work_key"),
    )
    op.create_table(
        "world_info",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("clock_at", sa.BigInteger(), nullable=True),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_world_info"),
    )


def _registry() -> None:
    op.create_table(
        "area",
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("parent_code", sa.String(length=80), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("aliases", sa.Text(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("outline", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.String(length=10), nullable=False),
        sa.Column("valid_to", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=400), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("code", "known_seq", name="pk_area"),
    )
    op.create_index("ix_area_known_seq", "area", ["known_seq"], unique=False)
    op.create_index("ix_area_path", "area", ["path"], unique=False)
    op.create_table(
        "area_change",
        sa.Column("from_code", sa.String(length=80), nullable=False),
        sa.Column("to_code", sa.String(length=80), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=400), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("from_code", "to_code", "on_date", "known_seq", name="pk_area_change"),
    )
    op.create_index("ix_area_change_known_seq", "area_change", ["known_seq"], unique=False)
    op.create_table(
        "area_neighbour",
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("neighbour_code", sa.String(length=80), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("code", "neighbour_code", "known_seq", name="pk_area_neighbour"),
    )
    op.create_index("ix_area_neighbour_known_seq", "area_neighbour", ["known_seq"], unique=False)
    op.create_table(
        "area_population",
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("on_date", sa.String(length=10), nullable=False),
        sa.Column("value", BIG, nullable=False),
        sa.Column("source", sa.String(length=400), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("code", "on_date", "known_seq", name="pk_area_population"),
    )
    op.create_index("ix_area_population_known_seq", "area_population", ["known_seq"], unique=False)
    op.create_table(
        "credential",
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("login", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("totp_secret", sa.String(length=64), nullable=True),
        sa.Column("totp_used_step", BIG, nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_credential"),
        sa.UniqueConstraint("login", name="uq_credential_login"),
    )
    op.create_table(
        "indicator",
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("domain", sa.String(length=40), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("strata", sa.Text(), nullable=False),
        sa.Column("area_kinds", sa.Text(), nullable=False),
        sa.Column("site_kinds", sa.Text(), nullable=False),
        sa.Column("aliases", sa.Text(), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("decimals", sa.Integer(), nullable=False),
        sa.Column("better", sa.String(length=10), nullable=False),
        sa.Column("rolling_periods", sa.Integer(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("pack_id", sa.String(length=40), nullable=False),
        sa.Column("pack_version", sa.String(length=40), nullable=False),
        sa.Column("local_edit", sa.Boolean(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("code", "known_seq", name="pk_indicator"),
    )
    op.create_index("ix_indicator_known_seq", "indicator", ["known_seq"], unique=False)
    op.create_table(
        "organisation",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("area_code", sa.String(length=80), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_organisation"),
    )
    op.create_index("ix_organisation_known_seq", "organisation", ["known_seq"], unique=False)
    op.create_table(
        "pack_install",
        sa.Column("pack_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("pack_id", "known_seq", name="pk_pack_install"),
    )
    op.create_index("ix_pack_install_known_seq", "pack_install", ["known_seq"], unique=False)
    op.create_table(
        "person",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.String(length=36), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_person"),
    )
    op.create_index("ix_person_known_seq", "person", ["known_seq"], unique=False)
    op.create_table(
        "person_grant",
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "known_seq", name="pk_person_grant"),
    )
    op.create_index("ix_person_grant_known_seq", "person_grant", ["known_seq"], unique=False)
    op.create_table(
        "session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_session"),
    )
    op.create_index("ix_session_person_id", "session", ["person_id"], unique=False)
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", BIG, nullable=False),
        sa.Column("login", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_attempt"),
    )
    op.create_index("ix_sign_in_attempt_address", "sign_in_attempt", ["address"], unique=False)
    op.create_index("ix_sign_in_attempt_login", "sign_in_attempt", ["login"], unique=False)
    op.create_table(
        "site",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("area_code", sa.String(length=80), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("domain", sa.String(length=40), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_site"),
    )
    op.create_index("ix_site_known_seq", "site", ["known_seq"], unique=False)
    op.create_table(
        "source",
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("domain", sa.String(length=40), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("area_code", sa.String(length=80), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("delivers", sa.Text(), nullable=False),
        sa.Column("rhythm", sa.Text(), nullable=False),
        sa.Column("known_at", sa.String(length=10), nullable=False),
        sa.Column("attribution", sa.Text(), nullable=False),
        sa.Column("licence", sa.String(length=400), nullable=False),
        sa.Column("pack_id", sa.String(length=40), nullable=False),
        sa.Column("pack_version", sa.String(length=40), nullable=False),
        sa.Column("local_edit", sa.Boolean(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("code", "known_seq", name="pk_source"),
    )
    op.create_index("ix_source_known_seq", "source", ["known_seq"], unique=False)


def _series() -> None:
    op.create_table(
        "batch",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("source_code", sa.String(length=80), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("row_count", BIG, nullable=False),
        sa.Column("series_count", BIG, nullable=False),
        sa.Column("coverage", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", "known_seq", name="pk_batch"),
    )
    op.create_index("ix_batch_known_seq", "batch", ["known_seq"], unique=False)
    op.create_index("ix_batch_public_id", "batch", ["public_id"], unique=False)
    op.create_index("ix_batch_source_code", "batch", ["source_code"], unique=False)
    op.create_table(
        "batch_stage",
        sa.Column("id", BIG, nullable=False),
        sa.Column("source_code", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("row_count", BIG, nullable=False),
        sa.Column("staged_count", BIG, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("coverage", sa.Text(), nullable=False),
        sa.Column("series_runs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batch_stage"),
        info={"kind": "housekeeping"},
        sqlite_autoincrement=True,
    )
    op.create_table(
        "observation",
        sa.Column("series_id", BIG, autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("known_at", BIG, autoincrement=False, nullable=False),
        sa.Column("batch_id", BIG, autoincrement=False, nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("qualifier", sa.SmallInteger(), nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "period", "known_at", "batch_id", name="pk_observation"),
        info={"kind": "rows", "key": ("series_id", "period", "known_at", "batch_id")},
        sqlite_with_rowid=False,
    )
    op.create_table(
        "record",
        sa.Column("source_code", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("known_at", BIG, nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", BIG, nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_code", "external_id", "known_seq", name="pk_record"),
    )
    op.create_index("ix_record_known_seq", "record", ["known_seq"], unique=False)
    op.create_table(
        "series",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("indicator_code", sa.String(length=80), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("site_code", sa.String(length=80), nullable=False),
        sa.Column("stratum", sa.String(length=120), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", "known_seq", name="pk_series"),
        sa.UniqueConstraint(
            "indicator_code",
            "area_code",
            "site_code",
            "stratum",
            "known_seq",
            name="uq_series_indicator_code",
        ),
    )
    op.create_index("ix_series_known_seq", "series", ["known_seq"], unique=False)


def _intake() -> None:
    op.create_table(
        "delivery",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("source_code", sa.String(length=80), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_by", sa.String(length=80), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("batch_public_id", sa.String(length=36), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_delivery"),
    )
    op.create_index("ix_delivery_known_seq", "delivery", ["known_seq"], unique=False)
    op.create_index("ix_delivery_sha256", "delivery", ["sha256"], unique=False)
    op.create_index("ix_delivery_source_code", "delivery", ["source_code"], unique=False)
    op.create_table(
        "delivery_content",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("packing", sa.String(length=10), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "part", name="pk_delivery_content"),
    )
    op.create_table(
        "delivery_open",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("source_code", sa.String(length=80), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("public_id", name="pk_delivery_open"),
    )
    op.create_table(
        "rejected_row",
        sa.Column("delivery_id", sa.String(length=36), nullable=False),
        sa.Column("row", BIG, autoincrement=False, nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "row", name="pk_rejected_row"),
    )
    op.create_table(
        "source_mapping",
        sa.Column("source_code", sa.String(length=80), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("source_code", "known_seq", name="pk_source_mapping"),
    )
    op.create_index("ix_source_mapping_known_seq", "source_mapping", ["known_seq"], unique=False)


def _analysis() -> None:
    op.create_table(
        "rule",
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=60), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("levels", sa.Text(), nullable=False),
        sa.Column("extend_days", sa.Integer(), nullable=False),
        sa.Column("evaluate_last", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.String(length=10), nullable=False),
        sa.Column("valid_to", sa.String(length=10), nullable=False),
        sa.Column("hazard", sa.String(length=80), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("pack_id", sa.String(length=60), nullable=False),
        sa.Column("pack_version", sa.String(length=40), nullable=False),
        sa.Column("local_edit", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("code", "known_seq", name="pk_rule"),
    )
    op.create_index("ix_rule_known_seq", "rule", ["known_seq"], unique=False)
    op.create_table(
        "rule_run",
        sa.Column("rule_code", sa.String(length=80), nullable=False),
        sa.Column("indicator_code", sa.String(length=80), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("code_version", sa.String(length=40), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("input_seq", BIG, nullable=False),
        sa.Column("input_known_at", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("first_period", BIG, nullable=True),
        sa.Column("last_period", BIG, nullable=True),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("cells", sa.Integer(), nullable=False),
        sa.Column("alarms", sa.Integer(), nullable=False),
        sa.Column("raised", sa.Integer(), nullable=False),
        sa.Column("extended", sa.Integer(), nullable=False),
        sa.Column("revised", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rule_code", "indicator_code", "known_seq", name="pk_rule_run"),
    )
    op.create_index("ix_rule_run_known_seq", "rule_run", ["known_seq"], unique=False)
    op.create_table(
        "signal",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("rule_code", sa.String(length=80), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("code_version", sa.String(length=40), nullable=False),
        sa.Column("hazard", sa.String(length=80), nullable=False),
        sa.Column("series_id", BIG, nullable=True),
        sa.Column("source_code", sa.String(length=80), nullable=True),
        sa.Column("indicator_code", sa.String(length=80), nullable=False),
        sa.Column("stratum", sa.String(length=120), nullable=False),
        sa.Column("site_code", sa.String(length=80), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("first_period", BIG, nullable=False),
        sa.Column("last_period", BIG, nullable=False),
        sa.Column("observed", sa.Double(), nullable=True),
        sa.Column("expected", sa.Double(), nullable=True),
        sa.Column("upper", sa.Double(), nullable=True),
        sa.Column("p_value", sa.Double(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("level_hint", sa.String(length=10), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("input_seq", BIG, nullable=False),
        sa.Column("input_known_at", sa.BigInteger(), nullable=True),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_signal"),
    )
    op.create_index("ix_signal_kind", "signal", ["kind", "raised_at"], unique=False)
    op.create_index("ix_signal_known_seq", "signal", ["known_seq"], unique=False)
    op.create_index("ix_signal_number", "signal", ["year", "serial"], unique=False)
    op.create_index("ix_signal_raised", "signal", ["raised_at", "serial", "public_id"], unique=False)
    op.create_index("ix_signal_series", "signal", ["series_id", "rule_code"], unique=False)
    op.create_index("ix_signal_source", "signal", ["source_code"], unique=False)


def _assessment() -> None:
    op.create_table(
        "assessment",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("signal_ids", sa.Text(), nullable=False),
        sa.Column("likelihood", sa.Integer(), nullable=False),
        sa.Column("impact", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.String(length=10), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=True),
        sa.Column("matrix_code", sa.String(length=60), nullable=False),
        sa.Column("matrix_version", sa.Integer(), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_assessment"),
    )
    op.create_index("ix_assessment_known_seq", "assessment", ["known_seq"], unique=False)
    op.create_index("ix_assessment_number", "assessment", ["year", "serial"], unique=False)
    op.create_table(
        "risk_matrix",
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code", "known_seq", name="pk_risk_matrix"),
    )
    op.create_index("ix_risk_matrix_known_seq", "risk_matrix", ["known_seq"], unique=False)
    op.create_table(
        "triage",
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("level_hint", sa.String(length=10), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("signal_id", "known_seq", name="pk_triage"),
    )
    op.create_index("ix_triage_known_seq", "triage", ["known_seq"], unique=False)
    op.create_index("ix_triage_merged_into", "triage", ["merged_into"], unique=False)
    op.create_index("ix_triage_state", "triage", ["state", "raised_at", "signal_id"], unique=False)


def _warning() -> None:
    op.create_table(
        "hazard",
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=20), nullable=False),
        sa.Column("templates", sa.Text(), nullable=False),
        sa.Column("pack_version", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("code", "known_seq", name="pk_hazard"),
    )
    op.create_index("ix_hazard_known_seq", "hazard", ["known_seq"], unique=False)
    op.create_table(
        "message",
        sa.Column("identifier", sa.String(length=200), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("warning_id", sa.String(length=36), nullable=False),
        sa.Column("chain_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("sender", sa.String(length=200), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("msg_type", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("area_paths", sa.Text(), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("cap_bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("identifier", "known_seq", name="pk_message"),
    )
    op.create_index("ix_message_chain_id", "message", ["chain_id"], unique=False)
    op.create_index("ix_message_known_seq", "message", ["known_seq"], unique=False)
    op.create_index("ix_message_sent", "message", ["sent"], unique=False)
    op.create_index("ix_message_warning_id", "message", ["warning_id"], unique=False)
    op.create_table(
        "warning",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("chain_id", sa.String(length=36), nullable=False),
        sa.Column("previous_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("hazard", sa.String(length=60), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("urgency", sa.String(length=10), nullable=False),
        sa.Column("certainty", sa.String(length=10), nullable=False),
        sa.Column("response_types", sa.Text(), nullable=False),
        sa.Column("area_codes", sa.Text(), nullable=False),
        sa.Column("area_paths", sa.Text(), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("sensitivity", sa.Integer(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("texts_from", sa.String(length=10), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("effective", sa.BigInteger(), nullable=True),
        sa.Column("onset", sa.BigInteger(), nullable=True),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("assessment_id", sa.String(length=36), nullable=True),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("drafted_by", sa.String(length=80), nullable=False),
        sa.Column("drafted_at", sa.BigInteger(), nullable=False),
        sa.Column("submitted_by", sa.String(length=80), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("released_by", sa.String(length=80), nullable=True),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message_identifier", sa.String(length=200), nullable=True),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_warning"),
    )
    op.create_index("ix_warning_assessment_id", "warning", ["assessment_id"], unique=False)
    op.create_index("ix_warning_chain_id", "warning", ["chain_id"], unique=False)
    op.create_index("ix_warning_known_seq", "warning", ["known_seq"], unique=False)
    op.create_index("ix_warning_number", "warning", ["year", "serial"], unique=False)
    op.create_index("ix_warning_state", "warning", ["state", "expires"], unique=False)
