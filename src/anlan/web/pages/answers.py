"""Who has answered: the board of a warning, calls written down, and the page behind a unit's link."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from anlan import registry
from anlan.errors import AnlanError, ForbiddenError, InputError
from anlan.store import Actor, AsOf, Scope
from anlan.warning import queries as warnings
from anlan.warning.sending import Answer, Parcel, answers
from anlan.warning.sending import queries as sending
from anlan.warning.sending.queries import AnswerBoard, UnitLine
from anlan.warning.sending.tokens import link_key
from anlan.web.access import Permission
from anlan.web.forms import field_errors
from anlan.web.routing import machine_route, route
from anlan.web.sending_parts import way_line
from anlan.web.views.frame import FieldError
from anlan.web.views.sending import AnswersView, CallLine, LinkView, UnitTile
from anlan.web.visit import Visit
from anlan.web.warning_parts import instruction_lines, title

router = APIRouter()
_LINK = Scope(None, None, 1, "link of a unit")
_FILLED = {
    "owed": 0,
    "failed": 0,
    "over": 0,
    "sent": 1,
    "delivered": 1,
    "read": 2,
    "acknowledged": 3,
    "acted": 4,
}


@route(router, "GET", "/w/{world}/warnings/{warning}/answers", Permission.READ)
def board(visit: Visit) -> Response:
    if visit.query("format") == "json":
        return _json(visit)
    return _page(visit)


@route(router, "POST", "/w/{world}/answers/{answer}/acknowledge", Permission.ANSWER)
def acknowledge(visit: Visit) -> Response:
    found = _mine(visit)
    answers.acknowledge(visit.here, visit.settings, found.public_id, actor=visit.actor, via=_via(visit))
    return visit.redirect(f"{visit.home}/warnings/{found.warning_id}/answers")


@route(router, "POST", "/w/{world}/answers/{answer}/acted", Permission.ANSWER)
def acted(visit: Visit) -> Response:
    found = _mine(visit)
    try:
        answers.report_action(
            visit.here, found.public_id, actor=visit.actor, via=_via(visit), note=visit.field("note")
        )
    except InputError as error:
        visit.page_path = f"{visit.home}/warnings/{found.warning_id}/answers"
        return _page(visit, found.warning_id, field_errors(error, visit.language), status=422)
    return visit.redirect(f"{visit.home}/warnings/{found.warning_id}/answers")


@route(router, "POST", "/w/{world}/calls/{parcel}", Permission.UPDATE)
def call(visit: Visit) -> Response:
    """Write down a call: nobody there, reached, or acknowledged."""
    said = visit.field("said")
    with visit.here.read() as connection:
        seen = {one.parcel.public_id for one in sending.calls(connection, visit.scope, visit.as_of)}
    parcel_id = visit.parameter("parcel")
    found = answers.note_call(
        visit.here,
        visit.settings,
        parcel_id if parcel_id in seen else "",
        actor=visit.actor,
        reached=said in ("reached", "acknowledged"),
        acknowledged=said == "acknowledged",
    )
    return visit.redirect(f"{visit.home}/warnings/{found.warning_id}/answers" if found else visit.home)


def _via(visit: Visit) -> Any:
    return "phone" if visit.field("via") == "phone" else "page"


def _mine(visit: Visit) -> Answer:
    """An answer that this person may give: of the own unit, or of any for who works on warnings."""
    with visit.here.read() as connection:
        found = sending.answer(connection, visit.scope, visit.as_of, visit.parameter("answer"))
    if not (visit.may(Permission.UPDATE) or found.organisation_id == _own_unit(visit)):
        raise ForbiddenError("this is another unit's answer", key="sending.other_unit")
    return found


def _own_unit(visit: Visit) -> str:
    live = visit.site.node.world("live")
    everything = Scope.everything("unit of a person")
    with live.read() as connection:
        return registry.person(connection, everything, live.as_of(), visit.actor.id).organisation_id


def _page(
    visit: Visit, warning_id: str = "", errors: tuple[FieldError, ...] = (), status: int = 200
) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        one = warnings.warning(*args, warning_id or visit.parameter("warning"))
        found = sending.answer_board(*args, one.public_id, at=visit.now)
    own = _own_unit(visit) if visit.may_act(Permission.ANSWER) else ""
    open_units = [unit for unit in found.units if unit.answer.acknowledged_at is None]
    view = AnswersView(
        title=visit.t("web.answers.title", headline=title(visit, one).rstrip("。.")),
        lead=_lead(visit, found),
        number=one.number,
        warning_href=f"{visit.home}/warnings/{one.public_id}",
        level=str(one.level),
        tiles=tuple(_tile(visit, unit, own) for unit in found.units),
        calls=tuple(
            CallLine(
                visit.name(item.names),
                visit.t(f"web.sending.post.{item.contact.post}"),
                str(item.level),
                f"{visit.home}/calls/{item.parcel.public_id}",
            )
            for item in found.calls
        )
        if visit.may_act(Permission.UPDATE)
        else (),
        ways=tuple(way_line(visit, item) for item in found.ways),
        answered=found.answered,
        deadline=min((unit.answer.deadline_at for unit in open_units), default=None),
        next_at=found.next_at,
        action=f"{visit.home}/answers",
        json_href=visit.address(format="json"),
        errors=errors,
    )
    return visit.page("answers.html", view, current="warnings", status=status)


def _lead(visit: Visit, found: AnswerBoard) -> str:
    if not found.units:
        return visit.t("web.answers.nobody")
    joint = "，" if visit.language == "zh" else ", "
    counts = (
        ("acted", found.count("acted")),
        ("acknowledged", found.count("acknowledged")),
        ("read", found.count("read")),
        ("sent", found.count("sent", "delivered")),
        ("owed", found.count("owed", "failed")),
    )
    parts = [f"{number} {visit.t(f'web.answers.state.{name}')}" for name, number in counts if number]
    if found.late:
        parts.append(f"{found.late} {visit.t('web.answers.state.late')}")
    return visit.t("web.answers.lead", all=len(found.units), parts=joint.join(parts))


def _tile(visit: Visit, unit: UnitLine, own: str) -> UnitTile:
    one = unit.answer
    may = visit.may_act(Permission.ANSWER) and (visit.may(Permission.UPDATE) or one.organisation_id == own)
    if unit.is_late:
        word = visit.t("web.answers.late_for", length=visit.f.length(visit.now - one.deadline_at))
    else:
        word = visit.t(f"web.answers.state.{unit.state}")
    return UnitTile(
        name=visit.name(unit.names),
        word=word,
        at=unit.since,
        filled=_FILLED[unit.state],
        is_late=unit.is_late,
        is_failed=unit.state == "failed",
        note=_next_word(visit, one) or one.note,
        answer_id=one.public_id,
        may_acknowledge=may and one.state == "waiting",
        may_report=may and one.state == "acknowledged",
        twice=unit.is_possibly_twice,
    )


def _next_word(visit: Visit, one: Answer) -> str:
    if one.state != "waiting":
        return ""
    if one.next_at is None:
        return visit.t("web.answers.nobody_left")
    return visit.t(f"web.answers.next.{one.step}", at=visit.f.clock(one.next_at))


def _json(visit: Visit) -> Response:
    with visit.here.read() as connection:
        found = sending.answer_board(
            connection, visit.scope, visit.as_of, visit.parameter("warning"), at=visit.now
        )

    def text(moment: datetime | None) -> str | None:
        return moment.isoformat() if moment is not None else None

    return visit.json(
        {
            "answered": found.answered,
            "all": len(found.units),
            "late": found.late,
            "next_at": text(found.next_at),
            "units": [
                {
                    "organisation": unit.answer.organisation_id,
                    "names": unit.names,
                    "state": unit.state,
                    "late": unit.is_late,
                    "step": unit.answer.step,
                    "since": text(unit.since),
                    "deadline_at": text(unit.answer.deadline_at),
                    "next_at": text(unit.answer.next_at),
                    "ways": [str(way) for way in unit.ways],
                    "possibly_twice": unit.is_possibly_twice,
                }
                for unit in found.units
            ],
            "ways": [{**vars(item), "way": str(item.way)} for item in found.ways],
        }
    )


@route(router, "GET", "/w/{world}/answer/{token}", Permission.PUBLIC)
def link(visit: Visit) -> Response:
    """What a unit sees behind its link. Opening it counts as reading the message."""
    parcel = _parcel(visit)
    answers.mark_read(visit.here, parcel)
    return _link_page(visit, parcel)


@route(router, "POST", "/w/{world}/answer/{token}", Permission.PUBLIC)
def answer_link(visit: Visit) -> Response:
    parcel = _parcel(visit)
    actor = Actor("link", parcel.target_id)
    answer_id = parcel.answer_id or ""
    try:
        if visit.field("do") == "acted":
            answers.report_action(visit.here, answer_id, actor=actor, via="link", note=visit.field("note"))
        else:
            answers.acknowledge(visit.here, visit.settings, answer_id, actor=actor, via="link")
    except InputError as error:
        visit.page_path = f"{visit.home}/answer/{visit.parameter('token')}"
        return _link_page(visit, parcel, field_errors(error, visit.language), status=422)
    return visit.redirect(f"{visit.home}/answer/{visit.parameter('token')}")


@machine_route(router, "/w/{world}/answer/{token}/cap")
def answer_by_program(visit: Visit) -> Response:
    """A unit's program posts its CAP ``Ack`` to the address it was given, with ``/cap`` behind it."""
    parcel = _parcel(visit)
    found = answers.acknowledge_by_cap(
        visit.here,
        visit.settings,
        parcel.answer_id or "",
        actor=Actor("link", parcel.target_id),
        data=visit.body,
    )
    return visit.json({"state": found.state})


def _parcel(visit: Visit) -> Parcel:
    links = link_key(visit.site.node, visit.here)
    return answers.parcel_of_link(
        visit.here, links.read("answer", visit.parameter("token"), now=visit.here.clock.now())
    )


def _link_page(
    visit: Visit, parcel: Parcel, errors: tuple[FieldError, ...] = (), status: int = 200
) -> Response:
    with visit.here.read() as connection:
        as_of = AsOf(visit.here.head())
        found = sending.answer(connection, _LINK, as_of, parcel.answer_id or "")
        message = warnings.message(connection, _LINK, as_of, found.message_identifier)
        units = registry.organisations(connection, _LINK, as_of, retired=True)
    info = warnings.read_frozen(message.cap_bytes).info_in("zh-CN" if visit.language == "zh" else "en-US")
    if info is None:
        raise AnlanError("a released message has texts")
    joint = "、" if visit.language == "zh" else ", "
    view = LinkView(
        unit=next((visit.name(one.names) for one in units if one.public_id == found.organisation_id), ""),
        level=str(found.level),
        headline=info.headline or info.event,
        areas=joint.join(area.description for area in info.areas),
        description=info.description,
        instructions=instruction_lines(info.instruction),
        ends_at=message.expires,
        state=found.state,
        said_at=found.acted_at or found.acknowledged_at,
        deadline_at=found.deadline_at,
        action=f"{visit.home}/answer/{visit.parameter('token')}",
        note=found.note,
        errors=errors,
    )
    return visit.page("answer_link.html", view, status=status)
