"""What a page for everybody shows: the warnings that hold, and those that ended lately.

The rule of what may reach which channel is asked for each message here, so that no page can forget it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from anlan.store import AsOf, Scope, latest
from anlan.warning import tables
from anlan.warning.cap.model import Scope as MessageScope
from anlan.warning.cap.model import Status
from anlan.warning.levels import Level, rank
from anlan.warning.queries import _warning as warning_of
from anlan.warning.queries import seen
from anlan.warning.sending.rule import Channel, allowed
from anlan.warning.types import HazardWarning

__all__ = ["EndedWarning", "Notice", "shown_now", "shown_seq", "shown_steps"]


@dataclass(frozen=True)
class EndedWarning:
    """A warning that is over: its highest level, when it began and ended, and whether it was issued in error."""

    hazard: str
    level: Level
    area_codes: tuple[str, ...]
    area_paths: tuple[str, ...]
    texts: Mapping[str, Mapping[str, str]]
    began_at: datetime
    ended_at: datetime
    was_error: bool


@dataclass(frozen=True)
class Notice:
    """What is in force, the highest level first, and what ended since, the last first.

    ``changed_at`` is when this last became so; None when there is nothing. ``holds_until`` is when time changes it next.
    """

    in_force: tuple[HazardWarning, ...]
    ended: tuple[EndedWarning, ...]
    changed_at: datetime | None
    holds_until: datetime


def shown_seq(connection: sa.Connection, scope: Scope, as_of: AsOf) -> int:
    """The sequence of the newest version of a warning in scope, 0 without one: while it stays, only time changes a page."""
    table = tables.warning
    query = sa.select(sa.func.max(table.c.known_seq)).where(
        table.c.known_seq <= as_of.seq, seen(scope, table)
    )
    return int(connection.execute(query).scalar_one() or 0)


def shown_steps(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    since: datetime,
    channel: Channel,
    world_kind: str,
) -> list[HazardWarning]:
    """Released steps that may reach the channel, of all warnings that held at some time since then; oldest first."""
    now = latest(tables.warning, as_of.seq)
    lately = latest(tables.warning, as_of.seq, name="lately")
    chains = sa.select(lately.c.chain_id).where(
        lately.c.released_at.is_not(None), sa.or_(lately.c.expires > since, lately.c.changed_at > since)
    )
    message = tables.message
    query = (
        sa.select(now, message.c.status, message.c.scope.label("message_scope"))
        .join(message, message.c.identifier == now.c.message_identifier)
        .where(
            seen(scope, now),
            message.c.known_seq <= as_of.seq,
            now.c.released_at.is_not(None),
            now.c.chain_id.in_(chains),
        )
        .order_by(now.c.released_at, now.c.year, now.c.serial, now.c.step)
    )
    return [
        warning_of(row)
        for row in connection.execute(query)
        if allowed(Status(row.status), MessageScope(row.message_scope), channel, world_kind)
    ]


def shown_now(steps: Iterable[HazardWarning], *, at: datetime, since: datetime) -> Notice:
    """Steps of ``shown_steps`` as they stand at a moment."""
    held = list(steps)
    in_force = [one for one in held if one.state == "in_force" and one.expires > at]
    in_force.sort(key=lambda one: (-rank(one.level), one.expires, one.number))
    holding = {one.chain_id for one in in_force}
    chains: dict[str, list[HazardWarning]] = {}
    for one in held:
        chains.setdefault(one.chain_id, []).append(one)
    over = [_ended(chain, at) for chain_id, chain in chains.items() if chain_id not in holding]
    ended = [one for one in over if one is not None and one.ended_at > since]
    ended.sort(key=lambda one: (one.ended_at, one.began_at), reverse=True)
    moments = [one.released_at for one in in_force if one.released_at] + [one.ended_at for one in ended]
    leaving = [one.expires for one in in_force] + [one.ended_at + (at - since) for one in ended]
    return Notice(
        tuple(in_force),
        tuple(ended),
        max(moments, default=None),
        min(leaving, default=at + timedelta(days=1)),
    )


def _ended(chain: list[HazardWarning], at: datetime) -> EndedWarning | None:
    """A chain of which no step holds; None for one that only announces an end whose beginning is not shown."""
    held = [one for one in chain if one.kind in ("alert", "update")]
    if not held:
        return None
    last = held[-1]
    closing = [one for one in chain if one.kind in ("end", "cancel") and one.released_at is not None]
    said = closing[-1].released_at if closing else None
    worst = max(held, key=lambda one: rank(one.level))
    values: dict[str, Any] = {
        "began_at": held[0].released_at or held[0].changed_at,
        "ended_at": min(last.expires, said) if said is not None else min(last.expires, at),
        "was_error": any(one.kind == "cancel" for one in closing),
    }
    return EndedWarning(last.hazard, worst.level, last.area_codes, last.area_paths, last.texts, **values)
