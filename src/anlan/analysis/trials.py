"""Back-tests that are kept: asked for by a person, done as queued work, stored with the sequence they used.

The answer is a version of what was asked, so that it can be asked for again as it was. A back-test that cannot be done
(a rule that its indicator refuses) is kept too, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anlan
from anlan.analysis import queries, tables
from anlan.analysis.backtesting import backtest
from anlan.analysis.facts import EVERYTHING
from anlan.analysis.rulebook import check_rule, row_of
from anlan.analysis.trial_types import Backtest, Basis, KnownEvent, events_to_json
from anlan.analysis.types import Rule
from anlan.errors import AnlanError, ForbiddenError
from anlan.store import SYSTEM, AsOf, Scope, Tx, World, enqueue, new_public_id

__all__ = ["BACKTEST", "ask_backtest", "do_backtest"]

BACKTEST = "rule.backtest"


def ask_backtest(
    tx: Tx,
    rules: Sequence[Rule],
    *,
    scope: Scope,
    years: int = 5,
    events: Sequence[KnownEvent] = (),
    basis: Basis = "reported",
    as_of: AsOf | None = None,
) -> str:
    """Ask for a back-test of one rule, or of two side by side; it is done as queued work. Gives its id.

    It sees the journal up to ``as_of`` (now if not given) and the areas of ``scope``, and is shown to those who see all of these.

    Raises
    ------
    ConfigurationError
        A rule cannot be used; every problem is listed.
    ForbiddenError
        The scope has several parts of the country, which one answer cannot be shown for.
    """
    for rule in rules:
        check_rule(rule)
    if scope.areas is not None and len(scope.areas) != 1:
        raise ForbiddenError(
            "a back-test covers all areas or one area with all below it; this person sees several parts",
            key="analysis.backtest.areas",
        )
    asked = Backtest(
        public_id=new_public_id(),
        known_seq=0,
        rule_code=rules[0].code,
        area_path="" if scope.areas is None else scope.areas[0],
        domain=rules[0].domain,
        sensitivity=max(rule.sensitivity for rule in rules),
        state="waiting",
        years=years,
        basis=basis,
        rules=tuple(rules),
        events=tuple(events),
        result=None,
        error="",
        input_seq=min(tx.seq - 1, as_of.seq) if as_of is not None else tx.seq - 1,
        code_version=anlan.__version__,
        at=tx.now,
        by=tx.actor.id,
    )
    _write(tx, asked, "rule.backtest_asked")
    enqueue(tx.connection, BACKTEST, f"{BACKTEST}:{asked.public_id}", {"id": asked.public_id}, tx.now)
    return asked.public_id


def do_backtest(world: World, public_id: str) -> Backtest:
    """Do a back-test that waits, and keep the answer; one that is done already is given back as it is."""
    with world.read() as connection:
        asked = queries.kept_backtest(connection, EVERYTHING, world.as_of(), public_id)
    if asked.state != "waiting":
        return asked
    scope = replace(EVERYTHING, areas=(asked.area_path,) if asked.area_path else None)
    try:
        result = backtest(
            world, asked.rules, years=asked.years, events=asked.events, basis=asked.basis,
            as_of=AsOf(asked.input_seq), scope=scope,
        )  # fmt: skip
        done = replace(asked, state="done", result=result)
    except AnlanError as error:
        done = replace(asked, state="failed", error=str(error))
    return _keep(world, done)


def _keep(world: World, done: Backtest) -> Backtest:
    with world.write(SYSTEM) as tx:
        now = queries.kept_backtest(tx.connection, EVERYTHING, AsOf(tx.seq), done.public_id)
        if now.state != "waiting":  # another worker was first, with the same answer
            tx.event("rule.backtest_again", subject=("rule", done.rule_code), data={"id": done.public_id})
            return now
        made = replace(done, at=tx.now, code_version=anlan.__version__, known_seq=tx.seq)
        _write(tx, made, "rule.backtested")
    return made


def _write(tx: Tx, one: Backtest, kind: str) -> None:
    row: dict[str, Any] = {
        "public_id": one.public_id,
        "rule_code": one.rule_code,
        "area_path": one.area_path,
        "domain": one.domain,
        "sensitivity": one.sensitivity,
        "state": one.state,
        "years": one.years,
        "basis": one.basis,
        "rules": [{**row_of(rule, ""), "known_seq": rule.known_seq} for rule in one.rules],
        "events": events_to_json(one.events),
        "result": None if one.result is None else one.result.to_json(),
        "error": one.error,
        "input_seq": one.input_seq,
        "code_version": one.code_version,
        "at": one.at,
        "by": one.by,
    }
    tx.insert(tables.rule_backtest, row)
    data = {
        "id": one.public_id,
        "state": one.state,
        "rules": [[rule.code, rule.version] for rule in one.rules],
        "years": one.years,
        "input_seq": one.input_seq,
    }
    tx.event(kind, subject=("rule", one.rule_code), data=data)
