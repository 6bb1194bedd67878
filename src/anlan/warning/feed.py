"""Feeds of released messages: indexes in Atom and RSS 2.0 that point to one document per message.

The bytes depend on the messages and the feed's own settings, and on nothing else: no clock. The same messages give the
same feed on every machine, so that a hash of the bytes serves as ETag and an unchanged feed is answered with 304.

What leaves the feed stays in an archive page of its week (RFC 5005): the feed names the newest page, each page the one before
it, and a page is complete when its week is over. Weeks are those of ISO 8601, by UTC and the moment of sending.

Sources: RFC 4287, RFC 5005, RSS 2.0 (Harvard); the OASIS note "Example Practices: CAP Feeds".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from anlan.errors import ParameterError
from anlan.texts import name_in
from anlan.warning.cap.findings import refusal
from anlan.warning.cap.model import Alert, Info
from anlan.warning.cap.schema import NAMESPACE
from anlan.warning.cap.times import format_time
from anlan.warning.cap.write import NOT_XML

__all__ = [
    "ATOM_TYPE",
    "CAP_TYPE",
    "RSS_TYPE",
    "Feed",
    "FeedContent",
    "FeedEntry",
    "etag",
    "week_of",
    "week_start",
    "write_feed",
    "write_rss",
]

ATOM_TYPE = "application/atom+xml; charset=utf-8"
RSS_TYPE = "application/rss+xml; charset=utf-8"
CAP_TYPE = "application/cap+xml; charset=utf-8"
_ATOM = "http://www.w3.org/2005/Atom"
_HISTORY = "http://purl.org/syndication/history/1.0"
_WEEK = re.compile(r"(\d{4})-W(\d\d)", re.ASCII)
_MAILBOX = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")


@dataclass(frozen=True)
class Feed:
    """What stays the same about a feed.

    ``id`` is its IRI for good, ``url`` where it is served; ``since`` stands in as time of change while it is empty.
    ``page_url`` is the readable page, ``others`` the same feed in other languages, ``previous_url`` the newest archive page
    before this one. ``current_url`` is the feed that an archive page belongs to, and marks this as one.
    """

    id: str
    url: str
    titles: Mapping[str, str]
    authors: Mapping[str, str]
    since: datetime
    language: str = "zh"
    page_url: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    previous_url: str = ""
    current_url: str = ""


@dataclass(frozen=True)
class FeedEntry:
    """One released message, the address of its document, and of its readable page if there is one."""

    alert: Alert
    url: str
    page_url: str = ""


@dataclass(frozen=True)
class FeedContent:
    """What a feed holds at a moment.

    ``changed_at`` is the last moment at which it can have changed, None if it never was otherwise; ``holds_until`` the next
    at which time alone can change it, None if time cannot. ``previous_week`` names the newest archive page before it, or is
    empty.
    """

    entries: tuple[FeedEntry, ...]
    changed_at: datetime | None
    holds_until: datetime | None
    previous_week: str


def week_of(moment: datetime) -> str:
    """The week whose archive page holds what was sent then: ``2026-W27``."""
    year, week, _day = moment.astimezone(UTC).isocalendar()
    return f"{year:04d}-W{week:02d}"


def week_start(week: str) -> datetime:
    """Monday 00:00 UTC of a week.

    Raises
    ------
    ParameterError
        If it is no week of the form ``2026-W27``.
    """
    match = _WEEK.fullmatch(week)
    try:
        if match is None:
            raise ValueError(week)
        return datetime.fromisocalendar(int(match[1]), int(match[2]), 1).replace(tzinfo=UTC)
    except ValueError as error:
        raise ParameterError(f"week must be an ISO week such as 2026-W27. Got {week!r}.") from error


def write_feed(feed: Feed, entries: Iterable[FeedEntry]) -> bytes:
    """Write the Atom feed, newest message first.

    ``atom:id`` of an entry is the address of its CAP document, because hubs take it for that.

    Raises
    ------
    ParameterError
        If two entries have the same address: a document at an address never changes.
    """
    ordered = _ordered(entries)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<feed xmlns="{_ATOM}" xmlns:cap="{NAMESPACE}"{_history(feed)} xml:lang={quoteattr(_tag(feed.language))}>',
        _line("id", feed.id),
        _line("title", name_in(feed.titles, feed.language)),
        _line("updated", _moment(_updated(feed, ordered))),
        f"  <author>{_line('name', name_in(feed.authors, feed.language)).strip()}</author>",
        *_links(feed, "application/atom+xml", "link"),
    ]
    if feed.current_url:
        lines.append("  <fh:archive/>")
    for entry in ordered:
        lines += _atom_entry(entry, feed)
    return ("\n".join([*lines, "</feed>"]) + "\n").encode("utf-8")


def write_rss(feed: Feed, entries: Iterable[FeedEntry]) -> bytes:
    """Write the RSS 2.0 feed, newest message first.

    ``link`` of an item is the address of its CAP document, ``guid`` the identifier of the message.

    Raises
    ------
    ParameterError
        If two entries have the same address: a document at an address never changes.
    """
    ordered = _ordered(entries)
    title = name_in(feed.titles, feed.language)
    changed = _rfc822(_updated(feed, ordered))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<rss version="2.0" xmlns:atom="{_ATOM}" xmlns:cap="{NAMESPACE}"{_history(feed)}>',
        "<channel>",
        _line("title", title),
        _line("link", feed.page_url or feed.url),
        _line("description", title),
        _line("language", _tag(feed.language)),
        _line("pubDate", changed),
        _line("lastBuildDate", changed),
        *_links(feed, "application/rss+xml", "atom:link"),
    ]
    if feed.current_url:
        lines.append("  <fh:archive/>")
    for entry in ordered:
        lines += _rss_item(entry, feed)
    return ("\n".join([*lines, "</channel>", "</rss>"]) + "\n").encode("utf-8")


def etag(data: bytes) -> str:
    """The entity tag of a feed or a document: a hash of its bytes, in quotation marks as HTTP wants it."""
    return f'"{hashlib.sha256(data).hexdigest()}"'


def _ordered(entries: Iterable[FeedEntry]) -> list[FeedEntry]:
    ordered = sorted(
        entries, key=lambda entry: (entry.alert.sent, entry.alert.sender, entry.url), reverse=True
    )
    urls = {entry.url for entry in ordered}
    if len(urls) < len(ordered):
        raise ParameterError(
            f"entries must have different urls. Got {len(ordered)} entries with {len(urls)} urls."
        )
    return ordered


def _updated(feed: Feed, ordered: list[FeedEntry]) -> datetime:
    return ordered[0].alert.sent if ordered else feed.since


def _tag(language: str) -> str:
    return "zh-CN" if language == "zh" else language


def _history(feed: Feed) -> str:
    return f' xmlns:fh="{_HISTORY}"' if feed.current_url else ""


def _links(feed: Feed, kind: str, name: str) -> list[str]:
    lines = [f'  <{name} rel="self" type="{kind}" href={_attribute(feed.url)}/>']
    if feed.page_url:
        lines.append(f'  <{name} rel="alternate" type="text/html" href={_attribute(feed.page_url)}/>')
    for language, url in feed.others.items():
        lines.append(
            f'  <{name} rel="alternate" type="{kind}" hreflang={quoteattr(_tag(language))} href={_attribute(url)}/>'
        )
    for rel, url in (("current", feed.current_url), ("prev-archive", feed.previous_url)):
        if url:
            lines.append(f'  <{name} rel="{rel}" type="{kind}" href={_attribute(url)}/>')
    return lines


def _said(entry: FeedEntry, feed: Feed) -> tuple[Info | None, str, str]:
    """The block in the feed's language, a title and an author."""
    alert = entry.alert
    info = alert.info_in(feed.language)
    title = (info.headline or info.event) if info else f"{alert.msg_type} {alert.identifier}"
    author = (info.sender_name if info else "") or name_in(feed.authors, feed.language)
    return info, title, author


def _atom_entry(entry: FeedEntry, feed: Feed) -> list[str]:
    alert = entry.alert
    info, title, author = _said(entry, feed)
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


def _rss_item(entry: FeedEntry, feed: Feed) -> list[str]:
    alert = entry.alert
    info, title, author = _said(entry, feed)
    lines = [
        "  <item>",
        _line("title", title, 4),
        _line("link", entry.url, 4),
        _line("description", info.description if info else "", 4),
    ]
    # The author of RSS is a mailbox; a sender that is none has no place there.
    if _MAILBOX.fullmatch(alert.sender):
        lines.append(_line("author", f"{alert.sender} ({author})", 4))
    if info:
        lines += [_line("category", category, 4) for category in info.categories]
    lines += [
        f'    <guid isPermaLink="false">{_text(alert.identifier)}</guid>',
        _line("pubDate", _rfc822(alert.sent), 4),
    ]
    return [*lines, *_digest(alert, info), "  </item>"]


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


def _rfc822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _line(name: str, text: str, indent: int = 2) -> str:
    return f"{' ' * indent}<{name}>{_text(text)}</{name}>"


def _text(text: str) -> str:
    if found := NOT_XML.search(text):
        raise refusal("XMLCHARS", element="feed", character=f"U+{ord(found[0]):04X}")
    return escape(text, {"\r": "&#13;"})


def _attribute(text: str) -> str:
    return quoteattr(text, {"\r": "&#13;"})
