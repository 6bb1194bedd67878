"""Running rules: look outside the transaction, write in one short one.

A run reads the newest run of its rule, looks at what is new since, and writes signals, the note of the run and their
events together, if nobody else has run the rule or changed it in the meantime; otherwise it looks again. So a crash
before the write loses nothing (the next run sees the same new values), a second run on the same input writes nothing,
and two workers never raise one signal twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import anlan
from anlan.analysis import queries, tables
from anlan.analysis.drafting import Context, Plan, plan
from anlan.analysis.facts import (
    EVERYTHING,
    IndicatorFacts,
    PlaceFacts,
    SourceFacts,
    indicator_facts,
    place_facts,
    source_facts,
)
from anlan.analysis.looking import Cell, Look, look_at
from anlan.analysis.types import Rule, Run, RunReport, Signal
from anlan.analysis.wording import Arrival
from anlan.analysis.writing import numbering, write_changes
from anlan.errors import AnlanError, ConflictError, NotFoundError, ParameterError, UnavailableError
from anlan.registry.calendars import Calendar
from anlan.series import queries as series_queries
from anlan.series import tables as series_tables
from anlan.store import SYSTEM, Actor, AsOf, Scope, Tx, World

__all__ = ["DueReport", "Failure", "preview_rule", "run_due", "run_rule"]

_ATTEMPTS = 5
_SERIES_AT_ONCE = 5000


class _OvertakenError(Exception):
    """Somebody ran or changed the rule while we looked; leaves the transaction without a trace."""


@dataclass(frozen=True)
class Failure:
    """A rule that could not run on an indicator, and why."""

    rule_code: str
    indicator_code: str
    error: AnlanError


@dataclass(frozen=True)
class DueReport:
    """What ``run_due`` did: a report for each run, and the rules that could not run."""

    reports: tuple[RunReport, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class _Attempt:
    rule: Rule
    previous: Run | None
    indicator: IndicatorFacts
    places: PlaceFacts
    as_of: AsOf
    look: Look | None = None  # None: nothing has come in since the last run
    arrivals: dict[tuple[int, int], Arrival] = field(default_factory=dict)


def run_rule(
    world: World, code: str, *, as_of: AsOf | None = None, actor: Actor = SYSTEM, folder: Path | None = None
) -> list[RunReport]:
    """Run a rule on each of its indicators and write what it finds.

    Parameters
    ----------
    world : World
    code : str
        Code of an active rule that is no silence rule.
    as_of : AsOf, optional
        What it may see: a journal sequence, and with ``known_at`` only what the world could know by then. Default is
        everything that is here now.
    actor : Actor
        Who has it run.
    folder : Path, optional
        Where dense matrices are kept between runs, as in ``anlan.series.dense.matrix``.

    Returns
    -------
    list of RunReport
        One for each indicator; ``wrote`` is False where nothing was new.

    Raises
    ------
    NotFoundError
        No such rule, or its indicator is not installed.
    ConflictError
        The rule is not active, or is a silence rule (``check_silence`` runs those).
    ConfigurationError
        Its method cannot run on the indicator with these parameters.
    ParameterError
        ``as_of`` is before the sequence that the last run has seen.
    """
    asked = world.as_of() if as_of is None else as_of
    with world.read() as connection:
        rule = _active(connection, code)
    return [_run_on(world, code, indicator, asked, actor, folder) for indicator in rule.selector.indicators]


def run_due(world: World, *, actor: Actor = SYSTEM, folder: Path | None = None) -> DueReport:
    """Run every active rule on every indicator for which something has come in since its last run.

    A rule that cannot run stops no other; it stands in ``failures``.
    """
    as_of = world.as_of()
    with world.read() as connection:
        due = _due(connection, as_of)
    reports: list[RunReport] = []
    failures: list[Failure] = []
    for code, indicator in due:
        try:
            reports.append(_run_on(world, code, indicator, as_of, actor, folder))
        except AnlanError as error:
            failures.append(Failure(code, indicator, error))
    return DueReport(tuple(reports), tuple(failures))


def preview_rule(
    world: World, rule: Rule, *, as_of: AsOf | None = None, scope: Scope = EVERYTHING
) -> list[Look]:
    """What a rule would say about the newest periods if it had never run. Writes nothing; any version will do.

    Raises
    ------
    NotFoundError, ConfigurationError
        An indicator is not installed; the method cannot run on it.
    """
    asked = world.as_of() if as_of is None else as_of
    looks = []
    for code in rule.selector.indicators:
        with world.read() as connection:
            indicator, places = indicator_facts(connection, asked, code), place_facts(connection, asked)
        looks.append(look_at(world, rule, indicator, places, asked, scope=scope))
    return looks


def _due(connection: sa.Connection, as_of: AsOf) -> list[tuple[str, str]]:
    rules = [
        one for one in queries.rules(connection, EVERYTHING, as_of, state="active") if one.kind != "silence"
    ]
    newest = queries.runs(connection, EVERYTHING, as_of, newest_only=True, limit=None)
    last = {(run.rule_code, run.indicator_code): run for run in newest}
    came = _newest_batches(connection, min((run.input_seq for run in newest), default=0), as_of.seq)
    due = []
    for rule in rules:
        for indicator in rule.selector.indicators:
            run = last.get((rule.code, indicator))
            if run is None or run.rule_version != rule.version or came.get(indicator, 0) > run.input_seq:
                due.append((rule.code, indicator))
    return due


def _newest_batches(connection: sa.Connection, after: int, upto: int) -> dict[str, int]:
    """Indicator -> sequence of the newest batch with values of it, of batches after one sequence up to another."""
    table = series_tables.batch
    query = sa.select(table.c.known_seq, table.c.coverage).where(
        table.c.known_seq > after, table.c.known_seq <= upto
    )
    found: dict[str, int] = {}
    for row in connection.execute(query.order_by(table.c.known_seq)):
        found.update(dict.fromkeys(row.coverage, row.known_seq))
    return found


def _run_on(
    world: World, code: str, indicator: str, as_of: AsOf, actor: Actor, folder: Path | None
) -> RunReport:
    for _ in range(_ATTEMPTS):
        attempt = _look(world, code, indicator, as_of, folder)
        if attempt.look is None:
            return RunReport(code, attempt.rule.version, indicator, as_of.seq, wrote=False)
        try:
            with world.write(actor) as tx:
                return _write(tx, attempt, attempt.look)
        except _OvertakenError:
            as_of = AsOf(max(as_of.seq, world.head()), as_of.known_at)
    raise UnavailableError(
        f"the rule {code!r} is run by others all the time; nothing was written, try again",
        key="analysis.rule.busy",
        values={"code": code},
    )


def _look(world: World, code: str, indicator: str, as_of: AsOf, folder: Path | None) -> _Attempt:
    with world.read() as connection:
        rule = _active(connection, code)
        previous = _last_run(connection, code, indicator)
        if previous is not None and as_of.seq < previous.input_seq:
            raise ParameterError(
                f"as_of must not be before {previous.input_seq}, which {code!r} has looked at. Got {as_of.seq}.",
                key="analysis.run.earlier",
                values={"code": code, "done": previous.input_seq, "asked": as_of.seq},
            )
        facts, places = indicator_facts(connection, as_of, indicator), place_facts(connection, as_of)
        attempt = _Attempt(rule, previous, facts, places, as_of)
        if previous is not None and previous.rule_version == rule.version:
            same_eyes = previous.input_known_at == as_of.known_at
            if same_eyes and indicator not in _newest_batches(connection, previous.input_seq, as_of.seq):
                return attempt
        with_signals = _series_with_signals(connection, code)
    look = look_at(
        world, rule, facts, places, as_of,
        previous=previous if previous is not None and previous.rule_version == rule.version else None,
        with_signals=with_signals, folder=folder,
    )  # fmt: skip
    with world.read() as connection:
        arrivals = _arrivals(connection, as_of, facts.calendar, look.cells)
    return _Attempt(rule, previous, facts, places, as_of, look, arrivals)


def _write(tx: Tx, attempt: _Attempt, look: Look) -> RunReport:
    rule, connection = attempt.rule, tx.connection
    now = _last_run(connection, rule.code, look.indicator)
    seen = attempt.previous
    if (now and now.known_seq) != (seen and seen.known_seq) or _active(connection, rule.code) != rule:
        raise _OvertakenError
    context = Context(
        rule, attempt.indicator, attempt.places, attempt.as_of, tx.now, tx.world.node_id, attempt.arrivals
    )
    existing = _signals_on(connection, tx.seq, rule.code, {cell.series.id for cell in look.cells})
    planned = plan(context, look.cells, existing, numbering(tx))
    write_changes(tx, planned.changes)
    report = _report(look, planned)
    _note_run(tx, attempt, look, report)
    return report


def _report(look: Look, planned: Plan) -> RunReport:
    reasons = dict(look.reasons)
    if planned.already_signalled:
        reasons["already_signalled"] = planned.already_signalled
    return RunReport(
        rule_code=look.rule.code,
        rule_version=look.rule.version,
        indicator_code=look.indicator,
        input_seq=look.as_of.seq,
        wrote=True,
        series=look.series,
        cells=look.seen,
        alarms=sum(cell.alarm for cell in look.cells),
        raised=planned.ids("raised"),
        extended=planned.ids("extended"),
        revised=planned.ids("revised"),
        ended=planned.ids("ended"),
        reasons=dict(sorted(reasons.items())),
    )


def _note_run(tx: Tx, attempt: _Attempt, look: Look, report: RunReport) -> None:
    # A look at nothing keeps what the last one of this version had reached.
    same = (
        attempt.previous
        if attempt.previous and attempt.previous.rule_version == attempt.rule.version
        else None
    )
    reached = [one for one in (look.last_period, same.last_period if same else None) if one is not None]
    row: dict[str, Any] = {
        "rule_code": report.rule_code,
        "indicator_code": report.indicator_code,
        "rule_version": report.rule_version,
        "code_version": anlan.__version__,
        "domain": attempt.rule.domain,
        "sensitivity": attempt.rule.sensitivity,
        "input_seq": look.as_of.seq,
        "input_known_at": look.as_of.known_at,
        "at": tx.now,
        "first_period": look.first_period,
        "last_period": max(reached, default=None),
        "series": report.series,
        "cells": report.cells,
        "alarms": report.alarms,
        "raised": len(report.raised),
        "extended": len(report.extended),
        "revised": len(report.revised),
        "ended": len(report.ended),
        "reasons": dict(report.reasons),
    }
    tx.insert(tables.rule_run, row)
    names = (
        "rule_version",
        "input_seq",
        "series",
        "cells",
        "alarms",
        "raised",
        "extended",
        "revised",
        "ended",
    )
    data = {
        "indicator": report.indicator_code,
        "reasons": row["reasons"],
        **{name: row[name] for name in names},
    }
    tx.event("rule.ran", subject=("rule", report.rule_code), data=data)


def _active(connection: sa.Connection, code: str) -> Rule:
    """The version of a rule that runs."""
    table = tables.rule
    decided = table.c.state.in_(("active", "retired"))
    query = sa.select(sa.func.max(table.c.known_seq)).where(table.c.code == code, decided)
    seq = connection.execute(query).scalar()
    versions = queries.rule_versions(connection, EVERYTHING, AsOf(2**62), code)
    if not versions:
        queries.rule(connection, EVERYTHING, AsOf(2**62), code)  # says which rules there are
    found = next((one for one in versions if one.known_seq == seq), versions[-1])
    if found.state != "active" or found.kind == "silence":
        state = found.state if found.kind != "silence" else "silence"
        raise ConflictError(
            f"the rule {code!r} cannot be run: it is {state}",
            key="analysis.rule.not_active",
            values={"code": code, "state": state},
        )
    return found


def _last_run(connection: sa.Connection, code: str, indicator: str) -> Run | None:
    found = queries.runs(
        connection, EVERYTHING, AsOf(2**62), rule_code=code, indicator=indicator, newest_only=True, limit=1
    )
    return found[0] if found else None


def _series_with_signals(connection: sa.Connection, code: str) -> frozenset[int]:
    table = tables.signal
    query = (
        sa.select(table.c.series_id)
        .where(table.c.rule_code == code, table.c.series_id.is_not(None))
        .distinct()
    )
    return frozenset(connection.execute(query).scalars())


def _signals_on(connection: sa.Connection, seq: int, code: str, series_ids: Iterable[int]) -> list[Signal]:
    wanted = sorted(series_ids)
    found: list[Signal] = []
    for start in range(0, len(wanted), _SERIES_AT_ONCE):
        some = wanted[start : start + _SERIES_AT_ONCE]
        found += queries.signals(
            connection, EVERYTHING, AsOf(seq), rule_code=code, series_ids=some, limit=None
        )
    return found


def _arrivals(
    connection: sa.Connection, as_of: AsOf, calendar: Calendar, cells: Sequence[Cell]
) -> dict[tuple[int, int], Arrival]:
    """How the values that alarm have come: one look into the history of each."""
    sources: dict[str, SourceFacts | None] = {}
    found: dict[tuple[int, int], Arrival] = {}
    for cell in cells:
        if not cell.alarm:
            continue
        versions = series_queries.history(connection, EVERYTHING, as_of, cell.series.id, cell.period)
        current = versions[-1]
        (batch,) = series_queries.batches(connection, EVERYTHING, as_of, ids=[current.batch_id])
        if batch.source_code not in sources:
            sources[batch.source_code] = _source_or_none(connection, as_of, batch.source_code)
        before = [one for one in versions[:-1] if one.batch_id != current.batch_id]
        found[cell.series.id, cell.period] = Arrival(
            arrived_at=batch.delivered_at,
            batch=batch.public_id,
            source_code=batch.source_code,
            due_by=_due_by(calendar, cell.period, sources[batch.source_code]),
            period_ended_at=calendar.end_of(cell.period),
            before=before[-1].value if before else None,
        )
    return found


def _source_or_none(connection: sa.Connection, as_of: AsOf, code: str) -> SourceFacts | None:
    try:
        return source_facts(connection, as_of, code)
    except NotFoundError:
        return None  # a file that belongs to no registered source


def _due_by(calendar: Calendar, period: int, source: SourceFacts | None) -> datetime:
    """Until when a value of the period is in time: as its source promises, or before the next period ends."""
    if source is None:
        return calendar.end_of(period + 1)
    return calendar.end_of(period) + source.due_after + source.grace
