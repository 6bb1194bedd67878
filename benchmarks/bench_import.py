"""Import of a million tidy rows, end to end, against the database's own fastest way of taking the same rows.

For SQLite and PostgreSQL in turn, several rounds, alternating: bare ``executemany`` (SQLite) or binary ``COPY`` from a ready
buffer (PostgreSQL) of the finished rows into an empty table of the same shape; then ``anlan.intake.deliver`` of the CSV
into a fresh world: reading, checking, looking up, comparing, keeping the bytes, staging, publishing. Then one more
import during which another process releases warnings (exercise world), each a journaled transaction with its CAP
message: p50 and p95 of those.

Floors are ratios: 0.4 of executemany, 0.3 of COPY. Ends with 1 when one is broken, with 3 when PostgreSQL is missing.

Run: ``python benchmarks/bench_import.py [rows] [rounds]``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

FLOORS = {"sqlite": 0.4, "postgresql": 0.3}
PEERS = {"sqlite": "executemany", "postgresql": "binary COPY"}
ROWS, ROUNDS = 1_000_000, 3
SEED = 20260706
SOURCE, DISEASE = "county.weekly", "disease.measles.weekly"


def tidy_csv(rows: int) -> bytes:
    """Seeded rows: weeks × places × strata in a shuffled order, one value each."""
    places = 250
    weeks = -(-rows // places)
    chance = np.random.default_rng(SEED)
    order = chance.permutation(weeks * places)[:rows]
    counts = chance.poisson(3.0, rows)
    starts = np.datetime64("1930-01-06") + 7 * np.arange(weeks)
    days = starts.astype(str)
    lines = [
        f"{days[at // places]},{100000 + at % places},{DISEASE},{count}"
        for at, count in zip(order.tolist(), counts.tolist(), strict=True)
    ]
    return ("week,adcode,disease,cases\n" + "\n".join(lines) + "\n").encode()


def furnish(node: Any, name: str) -> Any:
    """A world with 250 counties of a city, the pack of infectious diseases and its hazards."""
    from anlan.registry import builtin_pack, install_pack, load_areas
    from anlan.registry.types import NewArea
    from anlan.store import SYSTEM
    from anlan.warning import actions as warnings

    world = node.create_world(name, "exercise", {"zh": "演练", "en": "Exercise"})
    top = [("CN", "", "country"), ("420000", "CN", "province"), ("421200", "420000", "city")]
    areas = [NewArea(code, parent, kind, {"zh": code, "en": code}) for code, parent, kind in top]
    outline = {
        "type": "Polygon",
        "coordinates": [[[113.8, 29.6], [114.0, 29.6], [114.0, 29.8], [113.8, 29.6]]],
    }
    areas += [
        NewArea(
            str(100000 + at), "421200", "county", {"zh": f"县{at}", "en": f"County {at}"}, outline=outline
        )
        for at in range(250)
    ]
    pack = builtin_pack("infectious_disease")
    with world.write(SYSTEM) as tx:
        load_areas(tx, areas)
    with world.write(SYSTEM) as tx:
        install_pack(tx, pack)
    with world.write(SYSTEM) as tx:
        warnings.install_hazards(tx, domain=pack.id, pack_version=pack.version, hazards=pack.hazards)
    return world


def open_node(folder: str, url: str) -> Any:
    from anlan.settings import Settings
    from anlan.store import Node

    return Node(Settings(data_dir=Path(folder), database_url=url))


def child_import(folder: str, url: str, name: str, file: str) -> None:
    """In a process of its own: deliver the file, print seconds, peak memory and what the receipt counts."""
    from anlan.intake import deliver
    from anlan.store import Actor, Scope

    world = open_node(folder, url).world(name)
    with world.read():
        pass
    content = Path(file).read_bytes()
    before = peak_memory_mb()
    began = time.perf_counter()
    receipt = deliver(
        world,
        Actor("person", "p-reporter", ""),
        Scope.everything("benchmark"),
        source_code=SOURCE,
        filename="bench.csv",
        content=content,
    )
    seconds = time.perf_counter() - began
    print(seconds, before, peak_memory_mb(), receipt.counts.new, receipt.counts.rows_rejected, flush=True)


def peak_memory_mb() -> float:
    """High-water mark of this process; ``getrusage`` would carry over that of the process it was forked from."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def run_child(folder: str, url: str, name: str, file: Path) -> list[float]:
    command = [sys.executable, __file__, "--child", folder, url, name, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return [float(part) for part in done.stdout.split()]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}


def stored_rows(world: Any) -> Any:
    """The observations that an import left behind, in key order: what the bare peer has to take."""
    from anlan.series.bulk import scan_rows

    with world.read() as connection:
        return [tuple(part) for block in scan_rows(connection) for part in _tuples(block)]


def _tuples(block: Any) -> Iterator[tuple[Any, ...]]:
    columns = (
        block.series_id,
        block.period,
        block.known_at,
        block.batch_id,
        block.value,
        block.qualifier,
        block.flags,
    )
    return zip(*(column.tolist() for column in columns), strict=True)


def bare_sqlite(folder: Path, rows: list[tuple[Any, ...]]) -> float:
    """Seconds of one ``executemany`` into an empty table of the same shape, with the same pragmas."""
    file = folder / "bare.db"
    file.unlink(missing_ok=True)
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(
        "CREATE TABLE observation (series_id INTEGER, period INTEGER, known_at BIGINT, batch_id INTEGER, value DOUBLE, "
        "qualifier SMALLINT NOT NULL, flags INTEGER NOT NULL, PRIMARY KEY (series_id, period, known_at, batch_id)) WITHOUT ROWID"
    )
    began = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO observation VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    seconds = time.perf_counter() - began
    connection.close()
    return seconds


def bare_postgresql(url: str, rows: list[tuple[Any, ...]]) -> float:
    """Seconds of one binary ``COPY`` from a ready buffer into an empty table of the same shape."""
    import psycopg

    from anlan.series import bulk
    from anlan.series.types import ObservationColumns

    columns = [np.array(column) for column in zip(*rows, strict=True)]
    given = ObservationColumns.of(columns[0], columns[1], columns[2], columns[4], columns[5], columns[6])
    parts = [bulk._wire(1, given.take(slice(start, start + 50_000))) for start in range(0, len(rows), 50_000)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(
            "CREATE TABLE bare (series_id bigint, period integer, known_at bigint, batch_id bigint, value double precision, "
            "qualifier smallint NOT NULL, flags integer NOT NULL, PRIMARY KEY (series_id, period, known_at, batch_id))"
        )
        began = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy("COPY bare FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(bulk._COPY_HEAD)
            for part in parts:
                copy.write(part)
            copy.write(bulk._COPY_END)
        return time.perf_counter() - began


def releases_during(world: Any, job: threading.Thread) -> list[float]:
    """Release prepared warnings, one after another, while the import runs; seconds of each."""
    from anlan.settings import Settings
    from anlan.store import Actor
    from anlan.warning import actions

    keys = world.heads.path.parents[1]  # releasing signs, with a key of the node
    settings = Settings(cap_sender="42120041600000", cap_sender_name="Benchmark", data_dir=keys)
    officer, chief = Actor("person", "p-officer", ""), Actor("person", "p-chief", "")
    ready = []
    for at in range(120):
        with world.write(officer) as tx:
            step = actions.draft(
                tx,
                settings=settings,
                hazard="measles",
                level="orange",
                area_codes=[str(100000 + at)],
                facts=FACTS,
            )
        with world.write(officer) as tx:
            ready.append(actions.submit(tx, step.public_id, expected_seq=step.known_seq, settings=settings))
    job.start()
    taken = []
    for step in ready:
        if not job.is_alive():
            break
        began = time.perf_counter()
        with world.write(chief) as tx:
            actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=settings)
        taken.append(time.perf_counter() - began)
        time.sleep(0.11)  # an issuer sends ten messages in a second at most
    job.join()
    return taken


FACTS: dict[str, Any] = {
    "observed": "7", "expected": "1.3", "contact": "12320", "period": {"zh": "2026年第27周", "en": "week 27 of 2026"},
}  # fmt: skip


@contextmanager
def postgresql() -> Iterator[str]:
    """A fresh server on a free port; an empty address when PostgreSQL is not installed."""
    found = shutil.which("pg_ctl")
    installed = [Path(found)] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not installed:
        yield ""
        return
    programs = installed[-1].parent
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="anlan-bench-pg-"))
    if user:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def become() -> None:
        if user:
            entry = pwd.getpwnam(user)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)

    def run(*command: str) -> None:
        subprocess.run(command, preexec_fn=become, cwd=folder, stdout=subprocess.DEVNULL, check=True)

    data = str(folder / "data")
    run(str(programs / "initdb"), "-D", data, "-U", "anlan", "-A", "trust", "-E", "UTF8", "--locale=C")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_wal_size=4GB"
    run(str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://anlan@127.0.0.1:{port}/postgres"
    finally:
        run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def measure(dialect: str, url: str, folder: Path, file: Path, rows: int, rounds: int) -> float:
    """Print the figures of one database; returns the median of the ratios."""
    node = open_node(str(folder / dialect), url)
    ratios, imports, bares, peaks = [], [], [], []
    finished: list[tuple[Any, ...]] = []
    for at in range(rounds):
        world = furnish(node, f"w{dialect}{at}")
        seconds, before, peak, new, rejected = run_child(str(folder / dialect), url, f"w{dialect}{at}", file)
        if (new, rejected) != (rows, 0):
            raise RuntimeError(f"{new} rows of {rows} came in, {rejected} were rejected")
        finished = finished or stored_rows(world)
        bare = bare_sqlite(folder, finished) if dialect == "sqlite" else bare_postgresql(url, finished)
        ratios.append(bare / seconds)
        imports.append(seconds)
        bares.append(bare)
        peaks.append((before, peak))
    ratio = statistics.median(ratios)
    verdict = "held" if ratio >= FLOORS[dialect] else "BROKEN"
    print(f"| {dialect} | rows/s | ratio, median of {rounds} (spread) | floor |")
    print("| --- | --- | --- | --- |")
    print(f"| bare {PEERS[dialect]} | {rows / statistics.median(bares):,.0f} | 1 | |")
    spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
    print(
        f"| import, whole | {rows / statistics.median(imports):,.0f} | **{ratio:.2f}** ({spread}) | {FLOORS[dialect]} {verdict} |"
    )
    before, peak = max(peaks, key=lambda pair: pair[1])
    print(
        f"\nPeak memory of the importing process {peak:,.0f} MB, {before:,.0f} MB of it before the import began.\n"
    )
    latency(node, dialect, url, folder, file)
    return ratio


def latency(node: Any, dialect: str, url: str, folder: Path, file: Path) -> None:
    world = furnish(node, f"l{dialect}")
    job = threading.Thread(target=run_child, args=(str(folder / dialect), url, f"l{dialect}", file))
    taken = sorted(releases_during(world, job))
    if taken:
        p50, p95 = (taken[min(int(len(taken) * share), len(taken) - 1)] * 1000 for share in (0.5, 0.95))
        print(
            f"Release of a warning during the import, {len(taken)} releases: p50 {p50:.0f} ms, p95 {p95:.0f} ms, worst {taken[-1] * 1000:.0f} ms.\n"
        )


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        child_import(*sys.argv[2:6])
        return 0
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    broken = missing = False
    with tempfile.TemporaryDirectory() as name, postgresql() as url:
        folder = Path(name)
        file = folder / "bench.csv"
        file.write_bytes(tidy_csv(rows))
        print(f"{rows:,} rows, {file.stat().st_size / 1e6:.1f} MB of CSV, seed {SEED}.\n")
        broken |= measure("sqlite", "", folder, file, rows, rounds) < FLOORS["sqlite"]
        if url:
            broken |= measure("postgresql", url, folder, file, rows, rounds) < FLOORS["postgresql"]
        else:
            missing = True
            print("PostgreSQL is not installed here; COPY was not measured.")
    return 1 if broken else 3 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
