"""What people do with warnings: draft, review, release by a second person, update, end; and what time does.

Every action is one version and one event, in the transaction of the caller. An action on an existing step takes
``expected_seq``, the ``known_seq`` of the version that the person saw; if somebody was faster it refuses and says who
did what, and when. Releasing freezes the bytes of the message: their SHA-256 stands in the journal's event.

Two persons: whoever wrote in a step (``authors``) cannot release it; nor can, where a machine wrote it, the person who
submitted it. Roles and scope are decided before: the caller
looks the warning up with the person's scope and checks the role.

The life of a step: draft ⇄ review → in_force → superseded, cancelled, ended or expired; draft or review → withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from anlan.errors import Problem
from anlan.settings import Settings
from anlan.store import AsOf, Tx, new_public_id
from anlan.warning import _drafting as drafting
from anlan.warning._drafting import GivenFacts
from anlan.warning._following import cancel, end, update
from anlan.warning._hazards import install_hazards
from anlan.warning._release import ask_before_expiry, expire_due, release, review_release
from anlan.warning.cap.model import Certainty, Urgency
from anlan.warning.identifiers import issuer_of
from anlan.warning.shapes import Shape
from anlan.warning.types import OPEN_STATES, HazardWarning, Texts
from anlan.warning.wording import changed_by_hand, fill, final, merged

__all__ = [
    "ask_before_expiry",
    "cancel",
    "draft",
    "edit",
    "end",
    "expire_due",
    "install_hazards",
    "release",
    "return_to_draft",
    "review_release",
    "submit",
    "update",
    "withdraw",
]


def draft(
    tx: Tx,
    *,
    settings: Settings,
    hazard: str,
    level: str,
    area_codes: Sequence[str] = (),
    shapes: Sequence[Shape] = (),
    facts: GivenFacts | None = None,
    texts: Texts | None = None,
    urgency: str = Urgency.EXPECTED,
    certainty: str = Certainty.LIKELY,
    response_types: Sequence[str] | None = None,
    effective: datetime | None = None,
    onset: datetime | None = None,
    expires: datetime | None = None,
    assessment_id: str | None = None,
    sensitivity: int = 1,
) -> HazardWarning:
    """Write the first draft, with texts in both languages.

    Parameters
    ----------
    hazard : str
        Code of a kind of danger that is installed.
    level : {"blue", "yellow", "orange", "red"}
    area_codes : sequence of str
        Whole areas. At least one, unless shapes are given.
    shapes : sequence of Shape, optional
        Drawn parts of the ground. The warning then holds for these alone, and its areas are those they touch.
    facts : mapping, optional
        Values for the places in the texts (``observed``, ``expected``, ``period``, ``grounds`` …): a text, a name by
        language, or a ``Sentence``. A place without a value stays a visible gap.
    texts : mapping, optional
        Texts by language and field that replace those filled in.
    urgency, certainty : str
        CAP words. They are not implied by the level.
    response_types : sequence of str, optional
        CAP words; by level if not given.
    effective, onset, expires : datetime, optional
        Aware. Without ``expires`` the draft holds for 24 h (blue, yellow), 12 h (orange) or 6 h (red).
    assessment_id : str, optional
        The assessment it follows.
    sensitivity : int, default 1
        Who may see the draft. What has been released is public.

    Raises
    ------
    InputError
        With every problem of the arguments.
    NotFoundError
        No such kind of danger.
    """
    values = drafting.read_words(level, urgency, certainty, response_types)
    kind = drafting.hazard_of(tx, hazard)
    found = drafting.located(tx.connection, AsOf(tx.seq), area_codes, shapes)
    issuer = issuer_of(settings)
    until = expires or tx.now.replace(microsecond=0) + drafting.DEFAULT_VALIDITY[values["level"]]
    drafting.refuse(drafting.check_times(until, effective, onset, tx.now))
    said = drafting.facts_of(facts or {})
    filled, origin = fill(
        kind, values["level"], drafting.local_facts(said, found, issuer, until, onset, partly=bool(shapes))
    )
    _year, _serial, number = drafting.next_number(tx, issuer)
    public_id = new_public_id()
    made = HazardWarning(
        public_id=public_id,
        known_seq=tx.seq,
        node_id=tx.world.node_id,
        number=number,
        step=1,
        chain_id=public_id,
        previous_id=None,
        kind="alert",
        state="draft",
        hazard=kind.code,
        domain=kind.domain,
        **values,
        **drafting.place_fields(found),
        sensitivity=sensitivity,
        texts=final(filled, texts or {}),
        texts_from=origin,
        facts=said,
        effective=effective,
        onset=onset,
        expires=until,
        assessment_id=assessment_id,
        authors=drafting.authors_with(tx, ()),
        drafted_by=tx.actor.id,
        drafted_at=tx.now,
        submitted_by=None,
        submitted_at=None,
        released_by=None,
        released_at=None,
        reason="",
        message_identifier=None,
        changed_by=tx.actor.id,
        changed_at=tx.now,
        shapes=tuple(shapes),
    )
    return drafting.store(tx, made, "drafted", assessment=assessment_id)


def edit(
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
    urgency: str | None = None,
    certainty: str | None = None,
    response_types: Sequence[str] | None = None,
    times: Mapping[str, datetime | None] | None = None,
) -> HazardWarning:
    """Change a draft; what is not given stays.

    Texts that nobody has edited by hand follow a change of level, place, facts or time; edited ones stay as they are.
    Whole areas and drawn shapes replace each other: naming areas alone takes the shapes away.

    Parameters
    ----------
    times : mapping, optional
        ``effective``, ``onset``, ``expires``; None takes one of the first two away.

    Raises
    ------
    InputError
        With every problem of the arguments.
    NotFoundError, ConflictError
        No such warning; somebody was faster, or it is no draft.
    """
    before = drafting.current(tx, public_id)
    drafting.require_seq(tx, before, expected_seq)
    drafting.refuse_state(before, ("draft",))
    wanted_level = before.level if level is None else level
    responses = response_types
    if responses is None and wanted_level == before.level:
        responses = before.response_types
    values = drafting.read_words(
        wanted_level, urgency or before.urgency, certainty or before.certainty, responses
    )
    moments = {
        "effective": before.effective,
        "onset": before.onset,
        "expires": before.expires,
        **(times or {}),
    }
    until = moments["expires"]
    if until is None or set(moments) != {"effective", "onset", "expires"}:
        accepted = "effective, onset, expires (which cannot be None)"
        drafting.refuse(
            [Problem("warning.choice", {"given": str(times), "accepted": accepted}, {"field": "times"})]
        )
        raise AssertionError("unreachable")  # _refuse has raised
    drafting.refuse(drafting.check_times(until, moments["effective"], moments["onset"], tx.now))
    as_of = AsOf(tx.seq)
    drawn = drafting.drawn(before, area_codes, shapes)
    codes = before.area_codes if area_codes is None else area_codes
    found = drafting.located(tx.connection, as_of, codes, drawn)
    after = replace(
        before,
        known_seq=tx.seq,
        shapes=drawn,
        **values,
        **drafting.place_fields(found),
        facts={**before.facts, **drafting.facts_of(facts or {})},
        effective=moments["effective"],
        onset=moments["onset"],
        expires=until,
    )
    generated, _origin = drafting.generated(tx, before, settings)
    filled, origin = drafting.generated(tx, after, settings)
    kept = changed_by_hand(before, generated)
    after = replace(
        after,
        texts=final(merged(filled, kept), texts or {}),
        texts_from=origin,
        authors=drafting.authors_with(tx, before.authors),
        changed_by=tx.actor.id,
        changed_at=tx.now,
    )
    return drafting.store(tx, after, "edited")


def submit(tx: Tx, public_id: str, *, expected_seq: int, settings: Settings) -> HazardWarning:
    """Put a draft before a second person. It must be fit to be issued as it is.

    Raises
    ------
    ForbiddenError
        No person.
    InputError
        With every gap in the texts, and every error that the message would have.
    NotFoundError, ConflictError
        No such warning; somebody was faster, or it is no draft.
    """
    drafting.require_person(tx)
    before = drafting.current(tx, public_id)
    drafting.require_seq(tx, before, expected_seq)
    drafting.refuse_state(before, ("draft",))
    _alert, _data, findings = drafting.compose(
        tx.connection, tx.world, AsOf(tx.seq), before, settings, tx.now
    )
    drafting.check_issuable(before, findings, tx.now)
    after = replace(
        before,
        state="review",
        submitted_by=tx.actor.id,
        submitted_at=tx.now,
        reason="",
        **drafting.changed(tx),
    )
    return drafting.store(tx, after, "submitted")


def return_to_draft(tx: Tx, public_id: str, *, expected_seq: int, reason: str) -> HazardWarning:
    """Hand a step that waits for release back to its authors, with a reason.

    Raises
    ------
    InputError
        No reason.
    NotFoundError, ConflictError
        No such warning; somebody was faster, or it is not in review.
    """
    said = drafting.read_reason(reason)
    before = drafting.current(tx, public_id)
    drafting.require_seq(tx, before, expected_seq)
    drafting.refuse_state(before, ("review",))
    after = replace(
        before, state="draft", submitted_by=None, submitted_at=None, reason=said, **drafting.changed(tx)
    )
    return drafting.store(tx, after, "returned")


def withdraw(tx: Tx, public_id: str, *, expected_seq: int, reason: str) -> HazardWarning:
    """Give up a step before it was released.

    Raises
    ------
    InputError
        No reason.
    NotFoundError, ConflictError
        No such warning; somebody was faster, or it has been released.
    """
    said = drafting.read_reason(reason)
    before = drafting.current(tx, public_id)
    drafting.require_seq(tx, before, expected_seq)
    drafting.refuse_state(before, OPEN_STATES)
    return drafting.store(
        tx, replace(before, state="withdrawn", reason=said, **drafting.changed(tx)), "withdrawn"
    )
