"""A delivery that is killed at any of its steps is absent, and the same call again, or ``resume``, finishes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from anlan.errors import ConflictError, NotFoundError
from anlan.intake import Receipt, deliver, deliveries, drop, resume, tables, unfinished
from anlan.series import batch_check, series_list, unpublished, values
from anlan.settings import Settings
from anlan.store import Actor, FixedClock, Node, Scope, World, verify

ACTOR = Actor("person", "00000000-0000-0000-0000-000000000001", "test")
ALL = Scope.everything("test")
ROWS = [f"2026-06-{day:02d},温泉街道,手足口病,0-4,{day}" for day in range(1, 29)]
TEXT = "\n".join(["日期,现住乡镇,疾病,年龄组,例数", *ROWS, "2026-06-29,无名镇,手足口病,0-4,1", ""])


class Killed(BaseException):
    """Stands for the end of the process: nothing but the database's own rollback runs."""


def send(world: World, text: str = TEXT) -> Receipt:
    return deliver(world, ACTOR, ALL, source_code="city.daily", filename="x.csv", content=text.encode())


def killed_at(world: World, step: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Deliver, and die just before the commit of the given writing transaction. False when there were not as many."""
    stage, count = World.stage, 0

    @contextmanager
    def dying(self: World) -> Iterator[sa.Connection]:
        nonlocal count
        count += 1
        with stage(self) as connection:
            yield connection
            if count == step:
                raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(World, "stage", dying)
        patch.setattr("anlan.series.staging._FIRST_CHUNK", 10)
        patch.setattr("anlan.series.staging._LEAST_CHUNK", 10)
        patch.setattr("anlan.series.staging._MOST_CHUNK", 10)
        try:
            send(world)
        except Killed:
            return True
    return False


def stored(world: World) -> tuple[int, int]:
    with world.read() as connection:
        as_of = world.as_of()
        ids = [one.id for one in series_list(connection, ALL, as_of)]
        return len(values(connection, ALL, as_of, ids)), len(deliveries(connection, ALL, as_of))


def nothing_is_left(world: World) -> None:
    assert unfinished(world) == []
    assert unpublished(world) == []
    assert verify(world, deep=True, deep_checks=[batch_check]) == []
    with world.read() as connection:
        counts = [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (tables.rejected_row, tables.delivery, tables.delivery_content, tables.delivery_open)
        ]
    assert counts in ([1, 1, 1, 0], [0, 0, 0, 0])


@pytest.mark.parametrize("step", range(1, 11))
def test_killed_at_a_step_and_sent_again(
    city: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    assert killed_at(city, step, monkeypatch)
    assert stored(city) == (0, 0)
    clock.advance(timedelta(minutes=11))  # the lease of the dead worker has ended
    receipt = send(city)
    assert (receipt.counts.new, receipt.counts.rows_rejected) == (28, 1)
    assert stored(city) == (28, 1)
    nothing_is_left(city)


def test_there_are_as_many_steps_as_are_tried(city: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not killed_at(city, 11, monkeypatch)
    assert stored(city) == (28, 1)


@pytest.mark.parametrize("step", [3, 5, 8, 9])
def test_killed_and_resumed_from_the_kept_bytes(
    city: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    killed_at(city, step + 1, monkeypatch)
    (left,) = unfinished(city)
    clock.advance(timedelta(hours=1))
    receipt = resume(city, ACTOR, ALL, left.public_id)
    assert receipt.public_id == left.public_id
    assert receipt.received_at == left.received_at
    assert stored(city) == (28, 1)
    nothing_is_left(city)
    with pytest.raises(NotFoundError):
        resume(city, ACTOR, ALL, left.public_id)


def test_what_was_killed_before_all_bytes_were_kept_must_be_sent_again(
    city: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at(city, 3, monkeypatch)
    (left,) = unfinished(city)
    with pytest.raises(ConflictError, match="deliver the file again"):
        resume(city, ACTOR, ALL, left.public_id)
    clock.advance(timedelta(minutes=11))
    assert send(city).public_id == left.public_id
    nothing_is_left(city)


def test_others_delivered_before_it_was_resumed(
    city: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_at(city, 9, monkeypatch)
    (left,) = unfinished(city)
    other = send(city, "\n".join(["日期,现住乡镇,疾病,年龄组,例数", *ROWS[:5], ""]))
    assert other.counts.new == 5
    clock.advance(timedelta(hours=1))
    receipt = resume(city, ACTOR, ALL, left.public_id)
    assert (receipt.counts.new, receipt.counts.unchanged) == (23, 5)
    assert stored(city) == (28, 2)
    assert unfinished(city) == []
    assert unpublished(city) == []


@pytest.mark.parametrize("step", [2, 4, 8, 9])
def test_killed_and_dropped(city: World, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    killed_at(city, step + 1, monkeypatch)
    (left,) = unfinished(city)
    drop(city, left.public_id)
    assert stored(city) == (0, 0)
    nothing_is_left(city)
    with pytest.raises(NotFoundError):
        drop(city, left.public_id)


SCRIPT = """
import sys
from pathlib import Path
from anlan.intake import deliver
from anlan.settings import Settings
from anlan.store import Actor, Node, Scope
node = Node(Settings(data_dir=Path(sys.argv[1]), database_url=sys.argv[2]))
print("ready", flush=True)
deliver(node.world("live"), Actor("person", "1", "t"), Scope.everything("t"), source_code="city.daily", filename="x.csv",
        content=Path(sys.argv[3]).read_bytes(), progress=lambda *told: print(*told, flush=True))
print("done", flush=True)
"""


@pytest.mark.parametrize("lines", [3, 5, 8])
def test_a_process_that_is_killed_for_real(city: World, node: Node, tmp_path: Path, lines: int) -> None:
    file = tmp_path / "x.csv"
    days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 7) for day in range(1, 29)]
    places = ["温泉街道", "浮山街道", "永安街道", "汀泗桥镇", "官埠桥镇", "横沟桥镇"]
    rows = [
        f"{day},{place},手足口病,{age},1"
        for day in days
        for place in places
        for age in ("0-4", "5-14", "15-44", "45+")
    ]
    file.write_text("\n".join(["日期,现住乡镇,疾病,年龄组,例数", *rows, ""]), encoding="utf-8")
    settings = Settings(data_dir=node.folder, database_url=node.settings.database_url)
    source = str(Path(__file__).parents[2] / "src")
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(settings.data_dir), settings.database_url, str(file)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": source},
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(lines):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    process.stdout.close()
    before = stored(city)
    assert before in ((0, 0), (len(rows), 1))
    deadline = time.monotonic() + 10
    while city.dialect == "postgresql" and _others(city) and time.monotonic() < deadline:
        pass  # the server ends the killed process's transaction by itself
    for left in unfinished(city):
        drop(city, left.public_id)
    deliver(city, ACTOR, ALL, source_code="city.daily", filename="x.csv", content=file.read_bytes())
    assert stored(city)[0] == len(rows)
    assert unfinished(city) == []
    assert verify(city, deep=True, deep_checks=[batch_check]) == []


def _others(world: World) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE '%transaction%' AND pid <> pg_backend_pid()"
    with world.read() as connection:
        return int(connection.execute(sa.text(query)).scalar_one())
