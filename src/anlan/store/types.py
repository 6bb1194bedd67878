"""Column types and small values that every room uses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

__all__ = [
    "SYSTEM",
    "Actor",
    "AsOf",
    "BigInt",
    "Clock",
    "FixedClock",
    "JsonText",
    "SystemClock",
    "UtcTime",
    "canonical_json",
    "new_public_id",
]

# SQLite gives rowids to INTEGER keys only; PostgreSQL wants 64 bits.
BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no blanks, UTF-8. What is hashed is this."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware moment, kept as whole microseconds since 1970 UTC, so that both databases sort and compare alike."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs a time zone. Got {value!r}.")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class JsonText(sa.types.TypeDecorator[Any]):
    """A JSON value kept as canonical text: the same bytes on both databases, so that rows can be hashed."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


@dataclass(frozen=True)
class Actor:
    """Who does something: a person (public id), a device, or the system itself."""

    kind: str
    id: str
    name: str = ""

    def to_json(self) -> Mapping[str, str]:
        return {"kind": self.kind, "id": self.id, "name": self.name}


SYSTEM = Actor("system", "system", "anlan")


@dataclass(frozen=True)
class AsOf:
    """Which knowledge a question is about.

    ``seq`` is what *we* had in the journal; ``known_at``, when given, is what *the world* could know by then
    (a source's own claim). A question with the same ``AsOf`` gives the same answer for ever.
    """

    seq: int
    known_at: datetime | None = None


class Clock(Protocol):
    def now(self) -> datetime: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class FixedClock:
    """A clock that stands until it is set: tests, exercises and replays."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def advance(self, step: timedelta) -> None:
        self.moment += step


def new_public_id() -> str:
    """A fresh public id. Ids are unique everywhere; the node that made an object is written beside it."""
    return str(uuid.uuid4())
