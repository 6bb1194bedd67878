"""Write the two input tables of this folder: monthly figures of China, and simulated dated weeks.

    python make_input.py <cn_notifiable_monthly.csv>

The simulated weeks (seed 20240229) cover three years of 53 weeks and what the shared cases leave out: missing counts at
the very start of the reference, series that are nearly always empty, counts above a million, and a population.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

DISEASES = ("Hepatitis B", "Measles", "Mumps", "Cholera")
HERE = Path(__file__).parent


def monthly(source: Path) -> list[list[object]]:
    with source.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["disease"] in DISEASES and row["month"] < "2020-01"]
    rows.sort(key=lambda row: (DISEASES.index(row["disease"]), row["month"]))
    return [[f"{row['month']}-01", row["disease"], row["cases"], 1] for row in rows]


def weekly() -> list[list[object]]:
    generator = np.random.default_rng(20240229)
    weeks = np.datetime64("2003-12-29") + 7 * np.arange(700)
    season = np.sin(2 * np.pi * np.arange(700) / 52.18)
    population = np.round(80_000 * 1.0004 ** np.arange(700)).astype(int)
    series = {
        "gaps": generator.poisson(12 * np.exp(0.4 * season + 0.001 * np.arange(700))).astype(float),
        "sparse": generator.poisson(0.02 * (season > 0)).astype(float),
        "single": (np.arange(700) == 480).astype(float),
        "huge": generator.negative_binomial(50, 50 / (50 + 2e6 * np.exp(0.3 * season))).astype(float),
        "rate": generator.poisson(population * 2e-4 * np.exp(0.5 * season)).astype(float),
    }
    series["gaps"][generator.random(700) < 0.1] = np.nan
    series["rate"][[420, 421, 422, 690]] = np.nan
    return [
        [str(week), name, "NA" if np.isnan(count) else int(count), people if name == "rate" else 1]
        for name, counts in series.items()
        for week, count, people in zip(weeks, counts, population, strict=True)
    ]


def write(name: str, rows: list[list[object]]) -> None:
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["date", "unit", "count", "population"])
        writer.writerows(rows)


if __name__ == "__main__":
    write("monthly.csv", monthly(Path(sys.argv[1])))
    write("weekly.csv", weekly())
