"""Silence: a source that is later than its own rhythm. Not a wrong number, but none.

A source delivers for periods of a step. What it owes for a period is due some hours after the period's end, and after
some hours of grace it counts as missing. The *first missing period* is the first one that ends after the last delivery
(or after the last period which that delivery already covered: a source may hand in a day's figure before midnight).
When the grace of that period is over, the source is silent: one signal, raised once, ended by the next delivery of any
kind. When it falls silent again within ``extend_days`` of its return the same signal goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

import anlan
from anlan.analysis import queries
from anlan.analysis.drafting import Change, Numbering
from anlan.analysis.facts import EVERYTHING, SourceFacts, expected_sources
from anlan.analysis.rulebook import built_in_silence
from anlan.analysis.sentences import moment_value, number_value, period_value
from anlan.analysis.types import Rule, Signal
from anlan.analysis.wording import with_sentence
from anlan.analysis.writing import numbering, write_changes
from anlan.series import queries as series_queries
from anlan.series.types import Batch
from anlan.store import SYSTEM, Actor, AsOf, Tx, World, new_public_id
from anlan.texts import Sentence

__all__ = ["SilenceReport", "check_silence"]


@dataclass(frozen=True)
class SilenceReport:
    """Ids of the signals that a check raised, made go on, and ended."""

    raised: tuple[str, ...] = ()
    extended: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Standing:
    """Where a source stands: its last delivery, the first missing period, and whether the grace of that is over."""

    source: SourceFacts
    rule: Rule
    last: Batch | None
    first_missing: int
    newest_missing: int

    @property
    def is_silent(self) -> bool:
        return self.first_missing <= self.newest_missing


def check_silence(world: World, *, now: datetime | None = None, actor: Actor = SYSTEM) -> SilenceReport:
    """Raise a signal for each source that has fallen silent, end those of sources that deliver again.

    Sources that an active silence rule names follow that rule (its level, its ``extend_days``); sources named only
    by a proposed or retired rule are not watched; all others follow the built-in rule at level blue.

    Parameters
    ----------
    world : World
    now : datetime, optional
        The moment that deadlines are compared with; the world's clock if not given.
    actor : Actor
        Who has it checked.
    """
    moment = world.clock.now() if now is None else now
    as_of = world.as_of()
    with world.read() as connection:
        if not _changes(connection, as_of, moment, world.node_id, moment, Numbering(0, 0)):
            return SilenceReport()
    try:
        with world.write(actor) as tx:
            # Decided once more under the lock: a delivery may have come in between.
            return _write(tx, moment)
    except _NothingToSayError:
        return SilenceReport()


class _NothingToSayError(Exception):
    """Leaves a transaction that turned out to have nothing to say."""


def _write(tx: Tx, moment: datetime) -> SilenceReport:
    changes = _changes(tx.connection, AsOf(tx.seq - 1), moment, tx.world.node_id, tx.now, numbering(tx))
    if not changes:
        raise _NothingToSayError
    write_changes(tx, changes)
    by_kind = {
        kind: tuple(change.signal.public_id for change in changes if kind in change.kinds)
        for kind in ("raised", "extended", "ended")
    }
    return SilenceReport(**by_kind)


def _changes(
    connection: sa.Connection, as_of: AsOf, moment: datetime, node_id: str, now: datetime, numbers: Numbering
) -> list[Change]:
    newest = _newest_signals(connection, as_of)
    rules, built_in = _rules_by_source(connection, as_of), built_in_silence()
    changes = []
    standings = {}
    for source in expected_sources(connection, as_of):
        rule = rules.get(source.code, built_in)
        if rule is None:
            continue
        standing = standings[source.code] = _standing(connection, as_of, source, rule, moment)
        change = _change(standing, newest.get(source.code), as_of, node_id, now, numbers)
        if change is not None:
            changes.append(change)
    for code, signal in newest.items():
        # A source that is retired or no longer watched is not silent any more.
        if signal.ended_at is None and code not in standings:
            why = with_sentence(signal.why, Sentence("signal.why.silence_unwatched", {}))
            ended = replace(signal, ended_at=now, changed_at=now, input_seq=as_of.seq, why=why)
            changes.append(Change(ended, ("ended",)))
    return changes


def _change(
    standing: _Standing, signal: Signal | None, as_of: AsOf, node_id: str, now: datetime, numbers: Numbering
) -> Change | None:
    lasts = signal is not None and signal.ended_at is None
    if standing.is_silent == lasts:
        return None
    if signal is not None and lasts:
        return Change(_over(standing, signal, as_of, now), ("ended",))
    if signal is not None and _goes_on(standing, signal, now):
        return Change(_again(standing, signal, as_of, now), ("extended",))
    return Change(_raised(standing, as_of, node_id, now, numbers), ("raised",))


def _standing(
    connection: sa.Connection, as_of: AsOf, source: SourceFacts, rule: Rule, moment: datetime
) -> _Standing:
    found = series_queries.batches(connection, EVERYTHING, as_of, source=source.code, limit=1)
    last = found[0] if found else None
    calendar = source.calendar
    if last is None:
        first_missing = calendar.period_of(source.since)
    else:
        first_missing = calendar.period_of(max(last.delivered_at, _covered_until(source, last)))
    # The newest period whose grace is over: the one before the period that this moment falls into.
    newest_missing = calendar.period_of(moment - source.due_after - source.grace) - 1
    return _Standing(source, rule, last, first_missing, newest_missing)


def _covered_until(source: SourceFacts, last: Batch) -> datetime:
    """The end of the last period in a delivery, unless that lies further ahead than one period (a forecast)."""
    calendar = source.calendar
    limit = calendar.end_of(calendar.period_of(last.delivered_at))
    ends = [last.delivered_at]
    for code, delivered in last.coverage.items():
        if code in source.calendars:
            end = source.calendars[code].end_of(int(delivered[1]))
            ends += [end] if end <= limit else []
    return max(ends)


def _rules_by_source(connection: sa.Connection, as_of: AsOf) -> Mapping[str, Rule | None]:
    """The silence rule of each source that rules name; None where none of them is active."""
    found: dict[str, Rule | None] = {}
    for rule in queries.rules(connection, EVERYTHING, as_of):
        if rule.kind == "silence":
            found.update(dict.fromkeys(rule.selector.sources))
    for rule in queries.rules(connection, EVERYTHING, as_of, state="active"):
        if rule.kind == "silence":
            found.update(dict.fromkeys(rule.selector.sources, rule))
    return found


def _newest_signals(connection: sa.Connection, as_of: AsOf) -> dict[str, Signal]:
    listed = queries.signals(connection, EVERYTHING, as_of, kinds=queries.SILENCE, limit=None)
    found: dict[str, Signal] = {}
    for signal in listed:  # the newest first
        if signal.source_code is not None:
            found.setdefault(signal.source_code, signal)
    return found


def _goes_on(standing: _Standing, signal: Signal, now: datetime) -> bool:
    if signal.ended_at is None or signal.rule_version != standing.rule.version:
        return False
    return signal.rule_code == standing.rule.code and now - signal.ended_at <= timedelta(
        days=standing.rule.extend_days
    )


def _raised(standing: _Standing, as_of: AsOf, node_id: str, now: datetime, numbers: Numbering) -> Signal:
    source, rule = standing.source, standing.rule
    return Signal(
        public_id=new_public_id(),
        known_seq=0,
        node_id=node_id,
        **numbers.next(),
        kind="silence",
        rule_code=rule.code,
        rule_version=rule.version,
        code_version=anlan.__version__,
        hazard=rule.hazard,
        series_id=None,
        source_code=source.code,
        indicator_code="",
        stratum="",
        site_code="",
        area_code=source.area_code,
        area_path=source.area_path,
        domain=source.domain,
        sensitivity=rule.sensitivity,
        calendar=source.calendar,
        first_period=standing.first_missing,
        last_period=standing.first_missing,
        observed=None,
        expected=None,
        upper=None,
        p_value=None,
        score=None,
        level_hint=rule.level_for(None),
        holds=True,
        late=False,
        evidence=_evidence(standing),
        title=_title(standing),
        why=_why(standing),
        input_seq=as_of.seq,
        input_known_at=None,
        raised_at=now,
        changed_at=now,
        ended_at=None,
    )


def _again(standing: _Standing, signal: Signal, as_of: AsOf, now: datetime) -> Signal:
    back = moment_value(signal.ended_at or now, standing.source.calendar.zone)
    evidence = _evidence(standing)
    return replace(
        signal,
        last_period=standing.first_missing,
        code_version=anlan.__version__,
        evidence={**evidence, "before": [*signal.evidence.get("before", []), _outage(signal)]},
        title=_title(standing),
        why=(*_why(standing), Sentence("signal.why.silence_again", {"back": back})),
        input_seq=as_of.seq,
        changed_at=now,
        ended_at=None,
    )


def _over(standing: _Standing, signal: Signal, as_of: AsOf, now: datetime) -> Signal:
    zone = standing.source.calendar.zone
    moment = standing.last.delivered_at if standing.last is not None else now
    said = Sentence("signal.why.silence_over", {"moment": moment_value(moment, zone)})
    delivered = None if standing.last is None else standing.last.public_id
    return replace(
        signal,
        last_period=max(signal.first_period, standing.first_missing - 1),
        code_version=anlan.__version__,
        evidence={**signal.evidence, "ended_by": delivered},
        why=with_sentence(signal.why, said),
        input_seq=as_of.seq,
        changed_at=now,
        ended_at=now,
    )


def _outage(signal: Signal) -> dict[str, object]:
    ended = signal.ended_at.isoformat() if signal.ended_at is not None else None
    return {"last_delivery": signal.evidence.get("last_delivery"), "ended_at": ended}


def _evidence(standing: _Standing) -> dict[str, object]:
    source = standing.source
    last = standing.last
    due = source.calendar.end_of(standing.first_missing) + source.due_after
    return {
        "periods": [],
        "first_missing": source.calendar.text(standing.first_missing),
        "last_delivery": None if last is None else last.delivered_at.isoformat(),
        "last_batch": None if last is None else last.public_id,
        "due_at": due.isoformat(),
        "silent_from": (due + source.grace).isoformat(),
        "due_after_hours": source.due_after.total_seconds() / 3600,
        "grace_hours": source.grace.total_seconds() / 3600,
    }


def _title(standing: _Standing) -> Sentence:
    names = dict(standing.source.names)
    if standing.last is None:
        return Sentence("signal.title.never_delivered", {"source": names})
    since = moment_value(standing.last.delivered_at, standing.source.calendar.zone)
    return Sentence("signal.title.silence", {"source": names, "since": since})


def _why(standing: _Standing) -> tuple[Sentence, ...]:
    source, rule = standing.source, standing.rule
    zone = source.calendar.zone
    due = source.calendar.end_of(standing.first_missing) + source.due_after
    said = [
        Sentence(
            "signal.why.rule",
            {
                "rule": dict(rule.names),
                "version": rule.version,
                "method": Sentence("signal.method.silence", {}),
            },
        )
    ]
    if rule.why.get("zh") or rule.why.get("en"):
        said.append(Sentence("signal.why.rule_says", {"text": dict(rule.why)}))
    values = {
        "period": period_value(standing.first_missing, source.calendar),
        "due": moment_value(due, zone),
        "grace": _hours(source.grace),
        "late": moment_value(due + source.grace, zone),
    }
    return (*said, Sentence("signal.why.silence_due", values))


def _hours(length: timedelta) -> Sentence:
    minutes = round(length.total_seconds() / 60)
    if minutes < 120 and minutes % 60:
        return Sentence("signal.span.minute", {"number": number_value(minutes, 0)})
    if minutes == 60:
        return Sentence("signal.one.hour", {})
    if minutes % 1440 == 0 and minutes >= 2880:
        return Sentence("signal.span.day", {"number": number_value(minutes // 1440, 0)})
    decimals = 0 if minutes % 60 == 0 else 1
    return Sentence("signal.span.hour", {"number": number_value(minutes / 60, decimals)})
