"""Parts of the ground that a warning is drawn for: polygons and circles that follow no administrative outline.

A warning holds either for whole areas or, when it has shapes, for these alone: CAP takes outlines, circles and codes
together as a union, so that the code of a county beside a drawn slope would warn the whole county. The areas that the
shapes touch are found here; they say whom the warning concerns, and stand in the message as a parameter.

Points are (latitude, longitude) in WGS 84 degrees, radii kilometres. GeoJSON is the other way round: (longitude,
latitude), RFC 7946.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import asin, atan2, cos, degrees, isfinite, pi, radians, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anlan.errors import InputError, ParameterError, Problem
from anlan.warning.cap.geometry import MAX_POINTS_TO_COMPARE, crosses_itself, ring_from_geojson, segments_meet
from anlan.warning.cap.model import Circle, Point
from anlan.warning.datums import DATUMS, to_wgs84

__all__ = [
    "MOST_SHAPES",
    "Shape",
    "circle",
    "covers",
    "outline_of",
    "read_geojson",
    "shapes_from_json",
    "shapes_to_geojson",
    "shapes_to_json",
    "touches",
]

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
MOST_SHAPES = 20
MOST_BYTES = 2_000_000
LARGEST_RADIUS_KM = 1_000.0
_SIDES_OF_A_CIRCLE = 72


@dataclass(frozen=True)
class Shape:
    """One drawn part: a closed ring, or a circle; the other one is empty."""

    ring: tuple[Point, ...] = ()
    circle: Circle | None = None


def circle(point: Point, radius_km: float, *, datum: str = "wgs84") -> Shape:
    """All that lies within a distance of a point.

    Raises
    ------
    InputError
        A place outside ±90, ±180 degrees, or a radius that is not above 0 and at most 1 000 km.
    """
    problems = []
    if not (_is_number(point[0]) and _is_number(point[1]) and abs(point[0]) <= 90 and abs(point[1]) <= 180):
        problems.append(_problem("point", given=f"{point[0]}, {point[1]}"))
    if not (_is_number(radius_km) and 0 < radius_km <= LARGEST_RADIUS_KM):
        problems.append(_problem("radius", given=str(radius_km), most=f"{LARGEST_RADIUS_KM:g}"))
    _refuse(problems)
    latitude, longitude = to_wgs84((float(point[0]), float(point[1])), datum)
    return Shape(circle=Circle((round(latitude, 6), round(longitude, 6)), round(float(radius_km), 3)))


def read_geojson(given: str | bytes | Mapping[str, Any], *, datum: str = "wgs84") -> tuple[Shape, ...]:
    """Shapes of a GeoJSON geometry, feature or collection.

    Polygons and multi-polygons are taken with their outer rings (CAP knows no holes: what lies in one is warned too) and
    simplified to at most 100 points. A point is a circle when its feature has the property ``radius_km``.

    Raises
    ------
    InputError
        With every fault, naming the feature: no GeoJSON, another kind of geometry, a ring that crosses itself or has
        fewer than three points, degrees out of range, more than 20 shapes.
    ParameterError
        An unknown coordinate system.
    """
    if datum not in DATUMS:
        raise ParameterError(f"datum must be one of {', '.join(DATUMS)}. Got {datum!r}.")
    problems: list[Problem] = []
    found: list[Shape] = []
    for number, (geometry, properties) in enumerate(_geometries(_parsed(given)), start=1):
        try:
            found += _shapes_of(geometry, properties, datum)
        except InputError as error:
            problems += [
                Problem(
                    one.key, {**one.values, "number": number}, {**one.where, "feature": number}, one.message
                )
                for one in error.problems
            ]
    if not problems and not found:
        problems.append(_problem("none"))
    if len(found) > MOST_SHAPES:
        problems.append(_problem("many", count=len(found), most=MOST_SHAPES))
    _refuse(problems)
    return tuple(found)


def _parsed(given: str | bytes | Mapping[str, Any]) -> Any:
    if isinstance(given, Mapping):
        return given
    if len(given) > MOST_BYTES:
        _refuse([_problem("large", most=MOST_BYTES // 1_000_000)])
    try:
        return json.loads(given)
    except (ValueError, RecursionError) as error:
        _refuse([_problem("json", given=str(error)[:120])])
        raise AssertionError("unreachable") from None


def _geometries(value: Any) -> Iterable[tuple[Any, Mapping[str, Any]]]:
    """Every geometry with the properties of its feature."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "FeatureCollection" and isinstance(value.get("features"), list):
        for feature in value["features"]:
            yield from _geometries(feature)
    elif kind == "Feature":
        properties = value.get("properties")
        yield value.get("geometry"), properties if isinstance(properties, Mapping) else {}
    elif kind == "GeometryCollection" and isinstance(value.get("geometries"), list):
        for geometry in value["geometries"]:
            yield geometry, {}
    else:
        yield value, {}


def _shapes_of(geometry: Any, properties: Mapping[str, Any], datum: str) -> list[Shape]:
    kind = geometry.get("type") if isinstance(geometry, Mapping) else None
    places = geometry.get("coordinates") if isinstance(geometry, Mapping) else None
    if kind == "Point" and _is_pair(places):
        return [circle((places[1], places[0]), properties.get("radius_km"), datum=datum)]  # type: ignore[index, arg-type]
    if kind == "Polygon" and isinstance(places, list) and places:
        return [Shape(ring=_ring(places[0], datum))]
    if kind == "MultiPolygon" and isinstance(places, list) and places:
        return [
            Shape(ring=_ring(part[0] if isinstance(part, list) and part else None, datum)) for part in places
        ]
    _refuse([_problem("kind", given=str(kind)[:40])])
    raise AssertionError("unreachable")


def _ring(pairs: Any, datum: str) -> tuple[Point, ...]:
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        _refuse([_problem("pairs")])
    points = [to_wgs84((float(pair[1]), float(pair[0])), datum) for pair in pairs]
    try:
        ring = ring_from_geojson([(longitude, latitude) for latitude, longitude in points])
    except ParameterError as error:
        _refuse([_problem("ring", given=str(error))])
        raise AssertionError("unreachable") from None
    closed = points if points and points[0] == points[-1] else [*points, *points[:1]]
    if len(closed) <= MAX_POINTS_TO_COMPARE and crosses_itself(closed):
        _refuse([_problem("crossing")])
    return ring


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) >= 2 and all(_is_number(part) for part in value[:2])


def _problem(name: str, **values: object) -> Problem:
    said = ", ".join(f"{key} {value}" for key, value in values.items())
    return Problem(f"warning.shape.{name}", values, {"field": "shapes"}, f"shape: {name} {said}".strip())


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise InputError("the shapes cannot be used", key="warning.shape.problems", problems=problems)


def outline_of(shape: Shape) -> tuple[Point, ...]:
    """The closed outline: the ring itself, or 72 points on the circle."""
    if shape.circle is None:
        return shape.ring
    latitude, longitude = (radians(part) for part in shape.circle.centre)
    reach = shape.circle.radius_km / EARTH_RADIUS_KM
    points = []
    for side in range(_SIDES_OF_A_CIRCLE):
        bearing = 2 * pi * side / _SIDES_OF_A_CIRCLE
        north = asin(sin(latitude) * cos(reach) + cos(latitude) * sin(reach) * cos(bearing))
        east = longitude + atan2(
            sin(bearing) * sin(reach) * cos(latitude), cos(reach) - sin(latitude) * sin(north)
        )
        points.append((degrees(north), degrees(east)))
    return (*points, points[0])


def covers(shapes: Iterable[Shape], point: Point) -> bool:
    """Whether a point lies in one of the shapes; on the line counts as in."""
    return any(
        _distance_km(shape.circle.centre, point) <= shape.circle.radius_km
        if shape.circle is not None
        else _inside(np.asarray(shape.ring), np.asarray([point]))[0]
        for shape in shapes
    )


def touches(shapes: Iterable[Shape], rings: Iterable[Sequence[Point]]) -> bool:
    """Whether one of the shapes and one of the closed rings have ground in common."""
    outlines = [np.asarray(outline_of(shape)) for shape in shapes]
    for ring in rings:
        area = np.asarray(ring, dtype=float)
        low, high = area.min(axis=0), area.max(axis=0)
        for outline in outlines:
            if np.any(outline.max(axis=0) < low) or np.any(outline.min(axis=0) > high):
                continue
            if _inside(area, outline[:1])[0] or _inside(outline, area[:1])[0]:
                return True
            if segments_meet(outline[:-1, None], outline[1:, None], area[None, :-1], area[None, 1:]).any():
                return True
    return False


def _inside(ring: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """By the even-odd rule, with points on a side inside."""
    starts, ends = ring[:-1], ring[1:]
    place = points[:, None, :]
    rises = (starts[:, 0] > place[..., 0]) != (ends[:, 0] > place[..., 0])
    height = ends[:, 0] - starts[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = (ends[:, 1] - starts[:, 1]) * (place[..., 0] - starts[:, 0]) / height + starts[:, 1]
    crossed = (rises & (place[..., 1] < at)).sum(axis=1) % 2 == 1
    on_line = segments_meet(starts[None], ends[None], place, place).any(axis=1)
    return np.asarray(crossed | on_line)


def _distance_km(first: Point, second: Point) -> float:
    """Great-circle distance by the haversine formula."""
    (lat1, lon1), (lat2, lon2) = ((radians(a), radians(b)) for a, b in (first, second))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, half**0.5))


def shapes_to_json(shapes: Iterable[Shape]) -> list[dict[str, Any]]:
    """As the warning's row keeps them."""
    return [
        {"circle": [*shape.circle.centre, shape.circle.radius_km]}
        if shape.circle is not None
        else {"ring": [list(point) for point in shape.ring]}
        for shape in shapes
    ]


def shapes_from_json(kept: Iterable[Mapping[str, Any]] | None) -> tuple[Shape, ...]:
    """Back from ``shapes_to_json``; None is no shape."""
    return tuple(
        Shape(circle=Circle((one["circle"][0], one["circle"][1]), one["circle"][2]))
        if "circle" in one
        else Shape(ring=tuple((point[0], point[1]) for point in one["ring"]))
        for one in kept or ()
    )


def shapes_to_geojson(shapes: Iterable[Shape]) -> dict[str, Any]:
    """A collection for maps and files; circles are points with ``radius_km``, as ``read_geojson`` takes them."""
    features = []
    for shape in shapes:
        if shape.circle is not None:
            latitude, longitude = shape.circle.centre
            geometry: dict[str, Any] = {"type": "Point", "coordinates": [longitude, latitude]}
            properties = {"radius_km": shape.circle.radius_km}
        else:
            geometry = {"type": "Polygon", "coordinates": [[[east, north] for north, east in shape.ring]]}
            properties = {}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}
