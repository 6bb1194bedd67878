"""Back-tests: asking for one, and one answer with its rules side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import analysis, registry
from anlan.analysis import Backtest, KnownEvent, Rule, Trial
from anlan.analysis.trial_types import BASES, MOST_YEARS, Basis
from anlan.errors import InputError, Problem
from anlan.flows.backtests import confirmed_events
from anlan.registry import Indicator
from anlan.web.access import Permission
from anlan.web.formats import number
from anlan.web.forms import field_errors
from anlan.web.pages.rules import indicators_of, rule_label, show_rule, tried_version
from anlan.web.pages.signals import people_names
from anlan.web.routing import route
from anlan.web.rule_words import changes, settings
from anlan.web.views.frame import Crumb
from anlan.web.views.rules import BacktestView, EventLine, TrialLine, TriedRule
from anlan.web.visit import Visit

router = APIRouter()
STRONG = ("analysis.trial.signals_a_year", "analysis.trial.found", "analysis.trial.median_delay")


@dataclass(frozen=True)
class Ask:
    """What a form asks to be tried on."""

    years: int
    basis: Basis
    events: tuple[KnownEvent, ...]


def read_ask(visit: Visit, connection: Connection, rule: Rule) -> Ask:
    """Years, basis and events of a form; without a list of events those that people verified.

    Raises
    ------
    InputError
        With every field that cannot be used.
    """
    years, basis = visit.field("years"), visit.field("basis") or BASES[0]
    problems = []
    if not years.isdigit() or not 1 <= int(years) <= MOST_YEARS:
        problems.append(
            Problem("web.backtest.years_wrong", {"given": years, "most": MOST_YEARS}, {"field": "years"})
        )
    events: tuple[KnownEvent, ...] = ()
    args = (connection, visit.scope, visit.as_of)
    try:
        text = visit.field("events")
        events = analysis.read_events(*args, text) if text else confirmed_events(*args, rule)
    except InputError as error:
        problems += [Problem(one.key, one.values, {"field": "events"}, one.message) for one in error.problems]
    chosen = next((one for one in BASES if one == basis), BASES[0])
    if problems:
        raise InputError("the back-test cannot be done so", key="web.form.errors", problems=problems)
    return Ask(int(years), chosen, events)


def asked_of(visit: Visit, rules: list[Rule], ask: Ask) -> Response:
    """Ask for a back-test and go to its page, where the answer comes."""
    with visit.here.write(visit.actor) as tx:
        made = analysis.ask_backtest(
            tx, rules, scope=visit.scope, years=ask.years, events=ask.events, basis=ask.basis
        )
    return visit.redirect(f"{visit.home}/backtests/{made}")


@route(router, "POST", "/w/{world}/rules/{rule}/backtests", Permission.RULE_PROPOSE)
def ask(visit: Visit) -> Response:
    """Try a version of a rule, alone or beside another; what was typed comes back with every problem."""
    code = visit.parameter("rule")
    try:
        with visit.here.read() as connection:
            rules = [tried_version(visit, connection, f"{code}@{visit.field('tried')}")]
            if visit.field("against"):
                rules.append(tried_version(visit, connection, visit.field("against")))
            wanted = read_ask(visit, connection, rules[0])
    except InputError as error:
        visit.page_path = f"{visit.home}/rules/{code}"
        return show_rule(visit, field_errors(error, visit.language), status=422)
    return asked_of(visit, rules, wanted)


@route(router, "GET", "/w/{world}/backtests/{backtest}", Permission.READ)
def backtest_page(visit: Visit) -> Response:
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        one = analysis.kept_backtest(*args, visit.parameter("backtest"))
        indicators, people = indicators_of(visit, connection), people_names(visit, connection)
        areas = {area.code: visit.name(area.names) for area in registry.areas(*args)}
        known = {rule.code for rule in analysis.rules(*args)}
    result = one.result
    tried, beside = one.rules[0], one.rules[-1]
    may_edit = visit.may_act(Permission.RULE_PROPOSE) and not tried.version and beside.code in known
    is_copy = tried.code != beside.code
    rule_href = f"{visit.home}/rules/{beside.code if is_copy and not tried.version else tried.code}"
    view = BacktestView(
        crumbs=(
            Crumb(visit.t("web.rules.title"), f"{visit.home}/rules"),
            Crumb(visit.name(beside.names), rule_href),
            Crumb(visit.t("web.backtest.title")),
        ),
        title=_title(visit, one),
        lead=_lead(visit, one),
        state=one.state,
        asked=visit.t(
            "web.backtest.asked", by=people.get(one.by, one.by), at=visit.f.exact(one.at),
            seq=number(one.input_seq, visit.language), version=one.code_version,
        ),
        rules=tuple(
            _tried(
                visit, rule, beside if place == 0 else rule, indicators, known,
                other_code=one.rules[-1 - place].code,
            )
            for place, rule in enumerate(one.rules)
        ),  # fmt: skip
        lines=_lines(visit, result),
        gained=_gained(visit, result),
        notes=_notes(visit, result),
        years=_years(visit, result),
        events=_events(visit, result, areas),
        error=one.error,
        edit_href=f"{visit.home}/rules/{beside.code}/{'copy' if is_copy else 'edit'}?from={one.public_id}"
        if may_edit
        else "",
        rule_href=rule_href,
    )  # fmt: skip
    return visit.page("rule_backtest.html", view, current="signals")


def _title(visit: Visit, one: Backtest) -> str:
    """The finding as a sentence: what the first rule changes against the second."""
    if one.result is None:
        return visit.t("web.backtest.title")
    rates = [number(rule.signals_a_year, visit.language, digits=1) for rule in one.result.tried]
    if len(rates) == 1:
        return visit.t("web.backtest.finding_one", rate=rates[0])
    events = len(one.result.events)
    key = "web.backtest.finding_two" if events else "web.backtest.finding_two_no_events"
    found = [rule.found for rule in one.result.tried]
    return visit.t(key, one=rates[0], other=rates[1], found=found[0], before=found[1], events=events)


def _lead(visit: Visit, one: Backtest) -> str:
    if one.state == "waiting":
        return visit.t("web.backtest.waiting")
    if one.result is None:
        return visit.t("web.backtest.failed")
    return visit.t(f"web.backtest.lead.{one.basis}", years=one.years)


def _tried(
    visit: Visit,
    rule: Rule,
    other: Rule,
    indicators: Mapping[str, Indicator],
    known: set[str],
    *,
    other_code: str,
) -> TriedRule:
    """A rule at the head of its column; what differs from ``other`` is marked. Short where both have one code."""
    differing = (
        {one.name: one for one in changes(visit, other, rule, indicators)} if other is not rule else {}
    )
    said = [differing.get(one.name, one) for one in settings(visit, rule, indicators)]
    short = visit.t("web.rule.version", version=rule.version) if rule.version else visit.t("web.rule.draft")
    return TriedRule(
        visit.name(rule.names),
        short if rule.code == other_code else rule_label(visit, rule),
        f"{visit.home}/rules/{rule.code}/versions/{rule.version}"
        if rule.version and rule.code in known
        else "",
        tuple(said),
    )


def _lines(visit: Visit, result: Trial | None) -> tuple[TrialLine, ...]:
    if result is None:
        return ()
    return tuple(
        TrialLine(
            visit.t(line.key),
            tuple(number(value, visit.language, digits=line.decimals) for value in line.values),
            line.key in STRONG,
        )
        for line in analysis.measures(result)
    )


def _years(visit: Visit, result: Trial | None) -> tuple[TrialLine, ...]:
    """Signals of each year, the newest first."""
    if result is None:
        return ()
    signals = [{year: count for year, _, count in one.years} for one in result.tried]
    years = sorted({year for one in signals for year in one}, reverse=True)
    return tuple(
        TrialLine(str(year), tuple(number(one.get(year, 0), visit.language) for one in signals))
        for year in years
    )


def _gained(visit: Visit, result: Trial | None) -> str:
    if result is None or result.median_gained is None:
        return ""
    days = result.median_gained
    if days == 0:
        return visit.t("web.backtest.same_day")
    key = "web.backtest.earlier" if days > 0 else "web.backtest.later"
    return visit.t(key, days=number(abs(days), visit.language, digits=1))


def _notes(visit: Visit, result: Trial | None) -> tuple[str, ...]:
    """What the figures rest on, and what may not be read into them."""
    if result is None:
        return ()
    said = []
    for one in result.tested:
        values = {
            "indicator": visit.name(one.names), "first": one.first, "last": one.last,
            **{name: number(getattr(one, name), visit.language) for name in ("series", "values", "revised", "assumed")},
        }  # fmt: skip
        said.append(visit.t("analysis.trial.tested", **values))
    if not result.tested:
        said.append(visit.t("web.backtest.no_values"))
    if any(one.too_late for one in result.tried):
        said.append(visit.t("web.backtest.note_late"))
    if not result.events:
        said.append(visit.t("web.backtest.note_no_events"))
    return tuple(said)


def _events(visit: Visit, result: Trial | None, areas: Mapping[str, str]) -> tuple[EventLine, ...]:
    if result is None:
        return ()
    gained = result.gained or (None,) * len(result.events)
    return tuple(
        EventLine(
            name=event.name,
            place=areas.get(event.area_code, event.area_code),
            start=event.start.isoformat(),
            end=event.end.isoformat(),
            recognised=event.recognised.isoformat() if event.recognised else "—",
            delays=tuple(_delay(visit, one.delays[place]) for one in result.tried),
            gained=number(gained[place], visit.language, digits=1) if len(result.tried) > 1 else "",
        )
        for place, event in enumerate(result.events)
    )


def _delay(visit: Visit, days: float | None) -> str:
    return visit.t("web.backtest.missed") if days is None else number(days, visit.language, digits=1)
