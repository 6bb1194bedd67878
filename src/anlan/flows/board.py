"""The duty board: what is in force, what waits for this person, what is coming, which sources are silent.

A read-model over five rooms; it keeps nothing. Sentences stay keys and values, so that the page says them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from anlan import analysis, assessment, registry, resolution
from anlan.analysis.types import Signal
from anlan.assessment.types import Assessment, Triage
from anlan.resolution import Matter
from anlan.store import AsOf, Scope
from anlan.texts import Sentence
from anlan.warning import RUNNING_OUT, HazardWarning
from anlan.warning import queries as warnings

__all__ = ["Board", "ComingItem", "SilentSource", "WaitingItem", "board", "waiting_counts"]

_AHEAD = timedelta(hours=24)
# How long a new signal may wait before somebody has looked at it, by the level its rule suggests.
TRIAGE_WITHIN: Mapping[str, timedelta] = {
    "red": timedelta(minutes=30),
    "orange": timedelta(hours=2),
    "yellow": timedelta(hours=8),
    "blue": timedelta(hours=24),
}
_SHOWN = 100

WaitingKind = Literal["signal", "assessment", "draft", "release", "update", "review", "matter"]


@dataclass(frozen=True)
class WaitingItem:
    """Something that waits, since when, until when it should be done, and why it is here."""

    kind: WaitingKind
    subject_id: str
    title: Sentence | Mapping[str, str]
    reason: Sentence
    since: datetime
    due: datetime | None
    level: str
    area_path: str
    number: str = ""


@dataclass(frozen=True)
class ComingItem:
    """Something that happens within the next 24 hours."""

    at: datetime
    kind: Literal["expiry", "triage_due"]
    subject_id: str
    title: Sentence | Mapping[str, str]


@dataclass(frozen=True)
class SilentSource:
    """A source later than its own rhythm, the signal that says so, and when it delivered last."""

    source: registry.Source
    signal: Signal
    last_delivery: datetime | None
    late_since: datetime


@dataclass(frozen=True)
class Board:
    """One reader's board as of one sequence. ``waiting_total`` counts also what is not listed."""

    at: datetime
    seq: int
    in_force: tuple[HazardWarning, ...]
    waiting: tuple[WaitingItem, ...]
    waiting_total: int
    coming: tuple[ComingItem, ...]
    silent: tuple[SilentSource, ...]
    sources_total: int
    open_signals: tuple[Signal, ...]


def board(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    at: datetime,
    person_id: str,
    may_triage: bool,
    may_draft: bool,
    may_release: bool,
    may_handle: bool = False,
) -> Board:
    """Everything the board shows, as of a sequence, at the moment ``at`` of the world's clock.

    ``may_*`` say what the reader's roles allow: nothing waits for somebody who cannot do it.
    """
    in_force = warnings.in_force(connection, scope, as_of, at=at)
    new = assessment.waiting(connection, scope, as_of, limit=None)
    signals = _signals(connection, scope, as_of, (one.signal_id for one in new[:_SHOWN]))
    waiting: list[WaitingItem] = []
    if may_triage:
        waiting += [_to_triage(one, signals[one.signal_id]) for one in new if one.signal_id in signals]
        waiting += _to_assess(connection, scope, as_of)
    if may_draft:
        waiting += _to_draft(connection, scope, as_of)
        waiting += [_to_update(one) for one in in_force if one.expires <= at + RUNNING_OUT]
    if may_release:
        waiting += [
            _to_release(one) for one in warnings.to_release(connection, scope, as_of, person=person_id)
        ]
        waiting += [_to_review(one) for one in warnings.to_review(connection, scope, as_of, person=person_id)]
    if may_handle:
        waiting += [_to_handle(one) for one in resolution.waiting(connection, scope, as_of, limit=_SHOWN)]
    waiting.sort(key=lambda item: (item.since, item.number))
    sources = registry.sources(connection, scope, as_of)
    by_code = {source.code: source for source in sources}
    quiet = [
        _silent(by_code[one.source_code], one)
        for one in analysis.silent(connection, scope, as_of)
        if one.source_code in by_code
    ]
    extra = max(0, len(new) - _SHOWN) if may_triage else 0
    return Board(
        at=at,
        seq=as_of.seq,
        in_force=tuple(in_force),
        waiting=tuple(waiting),
        waiting_total=len(waiting) + extra,
        coming=tuple(_coming(in_force, waiting, at)),
        silent=tuple(quiet),
        sources_total=len(sources),
        open_signals=tuple(signals.values()),
    )


def waiting_counts(
    connection: sa.Connection, scope: Scope, as_of: AsOf, *, at: datetime
) -> Mapping[str, int]:
    """The small figures beside the entries of the rail: new signals, warnings in force, matters that wait."""
    return {
        "matters": len(resolution.waiting(connection, scope, as_of, limit=_SHOWN)),
        "signals": assessment.triage_counts(connection, scope, as_of).get("new", 0),
        "warnings": len(warnings.in_force(connection, scope, as_of, at=at)),
    }


def _signals(connection: sa.Connection, scope: Scope, as_of: AsOf, ids: Iterable[str]) -> dict[str, Signal]:
    wanted = list(ids)
    if not wanted:
        return {}
    found = analysis.signals(connection, scope, as_of, ids=wanted, limit=None)
    return {one.public_id: one for one in found}


def _silent(source: registry.Source, signal: Signal) -> SilentSource:
    """Late is what has not come by the end of its grace, however often the platform looks."""
    last, late = signal.evidence.get("last_delivery"), signal.evidence.get("silent_from")
    return SilentSource(
        source,
        signal,
        datetime.fromisoformat(last) if last else None,
        datetime.fromisoformat(late) if late else signal.raised_at,
    )


def _to_triage(triage: Triage, signal: Signal) -> WaitingItem:
    return WaitingItem(
        kind="signal",
        subject_id=triage.signal_id,
        title=signal.title,
        reason=Sentence("flows.waits.signal", {"level": Sentence(f"flows.level.{triage.level_hint}")}),
        since=triage.raised_at,
        due=triage.raised_at + TRIAGE_WITHIN[triage.level_hint],
        level=triage.level_hint,
        area_path=triage.area_path,
        number=triage.number,
    )


def _to_assess(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[WaitingItem]:
    """Verified signals that no assessment rests on yet."""
    verified = assessment.triages(connection, scope, as_of, states=["verified"], limit=_SHOWN)
    done = {
        signal_id
        for one in assessment.assessments(connection, scope, as_of, limit=None)
        for signal_id in one.signal_ids
    }
    open_ones = [one for one in verified if one.signal_id not in done and one.kind != "silence"]
    signals = _signals(connection, scope, as_of, (one.signal_id for one in open_ones))
    return [
        WaitingItem(
            kind="assessment",
            subject_id=one.signal_id,
            title=signals[one.signal_id].title,
            reason=Sentence("flows.waits.assessment"),
            since=one.at,
            due=one.at + TRIAGE_WITHIN[one.level_hint],
            level=one.level_hint,
            area_path=one.area_path,
            number=one.number,
        )
        for one in open_ones
        if one.signal_id in signals
    ]


def _to_draft(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[WaitingItem]:
    """Assessments that lead to a level and have no warning yet."""
    made = [
        one for one in assessment.assessments(connection, scope, as_of, limit=_SHOWN) if one.level is not None
    ]
    if not made:
        return []
    drafted = {one.assessment_id for one in warnings.warnings(connection, scope, as_of, limit=None)}
    return [_draft_item(one) for one in made if one.public_id not in drafted]


def _draft_item(made: Assessment) -> WaitingItem:
    return WaitingItem(
        kind="draft",
        subject_id=made.public_id,
        title=Sentence(
            "flows.title.assessment", {"number": made.number, "level": Sentence(f"flows.level.{made.level}")}
        ),
        reason=Sentence("flows.waits.draft"),
        since=made.made_at,
        due=None,
        level=made.level or "",
        area_path=made.area_path,
        number=made.number,
    )


def _headline(one: HazardWarning) -> Mapping[str, str]:
    return {language: texts.get("headline", "") for language, texts in one.texts.items()}


def _to_release(one: HazardWarning) -> WaitingItem:
    return WaitingItem(
        kind="release",
        subject_id=one.public_id,
        title=_headline(one),
        reason=Sentence("flows.waits.release"),
        since=one.submitted_at or one.changed_at,
        due=None,
        level=str(one.level),
        area_path=one.area_path,
        number=one.number,
    )


def _to_review(one: HazardWarning) -> WaitingItem:
    return WaitingItem(
        kind="review",
        subject_id=one.public_id,
        title=_headline(one),
        reason=Sentence("flows.waits.review"),
        since=one.released_at or one.changed_at,
        due=None,
        level=str(one.level),
        area_path=one.area_path,
        number=one.number,
    )


def _to_update(one: HazardWarning) -> WaitingItem:
    return WaitingItem(
        kind="update",
        subject_id=one.public_id,
        title=_headline(one),
        reason=Sentence("flows.waits.update"),
        since=one.released_at or one.changed_at,
        due=one.expires,
        level=str(one.level),
        area_path=one.area_path,
        number=one.number,
    )


def _to_handle(one: Matter) -> WaitingItem:
    """Something that a citizen has said and nobody has looked at."""
    return WaitingItem(
        kind="matter",
        subject_id=one.public_id,
        title={"zh": one.title, "en": one.title},
        reason=Sentence("flows.waits.matter" if one.state == "open" else "flows.waits.matter_answered"),
        since=one.changed_at,
        due=None,
        level="",
        area_path=one.area_path,
        number=one.number,
    )


def _coming(
    in_force: Iterable[HazardWarning], waiting: Iterable[WaitingItem], at: datetime
) -> list[ComingItem]:
    until = at + _AHEAD
    coming = [
        ComingItem(one.expires, "expiry", one.public_id, _headline(one))
        for one in in_force
        if at < one.expires <= until
    ]
    coming += [
        ComingItem(item.due, "triage_due", item.subject_id, item.title)
        for item in waiting
        if item.kind == "signal" and item.due is not None and at < item.due <= until
    ]
    return sorted(coming, key=lambda item: (item.at, item.subject_id))
