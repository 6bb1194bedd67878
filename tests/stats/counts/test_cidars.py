"""CIDARS: the worked percentile of the fact sheet, calendars, windows, and the fixed value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.errors import ParameterError
from anlan.stats.counts import Reason
from anlan.stats.counts.cidars import cidars_fixed, cidars_moving

# Five years by five blocks, and a current value of 6.
HISTORY = [
    [3, 4, 2, 5, 6],
    [4, 3, 5, 4, 7],
    [2, 2, 3, 6, 5],
    [5, 4, 4, 3, 8],
    [6, 5, 7, 4, 9],
]


def weekly(current: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    counts = np.full(52 * 5 + 3, 99.0)
    position = len(counts) - 1
    for year, blocks in enumerate(HISTORY, start=1):
        centre = position - 52 * year
        counts[centre - 2 : centre + 3] = blocks
    counts[-1] = current
    return counts


@pytest.mark.parametrize(
    ("percentile", "threshold", "signal"),
    [(50, 4, True), (60, 5, True), (70, 5, True), (80, 6, False), (90, 7, False)],
)
def test_the_worked_example(percentile: float, threshold: float, signal: bool) -> None:
    found = cidars_moving(weekly(6), evaluate=[-1], percentile=percentile, frequency=52, window=1)
    assert found.extra["n_history"][0, 0] == 25
    assert found.extra["threshold"][0, 0] == pytest.approx(threshold)
    assert found.alarm[0, 0] == signal
    # 6, 7, 6, 8, 6, 7, 9 are at least 6.
    assert found.p_value[0, 0] == pytest.approx(8 / 26)


@pytest.mark.parametrize(("percentile", "threshold"), [(70, 5.2), (90, 7.4)])
def test_the_other_definition_of_the_percentile(percentile: float, threshold: float) -> None:
    found = cidars_moving(
        weekly(6), evaluate=[-1], percentile=percentile, frequency=52, window=1, definition="weibull"
    )
    assert found.extra["threshold"][0, 0] == pytest.approx(threshold)


def test_seven_days_are_added_up() -> None:
    counts = np.zeros(365 * 5 + 21)
    found = cidars_moving(counts, evaluate=[-1])
    assert found.extra["window_sum"][0, 0] == 0
    assert not found.alarm[0, 0]
    counts[-7] = 1
    found = cidars_moving(counts, evaluate=[-1])
    assert found.extra["window_sum"][0, 0] == 1
    assert found.alarm[0, 0]
    assert found.upper[0, 0] == -1
    counts[-7], counts[-8] = 0, 1
    assert not cidars_moving(counts, evaluate=[-1]).alarm[0, 0]


def test_blocks_are_the_same_dates_of_past_years() -> None:
    dates = np.arange("2015-01-01", "2021-01-01", dtype="datetime64[D]")
    counts = np.zeros(len(dates))
    today = int(np.flatnonzero(dates == np.datetime64("2020-06-15"))[0])
    # The last day of the latest block of 2018 and the first day of its earliest: 14 days after, 14 + 6 before.
    for day in ("2018-06-29", "2018-05-26"):
        counts[dates == np.datetime64(day)] = 1
    inside = cidars_moving(counts, dates=dates, evaluate=[today], percentile=99)
    assert inside.extra["threshold"][0, 0] == pytest.approx(1)
    counts[:] = 0
    for day in ("2018-06-30", "2018-05-25"):
        counts[dates == np.datetime64(day)] = 1
    outside = cidars_moving(counts, dates=dates, evaluate=[today], percentile=99)
    assert outside.extra["threshold"][0, 0] == 0


def test_the_29_of_february_has_its_history() -> None:
    dates = np.arange("2015-01-01", "2021-01-01", dtype="datetime64[D]")
    counts = np.random.default_rng(1).poisson(4, size=len(dates)).astype(float)
    today = int(np.flatnonzero(dates == np.datetime64("2020-02-29"))[0])
    found = cidars_moving(counts, dates=dates, evaluate=[today])
    assert found.reason[0, 0] == Reason.OK
    assert found.extra["n_history"][0, 0] == 25
    assert found.extra["window_sum"][0, 0] == counts[today - 6 : today + 1].sum()


def test_fewer_years_are_enough_down_to_three() -> None:
    counts = np.random.default_rng(2).poisson(4, size=(1, 365 * 4)).astype(float)
    found = cidars_moving(counts)
    first = int(np.flatnonzero(found.reason[0] == Reason.OK)[0])
    assert first == 365 * 3 + 20
    assert found.extra["n_history"][0, first] == 15
    assert (found.reason[0, :first] == Reason.SHORT_HISTORY).all()


def test_a_missing_day_leaves_its_windows_out() -> None:
    counts = np.random.default_rng(3).poisson(4, size=(1, 365 * 6)).astype(float)
    gap = counts.copy()
    gap[0, -368] = np.nan
    found = cidars_moving(gap, evaluate=[-1])
    assert found.extra["n_history"][0, 0] == 24
    gap[0, -4] = np.nan
    assert cidars_moving(gap, evaluate=[-1]).reason[0, 0] == Reason.MISSING_CURRENT
    gap = counts.copy()
    gap[0, :-720] = np.nan
    assert cidars_moving(gap, evaluate=[-1]).reason[0, 0] == Reason.INCOMPLETE_REFERENCE


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["linear", "weibull"]), st.floats(1, 99))
def test_percentiles_are_those_of_numpy(seed: int, definition: str, percentile: float) -> None:
    counts = np.random.default_rng(seed).poisson(9, size=(4, 52 * 5 + 3)).astype(float)
    found = cidars_moving(counts, evaluate=[-1], frequency=52, percentile=percentile, definition=definition)
    last = counts.shape[1] - 1
    places = [last - 52 * year + shift for year in range(1, 6) for shift in range(-2, 3)]
    expected = np.percentile(counts[:, places], percentile, axis=1, method=definition)  # type: ignore[call-overload]
    np.testing.assert_allclose(found.extra["threshold"][:, 0], expected, rtol=1e-12)


def test_refuses_what_it_cannot_use() -> None:
    months = np.arange("2001-01", "2009-01", dtype="datetime64[M]").astype("datetime64[D]")
    with pytest.raises(ParameterError, match="^dates must be a day or a week apart"):
        cidars_moving(np.ones((1, len(months))), dates=months)
    with pytest.raises(ParameterError, match="^blocks must be below a year"):
        cidars_moving(np.ones((1, 400)), frequency=52, window=20, blocks=3)
    with pytest.raises(ParameterError, match="^frequency must be 52 for these dates"):
        cidars_moving(
            np.ones((1, 3)),
            dates=np.arange("2001-01-01", "2001-01-22", 7, dtype="datetime64[D]"),
            frequency=12,
        )


def test_a_single_case_of_plague_is_a_signal() -> None:
    found = cidars_fixed([[0, 1, 0, np.nan, 2]])
    assert found.alarm.tolist() == [[False, True, False, False, True]]
    assert found.reason[0, 3] == Reason.MISSING_CURRENT
    assert found.upper[0, [0, 1, 2, 4]].tolist() == [0, 0, 0, 0]


def test_a_fixed_value_over_a_window() -> None:
    found = cidars_fixed([[1, 1, 1, 0, 0, 0, 3]], threshold=3, window=3)
    assert found.alarm.tolist() == [[False, False, True, False, False, False, True]]
    assert found.extra["window_sum"].tolist() == [[1, 2, 3, 2, 1, 0, 3]]
    np.testing.assert_array_equal(found.alarm, found.observed > found.upper)
    # A day without a report hides no case that is known.
    gap = cidars_fixed([[2, np.nan, 1]], threshold=3, window=3)
    assert gap.alarm.tolist() == [[False, False, True]]
