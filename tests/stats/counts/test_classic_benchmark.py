"""The alarm flags of the reference run on the simulated series, week by week."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_cases import REFERENCE, FloatArray, read_rows

from anlan.stats.counts import (
    Detection,
    _fast,
    bayes1,
    bayes2,
    bayes3,
    cdc,
    cusum,
    farrington_original,
    glr_nb,
    glr_poisson,
    outbreakp,
    rki1,
    rki2,
    rki3,
)

FOLDER = REFERENCE / "health" / "benchmark"
WEEKS = 624
R = "surveillance-1.20"
CHART = {"training": 575}
STANDARD = {**CHART, "transform": "standard"}
# Method of the run -> ours, parameters, and whether the published method gives the same flags as R.
METHODS: Mapping[str, tuple[Callable[..., Detection], dict[str, Any], bool]] = {
    "farrington_original": (farrington_original, {"alpha": 0.01, "limit54_cases": 0}, False),
    "cdc": (cdc, {"alpha": 0.01}, True),
    "rki1": (rki1, {}, True),
    "rki2": (rki2, {}, True),
    "rki3": (rki3, {}, True),
    "bayes1": (bayes1, {}, True),
    "bayes2": (bayes2, {}, True),
    "bayes3": (bayes3, {}, True),
    "cusum": (cusum, STANDARD, True),
    "cusum_rossi": (cusum, CHART, True),
    "cusum_glm": (cusum, {**STANDARD, "season": True}, True),
    "cusum_glm_rossi": (cusum, {**CHART, "season": True}, True),
    "outbreakP": (outbreakp, {}, False),
    "glr_pois": (glr_poisson, CHART, True),
}
VARIANTS = [(name, R) for name in METHODS] + [(name, "published") for name in METHODS if METHODS[name][2]]


@cache
def simulated(column: str) -> tuple[FloatArray, tuple[tuple[str, str], ...]]:
    rows = read_rows(FOLDER / "sim_series.csv")
    counts = np.array([float(row["baseline"]) + float(row["past_outbreak"]) for row in rows])
    if column == "alarms_with_current":
        counts += [float(row["current_outbreak"]) for row in rows]
    keys = tuple((row["scenario"], row["rep"]) for row in rows[::WEEKS])
    return counts.reshape(-1, WEEKS), keys


@cache
def alarms() -> dict[tuple[str, str, str], dict[str, str]]:
    rows = read_rows(FOLDER / "sim_alarms.csv")
    return {(row["method"], row["scenario"], row["rep"]): row for row in rows}


def expected(name: str, column: str) -> NDArray[np.bool_]:
    flags = [alarms()[name, *key][column][1:] for key in simulated(column)[1]]
    return np.array([[flag == "1" for flag in row] for row in flags])


@pytest.mark.parametrize("column", ["alarms_no_current", "alarms_with_current"])
@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_gives_the_flags_of_the_reference_run(name: str, variant: str, column: str) -> None:
    method, given, _ = METHODS[name]
    found = method(simulated(column)[0], evaluate=slice(575, WEEKS), variant=variant, **given)
    np.testing.assert_array_equal(found.alarm, expected(name, column))


@pytest.mark.parametrize("path", ["plain", "compiled"])
def test_the_negative_binomial_chart_gives_the_flags_of_the_reference_run(path: _fast.Engine) -> None:
    if path == "compiled" and not _fast.is_installed():
        pytest.skip("numba is not installed")
    counts, _ = simulated("alarms_with_current")
    with _fast.engine(path):
        found = glr_nb(counts, evaluate=slice(575, WEEKS), training=575, trend=True)
    np.testing.assert_array_equal(found.alarm, expected("glr_nb", "alarms_with_current"))


def test_the_clipped_dispersion_of_the_paper_moves_two_flags_of_farrington() -> None:
    counts, _ = simulated("alarms_no_current")
    found = farrington_original(counts, evaluate=slice(575, WEEKS), alpha=0.01, limit54_cases=0)
    differ = found.alarm != expected("farrington_original", "alarms_no_current")
    assert np.argwhere(differ).tolist() == [[18, 33], [18, 34]]


def test_the_plain_product_of_outbreakp_loses_alarms() -> None:
    counts, _ = simulated("alarms_no_current")
    found = outbreakp(counts, evaluate=slice(575, WEEKS))
    lost = found.alarm & ~expected("outbreakP", "alarms_no_current")
    assert lost.sum() == 969
    assert not (~found.alarm & expected("outbreakP", "alarms_no_current")).any()
