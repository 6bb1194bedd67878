"""Write an ``Alert`` as the bytes that leave the house.

UTF-8, the order of the schema, one fixed layout: the same alert gives the same bytes on every machine, so that the
hash in the journal can be recomputed. Writing does not judge: ``check(alert, issuing=True)`` does, and the actions of
the room call it before anything is released.

Source: OASIS CAP-v1.2 section 3.4 (the schema) and 3.3.2 (times).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from lxml import etree

from anlan.warning.cap.findings import refusal
from anlan.warning.cap.model import Alert, Area, Info, NamedValue, Point, Resource
from anlan.warning.cap.safe_xml import parse
from anlan.warning.cap.schema import NAMESPACE
from anlan.warning.cap.times import format_time

__all__ = ["NOT_XML", "format_circle", "format_ring", "readable", "write"]

# What XML 1.0 cannot hold, not even as a character reference.
NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_TO_ESCAPE = re.compile("[&<>\r]")


def write(alert: Alert, *, indented: bool = True) -> bytes:
    """Write the message.

    Parameters
    ----------
    alert : Alert
    indented : bool, default True
        One element a line. Without, nothing stands between elements, which is the form to be signed: a verifier that
        drops blanks between elements (WMO's does) then sees what the signer saw.

    Raises
    ------
    InputError
        If a text holds characters that XML cannot carry (control characters, half of a surrogate pair).
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<alert xmlns="{NAMESPACE}">']
    lines += _element("identifier", alert.identifier, 1, required=True)
    lines += _element("sender", alert.sender, 1, required=True)
    lines += _element("sent", format_time(alert.sent), 1)
    lines += _element("status", alert.status, 1)
    lines += _element("msgType", alert.msg_type, 1)
    lines += _element("source", alert.source, 1)
    lines += _element("scope", alert.scope, 1)
    lines += _element("restriction", alert.restriction, 1)
    lines += _element("addresses", alert.addresses, 1)
    for code in alert.codes:
        lines += _element("code", code, 1)
    lines += _element("note", alert.note, 1)
    lines += _element("references", " ".join(str(reference) for reference in alert.references), 1)
    lines += _element("incidents", alert.incidents, 1)
    for info in alert.infos:
        lines += _group("info", _info(info), 1)
    lines.append("</alert>")
    if not indented:
        lines = [lines[0], "".join(line.lstrip(" ") for line in lines[1:])]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _info(info: Info) -> Iterable[str]:
    yield from _element("language", info.language, 2)
    for category in info.categories:
        yield from _element("category", category, 2)
    yield from _element("event", info.event, 2, required=True)
    for response in info.response_types:
        yield from _element("responseType", response, 2)
    yield from _element("urgency", info.urgency, 2)
    yield from _element("severity", info.severity, 2)
    yield from _element("certainty", info.certainty, 2)
    yield from _element("audience", info.audience, 2)
    for code in info.event_codes:
        yield from _named("eventCode", code, 2)
    yield from _time("effective", info.effective)
    yield from _time("onset", info.onset)
    yield from _time("expires", info.expires)
    yield from _element("senderName", info.sender_name, 2)
    yield from _element("headline", info.headline, 2)
    yield from _element("description", info.description, 2)
    yield from _element("instruction", info.instruction, 2)
    yield from _element("web", info.web, 2)
    yield from _element("contact", info.contact, 2)
    for parameter in info.parameters:
        yield from _named("parameter", parameter, 2)
    for resource in info.resources:
        yield from _group("resource", _resource(resource), 2)
    for area in info.areas:
        yield from _group("area", _area(area), 2)


def _resource(resource: Resource) -> Iterable[str]:
    yield from _element("resourceDesc", resource.description, 3, required=True)
    yield from _element("mimeType", resource.mime_type, 3, required=True)
    if resource.size_bytes is not None:
        yield from _element("size", str(resource.size_bytes), 3)
    yield from _element("uri", resource.uri, 3)
    yield from _element("derefUri", resource.deref_uri, 3)
    yield from _element("digest", resource.digest, 3)


def _area(area: Area) -> Iterable[str]:
    yield from _element("areaDesc", area.description, 3, required=True)
    for ring in area.polygons:
        yield from _element("polygon", format_ring(ring), 3)
    for circle in area.circles:
        yield from _element("circle", format_circle(circle.centre, circle.radius_km), 3)
    for geocode in area.geocodes:
        yield from _named("geocode", geocode, 3)
    if area.altitude_feet is not None:
        yield from _element("altitude", _number(area.altitude_feet), 3)
    if area.ceiling_feet is not None:
        yield from _element("ceiling", _number(area.ceiling_feet), 3)


def format_ring(ring: Iterable[Point]) -> str:
    """Pairs ``lat,lon`` with exactly one blank between them: some hubs split on a single blank."""
    return " ".join(f"{_number(latitude)},{_number(longitude)}" for latitude, longitude in ring)


def format_circle(centre: Point, radius_km: float) -> str:
    """``lat,lon radius``, radius in kilometres."""
    return f"{_number(centre[0])},{_number(centre[1])} {_number(radius_km)}"


def _number(value: float) -> str:
    """The shortest decimal that reads back as the same number, never with an exponent."""
    return format(Decimal(repr(float(value))), "f")


def _time(name: str, moment: datetime | None) -> list[str]:
    return [] if moment is None else _element(name, format_time(moment), 2)


def _named(name: str, item: NamedValue, level: int) -> Iterable[str]:
    inner = _element("valueName", item.name, level + 1, required=True)
    return _group(name, inner + _element("value", item.value, level + 1, required=True), level)


def _group(name: str, inner: Iterable[str], level: int) -> list[str]:
    indent = "  " * level
    return [f"{indent}<{name}>", *inner, f"{indent}</{name}>"]


def _element(name: str, text: str, level: int, *, required: bool = False) -> list[str]:
    if not text and not required:
        return []
    return [f"{'  ' * level}<{name}>{_escape(name, text)}</{name}>"]


def _escape(name: str, text: str) -> str:
    if found := NOT_XML.search(text):
        raise refusal("XMLCHARS", element=name, character=f"U+{ord(found[0]):04X}")
    return _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text)


def readable(data: bytes) -> str:
    """A message with one element a line, to be looked at; its signature holds for ``data`` alone."""
    root = parse(data)
    etree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="unicode")
