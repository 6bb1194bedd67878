"""Classical methods on cases worked by hand, and what they do with gaps and wrong arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from anlan.errors import ParameterError
from anlan.stats.counts import (
    Reason,
    bayes1,
    bayes3,
    cdc,
    cusum,
    ewma,
    farrington_original,
    glr_nb,
    glr_poisson,
    outbreakp,
    rki1,
)
from anlan.stats.counts.cusum import TRANSFORMS, count_at, standardise
from anlan.stats.counts.ewma import average_run_length, calibrated_width


def test_bayes_is_the_predictive_negative_binomial() -> None:
    found = bayes1([2, 0, 1, 3, 1, 2, 9], evaluate=[-1])
    predictive = stats.nbinom(9.5, 6 / 7)
    assert found.upper[0, 0] == predictive.ppf(0.95)
    assert found.p_value[0, 0] == pytest.approx(predictive.sf(8))
    assert found.expected[0, 0] == pytest.approx(9.5 / 6)
    assert found.alarm[0, 0]


def test_missing_weeks_leave_the_reference() -> None:
    found = bayes1([2, np.nan, 1, 3, 1, 2, 9], evaluate=[-1])
    assert found.extra["n_reference"][0, 0] == 5
    assert found.upper[0, 0] == stats.nbinom(9.5, 5 / 6).ppf(0.95)
    short = bayes1([np.nan, np.nan, np.nan, np.nan, 1, 2, 9], evaluate=[-1])
    assert short.reason[0, 0] == Reason.INCOMPLETE_REFERENCE
    assert not short.alarm[0, 0]


def test_rki_changes_from_the_table_to_two_deviations_above_twenty() -> None:
    assert rki1([20.0] * 6 + [31.0], evaluate=[-1]).upper[0, 0] == 30.017
    found = rki1([20, 22, 20, 22, 20, 22, 40], evaluate=[-1])
    assert found.upper[0, 0] == pytest.approx(21 + 2 * np.std([20, 22] * 3, ddof=1))
    assert found.alarm[0, 0]


def test_years_of_53_weeks_shift_nothing_with_dates() -> None:
    dates = np.datetime64("2014-01-06") + 7 * np.arange(52 * 7)
    at = int(np.flatnonzero(dates == np.datetime64("2020-06-08"))[0])
    counts = np.zeros(len(dates))
    # Six years back are 313 weeks: the same days of June 2014, and a week beside it.
    counts[at - 314] = 30
    by_date = bayes3(counts, dates=dates, b=6, w=1, evaluate=[at])
    by_position = bayes3(counts, dates=dates, b=6, w=1, evaluate=[at], variant="surveillance-1.20")
    assert by_date.expected[0, 0] == pytest.approx(30.5 / 18)
    assert by_position.expected[0, 0] == pytest.approx(0.5 / 18)


def test_cdc_compares_sums_of_four_weeks() -> None:
    generator = np.random.default_rng(3)
    counts = generator.poisson(5, size=300).astype(float)
    counts[-1] += 30
    found = cdc(counts, evaluate=[-1])
    at = len(counts) - 1
    ends = [at - 52 * year + 4 * shift for year in range(1, 6) for shift in (-1, 0, 1)]
    sums = np.array([counts[end - 3 : end + 1].sum() for end in ends])
    limit = sums.mean() + stats.norm.ppf(1 - 0.0125) * sums.std(ddof=1) * np.sqrt(1 + 1 / 15)
    assert found.extra["upper_sum"][0, 0] == pytest.approx(limit)
    assert found.upper[0, 0] == pytest.approx(limit - counts[-4:-1].sum())
    assert found.alarm[0, 0]
    counts[-3] = np.nan
    assert cdc(counts, evaluate=[-1]).reason[0, 0] == Reason.INCOMPLETE_REFERENCE


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_limit_of_a_cusum_undoes_its_transformation(transform: str) -> None:
    m = np.array([0.4, 3.0, 40.0])
    for x in (0.5, 2.0, 6.0):
        y = count_at(m, np.full(3, x), transform, 0.2)
        np.testing.assert_allclose(standardise(y, m, transform, 0.2), x, rtol=1e-9, atol=1e-9)
    assert (count_at(m, np.full(3, -50.0), transform, 0.2) == 0).all()


def test_a_cusum_by_hand() -> None:
    found = cusum([[4, 6, 8, np.nan, 4, 4]], mean=4.0, transform="standard", k=0.5, h=2.0)
    assert found.extra["statistic"][0].tolist() == [0, 0.5, 2.0, 2.0, 1.5, 1.0]
    assert found.alarm[0].tolist() == [False, False, True, False, False, False]
    assert found.upper[0].tolist() == [9.0, 9.0, 8.0, 5.0, 5.0, 6.0]
    assert found.reason[0, 3] == Reason.MISSING_CURRENT
    again = cusum([[4, 6, 8, 8, 4, 4]], mean=4.0, transform="standard", k=0.5, h=2.0, reset=True)
    assert again.extra["statistic"][0].tolist() == [0, 0.5, 2.0, 1.5, 1.0, 0.5]


def test_a_likelihood_ratio_by_hand() -> None:
    found = glr_poisson([[2, 6, 7]], mean=2.0, threshold=5.0)
    six, both = 6 * np.log(3) - 4, 13 * np.log(13 / 4) - 9
    np.testing.assert_allclose(found.extra["statistic"][0], [0, six, both])
    assert found.alarm[0].tolist() == [False, False, True]
    # Negative binomial: of one count the best factor is y / mu.
    one = glr_nb([[9]], mean=2.0, overdispersion=0.5)
    expected = 9 * np.log(4.5) - 11 * np.log(5.5 / 2)
    np.testing.assert_allclose(one.extra["statistic"][0], [expected])


def test_next_to_no_overdispersion_is_the_poisson_chart() -> None:
    counts = np.random.default_rng(5).poisson(4, size=(3, 160)).astype(float)
    counts[:, 150:155] *= 3
    given: dict[str, Any] = {"training": 120, "change": "epidemic"}
    for change in ("intercept", "epidemic"):
        poisson = glr_poisson(counts, **{**given, "change": change})
        negative_binomial = glr_nb(counts, overdispersion=1e-9, **{**given, "change": change})
        np.testing.assert_allclose(
            poisson.extra["statistic"], negative_binomial.extra["statistic"], rtol=1e-5, atol=1e-5
        )
        np.testing.assert_array_equal(poisson.alarm, negative_binomial.alarm)


@pytest.mark.parametrize("change", ["intercept", "epidemic"])
def test_the_maximum_is_the_maximum(change: str) -> None:
    generator = np.random.default_rng(11)
    y = generator.poisson(3, size=12).astype(float)
    y[-2:] = 12
    mu, alpha = generator.uniform(1, 5, size=12), 0.3
    found = glr_nb(y, mean=mu, overdispersion=alpha, change=change, threshold=1e9)
    before = np.concatenate([[0.0], y[:-1]])
    sizes = np.linspace(0, 6, 20001)[:, np.newaxis]
    best = 0.0
    for begin in range(12):
        part = slice(begin, 12)
        mean = mu[part] * np.exp(sizes) if change == "intercept" else mu[part] + sizes * before[part]
        ratio = y[part] * np.log(mean / mu[part]) - (y[part] + 1 / alpha) * np.log(
            (1 + alpha * mean) / (1 + alpha * mu[part])
        )
        best = max(best, float(ratio.sum(axis=1).max()))
    assert found.extra["statistic"][0, -1] == pytest.approx(best, abs=1e-6)


def test_outbreakp_by_hand() -> None:
    found = outbreakp([1, 1, 4], min_history=0, evaluate=[-1])
    assert found.extra["statistic"][0, 0] == pytest.approx(2 * np.log(1 / 2) + 4 * np.log(2))
    assert outbreakp([1, 3, 2], min_history=0, evaluate=[-1]).extra["statistic"][0, 0] == pytest.approx(
        np.log(1 / 2) + 5 * np.log(2.5 / 2)
    )


def test_outbreakp_stays_finite_on_a_long_series() -> None:
    counts = np.repeat([100.0, 1000.0], 300)
    found = outbreakp(counts, evaluate=[-1])
    assert np.isfinite(found.extra["statistic"]).all()
    assert found.alarm[0, 0]
    assert (
        np.isnan(outbreakp(counts, evaluate=[-1], variant="surveillance-1.20").extra["statistic"][0, 0])
        or not (outbreakp(counts, evaluate=[-1], variant="surveillance-1.20").alarm[0, 0])
    )


def test_an_ewma_by_hand() -> None:
    found = ewma([[4, 8, np.nan, 20]], mean=4.0, lam=0.5, width=2.0)
    assert found.extra["statistic"][0].tolist() == [4.0, 6.0, 6.0, 12.5 + 0.5]
    share = 1 / 3 * (1 - 0.25 ** np.array([1, 2, 2, 3]))
    np.testing.assert_allclose(found.extra["limit"][0], 4 + 4 * np.sqrt(share))
    np.testing.assert_array_equal(found.alarm[0], [False, False, False, True])
    ok = found.reason[0] == Reason.OK
    np.testing.assert_array_equal(found.alarm[0][ok], (found.observed > found.upper)[0][ok])


def test_the_run_length_of_one_period_alone_is_exact() -> None:
    for mean in (1.0, 5.0, 30.0):
        limit = mean + 3 * np.sqrt(mean)
        assert average_run_length(mean, 1.0, 3.0) == pytest.approx(
            1 / stats.poisson.sf(limit, mean), rel=1e-9
        )


def test_the_run_length_is_that_of_a_simulation() -> None:
    generator = np.random.default_rng(7)
    for mean, lam in ((5.0, 0.3), (1.0, 0.2)):
        width = calibrated_width(mean, lam, 60.0)
        limit = mean + width * np.sqrt(mean * lam / (2 - lam))
        level, length, alive = np.full(6000, mean), np.zeros(6000), np.ones(6000, dtype=bool)
        for _ in range(900):
            level = lam * generator.poisson(mean, size=6000) + (1 - lam) * level
            length += alive
            alive &= level <= limit
        assert length.mean() == pytest.approx(60, rel=0.06)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bayes3([1.0] * 9, w=26), "w must be"),
        (lambda: farrington_original([[1.0, -2.0]]), "counts must be"),
        (lambda: cusum([1.0] * 9, mean=[1.0, 2.0]), "mean must be numbers > 0"),
        (lambda: cusum([1.0] * 9, training=1), "training must be"),
        (lambda: glr_poisson([1.0] * 9, change="epidemic", theta=0.3), "change must be"),
        (lambda: glr_poisson([1.0] * 9, theta=-0.3), "theta must be"),
        (lambda: glr_poisson([1.0] * 9, window=2, min_window=3), "window must be"),
        (lambda: glr_nb([1.0] * 9, mean=2.0), "overdispersion must be"),
        (lambda: glr_poisson([1.0] * 9, mean=2.0, refit=True), "refit must be"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()
