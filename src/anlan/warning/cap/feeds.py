"""Feeds and envelopes that carry or point to CAP messages: what they hold, and what is wrong with them.

An Atom or RSS feed is an index: each entry names the address of a message, or holds the message itself. EDXL-DE wraps
messages in an envelope. Messages inside are found in the namespaces of CAP at any depth, because that is how they
occur. Nothing here fetches anything.

Sources: RFC 4287 (Atom), RSS 2.0 (Harvard), OASIS EDXL-DE 1.0; the OASIS note "Example Practices: CAP Feeds"; errors
and sizes after Google's Public Alerts feed checker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from lxml import etree

from anlan.warning.cap._rules_alert import child
from anlan.warning.cap._rules_info import children
from anlan.warning.cap.findings import Report, local_name, paths_below
from anlan.warning.cap.schema import NAMESPACE

__all__ = ["FeedItem", "FeedKind", "check_feed", "feed_kind", "local_alerts"]

FeedKind = Literal["message", "atom", "rss", "edxl", "envelope"]

ATOM = "http://www.w3.org/2005/Atom"
ADVISED_BYTES, MOST_BYTES = 100_000, 900_000
_EDXL = "urn:oasis:names:tc:emergency:EDXL:DE:1.0"
_CAP = re.compile(r"urn:oasis:names:tc:emergency:cap:|http://www\.incident\.com/cap/")
_CAP_TYPES = (
    "application/cap+xml",
    "application/common-alerting-protocol+xml",
    "application/emergencycalldata.cap+xml",
    "application/xml",
    "text/xml",
)
_FEED_PARTS = {
    "author",
    "category",
    "contributor",
    "entry",
    "generator",
    "icon",
    "id",
    "link",
    "logo",
    "rights",
    "subtitle",
    "title",
    "updated",
}  # noqa: E501
_ENTRY_PARTS = {
    "author",
    "category",
    "content",
    "contributor",
    "id",
    "link",
    "published",
    "rights",
    "source",
    "summary",
    "title",
    "updated",
}  # noqa: E501
_ONCE = {"id", "title", "updated", "published", "content", "summary"}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EDXL_PARTS = (
    "distributionID",
    "senderID",
    "dateTimeSent",
    "distributionStatus",
    "distributionType",
    "combinedConfidentiality",
)  # noqa: E501


@dataclass(frozen=True)
class FeedItem:
    """One entry of a feed.

    ``url`` is the address of its CAP document, empty when the entry holds the message itself or names none; ``updated`` is
    the time of change as it is written.
    """

    path: str
    line: int
    id: str
    title: str
    updated: str
    url: str
    has_alert: bool


def feed_kind(root: etree._Element) -> FeedKind:
    """What a document is by its outermost element; ``message`` where it is neither a feed nor holds a message."""
    namespace, name = etree.QName(root).namespace or "", local_name(root)
    if name == "feed" and namespace == ATOM:
        return "atom"
    if name in ("rss", "RDF"):
        return "rss"
    if name == "EDXLDistribution":
        return "edxl"
    if name != "alert" and next(local_alerts(root), None) is not None:
        return "envelope"
    return "message"


def local_alerts(root: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Path and element of every message inside a document, the outermost ones only."""
    inside: etree._Element | None = None
    for path, element, begins in paths_below(root):
        if not begins:
            if element is inside:
                inside = None
        elif inside is None and _is_alert(element):
            inside = element
            yield path, element


def _is_alert(element: etree._Element) -> bool:
    tag = element.tag
    return isinstance(tag, str) and tag.endswith("}alert") and _CAP.match(tag, 1) is not None


def check_feed(root: etree._Element, kind: FeedKind, size_bytes: int, report: Report) -> tuple[FeedItem, ...]:
    """Judge a feed or an envelope, without the messages in it.

    Returns
    -------
    tuple of FeedItem
        Its entries in document order; empty for an envelope.
    """
    if size_bytes > MOST_BYTES:
        report.warn("FEED-SIZE", root, count=size_bytes, limit=MOST_BYTES)
    elif size_bytes > ADVISED_BYTES:
        report.advise("FEED-SIZE", root, count=size_bytes, limit=ADVISED_BYTES)
    if kind == "atom":
        items = _check_atom(root, report)
    elif kind == "rss":
        items = _check_rss(root, report)
    else:
        _check_envelope(root, kind, report)
        return ()
    _check_together(root, items, report)
    _check_extensions(root, report)
    return tuple(item for item, _element in items)


_Items = list[tuple[FeedItem, etree._Element]]


def _check_together(root: etree._Element, items: _Items, report: Report) -> None:
    if not items:
        report.advise("FEED-EMPTY", root)
    seen: set[str] = set()
    for item, element in items:
        if item.id and item.id in seen:
            report.error("FEED-DUP", element, given=item.id[:120])
        seen.add(item.id)
    moments = [_moment(item.updated) for item, _element in items]
    known = [moment for moment in moments if moment is not None]
    if len(known) == len(moments) and known != sorted(known, reverse=True):
        report.advise("FEED-ORDER", root)


def _check_atom(root: etree._Element, report: Report) -> _Items:
    _require(root, ("id", "title", "updated"), report)
    _check_parts(root, _FEED_PARTS, report)
    _check_atom_dates(root, report)
    links = [item for item in children(root, "link") if item.get("rel") == "self"]
    if not links:
        report.advise("FEED-SELF", root)
    base = (
        root.get("{http://www.w3.org/XML/1998/namespace}base")
        or (links[0].get("href") if links else "")
        or ""
    )
    has_author = bool(children(root, "author"))
    items: _Items = []
    for position, entry in enumerate(children(root, "entry"), 1):
        _require(entry, ("id", "title", "updated"), report)
        _check_parts(entry, _ENTRY_PARTS, report)
        _check_atom_dates(entry, report)
        if not has_author and not children(entry, "author"):
            report.warn("FEED-AUTHOR", entry)
        has_alert = any(_is_alert(inner) for inner in entry.iter())
        url = _atom_url(entry, base, has_alert, report)
        identity = _text(entry, "id")
        if url and identity and identity != url:
            report.advise("FEED-ID", child(entry, "id"), given=identity[:120])
        path = f"entry[{position}]"
        items.append((_item(entry, path, identity, _text(entry, "updated"), url, has_alert), entry))
    for inner in root:
        if isinstance(inner.tag, str) and _is_alert(inner):
            report.warn("FEED-STRAY", inner)
    return items


def _atom_url(entry: etree._Element, base: str, has_alert: bool, report: Report) -> str:
    """The address of the CAP document: a link that says so, else an alternate that could be one."""
    typed, possible, wrong = None, None, None
    for link in children(entry, "link"):
        kind = (link.get("type") or "").split(";")[0].strip().lower()
        rel = link.get("rel") or "alternate"
        if kind in _CAP_TYPES[:3]:
            typed = typed if typed is not None else link
        elif rel == "alternate" and kind in ("", *_CAP_TYPES):
            possible = possible if possible is not None else link
        elif rel == "alternate" and kind != "text/html":
            wrong = wrong if wrong is not None else link
    chosen = next((link for link in (typed, possible, wrong) if link is not None), None)
    if chosen is None:
        if not has_alert:
            report.error("FEED-LINK", entry)
        return ""
    if chosen is wrong:
        report.warn("FEED-TYPE", chosen, given=(chosen.get("type") or "")[:80])
    given = (chosen.get("href") or "").strip()
    url = _joined(base, given)
    if not url:
        report.error("FEED-URL", chosen, given=given[:120])
    return url


def _check_atom_dates(element: etree._Element, report: Report) -> None:
    for name in ("updated", "published"):
        for date in children(element, name):
            given = (date.text or "").strip()
            if not _RFC3339.fullmatch(given) or _moment(given) is None:
                report.error("FEED-DATE", date, element=name, given=given[:80])


def _check_parts(element: etree._Element, known: set[str], report: Report) -> None:
    counts: dict[str, int] = {}
    for part in element:
        if not isinstance(part.tag, str) or etree.QName(part).namespace != ATOM:
            continue
        name = local_name(part)
        counts[name] = counts.get(name, 0) + 1
        if name not in known:
            report.error("FEED-ELEM", part, element=name)
        elif name in _ONCE and counts[name] == 2:
            report.error("FEED-ELEM", part, "twice", element=name)


def _check_rss(root: etree._Element, report: Report) -> _Items:
    # RSS 1.0 (RDF) has its items beside the channel, RSS 2.0 inside it.
    channels = children(root, "channel")
    if not channels:
        report.error("FEED-REQ", root, element="channel")
        return []
    channel = channels[0]
    _require(channel, ("title", "link", "description"), report)
    _check_rss_date(channel, "pubDate", report)
    _check_rss_date(channel, "lastBuildDate", report)
    if not any(link.get("rel") == "self" for link in children(channel, "link")):
        report.advise("FEED-SELF", channel)
    items: _Items = []
    for position, item in enumerate(children(channel, "item") + children(root, "item"), 1):
        if not _text(item, "title") and not _text(item, "description"):
            report.error("FEED-REQ", item, element="title")
        _check_rss_date(item, "pubDate", report)
        if not _text(item, "pubDate"):
            report.advise("FEED-REQ", item, "advised", element="pubDate")
        has_alert = any(_is_alert(inner) for inner in item.iter())
        given = _text(item, "link")
        url = _joined("", given)
        if given and not url:
            report.error("FEED-URL", child(item, "link"), given=given[:120])
        elif not given and not has_alert:
            report.error("FEED-LINK", item)
        path = f"channel/item[{position}]"
        items.append((_item(item, path, _guid(item, report), _text(item, "pubDate"), url, has_alert), item))
    return items


def _guid(item: etree._Element, report: Report) -> str:
    given = _text(item, "guid")
    if not given:
        report.advise("FEED-REQ", item, "advised", element="guid")
        return ""
    place = child(item, "guid")
    if (place.get("isPermaLink") or "true").strip().lower() != "false" and not _joined("", given):
        report.warn("FEED-GUID", place, given=given[:120])
    return given


def _check_rss_date(element: etree._Element, name: str, report: Report) -> None:
    given = _text(element, name)
    if given and _rfc822(given) is None:
        report.warn("FEED-DATE", child(element, name), "rss", element=name, given=given[:80])


def _check_envelope(root: etree._Element, kind: FeedKind, report: Report) -> None:
    if kind == "edxl":
        if etree.QName(root).namespace != _EDXL:
            report.warn("FEED-NS", root, given=etree.QName(root).namespace or "-", accepted=_EDXL)
        _require(root, _EDXL_PARTS, report)
    if next(local_alerts(root), None) is None:
        report.advise("FEED-EMPTY", root)


def _check_extensions(root: etree._Element, report: Report) -> None:
    """The digest of a message beside its entry may be of an older CAP; it counts for nothing, but says so."""
    for element in root.iter():
        tag = element.tag
        if not isinstance(tag, str) or not _CAP.match(tag, 1):
            continue
        if _is_alert(element) or any(_is_alert(above) for above in element.iterancestors()):
            continue
        namespace = etree.QName(element).namespace or ""
        if namespace != NAMESPACE:
            report.warn("FEED-NS", element, given=namespace, accepted=NAMESPACE)
            return


def _require(element: etree._Element, names: tuple[str, ...], report: Report) -> None:
    for name in names:
        if not _text(element, name):
            report.error("FEED-REQ", child(element, name), element=name)


def _text(element: etree._Element, name: str) -> str:
    """The first text among the children of that name in the element's own namespace: ``media:title`` is no title."""
    namespace = etree.QName(element).namespace
    for item in children(element, name):
        if etree.QName(item).namespace == namespace and (item.text or "").strip():
            return (item.text or "").strip()
    return ""


def _item(
    element: etree._Element, path: str, identity: str, updated: str, url: str, has_alert: bool
) -> FeedItem:
    line: Any = element.sourceline  # the stubs give it no type
    title = _text(element, "title")
    return FeedItem(path, int(line or 0), identity, title, updated, url, has_alert)


def _joined(base: str, given: str) -> str:
    """An absolute http address, or an empty text."""
    if not given or re.search(r"\s", given):
        return ""
    try:
        url = urljoin(base, given)
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme.lower() in ("http", "https") and parts.netloc else ""


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return _rfc822(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _rfc822(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
