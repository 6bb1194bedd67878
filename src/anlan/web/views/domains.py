"""Domains: the index, one domain with its figures and charts, one series with its table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from anlan.web.views.charts import ChartView, KnownTrack
from anlan.web.views.signals import Fact


@dataclass(frozen=True)
class DomainCard:
    """A domain in the index: what is watched there and since when it is fresh."""

    href: str
    name: str
    summary: str
    indicators: int
    series: int
    open_signals: int
    latest: str = ""


@dataclass(frozen=True)
class DomainIndex:
    cards: tuple[DomainCard, ...]


@dataclass(frozen=True)
class KeyFigure:
    """One figure: its value as text, unit, what it is, and how it stands to target, standard or year before."""

    value: str
    unit: str
    name: str
    compare: str = ""
    href: str = ""


@dataclass(frozen=True)
class CompareRow:
    """A series in the table of a domain: latest figure against its own past."""

    name: str
    href: str
    period: str
    value: float | None
    usual: float | None
    ratio: float | None
    stick: Markup
    spark: Markup
    place: str = ""
    unit: str = ""
    digits: int | None = None
    usual_note: str = ""


@dataclass(frozen=True)
class PlaceSpark:
    """One place of an indicator that is known at many: its newest value and recent course."""

    place: str
    href: str
    value: str
    spark: Markup


@dataclass(frozen=True)
class PlaceGroup:
    """An indicator by place."""

    title: str
    note: str
    places: tuple[PlaceSpark, ...]


@dataclass(frozen=True)
class DomainView:
    name: str
    title: str
    lead: str
    notices: tuple[str, ...]
    figures: tuple[KeyFigure, ...]
    table_title: str
    table_note: str
    rows: tuple[CompareRow, ...]
    more_rows: tuple[CompareRow, ...]
    groups: tuple[PlaceGroup, ...]
    chart: ChartView | None
    chart_href: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class SeriesView:
    """One series: chart, table, how it is counted and where it comes from."""

    title: str
    lead: str
    domain: str
    domain_href: str
    chart: ChartView
    known: KnownTrack | None
    facts: tuple[Fact, ...]
    csv_href: str
    revisions: tuple[Revision, ...]
    revised: int
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revision:
    """A value that was told differently later. ``at`` is the number of its period; ``was`` what its last change replaced."""

    period: str
    was: float | None
    now: float | None
    known_at: datetime
    at: int


@dataclass(frozen=True)
class SearchHit:
    kind: str
    title: str
    href: str
    note: str = ""


@dataclass(frozen=True)
class SearchView:
    words: str
    hits: tuple[SearchHit, ...]
