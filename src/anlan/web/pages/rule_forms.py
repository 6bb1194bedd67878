"""Changing a rule and copying it: the form that is made from the table of methods.

The form tries, too: what is typed can be back-tested beside the version that runs before it is proposed, and comes back
from the back-test as it was typed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from anlan import analysis
from anlan.analysis import Rule
from anlan.analysis.entering import Entry, entries, methods_for, read_parameters
from anlan.analysis.rulebook import check_rule, same_content
from anlan.analysis.types import LEVELS, LevelName
from anlan.errors import ConfigurationError, InputError
from anlan.registry import Indicator
from anlan.stats.counts import METHODS
from anlan.texts import LANGUAGES, say
from anlan.web.access import Permission
from anlan.web.forms import field_errors
from anlan.web.pages.backtests import asked_of, read_ask
from anlan.web.pages.rules import indicators_of, running_version
from anlan.web.routing import route
from anlan.web.rule_words import method_name, say_words
from anlan.web.views.frame import Crumb, FieldError, Option
from anlan.web.views.rules import RuleForm, SettingField
from anlan.web.visit import Visit

router = APIRouter()
CODE = re.compile(r"[a-z0-9][a-z0-9._-]{2,79}")
PLAIN = (
    "name_zh",
    "name_en",
    "extend_days",
    "valid_from",
    "valid_to",
    "note",
    "years",
    "events",
    "basis",
    "code",
)
#: Names that the room gives its fields, and those of the form.
FIELDS = {
    "names.zh": "name_zh", "names.en": "name_en", "extend_days": "extend_days", "valid_from": "valid_from",
    "valid_to": "valid_to", "levels": "level.blue", "method": "method", "code": "code",
}  # fmt: skip


@route(router, "GET", "/w/{world}/rules/{rule}/edit", Permission.RULE_PROPOSE)
def edit(visit: Visit) -> Response:
    """The form of a change, with the newest version in it, or what a back-test was asked for with."""
    return _open(visit, is_copy=False)


@route(router, "GET", "/w/{world}/rules/{rule}/copy", Permission.RULE_PROPOSE)
def copy(visit: Visit) -> Response:
    return _open(visit, is_copy=True)


@route(router, "POST", "/w/{world}/rules/{rule}/edit", Permission.RULE_PROPOSE)
def edited(visit: Visit) -> Response:
    return _take(visit, is_copy=False)


@route(router, "POST", "/w/{world}/rules/{rule}/copy", Permission.RULE_PROPOSE)
def copied(visit: Visit) -> Response:
    return _take(visit, is_copy=True)


def _open(visit: Visit, *, is_copy: bool) -> Response:
    with visit.here.read() as connection:
        found, indicators = _rule(visit, connection)
        source = found
        if visit.query("from"):
            kept = analysis.kept_backtest(connection, visit.scope, visit.as_of, visit.query("from"))
            source = kept.rules[0]
    typed = _typed_of(source)
    if is_copy and source.code == found.code:
        typed["code"] = f"local.{found.code}"
        for language in LANGUAGES:
            typed[f"name_{language}"] = say("web.rule.copy_of", language, name=source.names.get(language, ""))
    return _form(visit, found, typed, indicators, is_copy=is_copy)


def _rule(visit: Visit, connection: Connection) -> tuple[Rule, dict[str, Indicator]]:
    found = analysis.rule(connection, visit.scope, visit.as_of, visit.parameter("rule"))
    if found.kind == "silence":
        raise InputError("a rule that watches for silence has no settings", key="web.rule.no_settings")
    return found, indicators_of(visit, connection)


def _typed_of(rule: Rule) -> dict[str, str]:
    """The form's fields for a rule."""
    levels = {f"level.{level}": f"{least:g}" for level, least in rule.levels}
    parameters = {f"p.{one.name}": one.value for one in entries(rule.method, rule.parameters)}
    return {
        "method": rule.method,
        "name_zh": rule.names.get("zh", ""),
        "name_en": rule.names.get("en", ""),
        "extend_days": str(rule.extend_days),
        "valid_from": rule.valid_from,
        "valid_to": rule.valid_to,
        "note": "",
        "code": rule.code,
        **levels,
        **parameters,
    }


def _take(visit: Visit, *, is_copy: bool) -> Response:
    """What was typed: shown with another method's settings, tried on the past, or proposed."""
    typed = {
        name: value.strip()
        for name, value in visit.form.items()
        if isinstance(value, str) and (name in PLAIN or name == "method" or name.startswith(("p.", "level.")))
    }
    with visit.here.read() as connection:
        found, indicators = _rule(visit, connection)
        versions = analysis.rule_versions(connection, visit.scope, visit.as_of, found.code)
    visit.page_path = f"{visit.home}/rules/{found.code}/{'copy' if is_copy else 'edit'}"
    if visit.field("step") == "method" or typed.get("method") not in METHODS:
        return _form(visit, found, typed, indicators, is_copy=is_copy)
    wanted, errors = _read(visit, found, typed, is_copy=is_copy)
    try:
        if wanted is not None and visit.field("step") == "try":
            with visit.here.read() as connection:
                ask = read_ask(visit, connection, wanted)
            beside = found if is_copy else running_version(versions) or found
            return asked_of(visit, [replace(wanted, version=0), beside], ask)
        if wanted is not None and not is_copy and same_content(found, wanted):
            errors = (FieldError("", visit.t("web.rule.nothing_changed")),)
        elif wanted is not None:
            seq = 0 if is_copy else visit.number_field("version")
            with visit.here.write(visit.actor) as tx:
                analysis.propose_rule(tx, wanted, expected_seq=seq)
            return visit.redirect(f"{visit.home}/rules/{wanted.code}")
    except (ConfigurationError, InputError) as error:
        errors = _errors(visit, error)
    return _form(visit, found, typed, indicators, is_copy=is_copy, errors=errors)


def _read(
    visit: Visit, found: Rule, typed: Mapping[str, str], *, is_copy: bool
) -> tuple[Rule | None, tuple[FieldError, ...]]:
    """The rule that was typed, or every problem of it beside its field."""
    method = typed["method"]
    errors: list[FieldError] = []
    parameters: dict[str, Any] = {}
    given = {name[2:]: value for name, value in typed.items() if name.startswith("p.")}
    try:
        before = found.parameters if method == found.method else {}
        parameters = read_parameters(method, given, before=before)
    except InputError as error:
        errors += _errors(visit, error)
    levels = _levels(visit, typed, errors)
    days = typed.get("extend_days", "")
    if not days.isdigit():
        errors.append(FieldError("extend_days", visit.t("web.rule.days_wrong", given=days)))
    if is_copy and not CODE.fullmatch(typed.get("code", "")):
        errors.append(FieldError("code", visit.t("web.rule.code_wrong", given=typed.get("code", ""))))
    if errors:
        return None, tuple(errors)
    wanted = replace(
        found,
        names={"zh": typed.get("name_zh", ""), "en": typed.get("name_en", "")},
        kind="limit" if method == "limit" else "detector",
        method=method,
        parameters=parameters,
        levels=levels,
        extend_days=int(days),
        valid_from=typed.get("valid_from", ""),
        valid_to=typed.get("valid_to", ""),
        note=typed.get("note", ""),
    )
    try:
        if is_copy:
            made = analysis.copy_rule(wanted, code=typed["code"], names=wanted.names)
            return replace(made, note=wanted.note), ()
        return check_rule(wanted), ()
    except ConfigurationError as error:
        return None, _errors(visit, error)


def _levels(
    visit: Visit, typed: Mapping[str, str], errors: list[FieldError]
) -> tuple[tuple[LevelName, float], ...]:
    found: list[tuple[LevelName, float]] = []
    for level in LEVELS:
        text = typed.get(f"level.{level}", "")
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            errors.append(FieldError(f"level.{level}", visit.t("web.rule.level_wrong", given=text)))
        else:
            found.append((level, value))
    return tuple(found)


def _errors(visit: Visit, error: ConfigurationError | InputError) -> tuple[FieldError, ...]:
    lines = field_errors(error, visit.language, FIELDS)
    return tuple(
        replace(line, field=f"p.{line.field.removeprefix('parameters.')}")
        if line.field.startswith("parameters.")
        else line
        for line in lines
    )


def _form(
    visit: Visit,
    found: Rule,
    typed: Mapping[str, str],
    indicators: Mapping[str, Indicator],
    *,
    is_copy: bool,
    errors: tuple[FieldError, ...] = (),
) -> Response:
    chosen = typed["method"] if typed.get("method") in METHODS else found.method
    given = {name[2:]: value for name, value in typed.items() if name.startswith("p.")}
    fields = tuple(_field(visit, one, given) for one in entries(chosen, given))
    shown = {one.name for one in fields}
    home = f"{visit.home}/rules/{found.code}"
    name = visit.name(found.names)
    title = visit.t("web.rule.copy_title" if is_copy else "web.rule.edit_title", name=name)
    view = RuleForm(
        crumbs=(
            Crumb(visit.t("web.rules.title"), f"{visit.home}/rules"), Crumb(name, home),
            Crumb(visit.t("web.rule.copy" if is_copy else "web.rule.edit")),
        ),
        title=title,
        lead=visit.t("web.rule.copy_lead" if is_copy else "web.rule.edit_lead"),
        action=f"{home}/{'copy' if is_copy else 'edit'}",
        back_href=home,
        methods=_methods(visit, found, chosen, indicators),
        method_help=METHODS[chosen].citation,
        fields=fields,
        kept=tuple(
            (field, value) for field, value in typed.items() if field.startswith("p.") and field not in shown
        ),
        levels=tuple(
            SettingField(f"level.{level}", visit.t(f"web.level.{level}"), "", typed.get(f"level.{level}", ""))
            for level in LEVELS
        ),
        values={
            **{field: typed.get(field, "") for field in PLAIN},
            "version": visit.field("version") or str(found.known_seq),
            "years": typed.get("years") or "5",
            "basis": typed.get("basis") or "reported",
        },
        draft_key=f"rule-{visit.here.name}-{found.code}-{'copy' if is_copy else 'edit'}",
        is_copy=is_copy,
        restore=visit.request.method == "GET" and not visit.query("from"),
        errors=errors,
    )  # fmt: skip
    return visit.page("rule_form.html", view, current="signals", status=422 if errors else 200)


def _field(visit: Visit, one: Entry, given: Mapping[str, str]) -> SettingField:
    usual = (
        visit.t(
            "web.rule.usual_is",
            value=visit.t(f"web.rule.{one.usual}") if one.usual in ("true", "false") else one.usual,
        )
        if one.usual
        else ""
    )
    parts = [one.name, visit.t("web.rule.accepted", accepted=say_words(one.accepted, visit.language)), usual]
    if one.choices:
        parts = [one.name, usual]
    options: tuple[Option, ...] = ()
    if one.choices:
        is_flag = one.choices == ("true", "false")
        value = given.get(one.name, "")
        options = (
            Option("", visit.t("web.rule.leave"), not value),
            *(
                Option(choice, visit.t(f"web.rule.{choice}") if is_flag else choice, choice == value)
                for choice in one.choices
            ),
        )
    return SettingField(
        f"p.{one.name}", say_words(one.title, visit.language), " · ".join(part for part in parts if part),
        given.get(one.name, ""), options,
    )  # fmt: skip


def _methods(
    visit: Visit, found: Rule, chosen: str, indicators: Mapping[str, Indicator]
) -> tuple[Option, ...]:
    """Methods that fit every indicator of the rule, and the one that it has."""
    fitting: list[set[str]] = [
        {method.name for method in methods_for(indicators[code].kind, indicators[code].calendar.step)}
        for code in found.selector.indicators
        if code in indicators
    ]
    names = set.intersection(*fitting) if fitting else set(METHODS)
    return tuple(
        Option(name, method_name(name, visit.language), name == chosen)
        for name in METHODS
        if name in names or name in (found.method, chosen)
    )
