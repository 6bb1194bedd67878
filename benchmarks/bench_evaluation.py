"""The anlan detector against the published methods on simulated outbreaks: detection, precision, calibration, budgets.

Everything is on new series of the design of Noufaily et al. (2013), each method compared at its own rate of false
alarms, with paired 95 % intervals. With 420 series (the default, some minutes) the standard error of a detection
difference is 1.9 points: enough to see that nothing broke. ``--series 4200`` is the size that docs/methods/anlan.md
reports; ``--keep FOLDER`` stores each run there and takes up an interrupted study. ``--whole 55`` is the published size,
231,000 series in parts of 4,200 (two minutes each), of which only figures are kept: memory stays that of one part, and
``make soak`` runs it all. ``bench_hard_cases.py`` has slow outbreaks, epidemics and real series. Ends with 1 when a goal
that the number of series can show is missed.

Run: ``nice -n 19 python benchmarks/bench_evaluation.py --series 4200 --seed 20261123 --keep FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

from anlan import __version__  # noqa: E402
from anlan.stats.evaluation import (  # noqa: E402
    COMPARED,
    WHOLE_DESIGN_PARTS,
    Comparison,
    Estimate,
    PairedSeries,
    Run,
    alarm_budget,
    at_rate,
    benjamini_hochberg,
    comparable_methods,
    compare_at_own_rates,
    measure_part,
    pool_parts,
    run_method,
    simulate_noufaily,
)
from anlan.stats.evaluation.reference_run import REFERENCE_SETTINGS  # noqa: E402

NOMINAL = (0.005, 0.01, 0.025, 0.05)
CORRELATED_SHARE = 5  # the correlated design has a fifth of the series
ENOUGH = 4000  # series from which the goals are judged
BUDGETS = (5, 20, 50)  # signals a week
WHOLE_METHODS = ["farrington_flexible", "bayes3"]  # the strongest, and the one with the smallest gain
WHOLE_SEED = 2017
STRATA = ("group/", "k_past/")


class Keeper:
    """Results by name, kept in a folder if there is one."""

    def __init__(self, folder: Path | None, stamp: str) -> None:
        self.folder, self.stamp = folder, stamp

    def get(self, name: str, make: Callable[[], Run]) -> Run:
        path = None if self.folder is None else self.folder / f"{self.stamp}-{name}.pickle"
        if path is not None and path.exists():
            with path.open("rb") as file:
                kept: Run = pickle.load(file)
            return kept
        began = time.perf_counter()
        made = make()
        print(f"<!-- {name}: {made.seconds:.0f} s CPU, {time.perf_counter() - began:.0f} s -->", flush=True)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                pickle.dump(made, file)
        return made


def said(name: str, estimate: Estimate, *, sign: bool = True) -> str:
    scale, digits = (1, 2) if name == "delay" else (100, 1)
    plus = "+" if sign else ""
    return f"{scale * estimate.value:{plus}.{digits}f} ± {scale * estimate.half_width:.{digits}f}"


def own_thresholds(runs: list[Run], series: PairedSeries) -> None:
    print("\n### Each method with its own threshold\n")
    print("| method | FPR % | POD % | P1 % | delay | PPV % | CPU s |\n|---|---|---|---|---|---|---|")
    for run in runs:
        found = run.performance(series)
        cells = [
            said(name, found.estimate(name), sign=False) for name in ("pod", "pod_first_week", "delay", "ppv")
        ]
        print(f"| {run.method} | {100 * run.rate:.2f} | {' | '.join(cells)} | {run.seconds:.0f} |")


def own_rates(title: str, comparisons: list[Comparison]) -> None:
    print(f"\n### {title}\n")
    print("| method (its FPR) | POD | P1 | delay, weeks | PPV |\n|---|---|---|---|---|")
    for item in comparisons:
        cells = " | ".join(said(name, item.difference[name]) for name in COMPARED)
        print(f"| {item.other} ({100 * item.rate:.2f} %) | {cells} |", flush=True)


def by_scenario(ours: Run, theirs: Run, series: PairedSeries) -> None:
    """Detection at a rate of 1 % within each scenario, both methods on thresholds of their own."""
    better = 0
    numbers = np.unique(series.labels["scenario"])
    for number in numbers:
        chosen = series.labels["scenario"] == number
        part = series.take(chosen)
        pods = []
        for run in (ours, theirs):
            scores = type(run.scores)(run.scores.null[chosen], run.scores.outbreak[chosen])
            pods.append(at_rate(scores, part, 0.01).performance.estimate("pod").value)
        better += pods[0] >= pods[1]
    print(
        f"\nAt 1 % in each scenario detection is at least that of {theirs.method} in {better} of {len(numbers)} "
        f"scenarios ({len(series.without) // len(numbers)} series each)."
    )


def calibration(run: Run, series: PairedSeries, title: str) -> dict[str, float]:
    """Obtained false-positive rates at nominal ones, and at 1 % by stratum."""
    p = 10.0**-run.scores.null
    print(f"\n### Calibration, {title}\n")
    pairs = ", ".join(f"{100 * alpha:g} % gave {100 * np.nanmean(p <= alpha):.2f} %" for alpha in NOMINAL)
    print(f"Nominal {pairs}.")
    strata: dict[str, float] = {"all": float(np.nanmean(p <= 0.01))}
    for label in ("group", "k_past"):
        rates = {
            int(value): float(np.nanmean(p[series.labels[label] == value] <= 0.01))
            for value in np.unique(series.labels[label])
        }
        strata |= {f"{label} {value}": rate for value, rate in rates.items()}
        print(
            f"By {label} at nominal 1 %: "
            + ", ".join(f"{v}: {100 * r:.2f} %" for v, r in rates.items())
            + "."
        )
    if "level_used" in run.extras:
        print(
            f"Local level in use in {100 * np.mean(run.extras['level_used']):.1f} % of series-weeks.",
            flush=True,
        )
    return strata


def budgets(run: Run, series: PairedSeries, title: str, shares: tuple[float, ...] = (0.05, 0.3)) -> None:
    """K signals a week over all series, of which a share has an outbreak in the year."""
    print(f"\n### Alarm budget, {title}, {len(series.without)} series\n")
    print(
        "| series with an outbreak | asked | variant | obtained a week (sd) | by chance, expected | outside outbreaks | outbreaks found % |"
    )
    print("|---|---|---|---|---|---|---|")
    generator = np.random.default_rng(7)
    told = []
    for part in shares:
        ill = generator.random(len(series.without)) < part
        p = 10.0 ** -np.where(ill[:, np.newaxis], run.scores.outbreak, run.scores.null)
        inside = series.outbreak_weeks & ill[:, np.newaxis]
        for wanted in BUDGETS:
            for exact in (False, True):
                found = alarm_budget(p, signals_a_week=wanted, exact=exact)
                weeks = ~np.isnan(found.limit)
                hit = np.logical_or.reduce(found.signals & inside, axis=1)
                share = hit[ill & (series.first_week >= np.argmax(weeks))].mean()
                print(
                    f"| {100 * part:.0f} % | {wanted} | {'top K' if exact else 'trailing'} | {found.obtained[weeks].mean():.1f} "
                    f"({found.obtained[weeks].std():.1f}) | {found.expected_chance[weeks].mean():.1f} | "
                    f"{(found.signals & ~inside)[:, weeks].sum(axis=0).mean():.1f} | {100 * share:.1f} |"
                )
        bh = benjamini_hochberg(p, q=0.1)
        total = bh.sum(axis=0)
        false = (bh & ~inside).sum(axis=0) / np.maximum(total, 1)
        told.append(
            f"{100 * part:.0f} % of series with an outbreak: {total.mean():.1f} findings a week, mean weekly share "
            f"outside outbreaks {false.mean():.2f}"
        )
    print(f"\nBenjamini-Hochberg at q = 0.10 within each week; {'; '.join(told)}.", flush=True)


def goals(comparisons: list[Comparison], strata: dict[str, float], n_series: int) -> list[str]:
    """Goals of the design that were missed; which can be judged depends on the number of series."""
    missed = []
    for item in comparisons:
        if item.other not in REFERENCE_SETTINGS:
            continue  # the goals are about the published methods of the reference run
        checks = {"pod": 0.04, "ppv": 0.0} if n_series >= ENOUGH else {"pod": 0.0} if n_series >= 420 else {}
        missed += [
            f"{name} against {item.other}"
            for name, least in checks.items()
            if item.difference[name].value <= least
        ]
        if n_series >= ENOUGH and item.difference["delay"].value >= 0:
            missed.append(f"delay against {item.other}")
        if (
            n_series >= ENOUGH
            and item.other == "farrington_flexible"
            and item.difference["pod_first_week"].low < -0.01
        ):
            missed.append("first week against farrington_flexible")
    if n_series >= ENOUGH:
        missed += [
            f"calibration: {name} {100 * rate:.2f} %"
            for name, rate in strata.items()
            if not 0.005 <= rate <= 0.014
        ]
    return missed


def whole_design(names: list[str], parts: int, seed: int, folder: Path | None, minutes: float | None) -> int:
    """The design of 231,000 series part by part; a part that the folder holds is not run again."""
    began, found = time.perf_counter(), []
    for part in range(parts):
        path = None if folder is None else folder / f"part-{seed}-{part:02d}-{'-'.join(names)}.json"
        if path is not None and path.exists():
            found.append(json.loads(path.read_text(encoding="utf-8")))
            continue
        if minutes is not None and time.perf_counter() - began > 60 * minutes:
            break
        found.append(measure_part(part, names, seed=seed))
        print(f"<!-- part {part}: {time.perf_counter() - began:.0f} s -->", flush=True)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(found[-1]), encoding="utf-8")
            unfinished.replace(path)
    if not found:
        print("No part was run.")
        return 1
    pooled = pool_parts(found)
    n_series = int(sum(part["series"] for part in found))
    print(f"\n### {n_series} of {4200 * WHOLE_DESIGN_PARTS} series of the whole design, seed {seed}\n")
    whole_tables(pooled, names)
    missed = whole_goals(pooled, names)
    print(f"\n{'**Missed**: ' + '; '.join(missed) if missed else 'All goals hold.'}")
    return 1 if missed else 0


def whole_tables(pooled: dict[str, Estimate], names: list[str]) -> None:
    print("| method | FPR % | POD % | P1 % | delay | PPV % |\n|---|---|---|---|---|---|")
    for name in ("anlan", *names):
        rate = pooled[f"rate/{name}"]
        cells = [said(what, pooled[f"{what}/{name}"], sign=False) for what in COMPARED]
        print(f"| {name} | {100 * rate.value:.3f} ± {100 * rate.half_width:.3f} | {' | '.join(cells)} |")
    print("\n| anlan minus, at that method's rate | POD | P1 | delay, weeks | PPV |\n|---|---|---|---|---|")
    for name in names:
        print(f"| {name} | {' | '.join(said(what, pooled[f'{name}/{what}']) for what in COMPARED)} |")
    for name in names:
        gains = [pooled[f"{name}/scenario/{number}"] for number in range(1, 43)]
        worse = [str(number) for number, gain in enumerate(gains, 1) if gain.high < 0]
        print(
            f"\nAt 1 % in each scenario detection is above that of {name} in {sum(g.value > 0 for g in gains)} of 42, "
            f"surely (interval above 0) in {sum(g.low > 0 for g in gains)}, surely below in "
            f"{', '.join(worse) or 'none'}."
        )
    strata = [(key, value.value) for key, value in pooled.items() if key.startswith(STRATA)]
    told = ", ".join(f"{key.replace('/', ' ')}: {100 * rate:.2f} %" for key, rate in strata)
    print(f"\nFalse alarms of anlan at nominal 1 %: {told}.")


def whole_goals(pooled: dict[str, Estimate], names: list[str]) -> list[str]:
    """Goals that were missed, by the means over parts."""
    missed = [
        f"{key} {100 * found.value:.2f} %"
        for key, found in pooled.items()
        if key.startswith(STRATA) and not 0.005 <= found.value <= 0.014
    ]
    for name in names:
        missed += [f"pod against {name}"] if pooled[f"{name}/pod"].value <= 0.04 else []
        missed += [f"ppv against {name}"] if pooled[f"{name}/ppv"].value <= 0 else []
        missed += [f"delay against {name}"] if pooled[f"{name}/delay"].value >= 0 else []
    first = pooled.get("farrington_flexible/pod_first_week")
    if first is not None and first.low < -0.01:
        missed.append("first week against farrington_flexible")
    return missed


def names_of(given: str) -> list[str]:
    if given == "reference":
        # The slow ones last: a study that has to stop early keeps the others.
        slow = ("glr_pois", "outbreakP")
        quick = [name for name in REFERENCE_SETTINGS if name not in (*slow, "glr_nb")]
        return [*quick, *slow]
    names = comparable_methods() if given == "all" else given.split(",")
    return [name for name in names if name != "anlan"]


def run_other(name: str, series: PairedSeries) -> Run:
    """A method under its name in the reference run, with the settings of the run, or one of the table."""
    method, parameters = REFERENCE_SETTINGS.get(name, (name, None))
    return replace(run_method(method, series, parameters), method=name)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=420)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument(
        "--methods",
        default="reference",
        help="reference: the 21 of the stored run without glr_nb (0.6 s a series); all: those of the table; or names",
    )
    parser.add_argument("--years", type=int, default=5, help="years of history of the anlan detector")
    parser.add_argument("--keep", type=Path)
    parser.add_argument(
        "--whole", type=int, metavar="PARTS", help=f"parts of the whole design, up to {WHOLE_DESIGN_PARTS}"
    )
    parser.add_argument("--minutes", type=float, help="with --whole: begin no part after so many minutes")
    options = parser.parse_args()
    if options.whole is not None:
        names = WHOLE_METHODS if options.methods == "reference" else names_of(options.methods)
        parts = min(max(options.whole, 1), WHOLE_DESIGN_PARTS)
        return whole_design(names, parts, WHOLE_SEED, options.keep, options.minutes)
    replicates = -(-options.series // 42)
    series = simulate_noufaily(replicates, generator=np.random.default_rng(options.seed))
    n_series = len(series.without)
    keeper = Keeper(options.keep, f"{n_series}-{options.seed}")
    print(
        f"{n_series} series, seed {options.seed}, anlan {__version__}, history of {options.years} years.",
        flush=True,
    )
    given = {"alpha": 0.01, "frequency": 52, "years": options.years}
    ours = keeper.get(f"anlan-{options.years}", lambda: run_method("anlan", series, given))
    others = [
        keeper.get(
            f"{options.methods}-{name}" if options.methods == "reference" else name,
            partial(run_other, name, series),
        )
        for name in names_of(options.methods)
    ]
    own_thresholds([ours, *others], series)
    comparisons = compare_at_own_rates(ours, others, series)
    own_rates("The anlan detector minus each method, at that method's own rate of false alarms", comparisons)
    for other in others:
        if other.method == "farrington_flexible":
            by_scenario(ours, other, series)
    strata = calibration(ours, series, "independent weeks")
    budgets(ours, series, "independent weeks")
    correlated(options.seed + 1, max(replicates // CORRELATED_SHARE, 2), keeper)
    missed = goals(comparisons, strata, n_series)
    print(
        f"\n{'**Missed**: ' + '; '.join(missed) if missed else 'All goals that this many series can show hold.'}"
    )
    return 1 if missed else 0


def correlated(seed: int, replicates: int, keeper: Keeper) -> None:
    """The design with an AR(1) on the log level, rho 0.9, sd 0.25."""
    moving = simulate_noufaily(
        replicates, generator=np.random.default_rng(seed), level_correlation=0.9, level_sd=0.25
    )
    tag = f"correlated-{replicates}"
    runs = [
        keeper.get(f"{name}-{tag}", partial(run_method, name, moving))
        for name in ("anlan", "farrington_flexible")
    ]
    calibration(
        runs[0], moving, f"AR(1) log level (rho 0.9, sd 0.25), {len(moving.without)} series, seed {seed}"
    )
    print(f"Farrington flexible on the same series at nominal 1 %: {100 * runs[1].rate:.2f} %.")
    own_rates(
        "The same series: minus Farrington flexible at its own rate",
        compare_at_own_rates(runs[0], runs[1:], moving),
    )
    budgets(runs[0], moving, "AR(1) log level")


if __name__ == "__main__":
    sys.exit(main())
