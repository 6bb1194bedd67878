"""Questions to the registry. Each takes the reader's scope and the moment it is asked about, and applies both in SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from anlan.errors import NotFoundError
from anlan.registry import tables
from anlan.registry.area_index import AreaIndex
from anlan.registry.calendars import calendar_from
from anlan.registry.remembered import remembered
from anlan.registry.types import (
    Area,
    AreaChange,
    Indicator,
    InstalledPack,
    Organisation,
    Person,
    Population,
    RoleGrant,
    Site,
    Source,
)
from anlan.store import AsOf, Scope, latest

__all__ = [
    "area",
    "area_changes",
    "area_index",
    "areas",
    "children",
    "find_areas",
    "indicator",
    "indicators",
    "installed_packs",
    "neighbours",
    "organisations",
    "people",
    "person",
    "populations",
    "sites",
    "source",
    "sources",
]

_INTERNAL = 1


@remembered(tables.area)
def areas(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    within: str = "",
    kinds: tuple[str, ...] = (),
    on: date | None = None,
    outlines: bool = False,
) -> list[Area]:
    """Areas in scope and those above them, by path.

    Parameters
    ----------
    within : str
        Path prefix.
    kinds : tuple of str
        Only these kinds.
    on : date, optional
        Only areas that are valid on this day; all when None.
    outlines : bool
        Whether to read the outlines too.
    """
    now = latest(tables.area, as_of.seq)
    query = (
        sa.select(*_area_columns(now, outlines)).where(_area_in_scope(scope, now.c.path)).order_by(now.c.path)
    )
    if within:
        query = query.where(now.c.path.startswith(within, autoescape=True))
    if wanted := list(kinds):
        query = query.where(now.c.kind.in_(wanted))
    if on is not None:
        day = on.isoformat()
        query = query.where(now.c.valid_from <= day, sa.or_(now.c.valid_to == "", now.c.valid_to >= day))
    return [_area(row) for row in connection.execute(query)]


def area(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> Area:
    """One area with its outline.

    Raises
    ------
    NotFoundError
        No such area, or not in scope.
    """
    now = latest(tables.area, as_of.seq)
    row = connection.execute(
        sa.select(now).where(now.c.code == code, _area_in_scope(scope, now.c.path))
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"no area {code!r} is visible here", key="area.unknown", values={"code": code})
    return _area(row)


def children(
    connection: sa.Connection, scope: Scope, as_of: AsOf, code: str, *, outlines: bool = False
) -> list[Area]:
    """The areas directly below one, by code."""
    now = latest(tables.area, as_of.seq)
    rows = connection.execute(
        sa.select(*_area_columns(now, outlines))
        .where(now.c.parent_code == code, _area_in_scope(scope, now.c.path))
        .order_by(now.c.code)
    )
    return [_area(row) for row in rows]


def neighbours(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> list[str]:
    """Codes of the areas that touch a visible one; they may lie outside the scope."""
    now, seen = latest(tables.area_neighbour, as_of.seq), latest(tables.area, as_of.seq)
    rows = connection.execute(
        sa.select(now.c.neighbour_code)
        .join(seen, seen.c.code == now.c.code)
        .where(now.c.code == code, sa.not_(now.c.removed), _area_in_scope(scope, seen.c.path))
        .order_by(now.c.neighbour_code)
    )
    return list(rows.scalars())


def area_index(connection: sa.Connection, scope: Scope, as_of: AsOf) -> AreaIndex:
    """All areas in scope by code and by every name, for reading deliveries."""
    return AreaIndex.of(areas(connection, scope, as_of))


def find_areas(connection: sa.Connection, scope: Scope, as_of: AsOf, text: str, *, n: int = 10) -> list[Area]:
    """Areas whose code or name is, begins with, or looks like a text; the best first."""
    index = area_index(connection, scope, as_of)
    exact = list(index.find(text))
    plain = text.strip()
    begins = [
        area
        for area in index.by_code.values()
        if plain
        and area not in exact
        and any(name.startswith(plain) for name in (area.code, *area.names.values(), *area.aliases))
    ]
    near = [area for name in index.near(text, n=n) for area in index.find(name)]
    found = {area.code: area for area in (*exact, *begins, *near)}
    return list(found.values())[:n]


def populations(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> list[Population]:
    """Dated populations of an area, oldest first."""
    now, seen = latest(tables.area_population, as_of.seq), latest(tables.area, as_of.seq)
    rows = connection.execute(
        sa.select(now)
        .join(seen, seen.c.code == now.c.code)
        .where(now.c.code == code, _area_in_scope(scope, seen.c.path))
        .order_by(now.c.on_date)
    )
    return [Population(row.code, row.on_date, row.value, row.source) for row in rows]


def area_changes(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> list[AreaChange]:
    """Splits, mergers and new codes that an area was part of, oldest first."""
    now, seen = latest(tables.area_change, as_of.seq), latest(tables.area, as_of.seq)
    visible = sa.select(seen.c.code).where(seen.c.code == code, _area_in_scope(scope, seen.c.path))
    rows = connection.execute(
        sa.select(now)
        .where(sa.or_(now.c.from_code == code, now.c.to_code == code), sa.exists(visible))
        .order_by(now.c.on_date, now.c.from_code, now.c.to_code)
    )
    return [AreaChange(row.from_code, row.to_code, row.on_date, row.kind, row.source) for row in rows]


@remembered(tables.site)
def sites(connection: sa.Connection, scope: Scope, as_of: AsOf, *, retired: bool = False) -> list[Site]:
    """Sites in scope, by code."""
    now = latest(tables.site, as_of.seq)
    query = (
        sa.select(now).where(scope.where(area_path=now.c.area_path, domain=now.c.domain)).order_by(now.c.code)
    )
    if not retired:
        query = query.where(sa.not_(now.c.retired))
    return [Site(**_without(row, "node_id")) for row in connection.execute(query)]


def organisations(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, retired: bool = False
) -> list[Organisation]:
    """Organisations in scope, by code."""
    now = latest(tables.organisation, as_of.seq)
    query = sa.select(now).where(scope.where(area_path=now.c.area_path)).order_by(now.c.code)
    if not retired:
        query = query.where(sa.not_(now.c.retired))
    return [Organisation(**_without(row, "node_id")) for row in connection.execute(query)]


@remembered(tables.indicator)
def indicators(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, domain: str | None = None, retired: bool = False
) -> list[Indicator]:
    """Indicators in scope, by code."""
    now = latest(tables.indicator, as_of.seq)
    query = sa.select(now).where(_indicator_in_scope(scope, now)).order_by(now.c.code)
    if domain is not None:
        query = query.where(now.c.domain == domain)
    if not retired:
        query = query.where(sa.not_(now.c.retired))
    return [_indicator(row) for row in connection.execute(query)]


def indicator(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> Indicator:
    """One indicator, also a retired one.

    Raises
    ------
    NotFoundError
        No such indicator, or not in scope.
    """
    now = latest(tables.indicator, as_of.seq)
    row = connection.execute(
        sa.select(now).where(now.c.code == code, _indicator_in_scope(scope, now))
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"no indicator {code!r} is visible here", key="indicator.unknown", values={"code": code}
        )
    return _indicator(row)


@remembered(tables.source)
def sources(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, domain: str | None = None, retired: bool = False
) -> list[Source]:
    """Sources in scope, by code."""
    now = latest(tables.source, as_of.seq)
    query = (
        sa.select(now).where(scope.where(area_path=now.c.area_path, domain=now.c.domain)).order_by(now.c.code)
    )
    if domain is not None:
        query = query.where(now.c.domain == domain)
    if not retired:
        query = query.where(sa.not_(now.c.retired))
    return [_source(row) for row in connection.execute(query)]


def source(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> Source:
    """One source, also a retired one.

    Raises
    ------
    NotFoundError
        No such source, or not in scope.
    """
    now = latest(tables.source, as_of.seq)
    row = connection.execute(
        sa.select(now).where(now.c.code == code, scope.where(area_path=now.c.area_path, domain=now.c.domain))
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"no source {code!r} is visible here", key="source.unknown", values={"code": code}
        )
    return _source(row)


@remembered(tables.pack_install)
def installed_packs(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[InstalledPack]:
    """Packs of the domains in scope, by id, with all their content (hazards and texts too)."""
    now = latest(tables.pack_install, as_of.seq)
    rows = connection.execute(sa.select(now).where(scope.where(domain=now.c.pack_id)).order_by(now.c.pack_id))
    return [InstalledPack(**row._mapping) for row in rows]


@remembered(tables.person, tables.grant)
def people(connection: sa.Connection, scope: Scope, as_of: AsOf, *, retired: bool = False) -> list[Person]:
    """Everybody who works here with their roles; for readers of internal matters only."""
    now, given = latest(tables.person, as_of.seq), latest(tables.grant, as_of.seq)
    query = _people(now, given, scope).order_by(now.c.public_id)
    if not retired:
        query = query.where(sa.not_(now.c.retired))
    return [_person(row) for row in connection.execute(query)]


def person(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Person:
    """One person with their roles.

    Raises
    ------
    NotFoundError
        No such person, or the scope does not reach internal matters.
    """
    now, given = latest(tables.person, as_of.seq), latest(tables.grant, as_of.seq)
    row = connection.execute(_people(now, given, scope).where(now.c.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFoundError(
            "no such person is visible here", key="person.unknown", values={"person": public_id}
        )
    return _person(row)


def _people(now: sa.Subquery, given: sa.Subquery, scope: Scope) -> sa.Select[Any]:
    return (
        sa.select(now, given.c.roles)
        .outerjoin(given, given.c.person_id == now.c.public_id)
        .where(scope.where(sensitivity=sa.literal(_INTERNAL)))
    )


def _area_in_scope(scope: Scope, path: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Areas of the scope and the areas above them, so that a county's city and province have names."""
    allowed = scope.where(area_path=path)
    if scope.areas is None or scope.sensitivity < 0:
        return allowed
    above = {
        "".join(f"{part}/" for part in prefix.split("/")[:n])
        for prefix in scope.areas
        for n in range(1, prefix.count("/"))
    }
    return sa.or_(allowed, path.in_(sorted(above)))


def _indicator_in_scope(scope: Scope, now: sa.Subquery) -> sa.ColumnElement[bool]:
    return scope.where(domain=now.c.domain, sensitivity=now.c.sensitivity)


def _area_columns(now: sa.Subquery, outlines: bool) -> list[sa.ColumnElement[Any]]:
    return [column for column in now.c if outlines or column.name != "outline"]


def _without(row: sa.Row[Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in names}


def _area(row: sa.Row[Any]) -> Area:
    values = dict(row._mapping)
    values["aliases"] = tuple(values["aliases"])
    return Area(**values)


def _indicator(row: sa.Row[Any]) -> Indicator:
    values = dict(row._mapping)
    values["calendar"] = calendar_from(values["calendar"])
    values["strata"] = tuple((stratum["code"], stratum["names"]) for stratum in values["strata"])
    for name in ("area_kinds", "site_kinds", "aliases"):
        values[name] = tuple(values[name])
    return Indicator(**values)


def _source(row: sa.Row[Any]) -> Source:
    values = {**row._mapping, **row.rhythm, "delivers": tuple(row.delivers)}
    del values["rhythm"]
    return Source(**values)


def _person(row: sa.Row[Any]) -> Person:
    values = _without(row, "roles")
    return Person(**values, grants=tuple(RoleGrant(**given) for given in row.roles or ()))
