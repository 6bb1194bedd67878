"""One cell as text -> one period of time, or the reason why not.

A period is a *kind* (year, quarter, month, week, day, moment) and its start in the local time of whoever wrote it; which
zone and which day boundary that means is the indicator's calendar, applied later. Two look-alikes are kept apart:

- ``2024-03`` is the month of March. ``2024-03-01`` is a day; whether a monthly indicator may take it as its month is
  decided by ``Period.as_kind``, not here.
- ``2024-W07`` is a week and has the days its rule (``iso`` or ``mmwr``) gives it. ``2024-02-12`` is its first day.

Nothing ambiguous is guessed: 03/04/2024 needs a declared order, 3月5日 needs a declared year.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from anlan.intake.cells import fold
from anlan.intake.refusals import Refusal
from anlan.texts import Sentence

__all__ = ["FIRST_YEAR", "LAST_YEAR", "Kind", "Period", "PeriodRules", "read_period", "week_start"]

Kind = Literal["year", "quarter", "month", "week", "day", "moment"]
FIRST_YEAR, LAST_YEAR = 1900, 2100
_EXCEL_EPOCH = datetime(1899, 12, 30)
# 1954-10-03 to 2100-01-01: five digits outside this are more likely a code than a date.
_SERIAL_FIRST, _SERIAL_LAST = 20_000, 73_051


@dataclass(frozen=True)
class PeriodRules:
    """What a source has declared about its dates.

    Parameters
    ----------
    date_order : {"dmy", "mdy"}, optional
        How 03/04/2024 is meant. Year first needs no declaration.
    weeks : {"iso", "mmwr"}
        Weeks that begin on Monday, or on Sunday as in the MMWR calendar.
    year : int, optional
        The year of dates that have none, such as 3月5日.
    """

    date_order: Literal["dmy", "mdy"] | None = None
    weeks: Literal["iso", "mmwr"] = "iso"
    year: int | None = None


@dataclass(frozen=True)
class Period:
    """A stretch of time as it was said.

    ``start`` is naive local time. ``offset_minutes`` is the distance from UTC where the text gave one (``Z``,
    ``+08:00``), else ``None``. ``how`` names what was done beyond reading an ISO date.
    """

    kind: Kind
    start: datetime
    offset_minutes: int | None = None
    how: tuple[str, ...] = ()

    def as_kind(self, kind: Kind, *, weeks: str = "iso") -> Period | None:
        """The same period said as another kind, or ``None`` where that would be a guess.

        The first day of a month, quarter, year or week may stand for the whole; a day may stand for its midnight.
        """
        if kind == self.kind:
            return self
        is_midnight = self.start.time() == datetime.min.time() and "end_of_day" not in self.how
        if self.kind == "moment" and is_midnight and self.offset_minutes is None:
            return replace(self, kind="day").as_kind(kind, weeks=weeks)
        if self.kind != "day":
            return None
        starts = {
            "moment": True,
            "week": self.start.weekday() == (6 if weeks == "mmwr" else 0),
            "month": self.start.day == 1,
            "quarter": self.start.day == 1 and self.start.month % 3 == 1,
            "year": self.start.day == 1 and self.start.month == 1,
        }
        return replace(self, kind=kind) if starts[kind] else None


def week_start(year: int, week: int, *, weeks: str = "iso") -> date | None:
    """First day of a week of a year, or ``None`` if the year has no such week.

    References
    ----------
    ISO 8601-1:2019, 4.3.2 (week 1 holds the first Thursday); CDC MMWR weeks (Sunday to Saturday, week 1 has at least four
    days in January).
    """
    first_weekday = 6 if weeks == "mmwr" else 0

    def first_of(which: int) -> date:
        fourth = date(which, 1, 4)  # always in week 1 under both rules
        return fourth - timedelta(days=(fourth.weekday() - first_weekday) % 7)

    start = first_of(year) + timedelta(weeks=week - 1)
    return start if week >= 1 and start < first_of(year + 1) else None


class _Wrong(Exception):  # noqa: N818 (never leaves this module)
    def __init__(self, reason: str, values: dict[str, Any], suggestion: Sentence | None = None) -> None:
        super().__init__(reason)
        self.reason, self.values, self.suggestion = reason, values, suggestion


def read_period(raw: str | None, rules: PeriodRules = PeriodRules()) -> Period | Refusal:  # noqa: B008 (frozen)
    """Read one cell of a period column.

    Parameters
    ----------
    raw : str or None
        The cell as text; ``None`` is an empty cell.
    rules : PeriodRules
        What the source has declared.

    Returns
    -------
    Period or Refusal
        Never raises for a text: what cannot be read comes back as the reason.
    """
    shown = (raw or "")[:60]
    text = re.sub(r"\s+", " ", fold(raw or ""))
    how: tuple[str, ...] = (
        ("full_width",) if any(0xFF01 <= ord(character) <= 0xFF5E for character in raw or "") else ()
    )
    text = re.sub(r" ?[(]?(?:星期|周|礼拜)[一二三四五六日天][)]?$", "", text)
    try:
        if not text:
            raise _Wrong("empty", {})
        for pattern, build in _FORMS:
            if found := pattern.match(text):
                period = build(found.groupdict(), rules)
                is_text = period.kind in ("day", "moment") and not period.how
                how += (
                    ("text_date",) if is_text and not text.startswith(period.start.date().isoformat()) else ()
                )
                return replace(period, how=how + period.how)
        raise _Wrong("unknown", {})
    except _Wrong as wrong:
        accepted = Sentence("intake.accepted.period")
        return Refusal(f"intake.period.{wrong.reason}", shown, accepted, wrong.values, wrong.suggestion)


def _day(year: int, month: int, day: int) -> datetime:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise _Wrong("year_out_of_reach", {"first": FIRST_YEAR, "last": LAST_YEAR})
    try:
        return datetime(year, month, day)
    except ValueError:
        raise _no_such_day(year, month, day) from None


def _no_such_day(year: int, month: int, day: int) -> _Wrong:
    if not 1 <= month <= 12:
        return _Wrong("no_such_month", {"month": month})
    if not 1 <= day <= 31:
        return _Wrong("no_such_day", {})
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    both = {"before": last.isoformat(), "after": (last + timedelta(days=1)).isoformat()}
    return _Wrong("no_such_day", {}, Sentence("intake.suggest.one_of_two_days", both))


def _clock(parts: dict[str, str | None]) -> timedelta:
    hour, minute = int(parts["hour"] or 0), int(parts.get("minute") or 0)
    second = float(parts.get("second") or 0)
    midnight = hour == 24 and minute == 0 and second == 0  # hydrology writes 24:00 for the end of a day
    if (hour > 23 and not midnight) or minute > 59 or second >= 60:
        raise _Wrong("no_such_time", {})
    return timedelta(hours=hour, minutes=minute, microseconds=round(second * 1_000_000))


def _offset(text: str | None) -> int | None:
    if not text:
        return None
    if text in "Zz":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes > 14 * 60:
        raise _Wrong("no_such_time", {})
    return -minutes if text[0] == "-" else minutes


def _full_date(parts: dict[str, str | None], _rules: PeriodRules) -> Period:
    start = _day(int(parts["year"] or 0), int(parts["month"] or 0), int(parts["day"] or 0))
    if parts.get("hour") is None:
        return Period("day", start)
    how = ("end_of_day",) if parts["hour"] == "24" else ()
    return Period("moment", start + _clock(parts), _offset(parts.get("offset")), how)


def _month(parts: dict[str, str | None], _rules: PeriodRules) -> Period:
    return Period("month", _day(int(parts["year"] or 0), int(parts["month"] or 0), 1))


def _year(parts: dict[str, str | None], _rules: PeriodRules) -> Period:
    return Period("year", _day(int(parts["year"] or 0), 1, 1))


def _quarter(parts: dict[str, str | None], _rules: PeriodRules) -> Period:
    number = "一二三四".find(parts["quarter"] or "") + 1 or int(parts["quarter"] or 0)
    return Period("quarter", _day(int(parts["year"] or 0), number * 3 - 2, 1))


def _week(parts: dict[str, str | None], rules: PeriodRules) -> Period:
    year, week = int(parts["year"] or 0), int(parts["week"] or 0)
    _day(year, 1, 1)
    start = week_start(year, week, weeks=rules.weeks)
    if start is None:
        raise _Wrong("no_such_week", {"year": str(year), "week": week})
    midnight = datetime(start.year, start.month, start.day)
    if weekday := parts.get("weekday"):
        monday = midnight if rules.weeks == "iso" else midnight + timedelta(days=1)
        return Period("day", monday + timedelta(days=int(weekday) - 1))
    return Period("week", midnight)


def _month_and_day(parts: dict[str, str | None], rules: PeriodRules) -> Period:
    month, day = int(parts["month"] or 0), int(parts["day"] or 0)
    if rules.year is not None:
        return replace(_full_date({**parts, "year": str(rules.year)}, rules), how=("year_declared",))
    try:
        date(2024, month, day)  # a leap year: whatever does not exist here exists in no year
    except ValueError:
        raise _no_such_day_without_year(month, day) from None
    raise _Wrong("no_year", {})


def _no_such_day_without_year(month: int, day: int) -> _Wrong:
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return _no_such_day(2024, month, day)
    last = date(2024 + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    after = last + timedelta(days=1)
    both = {"before": f"{last.month:02d}-{last.day:02d}", "after": f"{after.month:02d}-{after.day:02d}"}
    return _Wrong("no_such_day", {}, Sentence("intake.suggest.one_of_two_days", both))


def _year_last(parts: dict[str, str | None], rules: PeriodRules) -> Period:
    first, second = int(parts["first"] or 0), int(parts["other"] or 0)
    order = rules.date_order
    if order is None and first > 12:
        order = "dmy"
    elif order is None and second > 12:
        order = "mdy"
    elif order is None and first != second:
        year = parts["year"]
        both = {"before": f"{year}-{second:02d}-{first:02d}", "after": f"{year}-{first:02d}-{second:02d}"}
        raise _Wrong("ambiguous_order", {}, Sentence("intake.suggest.date_order", both))
    day, month = (second, first) if order == "mdy" else (first, second)
    return _full_date({**parts, "month": str(month), "day": str(day)}, rules)


def _english_month(parts: dict[str, str | None], rules: PeriodRules) -> Period:
    name = (parts["name"] or "")[:3].lower()
    number = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec").index(
        name
    ) + 1
    if parts.get("day") is None:
        return _month({**parts, "month": str(number)}, rules)
    return _full_date({**parts, "month": str(number)}, rules)


def _serial(parts: dict[str, str | None], _rules: PeriodRules) -> Period:
    number = float(parts["serial"] or 0)
    if not _SERIAL_FIRST <= number <= _SERIAL_LAST:
        raise _Wrong("unknown", {})
    # To the second: Excel stores 12:30:52 as a fraction that is some microseconds off.
    start = _EXCEL_EPOCH + timedelta(seconds=round(number * 86400))
    return Period("day" if number.is_integer() else "moment", start, None, ("excel_serial",))


def _two_digit_year(_parts: dict[str, str | None], _rules: PeriodRules) -> Period:
    raise _Wrong("two_digit_year", {})


def _range(parts: dict[str, str | None], rules: PeriodRules) -> Period:
    first, last = read_period(parts["from"], rules), read_period(parts["to"], rules)
    if isinstance(first, Refusal) or isinstance(last, Refusal) or first.kind != "day" or last.kind != "day":
        raise _Wrong("unknown", {})
    after = last.start + timedelta(days=1)
    for kind, matches in (
        ("week", after - first.start == timedelta(days=7)),
        ("month", first.start.day == 1 and after == _next_month(first.start, 1)),
        (
            "quarter",
            first.start.day == 1 and first.start.month % 3 == 1 and after == _next_month(first.start, 3),
        ),
        ("year", first.start.day == 1 and first.start.month == 1 and after == _next_month(first.start, 12)),
    ):
        if matches and (found := replace(first, how=("range",)).as_kind(kind, weeks=rules.weeks)):  # type: ignore[arg-type]
            return found
    raise _Wrong("odd_range", {"from": first.start.date().isoformat(), "to": last.start.date().isoformat()})


def _next_month(start: datetime, months: int) -> datetime:
    total = start.month - 1 + months
    return datetime(start.year + total // 12, total % 12 + 1, 1)


_CLOCK = (
    r"(?:[T ]?(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d{1,9})?))?|[时点](?:(?P<minute_zh>\d{1,2})分?)?)"
    r" ?(?P<offset>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?"
)
_YEAR = r"(?P<year>\d{4})"
_MONTH_NAME = r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
_WHOLE_DATE = r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?"
_Build = Callable[[dict[str, str | None], PeriodRules], Period]


def _with_chinese_minutes(build: _Build) -> _Build:
    def wrapped(parts: dict[str, str | None], rules: PeriodRules) -> Period:
        return build({**parts, "minute": parts.get("minute") or parts.get("minute_zh")}, rules)

    return wrapped


def _form(pattern: str, build: _Build) -> tuple[re.Pattern[str], _Build]:
    return re.compile(rf"^{pattern}$", re.ASCII | re.IGNORECASE), _with_chinese_minutes(build)


_FORMS = (
    _form(rf"{_YEAR}(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}}){_CLOCK}", _full_date),
    _form(rf"{_YEAR} ?年 ?(?P<month>\d{{1,2}}) ?月 ?(?P<day>\d{{1,2}}) ?[日号]? ?{_CLOCK}", _full_date),
    _form(
        rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)(?:T?(?P<hour>\d\d)(?P<minute>\d\d)?(?P<second>\d\d)?)?",
        _full_date,
    ),
    _form(rf"{_YEAR}-?W(?P<week>\d{{1,2}})(?:-(?P<weekday>[1-7]))?", _week),
    _form(rf"{_YEAR} ?年? ?第 ?(?P<week>\d{{1,2}}) ?周", _week),
    _form(rf"{_YEAR} ?年 ?(?P<week>\d{{1,2}}) ?周", _week),
    _form(rf"{_YEAR}[ -]?(?:week|wk) ?(?P<week>\d{{1,2}})", _week),
    _form(rf"{_YEAR}[-/.](?P<month>\d{{1,2}})", _month),
    _form(rf"{_YEAR} ?年 ?(?P<month>\d{{1,2}}) ?月(?:份)?", _month),
    _form(rf"{_YEAR}(?P<month>\d\d)", _month),
    _form(rf"{_YEAR}[ -]?Q(?P<quarter>[1-4])", _quarter),
    _form(rf"{_YEAR} ?年? ?第? ?(?P<quarter>[1-4一二三四]) ?季度", _quarter),
    _form(rf"{_YEAR} ?年?(?:度)?", _year),
    _form(r"(?P<month>\d{1,2}) ?月 ?(?P<day>\d{1,2}) ?[日号]?" + _CLOCK, _month_and_day),
    _form(rf"(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<other>\d{{1,2}})(?P=mark){_YEAR}" + _CLOCK, _year_last),
    _form(rf"(?P<day>\d{{1,2}})[ -]{_MONTH_NAME}[ ,-]+{_YEAR}{_CLOCK}", _english_month),
    _form(rf"{_MONTH_NAME} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? {_YEAR}{_CLOCK}", _english_month),
    _form(rf"{_MONTH_NAME}[ ,-]+{_YEAR}", _english_month),
    _form(r"\d{1,2}[-/.](?:\d{1,2}|[a-z]{3})[-/.]\d{2}", _two_digit_year),
    _form(r"(?P<serial>\d{5}(?:\.\d+)?)", _serial),
    _form(rf"(?P<from>{_WHOLE_DATE}) ?(?:~|至|到|/|--?) ?(?P<to>{_WHOLE_DATE})", _range),
)
