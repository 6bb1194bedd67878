"""Kill processes at random moments and look at what is left. Reusable: a job is a function in any file.

A job takes a node, a random generator and ``acknowledge``, and works until it is killed:

    def importing(node: Node, random: Random, acknowledge: Acknowledge) -> None: ...

What it acknowledges (a small JSON value) is what a person would have been told is done: it must still be so after the
kill. ``run_and_kill`` starts several jobs as processes of their own, kills them with SIGKILL and returns what they had
acknowledged. ``check_always`` holds for every room; a room's own checks go with its jobs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import anlan
from anlan.flows.verify import verify_world
from anlan.settings import Settings
from anlan.store import Node, schema

Acknowledge = Callable[[Mapping[str, Any]], None]
Job = Callable[[Node, random.Random, Acknowledge], None]

_START_SECONDS = 60.0


@dataclass(frozen=True)
class JobName:
    """Where a job is: the file and the function's name in it."""

    file: Path
    name: str


@dataclass(frozen=True)
class Killed:
    """One killed process: its job, what it had acknowledged, and what it said on standard error."""

    job: JobName
    acknowledged: tuple[Mapping[str, Any], ...]
    errors: str


def run_and_kill(
    jobs: Sequence[JobName],
    settings: Settings,
    *,
    seed: int,
    after_seconds: tuple[float, float],
    folder: Path,
) -> list[Killed]:
    """Start the jobs, kill each at a moment of its own between the two limits after all have begun.

    Raises
    ------
    AssertionError
        A job did not begin, or ended by itself: then nothing would have been tested.
    """
    chance = random.Random(seed)
    running = [_start(job, settings, seed * 1000 + number, folder) for number, job in enumerate(jobs)]
    try:
        for job, process, out, err in running:
            _wait_for_begin(job, process, out, err)
        begun = time.monotonic()
        moments = sorted((chance.uniform(*after_seconds), number) for number in range(len(running)))
        for moment, number in moments:
            time.sleep(max(0.0, begun + moment - time.monotonic()))
            process = running[number][1]
            assert process.poll() is None, (
                f"{jobs[number].name} ended by itself: {running[number][3].read_text()}"
            )
            process.send_signal(signal.SIGKILL)
            process.wait()
    finally:
        for _, process, _, _ in running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
    return [Killed(job, _acknowledged(out), err.read_text()) for job, _, out, err in running]


def _start(job: JobName, settings: Settings, seed: int, folder: Path) -> tuple[JobName, Any, Path, Path]:
    out, err = folder / f"{job.name}-{seed}.out", folder / f"{job.name}-{seed}.err"
    told = json.dumps({"data_dir": str(settings.data_dir), "database_url": settings.database_url})
    source = str(Path(anlan.__file__).parents[1])
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            [sys.executable, __file__, str(job.file), job.name, told, str(seed)],
            stdout=out_file,
            stderr=err_file,
            env={**os.environ, "PYTHONPATH": source},
        )
    return job, process, out, err


def _wait_for_begin(job: JobName, process: Any, out: Path, err: Path) -> None:
    limit = time.monotonic() + _START_SECONDS
    while not out.read_bytes():
        assert process.poll() is None, f"{job.name} did not begin: {err.read_text()}"
        assert time.monotonic() < limit, f"{job.name} did not begin in {_START_SECONDS} s"
        time.sleep(0.005)


def _acknowledged(out: Path) -> tuple[Mapping[str, Any], ...]:
    """Whole lines only: the kill may have cut the last one, and then nobody was told."""
    lines = out.read_bytes().split(b"\n")[:-1]
    return tuple(json.loads(line) for line in lines if line != b"begun")


def check_always(node: Node) -> None:
    """What must hold after any kill: the journal and all rows as written, and no reader ahead of the journal."""
    for name in node.world_names():
        world = node.world(name)
        assert verify_world(world, deep=True) == []
        with world.read() as connection:
            head = connection.execute(sa.select(schema.journal_head.c.seq)).scalar_one()
            cursors = connection.execute(sa.select(schema.reader_cursor)).all()
        assert all(cursor.seq <= head for cursor in cursors)


def _child(file: str, name: str, told: str, seed: str) -> None:
    spec = importlib.util.spec_from_file_location("faults_jobs", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    job: Job = getattr(module, name)
    values = json.loads(told)
    node = Node(Settings(data_dir=Path(values["data_dir"]), database_url=values["database_url"]))

    def acknowledge(what: Mapping[str, Any]) -> None:
        os.write(1, json.dumps(what).encode() + b"\n")

    os.write(1, b"begun\n")
    job(node, random.Random(int(seed)), acknowledge)


if __name__ == "__main__":
    _child(*sys.argv[1:])
