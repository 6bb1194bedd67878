"""What one room causes in another. Each handler looks first whether its work is done, so it may be called twice."""

from __future__ import annotations

from contextlib import suppress

from anlan import analysis, assessment
from anlan.flows.dispatch import Reader
from anlan.store import SYSTEM, AsOf, Event, Scope, World, enqueue

__all__ = ["READERS", "RUN_RULES"]

RUN_RULES = "rules.run"
_ALL = Scope.everything("flows")


class _DoneAlreadyError(Exception):
    """Leaves a transaction in which somebody else turned out to have been first."""


def _signal_to_triage(world: World, event: Event) -> None:
    """A raised signal waits for a person; one that goes on after it was dismissed waits again."""
    with world.read() as connection:
        signal = analysis.signal(connection, _ALL, AsOf(event.tx_seq), event.subject_id)
        known = assessment.triage_of(connection, _ALL, world.as_of(), signal.public_id)
    if event.kind == "signal.raised":
        if known is not None:
            return
        facts = assessment.SignalFacts(
            signal_id=signal.public_id,
            kind=signal.kind,
            number=signal.number,
            level_hint=signal.level_hint,
            raised_at=signal.raised_at,
            area_code=signal.area_code,
            area_path=signal.area_path,
            domain=signal.domain,
            sensitivity=signal.sensitivity,
        )
        with suppress(_DoneAlreadyError), world.write(SYSTEM) as tx:
            if not assessment.open_triage(tx, facts):
                raise _DoneAlreadyError
    # What was dismissed before the signal grew is put before people again; what was dismissed since then is not.
    elif known is not None and known.state == "dismissed" and known.known_seq < event.seq:
        with suppress(_DoneAlreadyError), world.write(SYSTEM) as tx:
            if not assessment.signal_went_on(tx, signal.public_id):
                raise _DoneAlreadyError


def _delivery_to_rules(world: World, event: Event) -> None:
    """New values, rules or budgets: the rules are due, and after them the budgets.

    Queued under the event's own key: a run that is under way has not seen this delivery. Running twice finds nothing new.
    """
    with world.stage() as connection:
        enqueue(connection, RUN_RULES, f"{RUN_RULES}:{event.seq}", {"after": event.seq}, world.clock.now())


READERS = (
    Reader("triage", ("signal.raised", "signal.extended"), _signal_to_triage),
    Reader(
        "rules",
        ("batch.published", "rule.activated", "rule.installed", "alarm_budget.set"),
        _delivery_to_rules,
    ),
)
