"""What happens when a unit does not answer: its deputy is asked, then its superior, each by another way if there is one.

A step whose every parcel has failed for good ends at once, since waiting for its deadline would help nobody. Who has
acknowledged and reports nothing is reminded three times.

What waits goes by the clock of the world, not by the time of the transaction: that one never goes back, so that after a
jump of the clock every moment it sets would seem to lie ahead.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from anlan.settings import Settings
from anlan.store import SYSTEM, AsOf, Scope, Tx, World
from anlan.warning import queries
from anlan.warning.sending import outbox
from anlan.warning.sending.queueing import answer_time, message_parcel, open_ways
from anlan.warning.sending.reach import choose, contacts_of_step
from anlan.warning.sending.rows import all_now, one_now, store
from anlan.warning.sending.rule import Way
from anlan.warning.sending.types import LAST_STEP, Answer, Contact, UnitDuty
from anlan.warning.tables_sending import parcel

__all__ = ["REMINDERS", "escalate_due"]

REMINDERS = 3
_EVERYTHING = Scope.everything("escalation")


class _NothingDueError(Exception):
    """Leaves a transaction that has nothing to say."""


def escalate_due(world: World, settings: Settings) -> int:
    """Take every step and send every reminder that is due. Returns how many. Safe to call from several workers."""
    with world.read() as connection:
        due = _due(connection, world.head(), world.clock.now())
    done = 0
    for public_id in due:
        with suppress(_NothingDueError), world.write(SYSTEM) as tx:
            # Looked at again inside the lock: an answer may have come, or another worker may have been here.
            if public_id not in _due(tx.connection, tx.seq, world.clock.now()):
                raise _NothingDueError
            one = one_now(tx.connection, Answer, tx.seq, public_id)
            if one.state == "waiting":
                _step(tx, settings, one)
            else:
                _remind(tx, settings, one)
            done += 1
    return done


def _due(connection: sa.Connection, seq: int, now: datetime) -> list[str]:
    open_ones = all_now(
        connection,
        Answer,
        seq,
        lambda rows: rows.c.state.in_(["waiting", "acknowledged"]),
        lambda rows: rows.c.next_at.is_not(None),
    )
    # A moment set later than now was set by a clock that has gone back since.
    by_clock = {
        one.public_id
        for one in open_ones
        if (one.next_at or now) <= now or one.set_at > now + outbox.CLOCK_BACK
    }
    waiting = [one for one in open_ones if one.state == "waiting" and one.public_id not in by_clock]
    return sorted(by_clock | _hopeless(connection, waiting))


def _hopeless(connection: sa.Connection, waiting: list[Answer]) -> set[str]:
    """Answers all of whose parcels have been given up."""
    if not waiting:
        return set()
    rows = connection.execute(
        sa.select(parcel.c.answer_id)
        .where(parcel.c.answer_id.in_([one.public_id for one in waiting]))
        .group_by(parcel.c.answer_id)
        .having(sa.func.sum(sa.case((parcel.c.state == "given_up", 0), else_=1)) == 0)
    )
    return set(rows.scalars())


def _step(tx: Tx, settings: Settings, one: Answer) -> None:
    now = tx.world.clock.now()
    message = queries.message(tx.connection, _EVERYTHING, AsOf(tx.seq), one.message_identifier)
    duty = one_now(tx.connection, UnitDuty, tx.seq, one.duty_id)
    ways = open_ways(tx.world, settings, message)
    tried, used = _tried(tx.connection, one.public_id)
    step, contact = one.step, None
    while contact is None and step < LAST_STEP:
        step += 1
        found = contacts_of_step(tx.connection, tx.seq, duty, step, now) if step < LAST_STEP else []
        contact = choose([item for item in found if item.public_id not in tried], ways=ways, used=used)
    if contact is not None:
        new = message_parcel(message, contact, answer_id=one.public_id, escalated=True)
        outbox.add(tx.connection, [new], now=now)
    _store(
        tx,
        replace(
            one,
            step=step,
            next_at=None if contact is None else now + answer_time(settings, one.level, "answer"),
        ),
        "escalated" if contact is not None else "exhausted",
        step=step,
        contact="" if contact is None else contact.public_id,
        way="" if contact is None else str(contact.way),
    )


def _tried(connection: sa.Connection, answer_id: str) -> tuple[set[str], set[Way]]:
    rows = connection.execute(
        sa.select(parcel.c.target_id, parcel.c.way).where(parcel.c.answer_id == answer_id)
    ).all()
    return {row.target_id for row in rows}, {Way(row.way) for row in rows}


def _remind(tx: Tx, settings: Settings, one: Answer) -> None:
    now = tx.world.clock.now()
    message = queries.message(tx.connection, _EVERYTHING, AsOf(tx.seq), one.message_identifier)
    duty = one_now(tx.connection, UnitDuty, tx.seq, one.duty_id)
    number = one.reminders + 1
    contact = _acknowledger(tx, one) or choose(
        contacts_of_step(tx.connection, tx.seq, duty, 0, now), ways=open_ways(tx.world, settings, message)
    )
    if contact is not None:
        new = message_parcel(message, contact, answer_id=one.public_id, reminder=number)
        outbox.add(tx.connection, [new], now=now)
    is_last = number >= REMINDERS
    next_at = None if is_last else now + answer_time(settings, one.level, "act")
    _store(tx, replace(one, reminders=number, next_at=next_at), "reminded", number=number)


def _acknowledger(tx: Tx, one: Answer) -> Contact | None:
    """The contact through which the unit acknowledged, if it was a link."""
    if one.acknowledged_via not in ("link", "cap"):
        return None
    contact = one_now(tx.connection, Contact, tx.seq, one.acknowledged_by)
    return None if contact.retired else contact


def _store(tx: Tx, after: Answer, what: str, **data: object) -> None:
    made = store(tx, replace(after, known_seq=tx.seq, set_at=tx.world.clock.now()))
    tx.event(
        f"answer.{what}",
        subject=("answer", made.public_id),
        data={"message": made.message_identifier, "organisation": made.organisation_id, **data},
    )
