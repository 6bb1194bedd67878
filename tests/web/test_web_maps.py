"""The city map: a pure function of its arguments."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from anlan.web.maps import Backdrop, CityMap, MapArea, city_map_svg, level_rank


def square(west: float, south: float, size: float = 1.0) -> dict[str, Any]:
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


LEFT = MapArea("1", "West", square(114, 29), (114.5, 29.5))
RIGHT = MapArea("2", "East", square(115, 29), (115.5, 29.5))
CITY = CityMap("City", "Two areas", (LEFT, RIGHT), "20 km")


def drawn(city: CityMap) -> ElementTree.Element:
    return ElementTree.fromstring(str(city_map_svg(city)))


def test_without_areas_there_is_no_drawing() -> None:
    assert city_map_svg(replace(CITY, areas=())) == ""


def test_each_area_has_its_outline_its_name_and_a_title() -> None:
    picture = drawn(CITY)
    assert [path.get("class") for path in picture.iter("path")][:2] == ["land", "land"]
    assert [title.text for title in picture.iter("title")] == ["West", "East"]
    assert {"West", "East", "20 km"} <= {text.text for text in picture.iter("text")}
    assert picture.get("aria-label") == "City"
    assert picture.findtext("desc") == "Two areas"


def test_the_highest_level_tints_and_the_others_stand_beside() -> None:
    picture = drawn(replace(CITY, areas=(replace(LEFT, levels=("blue", "orange")), RIGHT)))
    classes = [path.get("class") or "" for path in picture.iter("path")]
    assert "area-on lv-orange" in classes
    marks = [name for name in classes if name.startswith("mark-shape")]
    assert marks == ["mark-shape lv-orange", "mark-shape lv-blue"]


def test_what_carries_something_is_drawn_over_what_does_not() -> None:
    picture = drawn(replace(CITY, areas=(replace(LEFT, levels=("red",)), RIGHT)))
    assert [title.text for title in picture.iter("title")] == ["East", "West"]


def test_north_is_up_and_east_is_right() -> None:
    north = MapArea("3", "North", square(114, 30), (114.5, 30.5))
    picture = drawn(replace(CITY, areas=(LEFT, RIGHT, north)))
    at = {text.text: (float(text.get("x", 0)), float(text.get("y", 0))) for text in picture.iter("text")}
    assert at["East"][0] > at["West"][0]
    assert at["North"][1] < at["West"][1]


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    # One degree of latitude is 111.2 km; the square's west side is one degree high.
    text = str(city_map_svg(CITY))
    side = re.search(r'class="land" d="M([\d.]+) ([\d.]+)L[\d.]+ [\d.]+L([\d.]+) ([\d.]+)', text)
    bar = re.search(r'class="scale" d="M12 [\d.]+v4h([\d.]+)v-4"', text)
    assert side is not None
    assert bar is not None
    degree = float(side[2]) - float(side[4])
    assert float(bar[1]) == pytest.approx(degree * 20 / 111.195, rel=0.01)


def test_a_signal_is_a_ring_and_a_silent_source_a_cross() -> None:
    picture = drawn(replace(CITY, areas=(replace(LEFT, signals=2, silent=1), RIGHT)))
    assert [item.get("class") for item in picture.iter("circle")] == ["ring", "ring-dot", "cross"]


def test_names_cannot_break_out_of_the_drawing() -> None:
    text = str(city_map_svg(replace(CITY, areas=(replace(LEFT, name='<script>"&'), RIGHT))))
    assert "<script" not in text
    ElementTree.fromstring(text)


def test_a_neighbour_outside_the_frame_is_not_named() -> None:
    far = Backdrop("Far away", square(120, 29), (120.5, 29.5))
    near = Backdrop("Near", square(114.2, 28.85, 0.3), (114.6, 28.95))
    words = {text.text for text in drawn(replace(CITY, backdrop=(far, near))).iter("text")}
    assert "Far away" not in words


def test_multipolygons_are_drawn_whole() -> None:
    islands = {
        "type": "MultiPolygon",
        "coordinates": [square(114, 29)["coordinates"], square(116, 29)["coordinates"]],
    }
    text = str(city_map_svg(replace(CITY, areas=(replace(LEFT, outline=islands),))))
    found = re.search(r'class="land" d="([^"]+)"', text)
    assert found is not None
    assert found[1].count("M") == 2


def test_levels_rank_from_blue_to_red() -> None:
    assert [level_rank(level) for level in ("blue", "yellow", "orange", "red", "pink")] == [1, 2, 3, 4, 0]
