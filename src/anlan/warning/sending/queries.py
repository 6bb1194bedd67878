"""Questions to sending and answers. Each takes a connection, a scope and a moment; whoever does not see a warning does not
see who was told of it.

What was decided (answers, subscriptions, contacts, shifts) is as of the asked sequence. Parcels are work state: they are
as they stand now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from anlan.errors import NotFoundError
from anlan.registry import queries as registry
from anlan.store import AsOf, Scope
from anlan.warning import queries as warnings
from anlan.warning.levels import Level, rank
from anlan.warning.sending.outbox import parcel_of
from anlan.warning.sending.rota import is_untaken
from anlan.warning.sending.rows import all_now, one_now
from anlan.warning.sending.rule import Way
from anlan.warning.sending.types import (
    LAST_STEP,
    Answer,
    Contact,
    Parcel,
    Shift,
    Subscription,
    UnitDuty,
)
from anlan.warning.tables_sending import parcel, parcel_try

__all__ = [
    "AnswerBoard",
    "Call",
    "Try",
    "UnitLine",
    "WayCount",
    "answer",
    "answer_board",
    "answer_counts",
    "calls",
    "contacts",
    "duties",
    "owed",
    "shift",
    "shifts",
    "subscription",
    "subscriptions",
    "tries",
    "way_counts",
]

_INTERNAL = 1
_EVERYTHING = Scope.everything("sending")
# In the order in which a unit moves through them; ``failed`` and ``late`` stand aside and come first on the board.
UnitState = Literal["owed", "sent", "delivered", "read", "acknowledged", "acted", "failed", "over"]


@dataclass(frozen=True)
class UnitLine:
    """One unit on the board. ``is_late``: its deadline has passed without an answer, or it has nobody left to ask."""

    answer: Answer
    names: dict[str, str]
    state: UnitState
    is_late: bool
    is_possibly_twice: bool
    ways: tuple[Way, ...]
    since: datetime


@dataclass(frozen=True)
class WayCount:
    """What became of the parcels of one way. ``waiting`` are those that have not left, ``failed`` are among them."""

    way: Way
    all: int
    sent: int
    delivered: int
    read: int
    waiting: int
    failed: int
    given_up: int
    possibly_twice: int


@dataclass(frozen=True)
class Call:
    """A telephone call that waits for a person."""

    parcel: Parcel
    contact: Contact
    names: dict[str, str]
    level: Level


@dataclass(frozen=True)
class Try:
    """One try of a parcel."""

    number: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    detail: str


@dataclass(frozen=True)
class AnswerBoard:
    """Who has the message and who has answered, units that need somebody first."""

    units: tuple[UnitLine, ...]
    ways: tuple[WayCount, ...]
    calls: tuple[Call, ...]

    def count(self, *states: UnitState) -> int:
        """How many units stand in one of these states."""
        return sum(unit.state in states for unit in self.units)

    @property
    def answered(self) -> int:
        """Units that have acknowledged, also those that have acted."""
        return sum(unit.answer.acknowledged_at is not None for unit in self.units)

    @property
    def late(self) -> int:
        return sum(unit.is_late for unit in self.units)

    @property
    def next_at(self) -> datetime | None:
        """When the next unit is asked again."""
        return min((u.answer.next_at for u in self.units if u.answer.next_at is not None), default=None)


def answer_board(
    connection: sa.Connection, scope: Scope, as_of: AsOf, warning_id: str, *, at: datetime
) -> AnswerBoard:
    """The board of one step of a warning.

    Raises
    ------
    NotFoundError
        There is no such step, or the scope does not see it.
    """
    warnings.warning(connection, scope, as_of, warning_id)
    found = all_now(connection, Answer, as_of.seq, warning_id=warning_id)
    sent = connection.execute(
        sa.select(parcel)
        .where(parcel.c.answer_id.in_([one.public_id for one in found]))
        .order_by(parcel.c.id)
    )
    of_answer: dict[str, list[Parcel]] = {}
    for row in sent:
        of_answer.setdefault(row.answer_id, []).append(parcel_of(row))
    names = _organisation_names(connection, as_of)
    lines = [
        _line(one, of_answer.get(one.public_id, []), names.get(one.organisation_id, {}), at) for one in found
    ]
    lines.sort(key=lambda line: (not line.is_late, line.state != "failed", line.state == "acted", line.since))
    identifiers = {one.message_identifier for one in found}
    return AnswerBoard(
        tuple(lines),
        tuple(_way_counts(connection, parcel.c.warning_id == warning_id)),
        tuple(call for call in _calls(connection, as_of) if call.parcel.message_identifier in identifiers),
    )


def _line(one: Answer, sent: Sequence[Parcel], names: dict[str, str], at: datetime) -> UnitLine:
    state, since = _unit_state(one, sent)
    is_open = one.state == "waiting"
    return UnitLine(
        answer=one,
        names=names,
        state=state,
        is_late=is_open and (one.deadline_at <= at or one.step >= LAST_STEP),
        is_possibly_twice=any(item.possibly_twice for item in sent),
        ways=tuple(dict.fromkeys(item.way for item in sent)),
        since=since,
    )


def _unit_state(one: Answer, sent: Sequence[Parcel]) -> tuple[UnitState, datetime]:
    if one.state == "acted" and one.acted_at is not None:
        return "acted", one.acted_at
    if one.acknowledged_at is not None:
        return "acknowledged", one.acknowledged_at
    if one.state == "over":
        return "over", one.set_at
    read = [item.read_at for item in sent if item.read_at is not None]
    if read:
        return "read", min(read)
    for name, states in (("delivered", ("delivered",)), ("sent", ("sent",))):
        out = [item.sent_at for item in sent if item.state in states and item.sent_at is not None]
        if out:
            return name, min(out)  # type: ignore[return-value]
    if sent and all(item.state == "given_up" or item.has_failed for item in sent):
        return "failed", max(item.queued_at for item in sent)
    return "owed", one.sent_at


def answer(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Answer:
    """One answer.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see the warning it belongs to.
    """
    found = one_now(connection, Answer, as_of.seq, public_id)
    warnings.warning(connection, scope, as_of, found.warning_id)
    return found


def answer_counts(
    connection: sa.Connection, scope: Scope, as_of: AsOf, warning_ids: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """For each of some warnings how many units have acknowledged, and how many must: ``14/17`` of a strip."""
    found = all_now(
        connection,
        Answer,
        as_of.seq,
        lambda rows: rows.c.warning_id.in_(list(warning_ids)),
        lambda rows: scope.where(domain=rows.c.domain),
    )
    counts: dict[str, tuple[int, int]] = {}
    for one in found:
        done, all_ = counts.get(one.warning_id, (0, 0))
        counts[one.warning_id] = (done + (one.acknowledged_at is not None), all_ + 1)
    return counts


def owed(connection: sa.Connection, scope: Scope, as_of: AsOf, *, at: datetime) -> list[Answer]:
    """Answers that are late, the highest level first: nobody has acknowledged them within their deadline."""
    found = all_now(
        connection,
        Answer,
        as_of.seq,
        lambda rows: scope.where(area_path=rows.c.area_path, domain=rows.c.domain),
        lambda rows: sa.or_(rows.c.deadline_at <= at, rows.c.step >= LAST_STEP),
        state="waiting",
    )
    return sorted(found, key=lambda one: (-rank(one.level), one.deadline_at, one.public_id))


def calls(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[Call]:
    """Telephone calls that wait for a person, the most urgent first."""
    if scope.sensitivity < _INTERNAL:
        return []
    seen = []
    for call in _calls(connection, as_of):
        if warnings.history(connection, scope, as_of, call.parcel.warning_id):
            seen.append(call)
    return seen


def _calls(connection: sa.Connection, as_of: AsOf) -> list[Call]:
    rows = connection.execute(
        sa.select(parcel).where(parcel.c.state == "to_call").order_by(parcel.c.precedence, parcel.c.id)
    ).all()
    names = _organisation_names(connection, as_of) if rows else {}
    found = []
    for row in rows:
        contact = one_now(connection, Contact, as_of.seq, row.target_id)
        message = warnings.message(connection, _EVERYTHING, as_of, row.message_identifier)
        found.append(Call(parcel_of(row), contact, names.get(contact.organisation_id, {}), message.level))
    return found


def way_counts(connection: sa.Connection, scope: Scope, *, since: datetime | None = None) -> list[WayCount]:
    """What became of all parcels, by way; with ``since`` of those queued from then on. For internal readers."""
    if scope.sensitivity < _INTERNAL:
        return []
    return _way_counts(connection, sa.true() if since is None else parcel.c.queued_at >= since)


def _way_counts(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[WayCount]:
    def many(condition: sa.ColumnElement[bool], name: str) -> sa.Label[int]:
        return sa.func.sum(sa.case((condition, 1), else_=0)).label(name)

    state = parcel.c.state
    waiting = state.in_(["held", "queued", "sending", "to_call"])
    rows = connection.execute(
        sa.select(
            parcel.c.way,
            sa.func.count().label("all"),
            many(state.in_(["sent", "delivered"]), "sent"),
            many(state == "delivered", "delivered"),
            many(parcel.c.read_at.is_not(None), "read"),
            many(waiting, "waiting"),
            many(sa.and_(waiting, parcel.c.tries > 0, state != "sending"), "failed"),
            many(state == "given_up", "given_up"),
            many(parcel.c.possibly_twice, "possibly_twice"),
        )
        .where(which)
        .group_by(parcel.c.way)
        .order_by(parcel.c.way)
    )
    return [WayCount(Way(row.way), *(int(value) for value in row[1:])) for row in rows]


def tries(connection: sa.Connection, scope: Scope, as_of: AsOf, parcel_id: str) -> list[Try]:
    """Every try of one parcel, oldest first.

    Raises
    ------
    NotFoundError
        The scope does not see the warning it belongs to.
    """
    row = connection.execute(sa.select(parcel).where(parcel.c.public_id == parcel_id)).one_or_none()
    if row is None:
        return []
    if row.warning_id:
        warnings.warning(connection, scope, as_of, row.warning_id)
    found = connection.execute(
        sa.select(parcel_try).where(parcel_try.c.parcel_id == row.id).order_by(parcel_try.c.id)
    )
    return [Try(one.number, one.started_at, one.ended_at, one.outcome, one.detail) for one in found]


def subscriptions(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, ended: bool = False
) -> list[Subscription]:
    """Subscriptions in scope, newest first. For internal readers; addresses are not among what it says."""
    if scope.sensitivity < _INTERNAL:
        return []
    found = all_now(connection, Subscription, as_of.seq, lambda rows: scope.where(area_path=rows.c.area_path))
    kept = [one for one in found if ended or one.state != "ended"]
    return sorted(kept, key=lambda one: one.asked_at, reverse=True)


def subscription(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Subscription:
    """One subscription, for whom its link has led here, or who sees its area.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    found = one_now(connection, Subscription, as_of.seq, public_id)
    if not scope.sees(area_path=found.area_path):
        raise NotFoundError("there is no such subscription", key="sending.unknown.subscription")
    return found


def duties(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[UnitDuty]:
    """Which units must act, by area."""
    found = all_now(
        connection,
        UnitDuty,
        as_of.seq,
        lambda rows: scope.where(area_path=rows.c.area_path, sensitivity=sa.literal(_INTERNAL)),
        retired=False,
    )
    return sorted(found, key=lambda one: (one.area_path, one.organisation_id))


def contacts(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[Contact]:
    """Contacts of the units in scope, without their addresses, in the order in which they are used."""
    seen = {one.public_id for one in registry.organisations(connection, scope, as_of)}
    if scope.sensitivity < _INTERNAL:
        return []
    found = [
        one for one in all_now(connection, Contact, as_of.seq, retired=False) if one.organisation_id in seen
    ]
    posts = ("duty", "deputy", "head")
    return sorted(
        found, key=lambda one: (one.organisation_id, posts.index(one.post), one.position, one.public_id)
    )


def shifts(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    at: datetime,
    days: int = 7,
    untaken_only: bool = False,
) -> list[Shift]:
    """Shifts of units in scope from a day before ``at`` on for some days, by unit and time."""
    seen = {one.public_id for one in registry.organisations(connection, scope, as_of)}
    if scope.sensitivity < _INTERNAL:
        return []
    found = all_now(
        connection,
        Shift,
        as_of.seq,
        lambda rows: rows.c.ends > at - timedelta(days=1),
        lambda rows: rows.c.starts < at + timedelta(days=days),
        lambda rows: rows.c.state != "cancelled",
    )
    kept = [one for one in found if one.organisation_id in seen and (not untaken_only or is_untaken(one, at))]
    return sorted(kept, key=lambda one: (one.organisation_id, one.starts))


def shift(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Shift:
    """One shift of a unit in scope.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see its unit.
    """
    found = one_now(connection, Shift, as_of.seq, public_id)
    seen = {one.public_id for one in registry.organisations(connection, scope, as_of)}
    if scope.sensitivity < _INTERNAL or found.organisation_id not in seen:
        raise NotFoundError("there is no such shift", key="sending.unknown.shift")
    return found


def _organisation_names(connection: sa.Connection, as_of: AsOf) -> dict[str, dict[str, str]]:
    found = registry.organisations(connection, _EVERYTHING, as_of, retired=True)
    return {one.public_id: dict(one.names) for one in found}
