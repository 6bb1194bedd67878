"""Drawn parts of the ground: what is read, what is refused, and what they touch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import InputError, ParameterError
from anlan.warning.cap.model import Circle
from anlan.warning.datums import wgs84_to_gcj02
from anlan.warning.shapes import (
    Shape,
    circle,
    covers,
    outline_of,
    read_geojson,
    shapes_from_json,
    shapes_to_geojson,
    shapes_to_json,
    touches,
)

SQUARE = [[114.0, 29.5], [114.2, 29.5], [114.2, 29.7], [114.0, 29.7], [114.0, 29.5]]


def polygon(ring: list[Any]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [ring]}


def test_a_polygon_is_turned_to_latitude_first() -> None:
    (shape,) = read_geojson(json.dumps(polygon(SQUARE)))
    assert shape.ring == ((29.5, 114.0), (29.5, 114.2), (29.7, 114.2), (29.7, 114.0), (29.5, 114.0))


def test_collections_points_and_many_polygons() -> None:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {"radius_km": 3}, "geometry": {"type": "Point", "coordinates": [114.3, 29.8]}},
            {"type": "Feature", "properties": None, "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]}},
        ],
    }  # fmt: skip
    shapes = read_geojson(collection)
    assert [shape.circle for shape in shapes] == [Circle((29.8, 114.3), 3.0), None, None]
    assert read_geojson(shapes_to_geojson(shapes)) == shapes
    assert shapes_from_json(json.loads(json.dumps(shapes_to_json(shapes)))) == shapes
    assert shapes_from_json(None) == ()


def test_a_long_outline_is_simplified_to_a_hundred_points() -> None:
    many = [list(reversed(point)) for point in outline_of(circle((29.8, 114.3), 5))]
    finer = [[a[0] + (b[0] - a[0]) * k / 40, a[1] + (b[1] - a[1]) * k / 40] for a, b in zip(many, many[1:], strict=False) for k in range(40)]  # fmt: skip
    (shape,) = read_geojson(polygon(finer))
    assert 4 <= len(shape.ring) <= 100
    assert shape.ring[0] == shape.ring[-1]


def test_shifted_maps_are_put_right() -> None:
    drawn = [[*reversed(wgs84_to_gcj02((y, x)))] for x, y in SQUARE]
    (shape,) = read_geojson(polygon(drawn), datum="gcj02")
    for point, (x, y) in zip(shape.ring, SQUARE, strict=True):
        assert point == pytest.approx((y, x), abs=1e-6)


@pytest.mark.parametrize(
    ("given_", "keys"),
    [
        ("{", ["json"]),
        ("[" * 100_000, ["json"]),
        (b"\xff\xfe", ["json"]),
        ("3", ["kind"]),
        ({"type": "LineString", "coordinates": SQUARE}, ["kind"]),
        ({"type": "Point", "coordinates": [114.3, 29.8]}, ["radius"]),
        ({"type": "FeatureCollection", "features": []}, ["none"]),
        (polygon([[114, 29], [115, 29]]), ["ring"]),
        (polygon([[114, 29], ["a", 29], [115, 30]]), ["pairs"]),
        (polygon([[29.5, 114.0], [29.5, 114.2], [29.7, 114.2], [29.5, 114.0]]), ["ring"]),
        (polygon([[114, 29], [115, 30], [115, 29], [114, 30], [114, 29]]), ["crossing"]),
        ({"type": "Feature", "properties": {"radius_km": -1}, "geometry": {"type": "Point", "coordinates": [1, 2]}}, ["radius"]),
        ({"type": "GeometryCollection", "geometries": [polygon(SQUARE)] * 21}, ["many"]),
        ({"type": "GeometryCollection", "geometries": [polygon([]), {"type": "Oval"}]}, ["ring", "kind"]),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(given_: Any, keys: list[str]) -> None:
    with pytest.raises(InputError) as error:
        read_geojson(given_)
    assert [problem.key for problem in error.value.problems] == [f"warning.shape.{key}" for key in keys]


def test_an_unknown_datum_is_a_parameter_error() -> None:
    with pytest.raises(ParameterError, match="bd09"):
        read_geojson(polygon(SQUARE), datum="mars")


@pytest.mark.parametrize(
    ("point", "radius"), [((91, 0), 1), ((0, float("nan")), 1), ((0, 0), 0), ((0, 0), 2000)]
)
def test_circles_out_of_range(point: tuple[float, float], radius: float) -> None:
    with pytest.raises(InputError):
        circle(point, radius)


def test_a_circle_covers_by_distance_on_the_ground() -> None:
    shape = circle((29.8, 114.3), 10)
    # One degree of latitude is 111.2 km on the mean sphere.
    assert covers([shape], (29.8 + 9.99 / 111.195, 114.3))
    assert not covers([shape], (29.8 + 10.01 / 111.195, 114.3))
    assert all(abs(latitude - 29.8) < 0.0901 for latitude, _ in outline_of(shape))


def test_a_polygon_covers_its_inside_and_its_line() -> None:
    shapes = read_geojson(polygon(SQUARE))
    assert covers(shapes, (29.6, 114.1))
    assert covers(shapes, (29.5, 114.1))
    assert covers(shapes, (29.5, 114.0))
    assert not covers(shapes, (29.49, 114.1))
    assert not covers(shapes, (29.6, 114.21))


@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.floats(0.05, 0.6))
def test_touching_squares_are_those_whose_sides_overlap(north: float, east: float, half: float) -> None:
    still = ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0))
    corners = [(north - half, east - half), (north - half, east + half), (north + half, east + half), (north + half, east - half)]  # fmt: skip
    moved = Shape(ring=(*corners, corners[0]))
    overlap = (north - half <= 1 and north + half >= 0) and (east - half <= 1 and east + half >= 0)
    assert touches([moved], [still]) == overlap


def test_one_inside_the_other_touches() -> None:
    large = read_geojson(polygon(SQUARE))
    small = circle((29.6, 114.1), 0.5)
    assert touches([small], [large[0].ring])
    assert touches(large, [outline_of(small)])
