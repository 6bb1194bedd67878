"""Matters: what waits, what was said, and the acts of the office: take in hand, ask, close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import registry, resolution
from anlan.errors import ConflictError, ForbiddenError, InputError
from anlan.flows.sending import vault_of
from anlan.resolution import STATES, Matter, MatterState
from anlan.store import AsOf, Scope, Tx
from anlan.store.scope import PERSONAL
from anlan.web.access import Permission
from anlan.web.exports import CSV_TYPE, csv_bytes
from anlan.web.forms import field_errors
from anlan.web.pages.rules import domain_names
from anlan.web.pages.signals import people_names
from anlan.web.routing import route
from anlan.web.views.frame import FieldError
from anlan.web.views.matters import MatterList, MatterRow, MatterView
from anlan.web.views.public import ReceiptNote
from anlan.web.views.signals import Filter, HistoryLine
from anlan.web.visit import Visit

router = APIRouter()
_ALL_AREAS = Scope.everything("names of areas of matters")


@route(router, "GET", "/w/{world}/matters", Permission.HANDLE)
def listing(visit: Visit) -> Response:
    """Matters that are not closed, or those of one state."""
    asked = visit.query("state")
    chosen = next((state for state in STATES if state == asked), None)
    states: tuple[MatterState, ...] = (chosen,) if chosen else ("open", "in_hand")
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        found = resolution.matters(*args, states=states)
        counts = resolution.state_counts(*args)
        rows = tuple(_row(visit, one, *_names(visit, connection)) for one in found)
    if visit.query("format") == "csv":
        heads = ("number", "state", "title", "where", "domain", "opened")
        lines = [
            (one.number, row.state, row.title, row.where, row.domain, visit.f.exact(one.opened_at))
            for one, row in zip(found, rows, strict=True)
        ]
        return visit.file(csv_bytes(heads, lines), kind=CSV_TYPE, name="matters.csv")
    still = counts.get("open", 0) + counts.get("in_hand", 0)
    filters = (
        Filter(visit.t("web.matters.not_closed"), visit.address(state=None), chosen is None, still),
        *(
            Filter(
                visit.t(f"web.matter.state.{state}"),
                visit.address(state=state),
                state == chosen,
                counts.get(state, 0),
            )
            for state in STATES
        ),
    )
    return visit.page(
        "matters.html", MatterList(filters, rows, visit.address(format="csv")), current="matters"
    )


@route(router, "GET", "/w/{world}/matters/{matter}", Permission.HANDLE)
def page(visit: Visit) -> Response:
    return _page(visit)


@route(router, "GET", "/w/{world}/matters/{matter}/photo", Permission.HANDLE)
def photo(visit: Visit) -> Response:
    with visit.here.read() as connection:
        found = resolution.photo(connection, visit.scope, visit.as_of, visit.parameter("matter"))
    return visit.seal(Response(found.content, media_type=found.kind))


@route(router, "POST", "/w/{world}/matters/{matter}/take", Permission.HANDLE)
def take(visit: Visit) -> Response:
    return _act(
        visit, lambda tx, one: resolution.take_in_hand(tx, one, expected_seq=visit.number_field("version"))
    )


@route(router, "POST", "/w/{world}/matters/{matter}/ask", Permission.HANDLE)
def ask(visit: Visit) -> Response:
    return _act(
        visit,
        lambda tx, one: resolution.ask(
            tx, one, expected_seq=visit.number_field("version"), text=visit.field("question")
        ),
    )


@route(router, "POST", "/w/{world}/matters/{matter}/close", Permission.HANDLE)
def close(visit: Visit) -> Response:
    return _act(
        visit,
        lambda tx, one: resolution.close(
            tx, one, expected_seq=visit.number_field("version"), reason=visit.field("reason")
        ),
    )


@route(router, "POST", "/w/{world}/matters/{matter}/contact", Permission.HANDLE)
def contact(visit: Visit) -> Response:
    """Show how the reporter can be reached. The reading is logged before it is shown."""
    found = _seen(visit)
    if visit.scope.sensitivity < PERSONAL:
        raise ForbiddenError("this scope may not read personal values", key="personal.forbidden")
    visit.page_path = f"{visit.home}/matters/{found.public_id}"
    values = vault_of(visit.site.node, visit.here).open(found.public_id, scope=visit.scope, actor=visit.actor)
    return _page(visit, contact=values.get("contact", ""))


def _seen(visit: Visit) -> Matter:
    with visit.here.read() as connection:
        return resolution.matter(connection, visit.scope, visit.as_of, visit.parameter("matter"))


def _act(visit: Visit, do: Callable[[Tx, str], Matter]) -> Response:
    found = _seen(visit)
    visit.page_path = f"{visit.home}/matters/{found.public_id}"
    try:
        with visit.here.write(visit.actor) as tx:
            do(tx, found.public_id)
    except (InputError, ConflictError) as error:
        status = 422 if isinstance(error, InputError) else 409
        return _page(visit, field_errors(error, visit.language), status=status)
    return visit.redirect(visit.page_path)


def _names(visit: Visit, connection: Connection) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Names of areas, domains and people."""
    areas = registry.areas(connection, _ALL_AREAS, visit.as_of)
    return (
        {area.code: visit.name(area.names) for area in areas},
        domain_names(visit, connection),
        people_names(visit, connection),
    )


def _where(one: Matter, areas: dict[str, str]) -> str:
    return " · ".join(part for part in (areas.get(one.area_code, one.area_code), one.place) if part)


def _row(
    visit: Visit, one: Matter, areas: dict[str, str], domains: dict[str, str], people: dict[str, str]
) -> MatterRow:
    return MatterRow(
        title=one.title,
        number=one.number,
        where=_where(one, areas),
        domain=domains.get(one.domain, visit.t("web.matter.no_domain")),
        state=visit.t(f"web.matter.state.{one.state}"),
        turn=visit.t(f"web.matter.turn.{one.turn}") if one.state != "closed" else "",
        by=people.get(one.taken_by or "", ""),
        opened_at=one.opened_at,
        href=f"{visit.home}/matters/{one.public_id}",
    )


def _page(
    visit: Visit, errors: tuple[FieldError, ...] = (), *, contact: str = "", status: int = 200
) -> Response:
    matter_id = visit.parameter("matter")
    # After a refused act the page shows what is there now, not what was there when it was opened.
    as_of = AsOf(visit.here.head()) if errors else visit.as_of
    with visit.here.read() as connection:
        args: Any = (connection, visit.scope, as_of, matter_id)
        one = resolution.matter(*args)
        versions = resolution.matter_history(*args)
        notes = resolution.notes(*args)
        areas, domains, people = _names(visit, connection)
    reporter = visit.t("web.matter.reporter")
    said = {note.known_seq: note.kind for note in notes}
    view = MatterView(
        title=one.title,
        number=one.number,
        state=one.state,
        turn=one.turn,
        text=one.text,
        where=_where(one, areas),
        domain=domains.get(one.domain, visit.t("web.matter.no_domain")),
        opened_at=one.opened_at,
        taken_by=people.get(one.taken_by or "", ""),
        reason=one.reason,
        photo_href=f"{visit.home}/matters/{one.public_id}/photo" if one.has_photo else "",
        has_contact=one.has_contact,
        may_see_contact=visit.scope.sensitivity >= PERSONAL,
        contact=contact,
        notes=tuple(ReceiptNote(note.kind, note.text, note.at) for note in notes),
        history=tuple(
            HistoryLine(
                version.changed_at,
                _happened(visit, version, version is versions[0], said),
                people.get(version.by, reporter),
            )
            for version in versions
        ),
        may_handle=visit.may_act(Permission.HANDLE) and one.state != "closed",
        version=one.known_seq,
        action=f"{visit.home}/matters/{one.public_id}",
        errors=errors,
    )
    return visit.page("matter.html", view, current="matters", status=status)


def _happened(visit: Visit, one: Matter, is_first: bool, notes: Mapping[int, str]) -> str:
    """What a version says that the one before did not, by the key of its event."""
    if is_first:
        what = "reported"
    elif one.state == "closed":
        what = "closed"
    else:
        what = {"question": "asked", "answer": "answered"}.get(notes.get(one.known_seq, ""), "taken")
    return visit.t(f"web.event.matter.{what}")
