"""Sending and answers: the board of a warning, the page behind a link, subscriptions, units, rota, phone tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from anlan.web.views.frame import FieldError, Option


@dataclass(frozen=True)
class UnitTile:
    """One unit on the board. ``filled`` of four: sent or delivered, read, acknowledged, acted."""

    name: str
    word: str
    at: datetime
    filled: int
    is_late: bool
    is_failed: bool
    note: str
    answer_id: str
    may_acknowledge: bool
    may_report: bool
    twice: bool


@dataclass(frozen=True)
class CallLine:
    """A call that waits for a person. The number is shown only to whom personal values are open."""

    name: str
    post: str
    level: str
    href: str


@dataclass(frozen=True)
class WayLine:
    way: str
    word: str
    all: int
    sent: int
    delivered: int
    read: int
    waiting: int
    failed: int
    given_up: int
    possibly_twice: int


@dataclass(frozen=True)
class AnswersView:
    title: str
    lead: str
    number: str
    warning_href: str
    level: str
    tiles: tuple[UnitTile, ...]
    calls: tuple[CallLine, ...]
    ways: tuple[WayLine, ...]
    answered: int
    deadline: datetime | None
    next_at: datetime | None
    action: str
    json_href: str
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class LinkView:
    """What a unit sees behind its link: the message, and the one thing to do now."""

    unit: str
    level: str
    headline: str
    areas: str
    description: str
    instructions: tuple[str, ...]
    ends_at: datetime
    state: str
    said_at: datetime | None
    deadline_at: datetime
    action: str
    note: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class SubscribeForm:
    action: str
    values: Mapping[str, str]
    areas: tuple[Option, ...]
    hazards: tuple[Option, ...]
    levels: tuple[Option, ...]
    ways: tuple[Option, ...]
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class SubscriptionRow:
    way: str
    area: str
    hazards: str
    level: str
    state: str
    quiet: str
    audience: str
    asked_at: datetime
    end_href: str


@dataclass(frozen=True)
class SubscribeView:
    """``rows`` are for those who manage; ``done`` and ``secret`` what came of asking."""

    title: str
    lead: str
    form: SubscribeForm | None
    rows: tuple[SubscriptionRow, ...] = ()
    done: str = ""
    secret: str = ""


@dataclass(frozen=True)
class SayView:
    """One question with one button, or one sentence."""

    title: str
    text: str
    action: str = ""
    word: str = ""


@dataclass(frozen=True)
class ContactLine:
    post: str
    way: str
    language: str
    retire_href: str
    name: str = ""
    address: str = ""


@dataclass(frozen=True)
class UnitRow:
    name: str
    area: str
    duties: tuple[tuple[str, str], ...]  # what, and where to retire it
    contacts: tuple[ContactLine, ...]
    superior: str
    on_duty: str


@dataclass(frozen=True)
class UnitsView:
    rows: tuple[UnitRow, ...]
    may_manage: bool
    organisations: tuple[Option, ...]
    areas: tuple[Option, ...]
    hazards: tuple[Option, ...]
    levels: tuple[Option, ...]
    ways: tuple[Option, ...]
    posts: tuple[Option, ...]
    people: tuple[Option, ...]
    home: str
    ways_open: tuple[WayLine, ...]
    values: Mapping[str, str]
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class PhoneTreeView:
    """Units with their contacts in the order in which they are called. ``is_open``: addresses are shown, and it is
    logged that they were."""

    rows: tuple[UnitRow, ...]
    is_open: bool
    action: str
    printed_at: datetime
    problem: str = ""


@dataclass(frozen=True)
class ShiftRow:
    unit: str
    person: str
    deputy: str
    starts: datetime
    ends: datetime
    state: str
    word: str
    note: str
    offered_by: str
    taken_by: str
    taken_at: datetime | None
    is_now: bool
    is_late: bool
    version: str
    href: str
    may_offer: bool
    may_take: bool
    may_cancel: bool


@dataclass(frozen=True)
class RotaView:
    rows: tuple[ShiftRow, ...]
    late: int
    may_plan: bool
    action: str
    organisations: tuple[Option, ...]
    people: tuple[Option, ...]
    values: Mapping[str, str]
    errors: tuple[FieldError, ...] = ()
