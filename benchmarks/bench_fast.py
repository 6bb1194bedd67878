"""Compiled kernels: Farrington flexible against R in the same run, EARS against the bandwidth of a copy.

Farrington flexible with the settings of Noufaily et al. (2013): CPU seconds per series-week on one core, both sides,
alternating; R takes a sample of the series, and the results on it are compared. EARS and its screening form: share of
the bandwidth of a copy, bytes read and written per second on both sides. The start (import, code from the cache) is
printed and is not in the figures.

Floors: 400 x R (target 1 000), 15 % of copy bandwidth (target 25 %). Ends with 1 below a floor or when results differ, with 3
when R with ``surveillance`` or numba is missing.

Run: ``python benchmarks/bench_fast.py [--series 20000] [--r-series 60] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from anlan.stats.counts._fast import engine, is_installed, kernels
from bench_farrington import (
    PEER_MISSING,
    TOLERANCE,
    differences,
    has_peer,
    make_counts,
    run_anlan,
    run_r,
    spread,
)

FLOOR, TARGET = 400, 1000
SHARE_FLOOR, SHARE_TARGET = 0.15, 0.25


def farrington(series: int, r_series: int, rounds: int) -> bool:
    counts = make_counts(series)
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


def seconds(call: Callable[[], Any], rounds: int) -> float:
    taken = []
    for _ in range(rounds + 1):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken[1:])


def bandwidth(rounds: int) -> bool:
    found = kernels("ears", 1.0)
    assert found is not None
    counts = np.random.default_rng(1).poisson(5.0, (20_000, 365)).astype(np.float64)
    other, alarms = np.empty_like(counts), np.empty(counts.shape, dtype=bool)
    mean, sigma = np.empty_like(counts), np.empty_like(counts)
    copy = 16 * counts.size / seconds(lambda: np.copyto(other, counts), rounds)
    print(f"- copy: {copy / 1e9:.1f} GB/s")
    cases: dict[str, tuple[int, Callable[[], Any]]] = {
        "EARS C1, alarms only": (9, lambda: found._ears_kernel.alarms(counts, 7, 0, 7, 3.0, 0.0, alarms)),
        "EARS C2, mean and standard deviation": (
            24,
            lambda: found._ears_kernel.moments(counts, 7, 2, 7, 0.0, mean, sigma),
        ),
    }
    held = True
    for name, (size, call) in cases.items():
        taken = seconds(call, rounds)
        share = size * counts.size / taken / copy
        held &= share >= SHARE_FLOOR
        print(
            f"- {name}, 20 000 × 365: {1e9 * taken / counts.size:.2f} ns a series-day, **{share:.0%}** of copy bandwidth; floor {SHARE_FLOOR:.0%}, target {SHARE_TARGET:.0%}"
        )
    return held


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--r-series", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not is_installed():
        print("numba is not installed: nothing to measure.")
        return PEER_MISSING
    with engine("compiled"):
        held = farrington(options.series, options.r_series, options.rounds)
        held &= bandwidth(options.rounds)
    if not held:
        print("- **below a floor, or results differ**")
        return 1
    return 0 if has_peer() else PEER_MISSING


if __name__ == "__main__":
    sys.exit(main())
