"""EARS C1, C2 and C3 against R surveillance 1.20.3."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference_cases import (
    REFERENCE,
    case_files,
    decided,
    mismatches,
    number,
    read_case,
    read_expected,
    read_rows,
    run_ears,
    shared_series,
)

from anlan.stats.counts import ears_c1, ears_c2, ears_c3

TOLERANCE = 1e-10


@pytest.mark.parametrize("path", case_files("surveillance", "expected", "earsC"), ids=lambda path: path.stem)
def test_agrees_with_the_shared_reference_cases(path: Path) -> None:
    case = read_case(path)
    found = run_ears(case, shared_series(case))
    expected = read_expected(path.with_suffix(".csv"), case["units"], *case["range"])

    assert expected["alarm"].size == case["rows"]
    assert list(mismatches(found.upper, expected["upperbound"], TOLERANCE)) == []
    # R gives NA where we decide nothing.
    np.testing.assert_array_equal(decided(found), ~np.isnan(expected["alarm"]))
    np.testing.assert_array_equal(found.alarm, expected["alarm"] == 1)


@pytest.mark.parametrize(
    ("golden", "source", "alpha"),
    [
        ("ears_c1_c2_c3_alpha0001_agona", "salmonella_agona_uk_weekly", 0.001),
        ("ears_c1_c2_c3_alpha001_newport_total", "salmonella_newport_de_total_weekly", 0.01),
    ],
)
def test_agrees_with_the_golden_files(golden: str, source: str, alpha: float) -> None:
    counts = np.array([[float(row["count"]) for row in read_rows(REFERENCE / "health" / f"{source}.csv")]])
    rows = read_rows(REFERENCE / "health" / "golden" / f"{golden}.csv")
    at = [int(row["index"]) - 1 for row in rows]
    results = {
        "C1": ears_c1(counts, evaluate=at, alpha=alpha),
        "C2": ears_c2(counts, evaluate=at, alpha=alpha),
        "C3": ears_c3(counts, evaluate=at, alpha=alpha, variant="surveillance-1.20"),
    }
    for name, found in results.items():
        expected = np.array([[number(row[f"{name}_upper"]) for row in rows]])
        assert list(mismatches(found.upper, expected, TOLERANCE)) == [], name
        alarm = np.array([number(row[f"{name}_alarm"]) for row in rows])
        np.testing.assert_array_equal(found.alarm[0], alarm == 1)


@pytest.mark.parametrize("method", ["ears_c1", "ears_c2", "ears_c3"])
@pytest.mark.parametrize("column", ["alarms_no_current", "alarms_with_current"])
def test_gives_the_same_flags_on_the_benchmark_simulation(method: str, column: str) -> None:
    folder = REFERENCE / "health" / "benchmark"
    rows = read_rows(folder / "sim_series.csv")
    counts = np.array([float(row["baseline"]) + float(row["past_outbreak"]) for row in rows])
    if column == "alarms_with_current":
        counts += [float(row["current_outbreak"]) for row in rows]
    keys = [(row["scenario"], row["rep"]) for row in rows[::624]]
    flags = {
        (row["scenario"], row["rep"]): row[column][1:]
        for row in read_rows(folder / "sim_alarms.csv")
        if row["method"] == method
    }
    series, at = counts.reshape(-1, 624), slice(575, 624)
    if method == "ears_c3":
        found = ears_c3(series, evaluate=at, alpha=0.01, variant="surveillance-1.20")
    else:
        found = {"ears_c1": ears_c1, "ears_c2": ears_c2}[method](series, evaluate=at, alpha=0.01)

    ours = np.where(decided(found), np.where(found.alarm, "1", "0"), "x")
    assert ["".join(row) for row in ours] == [flags[key] for key in keys]
