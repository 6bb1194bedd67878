"""Read the bytes of a CAP message into an ``Alert``.

Reading never follows an address in the message and treats every text as plain text: whoever shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from lxml import etree

from anlan.warning.cap._rules_alert import parse_references, text_of
from anlan.warning.cap._rules_info import children
from anlan.warning.cap.check import check
from anlan.warning.cap.findings import raise_on_errors
from anlan.warning.cap.geometry import parse_circle, parse_ring
from anlan.warning.cap.model import (
    DEFAULT_LANGUAGE,
    Alert,
    Area,
    Category,
    Certainty,
    Info,
    MsgType,
    NamedValue,
    Resource,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)
from anlan.warning.cap.safe_xml import parse
from anlan.warning.cap.times import parse_time

__all__ = ["read"]


def read(data: bytes) -> Alert:
    """Read one CAP 1.2 message.

    White space around texts is dropped, empty optional elements read as absent. Signatures are no part of the
    result: ``check`` reports them, and the bytes stay what they are.

    Raises
    ------
    InputError
        With every error that ``check`` finds, each with its place.
    """
    raise_on_errors(check(data), "the message is not acceptable as CAP 1.2")
    root = parse(data)
    sent = _text(root, "sent")
    return Alert(
        identifier=_text(root, "identifier"),
        sender=_text(root, "sender"),
        sent=parse_time(sent),
        status=Status(_text(root, "status")),
        msg_type=MsgType(_text(root, "msgType")),
        scope=Scope(_text(root, "scope")),
        source=_text(root, "source"),
        restriction=_text(root, "restriction"),
        addresses=_text(root, "addresses"),
        codes=tuple(_texts(root, "code")),
        note=_text(root, "note"),
        references=tuple(parse_references(_text(root, "references"))[0]),
        incidents=_text(root, "incidents"),
        infos=tuple(_info(info) for info in children(root, "info")),
        sent_as_written=sent,
    )


def _info(info: etree._Element) -> Info:
    return Info(
        language=_text(info, "language") or DEFAULT_LANGUAGE,
        categories=tuple(Category(text) for text in _texts(info, "category")),
        event=_text(info, "event"),
        response_types=tuple(ResponseType(text) for text in _texts(info, "responseType")),
        urgency=Urgency(_text(info, "urgency")),
        severity=Severity(_text(info, "severity")),
        certainty=Certainty(_text(info, "certainty")),
        audience=_text(info, "audience"),
        event_codes=_named(info, "eventCode"),
        effective=_time(info, "effective"),
        onset=_time(info, "onset"),
        expires=_time(info, "expires"),
        sender_name=_text(info, "senderName"),
        headline=_text(info, "headline"),
        description=_text(info, "description"),
        instruction=_text(info, "instruction"),
        web=_text(info, "web"),
        contact=_text(info, "contact"),
        parameters=_named(info, "parameter"),
        resources=tuple(_resource(item) for item in children(info, "resource")),
        areas=tuple(_area(item) for item in children(info, "area")),
    )


def _resource(resource: etree._Element) -> Resource:
    size = _text(resource, "size")
    return Resource(
        description=_text(resource, "resourceDesc"),
        mime_type=_text(resource, "mimeType"),
        size_bytes=int(size) if size else None,
        uri=_text(resource, "uri"),
        deref_uri=_text(resource, "derefUri"),
        digest=_text(resource, "digest"),
    )


def _area(area: etree._Element) -> Area:
    altitude, ceiling = _text(area, "altitude"), _text(area, "ceiling")
    return Area(
        description=_text(area, "areaDesc"),
        polygons=tuple(parse_ring(text) for text in _texts(area, "polygon") if text),
        circles=tuple(parse_circle(text) for text in _texts(area, "circle")),
        geocodes=_named(area, "geocode"),
        altitude_feet=float(altitude) if altitude else None,
        ceiling_feet=float(ceiling) if ceiling else None,
    )


def _text(element: etree._Element, name: str) -> str:
    return text_of(element, name) or ""


def _texts(element: etree._Element, name: str) -> Iterable[str]:
    return ((item.text or "").strip() for item in children(element, name))


def _named(element: etree._Element, name: str) -> tuple[NamedValue, ...]:
    return tuple(
        NamedValue(_text(item, "valueName"), _text(item, "value")) for item in children(element, name)
    )


def _time(element: etree._Element, name: str) -> datetime | None:
    text = _text(element, name)
    return parse_time(text) if text else None
