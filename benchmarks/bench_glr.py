"""Likelihood ratio charts of daily counts with known means against R's surveillance: CPU time of one core, both in one run.

anlan computes the statistic and, for every day, the smallest count that would make an alarm; R is asked for the statistic
alone (``ret = "value"``: its limits, found by counting, take far longer). The compiled path takes all series, the plain path
and R a sample of them; they alternate. Statistics and alarms on the sample are compared with R's. The start of the
kernels is printed and is not in the figures.

Floors, compiled path, negative binomial: 30 x R with a constant mean (target 100 x), 3 x with a mean that varies (target 20 x).
Ends with 1 below a floor or when results differ, with 3 when R with ``surveillance`` or numba is missing.

Run: ``python benchmarks/bench_glr.py [--series 400] [--r-series 8] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from anlan.stats.counts import Detection, glr_nb, glr_poisson
from anlan.stats.counts._fast import Engine, engine, is_installed
from bench_counts import (
    DAYS,
    LEVEL,
    PEER_MISSING,
    Counts,
    has_peer,
    make_counts,
    seasonal_means,
    seconds,
    spread,
)

TOLERANCE = 1e-6


@dataclass
class Case:
    """One chart: its call, floor and target, and microseconds a series-day in each round."""

    run: Callable[[Counts], Detection]
    floor: float | None
    target: float | None
    compiled: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)


def cases() -> dict[str, Case]:
    means = seasonal_means()
    return {
        "nb_constant": Case(lambda y: glr_nb(y, mean=LEVEL, overdispersion=0.1), 30, 100),
        "nb_varying": Case(lambda y: glr_nb(y, mean=means, overdispersion=0.1), 3, 20),
        "poisson_varying": Case(lambda y: glr_poisson(y, mean=means), None, None),
    }


def timed(case: Case, counts: Counts, path: Engine) -> float:
    with engine(path):
        return 1e6 * seconds(lambda: case.run(counts)) / counts.size


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
        elif name in found:
            found[name].theirs.append(1e6 * float(rest[0]) / (int(rest[2]) * DAYS))
    return versions


def differences(case: Case, sample: Counts, folder: Path, name: str) -> tuple[float, int, int]:
    """Largest difference of a statistic, relative above 1; alarms that differ; alarms."""
    alarms, statistic = (
        np.genfromtxt(folder / f"{name}_{what}.csv", delimiter=",", ndmin=2).T
        for what in ("alarms", "statistic")
    )
    with engine("compiled"):
        ours = case.run(sample)
    away = np.abs(ours.extra["statistic"] - statistic) / np.maximum(statistic, 1.0)
    return float(away.max()), int((ours.alarm != (alarms == 1)).sum()), int(alarms.sum())


def report(name: str, case: Case, peer: bool) -> bool:
    """Print one line; whether the floor is held."""
    line = f"- {name}: compiled {spread(case.compiled, '.2f')} µs a series-day, plain {spread(case.plain, '.0f')} µs"
    if not peer:
        print(line)
        return True
    fast, slow = (
        [r / own for r, own in zip(case.theirs, ours, strict=True)] for ours in (case.compiled, case.plain)
    )
    goal = "" if case.floor is None else f"; floor {case.floor:g} ×, target {case.target:g} ×"
    print(
        f"{line}; R {spread(case.theirs, '.1f')} µs: **{spread(fast, '.3g')} ×**, plain {spread(slow, '.2g')} ×{goal}"
    )
    return case.floor is None or statistics.median(fast) >= case.floor


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=400)
    parser.add_argument("--r-series", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not is_installed():
        print("numba is not installed: nothing to measure.")
        return PEER_MISSING
    counts = make_counts(max(options.series, options.r_series))
    sample = counts[: options.r_series]
    found, peer, held, versions = cases(), has_peer(), True, "no R"
    with engine("compiled"):
        start = seconds(lambda: [case.run(counts[:1]) for case in found.values()])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savetxt(folder / "counts.csv", sample.T, fmt="%d", delimiter=",")
        np.savetxt(folder / "means.csv", seasonal_means(), fmt="%.17g")
        for _ in range(options.rounds):
            for case in found.values():
                case.compiled.append(timed(case, counts, "compiled"))
                case.plain.append(timed(case, sample, "plain"))
            if peer:
                versions = run_r(folder, found)
        print(f"Daily counts, {len(counts)} series × {DAYS} days, {len(sample)} for R and plain; {versions}.")
        print(f"Start of the kernels in this process: {start:.1f} s CPU.\n")
        for chart, case in found.items():
            held &= report(chart, case, peer)
            if peer:
                worst, wrong, alarms = differences(case, sample, folder, chart)
                print(
                    f"  largest difference of a statistic {worst:.1e}, alarms that differ {wrong} of {alarms}"
                )
                held &= worst <= TOLERANCE and not wrong
    if not held:
        print("- **below a floor, or results differ**")
        return 1
    return 0 if peer else PEER_MISSING


if __name__ == "__main__":
    sys.exit(main())
