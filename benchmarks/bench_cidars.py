"""The anlan detector and CIDARS on CIDARS's own terms: signals a county and week at a sensitivity of 95 %.

Simulated counties with 19 diseases (``anlan.stats.evaluation.county``), 4.95 outbreaks in 1,000 county-weeks as published,
each as large as must be reported as an event. The threshold of the anlan detector, and the percentile of "CIDARS at equal
sensitivity", are chosen on other counties with more outbreaks. Ends with 1 when the anlan detector does not reach the
sensitivity, or has as many signals as CIDARS.

Run: ``nice -n 19 python benchmarks/bench_cidars.py --counties 1000 --choose 400 --seed 20261127``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

from anlan.stats.counts import anlan_detector, cidars_fixed, cidars_moving  # noqa: E402
from anlan.stats.counts.result import BoolArray, FloatArray  # noqa: E402
from anlan.stats.evaluation import (  # noqa: E402
    DISEASES,
    CountyDays,
    StatedTerms,
    on_stated_terms,
    outbreak_scores,
    simulate_county_days,
    threshold_for_sensitivity,
)
from anlan.stats.evaluation.runs import scores_of  # noqa: E402

TOGETHER = 50  # counties
PERCENTILES = (50, 60, 70, 80, 90, 95)
CHOOSE_PER_1000 = 25.0
#: Signals of the fixed-value diseases, 2008-07 to 2010-06: 2,472 in 322,000 county-weeks, nine diseases.
SEVERE, SEVERE_PER_COUNTY_WEEK = 9, 2472 / 322_035
SENSITIVITY = 0.95


def our_scores(counties: CountyDays) -> FloatArray:
    found = anlan_detector(counties.weeks, dates=counties.dates[::7], evaluate=counties.tested_weeks)
    return scores_of(found)


def moving(counties: CountyDays, *, daily: bool) -> dict[str, BoolArray]:
    """Alarms of the moving percentile, by percentile and with those by disease."""
    counts = counties.days if daily else counties.weeks
    dates = counties.dates if daily else counties.dates[::7]
    tested = counties.tested_days if daily else counties.tested_weeks
    found = {
        percentile: cidars_moving(counts, dates=dates, evaluate=tested, percentile=percentile).alarm
        for percentile in PERCENTILES
    }
    own = np.array([item.percentile for item in DISEASES])[counties.disease]
    by_disease = np.zeros_like(found[50])
    for percentile, alarms in found.items():
        by_disease |= alarms & (own == percentile)[:, np.newaxis]
    how = "day" if daily else "week"
    told = {f"CIDARS each {how}, P{percentile}": alarms for percentile, alarms in found.items()}
    return {f"CIDARS each {how}, percentile by disease": by_disease, **told}


def chosen(n_counties: int, seed: int, size: float) -> tuple[float, dict[str, str]]:
    """The threshold of the anlan detector, and the highest percentile of CIDARS that keeps the sensitivity."""
    ours, theirs = [], defaultdict(list)
    for first in range(0, n_counties, TOGETHER):
        counties = simulate_county_days(
            min(TOGETHER, n_counties - first),
            generator=np.random.default_rng([seed, first]),
            judged_per_1000=CHOOSE_PER_1000,
            size=size,
        )
        ours.append(outbreak_scores(our_scores(counties), counties))
        for daily in (True, False):
            for name, alarms in moving(counties, daily=daily).items():
                theirs[name].append(on_stated_terms(alarms, counties))
    best = np.concatenate(ours)
    percentile = {}
    for how in ("day", "week"):
        kept = [
            p for p in PERCENTILES
            if StatedTerms.of_all(theirs[f"CIDARS each {how}, P{p}"]).estimate("sensitivity").low >= SENSITIVITY
        ]  # fmt: skip
        percentile[how] = f"P{max(kept)}" if kept else "none"
    print(f"Chosen on {n_counties} counties with {len(best)} outbreaks, seed {seed}.", flush=True)
    return threshold_for_sensitivity(best, SENSITIVITY), percentile


def severe(n_counties: int, seed: int, threshold: float) -> None:
    """Nine diseases of which one case is an event: CIDARS's fixed value, and what the anlan detector makes of them."""
    counties = simulate_county_days(1, generator=np.random.default_rng(seed))
    n = min(n_counties, 2 * TOGETHER)
    generator = np.random.default_rng(seed + 1)
    rate = SEVERE_PER_COUNTY_WEEK / SEVERE / 7
    days = generator.poisson(rate, (n * SEVERE, len(counties.dates))).astype(np.float64)
    fixed = cidars_fixed(days, evaluate=counties.tested_days).alarm
    weeks = days.reshape(len(days), -1, 7).sum(axis=2)
    scores = scores_of(anlan_detector(weeks, dates=counties.dates[::7], evaluate=counties.tested_weeks))
    with_case = weeks[:, counties.tested_weeks] > 0
    ours = scores >= threshold
    print(
        f"\nFixed value, nine severe diseases ({n} counties, {int(with_case.sum())} weeks with a case): "
        f"{fixed.reshape(len(days), -1, 7).any(axis=2).sum() / (n * len(counties.tested_weeks)):.4f} signals a county and "
        f"week, every case on its day. The anlan detector at its threshold: "
        f"{100 * (ours & with_case).sum() / max(with_case.sum(), 1):.0f} % of these weeks and "
        f"{(ours & ~with_case).sum()} others.",
        flush=True,
    )


def row(name: str, terms: StatedTerms) -> str:
    cells = []
    for what, scale, digits in (
        ("signals", 1, 3), ("sensitivity", 100, 1), ("precision", 100, 1), ("outbreaks_per_signal", 100, 2),
        ("days_to_detection", 1, 1),
    ):  # fmt: skip
        found = terms.estimate(what)
        cells.append(f"{scale * found.value:.{digits}f} ± {scale * found.half_width:.{digits}f}")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counties", type=int, default=50)
    parser.add_argument("--choose", type=int, default=50, help="other counties to choose the threshold on")
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument(
        "--size", type=float, default=1.0, help="cases of an outbreak, in triggers of its disease"
    )
    options = parser.parse_args()
    began = time.process_time()
    threshold, percentile = chosen(options.choose, options.seed, options.size)
    terms: dict[str, list[StatedTerms]] = defaultdict(list)
    for first in range(0, options.counties, TOGETHER):
        counties = simulate_county_days(
            min(TOGETHER, options.counties - first),
            generator=np.random.default_rng([options.seed + 1, first]),
            size=options.size,
        )
        scores = our_scores(counties)
        told = {
            f"anlan each week, p ≤ {10**-threshold:.3g}": scores >= threshold,
            "anlan each week, p ≤ 0.01": scores >= 2,
        }
        told |= moving(counties, daily=True) | moving(counties, daily=False)
        for name, alarms in told.items():
            terms[name].append(on_stated_terms(alarms, counties))
    pooled = {name: StatedTerms.of_all(parts) for name, parts in terms.items()}
    first_one = next(iter(pooled.values()))
    print(
        f"\n{options.counties} counties, {first_one.county_weeks} county-weeks, {first_one.outbreaks} outbreaks of "
        f"{options.size:g} times the trigger, seed {options.seed + 1}, {time.process_time() - began:.0f} s CPU.\n"
    )
    print(
        "| system | signals a county and week | sensitivity % | precision % | outbreaks a 100 signals | days |"
    )
    print("|---|---|---|---|---|---|")
    for name, found in pooled.items():
        print(row(name, found))
    for how, said in percentile.items():
        print(
            f"\nHighest of these percentiles that surely keeps {100 * SENSITIVITY:g} %, each {how}: {said}."
        )
    severe(options.counties, options.seed, threshold)
    ours, theirs = first_one, [found for name, found in pooled.items() if name.startswith("CIDARS")]
    reached = ours.estimate("sensitivity").high >= SENSITIVITY
    fewer = all(ours.estimate("signals").high < found.estimate("signals").low for found in theirs)
    print(f"\n{'All goals hold.' if reached and fewer else '**Missed**: sensitivity or number of signals.'}")
    return 0 if reached and fewer else 1


if __name__ == "__main__":
    sys.exit(main())
