"""Pictures of what ``detect`` found, and the further columns of a method."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import anlan
from anlan.errors import InputError, ParameterError
from anlan.frames import detect_series


def wards() -> pl.DataFrame:
    days = [date(2024, 2, 20) + timedelta(days=index) for index in range(30)]
    parts = []
    for number, ward in enumerate("abc"):
        cases = [(day * 7 + number) % 5 for day in range(30)]
        cases[-1 - number] += 30 if number else 0
        parts.append(pl.DataFrame({"day": days, "ward": ward, "cases": cases}))
    return pl.concat(parts)


OPTIONS: dict[str, Any] = {"time": "day", "value": "cases", "by": "ward", "method": "ears_c1"}


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow"])
def test_the_table_of_results_is_drawn_alarms_first(kind: str) -> None:
    frame: Any = wards()
    frame = {"polars": frame, "pandas": frame.to_pandas(), "pyarrow": frame.to_arrow()}[kind]
    picture = anlan.plot(anlan.detect(frame, **OPTIONS), time="day", by="ward", language="en")
    assert [curve.title for curve in picture.curves] == ["b", "c", "a"]
    first = picture.curves[0]
    assert first.periods[-1] == "2024-03-20"
    assert first.alarm.index(True) == 28
    assert first.observed[28] == wards().filter(pl.col("ward") == "b")["cases"][28]
    assert first.expected[0] is None
    assert "<svg" in picture.html()
    assert len(anlan.plot(anlan.detect(frame, **OPTIONS), time="day", by="ward", most=1).curves) == 1


def test_what_was_before_the_judged_periods_is_drawn_from_the_form_before_the_table(tmp_path: Path) -> None:
    found = detect_series(wards(), **OPTIONS, last=3)
    picture = found.plot(language="en")
    assert [len(curve.periods) for curve in picture.curves] == [30] * 3
    assert picture.curves[0].upper[:27] == [None] * 27
    assert picture.curves[0].unit == "cases per day"
    picture.save(tmp_path / "found.html")


def test_a_table_that_is_no_result_is_refused() -> None:
    with pytest.raises(InputError, match="There is no column observed"):
        anlan.plot(wards(), time="day", by="ward")
    found = anlan.detect(wards(), **OPTIONS).drop("alarm")
    with pytest.raises(InputError, match="There is no column alarm"):
        anlan.plot(found, time="day", by="ward")


def test_further_columns_of_a_method_come_by_name_or_all() -> None:
    named = anlan.detect(wards(), **OPTIONS, extra=["statistic"])
    assert named.columns[-1] == "statistic"
    assert named["statistic"].null_count() >= 21
    assert named["statistic"].is_nan().sum() == 0
    everything = anlan.detect(wards(), **OPTIONS, extra=True)
    assert {"statistic", "sigma"} <= set(everything.columns)
    one = anlan.detect(wards(), **OPTIONS, extra="sigma")
    assert one.columns[-1] == "sigma"
    with pytest.raises(ParameterError, match="extra must be names of columns that ears_c1 has: .*Got level"):
        anlan.detect(wards(), **OPTIONS, extra="level")
    with pytest.raises(InputError, match="The column name sigma is taken"):
        anlan.detect(wards().rename({"ward": "sigma"}), **{**OPTIONS, "by": "sigma"}, extra="sigma")


def test_the_epidemic_method_shows_thresholds_intensity_and_phase() -> None:
    weeks = [date(2014, 9, 29) + timedelta(weeks=index) for index in range(52 * 7)]
    peak = np.array([week.isocalendar().week in range(2, 9) for week in weeks])
    rate = np.random.default_rng(1).uniform(1, 3, len(weeks)) + peak * 40
    frame = pl.DataFrame({"week": weeks, "rate": rate})
    found = anlan.detect(frame, time="week", value="rate", method="mem", last=60, extra=True)
    assert {"pre_threshold", "post_threshold", "medium", "high", "very_high", "level", "phase", "in_season"} <= set(found.columns)  # fmt: skip
    assert found["in_season"].dtype == pl.Boolean
    assert set(found["phase"].drop_nulls().unique()) == {0.0, 1.0, 2.0}


def test_a_population_that_the_method_does_not_use_is_an_error() -> None:
    frame = wards().with_columns(people=pl.lit(1000))
    with pytest.raises(ParameterError, match="population must be None for ears_c1.*farrington_flexible"):
        anlan.detect(frame, **OPTIONS, population="people")
