"""Read the bytes of a CAP message into an ``Alert``.

``read`` is strict: a message with an error is refused. ``read_liberally`` takes what can be understood of the messages of
others, of CAP 1.0, 1.1 and 1.2, and says of every place how it was read. Neither follows an address in the message, and
both treat every text as plain text: whoever shows it escapes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import NoReturn, TypeVar

from lxml import etree

from anlan.errors import InputError
from anlan.warning.cap._rules_alert import child, parse_references, text_of
from anlan.warning.cap._rules_info import children
from anlan.warning.cap.check import check
from anlan.warning.cap.findings import Report, local_name, raise_on_errors
from anlan.warning.cap.geometry import parse_circle, parse_ring
from anlan.warning.cap.model import (
    DEFAULT_LANGUAGE,
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    NamedValue,
    Point,
    Reference,
    Resource,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)
from anlan.warning.cap.safe_xml import parse
from anlan.warning.cap.times import format_time, parse_time

__all__ = ["read", "read_checked", "read_liberally"]

Word = TypeVar("Word", bound=StrEnum)

_LOOSE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T\s]\s*(\d\d:\d\d)(:\d\d)?(?:[.,]\d+)?\s*(?:(Z)|([+-])(\d\d):?(\d\d))", re.IGNORECASE
)
_NUMBER = r"[+-]?\d+(?:\.\d*)?"
_LOOSE_PAIR = re.compile(rf"[(\[]*({_NUMBER}),({_NUMBER})[)\],;]*", re.ASCII)
_LOOSE_CIRCLE = re.compile(rf"({_NUMBER})\s*,\s*({_NUMBER})(?:[\s,]+({_NUMBER})\s*(?:km)?)?", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d{1,15}\.?\d*|\.\d+)", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_LARGEST_KM = 50_000
# Words of earlier versions and slips that public programs are known for.
_SLIPS = {"cancle": "Cancel", "very likely": "Likely"}  # codespell:ignore cancle


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
    return read_checked(data)


def read_checked(data: bytes) -> Alert:
    """Read a message that has passed ``check`` before, and whose bytes have not changed since: one of our own."""
    return _Reader(None).alert(parse(data))


def read_liberally(root: etree._Element, report: Report) -> Alert | None:
    """Read what can be understood of a message that has been turned into CAP 1.2 (``versions.convert``).

    Words in other cases, times with ``Z`` or parts of a second, rings that are not closed or go beyond ±180° are read
    as what they must mean; what cannot be read is left out; and each such place is reported (READAS, LEFTOUT).

    Returns
    -------
    Alert or None
        None, with the reason reported, where identifier, sender, sent, status, msgType or scope cannot be read: these are
        never guessed.
    """
    try:
        return _Reader(report).alert(root)
    except _UnreadableError:
        return None


class _UnreadableError(Exception):
    pass


class _Reader:
    """Builds the parts of an ``Alert``. Without a report it trusts its input, which a strict check has passed."""

    def __init__(self, report: Report | None) -> None:
        self.report = report

    def alert(self, root: etree._Element) -> Alert:
        if self.report is not None:
            self._require(root, self.report)
        written, sent = self._sent(root)
        return Alert(
            identifier=_text(root, "identifier"),
            sender=_text(root, "sender"),
            sent=sent,
            status=self._needed(root, "status", Status),
            msg_type=self._needed(root, "msgType", MsgType),
            scope=self._needed(root, "scope", Scope),
            source=_text(root, "source"),
            restriction=_text(root, "restriction"),
            addresses=_text(root, "addresses"),
            codes=tuple(_texts(root, "code")),
            note=_text(root, "note"),
            references=self._references(root),
            incidents=_text(root, "incidents"),
            infos=tuple(self._info(info) for info in children(root, "info")),
            sent_as_written=written,
        )

    def _require(self, root: etree._Element, report: Report) -> None:
        missing = [name for name in ("identifier", "sender", "sent") if not _text(root, name)]
        for name in missing:
            report.error("UNREADABLE", child(root, name), element=name, given="")
        if missing:
            raise _UnreadableError

    def _sent(self, root: etree._Element) -> tuple[str, datetime]:
        given = _text(root, "sent")
        moment = self._time(root, "sent")
        if moment is None:
            self._refuse(root, "sent")
        try:
            parse_time(given)
        except InputError:
            given = ""
        return given, moment

    def _refuse(self, root: etree._Element, name: str) -> NoReturn:
        if self.report is not None:
            self.report.error("UNREADABLE", child(root, name), element=name, given=_text(root, name)[:80])
        raise _UnreadableError

    def _needed(self, root: etree._Element, name: str, kind: type[Word]) -> Word:
        given = _text(root, name)
        found = self._word(child(root, name), given, kind)
        if found is None:
            self._refuse(root, name)
        return found

    def _word(self, place: etree._Element, given: str, kind: type[Word]) -> Word | None:
        try:
            return kind(given)
        except ValueError:
            if self.report is None:
                raise
        folded = _SLIPS.get(given.lower(), given).lower()
        found = next((word for word in kind if word.lower() == folded), None)
        if found is not None:
            self._read_as(place, given, found)
        return found

    def _word_or(self, element: etree._Element, name: str, kind: type[Word], otherwise: Word) -> Word:
        given = _text(element, name)
        found = self._word(child(element, name), given, kind)
        if found is None:
            self._read_as(child(element, name), given, otherwise, name)
        return found if found is not None else otherwise

    def _words(self, element: etree._Element, name: str, kind: type[Word]) -> tuple[Word, ...]:
        found = []
        for place in children(element, name):
            given = (place.text or "").strip()
            word = self._word(place, given, kind)
            if word is None:
                self._left_out(place, given)
            else:
                found.append(word)
        return tuple(found)

    def _info(self, info: etree._Element) -> Info:
        categories = self._words(info, "category", Category)
        if not categories:
            self._read_as(info, "", Category.OTHER, "category")
        return Info(
            language=_text(info, "language") or DEFAULT_LANGUAGE,
            categories=categories or (Category.OTHER,),
            event=_text(info, "event"),
            response_types=self._words(info, "responseType", ResponseType),
            urgency=self._word_or(info, "urgency", Urgency, Urgency.UNKNOWN),
            severity=self._word_or(info, "severity", Severity, Severity.UNKNOWN),
            certainty=self._word_or(info, "certainty", Certainty, Certainty.UNKNOWN),
            audience=_text(info, "audience"),
            event_codes=_named(info, "eventCode"),
            effective=self._time(info, "effective"),
            onset=self._time(info, "onset"),
            expires=self._time(info, "expires"),
            sender_name=_text(info, "senderName"),
            headline=_text(info, "headline"),
            description=_text(info, "description"),
            instruction=_text(info, "instruction"),
            web=_text(info, "web"),
            contact=_text(info, "contact"),
            parameters=_named(info, "parameter"),
            resources=tuple(self._resource(item) for item in children(info, "resource")),
            areas=tuple(self._area(item) for item in children(info, "area")),
        )

    def _resource(self, resource: etree._Element) -> Resource:
        size = self._number(resource, "size", _WHOLE)
        return Resource(
            description=_text(resource, "resourceDesc"),
            mime_type=_text(resource, "mimeType"),
            size_bytes=None if size is None else int(size),
            uri=_text(resource, "uri"),
            deref_uri=_text(resource, "derefUri"),
            digest=_text(resource, "digest"),
        )

    def _area(self, area: etree._Element) -> Area:
        given = [item for item in children(area, "polygon") if (item.text or "").strip()]
        circles = [self._circle(item) for item in children(area, "circle")]
        return Area(
            description=_text(area, "areaDesc"),
            polygons=tuple(ring for item in given for ring in self._rings(item)),
            circles=tuple(circle for circle in circles if circle is not None),
            geocodes=_named(area, "geocode"),
            altitude_feet=self._number(area, "altitude"),
            ceiling_feet=self._number(area, "ceiling"),
        )

    def _rings(self, place: etree._Element) -> tuple[tuple[Point, ...], ...]:
        """The ring of a polygon; two where it crosses the antimeridian, none where it cannot be read."""
        text = place.text or ""
        try:
            return (parse_ring(text),)
        except InputError:
            if self.report is None:
                raise
        found = [_LOOSE_PAIR.fullmatch(token) for token in text.split()]
        points = [(float(match[1]), float(match[2])) for match in found if match is not None]
        if len(points) == len(found) and len(set(points)) >= 3:
            rings = _within_range(points if points[0] == points[-1] else [*points, points[0]])
            if rings:
                self._read_as(place, _short(text), " / ".join(f"{len(ring)} points" for ring in rings))
                return rings
        self._left_out(place, _short(text))
        return ()

    def _circle(self, place: etree._Element) -> Circle | None:
        text = place.text or ""
        try:
            return parse_circle(text)
        except InputError:
            if self.report is None:
                raise
        match = _LOOSE_CIRCLE.fullmatch(text.strip())
        if match is not None:
            latitude, longitude, radius = float(match[1]), float(match[2]), float(match[3] or 0)
            if abs(latitude) <= 90 and abs(longitude) <= 360 and 0 <= radius < _LARGEST_KM:
                centre = (latitude, (longitude + 180) % 360 - 180 if abs(longitude) > 180 else longitude)
                self._read_as(place, _short(text), f"{centre[0]:g},{centre[1]:g} {radius:g}")
                return Circle(centre, radius)
        self._left_out(place, _short(text))
        return None

    def _number(self, element: etree._Element, name: str, form: re.Pattern[str] = _DECIMAL) -> float | None:
        """A number of a sensible length: the schema would take a thousand digits."""
        given = _text(element, name)
        if not given:
            return None
        if form.fullmatch(given):
            return float(given)
        self._left_out(child(element, name), given)
        return None

    def _time(self, element: etree._Element, name: str) -> datetime | None:
        given = _text(element, name)
        if not given:
            return None
        try:
            return parse_time(given)
        except InputError:
            if self.report is None:
                raise
        moment = _loose_moment(given)
        if moment is None:
            if name != "sent":
                self._left_out(child(element, name), given)
            return None
        self._read_as(child(element, name), given, format_time(moment))
        return moment

    def _references(self, root: etree._Element) -> tuple[Reference, ...]:
        found, wrong = parse_references(_text(root, "references"))
        place = child(root, "references")
        for token in wrong:
            parts = token.split(",")
            moment = _loose_moment(parts[2]) if len(parts) == 3 and all(parts) else None
            if moment is None:
                self._left_out(place, token)
            else:
                self._read_as(place, token, format_time(moment))
                found.append(Reference(parts[0], parts[1], format_time(moment)))
        return tuple(found)

    def _read_as(self, place: etree._Element, given: str, used: str, name: str = "") -> None:
        if self.report is not None:
            self.report.advise(
                "READAS", place, element=name or local_name(place), given=given[:80], used=str(used)
            )

    def _left_out(self, place: etree._Element, given: str) -> None:
        if self.report is not None:
            self.report.warn("LEFTOUT", place, element=local_name(place), given=given[:80])


def _loose_moment(text: str) -> datetime | None:
    """A time in another spelling, with its zone: one without is no moment."""
    match = _LOOSE_TIME.fullmatch(text.strip())
    if match is None:
        return None
    day, minute, second, utc, sign, hours, minutes = match.groups()
    offset = "-00:00" if utc else f"{sign}{hours}:{minutes}"
    try:
        return parse_time(f"{day}T{minute}{second or ':00'}{offset}")
    except InputError:
        return None


def _within_range(ring: list[Point]) -> tuple[tuple[Point, ...], ...]:
    """A closed ring with longitudes within ±180, cut in two at the antimeridian where it crosses it.

    Nothing where a latitude is beyond ±90 or the ring spans more than a whole turn.
    """
    longitudes = [longitude for _latitude, longitude in ring]
    west, east = min(longitudes), max(longitudes)
    if any(abs(latitude) > 90 for latitude, _longitude in ring) or not -540 <= west <= east <= 540:
        return ()
    if east - west > 360:
        return ()
    shift = 360.0 * ((west + 180) // 360)
    moved = [(latitude, longitude - shift) for latitude, longitude in ring]
    if east - shift <= 180:
        return (tuple(moved),)
    parts = (_clipped(moved, keep_west=True), _clipped(moved, keep_west=False))
    return tuple(part for part in parts if len(set(part)) >= 3)


def _clipped(ring: list[Point], *, keep_west: bool) -> tuple[Point, ...]:
    """What of a ring lies on one side of 180° (Sutherland and Hodgman 1974); the eastern part counts from -180."""
    side = 1.0 if keep_west else -1.0
    kept: list[Point] = []
    for (lat_a, lon_a), (lat_b, lon_b) in pairwise(ring):
        inside_a, inside_b = side * (180 - lon_a) >= 0, side * (180 - lon_b) >= 0
        if inside_a:
            kept.append((lat_a, lon_a))
        if inside_a != inside_b:
            share = (180 - lon_a) / (lon_b - lon_a)
            kept.append((lat_a + share * (lat_b - lat_a), 180.0))
    if kept and kept[0] != kept[-1]:
        kept.append(kept[0])
    turn = 0.0 if keep_west else 360.0
    return tuple((latitude, longitude - turn) for latitude, longitude in kept)


def _short(text: str) -> str:
    return " ".join(text.split())[:80]


def _text(element: etree._Element, name: str) -> str:
    return text_of(element, name) or ""


def _texts(element: etree._Element, name: str) -> Iterable[str]:
    return ((item.text or "").strip() for item in children(element, name))


def _named(element: etree._Element, name: str) -> tuple[NamedValue, ...]:
    return tuple(
        NamedValue(_text(item, "valueName"), _text(item, "value")) for item in children(element, name)
    )
