"""What ``auto`` should choose for each length of history: the candidates on simulated series that are no older than that.

    python benchmarks/bench_auto.py [--replicates 10] [--seed 20261126]

Prints the tables of docs/methods/auto.md: for each band of history the methods at the same rate of false alarms (that of
the published choice), their own rates at the nominal one, and the false alarms of what decides below seven periods.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from anlan.stats.counts import METHODS
from anlan.stats.evaluation import PairedSeries, at_rate, compare_at_own_rates, run_method, simulate_noufaily

ROOM = 4  # half a window of Farrington's and the week that dated years can be longer
ALPHA = 0.005
# Years of history, what the published rule takes there, and with which parameters.
BANDS: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (2, "periodic_nb", {"trend": False}),
    (3, "periodic_nb", {}),
    (4, "farrington_flexible", {"b": 4, "limit54_cases": 0}),
    (5, "farrington_flexible", {"b": 5, "limit54_cases": 0}),
)


def younger(series: PairedSeries, years: int) -> PairedSeries:
    """The same series as if they had begun ``years`` and a little before the first tested week."""
    cut = series.first_tested - (52 * years + ROOM)
    return PairedSeries(
        series.without[:, cut:], series.outbreak[:, cut:], series.first_tested - cut, series.start - cut, series.labels
    )  # fmt: skip


def bands(series: PairedSeries) -> None:
    print(
        "| history | method of the published rule (its FPR %) | anlan's own FPR % | POD | P1 | delay | PPV |"
    )
    print("|---|---|---|---|---|---|---|")
    for years, name, given in BANDS:
        part = younger(series, years)
        ours = run_method("anlan", part, {"alpha": ALPHA, "frequency": 52})
        theirs = run_method(name, part, {"alpha": ALPHA, "frequency": 52, **given})
        (found,) = compare_at_own_rates(ours, [theirs], part)
        cells = []
        for what, scale in (("pod", 100), ("pod_first_week", 100), ("delay", 1), ("ppv", 100)):
            one = found.difference[what]
            cells.append(
                f"{scale * one.value:+.{1 + (scale == 1)}f} ± {scale * one.half_width:.{1 + (scale == 1)}f}"
            )
        print(
            f"| {years} years | {name} ({100 * theirs.rate:.2f}) | {100 * ours.rate:.2f} | {' | '.join(cells)} |",
            flush=True,
        )
    part = younger(series, 1)
    for name in ("ears_c1", "ears_c2"):
        run = run_method(name, part, {"alpha": ALPHA})
        pod = at_rate(run.scores, part, 0.01).performance.estimate("pod").value
        print(
            f"\n{name} at alpha {ALPHA}: FPR {100 * run.rate:.2f} %, POD at 1 %: {100 * pod:.1f} %",
            flush=True,
        )


def first_weeks(series: PairedSeries) -> None:
    """The first periods of a series: false alarms by the number of periods before, at the nominal rate."""
    print(
        "\n| periods before | bayes1 over all of them, FPR % | cusum trained on all of them, FPR % |\n|---|---|---|"
    )
    counts = series.without[:, :400]
    for before in range(1, 7):
        rates = []
        for name, given in (("bayes1", {"w": before, "alpha": ALPHA}), ("cusum", {"training": before})):
            alarms = judged = 0
            for start in range(0, 390, 10):
                if name == "cusum" and before < 2:
                    break  # it takes two at least
                found = METHODS[name].run(counts[:, start : start + before + 1], evaluate=[-1], **given)
                alarms, judged = alarms + int(found.alarm.sum()), judged + int((found.reason == 0).sum())
            rates.append(f"{100 * alarms / judged:.2f}" if judged else "")
        print(f"| {before} | {' | '.join(rates)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=10)
    parser.add_argument("--seed", type=int, default=20261126)
    given = parser.parse_args()
    series = simulate_noufaily(given.replicates, generator=np.random.default_rng(given.seed))
    print(f"{len(series.without)} series of the simulated design, seed {given.seed}, nominal {ALPHA}\n")
    first_weeks(series)
    bands(series)


if __name__ == "__main__":
    main()
