"""Questions to the series room. All take a connection, a scope and an ``AsOf``; the same three give the same answer for ever.

The current version of a value is the one with the greatest ``(known_at, known_seq)`` among those visible: of batches
published by ``as_of.seq`` and, when ``as_of.known_at`` is given, known to the world by then. A withdrawn value is no
value; it shows in ``history`` only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import sqlalchemy as sa

from anlan.errors import NotFoundError
from anlan.series import bulk, tables
from anlan.series.bulk import RawRows
from anlan.series.types import (
    Batch,
    Flag,
    LastDelivery,
    Moment,
    Record,
    Series,
    SeriesValues,
    Version,
    moment_of,
    seconds_of,
)
from anlan.store import AsOf, Scope, newer_rows

__all__ = [
    "all_versions",
    "batches",
    "corrected",
    "history",
    "known_moments",
    "last_known",
    "records",
    "series_list",
    "series_one",
    "values",
]

_IDS_AT_ONCE = 4000


def series_list(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    indicator: str | Iterable[str] | None = None,
    area_prefix: str | None = None,
    domain: str | None = None,
    ids: Iterable[int] | None = None,
) -> list[Series]:
    """Series that exist as of the sequence, by id; all conditions that are given must hold."""
    column = tables.series.c
    fixed: list[sa.ColumnElement[bool]] = []
    if indicator is not None:
        fixed.append(
            column.indicator_code.in_([indicator] if isinstance(indicator, str) else list(indicator))
        )
    moving: list[sa.ColumnElement[bool]] = []
    if area_prefix is not None:
        moving.append(column.area_path.startswith(area_prefix, autoescape=True))
    if domain is not None:
        moving.append(column.domain == domain)
    if ids is None:
        return _series(connection, scope, as_of, [*fixed, *moving])
    wanted = sorted({int(one) for one in ids})
    found: list[Series] = []
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        some = column.id.in_(wanted[start : start + _IDS_AT_ONCE])
        found += _series(connection, scope, as_of, [some, *fixed, *moving])
    return found


def _series(
    connection: sa.Connection, scope: Scope, as_of: AsOf, conditions: Sequence[sa.ColumnElement[bool]]
) -> list[Series]:
    query = _series_seen(scope, as_of.seq)
    rows = connection.execute(query.where(*conditions) if conditions else query)
    return [Series(**row._mapping) for row in rows]


@lru_cache(maxsize=64)
def _series_seen(scope: Scope, seq: int) -> sa.Select[Any]:
    """Series in their newest version, by id; built once for all that a page asks of one moment."""
    # Not ``latest``: looking for a newer version row by row uses the key and does not group the whole table.
    one, newer = tables.series, newer_rows(tables.series)
    superseded = sa.exists().where(
        newer.c.id == one.c.id, newer.c.known_seq > one.c.known_seq, newer.c.known_seq <= seq
    )
    seen = scope.where(area_path=one.c.area_path, domain=one.c.domain, sensitivity=one.c.sensitivity)
    return sa.select(one).where(one.c.known_seq <= seq, ~superseded, seen).order_by(one.c.id)


def series_one(connection: sa.Connection, scope: Scope, as_of: AsOf, series_id: int) -> Series:
    """One series. Raises NotFoundError when it does not exist, not yet, or not for this scope."""
    found = series_list(connection, scope, as_of, ids=[series_id])
    if not found:
        raise NotFoundError(
            f"there is no series {series_id} that can be seen here",
            key="series.no_such_series",
            values={"series": series_id},
        )
    return found[0]


def values(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    series_ids: Iterable[int],
    *,
    first: int | None = None,
    last: int | None = None,
) -> SeriesValues:
    """Current values of series, ordered by series and period. What the scope does not see is not in it.

    Parameters
    ----------
    series_ids : iterable of int
    first, last : int or None
        Limits of the period, both included.
    """
    seen = [one.id for one in series_list(connection, scope, as_of, ids=series_ids)]
    rows = current_rows(visible_rows(connection, as_of, seen, first=first, last=last))
    rows = rows.take((rows.flags & Flag.WITHDRAWN) == 0)
    return SeriesValues(
        rows.series_id, rows.period, rows.value, rows.qualifier, rows.flags, rows.known_at, rows.known_seq
    )


def all_versions(
    connection: sa.Connection, scope: Scope, as_of: AsOf, series_ids: Iterable[int]
) -> SeriesValues:
    """Every visible version of every value, also replaced and withdrawn ones, by series, period, ``known_at``.

    What a back-test lets unfold again: sorted by ``known_at`` it is what the world learned, by ``known_seq`` what we did.
    """
    seen = [one.id for one in series_list(connection, scope, as_of, ids=series_ids)]
    rows = visible_rows(connection, as_of, seen)
    return SeriesValues(
        rows.series_id, rows.period, rows.value, rows.qualifier, rows.flags, rows.known_at, rows.known_seq
    )


def visible_rows(
    connection: sa.Connection,
    as_of: AsOf,
    seen: Iterable[int],
    *,
    first: int | None = None,
    last: int | None = None,
) -> RawRows:
    """All versions, visible as of the moment, of series that the scope was asked about before. For the room's own use."""
    return bulk.read_rows(
        connection,
        bulk.runs_of(np.fromiter(seen, np.int64)),
        seq=as_of.seq,
        known_at=None if as_of.known_at is None else seconds_of(as_of.known_at),
        first=first,
        last=last,
    )


def current_rows(rows: RawRows) -> RawRows:
    """Of each series and period the version with the greatest (known_at, known_seq); withdrawn ones are kept.

    For the room's own use: takes rows that are visible already, ordered by series, period and known_at.
    """
    if not len(rows):
        return rows
    same_key = (np.diff(rows.series_id) == 0) & (np.diff(rows.period) == 0)
    if ((np.diff(rows.known_at) == 0) & same_key & (np.diff(rows.known_seq) < 0)).any():
        rows = rows.take(np.lexsort((rows.known_seq, rows.known_at, rows.period, rows.series_id)))
    last_of_key = np.append(~same_key, True)
    return rows if last_of_key.all() else rows.take(last_of_key)


def history(
    connection: sa.Connection, scope: Scope, as_of: AsOf, series_id: int, period: int
) -> list[Version]:
    """All visible versions of one value, in the order in which they replaced each other; the last is current."""
    seen = [one.id for one in series_list(connection, scope, as_of, ids=[series_id])]
    rows = visible_rows(connection, as_of, seen, first=period, last=period)
    return _versions(rows.take(np.lexsort((rows.known_seq, rows.known_at))))


def corrected(
    connection: sa.Connection, scope: Scope, as_of: AsOf, series_id: int
) -> dict[int, list[Version]]:
    """Of one series every period that has more than one visible version, with its versions as in ``history``."""
    seen = [one.id for one in series_list(connection, scope, as_of, ids=[series_id])]
    rows = visible_rows(connection, as_of, seen)
    periods, counts = np.unique(rows.period, return_counts=True)
    rows = rows.take(np.isin(rows.period, periods[counts > 1]))
    rows = rows.take(np.lexsort((rows.known_seq, rows.known_at, rows.period)))
    found: dict[int, list[Version]] = {}
    for at, version in enumerate(_versions(rows)):
        found.setdefault(int(rows.period[at]), []).append(version)
    return found


def _versions(rows: RawRows) -> list[Version]:
    return [
        Version(
            known_at=moment_of(int(rows.known_at[at])),
            known_seq=int(rows.known_seq[at]),
            batch_id=int(rows.batch_id[at]),
            value=None if np.isnan(rows.value[at]) else float(rows.value[at]),
            qualifier=int(rows.qualifier[at]),
            flags=int(rows.flags[at]),
        )
        for at in range(len(rows))
    ]


def known_moments(
    connection: sa.Connection, scope: Scope, as_of: AsOf, series_id: int, *, last_n: int = 100
) -> list[Moment]:
    """The newest moments at which the world learned something about a series, oldest first."""
    seen = [one.id for one in series_list(connection, scope, as_of, ids=[series_id])]
    if not seen or last_n < 1:
        return []
    row, made = tables.observation.c, tables.batch.c
    query = (
        sa.select(row.known_at, sa.func.count(sa.distinct(row.period)))
        .join_from(tables.observation, tables.batch, made.id == row.batch_id)
        .where(row.series_id == series_id, made.known_seq <= as_of.seq)
        .group_by(row.known_at)
        .order_by(row.known_at.desc())
        .limit(last_n)
    )
    if as_of.known_at is not None:
        query = query.where(row.known_at <= seconds_of(as_of.known_at))
    found = connection.execute(query).all()
    return [Moment(moment_of(known_at), count) for known_at, count in reversed(found)]


def batches(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    source: str | None = None,
    ids: Iterable[int] | None = None,
    limit: int | None = None,
) -> list[Batch]:
    """Published batches, newest first."""
    table = tables.batch
    query = (
        sa.select(table)
        .where(table.c.known_seq <= as_of.seq, _may_see(scope, table))
        .order_by(table.c.known_seq.desc(), table.c.id.desc())
    )
    if source is not None:
        query = query.where(table.c.source_code == source)
    if ids is not None:
        query = query.where(table.c.id.in_([int(one) for one in ids]))
    if limit is not None:
        query = query.limit(limit)
    return [Batch(**row._mapping) for row in connection.execute(query)]


def last_known(connection: sa.Connection, scope: Scope, as_of: AsOf, source: str) -> LastDelivery | None:
    """When a source delivered last, or None when it never did. A delivery without rows counts."""
    table = tables.batch
    query = (
        sa.select(table)
        .where(table.c.source_code == source, table.c.known_seq <= as_of.seq, _may_see(scope, table))
        .order_by(table.c.delivered_at.desc(), table.c.known_seq.desc())
        .limit(1)
    )
    if as_of.known_at is not None:
        query = query.where(table.c.delivered_at <= as_of.known_at)
    row = connection.execute(query).one_or_none()
    return None if row is None else LastDelivery(source, row.delivered_at, row.known_seq, row.public_id)


def records(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    source: str | None = None,
    external_ids: Iterable[str] | None = None,
    area_prefix: str | None = None,
    withdrawn: bool = False,
) -> list[Record]:
    """Current versions of records, by source and external id; withdrawn ones only when asked for."""
    one, newer = tables.record, tables.record.alias("newer")
    known_by = None if as_of.known_at is None else seconds_of(as_of.known_at)
    later = sa.or_(
        newer.c.known_at > one.c.known_at,
        sa.and_(newer.c.known_at == one.c.known_at, newer.c.known_seq > one.c.known_seq),
    )
    superseded = sa.exists().where(
        newer.c.source_code == one.c.source_code,
        newer.c.external_id == one.c.external_id,
        newer.c.known_seq <= as_of.seq,
        later,
        *([newer.c.known_at <= known_by] if known_by is not None else []),
    )
    query = (
        sa.select(one)
        .where(one.c.known_seq <= as_of.seq, ~superseded, _may_see(scope, one))
        .order_by(one.c.source_code, one.c.external_id)
    )
    if known_by is not None:
        query = query.where(one.c.known_at <= known_by)
    if source is not None:
        query = query.where(one.c.source_code == source)
    if external_ids is not None:
        query = query.where(one.c.external_id.in_(list(external_ids)))
    if area_prefix is not None:
        query = query.where(one.c.area_path.startswith(area_prefix, autoescape=True))
    if not withdrawn:
        query = query.where(one.c.withdrawn.is_(sa.false()))
    return [_record(row._mapping) for row in connection.execute(query)]


def _record(row: sa.RowMapping) -> Record:
    known_at: datetime = moment_of(row["known_at"])
    kept: dict[str, Any] = {**row, "known_at": known_at}
    return Record(**kept)


def _may_see(scope: Scope, table: sa.Table) -> sa.ColumnElement[bool]:
    return scope.where(area_path=table.c.area_path, domain=table.c.domain, sensitivity=table.c.sensitivity)
