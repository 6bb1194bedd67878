"""``auto`` decides by the history of each series at each time, and is the chosen method to the last digit."""

from __future__ import annotations

import numpy as np
import pytest

from anlan.errors import ParameterError
from anlan.stats.counts import (
    Detection,
    Reason,
    check_detector,
    ears_c1,
    ears_c2,
    farrington_flexible,
    method_named,
)
from anlan.stats.counts.auto import AUTO_CHOICES, auto
from anlan.stats.counts.periodic import periodic_nb

ARRAYS = ("expected", "upper", "score", "p_value", "alarm", "reason")


def counts(n_times: int, seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.random.default_rng(seed).poisson(12, size=(3, n_times)).astype(float)


def same(left: Detection, right: Detection, columns: slice) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(left, name)[:, columns], getattr(right, name)[:, columns], name)


def test_more_history_more_method() -> None:
    found = auto(counts(300))
    expected = np.full(300, -1)
    for code, first in ((5, 7), (4, 9), (3, 104), (2, 156), (1, 212), (0, 264)):
        expected[first:] = code
    np.testing.assert_array_equal(found.extra["chosen"][0], expected)
    assert (found.reason[:, :7] == Reason.SHORT_HISTORY).all()
    assert (found.reason[:, 7:] == Reason.OK).all()


def test_is_the_chosen_method() -> None:
    values = counts(300)
    found = auto(values, alpha=0.01)
    same(found, farrington_flexible(values, alpha=0.01), slice(264, None))
    same(found, farrington_flexible(values, alpha=0.01, b=4), slice(212, 264))
    same(found, periodic_nb(values, alpha=0.01), slice(156, 212))
    same(found, periodic_nb(values, alpha=0.01, trend=False), slice(104, 156))
    same(found, ears_c2(values, alpha=0.01), slice(9, 104))
    same(found, ears_c1(values, alpha=0.01), slice(7, 9))


def test_history_begins_with_the_first_report_of_the_series() -> None:
    values = counts(300)
    values[1, :100] = np.nan
    values[2] = np.nan
    found = auto(values, evaluate=[-1])
    assert [AUTO_CHOICES[int(code)] if code >= 0 else None for code in found.extra["chosen"][:, 0]] == [
        "farrington_flexible",
        "periodic_nb",
        None,
    ]
    alone = auto(values[1, 100:], evaluate=[-1])
    assert found.upper[1, 0] == alone.upper[0, 0]
    assert found.reason[2, 0] == Reason.SHORT_HISTORY


def test_dated_months_and_weeks_and_days() -> None:
    months = np.arange("2010-01", "2017-01", dtype="datetime64[M]").astype("datetime64[D]")
    values = counts(len(months))
    monthly = auto(values, dates=months)
    assert int(np.flatnonzero(monthly.extra["chosen"][0] == 0)[0]) == 61
    same(monthly, farrington_flexible(values, dates=months, alpha=0.005), slice(61, None))
    weeks = np.datetime64("2003-01-06") + 7 * np.arange(330)
    values = counts(330)
    weekly = auto(values, dates=weeks)
    same(weekly, farrington_flexible(values, dates=weeks, alpha=0.005), slice(264, None))
    assert (weekly.reason[:, 7:] != Reason.SHORT_HISTORY).all()
    days = np.datetime64("2015-01-01") + np.arange(800)
    daily = auto(counts(800), dates=days)
    assert (daily.extra["chosen"][:, 9:] == 4).all()


def test_weeks_of_every_calendar_position_have_their_history() -> None:
    for shift in range(0, 52 * 8, 31):
        dates = np.datetime64("1999-01-04") + 7 * np.arange(shift, shift + 270)
        found = auto(counts(270), dates=dates, evaluate=slice(205, None))
        assert (found.reason == Reason.OK).all()


def test_keeps_the_contract_with_long_series() -> None:
    method = method_named("auto")
    check_detector(method)
    values = counts(290)
    whole = auto(values)
    for cut in (1, 30):
        earlier = auto(values[:, :-cut])
        for name in ARRAYS:
            np.testing.assert_allclose(getattr(earlier, name), getattr(whole, name)[:, :-cut], rtol=1e-9)


def test_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ParameterError, match="^alpha must be"):
        auto(counts(20), alpha=0.7)
    with pytest.raises(ParameterError, match="^frequency must be None for dates that are a day apart"):
        auto(counts(20), dates=np.datetime64("2015-01-01") + np.arange(20), frequency=52)
