"""The kept matrix: brought up to date, refused when stale or damaged, rebuilt, cut by scope; always the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anlan.errors import InputError
from anlan.series import (
    Flag,
    Matrix,
    ObservationColumns,
    SeriesKey,
    begin_batch,
    bulk,
    dense,
    matrix,
    series_ids,
    stage_observations,
)
from anlan.series import publish as publish_batch
from anlan.series.types import Int64
from anlan.store import NOTHING, SYSTEM, AsOf, Scope, World

ALL = Scope.everything("test")


def make(world: World, count: int = 20, start: int = 0) -> Int64:
    return series_ids(
        world,
        SYSTEM,
        [SeriesKey("pm25", f"a{n}", f"CN/{n % 2}/a{n}/", "air") for n in range(start, start + count)],
    )


def deliver(world: World, rows: ObservationColumns) -> None:
    batch_id = begin_batch(world, source_code="s")
    stage_observations(world, batch_id, rows)
    with world.write(SYSTEM) as tx:
        publish_batch(tx, batch_id, mode="add", label="", area_path="CN/", domain="air")


def base(ids: Int64, width: int = 100, known_at: int = 50) -> ObservationColumns:
    periods = np.tile(np.arange(1000, 1000 + width), len(ids))
    return ObservationColumns.of(
        np.repeat(ids, width), periods, known_at, np.arange(1.0, len(ids) * width + 1)
    )


def same(one: Matrix, other: Matrix) -> bool:
    return (one.series, one.first_period, one.seq, one.values.tobytes(), one.flags.tobytes()) == (
        other.series,
        other.first_period,
        other.seq,
        other.values.tobytes(),
        other.flags.tobytes(),
    )


def kept_folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/pm25/*") if path.is_dir())


def test_a_small_delivery_is_read_alone_and_a_large_one_is_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make(world)
    deliver(world, base(ids))
    first = matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path)
    assert first.values.shape == (20, 100)
    assert (first.first_period, first.last_period, first.periods[-1]) == (1000, 1099, 1099)
    assert not first.values.flags.writeable
    (kept,) = kept_folders(tmp_path)
    read: list[int] = []
    plain = bulk.read_rows

    def counted(*args: object, **limits: object) -> bulk.RawRows:
        rows = plain(*args, **limits)  # type: ignore[arg-type]
        read.append(len(rows))
        return rows

    monkeypatch.setattr(bulk, "read_rows", counted)
    deliver(world, ObservationColumns.of(ids[:3], [1099, 1100, 1101], 60, [7, 8, 9]))
    small = matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path)
    assert read == [3]
    assert kept_folders(tmp_path) == [kept]
    assert small.values.shape == (20, 102)
    assert small.values[0, 99] == 7
    assert same(matrix(world, ALL, world.as_of(seq=first.seq), "pm25", folder=tmp_path), first)
    monkeypatch.setattr(bulk, "read_rows", plain)
    assert same(matrix(world, ALL, world.as_of(), "pm25"), small)
    more = make(world, 30)  # ten more series
    deliver(world, base(more[20:], known_at=10))
    large = matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path)
    assert kept_folders(tmp_path) != [kept]
    assert len(kept_folders(tmp_path)) == 1
    assert same(matrix(world, ALL, world.as_of(), "pm25"), large)
    assert same(matrix(world, ALL, world.as_of(seq=first.seq), "pm25", folder=tmp_path), first)


def test_earlier_knowledge_does_not_replace_later_and_withdrawn_reads_as_never_reported(
    world: World, tmp_path: Path
) -> None:
    ids = make(world, 2)
    deliver(world, base(ids, width=3, known_at=50))
    before = matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path)
    deliver(world, ObservationColumns.of(ids, [1000, 1001], [40, 50], [99, 98]))
    deliver(world, ObservationColumns.of(ids, 1002, 70, np.nan, 0, int(Flag.WITHDRAWN)))
    deliver(world, ObservationColumns.of(ids[0], [1002], 60, [5], 1))
    now = matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path)
    assert now.values.tolist() == [[1, 2], [4, 98]]
    assert now.flags.tolist() == [[0, 0], [0, 0]]
    assert same(now, matrix(world, ALL, world.as_of(), "pm25"))
    assert before.values.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_scope_gets_its_rows_and_nothing_else(world: World, tmp_path: Path) -> None:
    ids = make(world, 4)
    deliver(world, base(ids, width=2))
    deliver(world, ObservationColumns.of(ids[1], [1007], 50, [1]))
    for folder in (None, tmp_path, tmp_path):
        even = matrix(world, Scope(("CN/0/",), None, 1, "t"), world.as_of(), "pm25", folder=folder)
        assert [one.id for one in even.series] == [ids[0], ids[2]]
        assert even.values.tolist() == [[1, 2], [5, 6]]
        nothing = matrix(world, NOTHING, world.as_of(), "pm25", folder=folder)
        assert (nothing.series, nothing.values.shape) == ((), (0, 0))
        unborn = matrix(world, ALL, AsOf(0), "pm25", folder=folder)
        assert (unborn.series, unborn.values.shape) == ((), (0, 0))


@pytest.mark.parametrize("damage", ["pointer", "array", "short", "missing", "other past", "layout"])
def test_what_is_damaged_or_of_another_past_is_rebuilt(world: World, tmp_path: Path, damage: str) -> None:
    ids = make(world)
    deliver(world, base(ids))
    right = matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path)
    (pointer,) = tmp_path.glob("*/pm25/current.json")
    (place,) = (path for path in pointer.parent.iterdir() if path.is_dir())
    wrong = np.load(place / "values.npy") + 1
    if damage == "pointer":
        pointer.write_text("{")
    elif damage == "array":
        (place / "values.npy").write_bytes(b"\x93NUMPY rubbish")
    elif damage == "short":
        (place / "values.npy").write_bytes((place / "values.npy").read_bytes()[:-8])
    elif damage == "missing":
        (place / "known_at.npy").unlink()
    else:
        np.save(place / "values.npy", wrong)
        text = pointer.read_text()
        pointer.write_text(
            text.replace('"hash": "', '"hash": "0')
            if damage == "other past"
            else text.replace('"layout": 1', '"layout": 0')
        )
    again = matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path)
    assert same(again, right)
    assert same(matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path), right)
    assert len(kept_folders(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_costs_the_cache_only(world: World, tmp_path: Path) -> None:
    deliver(world, base(make(world)))
    (tmp_path / "cache").write_text("in the way")
    found = matrix(world, ALL, world.as_of(), "pm25", folder=tmp_path / "cache")
    assert found.values.shape == (20, 100)


def test_absurd_periods_are_refused_before_memory_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "_MOST_CELLS", 1000)
    deliver(world, base(make(world), width=60))
    with pytest.raises(InputError, match="20 series over 60 periods"):
        matrix(world, ALL, world.as_of(), "pm25")
