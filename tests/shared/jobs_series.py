"""Jobs that are killed: importing batches in many small steps, and small journaled writes with a reader's cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

import numpy as np
import sqlalchemy as sa

from anlan.series import (
    NewRecord,
    ObservationColumns,
    SeriesKey,
    begin_batch,
    discard,
    publish,
    put_records,
    series_ids,
    stage_observations,
    staging,
    unpublished,
)
from anlan.store import SYSTEM, Node, World, schema

N_SERIES = 40
SMALL_CHUNK = 300
Acknowledge = Callable[[Mapping[str, Any]], None]


def rows_of(ids: Any, seed: int) -> ObservationColumns:
    """The rows that a delivery of this seed holds; the same each time, so that it can be staged again."""
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 3000))
    cells = random.choice(N_SERIES * 500, count, replace=False)
    value = np.where(random.random(count) < 0.1, np.nan, random.normal(size=count))
    return ObservationColumns.of(
        ids[cells // 500],
        cells % 500,
        random.integers(0, 9, count),
        value,
        0,
        np.where(np.isnan(value), 1, 0),
    )


def ids_of(world: World) -> Any:
    keys = [SeriesKey("cases", f"a{n}", f"CN/a{n}/", "d") for n in range(N_SERIES)]
    return series_ids(world, SYSTEM, keys)


def deliver(world: World, batch_id: int, rows: ObservationColumns) -> dict[str, Any]:
    digest = stage_observations(world, batch_id, rows)
    with world.write(SYSTEM) as tx:
        publish(tx, batch_id, mode="add", label="", area_path="CN/", domain="d")
    return {"batch": batch_id, "sha256": digest, "rows": len(rows)}


def importing(node: Node, random: Random, acknowledge: Acknowledge) -> None:
    """Finish or throw away what the last process left, then import for ever."""
    for name in ("_FIRST_CHUNK", "_LEAST_CHUNK", "_MOST_CHUNK"):
        setattr(staging, name, SMALL_CHUNK)
    staging._PAUSE_SECONDS = 0.002
    world = node.world()
    ids = ids_of(world)
    for left in unpublished(world):
        if left.state != "discarding" and random.random() < 0.6:
            acknowledge(deliver(world, left.id, rows_of(ids, int(left.source_code))))
        else:
            discard(world, left.id)
            acknowledge({"discarded": left.id})
    while True:
        seed = random.randrange(2**31)
        batch_id = begin_batch(world, source_code=str(seed))
        if random.random() < 0.2:
            stage_observations(world, batch_id, rows_of(ids, seed))
            discard(world, batch_id)
            acknowledge({"discarded": batch_id})
        else:
            acknowledge(deliver(world, batch_id, rows_of(ids, seed)))


def writing(node: Node, random: Random, acknowledge: Acknowledge) -> None:
    """Small journaled writes of a record, and a reader that notes how far it has read."""
    world = node.world()
    while True:
        name = str(random.randrange(2**60))
        record = NewRecord(
            "line_list", name, datetime(2026, 7, 1, tzinfo=UTC), {"n": name}, "a1", "CN/a1/", "d"
        )
        with world.write(SYSTEM) as tx:
            put_records(tx, [record])
        acknowledge({"record": name})
        with world.stage() as connection:
            head = connection.execute(sa.select(schema.journal_head.c.seq)).scalar_one()
            done = connection.execute(schema.reader_cursor.update().values(seq=head))
            if done.rowcount == 0:
                connection.execute(schema.reader_cursor.insert().values(reader="test", seq=head))
