"""Numbers, dates and lengths of time as people read them, in Chinese and English.

Every function takes an aware moment and the zone of the city; none reads a clock. Thousands are parted by a
narrow no-break space in both languages, so that a figure never breaks over two lines and never looks like a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache

from babel.dates import format_date
from babel.numbers import format_decimal

from anlan.texts import say

THIN = "\u202f"
_LOCALES = {"zh": "zh_Hans_CN", "en": "en_GB"}


def locale_of(language: str) -> str:
    """The Babel locale of a page language."""
    return _LOCALES[language]


def number(value: float | int | Decimal | None, language: str, *, digits: int | None = None) -> str:
    """A figure with thousands parted; ``digits`` fixes the decimals, else up to three that are needed.

    A missing value is an em dash: missing is not zero.
    """
    if value is None or value != value:
        return "—"
    return _number(value, language, digits)


@lru_cache(maxsize=20_000)
def _number(value: float | int | Decimal, language: str, digits: int | None) -> str:
    """Tables repeat their figures: a chart's has hundreds of cells and a few dozen different numbers."""
    pattern = "#,##0.###" if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    text = format_decimal(value, format=pattern, locale=locale_of(language))
    return str(text).replace(",", THIN).replace("-", "−")


def probability(value: float | None) -> str:
    """A p-value or a limit on one, to two figures: ``0.0012``, ``< 0.0001``."""
    if value is None or value != value:
        return "—"
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def day(value: date, *, today: date | None = None) -> str:
    """A calendar day, short: without its year when it lies in the year of ``today``."""
    if today is not None and value.year == today.year:
        return f"{value.month:02d}-{value.day:02d}"
    return value.isoformat()


def long_day(value: date, language: str) -> str:
    """A calendar day in full, with its weekday, as a heading says it."""
    return str(format_date(value, format="full", locale=locale_of(language)))


def exact(moment: datetime, zone: tzinfo) -> str:
    """A moment to the minute on the city's clock: ``2026-07-06 08:05``."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def clock(moment: datetime, language: str, zone: tzinfo, now: datetime) -> str:
    """A moment as said on duty: ``08:05`` today, ``tomorrow 07:10``, ``07-09 12:00``, with the year when it differs."""
    local, here = moment.astimezone(zone), now.astimezone(zone)
    time = local.strftime("%H:%M")
    days = (local.date() - here.date()).days
    words = {0: "web.time.today", 1: "web.time.tomorrow", -1: "web.time.yesterday"}
    if days in words:
        return say(words[days], language, time=time)
    return f"{day(local.date(), today=here.date())} {time}"


def length(span: timedelta, language: str) -> str:
    """A length of time in its two largest units, rounded down: ``3 h 35 min``, ``2 d 4 h``, ``5 min``."""
    minutes = int(abs(span).total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days >= 3:
        return say("web.time.days", language, days=days)
    if days:
        key = "web.time.days_hours" if hours else "web.time.days"
        return say(key, language, days=days, hours=hours)
    if hours:
        key = "web.time.hours_minutes" if rest else "web.time.hours"
        return say(key, language, hours=hours, minutes=rest)
    return say("web.time.minutes", language, minutes=rest)


def ago(moment: datetime, language: str, now: datetime) -> str:
    """How long before or after ``now`` a moment lies, in words."""
    key = "web.time.in" if moment > now else "web.time.ago"
    return say(key, language, length=length(moment - now, language))


@dataclass(frozen=True)
class Formats:
    """The forms above with language, zone and the moment of the page filled in; what templates use."""

    language: str
    zone: tzinfo
    now: datetime

    def number(self, value: float | int | Decimal | None, digits: int | None = None) -> str:
        return number(value, self.language, digits=digits)

    def day(self, value: date) -> str:
        return day(value, today=self.now.astimezone(self.zone).date())

    def long_day(self, value: date) -> str:
        return long_day(value, self.language)

    def exact(self, moment: datetime) -> str:
        return exact(moment, self.zone)

    def clock(self, moment: datetime) -> str:
        return clock(moment, self.language, self.zone, self.now)

    def length(self, span: timedelta) -> str:
        return length(span, self.language)

    def since(self, moment: datetime) -> str:
        """How long ago, without the word "ago": for columns whose head says so."""
        return length(self.now - moment, self.language)

    def ago(self, moment: datetime) -> str:
        return ago(moment, self.language, self.now)

    def date_field(self, moment: datetime) -> str:
        """The value of a date field."""
        return moment.astimezone(self.zone).date().isoformat()

    def moment_field(self, moment: datetime) -> str:
        """The value of a date-and-time field."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M")
