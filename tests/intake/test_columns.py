"""Whole columns agree with single cells."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.intake.cells import Value, ValueRules, read_value
from anlan.intake.columns import clean_texts, read_periods, read_values, texts_of
from anlan.intake.periods import Period, PeriodRules, read_period
from anlan.intake.refusals import Refusal

NUMBERS = st.one_of(
    st.text(alphabet="0123456789.,-+<>=≤％%eELND 　０１２／—", max_size=9),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.integers(-(10**17), 10**17).map(str),
    st.sampled_from(["", "ND", "-999", "-0", "1,234", "0.05L", "未检出", "12.0", "007", "-999.0"]),
)
RULES = st.builds(
    ValueRules,
    whole=st.booleans(),
    minimum=st.sampled_from([None, 0.0, -1000.0]),
    maximum=st.sampled_from([None, 100.0]),
    qualifiers=st.booleans(),
    decimal_comma=st.booleans(),
    percent=st.sampled_from(["as_written", "as_fraction", "refused"]),
    sentinels=st.sampled_from([(), (-999.0,), (7.0, -1.0)]),
)


def scalar(text: str, rules: ValueRules) -> tuple[float | None, str, bool]:
    value = read_value(text, rules)
    return (value.number, value.qualifier, False) if isinstance(value, Value) else (None, "", True)


@given(st.lists(NUMBERS, min_size=1, max_size=12), RULES)
def test_values_of_a_column_are_the_values_of_its_cells(texts: list[str], rules: ValueRules) -> None:
    column = read_values(pl.Series(texts, dtype=pl.String), rules)
    got = list(
        zip(column.number.to_list(), column.qualifier.to_list(), column.refused.to_list(), strict=True)
    )
    expected = [scalar(text, rules) for text in texts]
    doubtful = {
        text for text, refusal in column.refusals.items() if refusal.key == "intake.value.comma_or_thousands"
    }
    for text, have, want in zip(texts, got, expected, strict=True):
        if text in doubtful:
            assert have == (None, "", True)
        else:
            assert have == want, text
            assert str(have[0]) == str(want[0])  # minus zero too
        assert (text in column.refusals) == have[2]


@given(
    st.lists(
        st.one_of(
            st.text(alphabet="0123456789-/.年月日T: ", max_size=19),
            st.dates(date(1890, 1, 1), date(2110, 1, 1)).map(str),
            st.datetimes(datetime(1890, 1, 1), datetime(2110, 1, 1)).map(
                lambda moment: moment.isoformat(" ", "seconds")
            ),
            st.sampled_from(
                [
                    "2024-02-30",
                    "2024-13-01",
                    "0202-01-01",
                    "2024-W07",
                    "",
                    "2024-03-05T24:00:00",
                    " 2024-03-05",
                ]
            ),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_periods_of_a_column_are_the_periods_of_its_cells(texts: list[str]) -> None:
    column = read_periods(pl.Series(texts, dtype=pl.String), PeriodRules())
    for position, text in enumerate(texts):
        period = read_period(text)
        have = column.start[position], column.kind[position], column.offset[position]
        if isinstance(period, Period):
            assert have == (period.start, period.kind, period.offset_minutes)
            assert not column.refused[position]
        else:
            assert column.refused[position]
            assert column.refusals[text] == period


def test_a_decimal_comma_in_the_column_makes_thousands_doubtful() -> None:
    column = read_values(pl.Series(["1,5", "1,234", "1,234.5", "12"]), ValueRules())
    assert column.refused.to_list() == [True, True, False, False]
    assert column.refusals["1,234"].key == "intake.value.comma_or_thousands"
    assert column.refusals["1,234"].suggestion is not None


def test_numbers_of_native_types_are_read_as_they_are() -> None:
    rules = ValueRules(whole=True, minimum=0)
    floats = read_values(pl.Series([1.0, None, float("nan"), 1.5, -1.0, 1e300]), rules)
    assert floats.number.to_list()[:1] == [1.0]
    assert floats.refused.to_list() == [False, False, False, True, True, False]
    whole = read_values(pl.Series([3, None, 10**17]), rules)
    assert whole.number.to_list() == [3.0, None, None]
    assert whole.refused.to_list() == [False, False, True]
    decimals = read_values(pl.Series(["1.50"]).cast(pl.Decimal(10, 2)), ValueRules())
    assert decimals.number.to_list() == [1.5]
    truth = read_values(pl.Series([True]), ValueRules())
    assert truth.refused.to_list() == [True]


def test_dates_of_native_types_are_read_as_they_are() -> None:
    days = read_periods(pl.Series([date(2024, 3, 5), None]), PeriodRules())
    assert days.start.to_list() == [datetime(2024, 3, 5), None]
    assert days.refused.to_list() == [False, True]
    moments = read_periods(
        pl.Series([datetime(2024, 3, 5, 8, tzinfo=UTC)]).dt.convert_time_zone("Asia/Shanghai"), PeriodRules()
    )
    assert (moments.start[0], moments.kind[0], moments.offset[0]) == (datetime(2024, 3, 5, 8), "moment", 0)
    years = read_periods(pl.Series([2024, 20240305]), PeriodRules())
    assert years.kind.to_list() == ["year", "day"]


def test_names_are_cleaned_without_losing_anything() -> None:
    assert clean_texts(pl.Series(["  温泉 街道\u3000", "（高新区）", None, "421202"])).to_list() == [
        "温泉 街道",
        "(高新区)",
        "",
        "421202",
    ]
    assert clean_texts(pl.Series([421202.0, 421221.0])).to_list() == ["421202", "421221"]
    assert texts_of(pl.Series([1.5, 2.0, None])).to_list() == ["1.5", "2", ""]


def test_how_cells_were_read_is_counted_with_an_example() -> None:
    column = read_values(pl.Series(["１２", "12", "１２", "３", "<5"]), ValueRules())
    counted = {how.name: (how.cells, how.raw, how.read) for how in column.how}
    assert counted == {"full_width": (3, "１２", "12"), "qualifier": (1, "<5", "<5")}


@pytest.mark.parametrize("column", [pl.Series([], dtype=pl.String), pl.Series([], dtype=pl.Float64)])
def test_an_empty_column_is_empty(column: pl.Series) -> None:
    assert len(read_values(column, ValueRules()).number) == 0
    assert len(read_periods(column, PeriodRules()).start) == 0


def test_a_refused_cell_keeps_its_text_as_delivered() -> None:
    column = read_values(pl.Series([" x "]), ValueRules())
    assert isinstance(column.refusals[" x "], Refusal)
