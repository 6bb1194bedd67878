"""What the schema does not catch inside ``info`` and ``resource``, and between ``info`` blocks.

Sources: OASIS CAP-v1.2, data dictionary 3.2.2 and 3.2.3; good practice after the OASIS note "CAP Elements", Google's
Public Alerts profile and WMO-No. 1109.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import timedelta
from urllib.parse import urlsplit

from lxml import etree

from anlan.warning.cap._rules_alert import Header, child, moment, text_of
from anlan.warning.cap.colour import LEVEL_PARAMETER, severity_of
from anlan.warning.cap.findings import Report, local_name
from anlan.warning.cap.model import DEFAULT_LANGUAGE, MsgType, ResponseType, Scope
from anlan.warning.levels import level_of_colour

__all__ = ["check_info", "check_languages", "children", "is_base64"]

HEADLINE_CHARACTERS = 160
EVENT_CHARACTERS = 35
_LATE_START = timedelta(hours=1)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_MIME = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(\s*;.*)?")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
_TAGS = "a|abbr|b|blockquote|br|center|dd|div|dl|dt|em|font|h[1-6]|hr|i|iframe|img|li|link|ol|p|pre|script|small|span|strong|style|sub|sup|table|tbody|td|th|thead|tr|u|ul"  # noqa: E501
_MARKUP = re.compile(
    rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>|&(?:[a-zA-Z][a-zA-Z0-9]*|#\d+|#x[0-9a-fA-F]+);", re.IGNORECASE
)
# Controls that hide or reorder what people read (C0 and C1 without tab and line ends, bidirectional overrides).
_HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
_TEXTS = ("event", "audience", "senderName", "headline", "description", "instruction", "contact")
_SAME_IN_ALL_LANGUAGES = ("urgency", "severity", "certainty", "effective", "onset", "expires")


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """All children of that local name."""
    return [item for item in element if isinstance(item.tag, str) and local_name(item) == name]


def check_info(header: Header, info: etree._Element, report: Report) -> None:
    """Apply the rules on one ``info`` and its resources."""
    _check_texts(info, report)
    _check_times(header, info, report)
    _check_words(header, info, report)
    _check_named_values(info, report)
    _check_colour(info, report)
    web = text_of(info, "web")
    if web and not _is_absolute(web):
        report.error("WEB", child(info, "web"), given=web[:120])
    elif web and urlsplit(web).scheme.lower() not in ("http", "https"):
        report.ours("WEBSCHEME", child(info, "web"), given=web[:120])
    for resource in children(info, "resource"):
        _check_resource(resource, report)
    if header.msg_type in (MsgType.ALERT, MsgType.UPDATE) and not children(info, "area"):
        report.ours("NOAREA", info)


def _check_texts(info: etree._Element, report: Report) -> None:
    for name in _TEXTS:
        given = text_of(info, name)
        if not given:
            continue
        if found := _MARKUP.search(given):
            report.ours("HTML", child(info, name), given=found[0][:40])
        if hidden := _HIDDEN.search(given):
            report.ours("HIDDEN", child(info, name), character=f"U+{ord(hidden[0]):04X}")
    if not text_of(info, "event"):
        report.ours("EMPTY", child(info, "event"), element="event")
    headline = text_of(info, "headline") or ""
    event = text_of(info, "event") or ""
    description = text_of(info, "description") or ""
    if len(headline) > HEADLINE_CHARACTERS:
        report.warn("HEADLEN", child(info, "headline"), count=len(headline), limit=HEADLINE_CHARACTERS)
    if len(event) > EVENT_CHARACTERS:
        report.advise("EVENTLEN", child(info, "event"), count=len(event), limit=EVENT_CHARACTERS)
    if description and description in (headline, text_of(info, "instruction")):
        report.advise("SAMEPARTS", child(info, "description"))


def _check_times(header: Header, info: etree._Element, report: Report) -> None:
    sent = header.sent
    effective, onset, expires = (moment(info, name) for name in ("effective", "onset", "expires"))
    if text_of(info, "expires") is None:
        report.ours("NOEXP", info)
    start = effective or sent
    if expires and start and expires <= start:
        report.ours("TIME", child(info, "expires"), "ends_before_start")
    if effective and sent and sent - effective > (timedelta(0) if report.issuing else _LATE_START):
        report.ours("TIME", child(info, "effective"), "starts_before_sent")
    if onset and expires and onset > expires:
        report.ours("TIME", child(info, "onset"), "onset_after_end")


def _check_words(header: Header, info: etree._Element, report: Report) -> None:
    categories = [(item.text or "").strip() for item in children(info, "category")]
    if len(set(categories)) < len(categories):
        report.ours("CATTWICE", child(info, "category"))
    for name in ("urgency", "severity", "certainty"):
        if text_of(info, name) == "Unknown":
            report.ours("UNKNOWN", child(info, name), element=name)
    for response in children(info, "responseType"):
        if (response.text or "").strip() == ResponseType.ASSESS and header.scope == Scope.PUBLIC:
            report.ours("ASSESS", response)


def _check_named_values(info: etree._Element, report: Report) -> None:
    for name in ("eventCode", "parameter"):
        for item in children(info, name):
            if not text_of(item, "valueName") or not text_of(item, "value"):
                report.ours("EMPTY", item, element=name)


def _check_colour(info: etree._Element, report: Report) -> None:
    for item in children(info, "parameter"):
        if text_of(item, "valueName") != LEVEL_PARAMETER:
            continue
        given = text_of(item, "value") or ""
        level = level_of_colour(given)
        if level is None:
            report.ours("COLOUR", item, "unknown", given=given[:40])
        elif text_of(info, "severity") != severity_of(level):
            report.ours("COLOUR", item, "differs", given=given, stated=text_of(info, "severity"))


def _check_resource(resource: etree._Element, report: Report) -> None:
    mime = text_of(resource, "mimeType")
    if mime is not None and not _MIME.fullmatch(mime):
        report.ours("MIME", child(resource, "mimeType"), given=mime[:80])
    size = text_of(resource, "size")
    if size and size.startswith("-") and size.strip("-0"):
        report.error("RESSIZE", child(resource, "size"), given=size)
    deref = text_of(resource, "derefUri")
    if deref is not None and not is_base64(deref):
        report.error("DEREF", child(resource, "derefUri"))
    uri = text_of(resource, "uri")
    if uri and not _is_absolute(uri) and not deref:
        report.ours("RESURI", child(resource, "uri"), given=uri[:120])
    digest = text_of(resource, "digest")
    if digest and not _SHA1.fullmatch(digest):
        report.warn("DIGEST", child(resource, "digest"), given=digest[:80])


def _is_absolute(uri: str) -> bool:
    if not _URI.fullmatch(uri):
        return False
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.netloc) or parts.scheme.lower() not in ("http", "https", "ftp")


def is_base64(text: str) -> bool:
    """Whether the text is base64 in its one canonical spelling; white space between characters is allowed."""
    packed = re.sub(r"[ \t\r\n]+", "", text)
    try:
        decoded = base64.b64decode(packed.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    return bool(packed) and base64.b64encode(decoded).decode("ascii") == packed


def check_languages(root: etree._Element, report: Report) -> None:
    """Compare the blocks of different languages: same facts, different words."""
    by_language: dict[str, list[etree._Element]] = {}
    for info in children(root, "info"):
        by_language.setdefault((text_of(info, "language") or DEFAULT_LANGUAGE).lower(), []).append(info)
    sequences = list(by_language.values())
    for blocks in sequences[1:]:
        # Blocks are compared in pairs only where the languages tell the same story block by block.
        if len(blocks) != len(sequences[0]):
            continue
        for first, other in zip(sequences[0], blocks, strict=True):
            _compare(first, other, report)


def _compare(first: etree._Element, other: etree._Element, report: Report) -> None:
    for name in _SAME_IN_ALL_LANGUAGES:
        if text_of(first, name) != text_of(other, name):
            report.ours("LANGDIFF", child(other, name), element=name)
    for name in ("category", "eventCode"):
        if _contents(first, name) != _contents(other, name):
            report.ours("LANGDIFF", child(other, name), element=name)
    for name in ("headline", "description", "instruction"):
        text = text_of(other, name)
        if text and text == text_of(first, name):
            report.warn("LANGSAME", child(other, name), element=name)


def _contents(info: etree._Element, name: str) -> list[str]:
    return sorted(" ".join(str(text).strip() for text in item.itertext()) for item in children(info, name))
