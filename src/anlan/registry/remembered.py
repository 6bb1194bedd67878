"""Answers about places and indicators, remembered: pages ask for them many times, and they change once a month.

An answer as of a sequence is that of the newest row at or before it, so the *stamp* of a table (its greatest
``known_seq`` not above the asked one) names it for ever. A reader costs one look at an index instead of the whole table.
Inside a write nothing is remembered: what is read there may never be committed.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from anlan.store import AsOf, Scope

__all__ = ["remembered"]

P = ParamSpec("P")
Item = TypeVar("Item")
Query = Callable[Concatenate[sa.Connection, Scope, AsOf, P], list[Item]]

_MOST = 128  # answers an engine; a city has a handful of scopes
_answers: WeakKeyDictionary[sa.Engine, OrderedDict[object, tuple[object, ...]]] = WeakKeyDictionary()
_lock = threading.Lock()


def remembered(*tables: sa.Table) -> Callable[[Query[P, Item]], Query[P, Item]]:
    """Remember what a query over one versions table, or some, answers. Its keyword arguments must be hashable."""
    stamp = sa.select(
        *(
            sa.select(sa.func.max(one.c.known_seq))
            .where(one.c.known_seq <= sa.bindparam("seq"))
            .scalar_subquery()
            for one in tables
        )
    )

    def declare(query: Query[P, Item]) -> Query[P, Item]:
        @functools.wraps(query)
        def ask(
            connection: sa.Connection, scope: Scope, as_of: AsOf, *args: P.args, **kwargs: P.kwargs
        ) -> list[Item]:
            if connection.get_execution_options().get("anlan_write", False):
                return query(connection, scope, as_of, *args, **kwargs)
            newest = tuple(connection.execute(stamp, {"seq": as_of.seq}).one())
            # The purpose of a scope limits nothing; it is for the log of reading.
            limits = (scope.areas, scope.domains, scope.sensitivity)
            key = (query.__name__, newest, limits, args, tuple(sorted(kwargs.items())))
            with _lock:
                kept = _answers.setdefault(connection.engine, OrderedDict())
                if key in kept:
                    kept.move_to_end(key)
                    return list(kept[key])  # type: ignore[arg-type]
            answer = query(connection, scope, as_of, *args, **kwargs)
            with _lock:
                kept[key] = tuple(answer)
                while len(kept) > _MOST:
                    kept.popitem(last=False)
            return answer

        return cast("Query[P, Item]", ask)

    return declare
