"""The rota: who is on duty, hand-overs that the next one must acknowledge, and whom a warning reaches by it."""

from __future__ import annotations

from datetime import datetime

import pytest
from peers import HttpPeer
from sending_worlds import HOUR, MINUTE, Town
from warning_worlds import ALL

from anlan.errors import ConflictError, ForbiddenError, InputError
from anlan.flows.sending import look_after, vault_of
from anlan.store import SYSTEM, Actor
from anlan.warning.sending import Shift, queries
from anlan.warning.sending.contacts import add_contact
from anlan.warning.sending.rota import cancel_shift, offer_shift, on_duty, plan_shift, take_shift

LI, WANG, ZHAO = (Actor("person", name, name) for name in ("p-li", "p-wang", "p-zhao"))


def planned(
    town: Town, unit: str, person: Actor, starts: datetime, *, hours: int = 8, deputy: str = ""
) -> Shift:
    with town.world.write(SYSTEM) as tx:
        return plan_shift(
            tx,
            organisation_id=unit,
            person_id=person.id,
            starts=starts,
            ends=starts + hours * HOUR,
            deputy_id=deputy,
        )


def offered(town: Town, shift: Shift, by: Actor = LI, note: str = "两台泵在修；盯住陆水") -> Shift:
    with town.world.write(by) as tx:
        return offer_shift(tx, shift.public_id, expected_seq=shift.known_seq, note=note)


def taken(town: Town, shift: Shift, by: Actor) -> Shift:
    with town.world.write(by) as tx:
        return take_shift(tx, shift.public_id, expected_seq=shift.known_seq)


def who(town: Town, unit: str) -> str:
    with town.world.read() as connection:
        found = on_duty(connection, town.world.head(), unit, town.clock.now())
    return found.person_id if found else ""


def test_until_the_next_one_has_taken_over_the_one_before_is_on_duty(both: Town) -> None:
    unit = both.unit()
    now = both.clock.now()
    first = planned(both, unit, LI, now)
    assert who(both, unit) == "p-li"  # nobody ever took over: the plan stands in
    first = taken(both, first, LI)
    second = planned(both, unit, WANG, now + 8 * HOUR, deputy="p-zhao")
    second = offered(both, second)
    assert (second.state, second.offered_by, second.note) == ("offered", "p-li", "两台泵在修；盯住陆水")
    both.clock.advance(8 * HOUR + 20 * MINUTE)
    assert who(both, unit) == "p-li"
    with both.world.read() as connection:
        args = (connection, ALL, both.world.as_of())
        late = queries.shifts(*args, at=both.clock.now(), untaken_only=True)
        assert len(queries.shifts(*args, at=both.clock.now())) == 2
    assert [one.public_id for one in late] == [second.public_id]
    with pytest.raises(ForbiddenError):
        taken(both, second, LI)
    second = taken(both, second, ZHAO)  # the deputy may
    assert (second.state, second.taken_by) == ("taken", "p-zhao")
    assert who(both, unit) == "p-wang"
    with pytest.raises(ConflictError):
        taken(both, second, WANG)
    both.clock.advance(8 * HOUR + 24 * HOUR)
    assert who(both, unit) == ""  # the rota was abandoned


def test_shifts_of_a_unit_do_not_overlap_and_have_a_form(town: Town) -> None:
    unit, other = town.unit(), town.unit()
    now = town.clock.now()
    first = planned(town, unit, LI, now)
    with pytest.raises(ConflictError):
        planned(town, unit, WANG, now + 7 * HOUR)
    planned(town, other, WANG, now)
    planned(town, unit, WANG, now + 8 * HOUR)
    with town.world.write(SYSTEM) as tx:
        cancel_shift(tx, first.public_id, expected_seq=first.known_seq)
    planned(town, unit, WANG, now)
    for wrong in ({"hours": 0}, {"hours": 73}, {"deputy": "p-li"}):
        with pytest.raises(InputError):
            planned(town, unit, LI, now + 20 * HOUR, **wrong)
    with pytest.raises(InputError):
        offered(town, planned(town, unit, LI, now + 30 * HOUR), note=" ")


def test_a_change_that_somebody_else_made_meanwhile_is_noticed(town: Town) -> None:
    shift = planned(town, town.unit(), LI, town.clock.now())
    offered(town, shift)
    with pytest.raises(ConflictError):
        offered(town, shift)
    with pytest.raises(ConflictError):
        taken(town, shift, LI)


def test_a_warning_reaches_who_is_on_duty_then_the_deputy(town: Town, web: HttpPeer) -> None:
    unit = town.unit({"way": "webhook", "address": web.address + "/desk"})
    with town.world.write(SYSTEM) as tx:
        for person in (LI, WANG):
            add_contact(
                tx,
                vault_of(town.node, town.world),
                organisation_id=unit,
                person_id=person.id,
                way="webhook",
                address=f"{web.address}/{person.id}",
            )
    taken(town, planned(town, unit, LI, town.clock.now(), deputy=WANG.id), LI)
    town.release("red")
    town.send()
    assert [one.path for one in web.requests] == ["/p-li"]
    town.clock.advance(10 * MINUTE)
    look_after(town.node, town.world, town.settings)
    town.send()
    assert [one.path for one in web.requests] == ["/p-li", "/p-wang"]
    town.clock.advance(40 * HOUR)
    town.release("red")
    town.send()
    assert web.requests[-1].path == "/desk"  # no rota any more: the desk
