"""The shared metadata and the store's own tables. Each room declares its tables in its ``tables.py`` on ``metadata``.

Every table says what kind it is (``info["kind"]``), and a test holds it to that:

``versions``
    Append-only. Has ``known_seq``: the journal sequence at which we knew the row. The state of an object is its
    row with the greatest ``known_seq`` not above the asked one (``anlan.store.versions.latest``).
    A column that comes with a later migration stands last, is nullable and says ``info={"added": revision}``, so that the
    digests in the journal hold for the rows from before it (``anlan.store.journal.rows_digest``).
``rows``
    Append-only bulk rows that belong to a batch and become visible when the batch is published.
``housekeeping``
    Work state that carries no history and that no answer depends on: sessions, cursors, leases, drafts of forms.
"""

from __future__ import annotations

import sqlalchemy as sa

from anlan.store.types import BigInt, JsonText, UtcTime

__all__ = [
    "event",
    "journal_head",
    "metadata",
    "personal_key",
    "personal_value",
    "reader_cursor",
    "reading",
    "work",
    "world_info",
]

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

world_info = sa.Table(
    "world_info",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("public_id", sa.String(36), nullable=False),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),  # live, exercise, replay
    sa.Column("title", JsonText, nullable=False),
    sa.Column("node_id", sa.String(36), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("clock_at", UtcTime),  # set: the world's clock stands here (replay)
    sa.Column("salt", sa.String(64), nullable=False),
    info={"kind": "housekeeping"},
)

journal_head = sa.Table(
    "journal_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("seq", BigInt, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    info={"kind": "housekeeping"},
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("seq", BigInt, primary_key=True, autoincrement=False),
    sa.Column(
        "tx_seq", BigInt, nullable=False
    ),  # the first sequence of its transaction = known_seq of its rows
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("kind", sa.String(60), nullable=False, index=True),
    sa.Column("subject_kind", sa.String(40), nullable=False, default=""),
    sa.Column("subject_id", sa.String(80), nullable=False, default="", index=True),
    sa.Column("actor", JsonText, nullable=False),
    sa.Column("data", JsonText, nullable=False),
    sa.Column("rows", JsonText),  # table -> {"n": rows, "sha256": digest} of what this transaction wrote
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    info={"kind": "journal"},
)

reader_cursor = sa.Table(
    "reader_cursor",
    metadata,
    sa.Column("reader", sa.String(60), primary_key=True),
    sa.Column("seq", BigInt, nullable=False),
    info={"kind": "housekeeping"},
)

work = sa.Table(
    "work",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("kind", sa.String(60), nullable=False),
    sa.Column("key", sa.String(120), nullable=False, unique=True),  # the same work is queued once
    sa.Column("payload", JsonText, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("leased_until", UtcTime),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("last_error", sa.Text),
    info={"kind": "housekeeping"},
)

personal_key = sa.Table(
    "personal_key",
    metadata,
    sa.Column("subject_id", sa.String(36), primary_key=True),
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    info={"kind": "housekeeping"},
)

personal_value = sa.Table(
    "personal_value",
    metadata,
    sa.Column("subject_id", sa.String(36), primary_key=True),
    sa.Column("field", sa.String(60), primary_key=True),
    sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("commitment", sa.String(64), nullable=False),
    info={"kind": "versions", "key": ("subject_id", "field")},
)

reading = sa.Table(
    "reading",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("actor", JsonText, nullable=False),
    sa.Column("subject_id", sa.String(36), nullable=False, index=True),
    sa.Column("fields", JsonText, nullable=False),
    sa.Column("purpose", sa.String(200), nullable=False),
    info={"kind": "housekeeping"},
)
