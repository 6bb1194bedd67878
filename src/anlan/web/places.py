"""The city's map with what is going on in it, from the areas of the registry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from anlan import registry
from anlan.registry import Area
from anlan.store import AsOf, Scope
from anlan.texts import name_in
from anlan.web.maps import Backdrop, CityMap, MapArea, city_map_svg, level_rank
from anlan.web.views.board import MapView
from anlan.web.visit import Visit

_EVERYTHING = Scope.everything("outlines of the city map")
_KEEP_SECONDS = 60.0


@dataclass(frozen=True)
class Outlines:
    """The counties of the city and the areas around them, as far as they have outlines."""

    counties: tuple[Area, ...]
    around: tuple[Area, ...]
    read_at: float


@dataclass(frozen=True)
class OnMap:
    """What a map shows, by area code. A level or signal of a larger area shows in each of its counties."""

    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    signals: Mapping[str, int] = field(default_factory=dict)
    silent: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    picked: frozenset[str] = frozenset()


def outlines(visit: Visit, connection: Connection, as_of: AsOf) -> Outlines:
    """Outlines of the city. They are public and change by the year, so a reading is kept for a minute."""
    kept: dict[str, Outlines] = visit.site.kept
    name = visit.here.name
    held = kept.get(name)
    if held is not None and time.monotonic() - held.read_at < _KEEP_SECONDS:
        return held
    city = visit.settings.node_area
    counties = registry.children(connection, _EVERYTHING, as_of, city, outlines=True)
    inside = {area.code for area in counties}
    near = {
        code for area in counties for code in registry.neighbours(connection, _EVERYTHING, as_of, area.code)
    }
    around = [registry.area(connection, _EVERYTHING, as_of, code) for code in sorted(near - inside)]
    made = Outlines(
        tuple(area for area in counties if area.outline),
        tuple(area for area in around if area.outline),
        time.monotonic(),
    )
    kept[name] = made
    return made


def city_map(
    visit: Visit, connection: Connection, shown: OnMap, *, width: int = 340, links: bool = False
) -> MapView:
    """Draw the map. Without outlines the drawing is empty and the page stands on its words."""
    found = outlines(visit, connection, visit.as_of)
    areas = tuple(_map_area(visit, area, shown, links=links) for area in found.counties)
    around = tuple(
        Backdrop(short_name(area.names, visit.language), _outline(area), (area.lon or 0.0, area.lat or 0.0))
        for area in found.around
    )
    drawn = city_map_svg(
        CityMap(
            title=visit.t("web.map.city"),
            description=_described(visit, areas),
            areas=areas,
            scale_word=visit.t("web.map.scale", km=20),
            backdrop=around,
            width=width,
        )
    )
    levels = {level for area in areas for level in area.levels}
    return MapView(
        drawing=drawn,
        levels=tuple(sorted(levels, key=level_rank, reverse=True)),
        has_signals=any(area.signals for area in areas),
        has_silent=any(area.silent for area in areas),
    )


def counties_of(found: Outlines, path: str, code: str) -> tuple[str, ...]:
    """The counties that an area concerns: itself, the one it lies in, or all below it."""
    return tuple(
        county.code
        for county in found.counties
        if county.code == code or path.startswith(county.path) or (path and county.path.startswith(path))
    )


def short_name(names: Mapping[str, str], language: str) -> str:
    """A name as it stands on a map: in English without the word for the kind of area."""
    name = name_in(names, language)
    if language == "en":
        for kind in (" District", " County", " City"):
            name = name.removesuffix(kind)
    return name


def _map_area(visit: Visit, area: Area, shown: OnMap, *, links: bool) -> MapArea:
    return MapArea(
        code=area.code,
        name=short_name(area.names, visit.language),
        outline=_outline(area),
        label=(area.lon or 0.0, area.lat or 0.0),
        levels=shown.levels.get(area.code, ()),
        signals=shown.signals.get(area.code, 0),
        silent=shown.silent.get(area.code, 0),
        figure=shown.figures.get(area.code, ""),
        picked=area.code in shown.picked,
        href=f"{visit.home}/signals?area={area.code}" if links else "",
    )


def _outline(area: Area) -> Mapping[str, Any]:
    return area.outline or {"type": "MultiPolygon", "coordinates": []}


def _described(visit: Visit, areas: tuple[MapArea, ...]) -> str:
    """The map in words, for people who do not see it."""
    lines = []
    for area in areas:
        said = [visit.t(f"web.level.{level}") for level in area.levels]
        said += [visit.t("web.map.signal")] if area.signals else []
        said += [visit.t("web.map.silent")] if area.silent else []
        said += [area.figure] if area.figure else []
        if said:
            joint = "、" if visit.language == "zh" else ", "
            lines.append(visit.t("web.map.area_line", area=area.name, what=joint.join(said)))
    return " ".join(lines) or visit.t("web.map.nothing")
