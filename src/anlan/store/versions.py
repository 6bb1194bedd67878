"""Reading append-only tables: the state of objects as of a journal sequence.

Building a statement costs more than asking it on a page that asks thirty, so what many statements share is built once:
the parts given here are never changed after, and may stand in any number of statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa

__all__ = ["latest", "newer_rows"]


def latest(
    table: sa.Table, seq: int, *, key: Sequence[str] | None = None, name: str | None = None
) -> sa.Subquery:
    """A subquery with the same columns as ``table``: per key the row with the greatest known_seq <= seq.

    The key is ``table.info["key"]`` unless given. Two rows of one key never share a known_seq.
    """
    return _latest(table, seq, tuple(key or table.info["key"]), name or f"{table.name}_now")


@lru_cache(maxsize=64)
def newer_rows(table: sa.Table) -> sa.FromClause:
    """The table once more, to ask whether a later version follows a row; always the same alias of a table."""
    return table.alias("later")


@lru_cache(maxsize=256)
def _latest(table: sa.Table, seq: int, key: tuple[str, ...], name: str) -> sa.Subquery:
    columns = [table.c[column] for column in key]
    newest = (
        sa.select(*columns, sa.func.max(table.c.known_seq).label("known_seq"))
        .where(table.c.known_seq <= seq)
        .group_by(*columns)
        .subquery()
    )
    match = [table.c[column.name] == newest.c[column.name] for column in columns]
    return (
        sa.select(table).join(newest, sa.and_(*match, table.c.known_seq == newest.c.known_seq)).subquery(name)
    )
