"""Questions to resolution. Each takes a connection, a scope and a moment, and gives the same answer for ever.

``as_of.known_at`` says nothing here: what was reported and decided is known when it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from anlan.errors import NotFoundError
from anlan.resolution import tables
from anlan.resolution.types import Matter, MatterNote, MatterState, Photo
from anlan.store import AsOf, Scope, latest

__all__ = [
    "matter",
    "matter_history",
    "matter_of_receipt",
    "matters",
    "notes",
    "photo",
    "state_counts",
    "waiting",
]

_DEFAULT_LIMIT = 200


def matter(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Matter:
    """One matter in its newest version.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    versions = matter_history(connection, scope, as_of, public_id)
    if not versions:
        raise NotFoundError(
            f"no matter {public_id!r} here", key="resolution.unknown", values={"public_id": public_id}
        )
    return versions[-1]


def matter_history(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> list[Matter]:
    """All versions of a matter, oldest first."""
    table = tables.matter
    query = (
        sa.select(table)
        .where(table.c.public_id == public_id, table.c.known_seq <= as_of.seq, _seen(scope, table))
        .order_by(table.c.known_seq)
    )
    return [_matter(row) for row in connection.execute(query)]


def matters(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    states: Collection[MatterState] | None = None,
    limit: int | None = _DEFAULT_LIMIT,
) -> list[Matter]:
    """Matters in their newest version, the last reported first; ``limit=None`` gives all."""
    now = latest(tables.matter, as_of.seq)
    query = sa.select(now).where(_seen(scope, now))
    if states is not None:
        query = query.where(now.c.state.in_(list(states)))
    query = query.order_by(now.c.opened_at.desc(), now.c.year.desc(), now.c.serial.desc()).limit(limit)
    return [_matter(row) for row in connection.execute(query)]


def waiting(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, limit: int | None = _DEFAULT_LIMIT
) -> list[Matter]:
    """Matters in which the office has something new to look at, the one that waits longest first."""
    now = latest(tables.matter, as_of.seq)
    query = sa.select(now).where(_seen(scope, now), now.c.turn == "office", now.c.state != "closed")
    query = query.order_by(now.c.changed_at, now.c.year, now.c.serial).limit(limit)
    return [_matter(row) for row in connection.execute(query)]


def state_counts(connection: sa.Connection, scope: Scope, as_of: AsOf) -> dict[str, int]:
    """How many matters stand in each state."""
    now = latest(tables.matter, as_of.seq)
    query = sa.select(now.c.state, sa.func.count()).where(_seen(scope, now)).group_by(now.c.state)
    return {state: int(count) for state, count in connection.execute(query.order_by(now.c.state))}


def notes(connection: sa.Connection, scope: Scope, as_of: AsOf, matter_id: str) -> list[MatterNote]:
    """Questions and answers of a matter, oldest first."""
    now = latest(tables.matter_note, as_of.seq)
    query = sa.select(now).where(now.c.matter_id == matter_id, _seen(scope, now))
    return [_note(row) for row in connection.execute(query.order_by(now.c.known_seq, now.c.public_id))]


def photo(connection: sa.Connection, scope: Scope, as_of: AsOf, matter_id: str) -> Photo:
    """The photo of a matter.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    now = latest(tables.matter_photo, as_of.seq)
    row = connection.execute(
        sa.select(now.c.kind, now.c.content).where(now.c.matter_id == matter_id, _seen(scope, now))
    ).first()
    if row is None:
        raise NotFoundError(
            f"the matter {matter_id!r} has no photo here",
            key="resolution.photo.unknown",
            values={"public_id": matter_id},
        )
    return Photo(row.kind, bytes(row.content))


def matter_of_receipt(connection: sa.Connection, scope: Scope, as_of: AsOf, code_digest: str) -> Matter:
    """The matter that a receipt code is for, by the digest of the code.

    Raises
    ------
    NotFoundError
        No receipt has this digest, or the scope does not see its matter.
    """
    table = tables.matter_receipt
    found = connection.execute(
        sa.select(table.c.matter_id).where(
            table.c.code_digest == code_digest, table.c.known_seq <= as_of.seq, scope.where()
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFoundError("no report has this code", key="resolution.code_unknown")
    return matter(connection, scope, as_of, found)


def _seen(scope: Scope, rows: sa.Table | sa.Subquery) -> sa.ColumnElement[bool]:
    return scope.where(area_path=rows.c.area_path, domain=rows.c.domain, sensitivity=rows.c.sensitivity)


def _matter(row: sa.Row[Any]) -> Matter:
    values = dict(row._mapping)
    return Matter(**{item.name: values[item.name] for item in fields(Matter)})


def _note(row: sa.Row[Any]) -> MatterNote:
    values = dict(row._mapping)
    return MatterNote(**{item.name: values[item.name] for item in fields(MatterNote)})
