"""Drawing the area of a warning: typed, from a file, on the map; and what is said of what cannot be used."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from web_watched import Watched

from anlan import registry
from anlan.store import SYSTEM, Node, Scope
from anlan.warning import HazardWarning, queries
from anlan.warning.datums import wgs84_to_gcj02

Browse = Callable[..., httpx.Client]
ALL = Scope.everything("test")
TRIANGLE = [[113.85, 29.70], [113.95, 29.70], [113.95, 29.78], [113.85, 29.70]]


def step_of(served: Node, address: str) -> HazardWarning:
    world = served.world("exercise")
    with world.read() as connection:
        return queries.warning(connection, ALL, world.as_of(), address.rsplit("/", 1)[1])


def send(client: httpx.Client, address: str, form_token: Callable[[str], str], **more: Any) -> httpx.Response:
    page = client.get(f"{address}/area").text
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None
    files = more.pop("files", {})
    data = {"csrf": form_token(page), "version": version[1], **more}
    return client.post(f"{address}/area", data=data, files=files)


def test_a_circle_is_typed_and_sites_inside_are_listed(
    browse: Browse, served: Node, warning: str, form_token: Callable[[str], str]
) -> None:
    world = served.world("exercise")
    with world.write(SYSTEM) as tx:
        for code, lat in (("DR-1", 29.72), ("DR-2", 29.95)):
            registry.add_site(
                tx, code=code, names={"zh": code, "en": f"Site {code}"}, kind="school", area_code="421281",
                lon=113.90, lat=lat, domain="infectious_disease",
            )  # fmt: skip
    client = browse("duty_officer")
    assert "Site DR-2" in client.get(f"{warning}/area").text  # for the whole county both are inside
    answer = send(client, warning, form_token, latitude="29.72", longitude="113.90", radius_km="2")
    assert answer.status_code == 303
    page = client.get(f"{warning}/area").text
    assert "Site DR-1" in page
    assert "Site DR-2" not in page
    assert step_of(served, warning).area_codes == ("421281",)
    assert "taking" not in page
    shown = client.get(warning).text
    assert "Ticking whole areas below takes the drawing away" in shown


def test_a_file_of_a_shifted_map_is_put_right(
    browse: Browse, served: Node, warning: str, form_token: Callable[[str], str]
) -> None:
    drawn = [[*reversed(wgs84_to_gcj02((y, x)))] for x, y in TRIANGLE]
    content = json.dumps({"type": "Polygon", "coordinates": [drawn]}).encode()
    files = {"file": ("area.geojson", content, "application/geo+json")}
    assert send(browse("duty_officer"), warning, form_token, datum="gcj02", files=files).status_code == 303
    (shape,) = step_of(served, warning).shapes
    assert shape.ring[0] == pytest.approx((29.70, 113.85), abs=1e-5)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"geojson": "{"}, "This is no GeoJSON"),
        ({}, "holds no polygon and no circle"),
        ({"latitude": "north", "longitude": "113", "radius_km": "2"}, "A number is needed, such as 29.84. Given: north"),
        ({"latitude": "29.7", "longitude": "113.9", "radius_km": "-2"}, "A circle needs a radius in kilometres"),
        ({"latitude": "40", "longitude": "100", "radius_km": "2"}, "touches no area that this node knows"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_and_nothing_is_lost(
    browse: Browse,
    served: Node,
    warning: str,
    form_token: Callable[[str], str],
    fields: dict[str, str],
    said: str,
) -> None:
    answer = send(browse("duty_officer"), warning, form_token, **fields)
    assert answer.status_code == 422
    assert said in answer.text
    for value in fields.values():
        assert f'value="{value}"' in answer.text or f">{value}</textarea>" in answer.text
    assert step_of(served, warning).shapes == ()


def test_who_may_not_draft_may_not_draw(browse: Browse, warning: str) -> None:
    assert browse("viewer").get(f"{warning}/area").status_code == 403


@pytest.mark.browser
def test_a_polygon_is_drawn_on_the_map(open_page: Callable[..., Watched], served: Node, warning: str) -> None:
    watched = open_page("duty_officer", "en")
    page = watched.page
    page.goto(f"{watched.address}{warning}/area")
    assert watched.complaints == []
    page.wait_for_selector("[data-draw-map][data-ready]")
    page.click("[data-draw=polygon]")
    box = page.locator("[data-draw-map]").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for dx, dy in ((0, 0), (60, 0), (60, 50), (0, 0)):
        page.mouse.move(x + dx, y + dy)
        page.mouse.click(x + dx, y + dy)
    if out := os.environ.get("ANLAN_SHOTS"):
        page.screenshot(path=f"{out}/drawing.png", full_page=True)
    written = json.loads(page.input_value("#f-geojson"))
    assert [len(one["geometry"]["coordinates"][0]) for one in written["features"]] == [4]
    serious = [
        v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
    page.click("form[action$=area] button.main")
    page.wait_for_selector("[data-draw-map][data-ready]")
    (shape,) = step_of(served, warning).shapes
    assert len(shape.ring) == 4
    assert page.locator(".leaflet-overlay-pane path").count() > 6
    assert watched.complaints == []
