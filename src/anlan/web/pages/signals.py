"""Signals: the list, one signal with everything that speaks for and against it, triage, and the risk assessment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import analysis, assessment, registry, series
from anlan.analysis import BudgetWeek, Signal, Standing
from anlan.assessment import Assessment, Triage
from anlan.charts import CurveData, Limit
from anlan.errors import InputError
from anlan.flows import chain
from anlan.series import Moment
from anlan.store import AsOf, Tx
from anlan.warning import queries as warnings
from anlan.web.access import Permission
from anlan.web.exports import CSV_TYPE, csv_bytes
from anlan.web.formats import number, probability
from anlan.web.forms import field_errors
from anlan.web.looks import Naming, naming
from anlan.web.places import OnMap, city_map, counties_of, outlines
from anlan.web.plots import Periods, counts_chart, known_track, line_data, lines_chart
from anlan.web.routing import route
from anlan.web.views.board import MapView
from anlan.web.views.charts import ChartView, KnownTrack
from anlan.web.views.frame import FieldError, Option
from anlan.web.views.signals import (
    AssessmentLine,
    Earlier,
    Fact,
    Filter,
    HistoryLine,
    SignalList,
    SignalRow,
    SignalView,
)
from anlan.web.visit import RailCounts, Visit

router = APIRouter()
A_PAGE = 50
BUDGET = ("through", "held")
STATES = ("new", "verified", "dismissed", "merged")
CHANCE = ("signal.why.chance", "signal.why.chance_years", "signal.why.chance_rare")


@route(router, "GET", "/w/{world}/signals", Permission.READ)
def listing(visit: Visit) -> Response:
    """Signals with what people made of them. Filters stand in the address; ``format=csv`` gives the same as a table."""
    state = visit.query("state")
    area = visit.query("area")
    start = max(0, int(visit.query("from")) if visit.query("from").isdigit() else 0)
    as_table = visit.query("format") == "csv"
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        counts = assessment.triage_counts(*args)
        conditions: dict[str, Any] = {}
        if state in STATES:
            chosen: Any = (state,)
            wanted = assessment.triages(*args, states=chosen, limit=None)
            conditions["ids"] = [one.signal_id for one in wanted]
        if area:
            place = registry.area(*args, area)
            conditions["area_prefix"] = place.path
        if visit.query("rule"):
            conditions["rule_code"] = visit.query("rule")
        budgets = analysis.alarm_budgets(*args)
        weeks = [week for one in budgets for week in analysis.budget_weeks(*args, domain=one.domain, limit=1)]
        standings = analysis.standings(*args) if budgets else {}
        if visit.query("budget") in BUDGET:
            through = visit.query("budget") == "through"
            within = {key for key, one in standings.items() if one.let_through == through}
            conditions["ids"] = [key for key in conditions.get("ids", within) if key in within]
        found = analysis.signal_page(*args, limit=5000 if as_table else A_PAGE, offset=start, **conditions)
        judged = {
            one.signal_id: one
            for one in assessment.triages(*args, signal_ids=[s.public_id for s in found.signals], limit=None)
        }
        names = {
            pack.pack_id: visit.name(pack.content.get("names")) for pack in registry.installed_packs(*args)
        }
    if as_table:
        return _csv(visit, found.signals, judged)
    filters = (*_filters(visit, counts, state), *_budget_filters(visit, standings))
    if visit.query("rule"):
        filters = (Filter(f"{visit.query('rule')} ×", visit.address(rule=None), True), *filters)
    if area:
        chosen_area = Filter(f"{visit.name(place.names)} ×", visit.address(area=None), True)
        filters = (chosen_area, *filters)
    view = SignalList(
        rows=tuple(
            list_row(visit, one, judged.get(one.public_id), names, standings.get(one.public_id))
            for one in found.signals
        ),
        states=filters,
        budgets=tuple(_budget_line(visit, one, names) for one in weeks),
        csv_href=visit.address(format="csv"),
        next_href=visit.address(**{"from": str(start + A_PAGE)}) if found.total > start + A_PAGE else "",
        previous_href=visit.address(**{"from": str(max(0, start - A_PAGE))}) if start else "",
    )
    return visit.page(
        "signals.html", view, current="signals", counts=RailCounts(signals=counts.get("new", 0))
    )


def _filters(visit: Visit, counts: Mapping[str, int], chosen: str) -> tuple[Filter, ...]:
    everything = Filter(
        visit.t("web.signals.all"),
        visit.address(state=None, **{"from": None}),
        not chosen,
        sum(counts.values()),
    )
    return (
        everything,
        *(
            Filter(
                visit.t(f"web.triage.{state}"),
                visit.address(state=state, **{"from": None}),
                chosen == state,
                counts.get(state, 0),
            )
            for state in STATES
        ),
    )


def _budget_filters(visit: Visit, standings: Mapping[str, Standing]) -> tuple[Filter, ...]:
    """What the budgets of the desks let through of the newest weeks, and what they held back."""
    if not standings:
        return ()
    chosen = visit.query("budget")
    counts = {True: 0, False: 0}
    for one in standings.values():
        counts[one.let_through] += 1
    return tuple(
        Filter(
            visit.t(f"web.budget.{name}"),
            visit.address(budget=None if chosen == name else name, **{"from": None}),
            chosen == name,
            counts[name == "through"],
        )
        for name in BUDGET
    )


def _budget_line(visit: Visit, one: BudgetWeek, names: Mapping[str, str]) -> Fact:
    """The newest week under a budget: the workload, the limit, and what chance alone would bring."""
    values = {
        "domain": names.get(one.domain, one.domain),
        "count": one.signals_a_week,
        "week": one.calendar.label(one.week, visit.language),
        "judged": number(one.judged, visit.language),
        "limit": probability(one.p_limit),
        "chance": number(one.expected_chance, visit.language, digits=1),
        "through": one.let_through,
        "held": one.held_back,
    }
    key = "web.budget.no_limit" if one.p_limit is None else "web.budget.week"
    return Fact("", visit.t(key, **values), f"{visit.home}/budgets/{one.domain}")


def budget_words(visit: Visit, one: Standing) -> str:
    """``rank 3 of 412, p = 0.0004``, and that it was held back."""
    key = "web.budget.rank" if one.let_through else "web.budget.rank_held"
    return visit.t(key, rank=one.rank, judged=number(one.judged, visit.language), p=probability(one.p_value))


def list_row(
    visit: Visit,
    one: Signal,
    judged: Triage | None,
    names: Mapping[str, str],
    standing: Standing | None = None,
) -> SignalRow:
    """A line of a list of signals; ``names`` are those of domains, ``standing`` its place under a budget."""
    return SignalRow(
        href=f"{visit.home}/signals/{one.public_id}",
        number=one.number,
        title=analysis.say(one.title, visit.language),
        reason=reason_line(visit, one),
        state=judged.state if judged is not None else "new",
        raised_at=one.raised_at,
        level=one.level_hint,
        domain=names.get(one.domain, one.domain),
        budget=budget_words(visit, standing) if standing is not None else "",
        held_back=standing is not None and not standing.let_through,
    )


def reason_line(visit: Visit, one: Signal) -> str:
    """Why a signal is there, in one line: the bound that was passed, or what it says first."""
    for sentence in one.why:
        if sentence.key in (
            "signal.why.bound_p",
            "signal.why.bound",
            "signal.why.limit",
            "signal.why.silence_due",
        ):
            return analysis.say(sentence, visit.language)
    return analysis.say(one.why[0], visit.language) if one.why else ""


def _csv(visit: Visit, found: tuple[Signal, ...], judged: Mapping[str, Triage]) -> Response:
    head = (
        "number", "kind", "title", "domain", "area", "indicator", "rule", "rule_version", "first_period", "last_period",
        "observed", "expected", "upper", "p_value", "level_hint", "state", "raised_at",
    )  # fmt: skip
    rows = [
        (
            one.number, one.kind, analysis.say(one.title, visit.language), one.domain, one.area_code,
            one.indicator_code, one.rule_code, one.rule_version,
            one.calendar.text(one.first_period), one.calendar.text(one.last_period),
            one.observed, one.expected, one.upper, one.p_value, one.level_hint,
            judged[one.public_id].state if one.public_id in judged else "new", one.raised_at,
        )
        for one in found
    ]  # fmt: skip
    return visit.file(csv_bytes(head, rows), kind=CSV_TYPE, name="signals.csv")


@route(router, "GET", "/w/{world}/signals/{signal}", Permission.READ)
def signal_page(visit: Visit) -> Response:
    return _signal_page(visit)


def _signal_page(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    with visit.here.read() as connection:
        if visit.query("known") and "as_of" not in visit.__dict__:  # a day means one of the signal's own zone
            present = analysis.signal(connection, visit.scope, visit.here.as_of(), visit.parameter("signal"))
            visit.days_of(present.calendar.zone)
        args = (connection, visit.scope, visit.as_of)
        versions = analysis.signal_history(*args, visit.parameter("signal"))
        if not versions:
            analysis.signal(*args, visit.parameter("signal"))  # says that there is none
        one, names, people = versions[-1], naming(visit, connection), people_names(visit, connection)
        made = assessment.assessments(*args, signal_id=one.public_id)
        judged = assessment.triage_of(*args, one.public_id)
        counts = assessment.triage_counts(*args)
        may_triage = judged is not None and judged.state == "new" and visit.may_act(Permission.TRIAGE)
        packs = {
            pack.pack_id: visit.name(pack.content.get("names")) for pack in registry.installed_packs(*args)
        }
        view = SignalView(
            number=one.number,
            title=analysis.say(one.title, visit.language),
            finding=_finding(visit, one),
            waits=visit.t("web.signal.waits") if judged is None or judged.state == "new" else "",
            state=judged.state if judged is not None else "new",
            raised_at=one.raised_at,
            domain=packs.get(one.domain, one.domain),
            chart=_chart(visit, connection, one, names),
            known=_known(visit, connection, one),
            why=_why(visit, one),
            in_words=_in_words(visit, one),
            chance=_chance(visit, one),
            who=(),
            where=_where(visit, connection, one),
            before=_before(visit, connection, one),
            others=_others(visit, connection, one, names),
            history=_history(visit, connection, versions, judged, made, people),
            journal="",
            href=f"{visit.home}/signals/{one.public_id}",
            version=str(judged.known_seq if judged is not None else 0),
            join_to=_join_to(visit, connection, one) if may_triage else (),
            may_triage=may_triage,
            may_assess=judged is not None and judged.state == "verified" and visit.may_act(Permission.ASSESS),
            assess_href=f"{visit.home}/signals/{one.public_id}/assess",
            assessments=_assessments(visit, connection, made, people),
            errors=errors,
        )
    return visit.page(
        "signal.html", view, current="signals", status=status, counts=RailCounts(signals=counts.get("new", 0))
    )


def _finding(visit: Visit, one: Signal) -> str:
    said = [reason_line(visit, one)]
    keys = ("signal.why.late", "signal.why.no_longer", "signal.why.withdrawn", "signal.why.corrected")
    said += [analysis.say(sentence, visit.language) for sentence in one.why if sentence.key in keys]
    return (" " if visit.language == "en" else "").join(said)


def _why(visit: Visit, one: Signal) -> tuple[Fact, ...]:
    """Each reason in its own line; the one in words about chance stands apart."""
    said = [analysis.say(sentence, visit.language) for sentence in one.why if sentence.key not in CHANCE]
    made = visit.t("web.signal.made_by", version=one.code_version, seq=number(one.input_seq, visit.language))
    return (*(Fact("", line) for line in said), Fact("", made))


def _in_words(visit: Visit, one: Signal) -> str:
    for sentence in one.why:
        if sentence.key in CHANCE:
            return analysis.say(sentence, visit.language)
    return ""


def _chance(visit: Visit, one: Signal) -> tuple[str, ...]:
    """What would have to be true for it to be chance: the questions for the telephone. For counts only."""
    if one.kind != "detector":
        return ()
    return tuple(visit.t(f"web.signal.chance.{name}") for name in ("units", "double", "backlog", "tests"))


def _chart(visit: Visit, connection: Connection, one: Signal, names: Naming) -> ChartView | None:
    if one.series_id is None:
        return None
    args = (connection, visit.scope, visit.as_of)
    drawn = analysis.chart(*args, one.public_id, signal=one)
    if not drawn.periods:
        return None
    indicator = names.indicators[one.indicator_code]
    periods = Periods(drawn.calendar, drawn.periods[0], len(drawn.periods))
    unit = names.unit(indicator)
    found = series.series_one(*args, one.series_id)
    title = names.title(found)
    sources = [visit.name(s.names) for s in registry.sources(*args) if one.indicator_code in s.delivers]
    source = (visit.t("web.data.source") + " " + sources[0]) if sources else ""
    if indicator.kind == "count" and one.kind == "detector":
        curve = CurveData(
            periods=periods.texts(),
            observed=drawn.observed,
            expected=drawn.expected,
            upper=drawn.upper,
            alarm=drawn.alarm,
            title=title,
            unit=unit,
        )
        return counts_chart(visit, periods, curve, source=source, decimals=indicator.decimals)
    limits = [] if one.upper is None else [Limit(name=visit.t("web.chart.upper"), value=one.upper)]
    data = line_data(
        periods, visit.name(indicator.names), drawn.observed, unit=unit, title=title, limits=limits
    )
    return lines_chart(visit, periods, data, source=source, decimals=indicator.decimals)


def _known(visit: Visit, connection: Connection, one: Signal) -> KnownTrack | None:
    """The days on which the values of the signal's series became known, up to now; the page moves among them."""
    if one.series_id is None:
        return None
    moments: list[Moment] = series.known_moments(
        connection, visit.scope, AsOf(visit.as_of.seq), one.series_id, last_n=400
    )
    note = visit.t("web.signal.known_note", at=visit.f.exact(one.raised_at))
    return known_track(visit, moments, note=note)


def _where(visit: Visit, connection: Connection, one: Signal) -> MapView | None:
    """The city with the figure of each county in the same period; None for a signal about elsewhere."""
    found = outlines(visit, connection, visit.as_of)
    mine = counties_of(found, one.area_path, one.area_code)
    if not mine or len(mine) > 1:
        return None
    figures: dict[str, str] = {}
    if one.series_id is not None:
        siblings = [
            other
            for other in series.series_list(
                connection, visit.scope, visit.as_of, indicator=one.indicator_code
            )
            if other.stratum == one.stratum and not other.site_code
        ]
        values = series.values(
            connection, visit.scope, visit.as_of, [other.id for other in siblings],
            first=one.last_period, last=one.last_period,
        )  # fmt: skip
        for other in siblings:
            held = values.of(other.id)
            if len(held):
                figures[other.area_code] = number(float(held.value[0]), visit.language)
    shown = OnMap(figures=figures, picked=frozenset(mine))
    view = city_map(visit, connection, shown, width=400)
    period = one.calendar.label(one.last_period, visit.language)
    return MapView(
        view.drawing,
        source=f"{visit.t('web.signal.map_period', period=period)} · {visit.t('web.map.source')}",
    )


def _before(visit: Visit, connection: Connection, one: Signal) -> tuple[Earlier, ...]:
    args = (connection, visit.scope, visit.as_of)
    if one.series_id is not None:
        found = analysis.signals(*args, series_id=one.series_id, limit=8)
    else:
        found = analysis.signals(*args, source=one.source_code, limit=8)
    earlier = [
        other for other in found if other.public_id != one.public_id and other.raised_at <= one.raised_at
    ][:6]
    judged = {
        item.signal_id: item
        for item in assessment.triages(*args, signal_ids=[other.public_id for other in earlier], limit=None)
    }
    return tuple(
        Earlier(
            period=other.calendar.label(other.last_period, visit.language),
            observed=other.observed if other.observed is not None else float("nan"),
            bound=other.upper,
            outcome=_outcome(visit, judged.get(other.public_id)),
            href=f"{visit.home}/signals/{other.public_id}",
        )
        for other in earlier
    )


def _outcome(visit: Visit, judged: Triage | None) -> str:
    if judged is None:
        return visit.t("web.triage.new")
    word = visit.t(f"web.triage.{judged.state}")
    return f"{word}{visit.t('web.colon')}{judged.reason}" if judged.reason else word


def _others(visit: Visit, connection: Connection, one: Signal, names: Naming) -> tuple[Fact, ...]:
    """Other open signals of the same area, whatever their domain."""
    found = analysis.signals(
        connection,
        visit.scope,
        visit.as_of,
        area_prefix=one.area_path,
        only_open=True,
        only_holding=True,
        limit=9,
    )
    return tuple(
        Fact(
            names.area(other.area_code),
            analysis.say(other.title, visit.language),
            f"{visit.home}/signals/{other.public_id}",
        )
        for other in found
        if other.public_id != one.public_id and other.series_id != one.series_id
    )[:5]


def _history(
    visit: Visit,
    connection: Connection,
    versions: Sequence[Signal],
    judged: Triage | None,
    assessed: Sequence[Assessment],
    people: Mapping[str, str],
) -> tuple[HistoryLine, ...]:
    args = (connection, visit.scope, visit.as_of)
    lines = []
    for place, version in enumerate(versions):
        key = "web.signal.was_raised" if place == 0 else "web.signal.went_on"
        lines.append(HistoryLine(version.changed_at, visit.t(key, version=version.rule_version)))
    if judged is not None:
        for step in assessment.triage_history(*args, versions[-1].public_id)[1:]:
            said = visit.t(f"web.triage.{step.state}")
            reason = f"{visit.t('web.colon')}{step.reason}" if step.reason else ""
            lines.append(HistoryLine(step.at, said + reason, people.get(step.by, "")))
    for made in assessed:
        level = visit.t(f"web.level.{made.level}") if made.level else visit.t("web.assess.no_level")
        lines.append(
            HistoryLine(made.changed_at, visit.t("web.signal.assessed", level=level), people.get(made.by, ""))
        )
    return tuple(sorted(lines, key=lambda line: line.at))


def people_names(visit: Visit, connection: Connection) -> dict[str, str]:
    """Names of the people who work here, by public id. They stand in the live world."""
    live = visit.site.node.world("live")
    if live is visit.here:
        found = registry.people(connection, visit.scope, live.as_of(), retired=True)
    else:
        with live.read() as other:
            found = registry.people(other, visit.scope, live.as_of(), retired=True)
    return {person.public_id: visit.name(person.names) for person in found}


def _join_to(visit: Visit, connection: Connection, one: Signal) -> tuple[Option, ...]:
    args = (connection, visit.scope, visit.as_of)
    judged = assessment.triages(*args, states=("new", "verified"), limit=60)
    near = [
        item.signal_id for item in judged if item.domain == one.domain and item.signal_id != one.public_id
    ]
    found = analysis.signals(*args, ids=near, limit=30) if near else []
    return tuple(
        Option(other.public_id, f"{other.number} {analysis.say(other.title, visit.language)}")
        for other in found
    )


def _assessments(
    visit: Visit, connection: Connection, assessed: Sequence[Assessment], people: Mapping[str, str]
) -> tuple[AssessmentLine, ...]:
    lines = []
    for made in assessed:
        summary = visit.t(
            "web.signal.judged",
            likelihood=visit.t(f"web.assess.likelihood.{made.likelihood}"),
            impact=visit.t(f"web.assess.impact.{made.impact}"),
        )
        href = f"{visit.home}/assessments/{made.public_id}/draft"
        offered = chain.hazards_for(connection, visit.scope, visit.as_of, made)
        drafted = warnings.warnings(connection, visit.scope, visit.as_of, assessment_id=made.public_id)
        lines.append(
            AssessmentLine(
                level=made.level or "",
                summary=summary,
                reasons=(" " if visit.language == "en" else "").join(made.reasons),
                at=made.changed_at,
                by=people.get(made.by, ""),
                draft_href=href
                if made.level and offered and not drafted and visit.may_act(Permission.DRAFT)
                else "",
                hazards=tuple(Option(code, visit.name(names)) for code, names in offered.items()),
                warnings=tuple(
                    Fact(
                        f"{one.number} {visit.t(f'warning.state.{one.state}')}",
                        "",
                        f"{visit.home}/warnings/{one.public_id}",
                    )
                    for one in drafted
                ),
            )
        )
    return tuple(lines)


@route(router, "POST", "/w/{world}/signals/{signal}/verify", Permission.TRIAGE)
def verify(visit: Visit) -> Response:
    seq, reason = visit.number_field("version"), visit.field("reason")
    return _judge(
        visit, lambda tx, signal: assessment.verify_signal(tx, signal, expected_seq=seq, reason=reason)
    )


@route(router, "POST", "/w/{world}/signals/{signal}/dismiss", Permission.TRIAGE)
def dismiss(visit: Visit) -> Response:
    seq, reason = visit.number_field("version"), visit.field("reason")
    return _judge(visit, lambda tx, signal: assessment.dismiss(tx, signal, expected_seq=seq, reason=reason))


@route(router, "POST", "/w/{world}/signals/{signal}/join", Permission.TRIAGE)
def join(visit: Visit) -> Response:
    seq, into = visit.number_field("version"), visit.field("into")
    with visit.here.read() as connection:
        analysis.signal(connection, visit.scope, visit.as_of, into)
    return _judge(visit, lambda tx, signal: assessment.merge(tx, signal, expected_seq=seq, into=into))


def _judge(visit: Visit, act: Callable[[Tx, str], Any]) -> Response:
    """Do an act of triage on a signal that this person may see; a bad input shows the page with its errors."""
    with visit.here.read() as connection:
        one = analysis.signal(connection, visit.scope, visit.as_of, visit.parameter("signal"))
    try:
        with visit.here.write(visit.actor) as tx:
            act(tx, one.public_id)
    except InputError as error:
        visit.page_path = f"{visit.home}/signals/{one.public_id}"
        return _signal_page(visit, field_errors(error, visit.language), status=422)
    return visit.redirect(f"{visit.home}/signals/{one.public_id}")
