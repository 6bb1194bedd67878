"""Batches: unseen until published, published by one row, resumable, discardable; damage to rows is found."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from anlan.errors import ConflictError, InputError, NotFoundError, ParameterError
from anlan.series import (
    Flag,
    ObservationColumns,
    SeriesKey,
    batch_check,
    batches,
    begin_batch,
    discard,
    ensure_series,
    history,
    last_known,
    publish,
    series_ids,
    series_list,
    stage_observations,
    staging,
    unpublished,
    values,
)
from anlan.series.types import Int64
from anlan.store import NOTHING, SYSTEM, Scope, World, events_after, verify

ALL = Scope.everything("test")
KNOWN = int(datetime(2026, 7, 5, tzinfo=UTC).timestamp())
CITY = "CN/420000/421200/"


def make_series(world: World, count: int, indicator: str = "measles") -> Int64:
    keys = [
        SeriesKey(indicator, f"4212{n:02d}", f"{CITY}4212{n:02d}/", "infectious_disease")
        for n in range(count)
    ]
    return series_ids(world, SYSTEM, keys)


def deliver(world: World, rows: ObservationColumns, source: str = "cdc") -> int:
    batch_id = begin_batch(world, source_code=source)
    stage_observations(world, batch_id, rows)
    with world.write(SYSTEM) as tx:
        publish(tx, batch_id, mode="add", label="x.csv", area_path=CITY, domain="infectious_disease")
    return batch_id


def current(world: World, ids: Int64) -> list[tuple[int, int, float]]:
    with world.read() as connection:
        found = values(connection, ALL, world.as_of(), ids)
    return list(zip(found.series_id.tolist(), found.period.tolist(), found.value.tolist(), strict=True))


def count_rows(world: World) -> int:
    with world.read() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM observation")).scalar_one())


def test_a_batch_is_unseen_until_published_and_then_seen_whole(world: World) -> None:
    ids = make_series(world, 2)
    rows = ObservationColumns.of(np.repeat(ids, 3), [3, 1, 2, 1, 2, 3], KNOWN, [3, 1, 2, 10, 20, 30])
    batch_id = begin_batch(world, source_code="cdc")
    digest = stage_observations(world, batch_id, rows)
    head = world.head()
    assert current(world, ids) == []
    assert [(one.id, one.state, one.row_count, one.staged_count) for one in unpublished(world)] == [
        (batch_id, "staged", 6, 6)
    ]
    with world.write(SYSTEM) as tx:
        made = publish(tx, batch_id, mode="add", label="x.csv", area_path=CITY, domain="infectious_disease")
    assert (made.sha256, made.known_seq, made.series_count) == (digest, head + 1, 2)
    assert current(world, ids) == [(1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 1, 10), (2, 2, 20), (2, 3, 30)]
    assert unpublished(world) == []
    with world.read() as connection:
        (told,) = events_after(connection, head)
        assert batches(connection, ALL, world.as_of()) == [made]
        assert batches(connection, NOTHING, world.as_of()) == []
        delivered = last_known(connection, ALL, world.as_of(), "cdc")
        assert last_known(connection, ALL, world.as_of(seq=head), "cdc") is None
    assert delivered is not None
    assert delivered.batch_public_id == made.public_id
    assert told.kind == "batch.published"
    assert told.data["rows"] == 6
    assert told.data["indicators"] == ["measles"]
    assert verify(world, deep=True, deep_checks=[batch_check]) == []


def test_the_digest_does_not_depend_on_the_order_of_rows_nor_on_chunks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make_series(world, 7)
    rows = ObservationColumns.of(np.repeat(ids, 100), np.tile(np.arange(100), 7), KNOWN, np.arange(700.0))
    shuffled = rows.take(np.random.default_rng(1).permutation(700))
    first = stage_observations(world, begin_batch(world, source_code="a"), rows)
    monkeypatch.setattr(staging, "_FIRST_CHUNK", 30)
    monkeypatch.setattr(staging, "_MOST_CHUNK", 40)
    monkeypatch.setattr(staging, "_LEAST_CHUNK", 30)
    seen: list[tuple[int, int]] = []
    second = stage_observations(
        world,
        begin_batch(world, source_code="a"),
        shuffled,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert first == second
    assert seen[-1] == (700, 700)
    assert len(seen) >= 700 // 40


def test_staging_goes_on_where_it_was_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = make_series(world, 5)
    rows = ObservationColumns.of(np.repeat(ids, 20), np.tile(np.arange(20), 5), KNOWN, np.arange(100.0))
    monkeypatch.setattr(staging, "_FIRST_CHUNK", 30)
    monkeypatch.setattr(staging, "_LEAST_CHUNK", 30)
    monkeypatch.setattr(staging, "_MOST_CHUNK", 30)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    batch_id = begin_batch(world, source_code="cdc")
    with pytest.raises(KeyboardInterrupt):
        stage_observations(world, batch_id, rows, progress=stop)
    (waiting,) = unpublished(world)
    assert (waiting.state, waiting.staged_count) == ("staging", 30)
    with pytest.raises(ConflictError, match="30 of 100"), world.write(SYSTEM) as tx:
        publish(tx, batch_id, mode="add", label="", area_path=CITY, domain="d")
    with pytest.raises(ConflictError, match="other rows"):
        stage_observations(world, batch_id, rows.take(slice(0, 50)))
    stage_observations(world, batch_id, rows)
    stage_observations(world, batch_id, rows)
    assert count_rows(world) == 100
    with world.write(SYSTEM) as tx:
        publish(tx, batch_id, mode="add", label="", area_path=CITY, domain="d")
    assert [value for *_, value in current(world, ids)] == list(range(100))
    assert verify(world, deep=True, deep_checks=[batch_check]) == []


def test_a_discarded_batch_leaves_nothing_and_its_id_is_not_used_again(world: World) -> None:
    ids = make_series(world, 4)
    kept = ObservationColumns.of(ids, 5, KNOWN, [1, 2, 3, 4])
    deliver(world, kept)
    batch_id = begin_batch(world, source_code="cdc")
    stage_observations(
        world, batch_id, ObservationColumns.of(np.tile(ids, 2), np.repeat([5, 6], 4), KNOWN, 9)
    )
    assert count_rows(world) == 12
    discard(world, batch_id)
    assert count_rows(world) == 4
    assert unpublished(world) == []
    for action in (lambda: discard(world, batch_id), lambda: stage_observations(world, batch_id, kept)):
        with pytest.raises(NotFoundError):
            action()
    assert begin_batch(world, source_code="cdc") > batch_id
    assert verify(world, deep=True, deep_checks=[batch_check]) == []


def test_a_batch_that_is_being_discarded_takes_no_more_rows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make_series(world, 5)
    rows = ObservationColumns.of(np.repeat(ids, 20), np.tile(np.arange(20), 5), KNOWN, 1)
    for name in ("_FIRST_CHUNK", "_LEAST_CHUNK", "_MOST_CHUNK"):
        monkeypatch.setattr(staging, name, 30)
    batch_id = begin_batch(world, source_code="cdc")
    with pytest.raises(ConflictError):
        stage_observations(world, batch_id, rows, progress=lambda *_: discard(world, batch_id))
    assert count_rows(world) == 0


def test_an_empty_batch_counts_as_a_delivery(world: World) -> None:
    deliver(world, ObservationColumns.of([], [], [], []))
    with world.read() as connection:
        assert last_known(connection, ALL, world.as_of(), "cdc") is not None
    assert verify(world, deep=True, deep_checks=[batch_check]) == []


def test_values_without_a_number_and_extremes_come_back_as_they_went_in(world: World) -> None:
    (one,) = make_series(world, 1)
    given = [0.0, -0.0, 1e-308, -1.5e300, np.nan, np.nan, 0.1 + 0.2, 2.0**53]
    flags = [0, 0, Flag.ESTIMATED, 0, Flag.MISSING, Flag.NOT_DETECTED, Flag.SUSPECT, 127 & ~3]
    qualifier = [0, 1, 2, 0, 0, 1, 0, 0]
    deliver(world, ObservationColumns.of(one, np.arange(-3, 5), -5, given, qualifier, flags))
    with world.read() as connection:
        found = values(connection, ALL, world.as_of(), [one])
    np.testing.assert_array_equal(found.value, given)
    assert not np.signbit(found.value[1])
    assert found.flags.tolist() == [int(flag) for flag in flags]
    assert found.qualifier.tolist() == qualifier
    assert found.known_at.tolist() == [-5] * 8
    assert verify(world, deep=True, deep_checks=[batch_check]) == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"value": [np.inf]}, "finite"),
        ({"value": [np.nan]}, "MISSING"),
        ({"flags": Flag.WITHDRAWN}, "no number"),
        ({"flags": 128}, "sum of"),
        ({"qualifier": 3}, "0, 1 or 2"),
        ({"series_id": 0}, "positive"),
        ({"period": 2**31}, "between"),
        ({"period": 1.5}, "whole numbers"),
        ({"value": [1, 2, 3], "period": [1, 2]}, "one length"),
    ],
)
def test_bad_columns_are_refused_with_what_and_where(columns: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"series_id": 1, "period": 1, "known_at": KNOWN, "value": [1.0]}
    with pytest.raises(ParameterError, match=message):
        ObservationColumns.of(**{**good, **columns})  # type: ignore[arg-type]


def test_rows_that_contradict_each_other_and_unknown_series_are_refused(world: World) -> None:
    ids = make_series(world, 1)
    batch_id = begin_batch(world, source_code="cdc")
    with pytest.raises(InputError, match="1 of the 3 rows") as caught:
        stage_observations(world, batch_id, ObservationColumns.of(ids[0], [4, 3, 4], KNOWN, [1, 2, 3]))
    assert [problem.values["period"] for problem in caught.value.problems] == [4]
    with pytest.raises(InputError, match="the first is 77"):
        stage_observations(world, batch_id, ObservationColumns.of([1, 77], 1, KNOWN, 1))
    assert count_rows(world) == 0
    with pytest.raises(ParameterError, match="mode"), world.write(SYSTEM) as tx:
        publish(tx, batch_id, mode="merge", label="", area_path=CITY, domain="d")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE observation SET value = value + 1 WHERE period = 3 AND batch_id = 2", "not those published"),
        (
            "UPDATE observation SET known_at = known_at + 1 WHERE period = 3 AND batch_id = 1",
            "not those published",
        ),
        ("UPDATE observation SET flags = 16 WHERE period = 3 AND batch_id = 2", "not those published"),
        (
            "DELETE FROM observation WHERE period = 3 AND batch_id = 1",
            "published with 8 observations and has 6",
        ),
        ("DELETE FROM observation WHERE batch_id = 2", "published with 8 observations and has 0"),
        ("INSERT INTO observation VALUES (1, 9, 9, 2, 5, 0, 0)", "published with 8 observations and has 9"),
        ("INSERT INTO observation VALUES (1, 9, 9, 6, 5, 0, 0)", "1 observations belong to batch 6"),
    ],
)
def test_deep_verify_finds_edited_removed_and_added_observations(
    world: World, damage: str, message: str
) -> None:
    ids = make_series(world, 2)
    for step in range(2):
        rows = ObservationColumns.of(np.repeat(ids, 4), np.tile(np.arange(1, 5), 2), KNOWN + step, 1.0 + step)
        deliver(world, rows)
    stage_observations(world, begin_batch(world, source_code="x"), ObservationColumns.of(ids, 9, KNOWN, 1))
    assert verify(world, deep=True, deep_checks=[batch_check]) == []
    with world.stage() as connection:
        connection.execute(sa.text(damage))
    (found,) = verify(world, deep=True, deep_checks=[batch_check])
    assert found.kind == "observations"
    assert message in found.message


def test_series_are_made_once_and_keep_their_past(world: World) -> None:
    key = SeriesKey("measles", "421221", f"{CITY}421221/", "infectious_disease", stratum="0-4")
    (first,) = series_ids(world, SYSTEM, [key])
    before = world.head()
    assert series_ids(world, SYSTEM, [key, key]).tolist() == [first, first]
    assert world.head() == before
    moved = SeriesKey("measles", "421221", "CN/420000/421300/421221/", "infectious_disease", stratum="0-4")
    with world.write(SYSTEM) as tx:
        assert ensure_series(tx, [moved]).tolist() == [first]
    with world.read() as connection:
        for seq, path in ((before, key.area_path), (world.head(), moved.area_path)):
            (seen,) = series_list(connection, ALL, world.as_of(seq=seq))
            assert seen.area_path == path
        city = Scope((CITY,), None, 1, "test")
        assert len(series_list(connection, city, world.as_of(seq=before))) == 1
        assert series_list(connection, city, world.as_of()) == []
        assert len(series_list(connection, ALL, world.as_of(), indicator="measles", area_prefix="CN/42")) == 1
        assert series_list(connection, ALL, world.as_of(), indicator="mumps") == []
    with pytest.raises(ParameterError, match="twice"), world.write(SYSTEM) as tx:
        ensure_series(tx, [key, moved])


def test_history_tells_each_version_in_the_order_of_what_was_known(world: World) -> None:
    (one,) = make_series(world, 1)
    for known, value, flag in ((10, 5.0, 0), (30, 7.0, 0), (20, 6.0, 0), (30, np.nan, Flag.WITHDRAWN)):
        deliver(world, ObservationColumns.of(one, 1, known, [value], flags=flag))
    with world.read() as connection:
        told = history(connection, ALL, world.as_of(), int(one), 1)
        assert history(connection, NOTHING, world.as_of(), int(one), 1) == []
    assert [version.value for version in told] == [5.0, 6.0, 7.0, None]
    assert current(world, np.array([one])) == []


def test_others_write_while_a_large_batch_is_staged(world: World) -> None:
    ids = make_series(world, 50)
    rows = ObservationColumns.of(np.repeat(ids, 1000), np.tile(np.arange(1000), 50), KNOWN, 1)
    written: list[float] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            with world.write(SYSTEM) as tx:
                tx.event("test.said")
            written.append(time.perf_counter())

    batch_id = begin_batch(world, source_code="cdc")
    writer = threading.Thread(target=write)
    writer.start()
    started = time.perf_counter()
    stage_observations(world, batch_id, rows)
    ended = time.perf_counter()
    done.set()
    writer.join()
    assert len([moment for moment in written if started < moment < ended]) >= 3
