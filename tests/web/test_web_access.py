"""Every route and every role: what is not allowed is refused, by default."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from anlan.registry import PERMISSIONS, ROLES
from anlan.web.access import Permission, permissions_of
from anlan.web.app import add_pages
from anlan.web.routing import declared_routes, route

Browse = Callable[..., httpx.Client]
STRANGER = ""
ID = "00000000-0000-4000-8000-000000000000"


def _all_routes() -> list[tuple[str, str, Permission]]:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    add_pages(app)
    return declared_routes(app)


ALL_ROUTES = _all_routes()


def filled(path: str) -> str:
    """An address of a route: the exercise world, and ids of things that are not there."""
    return re.sub(r"\{[^}]+\}", ID, path.replace("{world}", "exercise").replace("{series}", "1"))


def test_the_table_of_routes_is_not_empty_and_names_every_page() -> None:
    paths = {path for _, path, _ in ALL_ROUTES}
    assert {
        "/w/{world}/",
        "/w/{world}/signals/{signal}",
        "/w/{world}/warnings/{warning}/release",
        "/public",
    } <= paths
    assert len(ALL_ROUTES) > 40


def test_a_route_without_a_permission_ends_the_start() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/forgotten")
    def forgotten() -> str:
        return ""

    with pytest.raises(RuntimeError, match="/forgotten declares no permission"):
        declared_routes(app)


def test_only_what_everybody_may_see_is_public() -> None:
    public = sorted(path for _, path, permission in ALL_ROUTES if permission is Permission.PUBLIC)
    feeds = [path for path in public if path.startswith(("/cap/", "/feed"))]
    # Each by GET and HEAD.
    assert feeds == [
        path for path in ("/cap/{message:path}", "/feed.atom", "/feed.rss", "/feed/{page}") for _ in range(2)
    ]
    links = [path for path in public if "{token}" in path]
    # Each link is good for one purpose; its page is got and its form posted, and a program may post its Ack.
    assert links == [
        *["/w/{world}/answer/{token}"] * 2,
        "/w/{world}/answer/{token}/cap",
        *["/w/{world}/confirm/{token}"] * 2,
        *["/w/{world}/stop/{token}"] * 2,
    ]
    page = [path for path in public if re.match(r"(/w/live)?/public", path)]
    # The citizen's page and its forms, at the short address and at that of the live world; never of another world.
    assert page == [
        f"{home}{path}"
        for home in ("", "/w/live")
        for path, times in (
            ("/public", 2),
            ("/public.json", 2),
            ("/public/embed", 2),
            ("/public/map.svg", 2),
            ("/public/report", 2),
            ("/public/report/{code}", 2),
        )
        for _ in range(times)
    ]
    assert [path for path in public if path not in feeds + links + page] == [
        "/",
        *["/sign-in"] * 2,
        *["/subscribe"] * 2,
    ]


def test_every_changing_route_asks_for_more_than_reading() -> None:
    weak = [
        path
        for method, path, permission in ALL_ROUTES
        if method == "POST"
        and permission in (Permission.PUBLIC, Permission.READ)
        and path not in ("/sign-in", "/subscribe")
        and "{token}" not in path
        # Anybody may report a danger, and in an exercise whoever takes part in it.
        and "/public/report" not in path
    ]
    assert weak == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_holds_what_the_registry_says(role: str) -> None:
    held = permissions_of([role])
    assert {p.value for p in held} - {"public", "signed_in"} == PERMISSIONS[role] & {
        p.value for p in Permission
    }


def test_an_unknown_role_holds_nothing() -> None:
    assert permissions_of(["emperor"]) == {Permission.PUBLIC, Permission.SIGNED_IN}
    assert permissions_of(None) == {Permission.PUBLIC}


@pytest.mark.parametrize("role", [STRANGER, *ROLES])
def test_every_route_for_every_role(browse: Browse, form_token: Callable[[str], str], role: str) -> None:
    client = browse(role)
    token = _token(client, form_token, role)
    held = permissions_of([role] if role else None)
    wrong: list[str] = []
    for method, path, permission in ALL_ROUTES:
        if path in ("/sign-in", "/sign-out"):
            continue  # have their own tests; signing out here would end the shared session
        answer = _ask(client, method, filled(path), token)
        refused = answer.status_code == 403 or _is_sent_to_sign_in(answer, role)
        if refused == (permission in held):
            wrong.append(f"{method} {path} needs {permission.value}: {answer.status_code}")
        if answer.status_code >= 500:
            wrong.append(f"{method} {path}: {answer.status_code}")
    assert wrong == []


def _ask(client: httpx.Client, method: str, address: str, token: str) -> httpx.Response:
    if method in ("GET", "HEAD"):
        return client.request(method, address)
    return client.post(address, data={"csrf": token, "version": "1"})


def _is_sent_to_sign_in(answer: httpx.Response, role: str) -> bool:
    return not role and answer.status_code == 303 and answer.headers["location"].startswith("/sign-in?next=")


def _token(client: httpx.Client, form_token: Callable[[str], str], role: str) -> str:
    return form_token(client.get("/w/live/" if role else "/sign-in").text)


def test_a_router_that_hides_its_routes_ends_the_start() -> None:
    router = APIRouter()

    @route(router, "GET", "/secret", Permission.JOURNAL)
    def secret(visit: Any) -> Any:
        raise AssertionError("reached")

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router.routes.extend(router.routes)
    assert declared_routes(app) == [("GET", "/secret", Permission.JOURNAL)]
    app.mount("/other", FastAPI(openapi_url=None, docs_url=None, redoc_url=None))
    with pytest.raises(RuntimeError, match="/other declares no permission"):
        declared_routes(app)


def test_a_world_that_is_not_there_is_not_found(browse: Browse) -> None:
    assert browse("chief").get("/w/atlantis/").status_code == 404
