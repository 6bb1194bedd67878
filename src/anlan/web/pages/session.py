"""Signing in and out, and the way to the world that was seen last."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from anlan import registry
from anlan.errors import AnlanError, ForbiddenError, InputError
from anlan.web.access import Permission
from anlan.web.problems import message_of
from anlan.web.routing import route
from anlan.web.views.session import SignInView
from anlan.web.visit import SESSION_COOKIE, WORLD_COOKIE, Visit, local_address

router = APIRouter()


@route(router, "GET", "/", Permission.PUBLIC)
def start(visit: Visit) -> Response:
    """The board of the world that this browser saw last; the public page for somebody who is not signed in."""
    names = visit.site.node.world_names()
    seen = visit.request.cookies.get(WORLD_COOKIE, "")
    world = seen if seen in names else names[0]
    return visit.redirect(f"/w/{world}/" if visit.who is not None else "/sign-in")


@route(router, "GET", "/sign-in", Permission.PUBLIC)
def sign_in_page(visit: Visit) -> Response:
    onward = local_address(visit.query("next", "/"))
    if visit.who is not None:
        return visit.redirect(onward)
    return visit.page("sign_in.html", SignInView(onward))


@route(router, "POST", "/sign-in", Permission.PUBLIC)
def sign_in(visit: Visit) -> Response:
    """Check account and password. The answer to a wrong one never says which of the two it was."""
    onward = local_address(visit.field("next") or "/")
    account = visit.field("account")
    password = visit.form.get("password", "")
    client = visit.request.client.host if visit.request.client is not None else ""
    live = visit.site.node.world("live")
    try:
        session = registry.sign_in(
            live,
            account,
            password if isinstance(password, str) else "",
            client,
            visit.settings,
            code=visit.field("code"),
        )
    except (ForbiddenError, InputError) as error:
        return _again(visit, onward, account, error)
    visit.cookies[SESSION_COOKIE] = session.token
    return visit.redirect(onward)


def _again(visit: Visit, onward: str, account: str, error: AnlanError) -> Response:
    view = SignInView(
        onward, account, message_of(error, visit.language), wants_code=error.key == "sign_in.code_needed"
    )
    return visit.page("sign_in.html", view, status=429 if error.key == "sign_in.paused" else 403)


@route(router, "POST", "/sign-out", Permission.SIGNED_IN)
def sign_out(visit: Visit) -> Response:
    registry.sign_out(visit.site.node.world("live"), visit.request.cookies.get(SESSION_COOKIE, ""))
    visit.cookies[SESSION_COOKIE] = ""
    return visit.redirect("/sign-in")
