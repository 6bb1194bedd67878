"""``auto`` decides by the history of each series at each time, and is the chosen method to the last digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anlan.errors import ParameterError
from anlan.stats.counts import (
    AUTO_CHOICES,
    Detection,
    Reason,
    anlan_detector,
    auto,
    bayes1,
    check_detector,
    ears_c1,
    ears_c2,
    farrington_flexible,
    method_named,
    periodic_nb,
)
from anlan.stats.counts.auto import RULES

ARRAYS = ("expected", "upper", "score", "p_value", "alarm", "reason")


def counts(n_times: int, seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.random.default_rng(seed).poisson(12, size=(3, n_times)).astype(float)


def same(left: Detection, right: Detection, columns: slice) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(left, name)[:, columns], getattr(right, name)[:, columns], name)


SHORT = (("bayes1", 1), ("ears_c1", 7), ("ears_c2", 9))
PUBLISHED = (
    *SHORT, ("periodic_nb (no trend)", 104), ("periodic_nb", 156), ("farrington_flexible (4 years)", 212),
    ("farrington_flexible", 264),
)  # fmt: skip


@pytest.mark.parametrize(("prefer", "lines"), [("anlan", (*SHORT, ("anlan", 104))), ("published", PUBLISHED)])
def test_more_history_more_method(prefer: str, lines: tuple[tuple[str, int], ...]) -> None:
    found = auto(counts(300), prefer=prefer)
    expected = np.full(300, -1)
    for name, first in lines:
        expected[first:] = AUTO_CHOICES.index(name)
    np.testing.assert_array_equal(found.extra["chosen"][0], expected)
    assert (found.reason[:, :1] == Reason.SHORT_HISTORY).all()
    assert (found.reason[:, 1:] == Reason.OK).all()


def test_prefers_our_own_method_from_two_years_on() -> None:
    values = counts(130)
    found = auto(values, alpha=0.01)
    same(found, anlan_detector(values, alpha=0.01), slice(104, None))
    weeks = np.datetime64("2003-01-06") + 7 * np.arange(130)
    dated = auto(values, dates=weeks)
    # Two years of dated weeks are 104.4.
    assert int(np.flatnonzero(dated.extra["chosen"][0] == AUTO_CHOICES.index("anlan"))[0]) == 105
    same(dated, anlan_detector(values, dates=weeks, alpha=0.005), slice(105, None))


def test_the_first_periods_are_judged_by_all_there_are() -> None:
    values = counts(8)
    found = auto(values, alpha=0.01)
    for history in range(1, 7):
        column = slice(history, history + 1)
        same(found, bayes1(values, w=history, alpha=0.01), column)
    assert (found.extra["history"][0] == np.arange(8)).all()


def test_the_page_has_the_table_of_the_rule() -> None:
    page = (Path(__file__).parents[3] / "docs" / "methods" / "auto.md").read_text(encoding="utf-8")
    for prefer, lines in RULES.items():
        assert f"`{prefer}`" in page
        for line in lines:
            assert f"`{line.choice}`" in page
            said = (
                f"{line.years} years"
                if line.years
                else "1 to 6 periods"
                if line.periods < 7
                else f"{line.periods} periods"
            )
            assert f"| {said}" in page


def test_is_the_chosen_method() -> None:
    values = counts(300)
    found = auto(values, alpha=0.01, prefer="published")
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
    found = auto(values, evaluate=[-1], prefer="published")
    assert [AUTO_CHOICES[int(code)] if code >= 0 else None for code in found.extra["chosen"][:, 0]] == [
        "farrington_flexible",
        "periodic_nb",
        None,
    ]
    alone = auto(values[1, 100:], evaluate=[-1], prefer="published")
    assert found.upper[1, 0] == alone.upper[0, 0]
    assert found.reason[2, 0] == Reason.SHORT_HISTORY


def test_dated_months_and_weeks_and_days() -> None:
    months = np.arange("2010-01", "2017-01", dtype="datetime64[M]").astype("datetime64[D]")
    values = counts(len(months))
    code = AUTO_CHOICES.index("farrington_flexible")
    monthly = auto(values, dates=months, prefer="published")
    assert int(np.flatnonzero(monthly.extra["chosen"][0] == code)[0]) == 61
    same(monthly, farrington_flexible(values, dates=months, alpha=0.005), slice(61, None))
    weeks = np.datetime64("2003-01-06") + 7 * np.arange(330)
    values = counts(330)
    weekly = auto(values, dates=weeks, prefer="published")
    same(weekly, farrington_flexible(values, dates=weeks, alpha=0.005), slice(264, None))
    assert (weekly.reason[:, 1:] != Reason.SHORT_HISTORY).all()
    assert int(np.flatnonzero(auto(counts(84), dates=months).extra["chosen"][0] == 0)[0]) == 24
    days = np.datetime64("2015-01-01") + np.arange(800)
    daily = auto(counts(800), dates=days)
    assert (daily.extra["chosen"][:, 9:] == AUTO_CHOICES.index("ears_c2")).all()


def test_weeks_of_every_calendar_position_have_their_history() -> None:
    for shift in range(0, 52 * 8, 31):
        dates = np.datetime64("1999-01-04") + 7 * np.arange(shift, shift + 270)
        for prefer, first in (("published", 255), ("anlan", 103)):
            found = auto(counts(270), dates=dates, evaluate=slice(first, first + 15), prefer=prefer)
            assert (found.reason == Reason.OK).all()


def test_keeps_the_contract_with_long_series() -> None:
    method = method_named("auto")
    check_detector(method, prefer="published")
    values = counts(290)
    whole = auto(values, prefer="published")
    for cut in (1, 30):
        earlier = auto(values[:, :-cut], prefer="published")
        for name in ARRAYS:
            np.testing.assert_allclose(getattr(earlier, name), getattr(whole, name)[:, :-cut], rtol=1e-9)


def test_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ParameterError, match="^alpha must be"):
        auto(counts(20), alpha=0.7)
    with pytest.raises(ParameterError, match="^prefer must be one of 'anlan', 'published'. Got 'best'"):
        auto(counts(20), prefer="best")
    with pytest.raises(ParameterError, match="^frequency must be None for dates that are a day apart"):
        auto(counts(20), dates=np.datetime64("2015-01-01") + np.arange(20), frequency=52)
