"""One-pass detectors on daily counts: nanoseconds per series-day, share of the copy bandwidth, ratio to R's surveillance.

One core for both. anlan takes all series, R a sample of them; the two alternate, and their alarms on the sample are compared.
The share is the time of copying the input once, divided by the time of the detector: 100 % would be as fast as a copy.
Ends with 1 when alarms differ, with 3 when ``Rscript`` or the package is missing.

Run: ``python benchmarks/bench_counts.py [--series 20000] [--r-series 20] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from anlan import __version__  # noqa: E402
from anlan.stats.counts import Detection  # noqa: E402
from anlan.stats.counts import ears as _ears  # noqa: E402
from anlan.stats.counts.cusum import cusum  # noqa: E402
from anlan.stats.counts.glr import glr_nb  # noqa: E402

DAYS = 365
LEVEL = 5.0
GLR_SERIES = 8  # a run without an alarm costs the square of its length
PEER_MISSING = 3
Counts = NDArray[np.float64]
REFERENCE = "surveillance-1.20"


@dataclass
class Case:
    """One detector: its call, the share of the series it gets, its goals, and the seconds measured."""

    run: Callable[[Counts], Detection]
    n_series: int | None  # so many of the series; None all
    goal: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    r_columns: int = 0


def seasonal_means() -> Counts:
    means: Counts = LEVEL * np.exp(0.4 * np.cos(2 * np.pi * np.arange(DAYS) / 365))
    return means


def make_counts(n_series: int) -> Counts:
    """Negative-binomial days about a season, with one outbreak of a week in every series (seed 42)."""
    generator = np.random.default_rng(42)
    counts = generator.negative_binomial(10, 10 / (10 + seasonal_means()), (n_series, DAYS)).astype(
        np.float64
    )
    start = generator.integers(60, DAYS - 7, n_series)
    for day in range(7):
        counts[np.arange(n_series), start + day] += generator.poisson(6, n_series)
    return counts


def cases() -> dict[str, Case]:
    copy = "share of copy bandwidth: floor 15 %, target 25 %, beyond 40 %"
    means = seasonal_means()
    return {
        "ears_c1": Case(lambda y: _ears.ears_c1(y, alpha=0.001), None, copy),
        "ears_c2": Case(lambda y: _ears.ears_c2(y, alpha=0.001), None, copy),
        "ears_c3": Case(lambda y: _ears.ears_c3(y, alpha=0.025, variant=REFERENCE), None, copy),
        "cusum": Case(lambda y: cusum(y, mean=LEVEL), None, copy),
        "glr_nb_constant": Case(
            lambda y: glr_nb(y, mean=LEVEL, overdispersion=0.1),
            GLR_SERIES,
            "against R: floor 30 ×, target 100 ×",
        ),
        "glr_nb_seasonal": Case(
            lambda y: glr_nb(y, mean=means, overdispersion=0.1),
            GLR_SERIES,
            "against R: floor 3 ×, target 20 ×",
        ),
    }


def seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def copy_seconds(counts: Counts) -> float:
    into = np.empty_like(counts)
    np.copyto(into, counts)
    return min(seconds(lambda: np.copyto(into, counts)) for _ in range(5))


def has_peer() -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = subprocess.run(["Rscript", "-e", "library(surveillance)"], capture_output=True, check=False)
    return asked.returncode == 0


def run_r(folder: Path, found: dict[str, Case]) -> str:
    script = Path(__file__).with_suffix(".R")
    done = subprocess.run(
        ["Rscript", str(script), str(folder / "counts.csv"), str(folder / "means.csv"), str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    versions = ""
    for line in done.stdout.splitlines():
        name, *rest = line.split()
        if name == "R":
            versions = f"R {rest[0]}, surveillance {rest[1]}"
        elif name in found:  # the package prints its own progress, too
            found[name].theirs.append(float(rest[0]))
            found[name].r_columns = int(rest[2])
    return versions


def differences(case: Case, sample: Counts, table: Path) -> tuple[int, int]:
    """Alarms that differ on R's sample, and the alarms compared."""
    theirs = np.genfromtxt(table, delimiter=",", missing_values="NA", ndmin=2).T
    ours = case.run(sample[: len(theirs)]).alarm
    known = ~np.isnan(theirs)
    return int((ours[known] != (theirs[known] == 1)).sum()), int((theirs == 1).sum())


def spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--r-series", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    counts = make_counts(options.series)
    found, peer = cases(), has_peer()
    for case in found.values():
        case.run(counts[: min(200, case.n_series or 200)])  # first call: page faults, caches
    versions, copies = "", []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sample = counts[: options.r_series]
        np.savetxt(folder / "counts.csv", sample.T, fmt="%d", delimiter=",")
        np.savetxt(folder / "means.csv", seasonal_means(), fmt="%.17g")
        for _ in range(options.rounds):
            copies.append(copy_seconds(counts))
            for case in found.values():
                part = counts[: case.n_series]
                case.ours.append(seconds(lambda case=case, part=part: case.run(part)))  # type: ignore[misc]
            if peer:
                versions = run_r(folder, found)
        print(
            f"Daily counts, {len(counts)} series × {DAYS} days, anlan {__version__}, one core; {versions or 'no R'}."
        )
        print(
            "Copying the input once: "
            + spread([1e9 * s / counts.size for s in copies], ".2f")
            + " ns a series-day.\n"
        )
        wrong = sum(
            report(name_, case, counts, sample, copies, folder, peer) for name_, case in found.items()
        )
    if not peer:
        print("\nR with the package surveillance is not on this machine: no ratios.")
        return PEER_MISSING
    return 1 if wrong else 0


def report(
    name: str, case: Case, counts: Counts, sample: Counts, copies: list[float], folder: Path, peer: bool
) -> int:
    size = counts[: case.n_series].size
    ours = [1e9 * value / size for value in case.ours]
    shares = [100 * copy / counts.size * size / own for copy, own in zip(copies, case.ours, strict=True)]
    line = f"- {name}: {spread(ours, '.0f')} ns a series-day, {spread(shares, '.2g')} % of copy bandwidth"
    wrong = 0
    if peer:
        theirs = [1e9 * value / (case.r_columns * DAYS) for value in case.theirs]
        ratios = [r / own for r, own in zip(theirs, ours, strict=True)]
        wrong, alarms = differences(case, sample, folder / f"{name}.csv")
        line += (
            f"; R {spread(theirs, '.0f')} ns on {case.r_columns} series, **{spread(ratios, '.3g')} ×**; "
            f"alarms that differ: {wrong} of {alarms}"
        )
    print(f"{line} ({case.goal})")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
