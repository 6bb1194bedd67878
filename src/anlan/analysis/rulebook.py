"""Rules: from packs and rows to ``Rule`` and back, and the check that a rule must pass before it is stored.

Whether a *pack* holds together is checked when it is read (``anlan.registry.packs``); here stands what must hold for
any rule, also one that a person wrote on a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import numpy as np

from anlan.analysis.types import LEVELS, SILENCE_RULE, Rule, Selector
from anlan.errors import ConfigurationError, ParameterError, Problem
from anlan.registry.pack_types import PackRule
from anlan.stats.counts import METHODS, REQUIRED
from anlan.texts import catalogue

__all__ = ["built_in_silence", "check_rule", "from_pack", "rule_of", "row_of", "same_content"]

STATES = ("proposed", "active", "retired")
MOST_DAYS = 400
_ADMINISTRATION = ("version", "known_seq", "state", "pack_version", "local_edit", "note")


def from_pack(rule: PackRule, *, pack_id: str, pack_version: str, domain: str, sensitivity: int = 1) -> Rule:
    """A rule of a pack as this room keeps it; its version is given when it is installed."""
    kind = {"silence": "silence", "limit": "limit"}.get(rule.method, "detector")
    made = Rule(
        code=rule.code,
        kind=kind,  # type: ignore[arg-type]
        domain=domain,
        names=dict(rule.names),
        method=rule.method,
        parameters=_plain(rule.parameters),
        selector=Selector(
            indicators=tuple(rule.indicators),
            area_kinds=tuple(rule.area_kinds),
            strata="each" if rule.strata == "each" else "total",
            sources=tuple(rule.sources),
        ),
        levels=tuple((level, float(least)) for level, least in rule.levels) or (("blue", 0.0),),  # type: ignore[misc]
        extend_days=rule.extend_days,
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
        hazard=rule.hazard,
        reference=rule.reference,
        why=dict(rule.why),
        sensitivity=sensitivity,
        pack_id=pack_id,
        pack_version=pack_version,
    )
    return check_rule(made)


def built_in_silence() -> Rule:
    """The rule that watches every source which no rule of a pack names."""
    return Rule(
        code=SILENCE_RULE,
        kind="silence",
        domain="",
        names=dict(catalogue()["signal.rule.silence"]),
        method="silence",
        parameters={},
        selector=Selector(),
        extend_days=1,
        version=1,
    )


def rule_of(row: Mapping[str, Any]) -> Rule:
    """The rule that stands in a row of the table."""
    values = dict(row)
    values.pop("by")
    values["selector"] = Selector(**{name: _tupled(value) for name, value in values["selector"].items()})
    values["levels"] = tuple((level, float(least)) for level, least in values["levels"])
    return Rule(**values)


def row_of(rule: Rule, by: str) -> dict[str, Any]:
    """The row of a rule; the store fills in ``known_seq``."""
    values = asdict(rule)
    values.pop("known_seq")
    values["selector"] = {name: _plain(value) for name, value in values["selector"].items()}
    values["levels"] = [[level, least] for level, least in rule.levels]
    return {**values, "by": by}


def same_content(one: Rule, other: Rule) -> bool:
    """Whether two versions look for the same thing in the same way."""
    blank = {name: getattr(one, name) for name in _ADMINISTRATION}
    return row_of(one, "") == row_of(replace(other, **blank), "")


def check_rule(rule: Rule) -> Rule:
    """Give the rule back if it can be run.

    Raises
    ------
    ConfigurationError
        With every problem found; each says which field, what was given and what is accepted.
    """
    problems = [*_check_words(rule), *_check_method(rule), *_check_levels(rule), *_check_numbers(rule)]
    if problems:
        raise ConfigurationError(
            f"the rule {rule.code!r} cannot be used",
            key="analysis.rule.refused",
            values={"code": rule.code},
            problems=problems,
        )
    return rule


def _problem(rule: Rule, field: str, given: object, accepted: str) -> Problem:
    return Problem(
        "analysis.rule.field",
        {"field": field, "given": str(given), "accepted": accepted},
        {"rule": rule.code, "field": field},
        f"accepted is {accepted}. Got {given!r}.",
    )


def _check_words(rule: Rule) -> list[Problem]:
    problems = []
    if not rule.code or len(rule.code) > 80 or (rule.code == SILENCE_RULE):
        problems.append(_problem(rule, "code", rule.code, f"1 to 80 characters, not {SILENCE_RULE!r}"))
    problems += [
        _problem(rule, f"names.{language}", "", "a name in both languages")
        for language in ("zh", "en")
        if not rule.names.get(language)
    ]
    if not rule.domain:
        problems.append(_problem(rule, "domain", rule.domain, "the id of a pack"))
    if rule.state not in STATES:
        problems.append(_problem(rule, "state", rule.state, ", ".join(STATES)))
    if rule.selector.strata not in ("total", "each"):
        problems.append(_problem(rule, "selector.strata", rule.selector.strata, "total, each"))
    needed, unused = ("sources", "indicators") if rule.kind == "silence" else ("indicators", "sources")
    if not getattr(rule.selector, needed):
        problems.append(_problem(rule, f"selector.{needed}", (), "at least one code"))
    if getattr(rule.selector, unused):
        problems.append(
            _problem(rule, f"selector.{unused}", getattr(rule.selector, unused), "none for this method")
        )
    return problems


def _check_method(rule: Rule) -> list[Problem]:
    if rule.kind == "silence":
        good = rule.method == "silence" and not rule.parameters
        return [] if good else [_problem(rule, "method", rule.method, "silence, without parameters")]
    method = METHODS.get(rule.method)
    if method is None:
        return [_problem(rule, "method", rule.method, ", ".join([*METHODS, "silence"]))]
    problems = []
    if (rule.kind == "limit") != (rule.method == "limit"):
        problems.append(
            _problem(rule, "kind", rule.kind, "limit for the method limit, detector for all others")
        )
    known = [parameter.name for parameter in method.parameters]
    problems += [
        _problem(rule, f"parameters.{name}", name, ", ".join(known))
        for name in rule.parameters
        if name not in known
    ]
    return problems or _check_values(rule)


def _check_values(rule: Rule) -> list[Problem]:
    """Let the method itself judge the values: it refuses with the name of the parameter."""
    try:
        METHODS[rule.method].run(np.zeros((1, 1)), **rule.parameters)
    except ParameterError as error:
        name = str(error.values.get("name", ""))
        if name not in rule.parameters:
            return [_problem(rule, "parameters", dict(rule.parameters), error.message)]
        accepted = str(error.values.get("accepted") or error.message)
        return [_problem(rule, f"parameters.{name}", rule.parameters[name], accepted)]
    except TypeError:
        needed = ", ".join(one.name for one in METHODS[rule.method].parameters if one.default is REQUIRED)
        return [_problem(rule, "parameters", dict(rule.parameters), f"all of {needed}")]
    return []


def _check_levels(rule: Rule) -> list[Problem]:
    ranks = [LEVELS.index(level) if level in LEVELS else -1 for level, _ in rule.levels]
    scores = [least for _, least in rule.levels]
    rising = all(a < b for a, b in zip(ranks, ranks[1:], strict=False)) and all(
        a < b for a, b in zip(scores, scores[1:], strict=False)
    )
    if ranks and min(ranks) >= 0 and rising:
        return []
    accepted = f"levels of {', '.join(LEVELS)} with scores, both rising"
    return [_problem(rule, "levels", rule.levels, accepted)]


def _check_numbers(rule: Rule) -> list[Problem]:
    problems = []
    if not 0 <= rule.extend_days <= MOST_DAYS:
        problems.append(_problem(rule, "extend_days", rule.extend_days, f"0 to {MOST_DAYS}"))
    if rule.evaluate_last < 0:
        problems.append(_problem(rule, "evaluate_last", rule.evaluate_last, "0 (as the step says) or more"))
    if rule.sensitivity not in (0, 1, 2, 3):
        problems.append(_problem(rule, "sensitivity", rule.sensitivity, "0, 1, 2, 3"))
    for name in ("valid_from", "valid_to"):
        text = getattr(rule, name)
        if text and not _is_date(text):
            problems.append(_problem(rule, name, text, "a date like 2024-03-05, or nothing"))
    if rule.valid_from and rule.valid_to and rule.valid_to < rule.valid_from:
        problems.append(_problem(rule, "valid_to", rule.valid_to, f"a date not before {rule.valid_from}"))
    return problems


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (tuple, list)) else value


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
