"""What leaves the house: the feeds, and one address for each message. Nobody signs in here.

Only the live world speaks to the public, and only when the settings allow it: other worlds have no public channel, so
their feeds are for people who are signed in.

A feed is the same for everybody who asks at its address: its language stands in the address (``?lang=en``), never in the
request. It is written once and kept until a message is released or time changes it; an unchanged one is answered with 304.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from anlan.errors import NotFoundError
from anlan.store import AsOf, Scope, World
from anlan.texts import LANGUAGES, name_in, say
from anlan.warning import ATOM_TYPE, CAP_TYPE, RSS_TYPE, Feed, Message, etag, write_feed, write_rss
from anlan.warning import queries as warning
from anlan.web.access import Permission
from anlan.web.routing import route
from anlan.web.visit import Visit

router = APIRouter()
PUBLIC = Scope(None, None, 0, "public page")
Kind = Literal["atom", "rss"]
_START = datetime(2020, 1, 1, tzinfo=UTC)
_PAGE = re.compile(r"(\d{4}-W\d\d)\.(atom|rss)", re.ASCII)
_WRITERS: dict[Kind, tuple[Callable[..., bytes], str]] = {
    "atom": (write_feed, ATOM_TYPE),
    "rss": (write_rss, RSS_TYPE),
}
# A date counts whole seconds, and a message becomes visible a moment after its own: a date says nothing until both are over.
_SETTLED = timedelta(seconds=60)
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class _Written:
    """A feed as it was written, what it was written from, and how long that holds."""

    body: bytes
    packed: bytes
    tag: str
    newest_seq: int
    written_at: datetime
    changed_at: datetime | None
    holds_until: datetime | None


@route(router, "HEAD", "/feed.atom", Permission.PUBLIC)
@route(router, "GET", "/feed.atom", Permission.PUBLIC)
def feed(visit: Visit) -> Response:
    return _feed(visit, visit.site.node.world("live"), PUBLIC, "atom")


@route(router, "HEAD", "/feed.rss", Permission.PUBLIC)
@route(router, "GET", "/feed.rss", Permission.PUBLIC)
def rss(visit: Visit) -> Response:
    return _feed(visit, visit.site.node.world("live"), PUBLIC, "rss")


@route(router, "HEAD", "/feed/{page}", Permission.PUBLIC)
@route(router, "GET", "/feed/{page}", Permission.PUBLIC)
def archive(visit: Visit) -> Response:
    """An archive page: ``/feed/2026-W27.atom``."""
    return _archive(visit, visit.site.node.world("live"), PUBLIC)


@route(router, "HEAD", "/w/{world}/feed.atom", Permission.READ)
@route(router, "GET", "/w/{world}/feed.atom", Permission.READ)
def rehearsed_feed(visit: Visit) -> Response:
    return _feed(visit, visit.here, visit.scope, "atom")


@route(router, "HEAD", "/w/{world}/feed.rss", Permission.READ)
@route(router, "GET", "/w/{world}/feed.rss", Permission.READ)
def rehearsed_rss(visit: Visit) -> Response:
    return _feed(visit, visit.here, visit.scope, "rss")


@route(router, "HEAD", "/w/{world}/feed/{page}", Permission.READ)
@route(router, "GET", "/w/{world}/feed/{page}", Permission.READ)
def rehearsed_archive(visit: Visit) -> Response:
    return _archive(visit, visit.here, visit.scope)


@route(router, "HEAD", "/cap/{message:path}", Permission.PUBLIC)
@route(router, "GET", "/cap/{message:path}", Permission.PUBLIC)
def cap(visit: Visit) -> Response:
    return _cap(visit, visit.site.node.world("live"), PUBLIC)


@route(router, "HEAD", "/w/{world}/cap/{message:path}", Permission.READ)
@route(router, "GET", "/w/{world}/cap/{message:path}", Permission.READ)
def rehearsed_cap(visit: Visit) -> Response:
    return _cap(visit, visit.here, visit.scope)


def _feed(visit: Visit, world: World, scope: Scope, kind: Kind) -> Response:
    def write(as_of: AsOf, now: datetime) -> tuple[bytes, datetime | None, datetime | None]:
        with world.read() as connection:
            found = warning.feed(connection, scope, as_of, at=now, document_url=_document_url(visit))
        about = _about(visit, kind, previous=found.previous_week)
        return _WRITERS[kind][0](about, found.entries), found.changed_at, found.holds_until

    return _answer(visit, world, scope, kind, "", write, kept="public, max-age=30")


def _archive(visit: Visit, world: World, scope: Scope) -> Response:
    page = visit.parameter("page")
    match = _PAGE.fullmatch(page)
    if match is None:
        raise NotFoundError(
            f"no archive page {page!r} here", key="warning.feed.no_week", values={"week": page}
        )
    week = match[1]
    kind: Kind = "atom" if match[2] == "atom" else "rss"

    def write(as_of: AsOf, now: datetime) -> tuple[bytes, datetime | None, datetime | None]:
        with world.read() as connection:
            found = warning.feed_week(
                connection, scope, as_of, week=week, at=now, document_url=_document_url(visit)
            )
        about = _about(visit, kind, week=week, previous=found.previous_week)
        return _WRITERS[kind][0](about, found.entries), found.changed_at, found.holds_until

    return _answer(visit, world, scope, kind, week, write, kept="public, max-age=3600")


def _answer(
    visit: Visit,
    world: World,
    scope: Scope,
    kind: Kind,
    week: str,
    write: Callable[[AsOf, datetime], tuple[bytes, datetime | None, datetime | None]],
    *,
    kept: str,
) -> Response:
    """A feed, written anew only when it can have changed. What a person may see is written for each request."""
    is_public = scope is PUBLIC
    now = world.clock.now()
    key = f"feed {world.name} {kind} {week} {_language(visit)}"
    held = visit.site.kept.get(key) if is_public else None
    with world.read() as connection:
        # The newest there is: the greatest sequence stands for the journal's head, which need not be asked for.
        seq = warning.newest_message_seq(connection, scope, AsOf(2**62))
    if not isinstance(held, _Written) or not _holds(held, seq, now):
        body, changed_at, holds_until = write(AsOf(world.head()), now)
        packed = gzip.compress(body, 6, mtime=0) if is_public else b""
        held = _Written(body, packed, etag(body), seq, now, changed_at, holds_until)
        if is_public:
            visit.site.kept[key] = held
    settled = held.changed_at if held.changed_at and now - held.changed_at > _SETTLED else None
    headers = {"cache-control": kept if is_public else "private, no-cache", "etag": held.tag}
    if not is_public:
        headers["vary"] = "Cookie"
    return _conditional(visit, held.body, _WRITERS[kind][1], headers, settled, packed=held.packed)


def _holds(held: _Written, seq: int, now: datetime) -> bool:
    in_time = held.holds_until is None or now < held.holds_until
    # A clock that was set back makes what was written later worthless.
    return held.newest_seq == seq and held.written_at <= now and in_time


def _language(visit: Visit) -> str:
    """The language of a feed: what its address says, else that of the node, whoever asks."""
    asked = visit.query("lang")
    return asked if asked in LANGUAGES else visit.settings.language


def _base(visit: Visit) -> str:
    return visit.settings.address + (visit.home if visit.world is not None else "")


def _document_url(visit: Visit) -> Callable[[Message], str]:
    base = _base(visit)
    return lambda message: f"{base}/cap/{message.identifier}"


def _about(visit: Visit, kind: Kind, *, week: str = "", previous: str) -> Feed:
    settings, base, language = visit.settings, _base(visit), _language(visit)

    def url(page: str, said: str) -> str:
        return f"{base}/{page}.{kind}" + ("" if said == settings.language else f"?lang={said}")

    here = url(f"feed/{week}" if week else "feed", language)
    return Feed(
        id=here,
        url=here,
        titles={one: _authority(visit, one) for one in LANGUAGES},
        authors=dict.fromkeys(LANGUAGES, settings.cap_sender_name),
        since=_START,
        language=language,
        page_url=f"{base}/public",
        others={one: url(f"feed/{week}" if week else "feed", one) for one in LANGUAGES if one != language},
        previous_url=url(f"feed/{previous}", language) if previous else "",
        current_url=url("feed", language) if week else "",
    )


def _cap(visit: Visit, world: World, scope: Scope) -> Response:
    with world.read() as connection:
        found = warning.message(connection, scope, AsOf(world.head()), visit.parameter("message"))
    headers = {"etag": etag(found.cap_bytes), "cache-control": _FOR_EVER}
    if scope is not PUBLIC:
        headers.update({"cache-control": "private, no-cache", "vary": "Cookie"})
    return _conditional(visit, found.cap_bytes, CAP_TYPE, headers, found.sent)


def _conditional(
    visit: Visit,
    body: bytes,
    kind: str,
    headers: dict[str, str],
    changed_at: datetime | None,
    *,
    packed: bytes = b"",
) -> Response:
    """A document with its tag and date; 304 to somebody who has it already. The tag decides where both are sent."""
    if changed_at is not None:
        changed_at = changed_at.astimezone(UTC).replace(microsecond=0)
        headers["last-modified"] = format_datetime(changed_at, usegmt=True)
    asked = visit.request.headers.get("if-none-match")
    since = visit.request.headers.get("if-modified-since")
    if asked is not None:
        known = {part.strip().removeprefix("W/") for part in asked.split(",")}
        is_known = headers["etag"] in known or "*" in known
    else:
        moment = _date(since) if since else None
        is_known = moment is not None and changed_at is not None and changed_at <= moment
    if is_known:
        return Response(status_code=304, headers=headers)
    if packed and "gzip" in visit.request.headers.get("accept-encoding", ""):
        headers.update({"content-encoding": "gzip", "vary": "Accept-Encoding"})
        return Response(packed, media_type=kind, headers=headers)
    return Response(body, media_type=kind, headers=headers)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _authority(visit: Visit, language: str) -> str:
    return say("web.public.authority", language, node=name_in(visit.site.node_names, language))
