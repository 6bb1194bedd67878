"""Taking deliveries in: look at a file, deliver it, resume or drop what was interrupted, remember a mapping.

A delivery is read and compared in memory, its bytes, rows and rejected rows are staged in short transactions, and all of
it becomes visible in one: the batch, the delivery with its receipt, and two events. Killed before that line nothing
of it is seen, and ``resume`` or the same call again goes on; killed after it, it is done.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa

from anlan.errors import ConflictError, NotFoundError, ParameterError
from anlan.intake import tables
from anlan.intake.files import DEFAULT_LIMITS, Limits, ReadOptions, read_table
from anlan.intake.kept import kept_bytes
from anlan.intake.mapping import Mapping
from anlan.intake.prepare import (
    complete_mapping,
    mapping_problems,
)
from anlan.intake.queries import mapping_of
from anlan.intake.reading import PreviewRow, preview
from anlan.intake.resolve import Registered
from anlan.intake.types import Inspection, OpenDelivery, Receipt
from anlan.intake.work import Progress, Work, discard_quietly, remember_mapping
from anlan.series import tables as series_tables
from anlan.store import Actor, Scope, World, canonical_json
from anlan.texts import say

__all__ = ["deliver", "drop", "inspect_file", "remember_mapping", "resume", "unfinished"]

MODES = ("add", "replace")


def inspect_file(
    world: World,
    scope: Scope,
    *,
    source_code: str,
    filename: str,
    content: bytes,
    mapping: Mapping | None = None,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    limits: Limits = DEFAULT_LIMITS,
    rows: int = 20,
) -> Inspection:
    """Look at a file before it is delivered: its table, the mapping that would be used, the first rows. Writes nothing.

    Raises
    ------
    InputError
        The file cannot be read, or a given mapping does not fit it.
    NotFoundError
        No such source for this scope.
    """
    with world.read() as connection:
        as_of = world.as_of()
        registered = Registered.read(connection, scope, as_of, source_code)
        remembered = mapping_of(connection, scope, as_of, source_code)
    table = read_table(content, filename, options=options, limits=limits)
    used, is_remembered, _ = complete_mapping(table, registered, mapping, remembered)
    problems = mapping_problems(used, registered)
    shown: tuple[PreviewRow, ...] = ()
    if not used.problems():
        shown = preview(
            table, used, rows=rows, rules_of=lambda name: registered.rules_for(name, used.declared)
        )
    return Inspection(table, used, is_remembered, problems, shown)


def deliver(
    world: World,
    actor: Actor,
    scope: Scope,
    *,
    source_code: str,
    filename: str,
    content: bytes,
    mapping: Mapping | None = None,
    mode: str = "add",
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    remember: bool = False,
    dry_run: bool = False,
) -> Receipt:
    """Take a file in: good rows as new versions, each bad row with its reasons, and a receipt that says so.

    Parameters
    ----------
    world, actor, scope
        Where, by whom, and what the sender may deliver: rows outside the scope are rejected rows.
    source_code : str
        Who it comes from.
    filename, content
        The file as received; its bytes are kept.
    mapping : Mapping, optional
        What each column is. Without it the one remembered for the source is used, else a guess, provided all of it is
        sure.
    mode : {"add", "replace"}
        Whether the file replaces its scope: values that the source had delivered for the file's indicators and periods,
        and that are not in it, are withdrawn.
    options, limits
        As in ``anlan.intake.files.read_table``.
    progress : callable, optional
        See ``Progress``.
    remember : bool
        Remember the mapping for the source.
    dry_run : bool
        Say what would happen and write nothing.

    Returns
    -------
    Receipt

    Raises
    ------
    InputError
        The file or the mapping cannot be used at all; nothing is kept.
    NotFoundError
        No such source for this scope.
    """
    if mode not in MODES:
        raise ParameterError(
            say("intake.deliver.no_such_mode", "en", mode=mode),
            key="intake.deliver.no_such_mode",
            values={"mode": mode},
        )
    work = Work(
        world, actor, scope, _found_again(world, source_code, content, mode), source_code, filename, content,
        mapping, mode, options, limits, progress, remember,
    )  # fmt: skip
    return work.tried() if dry_run else work.done()


def resume(
    world: World, actor: Actor, scope: Scope, public_id: str, *, progress: Progress | None = None
) -> Receipt:
    """Finish a delivery that was interrupted, from the bytes that were kept.

    Raises
    ------
    NotFoundError
        It is not there: it was never begun, is finished, or was dropped.
    ConflictError
        It was interrupted before all bytes were kept; deliver the file again.
    """
    row = _open_row(world, public_id)
    with world.read() as connection:
        content = kept_bytes(connection, row.sha256)
    if hashlib.sha256(content).hexdigest() != row.sha256:
        values = {"file": row.filename, "kept": len(content), "bytes": row.size_bytes}
        key = "intake.deliver.bytes_incomplete"
        raise ConflictError(say(key, "en", **values), key=key, values=values)
    mapping = Mapping.from_json(canonical_json(row.mapping))
    work = Work(
        world, actor, scope, row, row.source_code, row.filename, content, mapping, row.mode, ReadOptions(**row.options),
        DEFAULT_LIMITS, progress, False,
    )  # fmt: skip
    return work.done()


def unfinished(world: World) -> list[OpenDelivery]:
    """Deliveries that were begun and not published, oldest first: work in progress, or left by a crash."""
    opened, staged = tables.delivery_open, series_tables.batch_stage
    query = (
        sa.select(opened, staged.c.staged_count, staged.c.row_count, staged.c.leased_until)
        .outerjoin(staged, staged.c.id == opened.c.batch_id)
        .order_by(opened.c.received_at, opened.c.public_id)
    )
    with world.read() as connection:
        rows = connection.execute(query).all()
    return [
        OpenDelivery(
            row.public_id,
            row.source_code,
            row.filename,
            row.sha256,
            row.received_at,
            row.mode,
            row.staged_count or 0,
            row.row_count or 0,
            Actor(**row.actor),
            row.leased_until is None or row.leased_until < world.clock.now(),
        )
        for row in rows
    ]


def drop(world: World, public_id: str) -> None:
    """Remove a delivery that was begun and not published, with all it had staged. Can be called again after a crash."""
    row = _open_row(world, public_id)
    discard_quietly(world, row.batch_id)
    with world.stage() as connection:
        connection.execute(tables.rejected_row.delete().where(tables.rejected_row.c.delivery_id == public_id))
        connection.execute(tables.delivery_open.delete().where(tables.delivery_open.c.public_id == public_id))
        used = [
            sa.select(table.c.sha256).where(table.c.sha256 == row.sha256)
            for table in (tables.delivery, tables.delivery_open)
        ]
        if not any(connection.execute(query.limit(1)).first() for query in used):
            content = tables.delivery_content
            connection.execute(content.delete().where(content.c.sha256 == row.sha256))


def _open_row(world: World, public_id: str) -> sa.Row[Any]:
    table = tables.delivery_open
    with world.read() as connection:
        row = connection.execute(sa.select(table).where(table.c.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFoundError(
            say("intake.deliver.not_open", "en", delivery=public_id),
            key="intake.deliver.not_open",
            values={"delivery": public_id},
        )
    return row


def _found_again(world: World, source_code: str, content: bytes, mode: str) -> sa.Row[Any] | None:
    """An interrupted delivery of the same bytes whose worker is gone: the same call again goes on with it."""
    opened, staged = tables.delivery_open, series_tables.batch_stage
    query = (
        sa.select(opened)
        .outerjoin(staged, staged.c.id == opened.c.batch_id)
        .where(
            opened.c.source_code == source_code,
            opened.c.sha256 == hashlib.sha256(content).hexdigest(),
            opened.c.mode == mode,
            sa.or_(staged.c.id.is_(None), staged.c.leased_until < world.clock.now()),
        )
        .order_by(opened.c.received_at)
        .limit(1)
    )
    with world.read() as connection:
        return connection.execute(query).one_or_none()
