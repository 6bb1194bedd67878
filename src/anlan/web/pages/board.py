"""The duty board: what needs this person now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import analysis, registry
from anlan.flows import board as flow
from anlan.registry import Source
from anlan.store import Scope
from anlan.texts import Sentence, name_in
from anlan.warning import HazardWarning
from anlan.web.access import Permission
from anlan.web.drawings import hours_axis_svg
from anlan.web.places import OnMap, Outlines, city_map, counties_of, outlines
from anlan.web.routing import route
from anlan.web.views.board import BoardView, Coming, MapView, Silent, Strip, Waiting
from anlan.web.visit import RailCounts, Visit

router = APIRouter()
_ALL_AREAS = Scope.everything("names of areas in force")
MOST_COMING = 12


@route(router, "GET", "/w/{world}/", Permission.READ)
def board(visit: Visit) -> Response:
    at = visit.known or visit.now
    # A board of the past is what the journal held then; the page of a series asks what the world knew.
    as_of = visit.as_of if visit.known is None else visit.here.as_of(at=visit.known)
    with visit.here.read() as connection:
        found = flow.board(
            connection,
            visit.scope,
            as_of,
            at=at,
            person_id=visit.who.person_id if visit.who is not None else "",
            may_triage=visit.may(Permission.TRIAGE),
            may_draft=visit.may(Permission.DRAFT),
            may_release=visit.may(Permission.RELEASE),
            may_handle=visit.may(Permission.HANDLE),
        )
        names = area_names(visit, connection, found.in_force)
        coming = tuple(_coming(visit, item) for item in found.coming[:MOST_COMING])
        view = BoardView(
            in_force=tuple(strip_of(visit, one, names) for one in found.in_force),
            waiting=tuple(_waiting(visit, item) for item in found.waiting),
            coming=coming,
            silent=tuple(_silent(visit, item) for item in found.silent),
            sources_total=found.sources_total,
            city=_map(visit, connection, found),
            axis=hours_axis_svg(
                [item.at for item in coming], start=at, zone=visit.site.zone, label=visit.t("web.board.axis")
            ),
            at=at,
        )
    matters = sum(item.kind == "matter" for item in found.waiting)
    counts = RailCounts(len(found.open_signals), len(found.in_force), matters)
    return visit.page("board.html", view, current="board", counts=counts)


def title_in(title: Sentence | Mapping[str, str], language: str) -> str:
    """A title that is a sentence of the system or a text by language."""
    return analysis.say(title, language) if isinstance(title, Sentence) else name_in(title, language)


def area_names(visit: Visit, connection: Connection, found: tuple[HazardWarning, ...]) -> dict[str, str]:
    """Names of the areas of warnings, by code."""
    wanted = {code for one in found for code in one.area_codes}
    if not wanted:
        return {}
    areas = registry.areas(connection, _ALL_AREAS, visit.as_of)
    return {area.code: visit.name(area.names) for area in areas if area.code in wanted}


def strip_of(visit: Visit, one: HazardWarning, names: Mapping[str, str]) -> Strip:
    joint = "、" if visit.language == "zh" else ", "
    return Strip(
        level=str(one.level),
        title=visit.name({language: texts["headline"] for language, texts in one.texts.items()}),
        areas=joint.join(names.get(code, code) for code in one.area_codes),
        issued_at=one.released_at or one.changed_at,
        ends_at=one.expires,
        href=f"{visit.home}/warnings/{one.public_id}",
    )


def _waiting(visit: Visit, item: flow.WaitingItem) -> Waiting:
    addresses = {
        "signal": f"signals/{item.subject_id}",
        "assessment": f"signals/{item.subject_id}/assess",
        "draft": f"assessments/{item.subject_id}",
        "release": f"warnings/{item.subject_id}",
        "update": f"warnings/{item.subject_id}",
        "review": f"warnings/{item.subject_id}",
        "matter": f"matters/{item.subject_id}",
    }
    return Waiting(
        kind=item.kind,
        since=item.since,
        title=title_in(item.title, visit.language),
        reason=analysis.say(item.reason, visit.language),
        href=f"{visit.home}/{addresses[item.kind]}",
        level=item.level,
        due=item.due,
    )


def _coming(visit: Visit, item: flow.ComingItem) -> Coming:
    where = "warnings" if item.kind == "expiry" else "signals"
    said = visit.t(f"web.coming.{item.kind}", title=title_in(item.title, visit.language))
    return Coming(at=item.at, what=said, href=f"{visit.home}/{where}/{item.subject_id}")


def _silent(visit: Visit, item: flow.SilentSource) -> Silent:
    return Silent(
        name=visit.name(item.source.names),
        rhythm=rhythm_of(visit, item.source),
        last=item.last_delivery,
        late_since=item.late_since,
        href=f"{visit.home}/signals/{item.signal.public_id}",
    )


# A closed collection has a rhythm only because a source must have one: ten years.
_NEVER_AGAIN_HOURS = 5 * 365 * 24


def rhythm_of(visit: Visit, source: Source) -> str:
    """``every day, within 36 h``; ``once`` for a source that is not expected to deliver again."""
    hours = source.due_after_hours + source.grace_hours
    if hours > _NEVER_AGAIN_HOURS:
        return visit.t("web.data.rhythm_once")
    key = "web.data.rhythm_hours" if hours < 72 else "web.data.rhythm_days"
    return visit.t(key, step=visit.t(f"web.step.{source.step}"), hours=round(hours), days=round(hours / 24))


def _map(visit: Visit, connection: Connection, found: flow.Board) -> MapView:
    places = outlines(visit, connection, visit.as_of)
    levels: dict[str, tuple[str, ...]] = {}
    for one in found.in_force:
        for code in _concerned(places, one.area_codes, one.area_paths):
            levels[code] = (*levels.get(code, ()), str(one.level))
    signals: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    for signal in found.open_signals:
        target = silent if signal.kind == "silence" else signals
        # A signal about the whole country is no signal of each county; only what lies inside the city is marked.
        if signal.area_path.startswith(_city_path(places)):
            target.update(counties_of(places, signal.area_path, signal.area_code))
    return city_map(visit, connection, OnMap(levels=levels, signals=signals, silent=silent), links=True)


def _city_path(places: Outlines) -> str:
    first = places.counties[0].path if places.counties else "//"
    return first[: first.rstrip("/").rfind("/") + 1]


def _concerned(places: Outlines, codes: tuple[str, ...], paths: tuple[str, ...]) -> set[str]:
    return {
        county for code, path in zip(codes, paths, strict=False) for county in counties_of(places, path, code)
    }
