"""False alarms a year of every method at its default settings, on simulated weekly series without a current outbreak.

420 or more series of the design of Noufaily et al. (2013), as they are and with a correlated level (AR(1) of the log mean,
correlation 0.9, standard deviation 0.25). Past outbreaks stay in the history; the 49 judged weeks hold none. A method
that takes a year of 365 positions by default gets 52: that is all that differs from its defaults. ``limit`` has no
default and is left out. The rows replace those of the same method and design in ``docs/methods/false_alarms.csv``, from
which ``tools/method_pictures.py`` writes the table of the documents.

Run: ``nice -n 19 python benchmarks/bench_false_alarms.py [--series 2100] [--seed 20261123] [--methods cdc,ewma]``.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

from anlan.stats.counts import METHODS, REQUIRED, Method, Reason  # noqa: E402
from anlan.stats.evaluation import SCENARIOS, PairedSeries, measure, simulate_noufaily  # noqa: E402

TABLE = Path(__file__).parents[1] / "docs" / "methods" / "false_alarms.csv"
WEEKS_A_YEAR = 365.25 / 7
SEED = 20261123
DESIGNS: dict[str, dict[str, float]] = {
    "independent": {},
    "correlated": {"level_correlation": 0.9, "level_sd": 0.25},
}
# A rule that gives no signal for too few cases has judged the week.
JUDGED = np.array([int(reason) for reason in Reason if reason.is_decided or reason is Reason.TOO_FEW_RECENT])


@dataclass(frozen=True)
class Rate:
    """Alarms in judged weeks without an outbreak, and what they make a year, with a 95 % interval over series."""

    method: str
    design: str
    seed: int
    n_series: int
    judged_weeks: int
    alarms: int
    a_year: float
    low: float
    high: float


def weekly_methods() -> list[str]:
    """Methods that take weeks and need no setting of the user."""
    return [
        name
        for name, method in METHODS.items()
        if "week" in method.steps and not any(item.default is REQUIRED for item in method.parameters)
    ]


def simulated(design: str, n_series: int, seed: int) -> PairedSeries:
    replicates = max(1, n_series // len(SCENARIOS))
    return simulate_noufaily(replicates, generator=np.random.default_rng(seed), **DESIGNS[design])


def weekly_settings(method: Method) -> dict[str, Any]:
    """Nothing, but for a method whose year has 365 positions unless told otherwise."""
    return {"frequency": 52, "window": 1} if method.name == "cidars_moving" else {}


def rate(name: str, design: str, series: PairedSeries, seed: int) -> Rate:
    method = METHODS[name]
    found = method.run(series.without, evaluate=series.tested, **weekly_settings(method))
    judged = np.isin(found.reason, JUDGED)
    told = measure(found.alarm, found.alarm, series, null_judged=judged).estimate("fpr")
    a_year = [round(WEEKS_A_YEAR * value, 3) for value in (told.value, max(told.low, 0.0), told.high)]
    alarms = int((found.alarm & judged).sum())
    return Rate(name, design, seed, len(series.without), int(judged.sum()), alarms, *a_year)


def read() -> list[Rate]:
    if not TABLE.exists():
        return []
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [
            Rate(
                row["method"], row["design"], int(row["seed"]), int(row["n_series"]), int(row["judged_weeks"]),
                int(row["alarms"]), float(row["a_year"]), float(row["low"]), float(row["high"]),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def write(rates: list[Rate]) -> None:
    places = {name: place for place, name in enumerate(METHODS)}
    rates = sorted(
        rates, key=lambda item: (places.get(item.method, len(places)), item.design != "independent")
    )
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(item.name for item in fields(Rate))
        out.writerows(astuple(item) for item in rates)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--series", type=int, default=2100, help="rounded down to a multiple of 42")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--methods", default=",".join(weekly_methods()))
    chosen = parser.parse_args()
    for design in DESIGNS:
        series = simulated(design, chosen.series, chosen.seed)
        for name in chosen.methods.split(","):
            new = rate(name, design, series, chosen.seed)
            others = [item for item in read() if (item.method, item.design) != (name, design)]
            write([*others, new])
            sys.stdout.write(f"{new}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
