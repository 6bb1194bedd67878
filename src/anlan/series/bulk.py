"""Observations in and out of the database by the driver's fastest path, and their digest.

SQLite takes ``executemany`` of tuples and gives tuples; PostgreSQL takes and gives binary COPY, which NumPy packs and
unpacks without touching single rows. Both give the same columns. Not in here: who may see what (``queries``).
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from anlan.series.types import Float64, Int64, ObservationColumns

__all__ = [
    "PACKED",
    "Prepared",
    "RawRows",
    "insert_prepared",
    "new_digest",
    "packed",
    "prepared",
    "read_rows",
    "runs_of",
    "scan_rows",
]

# What a batch's digest is made of: its rows in key order, packed without gaps, little-endian. NaN is one NaN.
PACKED = np.dtype(
    [
        ("series_id", "<i8"),
        ("period", "<i4"),
        ("known_at", "<i8"),
        ("value", "<f8"),
        ("qualifier", "<i2"),
        ("flags", "<i4"),
    ]
)
_NAN = np.float64(np.nan)

_ROWS_IN_STATEMENT = 20
_INSERT = "INSERT INTO observation (series_id, period, known_at, batch_id, value, qualifier, flags) VALUES "
_INSERT_ONE = _INSERT + "(?, ?, ?, ?, ?, ?, ?)"
_INSERT_MANY = _INSERT + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * _ROWS_IN_STATEMENT)
_COPY_IN = "COPY observation (series_id, period, known_at, batch_id, value, qualifier, flags) FROM STDIN (FORMAT BINARY)"
_COPY_HEAD = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">II", 0, 0)
_COPY_END = struct.pack(">h", -1)
# Length words stand before each field; big-endian, as the protocol wants.
_WIRE_IN = np.dtype(
    [
        ("fields", ">i2"),
        ("n1", ">i4"),
        ("series_id", ">i8"),
        ("n2", ">i4"),
        ("period", ">i4"),
        ("n3", ">i4"),
        ("known_at", ">i8"),
        ("n4", ">i4"),
        ("batch_id", ">i8"),
        ("n5", ">i4"),
        ("value", ">f8"),
        ("n6", ">i4"),
        ("qualifier", ">i2"),
        ("n7", ">i4"),
        ("flags", ">i4"),
    ]
)
_WIRE_OUT = np.dtype([*_WIRE_IN.descr, ("n8", ">i4"), ("known_seq", ">i8")])
_VALUE_AT = 2 + (4 + 8) + (4 + 4) + (4 + 8) + (4 + 8) + 4  # bytes of a row before its value
_LENGTHS = {"n1": 8, "n2": 4, "n3": 8, "n4": 8, "n5": 8, "n6": 2, "n7": 4}
_TUPLE = np.dtype(
    [
        ("series_id", "i8"),
        ("period", "i4"),
        ("known_at", "i8"),
        ("batch_id", "i8"),
        ("value", "f8"),
        ("qualifier", "i2"),
        ("flags", "i4"),
        ("known_seq", "i8"),
    ]
)
# How many ids one statement names, and from which length on a run of ids gets a statement of its own.
_IDS_AT_ONCE = 4000
_LONG_RUN = 500
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, eq=False)
class RawRows:
    """Rows of ``observation`` with the sequence of their batch (0 where the batch is not published)."""

    series_id: Int64
    period: NDArray[np.int32]
    known_at: Int64
    batch_id: Int64
    value: Float64
    qualifier: NDArray[np.int16]
    flags: NDArray[np.int32]
    known_seq: Int64

    def __len__(self) -> int:
        return len(self.series_id)

    def take(self, index: Any) -> RawRows:
        return RawRows(*(getattr(self, item.name)[index] for item in fields(self)))


def packed(rows: ObservationColumns | RawRows) -> NDArray[np.void]:
    """The rows in the form that is hashed."""
    out = np.empty(len(rows), PACKED)
    for name in PACKED.names or ():
        out[name] = getattr(rows, name)
    out["value"][np.isnan(out["value"])] = _NAN
    return out


def new_digest() -> Any:
    """A running digest of packed rows."""
    return hashlib.sha256()


def runs_of(ids: NDArray[np.integer[Any]]) -> list[list[int]]:
    """Sorted whole numbers as ``[[first, last], …]`` of gapless runs."""
    unique = np.unique(ids)
    if not len(unique):
        return []
    breaks = np.flatnonzero(np.diff(unique) != 1)
    firsts = unique[np.concatenate([[0], breaks + 1])]
    lasts = unique[np.concatenate([breaks, [len(unique) - 1]])]
    return [[int(first), int(last)] for first, last in zip(firsts, lasts, strict=True)]


@dataclass(frozen=True)
class Prepared:
    """Rows in the form in which the driver takes them: made without a connection, written at once."""

    groups: Sequence[Sequence[Any]]
    singles: Sequence[Sequence[Any]]
    pieces: Sequence[bytes]


def prepared(dialect: str, batch_id: int, rows: ObservationColumns) -> Prepared:
    """Make rows ready for ``insert_prepared``, best in key order."""
    if dialect == "postgresql":
        steps = range(0, len(rows), _ROWS_AT_ONCE)
        return Prepared((), (), [_wire(batch_id, rows.take(slice(at, at + _ROWS_AT_ONCE))) for at in steps])
    # The driver stores NaN as NULL by itself. Statements of several rows halve the time of inserting.
    columns = [
        column.tolist()
        for column in (rows.series_id, rows.period, rows.known_at, rows.value, rows.qualifier, rows.flags)
    ]
    columns.insert(3, [batch_id] * len(rows))
    tuples = zip(*columns, strict=True)
    whole = len(rows) // _ROWS_IN_STATEMENT * _ROWS_IN_STATEMENT
    flat = itertools.chain.from_iterable(itertools.islice(tuples, whole))
    groups = list(zip(*[flat] * (7 * _ROWS_IN_STATEMENT), strict=True))
    return Prepared(groups, list(tuples), ())


def insert_prepared(connection: sa.Connection, ready: Prepared) -> None:
    """Write prepared rows inside the caller's transaction."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.executemany(_INSERT_MANY, ready.groups)
        driver.executemany(_INSERT_ONE, ready.singles)
        return
    with driver.cursor() as cursor, cursor.copy(_COPY_IN) as copy:
        copy.write(_COPY_HEAD)
        for piece in ready.pieces:
            copy.write(piece)
        copy.write(_COPY_END)


def _wire(batch_id: int, rows: ObservationColumns) -> bytes:
    out = np.empty(len(rows), _WIRE_IN)
    out["fields"] = 7
    for name, length in _LENGTHS.items():
        out[name] = length
    for item in fields(rows):
        out[item.name] = getattr(rows, item.name)
    out["batch_id"] = batch_id
    empty = np.isnan(rows.value)
    if not empty.any():
        return out.tobytes()
    # A NULL is the length -1 and no bytes after it: those eight are cut out.
    out["n5"][empty] = -1
    keep = np.ones((len(rows), _WIRE_IN.itemsize), bool)
    keep[empty, _VALUE_AT : _VALUE_AT + 8] = False
    flat = out.view(np.uint8).reshape(len(rows), _WIRE_IN.itemsize)
    return flat[keep].tobytes()


def read_rows(
    connection: sa.Connection,
    runs: Sequence[Sequence[int]],
    *,
    seq: int,
    after_seq: int = 0,
    known_at: int | None = None,
    first: int | None = None,
    last: int | None = None,
) -> RawRows:
    """All published rows of series given as id runs, ordered by series, period, known_at, batch.

    Parameters
    ----------
    runs : sequence of (first id, last id)
        From ``runs_of``; what they may be is the caller's business.
    seq, after_seq : int
        Batches with ``after_seq < known_seq <= seq``.
    known_at : int or None
        Rows that the world knew by then, in seconds.
    first, last : int or None
        Limits of the period, both included.
    """
    limits = [f"b.known_seq <= {int(seq)}"]
    if after_seq > 0:
        limits.append(f"b.known_seq > {int(after_seq)}")
    for text, limit in (("o.known_at <=", known_at), ("o.period >=", first), ("o.period <=", last)):
        if limit is not None:
            limits.append(f"{text} {int(limit)}")
    return _joined(
        [_select(connection, f"{where} AND {' AND '.join(limits)}") for where in _conditions(runs)]
    )


def _conditions(runs: Sequence[Sequence[int]]) -> Iterator[str]:
    """Conditions on ``o.series_id`` in id order: one for each long run, one for every few thousand ids else."""
    ids: list[int] = []
    for first, last in runs:
        long = last - first >= _LONG_RUN
        if ids and (long or len(ids) >= _IDS_AT_ONCE):
            yield _in(ids)
            ids = []
        if long:
            yield f"o.series_id BETWEEN {int(first)} AND {int(last)}"
        else:
            ids.extend(range(first, last + 1))
    if ids:
        yield _in(ids)


def _in(ids: Sequence[int]) -> str:
    return f"o.series_id IN ({', '.join(str(int(one)) for one in ids)})"


def scan_rows(connection: sa.Connection) -> Iterator[RawRows]:
    """Every row of the table in key order, in blocks, published or not."""
    yield from _blocks(connection, "1 = 1", published=False)


def _select(connection: sa.Connection, where: str) -> RawRows:
    return _joined(list(_blocks(connection, where, published=True)))


def _blocks(connection: sa.Connection, where: str, *, published: bool) -> Iterator[RawRows]:
    sqlite = connection.dialect.name == "sqlite"
    # CROSS JOIN keeps SQLite from starting at the batches; 9e999 is infinity, which no value is: it stands for NULL.
    value = "ifnull(o.value, 9e999)" if sqlite else "coalesce(o.value, 'Infinity')"
    seq = "b.known_seq" if published else "CAST(0 AS bigint)"
    join = "CROSS JOIN batch b" if published else ""
    match = "b.id = o.batch_id AND " if published else ""
    query = (
        f"SELECT o.series_id, o.period, o.known_at, o.batch_id, {value}, o.qualifier, o.flags, {seq} "
        f"FROM observation o {join} WHERE {match}{where} "
        "ORDER BY o.series_id, o.period, o.known_at, o.batch_id"
    )
    driver: Any = connection.connection.driver_connection
    for block in _tuples(driver, query) if sqlite else _copied(driver, query):
        columns = [
            np.ascontiguousarray(block[name]).astype(_TUPLE[name], copy=False) for name in _TUPLE.names or ()
        ]
        rows = RawRows(*columns)
        rows.value[np.isinf(rows.value)] = np.nan
        yield rows


def _tuples(driver: Any, query: str) -> Iterator[NDArray[np.void]]:
    cursor = driver.cursor()
    try:
        cursor.execute(query)
        while block := cursor.fetchmany(_ROWS_AT_ONCE):
            yield np.array(block, _TUPLE)
    finally:
        cursor.close()


def _copied(driver: Any, query: str) -> Iterator[NDArray[np.void]]:
    """Rows have one width because no field is NULL, so that a block of bytes is an array."""
    waiting, size, started = bytearray(), _WIRE_OUT.itemsize, False
    with driver.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        for piece in copy:
            waiting += piece
            if not started:
                if len(waiting) < len(_COPY_HEAD):
                    continue
                del waiting[: len(_COPY_HEAD)]
                started = True
            if len(waiting) >= size * _ROWS_AT_ONCE:
                whole = len(waiting) // size * size
                yield np.frombuffer(bytes(waiting[:whole]), _WIRE_OUT)
                del waiting[:whole]
    whole = len(waiting) // size * size
    if bytes(waiting[whole:]) != _COPY_END:
        raise RuntimeError("the database ended a binary copy in the middle of a row")
    if whole:
        yield np.frombuffer(bytes(waiting[:whole]), _WIRE_OUT)


def _joined(parts: Sequence[RawRows]) -> RawRows:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return RawRows(*(np.empty(0, _TUPLE[name]) for name in _TUPLE.names or ()))
    return RawRows(
        *(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(RawRows))
    )
