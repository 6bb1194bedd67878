"""The compiled outbreakP kernels: the same alarms, limits and reasons, statistics to 1e-12 of their terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from reference_cases import case_files, read_case, read_expected, shared_series

from anlan.stats.counts import Detection, alarms_only, engine, outbreakp

pytest.importorskip("numba")

FloatArray = NDArray[np.float64]
R = "surveillance-1.20"


def both(counts: FloatArray, **given: Any) -> tuple[Detection, Detection]:
    with engine("compiled"):
        compiled = outbreakp(counts, **given)
    with engine("plain"):
        return compiled, outbreakp(counts, **given)


def same(compiled: Detection, plain: Detection) -> None:
    # The statistic is a small difference of sums of y log y: 1e-12 of those.
    terms = 1e-12 * max(1.0, float(np.nansum(plain.observed)) * 10)
    for name in ("observed", "expected", "upper"):
        np.testing.assert_allclose(getattr(compiled, name), getattr(plain, name), rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(compiled.score, plain.score, rtol=1e-12, atol=terms)
    np.testing.assert_allclose(compiled.extra["statistic"], plain.extra["statistic"], rtol=1e-12, atol=terms)
    for name in ("alarm", "reason", "times"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), err_msg=name)


def make_counts(seed: int, n_series: int, n_times: int, gaps: bool) -> FloatArray:
    generator = np.random.default_rng(seed)
    means = generator.choice([0.05, 0.5, 3.0, 30.0, 300.0], (n_series, 1))
    rise = np.where(np.arange(n_times) > 0.6 * n_times, 1.6, 1.0)
    counts = generator.poisson(means * rise, (n_series, n_times)).astype(np.float64)
    counts[3::7] = np.round(counts[3::7] ** 1.1, 2)
    if gaps:
        counts[generator.random(counts.shape) < 0.1] = np.nan
        counts[::4, :5] = np.nan
    return counts


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 60), st.booleans(),
    st.sampled_from([1.5, 20.0, 100.0]), st.integers(0, 9), st.sampled_from(["published", R]),
)  # fmt: skip
def test_equals_the_plain_path(
    seed: int, n_series: int, n_times: int, gaps: bool, k: float, min_history: int, variant: str
) -> None:
    counts = make_counts(seed, n_series, n_times, gaps)
    given_all: dict[str, Any] = {"k": k, "min_history": min_history, "variant": variant}

    compiled, plain = both(counts, **given_all)
    same(compiled, plain)
    with engine("compiled"):
        found = alarms_only("outbreakp", counts, **given_all)
    assert np.array_equal(found.flags(), plain.alarm)


@pytest.mark.parametrize("evaluate", [[-1], [40, 3, 3, 41], []])
def test_only_what_is_asked_for(evaluate: Any) -> None:
    same(*both(make_counts(1, 4, 60, gaps=True), evaluate=evaluate))


def test_the_product_that_falls_to_zero_does_so_in_both() -> None:
    counts = np.repeat([[100.0, 1000.0], [20.0, 25.0]], 300, axis=1)

    compiled, plain = both(counts, variant=R, evaluate=[299, 450, 599])
    same(compiled, plain)
    assert not np.isfinite(plain.extra["statistic"]).all()


@pytest.mark.parametrize(
    "path", case_files("surveillance", "expected", "outbreakP"), ids=lambda path: path.stem
)
def test_the_reference_cases_by_the_compiled_path(path: Path) -> None:
    case = read_case(path)
    first, last = case["range"]
    expected = read_expected(path.with_suffix(".csv"), case["units"], first, last)
    counts, k = shared_series(case).counts, case["control"]["k"]

    compiled, plain = both(counts, evaluate=slice(first - 1, last), k=k, min_history=0)
    same(compiled, plain)
    np.testing.assert_array_equal(compiled.alarm, expected["alarm"] == 1)
    with engine("compiled"):
        found = alarms_only("outbreakp", counts, k=k, min_history=0)
    np.testing.assert_array_equal(found.flags()[:, first - 1 : last], expected["alarm"] == 1)
