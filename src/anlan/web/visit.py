"""One request: whose, of which world, in which language, as of when; and the ways to answer it.

A page is a plain function ``(visit: Visit) -> Response`` declared with ``route``. It runs only after the session,
the permission, the form token and the origin were checked here, so no page can forget them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from anlan import registry
from anlan.errors import InputError, NotFoundError
from anlan.flows.board import waiting_counts
from anlan.settings import Settings
from anlan.store import Actor, AsOf, Node, Scope, World
from anlan.texts import LANGUAGES, name_in, say
from anlan.web.access import Permission, permissions_of
from anlan.web.formats import Formats
from anlan.web.rendering import render
from anlan.web.security import mask_token
from anlan.web.views.frame import Frame, PersonView, RailEntry, WorldView

SESSION_COOKIE = "anlan_session"
FORM_COOKIE = "anlan_form"
LANGUAGE_COOKIE = "anlan_lang"
THEME_COOKIE = "anlan_theme"
WORLD_COOKIE = "anlan_world"
THEMES = ("auto", "light", "dark")
YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Site:
    """What one running server serves."""

    settings: Settings
    node: Node
    zone: tzinfo
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def secure(self) -> bool:
        """Whether people reach this server by HTTPS, so that cookies must never travel without it."""
        return self.settings.address.startswith("https://")

    @cached_property
    def node_names(self) -> Mapping[str, str]:
        """The city of this node by language; the name from the settings where its area is not loaded."""
        live = self.node.world("live")
        with live.read() as connection:
            try:
                found = registry.area(
                    connection, Scope.everything("page"), live.as_of(), self.settings.node_area
                )
            except NotFoundError:
                return {"zh": self.settings.node_name, "en": self.settings.node_name}
        return found.names


@dataclass(frozen=True)
class Who:
    """The person of a request: public id, name by language, roles, and the secret of their forms."""

    person_id: str
    names: Mapping[str, str]
    roles: tuple[str, ...]
    csrf: str
    scope: Scope

    @property
    def actor(self) -> Actor:
        return Actor("person", self.person_id, name_in(self.names, "zh"))


@dataclass(frozen=True)
class RailCounts:
    """What waits behind the entries of the rail."""

    signals: int = 0
    warnings: int = 0
    matters: int = 0


@dataclass
class Visit:
    """One request, checked. ``cookies`` are set on whatever answer is given.

    ``page_path`` is where the page stands that a form was answered with; links on it must not point at the form's own
    address, which takes no GET. Empty for the address of the request. ``body`` is what a program posted.
    """

    request: Request
    site: Site
    language: str
    theme: Literal["auto", "light", "dark"]
    who: Who | None
    world: World | None
    form: FormData = field(default_factory=FormData)
    form_token: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    page_path: str = ""
    body: bytes = b""

    @property
    def settings(self) -> Settings:
        return self.site.settings

    @cached_property
    def here(self) -> World:
        """The world of the address. Only routes under ``/w/{world}`` have one."""
        if self.world is None:
            raise LookupError("this address names no world")
        return self.world

    @cached_property
    def now(self) -> datetime:
        """The clock of the world, read once a request."""
        world = self.world if self.world is not None else self.site.node.world("live")
        return world.clock.now()

    @cached_property
    def known(self) -> datetime | None:
        """The moment to which ``?known=`` takes the page back: the end of that day, or an exact moment."""
        return known_moment(self.request.query_params.get("known", ""), self.zone)

    @cached_property
    def zone(self) -> tzinfo:
        """The zone whose days ``?known=`` names: the node's, or on a page about one series its calendar's."""
        return self.site.zone

    def days_of(self, zone: str) -> None:
        """Let ``?known=`` name days of this zone: a day's figures are published on a day there. Call it first."""
        if "known" in self.__dict__ or "as_of" in self.__dict__:
            raise RuntimeError("the moment of this page is settled already")
        self.__dict__["zone"] = ZoneInfo(zone)

    def look_at_now(self) -> None:
        """Leave the past, for a page that must answer whatever the address says."""
        self.__dict__["known"] = None

    @cached_property
    def as_of(self) -> AsOf:
        """What this page is about: the journal as it stood when the request came, and ``?known=``."""
        wanted = self.request.query_params.get("seq", "")
        seq = int(wanted) if wanted.isdigit() else None
        return self.here.as_of(seq=seq, known_at=self.known)

    @property
    def scope(self) -> Scope:
        """What this person may see. A page that anybody may open sees what is public."""
        if self.who is not None:
            return self.who.scope
        return Scope(None, None, 0, "public page")

    @property
    def actor(self) -> Actor:
        if self.who is None:
            raise LookupError("nobody is signed in")
        return self.who.actor

    @cached_property
    def permissions(self) -> frozenset[Permission]:
        return permissions_of(self.who.roles if self.who is not None else None)

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def may_act(self, permission: Permission) -> bool:
        """Whether the page offers an act: allowed, and the page shows the present."""
        is_past = (self.known is not None and self.known < self.now) or self.query("seq").isdigit()
        return self.may(permission) and not is_past

    @cached_property
    def f(self) -> Formats:
        return Formats(self.language, self.site.zone, self.now)

    def t(self, key: str, /, **values: Any) -> str:
        return say(key, self.language, **values)

    def name(self, names: Mapping[str, str] | str | None) -> str:
        """A name in the page's language."""
        return name_in(names, self.language)

    @property
    def home(self) -> str:
        return f"/w/{self.here.name}"

    def parameter(self, name: str, default: str = "") -> str:
        """A part of the address: ``/signals/{signal}``."""
        return str(self.request.path_params.get(name, default))

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    @property
    def path(self) -> str:
        """The path of the page that is shown, which can be opened by GET."""
        return self.page_path or self.request.url.path

    def address(self, **changes: str | None) -> str:
        """This page's address with some of its query changed; None takes a part away."""
        asked = {} if self.page_path else dict(self.request.query_params)
        query = {key: value for key, value in asked.items() if key not in ("lang", "theme")}
        for key, value in changes.items():
            if value is None:
                query.pop(key, None)
            else:
                query[key] = value
        path = quote(self.path)
        return f"{path}?{urlencode(query)}" if query else path

    def field(self, name: str) -> str:
        """A field of the form that was sent, trimmed; empty when it is missing."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def fields(self, name: str) -> list[str]:
        return [value.strip() for value in self.form.getlist(name) if isinstance(value, str)]

    def upload(self, name: str) -> UploadFile | None:
        """A file of the form; None when none was chosen."""
        value = self.form.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None

    def number_field(self, name: str) -> int:
        """A whole number that our own page wrote into the form."""
        text = self.field(name)
        if not text.isdigit():
            raise InputError(
                f"the field {name!r} must be a whole number. Got {text!r}.",
                key="web.error.field_number",
                values={"name": name, "value": text},
            )
        return int(text)

    @cached_property
    def csrf(self) -> str:
        """The token that forms of this page carry, under a fresh mask."""
        token = self.who.csrf if self.who is not None else self.form_token
        return mask_token(token) if token else ""

    def page(
        self,
        template: str,
        view: object,
        *,
        current: str = "",
        status: int = 200,
        counts: RailCounts | None = None,
        search: str = "",
    ) -> Response:
        """Answer with a page."""
        html = render(
            template,
            language=self.language,
            zone=self.site.zone,
            now=self.now,
            frame=self.frame(current, counts=counts or self._counts(), search=search),
            view=view,
        )
        return self.seal(HTMLResponse(html, status_code=status, headers={"vary": "Cookie, Accept-Language"}))

    def redirect(self, to: str) -> Response:
        """Answer with another address, to be fetched by GET."""
        return self.seal(RedirectResponse(to, status_code=303))

    def json(self, value: Any, status: int = 200) -> Response:
        return self.seal(JSONResponse(value, status_code=status))

    def file(self, content: bytes | str, *, kind: str, name: str) -> Response:
        """Answer with a file to keep. ``name`` may hold any letters."""
        disposition = f"attachment; filename*=UTF-8''{quote(name)}"
        return self.seal(Response(content, media_type=kind, headers={"content-disposition": disposition}))

    def seal(self, response: Response) -> Response:
        """Set the cookies that this visit decided on."""
        for name, value in self.cookies.items():
            if not value:
                response.delete_cookie(name, path="/")
                continue
            lasting = name in (LANGUAGE_COOKIE, THEME_COOKIE, WORLD_COOKIE)
            response.set_cookie(
                name,
                value,
                max_age=YEAR if lasting else None,
                httponly=True,
                samesite="lax",
                secure=self.site.secure,
                path="/",
            )
        return response

    def frame(self, current: str, *, counts: RailCounts | None = None, search: str = "") -> Frame:
        """The frame of this visit's pages."""
        world = self.world
        shown = world_view(world, self.language) if world is not None else WorldView("live", "live")
        return Frame(
            world=shown,
            node=self.name(self.site.node_names),
            known_at=self.known or self.now,
            path=self.address(),
            person=self._person(),
            rail=self._rail(shown, current, counts or RailCounts()) if self.who is not None else (),
            worlds=tuple(world_view(item, self.language) for item in self._worlds()) if self.who else (),
            is_past=self.known is not None and self.known < self.now,
            now_href=self.address(known=None, seq=None),
            csrf=self.csrf,
            theme=self.theme,
            search=search,
        )

    def _counts(self) -> RailCounts:
        """What waits behind the entries of the rail, now."""
        if self.who is None or self.world is None:
            return RailCounts()
        with self.world.read() as connection:
            found = waiting_counts(connection, self.who.scope, AsOf(self.world.head()), at=self.now)
        return RailCounts(found["signals"], found["warnings"], found["matters"])

    def _person(self) -> PersonView | None:
        if self.who is None:
            return None
        roles = "、" if self.language == "zh" else ", "
        words = [self.t(f"web.role.{role}") for role in self.who.roles]
        return PersonView(self.name(self.who.names), roles.join(words))

    def _worlds(self) -> Sequence[World]:
        node = self.site.node
        return [node.world(name) for name in node.world_names()]

    def _rail(self, world: WorldView, current: str, counts: RailCounts) -> tuple[RailEntry, ...]:
        home = f"/w/{world.key}"
        entries = [
            RailEntry("board", "board", f"{home}/"),
            RailEntry("signals", "signals", f"{home}/signals", count=counts.signals),
            RailEntry("warnings", "warnings", f"{home}/warnings", count=counts.warnings),
            *self._matters(home, counts),
            RailEntry("domains", "domains", f"{home}/domains"),
            RailEntry("data", "data", f"{home}/data", lower=True),
        ]
        if self.may(Permission.JOURNAL):
            entries.append(RailEntry("journal", "journal", f"{home}/journal", lower=True))
        return tuple(
            RailEntry(e.key, e.icon, e.href, e.key == current, e.count, e.lower)
            for e in entries
            if self.may(Permission.READ) or e.key == current
        )

    def _matters(self, home: str, counts: RailCounts) -> tuple[RailEntry, ...]:
        may = self.may(Permission.HANDLE)
        return (RailEntry("matters", "matters", f"{home}/matters", count=counts.matters),) if may else ()


def world_view(world: World, language: str) -> WorldView:
    """A world as the frame shows it."""
    kind: Any = world.kind
    return WorldView(world.name, kind, name_in(world.title, language))


def known_moment(text: str, zone: tzinfo) -> datetime | None:
    """``2013-04-10`` is the end of that day in ``zone``; ``2013-04-10T08:00`` is that minute. Empty is None."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"known must be a date like 2013-04-10. Got {text!r}.",
            key="web.error.known",
            values={"value": text[:40]},
        ) from None
    if "T" not in text and ":" not in text:
        moment = datetime.combine(moment.date(), time(), zone) + timedelta(days=1, seconds=-1)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def language_of(request: Request, fallback: str) -> str:
    """``?lang=``, then the cookie, then what the browser asks for, then the setting."""
    for said in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if said in LANGUAGES:
            return said
    return browser_language(request, fallback)


def browser_language(request: Request, fallback: str) -> str:
    """What the browser asks for, then the setting: for pages that are the same for everybody who asks alike."""
    for part in request.headers.get("accept-language", "").split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return fallback


def theme_of(request: Request) -> Literal["auto", "light", "dark"]:
    for said in (request.query_params.get("theme"), request.cookies.get(THEME_COOKIE)):
        if said == "light":
            return "light"
        if said == "dark":
            return "dark"
        if said == "auto":
            return "auto"
    return "auto"


def wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/") or request.headers.get("accept", "").startswith(
        "application/json"
    )


def local_address(text: str) -> str:
    """An address on this server to go on to; anything else becomes the start page."""
    plain = (
        text.startswith("/") and not text.startswith(("//", "/\\")) and "\\" not in text and "\n" not in text
    )
    return text if plain else "/"


def json_text(value: Any) -> str:
    """JSON for a data block of a page: no NaN, no blanks."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
