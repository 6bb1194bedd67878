"""Questions to the intake room: deliveries and their receipts, rejected rows, the bytes as received, remembered mappings."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import sqlalchemy as sa

from anlan.errors import IntegrityError, NotFoundError
from anlan.intake import tables
from anlan.intake.cells import Value, read_value
from anlan.intake.kept import kept_bytes
from anlan.intake.mapping import Mapping
from anlan.intake.refusals import problem_from_json
from anlan.intake.types import Delivery, RejectedRow, receipt_from
from anlan.store import AsOf, Scope, latest
from anlan.texts import say

__all__ = ["content", "deliveries", "delivery", "mapping_of", "rejected_file", "rejected_rows"]


def deliveries(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    source: str | None = None,
    limit: int | None = None,
) -> list[Delivery]:
    """Deliveries with their receipts, newest first."""
    now = latest(tables.delivery, as_of.seq)
    query = sa.select(now).where(_in_scope(scope, now)).order_by(now.c.known_seq.desc())
    if source is not None:
        query = query.where(now.c.source_code == source)
    if limit is not None:
        query = query.limit(limit)
    return [_delivery(row) for row in connection.execute(query)]


def delivery(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Delivery:
    """One delivery, by its public id or its number. Raises NotFoundError when it is not there for this scope."""
    now = latest(tables.delivery, as_of.seq)
    either = sa.or_(now.c.public_id == public_id, now.c.number == public_id)
    row = connection.execute(sa.select(now).where(either, _in_scope(scope, now))).one_or_none()
    if row is None:
        raise NotFoundError(
            say("intake.deliver.unknown", "en", delivery=public_id),
            key="intake.deliver.unknown",
            values={"delivery": public_id},
        )
    return _delivery(row)


def rejected_rows(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    public_id: str,
    *,
    limit: int | None = None,
    after_row: int = 0,
) -> list[RejectedRow]:
    """Rows of a delivery that were not accepted, in the order of the file, after a row number.

    Raises
    ------
    NotFoundError
        No such delivery for this scope.
    """
    found = delivery(connection, scope, as_of, public_id)
    return list(_rejected(connection, found.receipt.public_id, after_row=after_row, limit=limit))


def _rejected(
    connection: sa.Connection, public_id: str, *, after_row: int = 0, limit: int | None = None
) -> Iterator[RejectedRow]:
    table = tables.rejected_row
    query = (
        sa.select(table)
        .where(table.c.delivery_id == public_id, table.c.row > after_row)
        .order_by(table.c.row)
    )
    if limit is not None:
        query = query.limit(limit)
    for row in connection.execute(query):
        problems = tuple(problem_from_json(problem) for problem in row.problems)
        yield RejectedRow(row.row, tuple(row.cells), problems)


def rejected_file(
    connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str, *, language: str
) -> bytes:
    """The rejected rows as CSV (UTF-8 with mark, as spreadsheet programs like it): the columns as they were, and why.

    Cells that a spreadsheet would run as formulas get an apostrophe in front.
    """
    found = delivery(connection, scope, as_of, public_id)
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*(_harmless(text) for text in found.receipt.header), say("intake.export.why", language)])
    for row in _rejected(connection, found.receipt.public_id):
        why = " ".join(say(problem.key, language, **problem.values) for problem in row.problems)
        writer.writerow([*(_harmless(cell) for cell in row.cells), _harmless(why)])
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    # -3.5 is a number and stays one.
    value = read_value(cell)
    return cell if isinstance(value, Value) and cell[0] in "+-" else f"'{cell}"


def content(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> bytes:
    """The file exactly as it was received.

    Raises
    ------
    NotFoundError
        No such delivery for this scope.
    IntegrityError
        What is stored is not what was received.
    """
    receipt = delivery(connection, scope, as_of, public_id).receipt
    data = kept_bytes(connection, receipt.sha256)
    found = hashlib.sha256(data).hexdigest()
    if found != receipt.sha256:
        values = {"delivery": receipt.number, "found": found, "expected": receipt.sha256}
        key = "intake.deliver.content_lost"
        raise IntegrityError(say(key, "en", **values), key=key, values=values)
    return data


def mapping_of(connection: sa.Connection, scope: Scope, as_of: AsOf, source_code: str) -> Mapping | None:
    """How tables of a source are read, if it was remembered."""
    now = latest(tables.source_mapping, as_of.seq)
    visible = scope.where(area_path=now.c.area_path, domain=now.c.domain)
    row = connection.execute(
        sa.select(now.c.mapping).where(now.c.source_code == source_code, visible)
    ).one_or_none()
    return None if row is None else Mapping.from_json(json.dumps(row.mapping, ensure_ascii=False))


def _in_scope(scope: Scope, now: sa.Subquery) -> sa.ColumnElement[bool]:
    return scope.where(area_path=now.c.area_path, domain=now.c.domain, sensitivity=now.c.sensitivity)


def _delivery(row: sa.Row[Any]) -> Delivery:
    values = dict(row._mapping)
    mapping = Mapping.from_json(json.dumps(values["mapping"], ensure_ascii=False))
    return Delivery(
        receipt_from(values), values["batch_public_id"], mapping, values["area_path"], values["domain"]
    )
