"""What the schema does not catch inside ``area``: the grammar and the sense of shapes.

Sources: OASIS CAP-v1.2, data dictionary 3.2.4 and section 3.3.3; advice on points and decimals after Google's profile.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from lxml import etree

from anlan.errors import InputError
from anlan.warning.cap._rules_alert import child, text_of
from anlan.warning.cap._rules_info import children
from anlan.warning.cap.findings import Report
from anlan.warning.cap.geometry import (
    ADVISED_DECIMALS,
    ADVISED_POINTS,
    MAX_POINTS_TO_COMPARE,
    crosses_itself,
    parse_circle,
    parse_ring,
)

__all__ = ["check_area"]

MAX_RADIUS_KM = 5_000
_LONG_FRACTION = re.compile(rf"\.\d{{{ADVISED_DECIMALS + 1},}}")


def check_area(area: etree._Element, report: Report) -> None:
    """Apply the rules on one ``area``."""
    if not text_of(area, "areaDesc"):
        report.ours("EMPTY", child(area, "areaDesc"), element="areaDesc")
    shapes = [children(area, name) for name in ("polygon", "circle", "geocode")]
    if not any(shapes):
        report.ours("NOGEO", area)
    elif report.issuing and not shapes[0] and not shapes[1]:
        report.warn("GEOCODEONLY", area)
    for polygon in shapes[0]:
        _check_polygon(polygon, report)
    for circle in shapes[1]:
        _check_circle(circle, report)
    for geocode in shapes[2]:
        if not text_of(geocode, "valueName") or not text_of(geocode, "value"):
            report.ours("EMPTY", geocode, element="geocode")
    _check_heights(area, report)


def _check_polygon(polygon: etree._Element, report: Report) -> None:
    text = polygon.text or ""
    if not text.strip():
        report.ours("POLYEMPTY", polygon)
        return
    try:
        ring = parse_ring(text)
    except InputError as error:
        report.refused(error, polygon)
        return
    if len(ring) > ADVISED_POINTS:
        report.advise("POLYPOINTS", polygon, count=len(ring), limit=ADVISED_POINTS)
    if _LONG_FRACTION.search(text):
        report.advise("POLYDECIMALS", polygon, limit=ADVISED_DECIMALS)
    # Comparing all sides of all rings of a large foreign message would cost seconds and change nothing.
    if report.issuing:
        if len(ring) > MAX_POINTS_TO_COMPARE:
            report.error("POLYPOINTS", polygon, count=len(ring), limit=MAX_POINTS_TO_COMPARE)
        elif not report.may_compare(len(ring)):
            report.advise("POLYCROSS", polygon, "not_compared")
        elif crosses_itself(ring):
            report.error("POLYCROSS", polygon)


def _check_circle(circle: etree._Element, report: Report) -> None:
    try:
        shape = parse_circle(circle.text or "")
    except InputError as error:
        report.refused(error, circle)
        return
    if shape.radius_km == 0:
        report.ours("CIRCLE0", circle)
    elif shape.radius_km > MAX_RADIUS_KM:
        report.ours("CIRCLELARGE", circle, given=f"{shape.radius_km:g}", limit=MAX_RADIUS_KM)


def _check_heights(area: etree._Element, report: Report) -> None:
    altitude, ceiling = text_of(area, "altitude"), text_of(area, "ceiling")
    if ceiling is None:
        return
    if altitude is None:
        report.error("CEILING", child(area, "ceiling"), "alone")
        return
    try:
        below = Decimal(ceiling) < Decimal(altitude)
    except InvalidOperation:
        return
    if below:
        report.ours("CEILING", child(area, "ceiling"), "below")
