"""Questions to analysis. Each takes a connection, a scope and a moment, and gives the same answer for ever.

``as_of.seq`` decides what is answered. ``as_of.known_at`` is about the values that a signal rests on, not about
signals: only ``chart`` uses it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from anlan.analysis import tables
from anlan.analysis.rulebook import rule_of
from anlan.analysis.trial_types import Backtest, Trial, events_of
from anlan.analysis.types import (
    AlarmBudget,
    BudgetPlace,
    BudgetWeek,
    Rule,
    RuleState,
    RuleStep,
    Run,
    Signal,
    SignalCounts,
    SignalPage,
)
from anlan.errors import NotFoundError
from anlan.registry.calendars import Calendar, calendar_from
from anlan.store import AsOf, Scope, newer_rows
from anlan.store.schema import event
from anlan.texts import Sentence

__all__ = [
    "alarm_budget",
    "alarm_budget_history",
    "alarm_budgets",
    "budget_weeks",
    "kept_backtest",
    "kept_backtests",
    "rule",
    "rule_authors",
    "rule_versions",
    "rules",
    "runs",
    "signal",
    "signal_counts",
    "signal_history",
    "signal_numbered",
    "signal_page",
    "signals",
    "silent",
]

_DEFAULT_LIMIT = 200
SILENCE = ("silence",)


def signals(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    kinds: Collection[str] | None = None,
    rule_code: str | None = None,
    rule_version: int | None = None,
    indicator: str | None = None,
    series_id: int | None = None,
    series_ids: Collection[int] | None = None,
    source: str | None = None,
    area_prefix: str | None = None,
    domain: str | None = None,
    ids: Collection[str] | None = None,
    only_open: bool = False,
    only_holding: bool = False,
    limit: int | None = _DEFAULT_LIMIT,
    offset: int = 0,
) -> list[Signal]:
    """Signals in their newest version, the newest first. All conditions that are given must hold.

    Parameters
    ----------
    kinds, rule_code, rule_version, indicator, series_id, series_ids, source, area_prefix, domain, ids
        What they must be about; ``area_prefix`` is the path of an area.
    only_open : bool
        Leave out those that have ended (a silence that is over, a limit that is kept again).
    only_holding : bool
        Leave out those whose ground was taken by a correction.
    limit, offset : int
        The part of the list that is wanted; ``limit=None`` gives all.
    """
    query = _signals_now(
        scope, as_of, kinds=kinds, rule_code=rule_code, rule_version=rule_version, indicator=indicator,
        series_id=series_id, series_ids=series_ids, source=source, area_prefix=area_prefix, domain=domain, ids=ids,
        only_open=only_open, only_holding=only_holding,
    )  # fmt: skip
    table = tables.signal
    query = query.order_by(table.c.raised_at.desc(), table.c.serial.desc(), table.c.public_id.desc())
    rows = connection.execute(query.limit(limit).offset(offset))
    return [_signal(row) for row in rows]


def signal_page(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    limit: int = 50,
    offset: int = 0,
    **conditions: Any,
) -> SignalPage:
    """A part of the list of ``signals`` (same conditions) and the number of all."""
    inner = _signals_now(scope, as_of, **conditions).with_only_columns(tables.signal.c.public_id).subquery()
    total = connection.execute(sa.select(sa.func.count()).select_from(inner)).scalar_one()
    found = signals(connection, scope, as_of, limit=limit, offset=offset, **conditions)
    return SignalPage(tuple(found), int(total))


def signal(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Signal:
    """One signal in its newest version.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    versions = signal_history(connection, scope, as_of, public_id)
    if not versions:
        raise NotFoundError(
            f"no signal {public_id!r} here", key="analysis.signal.unknown", values={"public_id": public_id}
        )
    return versions[-1]


def signal_numbered(connection: sa.Connection, scope: Scope, as_of: AsOf, number: str) -> Signal:
    """The signal that people call by this number (``2026-0147``) on this node.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    table = tables.signal
    year, _, serial = number.partition("-")
    found = None
    if year.isdecimal() and serial.isdecimal():
        query = sa.select(table.c.public_id).where(table.c.year == int(year), table.c.serial == int(serial))
        found = connection.execute(query.limit(1)).scalar()
    return signal(connection, scope, as_of, found if found is not None else number)


def signal_history(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> list[Signal]:
    """All versions of a signal, oldest first."""
    table = tables.signal
    query = _signal_versions(scope).where(table.c.public_id == public_id, table.c.known_seq <= as_of.seq)
    return [_signal(row) for row in connection.execute(query)]


def silent(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[Signal]:
    """Sources that are silent now, the longest first."""
    return signals(connection, scope, as_of, kinds=SILENCE, only_open=True, limit=None)[::-1]


def rules(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    domain: str | None = None,
    state: RuleState | None = None,
    indicator: str | None = None,
) -> list[Rule]:
    """Rules, by code.

    Without ``state`` each rule in its newest version. With ``state="active"`` the versions that run: a proposal on
    top of an active version does not hide it.
    """
    table = tables.rule
    query = sa.select(table).where(_scoped_rule(scope, table)).order_by(table.c.code)
    if state == "active":
        decided = table.c.state.in_(("active", "retired"))
        newest = _newest(
            table, ("code",), as_of.seq, only=lambda alias: alias.c.state.in_(("active", "retired"))
        )
        query = query.where(decided, newest)
    else:
        query = query.where(_newest(table, ("code",), as_of.seq))
    if state is not None:
        query = query.where(table.c.state == state)
    if domain is not None:
        query = query.where(table.c.domain == domain)
    found = [rule_of(row._asdict()) for row in connection.execute(query)]
    return [one for one in found if indicator is None or indicator in one.selector.indicators]


def rule(
    connection: sa.Connection, scope: Scope, as_of: AsOf, code: str, *, version: int | None = None
) -> Rule:
    """One rule in its newest version, or in the version that is asked for.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see it.
    """
    found = [
        one
        for one in rule_versions(connection, scope, as_of, code)
        if version is None or one.version == version
    ]
    if not found:
        known = ", ".join(one.code for one in rules(connection, scope, as_of)) or "none"
        raise NotFoundError(
            f"no rule {code!r}{'' if version is None else f' in version {version}'}; there are: {known}",
            key="analysis.rule.unknown",
            values={"code": code if version is None else f"{code}@{version}", "known": known},
        )
    return found[-1]


def rule_versions(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> list[Rule]:
    """All rows of a rule, oldest first: a version may stand there as proposed, then as active."""
    table = tables.rule
    query = (
        sa.select(table)
        .where(table.c.code == code, table.c.known_seq <= as_of.seq, _scoped_rule(scope, table))
        .order_by(table.c.known_seq)
    )
    return [rule_of(row._asdict()) for row in connection.execute(query)]


def rule_authors(connection: sa.Connection, scope: Scope, as_of: AsOf, code: str) -> dict[int, RuleStep]:
    """Who wrote each row of a rule, and when, by its sequence."""
    table = tables.rule
    query = (
        sa.select(table.c.known_seq, table.c.by, event.c.at)
        .join(event, event.c.seq == table.c.known_seq)
        .where(table.c.code == code, table.c.known_seq <= as_of.seq, _scoped_rule(scope, table))
    )
    return {row.known_seq: RuleStep(row.by, row.at) for row in connection.execute(query)}


def signal_counts(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, since: datetime, rule_code: str | None = None
) -> dict[tuple[str, int], SignalCounts]:
    """How many signals each version of each rule has ever raised, and how many since a moment."""
    table = tables.signal
    recent = sa.case((table.c.raised_at >= since, table.c.public_id))
    query = (
        sa.select(
            table.c.rule_code,
            table.c.rule_version,
            sa.func.count(table.c.public_id.distinct()).label("all"),
            sa.func.count(recent.distinct()).label("recent"),
        )
        .where(table.c.known_seq <= as_of.seq, _seen(scope, table))
        .group_by(table.c.rule_code, table.c.rule_version)
    )
    if rule_code is not None:
        query = query.where(table.c.rule_code == rule_code)
    return {
        (row.rule_code, row.rule_version): SignalCounts(row.all, row.recent)
        for row in connection.execute(query)
    }


def kept_backtest(connection: sa.Connection, scope: Scope, as_of: AsOf, public_id: str) -> Backtest:
    """A back-test in its newest version.

    Raises
    ------
    NotFoundError
        There is none, or the scope does not see all that it covers.
    """
    found = kept_backtests(connection, scope, as_of, public_id=public_id, limit=1)
    if not found:
        raise NotFoundError(
            f"no back-test {public_id!r} here",
            key="analysis.backtest.unknown",
            values={"public_id": public_id},
        )
    return found[0]


def kept_backtests(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    rule_code: str | None = None,
    public_id: str | None = None,
    limit: int = 20,
) -> list[Backtest]:
    """Back-tests of a rule in their newest version, the newest first."""
    table = tables.rule_backtest
    seen = scope.where(area_path=table.c.area_path, domain=table.c.domain, sensitivity=table.c.sensitivity)
    query = sa.select(table).where(_newest(table, ("public_id",), as_of.seq), seen)
    if rule_code is not None:
        query = query.where(table.c.rule_code == rule_code)
    if public_id is not None:
        query = query.where(table.c.public_id == public_id)
    rows = connection.execute(query.order_by(table.c.known_seq.desc()).limit(limit))
    return [_backtest(row._asdict()) for row in rows]


def alarm_budgets(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[AlarmBudget]:
    """The budgets that are set, one for each domain that has one."""
    table = tables.alarm_budget
    query = (
        sa.select(table)
        .where(_newest(table, ("domain",), as_of.seq), scope.where(domain=table.c.domain))
        .where(table.c.signals_a_week > 0)
        .order_by(table.c.domain)
    )
    return [AlarmBudget(**row._mapping) for row in connection.execute(query)]


def alarm_budget(connection: sa.Connection, scope: Scope, as_of: AsOf, domain: str) -> AlarmBudget | None:
    """The budget of a domain as it was set last, also when that took it away (0 signals); None: never set."""
    found = alarm_budget_history(connection, scope, as_of, domain)
    return found[-1] if found else None


def alarm_budget_history(
    connection: sa.Connection, scope: Scope, as_of: AsOf, domain: str
) -> list[AlarmBudget]:
    """All versions of the budget of a domain, oldest first."""
    table = tables.alarm_budget
    query = (
        sa.select(table)
        .where(table.c.domain == domain, table.c.known_seq <= as_of.seq, scope.where(domain=table.c.domain))
        .order_by(table.c.known_seq)
    )
    return [AlarmBudget(**row._mapping) for row in connection.execute(query)]


def budget_weeks(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, domain: str, limit: int = 8
) -> list[BudgetWeek]:
    """What the budget of a domain made of its weeks, the newest week first."""
    table = tables.budget_week
    query = (
        sa.select(table)
        .where(_newest(table, ("domain", "week"), as_of.seq), scope.where(domain=table.c.domain))
        .where(table.c.domain == domain)
        .order_by(table.c.week.desc())
        .limit(limit)
    )
    found = []
    for row in connection.execute(query):
        values = dict(row._mapping)
        values["calendar"] = _calendar(tuple(sorted(values["calendar"].items())))
        values["places"] = tuple(BudgetPlace(*place) for place in values["places"])
        found.append(BudgetWeek(**values))
    return found


def runs(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    rule_code: str | None = None,
    indicator: str | None = None,
    newest_only: bool = False,
    limit: int | None = _DEFAULT_LIMIT,
) -> list[Run]:
    """What runs of rules looked at, newest first; with ``newest_only`` one for each rule and indicator."""
    table = tables.rule_run
    query = sa.select(table).where(table.c.known_seq <= as_of.seq, _scoped_rule(scope, table))
    if rule_code is not None:
        query = query.where(table.c.rule_code == rule_code)
    if indicator is not None:
        query = query.where(table.c.indicator_code == indicator)
    if newest_only:
        query = query.where(_newest(table, ("rule_code", "indicator_code"), as_of.seq))
    query = query.order_by(table.c.known_seq.desc(), table.c.rule_code, table.c.indicator_code).limit(limit)
    return [Run(**_without(row, "sensitivity")) for row in connection.execute(query)]


def _signals_now(
    scope: Scope,
    as_of: AsOf,
    *,
    kinds: Collection[str] | None = None,
    rule_code: str | None = None,
    rule_version: int | None = None,
    indicator: str | None = None,
    series_id: int | None = None,
    series_ids: Collection[int] | None = None,
    source: str | None = None,
    area_prefix: str | None = None,
    domain: str | None = None,
    ids: Collection[str] | None = None,
    only_open: bool = False,
    only_holding: bool = False,
) -> sa.Select[Any]:
    table = tables.signal
    column = table.c
    equal = {
        column.rule_code: rule_code,
        column.rule_version: rule_version,
        column.indicator_code: indicator,
        column.series_id: series_id,
        column.source_code: source,
        column.domain: domain,
    }
    among = {column.kind: kinds, column.series_id: series_ids, column.public_id: ids}
    conditions = [one == wanted for one, wanted in equal.items() if wanted is not None]
    conditions += [one.in_(list(wanted)) for one, wanted in among.items() if wanted is not None]
    if area_prefix is not None:
        conditions.append(column.area_path.startswith(area_prefix, autoescape=True))
    if only_open:
        conditions.append(column.ended_at.is_(None))
    if only_holding:
        conditions.append(column.holds.is_(sa.true()))
    query = _signals_seen(scope, as_of.seq)
    return query.where(*conditions) if conditions else query


@lru_cache(maxsize=64)
def _signals_seen(scope: Scope, seq: int) -> sa.Select[Any]:
    """Signals in their newest version; built once for all that a page asks of one moment."""
    table = tables.signal
    return sa.select(table).where(_newest(table, ("public_id",), seq), _seen(scope, table))


@lru_cache(maxsize=64)
def _signal_versions(scope: Scope) -> sa.Select[Any]:
    table = tables.signal
    return sa.select(table).where(_seen(scope, table)).order_by(table.c.known_seq)


def _newest(table: sa.Table, key: tuple[str, ...], seq: int, *, only: Any = None) -> sa.ColumnElement[bool]:
    """Whether no later version follows. Not ``latest``: with an order and a limit only the first rows are touched."""
    later = newer_rows(table)
    follows = sa.exists().where(
        *(later.c[name] == table.c[name] for name in key),
        later.c.known_seq > table.c.known_seq,
        later.c.known_seq <= seq,
        *([only(later)] if only is not None else []),
    )
    return sa.and_(table.c.known_seq <= seq, ~follows)


def _seen(scope: Scope, table: sa.Table) -> sa.ColumnElement[bool]:
    return scope.where(area_path=table.c.area_path, domain=table.c.domain, sensitivity=table.c.sensitivity)


def _scoped_rule(scope: Scope, table: sa.Table) -> sa.ColumnElement[bool]:
    return scope.where(domain=table.c.domain, sensitivity=table.c.sensitivity)


def _backtest(row: Mapping[str, Any]) -> Backtest:
    values = dict(row)
    values["rules"] = tuple(rule_of(one) for one in values["rules"])
    values["events"] = events_of(values["events"])
    values["result"] = None if values["result"] is None else Trial.of(values["result"])
    return Backtest(**values)


def _without(row: sa.Row[Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in names}


@lru_cache(maxsize=64)
def _calendar(parts: tuple[tuple[str, Any], ...]) -> Calendar:
    """A calendar is checked when it is made, which costs more than reading the rest of a row."""
    return calendar_from(dict(parts))


def _signal(row: sa.Row[Any]) -> Signal:
    values = _without(row, "year", "serial")
    values["calendar"] = _calendar(tuple(sorted(values["calendar"].items())))
    values["title"] = Sentence.from_json(values["title"])
    values["why"] = tuple(Sentence.from_json(text) for text in values["why"])
    return Signal(**values)
