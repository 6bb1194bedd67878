"""Rules: the list, one rule with its versions and every signal it made, and what a second person decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import analysis, assessment, registry
from anlan.analysis import Rule, RuleStep, SignalCounts
from anlan.errors import InputError
from anlan.registry import Indicator
from anlan.store import Tx
from anlan.web.access import Permission
from anlan.web.forms import field_errors
from anlan.web.pages.signals import list_row, people_names
from anlan.web.routing import route
from anlan.web.rule_words import changes, indicator_names, method_name, settings
from anlan.web.views.frame import Crumb, FieldError, Option
from anlan.web.views.rules import (
    BacktestForm,
    BacktestRow,
    BudgetRow,
    Proposal,
    RuleList,
    RuleRow,
    RuleView,
    VersionRow,
    VersionView,
)
from anlan.web.views.signals import Filter
from anlan.web.visit import Visit

router = APIRouter()
YEAR = timedelta(days=365)
A_PAGE = 50
USUAL_YEARS = 5


def indicators_of(visit: Visit, connection: Connection) -> dict[str, Indicator]:
    listed = registry.indicators(connection, visit.scope, visit.as_of, retired=True)
    return {one.code: one for one in listed}


def domain_names(visit: Visit, connection: Connection) -> dict[str, str]:
    packs = registry.installed_packs(connection, visit.scope, visit.as_of)
    return {pack.pack_id: visit.name(pack.content.get("names")) for pack in packs}


def running_version(versions: list[Rule]) -> Rule | None:
    """The version that runs: the newest decided one, unless it is retired."""
    decided = [one for one in versions if one.state in ("active", "retired")]
    return decided[-1] if decided and decided[-1].state == "active" else None


@route(router, "GET", "/w/{world}/rules", Permission.READ)
def listing(visit: Visit) -> Response:
    """Rules with what they watch, and how many signals they raise."""
    chosen = visit.query("domain")
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        newest = analysis.rules(*args)
        counts = analysis.signal_counts(*args, since=visit.now - YEAR)
        running = {one.code: one for one in analysis.rules(*args, state="active")}
        indicators, names = indicators_of(visit, connection), domain_names(visit, connection)
        budgets = {one.domain: one for one in analysis.alarm_budgets(*args)}
    domains = list(dict.fromkeys(one.domain for one in newest))
    view = RuleList(
        rows=tuple(
            _row(visit, running.get(one.code, one), one, counts, indicators, names)
            for one in newest
            if not chosen or one.domain == chosen
        ),
        domains=(
            Filter(visit.t("web.signals.all"), visit.address(domain=None), not chosen, len(newest)),
            *(
                Filter(
                    names.get(domain, domain),
                    visit.address(domain=domain),
                    domain == chosen,
                    sum(one.domain == domain for one in newest),
                )
                for domain in domains
            ),
        ),
        budgets=tuple(
            BudgetRow(
                names.get(domain, domain),
                visit.t("web.budget.is", count=budgets[domain].signals_a_week)
                if domain in budgets
                else visit.t("web.budget.none"),
                f"{visit.home}/budgets/{domain}",
            )
            for domain in domains
        ),
    )
    return visit.page("rules.html", view, current="signals")


def _row(
    visit: Visit,
    shown: Rule,
    newest: Rule,
    counts: Mapping[tuple[str, int], SignalCounts],
    indicators: Mapping[str, Indicator],
    domains: Mapping[str, str],
) -> RuleRow:
    mine = [count for (code, _), count in counts.items() if code == shown.code]
    return RuleRow(
        href=f"{visit.home}/rules/{shown.code}",
        name=visit.name(shown.names),
        code=shown.code,
        domain=domains.get(shown.domain, shown.domain),
        method=method_name(shown.method, visit.language),
        watches=indicator_names(visit, shown, indicators),
        state=shown.state,
        recent=sum(count.recent for count in mine),
        ever=sum(count.ever for count in mine),
        waits=visit.t("web.rule.waits") if newest.state == "proposed" else "",
    )


@route(router, "GET", "/w/{world}/rules/{rule}", Permission.READ)
def rule_page(visit: Visit) -> Response:
    return show_rule(visit)


def show_rule(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    """The page of a rule; with errors after an act or a form on it that was not accepted."""
    code = visit.parameter("rule")
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        newest = analysis.rule(*args, code)
        versions = analysis.rule_versions(*args, code)
        steps = analysis.rule_authors(*args, code)
        counts = analysis.signal_counts(*args, since=visit.now - YEAR, rule_code=code)
        indicators, people = indicators_of(visit, connection), people_names(visit, connection)
        kept = analysis.kept_backtests(*args, rule_code=code)
        others = [one for one in analysis.rules(*args, domain=newest.domain) if one.code != code]
    running = running_version(versions)
    shown = running or newest
    home = f"{visit.home}/rules/{code}"
    may_propose = visit.may_act(Permission.RULE_PROPOSE) and newest.kind != "silence"
    view = RuleView(
        code=code,
        name=visit.name(shown.names),
        title=visit.name(shown.names),
        state=shown.state,
        lead=_lead(visit, shown, counts),
        settings=settings(visit, shown, indicators),
        proposal=_proposal(visit, newest, running, steps, people, indicators),
        versions=_versions(visit, versions, steps, people, counts, running),
        backtests=tuple(_backtest_row(visit, one, people) for one in kept),
        form=_backtest_form(visit, versions, others) if may_propose else None,
        signals_href=f"{visit.home}/signals?rule={code}",
        seq=str(newest.known_seq),
        edit_href=f"{home}/edit" if may_propose else "",
        copy_href=f"{home}/copy" if may_propose else "",
        retire_href=f"{home}/retire"
        if visit.may_act(Permission.RULE_APPROVE) and newest.state == "active"
        else "",
        errors=errors,
    )
    return visit.page("rule.html", view, current="signals", status=status)


def _lead(visit: Visit, rule: Rule, counts: Mapping[tuple[str, int], SignalCounts]) -> str:
    said = visit.t(
        "web.rule.lead",
        state=visit.t(f"web.rule.state.{rule.state}"),
        version=rule.version,
        recent=sum(one.recent for one in counts.values()),
        ever=sum(one.ever for one in counts.values()),
    )
    why = visit.name(rule.why) if rule.why else ""
    return f"{said} {why}".strip() if visit.language == "en" else f"{said}{why}"


def _proposal(
    visit: Visit,
    newest: Rule,
    running: Rule | None,
    steps: Mapping[int, RuleStep],
    people: Mapping[str, str],
    indicators: Mapping[str, Indicator],
) -> Proposal | None:
    if newest.state != "proposed":
        return None
    step, home = steps[newest.known_seq], f"{visit.home}/rules/{newest.code}"
    is_own = visit.who is not None and step.by == visit.who.person_id
    return Proposal(
        version=newest.version,
        by=people.get(step.by, step.by),
        at=step.at,
        note=newest.note,
        changes=changes(visit, running, newest, indicators) if running is not None else (),
        seq=str(newest.known_seq),
        approve_href=f"{home}/approve",
        drop_href=f"{home}/retire",
        may_approve=visit.may_act(Permission.RULE_APPROVE),
        is_own=is_own,
        edit_href=f"{home}/edit" if visit.may_act(Permission.RULE_PROPOSE) else "",
    )


def _versions(
    visit: Visit,
    rows: list[Rule],
    steps: Mapping[int, RuleStep],
    people: Mapping[str, str],
    counts: Mapping[tuple[str, int], SignalCounts],
    running: Rule | None,
) -> tuple[VersionRow, ...]:
    """One line for each version, the newest first: who wrote it, and what became of it."""
    found = []
    for number in sorted({row.version for row in rows}, reverse=True):
        mine = [row for row in rows if row.version == number]
        first, last = steps[mine[0].known_seq], steps[mine[-1].known_seq]
        writer = people.get(first.by, visit.t("web.rule.by_pack") if first.by else "")
        decided = people.get(last.by, "") if len(mine) > 1 else ""
        joint = " → "
        is_running = running is not None and running.version == number
        found.append(
            VersionRow(
                number=number,
                state=mine[-1].state if mine[-1].state != "active" or is_running else "replaced",
                at=last.at,
                by=joint.join(dict.fromkeys(name for name in (writer, decided) if name)),
                note=mine[-1].note,
                signals=counts.get((mine[0].code, number), SignalCounts(0, 0)).ever,
                href=f"{visit.home}/rules/{mine[0].code}/versions/{number}",
                running=is_running,
            )
        )
    return tuple(found)


def _backtest_row(visit: Visit, one: analysis.Backtest, people: Mapping[str, str]) -> BacktestRow:
    names = [rule_label(visit, rule) for rule in one.rules]
    words = visit.t("web.backtest.words", rules=visit.t("web.backtest.and").join(names), years=one.years)
    return BacktestRow(
        f"{visit.home}/backtests/{one.public_id}", words, one.at, people.get(one.by, ""),
        visit.t(f"web.backtest.state.{one.state}"),
    )  # fmt: skip


def rule_label(visit: Visit, rule: Rule) -> str:
    """A rule by its code and version; one that is not stored is a draft."""
    if rule.version:
        return visit.t("web.rule.labelled", code=rule.code, version=rule.version)
    return visit.t("web.rule.labelled_draft", code=rule.code)


def _backtest_form(visit: Visit, versions: list[Rule], others: list[Rule]) -> BacktestForm:
    newest_first = list({one.version: one for one in versions}.values())[::-1]
    watched = {code for one in versions for code in one.selector.indicators}
    comparable = [one for one in others if one.kind != "silence" and watched & set(one.selector.indicators)]
    running = running_version(versions)
    tried = visit.field("tried") or str(newest_first[0].version)
    proposed = newest_first[0].state == "proposed" and running is not None
    beside = visit.field("against") or (f"{running.code}@{running.version}" if proposed and running else "")
    return BacktestForm(
        action=f"{visit.home}/rules/{versions[0].code}/backtests",
        tried=tuple(
            Option(str(one.version), rule_label(visit, one), str(one.version) == tried) for one in newest_first
        ),
        against=(
            Option("", visit.t("web.backtest.alone"), not beside),
            *(
                Option(f"{one.code}@{one.version}", f"{rule_label(visit, one)} · {visit.name(one.names)}",
                       f"{one.code}@{one.version}" == beside)
                for one in [*newest_first, *comparable]
            ),
        ),
        values={
            "years": visit.field("years") or str(USUAL_YEARS),
            "basis": visit.field("basis") or "reported",
            "events": visit.field("events"),
        },
    )  # fmt: skip


@route(router, "GET", "/w/{world}/rules/{rule}/versions/{version}", Permission.READ)
def version_page(visit: Visit) -> Response:
    """One version, whole, with every signal that it ever made."""
    code, number = visit.parameter("rule"), visit.parameter("version")
    start = max(0, int(visit.query("from")) if visit.query("from").isdigit() else 0)
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        rule = analysis.rule(*args, code, version=int(number) if number.isdigit() else -1)
        found = analysis.signal_page(
            *args, rule_code=code, rule_version=rule.version, limit=A_PAGE, offset=start
        )
        judged = {
            one.signal_id: one
            for one in assessment.triages(*args, signal_ids=[s.public_id for s in found.signals], limit=None)
        }
        indicators, names = indicators_of(visit, connection), domain_names(visit, connection)
        steps = analysis.rule_authors(*args, code)
        people = people_names(visit, connection)
    step = steps[rule.known_seq]
    view = VersionView(
        crumbs=(
            Crumb(visit.t("web.rules.title"), f"{visit.home}/rules"),
            Crumb(visit.name(rule.names), f"{visit.home}/rules/{code}"),
            Crumb(visit.t("web.rule.version", version=rule.version)),
        ),
        title=visit.t("web.rule.version_title", name=visit.name(rule.names), version=rule.version),
        lead=visit.t(
            "web.rule.version_lead",
            state=visit.t(f"web.rule.state.{rule.state}"),
            by=people.get(step.by, visit.t("web.rule.by_pack")),
            at=visit.f.exact(step.at),
            seq=rule.known_seq,
        ),
        settings=settings(visit, rule, indicators),
        rows=tuple(list_row(visit, one, judged.get(one.public_id), names) for one in found.signals),
        total=found.total,
        next_href=visit.address(**{"from": str(start + A_PAGE)}) if found.total > start + A_PAGE else "",
        previous_href=visit.address(**{"from": str(max(0, start - A_PAGE))}) if start else "",
    )
    return visit.page("rule_version.html", view, current="signals")


@route(router, "POST", "/w/{world}/rules/{rule}/approve", Permission.RULE_APPROVE)
def approve(visit: Visit) -> Response:
    """A second person lets a proposal run. The one who proposed it is refused, with the page as it was."""
    seq, note = visit.number_field("version"), visit.field("note")
    return _decide(visit, lambda tx, code: analysis.activate_rule(tx, code, expected_seq=seq, note=note))


@route(router, "POST", "/w/{world}/rules/{rule}/retire", Permission.RULE_APPROVE)
def retire(visit: Visit) -> Response:
    """Drop a proposal, or stop a rule. Its signals stay."""
    seq, note = visit.number_field("version"), visit.field("note")
    return _decide(visit, lambda tx, code: analysis.retire_rule(tx, code, expected_seq=seq, note=note))


def _decide(visit: Visit, act: Callable[[Tx, str], Any]) -> Response:
    """Do something to a rule that this person may see."""
    with visit.here.read() as connection:
        found = analysis.rule(connection, visit.scope, visit.as_of, visit.parameter("rule"))
    try:
        with visit.here.write(visit.actor) as tx:
            act(tx, found.code)
    except InputError as error:
        visit.page_path = f"{visit.home}/rules/{found.code}"
        return show_rule(visit, field_errors(error, visit.language), status=422)
    return visit.redirect(f"{visit.home}/rules/{found.code}")


def tried_version(visit: Visit, connection: Connection, text: str) -> Rule:
    """A rule by ``code@version`` as a form names it."""
    code, _, version = text.rpartition("@")
    rule = analysis.rule(
        connection, visit.scope, visit.as_of, code, version=int(version) if version.isdigit() else -1
    )
    return replace(rule)
