"""Releasing a step, and what time does to a released one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from anlan.errors import AnlanError, ConflictError, ForbiddenError
from anlan.settings import Settings
from anlan.store import SYSTEM, Actor, AsOf, Tx, World
from anlan.store.schema import event
from anlan.warning import _drafting as drafting
from anlan.warning import queries, tables
from anlan.warning._drafting import EVERYTHING
from anlan.warning.cap.check import check
from anlan.warning.cap.findings import raise_on_errors
from anlan.warning.cap.model import Alert
from anlan.warning.cap.write import write
from anlan.warning.signing import signer_of
from anlan.warning.types import OPEN_STATES, HazardWarning, StepKind, WarningState

__all__ = ["RUNNING_OUT", "ask_before_expiry", "expire_due", "release", "review_release"]

# What has left the house is no longer a matter of who may see the draft.
RELEASED_SENSITIVITY = 0
# How long before a warning runs out it is asked what becomes of it: extend, change, end.
RUNNING_OUT = timedelta(hours=1)
_IN_FORCE: tuple[WarningState, ...] = ("in_force",)
_BECOMES: Mapping[StepKind, WarningState] = {
    "alert": "in_force",
    "update": "in_force",
    "end": "ended",
    "cancel": "cancelled",
}


RUNS_OUT = "warning.runs_out"


class _NothingDue(Exception):  # noqa: N818 - leaves a transaction that has nothing to say
    pass


def release(
    tx: Tx, public_id: str, *, expected_seq: int, settings: Settings, alone: str | None = None
) -> HazardWarning:
    """Issue a step: freeze its message, put its hash in the journal, and settle the steps before it.

    The live world issues only where ``settings.public_release`` allows it; an exercise issues messages with status
    Exercise; a replay issues none.

    Parameters
    ----------
    alone : str, optional
        Why one person releases it alone, in an emergency: then an author may, and a draft need not be submitted first. The
        caller checks the right to do so; the reason stands in the step until a second person has reviewed it
        (``review_release``).

    Raises
    ------
    ForbiddenError
        The world does not issue; no person; or the person wrote in this step and gives no reason to act alone.
    InputError
        It is not fit to be issued (its time has run out since it was submitted, say); an empty reason.
    NotFoundError, ConflictError
        No such warning; somebody was faster, or it is not in review.
    """
    why = None if alone is None else drafting.read_reason(alone)
    drafting.require_person(tx)
    _refuse_world(tx.world, settings)
    before = drafting.current(tx, public_id)
    drafting.require_seq(tx, before, expected_seq)
    drafting.refuse_state(before, ("review",) if why is None else OPEN_STATES)
    if why is None and tx.actor.id in (before.authors or (before.submitted_by,)):
        raise ForbiddenError(
            f"you wrote in warning {before.number}; somebody else must release it",
            key="warning.own_text",
            values={"number": before.number},
        )
    steps = queries.chain(tx.connection, EVERYTHING, AsOf(tx.seq), before.chain_id)
    alert, data, findings = drafting.compose(tx.connection, tx.world, AsOf(tx.seq), before, settings, tx.now)
    drafting.check_issuable(before, findings, tx.now)
    data, signed = _signed(alert, data, settings, tx.now)
    after = replace(
        before,
        state=_BECOMES[before.kind],
        sensitivity=RELEASED_SENSITIVITY,
        effective=alert.infos[0].effective,
        released_by=tx.actor.id,
        released_at=tx.now,
        message_identifier=alert.identifier,
        alone_reason=why,
        **drafting.changed(tx),
    )
    digest = hashlib.sha256(data).hexdigest()
    tx.insert(
        tables.message,
        {
            "identifier": alert.identifier,
            "warning_id": public_id,
            "chain_id": before.chain_id,
            "number": before.number,
            "sender": alert.sender,
            "sent": alert.sent,
            "msg_type": str(alert.msg_type),
            "status": str(alert.status),
            "scope": str(alert.scope),
            "level": str(before.level),
            "domain": before.domain,
            "area_code": before.area_code,
            "area_path": before.area_path,
            "area_paths": list(before.area_paths),
            "sensitivity": RELEASED_SENSITIVITY,
            "expires": before.expires,
            "sha256": digest,
            "cap_bytes": data,
        },
    )
    drafting.store(
        tx,
        after,
        "released",
        message=alert.identifier,
        sha256=digest,
        bytes=len(data),
        msg_type=str(alert.msg_type),
        status=str(alert.status),
        sent=alert.sent.isoformat(),
        expires=before.expires.isoformat(),
        references=[reference.identifier for reference in alert.references],
        previous=before.previous_id,
        alone=why is not None,
        **signed,
    )
    _settle(tx, steps, after)
    return after


def _signed(alert: Alert, data: bytes, settings: Settings, now: datetime) -> tuple[bytes, dict[str, str]]:
    """The bytes that leave the house, and what the journal says of their signature.

    A warning that must go out goes out: a key that cannot be used (its file is gone, say) does not hold it back. The journal
    says that the message is not signed, and why, and the deep check repeats it.
    """
    try:
        signer = signer_of(settings, now)
        signed = signer.sign(write(alert, indented=False))
        problems = [item for item in check(signed, issuing=True, now=now) if item.severity == "error"]
        raise_on_errors(problems, "the signed message is not acceptable")
    except AnlanError as error:
        return data, {"unsigned": error.message[:500]}
    return signed, {"certificate": signer.fingerprint}


def _settle(tx: Tx, steps: Sequence[HazardWarning], released: HazardWarning) -> None:
    """The step that was in force is so no longer."""
    state: WarningState = "cancelled" if released.kind == "cancel" else "superseded"
    for step in steps:
        if step.public_id != released.public_id and step.state == "in_force":
            drafting.store(
                tx,
                replace(step, state=state, known_seq=tx.seq, **drafting.by(tx)),
                state,
                by=released.public_id,
            )


def review_release(tx: Tx, public_id: str, *, expected_seq: int, said: str) -> HazardWarning:
    """Say, as a second person, what you think of a release that somebody made alone. Nothing that was sent changes.

    Raises
    ------
    ForbiddenError
        No person; or the one who released it.
    InputError
        Nothing said.
    NotFoundError, ConflictError
        No such warning; somebody was faster, it was not released by one person, or it has been reviewed.
    """
    drafting.require_person(tx)
    text = drafting.read_reason(said)
    before = drafting.current(tx, public_id)
    drafting.require_seq(tx, before, expected_seq)
    if before.alone_reason is None or before.reviewed_at is not None:
        raise ConflictError(
            f"warning {before.number} waits for no review",
            key="warning.no_review",
            values={"number": before.number},
        )
    if tx.actor.id == before.released_by:
        raise ForbiddenError(
            f"you released warning {before.number} alone; somebody else must review that",
            key="warning.own_release",
            values={"number": before.number},
        )
    after = replace(before, reviewed_by=tx.actor.id, reviewed_at=tx.now, review=text, **drafting.changed(tx))
    return drafting.store(tx, after, "reviewed")


def ask_before_expiry(world: World, *, actor: Actor = SYSTEM) -> list[HazardWarning]:
    """Say once of every warning that it runs out within the hour, so that somebody extends, changes or ends it.

    Writes nothing when there is none; safe to call as often as one likes, and from several workers.
    """
    with world.read() as connection:
        if not _unasked(connection, world.as_of(), world.clock.now()):
            return []
    asked: list[HazardWarning] = []
    with suppress(_NothingDue), world.write(actor) as tx:
        asked = _unasked(tx.connection, AsOf(tx.seq), tx.now)
        if not asked:
            raise _NothingDue
        for step in asked:
            tx.event(
                RUNS_OUT,
                subject=("warning", step.public_id),
                data={"number": step.number, "level": step.level, "expires": step.expires.isoformat()},
            )
    return asked


def _unasked(connection: sa.Connection, as_of: AsOf, now: datetime) -> list[HazardWarning]:
    found = queries.warnings(connection, EVERYTHING, as_of, states=_IN_FORCE, limit=None)
    due = {step.public_id: step for step in found if now < step.expires <= now + RUNNING_OUT}
    told = sa.select(event.c.subject_id).where(
        event.c.kind == RUNS_OUT, event.c.subject_id.in_(list(due)), event.c.seq <= as_of.seq
    )
    for known in connection.execute(told).scalars():
        due.pop(known, None)
    return list(due.values())


def expire_due(world: World, *, actor: Actor = SYSTEM) -> list[HazardWarning]:
    """Say of every warning whose time has run out that it has. Writes nothing when there is none.

    Safe to call as often as one likes, and from several workers.
    """
    with world.read() as connection:
        found = queries.warnings(connection, EVERYTHING, world.as_of(), states=_IN_FORCE, limit=None)
    if not any(item.expires <= world.clock.now() for item in found):
        return []
    expired: list[HazardWarning] = []
    with suppress(_NothingDue), world.write(actor) as tx:
        # Looked at again inside the lock: another worker may have been here meanwhile.
        for item in queries.warnings(tx.connection, EVERYTHING, AsOf(tx.seq), states=_IN_FORCE, limit=None):
            if item.expires <= tx.now:
                after = replace(item, state="expired", **drafting.changed(tx))
                expired.append(drafting.store(tx, after, "expired"))
        if not expired:
            raise _NothingDue
    return expired


def _refuse_world(world: World, settings: Settings) -> None:
    if world.kind == "replay":
        raise ForbiddenError("nothing can be released in a replay", key="warning.replay_never_releases")
    if world.is_live and not settings.public_release:
        raise ForbiddenError(
            "this node issues no public warnings (setting public_release)", key="warning.public_release_off"
        )
