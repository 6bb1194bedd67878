"""The compiled likelihood ratio charts give what the plain path gives, for all options, gaps, zeros and long runs."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anlan.stats.counts import Detection, Reason, _fast, glr, glr_nb, glr_poisson, streaming
from anlan.stats.counts._fast import engine

pytest.importorskip("numba")

TOLERANCE = 1e-9
R = "surveillance-1.20"
FloatArray = NDArray[np.float64]


def make_counts(seed: int, n_series: int, n_times: int, *, level: float, gaps: bool) -> FloatArray:
    """Negative binomial series from ``level`` / 3 to 3 ``level`` with outbreaks, quiet stretches, perhaps gaps."""
    generator = np.random.default_rng(seed)
    mean = level * generator.uniform(1 / 3, 3, (n_series, 1)) * np.exp(0.5 * np.sin(np.arange(n_times) / 8.3))
    counts = generator.negative_binomial(5, 5 / (5 + mean)).astype(np.float64)
    for row in counts[::2]:
        begin = int(generator.integers(0, max(n_times - 5, 1)))
        row[begin : begin + 4] += generator.poisson(4 * level + 1, len(row[begin : begin + 4]))
    counts[1::3, n_times // 3 : n_times // 2] = 0.0
    if gaps:
        counts[generator.random(counts.shape) < 0.1] = np.nan
    return counts


def both(call: Callable[[], Detection]) -> tuple[Detection, Detection]:
    with engine("compiled"):
        compiled = call()
    with engine("plain"):
        plain = call()
    return compiled, plain


def assert_same(compiled: Detection, plain: Detection) -> None:
    for name in ("alarm", "reason", "upper"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), err_msg=name)
    ours, expected = compiled.extra["statistic"], plain.extra["statistic"]
    np.testing.assert_allclose(ours, expected, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(compiled.score, plain.score, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(compiled.expected, plain.expected, rtol=TOLERANCE)


@st.composite
def charts(draw: st.DrawFn) -> dict[str, Any]:
    """Options of a chart that go together."""
    change = draw(st.sampled_from(["intercept", "intercept", "epidemic"]))
    direction = "increase" if change == "epidemic" else draw(st.sampled_from(["increase", "decrease"]))
    min_window = draw(st.sampled_from([1, 1, 3]))
    return {
        "change": change,
        "direction": direction,
        "min_window": min_window,
        "window": draw(st.sampled_from([None, None, 3, 12])),
        "threshold": draw(st.sampled_from([1.53, 5.01, 20.03])),
        "mean": draw(st.sampled_from(["constant", "seasonal", None])),
        "overdispersion": draw(st.sampled_from([None, 0.01, 0.2, 2.0])),
    }


def run(counts: FloatArray, chart: dict[str, Any], variant: str, level: float, **more: Any) -> Detection:
    """Poisson where there is no ``overdispersion``."""
    n_times = counts.shape[1]
    given = {**chart, "variant": variant, **more}
    mean, overdispersion = given.pop("mean"), given.pop("overdispersion")
    if mean is None:
        given |= {"training": n_times // 2, "frequency": 20, "harmonics": 1}
    else:
        given["mean"] = level if mean == "constant" else level * np.exp(0.5 * np.sin(np.arange(n_times) / 8))
    if overdispersion is None:
        return glr_poisson(counts, **given)
    return glr_nb(counts, overdispersion=overdispersion, **given)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), charts(), st.sampled_from([0.3, 4.0, 60.0]), st.booleans())
def test_equals_the_plain_path(seed: int, chart: dict[str, Any], level: float, gaps: bool) -> None:
    counts = make_counts(seed, 5, 70, level=level, gaps=gaps)
    assert_same(*both(lambda: run(counts, chart, "published", level)))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), charts(), st.sampled_from([0.3, 4.0]), st.booleans())
def test_equals_the_plain_path_in_the_variant_of_r(
    seed: int, chart: dict[str, Any], level: float, gaps: bool
) -> None:
    counts = make_counts(seed, 3, 40, level=level, gaps=gaps)
    assert_same(*both(lambda: run(counts, chart, R, level)))
