"""The flexible Farrington method against R surveillance 1.20.3 (tests/reference/*/README.md has the sources)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference_cases import (
    REFERENCE,
    FloatArray,
    Series,
    case_files,
    mismatches,
    read_case,
    read_expected,
    read_rows,
    read_series,
    run_farrington,
    shared_series,
)

from anlan.stats.counts import Detection, Reason, farrington_flexible

TOLERANCE = 1e-9
# Below this a slope per week is rounding: R keeps or drops such a trend by the last bit of a p-value of 1.
ROUNDING = 1e-15


def compare(found: Detection, expected: dict[str, FloatArray]) -> list[str]:
    ours = {
        "observed": found.observed,
        "upperbound": found.upper,
        "score": found.score,
        "pvalue": found.p_value,
        "expected": found.expected,
        "mu0": found.extra["mu0"],
        "phi": found.extra["phi"],
        "trend_coef": found.extra["trend_coefficient"],
    }
    no_slope = np.abs(expected["trend_coef"]) < ROUNDING
    # Where no model converged R leaves the 0 that it began with in this one column.
    no_model = np.isnan(expected["phi"])
    expected = {
        **expected,
        "trend_coef": np.where(no_slope, np.nan, expected["trend_coef"]),
        "expected": np.where(no_model, np.nan, expected["expected"]),
    }
    wrong = [
        f"{name}, {what}"
        for name, values in ours.items()
        for what in mismatches(values, expected[name], TOLERANCE)
    ]
    alarm = np.where(np.isnan(expected["alarm"]), 0.0, expected["alarm"])
    wrong += [f"alarm, {what}" for what in mismatches(found.alarm.astype(float), alarm, 0.0)]
    if "trend" in expected:
        trend = np.where(no_slope, 0.0, expected["trend"])
        wrong += [
            f"trend, {what}" for what in mismatches(found.extra["trend_used"].astype(float), trend, 0.0)
        ]
    return wrong


@pytest.mark.parametrize(
    "path", case_files("surveillance", "expected", "farringtonFlexible"), ids=lambda p: p.stem
)
def test_agrees_with_the_shared_reference_cases(path: Path) -> None:
    case = read_case(path)
    found = run_farrington(case, shared_series(case))
    expected = dict(read_expected(path.with_suffix(".csv"), case["units"], *case["range"]))

    assert expected["alarm"].size == case["rows"]
    assert compare(found, expected) == []


@pytest.mark.parametrize("path", case_files("surveillance_more", "expected"), ids=lambda p: p.stem)
def test_agrees_for_months_gaps_sparse_and_huge_counts(path: Path) -> None:
    case = read_case(path)
    series = read_series(path.parents[1] / case["input"], case["units"], dated=True)
    found = run_farrington(case, series)
    expected = dict(read_expected(path.with_suffix(".csv"), case["units"], *case["range"]))

    assert compare(found, expected) == []


def golden_series(name: str) -> Series:
    rows = read_rows(REFERENCE / "health" / name)
    counts = np.array([[float(row["count"]) for row in rows]])
    dates = None
    if name.startswith("salmonella_newport"):
        # Starts in ISO week 2 of 2004; R used the dates.
        dates = np.datetime64("2004-01-05") + 7 * np.arange(len(rows))
    return Series(counts, np.ones_like(counts), dates)


GOLDEN = {
    "farrington_flexible_noufaily_agona": ("salmonella_agona_uk_weekly.csv", {}),
    "farrington_flexible_noufaily_newport_total": ("salmonella_newport_de_total_weekly.csv", {}),
    # "Original-style": four years, windows only, residuals above 1 pulled down, trend at 5 %.
    "farrington_flexible_classic_newport_total": (
        "salmonella_newport_de_total_weekly.csv",
        {
            "b": 4,
            "n_periods": 1,
            "threshold_method": "delta",
            "weights_threshold": 1.0,
            "p_threshold_trend": 0.05,
            "past_not_included": 3,
        },
    ),
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_agrees_with_the_golden_files(name: str) -> None:
    source, parameters = GOLDEN[name]
    series = golden_series(source)
    rows = read_rows(REFERENCE / "health" / "golden" / f"{name}.csv")
    found = farrington_flexible(
        series.counts,
        dates=series.dates,
        evaluate=[int(row["index"]) - 1 for row in rows],
        alpha=0.01,
        limit54_cases=0,
        variant="surveillance-1.20",
        **parameters,  # type: ignore[arg-type]
    )
    ours = {
        "observed": found.observed,
        "upperbound": found.upper,
        "alarm": found.alarm.astype(float),
        "expected": found.expected,
        "mu0": found.extra["mu0"],
        "phi": found.extra["phi"],
        "trend_fitted": found.extra["trend_used"].astype(float),
        "pvalue": found.p_value,
        "score": found.score,
    }
    for column, values in ours.items():
        expected = np.array([[float(row[column]) for row in rows]])
        assert list(mismatches(values, expected, TOLERANCE)) == [], column


@pytest.mark.parametrize("variant", ["published", "surveillance-1.20"])
@pytest.mark.parametrize("column", ["alarms_no_current", "alarms_with_current"])
def test_gives_the_same_flags_on_the_benchmark_simulation(variant: str, column: str) -> None:
    folder = REFERENCE / "health" / "benchmark"
    rows = read_rows(folder / "sim_series.csv")
    weeks = 624
    counts = np.array([float(row["baseline"]) + float(row["past_outbreak"]) for row in rows])
    if column == "alarms_with_current":
        counts += [float(row["current_outbreak"]) for row in rows]
    keys = [(row["scenario"], row["rep"]) for row in rows[::weeks]]
    flags = {
        (row["scenario"], row["rep"]): row[column][1:]
        for row in read_rows(folder / "sim_alarms.csv")
        if row["method"] == "farrington_flexible"
    }
    found = farrington_flexible(
        counts.reshape(-1, weeks), evaluate=slice(575, 624), alpha=0.01, limit54_cases=0, variant=variant
    )

    ours = ["".join("1" if alarm else "0" for alarm in row) for row in found.alarm]
    assert len(ours) == 84
    assert ours == [flags[key] for key in keys]


def test_a_reference_week_that_did_not_converge_has_a_reason() -> None:
    path = REFERENCE / "surveillance_more" / "expected" / "weekly_sparse.json"
    case = read_case(path)
    series = read_series(path.parents[1] / case["input"], case["units"], dated=True)
    expected = read_expected(path.with_suffix(".csv"), case["units"], *case["range"])
    found = run_farrington(case, series)

    gave_up = np.isnan(expected["upperbound"])
    assert gave_up.any()
    assert (found.reason[gave_up] == Reason.NO_CONVERGENCE).all()
