"""Coordinates of Chinese map services turned into WGS 84.

Public maps in China are shifted: Amap and Tencent use GCJ-02, Baidu shifts that once more (BD-09). A warning drawn on
such a map would lie 100 to 700 m beside the danger. CGCS2000 needs nothing: it differs from WGS 84 by centimetres.

Neither shift is published; the formulae are those that public programs agree on, and the tests hold them to the points
that those publish. The way back is found by iteration, exact to better than a centimetre. The rectangle outside of which
nothing is shifted is wider than China; at its edges the answer of a map service may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import atan2, cos, hypot, pi, sin, sqrt
from types import MappingProxyType

from anlan.errors import ParameterError

__all__ = ["DATUMS", "to_wgs84", "wgs84_to_bd09", "wgs84_to_gcj02"]

Point = tuple[float, float]

# Krasovsky 1940, the ellipsoid of the shift.
_SEMI_MAJOR_M = 6_378_245.0
_ECCENTRICITY_2 = 0.00669342162296594323
_SOUTH, _NORTH, _WEST, _EAST = 0.8293, 55.8271, 72.004, 137.8347
_BAIDU_ANGLE = pi * 3000 / 180
_CLOSE_DEGREES = 1e-10  # 0.01 mm
_ROUNDS = 30


def to_wgs84(point: Point, datum: str) -> Point:
    """A point of another coordinate system in WGS 84.

    Parameters
    ----------
    point : (latitude, longitude)
        Degrees.
    datum : {"wgs84", "cgcs2000", "gcj02", "bd09"}

    Raises
    ------
    ParameterError
        An unknown system.
    """
    if datum not in DATUMS:
        raise ParameterError(f"datum must be one of {', '.join(DATUMS)}. Got {datum!r}.")
    shift = DATUMS[datum]
    return point if shift is None else _undone(shift, point)


def wgs84_to_gcj02(point: Point) -> Point:
    """The point as Amap and Tencent show it; unchanged outside the rectangle around China."""
    latitude, longitude = point
    if not (_SOUTH <= latitude <= _NORTH and _WEST <= longitude <= _EAST):
        return point
    x, y = longitude - 105, latitude - 35
    waves = 20 * (sin(6 * x * pi) + sin(2 * x * pi))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    north += (
        (waves + 20 * sin(y * pi) + 40 * sin(y / 3 * pi) + 160 * sin(y / 12 * pi) + 320 * sin(y / 30 * pi))
        * 2
        / 3
    )
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    east += (
        (waves + 20 * sin(x * pi) + 40 * sin(x / 3 * pi) + 150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi))
        * 2
        / 3
    )
    angle = latitude * pi / 180
    flat = 1 - _ECCENTRICITY_2 * sin(angle) ** 2
    metres_north = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_2) / flat**1.5  # of one radian along the meridian
    metres_east = _SEMI_MAJOR_M / sqrt(flat) * cos(angle)
    return latitude + north * 180 / (metres_north * pi), longitude + east * 180 / (metres_east * pi)


def wgs84_to_bd09(point: Point) -> Point:
    """The point as Baidu shows it."""
    y, x = wgs84_to_gcj02(point)
    if (y, x) == point:
        return point
    length = hypot(x, y) + 0.00002 * sin(y * _BAIDU_ANGLE)
    turn = atan2(y, x) + 0.000003 * cos(x * _BAIDU_ANGLE)
    return length * sin(turn) + 0.006, length * cos(turn) + 0.0065


def _undone(shift: Callable[[Point], Point], shifted: Point) -> Point:
    guess = shifted
    for _ in range(_ROUNDS):
        there = shift(guess)
        north, east = shifted[0] - there[0], shifted[1] - there[1]
        guess = (guess[0] + north, guess[1] + east)
        if max(abs(north), abs(east)) < _CLOSE_DEGREES:
            break
    return guess


DATUMS: Mapping[str, Callable[[Point], Point] | None] = MappingProxyType(
    {"wgs84": None, "cgcs2000": None, "gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}
)
