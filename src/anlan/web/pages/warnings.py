"""Warnings: the list, and one warning from draft to its end with what people get, the checks and the one next act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import assessment, registry
from anlan.errors import InputError, Problem
from anlan.store import Tx
from anlan.texts import LANGUAGES
from anlan.warning import HazardWarning, Preview, actions
from anlan.warning import preview as message_preview
from anlan.warning import queries as warning
from anlan.warning.cap.write import readable
from anlan.warning.types import TEXT_FIELDS
from anlan.web.access import Permission
from anlan.web.exports import CSV_TYPE, csv_bytes
from anlan.web.forms import field_errors
from anlan.web.pages.signals import people_names
from anlan.web.places import OnMap, city_map, counties_of, outlines
from anlan.web.routing import route
from anlan.web.views.frame import FieldError, Option
from anlan.web.views.signals import Filter
from anlan.web.views.warnings import TABS, Tab, WarningForm, WarningList, WarningRow, WarningView
from anlan.web.visit import Visit
from anlan.web.warning_parts import Held, acts, checks, history, lead, life, message_texts, title

router = APIRouter()
SHOWN_STATES = ("draft", "review", "in_force", "ended", "expired", "cancelled", "superseded", "withdrawn")
LEVELS = ("blue", "yellow", "orange", "red")
URGENCIES = ("Immediate", "Expected", "Future")
CERTAINTIES = ("Observed", "Likely", "Possible")
_FIRST = {"in_force": 0, "review": 1, "draft": 2}
_FIELDS = {
    **{f"texts.{language}.{field}": f"{field}_{language}" for language in LANGUAGES for field in TEXT_FIELDS},
    "area_codes": "areas",
    "effective": "onset",
}


@route(router, "GET", "/w/{world}/warnings", Permission.READ)
def listing(visit: Visit) -> Response:
    state = visit.query("state")
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        states: Any = (state,) if state in SHOWN_STATES else None
        found = warning.warnings(*args, states=states)
        counts = warning.state_counts(*args)
        areas = {area.code: visit.name(area.names) for area in registry.areas(*args)}
    found.sort(key=lambda one: (_FIRST.get(one.state, 3), -one.changed_at.timestamp()))
    joint = "、" if visit.language == "zh" else ", "
    rows = tuple(
        WarningRow(
            href=f"{visit.home}/warnings/{one.public_id}",
            number=one.number,
            title=title(visit, one),
            areas=joint.join(areas.get(code, code) for code in one.area_codes),
            level=str(one.level),
            state=visit.t(f"warning.state.{one.state}"),
            state_key=one.state,
            changed_at=one.changed_at,
            ends_at=one.expires,
        )
        for one in found
    )
    if visit.query("format") == "csv":
        head = ("number", "level", "state", "title", "areas", "changed_at", "expires")
        lines = [(r.number, r.level, r.state_key, r.title, r.areas, r.changed_at, r.ends_at) for r in rows]
        return visit.file(csv_bytes(head, lines), kind=CSV_TYPE, name="warnings.csv")
    filters = [
        Filter(visit.t("web.warnings.all"), visit.address(state=None), not state, sum(counts.values()))
    ]
    filters += [
        Filter(visit.t(f"warning.state.{name}"), visit.address(state=name), state == name, counts[name])
        for name in SHOWN_STATES
        if counts.get(name)
    ]
    new = f"{visit.home}/warnings/new" if visit.may_act(Permission.DRAFT) else ""
    view = WarningList(
        rows,
        tuple(filters),
        visit.address(format="csv"),
        f"{visit.home}/feed.atom",
        new,
        f"{visit.home}/verification",
    )
    return visit.page("warnings.html", view, current="warnings")


@route(router, "GET", "/w/{world}/warnings/{warning}", Permission.READ)
def warning_page(visit: Visit) -> Response:
    return warning_view(visit)


@route(router, "POST", "/w/{world}/warnings/{warning}/edit", Permission.DRAFT)
def edit(visit: Visit) -> Response:
    """Save what was typed. Texts that were not touched keep following level and places."""
    seq = visit.number_field("version")
    with visit.here.read() as connection:
        before = warning.warning(connection, visit.scope, visit.as_of, visit.parameter("warning"))
    texts = _changed_texts(visit, before)
    try:
        times = {name: moment_of(visit, name) for name in ("onset", "expires")}
        if times["expires"] is None:
            raise _field_problem("expires", visit.t("web.warning.expires_needed"))
        with visit.here.write(visit.actor) as tx:
            actions.edit(
                tx,
                before.public_id,
                expected_seq=seq,
                settings=visit.settings,
                level=visit.field("level") or None,
                area_codes=_areas(visit, before),
                texts=texts,
                urgency=visit.field("urgency") or None,
                certainty=visit.field("certainty") or None,
                times=times,
            )
    except InputError as error:
        visit.page_path = f"{visit.home}/warnings/{before.public_id}"
        return warning_view(visit, form_errors=field_errors(error, visit.language, _FIELDS), status=422)
    return visit.redirect(f"{visit.home}/warnings/{before.public_id}")


def _areas(visit: Visit, before: HazardWarning) -> list[str] | None:
    """The ticked areas; None where the area is drawn and nothing is ticked, so that the drawing stays."""
    ticked = visit.fields("areas")
    return None if before.shapes and not ticked else ticked


def _changed_texts(visit: Visit, before: HazardWarning) -> dict[str, dict[str, str]]:
    changed: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        for field in TEXT_FIELDS:
            name = f"{field}_{language}"
            typed = visit.field(name).replace("\r\n", "\n")
            if name in visit.form and typed != before.texts.get(language, {}).get(field, "").strip():
                changed.setdefault(language, {})[field] = typed
    return changed


def moment_of(visit: Visit, name: str) -> datetime | None:
    """The moment typed into a field, in the node's zone where it names none; None when it is empty."""
    text = visit.field(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _field_problem(name, visit.t("web.warning.moment", value=text)) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=visit.site.zone)


def _field_problem(field: str, message: str) -> InputError:
    return InputError(message, problems=[Problem("", {}, {"field": field}, message)])


@route(router, "POST", "/w/{world}/warnings/{warning}/submit", Permission.DRAFT)
def submit(visit: Visit) -> Response:
    return _act(
        visit, lambda tx, one, seq: actions.submit(tx, one, expected_seq=seq, settings=visit.settings)
    )


@route(router, "POST", "/w/{world}/warnings/{warning}/withdraw", Permission.DRAFT)
def withdraw(visit: Visit) -> Response:
    reason = visit.field("reason_withdraw")
    return _act(visit, lambda tx, one, seq: actions.withdraw(tx, one, expected_seq=seq, reason=reason))


@route(router, "POST", "/w/{world}/warnings/{warning}/return", Permission.RELEASE)
def hand_back(visit: Visit) -> Response:
    reason = visit.field("reason_return")
    return _act(visit, lambda tx, one, seq: actions.return_to_draft(tx, one, expected_seq=seq, reason=reason))


@route(router, "POST", "/w/{world}/warnings/{warning}/release", Permission.RELEASE)
def release(visit: Visit) -> Response:
    return _act(
        visit, lambda tx, one, seq: actions.release(tx, one, expected_seq=seq, settings=visit.settings)
    )


@route(router, "POST", "/w/{world}/warnings/{warning}/release_alone", Permission.RELEASE_ALONE)
def release_alone(visit: Visit) -> Response:
    reason = visit.field("reason_release_alone")
    return _act(
        visit,
        lambda tx, one, seq: actions.release(
            tx, one, expected_seq=seq, settings=visit.settings, alone=reason
        ),
    )


@route(router, "POST", "/w/{world}/warnings/{warning}/review", Permission.RELEASE)
def review(visit: Visit) -> Response:
    said = visit.field("reason_review")
    return _act(visit, lambda tx, one, seq: actions.review_release(tx, one, expected_seq=seq, said=said))


@route(router, "POST", "/w/{world}/warnings/{warning}/update", Permission.UPDATE)
def update(visit: Visit) -> Response:
    return _act(
        visit, lambda tx, one, seq: actions.update(tx, one, expected_seq=seq, settings=visit.settings)
    )


@route(router, "POST", "/w/{world}/warnings/{warning}/end", Permission.UPDATE)
def end(visit: Visit) -> Response:
    reason = visit.field("reason_end")
    return _act(
        visit,
        lambda tx, one, seq: actions.end(tx, one, expected_seq=seq, settings=visit.settings, reason=reason),
    )


@route(router, "POST", "/w/{world}/warnings/{warning}/cancel", Permission.UPDATE)
def cancel(visit: Visit) -> Response:
    reason = visit.field("reason_cancel")
    return _act(
        visit,
        lambda tx, one, seq: actions.cancel(
            tx, one, expected_seq=seq, settings=visit.settings, reason=reason
        ),
    )


def _act(visit: Visit, do: Callable[[Tx, str, int], HazardWarning]) -> Response:
    """One act on a warning this person may see. The answer is the page of the step that came of it."""
    seq = visit.number_field("version")
    with visit.here.read() as connection:
        one = warning.warning(connection, visit.scope, visit.as_of, visit.parameter("warning"))
    try:
        with visit.here.write(visit.actor) as tx:
            made = do(tx, one.public_id, seq)
    except InputError as error:
        visit.page_path = f"{visit.home}/warnings/{one.public_id}"
        return warning_view(visit, errors=field_errors(error, visit.language, _FIELDS), status=422)
    return visit.redirect(f"{visit.home}/warnings/{made.public_id}")


def warning_view(
    visit: Visit,
    errors: tuple[FieldError, ...] = (),
    form_errors: tuple[FieldError, ...] = (),
    status: int = 200,
) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        one = warning.warning(*args, visit.parameter("warning"))
        shown = message_preview(*args, one.public_id, world=visit.here, settings=visit.settings, at=visit.now)
        basis = assessment.assessment(*args, one.assessment_id) if one.assessment_id else None
        held = Held(
            one=one,
            shown=shown,
            basis=basis,
            steps=tuple(warning.chain(*args, one.chain_id)),
            versions=tuple(warning.history(*args, one.public_id)),
            people=people_names(visit, connection),
            areas={area.code: area for area in registry.areas(*args)},
            hazard=warning.hazard(*args, one.hazard),
            others=_in_force_there(visit, connection, one),
        )
        view = _view(visit, connection, held, errors, form_errors)
    return visit.page("warning.html", view, current="warnings", status=status)


def _in_force_there(visit: Visit, connection: Connection, one: HazardWarning) -> tuple[HazardWarning, ...]:
    """Other warnings of the same hazard in force for one of its areas, a part of one, or what it lies in."""
    if one.state not in ("draft", "review"):
        return ()
    found = warning.warnings(connection, visit.scope, visit.as_of, states=["in_force"])
    return tuple(
        other
        for other in found
        if other.hazard == one.hazard
        and other.chain_id != one.chain_id
        and other.expires > visit.now
        and any(
            mine.startswith(theirs) or theirs.startswith(mine)
            for mine in one.area_paths
            for theirs in other.area_paths
        )
    )


def _view(
    visit: Visit,
    connection: Connection,
    held: Held,
    errors: tuple[FieldError, ...],
    form_errors: tuple[FieldError, ...],
) -> WarningView:
    one, home = held.one, visit.home
    href = f"{home}/warnings/{one.public_id}"
    editable = one.state == "draft" and visit.may_act(Permission.DRAFT)
    signal = held.basis.signal_ids[0] if held.basis is not None and held.basis.signal_ids else ""
    return WarningView(
        number=one.number,
        title=title(visit, one, question=True),
        lead=lead(visit, held),
        state=visit.t(f"warning.state.{one.state}"),
        level=str(one.level),
        life=life(visit, held),
        checks=checks(visit, held) if one.state in ("draft", "review") else (),
        messages=message_texts(held.shown, visit.site.zone),
        cap_xml=readable(held.shown.cap_bytes),
        tab=_tab(visit),
        message_language=visit.query("text") if visit.query("text") in LANGUAGES else visit.language,
        href=href,
        version=str(one.known_seq),
        where=_where(visit, connection, one),
        acts=acts(visit, held, href),
        issued_at=one.released_at,
        ends_at=one.expires,
        sender=visit.settings.cap_sender_name,
        form=_form(visit, held, form_errors, href) if editable else None,
        basis=_basis(visit, held),
        basis_href=f"{home}/signals/{signal}" if signal else "",
        history=history(visit, held),
        cap_href=f"{home}/cap/{one.message_identifier}" if one.message_identifier else "",
        digest=_digest(held.shown),
        errors=errors,
        notice=_notice(visit, held),
        outcome_action=f"{href}/outcome" if _may_record(visit, held) else "",
    )


def _may_record(visit: Visit, held: Held) -> bool:
    """What came of a warning is recorded on any of its issued steps."""
    return held.one.released_at is not None and visit.may_act(Permission.UPDATE)


def _tab(visit: Visit) -> Tab:
    wanted: Any = visit.query("tab")
    return wanted if wanted in TABS else "page"


def _digest(shown: Preview) -> str:
    return sha256(shown.cap_bytes).hexdigest() if shown.released else ""


def _notice(visit: Visit, held: Held) -> str:
    if visit.here.is_live and not visit.settings.public_release and held.one.state in ("draft", "review"):
        return visit.t("web.warning.no_public")
    if held.one.alone_reason is not None and held.one.reviewed_at is None:
        return visit.t(
            "web.warning.alone", by=held.person(held.one.released_by), reason=held.one.alone_reason
        )
    if held.one.state == "draft" and held.one.reason and not held.one.submitted_at:
        return visit.t("web.warning.returned", reason=held.one.reason)
    return ""


def _basis(visit: Visit, held: Held) -> str:
    if held.basis is None:
        return ""
    level = visit.t(f"web.level.{held.basis.level}") if held.basis.level else visit.t("web.assess.no_level")
    return visit.t(
        "web.warning.basis_line",
        likelihood=visit.t(f"web.assess.likelihood.{held.basis.likelihood}"),
        impact=visit.t(f"web.assess.impact.{held.basis.impact}"),
        level=level,
    )


def _where(visit: Visit, connection: Connection, one: HazardWarning) -> Any:
    found = outlines(visit, connection, visit.as_of)
    levels = {
        county: (str(one.level),)
        for code, path in zip(one.area_codes, one.area_paths, strict=False)
        for county in counties_of(found, path, code)
    }
    return city_map(visit, connection, OnMap(levels=levels), width=340) if levels else None


def _form(visit: Visit, held: Held, errors: tuple[FieldError, ...], href: str) -> WarningForm:
    one = held.one
    typed = visit.form if errors else None
    values = {
        "onset": visit.f.moment_field(one.onset) if one.onset else "",
        "expires": visit.f.moment_field(one.expires),
    }
    values |= {
        f"{field}_{language}": one.texts.get(language, {}).get(field, "")
        for language in LANGUAGES
        for field in TEXT_FIELDS
    }
    level, areas = str(one.level), set() if one.shapes else set(one.area_codes)
    urgency, certainty = one.urgency, one.certainty
    if typed is not None:
        values |= {name: visit.field(name) for name in values}
        level, areas = visit.field("level") or level, set(visit.fields("areas"))
        urgency, certainty = visit.field("urgency") or urgency, visit.field("certainty") or certainty
    return WarningForm(
        action=f"{href}/edit",
        values=values,
        levels=tuple(Option(name, "", name == level) for name in LEVELS),
        areas=_area_options(visit, held, areas),
        urgencies=_words(visit, "urgency", URGENCIES, urgency),
        certainties=_words(visit, "certainty", CERTAINTIES, certainty),
        shapes=len(one.shapes),
        draft_key=f"warning-{visit.here.name}-{one.public_id}-{one.known_seq}",
        errors=errors,
    )


def _words(visit: Visit, group: str, words: tuple[str, ...], chosen: str) -> tuple[Option, ...]:
    listed = words if chosen in words else (*words, chosen)
    return tuple(Option(word, visit.t(f"web.cap.{group}.{word}"), word == chosen) for word in listed)


def _area_options(visit: Visit, held: Held, chosen: set[str]) -> tuple[Option, ...]:
    """The city, its counties, and whatever is chosen already."""
    city = visit.settings.node_area
    offered = [code for code, area in held.areas.items() if code == city or area.parent_code == city]
    offered += [code for code in sorted(chosen) if code not in offered and code in held.areas]
    return tuple(Option(code, visit.name(held.areas[code].names), code in chosen) for code in offered)
