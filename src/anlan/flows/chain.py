"""From an assessment to the draft of a warning: the level, the places and the facts of its signals are filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from anlan import analysis, assessment, registry
from anlan.analysis import Signal
from anlan.assessment import Assessment
from anlan.errors import ConflictError, InputError
from anlan.registry import find_unit
from anlan.settings import Settings
from anlan.store import Actor, AsOf, Scope, World
from anlan.texts import LANGUAGES
from anlan.warning import HazardWarning
from anlan.warning import queries as warnings
from anlan.warning.actions import draft

__all__ = ["draft_from_assessment", "hazards_for"]


def draft_from_assessment(
    world: World, actor: Actor, scope: Scope, assessment_id: str, *, settings: Settings, hazard: str = ""
) -> HazardWarning:
    """Draft a warning at the level of an assessment, for its area, with what its signals found.

    Parameters
    ----------
    hazard : str
        Kind of danger; that of the rule when empty.

    Raises
    ------
    NotFoundError
        No such assessment for this scope.
    InputError
        The assessment leads to no level, or no kind of danger is known; the message names those there are.
    ConflictError
        Another draft or warning rests on it already.
    """
    with world.read() as connection:
        as_of = world.as_of()
        made = assessment.assessment(connection, scope, as_of, assessment_id)
        if made.level is None:
            raise InputError(f"assessment {made.number} leads to no level", key="flows.chain.no_level")
        _refuse_second(connection, scope, as_of, made)
        signals = [analysis.signal(connection, scope, as_of, one) for one in made.signal_ids]
        kind = _hazard(connection, scope, as_of, made, hazard)
        facts = _facts(connection, scope, as_of, signals)
    with world.write(actor) as tx:
        return draft(
            tx,
            settings=settings,
            hazard=kind,
            level=made.level,
            area_codes=[made.area_code],
            facts=facts,
            certainty="Observed" if made.confidence == "high" else "Likely",
            assessment_id=made.public_id,
            sensitivity=made.sensitivity,
        )


def hazards_for(
    connection: sa.Connection, scope: Scope, as_of: AsOf, made: Assessment
) -> dict[str, Mapping[str, str]]:
    """Kinds of danger that an assessment may be drafted as: those its rules name, else all of its domain."""
    signals = [analysis.signal(connection, scope, as_of, one) for one in made.signal_ids]
    known = {one.code: one.names for one in warnings.hazards(connection, scope, as_of, domain=made.domain)}
    named = {one.hazard: known[one.hazard] for one in signals if one.hazard in known}
    return named or known


def _refuse_second(connection: sa.Connection, scope: Scope, as_of: AsOf, made: Assessment) -> None:
    standing = [
        one
        for one in warnings.warnings(connection, scope, as_of, assessment_id=made.public_id)
        if one.state in ("draft", "review", "in_force")
    ]
    if standing:
        values = {"number": made.number, "warning": standing[0].number}
        message = f"warning {standing[0].number} rests on assessment {made.number} already"
        raise ConflictError(message, key="flows.chain.drafted", values=values)


def _hazard(connection: sa.Connection, scope: Scope, as_of: AsOf, made: Assessment, wanted: str) -> str:
    offered = hazards_for(connection, scope, as_of, made)
    if wanted in offered:
        return wanted
    if not wanted and len(offered) == 1:
        return next(iter(offered))
    listed = ", ".join(offered) or "-"
    raise InputError(
        f"say which kind of danger it is; there are: {listed}",
        key="flows.chain.hazard",
        values={"known": listed},
    )


def _facts(connection: sa.Connection, scope: Scope, as_of: AsOf, signals: list[Signal]) -> dict[str, Any]:
    """What the texts may say of the first signal; a place that nothing is known for stays a visible gap."""
    if not signals:
        return {}
    one = signals[0]
    facts: dict[str, Any] = {
        "period": {language: one.calendar.label(one.last_period, language) for language in LANGUAGES},
        "grounds": {language: _ended(analysis.say(one.title, language), language) for language in LANGUAGES},
    }
    for name, value in (("observed", one.observed), ("expected", one.expected), ("limit", one.upper)):
        if value is not None:
            facts[name] = dict.fromkeys(LANGUAGES, _figure(value))
    if one.indicator_code:
        indicator = registry.indicator(connection, scope, as_of, one.indicator_code)
        unit = find_unit(indicator.unit)
        facts["indicator"] = dict(indicator.names)
        facts["unit"] = dict(unit.names) if unit is not None and unit.of == "count" else indicator.unit
    return facts


def _figure(value: float) -> str:
    """Whole numbers as they are, others to one place, and to two where one would say nothing."""
    digits = 0 if value == round(value) else 1 if value >= 1 else 2
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def _ended(text: str, language: str) -> str:
    return text + ("。" if language == "zh" else ".")
