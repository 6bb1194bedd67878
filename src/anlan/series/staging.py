"""Batches on their way in: begun, staged, resumed after a crash, or discarded. Nothing here is seen or journaled.

A batch comes in by ``begin_batch`` → ``stage_observations`` → ``actions.publish``. Staging may take minutes and is
done in short transactions that other writers get between. After a crash the batch is still there, unseen: stage the
same columns again (it goes on where it stopped) or ``discard`` it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from anlan.errors import ConflictError, InputError, NotFoundError, Problem
from anlan.series import bulk, tables
from anlan.series.types import ObservationColumns, StagedBatch, moment_of
from anlan.store import World

__all__ = ["begin_batch", "discard", "stage_observations", "staged_row", "unpublished"]

_LEASE = timedelta(minutes=10)
# One transaction of staging should hold SQLite this long, then leave it alone for the pause: waiting writers look every
# 3 ms (``anlan.store.world``), so that they get in between.
_CHUNK_SECONDS = 0.08
_CHUNK_SECONDS_POSTGRESQL = 0.3  # nobody waits for it there
_PAUSE_SECONDS = 0.008
_FIRST_CHUNK, _LEAST_CHUNK, _MOST_CHUNK = 10_000, 2_000, 200_000

Progress = Callable[[int, int], None]


def begin_batch(world: World, *, source_code: str) -> int:
    """Allocate the id of a batch that is about to come in. Nothing can see it."""
    now = world.clock.now()
    with world.stage() as connection:
        done = connection.execute(
            tables.batch_stage.insert().values(
                source_code=source_code,
                created_at=now,
                leased_until=now + _LEASE,
                state="open",
                row_count=0,
                staged_count=0,
                sha256="",
                coverage={},
                series_runs=[],
            )
        )
        key = done.inserted_primary_key
    if key is None:
        raise RuntimeError("the database gave no id")
    return int(key[0])


def stage_observations(
    world: World, batch_id: int, rows: ObservationColumns, *, progress: Progress | None = None
) -> str:
    """Write the observations of a batch, unseen, in short transactions that other writers get between.

    Called once for a batch, with all its rows in any order; called again with the same rows after a crash it goes on
    where it stopped, and after it is done it changes nothing.

    Parameters
    ----------
    world : World
    batch_id : int
        From ``begin_batch``.
    rows : ObservationColumns
        Each (series, period, known_at) at most once. About 100 bytes of memory are used for a row.
    progress : callable(done, total), optional
        Called after each transaction.

    Returns
    -------
    str
        SHA-256 of the rows, as it will stand in the batch and in the event.

    Raises
    ------
    InputError
        A key that stands twice, or a series that does not exist.
    ConflictError
        Other rows were staged for this batch before, or it is being discarded.
    """
    ordered = _in_key_order(rows)
    digest = _digest(ordered)
    done = _open_stage(world, batch_id, ordered, digest)
    if progress is not None and done:
        progress(done, len(ordered))
    sqlite = world.dialect == "sqlite"
    size, left_at = _FIRST_CHUNK, time.perf_counter() - _PAUSE_SECONDS
    while done < len(ordered):
        chunk = ordered.take(slice(done, done + size))
        ready = bulk.prepared(world.dialect, batch_id, chunk)  # before the lock, and while others may take it
        if sqlite:
            time.sleep(max(0.0, left_at + _PAUSE_SECONDS - time.perf_counter()))
        entered_at = time.perf_counter()
        _stage_chunk(world, batch_id, len(chunk), ready, done, last=done + len(chunk) == len(ordered))
        left_at = time.perf_counter()
        done += len(chunk)
        if progress is not None:
            progress(done, len(ordered))
        change = (_CHUNK_SECONDS if sqlite else _CHUNK_SECONDS_POSTGRESQL) / (left_at - entered_at)
        size = int(min(max(size * min(max(change, 0.5), 2.0), _LEAST_CHUNK), _MOST_CHUNK))
    return digest


def _in_key_order(rows: ObservationColumns) -> ObservationColumns:
    ordered = rows
    if not _rises(rows).all():
        ordered = rows.take(np.lexsort((rows.known_at, rows.period, rows.series_id)))
        same = ~_rises(ordered)
        if same.any():
            raise InputError(
                f"{int(same.sum())} of the {len(rows)} rows say something about a series, period and moment that "
                "another row says too",
                key="series.duplicate_rows",
                values={"rows": int(same.sum())},
                problems=[_duplicate(ordered, int(place)) for place in np.flatnonzero(same)[:20]],
            )
    return ordered


def _rises(rows: ObservationColumns) -> NDArray[np.bool_]:
    """Whether each row but the first has a greater key than the one before."""
    series, period, known = np.diff(rows.series_id), np.diff(rows.period), np.diff(rows.known_at)
    rises: NDArray[np.bool_] = (series > 0) | ((series == 0) & ((period > 0) | ((period == 0) & (known > 0))))
    return rises


def _duplicate(rows: ObservationColumns, place: int) -> Problem:
    values = {
        "series": int(rows.series_id[place]),
        "period": int(rows.period[place]),
        "known_at": moment_of(int(rows.known_at[place])).isoformat(),
    }
    return Problem(
        "series.duplicate_row", values, {}, "series {series}, period {period}, {known_at}".format(**values)
    )


def _digest(rows: ObservationColumns) -> str:
    digest = bulk.new_digest()
    for start in range(0, len(rows), _MOST_CHUNK):
        digest.update(bulk.packed(rows.take(slice(start, start + _MOST_CHUNK))).tobytes())
    return str(digest.hexdigest())


def _open_stage(world: World, batch_id: int, rows: ObservationColumns, digest: str) -> int:
    """Note what is going to be staged, or find out how far an earlier attempt got."""
    runs = bulk.runs_of(rows.series_id)
    with world.stage() as connection:
        coverage = _coverage(connection, rows, runs)
        row = staged_row(connection, batch_id)
        if row.state in ("staging", "staged") and row.sha256 == digest:
            return int(row.staged_count)
        if row.state != "open":
            raise ConflictError(
                f"batch {batch_id} is {row.state} with other rows; discard it or stage the same rows",
                key="series.batch_not_open",
                values={"batch": batch_id, "state": row.state},
            )
        connection.execute(
            _this(batch_id).values(
                state="staging" if len(rows) else "staged",
                row_count=len(rows),
                sha256=digest,
                coverage=coverage,
                series_runs=runs,
                leased_until=world.clock.now() + _LEASE,
            )
        )
    return 0


def _coverage(
    connection: sa.Connection, rows: ObservationColumns, runs: list[list[int]]
) -> dict[str, list[int]]:
    """Indicator -> first period, last period, number of series, number of rows."""
    unique, at, counts = np.unique(rows.series_id, return_index=True, return_counts=True)
    indicator_of = _indicators(connection, runs)
    unknown = [int(one) for one in unique if int(one) not in indicator_of]
    if unknown:
        raise InputError(
            f"{len(unknown)} series do not exist, the first is {unknown[0]}",
            key="series.unknown_series",
            values={"series": unknown[0], "count": len(unknown)},
        )
    lows = np.minimum.reduceat(rows.period, at) if len(unique) else rows.period
    highs = np.maximum.reduceat(rows.period, at) if len(unique) else rows.period
    coverage: dict[str, list[int]] = {}
    for one, low, high, count in zip(
        unique.tolist(), lows.tolist(), highs.tolist(), counts.tolist(), strict=True
    ):
        first, last, series, total = coverage.get(indicator_of[one], [low, high, 0, 0])
        coverage[indicator_of[one]] = [min(first, low), max(last, high), series + 1, total + count]
    return dict(sorted(coverage.items()))


def _indicators(connection: sa.Connection, runs: list[list[int]]) -> dict[int, str]:
    found: dict[int, str] = {}
    column = tables.series.c
    for first, last in _spans(runs):
        query = sa.select(column.id, column.indicator_code).where(column.id.between(first, last))
        found.update({row.id: row.indicator_code for row in connection.execute(query)})
    return found


def _spans(runs: list[list[int]]) -> Iterator[tuple[int, int]]:
    """Few ranges that hold all runs, gaps below 1000 bridged."""
    if not runs:
        return
    first, last = runs[0]
    for start, end in runs[1:]:
        if start - last > 1000:
            yield first, last
            first = start
        last = end
    yield first, last


def _this(batch_id: int) -> sa.Update:
    return tables.batch_stage.update().where(tables.batch_stage.c.id == batch_id)


def staged_row(connection: sa.Connection, batch_id: int) -> sa.Row[Any]:
    query = sa.select(tables.batch_stage).where(tables.batch_stage.c.id == batch_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no unpublished batch {batch_id}",
            key="series.no_such_batch",
            values={"batch": batch_id},
        )
    return row


def _stage_chunk(
    world: World, batch_id: int, count: int, ready: bulk.Prepared, done: int, *, last: bool
) -> None:
    with world.stage() as connection:
        moved = connection.execute(
            _this(batch_id)
            .where(tables.batch_stage.c.state == "staging", tables.batch_stage.c.staged_count == done)
            .values(
                staged_count=done + count,
                state="staged" if last else "staging",
                leased_until=world.clock.now() + _LEASE,
            )
        )
        if moved.rowcount != 1:
            raise ConflictError(
                f"somebody else stages or discards batch {batch_id}",
                key="series.batch_taken",
                values={"batch": batch_id},
            )
        bulk.insert_prepared(connection, ready)


def discard(world: World, batch_id: int) -> None:
    """Remove an unpublished batch and its rows, in short transactions. Can be called again after a crash."""
    with world.stage() as connection:
        row = staged_row(connection, batch_id)
        connection.execute(_this(batch_id).values(state="discarding"))
    first = min((entry[0] for entry in row.coverage.values()), default=0)
    last = max((entry[1] for entry in row.coverage.values()), default=-1)
    series_count = sum(entry[2] for entry in row.coverage.values())
    step = max(1, int(_FIRST_CHUNK * series_count / max(row.row_count, 1)))
    observation = tables.observation.c
    for start, end in _cut(row.series_runs, step):
        with world.stage() as connection:
            connection.execute(
                tables.observation.delete().where(
                    observation.series_id.between(start, end),
                    observation.period.between(first, last),
                    observation.batch_id == batch_id,
                )
            )
        if world.dialect == "sqlite":
            time.sleep(_PAUSE_SECONDS)
    with world.stage() as connection:
        connection.execute(tables.batch_stage.delete().where(tables.batch_stage.c.id == batch_id))


def _cut(runs: Sequence[Sequence[int]], step: int) -> Iterator[tuple[int, int]]:
    for first, last in runs:
        for start in range(first, last + 1, step):
            yield start, min(start + step - 1, last)


def unpublished(world: World) -> list[StagedBatch]:
    """Batches on their way in, oldest first. One whose lease has ended belongs to nobody: resume or discard it."""
    names = list(StagedBatch.__dataclass_fields__)
    with world.read() as connection:
        rows = connection.execute(sa.select(tables.batch_stage).order_by(tables.batch_stage.c.id)).all()
    return [StagedBatch(**{name: row._mapping[name] for name in names}) for row in rows]
