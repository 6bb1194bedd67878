"""The first draft of a warning without an assessment before it, and the poster that is printed from one."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from anlan import registry
from anlan.errors import InputError, Problem
from anlan.texts import LANGUAGES
from anlan.warning import Level, actions
from anlan.warning import preview as message_preview
from anlan.warning import queries as warning
from anlan.web.access import Permission
from anlan.web.forms import field_errors
from anlan.web.routing import route
from anlan.web.views.frame import FieldError, Option
from anlan.web.views.warnings import NewWarning, PosterView
from anlan.web.visit import Visit
from anlan.web.warning_parts import message_texts

router = APIRouter()


@route(router, "GET", "/w/{world}/warnings/new", Permission.DRAFT)
def new_page(visit: Visit) -> Response:
    return _page(visit)


@route(router, "POST", "/w/{world}/warnings/new", Permission.DRAFT)
def start(visit: Visit) -> Response:
    """Write the first draft; its page then shows what is still to be filled in."""
    try:
        if not visit.field("hazard"):
            message = visit.t("web.warning.new_hazard")
            raise InputError(message, problems=[Problem("", {}, {"field": "hazard"}, message)])
        with visit.here.write(visit.actor) as tx:
            made = actions.draft(
                tx,
                settings=visit.settings,
                hazard=visit.field("hazard"),
                level=visit.field("level"),
                area_codes=visit.fields("areas"),
            )
    except InputError as error:
        return _page(visit, field_errors(error, visit.language, {"area_codes": "areas"}), status=422)
    return visit.redirect(f"{visit.home}/warnings/{made.public_id}")


def _page(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        hazards = warning.hazards(*args)
        areas = registry.areas(*args)
    city, ticked = visit.settings.node_area, set(visit.fields("areas"))
    view = NewWarning(
        action=f"{visit.home}/warnings/new",
        hazards=tuple(
            Option(one.code, visit.name(one.names), one.code == visit.field("hazard")) for one in hazards
        ),
        levels=tuple(Option(str(level), "", str(level) == visit.field("level")) for level in Level),
        areas=tuple(
            Option(area.code, visit.name(area.names), area.code in ticked)
            for area in areas
            if area.code == city or area.parent_code == city
        ),
        errors=errors,
    )
    return visit.page("new_warning.html", view, current="warnings", status=status)


@route(router, "GET", "/w/{world}/warnings/{warning}/poster", Permission.READ)
def poster(visit: Visit) -> Response:
    """One sheet for a notice board, in the language that is asked for."""
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        one = warning.warning(*args, visit.parameter("warning"))
        shown = message_preview(*args, one.public_id, world=visit.here, settings=visit.settings, at=visit.now)
    wanted = visit.query("text") if visit.query("text") in LANGUAGES else visit.language
    texts = {text.language: text for text in message_texts(shown, visit.site.zone)}
    view = PosterView(
        number=one.number,
        href=f"{visit.home}/warnings/{one.public_id}",
        level=str(one.level),
        message=texts[wanted],
        issued_at=one.released_at,
        ends_at=one.expires,
        sender=visit.settings.cap_sender_name,
        is_draft=one.released_at is None,
    )
    return visit.page("poster.html", view, current="warnings")
