"""Serfling and excess mortality against R's lm and glm on Danish deaths, and what they do with odd input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from seasonal_cases import danish_deaths, expected_regressions

from anlan.errors import ParameterError
from anlan.stats.counts import Reason
from anlan.stats.counts.excess_mortality import excess_mortality, total_excess
from anlan.stats.counts.serfling import serfling


def test_serfling_agrees_with_r() -> None:
    deaths, dates = danish_deaths()
    at, expected = expected_regressions()
    found = serfling(deaths, dates=dates, evaluate=at)
    np.testing.assert_array_equal(found.extra["n_used"], expected["serfling_n"])
    np.testing.assert_allclose(found.expected, expected["serfling_expected"], rtol=1e-9)
    np.testing.assert_allclose(found.extra["sigma"], expected["serfling_sigma"], rtol=1e-9)
    np.testing.assert_allclose(found.upper, found.expected + stats.norm.isf(0.05) * found.extra["sigma"])
    assert (found.reason == Reason.OK).all()


def test_excess_mortality_agrees_with_r() -> None:
    deaths, dates = danish_deaths()
    at, expected = expected_regressions()
    found = excess_mortality(deaths, dates=dates, evaluate=at)
    np.testing.assert_allclose(found.expected, expected["excess_expected"], rtol=1e-9)
    np.testing.assert_allclose(found.extra["phi"], expected["excess_phi"], rtol=1e-9)
    np.testing.assert_allclose(found.extra["se"], expected["excess_se"], rtol=1e-7)
    np.testing.assert_allclose(found.extra["z_score"], expected["excess_z"], rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(found.alarm, found.extra["z_score"] > 2)
    np.testing.assert_allclose(found.p_value, stats.norm.sf(found.extra["z_score"]), rtol=1e-7)


def test_the_limits_of_the_excess_hold_the_observed_at_the_expected() -> None:
    deaths, dates = danish_deaths()
    found = excess_mortality(deaths, dates=dates, evaluate=slice(700, None))
    assert (found.extra["excess_low"] < found.extra["excess"]).all()
    assert (found.extra["excess"] < found.extra["excess_high"]).all()
    covers = (found.extra["excess_low"] <= 0) & (found.extra["excess_high"] >= 0)
    np.testing.assert_array_equal(covers, np.abs(found.extra["z_score"]) <= stats.norm.isf(0.025))


def test_the_total_excess_is_a_sum_with_an_error() -> None:
    deaths, dates = danish_deaths()
    found = excess_mortality(deaths, dates=dates, evaluate=slice(700, 720))
    total, error = total_excess(found)
    np.testing.assert_allclose(total, (found.observed - found.expected).sum(axis=1))
    part, smaller = total_excess(found, slice(0, 5))
    np.testing.assert_allclose(part, (found.observed - found.expected)[:, :5].sum(axis=1))
    assert (smaller < error).all()
    # One week: the variance of the prediction.
    _, one = total_excess(found, slice(0, 1))
    variance = found.extra["phi"][:, 0] * found.expected[:, 0] + found.extra["se"][:, 0] ** 2
    np.testing.assert_allclose(one, np.sqrt(variance))
    short = excess_mortality(np.ones((1, 60)))
    assert np.isnan(total_excess(short)[0]).all()


def test_a_winter_is_not_part_of_its_own_baseline() -> None:
    dates = np.datetime64("2001-01-01") + 7 * np.arange(400)
    years = (dates - np.datetime64("2000-01-01")).astype(float) / 365.25
    quiet = np.exp(5 + 0.1 * np.cos(2 * np.pi * years))
    month = dates.astype("datetime64[M]").astype(int) % 12
    winter = quiet * np.where(np.isin(month, [11, 0, 1]), 1.3, 1.0)
    found = excess_mortality(winter, dates=dates, evaluate=slice(300, None))
    np.testing.assert_allclose(found.expected[0], quiet[300:], rtol=1e-8)
    everything = excess_mortality(winter, dates=dates, evaluate=slice(300, None), baseline="all")
    cold = np.isin(month[300:], [11, 0, 1])
    assert (everything.expected[0, cold] > found.expected[0, cold] * 1.05).all()


def test_months_have_their_quiet_parts() -> None:
    dates = np.arange("2001-01", "2009-01", dtype="datetime64[M]").astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(int) % 12 + 1
    counts = np.where(np.isin(month, [4, 5, 6, 9, 10]), 100.0, 180.0)
    found = excess_mortality(counts, dates=dates, evaluate=[-1], trend=False, harmonics=0)
    assert found.expected[0, 0] == pytest.approx(100)
    by_position = excess_mortality(counts, frequency=12, evaluate=[-1], trend=False, harmonics=0)
    assert by_position.expected[0, 0] == pytest.approx(100)


def test_epidemics_are_left_out_of_the_wave() -> None:
    weeks = np.arange(300)
    wave = 20 + 5 * np.cos(2 * np.pi * weeks / 52)
    rates = wave + np.random.default_rng(1).normal(0, 0.5, 300)
    rates[60:68] += 200
    found = serfling(rates, evaluate=[-1])
    assert found.expected[0, 0] == pytest.approx(wave[-1], abs=1.5)
    kept = serfling(rates, evaluate=[-1], exclude_share=0.0)
    assert kept.extra["sigma"][0, 0] > 10 * found.extra["sigma"][0, 0]


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_history_without_variation_decides_on_the_wave(value: float) -> None:
    rates = np.full((1, 200), value)
    found = serfling(rates, evaluate=[-1])
    assert found.reason[0, 0] == Reason.ZERO_VARIANCE
    assert not found.alarm[0, 0]
    rates[0, -1] = value + 1
    assert serfling(rates, evaluate=[-1]).alarm[0, 0]


def test_says_why_it_does_not_decide() -> None:
    late = np.full((1, 260), np.nan)
    late[0, 200:] = np.random.default_rng(2).poisson(9, 60)
    for method in (serfling, excess_mortality):
        assert method(late, evaluate=[-1]).reason[0, 0] == Reason.INCOMPLETE_REFERENCE
        assert method(late, evaluate=[100]).reason[0, 0] == Reason.SHORT_HISTORY
    gap = np.random.default_rng(3).poisson(9, (1, 260)).astype(float)
    gap[0, -1] = np.nan
    for method in (serfling, excess_mortality):
        assert method(gap, evaluate=[-1]).reason[0, 0] == Reason.MISSING_CURRENT


def test_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ParameterError, match=r"^b must be an int >= min_years \(3\)"):
        serfling(np.ones(200), b=1)
    with pytest.raises(ParameterError, match=r"^b must be an int >= min_years \(3\)"):
        excess_mortality(np.ones(200), b=1)
    with pytest.raises(ParameterError, match="^exclude_share must be"):
        serfling(np.ones(200), exclude_share=0.5)
    with pytest.raises(ParameterError, match="^values must be"):
        serfling([[1.0, -1.0]])
