"""Tails and quantiles against scipy.stats, and cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anlan.stats.counts.distributions import quantile, upper_tail


def one(value: float) -> np.ndarray:
    return np.array([value])


def distribution(mean: float, dispersion: float) -> stats.rv_discrete:
    if dispersion == 1:
        return stats.poisson(mean)
    return stats.nbinom(mean / (dispersion - 1), 1 / dispersion)


def test_a_poisson_tail_by_hand() -> None:
    # P(Y >= 2) = 1 - e^-1 - e^-1 for mean 1
    assert upper_tail(one(2.0), one(1.0), one(1.0))[0] == pytest.approx(1 - 2 * np.exp(-1), rel=1e-14)


def test_a_geometric_tail_by_hand() -> None:
    # Mean 1 and dispersion 2 is the geometric distribution with probability 1/2: P(Y >= 3) = 1/8.
    assert upper_tail(one(3.0), one(1.0), one(2.0))[0] == pytest.approx(1 / 8, rel=1e-14)


def test_the_quantile_at_an_exact_step_is_the_step() -> None:
    # Geometric with 1/2: P(Y <= 2) = 7/8.
    assert quantile(7 / 8, one(1.0), one(2.0)).tolist() == [2.0]
    assert quantile(7 / 8 + 1e-12, one(1.0), one(2.0)).tolist() == [3.0]


def test_the_worked_example_of_the_fact_sheet() -> None:
    mean, dispersion = one(6.2), one(1.45)
    assert [quantile(1 - alpha, mean, dispersion)[0] for alpha in (0.005, 0.01, 0.05)] == [16.0, 14.0, 12.0]


@given(st.floats(1e-6, 1e5), st.one_of(st.just(1.0), st.floats(1.001, 50)), st.floats(1e-6, 0.4))
def test_quantiles_are_those_of_scipy(mean: float, dispersion: float, alpha: float) -> None:
    known = distribution(mean, dispersion)
    found = quantile(1 - alpha, one(mean), one(dispersion))[0]

    assert known.sf(found) <= alpha * (1 + 1e-9)
    assert found == 0 or known.sf(found - 1) >= alpha * (1 - 1e-9)


@given(st.integers(0, 500), st.floats(1e-3, 300), st.one_of(st.just(1.0), st.floats(1.01, 30)))
def test_tails_are_those_of_scipy(count: int, mean: float, dispersion: float) -> None:
    found = upper_tail(one(float(count)), one(mean), one(dispersion))[0]
    assert found == pytest.approx(distribution(mean, dispersion).sf(count - 1), rel=1e-8, abs=1e-290)


@given(st.floats(1e-300, 1e11), st.floats(1.0, 1e6), st.floats(1e-9, 0.49))
def test_any_mean_gets_a_quantile(mean: float, dispersion: float, alpha: float) -> None:
    found = quantile(1 - alpha, one(mean), one(dispersion))[0]
    assert found >= 0
    assert np.isfinite(found)


def test_what_is_not_a_number_stays_so() -> None:
    values = np.array([np.nan, np.inf, 0.0, 1e16, 5.0])
    found = quantile(0.99, values, np.ones(5))

    assert np.isnan(found[[0, 1, 3]]).all()
    assert found[2] == 0.0
    assert found[4] == stats.poisson(5).ppf(0.99)
    assert np.isnan(upper_tail(np.array([np.nan]), one(1.0), one(1.0)))[0]


def test_a_fractional_count_is_rounded_up() -> None:
    assert upper_tail(one(2.5), one(4.0), one(1.5)) == upper_tail(one(3.0), one(4.0), one(1.5))
