"""Questions to the warning room. Each takes a connection, a scope and a moment, and gives the same answer for ever.

A warning is seen by whom one of its places concerns: who looks after a place inside it, and who looks after a part of
one of its places (a county officer sees a warning for the whole city).

``as_of.known_at`` says nothing here: what people decided is known when it was decided.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from anlan.errors import NotFoundError, ParameterError
from anlan.store import AsOf, Scope, latest
from anlan.warning import tables
from anlan.warning.cap.model import Alert
from anlan.warning.cap.read import read_checked
from anlan.warning.feed import FeedContent, FeedEntry, week_of, week_start
from anlan.warning.levels import Level
from anlan.warning.shapes import shapes_from_json
from anlan.warning.types import HazardTemplate, HazardType, HazardWarning, Message, WarningState

__all__ = [
    "chain",
    "feed",
    "feed_week",
    "hazard",
    "hazards",
    "history",
    "in_force",
    "message",
    "messages",
    "messages_of_chain",
    "seen",
    "newest_message_seq",
    "state_counts",
    "to_release",
    "to_review",
    "warning",
    "warnings",
]

DEFAULT_LIMIT = 200
FEED_DAYS = 14


def warning(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> HazardWarning:
    """One step of a warning in its newest version.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    versions = history(connection, scope, as_of, public_id)
    if not versions:
        raise NotFoundError(
            f"no warning {public_id!r} here", key="warning.unknown", values={"public_id": public_id}
        )
    return versions[-1]


def history(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> list[HazardWarning]:
    """Versions of one step, oldest first: those that the scope sees, and none if it does not see the newest.

    A released step is public and its drafts are not.
    """
    table = tables.warning
    query = (
        sa.select(table, seen(scope, table).label("is_seen"))
        .where(table.c.public_id == public_id, table.c.known_seq <= as_of.seq)
        .order_by(table.c.known_seq)
    )
    rows = connection.execute(query).all()
    if not rows or not rows[-1].is_seen:
        return []
    return [_warning(row) for row in rows if row.is_seen]


def warnings(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    states: Collection[WarningState] | None = None,
    assessment_id: str | None = None,
    hazard_code: str | None = None,
    limit: int | None = DEFAULT_LIMIT,
) -> list[HazardWarning]:
    """Steps of warnings in their newest version, the last changed first; ``limit=None`` gives all."""
    now = _now(as_of)
    query = sa.select(now).where(seen(scope, now))
    if states is not None:
        query = query.where(now.c.state.in_(list(states)))
    if assessment_id is not None:
        query = query.where(now.c.assessment_id == assessment_id)
    if hazard_code is not None:
        query = query.where(now.c.hazard == hazard_code)
    query = query.order_by(now.c.changed_at.desc(), now.c.known_seq.desc(), now.c.public_id).limit(limit)
    return [_warning(row) for row in connection.execute(query)]


def in_force(connection: sa.Connection, scope: Scope, as_of: AsOf, *, at: datetime) -> list[HazardWarning]:
    """Warnings that hold at a moment, the highest level first, then the one that ends first.

    One whose time has run out is left out even before the work loop has written so. One that begins later than ``at``
    is in: it has been released and people have been told.
    """
    now = _now(as_of)
    query = sa.select(now).where(seen(scope, now), now.c.state == "in_force", now.c.expires > at)
    order = {str(level): -position for position, level in enumerate(Level)}
    ranked = sa.case(order, value=now.c.level, else_=1)
    query = query.order_by(ranked, now.c.expires, now.c.year, now.c.serial, now.c.step)
    return [_warning(row) for row in connection.execute(query)]


def to_release(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, person: str | None = None
) -> list[HazardWarning]:
    """Steps that wait for a second person, oldest first; with ``person`` only those that this person may release."""
    now = _now(as_of)
    query = sa.select(now).where(seen(scope, now), now.c.state == "review")
    query = query.order_by(now.c.submitted_at, now.c.year, now.c.serial, now.c.step)
    found = [_warning(row) for row in connection.execute(query)]
    return [item for item in found if person is None or person not in item.authors]


def to_review(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, person: str | None = None
) -> list[HazardWarning]:
    """Steps that one person released alone and nobody has reviewed, oldest first; with ``person`` those of others."""
    now = _now(as_of)
    query = sa.select(now).where(
        seen(scope, now), now.c.alone_reason.is_not(None), now.c.reviewed_at.is_(None)
    )
    query = query.order_by(now.c.released_at, now.c.year, now.c.serial, now.c.step)
    found = [_warning(row) for row in connection.execute(query)]
    return [item for item in found if person is None or item.released_by != person]


def chain(connection: sa.Connection, scope: Scope, as_of: AsOf, chain_id: str) -> list[HazardWarning]:
    """All steps of one warning in their newest version, first step first."""
    now = _now(as_of)
    query = sa.select(now).where(seen(scope, now), now.c.chain_id == chain_id)
    query = query.order_by(now.c.step, now.c.drafted_at, now.c.public_id)
    return [_warning(row) for row in connection.execute(query)]


def state_counts(connection: sa.Connection, scope: Scope, as_of: AsOf) -> dict[str, int]:
    """How many steps stand in each state."""
    now = _now(as_of)
    query = sa.select(now.c.state, sa.func.count()).where(seen(scope, now)).group_by(now.c.state)
    return {state: int(count) for state, count in connection.execute(query.order_by(now.c.state))}


def message(connection: sa.Connection, scope: Scope, as_of: AsOf, identifier: str) -> Message:
    """One released message with its bytes.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    table = tables.message
    query = sa.select(table).where(
        table.c.identifier == identifier, table.c.known_seq <= as_of.seq, seen(scope, table)
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFoundError(
            f"no message {identifier!r} here",
            key="warning.message.unknown",
            values={"identifier": identifier},
        )
    return _message(row)


def messages(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    at: datetime | None = None,
    limit: int | None = DEFAULT_LIMIT,
) -> list[Message]:
    """Released messages, newest first; with ``at`` those that are recent or whose time has not run out then."""
    table = tables.message
    query = sa.select(table).where(table.c.known_seq <= as_of.seq, seen(scope, table))
    if at is not None:
        query = query.where(sa.or_(table.c.expires > at, table.c.sent > at - timedelta(days=FEED_DAYS)))
    query = query.order_by(table.c.sent.desc(), table.c.known_seq.desc(), table.c.identifier).limit(limit)
    return [_message(row) for row in connection.execute(query)]


def messages_of_chain(connection: sa.Connection, scope: Scope, as_of: AsOf, chain_id: str) -> list[Message]:
    """The messages of one warning, oldest first."""
    table = tables.message
    query = sa.select(table).where(
        table.c.chain_id == chain_id, table.c.known_seq <= as_of.seq, seen(scope, table)
    )
    return [
        _message(row) for row in connection.execute(query.order_by(table.c.known_seq, table.c.identifier))
    ]


def feed(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    at: datetime,
    document_url: Callable[[Message], str],
    page_url: Callable[[Message], str] | None = None,
) -> FeedContent:
    """What stands in the feed of this scope.

    Parameters
    ----------
    at : datetime
        Messages stay in it while they hold and for 14 days after they were sent. All that hold are in it, whatever
        their number: hubs delete what is missing. Of those that have run out it lists the newest 200, and all of the
        running week, whose archive page is not complete yet.
    document_url, page_url : callable
        Address of the CAP document and of the readable page of a message.
    """
    monday = week_start(week_of(at))
    listed, over = [], 0
    for item in messages(connection, scope, as_of, at=at, limit=None):
        over += item.expires <= at
        if item.expires > at or over <= DEFAULT_LIMIT or item.sent >= monday:
            listed.append(item)
    changed, until = _feed_moments(connection, scope, as_of, at, monday)
    entries = _entries(listed, document_url, page_url)
    return FeedContent(entries, changed, until, _week_before(connection, scope, as_of, monday))


def feed_week(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    week: str,
    at: datetime,
    document_url: Callable[[Message], str],
    page_url: Callable[[Message], str] | None = None,
) -> FeedContent:
    """What stands in the archive page of a week that is over: every message that was sent in it.

    Raises
    ------
    NotFoundError
        No such week, it is not over, or nothing was sent in it.
    """
    table = tables.message
    found: list[Message] = []
    with suppress(ParameterError):
        monday = week_start(week)
        # Compared before anything is added: a week of the year 9999 is a week.
        if monday < at and monday + timedelta(days=7) <= at:
            query = (
                sa.select(table)
                .where(table.c.known_seq <= as_of.seq, seen(scope, table))
                .where(table.c.sent >= monday, table.c.sent < monday + timedelta(days=7))
            )
            found = [_message(row) for row in connection.execute(query)]
    if not found:
        raise NotFoundError(
            f"no archive page {week!r} here", key="warning.feed.no_week", values={"week": week}
        )
    entries = _entries(found, document_url, page_url)
    changed = max(item.sent for item in found)
    return FeedContent(entries, changed, None, _week_before(connection, scope, as_of, monday))


def newest_message_seq(connection: sa.Connection, scope: Scope, as_of: AsOf) -> int:
    """The sequence of the newest released message, 0 without one: while it stays, only time can change a feed."""
    table = tables.message
    query = sa.select(sa.func.max(table.c.known_seq)).where(
        table.c.known_seq <= as_of.seq, seen(scope, table)
    )
    return int(connection.execute(query).scalar_one() or 0)


def _feed_moments(
    connection: sa.Connection, scope: Scope, as_of: AsOf, at: datetime, monday: datetime
) -> tuple[datetime | None, datetime]:
    """When the feed last can have changed, and when time can change it next."""
    table = tables.message
    kept = timedelta(days=FEED_DAYS)
    sent, expires = table.c.sent, table.c.expires
    row = connection.execute(
        sa.select(
            sa.func.max(sent).label("newest"),
            sa.func.max(expires).filter(expires <= at).label("ended"),
            sa.func.max(sent).filter(sent <= at - kept).label("left"),
            sa.func.min(expires).filter(expires > at).label("ends"),
            sa.func.min(sent).filter(sent > at - kept).label("leaves"),
        ).where(table.c.known_seq <= as_of.seq, seen(scope, table))
    ).one()
    until = min(
        moment
        for moment in (
            monday + timedelta(days=7),
            row.ends,
            None if row.leaves is None else row.leaves + kept,
        )
        if moment is not None
    )
    if row.newest is None:
        return None, until
    before = (monday, row.newest, row.ended, None if row.left is None else row.left + kept)
    return max(moment for moment in before if moment is not None), until


def _week_before(connection: sa.Connection, scope: Scope, as_of: AsOf, monday: datetime) -> str:
    """The newest week with messages that ended by that Monday, or an empty text."""
    table = tables.message
    query = sa.select(sa.func.max(table.c.sent)).where(
        table.c.known_seq <= as_of.seq, seen(scope, table), table.c.sent < monday
    )
    newest = connection.execute(query).scalar_one()
    return "" if newest is None else week_of(newest)


def _entries(
    found: Collection[Message],
    document_url: Callable[[Message], str],
    page_url: Callable[[Message], str] | None,
) -> tuple[FeedEntry, ...]:
    return tuple(
        FeedEntry(read_frozen(item.cap_bytes), document_url(item), page_url(item) if page_url else "")
        for item in found
    )


def hazards(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, domain: str | None = None
) -> list[HazardType]:
    """Kinds of danger, by code."""
    now = latest(tables.hazard, as_of.seq)
    query = sa.select(now).where(scope.where(domain=now.c.domain)).order_by(now.c.code)
    if domain is not None:
        query = query.where(now.c.domain == domain)
    return [_hazard(row) for row in connection.execute(query)]


def hazard(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> HazardType:
    """One kind of danger.

    Raises
    ------
    NotFoundError
        There is none of that code, or the scope does not see its domain.
    """
    found = hazards(connection, scope, as_of)
    for item in found:
        if item.code == code:
            return item
    known = ", ".join(item.code for item in found) or "-"
    raise NotFoundError(
        f"no kind of danger {code!r}; known are {known}",
        key="warning.hazard.unknown",
        values={"code": code, "known": known},
    )


@lru_cache(maxsize=2_000)
def read_frozen(cap_bytes: bytes) -> Alert:
    """A released message, read once: its bytes never change."""
    return read_checked(cap_bytes)


def _now(as_of: AsOf) -> sa.Subquery:
    return latest(tables.warning, as_of.seq)


def seen(scope: Scope, rows: sa.Table | sa.Subquery) -> sa.ColumnElement[bool]:
    """Whether rows with ``area_paths``, ``domain`` and ``sensitivity`` are in scope: one of their places is enough."""
    conditions = scope.where(domain=rows.c.domain, sensitivity=rows.c.sensitivity)
    if scope.areas is None:
        return conditions
    # Paths hold digits, letters and slashes, and stand in canonical JSON in quotation marks.
    paths = sa.type_coerce(rows.c.area_paths, sa.Text)
    concerns: list[sa.ColumnElement[bool]] = [sa.false()]
    for prefix in scope.areas:
        concerns.append(paths.contains(f'"{prefix}', autoescape=True))
        parts = prefix.strip("/").split("/")
        for length in range(1, len(parts)):
            above = "/".join(parts[:length])
            concerns.append(paths.contains(f'"{above}/"', autoescape=True))
    return sa.and_(conditions, sa.or_(*concerns))


def _warning(row: sa.Row[Any]) -> HazardWarning:
    values = dict(row._mapping)
    for name in ("response_types", "area_codes", "area_paths", "authors"):
        values[name] = tuple(values[name])
    values["level"] = Level(values["level"])
    values["shapes"] = shapes_from_json(values["shapes"])
    return HazardWarning(**{item.name: values[item.name] for item in fields(HazardWarning)})


def _message(row: sa.Row[Any]) -> Message:
    values = dict(row._mapping)
    values["level"] = Level(values["level"])
    values["cap_bytes"] = bytes(values["cap_bytes"])
    return Message(**{item.name: values[item.name] for item in fields(Message)})


def _hazard(row: sa.Row[Any]) -> HazardType:
    templates = tuple(
        HazardTemplate(level, row.templates[level]) for level in Level if level in row.templates
    )
    return HazardType(
        row.code, row.known_seq, row.domain, row.names, row.category, templates, row.pack_version
    )
