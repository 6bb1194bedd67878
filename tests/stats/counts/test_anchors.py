"""Reference periods: by position, across years of 53 weeks, by month, and dates that cannot be used."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import ParameterError
from anlan.stats.counts.anchors import reference_rows, references, time_axis

MONDAYS = np.datetime64("2003-12-29") + 7 * np.arange(700)  # 2004, 2009 and 2015 have 53 ISO weeks


def lags(position: int, years: int = 5) -> list[int]:
    found = time_axis(len(MONDAYS), dates=MONDAYS, frequency=None).anchors(position, years)
    assert found is not None
    return [position - anchor for anchor in found.tolist()]


def place(day: str) -> int:
    return int(np.flatnonzero(np.datetime64(day) == MONDAYS)[0])


def test_blocks_of_a_small_year() -> None:
    """A year of 12, windows of 3, 4 blocks: worked out on paper.

    k = 0; anchor at -12; window -13..-11; gap -10..-2 has 9 periods, in three blocks of 3; current block -1..0.
    """
    offsets, block = reference_rows(np.array([12]), w=1, n_periods=4, skip=0)

    assert offsets.tolist() == list(range(-13, 0))
    assert block.tolist() == [4, 4, 4, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]


def test_an_uneven_gap_makes_the_first_blocks_longer() -> None:
    _, block = reference_rows(np.array([12]), w=1, n_periods=5, skip=1)
    assert block.tolist() == [5, 5, 5, 1, 1, 1, 2, 2, 3, 3, 4, 4]


def test_the_latest_periods_are_left_out() -> None:
    offsets, _ = reference_rows(np.array([52, 104]), w=3, n_periods=10, skip=26)
    assert offsets.max() == -27
    assert offsets.min() == -107


def test_one_period_keeps_only_the_windows() -> None:
    offsets, block = reference_rows(np.array([52, 104]), w=1, n_periods=1, skip=3)
    assert offsets.tolist() == [-105, -104, -103, -53, -52, -51]
    assert set(block.tolist()) == {1}


def test_a_long_year_is_crossed_by_date_not_by_position() -> None:
    # 2010-01-04 back to 2009 stays within a year of 52 weeks from Monday to Monday, back over 2009's 53 it does not.
    assert lags(place("2010-06-07"), 1) == [52]
    assert MONDAYS[place("2010-01-11") - lags(place("2010-01-11"), 1)[0]] == np.datetime64("2009-01-12")
    assert lags(place("2016-01-04"), 2) == [52, 104]
    assert lags(place("2009-12-28"), 5)[-1] == 261


def test_the_29th_of_february_goes_back_to_the_1st_of_march() -> None:
    weeks = np.datetime64("2008-03-03") + 7 * np.arange(260)
    axis = time_axis(260, dates=weeks - 4, frequency=None)  # Thursdays; 2012-03-01 among them
    sundays = time_axis(260, dates=weeks - 8, frequency=None)
    leap = int(np.flatnonzero(weeks - 4 == np.datetime64("2012-03-01"))[0])
    assert axis.anchors(leap, 1) is not None
    wednesdays = time_axis(260, dates=weeks - 5, frequency=None)
    at = int(np.flatnonzero(weeks - 5 == np.datetime64("2012-02-29"))[0])
    anchor = wednesdays.anchors(at, 1)
    assert anchor is not None
    assert (weeks - 5)[anchor[0]] == np.datetime64("2011-03-02")  # the Wednesday nearest to 2011-03-01
    assert sundays.step == "week"


@given(st.integers(270, 699), st.integers(0, 6))
def test_every_anchor_is_the_week_nearest_to_the_same_date(position: int, weekday: int) -> None:
    days = MONDAYS + weekday
    anchors = time_axis(len(days), dates=days, frequency=None).anchors(position, 5)
    assert anchors is not None
    here = days[position].astype(date)
    for year, anchor in enumerate(anchors.tolist(), start=1):
        is_leap_day = (here.month, here.day) == (2, 29)
        wanted = date(here.year - year, 3, 1) if is_leap_day else here.replace(year=here.year - year)
        assert abs((days[anchor].astype(date) - wanted).days) <= 3


@pytest.mark.parametrize("last_of_month", [False, True])
def test_months_are_matched_by_month(last_of_month: bool) -> None:
    months = np.arange("2010-01", "2020-01", dtype="datetime64[M]")
    days = (months + 1).astype("datetime64[D]") - 1 if last_of_month else months.astype("datetime64[D]")
    axis = time_axis(len(days), dates=days, frequency=None)
    anchors = axis.anchors(73, 3)  # February 2016

    assert axis.step == "month"
    assert axis.frequency == 12
    assert anchors is not None
    assert months[anchors].tolist() == [date(2015, 2, 1), date(2014, 2, 1), date(2013, 2, 1)]


def test_positions_alike_share_one_reference() -> None:
    axis = time_axis(400, dates=None, frequency=52)
    groups = list(references(axis, np.arange(400), b=5, w=3, n_periods=10, skip=26, calendar=False))

    assert len(groups) == 1
    assert groups[0][1].tolist() == list(range(263, 400))


def test_dated_weeks_fall_into_few_groups_that_cover_everything() -> None:
    axis = time_axis(700, dates=MONDAYS, frequency=None)
    groups = list(references(axis, np.arange(700), b=5, w=3, n_periods=10, skip=26, calendar=False))

    assert len(groups) < 20
    covered = sorted(np.concatenate([places for _, places in groups]).tolist())
    assert covered == list(range(covered[0], 700))


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (["2024-01-01", "2024-01-08", "2024-01-22"], "2024-01-08 followed by 2024-01-22 at time 2"),
        (["2024-01-01", "2024-01-02", "2024-01-03"], "7 days apart"),
        (["2024-01-31", "2024-02-29", "2024-04-30"], "consecutive months"),
        (["2024-01-08", "2024-01-01", "2023-12-25"], "7 days apart"),
        (["2024-01-01", "NaT", "2024-01-15"], "no date at time 1"),
        (["2024-01-01", "2024-01-08"], "3 dates"),
        (["a", "b", "c"], "3 dates"),
    ],
)
def test_dates_that_cannot_be_used_are_named(days: list[str], said: str) -> None:
    with pytest.raises(ParameterError, match=said) as caught:
        time_axis(3, dates=days, frequency=None)
    assert str(caught.value).startswith("dates must be")


def test_a_frequency_that_contradicts_the_dates_is_refused() -> None:
    with pytest.raises(ParameterError, match="frequency must be 52"):
        time_axis(700, dates=MONDAYS, frequency=12)


def test_a_gap_in_the_dates_says_how_to_keep_the_period() -> None:
    with pytest.raises(ParameterError, match="a period without a report stays in as NaN"):
        time_axis(2, dates=["2024-01-01", "2024-01-15"], frequency=None)
