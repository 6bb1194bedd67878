"""Signals: the list, one signal with its evidence, and the assessment form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from anlan.web.views.board import MapView
from anlan.web.views.charts import ChartView, KnownTrack
from anlan.web.views.frame import FieldError, Option

SignalState = Literal["new", "verified", "dismissed", "merged"]


@dataclass(frozen=True)
class SignalRow:
    """A line of the list."""

    href: str
    number: str
    title: str
    reason: str
    state: SignalState
    raised_at: datetime
    level: str = ""
    domain: str = ""
    budget: str = ""
    held_back: bool = False


@dataclass(frozen=True)
class Filter:
    """One choice of a filter: a link with its own address."""

    word: str
    href: str
    current: bool = False
    count: int | None = None


@dataclass(frozen=True)
class SignalList:
    rows: tuple[SignalRow, ...]
    states: tuple[Filter, ...]
    csv_href: str
    next_href: str = ""
    previous_href: str = ""
    budgets: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A name and what is said under it; ``href`` makes the value a link."""

    name: str
    value: str
    href: str = ""


@dataclass(frozen=True)
class Stratum:
    """A line of *who* or *where*: reported against expected; expected may be unknown."""

    name: str
    observed: float
    expected: float | None = None
    marked: bool = False


@dataclass(frozen=True)
class StrataTable:
    head: str
    rows: tuple[Stratum, ...]


@dataclass(frozen=True)
class Earlier:
    """An earlier signal of the same rule and place, and what became of it."""

    period: str
    observed: float
    bound: float | None
    outcome: str
    href: str


@dataclass(frozen=True)
class HistoryLine:
    """What happened to a thing, as the journal has it."""

    at: datetime
    what: str
    by: str = ""


@dataclass(frozen=True)
class SignalView:
    """One signal. ``may_*`` say which acts this person may do in the present state; the page shows no others."""

    number: str
    title: str
    finding: str
    waits: str
    state: SignalState
    raised_at: datetime
    domain: str
    chart: ChartView | None
    known: KnownTrack | None
    why: tuple[Fact, ...]
    in_words: str
    chance: tuple[str, ...]
    who: tuple[StrataTable, ...]
    where: MapView | None
    before: tuple[Earlier, ...]
    others: tuple[Fact, ...]
    history: tuple[HistoryLine, ...]
    journal: str
    href: str
    version: str
    join_to: tuple[Option, ...] = ()
    may_triage: bool = False
    may_assess: bool = False
    may_draft: bool = False
    assess_href: str = ""
    assessments: tuple[AssessmentLine, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class AssessmentLine:
    """A finished assessment: its level and reasons, and the way to a draft."""

    level: str
    summary: str
    reasons: str
    at: datetime
    by: str
    draft_href: str = ""
    hazards: tuple[Option, ...] = ()
    warnings: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class MatrixCell:
    value: str
    level: str
    chosen: bool = False


@dataclass(frozen=True)
class MatrixRow:
    word: str
    help: str
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True)
class AssessmentForm:
    """Likelihood × impact. A cell's value is ``likelihood:impact``; its level is what the matrix gives."""

    signal_title: str
    signal_href: str
    action: str
    impacts: tuple[Option, ...]
    rows: tuple[MatrixRow, ...]
    confidence: tuple[Option, ...]
    method: str
    values: Mapping[str, str]
    draft_key: str
    errors: tuple[FieldError, ...] = ()
