"""Errors as answers: a status, one JSON shape, or a page that says what to do. Each has a number that is in the log.

{"error": {"number": "E-1f3a90", "status": 409, "key": "…", "message": "…", "values": {…},
           "problems": [{"key": "…", "message": "…", "where": {…}, "values": {…}}]}}
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anlan.errors import (
    AnlanError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InputError,
    IntegrityError,
    MissingExtraError,
    NotFoundError,
    Problem,
    UnavailableError,
)
from anlan.texts import catalogue, say
from anlan.web.security import SAFE_METHODS, TooLarge
from anlan.web.views.session import ErrorView
from anlan.web.visit import Site, Visit, language_of, theme_of, wants_json

log = logging.getLogger("anlan.web")

_STATUS: tuple[tuple[type[AnlanError], int], ...] = (
    (NotFoundError, 404),
    (ForbiddenError, 403),
    (ConflictError, 409),
    (UnavailableError, 503),
    (InputError, 422),
    (MissingExtraError, 501),
    (IntegrityError, 500),
    (ConfigurationError, 500),
)
_KNOWN = (400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 501, 503)


def answer(request: Request, error: Exception) -> Response:
    """Answer a request with an error: note it, then a page or JSON, whichever was asked for."""
    status = status_of(error)
    number = note(error, status, method=request.method, path=request.url.path)
    site: Site = request.app.state.site
    language = language_of(request, site.settings.language)
    if wants_json(request):
        response: Response = JSONResponse(as_json(error, status, number, language), status_code=status)
    else:
        visit = getattr(request.state, "visit", None)
        if not isinstance(visit, Visit):
            visit = Visit(request, site, language, theme_of(request), None, None)
        visit.look_at_now()
        back = _back(request)
        if request.method not in SAFE_METHODS:
            visit.page_path = urlsplit(back).path or "/"
        view = as_view(error, status, number, language, back=back)
        response = visit.page("error.html", view, status=status)
    if status == 503:
        response.headers["retry-after"] = "2"
    return response


def _back(request: Request) -> str:
    """The page somebody came from, when it is one of ours."""
    came = request.headers.get("referer", "")
    here = f"{request.url.scheme}://{request.url.netloc}/"
    return "/" + came[len(here) :] if came.startswith(here) else ""


def status_of(error: Exception) -> int:
    """The HTTP status of an error; 500 for what nobody raised on purpose."""
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, HTTPException):
        return error.status_code
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return 500


def note(error: Exception, status: int, *, method: str, path: str) -> str:
    """Write an error into the log and give its number. Server errors carry their trace."""
    number = f"E-{secrets.token_hex(4)}"
    if status >= 500:
        log.error("%s %s %s: %d", number, method, path, status, exc_info=error)
    else:
        log.info("%s %s %s: %d %s", number, method, path, status, type(error).__name__)
    return number


def message_of(error: Exception | Problem, language: str) -> str:
    """What an error says, in a language where its key has a text, else the sentence it carries."""
    if not isinstance(error, AnlanError | Problem):
        return ""
    if error.key and error.key in catalogue():
        try:
            return say(error.key, language, **error.values)
        except (KeyError, IndexError, ValueError):
            log.warning("the text %s cannot be filled with %s", error.key, sorted(error.values))
    return error.message or error.key


def as_json(error: Exception, status: int, number: str, language: str) -> Mapping[str, Any]:
    """The one shape of errors of the JSON interface. Errors nobody raised on purpose tell no more than their number."""
    told = isinstance(error, AnlanError)
    problems = error.problems if isinstance(error, AnlanError) else ()
    return {
        "error": {
            "number": number,
            "status": status,
            "key": error.key if isinstance(error, AnlanError) else "",
            "message": message_of(error, language) if told else title_of(status, language),
            "values": _plain(error.values) if isinstance(error, AnlanError) else {},
            "problems": [
                {
                    "key": problem.key,
                    "message": message_of(problem, language),
                    "where": _plain(problem.where),
                    "values": _plain(problem.values),
                }
                for problem in problems
            ],
        }
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    kept = (str, int, float, bool, type(None))
    return {name: value if isinstance(value, kept) else str(value) for name, value in values.items()}


def title_of(status: int, language: str) -> str:
    """The title of the page for a status."""
    return say(f"web.error.title.{status if status in _KNOWN else 500}", language)


def as_view(error: Exception, status: int, number: str, language: str, back: str = "") -> ErrorView:
    """The page of an error."""
    known = status if status in _KNOWN else 500
    problems = error.problems if isinstance(error, AnlanError) else ()
    return ErrorView(
        status=status,
        title=title_of(status, language),
        message=message_of(error, language),
        advice=say(f"web.error.advice.{known}", language),
        number=number,
        problems=tuple(_placed(problem, language) for problem in problems),
        back=back,
    )


def _placed(problem: Problem, language: str) -> str:
    where = " · ".join(f"{name} {value}" for name, value in problem.where.items())
    said = message_of(problem, language)
    return f"{where}: {said}" if where else said
