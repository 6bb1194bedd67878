"""What the schema does not catch in the outer part of a message: identity, addressing, references, place of signatures.

Sources: OASIS CAP-v1.2, data dictionary 3.2.1; sections 3.3.1 and 3.3.4.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from anlan.errors import InputError
from anlan.warning.cap.findings import Report, local_name
from anlan.warning.cap.model import MsgType, Reference, Scope, Status
from anlan.warning.cap.times import parse_time

__all__ = ["Header", "check_alert", "child", "header_of", "moment", "parse_references", "text_of"]

DSIG = "http://www.w3.org/2000/09/xmldsig#"
# Spaces, commas, < and & are the standard's list; other white space and control characters break references alike.
_FORBIDDEN = re.compile(r"[\s,<&\x00-\x1f\x7f]")
_MESSAGES_ABOUT_OTHERS = {MsgType.UPDATE, MsgType.CANCEL, MsgType.ACK, MsgType.ERROR}
MOST_REFERENCES = 5_000
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Header:
    """What the rules on the inner parts need to know of the outer one; looked up once."""

    sent: datetime | None
    msg_type: str
    scope: str


def header_of(root: etree._Element) -> Header:
    return Header(moment(root, "sent"), text_of(root, "msgType") or "", text_of(root, "scope") or "")


def text_of(element: etree._Element, name: str) -> str | None:
    """The stripped text of the first child of that local name; None when there is no such child."""
    for child in element:
        if isinstance(child.tag, str) and local_name(child) == name:
            return (child.text or "").strip()
    return None


def child(element: etree._Element, name: str) -> etree._Element:
    """The first child of that local name, or the element itself to point at when it is missing."""
    for candidate in element:
        if isinstance(candidate.tag, str) and local_name(candidate) == name:
            return candidate
    return element


def moment(element: etree._Element, name: str) -> datetime | None:
    """The time in a child, or None when it is absent or malformed (the schema reports the latter)."""
    text = text_of(element, name)
    try:
        return parse_time(text) if text else None
    except InputError:
        return None


def parse_references(text: str) -> tuple[list[Reference], list[str]]:
    """Split ``references`` into extended identifiers and the tokens that are none; what is beyond any sense is one such."""
    references: list[Reference] = []
    wrong: list[str] = []
    tokens = text.split(None, MOST_REFERENCES)
    wrong += tokens[MOST_REFERENCES:]
    for token in tokens[:MOST_REFERENCES]:
        parts = token.split(",")
        try:
            if len(parts) != 3 or not all(parts):
                raise InputError("not three parts")
            parse_time(parts[2])
        except InputError:
            wrong.append(token)
            continue
        references.append(Reference(*parts))
    return references, wrong


def check_alert(root: etree._Element, report: Report, *, now: datetime | None) -> None:
    """Apply the rules on the children of ``alert`` that are no ``info``."""
    for name in ("identifier", "sender"):
        _check_identity(root, name, report)
    _check_addressing(root, report)
    _check_references(root, report)
    _check_notes(root, report)
    _check_sent(root, report, now)
    _check_signature_place(root, report)
    for name in ("addresses", "incidents"):
        if (text_of(root, name) or "").count('"') % 2:
            report.warn("QUOTES", child(root, name), element=name)


def _check_identity(root: etree._Element, name: str, report: Report) -> None:
    place = child(root, name)
    if place is root:
        return
    given = place.text or ""
    if not given:
        report.error("CHARS", place, "empty", element=name)
    elif found := _FORBIDDEN.search(given):
        report.error("CHARS", place, element=name, given=given[:80], character=repr(found[0]))


def _check_addressing(root: etree._Element, report: Report) -> None:
    scope = text_of(root, "scope")
    if scope == Scope.PRIVATE and not text_of(root, "addresses"):
        report.error("ADDRESSES", child(root, "scope"))
    restriction = text_of(root, "restriction")
    if scope == Scope.RESTRICTED and not restriction:
        report.ours("RESTRICTION", child(root, "scope"), "missing")
    elif restriction and scope != Scope.RESTRICTED:
        report.ours("RESTRICTION", child(root, "restriction"), "surplus")


def _check_references(root: etree._Element, report: Report) -> None:
    given = text_of(root, "references")
    kind = text_of(root, "msgType")
    place = child(root, "references")
    if given == "":
        report.ours("REFEMPTY", place)
    if not given:
        if kind in _MESSAGES_ABOUT_OTHERS:
            report.ours("NOREF", child(root, "msgType"), type=kind)
        return
    references, wrong = parse_references(given)
    for token in wrong:
        report.error("REF", place, given=token[:120])
    sent = moment(root, "sent")
    own = (text_of(root, "sender"), text_of(root, "identifier"))
    for reference in references:
        if (reference.sender, reference.identifier) == own:
            report.ours("SELFREF", place, given=str(reference))
        if sent is not None and reference.key[2] > sent:
            report.ours("REFTIME", place, given=str(reference))
    if len(set(references)) < len(references):
        report.ours("REFTWICE", place)


def _check_notes(root: etree._Element, report: Report) -> None:
    has_note = bool(text_of(root, "note"))
    if text_of(root, "status") == Status.EXERCISE and not has_note:
        report.ours("NOTE", child(root, "status"), "exercise")
    if text_of(root, "msgType") == MsgType.ERROR and not has_note:
        report.ours("NOTE", child(root, "msgType"), "error")


def _check_sent(root: etree._Element, report: Report, now: datetime | None) -> None:
    sent = moment(root, "sent")
    if sent is None:
        return
    if now is not None and sent - now > _CLOCK_TOLERANCE:
        report.ours("SENTFUTURE", child(root, "sent"), given=text_of(root, "sent"))
    if sent.utcoffset() == timedelta(0):
        report.advise("UTC", child(root, "sent"), given=text_of(root, "sent"))


def _check_signature_place(root: etree._Element, report: Report) -> None:
    seen: etree._Element | None = None
    for element in root:
        if element.tag == f"{{{DSIG}}}Signature":
            seen = element
        elif seen is not None and isinstance(element.tag, str):
            report.error("SIGPLACE", seen)
            return
