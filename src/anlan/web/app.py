"""The application: pages, feeds and files of one node."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope as AsgiScope

from anlan.errors import AnlanError
from anlan.settings import Settings
from anlan.store import Node
from anlan.web import problems
from anlan.web.pages import ROUTERS
from anlan.web.rendering import STATIC, charts_css
from anlan.web.routing import STATIC_MOUNT, declared_routes
from anlan.web.security import Guard, TooLarge
from anlan.web.visit import Site

FOR_EVER = "public, max-age=31536000, immutable"


def create_app(settings: Settings, node: Node) -> FastAPI:
    """Build the application of ``node``.

    Every route declares its permission (``anlan.web.access``); one without ends the start with RuntimeError.
    """
    site = Site(settings, node, ZoneInfo(settings.zone))
    app = FastAPI(title="anlan", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    # Level 4 is a third of the work of the usual 9, for 4 % more bytes.
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    app.add_middleware(Guard, upload_limit=settings.upload_limit_mb * 1_000_000 + 100_000, secure=site.secure)
    add_pages(app)
    app.mount("/static", KeptFiles(directory=STATIC), name=STATIC_MOUNT)
    for kind in (AnlanError, HTTPException, TooLarge):
        app.add_exception_handler(kind, _problem)
    declared_routes(app)
    return app


def add_pages(app: FastAPI) -> None:
    """Put the routes of every page into the application's own list, where each can be looked at."""
    for router in ROUTERS:
        app.router.routes.extend(router.routes)


class KeptFiles(StaticFiles):
    """Files of the package. An address with a stamp names its content, so it may be kept for ever."""

    async def get_response(self, path: str, scope: AsgiScope) -> Response:
        if Path(path).as_posix() == "css/charts.css":
            response = Response(charts_css(), media_type="text/css")
        else:
            response = await super().get_response(path, scope)
        stamped = b"v=" in scope.get("query_string", b"")
        response.headers["cache-control"] = FOR_EVER if stamped else "public, max-age=300"
        return response


async def _problem(request: Request, error: Exception) -> Response:
    return await run_in_threadpool(problems.answer, request, error)


__all__ = ["add_pages", "create_app"]
