from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.errors import InputError, ParameterError
from anlan.registry.calendars import STEPS, Calendar, calendar_from

BERLIN = "Europe/Berlin"
moments = st.datetimes(
    min_value=datetime(1905, 1, 1), max_value=datetime(2150, 1, 1), timezones=st.just(UTC)
).map(lambda moment: moment.replace(microsecond=0))
calendars = st.builds(
    Calendar,
    step=st.sampled_from(STEPS),
    zone=st.sampled_from(["Asia/Shanghai", BERLIN, "America/New_York", "UTC"]),
    day_boundary_hours=st.sampled_from([0, 8, 20]),
    label_at=st.sampled_from(["start", "end"]),
    week_system=st.sampled_from(["iso", "mmwr"]),
)


@settings(deadline=None)  # the first look at a zone makes its table of clock changes
@given(calendars, moments)
def test_a_moment_lies_in_its_period(calendar: Calendar, moment: datetime) -> None:
    period = calendar.period_of(moment)
    assert calendar.start_of(period) <= moment < calendar.end_of(period)


@settings(deadline=None)
@given(calendars, moments)
def test_text_and_parse_are_inverse(calendar: Calendar, moment: datetime) -> None:
    period = calendar.period_of(moment)
    assert calendar.parse(calendar.text(period)) == period


@settings(deadline=None)
@given(calendars, moments)
def test_texts_sort_like_periods(calendar: Calendar, moment: datetime) -> None:
    period = calendar.period_of(moment)
    if calendar.step != "hour":
        assert calendar.text(period) < calendar.text(period + 1)


@settings(deadline=None)
@given(calendars, st.lists(moments, max_size=20))
def test_arrays_equal_scalars(calendar: Calendar, listed: list[datetime]) -> None:
    array = np.array([moment.replace(tzinfo=None) for moment in listed], dtype="datetime64[s]")
    periods = calendar.periods_of(array)
    assert periods.tolist() == [calendar.period_of(moment) for moment in listed]
    starts = [calendar.start_of(period).replace(tzinfo=None) for period in periods.tolist()]
    assert calendar.starts_of(periods).tolist() == starts
    assert calendar.ends_of(periods).tolist() == [
        calendar.end_of(period).replace(tzinfo=None) for period in periods.tolist()
    ]
    assert calendar.dates_of(periods).tolist() == [calendar.date_of(period) for period in periods.tolist()]


@settings(deadline=None)
@given(
    calendars.filter(lambda calendar: calendar.step != "hour"), st.dates(date(1900, 1, 1), date(2150, 1, 1))
)
def test_dates_are_local_names(calendar: Calendar, day: date) -> None:
    period = calendar.period_of(day)
    assert calendar.date_of(period) <= day < calendar.date_of(period + 1)
    assert calendar.periods_of(np.array([day], dtype="datetime64[D]")).tolist() == [period]


@settings(deadline=None)
@given(st.dates(date(1900, 1, 1), date(2150, 1, 1)))
def test_iso_weeks_agree_with_the_standard_library(day: date) -> None:
    calendar = Calendar("week")
    iso = day.isocalendar()
    assert calendar.year_and_number(calendar.period_of(day)) == (iso.year, iso.week)
    assert calendar.text(calendar.period_of(day)) == f"{iso.year}-W{iso.week:02d}"


@pytest.mark.parametrize(
    ("day", "text"),
    [
        # Weeks as the US CDC publishes them: 2014, 2020 and 2025 have 53.
        (date(2014, 12, 28), "2014-W53"),
        (date(2015, 1, 3), "2014-W53"),
        (date(2015, 1, 4), "2015-W01"),
        (date(2021, 1, 2), "2020-W53"),
        (date(2021, 1, 3), "2021-W01"),
        (date(2025, 12, 28), "2025-W53"),
        (date(2026, 1, 4), "2026-W01"),
        (date(1970, 1, 1), "1969-W53"),
    ],
)
def test_mmwr_weeks(day: date, text: str) -> None:
    calendar = Calendar("week", week_system="mmwr")
    assert calendar.text(calendar.period_of(day)) == text
    assert calendar.date_of(calendar.parse(text)).isoweekday() == 7


def test_week_53_follows_52_and_precedes_1() -> None:
    calendar = Calendar("week")
    last = calendar.parse("2020-W53")
    assert calendar.text(last - 1) == "2020-W52"
    assert calendar.text(last + 1) == "2021-W01"
    assert calendar.parse("1970-W01") == 0
    with pytest.raises(InputError, match="2021 has no week 53"):
        calendar.parse("2021-W53")


def test_epochs_and_counts() -> None:
    assert Calendar("hour", "UTC").period_of(datetime(1970, 1, 2, 1, tzinfo=UTC)) == 25
    assert Calendar("day").period_of(date(1970, 1, 2)) == 1
    assert Calendar("month").parse("2024-03") == 54 * 12 + 2
    assert Calendar("quarter").parse("2024-Q4") == 54 * 4 + 3
    assert Calendar("quarter").date_of(54 * 4 + 3) == date(2024, 10, 1)
    assert Calendar("year").parse("2024") == 2024


def test_leap_days() -> None:
    calendar = Calendar("day")
    leap = calendar.parse("2024-02-29")
    assert calendar.text(leap + 1) == "2024-03-01"
    assert calendar.year_and_number(leap) == (2024, 60)
    with pytest.raises(InputError, match="2023-02-29"):
        calendar.parse("2023-02-29")
    february = Calendar("month").parse("2024-02")
    assert Calendar("month").end_of(february) - Calendar("month").start_of(february) == timedelta(days=29)


@pytest.mark.parametrize("boundary", [8, 20])
def test_a_day_with_a_boundary_bears_the_date_it_ends_on(boundary: int) -> None:
    calendar = Calendar("day", day_boundary_hours=boundary)
    china = timezone(timedelta(hours=8))
    day = calendar.parse("2024-03-05")
    assert calendar.start_of(day) == datetime(2024, 3, 4, boundary, tzinfo=china)
    assert calendar.end_of(day) == datetime(2024, 3, 5, boundary, tzinfo=china)
    assert calendar.period_of(datetime(2024, 3, 5, boundary - 1, 59, 59, tzinfo=china)) == day
    assert calendar.period_of(datetime(2024, 3, 5, boundary, tzinfo=china)) == day + 1
    assert calendar.date_of(day) == date(2024, 3, 5)


def test_a_year_of_20_hour_days_begins_on_new_years_eve() -> None:
    calendar = Calendar("year", day_boundary_hours=20)
    assert calendar.start_of(2024) == datetime(2023, 12, 31, 12, tzinfo=UTC)
    assert calendar.period_of(datetime(2023, 12, 31, 12, tzinfo=UTC)) == 2024


def test_hour_labels_differ_but_the_period_is_one() -> None:
    start, end = Calendar("hour"), Calendar("hour", label_at="end")
    period = start.period_of(datetime(2024, 3, 4, 23, 30, tzinfo=UTC))
    assert start.text(period) == "2024-03-05T07"
    assert end.text(period) == "2024-03-05T08"
    assert start.label(period, "en") == "5 March 2024 07:00 (07:00–08:00)"
    assert end.label(period, "zh") == "2024年3月5日08:00（07:00–08:00）"


def test_the_last_hour_of_a_day_is_24_under_end_labels() -> None:
    calendar = Calendar("hour", label_at="end")
    last = calendar.parse("2024-03-05T24")
    assert last == calendar.parse("2024-03-06T00")
    assert calendar.date_of(last) == date(2024, 3, 5)
    assert calendar.label(last, "en") == "5 March 2024 24:00 (23:00–24:00)"
    with pytest.raises(InputError, match="00 to 23"):
        Calendar("hour").parse("2024-03-05T24")


def test_the_repeated_hour_carries_its_offset() -> None:
    calendar = Calendar("hour", BERLIN)
    before = calendar.parse("2024-10-27T01")
    assert calendar.text(before + 1) == "2024-10-27T02+02"
    assert calendar.text(before + 2) == "2024-10-27T02+01"
    assert calendar.text(before + 3) == "2024-10-27T03"
    with pytest.raises(InputError, match=r"twice; add \+02 or \+01"):
        calendar.parse("2024-10-27T02")


def test_the_skipped_hour_does_not_exist() -> None:
    calendar = Calendar("hour", BERLIN)
    with pytest.raises(InputError, match="does not show"):
        calendar.parse("2024-03-31T02")
    assert calendar.text(calendar.parse("2024-03-31T01") + 1) == "2024-03-31T03"


def test_days_of_23_and_25_hours() -> None:
    calendar = Calendar("day", BERLIN)
    spring, autumn = calendar.parse("2024-03-31"), calendar.parse("2024-10-27")
    assert calendar.end_of(spring) - calendar.start_of(spring) == timedelta(hours=23)
    assert calendar.end_of(autumn) - calendar.start_of(autumn) == timedelta(hours=25)


def test_every_hour_of_a_year_with_clock_changes_has_its_own_text() -> None:
    for label in ("start", "end"):
        calendar = calendar_from({"step": "hour", "zone": BERLIN, "label_at": label})
        first = calendar.period_of(datetime(2024, 1, 1, tzinfo=ZoneInfo(BERLIN)))
        texts = [calendar.text(period) for period in range(first, first + 366 * 24)]
        assert len(set(texts)) == 366 * 24
        assert calendar.parse_all(texts).tolist() == list(range(first, first + 366 * 24))


@pytest.mark.parametrize(
    ("step", "text", "en", "zh"),
    [
        ("year", "2024", "2024", "2024年"),
        ("quarter", "2024-Q1", "2024 Q1", "2024年第1季度"),
        ("month", "2024-03", "March 2024", "2024年3月"),
        ("week", "2024-W07", "2024 week 7", "2024年第7周"),
        ("day", "2024-03-05", "5 March 2024", "2024年3月5日"),
    ],
)
def test_labels(step: str, text: str, en: str, zh: str) -> None:
    calendar = calendar_from({"step": step})
    assert calendar.label(calendar.parse(text), "en") == en
    assert calendar.label(calendar.parse(text), "zh") == zh


def test_a_boundary_shows_in_the_label() -> None:
    calendar = Calendar("day", day_boundary_hours=20)
    assert calendar.label(calendar.parse("2024-03-05"), "en") == "5 March 2024 (20:00 to 20:00)"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("week", "2024-07"),
        ("month", "2024-3"),
        ("day", "5.3.2024"),
        ("quarter", "2024-Q5"),
        ("year", "24"),
        ("hour", "x"),
    ],
)
def test_other_forms_are_refused_with_an_example(step: str, text: str) -> None:
    with pytest.raises(InputError, match="write it like") as caught:
        calendar_from({"step": step}).parse(text)
    assert caught.value.key == "calendar.bad_form"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"step": "decade"}, "step must be one of"),
        ({"step": "day", "zone": "Mars/Olympus"}, "IANA zone"),
        ({"step": "day", "day_boundary_hours": 6}, "day_boundary_hours must be one of 0, 8, 20. Got 6."),
        ({"step": "hour", "label_at": "middle"}, "label_at must be"),
        ({"step": "week", "week_system": "lunar"}, "week_system must be"),
        ({"zone": "UTC"}, "needs a step"),
        ({"step": "day", "colour": 1}, "Got colour"),
    ],
)
def test_bad_calendars_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        calendar_from(values)


def test_a_calendar_survives_storage() -> None:
    calendar = Calendar("hour", BERLIN, 20, "end", "mmwr")
    assert calendar_from(calendar.to_dict()) == calendar


def test_hostile_moments() -> None:
    calendar = Calendar("day")
    with pytest.raises(ParameterError, match="time zone"):
        calendar.period_of(datetime(2024, 1, 1))
    with pytest.raises(ParameterError, match="1800 and 2299"):
        calendar.period_of(date(9999, 1, 1))
    with pytest.raises(InputError, match="1 missing"):
        calendar.periods_of(np.array(["NaT", "2024-01-01"], dtype="datetime64[s]"))
    with pytest.raises(InputError, match="between 1800 and 2299"):
        calendar.periods_of(np.array(["9999-01-01"], dtype="datetime64[s]"))
    with pytest.raises(InputError, match="datetime64"):
        calendar.periods_of(np.array([1.0]))
    with pytest.raises(InputError, match="integers"):
        calendar.starts_of(np.array([1.5]))
    with pytest.raises(ParameterError, match="not a date"):
        Calendar("hour").period_of(date(2024, 1, 1))
    assert calendar.periods_of(np.array([], dtype="datetime64[s]")).tolist() == []
    assert calendar.starts_of(np.array([], dtype=np.int64)).size == 0


@settings(deadline=None)
@given(calendars, st.integers(10**7, 10**18))
def test_absurd_periods_are_refused(calendar: Calendar, period: int) -> None:
    for call in (calendar.text, calendar.start_of, calendar.date_of):
        with pytest.raises(ParameterError, match="1800 and 2299"):
            call(period)
    with pytest.raises(InputError, match="1800 and 2299"):
        calendar.starts_of(np.array([period]))


@pytest.mark.parametrize(
    ("day", "iso", "mmwr"),
    [
        # Worked by hand from the two definitions (4 January; four days in the year).
        (date(2020, 12, 31), "2020-W53", "2020-W53"),
        (date(2021, 1, 3), "2020-W53", "2021-W01"),
        (date(2023, 1, 1), "2022-W52", "2023-W01"),
        (date(2024, 12, 29), "2024-W52", "2025-W01"),
        (date(2025, 12, 28), "2025-W52", "2025-W53"),
        (date(2026, 1, 3), "2026-W01", "2025-W53"),
        (date(2027, 1, 1), "2026-W53", "2026-W52"),
    ],
)
def test_the_two_week_systems_side_by_side(day: date, iso: str, mmwr: str) -> None:
    for system, text in (("iso", iso), ("mmwr", mmwr)):
        calendar = calendar_from({"step": "week", "week_system": system})
        assert calendar.text(calendar.period_of(day)) == text
