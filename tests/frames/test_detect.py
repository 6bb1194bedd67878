"""``anlan.detect``: the reference numbers through a table, the same on every frame type, and what comes out."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import anlan
from anlan.errors import InputError, ParameterError
from anlan.frames import REASONS, RESULT_COLUMNS, detect_series

REFERENCE = Path(__file__).parents[1] / "reference" / "health"
NUMBERS = ["observed", "expected", "upper", "score", "p_value"]


def newport() -> pl.DataFrame:
    return pl.read_csv(REFERENCE / "salmonella_newport_de_total_weekly.csv")


def daily(n: int = 20, **columns: Any) -> pl.DataFrame:
    days = [date(2024, 2, 20) + timedelta(days=index) for index in range(n)]
    cases = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3] * (n // 10)
    return pl.DataFrame({"day": days, "cases": cases, **columns})


def test_the_numbers_of_the_reference_come_out_of_a_table() -> None:
    expected = pl.read_csv(
        REFERENCE / "golden" / "farrington_flexible_noufaily_newport_total.csv", null_values="NA"
    )
    found = anlan.detect(newport(), time=["year", "week"], value="count", alpha=0.01)
    both = expected.join(found, on=["year", "week"], how="left", suffix="_found")
    assert both.height == 206
    np.testing.assert_allclose(both["expected_found"], both["expected"], rtol=1e-6)
    np.testing.assert_allclose(both["upper"], both["upperbound"], rtol=1e-6)
    assert both["alarm_found"].sum() == 7
    np.testing.assert_array_equal(both["alarm_found"].cast(pl.Int64), both["alarm"].cast(pl.Int64))


def test_every_frame_type_gives_the_same_values_and_its_own_type() -> None:
    frame = pl.concat([newport(), newport().with_columns(unit=pl.lit("twice"), count=pl.col("count") * 2)])
    options: dict[str, Any] = {"time": ["year", "week"], "value": "count", "by": "unit", "last": 60}
    polars = anlan.detect(frame, **options)
    pandas = anlan.detect(frame.to_pandas(), **options)
    arrow = anlan.detect(frame.to_arrow(), **options)
    assert isinstance(polars, pl.DataFrame)
    assert isinstance(pandas, pd.DataFrame)
    assert type(arrow) is type(frame.to_arrow())
    assert polars.columns == list(pandas.columns) == arrow.column_names
    assert polars.columns == ["unit", "year", "week", *RESULT_COLUMNS]
    assert polars.height == len(pandas) == arrow.num_rows == 120
    assert pandas.index.tolist() == list(range(120))
    for name in polars.columns:
        assert polars[name].to_list() == arrow[name].to_pylist()
        if name in NUMBERS:
            np.testing.assert_array_equal(polars[name].to_numpy(), pandas[name].to_numpy())
        else:
            assert polars[name].to_list() == pandas[name].tolist()
    assert polars["alarm"].dtype == pl.Boolean
    assert set(polars["reason"].unique()) <= set(REASONS)


def test_missing_results_are_null_and_not_nan() -> None:
    found = anlan.detect(daily(), time="day", value="cases", method="ears_c1")
    assert found["expected"].null_count() == 7
    assert found["expected"].is_nan().sum() == 0
    assert found["reason"].to_list()[:7] == ["short_history"] * 7
    assert found["day"].to_list() == daily()["day"].to_list()


def test_a_gap_is_a_row_that_was_not_judged() -> None:
    frame = daily().filter(pl.col("day") != date(2024, 3, 5))
    found = anlan.detect(frame, time="day", value="cases", method="ears_c1", min_reported=5)
    row = found.row(by_predicate=pl.col("day") == date(2024, 3, 5), named=True)
    assert (row["observed"], row["alarm"], row["reason"]) == (None, False, "missing_current")
    zero = anlan.detect(frame, time="day", value="cases", method="ears_c1", missing="zero")
    assert zero.row(by_predicate=pl.col("day") == date(2024, 3, 5), named=True)["observed"] == 0


def test_ragged_series_stand_on_the_same_periods() -> None:
    early = daily(10).with_columns(ward=pl.lit("early"))
    late = daily().tail(10).with_columns(ward=pl.lit("late"))
    found = anlan.detect(pl.concat([early, late]), time="day", value="cases", by="ward", method="ears_c1")
    assert found.group_by("ward").len()["len"].to_list() == [20, 20]
    assert found.filter(pl.col("ward") == "late")["observed"].null_count() == 10


def test_the_order_of_series_does_not_matter() -> None:
    frame = pl.concat(
        [daily().with_columns(ward=pl.lit(name), cases=pl.col("cases") * k) for k, name in enumerate("abc")]
    )
    straight = anlan.detect(frame, time="day", value="cases", by="ward", method="ears_c2")
    turned = anlan.detect(
        frame.sort("day", "ward", descending=[False, True]),
        time="day",
        value="cases",
        by="ward",
        method="ears_c2",
    )
    assert straight.equals(turned.sort("ward", "day"), null_equal=True)


def test_last_judges_only_the_latest_periods() -> None:
    everything = anlan.detect(daily(), time="day", value="cases", method="ears_c1")
    latest = anlan.detect(daily(), time="day", value="cases", method="ears_c1", last=3)
    assert latest.equals(everything.tail(3), null_equal=True)
    with pytest.raises(ParameterError, match="last must be an int >= 1 or None. Got 0"):
        anlan.detect(daily(), time="day", value="cases", method="ears_c1", last=0)


def test_a_limit_takes_values_that_are_no_counts() -> None:
    frame = daily().with_columns(level=pl.col("cases") * 0.5 - 1.0)
    found = anlan.detect(frame, time="day", value="level", method="limit", limit=3.0)
    assert found.filter(pl.col("alarm"))["observed"].to_list() == [3.5, 3.5]
    with pytest.raises(ParameterError, match="limit needs the parameter limit"):
        anlan.detect(frame, time="day", value="level", method="limit")
    with pytest.raises(InputError, match="must hold counts"):
        anlan.detect(frame, time="day", value="level", method="ears_c1")


def test_population_reaches_the_method() -> None:
    frame = newport().with_columns(people=pl.lit(80e6))
    options: dict[str, Any] = {"time": ["year", "week"], "value": "count", "last": 5}
    plain = anlan.detect(frame, **options)
    constant = anlan.detect(frame, population="people", **options)
    np.testing.assert_allclose(constant["expected"], plain["expected"], rtol=1e-8)
    growing = frame.with_columns(people=pl.int_range(pl.len()).cast(pl.Float64) + 100)
    grown = anlan.detect(growing, population="people", **options)
    assert not np.allclose(grown["expected"], plain["expected"], rtol=1e-3)


def test_wrong_calls_are_told_what_is_accepted() -> None:
    with pytest.raises(ParameterError, match=r"method must be one of farrington_flexible.*Got 'magic'"):
        anlan.detect(daily(), time="day", value="cases", method="magic")
    with pytest.raises(ParameterError, match=r"ears_c1 has no parameter 'alpha_level'. It has baseline"):
        anlan.detect(daily(), time="day", value="cases", method="ears_c1", alpha_level=0.1)
    with pytest.raises(
        ParameterError, match=r"farrington_flexible is made for week, month data. These go by day"
    ):
        anlan.detect(daily(), time="day", value="cases")
    with pytest.raises(InputError, match="The column name alarm is taken by the result"):
        anlan.detect(daily(alarm=["x"] * 20), time="day", value="cases", by="alarm", method="ears_c1")


def test_the_form_before_the_table_keeps_arrays_and_parameters() -> None:
    found = detect_series(daily(), time="day", value="cases", method="ears_c1", parameters={"threshold": 2})
    assert found.grid.values.shape == found.result.observed.shape == (1, 20)
    assert found.parameters == {"threshold": 2}
    assert found.grid.labels()[:2] == ["2024-02-20", "2024-02-21"]
    assert found.ordinals.tolist() == found.grid.ordinals.tolist()


def test_the_example_of_the_docstring_holds() -> None:
    cases = pl.DataFrame({"day": [f"2024-07-{d:02d}" for d in range(1, 15)], "cases": [2, 3] * 6 + [3, 19]})
    found = anlan.detect(cases, time="day", value="cases", method="ears_c1")
    assert found.filter(pl.col("alarm"))["day"].to_list() == ["2024-07-14"]


def test_auto_says_which_method_judged_a_row() -> None:
    weeks = [f"2020-W{week:02d}" for week in range(1, 13)]
    cases = pl.DataFrame({"week": weeks, "cases": [3, 4, 5, 3, 4, 5, 3, 4, 5, 3, 4, 40]})
    found = anlan.detect(cases, time="week", value="cases", method="auto")
    assert found.columns == ["week", *RESULT_COLUMNS, "chosen"]
    assert found["chosen"].to_list() == ["", *["bayes1"] * 6, *["ears_c1"] * 2, *["ears_c2"] * 3]
    assert found.filter(pl.col("alarm"))["week"].to_list() == ["2020-W12"]
    with pytest.raises(InputError, match="chosen"):
        anlan.detect(cases.rename({"week": "chosen"}), time="chosen", value="cases", method="auto")
