"""EARS C1, C2 and C3: worked cases, properties, and input that is not as it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anlan.errors import ParameterError
from anlan.stats.counts import Detection, Reason, ears_c1, ears_c2, ears_c3
from anlan.stats.counts.result import FloatArray

WORKED = [12, 15, 11, 14, 13, 16, 12, 14, 13, 30, 28, 15]
ALL = pytest.mark.parametrize("detector", [ears_c1, ears_c2, ears_c3])
counts_of_20_days = st.lists(st.integers(0, 60), min_size=20, max_size=20)


def test_the_worked_example_of_the_fact_sheet() -> None:
    c1, c2, c3 = ears_c1(WORKED), ears_c2(WORKED), ears_c3(WORKED)

    assert c1.expected[0, 9] == pytest.approx(13.285714, abs=5e-7)
    assert c1.extra["sigma"][0, 9] == pytest.approx(1.603567, abs=5e-7)
    assert c1.extra["statistic"][0, [9, 10]] == pytest.approx([10.42319, 1.90532], abs=5e-6)
    assert c2.extra["statistic"][0, [9, 10, 11]] == pytest.approx([9.28844, 8.39725, 1.06904], abs=5e-6)
    assert c3.extra["statistic"][0, 11] == pytest.approx(15.75474, abs=5e-6)
    assert c1.alarm[0].nonzero()[0].tolist() == [9]
    assert c2.alarm[0].nonzero()[0].tolist() == [9, 10]
    assert c3.alarm[0, 11]


@pytest.mark.parametrize(("detector", "first"), [(ears_c1, 7), (ears_c2, 9), (ears_c3, 11)])
def test_the_first_day_that_can_be_decided(detector: Callable[..., Detection], first: int) -> None:
    found = detector(np.tile([3.0, 5.0], 10))
    assert (found.reason[0, :first] == Reason.SHORT_HISTORY).all()
    assert (found.reason[0, first:] == Reason.OK).all()


def test_alpha_sets_the_threshold() -> None:
    z = float(stats.norm.ppf(0.99))
    np.testing.assert_allclose(ears_c1(WORKED, alpha=0.01).upper, ears_c1(WORKED, threshold=z).upper)


@given(counts_of_20_days)
def test_c1_and_c2_are_the_formula(counts: list[int]) -> None:
    values = np.array(counts, dtype=float)
    for detector, gap in ((ears_c1, 0), (ears_c2, 2)):
        found = detector(values)
        for day in range(7 + gap, 20):
            window = values[day - gap - 7 : day - gap]
            limit = window.mean() + 3 * window.std(ddof=1)
            assert found.upper[0, day] == pytest.approx(limit, rel=1e-9)
            if abs(values[day] - limit) > 1e-9:
                assert found.alarm[0, day] == (values[day] > limit)


@given(counts_of_20_days)
def test_c3_alarms_when_the_sum_of_three_excesses_passes_two(counts: list[int]) -> None:
    values = np.array(counts, dtype=float)
    found = ears_c3(values, min_sigma=0.5)
    for day in range(11, 20):
        excess = 0.0
        for back in range(3):
            window = values[day - back - 9 : day - back - 2]
            excess += max(0.0, (values[day - back] - window.mean()) / max(window.std(ddof=1), 0.5) - 1)
        assert found.extra["statistic"][0, day] == pytest.approx(excess, rel=1e-9, abs=1e-9)
        if abs(excess - 2) > 1e-9 and values[day] > 0:
            assert found.alarm[0, day] == (excess > 2)


def test_in_the_published_c3_today_counts_and_in_the_reference_it_does_not() -> None:
    counts = np.array([4.0, 6, 5, 4, 6, 5, 4, 6, 5, 4, 6, 5, 40])
    assert ears_c3(counts).alarm[0, -1]
    assert not ears_c3(counts, variant="surveillance-1.20").alarm[0, -1]


@ALL
@given(counts=counts_of_20_days, cut=st.integers(1, 15))
def test_a_later_day_changes_no_earlier_result(
    detector: Callable[..., Detection], counts: list[int], cut: int
) -> None:
    whole, earlier = detector(counts), detector(counts[:-cut])
    np.testing.assert_array_equal(whole.upper[:, :-cut], earlier.upper)
    np.testing.assert_array_equal(whole.alarm[:, :-cut], earlier.alarm)


@ALL
@given(counts=counts_of_20_days, scale=st.sampled_from([2.0, 8.0, 0.5]))
def test_scaling_the_counts_scales_the_limit(
    detector: Callable[..., Detection], counts: list[int], scale: float
) -> None:
    values = np.array(counts, dtype=float)
    one, other = detector(values), detector(values * scale)
    np.testing.assert_allclose(other.upper, one.upper * scale, rtol=1e-12)
    np.testing.assert_array_equal(one.alarm, other.alarm)


@ALL
def test_more_series_than_a_block_equal_one_by_one(detector: Callable[..., Detection]) -> None:
    counts = np.random.default_rng(1).poisson(5, size=(300, 40)).astype(float)
    together = detector(counts)
    for row in (0, 127, 128, 299):
        np.testing.assert_array_equal(detector(counts[row]).upper[0], together.upper[row])


def test_a_flat_baseline_is_decided_on_its_mean_and_says_so() -> None:
    found = ears_c1([2.0] * 7 + [2.0, 3.0])
    assert found.reason[0, 7] == Reason.ZERO_VARIANCE
    assert found.upper[0, 7] == 2.0
    assert found.alarm[0, 7:].tolist() == [False, True]
    assert np.isnan(found.score[0, 7])


def test_a_flat_baseline_of_fractions_has_exactly_no_variance() -> None:
    assert ears_c1([0.1] * 8).reason[0, 7] == Reason.ZERO_VARIANCE


def test_a_smallest_sigma_keeps_a_single_case_quiet() -> None:
    quiet = [0.0] * 9 + [1.0]
    for detector in (ears_c1, ears_c2):
        assert detector(quiet).alarm[0, -1]
        assert not detector(quiet, min_sigma=0.5).alarm[0, -1]


@ALL
def test_all_zero_series_never_alarm(detector: Callable[..., Detection]) -> None:
    found = detector(np.zeros((2, 30)))
    assert not found.alarm.any()
    assert (found.reason[:, 11:] == Reason.ZERO_VARIANCE).all()


def test_a_missing_day_makes_the_baseline_incomplete_unless_that_is_allowed() -> None:
    counts = np.array([5.0, 7, np.nan, 6, 5, 7, 6, 6, 20])
    strict, allowed = ears_c1(counts), ears_c1(counts, min_reported=6)

    assert strict.reason[0, 7:].tolist() == [Reason.INCOMPLETE_REFERENCE] * 2
    assert not strict.alarm.any()
    assert allowed.reason[0, 7:].tolist() == [Reason.OK] * 2
    assert allowed.expected[0, 7] == pytest.approx(np.mean([5, 7, 6, 5, 7, 6]))
    assert allowed.extra["sigma"][0, 7] == pytest.approx(np.std([5, 7, 6, 5, 7, 6], ddof=1))
    assert allowed.alarm[0, 8]


@ALL
def test_a_missing_value_is_not_decided(detector: Callable[..., Detection]) -> None:
    counts = np.tile([3.0, 5.0, 4.0], 8)
    counts[20] = np.nan
    found = detector(counts)
    assert found.reason[0, 20] == Reason.MISSING_CURRENT
    assert not found.alarm[0, 20]


def test_huge_counts_keep_their_digits() -> None:
    base = np.array([1.0, 2, 3, 4, 5, 6, 7, 8]) + 1e14
    found = ears_c1(base)
    assert found.extra["sigma"][0, 7] == pytest.approx(np.std(range(1, 8), ddof=1), rel=1e-12)
    assert found.expected[0, 7] == 1e14 + 4


@ALL
@pytest.mark.parametrize("shape", [(0, 0), (0, 9), (3, 0), (2, 1), (1, 7)])
def test_empty_and_short_input(detector: Callable[..., Detection], shape: tuple[int, int]) -> None:
    found = detector(np.ones(shape))
    assert found.alarm.shape == shape
    assert (found.reason == Reason.SHORT_HISTORY).all()


@ALL
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("baseline", 2),
        ("baseline", 7.0),
        ("threshold", 0),
        ("alpha", 0.7),
        ("min_sigma", -1),
        ("min_reported", 8),
        ("min_reported", 2),
        ("evaluate", [99]),
    ],
)
def test_a_wrong_argument_is_named(detector: Callable[..., Detection], name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        detector(WORKED, **{name: value})


@ALL
def test_a_negative_count_is_refused_with_its_place(detector: Callable[..., Detection]) -> None:
    counts: FloatArray = np.ones((2, 10))
    counts[1, 3] = -1
    with pytest.raises(ParameterError, match="the first at series 1, time 3"):
        detector(counts)
