"""One delivery on its way in: read, kept, compared, staged, published.

Everything before ``_publish`` is in short transactions that nothing can see the work of; what each of them leaves behind
when the process dies after it is found again by ``actions.deliver``, ``resume`` and ``drop``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from collections.abc import Mapping as AnyMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from anlan.errors import ConflictError, NotFoundError, UnavailableError
from anlan.intake import tables
from anlan.intake.check import rejected_line
from anlan.intake.files import Limits, ReadOptions
from anlan.intake.kept import packed_parts
from anlan.intake.mapping import Mapping
from anlan.intake.prepare import (
    Plan,
    Prepared,
    natural_ids,
    plan_changes,
    prepare,
)
from anlan.intake.queries import mapping_of
from anlan.intake.refusals import problem_to_json
from anlan.intake.resolve import Registered
from anlan.intake.types import Counts, Receipt, RejectedRow, stored_receipt
from anlan.series import (
    begin_batch,
    discard,
    publish,
    seconds_of,
    series_ids,
    stage_observations,
    unpublished,
)
from anlan.series import tables as series_tables
from anlan.store import Actor, AsOf, Scope, Tx, World, new_public_id
from anlan.store.schema import journal_head
from anlan.texts import say

__all__ = ["Progress", "Work", "discard_quietly", "remember_mapping"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done (``reading``, ``keeping``, ``storing``, ``rejecting``), how much is done, and of how much."""

_ROWS_AT_ONCE = 2_000
_SAMPLE = 20
_ATTEMPTS = 4


class _MovedError(Exception):
    """Somebody published the same indicators after the comparison: compare again."""


@dataclass
class Work:
    """One delivery on its way in."""

    world: World
    actor: Actor
    scope: Scope
    opened: sa.Row[Any] | None
    source_code: str
    filename: str
    content: bytes
    mapping: Mapping | None
    mode: str
    options: ReadOptions
    limits: Limits
    progress: Progress | None
    remember: bool

    def __post_init__(self) -> None:
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        self.public_id = self.opened.public_id if self.opened else new_public_id()
        self.received_at: datetime = self.opened.received_at if self.opened else self.world.clock.now()
        self.batch_id: int = self.opened.batch_id if self.opened else 0

    def _tell(self, what: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(what, done, total)

    def prepared(self) -> Prepared:
        self._tell("reading", 0, len(self.content))
        with self.world.read() as connection:
            as_of = self.world.as_of()
            registered = Registered.read(connection, self.scope, as_of, self.source_code)
            remembered = mapping_of(connection, self.scope, as_of, self.source_code)
        made = prepare(
            registered, self.filename, self.content, now=self.received_at, given=self.mapping, remembered=remembered,
            options=self.options, limits=self.limits,
        )  # fmt: skip
        self._tell("reading", len(self.content), len(self.content))
        return made

    def tried(self) -> Receipt:
        prepared = self.prepared()
        with self.world.read() as connection:
            seq = _head(connection)
            ids = natural_ids(connection, prepared.located.keys, seq)
            plan = plan_changes(
                connection, prepared, ids, seq=seq, mode=self.mode, now=seconds_of(self.received_at)
            )
        sample = tuple(
            RejectedRow(bad.row, bad.cells, bad.problems)
            for bad, _ in zip(prepared.reading.bad_rows(), range(_SAMPLE), strict=False)
        )
        return replace(self._receipt(prepared, plan, "", 0, sample, ""), public_id="", is_dry_run=True)

    def done(self) -> Receipt:
        with ThreadPoolExecutor(
            1
        ) as pool:  # packing needs no lock of the interpreter: it costs no time beside reading
            packing = pool.submit(packed_parts, self.content)
            prepared = self.prepared()
            parts = packing.result()
        self._keep(prepared, parts)
        ids = series_ids(self.world, self.actor, prepared.located.keys)
        sample, digest = self._reject(prepared)
        for _ in range(_ATTEMPTS):
            with self.world.read() as connection:
                seq = _head(connection)
                plan = plan_changes(
                    connection, prepared, ids, seq=seq, mode=self.mode, now=seconds_of(self.received_at)
                )
            self._stage(plan)
            try:
                return self._publish(prepared, plan, sample, digest)
            except _MovedError:
                self._new_batch()
        raise UnavailableError(say("intake.deliver.busy", "en"), key="intake.deliver.busy")

    def _keep(self, prepared: Prepared, parts: AnyMapping[int, tuple[str, bytes]]) -> None:
        """The bytes as received, and what is needed to go on after a crash. The note comes first, so that no bytes are
        left behind that nothing knows of."""
        if self.opened is None:
            _sweep_empty(self.world)
            self.batch_id = begin_batch(self.world, source_code=self.source_code)
            with self.world.stage() as connection:
                connection.execute(
                    tables.delivery_open.insert().values(
                        public_id=self.public_id,
                        source_code=self.source_code,
                        filename=self.filename[:200],
                        sha256=self.sha256,
                        size_bytes=len(self.content),
                        received_at=self.received_at,
                        mode=self.mode,
                        mapping=_as_json(prepared.mapping),
                        options=asdict(self.options),
                        actor=dict(self.actor.to_json()),
                        batch_id=self.batch_id,
                    )
                )
        table = tables.delivery_content
        with self.world.read() as connection:
            lengths = sa.select(table.c.part, sa.func.length(table.c.content).label("length"))
            kept = {
                row.part: row.length
                for row in connection.execute(lengths.where(table.c.sha256 == self.sha256))
            }
        if any(part not in parts or len(parts[part][1]) != length for part, length in kept.items()):
            # Cut or packed otherwise by another version.
            with self.world.stage() as connection:
                connection.execute(table.delete().where(table.c.sha256 == self.sha256))
            kept = {}
        for done, (part, (packing, piece)) in enumerate(parts.items(), start=1):
            if part not in kept:
                row = {"sha256": self.sha256, "part": part, "packing": packing, "content": piece}
                with self.world.stage() as connection:
                    connection.execute(table.insert().values(row))
            self._tell("keeping", done, len(parts))

    def _reject(self, prepared: Prepared) -> tuple[tuple[RejectedRow, ...], str]:
        """Keep the rejected rows; returns the first of them and the digest of all."""
        table = tables.rejected_row
        if self.opened is not None:
            with self.world.stage() as connection:
                connection.execute(table.delete().where(table.c.delivery_id == self.public_id))
        total = prepared.reading.n_bad_rows
        digest = hashlib.sha256()
        sample: list[RejectedRow] = []
        waiting: list[dict[str, Any]] = []
        for done, bad in enumerate(prepared.reading.bad_rows(), start=1):
            if len(sample) < _SAMPLE:
                sample.append(RejectedRow(bad.row, bad.cells, bad.problems))
            problems = [problem_to_json(problem) for problem in bad.problems]
            digest.update(rejected_line(bad.row, list(bad.cells), problems))
            waiting.append(
                {
                    "delivery_id": self.public_id,
                    "row": bad.row,
                    "cells": list(bad.cells),
                    "problems": problems,
                }
            )
            if len(waiting) == _ROWS_AT_ONCE or done == total:
                with self.world.stage() as connection:
                    connection.execute(table.insert(), waiting)
                waiting = []
                self._tell("rejecting", done, total)
        return tuple(sample), digest.hexdigest()

    def _stage(self, plan: Plan) -> None:
        def told(done: int, total: int) -> None:
            self._tell("storing", done, total)

        try:
            stage_observations(self.world, self.batch_id, plan.rows, progress=told)
        except (ConflictError, NotFoundError) as error:
            if error.key not in ("series.batch_not_open", "series.no_such_batch"):
                raise
            # An earlier attempt staged other rows, because other deliveries came in since: begin again.
            self._new_batch()
            stage_observations(self.world, self.batch_id, plan.rows, progress=told)

    def _new_batch(self) -> None:
        # The old one goes first: killed in between, the delivery points at no batch, which staging finds out.
        discard_quietly(self.world, self.batch_id)
        self.batch_id = begin_batch(self.world, source_code=self.source_code)
        opened = tables.delivery_open
        with self.world.stage() as connection:
            connection.execute(
                opened.update().where(opened.c.public_id == self.public_id).values(batch_id=self.batch_id)
            )

    def _publish(
        self, prepared: Prepared, plan: Plan, sample: tuple[RejectedRow, ...], digest: str
    ) -> Receipt:
        source = prepared.registered.source
        sensitivity = max((key.sensitivity for key in prepared.located.keys), default=1)
        with self.world.write(self.actor) as tx:
            _nothing_moved(tx, prepared, plan)
            removed = tx.connection.execute(
                tables.delivery_open.delete().where(tables.delivery_open.c.public_id == self.public_id)
            )
            if removed.rowcount != 1:
                raise ConflictError(
                    say("intake.deliver.not_open", "en", delivery=self.public_id),
                    key="intake.deliver.not_open",
                    values={"delivery": self.public_id},
                )
            batch = publish(
                tx, self.batch_id, mode=self.mode, label=self.filename, area_path=source.area_path, domain=source.domain,
                sensitivity=sensitivity, delivered_at=self.received_at,
            )  # fmt: skip
            receipt = self._receipt(
                prepared, plan, _number(tx), tx.seq, sample, _same_as(tx, self.source_code, self.sha256)
            )
            tx.insert(
                tables.delivery, _row_of(receipt, prepared, batch.public_id, self.world.node_id, sensitivity)
            )
            counts = receipt.counts
            tx.event(
                "delivery.received",
                subject=("delivery", self.public_id),
                data={
                    "delivery": self.public_id,
                    "number": receipt.number,
                    "source": self.source_code,
                    "batch": batch.public_id,
                    "sha256": self.sha256,
                    "bytes": len(self.content),
                    "mode": self.mode,
                    "rejected_sha256": digest,
                    **_counted(counts),
                },
            )
            if self.remember:
                remember_mapping(tx, self.scope, self.source_code, prepared.mapping)
        return receipt

    def _receipt(
        self,
        prepared: Prepared,
        plan: Plan,
        number: str,
        seq: int,
        sample: tuple[RejectedRow, ...],
        same_as: str,
    ) -> Receipt:
        return Receipt(
            self.public_id, number, self.source_code, self.filename[:200], self.sha256, len(self.content), self.received_at,
            self.actor.id, self.mode, plan.counts, (*prepared.notes, *plan.notes), plan.changes, prepared.table.header, same_as,
            seq, rejected_sample=sample,
        )  # fmt: skip


def _counted(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in Counts.__dataclass_fields__}


def _head(connection: sa.Connection) -> int:
    """The sequence that this very connection sees; asking the world would look through another one."""
    return int(connection.execute(sa.select(journal_head.c.seq)).scalar_one())


def _as_json(mapping: Mapping) -> Any:
    return json.loads(mapping.to_json())


def _row_of(
    receipt: Receipt, prepared: Prepared, batch: str, node_id: str, sensitivity: int
) -> dict[str, Any]:
    source = prepared.registered.source
    names = (
        "public_id",
        "number",
        "source_code",
        "filename",
        "sha256",
        "size_bytes",
        "received_at",
        "delivered_by",
        "mode",
    )
    return {
        **{name: getattr(receipt, name) for name in names},
        "node_id": node_id,
        "batch_public_id": batch,
        "mapping": _as_json(prepared.mapping),
        "receipt": dict(stored_receipt(receipt)),
        "area_path": source.area_path,
        "domain": source.domain,
        "sensitivity": sensitivity,
    }


def _nothing_moved(tx: Tx, prepared: Prepared, plan: Plan) -> None:
    column = series_tables.batch.c
    for (coverage,) in tx.connection.execute(sa.select(column.coverage).where(column.known_seq > plan.seq)):
        if prepared.indicators & set(coverage):
            raise _MovedError


def _number(tx: Tx) -> str:
    """2026-B-00871: deliveries of a year are counted, under the journal's lock."""
    prefix = f"{tx.now.year}-B-"
    column = tables.delivery.c
    found = tx.connection.execute(
        sa.select(sa.func.max(column.number)).where(column.number.startswith(prefix))
    ).scalar()
    return f"{prefix}{int(found[len(prefix) :]) + 1 if found else 1:05d}"


def _same_as(tx: Tx, source_code: str, sha256: str) -> str:
    """The number of the last delivery of the same bytes by the same source, or nothing."""
    column = tables.delivery.c
    query = sa.select(column.number).where(column.source_code == source_code, column.sha256 == sha256)
    return tx.connection.execute(query.order_by(column.known_seq.desc()).limit(1)).scalar() or ""


def _sweep_empty(world: World) -> None:
    """Remove batches of which nothing but the id is there and whose worker is gone: it died before it noted the id."""
    now = world.clock.now()
    opened = tables.delivery_open
    with world.read() as connection:
        noted = set(connection.execute(sa.select(opened.c.batch_id)).scalars())
    for batch in unpublished(world):
        if batch.state == "open" and batch.leased_until < now and batch.id not in noted:
            discard_quietly(world, batch.id)


def discard_quietly(world: World, batch_id: int) -> None:
    try:
        discard(world, batch_id)
    except NotFoundError:
        return  # discarded before


def remember_mapping(tx: Tx, scope: Scope, source_code: str, mapping: Mapping) -> bool:
    """Remember how a source's tables are read (event ``mapping.remembered``). Returns whether it is new.

    Raises
    ------
    NotFoundError
        No such source for this scope.
    """
    as_of = AsOf(tx.seq - 1)
    registered = Registered.read(tx.connection, scope, as_of, source_code)
    before = mapping_of(tx.connection, scope, as_of, source_code)
    said = replace(mapping, columns=tuple(replace(column, confidence=1.0) for column in mapping.columns))
    if before is not None and before.to_json() == said.to_json():
        return False
    plain = _as_json(said)
    source = registered.source
    row = {
        "source_code": source_code,
        "mapping": plain,
        "area_path": source.area_path,
        "domain": source.domain,
    }
    tx.insert(tables.source_mapping, row)
    digest = hashlib.sha256(said.to_json().encode()).hexdigest()
    tx.event(
        "mapping.remembered", subject=("source", source_code), data={"source": source_code, "sha256": digest}
    )
    return True
