"""Declaring routes. Each names its permission; the application refuses to start with one that does not.

router = APIRouter()

@route(router, "GET", "/w/{world}/signals", Permission.READ)
def signals(visit: Visit) -> Response: ...
"""

from __future__ import annotations

import re
from collections.abc import Callable
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount

from anlan.errors import ForbiddenError
from anlan.web.access import Permission
from anlan.web.accounts import who_of
from anlan.web.problems import answer
from anlan.web.security import SAFE_METHODS, check_size, same_origin, token_matches
from anlan.web.visit import (
    FORM_COOKIE,
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    THEME_COOKIE,
    WORLD_COOKIE,
    Site,
    Visit,
    language_of,
    theme_of,
)

Handler = Callable[[Visit], Response]
STATIC_MOUNT = "static"
_PERMISSION = "__anlan_permission__"
_TOKEN = re.compile(r"[0-9a-f]{64}")


def route(router: APIRouter, method: str, path: str, permission: Permission) -> Callable[[Handler], Handler]:
    """Declare ``handler`` at ``path``. It runs in a thread, after every check of this module."""

    def declare(handler: Handler) -> Handler:
        async def endpoint(request: Request) -> Response:
            return await _answer(request, permission, handler)

        endpoint.__name__ = handler.__name__
        setattr(endpoint, _PERMISSION, permission)
        router.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_model=None)
        return handler

    return declare


def machine_route(router: APIRouter, path: str) -> Callable[[Handler], Handler]:
    """Declare a POST for programs: its body is in ``visit.body`` as it came, and no form is looked for.

    Nobody is signed in there, whatever cookies come along: the address itself must hold what allows the act.
    """

    def declare(handler: Handler) -> Handler:
        async def endpoint(request: Request) -> Response:
            return await _answer(request, Permission.PUBLIC, handler, machine=True)

        endpoint.__name__ = handler.__name__
        setattr(endpoint, _PERMISSION, Permission.PUBLIC)
        router.add_api_route(path, endpoint, methods=["POST"], include_in_schema=False, response_model=None)
        return handler

    return declare


def declared_routes(app: FastAPI) -> list[tuple[str, str, Permission]]:
    """Every route as (method, path, permission). Raises RuntimeError for one that declares none.

    The only thing without a permission is the folder of files that ship with the package.
    """
    found = []
    for item in app.router.routes:
        if isinstance(item, Mount) and item.name == STATIC_MOUNT:
            continue
        endpoint = item.endpoint if isinstance(item, APIRoute) else None
        permission: Any = getattr(endpoint, _PERMISSION, None)
        if not isinstance(item, APIRoute) or not isinstance(permission, Permission):
            name = getattr(item, "path", type(item).__name__)
            raise RuntimeError(f"the route {name} declares no permission; use anlan.web.routing.route")
        found += [(method, item.path, permission) for method in sorted(item.methods or ())]
    return found


async def _answer(
    request: Request, permission: Permission, handler: Handler, *, machine: bool = False
) -> Response:
    try:
        return (
            await _of_machine(request, handler) if machine else await _checked(request, permission, handler)
        )
    except HTTPException:
        raise
    except Exception as error:  # the edge of a request: logged with its number, answered with a page
        return await run_in_threadpool(answer, request, error)


async def _checked(request: Request, permission: Permission, handler: Handler) -> Response:
    check_size(request)
    visit = await run_in_threadpool(_open, request)
    request.state.visit = visit
    if request.method not in SAFE_METHODS:
        visit.form = await request.form(max_files=1, max_fields=2000)
        _check_form(visit)
    if not visit.may(permission):
        return _refuse(visit, permission)
    try:
        return await run_in_threadpool(handler, visit)
    finally:
        await visit.form.close()


async def _of_machine(request: Request, handler: Handler) -> Response:
    check_size(request)
    visit = await run_in_threadpool(_open, request)
    visit.who, visit.cookies = None, {}
    request.state.visit = visit
    visit.body = await request.body()
    return await run_in_threadpool(handler, visit)


def _open(request: Request) -> Visit:
    site: Site = request.app.state.site
    language = language_of(request, site.settings.language)
    world = None
    name = request.path_params.get("world")
    visit = Visit(request, site, language, theme_of(request), None, None)
    if request.query_params.get("lang") == language:
        visit.cookies[LANGUAGE_COOKIE] = language
    if request.query_params.get("theme") == visit.theme:
        visit.cookies[THEME_COOKIE] = visit.theme
    visit.who = who_of(site, request.cookies.get(SESSION_COOKIE, ""))
    if name is not None:
        world = site.node.world(name)
        visit.world = world
        if visit.who is not None and request.cookies.get(WORLD_COOKIE) != name:
            visit.cookies[WORLD_COOKIE] = name
    if visit.who is None:
        _give_form_token(visit)
    return visit


def _give_form_token(visit: Visit) -> None:
    """Before sign-in the form's secret is a cookie of its own: another site can neither read nor set it."""
    held = visit.request.cookies.get(FORM_COOKIE, "")
    if not _TOKEN.fullmatch(held):
        held = token_hex(32)
        visit.cookies[FORM_COOKIE] = held
    visit.form_token = held


def _check_form(visit: Visit) -> None:
    sent = visit.form.get("csrf")
    token = visit.who.csrf if visit.who is not None else visit.form_token
    fits = isinstance(sent, str) and token_matches(sent, token)
    if not fits or not same_origin(visit.request, visit.settings.address):
        raise ForbiddenError(
            "this form was not made by this server for this session, or is too old; open the page again",
            key="web.error.form_token",
        )


def _refuse(visit: Visit, permission: Permission) -> Response:
    if visit.who is None:
        if visit.request.method in SAFE_METHODS and not visit.request.url.path.startswith("/api/"):
            path = visit.address()
            return visit.seal(RedirectResponse(f"/sign-in?next={quote(path)}", status_code=303))
        raise ForbiddenError("sign in first", key="web.error.sign_in_first")
    raise ForbiddenError(
        f"this needs the permission {permission.value!r}",
        key="web.error.permission",
        values={"permission": permission.value},
    )
