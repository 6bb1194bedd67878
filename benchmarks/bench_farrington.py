"""Farrington flexible, many series and one week, plain NumPy against R's surveillance in the same run.

Settings of Noufaily et al. (2013). Both sides use one core; anlan takes all series, R a sample of them, and the ratio
is that of CPU seconds per series-week (elapsed beside it). The two alternate, and the results on R's sample are compared.
Ends with 1 below the floor or when results differ, with 3 when ``Rscript`` or the package is missing.

Run: ``python benchmarks/bench_farrington.py [--series 10000] [--r-series 150] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# One core for both: before NumPy is imported.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

from anlan import __version__  # noqa: E402
from anlan.stats.counts import Detection, farrington_flexible  # noqa: E402

FLOOR, TARGET = 30, 60
WEEKS = 312
TOLERANCE = 1e-9
PEER_MISSING = 3


@dataclass(frozen=True)
class Timing:
    cpu: float
    elapsed: float


def make_counts(n_series: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Negative-binomial series over six powers of ten of mean, with season, trend and past outbreaks (seed 2013)."""
    generator = np.random.default_rng(2013)
    week = np.arange(WEEKS)
    level = np.exp(generator.uniform(-2, 6, (n_series, 1)))
    season = np.exp(
        generator.uniform(0, 0.7, (n_series, 1))
        * np.cos(2 * np.pi * week / 52 + generator.uniform(0, 6, (n_series, 1)))
    )
    mean = level * season * np.exp(generator.uniform(-0.002, 0.002, (n_series, 1)) * (week - 156))
    excess = generator.uniform(0.1, 4, (n_series, 1))
    counts = generator.negative_binomial(mean / excess, 1 / (1 + excess)).astype(np.float64)
    outbreak = generator.integers(0, WEEKS, (n_series, 2))
    for column in range(2):
        at = outbreak[:, column]
        counts[np.arange(n_series), at] += generator.poisson(
            5 * np.sqrt(mean[np.arange(n_series), at] * (1 + excess[:, 0]))
        )
    return counts


def run_anlan(
    counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]], variant: str
) -> tuple[Detection, Timing]:
    cpu, elapsed = time.process_time(), time.perf_counter()
    found = farrington_flexible(counts, evaluate=[-1], alpha=0.01, limit54_cases=0, variant=variant)
    return found, Timing(time.process_time() - cpu, time.perf_counter() - elapsed)


def run_r(folder: Path) -> tuple[Timing, list[str]]:
    script = Path(__file__).with_suffix(".R")
    done = subprocess.run(
        ["Rscript", str(script), str(folder / "counts.csv"), str(folder / "result.csv")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    cpu, elapsed, *versions = done.stdout.split()
    return Timing(float(cpu), float(elapsed)), versions


def has_peer() -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = subprocess.run(["Rscript", "-e", "library(surveillance)"], capture_output=True, check=False)
    return asked.returncode == 0


def differences(found: Detection, folder: Path) -> tuple[float, int]:
    """Largest relative difference in limit, dispersion and p-value, and the number of alarms that differ."""
    table = np.genfromtxt(folder / "result.csv", delimiter=",", missing_values="NA")
    ours = np.column_stack([found.upper[:, 0], found.extra["phi"][:, 0], found.p_value[:, 0]])
    if not (np.isnan(ours) == np.isnan(table[:, :3])).all():
        return float("inf"), -1
    worst = np.nanmax(np.abs(ours - table[:, :3]) / np.maximum(np.abs(table[:, :3]), 1e-12))
    return float(worst), int((np.nan_to_num(table[:, 3]) != found.alarm[:, 0]).sum())


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}–{max(values):.1f})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--r-series", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    counts = make_counts(options.series)
    sample = counts[: options.r_series]
    run_anlan(counts[:500], "published")  # first call: page faults and BLAS buffers
    ours: list[Timing] = []
    theirs: list[Timing] = []
    versions: list[str] = []
    peer = has_peer()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savetxt(folder / "counts.csv", sample.T, fmt="%d", delimiter=",")
        for _ in range(options.rounds):
            ours.append(run_anlan(counts, "published")[1])
            if peer:
                timing, versions = run_r(folder)
                theirs.append(timing)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        micro = [1e6 * timing.cpu / len(counts) for timing in ours]
        print(
            f"Farrington flexible, {len(counts)} series × 1 week (b 5, w 3, 10 periods, 26 weeks left out, nbPlugin), one core:"
        )
        print(
            f"- anlan {__version__}: {spread(micro)} µs CPU a series-week, {options.rounds} rounds; peak memory {memory:.0f} MiB"
        )
        if not peer:
            print("- R with the package surveillance is not on this machine: no ratio.")
            return PEER_MISSING
        return report(ours, theirs, versions, counts, sample, folder)


def report(
    ours: list[Timing], theirs: list[Timing], versions: list[str],
    counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    sample: np.ndarray[tuple[int, ...], np.dtype[np.float64]], folder: Path,
) -> int:  # fmt: skip
    micro = [1e6 * timing.cpu / len(sample) for timing in theirs]
    cpu = [r.cpu / len(sample) / (a.cpu / len(counts)) for a, r in zip(ours, theirs, strict=True)]
    elapsed = [r.elapsed / len(sample) / (a.elapsed / len(counts)) for a, r in zip(ours, theirs, strict=True)]
    worst, alarms = differences(run_anlan(sample, "surveillance-1.20")[0], folder)
    print(
        f"- R {versions[1]}, surveillance {versions[0]}: {spread(micro)} µs CPU a series-week, on {len(sample)} of the series"
    )
    print(
        f"- ratio of CPU time **{spread(cpu)} ×** (elapsed {spread(elapsed)} ×); floor {FLOOR} ×, target {TARGET} ×"
    )
    print(
        f"- results on these {len(sample)} series: largest relative difference {worst:.1e}, alarms that differ: {alarms}"
    )
    if worst > TOLERANCE or alarms:
        print("- **the results differ**")
        return 1
    if statistics.median(cpu) < FLOOR:
        print("- **below the floor**")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
