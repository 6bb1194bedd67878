"""Duty board and signal pages over HTTP with 20 readers, in a world with five million observations.

The demonstration's worlds are built, ten thousand weekly series of 500 weeks are loaded beside its data, the server runs
as a process of its own. First each reader waits about a second between two pages, as people do (that is the figure
that the target of 100 ms is about); then all ask without a pause (pages per second). Ends with 1 when a page is not
answered with 200.

Run: ``python benchmarks/bench_board.py [--observations 5000000] [--readers 20] [--seconds 20] [--database-url …]``
(the database must be empty; without it SQLite in a temporary folder).
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from anlan import analysis, registry, series
from anlan.flows.demo import build_demo
from anlan.settings import Settings
from anlan.store import SYSTEM, Node, Scope, World

TARGET_MS = 100
WEEKS = 500
ALL = Scope.everything("benchmark")


@dataclass
class Answers:
    """Milliseconds by kind of page, and what was not answered with 200."""

    taken: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def fill(world: World, observations: int) -> tuple[float, int]:
    """Load weekly series of the six counties; gives the seconds it took and the rows."""
    with world.read() as connection:
        counties = registry.children(connection, ALL, world.as_of(), "421200")
    keys = [
        series.SeriesKey(
            "disease.measles.weekly", place.code, place.path, "infectious_disease", stratum=f"s{n:05d}"
        )
        for n in range(observations // WEEKS // len(counties))
        for place in counties
    ]
    ids = series.series_ids(world, SYSTEM, keys)
    counts = np.random.default_rng(5).poisson(2, len(ids) * WEEKS).astype(float)
    rows = series.ObservationColumns.of(
        np.repeat(ids, WEEKS), np.tile(np.arange(2400, 2400 + WEEKS), len(ids)), 1_750_000_000, counts
    )
    began = time.perf_counter()
    batch = series.begin_batch(world, source_code="benchmark")
    series.stage_observations(world, batch, rows)
    with world.write(SYSTEM) as tx:
        series.publish(
            tx,
            batch,
            mode="add",
            label="benchmark",
            area_path="CN/420000/421200/",
            domain="infectious_disease",
        )
    return time.perf_counter() - began, len(rows)


def pages_of(world: World) -> dict[str, list[str]]:
    with world.read() as connection:
        signals = analysis.signals(connection, ALL, world.as_of())
    seen = [f"/w/{world.name}/signals/{one.public_id}" for one in signals][:40]
    return {"board": [f"/w/{world.name}/"], "signal": seen}


def serve(settings: Settings) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["serve", "--web", "--data-dir", str(settings.data_dir), "--port", str(port)]
    environment = {"ANLAN_DATABASE_URL": settings.database_url} if settings.database_url else {}
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from anlan.cli import main; sys.exit(main(sys.argv[1:]))",
            *options,
        ],
        env={**os.environ, **environment},
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            if httpx.get(f"{address}/sign-in", timeout=5).status_code == 200:
                return process, address
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise RuntimeError("the server did not start in a minute")


def sign_in(address: str, login: str, password: str) -> str:
    with httpx.Client(base_url=address, timeout=30) as client:
        token = client.get("/sign-in").text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
        form = {"csrf": token, "account": login, "password": password, "next": "/"}
        answer = client.post("/sign-in", data=form)
        if answer.status_code != 303:
            raise RuntimeError(f"signing in was answered with {answer.status_code}")
        return client.cookies["anlan_session"]


def read(
    address: str, session: str, pages: dict[str, list[str]], *, readers: int, seconds: float, pause: float
) -> Answers:
    answers, lock = Answers(), threading.Lock()
    end = time.perf_counter() + seconds

    def one(number: int) -> None:
        chance = random.Random(number)
        with httpx.Client(base_url=address, cookies={"anlan_session": session}, timeout=60) as client:
            time.sleep(chance.random() * pause)
            while time.perf_counter() < end:
                kind = chance.choice(sorted(pages))
                path = chance.choice(pages[kind])
                began = time.perf_counter()
                status: int | str
                try:
                    status = client.get(path).status_code
                except httpx.TransportError as error:
                    status = type(error).__name__
                taken = (time.perf_counter() - began) * 1000
                with lock:
                    answers.taken.setdefault(kind, []).append(taken)
                    if status != 200:
                        answers.failed.append(f"{path}: {status}")
                time.sleep(chance.uniform(0.5, 1.5) * pause)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def told(kind: str, taken: list[float]) -> str:
    ordered = sorted(taken)
    return (
        f"| {kind} | {len(ordered)} | {statistics.median(ordered):.0f} | {ordered[int(len(ordered) * 0.95)]:.0f} "
        f"| {ordered[-1]:.0f} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--observations", type=int, default=5_000_000)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--database-url", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "node", database_url=given.database_url)
        node = Node(settings)
        accounts = {one.login: one.password for one in build_demo(node, say=lambda _: None)}
        world = node.world("live")
        took, rows = fill(world, given.observations)
        pages = pages_of(world)
        dialect = world.dialect
        node.close()
        process, address = serve(settings)
        try:
            session = sign_in(address, "duty", accounts["duty"])
            options = {"readers": given.readers, "seconds": given.seconds}
            for paths in pages.values():  # once each, so that nobody measures the start
                read(address, session, {"warm": paths}, readers=1, seconds=2, pause=0)
            people = read(address, session, pages, pause=1.0, **options)
            hurried = read(address, session, pages, pause=0.0, **options)
        finally:
            process.terminate()
            process.wait()
    print(f"{dialect}, {rows:,} observations ({rows / took:,.0f} rows/s staged and published)\n")
    print(f"{given.readers} readers, a page about every second each; target p95 {TARGET_MS} ms:\n")
    print("| page | answers | p50 ms | p95 ms | max ms |\n|---|---|---|---|---|")
    for kind, taken in sorted(people.taken.items()):
        print(told(kind, taken))
    count = sum(len(taken) for taken in hurried.taken.values())
    print(f"\nWithout pauses: {count / given.seconds:.0f} pages/s")
    failed = people.failed + hurried.failed
    for line in sorted(set(failed))[:10]:
        print(line, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
