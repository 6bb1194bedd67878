"""The compiled kernels of the flexible Farrington method give what the plain path gives, on all cases there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from reference_cases import case_files, read_case, read_series, run_farrington, shared_series

from anlan import datasets
from anlan.stats.counts import METHODS, Detection, distributions, farrington_flexible
from anlan.stats.counts._fast import engine

pytest.importorskip("numba")

TOLERANCE = 1e-9
FloatArray = NDArray[np.float64]


def differences(compiled: Detection, plain: Detection) -> list[str]:
    """Names of the arrays in which two results differ by more than the tolerance, and by how much."""
    wrong = []
    columns = {
        name: getattr(found, name) for found in (plain,) for name in ("expected", "upper", "score", "p_value")
    }
    columns |= {name: values for name, values in plain.extra.items() if name != "compiled"}
    for name, expected in columns.items():
        ours = getattr(compiled, name) if hasattr(compiled, name) else compiled.extra[name]
        # A slope that is zero but for rounding says nothing by its digits.
        floor = {"trend_coefficient": 1e-6, "score": 1e-3}.get(name, 1e-12)
        same = np.isclose(
            ours.astype(float), expected.astype(float), rtol=TOLERANCE, atol=TOLERANCE * floor, equal_nan=True
        )
        if not same.all():
            at = tuple(np.argwhere(~same)[0])
            wrong.append(f"{name} at {at}: {ours[at]!r} for {expected[at]!r}")
    for name in ("alarm", "reason", "observed", "times"):
        if not np.array_equal(getattr(compiled, name), getattr(plain, name), equal_nan=name == "observed"):
            wrong.append(name)
    return wrong


def both(call: Callable[[], Detection]) -> tuple[Detection, Detection]:
    with engine("compiled"):
        compiled = call()
    with engine("plain"):
        plain = call()
    assert compiled.extra["compiled"].all()
    assert not plain.extra["compiled"].any()
    return compiled, plain


@pytest.mark.parametrize(
    "path", case_files("surveillance", "expected", "farringtonFlexible"), ids=lambda p: p.stem
)
def test_equals_the_plain_path_on_the_shared_reference_cases(path: Path) -> None:
    case = read_case(path)
    series = shared_series(case)

    assert differences(*both(lambda: run_farrington(case, series))) == []


@pytest.mark.parametrize("path", case_files("surveillance_more", "expected"), ids=lambda p: p.stem)
def test_equals_the_plain_path_for_months_gaps_sparse_and_huge_counts(path: Path) -> None:
    case = read_case(path)
    series = read_series(path.parents[1] / case["input"], case["units"], dated=True)

    assert differences(*both(lambda: run_farrington(case, series))) == []


def make_counts(n_series: int, seed: int, n_times: int = 300) -> FloatArray:
    """Negative-binomial series from almost no cases to thousands, with gaps, empty series and an outbreak."""
    generator = np.random.default_rng(seed)
    mean = np.exp(generator.uniform(-4, 8, (n_series, 1))) * (
        1 + 0.6 * np.sin(2 * np.pi * np.arange(n_times) / 52 + generator.uniform(0, 6, (n_series, 1)))
    )
    counts = generator.negative_binomial(mean / 1.5, 1 / 2.5).astype(np.float64)
    counts[:, n_times - 100] += 40 * mean[:, 0] + 10
    counts[generator.random(counts.shape) < 0.03] = np.nan
    counts[::7] = 0
    counts[5 % n_series, : n_times // 2] = np.nan
    return counts


OPTIONS: dict[str, dict[str, Any]] = {
    "published": {},
    "no trend": {"trend": False},
    "no weights": {"reweight": False},
    "trend at 5 %": {"p_threshold_trend": 0.05},
    "windows only": {"n_periods": 1, "past_not_included": 3},
    "muan": {"threshold_method": "muan"},
    "delta": {"threshold_method": "delta"},
    "two levels": {"n_periods": 2},
    "in R": {"variant": "surveillance-1.20"},
    "in R, at 5 %": {"variant": "surveillance-1.20", "p_threshold_trend": 0.05, "n_periods": 1},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_equals_the_plain_path_with_every_option(options: dict[str, Any]) -> None:
    counts = make_counts(43, seed=7)

    assert differences(*both(lambda: farrington_flexible(counts, evaluate=[-1, -2, -9], **options))) == []


def test_equals_the_plain_path_with_population_and_dates() -> None:
    counts = make_counts(21, seed=8)
    population = 1e5 * np.exp(np.linspace(0, 0.3, counts.shape[1]) * np.ones((21, 1)))
    dates = np.datetime64("2015-01-05") + 7 * np.arange(counts.shape[1])

    assert (
        differences(
            *both(lambda: farrington_flexible(counts, evaluate=[-1, -3], population=population, dates=dates))
        )
        == []
    )


@pytest.mark.parametrize("variant", ["published", "surveillance-1.20"])
def test_equals_the_plain_path_for_months_in_calendar_days(variant: str) -> None:
    counts = make_counts(13, seed=9, n_times=90)
    dates = (np.datetime64("2012-01") + np.arange(90)).astype("datetime64[D]")
    assert (
        differences(
            *both(lambda: farrington_flexible(counts, evaluate=[-1, -2], dates=dates, variant=variant))
        )
        == []
    )


def test_fractional_and_very_large_counts_are_the_same() -> None:
    generator = np.random.default_rng(3)
    # Beyond about 1e6 the p-value is so steep in the mean that rounding of the mean decides its ninth digit.
    counts = np.concatenate([generator.gamma(2, 3, (9, 300)), generator.poisson(1e6, (9, 300)).astype(float)])

    assert differences(*both(lambda: farrington_flexible(counts, evaluate=[-1]))) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_neighbours_of_a_series_do_not_matter(seed: int, n_series: int) -> None:
    counts = make_counts(max(n_series, 6), seed)
    with engine("compiled"):
        together = farrington_flexible(counts, evaluate=[-1])
        alone = farrington_flexible(counts[3:4], evaluate=[-1])

    np.testing.assert_array_equal(together.upper[3], alone.upper[0])
    # Fits with gaps go to the plain module, whose matrix products round by their shape.
    np.testing.assert_allclose(together.extra["phi"][3], alone.extra["phi"][0], rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.4, 0.05, 0.005, 1e-6])
def test_compiled_tails_and_quantiles_equal_the_plain_ones(alpha: float) -> None:
    from anlan.stats.counts._fast import farrington as fast

    generator = np.random.default_rng(5)
    mean = np.exp(generator.uniform(-12, 18, 4000))
    phi = np.where(generator.random(4000) < 0.3, 1.0, 1 + np.exp(generator.uniform(-12, 5, 4000)))
    count = np.floor(mean * generator.uniform(0, 3, 4000) + generator.integers(0, 4, 4000))
    count[:50] = np.nan

    np.testing.assert_array_equal(
        fast.quantile(1 - alpha, mean, phi), distributions.quantile(1 - alpha, mean, phi)
    )
    np.testing.assert_allclose(
        fast.upper_tail(count, mean, phi), distributions.upper_tail(count, mean, phi), rtol=1e-9, atol=1e-290
    )


def test_series_that_begin_late_or_pause_agree_on_real_data() -> None:
    """China by month, 2010-2025: some diseases are reported for part of the time only."""
    rows = list(datasets.cn_notifiable_monthly().rows())
    months = sorted({row["month"] for row in rows})
    diseases = sorted({row["disease"] for row in rows})
    counts = np.full((len(diseases), len(months)), np.nan)
    for row in rows:
        if row["cases"]:
            counts[diseases.index(row["disease"]), months.index(row["month"])] = float(row["cases"])
    dates = np.array([f"{month}-01" for month in months], dtype="datetime64[D]")
    assert np.isnan(counts).any()
    found = []
    for name in ("plain", "compiled"):
        with engine(name):
            found.append(METHODS["farrington_flexible"].run(counts, dates=dates))
    plain, compiled = found
    np.testing.assert_array_equal(compiled.alarm, plain.alarm)
    np.testing.assert_array_equal(compiled.reason, plain.reason)
    np.testing.assert_allclose(compiled.upper, plain.upper, rtol=1e-9)
