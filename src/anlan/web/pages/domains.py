"""What is watched: domains, their series, one series with its past; and the search over names."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from fastapi import APIRouter
from markupsafe import Markup
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import assessment, registry, series
from anlan.charts import CurveData
from anlan.errors import NotFoundError
from anlan.registry import Indicator
from anlan.series import Series, SeriesValues
from anlan.web.access import Permission
from anlan.web.drawings import ratio_stick_svg, sparkline_svg
from anlan.web.exports import CSV_TYPE, csv_bytes
from anlan.web.formats import number
from anlan.web.looks import Look, Naming, look_at, naming
from anlan.web.plots import Periods, counts_chart, known_track, line_data, lines_chart, spread
from anlan.web.routing import route
from anlan.web.views.charts import ChartView
from anlan.web.views.domains import (
    CompareRow,
    DomainCard,
    DomainIndex,
    DomainView,
    KeyFigure,
    PlaceGroup,
    PlaceSpark,
    Revision,
    SearchHit,
    SearchView,
    SeriesView,
)
from anlan.web.views.signals import Fact
from anlan.web.visit import Visit

router = APIRouter()
MOST_SERIES = 400
MOST_ROWS = 16
MANY_PLACES = 4
MOST_HITS = 40
MOST_REVISIONS = 200


@route(router, "GET", "/w/{world}/domains", Permission.READ)
def index(visit: Visit) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        packs = registry.installed_packs(*args)
        indicators = registry.indicators(*args)
        listed = series.series_list(*args)
        waiting = assessment.triages(*args, states=("new", "verified"), limit=None)
    cards = []
    for pack in packs:
        mine = [one for one in indicators if one.domain == pack.pack_id]
        cards.append(
            DomainCard(
                href=f"{visit.home}/domains/{pack.pack_id}",
                name=visit.name(pack.content.get("names")),
                summary=visit.name(pack.content.get("summary")),
                indicators=len(mine),
                series=sum(one.domain == pack.pack_id for one in listed),
                open_signals=sum(one.domain == pack.pack_id for one in waiting),
                latest=visit.t("web.domains.version", version=pack.version),
            )
        )
    return visit.page("domains.html", DomainIndex(tuple(cards)), current="domains")


@route(router, "GET", "/w/{world}/domains/{domain}", Permission.READ)
def domain_page(visit: Visit) -> Response:
    domain = visit.parameter("domain")
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        pack = next((one for one in registry.installed_packs(*args) if one.pack_id == domain), None)
        if pack is None:
            raise NotFoundError(
                f"no domain {domain!r} here", key="web.error.domain", values={"domain": domain}
            )
        names = naming(visit, connection)
        listed = series.series_list(*args, domain=domain)[:MOST_SERIES]
        found = series.values(*args, [one.id for one in listed])
        sources = registry.sources(*args, domain=domain)
    looks = [look for one in listed if (look := look_at(one, names, found.of(one.id))) is not None]
    alone, groups = _grouped(visit, looks, names)
    fresh = [
        look for look in alone if (look.ratio is not None or look.is_yearly) and not _is_stale(look, looks)
    ]
    fresh.sort(key=lambda look: (-(look.ratio or 0.0), look.series.id))
    others = [look for look in alone if look not in fresh]
    shown = fresh[:MOST_ROWS] or others[:MOST_ROWS]
    rest = [look for look in (*fresh, *others) if look not in shown]
    name = visit.name(pack.content.get("names"))
    chosen = shown[0] if shown else None
    view = DomainView(
        name=name,
        title=visit.t("web.domain.title" if _is_counted(alone) else "web.domain.title_state", domain=name),
        lead=visit.t("web.domain.lead", count=len(looks), above=sum((look.ratio or 0) > 1 for look in fresh)),
        notices=_notices(visit, looks, names),
        figures=tuple(_figure(visit, look, names) for look in shown[:4]),
        table_title=visit.t("web.domain.table"),
        table_note=visit.t("web.domain.table_note"),
        rows=tuple(_row(visit, look, names) for look in shown),
        more_rows=tuple(_row(visit, look, names) for look in rest),
        groups=groups,
        chart=_chart(visit, chosen, found.of(chosen.series.id), names) if chosen else None,
        chart_href=f"{visit.home}/series/{chosen.series.id}" if chosen else "",
        sources=tuple(visit.name(source.attribution) or visit.name(source.names) for source in sources),
    )
    return visit.page("domain.html", view, current="domains")


def _grouped(visit: Visit, looks: list[Look], names: Naming) -> tuple[list[Look], tuple[PlaceGroup, ...]]:
    """Series that stand alone, and indicators that are known at many places."""
    by_indicator: dict[str, list[Look]] = {}
    for look in looks:
        by_indicator.setdefault(look.indicator.code, []).append(look)
    alone: list[Look] = []
    groups = []
    for members in by_indicator.values():
        if len(members) < MANY_PLACES:
            alone += members
            continue
        members.sort(key=lambda look: (-look.total, look.series.id))
        retrospective = (
            visit.t("web.domain.retrospective") if any(look.retrospective for look in members) else ""
        )
        until = members[0].indicator.calendar.label(max(look.period for look in members), visit.language)
        places = tuple(
            PlaceSpark(
                place=names.place(look.series),
                href=f"{visit.home}/series/{look.series.id}",
                value=number(look.total if retrospective else look.value, visit.language),
                spark=sparkline_svg(
                    look.whole if retrospective else look.recent, label=names.title(look.series)
                ),
            )
            for look in members
        )
        note = " · ".join(part for part in (until, names.unit(members[0].indicator), retrospective) if part)
        groups.append(PlaceGroup(visit.name(members[0].indicator.names), note, places))
    return alone, tuple(groups)


def _is_counted(looks: list[Look]) -> bool:
    """Whether a domain is mostly about counts, so that more than usual is the question."""
    return sum(look.indicator.kind == "count" for look in looks) * 2 >= max(1, len(looks))


def _is_stale(look: Look, looks: list[Look]) -> bool:
    """Whether a series ended more than a year before the newest of its kind of period."""
    step = look.indicator.calendar.step
    newest = max(other.period for other in looks if other.indicator.calendar.step == step)
    return newest - look.period > look.indicator.calendar.periods_per_year


def _notices(visit: Visit, looks: list[Look], names: Naming) -> tuple[str, ...]:
    """Say it plainly when nothing on the page is about this city."""
    home = visit.settings.node_area
    if not looks or any(f"/{home}/" in f"/{look.series.area_path}" for look in looks):
        return ()
    countries = dict.fromkeys(look.series.area_path.split("/", 1)[0] for look in looks)
    joint = "、" if visit.language == "zh" else ", "
    places = joint.join(names.area(code) for code in countries)
    return (visit.t("web.domain.elsewhere", places=places, city=names.area(home)),)


def _figure(visit: Visit, look: Look, names: Naming) -> KeyFigure:
    compare = ""
    if look.usual is not None:
        usual = number(look.usual, visit.language, digits=look.indicator.decimals)
        compare = visit.t("web.domain.compare", usual=usual)
    elif look.before is not None:
        period, value = look.before
        label = look.indicator.calendar.label(period, visit.language)
        compare = (
            f"{label}{visit.t('web.colon')}{number(value, visit.language, digits=look.indicator.decimals)}"
        )
    return KeyFigure(
        value=number(look.value, visit.language, digits=look.indicator.decimals),
        unit=names.unit(look.indicator),
        name=f"{visit.name(look.indicator.names)} · {names.area(look.series.area_code)} · {look.label(visit.language)}",
        compare=compare,
        href=f"{visit.home}/series/{look.series.id}",
    )


def _row(visit: Visit, look: Look, names: Naming) -> CompareRow:
    title = names.title(look.series)
    ratio = look.ratio
    said = visit.t("web.domain.stick", ratio=number(ratio, visit.language, digits=2))
    return CompareRow(
        name=visit.name(look.indicator.names),
        href=f"{visit.home}/series/{look.series.id}",
        period=look.label(visit.language),
        value=look.value,
        usual=look.usual if look.usual is not None or look.before is None else look.before[1],
        usual_note=_usual_note(visit, look),
        ratio=ratio,
        stick=ratio_stick_svg(ratio, label=said) if ratio else Markup(""),
        spark=sparkline_svg(look.recent, label=visit.t("web.domain.spark", series=title)),
        place=names.place(look.series),
        unit=names.unit(look.indicator),
        digits=look.indicator.decimals,
    )


def _usual_note(visit: Visit, look: Look) -> str:
    """The period of the value before, where nothing closer is there to compare with."""
    if look.usual is not None or look.before is None:
        return ""
    return look.indicator.calendar.label(look.before[0], visit.language)


def _settle_zone(visit: Visit, connection: Connection, series_id: int) -> None:
    """A page about one series goes back by days of the zone that its figures are published in."""
    present = visit.here.as_of()
    one = series.series_one(connection, visit.scope, present, series_id)
    indicator = registry.indicator(connection, visit.scope, present, one.indicator_code)
    visit.days_of(indicator.calendar.zone)


@route(router, "GET", "/w/{world}/series/{series}", Permission.READ)
def series_page(visit: Visit) -> Response:
    one_id = _series_id(visit)
    as_text = visit.parameter("series").endswith(".csv")
    with visit.here.read() as connection:
        _settle_zone(visit, connection, one_id)
        args = (connection, visit.scope, visit.as_of)
        one = series.series_one(*args, one_id)
        names = naming(visit, connection)
        indicator = names.indicator(one)
        found = series.values(*args, [one.id])
        if as_text:
            return _series_csv(visit, one, indicator, found)
        now = visit.here.as_of(seq=visit.as_of.seq)
        moments = series.known_moments(connection, visit.scope, now, one.id, last_n=400)
        revised = _revised(visit, connection, one, indicator)
        sources = [item for item in registry.sources(*args) if indicator.code in item.delivers]
        packs = {pack.pack_id: pack for pack in registry.installed_packs(*args)}
    look = look_at(one, names, found)
    was = {change.at: change.was for change in revised}
    chart = _chart(visit, look, found, names, was) if look else _empty_chart(visit, one, names)
    domain = packs.get(one.domain)
    view = SeriesView(
        title=names.title(one),
        lead=_series_lead(visit, look, names),
        domain=visit.name(domain.content.get("names")) if domain else one.domain,
        domain_href=f"{visit.home}/domains/{one.domain}",
        chart=chart,
        known=known_track(visit, moments, note=visit.t("web.series.known_note")),
        facts=_facts(visit, one, indicator, names, sources),
        csv_href=f"{visit.home}/series/{one.id}.csv"
        + (f"?known={visit.query('known')}" if visit.known else ""),
        revisions=revised[:MOST_REVISIONS],
        revised=len(revised),
        notices=(visit.t("web.series.retrospective"),) if look is not None and look.retrospective else (),
    )
    return visit.page("series.html", view, current="domains")


def _series_id(visit: Visit) -> int:
    text = visit.parameter("series").removesuffix(".csv")
    if not text.isdigit():
        raise NotFoundError(f"no series {text!r} here", key="series.no_such_series", values={"series": text})
    return int(text)


def _series_lead(visit: Visit, look: Look | None, names: Naming) -> str:
    if look is None:
        return visit.t("web.series.none_then")
    value = number(look.value, visit.language, digits=look.indicator.decimals)
    return visit.t(
        "web.series.lead", period=look.label(visit.language), value=value, unit=names.unit(look.indicator)
    )


def _facts(
    visit: Visit, one: Series, indicator: Indicator, names: Naming, sources: list[registry.Source]
) -> tuple[Fact, ...]:
    facts = [
        Fact(visit.t("web.series.indicator"), f"{visit.name(indicator.names)} ({indicator.code})"),
        Fact(visit.t("web.series.place"), names.place(one)),
        Fact(visit.t("web.series.unit"), names.unit(indicator)),
        Fact(visit.t("web.series.step"), visit.t(f"web.step.{indicator.calendar.step}")),
    ]
    if basis := visit.name(indicator.basis):
        facts.append(Fact(visit.t("web.series.basis"), basis))
    for source in sources:
        said = visit.name(source.attribution) or visit.name(source.names)
        facts.append(Fact(visit.t("web.data.source"), said))
        if source.licence:
            facts.append(Fact(visit.t("web.series.licence"), source.licence))
    return tuple(facts)


def _chart(
    visit: Visit,
    look: Look,
    found: SeriesValues,
    names: Naming,
    was: Mapping[int, float | None] | None = None,
) -> ChartView:
    indicator = look.indicator
    periods, row = spread(found, indicator.calendar)
    unit = names.unit(indicator)
    title = names.title(look.series)
    if indicator.kind == "count":
        curve = CurveData(periods=periods.texts(), observed=row, title=title, unit=unit)
        return counts_chart(visit, periods, curve, decimals=indicator.decimals, was=was)
    return lines_chart(
        visit,
        periods,
        line_data(periods, visit.name(indicator.names), row, unit=unit, title=title),
        decimals=indicator.decimals,
        was=was,
    )


def _empty_chart(visit: Visit, one: Series, names: Naming) -> ChartView:
    indicator = names.indicator(one)
    curve = CurveData(periods=[], observed=[], title=names.title(one), unit=names.unit(indicator))
    return counts_chart(visit, Periods(indicator.calendar, 0, 0), curve)


def _revised(visit: Visit, connection: Connection, one: Series, indicator: Indicator) -> tuple[Revision, ...]:
    """Every period that was told differently later, the newest change first; a withdrawn value is now none."""
    found = []
    for period, versions in series.corrected(connection, visit.scope, visit.as_of, one.id).items():
        told = [(None if _withdrawn(version) else version.value, version.known_at) for version in versions]
        changes = [(old, new, at) for (old, _), (new, at) in pairwise(told) if old != new]
        if changes:
            was, now, at = changes[-1]
            label = indicator.calendar.label(period, visit.language)
            found.append(Revision(label, was, now, at, period))
    found.sort(key=lambda change: (change.known_at, change.at), reverse=True)
    return tuple(found)


def _withdrawn(version: series.Version) -> bool:
    return bool(version.flags & series.Flag.WITHDRAWN)


def _series_csv(visit: Visit, one: Series, indicator: Indicator, found: SeriesValues) -> Response:
    head = (
        "indicator",
        "area",
        "site",
        "stratum",
        "period",
        "value",
        "unit",
        "qualifier",
        "flags",
        "known_at",
    )
    rows = [
        (
            one.indicator_code,
            one.area_code,
            one.site_code,
            one.stratum,
            indicator.calendar.text(int(found.period[at])),
            None if found.value[at] != found.value[at] else float(found.value[at]),
            indicator.unit,
            int(found.qualifier[at]),
            int(found.flags[at]),
            series.moment_of(int(found.known_at[at])),
        )
        for at in range(len(found))
    ]
    return visit.file(csv_bytes(head, rows), kind=CSV_TYPE, name=f"series-{one.id}.csv")


@route(router, "GET", "/w/{world}/search", Permission.READ)
def search(visit: Visit) -> Response:
    """Series whose names hold all the words, and signals of that number."""
    words = visit.query("q").strip()[:80]
    hits: list[SearchHit] = []
    if words:
        with visit.here.read() as connection:
            names = naming(visit, connection)
            parts = words.casefold().split()
            for one in series.series_list(connection, visit.scope, visit.as_of):
                text = names.everything(one)
                if all(part in text for part in parts):
                    hits.append(
                        SearchHit(
                            visit.t("web.domain.series"), names.title(one), f"{visit.home}/series/{one.id}"
                        )
                    )
                if len(hits) >= MOST_HITS:
                    break
            for found in assessment.triages(connection, visit.scope, visit.as_of, limit=None):
                if words in found.number and len(hits) < MOST_HITS:
                    href = f"{visit.home}/signals/{found.signal_id}"
                    hits.append(SearchHit(visit.t("web.waiting.signal"), found.number, href))
    return visit.page("search.html", SearchView(words, tuple(hits)), search=words)
