"""Whom a warning concerns, and through whom a unit is reached: the unit's duty, its deputy, its superior."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Literal

import sqlalchemy as sa

from anlan.warning.levels import Level, rank
from anlan.warning.sending.rota import on_duty
from anlan.warning.sending.rows import all_now
from anlan.warning.sending.rule import Way
from anlan.warning.sending.types import Contact, Subscription, UnitDuty
from anlan.warning.types import HazardWarning

__all__ = ["choose", "contacts_of_step", "duties_for", "quiet_end", "subscriptions_for", "touches", "wants"]


def touches(mine: str, theirs: Iterable[str]) -> bool:
    """Whether an area is inside one of some areas, or holds a part of one."""
    return any(mine.startswith(path) or path.startswith(mine) for path in theirs)


def wants(one: Subscription | UnitDuty, warning: HazardWarning) -> bool:
    """Whether hazard, level and area of a warning are those of a subscription or a duty."""
    return (
        (not one.hazards or warning.hazard in one.hazards)
        and rank(warning.level) >= rank(one.min_level)
        and touches(one.area_path, warning.area_paths)
    )


def subscriptions_for(connection: sa.Connection, seq: int, warning: HazardWarning) -> list[Subscription]:
    """Confirmed subscriptions that a warning answers to."""
    found = all_now(connection, Subscription, seq, state="confirmed")
    return [one for one in found if wants(one, warning)]


def duties_for(connection: sa.Connection, seq: int, warning: HazardWarning) -> list[UnitDuty]:
    """Duties on which units must act, one for each unit: the first by id."""
    found: dict[str, UnitDuty] = {}
    for one in all_now(connection, UnitDuty, seq, retired=False):
        if wants(one, warning):
            found.setdefault(one.organisation_id, one)
    return list(found.values())


def contacts_of_step(
    connection: sa.Connection, seq: int, duty: UnitDuty, step: int, at: datetime
) -> list[Contact]:
    """Contacts of a step, first choice first: 0 the unit's duty, 1 its deputy, 2 its superior.

    Whoever is on the rota is reached by their own contacts; where the rota says nothing, or nothing is known of the
    person, by those of the desk. A unit without a superior has its head.
    """
    if step == 2:
        above = _of_post(connection, seq, duty.superior_id, "duty", at) if duty.superior_id else []
        return above or _desk(connection, seq, duty.organisation_id, "head")
    return _of_post(connection, seq, duty.organisation_id, "duty" if step == 0 else "deputy", at)


def _of_post(
    connection: sa.Connection, seq: int, organisation_id: str, post: Literal["duty", "deputy"], at: datetime
) -> list[Contact]:
    shift = on_duty(connection, seq, organisation_id, at)
    person = "" if shift is None else shift.person_id if post == "duty" else shift.deputy_id
    own = _sorted(all_now(connection, Contact, seq, person_id=person, retired=False)) if person else []
    return own or _desk(connection, seq, organisation_id, post)


def _desk(connection: sa.Connection, seq: int, organisation_id: str, post: str) -> list[Contact]:
    found = all_now(
        connection, Contact, seq, organisation_id=organisation_id, person_id="", post=post, retired=False
    )
    return _sorted(found)


def _sorted(found: Sequence[Contact]) -> list[Contact]:
    return sorted(found, key=lambda one: (one.position, one.public_id))


def choose(
    contacts: Sequence[Contact], *, ways: Collection[Way], used: Collection[Way] = ()
) -> Contact | None:
    """The contact to use: the first whose way is open and was not used before, then the first that is open at all.

    A telephone is always open: a person calls.
    """
    is_open = [one for one in contacts if one.way in ways or one.way is Way.PHONE]
    return next((one for one in is_open if one.way not in used), is_open[0] if is_open else None)


def quiet_end(one: Subscription, level: Level, at: datetime, zone: tzinfo) -> datetime | None:
    """When the quiet hours end that hold now; None when none hold. A red warning knows none."""
    if level is Level.RED or not one.quiet_from or not one.quiet_until:
        return None
    local = at.astimezone(zone)
    begin, end = time.fromisoformat(one.quiet_from), time.fromisoformat(one.quiet_until)
    now = local.time().replace(tzinfo=None)
    holds = begin <= now < end if begin < end else now >= begin or now < end
    if not holds:
        return None
    day = local.date() if now < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, zone).astimezone(at.tzinfo)
