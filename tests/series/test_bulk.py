"""The bulk path: what goes in comes out, on both databases, whatever the chunks and however the ids lie."""

from __future__ import annotations

import numpy as np
import pytest

from anlan.series import (
    Flag,
    ObservationColumns,
    SeriesKey,
    batch_check,
    begin_batch,
    bulk,
    series_ids,
    stage_observations,
    staging,
    values,
)
from anlan.series import publish as publish_batch
from anlan.store import SYSTEM, Scope, World, verify


def test_many_rows_with_gaps_come_back_in_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_FIRST_CHUNK", 7_001)
    monkeypatch.setattr(staging, "_MOST_CHUNK", 9_999)
    monkeypatch.setattr(bulk, "_ROWS_AT_ONCE", 2_500)
    monkeypatch.setattr(bulk, "_IDS_AT_ONCE", 50)
    monkeypatch.setattr(bulk, "_LONG_RUN", 20)
    ids = series_ids(world, SYSTEM, [SeriesKey("pm25", f"a{n}", f"CN/a{n}/", "air") for n in range(300)])
    random = np.random.default_rng(3)
    count = 40_000
    value = np.where(random.random(count) < 0.2, np.nan, random.normal(size=count))
    given = ObservationColumns.of(
        np.repeat(ids, count // 300 + 1)[:count],
        np.tile(np.arange(count // 300 + 1), 300)[:count],
        random.integers(0, 2**40, count),
        value,
        random.integers(0, 3, count),
        np.where(np.isnan(value), int(Flag.MISSING), 16),
    )
    batch_id = begin_batch(world, source_code="s")
    stage_observations(world, batch_id, given.take(random.permutation(count)))
    with world.write(SYSTEM) as tx:
        publish_batch(tx, batch_id, mode="add", label="", area_path="CN/", domain="air")
    wanted = np.sort(random.choice(ids, 120, replace=False))
    wanted = np.union1d(wanted, np.arange(100, 160))
    with world.read() as connection:
        found = values(connection, Scope.everything("test"), world.as_of(), wanted)
    expected = given.take(np.isin(given.series_id, wanted))
    for name in ("series_id", "period", "known_at", "value", "qualifier", "flags"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    part = found.of(int(wanted[5]))
    np.testing.assert_array_equal(part.value, given.value[given.series_id == wanted[5]])
    assert verify(world, deep=True, deep_checks=[batch_check]) == []


@pytest.mark.parametrize(
    ("ids", "runs"),
    [([], []), ([5], [[5, 5]]), ([3, 1, 2, 7, 7, 8], [[1, 3], [7, 8]]), (range(10), [[0, 9]])],
)
def test_runs_of_ids(ids: list[int], runs: list[list[int]]) -> None:
    assert bulk.runs_of(np.array(ids, np.int64)) == runs


def test_conditions_keep_the_order_of_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_IDS_AT_ONCE", 3)
    monkeypatch.setattr(bulk, "_LONG_RUN", 5)
    assert list(bulk._conditions([[1, 2], [4, 4], [6, 6], [10, 30], [40, 41]])) == [
        "o.series_id IN (1, 2, 4)",
        "o.series_id IN (6)",
        "o.series_id BETWEEN 10 AND 30",
        "o.series_id IN (40, 41)",
    ]
