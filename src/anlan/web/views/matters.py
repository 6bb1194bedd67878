"""Matters: what citizens reported, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from anlan.web.views.frame import FieldError
from anlan.web.views.public import ReceiptNote
from anlan.web.views.signals import Filter, HistoryLine


@dataclass(frozen=True)
class MatterRow:
    title: str
    number: str
    where: str
    domain: str
    state: str
    turn: str
    by: str
    opened_at: datetime
    href: str


@dataclass(frozen=True)
class MatterList:
    states: tuple[Filter, ...]
    rows: tuple[MatterRow, ...]
    csv_href: str


@dataclass(frozen=True)
class MatterView:
    """``contact`` is filled only on the page that answers the wish to see it."""

    title: str
    number: str
    state: str
    turn: str
    text: str
    where: str
    domain: str
    opened_at: datetime
    taken_by: str
    reason: str
    photo_href: str
    has_contact: bool
    may_see_contact: bool
    contact: str
    notes: tuple[ReceiptNote, ...]
    history: tuple[HistoryLine, ...]
    may_handle: bool
    version: int
    action: str
    errors: tuple[FieldError, ...]
