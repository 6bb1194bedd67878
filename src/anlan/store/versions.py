"""Reading append-only tables: the state of objects as of a journal sequence."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

__all__ = ["latest"]


def latest(
    table: sa.Table, seq: int, *, key: Sequence[str] | None = None, name: str | None = None
) -> sa.Subquery:
    """A subquery with the same columns as ``table``: per key the row with the greatest known_seq <= seq.

    The key is ``table.info["key"]`` unless given. Two rows of one key never share a known_seq.
    """
    columns = [table.c[column] for column in (key or table.info["key"])]
    newest = (
        sa.select(*columns, sa.func.max(table.c.known_seq).label("known_seq"))
        .where(table.c.known_seq <= seq)
        .group_by(*columns)
        .subquery()
    )
    match = [table.c[column.name] == newest.c[column.name] for column in columns]
    return (
        sa.select(table)
        .join(newest, sa.and_(*match, table.c.known_seq == newest.c.known_seq))
        .subquery(name or f"{table.name}_now")
    )
