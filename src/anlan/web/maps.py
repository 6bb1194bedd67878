"""A city map as SVG: outlines from GeoJSON, what is in force, open signals, silent sources.

A pure function of its arguments. The drawing carries classes and no colours, so that the page's light, dark and
paper sheets decide. It shows where, roughly; the outlines are too coarse to say on which side of a border a
house stands, and the page says where they come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

LEVELS = ("blue", "yellow", "orange", "red")

#: Mark shapes around (0, 0), 16 units wide; the same as the marks beside the word of a level.
MARK_PATHS = {
    "blue": "M-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0z",
    "yellow": "M0-7 7.6 6.4H-7.6z",
    "orange": "M0-8 8 0 0 8-8 0z",
    "red": "M-6.6-6.6H6.6V6.6H-6.6z",
}


@dataclass(frozen=True)
class MapArea:
    """One area of the map. ``outline`` is a GeoJSON Polygon or MultiPolygon in degrees; ``label`` is (lon, lat)."""

    code: str
    name: str
    outline: Mapping[str, Any]
    label: tuple[float, float]
    levels: tuple[str, ...] = ()
    signals: int = 0
    silent: int = 0
    figure: str = ""
    picked: bool = False
    href: str = ""


@dataclass(frozen=True)
class Backdrop:
    """A neighbouring area: drawn pale, named where its label point is inside the frame."""

    name: str
    outline: Mapping[str, Any]
    label: tuple[float, float]


@dataclass(frozen=True)
class CityMap:
    """What a map shows. ``title`` and ``description`` are read aloud instead of the drawing."""

    title: str
    description: str
    areas: tuple[MapArea, ...]
    scale_word: str
    backdrop: tuple[Backdrop, ...] = ()
    width: int = 340
    scale_km: int = 20


@dataclass(frozen=True)
class _Frame:
    """Equirectangular projection about a mean latitude: true scale there, under 1 % off across one city."""

    west: float
    north: float
    per_degree_x: float
    per_degree_y: float
    width: float
    height: float

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        return (lon - self.west) * self.per_degree_x, (self.north - lat) * self.per_degree_y


KM_PER_DEGREE = 111.195  # one degree of a meridian on the mean sphere, 6 371.0 km


def city_map_svg(city: CityMap) -> Markup:
    """Draw ``city`` as one ``<svg>`` of ``city.width`` units; the height follows from the outlines.

    An area with a level is tinted in the highest one; further levels stand beside it as smaller marks. A map
    without areas is an empty string: the page then shows its table only.
    """
    if not city.areas:
        return Markup("")
    frame = _frame([area.outline for area in city.areas], city.width)
    # A drawing is one picture; with links in it, it is a group of them.
    role = "group" if any(area.href for area in city.areas) else "img"
    parts = [
        f'<svg class="map" viewBox="0 0 {frame.width:.0f} {frame.height:.0f}" role="{role}" '
        f'aria-label="{escape(city.title)}">',
        f"<desc>{escape(city.description)}</desc>",
    ]
    parts += [f'<path class="neighbour" d="{_path(shape.outline, frame)}"/>' for shape in city.backdrop]
    # Areas that carry something are drawn last, so that their edge lies over a plain neighbour's.
    for area in sorted(city.areas, key=lambda item: (item.picked or bool(item.levels), _worst(item.levels))):
        parts.append(_area(area, frame))
    parts += [_far_label(shape, frame) for shape in city.backdrop]
    parts += [_label(area, frame) for area in city.areas]
    parts.append(_scale_bar(city, frame))
    parts.append("</svg>")
    return Markup("".join(parts))


def level_rank(level: str) -> int:
    """Blue 1 to red 4; anything else 0."""
    return LEVELS.index(level) + 1 if level in LEVELS else 0


def _worst(levels: Sequence[str]) -> int:
    return max((level_rank(level) for level in levels), default=0)


def _rings(outline: Mapping[str, Any]) -> Iterable[Sequence[Sequence[float]]]:
    polygons = outline["coordinates"] if outline["type"] == "MultiPolygon" else [outline["coordinates"]]
    for polygon in polygons:
        yield from polygon


class _Very:
    """An outline as a key of what is remembered: this very object, which stays alive as long as the memory of it."""

    def __init__(self, outline: Mapping[str, Any]) -> None:
        self.outline = outline

    def __hash__(self) -> int:
        return id(self.outline)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Very) and other.outline is self.outline


def _frame(outlines: Sequence[Mapping[str, Any]], width: float) -> _Frame:
    return _framed(tuple(_Very(outline) for outline in outlines), width)


@lru_cache(maxsize=32)
def _framed(shapes: tuple[_Very, ...], width: float) -> _Frame:
    outlines = [shape.outline for shape in shapes]
    points = [point for outline in outlines for ring in _rings(outline) for point in ring]
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    shrink = math.cos(math.radians((south + north) / 2))
    margin = 0.055 * max((east - west) * shrink, north - south)
    west, east = west - margin / shrink, east + margin / shrink
    south, north = south - margin * 2.2, north + margin
    per_degree_y = width / ((east - west) * shrink)
    return _Frame(west, north, per_degree_y * shrink, per_degree_y, width, (north - south) * per_degree_y)


def _path(outline: Mapping[str, Any], frame: _Frame) -> str:
    return _drawn(_Very(outline), frame)


@lru_cache(maxsize=256)
def _drawn(shape: _Very, frame: _Frame) -> str:
    """The same few outlines stand on every page: thousands of points become text once."""
    pieces = []
    for ring in _rings(shape.outline):
        placed = (frame.place(point[0], point[1]) for point in ring[:-1])
        pieces.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in placed) + "Z")
    return "".join(pieces)


def _area(area: MapArea, frame: _Frame) -> str:
    worst = max(area.levels, key=level_rank, default="")
    if worst:
        style = f"area-on lv-{worst}"
    else:
        style = "area-picked" if area.picked else "land"
    shape = (
        f'<path class="{style}" d="{_path(area.outline, frame)}"><title>{escape(area.name)}</title></path>'
    )
    return (
        f'<a href="{escape(area.href)}" aria-label="{escape(area.name)}">{shape}</a>' if area.href else shape
    )


def _label(area: MapArea, frame: _Frame) -> str:
    x, y = frame.place(*area.label)
    marks = _marks(area)
    start = x - (len(marks) - 1) * 10
    drawn = "".join(
        f'<g transform="translate({start + index * 20:.1f} {y - 8:.1f})">{mark}</g>'
        for index, mark in enumerate(marks)
    )
    line = y + 12 if marks else y + 4
    text = f'<text x="{x:.1f}" y="{line:.1f}">{escape(area.name)}</text>'
    if area.figure:
        text += f'<text class="figure" x="{x:.1f}" y="{line + 15:.1f}">{escape(area.figure)}</text>'
    return drawn + text


def _marks(area: MapArea) -> list[str]:
    levels = sorted(set(area.levels), key=level_rank, reverse=True)
    marks = [
        f'<path class="mark-shape lv-{level}" transform="scale({1 if index == 0 else 0.75})" d="{MARK_PATHS[level]}"/>'
        for index, level in enumerate(levels)
        if level in MARK_PATHS
    ]
    if area.signals:
        marks.append('<circle class="ring" r="7"/><circle class="ring-dot" r="2.6"/>')
    if area.silent:
        marks.append(
            '<circle class="cross" r="8"/><path class="cross" d="M-4.5-4.5 4.5 4.5M4.5-4.5-4.5 4.5"/>'
        )
    return marks


def _far_label(shape: Backdrop, frame: _Frame) -> str:
    x, y = frame.place(*shape.label)
    room = 7.0 * max(len(shape.name), 3)
    inside = room < x < frame.width - room and 14 < y < frame.height - 30
    return f'<text class="far" x="{x:.1f}" y="{y:.1f}">{escape(shape.name)}</text>' if inside else ""


def _scale_bar(city: CityMap, frame: _Frame) -> str:
    long = city.scale_km / KM_PER_DEGREE * frame.per_degree_y
    y = frame.height - 12
    return (
        f'<path class="scale" d="M12 {y - 4:.1f}v4h{long:.1f}v-4"/>'
        f'<text class="scale-word" x="{18 + long:.1f}" y="{y + 3:.1f}">{escape(city.scale_word)}</text>'
    )
