"""The Atom feed of released messages: an index that points to one document per message.

The bytes depend on the messages and the feed's own settings, and on nothing else: no clock. The same messages give the
same feed on every machine, so that a hash of the bytes serves as ETag and an unchanged feed is answered with 304.

Sources: RFC 4287; the OASIS note "Example Practices: CAP Feeds".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from anlan.errors import ParameterError
from anlan.texts import name_in
from anlan.warning.cap.findings import refusal
from anlan.warning.cap.model import Alert, Info
from anlan.warning.cap.schema import NAMESPACE
from anlan.warning.cap.times import format_time
from anlan.warning.cap.write import NOT_XML

__all__ = ["ATOM_TYPE", "CAP_TYPE", "Feed", "FeedEntry", "etag", "write_feed"]

ATOM_TYPE = "application/atom+xml; charset=utf-8"
CAP_TYPE = "application/cap+xml; charset=utf-8"


@dataclass(frozen=True)
class Feed:
    """What stays the same about a feed.

    ``id`` is its IRI for good, ``url`` where it is served; ``since`` stands in as time of change while it is empty.
    """

    id: str
    url: str
    titles: Mapping[str, str]
    authors: Mapping[str, str]
    since: datetime
    language: str = "zh"


@dataclass(frozen=True)
class FeedEntry:
    """One released message, the address of its document, and of its readable page if there is one."""

    alert: Alert
    url: str
    page_url: str = ""


def write_feed(feed: Feed, entries: Iterable[FeedEntry]) -> bytes:
    """Write the feed, newest message first.

    ``atom:id`` of an entry is the address of its CAP document, because hubs take it for that.

    Raises
    ------
    ParameterError
        If two entries have the same address: a document at an address never changes.
    """
    ordered = sorted(
        entries, key=lambda entry: (entry.alert.sent, entry.alert.sender, entry.url), reverse=True
    )
    urls = {entry.url for entry in ordered}
    if len(urls) < len(ordered):
        raise ParameterError(
            f"entries must have different urls. Got {len(ordered)} entries with {len(urls)} urls."
        )
    updated = ordered[0].alert.sent if ordered else feed.since
    language = "zh-CN" if feed.language == "zh" else feed.language
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:cap="{NAMESPACE}" xml:lang={quoteattr(language)}>',
        _line("id", feed.id),
        _line("title", name_in(feed.titles, feed.language)),
        _line("updated", _moment(updated)),
        f"  <author>{_line('name', name_in(feed.authors, feed.language)).strip()}</author>",
        f'  <link rel="self" type="application/atom+xml" href={_attribute(feed.url)}/>',
    ]
    for entry in ordered:
        lines += _entry(entry, feed)
    return ("\n".join([*lines, "</feed>"]) + "\n").encode("utf-8")


def etag(data: bytes) -> str:
    """The entity tag of a feed or a document: a hash of its bytes, in quotation marks as HTTP wants it."""
    return f'"{hashlib.sha256(data).hexdigest()}"'


def _entry(entry: FeedEntry, feed: Feed) -> list[str]:
    alert = entry.alert
    info = alert.info_in(feed.language)
    title = (info.headline or info.event) if info else f"{alert.msg_type} {alert.identifier}"
    author = (info.sender_name if info else "") or name_in(feed.authors, feed.language)
    lines = [
        "  <entry>",
        _line("id", entry.url, 4),
        _line("title", title, 4),
        _line("updated", _moment(alert.sent), 4),
        _line("published", _moment(alert.sent), 4),
        f"    <author>{_line('name', author).strip()}</author>",
    ]
    if info and info.description:
        lines.append(_line("summary", info.description, 4))
    lines.append(f'    <link rel="alternate" type="application/cap+xml" href={_attribute(entry.url)}/>')
    if entry.page_url:
        lines.append(f'    <link rel="related" type="text/html" href={_attribute(entry.page_url)}/>')
    if info:
        lines += [f"    <category term={_attribute(category)}/>" for category in info.categories]
    return [*lines, *_digest(alert, info), "  </entry>"]


def _digest(alert: Alert, info: Info | None) -> list[str]:
    """What a hub filters by without a second request; outlines are left to the document, which is what counts."""
    lines = [
        _line("cap:sent", format_time(alert.sent), 4),
        _line("cap:status", alert.status, 4),
        _line("cap:msgType", alert.msg_type, 4),
    ]
    if info is None:
        return lines
    lines.append(_line("cap:event", info.event, 4))
    for name, moment in (("effective", info.effective), ("onset", info.onset), ("expires", info.expires)):
        if moment is not None:
            lines.append(_line(f"cap:{name}", format_time(moment), 4))
    lines += [_line("cap:category", category, 4) for category in info.categories]
    lines.append(_line("cap:urgency", info.urgency, 4))
    lines.append(_line("cap:severity", info.severity, 4))
    lines.append(_line("cap:certainty", info.certainty, 4))
    for area in info.areas:
        lines.append(_line("cap:areaDesc", area.description, 4))
        for code in area.geocodes:
            inner = (
                f"<cap:valueName>{_text(code.name)}</cap:valueName><cap:value>{_text(code.value)}</cap:value>"
            )
            lines.append(f"    <cap:geocode>{inner}</cap:geocode>")
    return lines


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(name: str, text: str, indent: int = 2) -> str:
    return f"{' ' * indent}<{name}>{_text(text)}</{name}>"


def _text(text: str) -> str:
    if found := NOT_XML.search(text):
        raise refusal("XMLCHARS", element="feed", character=f"U+{ord(found[0]):04X}")
    return escape(text, {"\r": "&#13;"})


def _attribute(text: str) -> str:
    return quoteattr(text, {"\r": "&#13;"})
