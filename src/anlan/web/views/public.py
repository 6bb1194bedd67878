"""The pages for everybody: is there a warning where I am, what do I do, and what became of the danger I reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from anlan.web.views.frame import FieldError, Option


@dataclass(frozen=True)
class PublicTop:
    """What stands above every page for everybody. ``other_href`` is this page in the other language."""

    authority: str
    home_href: str
    other_href: str
    is_exercise: bool
    updated_at: datetime | None = None


@dataclass(frozen=True)
class PublicWarning:
    level: str
    event: str
    areas: str
    sender: str
    issued_at: datetime
    ends_at: datetime
    description: str
    instructions: tuple[str, ...]
    href: str


@dataclass(frozen=True)
class CountyRow:
    """One county and what holds there, the highest level first; nothing is nothing."""

    name: str
    href: str
    warnings: tuple[PublicWarning, ...]


@dataclass(frozen=True)
class EndedRow:
    level: str
    event: str
    areas: str
    began_at: datetime
    ended_at: datetime
    was_error: bool


@dataclass(frozen=True)
class PublicView:
    """``here`` is the chosen area's name, empty for the whole city; ``answer`` is the first sentence.

    ``lang`` is the language that the address asks for, empty where the browser decides.
    """

    top: PublicTop
    here: str
    answer: str
    first_act: str
    areas: tuple[Option, ...]
    warnings: tuple[PublicWarning, ...]
    counties: tuple[CountyRow, ...]
    ended: tuple[EndedRow, ...]
    more_ended: int
    map_href: str
    map_words: str
    report_href: str
    feed_href: str
    json_href: str
    action: str
    lang: str


@dataclass(frozen=True)
class EmbedView:
    """The strip for other people's pages."""

    top: PublicTop
    answer: str
    warnings: tuple[PublicWarning, ...]


@dataclass(frozen=True)
class ReportView:
    """The form in which a danger is reported; with ``code`` it has been taken and the code is shown."""

    top: PublicTop
    action: str
    areas: tuple[Option, ...]
    domains: tuple[Option, ...]
    values: Mapping[str, str]
    errors: tuple[FieldError, ...]
    photo_mb: int
    code: str = ""
    follow_href: str = ""


@dataclass(frozen=True)
class ReceiptNote:
    kind: Literal["question", "answer"]
    text: str
    at: datetime


@dataclass(frozen=True)
class ReceiptView:
    """What the holder of a code sees; ``code`` is empty when no report has it."""

    top: PublicTop
    action: str
    ask_action: str
    code: str
    number: str
    state: str
    title: str
    text: str
    place: str
    opened_at: datetime | None
    reason: str
    notes: tuple[ReceiptNote, ...]
    is_asked: bool
    errors: tuple[FieldError, ...]
    typed: str = ""
