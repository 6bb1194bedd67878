"""Places of a warning: names for people, paths for scope, outlines and codes for the message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from anlan.errors import InputError, NotFoundError, Problem
from anlan.registry import Site
from anlan.registry import queries as registry_queries
from anlan.store import AsOf, Scope
from anlan.texts import name_in, say
from anlan.warning.cap.geometry import ring_from_geojson
from anlan.warning.cap.model import Area, NamedValue, Point
from anlan.warning.shapes import Shape, covers, touches
from anlan.warning.types import HazardWarning

__all__ = [
    "Place",
    "areas_of_message",
    "common_path",
    "joined_names",
    "places",
    "said_names",
    "sites_inside",
    "touched_codes",
]

_EVERYTHING = Scope.everything("areas of a warning")


@dataclass(frozen=True)
class Place:
    """One administrative area; ``rings`` are its outer outlines, none where only its code is known."""

    code: str
    path: str
    names: Mapping[str, str]
    rings: tuple[tuple[Point, ...], ...]


def places(connection: sa.Connection, as_of: AsOf, codes: Sequence[str]) -> tuple[Place, ...]:
    """Look the areas up.

    Raises
    ------
    InputError
        With every code that is unknown or given twice; or when there is none at all.
    """
    problems = []
    found: list[Place] = []
    if not codes:
        problems.append(Problem("warning.area.none", message="a warning needs at least one area"))
    for position, code in enumerate(codes):
        where = {"field": "area_codes"}
        if code in codes[:position]:
            problems.append(Problem("warning.area.twice", {"code": code}, where, f"{code} is given twice"))
            continue
        try:
            area = registry_queries.area(connection, _EVERYTHING, as_of, code)
        except NotFoundError:
            problems.append(Problem("warning.area.unknown", {"code": code}, where, f"no area {code!r}"))
            continue
        found.append(Place(area.code, area.path, area.names, _rings(area.outline)))
    if problems:
        raise InputError("the areas cannot be used", key="warning.area.problems", problems=problems)
    return tuple(found)


def _rings(outline: Any) -> tuple[tuple[Point, ...], ...]:
    """Outer rings of a GeoJSON geometry. CAP has no holes, so that inner rings are warned too."""
    if not outline:
        return ()
    if outline["type"] == "Polygon":
        polygons = [outline["coordinates"]]
    elif outline["type"] == "MultiPolygon":
        polygons = outline["coordinates"]
    else:
        return ()
    return tuple(ring_from_geojson(polygon[0]) for polygon in polygons)


def touched_codes(connection: sa.Connection, as_of: AsOf, shapes: Sequence[Shape]) -> tuple[str, ...]:
    """The smallest areas with an outline that the shapes touch, by code.

    Raises
    ------
    InputError
        They touch none: a warning that concerns nobody known here cannot be drawn.
    """
    known = registry_queries.areas(connection, _EVERYTHING, as_of, outlines=True)
    met = [area for area in known if touches(shapes, _rings(area.outline))]
    above = {area.parent_code for area in met}
    codes = tuple(sorted(area.code for area in met if area.code not in above))
    if not codes:
        problem = Problem(
            "warning.shape.nowhere", {}, {"field": "shapes"}, "the shapes touch no area known here"
        )
        raise InputError(problem.message, key="warning.shape.problems", problems=[problem])
    return codes


def sites_inside(connection: sa.Connection, scope: Scope, as_of: AsOf, warning: HazardWarning) -> list[Site]:
    """The watched places that a warning concerns, by code: inside its shapes, or anywhere in its areas."""
    found = registry_queries.sites(connection, scope, as_of)
    if warning.shapes:
        return [
            site
            for site in found
            if site.lat is not None and site.lon is not None and covers(warning.shapes, (site.lat, site.lon))
        ]
    return [site for site in found if site.area_path.startswith(warning.area_paths)]


def common_path(paths: Iterable[str]) -> str:
    """The path of the smallest area that holds all: ``CN/420000/421200/`` for two of its counties."""
    split = [path.strip("/").split("/") for path in paths]
    common: list[str] = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "".join(f"{part}/" for part in common)


def joined_names(found: Sequence[Place], language: str) -> str:
    """``赤壁市、嘉鱼县`` or ``Chibi, Jiayu``."""
    return say("warning.list_separator", language).join(name_in(place.names, language) for place in found)


def said_names(found: Sequence[Place], language: str, *, partly: bool) -> str:
    """The names as texts say them: ``赤壁市``, or ``赤壁市部分区域`` where only a drawn part is meant."""
    names = joined_names(found, language)
    return say("warning.area.partly", language, areas=names) if partly else names


def areas_of_message(found: Sequence[Place], language: str, shapes: Sequence[Shape] = ()) -> tuple[Area, ...]:
    """One CAP area for each place: outline and code together, because readers differ in what they use.

    With shapes one area of these alone, without codes: a code beside them would warn the whole of its area.
    """
    if shapes:
        return (
            Area(
                description=said_names(found, language, partly=True),
                polygons=tuple(shape.ring for shape in shapes if shape.circle is None),
                circles=tuple(shape.circle for shape in shapes if shape.circle is not None),
            ),
        )
    return tuple(
        Area(
            description=name_in(place.names, language),
            polygons=place.rings,
            geocodes=(NamedValue("GBT2260" if len(place.code) <= 6 else "GBT10114", place.code),),
        )
        for place in found
    )
