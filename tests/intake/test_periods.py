"""Single cells of periods, by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.intake.periods import Period, PeriodRules, read_period, week_start
from anlan.intake.refusals import Refusal

DAY = datetime(2024, 3, 5)


@pytest.mark.parametrize(
    ("text", "kind", "start"),
    [
        ("2024-03-05", "day", DAY),
        ("2024/3/5", "day", DAY),
        ("2024.3.5", "day", DAY),
        ("20240305", "day", DAY),
        ("2024年3月5日", "day", DAY),
        ("2024年3月5号", "day", DAY),
        ("２０２４年３月５日", "day", DAY),
        ("2024-03-05 星期二", "day", DAY),
        ("2024-03-05（周二）", "day", DAY),
        ("45356", "day", DAY),
        ("5 Mar 2024", "day", DAY),
        ("Mar 5, 2024", "day", DAY),
        ("March 5th 2024", "day", DAY),
        ("13/03/2024", "day", datetime(2024, 3, 13)),
        ("03/13/2024", "day", datetime(2024, 3, 13)),
        ("05/05/2024", "day", datetime(2024, 5, 5)),
        ("45356.5", "moment", DAY + timedelta(hours=12)),
        ("2024-03-05 08:30", "moment", DAY + timedelta(hours=8, minutes=30)),
        ("2024-03-05T08:30:15", "moment", DAY + timedelta(hours=8, minutes=30, seconds=15)),
        ("2024年3月5日8时", "moment", DAY + timedelta(hours=8)),
        ("2024年3月5日 8时30分", "moment", DAY + timedelta(hours=8, minutes=30)),
        ("2024030508", "moment", DAY + timedelta(hours=8)),
        ("2024-03-05 24:00", "moment", DAY + timedelta(days=1)),
        ("2024-W07", "week", datetime(2024, 2, 12)),
        ("2024W7", "week", datetime(2024, 2, 12)),
        ("2024年第7周", "week", datetime(2024, 2, 12)),
        ("2024年7周", "week", datetime(2024, 2, 12)),
        ("2024 week 7", "week", datetime(2024, 2, 12)),
        ("2020-W53", "week", datetime(2020, 12, 28)),
        ("2024-03-04~2024-03-10", "week", datetime(2024, 3, 4)),
        ("2024年3月4日至2024年3月10日", "week", datetime(2024, 3, 4)),
        ("2024/3/1—2024/3/31", "month", datetime(2024, 3, 1)),
        ("2024-01-01 到 2024-12-31", "year", datetime(2024, 1, 1)),
        ("2024-W07-3", "day", datetime(2024, 2, 14)),
        ("2024-03", "month", datetime(2024, 3, 1)),
        ("202403", "month", datetime(2024, 3, 1)),
        ("2024年3月", "month", datetime(2024, 3, 1)),
        ("2024年3月份", "month", datetime(2024, 3, 1)),
        ("Mar 2024", "month", datetime(2024, 3, 1)),
        ("2024Q2", "quarter", datetime(2024, 4, 1)),
        ("2024年二季度", "quarter", datetime(2024, 4, 1)),
        ("2024年第2季度", "quarter", datetime(2024, 4, 1)),
        ("2024", "year", datetime(2024, 1, 1)),
        ("2024年", "year", datetime(2024, 1, 1)),
        ("2024年度", "year", datetime(2024, 1, 1)),
    ],
)
def test_a_period_is_read(text: str, kind: str, start: datetime) -> None:
    period = read_period(text)
    assert isinstance(period, Period), period
    assert (period.kind, period.start, period.offset_minutes) == (kind, start, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("yesterday", "unknown"),
        ("123", "unknown"),
        ("99999", "unknown"),
        ("421202", "year_out_of_reach"),
        ("0202-01-01", "year_out_of_reach"),
        ("2024-13-01", "no_such_month"),
        ("2024-02-30", "no_such_day"),
        ("2024-06-31", "no_such_day"),
        ("6月31日", "no_such_day"),
        ("6月30日", "no_year"),
        ("2024-03-05 25:00", "no_such_time"),
        ("2024-03-05 08:61", "no_such_time"),
        ("2021-W53", "no_such_week"),
        ("2024年第0周", "no_such_week"),
        ("03/04/2024", "ambiguous_order"),
        ("5-Mar-24", "two_digit_year"),
        ("24-03-05", "two_digit_year"),
        ("2024-03-04~2024-03-09", "odd_range"),
        ("2024-03-05~2024-03-11", "odd_range"),  # seven days, but no week of the calendar
        ("٢٠٢٤-٠٣-٠٥", "unknown"),
    ],
)
def test_a_period_is_refused_with_its_reason(text: str, reason: str) -> None:
    refusal = read_period(text)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.key == f"intake.period.{reason}"
    assert refusal.at(row=1).message


def test_a_day_that_does_not_exist_names_its_neighbours() -> None:
    refusal = read_period("2024-06-31")
    assert isinstance(refusal, Refusal)
    assert refusal.suggestion is not None
    assert refusal.suggestion.say("en") == "Is it 2024-06-30 or 2024-07-01? Only the sender knows."


def test_what_a_source_declares() -> None:
    assert read_period("03/04/2024", PeriodRules(date_order="dmy")) == Period(
        "day", datetime(2024, 4, 3), how=("text_date",)
    )
    assert read_period("03/04/2024", PeriodRules(date_order="mdy")) == Period(
        "day", datetime(2024, 3, 4), how=("text_date",)
    )
    wrong = read_period("13/04/2024", PeriodRules(date_order="mdy"))
    assert isinstance(wrong, Refusal)
    assert read_period("3月5日", PeriodRules(year=2024)) == Period("day", DAY, how=("year_declared",))
    mmwr = read_period("2024-W07", PeriodRules(weeks="mmwr"))
    assert isinstance(mmwr, Period)
    assert mmwr.start == datetime(2024, 2, 11)


def test_an_offset_is_kept_beside_the_local_time() -> None:
    period = read_period("2024-03-05T08:00:00+08:00")
    assert isinstance(period, Period)
    assert (period.start, period.offset_minutes) == (datetime(2024, 3, 5, 8), 480)
    utc = read_period("2024-03-05T08:00:00Z")
    assert isinstance(utc, Period)
    assert utc.offset_minutes == 0


def test_a_day_stands_for_a_longer_period_only_where_it_begins_it() -> None:
    first, other = Period("day", datetime(2024, 4, 1)), Period("day", datetime(2024, 4, 2))
    assert [first.as_kind(kind) is not None for kind in ("day", "week", "month", "quarter", "year")] == [
        True
    ] * 4 + [False]
    assert [other.as_kind(kind) is not None for kind in ("day", "week", "month", "quarter", "year")] == [
        True
    ] + [False] * 4
    assert Period("month", datetime(2024, 4, 1)).as_kind("day") is None
    assert Period("moment", datetime(2024, 4, 1)).as_kind("month") is not None
    end = read_period("2024-03-31 24:00")
    assert isinstance(end, Period)
    assert end.as_kind("day") is None  # the end of 31 March is not the day of 1 April


@given(st.integers(1901, 2099), st.integers(1, 53))
def test_iso_weeks_agree_with_the_standard_library(year: int, week: int) -> None:
    try:
        expected: date | None = date.fromisocalendar(year, week, 1)
    except ValueError:
        expected = None
    assert week_start(year, week) == expected


@given(st.dates(date(1901, 1, 1), date(2099, 12, 31)))
def test_every_form_of_a_day_is_the_same_day(day: date) -> None:
    forms = (
        f"{day:%Y-%m-%d}", f"{day:%Y/%m/%d}", f"{day:%Y%m%d}", f"{day.year}年{day.month}月{day.day}日", f"{day.year}.{day.month}.{day.day}",
    )  # fmt: skip
    assert {getattr(read_period(form), "start", form) for form in forms} == {
        datetime(day.year, day.month, day.day)
    }


@given(st.text(max_size=30))
def test_no_text_raises(text: str) -> None:
    assert isinstance(read_period(text), Period | Refusal)


@given(st.text(alphabet="0123456789-/.年月日时周第季度WQ: ~至", max_size=24))
def test_no_text_that_is_nearly_a_date_raises(text: str) -> None:
    assert isinstance(read_period(text), Period | Refusal)
