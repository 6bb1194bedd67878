"""The classical methods against R surveillance 1.20.3 (tests/reference/surveillance/README.md has the sources)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_cases import (
    REFERENCE,
    FloatArray,
    case_files,
    mismatches,
    number,
    read_case,
    read_expected,
    read_rows,
    shared_series,
)

from anlan.stats.counts import (
    Detection,
    Reason,
    bayes1,
    bayes2,
    bayes3,
    cdc,
    cusum,
    farrington_original,
    outbreakp,
    rki1,
    rki2,
    rki3,
)
from anlan.stats.counts._farrington_fit import pearson_dispersion, reweighted
from anlan.stats.counts.glm import Data, Design, fit, leverages

TOLERANCE = 1e-9
R = "surveillance-1.20"


def cases(algorithm: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "path", case_files("surveillance", "expected", algorithm), ids=lambda path: path.stem
    )


def loaded(path: Path) -> tuple[dict[str, Any], FloatArray, dict[str, Any], dict[str, FloatArray]]:
    """Control of R, counts, what every method takes, and the expected columns."""
    case = read_case(path)
    series = shared_series(case)
    first, last = case["range"]
    expected = dict(read_expected(path.with_suffix(".csv"), case["units"], first, last))
    assert expected["alarm"].size == case["rows"]
    given: dict[str, Any] = {"dates": series.dates, "evaluate": slice(first - 1, last), "variant": R}
    if case["control"].get("fitFun", "").endswith("populationOffset"):
        given["population"] = series.population
    return case["control"], series.counts, given, expected


def same_alarms(found: Detection, expected: dict[str, FloatArray]) -> None:
    np.testing.assert_array_equal(found.alarm, expected["alarm"] == 1)


@cases("bayes")
def test_bayes(path: Path) -> None:
    control, counts, given, expected = loaded(path)
    method = bayes1 if control["actY"] else bayes3
    found = method(counts, b=control["b"], w=control["w"], alpha=control["alpha"], **given)
    assert list(mismatches(found.upper, expected["upperbound"], TOLERANCE)) == []
    same_alarms(found, expected)


@cases("rki")
def test_rki(path: Path) -> None:
    control, counts, given, expected = loaded(path)
    method = rki1 if control["actY"] else rki3
    found = method(counts, b=control["b"], w=control["w"], **given)
    assert list(mismatches(found.upper, expected["upperbound"], TOLERANCE)) == []
    same_alarms(found, expected)


@cases("cdc")
def test_cdc(path: Path) -> None:
    control, counts, given, expected = loaded(path)
    found = cdc(counts, b=control["b"], m=control["m"], alpha=control["alpha"], **given)
    assert list(mismatches(found.extra["upper_sum"], expected["upperbound"], TOLERANCE)) == []
    assert list(mismatches(found.extra["sum"], expected["aggregated4"], 0.0)) == []
    np.testing.assert_array_equal(found.alarm, found.observed > found.upper)
    same_alarms(found, expected)


@cases("farrington")
def test_farrington_original(path: Path) -> None:
    control, counts, given, expected = loaded(path)
    limit_cases, limit_periods = control["limit54"]
    names = ("b", "w", "alpha", "reweight", "trend")
    found = farrington_original(
        counts,
        limit54_cases=limit_cases,
        limit54_periods=limit_periods,
        power_transform=control["powertrans"],
        **{name: control[name] for name in names},
        **given,
    )
    assert list(mismatches(found.upper, expected["upperbound"], TOLERANCE)) == []
    assert list(mismatches(found.expected, expected["median"], TOLERANCE)) == []
    np.testing.assert_array_equal(found.extra["trend_used"], expected["trend"] == 1)
    # Where the mean is next to 0 the two halves of the difference y^p - mu^p cancel: 9e-9 at worst.
    np.testing.assert_allclose(1 - found.p_value, expected["quantile"], rtol=0, atol=2e-8)
    same_alarms(found, expected)


@cases("farrington_trace")
def test_every_step_of_the_fits_of_farrington(path: Path) -> None:
    case = read_case(path)
    columns = {
        name: np.array([number(row[name]) for row in read_rows(path.with_suffix(".csv"))])
        for name in ("index", "response", "fitted0", "hat0", "omega", "fitted1")
    }
    with_trend = case["control"]["trend"]
    n_rows = len(columns["index"])
    design = Design(np.zeros(n_rows, dtype=np.int64), (columns["index"] - case["index"]) / 300, 1)
    data = Data(columns["response"][np.newaxis], None, None)
    first = fit(design, data, with_trend=with_trend)
    degrees = np.array([n_rows - first.n_coefficients[0]], dtype=np.float64)
    dispersion, means, working = pearson_dispersion(design, data, first, degrees)
    hat = leverages(design, first, working)
    phi = np.maximum(dispersion, 1)
    weight = reweighted(data, means, hat.copy(), phi, np.array([n_rows]), 1.0)
    again = Data(data.counts, weight, None)
    second = fit(design, again, with_trend=with_trend)
    pearson, second_means, _ = pearson_dispersion(design, again, second, degrees)

    np.testing.assert_allclose(means[0], columns["fitted0"], rtol=TOLERANCE)
    np.testing.assert_allclose(hat[0], columns["hat0"], rtol=TOLERANCE)
    np.testing.assert_allclose(dispersion[0], case["dispersion0"], rtol=TOLERANCE)
    np.testing.assert_allclose(weight[0], columns["omega"], rtol=TOLERANCE)
    np.testing.assert_allclose(second_means[0], columns["fitted1"], rtol=TOLERANCE)
    np.testing.assert_allclose(pearson[0], case["dispersion1"], rtol=TOLERANCE)


@cases("cusum")
def test_cusum(path: Path) -> None:
    control, counts, given, expected = loaded(path)
    mean = control["m"]
    found = cusum(
        counts,
        training=given["evaluate"].start,
        season=mean == "glm",
        mean=None if mean == "glm" else mean,
        transform=control["trans"],
        k=control["k"],
        h=control["h"],
        overdispersion=control["alpha"],
        **given,
    )
    # R's mean of a regression stops at 1e-8 of the deviance. For anscombeNegBin R adds a constant that no source
    # explains (up to 7e-4 a week, which adds up): docs/methods/cusum.md.
    tolerance = {"anscombeNegBin": 5e-2}.get(control["trans"], 1e-7 if mean == "glm" else TOLERANCE)
    assert list(mismatches(found.expected, expected["m"], 1e-9)) == []
    np.testing.assert_allclose(found.extra["statistic"], expected["cusum"], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.upper, expected["upperbound"], rtol=tolerance, atol=tolerance)
    same_alarms(found, expected)


@cases("outbreakP")
@pytest.mark.parametrize("variant", ["published", R])
def test_outbreakp(path: Path, variant: str) -> None:
    control, counts, given, expected = loaded(path)
    found = outbreakp(counts, evaluate=given["evaluate"], k=control["k"], min_history=0, variant=variant)
    same_alarms(found, expected)
    upper = expected["upperbound"]
    # The first period of all has nothing to be compared with; R says 1.
    told = found.reason == Reason.OK
    if control["ret"] == "value":
        statistic = np.exp(found.extra["statistic"])
        assert list(mismatches(np.where(told, statistic, upper), upper, TOLERANCE)) == []
    else:
        # R has no limit where even no case leaves the alarm on; ours is 0 then.
        np.testing.assert_array_equal(np.where(np.isnan(upper), 0.0, upper), found.upper)


AGONA: dict[str, tuple[Callable[..., Detection], dict[str, Any]]] = {
    "farrington96": (farrington_original, {"limit54_cases": 0}),
    "cdc": (cdc, {}),
    "rki1": (rki1, {}),
    "rki2": (rki2, {}),
    "rki3": (rki3, {}),
    "bayes1": (bayes1, {}),
    "bayes2": (bayes2, {}),
    "bayes3": (bayes3, {}),
    "cusum_std": (cusum, {"transform": "standard", "training": 289}),
    "cusum_rossi": (cusum, {"training": 289}),
}


@pytest.mark.parametrize("name", sorted(AGONA))
def test_the_golden_file(name: str) -> None:
    source = read_rows(REFERENCE / "health" / "salmonella_agona_uk_weekly.csv")
    counts = np.array([[float(row["count"]) for row in source]])
    rows = read_rows(REFERENCE / "health" / "golden" / "classic_methods_agona.csv")
    at = [int(row["index"]) - 1 for row in rows]
    method, given = AGONA[name]
    if name in ("farrington96", "cdc"):
        given = {**given, "alpha": 0.01}
    found = method(counts, evaluate=at, variant=R, **given)
    upper = found.extra["upper_sum"] if name == "cdc" else found.upper
    expected = np.array([[number(row[f"{name}_upper"]) for row in rows]])
    assert list(mismatches(upper, expected, 1e-9)) == []
    alarm = np.array([[number(row[f"{name}_alarm"]) for row in rows]])
    np.testing.assert_array_equal(found.alarm, alarm == 1)
