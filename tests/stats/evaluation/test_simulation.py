"""The simulated design: sizes, windows, moments, reproducibility; outbreaks put into real series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from anlan.errors import ParameterError
from anlan.stats.evaluation import (
    SCENARIOS,
    PairedSeries,
    inject_outbreaks,
    measure,
    run_method,
    simulate_noufaily,
)
from anlan.stats.evaluation.paired import spread_outbreak


def simulated(replicates: int = 10, seed: int = 1, **more: Any) -> PairedSeries:
    return simulate_noufaily(replicates, generator=np.random.default_rng(seed), **more)


def test_a_seed_gives_the_same_series_and_another_others() -> None:
    one, again, other = simulated(1), simulated(1), simulated(1, seed=2)

    np.testing.assert_array_equal(one.with_outbreak, again.with_outbreak)
    assert (one.without != other.without).any()


def test_shapes_and_windows() -> None:
    series = simulated(5)

    assert series.without.shape == (210, 624)
    assert series.tested.tolist() == list(range(575, 624))
    assert (series.outbreak[:, :575] == 0).all()
    assert series.outbreak.any(axis=1).all()
    assert (series.first_week >= 0).all()
    assert (series.first_week <= series.last_week).all()
    assert (series.outbreak_weeks.sum(axis=1) == series.last_week - series.first_week + 1).all()


def test_fifty_replicates_cross_both_sizes() -> None:
    labels = simulated(50).labels
    assert np.bincount(simulated(10).labels["k_current"])[1:].tolist() == [42] * 10
    first = labels["scenario"] == 17
    pairs = {
        (int(past), int(now))
        for past, now in zip(labels["k_past"][first], labels["k_current"][first], strict=True)
    }

    assert len(pairs) == 50
    assert labels["group"].tolist() == [1 + (n - 1) // 6 for n in labels["scenario"].tolist()]


def test_counts_have_the_moments_of_their_scenario() -> None:
    """Quiet series of scenario 21 (phi 5, two harmonics): mean and variance of the weeks before any outbreak."""
    series = simulated(200)
    chosen = (series.labels["scenario"] == 21) & (series.labels["k_past"] == 0)
    counts, mean = series.without[chosen][:, :312], SCENARIOS[20].mean()[:312]

    assert counts.mean() == pytest.approx(mean.mean(), rel=0.05)
    assert ((counts - mean) ** 2 / mean).mean() == pytest.approx(5.0, rel=0.1)


def test_poisson_scenarios_are_poisson() -> None:
    series = simulated(100)
    chosen = (series.labels["group"] == 3) & (series.labels["k_past"] == 0)
    mean = np.stack([SCENARIOS[n - 1].mean() for n in series.labels["scenario"][chosen].tolist()])

    assert ((series.without[chosen] - mean) ** 2 / mean).mean() == pytest.approx(1.0, rel=0.03)


def test_outbreaks_have_their_size_and_shape() -> None:
    generator = np.random.default_rng(3)
    cases = spread_outbreak(np.full(4000, 2), np.full(4000, 30.0), 40, 39, generator)

    assert cases.sum(axis=1).mean() == pytest.approx(30, rel=0.02)
    assert (cases[:, :2] == 0).all()
    # P(X < 1) = 1/2, P(X < 2) = Phi(log 2 / 0.5) for X lognormal(0, 0.5)
    assert cases[:, 2].sum() / cases.sum() == pytest.approx(0.5, abs=0.01)
    assert cases[:, 2:4].sum() / cases.sum() == pytest.approx(0.917, abs=0.01)


def test_outbreaks_have_two_cases_and_end_where_nobody_looks() -> None:
    generator = np.random.default_rng(3)
    small = spread_outbreak(np.zeros(300, dtype=np.int64), np.full(300, 0.3), 30, 29, generator)
    late = spread_outbreak(np.full(300, 9), np.full(300, 20.0), 30, 9, generator)

    assert small.sum(axis=1).min() >= 2
    assert (late[:, 10:] == 0).all()


def test_a_correlated_level_keeps_the_mean_and_shows_in_the_series() -> None:
    quiet, moved = simulated(20), simulated(20, level_correlation=0.9, level_sd=0.25)
    chosen = quiet.labels["group"] == 7
    ratio = moved.without[chosen][:, :312] / SCENARIOS[36].mean()[:312]

    assert moved.without[chosen].mean() == pytest.approx(quiet.without[chosen].mean(), rel=0.05)
    centred = np.log(ratio) - np.log(ratio).mean()
    assert (centred[:, 1:] * centred[:, :-1]).mean() / (centred**2).mean() > 0.5


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({"replicates": 0}, "replicates"), ({"level_correlation": 1.0}, "level_correlation"), ({"level_sd": -1.0}, "level_sd")],
)  # fmt: skip
def test_wrong_settings_are_named(parameters: dict[str, Any], name: str) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        simulated(**{"replicates": 1, **parameters})


def real_series() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.random.default_rng(5).poisson([[2.0], [9.0], [40.0]], size=(3, 200)).astype(np.float64)


def test_injected_outbreaks_stand_beside_the_series_as_it_is() -> None:
    counts = real_series()
    counts[1, 150] = np.nan
    series = inject_outbreaks(
        counts, size_sd=5, first_tested=120, generator=np.random.default_rng(1), repeats=40
    )

    np.testing.assert_array_equal(series.without, counts[series.labels["series"]])
    assert len(series.without) >= 118
    assert (series.outbreak[:, :120] == 0).all()
    assert (series.outbreak[series.labels["series"] == 1, 150] == 0).all()
    size = series.outbreak.sum(axis=1)
    for row, mean in enumerate((2.0, 9.0, 40.0)):
        assert size[series.labels["series"] == row].mean() == pytest.approx(5 * np.sqrt(mean), rel=0.25)


def test_a_series_that_cannot_carry_an_outbreak_is_left_out_or_refused() -> None:
    counts = real_series()
    counts[0, :110] = np.nan
    generator = np.random.default_rng(1)
    series = inject_outbreaks(counts, size_sd=5, first_tested=120, generator=generator)
    assert series.labels["series"].tolist() == [1, 2]

    with pytest.raises(ParameterError, match="^counts must be series with two years"):
        inject_outbreaks(counts[:1], size_sd=5, first_tested=120, generator=generator)
    with pytest.raises(ParameterError, match="^size_sd must be"):
        inject_outbreaks(counts, size_sd=0, first_tested=120, generator=generator)
    with pytest.raises(ParameterError, match="^first_tested must be"):
        inject_outbreaks(counts, size_sd=5, first_tested=200, generator=generator)
    with pytest.raises(ParameterError, match="^size_sd must be given, or size_cases, but not both"):
        inject_outbreaks(counts, first_tested=120, generator=generator)
    with pytest.raises(ParameterError, match="^size_sd must be given, or size_cases, but not both"):
        inject_outbreaks(counts, size_sd=2, size_cases=3, first_tested=120, generator=generator)


def test_outbreaks_of_so_many_cases_need_no_history_and_any_time_step() -> None:
    counts = real_series()[:, :40]
    dates = np.datetime64("2024-01-01") + np.arange(40)
    series = inject_outbreaks(
        counts, size_cases=12, first_tested=20, generator=np.random.default_rng(1), dates=dates, repeats=60,
        median_periods=3.0,
    )  # fmt: skip
    whole = series.start < 30  # so late that no case falls behind the end

    assert series.outbreak[whole].sum(axis=1).mean() == pytest.approx(12, rel=0.1)
    first_case = np.argmax(series.outbreak > 0, axis=1) - series.start
    assert 0.5 < first_case[whole].mean() < 2.5
    assert series.dates is not None
    np.testing.assert_array_equal(series.dates, dates)
    np.testing.assert_array_equal(series.take(whole).dates, dates)


def test_copies_of_one_series_are_one_unit_of_the_intervals() -> None:
    generator = np.random.default_rng(1)
    series = inject_outbreaks(real_series(), size_sd=6, first_tested=150, generator=generator, repeats=30)
    single = inject_outbreaks(real_series()[:1], size_sd=6, first_tested=150, generator=generator, repeats=30)
    alarms = np.zeros((len(series.without), 50), dtype=bool)
    alarms[series.units == 1] = True
    found = measure(alarms, alarms, series).estimate("fpr")

    assert np.unique(series.units).tolist() == [0, 1, 2]
    assert found.value == pytest.approx(1 / 3, abs=0.02)
    assert found.half_width == pytest.approx(
        1.96 * np.sqrt((1 / 3) * (2 / 3) / 2), rel=0.05
    )  # three units, ddof 1
    assert len(np.unique(single.units)) == len(single.without)


def test_dates_reach_the_method() -> None:
    """Weeks with dates have years of 365.25 days; without them the benchmark's 52 weeks."""
    counts = real_series()
    dates = np.datetime64("2020-01-06") + 7 * np.arange(200)
    generator = np.random.default_rng(2)
    dated = inject_outbreaks(counts, size_sd=5, first_tested=150, generator=generator, dates=dates)
    run = run_method("anlan", dated)

    assert "frequency" not in run.parameters
    assert run.has_p_values
    plain = run_method("anlan", PairedSeries(dated.without, dated.outbreak, 150, dated.start))
    assert plain.parameters["frequency"] == 52
    assert (run.scores.null != plain.scores.null).any()
