"""Measures on alarms small enough to count by hand; thresholds and curves; comparisons."""

from __future__ import annotations

import numpy as np
import pytest

import anlan.stats.evaluation as evaluation
from anlan.errors import ParameterError
from anlan.stats.evaluation import (
    PairedSeries,
    Scores,
    at_rate,
    comparable_methods,
    compare_at_own_rates,
    delay_curve,
    measure,
    roc,
    run_method,
    simulate_noufaily,
    threshold_at,
)


def make_series() -> PairedSeries:
    """Three series of eight weeks, six of them judged; outbreaks in judged weeks 1-2 (a hole after), 4 and 2-4."""
    outbreak = np.zeros((3, 8))
    outbreak[0, [3, 4]] = 2
    outbreak[1, 6] = 5
    outbreak[2, [4, 6]] = 1
    return PairedSeries(np.ones((3, 8)), outbreak, 2, np.array([3, 6, 4]))


def flags(*rows: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.array([[sign == "1" for sign in row] for row in rows])


NULL = flags("100000", "000000", "000001")
FOUND = flags("101000", "000100", "001110")


def test_the_measures_by_hand() -> None:
    found = measure(NULL, FOUND, make_series())
    said = {name: found.estimate(name).value for name in evaluation.MEASURES}

    assert said["fpr"] == pytest.approx(2 / 18)
    assert said["pod"] == pytest.approx(2 / 3)
    assert said["pod_first_week"] == pytest.approx(1 / 3)  # the third one only
    assert said["delay"] == pytest.approx((1 + 1 + 0) / 3)  # second: missed, duration 1
    assert said["ppv"] == pytest.approx(4 / 6)
    assert said["sensitivity"] == pytest.approx(4 / 6)
    assert said["specificity"] == pytest.approx(10 / 12)
    assert said["npv"] == pytest.approx(10 / 12)


def test_weeks_that_were_not_judged() -> None:
    judged = np.ones((3, 6), dtype=bool)
    judged[0, [0, 2]] = False
    found = measure(NULL, FOUND, make_series(), null_judged=judged, outbreak_judged=judged)

    assert found.estimate("fpr").value == pytest.approx(1 / 16)
    assert found.estimate("pod").value == pytest.approx(1 / 3)
    assert found.estimate("sensitivity").value == pytest.approx(3 / 6)
    assert found.estimate("specificity").value == pytest.approx(10 / 11)


def test_the_interval_of_a_share_is_the_binomial_one() -> None:
    n = 400
    outbreak = np.zeros((n, 3))
    outbreak[:, 2] = 1
    series = PairedSeries(np.zeros((n, 3)), outbreak, 1, np.full(n, 2))
    alarms = np.zeros((n, 2), dtype=bool)
    alarms[:100, 1] = True
    pod = measure(alarms, alarms, series).estimate("pod")

    assert pod.value == 0.25
    assert pod.half_width == pytest.approx(1.96 * np.sqrt(0.25 * 0.75 / (n - 1)), rel=1e-4)


def test_the_interval_of_precision_holds_its_coverage() -> None:
    """A ratio of two random sums: 95 % of intervals over repeated draws cover the truth."""
    generator = np.random.default_rng(1)
    outbreak = np.zeros((150, 12))
    outbreak[:, 5:7] = 1
    series = PairedSeries(np.zeros((150, 12)), outbreak, 2, np.full(150, 5))
    inside = series.outbreak_weeks
    truth = 2 * 0.4 / (2 * 0.4 + 8 * 0.05)
    covered = 0
    for _ in range(300):
        alarms = generator.random(inside.shape) < np.where(inside, 0.4, 0.05)
        ppv = measure(alarms, alarms, series).estimate("ppv")
        covered += ppv.low <= truth <= ppv.high
    assert 0.91 < covered / 300 < 0.985


def test_a_difference_with_itself_is_nothing() -> None:
    found = measure(NULL, FOUND, make_series())
    for name in evaluation.MEASURES:
        difference = found.difference(found, name)
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_a_paired_difference_is_sharper_than_its_parts() -> None:
    generator = np.random.default_rng(2)
    outbreak = np.zeros((500, 4))
    outbreak[:, 3] = 1
    series = PairedSeries(np.zeros((500, 4)), outbreak, 2, np.full(500, 3))
    first = generator.random((500, 2)) < 0.5
    second = first | (generator.random((500, 2)) < 0.05)
    better, base = (measure(alarms, alarms, series) for alarms in (second, first))

    difference = better.difference(base, "pod")
    assert 0 < difference.low < difference.high < 0.1
    assert difference.half_width < better.estimate("pod").half_width / 2


def test_no_alarm_at_all_has_no_precision() -> None:
    quiet = np.zeros((3, 6), dtype=bool)
    found = measure(quiet, quiet, make_series())

    assert np.isnan(found.estimate("ppv").value)
    assert found.estimate("pod").value == 0


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ParameterError, match="null_alarms must be a boolean array of shape"):
        measure(NULL[:, 1:], FOUND, make_series())
    with pytest.raises(ParameterError, match="outbreak_alarms must be a boolean array"):
        measure(NULL, FOUND.astype(float), make_series())


def test_the_threshold_keeps_the_rate() -> None:
    scores = np.arange(100.0).reshape(10, 10)

    for rate in (0.01, 0.05, 0.5, 0.29):
        assert (scores > threshold_at(scores, rate)).mean() == pytest.approx(rate)
    assert (scores > threshold_at(scores, 0.015)).mean() == pytest.approx(0.01)
    scores[0, 0] = np.nan
    assert (scores > threshold_at(scores, 0.1)).sum() == 9
    assert np.isnan(threshold_at(np.full((1, 1), np.nan), 0.1))
    with pytest.raises(ParameterError, match="^rate must be"):
        threshold_at(scores, 0.0)


def test_curves_rise() -> None:
    series = simulate_noufaily(2, generator=np.random.default_rng(0))
    generator = np.random.default_rng(1)
    null = generator.normal(size=(84, 49))
    scores = Scores(null, null + 3 * series.outbreak_weeks)
    curve = roc(scores, series, (0.01, 0.05, 0.2))
    pods = [point.performance.estimate("pod").value for point in curve]
    by_week = [point.value for point in delay_curve(scores, series, 0.05)]

    assert pods == sorted(pods)
    assert by_week == sorted(by_week)
    assert by_week[0] == pytest.approx(
        at_rate(scores, series, 0.05).performance.estimate("pod_first_week").value
    )
    assert by_week[-1] <= pods[1]


def test_a_run_and_a_comparison_at_equal_rates() -> None:
    series = simulate_noufaily(1, generator=np.random.default_rng(4))
    base = run_method("ears_c2", series)
    [found] = compare_at_own_rates(base, [base], series)

    assert base.parameters["alpha"] == 0.01
    assert found.rate == pytest.approx(base.rate)
    assert found.difference["pod"].value == pytest.approx(0, abs=0.03)
    assert {"ears_c1", "farrington_flexible", "anlan"} <= set(comparable_methods())
    assert "limit" not in comparable_methods()


@pytest.mark.slow
def test_anlan_against_farrington_on_420_series() -> None:
    """Coarse on purpose: the standard error of a detection difference is 1.9 points here."""
    series = simulate_noufaily(10, generator=np.random.default_rng(2026))
    ours, theirs = run_method("anlan", series), run_method("farrington_flexible", series)
    [found] = compare_at_own_rates(ours, [theirs], series)

    assert 0.006 < ours.rate < 0.013
    assert found.difference["pod"].low > 0
    assert found.difference["ppv"].low > 0
    assert found.difference["delay"].high < 0


def test_the_public_names_are_what_is_importable() -> None:
    import inspect

    names = {
        name
        for name, value in vars(evaluation).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    assert names == set(evaluation.__all__)
