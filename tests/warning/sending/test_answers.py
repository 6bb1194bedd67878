"""Who must act and who has answered: by link, page, CAP Ack and telephone; and what happens when nobody does."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from peers import HttpPeer, MailPeer, mail_text
from sending_worlds import HOUR, MINUTE, Town, ack_of
from warning_worlds import ALL, CHIBI, JIAYU, OFFICER, alert_of

from anlan.errors import ConflictError, InputError, NotFoundError
from anlan.flows.sending import look_after
from anlan.store import Actor, Scope, events_after, verify
from anlan.warning import HazardWarning
from anlan.warning import queries as warnings
from anlan.warning.actions import expire_due
from anlan.warning.cap import MsgType
from anlan.warning.sending import queries
from anlan.warning.sending.answers import (
    acknowledge,
    acknowledge_by_cap,
    mark_read,
    note_call,
    parcel_of_link,
    report_action,
)
from anlan.warning.sending.queries import AnswerBoard
from anlan.warning.sending.rule import Way
from anlan.warning.sending.tokens import link_key

UNIT = Actor("link", "contact-1", "")


def mail(name: str, **changes: Any) -> dict[str, Any]:
    return {"way": "email", "address": f"{name}@example.org", **changes}


def sms(number: str = "13800000000", **changes: Any) -> dict[str, Any]:
    return {"way": "sms", "address": number, **changes}


def hook(peer: HttpPeer, path: str, **changes: Any) -> dict[str, Any]:
    return {"way": "webhook", "address": peer.address + path, **changes}


def board(town: Town, step: HazardWarning) -> AnswerBoard:
    with town.world.read() as connection:
        return queries.answer_board(connection, ALL, town.world.as_of(), step.public_id, at=town.clock.now())


def go_on(town: Town, minutes: int) -> None:
    town.clock.advance(minutes * MINUTE)
    look_after(town.node, town.world, town.settings)
    town.send()


def kinds(town: Town) -> list[str]:
    with town.world.read() as connection:
        return [one.kind for one in events_after(connection, 0) if one.kind.startswith("answer.")]


# --- the way of an answer ---------------------------------------------------------------------------------------


def test_sent_delivered_read_acknowledged_acted(both: Town, web: HttpPeer) -> None:
    both.unit(hook(web, "/unit"))
    step = both.release()
    both.queue()
    assert [unit.state for unit in board(both, step).units] == ["owed"]
    both.send()
    assert [unit.state for unit in board(both, step).units] == ["delivered"]
    url = web.requests[0].headers["anlan-answer"]
    token = re.fullmatch(r"http://anlan.example/w/live/answer/([A-Za-z0-9_-]+)", url)
    assert token is not None
    parcel_id = link_key(both.node, both.world).read("answer", token[1], now=both.clock.now())
    one = parcel_of_link(both.world, parcel_id)
    mark_read(both.world, one)
    assert [unit.state for unit in board(both, step).units] == ["read"]
    answer_id = one.answer_id or ""
    with pytest.raises(ConflictError) as error:
        report_action(both.world, answer_id, actor=UNIT, via="link", note="已转移 20 人")
    assert error.value.key == "sending.ack_first"
    both.clock.advance(5 * MINUTE)
    answered = acknowledge(both.world, both.settings, answer_id, actor=UNIT, via="link")
    assert (answered.state, answered.acknowledged_via) == ("acknowledged", "link")
    assert answered.next_at == both.clock.now() + timedelta(minutes=both.settings.act_minutes_orange)
    head = both.world.head()
    assert acknowledge(both.world, both.settings, answer_id, actor=OFFICER, via="page") == answered
    assert both.world.head() == head
    with pytest.raises(InputError):
        report_action(both.world, answer_id, actor=UNIT, via="link", note="  ")
    done = report_action(both.world, answer_id, actor=UNIT, via="link", note="已转移 20 人")
    assert (done.state, done.next_at, done.note) == ("acted", None, "已转移 20 人")
    found = board(both, step)
    assert (found.count("acted"), found.answered, found.late, found.next_at) == (1, 1, 0, None)
    assert kinds(both) == ["answer.acknowledged", "answer.acted"]
    assert verify(both.world, deep=True) == []
    with both.world.read() as connection:
        counts = queries.answer_counts(connection, ALL, both.world.as_of(), [step.public_id])
    assert counts == {step.public_id: (1, 1)}


def test_the_link_in_a_letter_leads_to_the_answer(town: Town, relay: MailPeer) -> None:
    town.set(smtp_host="127.0.0.1", smtp_port=relay.port)
    town.unit(mail("desk"))
    town.release()
    town.send()
    text = mail_text(relay.letters[0][2])
    token = re.search(r"/w/live/answer/([A-Za-z0-9_-]+)", text)
    assert token is not None
    links = link_key(town.node, town.world)
    one = parcel_of_link(town.world, links.read("answer", token[1], now=town.clock.now()))
    assert one.answer_id == town.answers()[0].public_id
    with pytest.raises(NotFoundError):
        links.read("answer", token[1], now=town.clock.now() + timedelta(days=2))


def test_a_cap_ack_answers_for_a_unit_and_only_for_its_message(town: Town, web: HttpPeer) -> None:
    town.unit(hook(web, "/unit"))
    step = town.release()
    town.queue()
    (owed,) = town.answers()
    alert = alert_of(town.world, step)
    args = (town.world, town.settings, owed.public_id)
    for wrong in (
        ack_of(alert, msg_type=MsgType.ERROR),
        ack_of(alert, references=()),
        b"<alert/>",
        b"no xml",
    ):
        with pytest.raises(InputError):
            acknowledge_by_cap(*args, actor=UNIT, data=wrong)
    assert town.answers()[0].state == "waiting"
    for _ in range(2):  # a peer that answers twice
        acknowledge_by_cap(*args, actor=UNIT, data=ack_of(alert))
    assert [(one.state, one.acknowledged_via) for one in town.answers()] == [("acknowledged", "cap")]
    assert kinds(town) == ["answer.acknowledged"]


# --- nobody answers ---------------------------------------------------------------------------------------------


def test_no_answer_goes_to_the_deputy_then_the_superior_by_other_ways(both: Town, web: HttpPeer) -> None:
    above = both.desk(hook(web, "/above"), hook(web, "/above2", position=2))
    both.unit(
        hook(web, "/duty"),
        {"way": "phone", "address": "0715-1234567", "post": "deputy", "position": 2},
        hook(web, "/deputy", post="deputy"),
        superior=above,
    )
    step = both.release("orange")
    both.send()
    assert [one.path for one in web.requests] == ["/duty"]
    go_on(both, 19)
    assert len(web.requests) == 1
    go_on(both, 1)
    # The deputy has a webhook too; the telephone is another way, so a person is asked to call.
    assert [one.path for one in web.requests] == ["/duty"]
    (call,) = board(both, step).calls
    assert (call.contact.post, call.parcel.way, str(call.level)) == ("deputy", Way.PHONE, "orange")
    (line,) = board(both, step).units
    assert (line.state, line.is_late, line.answer.step) == ("delivered", True, 1)
    go_on(both, 20)
    assert [one.path for one in web.requests] == ["/duty", "/above"]
    assert both.answers()[0].step == 2
    go_on(both, 20)
    assert (both.answers()[0].step, both.answers()[0].next_at) == (3, None)
    go_on(both, 60)
    assert kinds(both) == ["answer.escalated", "answer.escalated", "answer.exhausted"]
    with both.world.read() as connection:
        late = queries.owed(connection, ALL, both.world.as_of(), at=both.clock.now())
    assert [one.public_id for one in late] == [both.answers()[0].public_id]
    acknowledge(both.world, both.settings, late[0].public_id, actor=OFFICER, via="phone")
    assert board(both, step).calls == ()
    assert [unit.state for unit in board(both, step).units] == ["acknowledged"]


def test_deadlines_are_those_of_the_level(town: Town, web: HttpPeer) -> None:
    town.unit(hook(web, "/duty"), hook(web, "/deputy", post="deputy"))
    town.set(answer_minutes_red=3, answer_minutes_blue=200)
    town.release("red")
    town.release("blue")
    town.send()
    by_level = {str(one.level): one for one in town.answers()}
    assert by_level["red"].deadline_at - by_level["red"].sent_at == 3 * MINUTE
    assert by_level["blue"].deadline_at - by_level["blue"].sent_at == 200 * MINUTE
    go_on(town, 3)
    assert sorted((str(one.level), one.step) for one in town.answers()) == [("blue", 0), ("red", 1)]


def test_a_unit_that_cannot_be_reached_is_passed_over_at_once(town: Town, web: HttpPeer) -> None:
    web.answer = lambda request, _n: 410 if request.path == "/gone" else 204
    town.unit(hook(web, "/gone"), hook(web, "/deputy", post="deputy"))
    town.unit(mail("no-relay-here"), hook(web, "/deputy-of-second", post="deputy"))
    town.release()
    town.send()
    go_on(town, 0)
    assert {one.path for one in web.requests} == {"/gone", "/deputy", "/deputy-of-second"}
    assert {one.step for one in town.answers()} == {1}


def test_a_unit_without_any_contact_is_visibly_owed_it(town: Town) -> None:
    town.unit()
    step = town.release()
    town.send()
    go_on(town, 0)
    (line,) = board(town, step).units
    assert (line.state, line.is_late, line.answer.step, line.names["en"]) == ("owed", True, 3, "Unit 1")


def test_acknowledged_but_nothing_done_is_reminded_three_times(town: Town, web: HttpPeer) -> None:
    town.unit(hook(web, "/unit"))
    step = town.release("orange")
    town.send()
    acknowledge(town.world, town.settings, town.answers()[0].public_id, actor=OFFICER, via="page")
    for _ in range(5):
        go_on(town, town.settings.act_minutes_orange)
    assert len(web.requests) == 4
    assert [one.purpose for one in town.parcels()] == ["message", *["reminder"] * 3]
    assert kinds(town) == ["answer.acknowledged", *["answer.reminded"] * 3]
    assert (board(town, step).count("acknowledged"), town.answers()[0].next_at) == (1, None)


def test_a_clock_that_goes_back_neither_stops_nor_floods_the_escalation(town: Town, web: HttpPeer) -> None:
    town.unit(hook(web, "/duty"), hook(web, "/deputy", post="deputy"), hook(web, "/head", post="head"))
    town.clock.advance(timedelta(days=1))  # a clock that was a day ahead when the warning was released
    town.release("orange")
    town.send()
    town.clock.advance(timedelta(days=-1))
    go_on(town, 0)
    assert [one.step for one in town.answers()] == [1]
    go_on(town, 1)
    assert [one.step for one in town.answers()] == [1]
    go_on(town, 20)
    assert [one.step for one in town.answers()] == [2]


# --- calls ------------------------------------------------------------------------------------------------------


def test_a_call_is_written_down(town: Town) -> None:
    town.unit({"way": "phone", "address": "0715 1234567"})
    step = town.release()
    town.send()
    (call,) = board(town, step).calls
    args = (town.world, town.settings, call.parcel.public_id)
    note_call(*args, actor=OFFICER, reached=False, acknowledged=False)
    assert len(board(town, step).calls) == 1
    answered = note_call(*args, actor=OFFICER, reached=True, acknowledged=True)
    assert answered is not None
    assert (answered.state, answered.acknowledged_via) == ("acknowledged", "phone")
    assert town.tries() == [("failed", "p-officer"), ("delivered", "p-officer")]
    with pytest.raises(ConflictError):
        note_call(*args, actor=OFFICER, reached=True, acknowledged=True)


# --- the warning goes on ----------------------------------------------------------------------------------------


def test_an_update_asks_anew_and_what_was_owed_is_over(town: Town, web: HttpPeer) -> None:
    town.unit(hook(web, "/here"))
    town.unit(hook(web, "/there"), area=JIAYU)
    step = town.release("orange", area_codes=[CHIBI, JIAYU])
    town.send()
    first = {one.organisation_id: one for one in town.answers()}
    assert len(first) == 2
    town.clock.advance(MINUTE)
    lower = town.follow(step, level="yellow", area_codes=[CHIBI])
    town.send()
    old = town.answers(message_identifier=step.message_identifier)
    assert [one.state for one in old] == ["over", "over"]
    new = town.answers(message_identifier=lower.message_identifier)
    assert [(one.state, str(one.level)) for one in new] == [("waiting", "yellow")]
    # The unit that is out of it now hears of the change and owes nothing.
    assert [len(web.on(path)) for path in ("/here", "/there")] == [2, 2]
    assert "anlan-answer" not in web.on("/there")[1].headers
    with pytest.raises(ConflictError) as error:
        acknowledge(town.world, town.settings, old[0].public_id, actor=UNIT, via="link")
    assert error.value.key == "sending.answer_over"
    town.clock.advance(MINUTE)
    town.follow(lower, "end", reason="险情解除")
    town.send()
    assert {one.state for one in town.answers()} == {"over"}
    assert len(town.answers()) == 3


def test_after_its_time_nothing_is_owed(town: Town, web: HttpPeer) -> None:
    town.unit(hook(web, "/unit"))
    town.release("red")
    town.send()
    town.clock.advance(7 * HOUR)
    expire_due(town.world)
    town.queue()
    assert [one.state for one in town.answers()] == ["over"]
    go_on(town, 60)
    assert len(web.requests) == 1


# --- scope ------------------------------------------------------------------------------------------------------


def test_who_does_not_see_the_warning_does_not_see_who_was_told(town: Town, web: HttpPeer) -> None:
    town.unit(hook(web, "/unit"))
    step = town.release()
    town.send()
    answer_id = town.answers()[0].public_id
    elsewhere = Scope(("CN/110000/",), None, 2, "test")
    public = Scope(None, None, 0, "test")
    as_of = town.world.as_of()
    with town.world.read() as connection:
        with pytest.raises(NotFoundError):
            queries.answer_board(connection, elsewhere, as_of, step.public_id, at=town.clock.now())
        with pytest.raises(NotFoundError):
            queries.answer(connection, elsewhere, as_of, answer_id)
        assert queries.owed(connection, elsewhere, as_of, at=town.clock.now() + HOUR) == []
        for scope in (elsewhere, public):
            assert queries.contacts(connection, scope, as_of) == []
            assert queries.duties(connection, scope, as_of) == []
        assert queries.way_counts(connection, public) == []
        assert queries.subscriptions(connection, public, as_of) == []
        assert len(queries.contacts(connection, ALL, as_of)) == 1
        assert warnings.warning(connection, public, as_of, step.public_id)
