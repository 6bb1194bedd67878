"""The outbox: parcels are queued once, claimed by one sender, tried, and every try is kept.

Three dangers and what stands against them:

* **A sender dies between sending and writing it down.** Its parcels stay ``sending`` under its name. Others see that its
  beat has stopped and take them over, marked as possibly sent twice.
* **A clock jumps.** No lease ends by the clock. A moment that was set later than now was set by a clock that has since
  gone back, so what waits for it is due. What ran out by a clock that was ahead comes back.
* **A newer message overtakes an older one.** What has not left yet is replaced; it never arrives after its own end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from anlan.store import World, new_public_id
from anlan.warning.levels import Level, rank
from anlan.warning.sending.rule import Audience, Way
from anlan.warning.sending.types import Outcome, Parcel, ParcelState, Purpose, Result, TargetKind
from anlan.warning.tables_sending import parcel, parcel_try, sender

__all__ = [
    "CLOCK_BACK",
    "URGENT",
    "Done",
    "NewParcel",
    "add",
    "claim",
    "drop",
    "is_due",
    "next_pause",
    "note_try",
    "parcel_of",
    "put_back",
    "record",
    "replace_chain",
    "sweep",
    "take_over",
]

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 600.0
_LONGEST_ASKED = 3600.0
_DETAIL = 300
# Parcels of a red warning: the places that are kept for them take no others.
URGENT = 2
_BULK = 1000
# A clock that goes back by less only makes a wait that much longer.
CLOCK_BACK = timedelta(minutes=1)


@dataclass(frozen=True)
class NewParcel:
    """A parcel to be queued. ``number`` tells repeated ones of the same purpose apart; ``level`` None goes last."""

    purpose: Purpose
    target_kind: TargetKind
    target_id: str
    way: Way
    audience: Audience
    language: str
    level: Level | None
    expires: datetime
    message_identifier: str = ""
    warning_id: str = ""
    chain_id: str = ""
    answer_id: str | None = None
    number: int = 0
    state: ParcelState = "queued"
    reason: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True)
class Done:
    """A try that has ended."""

    parcel: Parcel
    outcome: Outcome
    started_at: datetime
    ended_at: datetime


def add(connection: sa.Connection, new: Iterable[NewParcel], *, now: datetime) -> None:
    """Queue parcels; one that was queued before is left as it is."""
    rows = [_row(one, now) for one in new]
    insert = sqlite.insert(parcel) if connection.dialect.name == "sqlite" else postgresql.insert(parcel)
    statement = insert.on_conflict_do_nothing(index_elements=["key"])
    for first in range(0, len(rows), _BULK):
        connection.execute(statement, rows[first : first + _BULK])


def _row(one: NewParcel, now: datetime) -> dict[str, Any]:
    parts = (one.message_identifier, one.target_id, one.purpose, one.answer_id or "", str(one.number))
    return {
        "public_id": new_public_id(),
        "key": hashlib.sha256("\n".join(parts).encode()).hexdigest(),
        "purpose": one.purpose,
        "message_identifier": one.message_identifier,
        "warning_id": one.warning_id,
        "chain_id": one.chain_id,
        "target_kind": one.target_kind,
        "target_id": one.target_id,
        "answer_id": one.answer_id,
        "way": str(one.way),
        "audience": str(one.audience),
        "language": one.language,
        "precedence": _precedence(one),
        "state": one.state,
        "reason": one.reason,
        "possibly_twice": False,
        "tries": 0,
        "queued_at": now,
        "due_at": one.due_at or now,
        "set_at": now,
        "expires": one.expires,
    }


def _precedence(one: NewParcel) -> int:
    """Higher levels first; of the same level, units that must act before those who want to know."""
    if one.level is None:
        return 9
    return 10 - 2 * rank(one.level) - (one.target_kind == "contact")


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(parcel.c.due_at <= now, parcel.c.set_at > now + CLOCK_BACK)


def claim(
    connection: sa.Connection,
    sender_id: str,
    way: Way,
    *,
    limit: int,
    now: datetime,
    urgent_only: bool = False,
) -> list[Parcel]:
    """Take due parcels of a way for one sender, the most urgent first."""
    if limit <= 0:
        return []
    query = sa.select(parcel).where(
        parcel.c.state == "queued", parcel.c.way == str(way), parcel.c.expires > now, _due(now)
    )
    if urgent_only:
        query = query.where(parcel.c.precedence <= URGENT)
    query = query.order_by(parcel.c.precedence, parcel.c.tries, parcel.c.due_at, parcel.c.id).limit(limit)
    rows = connection.execute(query.with_for_update(skip_locked=True)).all()
    if rows:
        connection.execute(
            parcel.update()
            .where(parcel.c.id.in_([row.id for row in rows]))
            .values(state="sending", sender_id=sender_id, tries=parcel.c.tries + 1)
        )
    return [parcel_of(row, state="sending", tries=row.tries + 1) for row in rows]


def is_due(connection: sa.Connection, ways: Collection[Way], now: datetime) -> bool:
    """Whether any parcel of these ways could be tried now."""
    query = sa.select(parcel.c.id).where(
        parcel.c.state == "queued",
        parcel.c.way.in_([str(way) for way in ways]),
        parcel.c.expires > now,
        _due(now),
    )
    return connection.execute(query.limit(1)).first() is not None


def put_back(connection: sa.Connection, sender_id: str, held: Collection[int]) -> None:
    """Parcels that a living sender claimed and does not know of: its database was lost while it claimed them."""
    connection.execute(
        parcel.update()
        .where(parcel.c.state == "sending", parcel.c.sender_id == sender_id, parcel.c.id.not_in(list(held)))
        .values(state="queued", sender_id=None)
    )


def record(connection: sa.Connection, sender_id: str, done: Sequence[Done], *, now: datetime) -> None:
    """Write down tries. A parcel that somebody else has taken over keeps its state; the try is kept all the same."""
    if not done:
        return
    connection.execute(
        parcel_try.insert(),
        [
            {
                "parcel_id": one.parcel.id,
                "number": one.parcel.tries,
                "started_at": one.started_at,
                "ended_at": one.ended_at,
                "outcome": one.outcome.result,
                "detail": one.outcome.detail[:_DETAIL],
            }
            for one in done
        ],
    )
    statement = (
        parcel.update()
        .where(
            parcel.c.id == sa.bindparam("b_id"),
            parcel.c.state == "sending",
            parcel.c.sender_id == sender_id,
            parcel.c.tries == sa.bindparam("b_tries"),
        )
        .values(
            state=sa.bindparam("b_state"),
            reason=sa.bindparam("b_reason"),
            possibly_twice=sa.bindparam("b_twice"),
            due_at=sa.bindparam("b_due"),
            set_at=now,
            sent_at=sa.bindparam("b_sent"),
            sender_id=None,
        )
    )
    connection.execute(statement, [_settled(one, now) for one in done])
    failed = [one.parcel.id for one in done if one.outcome.result in ("failed", "in_doubt")]
    if failed:
        _replace_overtaken(connection, failed)


def note_try(
    connection: sa.Connection, parcel_id: int, number: int, result: Result, detail: str, at: datetime
) -> None:
    """Keep a try that a person made."""
    connection.execute(
        parcel_try.insert().values(
            parcel_id=parcel_id, number=number, started_at=at, ended_at=at, outcome=result, detail=detail
        )
    )


def _settled(one: Done, now: datetime) -> dict[str, Any]:
    result, given = one.outcome.result, one.parcel
    is_out = result in ("sent", "delivered")
    pause = next_pause(given.public_id, given.tries, one.outcome.retry_seconds)
    return {
        "b_id": given.id,
        "b_tries": given.tries,
        "b_state": result if is_out else "given_up" if result == "refused" else "queued",
        "b_reason": "refused" if result == "refused" else "",
        "b_twice": given.possibly_twice or (result == "in_doubt" and given.way is not Way.FILE),
        "b_due": now if is_out or result == "refused" else now + pause,
        "b_sent": now if is_out else given.sent_at,
    }


def next_pause(public_id: str, tries: int, asked_seconds: float | None = None) -> timedelta:
    """How long to wait after the n-th try: 5 s, three times as long each time, at most 10 min, spread by a fifth.

    What the peer asks for counts when it is longer, up to an hour.
    """
    pause = min(_FIRST_PAUSE * 3.0 ** min(tries - 1, 10), _LONGEST_PAUSE)
    spread = int(hashlib.sha256(f"{public_id}{tries}".encode()).hexdigest()[:4], 16) / 0xFFFF
    pause *= 0.9 + 0.2 * spread
    if asked_seconds is not None:
        pause = max(pause, min(asked_seconds, _LONGEST_ASKED))
    return timedelta(seconds=pause)


def _replace_overtaken(connection: sa.Connection, ids: Collection[int]) -> None:
    """A try failed, and a newer message of the same warning is on its way to the same recipient."""
    newer = parcel.alias()
    overtaken = sa.exists().where(
        newer.c.chain_id == parcel.c.chain_id,
        newer.c.target_id == parcel.c.target_id,
        newer.c.message_identifier != parcel.c.message_identifier,
        newer.c.id > parcel.c.id,
    )
    connection.execute(
        parcel.update()
        .where(parcel.c.id.in_(list(ids)), parcel.c.state == "queued", parcel.c.chain_id != "", overtaken)
        .values(state="given_up", reason="replaced")
    )


def replace_chain(connection: sa.Connection, chain_id: str, identifier: str) -> None:
    """A new message of a warning: what has not left of the earlier ones will not leave any more."""
    connection.execute(
        parcel.update()
        .where(
            parcel.c.chain_id == chain_id,
            parcel.c.message_identifier != identifier,
            parcel.c.state.in_(["held", "queued", "to_call"]),
        )
        .values(state="given_up", reason="replaced")
    )


def drop(connection: sa.Connection, *, reason: str, **which: object) -> None:
    """Give up what has not left, by columns: ``target_id=…`` or ``answer_id=…``."""
    conditions = [parcel.c[name] == value for name, value in which.items()]
    connection.execute(
        parcel.update()
        .where(parcel.c.state.in_(["held", "queued", "to_call"]), *conditions)
        .values(state="given_up", reason=reason)
    )


def take_over(connection: sa.Connection, dead: Collection[str], *, now: datetime) -> int:
    """Parcels of senders that have died: nobody knows whether they left. Returns how many."""
    if not dead:
        return 0
    mine = sa.and_(parcel.c.state == "sending", parcel.c.sender_id.in_(list(dead)))
    rows = connection.execute(sa.select(parcel.c.id, parcel.c.tries).where(mine).with_for_update()).all()
    if rows:
        connection.execute(
            parcel_try.insert(),
            [
                {
                    "parcel_id": row.id,
                    "number": row.tries,
                    "started_at": now,
                    "ended_at": now,
                    "outcome": "in_doubt",
                    "detail": "the sender stopped",
                }
                for row in rows
            ],
        )
        doubtful = sa.or_(parcel.c.possibly_twice, parcel.c.way != str(Way.FILE))
        connection.execute(
            parcel.update()
            .where(mine)
            .values(state="queued", sender_id=None, possibly_twice=doubtful, due_at=now, set_at=now)
        )
        _replace_overtaken(connection, [row.id for row in rows])
    connection.execute(sender.delete().where(sender.c.public_id.in_(list(dead))))
    return len(rows)


def sweep(world: World) -> bool:
    """What happens by the clock: quiet hours end, messages run out, and come back if a clock was ahead.

    Looks before it writes. Returns whether it wrote.
    """
    now = world.clock.now()
    changes: list[tuple[sa.ColumnElement[bool], dict[str, Any]]] = [
        (
            sa.and_(parcel.c.state == "held", parcel.c.expires > now, _due(now)),
            {"state": "queued", "due_at": now, "set_at": now},
        ),
        (
            sa.and_(parcel.c.state.in_(["held", "queued", "to_call"]), parcel.c.expires <= now),
            {"state": "given_up", "reason": "run_out"},
        ),
        (
            sa.and_(parcel.c.state == "given_up", parcel.c.reason == "run_out", parcel.c.expires > now),
            {
                "state": sa.case((parcel.c.way == str(Way.PHONE), "to_call"), else_="queued"),
                "reason": "",
                "due_at": now,
                "set_at": now,
            },
        ),
    ]
    with world.read() as connection:
        wanted = [
            (which, values)
            for which, values in changes
            if connection.execute(sa.select(parcel.c.id).where(which).limit(1)).first() is not None
        ]
    if wanted:
        with world.stage() as connection:
            for which, values in wanted:
                connection.execute(parcel.update().where(which).values(**values))
    return bool(wanted)


_FIELDS = tuple(item.name for item in fields(Parcel))


def parcel_of(row: sa.Row[Any], **changes: Any) -> Parcel:
    """The parcel of a row of its table."""
    values = {name: getattr(row, name) for name in _FIELDS} | changes
    values["way"], values["audience"] = Way(values["way"]), Audience(values["audience"])
    return Parcel(**values)
