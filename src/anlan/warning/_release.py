"""Releasing a step, and what time does to a released one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from anlan.errors import ForbiddenError
from anlan.settings import Settings
from anlan.store import SYSTEM, Actor, AsOf, Tx, World
from anlan.warning import _drafting as drafting
from anlan.warning import queries, tables
from anlan.warning._drafting import EVERYTHING
from anlan.warning.types import HazardWarning, StepKind, WarningState

__all__ = ["expire_due", "release"]

# What has left the house is no longer a matter of who may see the draft.
RELEASED_SENSITIVITY = 0
_IN_FORCE: tuple[WarningState, ...] = ("in_force",)
_BECOMES: Mapping[StepKind, WarningState] = {
    "alert": "in_force",
    "update": "in_force",
    "end": "ended",
    "cancel": "cancelled",
}


class _NothingDue(Exception):  # noqa: N818 - leaves a transaction that has nothing to say
    pass


def release(tx: Tx, public_id: str, *, expected_seq: int, settings: Settings) -> HazardWarning:
    """Issue a step: freeze its message, put its hash in the journal, and settle the steps before it.

    The live world issues only where ``settings.public_release`` allows it; an exercise issues messages with status
    Exercise; a replay issues none.

    Raises
    ------
    ForbiddenError
        The world does not issue; no person; or the person wrote in this step.
    InputError
        It has become unfit since it was submitted (its time has run out, say).
    NotFoundError, ConflictError
        No such warning; somebody was faster, or it is not in review.
    """
    drafting.require_person(tx)
    _refuse_world(tx.world, settings)
    before = drafting.current(tx, public_id)
    drafting.require_seq(tx, before, expected_seq)
    drafting.refuse_state(before, ("review",))
    if tx.actor.id in (before.authors or (before.submitted_by,)):
        raise ForbiddenError(
            f"you wrote in warning {before.number}; somebody else must release it",
            key="warning.own_text",
            values={"number": before.number},
        )
    steps = queries.chain(tx.connection, EVERYTHING, AsOf(tx.seq), before.chain_id)
    alert, data, findings = drafting.compose(tx.connection, tx.world, AsOf(tx.seq), before, settings, tx.now)
    drafting.check_issuable(before, findings, tx.now)
    after = replace(
        before,
        state=_BECOMES[before.kind],
        sensitivity=RELEASED_SENSITIVITY,
        effective=alert.infos[0].effective,
        released_by=tx.actor.id,
        released_at=tx.now,
        message_identifier=alert.identifier,
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
    )
    _settle(tx, steps, after)
    return after


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
