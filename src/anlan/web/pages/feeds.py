"""What leaves the house: the public page, the Atom feed, and one address for each message. Nobody signs in here.

Only the live world speaks to the public, and only when the settings allow it: other worlds have no public channel, so
their feed and public page are for people who are signed in (``/w/{world}/public`` is how an exercise looks).
"""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.responses import Response

from anlan import registry
from anlan.errors import NotFoundError
from anlan.store import AsOf, Scope, World
from anlan.texts import name_in, say
from anlan.warning import queries as warning
from anlan.warning.feed import ATOM_TYPE, CAP_TYPE, Feed, etag
from anlan.web.access import Permission
from anlan.web.routing import route
from anlan.web.views.frame import Option
from anlan.web.views.public import PublicView, PublicWarning
from anlan.web.visit import Visit
from anlan.web.warning_parts import instruction_lines

router = APIRouter()
PUBLIC = Scope(None, None, 0, "public page")
_START = datetime(2020, 1, 1, tzinfo=UTC)


@route(router, "GET", "/public", Permission.PUBLIC)
def public(visit: Visit) -> Response:
    visit.world = visit.site.node.world("live")
    return _public_page(visit, PUBLIC, feed="/feed.atom", action="/public", cap="/cap")


@route(router, "GET", "/w/{world}/public", Permission.READ)
def rehearsed(visit: Visit) -> Response:
    """The public page of an exercise, for those who take part in it."""
    base = visit.home
    return _public_page(
        visit, visit.scope, feed=f"{base}/feed.atom", action=f"{base}/public", cap=f"{base}/cap"
    )


@route(router, "GET", "/feed.atom", Permission.PUBLIC)
def feed(visit: Visit) -> Response:
    return _feed(visit, visit.site.node.world("live"), PUBLIC, visit.settings.address)


@route(router, "GET", "/w/{world}/feed.atom", Permission.READ)
def rehearsed_feed(visit: Visit) -> Response:
    return _feed(visit, visit.here, visit.scope, visit.settings.address + visit.home)


@route(router, "GET", "/cap/{message:path}", Permission.PUBLIC)
def cap(visit: Visit) -> Response:
    return _cap(visit, visit.site.node.world("live"), PUBLIC)


@route(router, "GET", "/w/{world}/cap/{message:path}", Permission.READ)
def rehearsed_cap(visit: Visit) -> Response:
    return _cap(visit, visit.here, visit.scope)


def _feed(visit: Visit, world: World, scope: Scope, base: str) -> Response:
    settings = visit.settings
    about = Feed(
        id=f"{base}/feed.atom",
        url=f"{base}/feed.atom",
        titles={language: _authority(visit, language) for language in ("zh", "en")},
        authors={"zh": settings.cap_sender_name, "en": settings.cap_sender_name},
        since=_START,
        language=visit.language,
    )
    with world.read() as connection:
        as_of = AsOf(world.head())
        body = warning.feed(
            connection, scope, as_of, about=about, at=world.clock.now(),
            document_url=lambda message: f"{base}/cap/{message.identifier}",
        )  # fmt: skip
    return _tagged(
        visit, body, ATOM_TYPE, kept="public, max-age=30" if scope is PUBLIC else "private, no-cache"
    )


def _cap(visit: Visit, world: World, scope: Scope) -> Response:
    with world.read() as connection:
        found = warning.message(connection, scope, AsOf(world.head()), visit.parameter("message"))
    kept = "public, max-age=86400, immutable" if scope is PUBLIC else "private, no-cache"
    return _tagged(visit, found.cap_bytes, CAP_TYPE, kept=kept)


def _tagged(visit: Visit, body: bytes, kind: str, *, kept: str) -> Response:
    """A document with its tag; 304 to somebody who has these bytes already."""
    tag = etag(body)
    headers = {"etag": tag, "cache-control": kept, "vary": "Accept-Language, Cookie"}
    asked = visit.request.headers.get("if-none-match", "")
    known = {part.strip().removeprefix("W/") for part in asked.split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)


def _authority(visit: Visit, language: str) -> str:
    return say("web.public.authority", language, node=name_in(visit.site.node_names, language))


def _public_page(visit: Visit, scope: Scope, *, feed: str, action: str, cap: str) -> Response:
    world = visit.here
    chosen = visit.query("area")
    with world.read() as connection:
        as_of = AsOf(world.head())
        counties = registry.children(connection, PUBLIC, as_of, visit.settings.node_area)
        found = warning.in_force(connection, scope, as_of, at=visit.now)
        hazards = {one.code: one for one in warning.hazards(connection, scope, as_of)}
        names = {one.code: one for one in registry.areas(connection, PUBLIC, as_of)}
    here = next((area for area in counties if area.code == chosen), None)
    if here is not None:
        found = [
            one
            for one in found
            if any(here.path.startswith(p) or p.startswith(here.path) for p in one.area_paths)
        ]
    elif chosen and chosen != visit.settings.node_area:
        raise NotFoundError(f"no area {chosen!r} here", key="area.unknown", values={"code": chosen})
    place = visit.name(here.names) if here is not None else visit.t("web.public.whole")
    joint = "、" if visit.language == "zh" else ", "
    shown = []
    for one in found:
        texts = one.texts.get(visit.language) or next(iter(one.texts.values()))
        shown.append(
            PublicWarning(
                level=str(one.level),
                event=visit.name(hazards[one.hazard].names) if one.hazard in hazards else texts["headline"],
                areas=joint.join(visit.name(names[code].names) for code in one.area_codes if code in names),
                sender=visit.settings.cap_sender_name,
                issued_at=one.released_at or one.changed_at,
                ends_at=one.expires,
                description=texts["description"],
                instructions=instruction_lines(texts["instruction"]),
                href=f"{cap}/{one.message_identifier}",
            )
        )
    key = "web.public.none" if not shown else "web.public.some.one" if len(shown) == 1 else "web.public.some"
    view = PublicView(
        authority=_authority(visit, visit.language),
        here=place,
        answer=visit.t(key, area=place, count=len(shown)),
        first_act=shown[0].instructions[0] if shown and shown[0].instructions else "",
        areas=(
            Option("", visit.t("web.public.whole"), here is None),
            *(Option(area.code, visit.name(area.names), area is here) for area in counties),
        ),
        warnings=tuple(shown),
        updated_at=visit.now,
        feed_href=feed,
        action=action,
    )
    return visit.page("public.html", view)
