"""Calendars: how an indicator cuts time into periods, and how a period is named.

A period is an integer, so that neighbours differ by one and a series is an array. What the integer counts:

=======  =======================================================================================
step     period 0 and the count
=======  =======================================================================================
hour     whole hours since 1970-01-01T00:00 UTC (the hour's start, whatever its label)
day      days since 1970-01-01, of the local date that the day is named after
week     weeks since the week that holds Thursday 1970-01-01. ISO weeks start on Monday, period 0 is
         1970-W01 and starts on 1969-12-29. MMWR weeks start on Sunday, period 0 is 1969-W53 and
         starts on 1969-12-28. A year with 53 weeks needs no care: weeks are simply consecutive.
month    (year - 1970) * 12 + month - 1
quarter  (year - 1970) * 4 + quarter - 1
year     the year itself (2024 is 2024)
=======  =======================================================================================

Look-alikes that must not be mixed:

- *Label* of an hour. Stations name the hour 07:00-08:00 either ``07`` (``label="start"``) or ``08``
  (``label="end"``, usual in Chinese monitoring, where the last hour of a day is ``24``). The period is the same
  integer in both cases; only the name differs.
- *Day boundary*. With ``day_boundary_hours=20`` the day named D runs from 20:00 of D-1 to 20:00 of D, the
  meteorological day in China; ``8`` works alike, from 08:00 of D-1 to 08:00 of D (08-08 rainfall as weather services
  name it). Hydrological yearbooks name the 08-08 day after its *first* date; shift such deliveries by a day before
  they enter. Weeks, months, quarters and years are made of such days. A period is half open: the moment
  20:00:00 itself begins the next day.
- *Weeks*. ``"iso"``: Monday to Sunday, week 1 holds 4 January (ISO 8601; Chinese weekly bulletins). ``"mmwr"``:
  Sunday to Saturday, week 1 is the first with four days in the year (US CDC, PAHO, Brazil).

Moments are aware datetimes; arrays of ``datetime64`` finer than a day are UTC, ``datetime64[D]`` are local dates.
Not in here: which calendar an indicator has (``indicators``), and reading dates from messy files (``anlan.intake``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, cast, get_args
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.errors import InputError, ParameterError
from anlan.texts import say

Step = Literal["hour", "day", "week", "month", "quarter", "year"]
Label = Literal["start", "end"]
WeekSystem = Literal["iso", "mmwr"]

STEPS: tuple[Step, ...] = get_args(Step)
DAY_BOUNDARIES = (0, 8, 20)
FIRST_YEAR, LAST_YEAR = 1800, 2299

_EPOCH = date(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR, _DAY = 3600, 86400
# Days from the start of week 0 to 1970-01-01, and from a week's start to the day whose year the week bears.
_WEEK_SHIFT = {"iso": 3, "mmwr": 4}
_WEEK_MIDDLE = {"iso": 3, "mmwr": 3}
_PER_YEAR = {"hour": 8766, "day": 365, "week": 52, "month": 12, "quarter": 4, "year": 1}

_FORMS = {
    "hour": (re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)(?:([+-]\d\d))?"), "2024-03-05T08"),
    "day": (re.compile(r"(\d{4})-(\d\d)-(\d\d)"), "2024-03-05"),
    "week": (re.compile(r"(\d{4})-W(\d\d)"), "2024-W07"),
    "month": (re.compile(r"(\d{4})-(\d\d)"), "2024-03"),
    "quarter": (re.compile(r"(\d{4})-Q([1-4])"), "2024-Q1"),
    "year": (re.compile(r"(\d{4})"), "2024"),
}

__all__ = [
    "DAY_BOUNDARIES",
    "FIRST_YEAR",
    "LAST_YEAR",
    "STEPS",
    "Calendar",
    "Label",
    "Step",
    "WeekSystem",
    "calendar_from",
]


@dataclass(frozen=True)
class Calendar:
    """How time is cut into periods and how a period is named; see the module's table.

    Parameters
    ----------
    step : {"hour", "day", "week", "month", "quarter", "year"}
    zone : str, default "Asia/Shanghai"
        IANA name of the zone in which days begin and hours are named.
    day_boundary_hours : {0, 8, 20}, default 0
        Local hour at which a day begins; with 8 or 20 the day bears the date on which it *ends*.
    label : {"start", "end"}, default "start"
        Whether an hour is named by its start or by its end.
    week_system : {"iso", "mmwr"}, default "iso"

    Raises
    ------
    ParameterError
        A value outside these lists, or an unknown zone.
    """

    step: Step
    zone: str = "Asia/Shanghai"
    day_boundary_hours: int = 0
    label_at: Label = "start"
    week_system: WeekSystem = "iso"

    def __post_init__(self) -> None:
        _one_of("step", self.step, STEPS)
        _one_of("day_boundary_hours", self.day_boundary_hours, DAY_BOUNDARIES)
        _one_of("label_at", self.label_at, get_args(Label))
        _one_of("week_system", self.week_system, get_args(WeekSystem))
        _zone(self.zone)

    @property
    def periods_per_year(self) -> int:
        """Periods in a usual year, as seasonal models count them (weeks 52, days 365, hours 8766)."""
        return _PER_YEAR[self.step]

    def to_dict(self) -> dict[str, str | int]:
        """Plain values for storage; ``calendar_from`` reads them back."""
        return asdict(self)

    def period_of(self, moment: datetime | date) -> int:
        """Give the period that holds an aware moment, or that a local date falls into.

        Raises
        ------
        ParameterError
            A moment without a zone; a date for an hourly calendar; a year outside 1800-2299.
        """
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                raise ParameterError(f"moment must carry a time zone. Got {moment!r}.")
            _check_year(moment.year)
            if self.step == "hour":
                return (moment - _EPOCH_UTC) // timedelta(hours=1)
            local = moment.astimezone(_zone(self.zone)).replace(tzinfo=None)
            return self._of_day((local + self._lead() - datetime(1970, 1, 1)).days)
        if self.step == "hour":
            raise ParameterError(f"an hourly calendar needs a moment, not a date. Got {moment!r}.")
        _check_year(moment.year)
        return self._of_day((moment - _EPOCH).days)

    def periods_of(self, moments: ArrayLike) -> NDArray[np.int64]:
        """Do what ``period_of`` does for an array.

        Parameters
        ----------
        moments : array_like of datetime64
            ``datetime64[D]`` means local dates, anything finer means UTC moments.

        Returns
        -------
        ndarray of int64, same shape

        Raises
        ------
        InputError
            Not datetimes, missing moments (NaT), or years outside 1800-2299.
        """
        values = np.asarray(moments)
        if values.dtype.kind != "M":
            raise InputError(f"moments must be of type datetime64. Got {values.dtype}.")
        if np.isnat(values).any():
            raise InputError(f"moments must not be missing. Got {int(np.isnat(values).sum())} missing (NaT).")
        if np.datetime_data(values.dtype)[0] in ("D", "W", "M", "Y"):
            if self.step == "hour":
                raise InputError("an hourly calendar needs moments finer than a day. Got datetime64[D].")
            return self._of_days(_checked_days(values.astype("datetime64[D]").astype(np.int64)))
        seconds = values.astype("datetime64[s]").astype(np.int64)
        _checked_days(seconds // _DAY)
        if self.step == "hour":
            return np.asarray(seconds // _HOUR, dtype=np.int64)
        local = seconds + _offset_at_instant(self.zone, seconds)
        return self._of_days((local + int(self._lead().total_seconds())) // _DAY)

    def start_of(self, period: int) -> datetime:
        """Give the moment (UTC) at which a period begins; it belongs to the period."""
        if self.step == "hour":
            _check_day(int(period) // 24)
            return _EPOCH_UTC + timedelta(hours=int(period))
        return self._day_start(self._first_day(int(period)))

    def end_of(self, period: int) -> datetime:
        """Give the moment (UTC) at which a period ends; it belongs to the next period."""
        return self.start_of(int(period) + 1)

    def starts_of(self, periods: ArrayLike) -> NDArray[np.datetime64]:
        """Do what ``start_of`` does for an array of integers; ``datetime64[s]`` in UTC."""
        values = _integers(periods)
        if self.step == "hour":
            _checked_days(values // 24)
            return (values * _HOUR).astype("datetime64[s]")
        days = _checked_days(self._first_days(values))
        local = days * _DAY - int(self._lead().total_seconds())
        return (local - _offset_at_wall(self.zone, local)).astype("datetime64[s]")

    def ends_of(self, periods: ArrayLike) -> NDArray[np.datetime64]:
        """Do what ``end_of`` does for an array of integers; ``datetime64[s]`` in UTC."""
        return self.starts_of(_integers(periods) + 1)

    def date_of(self, period: int) -> date:
        """Give the local date that a period begins with (for an hour: the date of its start)."""
        if self.step == "hour":
            return self.start_of(period).astimezone(_zone(self.zone)).date()
        return _EPOCH + timedelta(days=self._first_day(int(period)))

    def dates_of(self, periods: ArrayLike) -> NDArray[np.datetime64]:
        """Do what ``date_of`` does for an array of integers; ``datetime64[D]``."""
        values = _integers(periods)
        if self.step == "hour":
            seconds = values * _HOUR
            _checked_days(seconds // _DAY)
            return ((seconds + _offset_at_instant(self.zone, seconds)) // _DAY).astype("datetime64[D]")
        return _checked_days(self._first_days(values)).astype("datetime64[D]")

    def year_and_number(self, period: int) -> tuple[int, int]:
        """Give the year a period is counted in and its number there: (2020, 53) for the last ISO week of 2020.

        The number is the week, month or quarter from 1, or the day of the year; 1 for a year. Hours have none.
        """
        if self.step == "hour":
            raise ParameterError("an hour has no number in its year; use date_of.")
        middle = self.date_of(period)
        if self.step == "year":
            return int(period), 1
        if self.step == "month":
            return 1970 + int(period) // 12, int(period) % 12 + 1
        if self.step == "quarter":
            return 1970 + int(period) // 4, int(period) % 4 + 1
        if self.step == "day":
            return middle.year, middle.timetuple().tm_yday
        middle += timedelta(days=_WEEK_MIDDLE[self.week_system])
        return middle.year, (middle.timetuple().tm_yday - 1) // 7 + 1

    def text(self, period: int) -> str:
        """Write a period in its one canonical form; ``parse`` reads it back.

        Forms: ``2024-03-05T08``, ``2024-03-05``, ``2024-W07``, ``2024-03``, ``2024-Q1``, ``2024``. An hour is
        written by its label; an hour that the clock shows twice carries its offset (``2024-10-27T02+01``).
        """
        if self.step == "hour":
            local, offset = self._named_hour(int(period))
            return f"{local:%Y-%m-%dT%H}{offset}"
        if self.step == "day":
            return self.date_of(period).isoformat()
        year, number = self.year_and_number(period)
        forms = {
            "week": f"{year:04d}-W{number:02d}",
            "month": f"{year:04d}-{number:02d}",
            "quarter": f"{year:04d}-Q{number}",
        }
        return forms.get(self.step, f"{year:04d}")

    def parse(self, text: str) -> int:
        """Read the canonical form of a period.

        Hours also accept ``T24`` for the end of a day under ``label_at="end"``.

        Raises
        ------
        InputError
            Not the form of this step, or a date, week or hour that does not exist.
        """
        pattern, example = _FORMS[self.step]
        found = pattern.fullmatch(text.strip())
        if found is None:
            raise InputError(
                f"{text!r} is not a {self.step}; write it like {example}.",
                key="calendar.bad_form",
                values={"value": text, "step": self.step, "example": example},
            )
        try:
            return self._parsed(found)
        except ValueError as error:
            raise InputError(
                f"{text!r} does not exist in this calendar: {error}",
                key="calendar.no_such_period",
                values={"value": text, "step": self.step},
            ) from error

    def parse_all(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """Read many canonical forms; each different text is parsed once."""
        listed = list(texts)
        known = {text: self.parse(text) for text in set(listed)}
        return np.fromiter((known[text] for text in listed), dtype=np.int64, count=len(listed))

    def label(self, period: int, language: str) -> str:
        """Name a period for people: ``2024 week 7`` / ``2024年第7周``."""
        if self.step == "hour":
            return self._hour_label(int(period), language)
        if self.step == "day":
            day = self.date_of(period)
            values = _date_values(day, language)
            if self.day_boundary_hours:
                return say("calendar.day_with_boundary", language, boundary=self.day_boundary_hours, **values)
            return say("calendar.day", language, **values)
        year, number = self.year_and_number(period)
        if self.step == "month":
            return say("calendar.month", language, year=year, month=_month_name(number, language))
        return say(f"calendar.{self.step}", language, year=year, number=number)

    def _lead(self) -> timedelta:
        """What must be added to local time so that the date becomes the name of the day."""
        return timedelta(hours=24 - self.day_boundary_hours if self.day_boundary_hours else 0)

    def _day_start(self, day: int) -> datetime:
        wall = datetime(1970, 1, 1) + timedelta(days=day) - self._lead()
        _check_year(wall.year)
        return wall.replace(tzinfo=_zone(self.zone)).astimezone(UTC)

    def _of_day(self, day: int) -> int:
        if self.step == "day":
            return day
        if self.step == "week":
            return (day + _WEEK_SHIFT[self.week_system]) // 7
        local = _EPOCH + timedelta(days=day)
        if self.step == "month":
            return (local.year - 1970) * 12 + local.month - 1
        if self.step == "quarter":
            return (local.year - 1970) * 4 + (local.month - 1) // 3
        return local.year

    def _of_days(self, days: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.step == "day":
            return np.asarray(days, dtype=np.int64)
        if self.step == "week":
            return np.asarray((days + _WEEK_SHIFT[self.week_system]) // 7, dtype=np.int64)
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        if self.step == "month":
            return months
        if self.step == "quarter":
            return np.asarray(months // 3, dtype=np.int64)
        return np.asarray(months // 12 + 1970, dtype=np.int64)

    def _first_day(self, period: int) -> int:
        if self.step == "day":
            return _check_day(period)
        if self.step == "week":
            return _check_day(period * 7 - _WEEK_SHIFT[self.week_system])
        if self.step == "month":
            year, month = 1970 + period // 12, period % 12 + 1
        elif self.step == "quarter":
            year, month = 1970 + period // 4, period % 4 * 3 + 1
        else:
            year, month = period, 1
        _check_year(year)
        return (date(year, month, 1) - _EPOCH).days

    def _first_days(self, periods: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.step == "day":
            return periods
        if self.step == "week":
            return np.asarray(periods * 7 - _WEEK_SHIFT[self.week_system], dtype=np.int64)
        months = {"month": periods, "quarter": periods * 3, "year": (periods - 1970) * 12}[self.step]
        return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

    def _parsed(self, found: re.Match[str]) -> int:
        year = int(found[1])
        _check_year(year)
        if self.step == "hour":
            return self._parsed_hour(found)
        if self.step == "year":
            return year
        number = int(found[2])
        if self.step == "day":
            return (date(year, number, int(found[3])) - _EPOCH).days
        if self.step == "month":
            return (year - 1970) * 12 + date(year, number, 1).month - 1
        if self.step == "quarter":
            return (year - 1970) * 4 + number - 1
        # Week 1 holds 4 January in both systems.
        period = self._of_day((date(year, 1, 4) - _EPOCH).days) + number - 1
        if number < 1 or self.year_and_number(period) != (year, number):
            raise ValueError(f"{year} has no week {number}")
        return period

    def _parsed_hour(self, found: re.Match[str]) -> int:
        day, hour = date(int(found[1]), int(found[2]), int(found[3])), int(found[4])
        if hour > 24 or (hour == 24 and self.label_at == "start"):
            raise ValueError(f"hours run from 00 to {23 if self.label_at == 'start' else 24}")
        wall = datetime(day.year, day.month, day.day) + timedelta(hours=hour)
        zone = _zone(self.zone)
        instants = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        real = sorted(moment for moment in instants if moment.astimezone(zone).replace(tzinfo=None) == wall)
        if found[5] is not None:
            wanted = timedelta(hours=int(found[5]))
            real = [moment for moment in real if moment.astimezone(zone).utcoffset() == wanted]
        if not real:
            raise ValueError(f"the clock in {self.zone} does not show this hour")
        if len(real) > 1:
            offsets = " or ".join(_offset_text(moment.astimezone(zone)) for moment in real)
            raise ValueError(f"the clock in {self.zone} shows this hour twice; add {offsets}")
        period, rest = divmod(real[0] - _EPOCH_UTC, timedelta(hours=1))
        if rest:
            raise ValueError(f"hours in {self.zone} do not begin on whole hours of UTC")
        return period - (self.label_at == "end")

    def _named_hour(self, period: int) -> tuple[datetime, str]:
        """The wall time an hour is named by, and its offset if the clock shows that time twice."""
        named = period + (self.label_at == "end")
        _check_day(named // 24)
        local = (_EPOCH_UTC + timedelta(hours=named)).astimezone(_zone(self.zone))
        if local.minute or local.second:
            raise InputError(
                f"hourly periods need a zone with whole-hour offsets. Got {self.zone} at {local}."
            )
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        return local.replace(tzinfo=None), _offset_text(local) if twice else ""

    def _hour_label(self, period: int, language: str) -> str:
        zone = _zone(self.zone)
        start = self.start_of(period).astimezone(zone)
        end = self.end_of(period).astimezone(zone)
        # The hour before midnight ends at 24:00 of its own date, as stations write it.
        end_text = "24:00" if (end.hour, end.minute) == (0, 0) else f"{end:%H:%M}"
        _, offset = self._named_hour(period)
        return say(
            "calendar.hour",
            language,
            name=end_text if self.label_at == "end" else f"{start:%H:%M}",
            start=f"{start:%H:%M}",
            end=end_text,
            offset=f" UTC{offset}" if offset else "",
            **_date_values(start.date(), language),
        )


def calendar_from(values: Mapping[str, Any]) -> Calendar:
    """Build a calendar from plain values, as packs and tables hold them.

    Raises
    ------
    ParameterError
        An unknown name, a missing ``step``, or a value that ``Calendar`` does not accept.
    """
    accepted = tuple(Calendar.__dataclass_fields__)
    unknown = sorted(set(values) - set(accepted))
    if unknown:
        raise ParameterError(f"a calendar has {', '.join(accepted)}. Got {', '.join(unknown)}.")
    if "step" not in values:
        raise ParameterError(f"a calendar needs a step, one of {', '.join(STEPS)}.")
    return Calendar(**cast("dict[str, Any]", dict(values)))


def _one_of(name: str, value: object, accepted: tuple[object, ...]) -> None:
    if value not in accepted or isinstance(value, bool):
        raise ParameterError(f"{name} must be one of {', '.join(map(str, accepted))}. Got {value!r}.")


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        raise ParameterError(f"zone must be an IANA zone like Asia/Shanghai. Got {name!r}.") from error


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ParameterError(f"years must lie between {FIRST_YEAR} and {LAST_YEAR}. Got {year}.")


_FIRST_DAY = (date(FIRST_YEAR, 1, 1) - _EPOCH).days
_LAST_DAY = (date(LAST_YEAR, 12, 31) - _EPOCH).days
# No step has as many periods; checked before multiplying, so that nothing wraps around into a plausible year.
_BEYOND = 10**8


def _check_day(day: int) -> int:
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise ParameterError(
            f"years must lie between {FIRST_YEAR} and {LAST_YEAR}. Got day {day} from 1970-01-01."
        )
    return day


def _checked_days(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Refuse years far outside any data before tables of clock changes are made for them."""
    if days.size and (days.min() < _FIRST_DAY or days.max() > _LAST_DAY):
        raise InputError(f"years must lie between {FIRST_YEAR} and {LAST_YEAR} in all periods and moments.")
    return days


def _integers(periods: ArrayLike) -> NDArray[np.int64]:
    values = np.asarray(periods)
    if values.size and values.dtype.kind not in "iu":
        raise InputError(f"periods must be integers. Got {values.dtype}.")
    _checked_days(np.clip(values, -_BEYOND, _BEYOND).astype(np.int64) // 24)
    return values.astype(np.int64)


@lru_cache(maxsize=2048)
def _changes_in_year(zone_name: str, year: int) -> tuple[tuple[int, int], ...]:
    """Clock changes of a year as (instant, new offset) in seconds; the first entry is the year's start."""
    zone = _zone(zone_name)

    def offset_at(instant: int) -> int:
        offset = (_EPOCH_UTC + timedelta(seconds=instant)).astimezone(zone).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    start = int((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH_UTC).total_seconds())
    stop = int((datetime(year + 1, 1, 1, tzinfo=UTC) - _EPOCH_UTC).total_seconds())
    changes = [(start, offset_at(start))]
    for day in range(start, stop, _DAY):
        before, after = day, day + _DAY
        if offset_at(after) == changes[-1][1]:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if offset_at(middle) == changes[-1][1] else (before, middle)
        changes.append((after, offset_at(after)))
    return tuple(changes)


@lru_cache(maxsize=64)
def _clock_table(zone_name: str, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Instants and offsets of a zone from year ``first`` to ``last``, without entries that change nothing."""
    entries = [entry for year in range(first, last + 1) for entry in _changes_in_year(zone_name, year)]
    kept = [entries[0]] + [
        now for before, now in zip(entries, entries[1:], strict=False) if now[1] != before[1]
    ]
    table = np.array(kept, dtype=np.int64)
    return table[:, 0], table[:, 1]


def _table_for(zone_name: str, seconds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, last = (_EPOCH + timedelta(days=int(edge) // _DAY) for edge in (seconds.min(), seconds.max()))
    return _clock_table(zone_name, first.year - 1, last.year + 1)


def _offset_at_instant(zone_name: str, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    if not seconds.size:
        return seconds
    instants, offsets = _table_for(zone_name, seconds)
    return np.asarray(offsets[np.searchsorted(instants, seconds, side="right") - 1])


def _offset_at_wall(zone_name: str, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Offsets for wall-clock seconds, the earlier reading where the clock skips or repeats (PEP 495, fold 0)."""
    if not seconds.size:
        return seconds
    instants, offsets = _table_for(zone_name, seconds)
    turns = instants[1:] + np.maximum(offsets[1:], offsets[:-1])
    return np.asarray(offsets[np.searchsorted(turns, seconds, side="right")])


def _offset_text(local: datetime) -> str:
    offset = local.utcoffset() or timedelta()
    hours = int(offset.total_seconds()) // _HOUR
    return f"{'-' if hours < 0 else '+'}{abs(hours):02d}"


def _month_name(month: int, language: str) -> str:
    return say("calendar.month_names", language).split()[month - 1]


def _date_values(day: date, language: str) -> dict[str, object]:
    return {"year": day.year, "month": _month_name(day.month, language), "day": day.day}
