"""Were our warnings right: hits, misses, false alarms and lead times, for a chief to read and to take away as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import assessment, registry
from anlan.errors import InputError
from anlan.warning import Level, verification
from anlan.warning import queries as warning
from anlan.warning.verification import GROUPS, Score, Share, Verified
from anlan.web.access import Permission
from anlan.web.exports import CSV_TYPE, csv_bytes
from anlan.web.forms import field_errors
from anlan.web.pages.warnings import moment_of, warning_view
from anlan.web.routing import route
from anlan.web.views.frame import FieldError, Option
from anlan.web.views.signals import Filter
from anlan.web.views.verification import CaseRow, ScoreRow, SignalRow, VerificationView
from anlan.web.visit import Visit

router = APIRouter()
PERIODS = {"30": timedelta(days=30), "365": timedelta(days=365), "all": None}
_FIELDS = {"area_codes": "areas", "reason": "said"}


@route(router, "GET", "/w/{world}/verification", Permission.READ)
def page(visit: Visit) -> Response:
    return _page(visit)


@route(router, "POST", "/w/{world}/verification", Permission.UPDATE)
def record_miss(visit: Visit) -> Response:
    """Something happened that nobody had warned of."""
    try:
        began = moment_of(visit, "began_at")
        with visit.here.write(visit.actor) as tx:
            verification.record_miss(
                tx,
                hazard=visit.field("hazard"),
                level=visit.field("level"),
                area_codes=visit.fields("areas"),
                began_at=began,  # type: ignore[arg-type]
                said=visit.field("said"),
            )
    except InputError as error:
        return _page(visit, field_errors(error, visit.language, _FIELDS), status=422)
    return visit.redirect(f"{visit.home}/verification")


@route(router, "POST", "/w/{world}/warnings/{warning}/outcome", Permission.UPDATE)
def record_outcome(visit: Visit) -> Response:
    """What came of a warning, told on its page."""
    with visit.here.read() as connection:
        one = warning.warning(connection, visit.scope, visit.as_of, visit.parameter("warning"))
    try:
        began = moment_of(visit, "began_at")
        with visit.here.write(visit.actor) as tx:
            verification.record_outcome(
                tx,
                one.chain_id,
                happened=visit.field("happened") == "yes",
                began_at=began,
                said=visit.field("said"),
            )
    except InputError as error:
        visit.page_path = f"{visit.home}/warnings/{one.public_id}"
        return warning_view(visit, field_errors(error, visit.language, _FIELDS), status=422)
    return visit.redirect(f"{visit.home}/warnings/{one.public_id}")


def _page(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    period = visit.query("period") if visit.query("period") in PERIODS else "365"
    by = visit.query("by") if visit.query("by") in GROUPS else "hazard"
    length = PERIODS[period]
    since = visit.now - length if length is not None else None
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        found = [
            replace(one, at=one.at.astimezone(visit.site.zone))
            for one in verification.verified(*args, since=since)
        ]
        names = _names(visit, connection)
        signals = _signals(visit, connection, since)
        hazards = warning.hazards(*args)
        areas = registry.areas(*args)
    rows = verification.scores(found, by)
    if visit.query("format") == "csv":
        return visit.file(_csv(found, names), kind=CSV_TYPE, name="verification.csv")
    city = visit.settings.node_area
    typed = visit.form if errors else None
    view = VerificationView(
        periods=tuple(
            Filter(
                visit.t(f"web.verification.period.{name}"), visit.address(period=name), name == period, None
            )
            for name in PERIODS
        ),
        groups=tuple(
            Filter(visit.t(f"web.verification.by.{name}"), visit.address(by=name), name == by, None)
            for name in GROUPS
        ),
        group_word=visit.t(f"web.verification.by.{by}"),
        whole=_row(visit, verification.scores(found)[0], {}, by),
        rows=tuple(_row(visit, one, names, by) for one in rows),
        cases=tuple(_case(visit, one, names) for one in reversed(found)),
        signals=signals,
        csv_href=visit.address(format="csv"),
        action=f"{visit.home}/verification",
        hazards=tuple(
            Option(one.code, visit.name(one.names), typed is not None and one.code == visit.field("hazard"))
            for one in hazards
        ),
        levels=tuple(
            Option(str(level), visit.t(f"web.level.{level}"), str(level) == visit.field("level"))
            for level in Level
        ),
        areas=tuple(
            Option(area.code, visit.name(area.names), area.code in visit.fields("areas"))
            for area in areas
            if area.code == city or area.parent_code == city
        ),
        began_at=visit.field("began_at"),
        said=visit.field("said"),
        may_record=visit.may_act(Permission.UPDATE),
        errors=errors,
    )
    return visit.page("verification.html", view, current="warnings", status=status)


def _names(visit: Visit, connection: Connection) -> dict[str, str]:
    """Words of hazards, areas and levels, by code."""
    args = (connection, visit.scope, visit.as_of)
    names = {one.code: visit.name(one.names) for one in warning.hazards(*args)}
    names |= {area.code: visit.name(area.names) for area in registry.areas(*args)}
    return names | {str(level): visit.t(f"web.level.{level}") for level in Level}


def _row(visit: Visit, score: Score, names: Mapping[str, str], by: str) -> ScoreRow:
    return ScoreRow(
        name=names.get(score.key, score.key),
        level=score.key if by == "level" and names else "",
        hits=score.hits,
        late=score.late,
        misses=score.misses,
        false_alarms=score.false_alarms,
        open=score.open,
        detection=_said(visit, score.detection),
        false_ratio=_said(visit, score.false_alarm_ratio),
        success=_said(visit, score.critical_success),
        lead=_length(visit, score.median_lead),
    )


def _said(visit: Visit, share: Share) -> str:
    """``5 of 7 = 71 % (36 to 92)``; a dash where there is nothing to divide by."""
    if share.value is None or share.low is None or share.high is None:
        return "—"
    return visit.t(
        "web.verification.share",
        part=share.part,
        whole=share.whole,
        value=round(100 * share.value),
        low=round(100 * share.low),
        high=round(100 * share.high),
    )


def _length(visit: Visit, lead: timedelta | None) -> str:
    if lead is None:
        return "—"
    return ("−" if lead < timedelta(0) else "") + visit.f.length(abs(lead))


def _case(visit: Visit, one: Verified, names: Mapping[str, str]) -> CaseRow:
    joint = "、" if visit.language == "zh" else ", "
    return CaseRow(
        number=one.number,
        href=f"{visit.home}/warnings/{one.public_id}" if one.number else "",
        title=names.get(one.hazard, one.hazard),
        areas=joint.join(names.get(code, code) for code in one.area_codes),
        level=one.level,
        at=one.at,
        verdict=visit.t(f"web.verification.verdict.{one.verdict}"),
        verdict_key=one.verdict,
        lead=_length(visit, one.lead) if one.verdict == "hit" else "",
        said=one.said,
    )


def _signals(visit: Visit, connection: Connection, since: datetime | None) -> tuple[SignalRow, ...]:
    """What triage made of the signals; one that is merged into another is not counted twice."""
    args = (connection, visit.scope, visit.as_of)
    names = {one.pack_id: visit.name(one.content.get("names")) for one in registry.installed_packs(*args)}
    counts: dict[str, Counter[str]] = {}
    for one in assessment.triages(*args, limit=None):
        if one.kind != "silence" and (since is None or one.raised_at >= since):
            counts.setdefault(one.domain, Counter())[one.state] += 1
    rows = []
    for domain, states in sorted(counts.items()):
        judged = verification.share(states["verified"], states["verified"] + states["dismissed"])
        word = names.get(domain, domain)
        rows.append(
            SignalRow(word, states["verified"], states["dismissed"], states["new"], _said(visit, judged))
        )
    return tuple(rows)


def _csv(found: Sequence[Verified], names: Mapping[str, str]) -> bytes:
    head = ("number", "hazard", "level", "areas", "at", "verdict", "lead_minutes", "said")
    lines = [
        (
            one.number,
            names.get(one.hazard, one.hazard),
            one.level,
            " ".join(one.area_codes),
            one.at,
            one.verdict,
            None if one.lead is None else round(one.lead.total_seconds() / 60),
            one.said,
        )
        for one in found
    ]
    return csv_bytes(head, lines)
