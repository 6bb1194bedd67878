"""Compiled kernels: Farrington flexible against R in the same run, one-pass detectors against the bandwidth of a copy.

Farrington flexible with the settings of Noufaily et al. (2013): CPU seconds per series-week on one core, both sides,
alternating; R takes a sample of the series, and the results on it are compared.

EARS, CUSUM and outbreakP on 365 days of 100 000 series. The share of copy bandwidth is the bytes that a call has to read
(the counts once, in their type) and to write (the day of each alarm, 8 bytes) per second, over the bytes that a copy of the
float64 counts reads and writes per second; both alternate in the same run. The floor holds for ``alarms_only`` on float64,
but for the chart with an estimated mean, whose training NumPy reads. R
takes a sample; its alarms are compared. The start (import, code from the cache) is printed and is not in the figures.

Floors: 400 x R (target 1 000), 15 % of copy bandwidth (target 25 %, beyond 40 %). Ends with 1 below a floor or when results
differ, with 3 when R with ``surveillance`` or numba is missing.

Run: ``python benchmarks/bench_fast.py [--series 20000] [--r-series 60] [--rounds 5] [--days-series 100000]``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_farrington import PEER_MISSING, TOLERANCE, differences, has_peer, run_anlan, run_r, spread
from bench_farrington import make_counts as make_weeks

import numpy as np  # isort: skip  (after bench_farrington, which keeps BLAS to one core)
from numpy.typing import NDArray  # isort: skip

from anlan.stats.counts import Alarms, alarms_only, cusum, ears_c1, engine, outbreakp
from anlan.stats.counts._fast import is_installed
from bench_counts import DAYS, LEVEL, Counts
from bench_counts import make_counts as make_days

FLOOR, TARGET = 400, 1000
SHARE_FLOOR, SHARE_TARGET, SHARE_BEYOND = 0.15, 0.25, 0.40
PLACE = 8  # bytes of an alarm: its day
SLOW = 10_000  # series of what is not held to the bandwidth


def farrington(series: int, r_series: int, rounds: int) -> bool:
    counts = make_weeks(series)
    sample = counts[:r_series]
    began = time.process_time()
    run_anlan(counts[:64], "published")
    print(f"- start of the kernels in this process: {time.process_time() - began:.1f} s CPU")
    peer = has_peer()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savetxt(folder / "counts.csv", sample.T, fmt="%d", delimiter=",")
        for _ in range(rounds):
            ours.append(1e6 * run_anlan(counts, "published")[1].cpu / series)
            if peer:
                theirs.append(1e6 * run_r(folder)[0].cpu / r_series)
        print(
            f"- Farrington flexible, {series} series × 1 week: {spread(ours)} µs CPU a series-week, one core"
        )
        if not peer:
            return True
        worst, alarms = differences(run_anlan(sample, "surveillance-1.20")[0], folder)
    ratios = [r / a for a, r in zip(ours, theirs, strict=True)]
    print(
        f"- R surveillance: {spread(theirs)} µs on {r_series} of the series: **{spread(ratios)} ×**; floor {FLOOR} ×, target {TARGET} ×"
    )
    print(f"- largest relative difference to R {worst:.1e}, alarms that differ: {alarms}")
    return statistics.median(ratios) >= FLOOR and worst <= TOLERANCE and not alarms


@dataclass
class Row:
    """A call on so many of the series: its name, R's name, whether the floor holds for it, and the seconds measured."""

    name: str
    run: Callable[[Any], Any]
    dtype: type
    peer: str = ""
    has_floor: bool = False
    n_series: int | None = None
    taken: list[float] = field(default_factory=list)
    copied: list[float] = field(default_factory=list)
    n_alarms: int = 0


def rows() -> list[Row]:
    def only(method: str, **given: Any) -> Callable[[Any], Alarms]:
        return lambda counts: alarms_only(method, counts, **given)

    c1, c2, chart = only("ears_c1", alpha=0.001), only("ears_c2", alpha=0.001), only("cusum", mean=LEVEL)
    pools = only("outbreakp", min_history=0)
    return [
        Row("EARS C1, alarms only", c1, np.float64, "ears_c1", has_floor=True),
        Row("EARS C2, alarms only", c2, np.float64, "ears_c2", has_floor=True),
        Row("EARS C3, alarms only", only("ears_c3", alpha=0.025), np.float64, has_floor=True),
        Row("CUSUM, known mean, alarms only", chart, np.float64, "cusum", has_floor=True),
        Row(
            "CUSUM, known mean, reset, alarms only", only("cusum", mean=LEVEL, reset=True), np.float64,
            has_floor=True,
        ),
        Row("CUSUM, mean of the first 90 days, alarms only", only("cusum", training=90), np.float64),
        Row("EARS C1, alarms only, int32", c1, np.int32),
        Row("EARS C1, alarms only, float32", c1, np.float32),
        Row("CUSUM, known mean, alarms only, int32", chart, np.int32),
        Row("outbreakP, alarms only", pools, np.float64, "outbreakp", n_series=SLOW),
        Row("`ears_c1`, whole result", ears_c1, np.float64, n_series=SLOW),
        Row("`cusum`, whole result", lambda y: cusum(y, mean=LEVEL), np.float64, n_series=SLOW),
        Row("`outbreakp`, whole result", outbreakp, np.float64, n_series=SLOW),
    ]  # fmt: skip


def seconds(call: Callable[[], Any]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def one_pass(n_series: int, r_series: int, rounds: int) -> bool:
    counts = make_days(n_series)
    target = np.empty_like(counts)
    np.copyto(target, counts)
    table = rows()
    for row in table:
        given: NDArray[Any] = counts[: row.n_series].astype(row.dtype)
        found = row.run(given)
        row.n_alarms = len(found.times) if isinstance(found, Alarms) else 0
        for _ in range(rounds):
            row.copied.append(seconds(lambda: np.copyto(target, counts)) / counts.size)
            row.taken.append(seconds(lambda row=row, given=given: row.run(given)) / given.size)  # type: ignore[misc]
    copies = [16e-9 / copied for row in table for copied in row.copied]
    print(
        f"- copy of float64, {n_series} series × {DAYS} days: {spread(copies)} GB/s read and written, one core"
    )
    theirs = r_seconds(counts[:r_series]) if has_peer() else {}
    held = True
    for row in table:
        held &= report(row, counts, theirs)
    if not theirs:
        print("- R with the package surveillance is not on this machine: no ratios for these.")
    return held


def report(row: Row, counts: Counts, theirs: dict[str, tuple[float, Counts]]) -> bool:
    size = counts[: row.n_series].size
    line = f"- {row.name}: {precise([1e9 * taken for taken in row.taken])} ns a series-day"
    held = True
    if row.n_series is None:
        moved = np.dtype(row.dtype).itemsize + PLACE * row.n_alarms / size
        shares = [moved / taken / (16 / copied) for taken, copied in zip(row.taken, row.copied, strict=True)]
        line += f", **{percent(shares)}** of copy bandwidth ({100 * row.n_alarms / size:.1f} % are alarms)"
    if row.has_floor:
        line += f"; floor {SHARE_FLOOR:.0%}, target {SHARE_TARGET:.0%}, beyond {SHARE_BEYOND:.0%}"
        held = statistics.median(shares) >= SHARE_FLOOR
    if row.peer in theirs:
        taken, flags = theirs[row.peer]
        own = row.run(counts[: len(flags)].astype(row.dtype)).flags()
        wrong = int((own != flags).sum())
        held &= not wrong
        line += (
            f"; R {1e9 * taken:.0f} ns, **{taken / statistics.median(row.taken):.0f} ×**, alarms that differ on "
            f"{len(flags)} series: {wrong} of {int(flags.sum())}"
        )
    print(line)
    return held


def r_seconds(sample: Counts) -> dict[str, tuple[float, Counts]]:
    """Seconds a series-day of R, and its alarms (n_series, n_days); where R says NA there is none."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savetxt(folder / "counts.csv", sample.T, fmt="%d", delimiter=",")
        done = subprocess.run(
            ["Rscript", str(Path(__file__).with_suffix(".R")), str(folder / "counts.csv"), str(folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            words = line.split()
            table = folder / f"{words[0]}.csv" if words else folder / "none"
            if table.exists():  # the package prints its own progress, too
                flags = np.genfromtxt(table, delimiter=",", missing_values="NA", ndmin=2).T == 1
                found[words[0]] = (float(words[1]) / flags.size, flags)
    return found


def precise(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def percent(values: list[float]) -> str:
    return f"{statistics.median(values):.0%} ({min(values):.0%}–{max(values):.0%})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--r-series", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--days-series", type=int, default=100_000)
    options = parser.parse_args()
    if not is_installed():
        print("numba is not installed: nothing to measure.")
        return PEER_MISSING
    print(f"Load at the start: {', '.join(f'{value:.2f}' for value in os.getloadavg())}.\n")
    with engine("compiled"):
        held = farrington(options.series, options.r_series, options.rounds)
        held &= one_pass(options.days_series, options.r_series, options.rounds)
    if not held:
        print("- **below a floor, or results differ**")
        return 1
    return 0 if has_peer() else PEER_MISSING


if __name__ == "__main__":
    sys.exit(main())
