"""Alarm budgets: hand-worked thresholds and ranks, obtained against asked, and what Benjamini-Hochberg shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.errors import ParameterError
from anlan.stats.evaluation import alarm_budget, benjamini_hochberg


def test_the_trailing_limit_by_hand() -> None:
    """Four weeks of five series and two signals a week: the limit is the ninth smallest of the twenty before."""
    p = np.arange(1, 26).reshape(5, 5, order="F") / 100  # week t holds 0.05 t + 0.01 .. 0.05 t + 0.05
    p[:, 4] = [0.01, 0.09, 0.085, 0.5, np.nan]
    found = alarm_budget(p, signals_a_week=2, trailing_weeks=4)

    # Four series are judged in the last week: 2/4 of the 20 earlier values, so ten lie below the limit.
    assert np.isnan(found.limit[:4]).all()
    assert found.limit[4] == pytest.approx(0.11)
    assert found.signals[:, 4].tolist() == [True, True, True, False, False]
    assert not found.signals[:, :4].any()
    assert found.expected_chance[4] == pytest.approx(4 * 0.11)
    assert found.rank[:, 4].tolist() == [1, 3, 2, 4, 0]


def test_the_exact_variant_takes_the_smallest() -> None:
    p = np.array([[0.3, 0.001], [0.2, 0.002], [np.nan, 0.003], [0.9, 0.004]])
    found = alarm_budget(p, signals_a_week=2, exact=True, alpha=0.0035)

    assert found.signals.T.tolist() == [[True, True, False, False], [True, True, False, False]]
    assert found.limit.tolist() == [0.3, 0.002]
    assert found.held_back.T.tolist() == [[False] * 4, [False, False, True, False]]
    assert found.expected_chance == pytest.approx([0.9, 0.008])


def test_a_week_without_a_value_has_no_limit() -> None:
    p = np.full((3, 6), 0.5)
    p[:, 5] = np.nan
    for exact in (True, False):
        found = alarm_budget(p, signals_a_week=1, exact=exact)
        assert np.isnan(found.limit[5])
        assert not found.signals[:, 5].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 1000))
def test_the_exact_variant_gives_what_was_asked(wanted: int, seed: int) -> None:
    p = np.random.default_rng(seed).random((10, 7))
    found = alarm_budget(p, signals_a_week=wanted, exact=True)

    assert found.obtained.tolist() == [min(wanted, 10)] * 7
    assert (found.rank[found.signals] <= wanted).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_a_later_week_changes_no_earlier_limit(seed: int) -> None:
    p = np.random.default_rng(seed).random((20, 30))
    whole, part = (alarm_budget(values, signals_a_week=3) for values in (p, p[:, :-3]))

    np.testing.assert_array_equal(part.limit, whole.limit[:-3])


def test_the_trailing_limit_obtains_what_was_asked_even_from_a_wrong_model() -> None:
    """p-values too small by far, and the same for all weeks: the workload holds all the same."""
    p = np.random.default_rng(0).random((2000, 120)) ** 3
    found = alarm_budget(p, signals_a_week=20)

    assert found.obtained[30:].mean() == pytest.approx(20, rel=0.06)
    assert 3 < found.obtained[30:].std() < 6.5


def test_benjamini_hochberg_by_hand() -> None:
    """q 0.1, five p-values: 0.035 fails at 2/5 but 0.055 passes at 3/5, so three are found. NaN does not count."""
    p = np.array([0.01, 0.055, 0.9, np.nan, 0.045, 0.3])[:, np.newaxis]

    assert benjamini_hochberg(p, q=0.1)[:, 0].tolist() == [True, True, False, False, True, False]
    assert not benjamini_hochberg(np.full((4, 2), np.nan)).any()


def test_benjamini_hochberg_keeps_its_rate_on_independent_uniform_p_values() -> None:
    generator = np.random.default_rng(3)
    p = generator.random((200, 400))
    p[:20] = generator.random((20, 400)) * 1e-4
    found = benjamini_hochberg(p, q=0.1)
    share = found[20:].sum(axis=0) / np.maximum(found.sum(axis=0), 1)

    assert share.mean() == pytest.approx(0.09, abs=0.012)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"signals_a_week": 0}, "signals_a_week"), ({"trailing_weeks": 3}, "trailing_weeks"),
        ({"alpha": 1.0}, "alpha"), ({"exact": "yes"}, "exact"), ({"p_values": [0.1]}, "p_values"),
        ({"p_values": [[1.2]]}, "p_values"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(parameters: dict[str, Any], name: str) -> None:
    given_arguments = {"p_values": [[0.1]], "signals_a_week": 1, **parameters}
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        alarm_budget(given_arguments.pop("p_values"), **given_arguments)


def test_wrong_q_is_named() -> None:
    with pytest.raises(ParameterError, match="^q must be"):
        benjamini_hochberg([[0.1]], q=0.0)
