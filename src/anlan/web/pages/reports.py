"""A danger is reported from the citizen's page, followed by its code, and a question of the office answered.

Nobody signs in, and nothing says who it was: no address is kept (``anlan.web.limits``), a contact only if given and sealed,
and the act is a citizen's whoever is signed in at the browser. A code stands in no log: what is wrong with one is said on
its page and raises nothing.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from anlan import registry, resolution
from anlan.errors import ConflictError, InputError, NotFoundError, ParameterError
from anlan.flows.sending import vault_of
from anlan.resolution import Matter
from anlan.resolution.photos import MOST_BYTES
from anlan.store import Actor, AsOf, Scope
from anlan.web.forms import field_errors
from anlan.web.limits import DailyBuckets
from anlan.web.pages.public import EVERYBODY, Door, enter, everywhere, top
from anlan.web.views.frame import FieldError, Option
from anlan.web.views.public import ReceiptNote, ReceiptView, ReportView
from anlan.web.visit import Visit

router = APIRouter()
CITIZEN = Actor("citizen", "citizen")
_HOLDER = Scope(None, None, 1, "holder of a receipt code")
_FIELDS = ("text", "area", "place", "domain", "contact")
_TRAP = "website"  # hidden from people; programs that fill in forms fill it in
_REPORTS, _LOOKS = (5, 5.0), (60, 120.0)  # tokens, and how many come back in an hour


@everywhere(router, "/public/report", "GET")
def form(visit: Visit) -> Response:
    door = enter(visit)
    typed = visit.query("code")
    if typed:
        return visit.redirect(f"{door.base}/report/{resolution.read_code(typed) or 'unknown'}")
    return _form(visit, door)


@everywhere(router, "/public/report", "POST")
def send(visit: Visit) -> Response:
    """Take the report and show its code, once."""
    door = enter(visit)
    visit.page_path = f"{door.base}/report"
    if visit.field(_TRAP):
        return _form(visit, door, (FieldError("", visit.t("web.report.trap")),), status=422)
    if not _bucket(visit, "reports", *_REPORTS).take(_address(visit)):
        return _form(visit, door, (FieldError("", visit.t("web.report.often")),), status=429)
    code = resolution.new_code()
    try:
        area = _area(visit)
        with visit.here.write(CITIZEN) as tx:
            resolution.report(
                tx,
                vault_of(visit.site.node, visit.here),
                text=visit.field("text"),
                place=visit.field("place"),
                area_code=area.code,
                area_path=area.path,
                domain=_domain(visit),
                contact=visit.field("contact"),
                photo=_photo(visit),
                code_digest=_digest(visit, code),
            )
    except InputError as error:
        return _form(visit, door, field_errors(error, visit.language), status=422)
    return _form(visit, door, code=code, status=201)


@everywhere(router, "/public/report/{code}", "GET")
def receipt(visit: Visit) -> Response:
    """What became of a report, for whoever holds its code."""
    return _receipt(visit, enter(visit))


@everywhere(router, "/public/report/{code}", "POST")
def answer(visit: Visit) -> Response:
    door = enter(visit)
    visit.page_path = f"{door.base}/report/{visit.parameter('code')}"
    found = _find(visit) if _bucket(visit, "looks", *_LOOKS).take(_address(visit)) else None
    if found is None:
        return _receipt(visit, door)
    try:
        with visit.here.write(CITIZEN) as tx:
            resolution.answer(tx, found.public_id, text=visit.field("answer"))
    except (InputError, ConflictError) as error:
        status = 422 if isinstance(error, InputError) else 409
        return _receipt(visit, door, field_errors(error, visit.language), status=status)
    return visit.redirect(visit.page_path)


def _bucket(visit: Visit, name: str, most: int, per_hour: float) -> DailyBuckets:
    """The buckets of this server for one purpose. ``setdefault`` is one step, so two requests get the same."""
    held: DailyBuckets = visit.site.kept.setdefault(f"buckets {name}", DailyBuckets(most, per_hour))
    return held


def _address(visit: Visit) -> str:
    return visit.request.client.host if visit.request.client is not None else ""


def _digest(visit: Visit, code: str) -> str:
    return resolution.code_digest(visit.site.node.master_key, visit.here.public_id, code)


def _area(visit: Visit) -> registry.Area:
    """The chosen county, or the whole area of the node where the reporter does not know."""
    with visit.here.read() as connection:
        as_of = AsOf(visit.here.head())
        counties = registry.children(connection, EVERYBODY, as_of, visit.settings.node_area)
        chosen = visit.field("area")
        for area in counties:
            if area.code == chosen:
                return area
        if chosen:
            raise ParameterError("no such area", key="area.unknown", values={"code": chosen})
        return registry.area(connection, EVERYBODY, as_of, visit.settings.node_area)


def _domains(visit: Visit) -> dict[str, str]:
    with visit.here.read() as connection:
        packs = registry.installed_packs(connection, EVERYBODY, AsOf(visit.here.head()))
    return {pack.pack_id: visit.name(pack.content.get("names")) for pack in packs}


def _domain(visit: Visit) -> str:
    chosen = visit.field("domain")
    return chosen if chosen in _domains(visit) else ""


def _photo(visit: Visit) -> bytes | None:
    sent = visit.upload("photo")
    return sent.file.read(MOST_BYTES + 1) if sent is not None else None


def _form(
    visit: Visit, door: Door, errors: tuple[FieldError, ...] = (), *, code: str = "", status: int = 200
) -> Response:
    with visit.here.read() as connection:
        counties = registry.children(connection, EVERYBODY, AsOf(visit.here.head()), visit.settings.node_area)
    typed = {name: visit.field(name) if visit.form else "" for name in _FIELDS}
    lang = f"?lang={visit.language}"
    view = ReportView(
        top=top(visit, door),
        action=f"{door.base}/report{lang}",
        areas=(
            Option("", visit.t("web.report.area_unknown"), not typed["area"]),
            *(Option(one.code, visit.name(one.names), one.code == typed["area"]) for one in counties),
        ),
        domains=(
            Option("", visit.t("web.report.domain_unknown"), not typed["domain"]),
            *(Option(key, word, key == typed["domain"]) for key, word in _domains(visit).items()),
        ),
        values=typed,
        errors=errors,
        photo_mb=MOST_BYTES // 1_000_000,
        code=code,
        follow_href=f"{door.base}/report/{code}{lang}",
    )
    return _unkept(visit.page("public_report.html", view, status=status))


def _find(visit: Visit) -> Matter | None:
    """The matter of the code in the address; None when no report has it."""
    code = resolution.read_code(visit.parameter("code"))
    try:
        with visit.here.read() as connection:
            return resolution.matter_of_receipt(
                connection, _HOLDER, AsOf(visit.here.head()), _digest(visit, code)
            )
    except NotFoundError:
        return None


def _receipt(visit: Visit, door: Door, errors: tuple[FieldError, ...] = (), *, status: int = 200) -> Response:
    found, notes = None, []
    if not _bucket(visit, "looks", *_LOOKS).take(_address(visit)):
        errors, status = (FieldError("", visit.t("web.report.often")),), 429
    elif (found := _find(visit)) is None:
        errors, status = (FieldError("", visit.t("resolution.code_unknown")),), 404
    else:
        with visit.here.read() as connection:
            notes = resolution.notes(connection, _HOLDER, AsOf(visit.here.head()), found.public_id)
    code = resolution.read_code(visit.parameter("code")) if found is not None else ""
    lang = f"?lang={visit.language}"
    view = ReceiptView(
        top=top(visit, door),
        action=f"{door.base}/report/{code}{lang}",
        ask_action=f"{door.base}/report",
        code=code,
        number=found.number if found else "",
        state=found.state if found else "",
        title=found.title if found else "",
        text=found.text if found else "",
        place=found.place if found else "",
        opened_at=found.opened_at if found else None,
        reason=found.reason if found else "",
        notes=tuple(ReceiptNote(one.kind, one.text, one.at) for one in notes),
        is_asked=found is not None and found.turn == "reporter",
        errors=errors,
        typed=visit.field("answer") if visit.form and errors else "",
    )
    return _unkept(visit.page("public_receipt.html", view, status=status))


def _unkept(response: Response) -> Response:
    """A page with a code is kept nowhere. That no link on it tells another server where it was, every page says."""
    response.headers["cache-control"] = "no-store"
    return response
