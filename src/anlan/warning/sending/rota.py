"""The rota: who is on duty for a unit, and the hand-over that the next one must acknowledge.

Until the next one has taken over, the one before stays on duty, also past the end of the shift: nobody leaves a desk to
somebody who has not come. After a day without a successor the rota counts as abandoned.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from anlan.errors import ConflictError, ForbiddenError, InputError
from anlan.store import Tx, latest, new_public_id
from anlan.warning.sending.rows import all_now, one_now, read_row, store
from anlan.warning.sending.types import Shift, ShiftState
from anlan.warning.tables_sending import shift as table

__all__ = ["cancel_shift", "is_untaken", "offer_shift", "on_duty", "plan_shift", "take_shift"]

_LONGEST = timedelta(days=3)
_ABANDONED = timedelta(hours=24)
_GRACE = timedelta(minutes=15)
_NOTE_LIMIT = 4_000


def plan_shift(
    tx: Tx, *, organisation_id: str, person_id: str, starts: datetime, ends: datetime, deputy_id: str = ""
) -> Shift:
    """Put somebody on the rota.

    Raises
    ------
    InputError
        It ends before it begins, lasts more than three days, or person and deputy are the same.
    ConflictError
        Another shift of the unit lies in the same time.
    """
    if not starts < ends <= starts + _LONGEST or not person_id or person_id == deputy_id:
        raise InputError(
            "a shift has a person, another person as deputy or none, and lasts up to 3 days. Got "
            f"{starts.isoformat()} to {ends.isoformat()}.",
            key="sending.shift_form",
        )
    for other in all_now(tx.connection, Shift, tx.seq, organisation_id=organisation_id):
        if other.state != "cancelled" and other.starts < ends and starts < other.ends:
            raise ConflictError(
                f"another shift of this unit lasts from {other.starts.isoformat()} to {other.ends.isoformat()}",
                key="sending.shift_overlaps",
                values={"starts": other.starts, "ends": other.ends},
            )
    made = Shift(
        public_id=new_public_id(),
        known_seq=tx.seq,
        organisation_id=organisation_id,
        person_id=person_id,
        deputy_id=deputy_id,
        starts=starts,
        ends=ends,
        state="planned",
        note="",
        offered_by="",
        offered_at=None,
        taken_by="",
        taken_at=None,
        changed_at=tx.now,
        changed_by=tx.actor.id,
    )
    return _store(tx, made, "planned")


def offer_shift(tx: Tx, public_id: str, *, expected_seq: int, note: str) -> Shift:
    """Hand over to this shift, with what its people must know.

    Raises
    ------
    InputError
        No note, or one that is too long: an empty hand-over is none.
    ConflictError
        It has been taken or cancelled, or changed since it was looked at.
    """
    said = note.strip()
    if not said or len(said) > _NOTE_LIMIT:
        raise InputError(
            f"a hand-over has a note of 1 to {_NOTE_LIMIT} characters. Got {len(said)}.",
            key="sending.shift_note",
            values={"limit": _NOTE_LIMIT},
        )
    before = _open(tx, public_id, expected_seq, ("planned", "offered"))
    after = replace(before, state="offered", note=said, offered_by=tx.actor.id, offered_at=tx.now)
    return _store(tx, after, "offered")


def take_shift(tx: Tx, public_id: str, *, expected_seq: int) -> Shift:
    """Acknowledge the hand-over and be on duty. Only whom the rota names can do so.

    Raises
    ------
    ForbiddenError
        Somebody else.
    ConflictError
        It has been taken or cancelled, or changed since it was looked at.
    """
    before = _open(tx, public_id, expected_seq, ("planned", "offered"))
    if tx.actor.id not in (before.person_id, before.deputy_id):
        raise ForbiddenError("only who is on the rota can take this shift", key="sending.shift_not_yours")
    after = replace(before, state="taken", taken_by=tx.actor.id, taken_at=tx.now)
    return _store(tx, after, "taken")


def cancel_shift(tx: Tx, public_id: str, *, expected_seq: int) -> Shift:
    """Take a shift that nobody has taken over from the rota.

    Raises
    ------
    ConflictError
        It has been taken or cancelled, or changed since it was looked at.
    """
    before = _open(tx, public_id, expected_seq, ("planned", "offered"))
    return _store(tx, replace(before, state="cancelled"), "cancelled")


def on_duty(connection: sa.Connection, seq: int, organisation_id: str, at: datetime) -> Shift | None:
    """The shift that is on duty for a unit: the last one taken over, or the planned one where nobody ever was."""
    now = latest(table, seq)
    mine = [now.c.organisation_id == organisation_id, now.c.starts <= at]
    taken = connection.execute(
        sa.select(now)
        .where(*mine, now.c.state == "taken", now.c.ends > at - _ABANDONED)
        .order_by(now.c.starts.desc(), now.c.public_id)
        .limit(1)
    ).one_or_none()
    if taken is not None:
        return read_row(Shift, taken)
    planned = connection.execute(
        sa.select(now)
        .where(*mine, now.c.state.in_(["planned", "offered"]), now.c.ends > at)
        .order_by(now.c.starts.desc(), now.c.public_id)
        .limit(1)
    ).one_or_none()
    return None if planned is None else read_row(Shift, planned)


def is_untaken(one: Shift, at: datetime) -> bool:
    """Whether it should have been taken over a quarter of an hour ago and was not."""
    return one.state in ("planned", "offered") and one.starts + _GRACE <= at < one.ends


def _open(tx: Tx, public_id: str, expected_seq: int, states: tuple[ShiftState, ...]) -> Shift:
    before = one_now(tx.connection, Shift, tx.seq, public_id)
    if before.known_seq != expected_seq or before.state not in states:
        raise ConflictError(
            f"this shift is {before.state} by now; look at it again",
            key="sending.shift_changed",
            values={"state": before.state},
        )
    return before


def _store(tx: Tx, one: Shift, what: str) -> Shift:
    made = store(tx, replace(one, known_seq=tx.seq, changed_at=tx.now, changed_by=tx.actor.id))
    tx.event(
        f"shift.{what}",
        subject=("shift", made.public_id),
        data={
            "organisation": made.organisation_id,
            "person": made.person_id,
            "starts": made.starts.isoformat(),
            "ends": made.ends.isoformat(),
        },
    )
    return made
