"""What units answer: acknowledged, then acted. By page, by link, by a CAP ``Ack`` or told on the telephone.

Each act takes the world and looks first: said twice (a link opened again, a peer that answers twice) it is said once.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import sqlalchemy as sa

from anlan.errors import ConflictError, InputError, NotFoundError
from anlan.settings import Settings
from anlan.store import Actor, Tx, World
from anlan.warning.cap.model import MsgType
from anlan.warning.cap.read import read
from anlan.warning.sending import outbox
from anlan.warning.sending.outbox import parcel_of
from anlan.warning.sending.queueing import answer_time
from anlan.warning.sending.rows import one_now, store
from anlan.warning.sending.types import Answer, Parcel, Via
from anlan.warning.tables_sending import parcel

__all__ = [
    "acknowledge",
    "acknowledge_by_cap",
    "mark_read",
    "note_call",
    "parcel_of_link",
    "report_action",
]

_NOTE_LIMIT = 2_000


class _SaidAlreadyError(Exception):
    """Leaves a transaction that has nothing to add."""


def acknowledge(
    world: World, settings: Settings, answer_id: str, *, actor: Actor, via: Via, note: str = ""
) -> Answer:
    """The unit has understood. Ends the escalation; from now on it owes a report of what it does.

    Raises
    ------
    NotFoundError
        No such answer.
    ConflictError
        The message no longer holds.
    """
    with suppress(_SaidAlreadyError), world.write(actor) as tx:
        before = _open(tx, answer_id)
        if before.state != "waiting":
            raise _SaidAlreadyError
        _store(
            tx,
            replace(
                before,
                state="acknowledged",
                acknowledged_at=tx.now,
                acknowledged_by=actor.id,
                acknowledged_via=via,
                next_at=world.clock.now() + answer_time(settings, before.level, "act"),
                note=note.strip()[:_NOTE_LIMIT],
            ),
            "acknowledged",
            via=via,
        )
        # Whoever was to be asked next need not be asked any more.
        outbox.drop(tx.connection, reason="answered", answer_id=answer_id)
    return _now(world, answer_id)


def report_action(world: World, answer_id: str, *, actor: Actor, via: Via, note: str) -> Answer:
    """The unit has acted. What it did is part of the report.

    Raises
    ------
    InputError
        No word of what was done.
    NotFoundError
        No such answer.
    ConflictError
        The message no longer holds, or has not been acknowledged.
    """
    said = note.strip()
    if not said or len(said) > _NOTE_LIMIT:
        raise InputError(
            f"say what was done, in at most {_NOTE_LIMIT} characters. Got {len(said)}.",
            key="sending.action_note",
            values={"limit": _NOTE_LIMIT},
        )
    with suppress(_SaidAlreadyError), world.write(actor) as tx:
        before = _open(tx, answer_id)
        if before.state == "acted":
            raise _SaidAlreadyError
        if before.state == "waiting":
            raise ConflictError("acknowledge first, then report what was done", key="sending.ack_first")
        after = replace(
            before,
            state="acted",
            acted_at=tx.now,
            acted_by=actor.id,
            acted_via=via,
            next_at=None,
            note=said,
        )
        _store(tx, after, "acted", via=via)
        outbox.drop(tx.connection, reason="answered", answer_id=answer_id)
    return _now(world, answer_id)


def acknowledge_by_cap(
    world: World, settings: Settings, answer_id: str, *, actor: Actor, data: bytes
) -> Answer:
    """A unit's program answers with a CAP ``Ack`` that refers to the message.

    Raises
    ------
    InputError
        No CAP; another type; it refers to other messages.
    NotFoundError, ConflictError
        As ``acknowledge``.
    """
    alert = read(data)
    if alert.msg_type is not MsgType.ACK:
        raise InputError(
            f"a CAP message of type {alert.msg_type} is no answer; expected is Ack",
            key="sending.ack_type",
            values={"given": str(alert.msg_type)},
        )
    wanted = _now(world, answer_id).message_identifier
    if wanted not in {reference.identifier for reference in alert.references}:
        raise InputError(
            f"this Ack refers to other messages, not to {wanted}",
            key="sending.ack_other",
            values={"identifier": wanted},
        )
    return acknowledge(world, settings, answer_id, actor=actor, via="cap", note=alert.note)


def note_call(
    world: World, settings: Settings, parcel_id: str, *, actor: Actor, reached: bool, acknowledged: bool
) -> Answer | None:
    """Write down a call: nobody there, reached, or reached and acknowledged. Returns the answer it belongs to.

    Raises
    ------
    ConflictError
        No call is open there.
    """
    now = world.clock.now()
    with world.stage() as connection:
        row = connection.execute(
            sa.select(parcel)
            .where(parcel.c.public_id == parcel_id, parcel.c.state == "to_call")
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise ConflictError("no call is open here", key="sending.not_to_call")
        connection.execute(
            parcel.update()
            .where(parcel.c.id == row.id)
            .values(
                state="delivered" if reached else "to_call",
                tries=row.tries + 1,
                sent_at=now if reached else None,
                read_at=now if reached else None,
            )
        )
        outbox.note_try(
            connection, row.id, row.tries + 1, "delivered" if reached else "failed", actor.id, now
        )
    if row.answer_id is None:
        return None
    if reached and acknowledged:
        return acknowledge(world, settings, row.answer_id, actor=actor, via="phone")
    return _now(world, row.answer_id)


def parcel_of_link(world: World, parcel_id: str) -> Parcel:
    """The parcel whose link was opened.

    Raises
    ------
    NotFoundError
        There is none that can be answered.
    """
    with world.read() as connection:
        row = connection.execute(sa.select(parcel).where(parcel.c.public_id == parcel_id)).one_or_none()
    if row is None or row.answer_id is None:
        raise NotFoundError("nothing of that kind was sent", key="sending.unknown.parcel")
    return parcel_of(row)


def mark_read(world: World, one: Parcel) -> None:
    """Its link was opened, for the first time."""
    if one.read_at is None:
        with world.stage() as connection:
            connection.execute(
                parcel.update()
                .where(parcel.c.id == one.id, parcel.c.read_at.is_(None))
                .values(read_at=world.clock.now())
            )


def _open(tx: Tx, answer_id: str) -> Answer:
    before = one_now(tx.connection, Answer, tx.seq, answer_id)
    if before.state == "over":
        raise ConflictError(
            "this message no longer holds; nothing has to be answered", key="sending.answer_over"
        )
    return before


def _now(world: World, answer_id: str) -> Answer:
    with world.read() as connection:
        return one_now(connection, Answer, world.head(), answer_id)


def _store(tx: Tx, after: Answer, what: str, **data: object) -> None:
    made = store(tx, replace(after, known_seq=tx.seq, set_at=tx.world.clock.now()))
    tx.event(
        f"answer.{what}",
        subject=("answer", made.public_id),
        data={
            "message": made.message_identifier,
            "organisation": made.organisation_id,
            "level": str(made.level),
            **data,
        },
    )
