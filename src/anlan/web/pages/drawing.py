"""Drawing the area of a warning: on the map, as GeoJSON from a file or by hand, or as a circle around a point.

The map is a help: everything on it can be typed, so that the page works without scripts and by keyboard alone.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import registry
from anlan.errors import InputError, Problem
from anlan.texts import name_in
from anlan.warning import actions
from anlan.warning import queries as warning
from anlan.warning.datums import DATUMS
from anlan.warning.places import sites_inside
from anlan.warning.shapes import Shape, circle, read_geojson, shapes_to_geojson
from anlan.web.access import Permission
from anlan.web.forms import field_errors
from anlan.web.places import outlines, short_name
from anlan.web.routing import route
from anlan.web.views.drawing import DrawingView, SiteInside
from anlan.web.views.frame import FieldError, Option
from anlan.web.visit import Visit, json_text
from anlan.web.warning_parts import title

router = APIRouter()
_FIELDS = ("geojson", "latitude", "longitude", "radius_km")


@route(router, "GET", "/w/{world}/warnings/{warning}/area", Permission.DRAFT)
def area_page(visit: Visit) -> Response:
    return _page(visit)


@route(router, "POST", "/w/{world}/warnings/{warning}/area", Permission.DRAFT)
def draw(visit: Visit) -> Response:
    """Take the drawing: a file before a typed circle before the GeoJSON field, and the last two together."""
    seq = visit.number_field("version")
    with visit.here.read() as connection:
        one = warning.warning(connection, visit.scope, visit.as_of, visit.parameter("warning"))
    href = f"{visit.home}/warnings/{one.public_id}"
    try:
        shapes = _shapes(visit)
        with visit.here.write(visit.actor) as tx:
            actions.edit(tx, one.public_id, expected_seq=seq, settings=visit.settings, shapes=shapes)
    except InputError as error:
        visit.page_path = f"{href}/area"
        return _page(visit, field_errors(error, visit.language, {"shapes": "geojson"}), status=422)
    return visit.redirect(f"{href}/area")


def _shapes(visit: Visit) -> tuple[Shape, ...]:
    datum = visit.field("datum") or "wgs84"
    sent = visit.upload("file")
    if sent is not None:
        return read_geojson(sent.file.read(), datum=datum)
    shapes: tuple[Shape, ...] = ()
    if visit.field("geojson"):
        shapes = read_geojson(visit.field("geojson"), datum=datum)
    numbers = {name: visit.field(name) for name in _FIELDS[1:]}
    if any(numbers.values()):
        latitude, longitude, radius = (_number(visit, name, text) for name, text in numbers.items())
        shapes = (*shapes, circle((latitude, longitude), radius, datum=datum))
    if not shapes:
        message = visit.t("warning.shape.none")
        raise InputError(message, problems=[Problem("warning.shape.none", {}, {"field": "shapes"}, message)])
    return shapes


def _number(visit: Visit, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = visit.t("web.drawing.number", value=text[:40])
        raise InputError(message, problems=[Problem("", {}, {"field": name}, message)]) from None


def _page(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        one = warning.warning(*args, visit.parameter("warning"))
        names = {area.code: visit.name(area.names) for area in registry.areas(*args)}
        inside = sites_inside(*args, one)
        data = _data(visit, connection, inside)
    typed = {name: visit.field(name) for name in _FIELDS} if errors else {}
    drawn = json.dumps(shapes_to_geojson(one.shapes), ensure_ascii=False) if one.shapes else ""
    joint = "、" if visit.language == "zh" else ", "
    href = f"{visit.home}/warnings/{one.public_id}"
    chosen = visit.field("datum") or "wgs84"
    view = DrawingView(
        number=one.number,
        title=title(visit, one),
        href=href,
        action=f"{href}/area",
        version=str(one.known_seq),
        data=json_text(data),
        values=dict.fromkeys(_FIELDS, "") | {"geojson": drawn} | typed,
        datums=tuple(Option(name, visit.t(f"web.drawing.datum.{name}"), name == chosen) for name in DATUMS),
        areas=joint.join(names.get(code, code) for code in one.area_codes),
        is_drawn=bool(one.shapes),
        sites=tuple(
            SiteInside(
                site.code, visit.name(site.names), site.kind, names.get(site.area_code, site.area_code)
            )
            for site in inside
        ),
        errors=errors,
    )
    return visit.page("drawing.html", view, current="warnings", status=status)


def _data(visit: Visit, connection: Connection, inside: list[registry.Site]) -> dict[str, Any]:
    found = outlines(visit, connection, visit.as_of)
    return {
        "areas": {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {
                        "name": short_name(area.names, visit.language),
                        "label": [area.lon, area.lat],
                    },
                    "geometry": area.outline,
                }
                for area in found.counties
            ],
        },
        "sites": [
            {"name": name_in(site.names, visit.language), "lon": site.lon, "lat": site.lat}
            for site in inside
            if site.lon is not None and site.lat is not None
        ],
    }
