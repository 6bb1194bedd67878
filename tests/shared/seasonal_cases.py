"""Reads the reference results of the seasonal methods: Danish deaths with R's regressions, and the simulated series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from reference_cases import REFERENCE, read_rows

FloatArray = NDArray[np.float64]
UNITS = ("[0,1)", "[65,75)", "[85,Inf)")
FIRST_MONDAY = np.datetime64("1994-01-03")


def danish_deaths() -> tuple[FloatArray, NDArray[np.datetime64]]:
    """Weekly deaths of three age groups, shape (3, 782), and the Mondays of the weeks."""
    rows = read_rows(REFERENCE / "health" / "deaths_denmark_age_weekly.csv")
    counts = np.array([[float(row["count"]) for row in rows if row["unit"] == unit] for unit in UNITS])
    return counts, FIRST_MONDAY + 7 * np.arange(counts.shape[1])


def expected_regressions() -> tuple[NDArray[np.int64], dict[str, FloatArray]]:
    """Evaluated positions, and R's columns as arrays (3, n_evaluated)."""
    rows = read_rows(REFERENCE / "seasonal" / "expected.csv")
    by_unit = [[row for row in rows if row["unit"] == unit] for unit in UNITS]
    positions = np.array([int(row["index"]) - 1 for row in by_unit[0]])
    columns = {
        name: np.array([[float(row[name]) for row in unit] for unit in by_unit])
        for name in rows[0]
        if name not in ("unit", "index")
    }
    return positions, columns


def simulated(method: str) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The 168 benchmark series (84 without, then 84 with the current outbreak) and the reference flags of weeks 576-624."""
    folder = REFERENCE / "health" / "benchmark"
    without: dict[tuple[str, str], list[float]] = {}
    within: dict[tuple[str, str], list[float]] = {}
    for row in read_rows(folder / "sim_series.csv"):
        key = (row["scenario"], row["rep"])
        usual = float(row["baseline"]) + float(row["past_outbreak"])
        without.setdefault(key, []).append(usual)
        within.setdefault(key, []).append(usual + float(row["current_outbreak"]))
    flags = {
        (row["scenario"], row["rep"]): (row["alarms_no_current"][1:], row["alarms_with_current"][1:])
        for row in read_rows(folder / "sim_alarms.csv")
        if row["method"] == method
    }
    assert flags.keys() == without.keys()
    counts = np.array([*without.values(), *within.values()])
    strings = [flags[key][0] for key in without] + [flags[key][1] for key in within]
    return counts, np.array([[letter == "1" for letter in text] for text in strings])
