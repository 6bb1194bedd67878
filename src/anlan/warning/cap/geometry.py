"""Polygons and circles as CAP spells them, and rings made fit for a message.

CAP writes latitude before longitude; GeoJSON does it the other way round. Inside this package a point is always
``(latitude, longitude)``; ``ring_from_geojson`` is the one place that swaps.

Sources: OASIS CAP-v1.2 section 3.3.3 and data dictionary 3.2.4; the simplification is that of Douglas and Peucker (1973),
Cartographica 10(2): 112-122.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from anlan.errors import ParameterError
from anlan.warning.cap.findings import refusal
from anlan.warning.cap.model import Circle, Point

__all__ = [
    "ADVISED_DECIMALS",
    "ADVISED_POINTS",
    "crosses_itself",
    "parse_circle",
    "parse_ring",
    "ring_from_geojson",
    "segments_meet",
]

ADVISED_POINTS = 100
ADVISED_DECIMALS = 6
MAX_POINTS_TO_COMPARE = 2_000
_BLOCK = 128

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_PAIR = re.compile(rf"({_NUMBER}),({_NUMBER})", re.ASCII)
_CIRCLE = re.compile(rf"({_NUMBER}),({_NUMBER})\s+({_NUMBER})", re.ASCII)


def parse_ring(text: str) -> tuple[Point, ...]:
    """Read a polygon; every kind of white space may stand between pairs.

    Raises
    ------
    InputError
        By rule: POLY-FMT (a token is not ``lat,lon``), POLY-MIN (fewer than 4 pairs), POLY-OPEN (the last pair is not the
        first) or POLY-RANGE (outside ±90, ±180), in this order.
    """
    points: list[Point] = []
    for token in text.split():
        match = _PAIR.fullmatch(token)
        if match is None:
            raise refusal("POLY-FMT", given=token[:80])
        points.append((float(match[1]), float(match[2])))
    if len(points) < 4:
        raise refusal("POLY-MIN", count=len(points))
    if points[0] != points[-1]:
        raise refusal("POLY-OPEN", given=_spell(points[0]) + " … " + _spell(points[-1]))
    _require_range(points, "POLY-RANGE")
    return tuple(points)


def parse_circle(text: str) -> Circle:
    """Read a circle: ``lat,lon radius`` with the radius in kilometres.

    Raises
    ------
    InputError
        By rule CIRCLE, with the variant that says what is wrong.
    """
    match = _CIRCLE.fullmatch(text.strip())
    if match is None:
        raise refusal("CIRCLE", given=text.strip()[:80])
    centre, radius = (float(match[1]), float(match[2])), float(match[3])
    if not isfinite(radius):
        raise refusal("CIRCLE", given=text.strip()[:80])
    _require_range([centre], "CIRCLE", "range")
    if radius < 0:
        raise refusal("CIRCLE", "negative", given=match[3])
    return Circle(centre, radius)


def _require_range(points: Sequence[Point], rule: str, variant: str = "") -> None:
    for latitude, longitude in points:
        if abs(latitude) > 90 or abs(longitude) > 180:
            raise refusal(rule, variant, given=_spell((latitude, longitude)))


def _spell(point: Point) -> str:
    return f"{point[0]:g},{point[1]:g}"


def crosses_itself(ring: Sequence[Point]) -> bool:
    """Tell whether two sides of a closed ring that are not neighbours meet.

    Parameters
    ----------
    ring : sequence of (latitude, longitude)
        Closed, at most ``MAX_POINTS_TO_COMPARE`` points (the work grows with the square).
    """
    points = np.asarray(ring, dtype=float)
    keep = np.ones(len(points), dtype=bool)
    keep[1:] = np.any(points[1:] != points[:-1], axis=1)
    points = points[keep]
    starts, ends = points[:-1], points[1:]
    count = len(starts)
    if count < 3 or len(ring) > MAX_POINTS_TO_COMPARE:
        return False
    number = np.arange(count)
    for first in range(0, count, _BLOCK):
        rows = number[first : first + _BLOCK, None]
        # Each pair once; neighbours touch, and so do the last side and the first at the closing point.
        compared = (number[None, :] >= rows + 2) & ~((rows == 0) & (number[None, :] == count - 1))
        block = slice(first, first + _BLOCK)
        if np.any(compared & segments_meet(starts[block, None], ends[block, None], starts[None], ends[None])):
            return True
    return False


def segments_meet(
    p: NDArray[np.float64], q: NDArray[np.float64], r: NDArray[np.float64], s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether the segments p-q meet the segments r-s, touching included; shapes are broadcast."""
    crossing = (_side(r, s, p) * _side(r, s, q) <= 0) & (_side(p, q, r) * _side(p, q, s) <= 0)
    boxes = np.all((np.minimum(r, s) <= np.maximum(p, q)) & (np.maximum(r, s) >= np.minimum(p, q)), axis=-1)
    return np.asarray(crossing & boxes)


def _side(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    cross = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )
    return np.asarray(cross)


def ring_from_geojson(
    coordinates: Sequence[Sequence[float]],
    *,
    max_points: int = ADVISED_POINTS,
    decimals: int = ADVISED_DECIMALS,
) -> tuple[Point, ...]:
    """Make the outer ring of a GeoJSON polygon fit for a message.

    Swaps to latitude first, closes the ring, rounds, drops repeated points and, when there are more than
    ``max_points``, simplifies with the smallest tolerance that gives few enough points and a ring that does not
    cross itself.

    Parameters
    ----------
    coordinates : sequence of (longitude, latitude)
        WGS 84 or CGCS2000 degrees. GCJ-02 and BD-09 must be converted before.
    max_points : int, default 100
        At least 4; the number that consumers of CAP advise.
    decimals : int, default 6
        Digits after the point, 2 to 6 (0.1 m).

    Raises
    ------
    ParameterError
        If the ring has fewer than three different points or leaves the range of degrees.
    """
    if max_points < 4:
        raise ParameterError(f"max_points must be an int >= 4. Got {max_points}.")
    if not 2 <= decimals <= ADVISED_DECIMALS:
        raise ParameterError(f"decimals must be an int from 2 to {ADVISED_DECIMALS}. Got {decimals}.")
    points: list[Point] = []
    for pair in coordinates:
        point = (round(float(pair[1]), decimals) + 0.0, round(float(pair[0]), decimals) + 0.0)
        if abs(point[0]) > 90 or abs(point[1]) > 180:
            raise ParameterError(
                f"coordinates must be (longitude, latitude) in degrees. Got {tuple(pair[:2])}."
            )
        if not points or points[-1] != point:
            points.append(point)
    if points and points[0] != points[-1]:
        points.append(points[0])
    if len(points) < 4:
        raise ParameterError(
            f"coordinates must hold at least 3 different points. Got {max(len(points) - 1, 0)}."
        )
    return tuple(points) if len(points) <= max_points else _simplified(points, max_points)


def _simplified(points: list[Point], max_points: int) -> tuple[Point, ...]:
    ring = np.asarray(points, dtype=float)
    importance = _importance(ring)
    order = np.argsort(-importance, kind="stable")
    # Taking points away can make sides cross; it ends well at the latest with a triangle.
    for wanted in range(max_points, 3, -1):
        candidate = [points[i] for i in np.sort(order[:wanted])]
        if not crosses_itself(candidate):
            return tuple(candidate)
    raise ParameterError(f"the ring cannot be reduced to {max_points} points without crossing itself")


def _importance(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each point, the largest tolerance (degrees) at which Douglas-Peucker still keeps it."""
    count = len(ring)
    result = np.zeros(count)
    far = int(np.argmax(np.hypot(*(ring - ring[0]).T)))
    result[[0, far, count - 1]] = np.inf
    stack = [(0, far, np.inf), (far, count - 1, np.inf)]
    while stack:
        first, last, limit = stack.pop()
        if last - first < 2:
            continue
        inner = ring[first + 1 : last]
        chord = ring[last] - ring[first]
        length = np.hypot(*chord)
        offset = inner - ring[first]
        if length == 0:
            distance = np.hypot(*offset.T)
        else:
            distance = np.abs(chord[0] * offset[:, 1] - chord[1] * offset[:, 0]) / length
        split = int(np.argmax(distance))
        reached = min(float(distance[split]), limit)
        result[first + 1 + split] = reached
        stack.append((first, first + 1 + split, reached))
        stack.append((first + 1 + split, last, reached))
    return result
