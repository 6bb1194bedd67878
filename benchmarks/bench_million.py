"""A million weekly series, six years of history each: Parquet in, signals of the latest week out, on both cores.

Writes seeded tidy partitions (one row per series and week), then runs ``anlan.partitions.detect_partitions`` with
Farrington flexible on them. The time is that of the call: reading, detecting, writing the alarms. Then a smaller
folder goes through no executor, threads, processes and a Dask LocalCluster: the findings must be the same, and the
overhead of each is printed (share of the workers' time that was not spent in tasks, and waiting beside the sequential
run on as many cores).

Floor 180 s, target 60 s, on both cores of a machine that others may be using: the load is printed beside it. Ends with
1 above the floor or when findings differ.

Run: ``python benchmarks/bench_million.py [--series 1000000] [--partition 25000] [--folder PATH]``.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from anlan.partitions import PartitionRun, detect_partitions  # noqa: E402
from anlan.stats.counts._fast import is_installed  # noqa: E402

FLOOR, TARGET = 180.0, 60.0
WEEKS, SEED, WORKERS = 312, 20261123, 2
FIRST_WEEK = date(2020, 1, 6)


def write_partitions(folder: Path, n_series: int, size: int) -> float:
    """Seeded partitions of ``size`` series; returns gigabytes on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    weeks = np.array([FIRST_WEEK + timedelta(weeks=week) for week in range(WEEKS)], dtype="datetime64[D]")
    phase = 2 * np.pi * np.arange(WEEKS) / 52
    for start in range(0, n_series, size):
        generator = np.random.default_rng([SEED, start])
        n = min(size, n_series - start)
        # From a case a year to hundreds a week: what counties times diseases look like.
        level = np.exp(generator.uniform(-4, 5, (n, 1)))
        mean = level * np.exp(
            generator.uniform(0, 0.7, (n, 1)) * np.cos(phase + generator.uniform(0, 6, (n, 1)))
        )
        noise = generator.gamma(2.0, 0.5, (n, WEEKS))
        counts = generator.poisson(mean * noise).astype(np.int32)
        counts[::200, -1] += (5 * np.sqrt(level[::200, 0]) + 8).astype(np.int32)
        table = pl.DataFrame(
            {
                "series": np.repeat(np.arange(start, start + n, dtype=np.int32), WEEKS),
                "week": np.tile(weeks, n),
                "cases": counts.reshape(-1),
            }
        )
        table.write_parquet(
            folder / f"part-{start // size:04d}.parquet", compression="zstd", statistics=False
        )
    return sum(path.stat().st_size for path in folder.glob("*.parquet")) / 1e9


def detect(source: Path, target: Path, executor: Any) -> PartitionRun:
    return detect_partitions(
        source, target, time="week", value="cases", by="series", step="week", alpha=0.001, executor=executor,
        engine="compiled" if is_installed() else "plain",
    )  # fmt: skip


@contextmanager
def no_executor() -> Iterator[None]:
    yield None


@contextmanager
def dask() -> Iterator[Any]:
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None)  # type: ignore[no-untyped-call]
    with cluster, Client(cluster) as client:  # type: ignore[no-untyped-call]
        yield client


EXECUTORS: dict[str, tuple[int, Any]] = {
    "in order": (1, no_executor),
    "threads": (WORKERS, lambda: ThreadPoolExecutor(WORKERS)),
    "processes": (WORKERS, lambda: ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn"))),
    "dask LocalCluster": (WORKERS, dask),
}


def compare_executors(source: Path, folder: Path) -> bool:
    """The same folder through every executor; prints overheads, returns whether all findings are the same."""
    findings: dict[str, pl.DataFrame] = {}
    print(f"\n| executor, {WORKERS} workers | start s | wall s | in tasks s | idle share | alarms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (workers, make) in EXECUTORS.items():
        began = time.perf_counter()
        with make() as executor:
            warm = detect(source / "warm", folder / f"warm-{name}", executor)
            ready = time.perf_counter() - began
            run = detect(source / "all", folder / f"found-{name}", executor)
        findings[name] = pl.concat(
            pl.read_parquet(path) for path in sorted((folder / f"found-{name}").iterdir())
        )
        busy = sum(part.seconds for part in run.parts)
        print(
            f"| {name} | {ready - warm.parts[0].seconds:.1f} | {run.seconds:.2f} | {busy:.2f} | {run.overhead(workers):.1%} | {run.n_alarms} |"
        )
    first = next(iter(findings.values()))
    return all(table.equals(first, null_equal=True) for table in findings.values())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--partition", type=int, default=25_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        began = time.perf_counter()
        size = write_partitions(folder / "source", options.series, options.partition)
        print(
            f"{options.series:,} series × {WEEKS} weeks in partitions of {options.partition:,}: {size:.2f} GB of Parquet, written in {time.perf_counter() - began:.0f} s (not counted)."
        )
        load = os.getloadavg()[0]
        with ThreadPoolExecutor(WORKERS) as pool:
            run = detect(folder / "source", folder / "found", pool)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(
            f"- Parquet → signals written: **{run.seconds:.1f} s** on {WORKERS} threads (load before {load:.1f}), {run.n_alarms:,} alarms; floor {FLOOR:.0f} s, target {TARGET:.0f} s"
        )
        print(f"- peak memory {used.ru_maxrss / 2**20:.1f} GiB")
        # A twentieth of it for the comparison of executors, in eight partitions, and a tiny one that starts the workers.
        part = max(options.series // 160, 500)
        write_partitions(folder / "small" / "all", 8 * part, part)
        write_partitions(folder / "small" / "warm", WORKERS * 20, 20)
        same = compare_executors(folder / "small", folder)
    print(f"\nFindings of all executors are {'the same' if same else '**not the same**'}.")
    return 0 if same and run.seconds <= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
