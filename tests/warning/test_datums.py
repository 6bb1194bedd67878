"""Shifted coordinates of map services, against the points that public programs publish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import ParameterError
from anlan.warning.datums import to_wgs84, wgs84_to_bd09, wgs84_to_gcj02

# Test points of the eviltransform programs (MIT): WGS 84, then GCJ-02.
POINTS = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]
# From the tests of coordtransform (MIT) and the programs that follow it: WGS 84, then GCJ-02 and BD-09.
TIANANMEN = (39.915, 116.404)
TIANANMEN_GCJ02 = (39.91640428150164, 116.41024449916938)
TIANANMEN_BD09 = (39.922699552216216, 116.41662724378733)
HUBEI = st.tuples(st.floats(29.0, 33.3), st.floats(108.3, 116.2))


@pytest.mark.parametrize(("true", "shifted"), POINTS)
def test_the_published_points(true: tuple[float, float], shifted: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(true) == pytest.approx(shifted, abs=1e-9)
    assert to_wgs84(shifted, "gcj02") == pytest.approx(true, abs=1e-9)


def test_baidu() -> None:
    assert wgs84_to_gcj02(TIANANMEN) == pytest.approx(TIANANMEN_GCJ02, abs=1e-9)
    assert wgs84_to_bd09(TIANANMEN) == pytest.approx(TIANANMEN_BD09, abs=1e-9)
    assert to_wgs84(TIANANMEN_BD09, "bd09") == pytest.approx(TIANANMEN, abs=1e-9)


@given(HUBEI)
def test_there_and_back(point: tuple[float, float]) -> None:
    assert to_wgs84(wgs84_to_gcj02(point), "gcj02") == pytest.approx(point, abs=1e-9)
    assert to_wgs84(wgs84_to_bd09(point), "bd09") == pytest.approx(point, abs=1e-9)
    assert wgs84_to_gcj02(point) != point


@pytest.mark.parametrize("point", [(48.85, 2.35), (35.0, 140.0), (-27.47, 153.03)])
def test_nothing_is_shifted_elsewhere(point: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(point) == wgs84_to_bd09(point) == point
    assert to_wgs84(point, "bd09") == point


def test_what_needs_no_shift_and_what_is_unknown() -> None:
    assert to_wgs84((29.8, 114.3), "cgcs2000") == to_wgs84((29.8, 114.3), "wgs84") == (29.8, 114.3)
    with pytest.raises(ParameterError, match="wgs84, cgcs2000, gcj02, bd09"):
        to_wgs84((29.8, 114.3), "beijing54")
