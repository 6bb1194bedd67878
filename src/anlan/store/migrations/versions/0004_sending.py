"""Sending and answers: subscriptions, contacts, duties, shifts, answers, and the outbox with every try."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _recipients()
    _answers()
    _outbox()


def _recipients() -> None:
    op.create_table(
        "subscription",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("hazards", sa.Text(), nullable=False),
        sa.Column("min_level", sa.String(length=10), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("quiet_from", sa.String(length=5), nullable=False),
        sa.Column("quiet_until", sa.String(length=5), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_subscription"),
        info={"kind": "versions", "key": ("public_id",)},
    )
    op.create_index("ix_subscription_known_seq", "subscription", ["known_seq"], unique=False)
    op.create_table(
        "subscription_lookup",
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.Column("subscription_id", sa.String(length=36), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", name="pk_subscription_lookup"),
        info={"kind": "housekeeping"},
    )
    op.create_index("ix_subscription_lookup_asked_at", "subscription_lookup", ["asked_at"], unique=False)
    op.create_index(
        "ix_subscription_lookup_subscription_id", "subscription_lookup", ["subscription_id"], unique=False
    )
    op.create_table(
        "unit_duty",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("organisation_id", sa.String(length=36), nullable=False),
        sa.Column("hazards", sa.Text(), nullable=False),
        sa.Column("min_level", sa.String(length=10), nullable=False),
        sa.Column("area_code", sa.String(length=20), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("superior_id", sa.String(length=36), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_unit_duty"),
        info={"kind": "versions", "key": ("public_id",)},
    )
    op.create_index("ix_unit_duty_known_seq", "unit_duty", ["known_seq"], unique=False)
    op.create_table(
        "contact",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("organisation_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("post", sa.String(length=10), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_contact"),
        info={"kind": "versions", "key": ("public_id",)},
    )
    op.create_index("ix_contact_known_seq", "contact", ["known_seq"], unique=False)


def _answers() -> None:
    op.create_table(
        "shift",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("organisation_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("deputy_id", sa.String(length=36), nullable=False),
        sa.Column("starts", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("offered_by", sa.String(length=80), nullable=False),
        sa.Column("offered_at", sa.BigInteger(), nullable=True),
        sa.Column("taken_by", sa.String(length=80), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_shift"),
        info={"kind": "versions", "key": ("public_id",)},
    )
    op.create_index("ix_shift_known_seq", "shift", ["known_seq"], unique=False)
    op.create_table(
        "answer",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", BIG, autoincrement=False, nullable=False),
        sa.Column("message_identifier", sa.String(length=200), nullable=False),
        sa.Column("warning_id", sa.String(length=36), nullable=False),
        sa.Column("chain_id", sa.String(length=36), nullable=False),
        sa.Column("duty_id", sa.String(length=36), nullable=False),
        sa.Column("organisation_id", sa.String(length=36), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("domain", sa.String(length=60), nullable=False),
        sa.Column("area_path", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=14), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=80), nullable=False),
        sa.Column("acknowledged_via", sa.String(length=10), nullable=False),
        sa.Column("acted_at", sa.BigInteger(), nullable=True),
        sa.Column("acted_by", sa.String(length=80), nullable=False),
        sa.Column("acted_via", sa.String(length=10), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("public_id", "known_seq", name="pk_answer"),
        info={"kind": "versions", "key": ("public_id",)},
    )
    op.create_index("ix_answer_chain_id", "answer", ["chain_id"], unique=False)
    op.create_index("ix_answer_known_seq", "answer", ["known_seq"], unique=False)
    op.create_index("ix_answer_message_identifier", "answer", ["message_identifier"], unique=False)
    op.create_index("ix_answer_warning_id", "answer", ["warning_id"], unique=False)


def _outbox() -> None:
    op.create_table(
        "parcel",
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("message_identifier", sa.String(length=200), nullable=False),
        sa.Column("warning_id", sa.String(length=36), nullable=False),
        sa.Column("chain_id", sa.String(length=36), nullable=False),
        sa.Column("target_kind", sa.String(length=12), nullable=False),
        sa.Column("target_id", sa.String(length=80), nullable=False),
        sa.Column("answer_id", sa.String(length=36), nullable=True),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("audience", sa.String(length=10), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("precedence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("possibly_twice", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("sender_id", sa.String(length=36), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_parcel"),
        sa.UniqueConstraint("key", name="uq_parcel_key"),
        sa.UniqueConstraint("public_id", name="uq_parcel_public_id"),
        info={"kind": "housekeeping"},
    )
    op.create_index("ix_parcel_answer_id", "parcel", ["answer_id"], unique=False)
    op.create_index("ix_parcel_chain_target", "parcel", ["chain_id", "target_id"], unique=False)
    op.create_index(
        "ix_parcel_due", "parcel", ["state", "way", "precedence", "tries", "due_at"], unique=False
    )
    op.create_index("ix_parcel_message", "parcel", ["message_identifier"], unique=False)
    op.create_table(
        "parcel_try",
        sa.Column("id", BIG, nullable=False),
        sa.Column("parcel_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parcel_try"),
        info={"kind": "housekeeping"},
    )
    op.create_index("ix_parcel_try_parcel_id", "parcel_try", ["parcel_id"], unique=False)
    op.create_table(
        "sender",
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("beat", BIG, nullable=False),
        sa.PrimaryKeyConstraint("public_id", name="pk_sender"),
        info={"kind": "housekeeping"},
    )
