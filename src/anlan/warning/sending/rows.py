"""Reading the rows of this part as what ``types`` says they are. Private to the part."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

import sqlalchemy as sa

from anlan.errors import NotFoundError
from anlan.store import Tx, latest
from anlan.warning.levels import Level
from anlan.warning.sending.rule import Audience, Way
from anlan.warning.sending.types import Answer, Contact, Shift, Subscription, UnitDuty
from anlan.warning.tables_sending import answer, contact, shift, subscription, unit_duty

__all__ = ["all_now", "one_now", "read_row", "store"]

Thing = TypeVar("Thing", Answer, Contact, Shift, Subscription, UnitDuty)

_TABLES: dict[type[Any], sa.Table] = {
    Answer: answer,
    Contact: contact,
    Shift: shift,
    Subscription: subscription,
    UnitDuty: unit_duty,
}
_READ: dict[str, Any] = {
    "way": Way,
    "audience": Audience,
    "level": Level,
    "min_level": Level,
    "hazards": tuple,
}


def read_row(kind: type[Thing], row: sa.Row[Any]) -> Thing:
    """One row as an object."""
    found = row._mapping
    values = {item.name: found[item.name] for item in fields(kind)}
    return kind(**{name: _READ[name](value) if name in _READ else value for name, value in values.items()})


def all_now(
    connection: sa.Connection, kind: type[Thing], seq: int, *conditions: Any, **equal: object
) -> list[Thing]:
    """All objects of a kind as of a sequence, those whose columns have these values, by public id.

    ``conditions`` are functions that get the newest rows and give a condition on them.
    """
    now = latest(_TABLES[kind], seq)
    query = sa.select(now).where(
        *(now.c[name] == value for name, value in equal.items()), *(make(now) for make in conditions)
    )
    return [read_row(kind, row) for row in connection.execute(query.order_by(now.c.public_id))]


def one_now(connection: sa.Connection, kind: type[Thing], seq: int, public_id: str) -> Thing:
    """One object as of a sequence.

    Raises
    ------
    NotFoundError
        There is none.
    """
    table = _TABLES[kind]
    row = connection.execute(
        sa.select(table)
        .where(table.c.public_id == public_id, table.c.known_seq <= seq)
        .order_by(table.c.known_seq.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"no {table.name} {public_id!r} here",
            key=f"sending.unknown.{table.name}",
            values={"public_id": public_id},
        )
    return read_row(kind, row)


def store(tx: Tx, one: Thing) -> Thing:
    """Write a version."""
    values = {item.name: getattr(one, item.name) for item in fields(one)}
    for name in ("way", "audience", "level", "min_level"):
        if name in values:
            values[name] = str(values[name])
    if "hazards" in values:
        values["hazards"] = list(values["hazards"])
    tx.insert(_TABLES[type(one)], values)
    return one
