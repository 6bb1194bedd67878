"""A chart on a page: its picture, its data for the script, and the table behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup


@dataclass(frozen=True)
class ChartTable:
    """The same figures as a table. Cells are text already; columns after the first are aligned right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ChartView:
    """``drawing`` is the SVG that stands without scripts and on paper; ``data`` is JSON for the live chart."""

    title: str
    drawing: Markup
    data: str
    table: ChartTable
    source: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownStep:
    """One day to which a page can go back. ``value`` is what was known that day, as text."""

    at: datetime
    day: str
    href: str
    value: str = ""


@dataclass(frozen=True)
class KnownTrack:
    """The "as known on" control. Few steps are drawn as points; many as a track with a date field.

    ``current`` is the index of the step the page shows; ``action`` takes the chosen day as ``known``.
    """

    steps: tuple[KnownStep, ...]
    current: int
    action: str
    now_href: str
    note: str = ""

    @property
    def few(self) -> bool:
        return len(self.steps) <= 9
