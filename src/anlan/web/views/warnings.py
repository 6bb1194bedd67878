"""Warnings: the list, composing with preview and checks, and the page after release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from markupsafe import Markup

from anlan.web.views.board import MapView
from anlan.web.views.frame import FieldError, Option
from anlan.web.views.signals import Filter, HistoryLine

StepState = Literal["done", "now", "ahead"]


Tab = Literal["page", "sms", "wall", "poster", "cap"]
TABS: tuple[Tab, ...] = ("page", "sms", "wall", "poster", "cap")


@dataclass(frozen=True)
class LifeStep:
    word: str
    state: StepState
    note: str = ""


@dataclass(frozen=True)
class Check:
    """A line of the checklist: ``ok``, ``note`` (may be released), ``wrong`` (may not) or ``wait`` (for a person)."""

    state: Literal["ok", "note", "wrong", "wait"]
    text: str


@dataclass(frozen=True)
class WarningRow:
    href: str
    number: str
    title: str
    areas: str
    level: str
    state: str
    state_key: str
    changed_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True)
class WarningList:
    rows: tuple[WarningRow, ...]
    states: tuple[Filter, ...]
    csv_href: str
    feed_href: str = ""
    new_href: str = ""
    verification_href: str = ""


@dataclass(frozen=True)
class NewWarning:
    """The form of a first draft: what, how high, where. Texts are filled from the templates afterwards."""

    action: str
    hazards: tuple[Option, ...]
    levels: tuple[Option, ...]
    areas: tuple[Option, ...]
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class SmsPreview:
    """A text message with its length: how many characters, and in how many parts it will travel."""

    text: str
    characters: int
    parts: int
    gauge: Markup


@dataclass(frozen=True)
class MessageText:
    """The message in one language, as people will get it."""

    language: str
    headline: str
    event: str
    areas: str
    description: str
    instructions: tuple[str, ...]
    sms: SmsPreview | None = None


@dataclass(frozen=True)
class PosterView:
    """One printed sheet."""

    number: str
    href: str
    level: str
    message: MessageText
    issued_at: datetime | None
    ends_at: datetime
    sender: str
    is_draft: bool


@dataclass(frozen=True)
class WarningForm:
    """What can be typed. ``values`` are the field values as text, keyed by field name."""

    action: str
    values: Mapping[str, str]
    levels: tuple[Option, ...]
    areas: tuple[Option, ...]
    urgencies: tuple[Option, ...]
    certainties: tuple[Option, ...]
    draft_key: str
    shapes: int = 0
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class Act:
    """One thing this person may do now: where it is sent, its word, and what it means."""

    href: str
    word: str
    help: str = ""
    main: bool = False
    wants_reason: bool = False
    name: str = ""


@dataclass(frozen=True)
class WarningView:
    """A warning of any state. ``form`` is there while it is a draft; then the message is locked."""

    number: str
    title: str
    lead: str
    state: str
    level: str
    life: tuple[LifeStep, ...]
    checks: tuple[Check, ...]
    messages: tuple[MessageText, ...]
    cap_xml: str
    tab: Tab
    message_language: str
    href: str
    version: str
    where: MapView | None
    acts: tuple[Act, ...]
    issued_at: datetime | None = None
    ends_at: datetime | None = None
    sender: str = ""
    form: WarningForm | None = None
    basis: str = ""
    basis_href: str = ""
    signal_title: str = ""
    signal_href: str = ""
    history: tuple[HistoryLine, ...] = ()
    cap_href: str = ""
    digest: str = ""
    errors: tuple[FieldError, ...] = ()
    notice: str = ""
    outcome_action: str = ""

    @property
    def message(self) -> MessageText:
        for text in self.messages:
            if text.language == self.message_language:
                return text
        return self.messages[0]
