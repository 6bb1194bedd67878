"""Tables of sending and answers: whom to tell, who must act, what was sent, who has answered.

Decisions (subscriptions, contacts, duties, shifts, answers) are versions. A parcel (one message to one recipient by
one way) is work state: it is queued, leased and tried like other work, and each try is kept. Addresses are not here; they are personal values of their owner's id.
"""

from __future__ import annotations

import sqlalchemy as sa

from anlan.store import BigInt, JsonText, UtcTime, metadata

__all__ = [
    "answer",
    "contact",
    "parcel",
    "parcel_try",
    "sender",
    "shift",
    "subscription",
    "subscription_lookup",
    "unit_duty",
]

_ID = sa.String(36)
_MESSAGE = sa.String(200)


def _known() -> sa.Column[int]:
    return sa.Column("known_seq", BigInt, primary_key=True, autoincrement=False, index=True)


def _public_id() -> sa.Column[str]:
    return sa.Column("public_id", _ID, primary_key=True)


_VERSIONS = {"kind": "versions", "key": ("public_id",)}

subscription = sa.Table(
    "subscription",
    metadata,
    _public_id(),
    _known(),
    sa.Column("audience", sa.String(10), nullable=False),  # public, closed
    sa.Column("way", sa.String(10), nullable=False),
    sa.Column("hazards", JsonText, nullable=False),  # codes; empty means all
    sa.Column("min_level", sa.String(10), nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("quiet_from", sa.String(5), nullable=False),  # HH:MM in the node's zone, or empty
    sa.Column("quiet_until", sa.String(5), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # asked, confirmed, ended
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    info=_VERSIONS,
)

# So that one address is asked once; a keyed hash, removed when the subscription ends.
subscription_lookup = sa.Table(
    "subscription_lookup",
    metadata,
    sa.Column("lookup", sa.String(64), primary_key=True),
    sa.Column("subscription_id", _ID, nullable=False, index=True),
    sa.Column("asked_at", UtcTime, nullable=False, index=True),
    info={"kind": "housekeeping"},
)

unit_duty = sa.Table(
    "unit_duty",
    metadata,
    _public_id(),
    _known(),
    sa.Column("organisation_id", _ID, nullable=False),
    sa.Column("hazards", JsonText, nullable=False),  # codes; empty means all
    sa.Column("min_level", sa.String(10), nullable=False),
    sa.Column("area_code", sa.String(20), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("superior_id", _ID, nullable=False),  # an organisation, or empty
    sa.Column("retired", sa.Boolean, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    info=_VERSIONS,
)

contact = sa.Table(
    "contact",
    metadata,
    _public_id(),
    _known(),
    sa.Column("organisation_id", _ID, nullable=False),
    sa.Column("person_id", _ID, nullable=False),  # empty: the desk, whoever sits there
    sa.Column("post", sa.String(10), nullable=False),  # duty, deputy, head
    sa.Column("way", sa.String(10), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),  # first choice is 1
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("retired", sa.Boolean, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    info=_VERSIONS,
)

shift = sa.Table(
    "shift",
    metadata,
    _public_id(),
    _known(),
    sa.Column("organisation_id", _ID, nullable=False),
    sa.Column("person_id", _ID, nullable=False),
    sa.Column("deputy_id", _ID, nullable=False),  # empty: none
    sa.Column("starts", UtcTime, nullable=False),
    sa.Column("ends", UtcTime, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # planned, offered, taken, cancelled
    sa.Column("note", sa.Text, nullable=False),  # what the one before hands over
    sa.Column("offered_by", sa.String(80), nullable=False),
    sa.Column("offered_at", UtcTime),
    sa.Column("taken_by", sa.String(80), nullable=False),
    sa.Column("taken_at", UtcTime),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    info=_VERSIONS,
)

answer = sa.Table(
    "answer",
    metadata,
    _public_id(),
    _known(),
    sa.Column("message_identifier", _MESSAGE, nullable=False, index=True),
    sa.Column("warning_id", _ID, nullable=False, index=True),
    sa.Column("chain_id", _ID, nullable=False, index=True),
    sa.Column("duty_id", _ID, nullable=False),
    sa.Column("organisation_id", _ID, nullable=False),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("domain", sa.String(60), nullable=False),
    sa.Column("area_path", sa.String(200), nullable=False),
    sa.Column("state", sa.String(14), nullable=False),  # waiting, acknowledged, acted, over
    sa.Column("step", sa.Integer, nullable=False),  # 0 duty, 1 deputy, 2 superior, 3 nobody is left
    sa.Column("reminders", sa.Integer, nullable=False),
    sa.Column("sent_at", UtcTime, nullable=False),
    sa.Column("deadline_at", UtcTime, nullable=False),  # of the first acknowledgement
    sa.Column("next_at", UtcTime),  # when the next step or reminder is due
    sa.Column("set_at", UtcTime, nullable=False),  # when next_at was set
    sa.Column("acknowledged_at", UtcTime),
    sa.Column("acknowledged_by", sa.String(80), nullable=False),
    sa.Column("acknowledged_via", sa.String(10), nullable=False),  # page, link, cap, phone
    sa.Column("acted_at", UtcTime),
    sa.Column("acted_by", sa.String(80), nullable=False),
    sa.Column("acted_via", sa.String(10), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    info=_VERSIONS,
)

parcel = sa.Table(
    "parcel",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("public_id", _ID, nullable=False, unique=True),  # also the idempotency key of the peer
    sa.Column("key", sa.String(64), nullable=False, unique=True),  # the same parcel is queued once
    sa.Column("purpose", sa.String(12), nullable=False),  # message, escalation, reminder, confirm
    sa.Column("message_identifier", _MESSAGE, nullable=False),
    sa.Column("warning_id", _ID, nullable=False),
    sa.Column("chain_id", _ID, nullable=False),
    sa.Column("target_kind", sa.String(12), nullable=False),  # subscription, contact, standing
    sa.Column("target_id", sa.String(80), nullable=False),
    sa.Column("answer_id", _ID, index=True),
    sa.Column("way", sa.String(10), nullable=False),
    sa.Column("audience", sa.String(10), nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("precedence", sa.Integer, nullable=False),  # the least goes first
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),  # why it was given up
    sa.Column("possibly_twice", sa.Boolean, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("queued_at", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("set_at", UtcTime, nullable=False),  # when due_at was set
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("sender_id", _ID),
    sa.Column("sent_at", UtcTime),
    sa.Column("read_at", UtcTime),
    sa.Index("ix_parcel_due", "state", "way", "precedence", "tries", "due_at"),
    sa.Index("ix_parcel_message", "message_identifier"),
    sa.Index("ix_parcel_chain_target", "chain_id", "target_id"),
    info={"kind": "housekeeping"},
)

parcel_try = sa.Table(
    "parcel_try",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("parcel_id", BigInt, nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime, nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False),  # delivered, sent, refused, failed, in_doubt
    sa.Column("detail", sa.String(300), nullable=False),
    info={"kind": "housekeeping"},
)

# A process that sends. It lives while its beat goes on; no clock decides that.
sender = sa.Table(
    "sender",
    metadata,
    sa.Column("public_id", _ID, primary_key=True),
    sa.Column("beat", BigInt, nullable=False),
    info={"kind": "housekeeping"},
)
