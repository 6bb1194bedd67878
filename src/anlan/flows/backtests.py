"""Back-tests between the rooms: what people confirmed in triage is what a rule should have found."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from anlan import analysis, assessment
from anlan.analysis import BACKTEST, KnownEvent, Rule, Signal
from anlan.store import AsOf, Job, Scope, World

__all__ = ["BACKTEST", "confirmed_events", "run_backtest"]

_IDS_AT_ONCE = 4000


def confirmed_events(
    connection: sa.Connection, scope: Scope, as_of: AsOf, rule: Rule
) -> tuple[KnownEvent, ...]:
    """Signals on the rule's indicators that people verified, those of one place that overlap as one event.

    Recognised on the day of the verification. An outbreak that no rule signalled is not among them, so that a rule can
    only be shown to lose events against them, not to find new ones.
    """
    found = [
        one
        for code in rule.selector.indicators
        for one in analysis.signals(connection, scope, as_of, indicator=code, limit=None)
    ]
    ids = [one.public_id for one in found]
    judged = {
        one.signal_id: one
        for start in range(0, len(ids), _IDS_AT_ONCE)
        for one in assessment.triages(
            connection,
            scope,
            as_of,
            states=("verified",),
            signal_ids=ids[start : start + _IDS_AT_ONCE],
            limit=None,
        )
    }
    events = sorted(
        (
            KnownEvent(
                area_code=one.area_code,
                start=one.calendar.date_of(one.first_period),
                end=_last_day(one),
                name=one.number,
                indicator=one.indicator_code,
                recognised=judged[one.public_id].at.astimezone(ZoneInfo(one.calendar.zone)).date(),
            )
            for one in found
            if one.public_id in judged and one.kind != "silence"
        ),
        key=lambda one: (one.area_code, one.indicator, one.start, one.name),
    )
    return tuple(
        merged
        for _, group in groupby(events, key=lambda one: (one.area_code, one.indicator))
        for merged in _merged(list(group))
    )


def _last_day(one: Signal) -> date:
    end = one.calendar.end_of(one.last_period) - timedelta(seconds=1)
    return end.astimezone(ZoneInfo(one.calendar.zone)).date()


def _merged(events: list[KnownEvent]) -> list[KnownEvent]:
    """Events of one place, by start; those that overlap become one, recognised when the first of them was."""
    made: list[KnownEvent] = []
    for one in events:
        if not made or one.start > made[-1].end:
            made.append(one)
            continue
        last = made.pop()
        days = [day for day in (last.recognised, one.recognised) if day is not None]
        made.append(
            KnownEvent(
                last.area_code,
                last.start,
                max(last.end, one.end),
                f"{last.name}, {one.name}",
                last.indicator,
                min(days, default=None),
            )
        )
    return made


def run_backtest(world: World, job: Job) -> None:
    """Do a back-test that was asked for (a queued job)."""
    analysis.do_backtest(world, str(job.payload["id"]))
