"""How many signals a week a desk works off: setting it, judging the weeks by it, and the place of each signal.

A desk is a domain. Its budget chooses among the *alarms* of its detectors on weekly counts, by their p-values on one
scale (``anlan.stats.evaluation.alarm_budget``): it raises nothing and deletes nothing, every signal stays where it is and
says whether the budget let it through. Rules without p-values, limits, silence and other time steps are not in it.

The p-values of the weeks before, from which the limit comes, are those of today's data and today's rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

import anlan
from anlan.analysis import queries, tables
from anlan.analysis.facts import EVERYTHING, IndicatorFacts, PlaceFacts, indicator_facts, place_facts
from anlan.analysis.looking import run_method, selected_rows
from anlan.analysis.types import AlarmBudget, BudgetPlace, BudgetWeek, Rule, Signal
from anlan.errors import AnlanError, ConflictError, InputError, Problem
from anlan.registry.calendars import Calendar
from anlan.series import matrix as dense_matrix
from anlan.series.types import Flag
from anlan.stats.evaluation import alarm_budget
from anlan.store import SYSTEM, Actor, AsOf, Scope, Tx, World

__all__ = ["Standing", "WEEKS_JUDGED", "apply_budgets", "set_alarm_budget", "standings"]

WEEKS_JUDGED = 8
MOST_SIGNALS, LEAST_WEEKS, MOST_WEEKS = 10_000, 4, 260


@dataclass(frozen=True)
class Standing:
    """The place of a signal in its best week: ``rank`` of ``judged`` p-values, and whether the budget let it through."""

    domain: str
    week: int
    rank: int
    judged: int
    p_value: float
    let_through: bool


def set_alarm_budget(
    tx: Tx,
    domain: str,
    *,
    signals_a_week: int,
    exact: bool = False,
    trailing_weeks: int = 26,
    note: str = "",
    expected_seq: int,
) -> AlarmBudget:
    """Set how many signals a week a domain works off; 0 takes the budget away. The next judging uses it.

    Parameters
    ----------
    expected_seq : int
        ``known_seq`` of the version that was seen; 0 when there was none.

    Raises
    ------
    InputError
        With every field that is not acceptable.
    ConflictError
        Somebody set it since.
    """
    limits = (
        ("signals_a_week", signals_a_week, 0, MOST_SIGNALS),
        ("trailing_weeks", trailing_weeks, LEAST_WEEKS, MOST_WEEKS),
    )
    problems = [
        Problem(
            "analysis.budget.field",
            {"field": name, "given": given, "least": least, "most": most},
            {"field": name},
            f"{name} must be an int >= {least} and <= {most}. Got {given}.",
        )
        for name, given, least, most in limits
        if not least <= given <= most
    ]
    if problems:
        raise InputError("the budget cannot be used", key="analysis.budget.refused", problems=problems)
    found = queries.alarm_budget(tx.connection, EVERYTHING, AsOf(tx.seq), domain)
    latest = 0 if found is None else found.known_seq
    if latest != expected_seq:
        raise ConflictError(
            "the budget was set by somebody else since you looked; look again, then decide",
            key="analysis.budget.changed_since",
            values={"domain": domain},
        )
    made = AlarmBudget(
        domain, tx.seq, signals_a_week, exact, trailing_weeks, note.strip(), tx.now, tx.actor.id
    )
    row = {name: getattr(made, name) for name in made.__dataclass_fields__ if name != "known_seq"}
    tx.insert(tables.alarm_budget, row)
    data = {name: row[name] for name in ("signals_a_week", "exact", "trailing_weeks")}
    tx.event("alarm_budget.set", subject=("domain", domain), data=data)
    return made


def apply_budgets(world: World, *, actor: Actor = SYSTEM, folder: Path | None = None) -> list[BudgetWeek]:
    """Judge the newest weeks of every domain that has a budget; writes the weeks whose judgement is new.

    A rule that cannot run is left out, as it is in a run.
    """
    as_of = world.as_of()
    with world.read() as connection:
        budgets = queries.alarm_budgets(connection, EVERYTHING, as_of)
        due = [one for one in budgets if _is_due(connection, one, as_of)]
    written = []
    for budget in due:
        made = _judge(world, budget, as_of, folder)
        with world.read() as connection:
            kept = {one.week: one for one in _weeks(connection, as_of, budget.domain)}
        new = [one for one in made if one.week not in kept or _content(kept[one.week]) != _content(one)]
        if made and not new:
            new = made[-1:]  # so that the next call knows what was looked at
        if new:
            with world.write(actor) as tx:
                tx.insert(tables.budget_week, [_row(replace(one, at=tx.now)) for one in new])
                data = {"weeks": [one.calendar.text(one.week) for one in new], "input_seq": as_of.seq}
                tx.event("alarm_budget.applied", subject=("domain", budget.domain), data=data)
            written += new
    return written


def standings(connection: sa.Connection, scope: Scope, as_of: AsOf) -> dict[str, Standing]:
    """The place of each signal of the newest judged weeks, by its public id; signals out of any budget are not in it."""
    found: dict[str, Standing] = {}
    for budget in queries.alarm_budgets(connection, scope, as_of):
        weeks = {
            one.week: one for one in queries.budget_weeks(connection, scope, as_of, domain=budget.domain)
        }
        places = {
            (place.rule_code, place.series_id, week): place
            for week, one in weeks.items()
            for place in one.places
        }
        if not places:
            continue
        listed = queries.signals(
            connection, scope, as_of, series_ids=sorted({key[1] for key in places}), domain=budget.domain,
            kinds=("detector",), limit=None,
        )  # fmt: skip
        for signal in listed:
            standing = _standing(signal, weeks, places)
            if standing is not None:
                found[signal.public_id] = standing
    return found


def _standing(
    signal: Signal,
    weeks: Mapping[int, BudgetWeek],
    places: Mapping[tuple[str, int, int], BudgetPlace],
) -> Standing | None:
    held = [
        (week, places[signal.rule_code, signal.series_id or 0, week])
        for week in weeks
        if (signal.rule_code, signal.series_id or 0, week) in places
        and any(entry["period"] == week for entry in signal.evidence.get("periods", []))
    ]
    if not held:
        return None
    week, best = min(held, key=lambda one: (not one[1].let_through, one[1].rank))
    return Standing(signal.domain, week, best.rank, weeks[week].judged, best.p_value, best.let_through)


def _is_due(connection: sa.Connection, budget: AlarmBudget, as_of: AsOf) -> bool:
    """Whether a rule of the domain ran, or the budget changed, since the weeks were judged."""
    kept = _weeks(connection, as_of, budget.domain)
    seen = max((one.input_seq for one in kept), default=-1)
    runs = queries.runs(connection, EVERYTHING, as_of, newest_only=True, limit=None)
    newest = max((run.known_seq for run in runs if run.domain == budget.domain), default=0)
    return max(newest, budget.known_seq) > seen


def _weeks(connection: sa.Connection, as_of: AsOf, domain: str) -> list[BudgetWeek]:
    return queries.budget_weeks(connection, EVERYTHING, as_of, domain=domain, limit=WEEKS_JUDGED)


@dataclass(frozen=True)
class _Judged:
    """p-values and alarms of one rule on one indicator, shape (n_series, n_weeks), over the same weeks for all."""

    rule: Rule
    series: tuple[int, ...]
    p_values: NDArray[np.float64]
    alarms: NDArray[np.bool_]


def _judge(world: World, budget: AlarmBudget, as_of: AsOf, folder: Path | None) -> list[BudgetWeek]:
    """The newest weeks under the budget, oldest first."""
    with world.read() as connection:
        listed = queries.rules(connection, EVERYTHING, as_of, domain=budget.domain, state="active")
        places = place_facts(connection, as_of)
        watched = [
            (rule, indicator_facts(connection, as_of, code))
            for rule in listed
            if rule.kind == "detector"
            for code in rule.selector.indicators
        ]
    weekly = [(rule, indicator) for rule, indicator in watched if indicator.calendar.step == "week"]
    found = list(_judged(world, weekly, places, as_of, budget.trailing_weeks + WEEKS_JUDGED, folder))
    if not found:
        return []
    last = max(end for end, _ in found)
    calendar = weekly[0][1].calendar
    width = budget.trailing_weeks + WEEKS_JUDGED
    parts = [_shifted(one, end, last, width) for end, one in found]
    p_values = np.concatenate([one.p_values for one in parts])
    alarms = np.concatenate([one.alarms for one in parts])
    keys = [(one.rule.code, number) for one in parts for number in one.series]
    chosen = alarm_budget(
        p_values, signals_a_week=budget.signals_a_week, exact=budget.exact,
        trailing_weeks=budget.trailing_weeks,
    )  # fmt: skip
    first = last - width + 1
    made = []
    for at in range(width - WEEKS_JUDGED, width):
        judged = int((~np.isnan(p_values[:, at])).sum())
        if not judged:
            continue
        limited = bool(np.isfinite(chosen.limit[at]))
        rows = [int(row) for row in np.flatnonzero(alarms[:, at] & ~np.isnan(p_values[:, at]))]
        listed_places = tuple(
            BudgetPlace(
                keys[row][0], keys[row][1], float(f"{p_values[row, at]:.9g}"), int(chosen.rank[row, at]),
                bool(chosen.signals[row, at]) or not limited,
            )
            for row in sorted(rows, key=lambda row: int(chosen.rank[row, at]))
        )  # fmt: skip
        through = sum(place.let_through for place in listed_places)
        made.append(
            BudgetWeek(
                domain=budget.domain,
                week=first + at,
                known_seq=0,
                calendar=calendar,
                signals_a_week=budget.signals_a_week,
                judged=judged,
                p_limit=float(f"{chosen.limit[at]:.9g}") if limited else None,
                expected_chance=float(f"{chosen.expected_chance[at]:.9g}") if limited else None,
                let_through=through,
                held_back=len(listed_places) - through,
                places=listed_places,
                input_seq=as_of.seq,
                code_version=anlan.__version__,
                at=budget.at,
            )
        )
    return made


def _judged(
    world: World,
    weekly: Sequence[tuple[Rule, IndicatorFacts]],
    places: PlaceFacts,
    as_of: AsOf,
    width: int,
    folder: Path | None,
) -> Iterator[tuple[int, _Judged]]:
    """For each rule and indicator that can run: its newest week, and what it says of the weeks up to it."""
    for rule, indicator in weekly:
        matrix = dense_matrix(world, EVERYTHING, as_of, indicator.code, folder=folder)
        rows = selected_rows(rule, matrix.series, places)
        if not len(rows) or not matrix.values.shape[1]:
            continue
        values = np.where(matrix.values[rows] < 0, np.nan, matrix.values[rows])
        start = max(0, values.shape[1] - width)
        columns = np.arange(start, values.shape[1], dtype=np.int64)
        try:
            found = run_method(rule, indicator, values, matrix.periods, columns)
        except AnlanError:
            continue
        aside = (matrix.flags[rows, start:] & int(Flag.RETROSPECTIVE)) != 0
        aside |= ~_valid_weeks(rule, indicator.calendar, matrix.periods[start:])[np.newaxis, :]
        p_values = np.where(aside, np.nan, found.p_value)
        if np.isnan(p_values).all():
            continue
        yield (
            matrix.last_period,
            _Judged(rule, tuple(matrix.series[row].id for row in rows), p_values, found.alarm & ~aside),
        )


def _valid_weeks(rule: Rule, calendar: Calendar, periods: NDArray[np.int64]) -> NDArray[np.bool_]:
    days = [calendar.date_of(int(period)).isoformat() for period in periods]
    return np.array(
        [
            (not rule.valid_from or rule.valid_from <= day) and (not rule.valid_to or day <= rule.valid_to)
            for day in days
        ]
    )


def _shifted(one: _Judged, end: int, last: int, width: int) -> _Judged:
    """Bring what ends in its own week to the common weeks, which end in ``last``."""
    n, had = one.p_values.shape
    p_values, alarms = np.full((n, width), np.nan), np.zeros((n, width), dtype=bool)
    stop = width - (last - end)
    start = stop - had
    cut = max(0, -start)
    if stop > 0:
        p_values[:, start + cut : stop] = one.p_values[:, cut:]
        alarms[:, start + cut : stop] = one.alarms[:, cut:]
    return _Judged(one.rule, one.series, p_values, alarms)


def _content(one: BudgetWeek) -> dict[str, Any]:
    return {**_row(one), "input_seq": 0, "at": None, "code_version": ""}


def _row(one: BudgetWeek) -> dict[str, Any]:
    row = {name: getattr(one, name) for name in one.__dataclass_fields__ if name != "known_seq"}
    row["calendar"] = one.calendar.to_dict()
    row["places"] = [
        [place.rule_code, place.series_id, place.p_value, place.rank, place.let_through]
        for place in one.places
    ]
    return row
