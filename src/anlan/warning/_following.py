"""The next step of a warning in force: another level, the all-clear, a cancellation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from anlan.errors import ConflictError
from anlan.settings import Settings
from anlan.store import AsOf, Tx, new_public_id
from anlan.texts import Sentence
from anlan.warning import _drafting as drafting
from anlan.warning import queries
from anlan.warning._drafting import EVERYTHING, GivenFacts
from anlan.warning.shapes import Shape
from anlan.warning.types import OPEN_STATES, HazardWarning, StepKind, Texts
from anlan.warning.wording import final

__all__ = ["cancel", "end", "update"]


def update(
    tx: Tx,
    public_id: str,
    *,
    expected_seq: int,
    settings: Settings,
    level: str | None = None,
    area_codes: Sequence[str] | None = None,
    shapes: Sequence[Shape] | None = None,
    facts: GivenFacts | None = None,
    texts: Texts | None = None,
    expires: datetime | None = None,
    assessment_id: str | None = None,
) -> HazardWarning:
    """Draft the next step of a warning in force: raise, lower or prolong it, or change its text or places.

    Released, its message replaces the earlier ones and names all that have not run out. What is not given is taken over;
    texts are filled anew. The step before stays in force until then.

    Raises
    ------
    InputError
        With every problem of the arguments.
    NotFoundError, ConflictError
        No such warning; somebody was faster, it is not in force, or a next step is being worked on already.
    """
    before = _to_follow(tx, public_id, expected_seq)
    return _next_step(
        tx,
        before,
        "update",
        settings=settings,
        level=level,
        area_codes=area_codes,
        shapes=shapes,
        facts=facts or {},
        texts=texts or {},
        expires=expires,
        assessment_id=assessment_id or before.assessment_id,
        reason="",
    )


def end(
    tx: Tx, public_id: str, *, expected_seq: int, settings: Settings, reason: str | Mapping[str, str]
) -> HazardWarning:
    """Draft the all-clear of a warning in force: the danger is over early. ``reason`` becomes part of the text.

    Raises
    ------
    InputError
        No reason.
    NotFoundError, ConflictError
        As ``update``.
    """
    return _last_step(tx, public_id, expected_seq, "end", settings, reason)


def cancel(
    tx: Tx, public_id: str, *, expected_seq: int, settings: Settings, reason: str | Mapping[str, str]
) -> HazardWarning:
    """Draft the cancellation of a warning in force that should not have been issued.

    Raises
    ------
    InputError
        No reason.
    NotFoundError, ConflictError
        As ``update``.
    """
    return _last_step(tx, public_id, expected_seq, "cancel", settings, reason)


def _last_step(
    tx: Tx,
    public_id: str,
    expected_seq: int,
    kind: StepKind,
    settings: Settings,
    reason: str | Mapping[str, str],
) -> HazardWarning:
    said = drafting.facts_of({"reason": reason})
    for language, text in said["reason"].items():
        said["reason"][language] = drafting.read_reason(text)
    before = _to_follow(tx, public_id, expected_seq)
    return _next_step(
        tx,
        before,
        kind,
        settings=settings,
        level=None,
        area_codes=None,
        shapes=None,
        facts=said,
        texts={},
        expires=None,
        assessment_id=before.assessment_id,
        reason=said["reason"]["zh"],
    )


def _to_follow(tx: Tx, public_id: str, expected_seq: int) -> HazardWarning:
    before = drafting.current(tx, public_id)
    drafting.require_seq(tx, before, expected_seq)
    drafting.refuse_state(before, ("in_force",))
    for step in queries.chain(tx.connection, EVERYTHING, AsOf(tx.seq), before.chain_id):
        if step.state in OPEN_STATES:
            raise ConflictError(
                f"a further step of warning {before.number} is being worked on already ({step.state})",
                key="warning.step_open",
                values={
                    "number": before.number,
                    "state": Sentence(f"warning.state.{step.state}"),
                    "public_id": step.public_id,
                },
            )
    return before


def _next_step(
    tx: Tx,
    before: HazardWarning,
    kind: StepKind,
    *,
    settings: Settings,
    level: str | None,
    area_codes: Sequence[str] | None,
    shapes: Sequence[Shape] | None,
    facts: GivenFacts,
    texts: Texts,
    expires: datetime | None,
    assessment_id: str | None,
    reason: str,
) -> HazardWarning:
    values = drafting.read_words(level or before.level, before.urgency, before.certainty, None)
    as_of = AsOf(tx.seq)
    drawn = drafting.drawn(before, area_codes, shapes)
    codes = before.area_codes if area_codes is None else area_codes
    found = drafting.located(tx.connection, as_of, codes, drawn)
    until = expires or max(
        before.expires, tx.now.replace(microsecond=0) + drafting.DEFAULT_VALIDITY[values["level"]]
    )
    drafting.refuse(drafting.check_times(until, None, before.onset, tx.now))
    steps = queries.chain(tx.connection, EVERYTHING, as_of, before.chain_id)
    made = replace(
        before,
        public_id=new_public_id(),
        known_seq=tx.seq,
        step=max(step.step for step in steps) + 1,
        previous_id=before.public_id,
        kind=kind,
        state="draft",
        **values,
        **drafting.place_fields(found),
        # The step before is public by now; the draft of the next one is not.
        sensitivity=queries.history(tx.connection, EVERYTHING, as_of, before.public_id)[0].sensitivity,
        facts={**before.facts, **drafting.facts_of(facts)},
        effective=None,
        expires=until,
        assessment_id=assessment_id,
        authors=drafting.authors_with(tx, ()),
        drafted_by=tx.actor.id,
        drafted_at=tx.now,
        submitted_by=None,
        submitted_at=None,
        released_by=None,
        released_at=None,
        reason=reason,
        message_identifier=None,
        changed_by=tx.actor.id,
        changed_at=tx.now,
        shapes=drawn,
        alone_reason=None,
        reviewed_by=None,
        reviewed_at=None,
        review=None,
    )
    filled, origin = drafting.generated(tx, made, settings)
    made = replace(made, texts=final(filled, texts), texts_from=origin)
    return drafting.store(tx, made, "drafted", previous=before.public_id, assessment=assessment_id)
