"""Periodic Poisson and negative-binomial regression: R's glm, the reference run, and what they do with odd input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seasonal_cases import danish_deaths, expected_regressions, simulated

from anlan.errors import ParameterError
from anlan.stats.counts import Detection, Reason
from anlan.stats.counts.periodic import periodic_nb, periodic_poisson

BOTH = pytest.mark.parametrize("method", [periodic_poisson, periodic_nb])


@pytest.mark.slow
@pytest.mark.parametrize(("method", "name"), [(periodic_poisson, "pois_glm"), (periodic_nb, "nb_glm")])
def test_gives_every_flag_of_the_reference_run(method: Callable[..., Detection], name: str) -> None:
    counts, flags = simulated(name)
    found = method(counts, evaluate=slice(575, None))
    assert (found.reason == Reason.OK).all()
    assert int((found.alarm != flags).sum()) == 0
    assert flags.size == 8232


def test_agrees_with_r_on_danish_deaths() -> None:
    deaths, dates = danish_deaths()
    at, expected = expected_regressions()
    found = periodic_nb(deaths, dates=dates, evaluate=at)
    np.testing.assert_array_equal(found.observed, expected["count"])
    np.testing.assert_allclose(found.expected, expected["periodic_mean"], rtol=1e-9)
    np.testing.assert_allclose(found.extra["phi"], expected["periodic_phi"], rtol=1e-9)
    np.testing.assert_array_equal(found.upper, expected["nb_upper"])
    np.testing.assert_allclose(found.p_value, expected["nb_p"], rtol=1e-7)
    poisson = periodic_poisson(deaths, dates=dates, evaluate=at)
    np.testing.assert_allclose(poisson.expected, expected["periodic_mean"], rtol=1e-9)
    np.testing.assert_array_equal(poisson.upper, expected["poisson_upper"])


def test_without_season_and_trend_the_mean_is_the_mean() -> None:
    counts = np.tile([2.0, 4.0, 6.0], 60)
    found = periodic_nb(counts, evaluate=[-1], harmonics=0, trend=False)
    assert found.expected[0, 0] == pytest.approx(counts[:-1].mean(), rel=1e-12)
    mean = counts[:-1].mean()
    assert found.extra["phi"][0, 0] == pytest.approx(
        max(1.0, ((counts[:-1] - mean) ** 2 / mean).sum() / (len(counts) - 2))
    )


def test_recovers_a_mean_of_its_own_form() -> None:
    weeks = np.arange(300)
    mean = np.exp(
        6 + 0.3 * np.cos(2 * np.pi * weeks / 52) - 0.2 * np.sin(2 * np.pi * weeks / 52) + 0.001 * weeks
    )
    found = periodic_poisson(mean, evaluate=[-1])
    assert found.expected[0, 0] == pytest.approx(mean[-1], rel=1e-9)
    assert found.extra["trend_coefficient"][0, 0] == pytest.approx(0.052, rel=1e-9)


def test_years_of_53_weeks_shift_nothing() -> None:
    # 2004, 2009 and 2015 have 53 ISO weeks; the season follows the date.
    dates = np.datetime64("2002-01-07") + 7 * np.arange(780)
    years = (dates - np.datetime64("2000-01-01")).astype(float) / 365.25
    mean = np.exp(5 + np.cos(2 * np.pi * years))
    found = periodic_nb(mean, dates=dates, evaluate=slice(700, None), trend=False)
    np.testing.assert_allclose(found.expected[0], mean[700:], rtol=1e-9)


def test_month_ends_are_months() -> None:
    first = np.arange("2001-01", "2009-01", dtype="datetime64[M]")
    ends = (first + 1).astype("datetime64[D]") - 1
    counts = np.random.default_rng(3).poisson(30, size=(2, len(first)))
    a = periodic_nb(counts, dates=first.astype("datetime64[D]"))
    b = periodic_nb(counts, dates=ends)
    np.testing.assert_array_equal(a.upper, b.upper)
    assert (a.reason[:, 36:] == Reason.OK).all()
    assert (a.reason[:, :36] == Reason.SHORT_HISTORY).all()


@BOTH
def test_gaps_leave_the_regression(method: Callable[..., Detection]) -> None:
    counts = np.random.default_rng(5).poisson(8, size=(1, 260)).astype(float)
    gap = counts.copy()
    gap[0, 40:60] = np.nan
    gap[0, -1] = np.nan
    found = method(gap, evaluate=[-2, -1])
    assert found.reason.tolist() == [[Reason.OK, Reason.MISSING_CURRENT]]
    assert np.isfinite(found.expected).all()
    zero = np.where(np.isnan(gap), 0.0, gap)
    assert method(zero, evaluate=[-2]).expected[0, 0] != pytest.approx(found.expected[0, 0], rel=1e-3)


@BOTH
def test_says_why_it_does_not_decide(method: Callable[..., Detection]) -> None:
    late = np.full((1, 200), np.nan)
    late[0, 150:] = 5
    assert method(late, evaluate=[-1]).reason[0, 0] == Reason.INCOMPLETE_REFERENCE
    single = np.zeros((1, 200))
    single[0, 100] = 1
    assert method(single, evaluate=[-1]).reason[0, 0] == Reason.NO_CONVERGENCE
    empty = method(np.zeros((1, 200)), evaluate=[-1])
    assert empty.reason[0, 0] == Reason.ZERO_REFERENCE
    assert empty.upper[0, 0] == 0
    first_case = np.zeros((1, 200))
    first_case[0, -1] = 1
    found = method(first_case, evaluate=[-1])
    assert found.alarm[0, 0]
    assert np.isnan(found.p_value[0, 0])


def test_one_series_that_cannot_be_fitted_harms_no_other() -> None:
    counts = np.random.default_rng(7).poisson(6, size=(3, 220)).astype(float)
    alone = periodic_nb(counts[[0, 2]], evaluate=[-1])
    counts[1] = 0
    counts[1, 100] = 1
    together = periodic_nb(counts, evaluate=[-1])
    np.testing.assert_array_equal(together.upper[[0, 2]], alone.upper)
    assert together.reason[1, 0] == Reason.NO_CONVERGENCE


def test_a_population_is_an_offset() -> None:
    counts = np.random.default_rng(8).poisson(20, size=(1, 220)).astype(float)
    population = np.linspace(1000, 3000, 220)
    with_offset = periodic_nb(counts, evaluate=[-1], population=population)
    scaled = periodic_nb(counts, evaluate=[-1], population=population * 17)
    assert with_offset.expected[0, 0] == pytest.approx(scaled.expected[0, 0], rel=1e-9)
    # On counts proportional to the population the rate is what is fitted.
    exact = periodic_nb(population / 10, evaluate=[-1], population=population, trend=False)
    assert exact.expected[0, 0] == pytest.approx(300, rel=1e-9)


def test_only_the_years_asked_for_are_used() -> None:
    counts = np.random.default_rng(9).poisson(12, size=(1, 520)).astype(float)
    changed = counts.copy()
    changed[0, :200] += 50
    a, b = (periodic_nb(values, evaluate=[-1], b=5) for values in (counts, changed))
    assert a.upper[0, 0] == b.upper[0, 0]
    assert periodic_nb(changed, evaluate=[-1]).upper[0, 0] != b.upper[0, 0]


def test_periods_left_out_do_not_count() -> None:
    counts = np.random.default_rng(10).poisson(12, size=(1, 300)).astype(float)
    changed = counts.copy()
    changed[0, -11:-1] += 100
    a, b = (periodic_nb(values, evaluate=[-1], past_not_included=10) for values in (counts, changed))
    assert a.expected[0, 0] == b.expected[0, 0]


@BOTH
def test_refuses_what_it_cannot_use(method: Callable[..., Detection]) -> None:
    counts = np.ones((1, 200))
    with pytest.raises(ParameterError, match=r"^b must be an int >= min_years \(3\) or None"):
        method(counts, b=2)
    with pytest.raises(ParameterError, match="^harmonics must be"):
        method(counts, frequency=12, harmonics=6)
    with pytest.raises(ParameterError, match="^population must be > 0"):
        method(counts, population=np.zeros(200))
    with pytest.raises(ParameterError, match="^dates must be"):
        method(counts, dates=np.datetime64("2020-01-01") + np.arange(200))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 200))
def test_limits_grow_as_alpha_falls_and_tails_agree_with_limits(seed: int, mean: float) -> None:
    counts = np.random.default_rng(seed).poisson(mean, size=(3, 170)).astype(float)
    loose, strict = (periodic_nb(counts, evaluate=[-1], alpha=alpha) for alpha in (0.05, 0.001))
    ok = loose.reason == Reason.OK
    assert (loose.upper[ok] <= strict.upper[ok]).all()
    np.testing.assert_array_equal(loose.alarm[ok], loose.p_value[ok] < 0.05)


def test_huge_counts_stay_finite() -> None:
    counts = np.random.default_rng(11).poisson(1e9, size=(1, 170)).astype(float)
    found = periodic_nb(counts, evaluate=[-1])
    assert found.reason[0, 0] == Reason.OK
    assert found.expected[0, 0] == pytest.approx(1e9, rel=1e-3)
