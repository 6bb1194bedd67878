"""The alarm budget of a desk: how many signals a week it works off, and what that made of the last weeks."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from anlan import analysis
from anlan.analysis import AlarmBudget, BudgetWeek
from anlan.errors import InputError, NotFoundError
from anlan.web.access import Permission
from anlan.web.formats import number, probability
from anlan.web.forms import field_errors
from anlan.web.pages.rules import domain_names
from anlan.web.pages.signals import people_names
from anlan.web.routing import route
from anlan.web.views.frame import Crumb, FieldError
from anlan.web.views.rules import BudgetLine, BudgetView
from anlan.web.views.signals import Fact
from anlan.web.visit import Visit

router = APIRouter()
USUAL_WEEKS = 26


@route(router, "GET", "/w/{world}/budgets/{domain}", Permission.READ)
def budget_page(visit: Visit) -> Response:
    return _page(visit)


@route(router, "POST", "/w/{world}/budgets/{domain}", Permission.RULE_APPROVE)
def set_budget(visit: Visit) -> Response:
    """Set it. What was typed comes back with every problem when something is not accepted."""
    domain = _domain(visit)
    texts = {name: visit.field(name) for name in ("signals_a_week", "trailing_weeks")}
    try:
        with visit.here.write(visit.actor) as tx:
            analysis.set_alarm_budget(
                tx,
                domain,
                signals_a_week=_whole(texts["signals_a_week"]),
                trailing_weeks=_whole(texts["trailing_weeks"]),
                exact=visit.field("way") == "exact",
                note=visit.field("note"),
                expected_seq=visit.number_field("version"),
            )
    except InputError as error:
        visit.page_path = f"{visit.home}/budgets/{domain}"
        return _page(visit, field_errors(error, visit.language), status=422)
    return visit.redirect(f"{visit.home}/budgets/{domain}")


def _whole(text: str) -> int:
    """A whole number; what is none becomes one that no field accepts."""
    return int(text) if text.isdigit() and len(text) < 9 else -1


def _domain(visit: Visit) -> str:
    domain = visit.parameter("domain")
    with visit.here.read() as connection:
        if not analysis.rules(connection, visit.scope, visit.as_of, domain=domain):
            raise NotFoundError(
                f"no domain {domain!r} with rules here", key="web.budget.unknown", values={"domain": domain}
            )
    return domain


def _page(visit: Visit, errors: tuple[FieldError, ...] = (), status: int = 200) -> Response:
    domain = _domain(visit)
    with visit.here.read() as connection:
        args = (connection, visit.scope, visit.as_of)
        history = analysis.alarm_budget_history(*args, domain)
        weeks = analysis.budget_weeks(*args, domain=domain)
        names, people = domain_names(visit, connection), people_names(visit, connection)
    newest = history[-1] if history else None
    name = names.get(domain, domain)
    is_set = newest is not None and newest.signals_a_week > 0
    view = BudgetView(
        crumbs=(
            Crumb(visit.t("web.rules.title"), f"{visit.home}/rules"),
            Crumb(visit.t("web.budget.title", domain=name)),
        ),
        title=visit.t("web.budget.title", domain=name),
        lead=visit.t("web.budget.lead"),
        weeks=tuple(_line(visit, one) for one in weeks) if is_set else (),
        history=tuple(
            Fact(f"{visit.f.exact(one.at)} · {people.get(one.by, one.by)}", _words(visit, one))
            for one in reversed(history)
        ),
        action=f"{visit.home}/budgets/{domain}",
        values={
            "signals_a_week": visit.field("signals_a_week") or str(newest.signals_a_week if newest else 0),
            "trailing_weeks": visit.field("trailing_weeks")
            or str(newest.trailing_weeks if newest else USUAL_WEEKS),
            "way": visit.field("way") or ("exact" if newest is not None and newest.exact else "trailing"),
            "note": visit.field("note"),
        },
        version=str(newest.known_seq if newest is not None else 0),
        may_set=visit.may_act(Permission.RULE_APPROVE),
        signals_href=f"{visit.home}/signals",
        errors=errors,
    )
    return visit.page("rule_budget.html", view, current="signals", status=status)


def _words(visit: Visit, one: AlarmBudget) -> str:
    if not one.signals_a_week:
        said = visit.t("web.budget.none")
    else:
        key = "web.budget.is_exact" if one.exact else "web.budget.is_trailing"
        said = visit.t(key, count=one.signals_a_week, weeks=one.trailing_weeks)
    return f"{said} · {one.note}" if one.note else said


def _line(visit: Visit, one: BudgetWeek) -> BudgetLine:
    return BudgetLine(
        week=one.calendar.label(one.week, visit.language),
        judged=number(one.judged, visit.language),
        limit=probability(one.p_limit),
        chance=number(one.expected_chance, visit.language, digits=1),
        through=number(one.let_through, visit.language),
        held=number(one.held_back, visit.language),
    )
