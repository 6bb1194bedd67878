"""Fixed limits: direction, duration, hysteresis, missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import ParameterError
from anlan.stats.counts import Reason, limit

NAN = float("nan")
values_with_gaps = st.lists(st.one_of(st.none(), st.integers(-5, 15)), min_size=1, max_size=30)


def alarms(values: list[float], **parameters: Any) -> list[int]:
    return [int(alarm) for alarm in limit(values, **parameters).alarm[0]]


def test_above_is_strict_unless_inclusive() -> None:
    assert alarms([9, 10, 11], limit=10) == [0, 0, 1]
    assert alarms([9, 10, 11], limit=10, inclusive=True) == [0, 1, 1]


def test_below_looks_the_other_way() -> None:
    assert alarms([5, 4, 3], limit=4, direction="below") == [0, 0, 1]
    assert alarms([5, 4, 3], limit=4, direction="below", inclusive=True) == [0, 1, 1]


def test_duration_asks_for_periods_in_a_row() -> None:
    assert alarms([12, 9, 12, 12, 12, 9], limit=10, duration=3) == [0, 0, 0, 0, 1, 0]


def test_hysteresis_keeps_the_alarm_until_the_value_is_well_back() -> None:
    assert alarms([11, 9.5, 10.5, 8.5, 8, 9.5, 11], limit=10, hysteresis=2) == [1, 1, 1, 1, 0, 0, 1]
    assert alarms([3, 4.5, 5], limit=4, direction="below", hysteresis=1) == [1, 1, 0]


def test_duration_and_hysteresis_together() -> None:
    assert alarms([11, 11, 9, 7, 11, 11], limit=10, duration=2, hysteresis=2) == [0, 1, 1, 0, 0, 1]


def test_a_missing_value_interrupts_the_row_but_ends_no_alarm() -> None:
    found = limit([11, NAN, 11, 11, NAN, NAN, 11, 9, NAN], limit=10, duration=2)

    assert found.alarm[0].astype(int).tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0]
    assert [Reason(code).name for code in found.reason[0]] == [
        "OK",
        "MISSING_CURRENT",
        "OK",
        "OK",
        "HELD",
        "HELD",
        "OK",
        "OK",
        "MISSING_CURRENT",
    ]


def test_every_series_can_have_its_own_limit() -> None:
    found = limit([[5.0], [5.0]], limit=[4.0, 6.0])
    assert found.alarm.tolist() == [[True], [False]]
    assert found.upper.tolist() == [[4.0], [6.0]]


def test_the_score_is_the_ratio_to_the_limit() -> None:
    assert limit([5.0, 20.0], limit=10).score.tolist() == [[0.5, 2.0]]
    assert limit([5.0, 20.0], limit=10, direction="below").score.tolist() == [[2.0, 0.5]]
    assert np.isnan(limit([-5.0, 0.0], limit=-10).score).all()


def test_temperatures_below_zero() -> None:
    assert alarms([-8, -11, -10], limit=-10, direction="below", hysteresis=0.5) == [0, 1, 1]


def slow(values: list[float], bound: float, duration: int, back: float) -> list[bool]:
    """The rule told one value at a time."""
    on, run, said = False, 0, []
    for value in values:
        run = run + 1 if value > bound else 0
        if run >= duration:
            on = True
        elif on and value == value and not (value > bound or value > bound - back):
            on = False
        said.append(on)
    return said


@given(values_with_gaps, st.integers(1, 4), st.integers(0, 4))
def test_equals_the_rule_told_one_value_at_a_time(
    values: list[float | None], duration: int, back: int
) -> None:
    numbers = [NAN if value is None else float(value) for value in values]
    found = limit(numbers, limit=6, duration=duration, hysteresis=back)
    assert found.alarm[0].tolist() == slow(numbers, 6, duration, back)


@given(values_with_gaps, st.integers(1, 4))
def test_below_is_the_mirror_of_above(values: list[float | None], duration: int) -> None:
    numbers = np.array([NAN if value is None else float(value) for value in values])
    above = limit(numbers, limit=6, duration=duration, hysteresis=1)
    below = limit(-numbers, limit=-6, duration=duration, hysteresis=1, direction="below")
    np.testing.assert_array_equal(above.alarm, below.alarm)


@given(values_with_gaps, st.integers(1, 10))
def test_the_state_runs_through_what_is_not_evaluated(values: list[float | None], chosen: int) -> None:
    numbers = np.array([NAN if value is None else float(value) for value in values])
    at = chosen % len(values)
    whole, one = limit(numbers, limit=4, hysteresis=3), limit(numbers, limit=4, hysteresis=3, evaluate=[at])
    assert one.alarm[0, 0] == whole.alarm[0, at]
    assert one.reason[0, 0] == whole.reason[0, at]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0)])
def test_empty_input(shape: tuple[int, int]) -> None:
    assert limit(np.ones(shape), limit=1).alarm.shape == shape


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", NAN),
        ("limit", [1.0, 2.0, 3.0]),
        ("limit", "ten"),
        ("direction", "up"),
        ("inclusive", 1),
        ("duration", 0),
        ("hysteresis", -1),
    ],
)
def test_a_wrong_argument_is_named(name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        limit([1.0, 2.0], **{"limit": 1.0, name: value})


def test_an_infinite_value_is_refused() -> None:
    with pytest.raises(ParameterError, match="values must be finite numbers or NaN"):
        limit([1.0, float("inf")], limit=2)
