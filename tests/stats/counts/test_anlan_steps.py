"""Each step of the anlan detector against a small case worked by hand or by an independent plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from anlan.stats.counts import _anlan_fit as fit
from anlan.stats.counts import _anlan_level as levels
from anlan.stats.counts import _anlan_tail as tail
from anlan.stats.counts.result import FloatArray


def constant_window(value: float, n: int = 104) -> FloatArray:
    return np.full((1, n), value)


def middle(y: float, mean: float, phi: float) -> float:
    """P(Y > y) + P(Y = y)/2 by SciPy's distributions."""
    law = stats.poisson(mean) if phi == 1 else stats.nbinom(mean / (phi - 1), 1 / phi)
    return float(law.sf(y) + law.pmf(y) / 2)


def test_the_design_has_trend_and_two_harmonics_counted_back_from_the_tested_period() -> None:
    rows = fit.design(104, 52.0)

    assert rows.shape == (105, 6)
    assert rows[-1].tolist() == [1, 0, 1, 0, 1, 0]
    assert rows[-2, 1] == pytest.approx(-1 / 312)
    assert rows[-14, 2:] == pytest.approx(
        [np.cos(-np.pi / 2), np.sin(-np.pi / 2), np.cos(-np.pi), np.sin(-np.pi)]
    )


def test_a_constant_series_is_fitted_by_its_value() -> None:
    found = fit.fit_baseline(constant_window(7.0), fit.design(104, 52.0))

    assert found.expected[0] == pytest.approx(7.0, rel=1e-9)
    assert found.dispersion[0] == 1.0
    assert (found.weight == 1).all()


def test_the_penalised_scores_are_zero_at_the_solution() -> None:
    generator = np.random.default_rng(4)
    time = np.arange(-260, 0)
    mean = np.exp(1.5 + 0.002 * time + 0.8 * np.cos(2 * np.pi * time / 52))
    windows = generator.poisson(mean, size=(6, 260)).astype(float)
    rows = fit.design(260, 52.0)
    found = fit.fit_baseline(windows, rows)

    logs = np.log(found.mean)
    coefficients = np.linalg.lstsq(rows[:-1], logs.T, rcond=None)[0].T
    scores = (found.weight * (windows - found.mean)) @ rows[:-1]
    scores[:, 1:] -= 4.0 * coefficients[:, 1:]
    assert found.converged.all()
    assert np.abs(scores).max() < 1e-3 * windows.sum(axis=1).max()
    assert found.expected == pytest.approx(np.exp(coefficients @ rows[-1]), rel=1e-9)


def test_the_variance_of_the_log_mean_of_a_constant_series() -> None:
    """With the season orthogonal to the level: x' I^-1 x with I = mu X'X + ridge, solved here once more."""
    rows = fit.design(104, 52.0)
    found = fit.fit_baseline(constant_window(7.0), rows)
    information = 7.0 * rows[:-1].T @ rows[:-1] + np.diag([0, 4, 4, 4, 4, 4])

    assert found.log_variance[0] == pytest.approx(rows[-1] @ np.linalg.inv(information) @ rows[-1], rel=1e-6)


def test_an_outlier_gets_the_weight_of_its_tail_probability() -> None:
    windows = constant_window(2.0)
    windows[0, 50] = 12.0
    found = fit.fit_baseline(windows, fit.design(104, 52.0))
    pi = middle(12.0, found.mean[0, 50], found.dispersion[0])

    assert pi < 0.02
    # The weight was set at the fit of the round before, which differs in the digits beyond the second.
    assert found.weight[0, 50] == pytest.approx(np.log(0.02) / np.log(pi), rel=0.02)
    assert np.delete(found.weight[0], 50).tolist() == [1.0] * 103


def test_the_dispersion_is_that_of_pearson_with_robust_weights() -> None:
    generator = np.random.default_rng(1)
    windows = generator.negative_binomial(4.0, 1 / 3, size=(3, 260)).astype(float)
    windows[0, 100] = 45.0
    found = fit.fit_baseline(windows, fit.design(260, 52.0))

    squares = found.weight * (windows - found.mean) ** 2 / found.mean
    expected = squares.sum(axis=1) / (found.weight.sum(axis=1) - 6)
    assert found.dispersion == pytest.approx(expected, rel=1e-9)
    assert (found.dispersion > 2).all()
    assert (found.dispersion < 4.2).all()


def test_no_lowered_weight_is_missed_by_the_shortcut() -> None:
    """Wherever the tail is not computed (Pearson residual up to 2, size not tiny) it is at least 0.02."""
    for phi in (1.0, 1.01, 1.5, 3.0, 10.0, 100.0):
        mean = np.exp(np.linspace(-7, 8, 160))
        mean = mean[mean > 0.05 * (phi - 1)]
        edge = np.floor(mean + 2.0 * np.sqrt(phi * mean))
        tails = fit.middle_tail(edge, mean, np.full(mean.shape, phi))
        assert tails[edge > mean].min() >= 0.02


def test_a_window_without_a_case_is_read_as_half_a_case() -> None:
    """Gamma(1/2) prior and n empty periods: negative binomial of size 1/2 and mean 1/(2n)."""
    found = fit.fit_baseline(constant_window(0.0, 260), fit.design(260, 52.0))
    law = tail.Predictive(found.expected, found.dispersion, found.log_variance, np.zeros(1))
    exact = stats.nbinom(0.5, 260 / 261)

    assert found.is_empty.all()
    assert found.expected[0] == pytest.approx(0.5 / 260)
    assert law.tail(np.array([1.0]))[0] == pytest.approx(exact.sf(1) + exact.pmf(1) / 2, rel=1e-9)


def level_by_loop(y: list[float], mean: list[float], phi: float, d: float, k: float) -> tuple[float, float]:
    """Multiplier after the last value and loss, from the definition with its sums written out."""
    loss, cut = 0.0, list[float]()
    for s in range(len(y) + 1):
        known = [q for q in range(s) if not np.isnan(y[q])]
        above = k + sum(d ** (s - 1 - q) * cut[q] / phi for q in known)
        below = k + sum(d ** (s - 1 - q) * mean[q] / phi for q in known)
        rho = above / below
        if s == len(y):
            return rho, loss
        m = mean[s] * rho
        cut.append(min(y[s], m + 2.5 * np.sqrt(phi * m) + 0.5))
        if not np.isnan(y[s]):
            a = 1.5 * (y[s] ** (2 / 3) - m ** (2 / 3)) / m ** (1 / 6)
            loss += min(a * a / phi, 9.0)
    raise AssertionError("not reached")


def baseline_of(mean: FloatArray, phi: float, windows: FloatArray) -> fit.Baseline:
    n = len(mean)
    return fit.Baseline(
        mean=mean,
        weight=np.ones_like(mean),
        expected=mean[:, -1],
        dispersion=np.full(n, phi),
        log_variance=np.full(n, 0.01),
        n_reported=(~np.isnan(windows)).sum(axis=1).astype(float),
        converged=np.ones(n, dtype=bool),
        is_empty=np.zeros(n, dtype=bool),
    )


def test_the_local_level_is_the_best_of_ten_when_it_is_clearly_better() -> None:
    generator = np.random.default_rng(3)
    mean = np.full((1, 80), 6.0)
    windows = generator.poisson(np.where(np.arange(80) < 40, 3.0, 10.0), size=(1, 80)).astype(float)
    windows[0, [5, 60]] = np.nan
    windows[0, 70] = 60.0  # has to be cut
    baseline = baseline_of(mean, 1.5, windows)
    found = levels.local_level(windows, baseline)

    y, m = windows[0].tolist(), mean[0].tolist()
    tried = {(d, k): level_by_loop(y, m, 1.5, d, k) for d in levels.DECAYS for k in levels.SHRINKAGES}
    best = min(tried, key=lambda pair: tried[pair][1])
    seen = np.array([value for value in y if not np.isnan(value)])
    plain = np.minimum((1.5 * (seen ** (2 / 3) - 6 ** (2 / 3)) / 6 ** (1 / 6)) ** 2 / 1.5, 9).sum()
    gain = tried[best][1] / plain
    assert len(seen) * np.log(gain) < -6
    assert found.adopted.tolist() == [True]
    assert found.decay[0] == best[0]
    assert found.multiplier[0] == pytest.approx(tried[best][0], rel=1e-12)
    assert found.dispersion[0] == pytest.approx(max(1.0, 1.5 * gain), rel=1e-12)


def test_independent_counts_keep_the_level_of_the_baseline() -> None:
    windows = np.random.default_rng(8).poisson(6.0, size=(40, 260)).astype(float)
    found = levels.local_level(windows, baseline_of(np.full((40, 260), 6.0), 1.2, windows))

    assert found.adopted.sum() <= 2
    quiet = ~found.adopted
    assert (found.multiplier[quiet] == 1).all()
    assert (found.dispersion[quiet] == 1.2).all()


def test_the_spread_of_the_dispersion() -> None:
    """phi 2, m 4, n 100: s^2 = (2 + (6 + 1/2)/4)/100 = 0.03625; at a tiny mean it stops at 0.5."""
    found = tail.dispersion_spread(np.array([2.0, 2.0]), np.array([4.0, 1e-4]), np.array([100.0, 100.0]))

    assert found == pytest.approx([np.sqrt(0.03625), 0.5])


def test_the_predictive_tail_is_the_average_of_three_negative_binomials() -> None:
    m, phi, v0, s = 5.0, 1.8, 0.02, 0.3
    law = tail.Predictive(np.array([m]), np.array([phi]), np.array([v0]), np.array([s]))
    star = [phi * np.exp(u * s) + m * phi * v0 for u in (-np.sqrt(3), 0, np.sqrt(3))]
    by_hand = sum(
        weight * middle(9.0, m, size) for weight, size in zip((1 / 6, 2 / 3, 1 / 6), star, strict=True)
    )

    assert law.tail(np.array([9.0]))[0] == pytest.approx(by_hand, rel=1e-12)


def test_without_overdispersion_and_uncertainty_it_is_poisson() -> None:
    law = tail.Predictive(np.array([3.0]), np.array([1.0]), np.zeros(1), np.zeros(1))

    assert law.tail(np.array([7.0]))[0] == pytest.approx(middle(7.0, 3.0, 1.0), rel=1e-12)


@pytest.mark.parametrize("mean", [1e-4, 0.3, 4.0, 250.0, 1e6])
@pytest.mark.parametrize("p", [1e-6, 0.01, 0.3])
def test_the_limit_is_the_largest_count_whose_tail_is_above(mean: float, p: float) -> None:
    law = tail.Predictive(np.array([mean]), np.array([2.5]), np.array([0.01]), np.array([0.2]))
    limit = law.limit(np.array([p]))

    assert law.tail(limit)[0] > p
    assert law.tail(limit + 1)[0] <= p


def test_the_memory_by_hand() -> None:
    """(2 + 0.2 * 1)/sqrt(1.04); a week before of 9 counts as 4, of -5 as -2; a missing one leaves z alone."""
    z = np.array([2.0, 2.0, 2.0, 2.0])
    before = np.array([1.0, 9.0, -5.0, np.nan])

    assert tail.with_memory(z, before, 0.2) == pytest.approx(
        [2.2 / np.sqrt(1.04), 2.8 / np.sqrt(1.04), 1.6 / np.sqrt(1.04), 2.0]
    )


def test_the_boundary_belongs_to_the_memory() -> None:
    before = np.array([1.3, -4.0, np.nan])
    z = -stats.norm.ppf(tail.limit_for_z(0.01, before, 0.2))

    assert stats.norm.sf(tail.with_memory(z, before, 0.2)) == pytest.approx([0.01, 0.01, 0.01])


def test_the_slow_strength_by_hand() -> None:
    """(1 + 0.8 * 0.5 + 0.64 * 4)/sqrt(1 + 0.64 + 0.4096), the 9 clipped to 4; a missing lag leaves its weight out."""
    z = np.array([[9.0, 0.5, 1.0], [np.nan, 0.5, 1.0], [1.0, 1.0, np.nan]])

    found = tail.slow_strength(z)
    assert found[:2] == pytest.approx([3.96 / np.sqrt(2.0496), 1.4 / np.sqrt(1.64)])
    assert np.isnan(found[2])


def test_an_endless_past_gives_the_factor_of_the_paper() -> None:
    """0.6 = sqrt(1 - 0.64): with 21 lags the factor differs by less than one in ten thousand."""
    z = np.ones((1, tail.SLOW_LAGS))
    weights = 0.8 ** np.arange(tail.SLOW_LAGS)

    assert tail.slow_strength(z)[0] == pytest.approx(0.6 * weights.sum(), rel=1e-4)


def test_the_slow_limit_is_passed_at_its_rate_by_independent_normal_weeks() -> None:
    z = np.random.default_rng(5).normal(size=(400, 1021))
    windows = np.lib.stride_tricks.sliding_window_view(z, tail.SLOW_LAGS, axis=1)
    strength = tail.slow_strength(windows)
    with_memory = tail.with_memory(z[:, 20:], z[:, 19:-1], 0.2)
    rate = (tail.slow_score(with_memory, strength) > tail.slow_limit(0.01, 0.2)).mean()

    assert rate == pytest.approx(0.01, abs=0.0012)
