"""The flexible Farrington method: worked cases, properties, reasons, and input that is not as it should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from anlan.errors import ParameterError
from anlan.stats.counts import Detection, Reason, farrington_flexible
from anlan.stats.counts.result import FloatArray

WEEKS = 330


def make_counts(n_series: int = 3, n_times: int = WEEKS, *, mean: float = 12.0, seed: int = 5) -> FloatArray:
    generator = np.random.default_rng(seed)
    season = 1 + 0.4 * np.cos(2 * np.pi * np.arange(n_times) / 52)
    scale = mean * generator.uniform(0.5, 2, (n_series, 1))
    return generator.negative_binomial(4, 4 / (4 + scale * season)).astype(np.float64)


def last(counts: FloatArray, **parameters: Any) -> Detection:
    return farrington_flexible(counts, evaluate=[-1], **parameters)


def textbook_limit(counts: FloatArray, alpha: float) -> tuple[float, float, float]:
    """Mean, dispersion and limit without season and trend, without reweighting: no fit is needed.

    The mean of the windows is the fitted mean, var(mean) = phi * mean / n, and tau = phi + var/mean = phi (1 + 1/n).
    """
    now = len(counts) - 1
    rows = np.concatenate([counts[now - 52 * year - 3 : now - 52 * year + 4] for year in range(1, 6)])
    mean = rows.mean()
    phi = max(1.0, float(((rows - mean) ** 2 / mean).sum() / (len(rows) - 1)))
    z = stats.norm.ppf(1 - alpha)
    sd = np.sqrt(4 / 9 * mean ** (1 / 3) * phi * (1 + 1 / len(rows)))
    return mean, phi, float((mean ** (2 / 3) + z * sd) ** 1.5)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.005])
def test_the_plainest_form_is_the_textbook_formula(alpha: float) -> None:
    counts = make_counts(1)
    found = last(
        counts,
        n_periods=1,
        trend=False,
        reweight=False,
        threshold_method="delta",
        alpha=alpha,
        limit54_cases=0,
    )
    mean, phi, limit = textbook_limit(counts[0], alpha)

    assert found.expected[0, 0] == pytest.approx(mean, rel=1e-6)
    # The dispersion uses the weights of the last step but one, the formula those at the mean.
    assert found.extra["phi"][0, 0] == pytest.approx(phi, rel=1e-4)
    assert found.upper[0, 0] == pytest.approx(limit, rel=1e-4)
    assert found.score[0, 0] == pytest.approx((counts[0, -1] - mean) / (limit - mean), rel=1e-4)


def test_the_limit_of_the_fact_sheet() -> None:
    """mu 6.2, phi 1.45, se 0.62: tau 1.512 and the limits 15.57584, 14.54907 and 11.86633."""
    from anlan.stats.counts._farrington_limits import limit_delta

    for alpha, limit in ((0.005, 15.57584), (0.01, 14.54907), (0.05, 11.86633)):
        mean, phi, se = np.array([6.2]), np.array([1.45]), np.array([0.62])
        upper, _ = limit_delta(np.array([1.0]), mean, phi, se, power=2 / 3, z=float(-special.ndtri(alpha)))
        assert upper[0] == pytest.approx(limit, abs=5e-6)


def test_the_published_plug_in_is_the_quantile_at_the_expected_count() -> None:
    found = last(make_counts(20), alpha=0.01)
    phi, mean = found.extra["phi"], found.expected
    p_value = found.p_value

    assert (phi > 1).all()
    known = stats.nbinom(mean / (phi - 1), 1 / phi)
    np.testing.assert_array_equal(found.upper, known.ppf(0.99))
    np.testing.assert_allclose(p_value, known.sf(found.observed - 1), rtol=1e-9)
    np.testing.assert_allclose(found.score, (found.observed - mean) / (found.upper - mean), rtol=1e-12)
    np.testing.assert_array_equal(found.extra["mu0"], mean)


def test_muan_lies_above_the_plug_in() -> None:
    counts = make_counts(20)
    plug_in, muan = last(counts), last(counts, threshold_method="muan")

    assert (muan.upper >= plug_in.upper).all()
    assert (muan.upper > plug_in.upper).any()
    np.testing.assert_array_equal(muan.expected, plug_in.expected)


def test_an_outbreak_alarms_and_the_same_outbreak_in_the_past_hides_nothing() -> None:
    counts = make_counts(1, mean=10.0)
    counts[0, -1] = 120
    quiet = last(counts)
    counts[0, -1 - 104] = 200
    after_a_past_one = last(counts)

    assert quiet.alarm.all()
    assert after_a_past_one.alarm.all()
    assert after_a_past_one.expected[0, 0] < 1.5 * quiet.expected[0, 0]


def test_reweighting_pulls_a_past_outbreak_down() -> None:
    counts = make_counts(1, mean=10.0)
    counts[0, -1 - 104] = 300
    assert last(counts).expected[0, 0] < last(counts, reweight=False).expected[0, 0]


def test_a_trend_that_leads_above_all_past_counts_is_dropped() -> None:
    steep = np.round(np.exp(np.arange(WEEKS) / 60))[np.newaxis, :]
    flat = make_counts(1)
    found = last(np.vstack([steep, flat]))

    assert found.extra["trend_used"].tolist() == [[False], [True]]
    assert np.isnan(found.extra["trend_coefficient"][0, 0])


def test_two_years_are_too_few_for_a_trend() -> None:
    found = last(make_counts(2), b=2)
    assert not found.extra["trend_used"].any()
    assert (found.reason == Reason.OK).all()


def test_the_trend_coefficient_is_per_week() -> None:
    counts = np.round(1000 * np.exp(-0.002 * np.arange(WEEKS)))[np.newaxis, :]
    assert last(counts).extra["trend_coefficient"][0, 0] == pytest.approx(-0.002, rel=1e-2)


def test_the_population_scales_the_expectation() -> None:
    counts = make_counts(4)
    people = np.full(counts.shape, 1000.0)
    people[:, -1] = 3000.0
    plain, scaled = last(counts), last(counts, population=people)

    np.testing.assert_allclose(scaled.expected, 3 * plain.expected, rtol=1e-8)
    one_for_all = last(counts, population=people[0])
    np.testing.assert_array_equal(one_for_all.upper, scaled.upper)


def test_the_variant_differs_only_where_it_says() -> None:
    counts = make_counts(10)
    ours, theirs = last(counts, alpha=0.01), last(counts, alpha=0.01, variant="surveillance-1.20")

    np.testing.assert_array_equal(ours.upper, theirs.upper)
    np.testing.assert_array_equal(ours.expected, theirs.expected)
    eta = np.log(ours.expected)
    np.testing.assert_allclose(theirs.score, (ours.observed - eta) / (ours.upper - eta), rtol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_alarm_limit_and_p_value_say_the_same(seed: int) -> None:
    counts = make_counts(8, mean=4.0, seed=seed)
    counts[:, -1] *= np.random.default_rng(seed).integers(0, 6, 8)
    found = last(counts, alpha=0.05, limit54_cases=0)

    ok = found.reason == Reason.OK
    np.testing.assert_array_equal(found.alarm[ok], (found.observed > found.upper)[ok])
    np.testing.assert_array_equal(found.alarm[ok], (found.p_value <= 0.05)[ok])


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=10, deadline=None)
def test_a_later_week_changes_no_earlier_result(seed: int, cut: int) -> None:
    counts = make_counts(2, seed=seed)
    whole = farrington_flexible(counts)
    earlier = farrington_flexible(counts[:, :-cut])

    np.testing.assert_allclose(earlier.expected, whole.expected[:, :-cut], rtol=1e-12)
    np.testing.assert_array_equal(earlier.alarm, whole.alarm[:, :-cut])


@given(st.permutations(range(6)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_series_does_not_matter(order: list[int]) -> None:
    counts = make_counts(6)
    np.testing.assert_allclose(last(counts[order]).expected, last(counts).expected[order], rtol=1e-12)


def test_many_blocks_equal_one_by_one() -> None:
    counts = make_counts(600, mean=3.0)
    together = last(counts)
    for row in (0, 255, 256, 511, 512, 599):
        alone = last(counts[row])
        np.testing.assert_allclose(alone.expected[0], together.expected[row], rtol=1e-12)
        np.testing.assert_array_equal(alone.upper[0], together.upper[row])


def test_dates_and_positions_agree_where_no_year_is_long() -> None:
    counts = make_counts(2)
    dates = np.datetime64("2010-01-04") + 7 * np.arange(WEEKS)  # 2015 is long, but only its last week is
    by_date, by_position = last(counts, dates=dates), last(counts)
    assert dates[-1] < np.datetime64("2016-12-31")
    assert by_date.reason.tolist() == by_position.reason.tolist()


def test_dates_follow_the_calendar_across_a_long_year() -> None:
    """A peak of one week around 31 May is expected there; counting by position drifts away from it."""
    dates = np.datetime64("2017-05-31") + 7 * np.arange(-399, 1)
    may_31 = dates.astype("datetime64[Y]").astype("datetime64[M]") + 5
    distance = np.abs((dates - (may_31.astype("datetime64[D]") - 1)).astype(int))
    counts = np.where(distance <= 3, 400.0, 10.0)[np.newaxis, :]
    settings_ = {"w": 0, "n_periods": 40, "trend": False, "reweight": False}
    by_date, by_position = last(counts, dates=dates, **settings_), last(counts, **settings_)

    assert by_date.expected[0, 0] == pytest.approx(400, rel=1e-6)
    assert by_position.expected[0, 0] < 350


def test_months_have_defaults_of_their_own() -> None:
    months = np.arange("2010-01", "2018-07", dtype="datetime64[M]").astype("datetime64[D]")
    generator = np.random.default_rng(2)
    mean = 60 + 30 * np.sin(2 * np.pi * np.arange(len(months)) / 12)
    counts = generator.poisson(mean, size=(3, len(months))).astype(float)
    counts[0, -1] += 150
    found = farrington_flexible(counts, dates=months)

    assert found.reason[0, :61].tolist() == [Reason.SHORT_HISTORY] * 61
    assert (found.reason[:, 61:] == Reason.OK).all()
    assert found.alarm[0, -1]
    np.testing.assert_allclose(found.expected[1, -12:], mean[-12:], rtol=0.25)
    by_position = farrington_flexible(counts, frequency=12)
    np.testing.assert_allclose(by_position.expected, found.expected, rtol=1e-12)


def test_short_history_says_so_week_by_week() -> None:
    found = farrington_flexible(make_counts(1, 270))
    assert found.reason[0, :263].tolist() == [Reason.SHORT_HISTORY] * 263
    assert (found.reason[0, 263:] == Reason.OK).all()
    assert np.isnan(found.expected[0, :263]).all()
    assert not found.alarm[0, :263].any()


def test_a_missing_week_is_not_decided_but_expected() -> None:
    counts = make_counts(1)
    counts[0, -1] = np.nan
    found = last(counts)

    assert found.reason.tolist() == [[Reason.MISSING_CURRENT]]
    assert not found.alarm.any()
    assert np.isfinite(found.expected).all()
    assert np.isfinite(found.upper).all()


def test_missing_reference_weeks_are_left_out_not_taken_as_zero() -> None:
    counts = make_counts(1, mean=40.0)
    gaps = counts.copy()
    gaps[0, 60:320:7] = np.nan
    found, zero = last(gaps), last(np.where(np.isnan(gaps), 0.0, gaps))

    assert found.expected[0, 0] == pytest.approx(last(counts).expected[0, 0], rel=0.2)
    assert zero.expected[0, 0] < 0.95 * found.expected[0, 0]


def test_a_reference_without_this_season_is_incomplete() -> None:
    counts = make_counts(1)
    now = WEEKS - 1
    for year in range(1, 6):
        counts[0, now - 52 * year - 3 : now - 52 * year + 4] = np.nan
    assert last(counts).reason.tolist() == [[Reason.INCOMPLETE_REFERENCE]]

    counts = make_counts(1)
    counts[0, :-20] = np.nan
    assert last(counts).reason.tolist() == [[Reason.INCOMPLETE_REFERENCE]]


def test_fewer_than_five_cases_in_four_weeks_give_no_alarm() -> None:
    counts = np.zeros((1, WEEKS))
    counts[0, ::60] = 1
    counts[0, -4:] = [0, 0, 0, 4]
    few = last(counts)
    counts[0, -1] = 5
    enough = last(counts)

    assert few.reason.tolist() == [[Reason.TOO_FEW_RECENT]]
    assert not few.alarm.any()
    assert enough.alarm.all()
    assert last(counts, limit54_cases=6).reason.tolist() == [[Reason.TOO_FEW_RECENT]]


def test_a_missing_report_among_the_recent_weeks_leaves_the_rule_to_the_others() -> None:
    counts = make_counts(1, mean=30.0)
    counts[0, -2] = np.nan
    assert last(counts).reason.tolist() == [[Reason.OK]]
    assert last(counts, variant="surveillance-1.20").reason.tolist() == [[Reason.TOO_FEW_RECENT]]


def test_a_reference_without_any_case_alarms_without_a_p_value() -> None:
    counts = np.zeros((1, WEEKS))
    counts[0, -1] = 7
    found = last(counts)

    assert found.reason.tolist() == [[Reason.ZERO_REFERENCE]]
    assert found.alarm.all()
    assert found.upper.tolist() == [[0.0]]
    assert np.isnan(found.p_value).all()
    quiet = last(np.zeros((1, WEEKS)))
    assert not quiet.alarm.any()
    assert quiet.reason.tolist() == [[Reason.TOO_FEW_RECENT]]


def test_a_season_without_cases_has_no_upper_limit_by_muan() -> None:
    counts = make_counts(1, mean=20.0)
    now = WEEKS - 1
    for year in range(1, 6):
        counts[0, now - 52 * year - 3 : now - 52 * year + 4] = 0
    counts[0, -1] = 9
    found = last(counts, threshold_method="muan")

    assert found.reason.tolist() == [[Reason.UNBOUNDED]]
    assert not found.alarm.any()
    assert last(counts).alarm.all()


@pytest.mark.parametrize("scale", [1e5, 1e8, 1e11])
def test_huge_counts(scale: float) -> None:
    counts = make_counts(3) * scale
    counts[0, -1] = 100 * counts.max()
    found = last(counts)
    assert found.alarm[0, 0]
    assert (found.reason == Reason.OK).all()


@pytest.mark.parametrize("level", [1.0, 7.0, 1e6])
def test_a_constant_series_is_expected_to_stay(level: float) -> None:
    found = last(np.full((1, WEEKS), level))
    assert found.expected[0, 0] == pytest.approx(level, rel=1e-6)
    assert found.extra["phi"].tolist() == [[1.0]]
    assert not found.alarm.any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 400), (2, 0), (2, 1)])
def test_empty_and_one_week_input(shape: tuple[int, int]) -> None:
    found = farrington_flexible(np.ones(shape))
    assert found.alarm.shape == shape
    assert (found.reason == Reason.SHORT_HISTORY).all()


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("b", 0, "an int >= 1"),
        ("b", 2.5, "an int >= 1"),
        ("w", 26, "an int below half a year"),
        ("n_periods", 60, "an int >= 1 and <= 52"),
        ("past_not_included", 52, "an int >= 0 and <= 51"),
        ("alpha", 0.5, "a number > 0 and < 0.5"),
        ("alpha", float("nan"), "a number > 0 and < 0.5"),
        ("weights_threshold", 0, "a number > 0"),
        ("p_threshold_trend", 1.5, "a number > 0 and <= 1"),
        ("threshold_method", "nb", "one of 'nbPlugin', 'muan', 'delta'"),
        ("power_transform", "1/3", "one of '2/3', '1/2', 'none'"),
        ("limit54_cases", -1, "an int >= 0"),
        ("limit54_periods", 0, "an int >= 1"),
        ("trend", "yes", "True or False"),
        ("reweight", 1, "True or False"),
        ("variant", "R", "one of 'published', 'surveillance-1.20'"),
        ("frequency", 1, "an int >= 2"),
        ("evaluate", [WEEKS], "positions from"),
        ("evaluate", [0.5], "positions from"),
        ("population", np.zeros(WEEKS), "> 0 at every time"),
        ("population", np.ones(5), "of shape"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_accepted(name: str, value: object, accepted: str) -> None:
    with pytest.raises(ParameterError) as caught:
        farrington_flexible(make_counts(1), **{name: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{name} must be")
    assert accepted in str(caught.value)


def test_wrong_counts_are_all_listed_with_their_place() -> None:
    counts = make_counts(3)
    counts[1, 4] = -2
    counts[2, 7] = np.inf
    with pytest.raises(ParameterError, match="counts must be finite numbers >= 0") as caught:
        farrington_flexible(counts)
    assert [dict(problem.where) for problem in caught.value.problems] == [
        {"argument": "counts", "series": 1, "time": 4},
        {"argument": "counts", "series": 2, "time": 7},
    ]


@pytest.mark.parametrize(
    "counts", [[["1", "2"]], [["x"]], [[1, 2], [3]], np.array(["2024-01-01"], "datetime64[D]"), [1j]]
)
def test_what_is_no_array_of_numbers_is_refused(counts: Any) -> None:
    with pytest.raises(ParameterError, match="^counts must be an array of numbers"):
        farrington_flexible(counts)


def test_none_in_a_list_is_not_reported() -> None:
    counts: list[float | None] = [*make_counts(1)[0].tolist()[:-1], None]
    assert last(counts).reason.tolist() == [[Reason.MISSING_CURRENT]]  # type: ignore[arg-type]
