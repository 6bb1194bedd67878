"""The rota: who is on duty, hand-overs, and what has not been taken over."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from anlan.errors import ConflictError, InputError
from anlan.registry import queries as registry
from anlan.warning.sending import Shift
from anlan.warning.sending import queries as sending
from anlan.warning.sending.rota import cancel_shift, is_untaken, offer_shift, on_duty, plan_shift, take_shift
from anlan.web.access import Permission
from anlan.web.forms import field_errors
from anlan.web.routing import route
from anlan.web.sending_parts import chosen, people_of, people_options
from anlan.web.views.frame import FieldError
from anlan.web.views.sending import RotaView, ShiftRow
from anlan.web.visit import Visit

router = APIRouter()
_FIELDS = ("organisation", "person", "deputy", "starts", "ends")


@route(router, "GET", "/w/{world}/rota", Permission.READ)
def rota(visit: Visit) -> Response:
    return _page(visit)


@route(router, "POST", "/w/{world}/rota", Permission.CONTACTS)
def plan(visit: Visit) -> Response:
    try:
        starts, ends = _moment(visit, "starts"), _moment(visit, "ends")
        with visit.here.write(visit.actor) as tx:
            plan_shift(
                tx,
                organisation_id=visit.field("organisation"),
                person_id=visit.field("person"),
                deputy_id=visit.field("deputy"),
                starts=starts,
                ends=ends,
            )
    except (InputError, ConflictError) as error:
        return _page(visit, field_errors(error, visit.language), status=422)
    return visit.redirect(f"{visit.home}/rota")


def _moment(visit: Visit, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(visit.field(name))
    except ValueError:
        message = visit.t("web.warning.moment", value=visit.field(name))
        raise InputError(message, key="sending.shift_form") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=visit.site.zone)


@route(router, "POST", "/w/{world}/rota/{shift}/offer", Permission.ANSWER)
def offer(visit: Visit) -> Response:
    public_id, seq = _seen(visit)
    try:
        with visit.here.write(visit.actor) as tx:
            offer_shift(tx, public_id, expected_seq=seq, note=visit.field("note"))
    except InputError as error:
        return _page(visit, field_errors(error, visit.language), status=422)
    return visit.redirect(f"{visit.home}/rota")


@route(router, "POST", "/w/{world}/rota/{shift}/take", Permission.ANSWER)
def take(visit: Visit) -> Response:
    public_id, seq = _seen(visit)
    with visit.here.write(visit.actor) as tx:
        take_shift(tx, public_id, expected_seq=seq)
    return visit.redirect(f"{visit.home}/rota")


@route(router, "POST", "/w/{world}/rota/{shift}/cancel", Permission.CONTACTS)
def cancel(visit: Visit) -> Response:
    public_id, seq = _seen(visit)
    with visit.here.write(visit.actor) as tx:
        cancel_shift(tx, public_id, expected_seq=seq)
    return visit.redirect(f"{visit.home}/rota")


def _seen(visit: Visit) -> tuple[str, int]:
    """The shift of the address, if this person sees its unit, and the version that the form was made for."""
    seq = visit.number_field("version")
    with visit.here.read() as connection:
        found = sending.shift(connection, visit.scope, visit.as_of, visit.parameter("shift"))
    return found.public_id, seq


def _page(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    visit.page_path = f"{visit.home}/rota"
    values = {name: visit.field(name) if errors else "" for name in _FIELDS}
    people = people_of(visit)
    names = {key: visit.name(one.names) for key, one in people.items()}
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        found = sending.shifts(*args, at=visit.now)
        units = {one.public_id: visit.name(one.names) for one in registry.organisations(*args)}
        now = {
            shift.public_id
            for unit in {one.organisation_id for one in found}
            if (shift := on_duty(connection, visit.as_of.seq, unit, visit.now)) is not None
        }
    rows = tuple(_row(visit, one, units, names, one.public_id in now) for one in found)
    view = RotaView(
        rows=rows,
        late=sum(row.is_late for row in rows),
        may_plan=visit.may_act(Permission.CONTACTS),
        action=f"{visit.home}/rota",
        organisations=chosen(units.items(), values["organisation"]),
        people=people_options(visit, people, values["person"], "web.rota.nobody"),
        values=values,
        errors=errors,
    )
    return visit.page("rota.html", view, current="warnings", status=status)


def _row(visit: Visit, one: Shift, units: dict[str, str], names: dict[str, str], is_now: bool) -> ShiftRow:
    is_open = one.state in ("planned", "offered")
    mine = visit.who is not None and visit.who.person_id in (one.person_id, one.deputy_id)
    may = visit.may_act(Permission.ANSWER) and is_open
    return ShiftRow(
        unit=units.get(one.organisation_id, ""),
        person=names.get(one.person_id, ""),
        deputy=names.get(one.deputy_id, ""),
        starts=one.starts,
        ends=one.ends,
        state=one.state,
        word=visit.t(f"web.rota.state.{one.state}"),
        note=one.note,
        offered_by=names.get(one.offered_by, ""),
        taken_by=names.get(one.taken_by, ""),
        taken_at=one.taken_at,
        is_now=is_now,
        is_late=is_untaken(one, visit.now),
        version=str(one.known_seq),
        href=f"{visit.home}/rota/{one.public_id}",
        may_offer=may,
        may_take=may and mine,
        may_cancel=is_open and visit.may_act(Permission.CONTACTS),
    )
