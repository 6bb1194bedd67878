"""The citizen's page: what is in force here, what to do, a map, the last thirty days. Nobody signs in, no cookie is set.

The live world's page is for everybody; its short address is ``/public``. Other worlds have no public channel: their
pages are for those who take part (``/w/{world}/public``), and say in every language what they are. What is shown is decided
by ``anlan.warning.sending.rule`` alone.

An answer is the same for everybody who asks alike: language from the address or the browser's wish, never from a cookie. It
is written once and kept until a warning changes or time does; its tag is a digest of what is shown.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from anlan import registry
from anlan.errors import NotFoundError
from anlan.registry import Area
from anlan.store import AsOf, Scope
from anlan.texts import LANGUAGES, name_in, say
from anlan.warning import HazardWarning, etag
from anlan.warning import queries as warnings
from anlan.warning.public_page import EndedWarning, Notice, shown_now, shown_seq, shown_steps
from anlan.warning.sending.rule import Audience, Channel, Way
from anlan.warning.shapes import outline_of
from anlan.web.access import Permission
from anlan.web.maps import level_rank
from anlan.web.places import OnMap, city_map, counties_of, outlines
from anlan.web.rendering import render, standalone_map
from anlan.web.routing import Handler, route
from anlan.web.security import EMBED_CSP
from anlan.web.views.frame import Option
from anlan.web.views.public import CountyRow, EmbedView, EndedRow, PublicTop, PublicView, PublicWarning
from anlan.web.visit import Visit, browser_language
from anlan.web.warning_parts import instruction_lines

router = APIRouter()
EVERYBODY = Scope(None, None, 0, "public page")
PAST = timedelta(days=30)
_HTML, _SVG, _GEOJSON = "text/html; charset=utf-8", "image/svg+xml", "application/geo+json"
_MOST_ENDED = 12  # so that the page stays small in a bad month; the rest stands in the feed and its archive
_MAX_AGE = 30  # seconds that a copy may be older than the page
_LOOK_AGAIN = timedelta(minutes=1)  # names and outlines change without a warning changing
_PICTURE_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Door:
    """Through which address somebody came: where its pages stand, what may be seen, and who listens."""

    base: str
    scope: Scope
    channel: Channel

    @property
    def is_public(self) -> bool:
        return self.channel.audience is Audience.PUBLIC


@dataclass(frozen=True)
class _Look:
    """What one page is made from. ``here`` is the chosen county, None for the whole city."""

    notice: Notice
    counties: tuple[Area, ...]
    here: Area | None
    areas: Mapping[str, Area]
    events: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class _Written:
    """An answer as it was written, what from, and how long it holds."""

    body: bytes
    packed: bytes
    tag: str
    seq: int
    written_at: datetime
    holds_until: datetime


def everywhere(to: APIRouter, path: str, *methods: str) -> Callable[[Handler], Handler]:
    """Declare a page of the live world for everybody, at its short and its full address, and of others for who reads."""

    def declare(handler: Handler) -> Handler:
        for home, permission in (
            ("", Permission.PUBLIC),
            ("/w/live", Permission.PUBLIC),
            ("/w/{world}", Permission.READ),
        ):
            for method in methods:
                route(to, method, f"{home}{path}", permission)(handler)
        return handler

    return declare


def enter(visit: Visit) -> Door:
    """Settle world, language and audience of a request."""
    if visit.world is None:
        visit.world = visit.site.node.world("live")
    world = visit.here
    visit.look_at_now()
    if not world.is_live:
        return Door(f"{visit.home}/public", visit.scope, Channel(Way.PAGE, Audience.CLOSED))
    base = f"{visit.home}/public" if visit.path.startswith(visit.home) else "/public"
    return Door(base, EVERYBODY, Channel(Way.PAGE, Audience.PUBLIC))


@everywhere(router, "/public", "GET", "HEAD")
def public(visit: Visit) -> Response:
    door = _enter_as_all(visit)
    return _answer(visit, door, "page", _HTML, lambda look: _page(visit, door, look))


@everywhere(router, "/public/embed", "GET", "HEAD")
def embed(visit: Visit) -> Response:
    """What is in force as a strip for others' pages. This address alone may be framed, and only the live world's."""
    door = _enter_as_all(visit)
    policy = {"content-security-policy": EMBED_CSP} if door.is_public else {}
    return _answer(visit, door, "embed", _HTML, lambda look: _embed(visit, door, look), policy)


@everywhere(router, "/public/map.svg", "GET", "HEAD")
def map_svg(visit: Visit) -> Response:
    """The map as a file of its own: a page on a slow line stands before it."""
    door = _enter_as_all(visit)
    headers = {"content-security-policy": _PICTURE_CSP, "cross-origin-resource-policy": "cross-origin"}
    return _answer(visit, door, "map", _SVG, lambda look: _map(visit, look)[0], headers)


@everywhere(router, "/public.json", "GET", "HEAD")
def geojson(visit: Visit) -> Response:
    """What is in force as GeoJSON (RFC 7946), in both languages."""
    door = _enter_as_all(visit)
    headers = (
        {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
        if door.is_public
        else {}
    )
    return _answer(visit, door, "json", _GEOJSON, lambda look: _geojson(visit, door, look), headers)


def _enter_as_all(visit: Visit) -> Door:
    door = enter(visit)
    asked = visit.query("lang")
    if door.is_public:
        visit.language = (
            asked if asked in LANGUAGES else browser_language(visit.request, visit.settings.language)
        )
    return door


def _answer(
    visit: Visit,
    door: Door,
    what: str,
    kind: str,
    make: Callable[[_Look], str],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer, written anew only when it can have changed. What is for a circle is written for each request."""
    world, now, asked = visit.here, visit.now, visit.query("lang")
    name = f"public {what} {door.base} {visit.query('area')} {visit.language} {asked if asked in LANGUAGES else ''}"
    held = visit.site.kept.get(name) if door.is_public else None
    with world.read() as connection:
        # The newest there is: the greatest sequence stands for the journal's head, which need not be asked for.
        seq = shown_seq(connection, door.scope, AsOf(2**62))
    if not isinstance(held, _Written) or not _holds(held, seq, now):
        look = _look(visit, door)
        body = make(look).encode()
        packed = gzip.compress(body, 6, mtime=0) if door.is_public else b""
        until = min(look.notice.holds_until, now + _LOOK_AGAIN, _midnight(visit))
        held = _Written(body, packed, etag(body), seq, now, until)
        if door.is_public:
            visit.site.kept[name] = held
    said = {"etag": held.tag, **(headers or {})}
    if door.is_public:
        age = max(0, min(_MAX_AGE, int((held.holds_until - now).total_seconds())))
        said |= {"cache-control": f"public, max-age={age}", "vary": "Accept-Language, Accept-Encoding"}
    else:
        said |= {"cache-control": "private, no-cache", "vary": "Cookie, Accept-Language"}
    known = {
        part.strip().removeprefix("W/") for part in visit.request.headers.get("if-none-match", "").split(",")
    }
    if held.tag in known or "*" in known:
        return Response(status_code=304, headers=said)
    if held.packed and "gzip" in visit.request.headers.get("accept-encoding", ""):
        said["content-encoding"] = "gzip"
        return Response(held.packed, media_type=kind, headers=said)
    return Response(held.body, media_type=kind, headers=said)


def _holds(held: _Written, seq: int, now: datetime) -> bool:
    # A clock that was set back makes what was written later worthless.
    return held.seq == seq and held.written_at <= now < held.holds_until


def _midnight(visit: Visit) -> datetime:
    """When "today" becomes "yesterday" on the page."""
    local = visit.now.astimezone(visit.site.zone)
    return datetime.combine(local.date() + timedelta(days=1), time(), visit.site.zone).astimezone(UTC)


def _look(visit: Visit, door: Door) -> _Look:
    world, chosen, since = visit.here, visit.query("area"), visit.now - PAST
    with world.read() as connection:
        as_of = AsOf(world.head())
        visit.__dict__["as_of"] = as_of  # whatever the address says: this page has no past
        counties = registry.children(connection, EVERYBODY, as_of, visit.settings.node_area)
        here = next((area for area in counties if area.code == chosen), None)
        if here is None and chosen not in ("", visit.settings.node_area):
            raise NotFoundError(f"no area {chosen!r} here", key="area.unknown", values={"code": chosen})
        steps = shown_steps(
            connection, door.scope, as_of, since=since, channel=door.channel, world_kind=world.kind
        )
        events = {one.code: one.names for one in warnings.hazards(connection, EVERYBODY, as_of)}
        areas = {one.code: one for one in registry.areas(connection, EVERYBODY, as_of)}
    notice = shown_now(steps, at=visit.now, since=since)
    if here is not None:
        chains = [one for one in steps if _concerns(here, one.area_paths)]
        notice = replace(shown_now(chains, at=visit.now, since=since), holds_until=notice.holds_until)
    return _Look(notice, tuple(counties), here, areas, events)


def _concerns(here: Area, paths: Iterable[str]) -> bool:
    return any(here.path.startswith(path) or path.startswith(here.path) for path in paths)


def top(visit: Visit, door: Door, updated_at: datetime | None = None) -> PublicTop:
    other = "en" if visit.language == "zh" else "zh"
    here = visit.query("area")
    query = urlencode({**({"area": here} if here else {}), "lang": other})
    return PublicTop(
        authority=say(
            "web.public.authority", visit.language, node=name_in(visit.site.node_names, visit.language)
        ),
        home_href=f"{door.base}?lang={visit.language}",
        other_href=f"{visit.path}?{query}",
        is_exercise=visit.here.kind == "exercise",
        updated_at=updated_at,
    )


def _page(visit: Visit, door: Door, look: _Look) -> str:
    asked = visit.query("lang") if visit.query("lang") in LANGUAGES else ""
    shown = tuple(_warning(visit, door, look, one) for one in look.notice.in_force)
    _, words = _map(visit, look)
    lang = {"lang": visit.language}
    area = {"area": look.here.code} if look.here is not None else {}
    view = PublicView(
        top=top(visit, door, look.notice.changed_at),
        here=_place(visit, look),
        answer=_answered(visit, look),
        first_act=shown[0].instructions[0] if shown and shown[0].instructions else "",
        areas=(
            Option("", visit.t("web.public.whole"), look.here is None),
            *(Option(one.code, visit.name(one.names), one is look.here) for one in look.counties),
        ),
        warnings=shown,
        counties=_rows(visit, door, look, shown) if look.here is None else (),
        ended=tuple(_ended(visit, look, one) for one in look.notice.ended[:_MOST_ENDED]),
        more_ended=max(0, len(look.notice.ended) - _MOST_ENDED),
        map_href=f"{door.base}/map.svg?{urlencode({**area, **lang})}",
        map_words=words,
        report_href=f"{door.base}/report?{urlencode(lang)}",
        feed_href=door.base.removesuffix("/public") + "/feed",
        json_href=f"{door.base}.json",
        action=door.base,
        lang=asked,
    )
    return _render(visit, "public.html", view)


def _embed(visit: Visit, door: Door, look: _Look) -> str:
    shown = tuple(_warning(visit, door, look, one) for one in look.notice.in_force)
    return _render(
        visit,
        "public_embed.html",
        EmbedView(top(visit, door, look.notice.changed_at), _answered(visit, look), shown),
    )


def _render(visit: Visit, template: str, view: object) -> str:
    return render(template, language=visit.language, zone=visit.site.zone, now=visit.now, view=view)


def _place(visit: Visit, look: _Look) -> str:
    return visit.name(look.here.names) if look.here is not None else visit.t("web.public.whole")


def _answered(visit: Visit, look: _Look) -> str:
    count = len(look.notice.in_force)
    key = "web.public.none" if not count else "web.public.some.one" if count == 1 else "web.public.some"
    said = visit.t(key, area=_place(visit, look), count=count)
    return said[:1].upper() + said[1:]


def _warning(visit: Visit, door: Door, look: _Look, one: HazardWarning) -> PublicWarning:
    texts = one.texts.get(visit.language) or next(iter(one.texts.values()))
    return PublicWarning(
        level=str(one.level),
        event=_event(visit, look, one),
        areas=_areas(visit, look, one.area_codes),
        sender=visit.settings.cap_sender_name,
        issued_at=one.released_at or one.changed_at,
        ends_at=one.expires,
        description=texts["description"],
        instructions=instruction_lines(texts["instruction"]),
        href=f"{door.base.removesuffix('/public')}/cap/{one.message_identifier}",
    )


def _event(visit: Visit, look: _Look, one: HazardWarning | EndedWarning) -> str:
    texts = one.texts.get(visit.language) or next(iter(one.texts.values()))
    return visit.name(look.events[one.hazard]) if one.hazard in look.events else texts["headline"]


def _areas(visit: Visit, look: _Look, codes: Iterable[str]) -> str:
    joint = "、" if visit.language == "zh" else ", "
    return joint.join(visit.name(look.areas[code].names) for code in codes if code in look.areas)


def _ended(visit: Visit, look: _Look, one: EndedWarning) -> EndedRow:
    return EndedRow(
        str(one.level),
        _event(visit, look, one),
        _areas(visit, look, one.area_codes),
        one.began_at,
        one.ended_at,
        one.was_error,
    )


def _rows(visit: Visit, door: Door, look: _Look, shown: tuple[PublicWarning, ...]) -> tuple[CountyRow, ...]:
    """What holds in each county: the map in words, and the way to the county's own page."""
    lang = {"lang": visit.query("lang")} if visit.query("lang") in LANGUAGES else {}
    pairs = list(zip(look.notice.in_force, shown, strict=True))
    return tuple(
        CountyRow(
            visit.name(area.names),
            f"{door.base}?{urlencode({'area': area.code, **lang})}",
            tuple(view for one, view in pairs if _concerns(area, one.area_paths)),
        )
        for area in look.counties
    )


def _map(visit: Visit, look: _Look) -> tuple[str, str]:
    """The drawing as a file, and what it shows in words."""
    levels: dict[str, tuple[str, ...]] = {}
    with visit.here.read() as connection:
        found = outlines(visit, connection, visit.as_of)
        for one in look.notice.in_force:
            for code, path in zip(one.area_codes, one.area_paths, strict=False):
                for county in counties_of(found, path, code):
                    levels[county] = tuple(dict.fromkeys((*levels.get(county, ()), str(one.level))))
        picked = frozenset({look.here.code} if look.here is not None else ())
        drawn = city_map(visit, connection, OnMap(levels=levels, picked=picked), width=400)
    joint, stop = ("、", "；") if visit.language == "zh" else (", ", "; ")
    said = [
        visit.t(
            "web.map.area_line",
            area=visit.name(look.areas[code].names),
            what=joint.join(
                visit.t(f"web.level.{level}") for level in sorted(kept, key=level_rank, reverse=True)
            ),
        )
        for code, kept in levels.items()
        if code in look.areas
    ]
    return standalone_map(drawn.drawing), stop.join(said) or visit.t("web.map.nothing")


def _geojson(visit: Visit, door: Door, look: _Look) -> str:
    is_exercise = visit.here.kind == "exercise"
    with visit.here.read() as connection:
        features = [
            {
                "type": "Feature",
                "id": one.message_identifier,
                "geometry": _geometry(
                    one,
                    [
                        registry.area(connection, EVERYBODY, visit.as_of, code).outline
                        for code in one.area_codes
                        if not one.shapes and code in look.areas
                    ],
                ),
                "properties": _properties(visit, door, look, one, is_exercise),
            }
            for one in look.notice.in_force
        ]
    said: dict[str, Any] = {
        "type": "FeatureCollection",
        "sender": visit.settings.cap_sender_name,
        "exercise": is_exercise,
        "updated": look.notice.changed_at.isoformat() if look.notice.changed_at else None,
        "features": features,
    }
    if is_exercise:
        said["notice"] = {language: say("web.public.exercise", language) for language in LANGUAGES}
    return json.dumps(said, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _properties(
    visit: Visit, door: Door, look: _Look, one: HazardWarning, is_exercise: bool
) -> Mapping[str, Any]:
    return {
        "level": str(one.level),
        "hazard": one.hazard,
        "event": look.events.get(one.hazard),
        "headline": {language: texts["headline"] for language, texts in one.texts.items()},
        "instruction": {language: texts["instruction"] for language, texts in one.texts.items()},
        "areas": [
            {"code": code, "names": look.areas[code].names} for code in one.area_codes if code in look.areas
        ],
        "issued": (one.released_at or one.changed_at).isoformat(),
        "expires": one.expires.isoformat(),
        "exercise": is_exercise,
        "cap": f"{visit.settings.address}{door.base.removesuffix('/public')}/cap/{one.message_identifier}",
    }


def _geometry(one: HazardWarning, drawn: Iterable[Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    """The drawn parts of the ground, else the outlines of the areas; None where an outline is not known."""
    if one.shapes:
        polygons: list[Any] = [
            [_wound([[east, north] for north, east in outline_of(shape)])] for shape in one.shapes
        ]
    else:
        polygons = []
        for outline in drawn:
            if outline is None:
                return None
            many = outline["type"] == "MultiPolygon"
            polygons += outline["coordinates"] if many else [outline["coordinates"]]
    if not polygons:
        return None
    return {"type": "MultiPolygon", "coordinates": polygons}


def _wound(ring: list[list[float]]) -> list[list[float]]:
    """An outer ring counter-clockwise, as RFC 7946 wants it, to the sixth decimal (0.1 m)."""
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:], strict=False))
    placed = [[round(east, 6), round(north, 6)] for east, north in ring]
    return placed if twice > 0 else placed[::-1]
