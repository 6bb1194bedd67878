"""Time columns: every accepted spelling, back in the same spelling, and clear refusals."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import InputError, ParameterError
from anlan.frames.times import Times, period_dates, period_label, read_times


def read(frame: Any, columns: tuple[str, ...] = ("t",), step: str | None = None, codes: Any = None) -> Times:
    table = nw.from_native(frame, eager_only=True)
    numbers = np.zeros(len(table), dtype=np.int64) if codes is None else np.asarray(codes, dtype=np.int64)
    return read_times(table, columns, step, numbers, 1)


def labels(times: Times) -> list[str]:
    return [period_label(times.step, ordinal) for ordinal in times.ordinals.tolist()]


@pytest.mark.parametrize(
    ("texts", "step", "expected"),
    [
        (["2024-W07", "2024-W08"], "week", ["2024-W07", "2024-W08"]),
        (["2024W7", "2024W8"], "week", ["2024-W07", "2024-W08"]),
        (["2024年第7周", "2024年第8周"], "week", ["2024-W07", "2024-W08"]),
        (["2024-07", "2024-08"], "month", ["2024-07", "2024-08"]),
        (["2024/7", "2024/8"], "month", ["2024-07", "2024-08"]),
        (["2024年7月", "2024年8月"], "month", ["2024-07", "2024-08"]),
        (["2024-07-01", "2024-07-02"], "day", ["2024-07-01", "2024-07-02"]),
        (["2024/7/1", "2024/7/8"], "week", ["2024-W27", "2024-W28"]),
        (["2024年6月1日", "2024年7月1日"], "month", ["2024-06", "2024-07"]),
        (["20240701", "20240702"], "day", ["2024-07-01", "2024-07-02"]),
        (["２０２４－０７", "２０２４－０８"], "month", ["2024-07", "2024-08"]),
        ([" 2024-07-01 00:00:00 ", "2024-07-02T00:00"], "day", ["2024-07-01", "2024-07-02"]),
    ],
)
def test_texts_are_read_and_written_back_as_they_were(
    texts: list[str], step: str, expected: list[str]
) -> None:
    times = read(pl.DataFrame({"t": texts}))
    assert times.step == step
    assert labels(times) == expected
    assert times.write(times.ordinals)["t"].to_list() == texts


@pytest.mark.parametrize(
    ("texts", "missing"),
    [
        (["2024-W51", "2025-W02"], ["2024-W52", "2025-W01"]),
        (["2020-W52", "2021-W01"], ["2020-W53"]),
        (["2024年第9周", "2024年第11周"], ["2024年第10周"]),
        (["2024/9", "2024/11"], ["2024/10"]),
        (["2023年12月", "2024年2月"], ["2024年1月"]),
    ],
)
def test_a_period_without_a_row_is_spelled_like_its_neighbours(texts: list[str], missing: list[str]) -> None:
    times = read(pl.DataFrame({"t": texts}))
    between = np.arange(times.ordinals[0] + 1, times.ordinals[1])
    assert times.write(between)["t"].to_list() == missing


def test_week_53_and_the_first_week_are_neighbours() -> None:
    times = read(pl.DataFrame({"t": ["2020-W53", "2021-W01", "2026-W53", "2027-W01"]}))
    assert np.diff(times.ordinals).tolist() == [1, times.ordinals[2] - times.ordinals[1], 1]


@pytest.mark.parametrize(
    ("days", "step"),
    [
        ([date(2024, 2, 27), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)], "day"),
        ([date(2024, 12, 23), date(2024, 12, 30), date(2025, 1, 6)], "week"),
        ([date(2024, 1, 7), date(2024, 1, 14), date(2024, 1, 28)], "week"),
        ([date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)], "month"),
        ([date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)], "month"),
        ([date(2023, 2, 1), date(2023, 3, 1)], "month"),  # 28 days apart and the same weekday
        ([date(2024, 1, 15), date(2024, 2, 15), date(2024, 4, 15)], "month"),
    ],
)
def test_the_step_of_dates_is_inferred(days: list[date], step: str) -> None:
    moments = [datetime(day.year, day.month, day.day) for day in days]
    for frame in (
        pl.DataFrame({"t": days}),
        pd.DataFrame({"t": pd.to_datetime(pd.Series(moments))}),
        pd.DataFrame({"t": pd.Series(days, dtype=object)}),
        pl.DataFrame({"t": days}).to_arrow(),
    ):
        times = read(frame)
        assert times.step == step
        assert [str(item)[:10] for item in times.write(times.ordinals)["t"].to_list()] == [
            str(day) for day in days
        ]


def test_a_zone_keeps_the_local_day() -> None:
    frame = pl.DataFrame({"t": [datetime(2024, 7, 1), datetime(2024, 7, 2)]}).with_columns(
        pl.col("t").dt.replace_time_zone("Asia/Shanghai")
    )
    times = read(frame)
    assert labels(times) == ["2024-07-01", "2024-07-02"]
    assert times.write(times.ordinals)["t"].to_native().dtype == pl.Datetime("us", "Asia/Shanghai")


def test_each_series_may_be_short_when_the_others_tell_the_step() -> None:
    days = [date(2024, 1, 1), date(2024, 1, 8), date(2024, 1, 15)]
    assert read(pl.DataFrame({"t": days}), codes=[0, 1, 2]).step == "week"


def test_one_date_alone_needs_the_step() -> None:
    frame = pl.DataFrame({"t": [date(2024, 1, 1)]})
    with pytest.raises(InputError, match="Say step: one of day, week, month"):
        read(frame)
    assert read(frame, step="month").step == "month"


def test_mixed_steps_name_the_rows_that_stand_out() -> None:
    mondays = [date(2024, 1, 1) + timedelta(weeks=week) for week in range(8)]
    frame = pl.DataFrame({"t": [*mondays, date(2024, 2, 27)]})
    with pytest.raises(InputError, match="mixes steps: most of it goes by week, 1 rows do not") as caught:
        read(frame)
    assert [dict(problem.where) for problem in caught.value.problems] == [{"row": 9, "column": "t"}]
    assert "2024-02-27" in str(caught.value.problems[0])


def test_a_weekly_series_among_daily_ones_is_named() -> None:
    daily = [date(2024, 1, 1) + timedelta(days=day) for day in range(40)]
    weekly = [date(2024, 1, 1) + timedelta(weeks=week) for week in range(6)]
    frame = pl.DataFrame({"t": daily + weekly})
    with pytest.raises(InputError, match="goes by day, 5 rows do not") as caught:
        read(frame, codes=[0] * 40 + [1] * 6)
    assert caught.value.problems[0].where["row"] == 42


def test_texts_of_two_kinds_are_mixed_steps() -> None:
    with pytest.raises(InputError, match="mixes steps") as caught:
        read(pl.DataFrame({"t": ["2024-W01", "2024-W02", "2024-03"]}))
    assert caught.value.problems[0].where["row"] == 3


def test_dates_two_weeks_apart_are_not_guessed() -> None:
    days = [date(2024, 1, 1) + timedelta(weeks=2 * week) for week in range(5)]
    with pytest.raises(InputError, match="14 days apart"):
        read(pl.DataFrame({"t": days}))
    assert read(pl.DataFrame({"t": days}), step="week").step == "week"


def test_what_does_not_exist_is_refused_with_its_row() -> None:
    texts = ["2024-W52", "2024-W53", "week 3", "2024-13", "2023-02-29", "03/04/2024"]
    with pytest.raises(InputError, match="cannot be read in 5 rows") as caught:
        read(pl.DataFrame({"t": texts}))
    assert [problem.where["row"] for problem in caught.value.problems] == [2, 3, 4, 5, 6]
    assert "2024-W53 is no date, ISO week or month" in str(caught.value)


def test_times_of_day_and_empty_times_are_refused() -> None:
    with pytest.raises(InputError, match="times within the day in 1 rows") as caught:
        read(pl.DataFrame({"t": [datetime(2024, 1, 1), datetime(2024, 1, 2, 8)]}))
    assert "2024-01-02T08:00:00" in str(caught.value)
    with pytest.raises(InputError, match="is empty in 1 rows"):
        read(pl.DataFrame({"t": ["2024-W01", None]}))


def test_two_numbers_are_a_week_when_the_caller_says_so() -> None:
    assert labels(read(pl.DataFrame({"t": ["2024-07", "2024-08"]}), step="week")) == ["2024-W07", "2024-W08"]
    with pytest.raises(InputError, match="goes by month, and step=day"):
        read(pl.DataFrame({"t": ["2024-07", "2024-08"]}), step="day")


def test_numbers_as_times() -> None:
    times = read(pl.DataFrame({"t": [20240701, 20240702]}))
    assert labels(times) == ["2024-07-01", "2024-07-02"]
    assert times.write(times.ordinals)["t"].to_list() == [20240701, 20240702]
    assert labels(read(pl.DataFrame({"t": [202401, 202403]}), step="month")) == ["2024-01", "2024-03"]
    with pytest.raises(InputError, match="202407 needs step"):
        read(pl.DataFrame({"t": [202401, 202403]}))
    with pytest.raises(InputError, match="numbers that are no dates in 2 rows"):
        read(pl.DataFrame({"t": [1, 2]}))


@pytest.mark.parametrize("kind", [int, float, str])
def test_a_year_and_a_week_column(kind: type) -> None:
    frame = pl.DataFrame({"year": [kind(2020), kind(2021)], "week": [kind(53), kind(1)]})
    times = read(frame, ("year", "week"))
    assert labels(times) == ["2020-W53", "2021-W01"]
    written = times.write(times.ordinals)
    assert written["year"].dtype == written["week"].dtype
    assert [float(item) for item in written["week"].to_list()] == [53.0, 1.0]


def test_a_year_and_a_month_column_and_names_that_do_not_tell() -> None:
    frame = pl.DataFrame({"年": [2023, 2024], "月": [12, 1]})
    assert labels(read(frame, ("年", "月"))) == ["2023-12", "2024-01"]
    unnamed = pl.DataFrame({"a": [2023, 2024], "b": [12, 1]})
    with pytest.raises(InputError, match='say step="week" or step="month"'):
        read(unnamed, ("a", "b"))
    assert labels(read(unnamed, ("a", "b"), step="week")) == ["2023-W12", "2024-W01"]
    with pytest.raises(InputError, match="name no ISO week or month in 1 rows") as caught:
        read(pl.DataFrame({"year": [2024, 2024], "week": [52, 53]}), ("year", "week"))
    assert caught.value.problems[0].where == {"row": 2, "column": "week"}
    with pytest.raises(InputError, match="must hold whole numbers"):
        read(pl.DataFrame({"year": [2024, 2024], "week": [1.5, 2.0]}), ("year", "week"))


def test_an_unknown_step_and_a_wrong_type() -> None:
    with pytest.raises(ParameterError, match="step must be one of day, week, month. Got year"):
        read(pl.DataFrame({"t": ["2024"]}), step="year")
    with pytest.raises(InputError, match="is of type Float64"):
        read(pl.DataFrame({"t": [2024.5]}))


@given(st.dates(date(1950, 1, 1), date(2100, 12, 31)), st.sampled_from(["day", "week", "month"]))
def test_labels_and_dates_agree_with_the_calendar(day: date, step: str) -> None:
    spelled = {
        "day": day.isoformat(),
        "week": f"{day.isocalendar()[0]}-W{day.isocalendar()[1]:02d}",
        "month": f"{day.year}-{day.month:02d}",
    }[step]
    times = read(pl.DataFrame({"t": [spelled]}), step=step)
    assert labels(times) == [spelled]
    first = period_dates(step, times.ordinals)[0].astype(object)
    assert first <= day < first + timedelta(days={"day": 1, "week": 7, "month": 31}[step])
