"""The compiled CUSUM kernels: statistics to the last bit of the plain path, limits to 1e-12, the same alarms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray
from reference_cases import case_files, read_case, read_expected, shared_series

from anlan.errors import ParameterError
from anlan.stats.counts import Detection, alarms_only, cusum, engine
from anlan.stats.counts.cusum import TRANSFORMS, CusumChart

pytest.importorskip("numba")

FloatArray = NDArray[np.float64]
R = "surveillance-1.20"


def both(counts: NDArray[Any], **given: Any) -> tuple[Detection, Detection]:
    with engine("compiled"):
        compiled = cusum(counts, **given)
    with engine("plain"):
        return compiled, cusum(counts, **given)


def same(compiled: Detection, plain: Detection) -> None:
    np.testing.assert_array_equal(compiled.extra["statistic"], plain.extra["statistic"])
    for name in ("observed", "expected", "upper", "score", "p_value"):
        ours, theirs = getattr(compiled, name), getattr(plain, name)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12, err_msg=name)
    for name in ("alarm", "reason", "times"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name), err_msg=name)


def make_counts(seed: int, n_series: int, n_times: int, gaps: bool) -> FloatArray:
    """Series of almost no cases to thousands with a rise at the end, some empty at first, some not whole."""
    generator = np.random.default_rng(seed)
    means = generator.choice([0.05, 0.5, 3.0, 30.0, 3000.0], (n_series, 1))
    rise = np.where(np.arange(n_times) > 0.7 * n_times, 1.5, 1.0)
    counts = generator.poisson(means * rise, (n_series, n_times)).astype(np.float64)
    counts[::5, : n_times // 3] = 0
    counts[3::7] = np.round(counts[3::7] ** 1.1, 2)
    if gaps:
        counts[generator.random(counts.shape) < 0.1] = np.nan
    return counts


MEANS = ("constant", "given", "estimated", "seasonal")


def mean_of(kind: str, seed: int, shape: tuple[int, int]) -> dict[str, Any]:
    if kind == "constant":
        return {"mean": 4.0}
    if kind == "given":
        return {"mean": np.random.default_rng(seed).uniform(0.5, 8.0, shape)}
    return {"training": shape[1] // 3, "season": kind == "seasonal"}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 19), st.integers(30, 90), st.booleans(), st.sampled_from(MEANS),
    st.sampled_from(TRANSFORMS), st.booleans(), st.sampled_from(["published", R]),
)  # fmt: skip
def test_equals_the_plain_path(
    seed: int, n_series: int, n_times: int, gaps: bool, kind: str, transform: str, reset: bool, variant: str
) -> None:
    counts = make_counts(seed, n_series, n_times, gaps)
    given_all: dict[str, Any] = {
        "transform": transform, "reset": reset, "variant": variant, **mean_of(kind, seed, counts.shape),
    }  # fmt: skip

    compiled, plain = both(counts, **given_all)
    same(compiled, plain)
    with engine("compiled"):
        found = alarms_only("cusum", counts, **given_all)
    assert np.array_equal(found.flags(), plain.alarm)


@pytest.mark.parametrize("evaluate", [[-1], [40, 3, 3, 41], slice(10, 20), []])
def test_only_what_is_asked_for(evaluate: Any) -> None:
    counts = make_counts(1, 11, 60, gaps=True)

    same(*both(counts, training=20, evaluate=evaluate))


@pytest.mark.parametrize("path", case_files("surveillance", "expected", "cusum"), ids=lambda path: path.stem)
def test_the_reference_cases_by_the_compiled_path(path: Path) -> None:
    case = read_case(path)
    control, (first, last) = case["control"], case["range"]
    series = shared_series(case)
    expected = read_expected(path.with_suffix(".csv"), case["units"], first, last)
    mean = control["m"]
    given_all: dict[str, Any] = {
        "dates": series.dates, "training": first - 1, "season": mean == "glm",
        "mean": None if mean == "glm" else mean, "transform": control["trans"], "k": control["k"],
        "h": control["h"], "overdispersion": control["alpha"], "variant": R,
    }  # fmt: skip

    compiled, plain = both(series.counts, evaluate=slice(first - 1, last), **given_all)
    same(compiled, plain)
    np.testing.assert_array_equal(compiled.alarm, expected["alarm"] == 1)
    with engine("compiled"):
        found = alarms_only("cusum", series.counts, **given_all)
    np.testing.assert_array_equal(found.flags()[:, first - 1 : last], expected["alarm"] == 1)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_other_types_are_screened_as_they_stand(dtype: DTypeLike) -> None:
    counts = np.random.default_rng(5).poisson(5.0, (21, 80))
    counts[4, 50:] += 4000

    with engine("compiled"):
        known = alarms_only("cusum", counts.astype(dtype), mean=5.0)
        estimated = alarms_only("cusum", counts.astype(dtype), training=30)
    with engine("plain"):
        assert np.array_equal(known.flags(), cusum(counts, mean=5.0).alarm)
        assert np.array_equal(estimated.flags(), cusum(counts, training=30).alarm)
    assert len(known.series)


def test_ties_with_the_decision_value_are_alarms_in_both() -> None:
    counts = np.tile([4.0, 6.0, 8.0, 4.0, 4.0, 10.0], (9, 4))

    compiled, plain = both(counts, mean=4.0, transform="standard", k=0.5, h=2.0)
    same(compiled, plain)
    assert (plain.extra["statistic"] == 2.0).any()
    with engine("compiled"):
        found = alarms_only("cusum", counts, mean=4.0, transform="standard", k=0.5, h=2.0)
    assert np.array_equal(found.flags(), plain.alarm)


def test_a_mean_beyond_all_limits_is_left_to_the_plain_path() -> None:
    counts, mean = np.ones((2, 5)), np.array([[1e120] * 5, [0.1] * 5])

    with engine("compiled"):
        found = alarms_only("cusum", counts, mean=mean)
    with engine("plain"):
        assert np.array_equal(found.flags(), cusum(counts, mean=mean).alarm)


def test_means_of_more_series_than_are_screened_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[CusumChart.__module__], "_SCREENED_AT_ONCE", 8)
    counts = make_counts(2, 21, 60, gaps=True)
    for given_all in (
        {"mean": np.linspace(1, 9, 21)[:, np.newaxis]},
        {"training": 20},
        {"mean": np.linspace(1, 9, 60)},
    ):
        with engine("compiled"):
            found = alarms_only("cusum", counts, **given_all)
        with engine("plain"):
            assert np.array_equal(found.flags(), cusum(counts, **given_all).alarm)
    with engine("compiled"), pytest.raises(ParameterError, match="mean must be"):
        alarms_only("cusum", counts, mean=np.ones((8, 60)))
