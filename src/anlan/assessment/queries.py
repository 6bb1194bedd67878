"""Questions to assessment. Each takes a connection, a scope and a moment, and gives the same answer for ever.

``as_of.known_at`` says nothing here: what people decided is known when it was decided.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from anlan.assessment import tables
from anlan.assessment._matrices import DEFAULT_MATRIX, builtin_matrices, checked_cells
from anlan.assessment.types import Assessment, Matrix, Triage
from anlan.errors import NotFoundError
from anlan.store import AsOf, Scope, newer_rows

__all__ = [
    "assessment",
    "assessment_history",
    "assessments",
    "matrices",
    "matrix",
    "triage_counts",
    "triage_history",
    "triage_of",
    "triages",
    "waiting",
]

_DEFAULT_LIMIT = 200


def waiting(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, limit: int | None = _DEFAULT_LIMIT
) -> list[Triage]:
    """Signals that nobody has judged yet, oldest first."""
    query = _triages_now(scope, as_of, states=("new",))
    table = tables.triage
    query = query.order_by(table.c.raised_at, table.c.number, table.c.signal_id).limit(limit)
    return [_triage(row) for row in connection.execute(query)]


def triages(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    states: Collection[str] | None = None,
    signal_ids: Collection[str] | None = None,
    merged_into: str | None = None,
    limit: int | None = _DEFAULT_LIMIT,
) -> list[Triage]:
    """Triages, newest signal first. ``signal_ids`` and ``merged_into`` narrow them down; ``limit=None`` gives all."""
    table = tables.triage
    query = _triages_now(scope, as_of, states=states)
    if signal_ids is not None:
        query = query.where(table.c.signal_id.in_(list(signal_ids)))
    if merged_into is not None:
        query = query.where(table.c.merged_into == merged_into)
    query = query.order_by(table.c.raised_at.desc(), table.c.number.desc(), table.c.signal_id).limit(limit)
    return [_triage(row) for row in connection.execute(query)]


def triage_of(connection: sa.Connection, scope: Scope, as_of: AsOf, signal_id: str) -> Triage | None:
    """The triage of a signal, or None while it has none or the scope does not see it."""
    versions = triage_history(connection, scope, as_of, signal_id)
    return versions[-1] if versions else None


def triage_history(connection: sa.Connection, scope: Scope, as_of: AsOf, signal_id: str) -> list[Triage]:
    """All versions of a triage, oldest first."""
    table = tables.triage
    query = (
        sa.select(table)
        .where(table.c.signal_id == signal_id, table.c.known_seq <= as_of.seq, _seen(scope, table))
        .order_by(table.c.known_seq)
    )
    return [_triage(row) for row in connection.execute(query)]


def triage_counts(connection: sa.Connection, scope: Scope, as_of: AsOf) -> dict[str, int]:
    """How many signals stand in each state."""
    inner = _triages_now(scope, as_of).subquery()
    query = sa.select(inner.c.state, sa.func.count()).group_by(inner.c.state).order_by(inner.c.state)
    return {state: int(count) for state, count in connection.execute(query)}


def assessments(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    signal_id: str | None = None,
    limit: int | None = _DEFAULT_LIMIT,
) -> list[Assessment]:
    """Assessments in their newest version, newest first; with ``signal_id`` those that rest on this signal."""
    table = tables.assessment
    query = _seen_now(table, "public_id", scope, as_of.seq)
    if signal_id is not None:
        # The ids are UUIDs inside canonical JSON, so a quoted one is found as text.
        query = query.where(
            sa.type_coerce(table.c.signal_ids, sa.Text).contains(f'"{signal_id}"', autoescape=True)
        )
    query = query.order_by(table.c.made_at.desc(), table.c.year.desc(), table.c.serial.desc()).limit(limit)
    return [_assessment(row) for row in connection.execute(query)]


def assessment(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Assessment:
    """One assessment in its newest version.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    versions = assessment_history(connection, scope, as_of, public_id)
    if not versions:
        raise NotFoundError(
            f"no assessment {public_id!r} here", key="assessment.unknown", values={"public_id": public_id}
        )
    return versions[-1]


def assessment_history(
    connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str
) -> list[Assessment]:
    """All versions of an assessment, oldest first."""
    table = tables.assessment
    query = (
        sa.select(table)
        .where(table.c.public_id == public_id, table.c.known_seq <= as_of.seq, _seen(scope, table))
        .order_by(table.c.known_seq)
    )
    return [_assessment(row) for row in connection.execute(query)]


def matrices(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[Matrix]:
    """All risk matrices in force, the city's own versions before those that ship; ordered by code."""
    if scope.sensitivity < 0:
        return []
    table = tables.risk_matrix
    query = sa.select(table).where(_newest(table, "code", as_of.seq), scope.where())
    own = {row.code: _matrix(row) for row in connection.execute(query)}
    return [found for _, found in sorted({**builtin_matrices(), **own}.items())]


def matrix(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str = DEFAULT_MATRIX) -> Matrix:
    """The matrix of a code.

    Raises
    ------
    NotFoundError
        There is none; the message names those that exist.
    """
    listed = {found.code: found for found in matrices(connection, scope, as_of)}
    if code not in listed:
        known = ", ".join(listed) or "none"
        raise NotFoundError(
            f"no risk matrix {code!r}; there are: {known}",
            key="assessment.unknown_matrix",
            values={"code": code, "known": known},
        )
    return listed[code]


def _newest(table: sa.Table, key: str, seq: int) -> sa.ColumnElement[bool]:
    later = newer_rows(table)
    follows = sa.exists().where(
        later.c[key] == table.c[key], later.c.known_seq > table.c.known_seq, later.c.known_seq <= seq
    )
    return sa.and_(table.c.known_seq <= seq, ~follows)


def _seen(scope: Scope, table: sa.Table) -> sa.ColumnElement[bool]:
    return scope.where(area_path=table.c.area_path, domain=table.c.domain, sensitivity=table.c.sensitivity)


@lru_cache(maxsize=64)
def _seen_now(table: sa.Table, key: str, scope: Scope, seq: int) -> sa.Select[Any]:
    """Rows in their newest version; built once for all that a page asks of one moment."""
    return sa.select(table).where(_newest(table, key, seq), _seen(scope, table))


def _triages_now(scope: Scope, as_of: AsOf, *, states: Collection[str] | None = None) -> sa.Select[Any]:
    table = tables.triage
    query = _seen_now(table, "signal_id", scope, as_of.seq)
    return query if states is None else query.where(table.c.state.in_(list(states)))


def _triage(row: sa.Row[Any]) -> Triage:
    return Triage(**row._mapping)


def _assessment(row: sa.Row[Any]) -> Assessment:
    values = dict(row._mapping)
    values.pop("year")
    values.pop("serial")
    values["signal_ids"] = tuple(values["signal_ids"])
    values["reasons"] = tuple(values["reasons"])
    return Assessment(**values)


def _matrix(row: sa.Row[Any]) -> Matrix:
    return Matrix(row.code, row.version, row.names, checked_cells(row.cells), row.source, row.known_seq)
