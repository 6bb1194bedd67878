"""The anlan detector as a whole: streaming, calendars, gaps, short history, scale, hostile input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.errors import ParameterError
from anlan.stats.counts import (
    METHODS,
    Reason,
    anlan_begin,
    anlan_detector,
    anlan_update,
    check_detector,
)
from anlan.stats.counts.result import FloatArray

COMPARED = ("observed", "expected", "upper", "score", "p_value", "alarm", "reason")


def make_counts(n_series: int = 2, n_times: int = 320, seed: int = 0) -> FloatArray:
    generator = np.random.default_rng(seed)
    week = np.arange(n_times)
    mean = generator.uniform(0.3, 20, (n_series, 1)) * (1 + 0.5 * np.sin(2 * np.pi * week / 52))
    return generator.negative_binomial(mean / 0.6, 1 / 1.6).astype(np.float64)


@pytest.mark.parametrize("parameters", [{}, {"slow": True, "years": 2}, {"memory": 0.0, "years": 3}])
def test_keeps_the_contract_of_detectors(parameters: dict[str, Any]) -> None:
    check_detector(METHODS["anlan"], seed=3, **parameters)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    history=st.integers(0, 130),
    gaps=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 139)), max_size=30),
    slow=st.booleans(),
)
def test_one_by_one_is_the_same_as_all_together(
    seed: int, history: int, gaps: list[tuple[int, int]], slow: bool
) -> None:
    counts = make_counts(2, 140, seed)
    for row, column in gaps:
        counts[row, column] = np.nan
    whole = anlan_detector(counts, years=2, slow=slow)
    state = anlan_begin(counts[:, :history], years=2, slow=slow)
    for time in range(history, 140):
        state, found = anlan_update(state, counts[:, time])
        assert found.times.tolist() == [time]
        for name in COMPARED:
            np.testing.assert_allclose(
                getattr(found, name)[:, 0].astype(float), getattr(whole, name)[:, time].astype(float),
                rtol=1e-9, atol=1e-12, err_msg=f"{name} at {time}",
            )  # fmt: skip
        assert found.extra.keys() == whole.extra.keys()
        for name, values in whole.extra.items():
            np.testing.assert_allclose(
                found.extra[name][:, 0].astype(float), values[:, time].astype(float), rtol=1e-9, atol=1e-12
            )


def test_several_periods_at_once() -> None:
    counts = make_counts(3, 240)
    state, found = anlan_update(anlan_begin(counts[:, :225], slow=True), counts[:, 225:])
    whole = anlan_detector(counts, slow=True)

    np.testing.assert_allclose(found.p_value, whole.p_value[:, 225:], rtol=1e-9)
    np.testing.assert_allclose(found.extra["slow_score"], whole.extra["slow_score"][:, 225:], rtol=1e-9)
    assert found.times.tolist() == list(range(225, 240))
    same, nothing = anlan_update(state, np.zeros((3, 0)))
    assert nothing.alarm.shape == (3, 0)
    assert same.n_seen == 240


def test_streaming_months_with_dates() -> None:
    dates = np.arange("2015-01", "2021-01", dtype="datetime64[M]").astype("datetime64[D]")
    counts = make_counts(3, len(dates))
    state = anlan_begin(counts[:, :-1], dates=dates[:-1])
    _, found = anlan_update(state, counts[:, -1])

    assert found.p_value[:, 0] == pytest.approx(anlan_detector(counts, dates=dates).p_value[:, -1], rel=1e-9)


def test_the_alarm_is_the_p_value_at_alpha() -> None:
    counts = make_counts(30, 300)
    counts[:, 280:283] *= 3
    found = anlan_detector(counts, evaluate=slice(200, None), alpha=0.02)

    assert found.alarm.any()
    np.testing.assert_array_equal(found.alarm, found.p_value <= 0.02)


def test_the_limit_says_what_would_alarm() -> None:
    counts = make_counts(4, 220)
    upper = anlan_detector(counts, evaluate=[-1]).upper[:, 0]
    for more in (0.0, 1.0):
        counts[:, -1] = upper + more
        assert anlan_detector(counts, evaluate=[-1]).alarm[:, 0].tolist() == [more > 0] * 4


def test_a_second_high_week_alarms_where_it_would_not_alone() -> None:
    counts = np.full((1, 200), 5.0)
    counts[0, ::2] = 6.0
    counts[0, -2] = 14.0
    counts[0, -1] = 10.0
    found = anlan_detector(counts, evaluate=[-1], alpha=0.02)

    assert found.extra["p_alone"][0, 0] > 0.02
    assert found.p_value[0, 0] < 0.02
    assert found.upper[0, 0] < found.extra["upper_alone"][0, 0]


def test_a_missing_week_before_leaves_the_week_alone() -> None:
    counts = make_counts(3, 200)
    counts[:, -2] = np.nan
    found = anlan_detector(counts, evaluate=[-1])

    assert found.p_value == pytest.approx(found.extra["p_alone"], rel=1e-9)
    np.testing.assert_array_equal(found.upper, found.extra["upper_alone"])


def test_past_outbreaks_are_pulled_down_and_shown() -> None:
    counts = np.random.default_rng(2).poisson(4.0, size=(1, 261)).astype(float)
    quiet = anlan_detector(counts, evaluate=[-1])
    counts[0, 100:103] = 40.0
    found = anlan_detector(counts, evaluate=[-1])

    assert found.extra["outbreak_periods"][0, 0] >= 3
    assert found.extra["outbreak_weight"][0, 0] < 0.5
    assert found.expected[0, 0] == pytest.approx(quiet.expected[0, 0], rel=0.15)


def test_a_lasting_change_of_level_is_followed() -> None:
    counts = np.random.default_rng(2).poisson(np.r_[np.full(220, 4.0), np.full(41, 16.0)], size=(1, 261))
    found = anlan_detector(counts, evaluate=[-1])

    assert found.extra["level_used"][0, 0]
    assert found.extra["level"][0, 0] > 1.3
    assert found.expected[0, 0] == pytest.approx(16, rel=0.3)
    assert not found.alarm[0, 0]


def test_a_slow_outbreak_is_seen_by_the_indicator_before_any_alarm() -> None:
    counts = np.random.default_rng(9).poisson(9.0, size=(200, 275)).astype(float)
    counts[:, -6:] += 4
    found = anlan_detector(counts, evaluate=[-1], slow=True)

    assert found.extra["slow_alarm"].mean() > found.alarm.mean() + 0.1
    assert "slow_alarm" not in anlan_detector(counts[:1], evaluate=[-1]).extra


def test_a_year_of_weeks_with_dates_is_not_52() -> None:
    dates = np.datetime64("2010-01-04") + 7 * np.arange(400)
    counts = make_counts(1, 400)
    found = anlan_detector(counts, dates=dates)

    assert found.reason[0, 104] == Reason.SHORT_HISTORY
    assert found.reason[0, 105] == Reason.OK
    assert found.extra["years_of_history"][0, -1] == pytest.approx(5, abs=0.01)


def test_the_origin_of_the_season_makes_no_difference() -> None:
    counts = make_counts(2, 330)

    a = anlan_detector(counts, evaluate=[-1])
    b = anlan_detector(counts[:, 17:], evaluate=[-1])
    np.testing.assert_allclose(a.p_value, b.p_value, rtol=1e-9)


def test_reasons_where_it_cannot_decide() -> None:
    counts = make_counts(4, 180)
    counts[0, :100] = np.nan  # began too late
    counts[1, 20:150] = np.nan  # mostly not reported
    counts[2, -1] = np.nan
    found = anlan_detector(counts, evaluate=[-1])

    assert found.reason[:, 0].tolist() == [
        Reason.SHORT_HISTORY, Reason.INCOMPLETE_REFERENCE, Reason.MISSING_CURRENT, Reason.OK,
    ]  # fmt: skip
    assert not found.alarm[:3].any()
    assert np.isnan(found.p_value[:3]).all()
    assert np.isfinite(found.upper[2, 0])


def test_the_first_case_after_years_of_none() -> None:
    counts = np.zeros((2, 300))
    counts[1, -1] = 1
    found = anlan_detector(counts, evaluate=[-1])

    assert found.reason[:, 0].tolist() == [Reason.OK] * 2
    assert found.alarm[:, 0].tolist() == [False, True]
    assert found.expected[:, 0] == pytest.approx([0.5 / 260] * 2)


@pytest.mark.parametrize("scale", [1e4, 1e6])
def test_huge_counts_are_judged(scale: float) -> None:
    counts = np.random.default_rng(0).poisson(scale, size=(2, 280)).astype(float)
    counts[1, -1] *= 1.5
    found = anlan_detector(counts, evaluate=[-1])

    assert found.reason[:, 0].tolist() == [Reason.OK] * 2
    assert found.alarm[:, 0].tolist() == [False, True]


@pytest.mark.parametrize("at", [120, 210, 258])
@pytest.mark.parametrize("spike", [300.0, 5000.0, 1e6])
@pytest.mark.parametrize("mean", [0.05, 4.0])
def test_one_absurd_week_does_not_blind_the_years_after(at: int, spike: float, mean: float) -> None:
    counts = np.random.default_rng(6).poisson(mean, size=(20, 261)).astype(float)
    quiet = anlan_detector(counts, evaluate=[-1])
    counts[:, at] = spike
    found = anlan_detector(counts, evaluate=[-1])

    assert (found.reason == Reason.OK).all()
    assert found.expected.mean() < 1.5 * quiet.expected.mean() + 0.2
    assert (found.extra["upper_alone"] <= 2.5 * quiet.extra["upper_alone"] + 4).all()


def test_an_explosive_epidemic_alarms_week_after_week() -> None:
    counts = np.zeros((1, 160))
    counts[0, 3::40] = 1
    counts[0, -4:] = [50, 800, 9000, 9000]
    found = anlan_detector(counts, evaluate=slice(-4, None))

    assert np.isfinite(found.upper).all()
    assert found.alarm.all()


def test_a_very_strong_season_converges() -> None:
    week = np.arange(400)
    mean = np.exp(1 + 3 * np.cos(2 * np.pi * week / 52))
    counts = np.random.default_rng(0).poisson(mean, size=(20, 400)).astype(float)
    found = anlan_detector(counts, evaluate=slice(300, None))

    assert (found.reason == Reason.OK).all()
    assert found.alarm.mean() < 0.03


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"years": 1}, "years"), ({"years": 31}, "years"), ({"years": 5.0}, "years"),
        ({"memory": -0.1}, "memory"), ({"memory": 1.1}, "memory"), ({"alpha": 0.0}, "alpha"),
        ({"alpha": 0.5}, "alpha"), ({"alpha": True}, "alpha"), ({"slow": 1}, "slow"),
        ({"frequency": 1}, "frequency"), ({"evaluate": [10]}, "evaluate"), ({"dates": ["2020-01-01"]}, "dates"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(parameters: dict[str, Any], name: str) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        anlan_detector(np.ones((1, 10)), **parameters)


@pytest.mark.parametrize("values", [[1.0], 3.0, [[1.0, 2.0]], [1.0, -1.0], [1.0, np.inf], ["a", "b"]])
def test_a_wrong_update_is_refused_and_changes_nothing(values: Any) -> None:
    state = anlan_begin(make_counts(2, 120), years=2)
    with pytest.raises(ParameterError, match="^values must be"):
        anlan_update(state, values)
    after, _ = anlan_update(state, [1.0, 2.0])
    assert after.n_seen == state.n_seen + 1 == 121


def test_alarms_of_independent_series_come_at_about_the_nominal_rate() -> None:
    week = np.arange(312)
    mean = 6 * np.exp(0.4 * np.cos(2 * np.pi * week / 52))
    counts = np.random.default_rng(77).negative_binomial(mean / 0.5, 1 / 1.5, size=(120, 312)).astype(float)
    found = anlan_detector(counts, evaluate=slice(-40, None), alpha=0.05)

    assert 0.035 < found.alarm.mean() < 0.065
