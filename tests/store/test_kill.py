"""Killed at random moments of imports and writes, on both databases: nothing that was acknowledged is lost or doubled."""

from __future__ import annotations

import random
from pathlib import Path

import harness
import jobs_series
import pytest
import sqlalchemy as sa

from anlan.series import (
    ObservationColumns,
    batches,
    begin_batch,
    discard,
    records,
    staging,
    tables,
    unpublished,
)
from anlan.settings import Settings
from anlan.store import Node, Scope

ALL = Scope.everything("test")
JOBS = [harness.JobName(Path(jobs_series.__file__), name) for name in ("importing", "writing")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """An empty live world with a real clock, closed again."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    made = Settings(data_dir=tmp_path / "node", database_url=url)
    node = Node(made)
    node.create_world("live", "live", {"zh": "实况", "en": "Live"})
    node.close()
    return made


def check_series(node: Node, told: list[dict[str, object]]) -> None:
    """Acknowledged batches and records are there, once and whole; what is on its way has just the rows it claims."""
    world = node.world()
    with world.read() as connection:
        published = {one.id: (one.sha256, one.row_count) for one in batches(connection, ALL, world.as_of())}
        kept = {one.external_id for one in records(connection, ALL, world.as_of())}
        stages = {row.id: row for row in connection.execute(sa.select(tables.batch_stage))}
        counted = sa.select(tables.observation.c.batch_id, sa.func.count()).group_by(
            tables.observation.c.batch_id
        )
        counts = {row[0]: row[1] for row in connection.execute(counted)}
    for one in told:
        if "record" in one:
            assert one["record"] in kept
        elif "batch" in one:
            assert published[one["batch"]] == (one["sha256"], one["rows"])  # type: ignore[index]
        else:
            assert one["discarded"] not in published
            assert one["discarded"] not in stages
            assert one["discarded"] not in counts
    for number, row in stages.items():
        assert number not in published
        if row.state == "discarding":
            assert counts.pop(number, 0) <= row.staged_count
        else:
            assert counts.pop(number, 0) == row.staged_count
    assert counts == {number: rows for number, (_, rows) in published.items() if rows}


def finish(node: Node) -> None:
    """Every batch that was left can be finished or thrown away."""
    world = node.world()
    ids = jobs_series.ids_of(world)
    for left in unpublished(world):
        if left.state == "discarding":
            discard(world, left.id)
        else:
            rows = jobs_series.rows_of(ids, int(left.source_code))
            jobs_series.deliver(world, left.id, rows)
    assert unpublished(world) == []


def kill_and_check(settings: Settings, folder: Path, *, kills: int, seed: int) -> None:
    told: list[dict[str, object]] = []
    left = 0
    for number in range(kills):
        killed = harness.run_and_kill(
            JOBS, settings, seed=seed + number, after_seconds=(0.02, 0.7), folder=folder
        )
        for one in killed:
            assert one.errors == ""
            told += [dict(what) for what in one.acknowledged]
        node = Node(settings)
        try:
            harness.check_always(node)
            check_series(node, told)
            left += len(unpublished(node.world()))
            if number == kills - 1:
                finish(node)
                harness.check_always(node)
                check_series(node, told)
        finally:
            node.close()
    assert any("batch" in one for one in told)
    assert any("record" in one for one in told)
    assert left or kills < 20  # many kills must have hit an import in the middle, or this tests nothing


def test_five_kills(settings: Settings, tmp_path: Path) -> None:
    kill_and_check(settings, tmp_path, kills=5, seed=11)


@pytest.mark.soak
def test_two_hundred_kills(settings: Settings, tmp_path: Path) -> None:
    kill_and_check(settings, tmp_path, kills=200, seed=random.randrange(10**6))


def test_the_check_itself_finds_lost_doubled_and_half_rows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(settings)
    try:
        world = node.world()
        ids = jobs_series.ids_of(world)
        rows: ObservationColumns = jobs_series.rows_of(ids, 1)
        told = [jobs_series.deliver(world, begin_batch(world, source_code="1"), rows)]
        check_series(node, told)
        with pytest.raises(KeyError):
            check_series(node, [{**told[0], "batch": 99}])
        with pytest.raises(AssertionError):
            check_series(node, [{"discarded": told[0]["batch"]}])
        with pytest.raises(AssertionError):
            check_series(node, [{"record": "never"}])
        waiting = begin_batch(world, source_code="2")
        staging.stage_observations(world, waiting, rows)
        check_series(node, told)
        with world.stage() as connection:
            connection.execute(
                sa.text("DELETE FROM observation WHERE batch_id = :id AND series_id = :s"),
                {"id": waiting, "s": int(rows.series_id[0])},
            )
        with pytest.raises(AssertionError):
            check_series(node, told)
    finally:
        node.close()
