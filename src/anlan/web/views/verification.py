"""Were our warnings right: the page of verification."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from anlan.web.views.frame import FieldError, Option
from anlan.web.views.signals import Filter


@dataclass(frozen=True)
class ScoreRow:
    """One group, in words."""

    name: str
    level: str
    hits: int
    late: int
    misses: int
    false_alarms: int
    open: int
    detection: str
    false_ratio: str
    success: str
    lead: str


@dataclass(frozen=True)
class CaseRow:
    """One warning or one miss."""

    number: str
    href: str
    title: str
    areas: str
    level: str
    at: datetime
    verdict: str
    verdict_key: str
    lead: str
    said: str


@dataclass(frozen=True)
class SignalRow:
    """What people made of the signals of one domain."""

    domain: str
    verified: int
    dismissed: int
    waiting: int
    share: str


@dataclass(frozen=True)
class VerificationView:
    """``whole`` is everything in the period, ``rows`` by what was asked."""

    periods: tuple[Filter, ...]
    groups: tuple[Filter, ...]
    group_word: str
    whole: ScoreRow
    rows: tuple[ScoreRow, ...]
    cases: tuple[CaseRow, ...]
    signals: tuple[SignalRow, ...]
    csv_href: str
    action: str
    hazards: tuple[Option, ...]
    levels: tuple[Option, ...]
    areas: tuple[Option, ...]
    began_at: str
    said: str
    may_record: bool
    errors: tuple[FieldError, ...] = ()
