"""MEM against R mem 2.19 on Castilla y León, by hand, and over the calendar."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_cases import REFERENCE, number, read_rows

from anlan.errors import ParameterError
from anlan.stats.counts import Reason
from anlan.stats.counts._seasonal import iso_weeks
from anlan.stats.counts.mem import find_epidemic, mem, mem_model

FloatArray = NDArray[np.float64]
HEALTH = REFERENCE / "health"


def castilla() -> tuple[list[str], list[int], FloatArray]:
    """Names of the seasons, ISO weeks, and rates of shape (n_seasons, n_weeks)."""
    rows = read_rows(HEALTH / "influenza_castilla_leon_weekly_rates.csv")
    names = [name for name in rows[0] if name != "week"]
    rates = np.array([[number(row[name]) for row in rows] for name in names])
    return names, [int(row["week"]) for row in rows], rates


def test_finds_the_epidemics_that_r_finds() -> None:
    names, weeks, rates = castilla()
    golden = {row["season"]: row for row in read_rows(HEALTH / "golden" / "mem_flucyl_timing.csv")}
    for name, season in zip(names, rates, strict=True):
        found = find_epidemic(season[np.newaxis])
        start, length = int(found.start[0]), int(found.length[0])
        assert weeks[start] == int(golden[name]["start"]), name
        assert weeks[start + length - 1] == int(golden[name]["end"]), name
        assert length == int(golden[name]["length"]), name
        assert found.share[0] == pytest.approx(float(golden[name]["pct"]), abs=5e-5), name


def test_gives_the_thresholds_of_r() -> None:
    _, _, rates = castilla()
    model = mem_model([season[np.newaxis] for season in rates])
    golden = {
        row["quantity"]: float(row["value"])
        for row in read_rows(HEALTH / "golden" / "mem_flucyl_thresholds.csv")
    }
    assert model.pre[0] == pytest.approx(golden["pre_epidemic_threshold"], rel=1e-12)
    assert model.post[0] == pytest.approx(golden["post_epidemic_threshold"], rel=1e-12)
    names = ("intensity_medium_40", "intensity_high_90", "intensity_very_high_97.5")
    np.testing.assert_allclose(model.intensity[0], [golden[name] for name in names], rtol=1e-12)
    assert model.n_values[0] == 30


def dated_castilla() -> tuple[FloatArray, NDArray[np.datetime64]]:
    """The eight seasons on their Mondays from week 40 of 2001 to week 20 of 2009, NaN between the seasons."""
    _, weeks, rates = castilla()
    dates = np.arange("2001-10-01", "2009-05-18", 7, dtype="datetime64[D]")
    year, week = iso_weeks(dates)
    values = np.full(len(dates), np.nan)
    for place, season in enumerate(rates):
        for number_, rate in zip(weeks, season, strict=True):
            values[(year == 2001 + place + (number_ < 40)) & (week == number_)] = rate
    return values, dates


def test_the_detector_uses_the_seasons_before() -> None:
    _, _, rates = castilla()
    values, dates = dated_castilla()
    found = mem(values, dates=dates)
    model = mem_model([season[np.newaxis] for season in rates[:7]])
    last = dates >= np.datetime64("2008-09-29")
    assert (found.extra["n_seasons"][0, last] == 7).all()
    np.testing.assert_allclose(found.extra["pre_threshold"][0, last], model.pre[0], rtol=1e-12)
    np.testing.assert_allclose(found.extra["very_high"][0, last], model.intensity[0, 2], rtol=1e-12)
    # In hindsight the epidemic of 2008/2009 had weeks 50 to 7. With the seven seasons before it the start is seen in
    # week 49, and the rates of weeks 6 and 7 (57.2, 61.9) are already below the threshold for the end (62.6).
    _, week = iso_weeks(dates)
    on = found.alarm[0] & last
    assert week[on][0] == 49
    assert week[on][-1] == 5
    assert on.sum() == 9
    assert (found.extra["phase"][0, on] == 1).all()
    assert np.isnan(found.p_value).all()
    five = (dates >= np.datetime64("2006-10-02")) & ~np.isnan(values)
    assert (found.reason[0, five] == Reason.OK).all()
    assert (found.reason[0, dates < np.datetime64("2006-10-02")] == Reason.SHORT_HISTORY).all()


def test_after_the_start_the_post_epidemic_threshold_decides() -> None:
    values, dates = dated_castilla()
    found = mem(values, dates=dates)
    pre, post = found.extra["pre_threshold"][0], found.extra["post_threshold"][0]
    year, week = iso_weeks(dates)
    season = np.where(week >= 40, year, year - 1)
    checked = 0
    for one in (2006, 2007, 2008):
        at = np.flatnonzero(season == one)
        above = np.flatnonzero(values[at] > pre[at])
        first = at[above[0]]
        np.testing.assert_array_equal(found.upper[0, at[at <= first]], pre[at[at <= first]])
        np.testing.assert_array_equal(found.upper[0, at[at > first]], post[at[at > first]])
        checked += 1
    assert checked == 3


def test_a_case_by_hand() -> None:
    # Total 100; the largest runs hold 40, 70, 90, 96, 99, 100 and then nothing more. Gains of 6, 3 and 1 after the
    # third week; the smoothing mixes in what came before, so that the gain of the fifth week is still above 2.8.
    season = np.array([[0.0, 1, 3, 30, 40, 20, 6, 0, 0, 0, 0, 0, 0, 0]])
    found = find_epidemic(season, param=2.8)
    assert (int(found.start[0]), int(found.length[0])) == (2, 5)
    assert found.share[0] == pytest.approx(99.0)
    model = mem_model([season, season], n_max=2, interval="point")
    before = np.array([0.0, 1, 0, 1])
    assert model.pre[0] == pytest.approx(before.mean() + 1.6448536269514722 * before.std(ddof=1))
    logs = np.log([40.0, 30, 40, 30])
    assert model.intensity[0, 1] == pytest.approx(np.exp(logs.mean() + 1.2815515655446004 * logs.std(ddof=1)))
    narrow = mem_model([season, season], n_max=2, interval="mean")
    assert narrow.pre[0] == pytest.approx(before.mean() + 1.6448536269514722 * before.std(ddof=1) / 2)


def test_scaling_the_rates_scales_the_thresholds() -> None:
    _, _, rates = castilla()
    one = mem_model([season[np.newaxis] for season in rates])
    ten = mem_model([10 * season[np.newaxis] for season in rates])
    np.testing.assert_allclose(ten.pre, 10 * one.pre)
    np.testing.assert_allclose(ten.intensity, 10 * one.intensity)


def wave(dates: NDArray[np.datetime64], seed: int) -> FloatArray:
    years = (dates - np.datetime64("2000-02-01")).astype(float) / 365.25
    noise = np.random.default_rng(seed).gamma(20, 1 / 20, size=len(dates))
    values: FloatArray = (3 + 100 * np.exp(10 * (np.cos(2 * np.pi * years) - 1))) * noise
    return values


def test_a_week_53_is_a_week_of_its_season() -> None:
    dates = np.arange("2001-10-01", "2016-05-30", 7, dtype="datetime64[D]")
    found = mem(wave(dates, 1), dates=dates)
    _, week = iso_weeks(dates)
    late = dates >= np.datetime64("2006-10-02")
    assert (found.reason[0, late] == Reason.OK).all()
    assert found.extra["in_season"][0, week == 53].all()
    assert not found.extra["in_season"][0, (week > 20) & (week < 40)].any()
    in_winter = np.isin(week, [3, 4, 5, 6]) & late
    in_summer = (week > 24) & (week < 40) & late
    assert found.alarm[0, in_winter].mean() > 0.95
    assert found.alarm[0, in_summer].mean() < 0.1


def test_seasons_with_too_few_reports_are_not_used() -> None:
    dates = np.arange("2001-10-01", "2009-05-18", 7, dtype="datetime64[D]")
    values = np.stack([wave(dates, 2), wave(dates, 2)])
    values[1, (dates > np.datetime64("2003-11-01")) & (dates < np.datetime64("2004-04-01"))] = np.nan
    found = mem(values, dates=dates, evaluate=[-1])
    assert found.extra["n_seasons"][:, 0].tolist() == [7, 6]
    strict = mem(values, dates=dates, evaluate=[-1], min_seasons=7)
    assert strict.reason[:, 0].tolist() == [Reason.OK, Reason.INCOMPLETE_REFERENCE]


def test_no_more_than_the_latest_seasons_are_used() -> None:
    dates = np.arange("2001-10-01", "2016-05-30", 7, dtype="datetime64[D]")
    found = mem(wave(dates, 4), dates=dates, seasons=6)
    assert np.nanmax(found.extra["n_seasons"]) == 6


def test_refuses_what_it_cannot_use() -> None:
    months = np.arange("2001-01", "2009-01", dtype="datetime64[M]").astype("datetime64[D]")
    with pytest.raises(
        ParameterError, match=r"^dates must be 7 days apart \(weeks\). Got 'consecutive months'"
    ):
        mem(np.ones((1, len(months))), dates=months)
    with pytest.raises(ParameterError, match="^min_seasons must be an int <= seasons"):
        mem(np.ones((1, 300)), seasons=3, min_seasons=4)
    with pytest.raises(ParameterError, match="^intensity_medium must be < intensity_high"):
        mem(np.ones((1, 300)), intensity_medium=0.95)
