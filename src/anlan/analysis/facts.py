"""What a run needs to know from the registry: the indicator, the places, the sources. Read once for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from anlan.registry import queries as registry
from anlan.registry import tables as registry_tables
from anlan.registry.calendars import Calendar, calendar_from
from anlan.registry.types import Source
from anlan.store import AsOf, Scope
from anlan.store.schema import event

__all__ = [
    "EVERYTHING",
    "IndicatorFacts",
    "PlaceFacts",
    "SourceFacts",
    "indicator_facts",
    "place_facts",
    "source_facts",
]

Names = Mapping[str, str]
EVERYTHING = Scope.everything("analysis")


@dataclass(frozen=True)
class IndicatorFacts:
    """What analysis uses of an indicator."""

    code: str
    names: Names
    unit: str
    kind: str
    calendar: Calendar
    decimals: int
    sensitivity: int
    strata: Mapping[str, Names] = field(default_factory=dict)


@dataclass(frozen=True)
class PlaceFacts:
    """Kinds and names of areas, and names of sites, by code."""

    kinds: Mapping[str, str]
    names: Mapping[str, Names]
    sites: Mapping[str, Names] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceFacts:
    """A source with its rhythm: due ``due_after_hours`` after a period's end, silent ``grace_hours`` later.

    ``since`` is when it was registered: one that has never delivered is expected from then on.
    """

    code: str
    names: Names
    domain: str
    area_code: str
    area_path: str
    calendar: Calendar
    due_after: timedelta
    grace: timedelta
    since: datetime
    calendars: Mapping[str, Calendar] = field(default_factory=dict)  # of what it delivers, by indicator


def indicator_facts(connection: sa.Connection, as_of: AsOf, code: str) -> IndicatorFacts:
    """An indicator. Raises NotFoundError when there is none."""
    found = registry.indicator(connection, EVERYTHING, as_of, code)
    return IndicatorFacts(
        code=found.code,
        names=found.names,
        unit=found.unit,
        kind=found.kind,
        calendar=found.calendar,
        decimals=found.decimals,
        sensitivity=found.sensitivity,
        strata=dict(found.strata),
    )


def place_facts(connection: sa.Connection, as_of: AsOf) -> PlaceFacts:
    """All areas and sites."""
    areas = registry.areas(connection, EVERYTHING, as_of)
    sites = registry.sites(connection, EVERYTHING, as_of, retired=True)
    return PlaceFacts(
        kinds={area.code: area.kind for area in areas},
        names={area.code: area.names for area in areas},
        sites={site.code: site.names for site in sites},
    )


def source_facts(connection: sa.Connection, as_of: AsOf, code: str) -> SourceFacts:
    """A source, also a retired one. Raises NotFoundError when there is none."""
    found = registry.source(connection, EVERYTHING, as_of, code)
    return _sources(connection, as_of, [found])[0]


def expected_sources(connection: sa.Connection, as_of: AsOf) -> list[SourceFacts]:
    """All sources that are expected to deliver, by code."""
    return _sources(connection, as_of, registry.sources(connection, EVERYTHING, as_of))


def _sources(connection: sa.Connection, as_of: AsOf, found: Sequence[Source]) -> list[SourceFacts]:
    listed = registry.indicators(connection, EVERYTHING, as_of, retired=True)
    calendars = {indicator.code: indicator.calendar for indicator in listed}
    since = _registered_at(connection)
    return [
        SourceFacts(
            code=one.code,
            names=one.names,
            domain=one.domain,
            area_code=one.area_code,
            area_path=one.area_path,
            calendar=_rhythm(one, calendars),
            due_after=timedelta(hours=one.due_after_hours),
            grace=timedelta(hours=one.grace_hours),
            since=since[one.code],
            calendars={code: calendars[code] for code in one.delivers if code in calendars},
        )
        for one in found
    ]


def _rhythm(found: Source, calendars: Mapping[str, Calendar]) -> Calendar:
    """The calendar of what the source delivers, where its step is that of the rhythm (zone and day boundary)."""
    for code in found.delivers:
        if code in calendars and calendars[code].step == found.step:
            return calendars[code]
    return calendar_from({"step": found.step})


def _registered_at(connection: sa.Connection) -> dict[str, datetime]:
    table = registry_tables.source
    first = (
        sa.select(table.c.code, sa.func.min(table.c.known_seq).label("seq")).group_by(table.c.code).subquery()
    )
    query = sa.select(first.c.code, event.c.at).join(event, event.c.seq == first.c.seq)
    return {row.code: row.at for row in connection.execute(query)}
