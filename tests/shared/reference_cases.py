"""Reads the reference cases under tests/reference and calls the detectors with the parameters that R was given."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anlan.stats.counts import Detection, Reason, ears_c1, ears_c2, ears_c3, farrington_flexible

REFERENCE = Path(__file__).parents[1] / "reference"
FloatArray = NDArray[np.float64]

# The names of R's arguments in ours; limit54 is split.
_FARRINGTON_NAMES = {
    "b": "b",
    "w": "w",
    "noPeriods": "n_periods",
    "pastWeeksNotIncluded": "past_not_included",
    "reweight": "reweight",
    "weightsThreshold": "weights_threshold",
    "trend": "trend",
    "pThresholdTrend": "p_threshold_trend",
    "alpha": "alpha",
    "thresholdMethod": "threshold_method",
    "powertrans": "power_transform",
}
_R_DEFAULTS: dict[str, Any] = {"n_periods": 1, "weights_threshold": 2.58}


@dataclass(frozen=True)
class Series:
    """Counts and population of shape (n_units, n_times), and the dates of the periods where the source has them."""

    counts: FloatArray
    population: FloatArray
    dates: NDArray[np.datetime64] | None


def number(text: str) -> float:
    return float("nan") if text in ("", "NA", "NaN") else float(text)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def read_series(path: Path, units: Sequence[str], *, dated: bool) -> Series:
    rows = read_rows(path)
    by_unit = {unit: [row for row in rows if row["unit"] == unit] for unit in units}
    dates = [row["date"] for row in by_unit[units[0]]]
    return Series(
        np.array([[number(row["count"]) for row in by_unit[unit]] for unit in units]),
        np.array([[number(row["population"]) for row in by_unit[unit]] for unit in units]),
        np.array(dates, dtype="datetime64[D]") if dated else None,
    )


def read_expected(path: Path, units: Sequence[str], first: int, last: int) -> Mapping[str, FloatArray]:
    """Columns of an expected table as arrays (n_units, n_evaluated), NA and NaN both as NaN."""
    rows = [row for row in read_rows(path) if first <= int(row["index"]) <= last]
    columns = [name for name in rows[0] if name not in ("unit", "index")]
    return {
        name: np.array([[number(row[name]) for row in rows if row["unit"] == unit] for unit in units])
        for name in columns
    }


def read_case(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return case


def farrington_parameters(control: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(_R_DEFAULTS)
    given.update({ours: control[name] for name, ours in _FARRINGTON_NAMES.items() if name in control})
    given["limit54_cases"], given["limit54_periods"] = control["limit54"]
    return given


def run_farrington(
    case: Mapping[str, Any], series: Series, *, variant: str = "surveillance-1.20"
) -> Detection:
    first, last = case["range"]
    return farrington_flexible(
        series.counts,
        dates=series.dates,
        evaluate=slice(first - 1, last),
        population=series.population if case["control"]["populationOffset"] else None,
        variant=variant,
        **farrington_parameters(case["control"]),
    )


_EARS: dict[str, Callable[..., Detection]] = {"C1": ears_c1, "C2": ears_c2, "C3": ears_c3}


def run_ears(case: Mapping[str, Any], series: Series) -> Detection:
    first, last = case["range"]
    control = case["control"]
    more = {"variant": "surveillance-1.20"} if control["method"] == "C3" else {}
    return _EARS[control["method"]](
        series.counts,
        evaluate=slice(first - 1, last),
        baseline=control["baseline"],
        alpha=control["alpha"],
        min_sigma=control["minSigma"],
        **more,
    )


def shared_series(case: Mapping[str, Any]) -> Series:
    folder = REFERENCE / "surveillance" / "data"
    about = read_case(folder / f"{case['dataset']}.json")
    return read_series(folder / f"{case['dataset']}.csv", case["units"], dated=about["dated"])


def case_files(*parts: str) -> list[Path]:
    """The sidecars of a folder; an empty folder is an error, not zero tests."""
    found = sorted(REFERENCE.joinpath(*parts).glob("*.json"))
    assert found, f"no cases in {parts}"
    return found


def decided(found: Detection) -> NDArray[np.bool_]:
    return np.isin(found.reason, [int(reason) for reason in Reason if reason.is_decided])


def mismatches(found: FloatArray, expected: FloatArray, tolerance: float) -> Iterator[str]:
    """What differs by more than ``tolerance``, relative, or absolute below 1e-3."""
    with np.errstate(invalid="ignore"):
        near = np.abs(found - expected) <= tolerance * np.maximum(np.abs(expected), 1e-3)
    for row, column in np.argwhere(~(near | (found == expected) | (np.isnan(found) & np.isnan(expected)))):
        yield f"series {row}, place {column}: {found[row, column]!r}, expected {expected[row, column]!r}"
