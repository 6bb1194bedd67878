"""Rings made fit for a message."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.errors import ParameterError
from anlan.warning.cap.geometry import crosses_itself, ring_from_geojson


def test_longitude_first_becomes_latitude_first_and_closed() -> None:
    ring = ring_from_geojson([[114.0, 29.5], [114.2, 29.5], [114.2, 29.7123456789]])
    assert ring == ((29.5, 114.0), (29.5, 114.2), (29.712346, 114.2), (29.5, 114.0))


def test_repeated_points_and_minus_zero_go() -> None:
    ring = ring_from_geojson([[-0.0, 1], [-0.0, 1], [2, 1], [2, 3], [0.0000001, 1], [0, 1]])
    assert ring == ((1.0, 0.0), (1.0, 2.0), (3.0, 2.0), (1.0, 0.0))
    assert math.copysign(1, ring[0][1]) == 1


@pytest.mark.parametrize(
    ("coordinates", "says"),
    [
        ([[114, 29], [115, 29]], "at least 3"),
        ([], "at least 3"),
        ([[29.5, 114.0], [30, 114], [30, 115]], "longitude"),
    ],
)
def test_what_is_no_ring_is_refused(coordinates: list[list[float]], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        ring_from_geojson(coordinates)


def test_simplified_ring_keeps_the_shape() -> None:
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    radius = 0.5 + 0.02 * np.sin(9 * angles)
    points = [[114 + r * math.cos(a), 29.8 + r * math.sin(a)] for r, a in zip(radius, angles, strict=True)]
    ring = np.array(ring_from_geojson(points))
    assert len(ring) <= 100
    assert not crosses_itself([tuple(point) for point in ring])

    def area(lat: np.ndarray, lon: np.ndarray) -> float:
        return float(abs(np.sum(lat[:-1] * lon[1:] - lat[1:] * lon[:-1])) / 2)

    full = np.array([[p[1], p[0]] for p in [*points, points[0]]])
    assert area(ring[:, 0], ring[:, 1]) == pytest.approx(area(full[:, 0], full[:, 1]), rel=0.01)


@pytest.mark.parametrize(
    ("ring", "crosses"),
    [
        ([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)], False),
        ([(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)], True),
        ([(0, 0), (0, 2), (1, 1), (2, 2), (2, 0), (1, 1), (0, 0)], True),  # touches itself in a point
        ([(0, 0), (0, 1), (0, 1), (1, 1), (0, 0)], False),  # a repeated point is no crossing
        ([(0, 0), (0, 1), (1, 0), (0, 0)], False),
    ],
)
def test_crossing(ring: list[tuple[float, float]], crosses: bool) -> None:
    assert crosses_itself(ring) is crosses


@settings(deadline=None)
@given(st.integers(min_value=5, max_value=300), st.integers(min_value=4, max_value=60))
def test_any_star_is_reduced_without_crossing(corners: int, wanted: int) -> None:
    angles = [2 * math.pi * i / corners for i in range(corners)]
    points = [
        [114 + (0.3 + 0.2 * (i % 3)) * math.cos(a), 30 + (0.3 + 0.2 * (i % 3)) * math.sin(a)]
        for i, a in enumerate(angles)
    ]
    ring = ring_from_geojson(points, max_points=wanted)
    assert 4 <= len(ring) <= max(wanted, 4)
    assert ring[0] == ring[-1]
    assert not crosses_itself(ring)
