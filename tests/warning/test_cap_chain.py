"""Alert, updates, cancel: what holds now, in whatever order the messages came."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

from cap_samples import SENT, make_alert, make_info

from anlan.warning.cap import Alert, MsgType, Reference, Status
from anlan.warning.cap.chain import in_force, messages_to_reference, read_chain

HOUR = timedelta(hours=1)


def message(number: int, msg_type: MsgType, *references: Alert, expires_after: int = 24) -> Alert:
    sent = SENT + number * HOUR
    info = replace(make_info(), effective=sent, onset=None, expires=sent + expires_after * HOUR)
    return make_alert(
        identifier=f"m{number}",
        sent=sent,
        msg_type=msg_type,
        references=tuple(item.reference for item in references),
        infos=(info,),
    )


FIRST = message(0, MsgType.ALERT)
SECOND = message(1, MsgType.UPDATE, FIRST)
THIRD = message(2, MsgType.UPDATE, FIRST, SECOND)
END = message(3, MsgType.CANCEL, FIRST, SECOND, THIRD)
CHAIN = (FIRST, SECOND, THIRD, END)


def states(*messages: Alert, hours: float = 4) -> dict[str, str]:
    return {item.alert.identifier: item.state for item in read_chain(messages, now=SENT + hours * HOUR)}


def test_each_step_of_a_chain() -> None:
    assert states(FIRST) == {"m0": "in_force"}
    assert states(FIRST, SECOND) == {"m0": "superseded", "m1": "in_force"}
    assert states(*CHAIN[:3]) == {"m0": "superseded", "m1": "superseded", "m2": "in_force"}
    assert states(*CHAIN) == {"m0": "cancelled", "m1": "cancelled", "m2": "cancelled", "m3": "ending"}


def test_order_and_duplicates_make_no_difference() -> None:
    for order in itertools.permutations(CHAIN):
        assert states(*order) == states(*CHAIN)
        assert states(*order, *order) == states(*CHAIN)


def test_missing_message_is_linked_when_it_arrives() -> None:
    without = read_chain((FIRST, THIRD), now=SENT + 4 * HOUR)
    assert [item.state for item in without] == ["superseded", "in_force"]
    assert [reference.identifier for reference in without[1].unknown_references] == ["m1"]
    assert states(FIRST, THIRD, SECOND)["m1"] == "superseded"


def test_same_identifier_of_another_issuer_is_another_message() -> None:
    foreign = replace(END, sender="elsewhere")
    assert states(FIRST, foreign)["m0"] == "in_force"
    namesake = replace(FIRST, sender="elsewhere")
    found = read_chain((FIRST, namesake, END), now=SENT + 4 * HOUR)
    assert {(item.alert.sender, item.state) for item in found if item.alert.identifier == "m0"} == {
        (FIRST.sender, "cancelled"),
        ("elsewhere", "in_force"),
    }


def test_validity_begins_and_ends() -> None:
    assert states(FIRST, hours=-0.5) == {"m0": "not_yet"}
    assert states(FIRST, hours=24) == {"m0": "expired"}
    endless = replace(FIRST, infos=(replace(FIRST.infos[0], expires=None),))
    (found,) = read_chain((endless,), now=SENT + 2 * HOUR, assumed_validity=3 * HOUR)
    assert (found.state, found.expiry_assumed, found.expires) == ("in_force", True, SENT + 3 * HOUR)


def test_cancel_without_info_and_exercise() -> None:
    assert states(FIRST, replace(END, infos=()))["m0"] == "cancelled"
    drill = replace(FIRST, status=Status.EXERCISE)
    assert states(drill) == {"m0": "not_actual"}
    found = read_chain((drill,), now=SENT + HOUR, statuses=frozenset({Status.EXERCISE}))
    assert [item.state for item in in_force(found)] == ["in_force"]
    assert states(FIRST, replace(SECOND, status=Status.TEST))["m0"] == "in_force"


def test_update_after_a_cancel_does_not_bring_a_message_back() -> None:
    late = message(5, MsgType.UPDATE, FIRST)
    assert states(*CHAIN, late, hours=6)["m0"] == "cancelled"


def test_an_update_names_every_message_that_has_not_run_out() -> None:
    short = message(0, MsgType.ALERT, expires_after=1)
    chain = (short, message(1, MsgType.UPDATE, short), message(2, MsgType.UPDATE, short))
    found = read_chain(chain, now=SENT + 2 * HOUR)
    assert [item.identifier for item in messages_to_reference(found, now=SENT + 2 * HOUR)] == ["m1", "m2"]
    late = SENT + 90 * HOUR
    assert messages_to_reference(read_chain(chain, now=late), now=late) == (
        Reference(short.sender, "m2", "2026-07-01T10:00:00+08:00"),
    )
