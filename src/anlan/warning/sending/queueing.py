"""At release: one parcel for each recipient and way, and an answer owed by each unit that must act.

Units come first, in one journaled transaction with their answers; subscribers follow in short transactions, so that ten
thousand of them keep nobody waiting. Doing it twice changes nothing: a parcel and an answer are made once a message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from anlan.settings import Settings
from anlan.store import SYSTEM, AsOf, Scope, Tx, World, new_public_id
from anlan.warning import queries
from anlan.warning.cap.model import Scope as MessageScope
from anlan.warning.cap.model import Status
from anlan.warning.levels import Level
from anlan.warning.sending import outbox
from anlan.warning.sending.outbox import NewParcel
from anlan.warning.sending.reach import choose, contacts_of_step, duties_for, quiet_end, subscriptions_for
from anlan.warning.sending.rows import all_now, one_now, store
from anlan.warning.sending.rule import Audience, Channel, Way, allowed
from anlan.warning.sending.types import Answer, Contact, Subscription, UnitDuty
from anlan.warning.tables_sending import parcel
from anlan.warning.types import HazardWarning, Message

__all__ = ["answer_time", "close_answers", "message_parcel", "open_ways", "queue_message"]

_EVERYTHING = Scope.everything("sending")
_AT_ONCE = 500
_STANDING = (Way.MQTT, Way.FILE)


class _DoneAlreadyError(Exception):
    """Leaves a transaction in which somebody else turned out to have been first."""


def queue_message(world: World, settings: Settings, identifier: str) -> None:
    """Queue a released message for all whom it concerns, and close what is owed for the earlier ones of its warning."""
    with world.read() as connection:
        seq = world.head()
        message = queries.message(connection, _EVERYTHING, AsOf(seq), identifier)
        warning = queries.warning(connection, _EVERYTHING, AsOf(seq), message.warning_id)
        wanted = {one.public_id: one for one in subscriptions_for(connection, seq, warning)}
        for one in _told_before(connection, seq, warning):
            wanted.setdefault(one.public_id, one)
    with suppress(_DoneAlreadyError), world.write(SYSTEM) as tx:
        _queue_units(tx, settings, message, warning, len(wanted))
    now = world.clock.now()
    zone = ZoneInfo(settings.zone)
    rest = _for_subscribers(world.kind, settings, message, warning, list(wanted.values()), now, zone)
    while some := list(islice(rest, _AT_ONCE)):
        with world.stage() as connection:
            outbox.add(connection, some, now=now)


def _queue_units(
    tx: Tx, settings: Settings, message: Message, warning: HazardWarning, subscribers: int
) -> None:
    done = sa.select(parcel.c.id).where(parcel.c.message_identifier == message.identifier).limit(1)
    owed = all_now(tx.connection, Answer, tx.seq, message_identifier=message.identifier)
    # An event is written even where there is nobody to tell: the journal says that it was looked at.
    if owed or tx.connection.execute(done).first() is not None:
        raise _DoneAlreadyError
    close_answers(tx, warning.chain_id, except_for=message.identifier)
    outbox.replace_chain(tx.connection, warning.chain_id, message.identifier)
    duties = duties_for(tx.connection, tx.seq, warning)
    must_answer = warning.kind in ("alert", "update")
    ways = open_ways(tx.world, settings, message)
    new: list[NewParcel] = []
    for duty in duties:
        contact = choose(contacts_of_step(tx.connection, tx.seq, duty, 0, tx.world.clock.now()), ways=ways)
        answer = _owe(tx, settings, message, warning, duty, contact) if must_answer else None
        if contact is not None:
            new.append(message_parcel(message, contact, answer_id=answer.public_id if answer else None))
    told = {one.target_id for one in new}
    new += [
        message_parcel(message, contact)
        for contact in _contacts_told_before(tx, warning)
        if contact.public_id not in told and contact.way in ways | {Way.PHONE}
    ]
    outbox.add(tx.connection, new, now=tx.world.clock.now())
    tx.event(
        "message.queued",
        subject=("warning", warning.public_id),
        data={
            "message": message.identifier,
            "units": len(duties),
            "to_answer": len(duties) if must_answer else 0,
            "subscriptions": subscribers,
        },
    )


def open_ways(world: World, settings: Settings, message: Message) -> frozenset[Way]:
    """Ways by which a message may reach units, and that this node has settings for."""
    configured = {
        Way.EMAIL: bool(settings.smtp_host),
        Way.SMS: bool(settings.sms_url),
        Way.MQTT: bool(settings.mqtt_host),
        Way.WEBHOOK: True,
    }
    status, scope = Status(message.status), MessageScope(message.scope)
    return frozenset(
        way
        for way, is_there in configured.items()
        if is_there and allowed(status, scope, Channel(way, Audience.CLOSED), world.kind)
    )


def answer_time(settings: Settings, level: Level, what: str) -> timedelta:
    """The time of a level: ``answer`` until it is acknowledged, ``act`` from then until something is reported."""
    return timedelta(minutes=getattr(settings, f"{what}_minutes_{level}"))


def _owe(
    tx: Tx,
    settings: Settings,
    message: Message,
    warning: HazardWarning,
    duty: UnitDuty,
    contact: Contact | None,
) -> Answer:
    now = tx.world.clock.now()
    deadline = now + answer_time(settings, warning.level, "answer")
    return store(
        tx,
        Answer(
            public_id=new_public_id(),
            known_seq=tx.seq,
            message_identifier=message.identifier,
            warning_id=warning.public_id,
            chain_id=warning.chain_id,
            duty_id=duty.public_id,
            organisation_id=duty.organisation_id,
            level=warning.level,
            domain=warning.domain,
            area_path=duty.area_path,
            state="waiting",
            step=0,
            reminders=0,
            sent_at=tx.now,
            deadline_at=deadline,
            # Who cannot be reached at all is passed over at once.
            next_at=now if contact is None else deadline,
            set_at=now,
            acknowledged_at=None,
            acknowledged_by="",
            acknowledged_via="",
            acted_at=None,
            acted_by="",
            acted_via="",
            note="",
        ),
    )


def message_parcel(
    message: Message,
    contact: Contact,
    *,
    answer_id: str | None = None,
    escalated: bool = False,
    reminder: int = 0,
) -> NewParcel:
    """A parcel to a unit's contact. A telephone waits for a person who calls."""
    return NewParcel(
        purpose="escalation" if escalated else "reminder" if reminder else "message",
        target_kind="contact",
        target_id=contact.public_id,
        way=contact.way,
        audience=Audience.CLOSED,
        language=contact.language,
        level=message.level,
        expires=message.expires,
        message_identifier=message.identifier,
        warning_id=message.warning_id,
        chain_id=message.chain_id,
        answer_id=answer_id,
        number=reminder,
        state="to_call" if contact.way is Way.PHONE else "queued",
    )


def close_answers(tx: Tx, chain_id: str, *, except_for: str = "") -> int:
    """Nothing is owed any more for the messages of a warning, but for one. Returns how many were open."""
    closed = 0
    for one in all_now(tx.connection, Answer, tx.seq, chain_id=chain_id):
        if one.message_identifier == except_for or one.state in ("over", "acted"):
            continue
        values = {
            **vars(one),
            "state": "over",
            "next_at": None,
            "known_seq": tx.seq,
            "set_at": tx.world.clock.now(),
        }
        store(tx, Answer(**values))
        outbox.drop(tx.connection, reason="replaced", answer_id=one.public_id)
        tx.event("answer.over", subject=("answer", one.public_id), data={"was": one.state})
        closed += 1
    return closed


def _told_before(connection: sa.Connection, seq: int, warning: HazardWarning) -> list[Subscription]:
    """Who got an earlier message of a warning gets this one too, whatever its level and places are now."""
    return [
        one
        for public_id in _targets_before(connection, warning, "subscription")
        if (one := one_now(connection, Subscription, seq, public_id)).state == "confirmed"
    ]


def _contacts_told_before(tx: Tx, warning: HazardWarning) -> list[Contact]:
    found = (
        one_now(tx.connection, Contact, tx.seq, public_id)
        for public_id in _targets_before(tx.connection, warning, "contact")
    )
    return [one for one in found if not one.retired]


def _targets_before(connection: sa.Connection, warning: HazardWarning, kind: str) -> list[str]:
    if warning.previous_id is None:
        return []
    # What never left and is replaced now was heard of by nobody.
    left = sa.or_(parcel.c.tries > 0, parcel.c.state == "sending")
    return list(
        connection.execute(
            sa.select(parcel.c.target_id)
            .where(
                parcel.c.chain_id == warning.chain_id,
                parcel.c.target_kind == kind,
                parcel.c.purpose != "confirm",
                left,
            )
            .distinct()
            .order_by(parcel.c.target_id)
        ).scalars()
    )


def _for_subscribers(
    world_kind: str,
    settings: Settings,
    message: Message,
    warning: HazardWarning,
    wanted: Sequence[Subscription],
    now: datetime,
    zone: ZoneInfo,
) -> Iterator[NewParcel]:
    status, scope = Status(message.status), MessageScope(message.scope)
    known: Collection[Way] = {
        way for way, is_there in ((Way.MQTT, settings.mqtt_host), (Way.FILE, settings.drop_dir)) if is_there
    }
    for way in _STANDING:
        if way in known and allowed(status, scope, Channel(way, Audience.PUBLIC), world_kind):
            yield _parcel(message, "standing", str(way), way, Audience.PUBLIC, "zh", None)
    for one in wanted:
        if allowed(status, scope, Channel(one.way, one.audience), world_kind):
            end = quiet_end(one, warning.level, now, zone)
            yield _parcel(message, "subscription", one.public_id, one.way, one.audience, one.language, end)


def _parcel(
    message: Message,
    kind: str,
    target_id: str,
    way: Way,
    audience: Audience,
    language: str,
    held_until: datetime | None,
) -> NewParcel:
    return NewParcel(
        purpose="message",
        target_kind=kind,  # type: ignore[arg-type]
        target_id=target_id,
        way=way,
        audience=audience,
        language=language,
        level=message.level,
        expires=message.expires,
        message_identifier=message.identifier,
        warning_id=message.warning_id,
        chain_id=message.chain_id,
        state="queued" if held_until is None else "held",
        due_at=held_until,
    )
