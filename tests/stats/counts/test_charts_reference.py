"""Likelihood ratio charts and the chart of Rogerson and Yamada against R surveillance 1.20.3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference_cases import (
    REFERENCE,
    FloatArray,
    case_files,
    mismatches,
    read_case,
    read_expected,
    read_rows,
    shared_series,
)

from anlan.stats.counts import Detection, Reason, _fast, glr, glr_nb, glr_poisson
from anlan.stats.counts import rogerson as rogerson_function
from anlan.stats.counts.rogerson import average_run_length, decision_value, reference_value

R = "surveillance-1.20"
# R's negative binomial regressions stop at 1e-8 of the deviance, 3e-7 from the maximum; the statistics follow.
TOLERANCE = 1e-6
# Where R gives other numbers than the published method: windows that begin a week late, no maximum over lambda,
# Newton steps that run away, a run without a case.
DIFFERENT = {
    "h1_window", "h1_Mtilde5", "h1_known_dec", "h1_est_epi", "h1_epi_window", "agona_epi", "h1_cases",
    "h1_value_newton_divergence",
}  # fmt: skip
PATHS = case_files("surveillance", "expected", "glrpois") + case_files("surveillance", "expected", "glrnb")


@pytest.fixture(params=["plain", "compiled"])
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways to compute the likelihood ratio charts."""
    if request.param == "compiled" and not _fast.is_installed():
        pytest.skip("numba is not installed")
    with _fast.engine(request.param):
        yield


def run(path: Path, variant: str) -> tuple[dict[str, Any], Detection, dict[str, FloatArray]]:
    case = read_case(path)
    control = case["control"]
    first, last = case["range"]
    expected = dict(read_expected(path.with_suffix(".csv"), case["units"], first, last))
    given: dict[str, Any] = {
        "evaluate": slice(first - 1, last),
        "training": first - 1,
        "threshold": control["c.ARL"],
        "change": {"epi": "epidemic", "intercept": "intercept"}[control["change"]],
        "direction": {"inc": "increase", "dec": "decrease"}[control["dir"]],
        "theta": control["theta"],
        "window": None if control["M"] < 0 else control["M"],
        "min_window": control["Mtilde"],
        "variant": variant,
    }
    if isinstance(control["mu0"], dict):
        given |= {
            "harmonics": control["mu0"]["S"],
            "trend": control["mu0"]["trend"],
            "refit": control["mu0"]["refit"],
        }
    else:
        given["mean"] = float(expected["mu0"][0, 0])
    counts = shared_series(case).counts
    if case["algorithm"] == "glrnb":
        return control, glr_nb(counts, overdispersion=control["alpha"], **given), expected
    return control, glr_poisson(counts, **given), expected


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_agrees_with_the_shared_reference_cases(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if read_case(path)["control"]["ret"] == "value":
        # R's search for limits by counting is slow and not compared here.
        monkeypatch.setattr(glr, "_MOST_COUNTS_IN_R", 0)
    control, found, expected = run(path, R)
    if control["ret"] == "value":
        np.testing.assert_allclose(
            found.extra["statistic"], expected["upperbound"], rtol=TOLERANCE, atol=TOLERANCE
        )
    else:
        np.testing.assert_allclose(np.maximum(found.upper, 0.0), expected["upperbound"], rtol=TOLERANCE)
    np.testing.assert_allclose(found.expected, expected["mu0"], rtol=TOLERANCE)
    if "overdispersion" in found.extra:
        np.testing.assert_allclose(found.extra["overdispersion"], expected["alpha"], rtol=TOLERANCE)
    np.testing.assert_array_equal(found.alarm, expected["alarm"] == 1)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "path", [path for path in PATHS if path.stem not in DIFFERENT], ids=lambda path: path.stem
)
def test_the_published_method_gives_the_same_where_r_follows_it(path: Path) -> None:
    control, found, expected = run(path, "published")
    if control["ret"] == "value":
        np.testing.assert_allclose(
            found.extra["statistic"], expected["upperbound"], rtol=TOLERANCE, atol=TOLERANCE
        )
    else:
        np.testing.assert_allclose(found.upper, expected["upperbound"], rtol=TOLERANCE)
    np.testing.assert_array_equal(found.alarm, expected["alarm"] == 1)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_limit_is_where_the_alarm_begins(path: Path) -> None:
    control, found, _ = run(path, "published")
    ok = found.reason == Reason.OK
    beyond = found.observed >= found.upper if control["dir"] == "inc" else found.observed <= found.upper
    np.testing.assert_array_equal(found.alarm[ok], beyond[ok])
    assert not found.alarm[~ok].any()


@pytest.mark.usefixtures("engine")
def test_the_true_maximum_sees_the_outbreak_that_r_misses() -> None:
    path = REFERENCE / "surveillance" / "expected" / "glrnb" / "h1_value_newton_divergence.json"
    _, found, expected = run(path, "published")
    large = np.flatnonzero(expected["observed"][0] == 17)
    assert expected["upperbound"][0, large[0]] == 0
    assert expected["alarm"][0, large[0]] == 0
    assert found.alarm[0, large[0]]
    assert found.extra["statistic"][0, large[0]] > 20


def test_run_lengths_of_brook_and_evans() -> None:
    rows = read_rows(REFERENCE / "surveillance" / "expected" / "arlCusum" / "poisson_grid.csv")
    assert len(rows) == 18
    for row in rows:
        given = (float(row["h"]), float(row["k"]), float(row["theta"]))
        assert average_run_length(*given) == pytest.approx(float(row["ARL"]), rel=1e-9)
        assert average_run_length(*given, fast_start=True) == pytest.approx(float(row["FIR_ARL"]), rel=1e-9)


TABLES = [
    ("hValues/poisson_500_s1.csv", 500, 1.0, False),
    ("rogerson/agona_limit.hvalues.csv", 300, 1.5, False),
    ("rogerson/h1_season.hvalues.csv", 500, 1.0, False),
    ("rogerson/h1_season_fir.hvalues.csv", 500, 1.0, True),
    ("rogerson/m1_const.hvalues.csv", 500, 1.0, False),
]


@pytest.mark.parametrize(("name", "arl0", "s", "fast"), TABLES)
def test_decision_values_are_never_further_from_the_wanted_run_length_than_those_of_r(
    name: str, arl0: float, s: float, fast: bool
) -> None:
    for row in read_rows(REFERENCE / "surveillance" / "expected" / name):
        theta, h, k = (float(row[column]) for column in ("theta0", "h", "k"))
        assert reference_value(theta, s) == k
        theirs = average_run_length(h, k, theta, fast_start=fast)
        assert theirs == pytest.approx(float(row["ARL"]), rel=1e-9)
        ours = average_run_length(decision_value(theta, arl0, s, fast_start=fast), k, theta, fast_start=fast)
        assert abs(ours - arl0) <= abs(theirs - arl0) + 1e-6


@pytest.mark.parametrize(
    "path", case_files("surveillance", "expected", "rogerson"), ids=lambda path: path.stem
)
def test_rogerson_with_the_decision_values_of_r(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = read_case(path)
    control = case["control"]
    first, last = case["range"]
    rows = read_rows(path.with_suffix(".csv"))
    table = {
        float(row["theta0"]): float(row["h"]) for row in read_rows(path.with_name(case["companion_files"][0]))
    }

    def of_r(theta: float, *_: object, **__: object) -> float:
        return table[min(table, key=lambda known: abs(known - theta))]

    module = __import__("sys").modules["anlan.stats.counts.rogerson"]
    monkeypatch.setattr(module, "decision_value", of_r)
    counts = shared_series({**case, "units": ["observed1"]}).counts[:, first - 1 : last]
    found = rogerson_function(
        counts,
        mean=np.array([[float(row["theta0"]) for row in rows]]),
        arl0=control["ARL0"],
        s=control["s"],
        fast_start=control["FIR"],
        limit=control["limit"],
        variant=R,
    )
    assert found.extra["h"][0, 0] == case["h"]
    upper = np.array([[float(row["upperbound"]) for row in rows]])
    assert list(mismatches(found.upper, upper, 1e-9)) == []
    np.testing.assert_array_equal(found.alarm[0], [row["alarm"] == "1" for row in rows])
