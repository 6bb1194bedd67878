"""The door for outside tables: what it lays out, and what it refuses with the rows named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import InputError, ParameterError
from anlan.frames import SeriesGrid, read_series


def table(**changes: Any) -> pl.DataFrame:
    data = {
        "county": ["a", "a", "a", "b", "b", "b"],
        "week": ["2024-W01", "2024-W02", "2024-W03"] * 2,
        "cases": [1, 2, 3, 4, 5, 6],
    }
    return pl.DataFrame({**data, **changes})


def grid(frame: Any, **changes: Any) -> SeriesGrid:
    options: dict[str, Any] = {"time": "week", "value": "cases", "by": "county", **changes}
    return read_series(frame, **options)


def test_series_stand_on_one_axis_in_order_of_appearance() -> None:
    frame = table(
        county=["b", "b", "b", "a", "a", "a"],
        week=["2024-W01", "2024-W02", "2024-W04"] + ["2024-W02", "2024-W03", "2024-W05"],
    )
    for native in (frame, frame.to_pandas(), frame.to_arrow()):
        found = grid(native)
        assert found.keys() == [("b",), ("a",)]
        assert found.labels() == [f"2024-W0{week}" for week in range(1, 6)]
        np.testing.assert_array_equal(found.values, [[1, 2, np.nan, 3, np.nan], [np.nan, 4, 5, np.nan, 6]])


def test_rows_of_several_series_may_be_mixed() -> None:
    frame = table(
        county=["a", "b"] * 3, week=["2024-W01", "2024-W01", "2024-W02", "2024-W02", "2024-W03", "2024-W03"]
    )
    np.testing.assert_array_equal(grid(frame).values, [[1, 3, 5], [2, 4, 6]])


def test_a_period_without_a_row_is_a_gap_unless_said_otherwise() -> None:
    frame = table(
        week=["2024-W01", "2024-W02", "2024-W03", "2024-W01", "2024-W02", "2024-W04"],
        cases=[1, None, 3, 4, 5, 6],
    )
    np.testing.assert_array_equal(grid(frame).values, [[1, np.nan, 3, np.nan], [4, 5, np.nan, 6]])
    # An empty cell stays missing: somebody wrote down that nothing is known.
    np.testing.assert_array_equal(grid(frame, missing="zero").values, [[1, np.nan, 3, 0], [4, 5, 0, 6]])


def test_several_keys_and_none() -> None:
    frame = table(disease=["x", "x", "y"] * 2)
    found = grid(frame, by=["county", "disease"])
    assert found.keys() == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    alone = grid(frame.head(3), by=None)
    assert alone.keys() == [()]
    np.testing.assert_array_equal(alone.values, [[1, 2, 3]])


def test_a_pandas_index_means_nothing() -> None:
    frame = table().to_pandas()
    frame.index = pd.Index([5, 5, 1, 0, 9, 9])
    np.testing.assert_array_equal(grid(frame).values, [[1, 2, 3], [4, 5, 6]])


def test_categories_and_numbers_as_keys() -> None:
    frame = table(county=[420_000, 420_000, 420_000, 7, 7, 7]).with_columns(
        pl.col("week").cast(pl.Categorical)
    )
    assert grid(frame).keys() == [(420_000,), (7,)]
    category = table().with_columns(pl.col("county").cast(pl.Categorical))
    assert grid(category).keys() == [("a",), ("b",)]


def test_missing_columns_say_what_is_there() -> None:
    with pytest.raises(
        InputError, match=r"There is no column n, district. The table has county, week, cases."
    ):
        grid(table(), by="district", value="n")
    with pytest.raises(InputError, match="is used for more than one thing"):
        grid(table(), by="week")


def test_frames_that_cannot_be_used() -> None:
    with pytest.raises(InputError, match=r"polars, pandas or pyarrow frame .* Got dict"):
        grid({"week": [1]})
    with pytest.raises(InputError, match="collect a lazy one first"):
        grid(table().lazy())
    with pytest.raises(InputError, match="has no rows"):
        grid(table().head(0))


def test_doubled_periods_name_both_rows() -> None:
    frame = table(week=["2024-W01", "2024-W02", "2024-W01", "2024-W01", "2024-W02", "2024-W03"])
    with pytest.raises(InputError, match="1 rows repeat a period of their series") as caught:
        grid(frame)
    assert str(caught.value.problems[0]) == "row 3: 2024-W01 stands already in row 1"
    with pytest.raises(InputError) as caught:
        grid(frame, first_row=2)
    assert str(caught.value.problems[0]) == "row 4: 2024-W01 stands already in row 2"


def test_a_forgotten_key_column_is_a_doubled_period() -> None:
    with pytest.raises(InputError, match="add a key column, or sum first"):
        grid(table(), by=None)


def test_disorder_is_an_error_until_allowed() -> None:
    frame = table(week=["2024-W01", "2024-W03", "2024-W02", "2024-W01", "2024-W02", "2024-W03"])
    with pytest.raises(InputError, match="1 rows stand before an earlier period") as caught:
        grid(frame)
    assert str(caught.value.problems[0]) == "row 3, column county + week: 2024-W02 comes after a later period"
    np.testing.assert_array_equal(grid(frame, unordered="sort").values, [[1, 3, 2], [4, 5, 6]])


@pytest.mark.parametrize(
    ("cases", "rows"), [([1, -2, 3, 4, 5, 6], [2]), ([1.0, 2.0, 3.5, 4.0, 5.0, 0.1], [3, 6])]
)
def test_counts_are_whole_and_not_negative(cases: list[float], rows: list[int]) -> None:
    frame = table(cases=cases)
    with pytest.raises(InputError, match="must hold counts") as caught:
        grid(frame, counts=True)
    assert [problem.where["row"] for problem in caught.value.problems] == rows
    np.testing.assert_array_equal(grid(frame).values.reshape(-1), cases)


def test_values_that_are_no_numbers() -> None:
    with pytest.raises(InputError, match=r"must hold numbers. It is of type String, for example 1, <5, 3."):
        grid(table(cases=["1", "<5", "3", "4", "5", "6"]))
    with pytest.raises(InputError, match="is infinite in 1 rows"):
        grid(table(cases=[1.0, float("inf"), 3.0, 4.0, 5.0, 6.0]))


def test_an_empty_key_belongs_to_no_series() -> None:
    with pytest.raises(InputError, match="is empty in 1 rows") as caught:
        grid(table(county=["a", "a", None, "b", "b", "b"]))
    assert caught.value.problems[0].where == {"row": 3, "column": "county"}


def test_problems_are_counted_but_only_ten_are_named() -> None:
    frame = pl.DataFrame({"week": [f"2024-W{week:02d}" for week in range(1, 31)], "cases": [-1] * 30})
    with pytest.raises(InputError, match="It does not in 30 rows") as caught:
        grid(frame, by=None, counts=True)
    assert len(caught.value.problems) == 10


def test_a_wrong_year_does_not_fill_the_memory() -> None:
    n = 4000
    frame = pl.DataFrame(
        {"county": [f"c{index}" for index in range(n)], "day": ["2024-07-01"] * n, "cases": [1] * n}
    )
    wrong = pl.concat([frame, pl.DataFrame({"county": ["c0"], "day": ["2924-07-02"], "cases": [1]})])
    with pytest.raises(InputError, match="Is there a wrong year"):
        grid(wrong, time="day", step="day")


def test_options_are_checked() -> None:
    with pytest.raises(ParameterError, match="missing must be one of gap, zero. Got none"):
        grid(table(), missing="none")
    with pytest.raises(ParameterError, match="unordered must be one of error, sort"):
        grid(table(), unordered="yes")
    with pytest.raises(ParameterError, match="time must be one column, or two"):
        grid(table(), time=[])


def test_population_is_laid_out_and_carried_over_gaps() -> None:
    frame = table(
        week=["2024-W01", "2024-W02", "2024-W04", "2024-W02", "2024-W03", "2024-W04"],
        people=[10, 11, 12, 20, 21, 22],
    )
    people = grid(frame, population="people").population
    assert people is not None
    np.testing.assert_array_equal(people, [[10, 11, 11, 12], [20, 20, 21, 22]])
    with pytest.raises(InputError, match="must be above 0"):
        grid(frame.with_columns(people=pl.lit(0)), population="people")


@given(st.data())
def test_every_value_arrives_in_its_cell(data: st.DataObject) -> None:
    """Property: whatever the mixture of series and weeks, each row's value stands at its series and week."""
    cells = data.draw(
        st.dictionaries(
            st.tuples(st.sampled_from("abc"), st.integers(1, 30)), st.integers(0, 9), min_size=1, max_size=25
        )
    )
    rows = sorted(((key, week, count) for (key, week), count in cells.items()), key=lambda row: row[1])
    frame = pl.DataFrame(
        {
            "county": [row[0] for row in rows],
            "week": [f"2024-W{row[1]:02d}" for row in rows],
            "cases": [row[2] for row in rows],
        }
    )
    found = grid(frame.to_arrow())
    places = {key[0]: place for place, key in enumerate(found.keys())}
    first = min(week for _, week in cells)
    for (key, week), count in cells.items():
        assert found.values[places[key], week - first] == count
    assert np.isnan(found.values).sum() == found.values.size - len(cells)
