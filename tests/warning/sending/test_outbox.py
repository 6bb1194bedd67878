"""Parcels on their way to real peers: each gets its message once, or twice and marked, or is visibly owed it."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from peers import HttpPeer, MailPeer, Request, free_port, wait_for
from sending_worlds import HOUR, MINUTE, SECOND, Town
from warning_worlds import ALL, JIAYU, alert_of, furnish

from anlan.errors import ForbiddenError, UnavailableError
from anlan.store import World
from anlan.warning import queries
from anlan.warning.sending import outbox
from anlan.warning.sending import sender as sender_module
from anlan.warning.sending.channels import carriers_of
from anlan.warning.sending.queueing import queue_message
from anlan.warning.sending.rule import Way
from anlan.warning.sending.web_request import check_url
from anlan.warning.sending.webhook import verify
from anlan.warning.tables_sending import sender as sender_table

QUICK = 0.4


def hook(peer: HttpPeer, path: str = "/hook") -> dict[str, Any]:
    return {"way": "webhook", "address": peer.address + path, "secret": "s3cret"}


# --- webhooks ---------------------------------------------------------------------------------------------------


def test_a_webhook_gets_the_released_bytes_signed_and_once(town: Town, web: HttpPeer) -> None:
    town.unit(hook(web))
    step = town.release()
    assert town.send() == 1
    (got,) = web.requests
    with town.world.read() as connection:
        message = queries.messages_of_chain(connection, ALL, town.world.as_of(), step.chain_id)[0]
    assert got.body == message.cap_bytes
    assert got.headers["content-type"].startswith("application/cap+xml")
    (one,) = town.parcels()
    assert got.headers["idempotency-key"] == one.public_id

    def is_ours(body: bytes = got.body, key: str = one.public_id, later: float = 0.0) -> bool:
        return verify(
            got.headers["anlan-signature"],
            secret="s3cret",
            key=key,
            body=body,
            now_seconds=time.time() + later,
        )

    assert is_ours()
    assert not is_ours(body=got.body + b" ")
    assert not is_ours(key="other")
    assert not is_ours(later=3600)
    assert (one.state, one.possibly_twice, one.tries) == ("delivered", False, 1)
    assert town.send() == 0
    assert len(web.requests) == 1


def test_queued_twice_is_sent_once(both: Town, web: HttpPeer) -> None:
    both.unit(hook(web))
    both.subscribed("webhook", web.address + "/program")
    step = both.release()
    for _ in range(2):
        queue_message(both.world, both.settings, step.message_identifier or "")
    assert len(both.parcels()) == 2
    both.send()
    assert len(web.requests) == 2


def test_what_a_peer_refuses_for_good_is_given_up(town: Town, web: HttpPeer) -> None:
    refusals = (301, 400, 401, 404, 410)
    web.answer = lambda request, _n: (int(request.path[1:]), {"location": web.address + "/else"}, b"no\nmore")
    for status in refusals:
        town.subscribed("webhook", f"{web.address}/{status}")
    town.release()
    town.send()
    assert {(one.state, one.reason) for one in town.parcels()} == {("given_up", "refused")}
    assert sorted(town.tries()) == [("refused", f"HTTP {status} no") for status in refusals]
    town.clock.advance(HOUR)
    town.send()
    assert len(web.requests) == len(refusals)


def test_what_a_peer_cannot_take_now_is_tried_again(both: Town, web: HttpPeer) -> None:
    troubles = (408, 429, 500, 503)
    web.answer = lambda request, n: int(request.path[1:]) if n < 3 else 200
    for status in troubles:
        both.subscribed("webhook", f"{web.address}/{status}")
    both.release()
    both.send()
    for one in both.parcels():
        assert one.has_failed
        assert timedelta(seconds=4) <= one.due_at - both.clock.now() <= timedelta(seconds=6)
    both.send()
    assert len(web.requests) == len(troubles)
    for pause in (7, 20):
        both.clock.advance(timedelta(seconds=pause))
        both.send()
    assert {(one.state, one.possibly_twice, one.tries) for one in both.parcels()} == {("delivered", False, 3)}
    assert sorted(outcome for outcome, _ in both.tries()) == ["delivered"] * 4 + ["failed"] * 8


def test_a_peer_says_when_it_wants_to_be_asked_again(town: Town, web: HttpPeer) -> None:
    web.answer = lambda _request, n: (503, {"retry-after": "900"}, b"") if n == 1 else 204
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.send()
    assert town.parcels()[0].due_at == town.clock.now() + timedelta(seconds=900)


def test_a_lost_answer_is_marked_and_the_copy_has_the_same_key(town: Town, web: HttpPeer) -> None:
    web.answer = lambda _request, n: "drop" if n == 1 else 200
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.send()
    (one,) = town.parcels()
    assert (one.state, one.possibly_twice) == ("queued", True)
    town.clock.advance(10 * SECOND)
    town.send()
    (one,) = town.parcels()
    assert (one.state, one.possibly_twice, one.tries) == ("delivered", True, 2)
    first, second = web.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == one.public_id
    assert first.body == second.body


def test_a_peer_that_hangs_holds_up_nobody_else(town: Town, web: HttpPeer) -> None:
    web.answer = lambda request, _n: "hang" if request.path == "/hangs" else 204
    for path in ("/hangs", "/a", "/b"):
        town.subscribed("webhook", web.address + path)
    town.release()
    town.queue()
    sender = town.sender(seconds_of=lambda _way: QUICK)
    sender.round()
    sender.close()
    states = {one.target_id: (one.state, one.possibly_twice) for one in town.parcels()}
    assert sorted(states.values()) == [("delivered", False), ("delivered", False), ("queued", True)]
    # The two that answer were told before the third one's time was over.
    order = [outcome for outcome, _ in town.tries()]
    assert order == ["delivered", "delivered", "in_doubt"]


def test_a_peer_that_drips_bytes_is_cut_off(town: Town, web: HttpPeer) -> None:
    web.answer = lambda _request, _n: "drip"
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.queue()
    sender = town.sender(seconds_of=lambda _way: QUICK)
    begun = time.monotonic()
    sender.round()
    sender.close()
    assert time.monotonic() - begun < 20 * QUICK  # the peer would drip for minutes
    assert [outcome for outcome, _ in town.tries()] == ["in_doubt"]


def test_a_peer_that_answers_twice_is_heard_once(town: Town, web: HttpPeer) -> None:
    web.answer = lambda _request, _n: "twice"
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.send()
    town.clock.advance(HOUR)
    town.send()
    assert len(web.requests) == 1
    assert [(one.state, one.possibly_twice) for one in town.parcels()] == [("delivered", False)]


def test_a_peer_that_comes_back_an_hour_later_gets_it_once(town: Town, web: HttpPeer) -> None:
    is_back = False

    def answer(_request: Request, _n: int) -> int:
        return 204 if is_back else 503

    web.answer = answer
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    for _ in range(24):
        town.send()
        town.clock.advance(3 * MINUTE)
    assert 6 <= len(web.requests) <= 14  # the pauses grow to ten minutes
    before = len(web.requests)
    is_back = True
    for _ in range(5):
        town.send()
        town.clock.advance(3 * MINUTE)
    assert len(web.requests) == before + 1
    assert [(one.state, one.possibly_twice) for one in town.parcels()] == [("delivered", False)]


def test_a_port_where_nobody_listens_is_no_lost_answer(town: Town) -> None:
    town.subscribed("webhook", f"http://127.0.0.1:{free_port()}/hook")
    town.release()
    town.send()
    (one,) = town.parcels()
    assert (one.has_failed, one.possibly_twice) == (True, False)
    assert town.tries()[0][0] == "failed"


def test_private_addresses_are_reached_only_where_it_is_allowed(town: Town, web: HttpPeer) -> None:
    town.set(webhook_private_addresses=False)
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.send()
    assert web.requests == []
    assert "private address" in town.tries()[0][1]


@pytest.mark.parametrize(
    "url",
    ["ftp://a/", "http://", "https://u:p@a/", "http://a:0/", "http://a/ b", "http://a\r\nX: y/", "//a", ""],
)
def test_urls_that_cannot_be_posted_to_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url must be"):
        check_url(url)


# --- order, time, replacement -----------------------------------------------------------------------------------


def test_higher_levels_go_first_and_units_before_subscribers(both: Town, web: HttpPeer) -> None:
    both.unit(hook(web, "/unit"))
    both.subscribed("webhook", web.address + "/reader")
    levels = ("blue", "red", "yellow", "orange")
    for level in levels:
        both.release(level)
        both.clock.advance(SECOND)
    both.queue()
    with both.world.stage() as connection:
        claimed = [
            outbox.claim(connection, "s", Way.WEBHOOK, limit=1, now=both.clock.now())[0] for _ in range(8)
        ]
    with both.world.read() as connection:
        level_of = {
            one.identifier: str(one.level) for one in queries.messages(connection, ALL, both.world.as_of())
        }
    order = [(level_of[one.message_identifier], one.target_kind) for one in claimed]
    assert order == [
        (level, kind) for level in ("red", "orange", "yellow", "blue") for kind in ("contact", "subscription")
    ]


def test_places_are_kept_for_red(town: Town, web: HttpPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "PLACES", {Way.WEBHOOK: 3})
    monkeypatch.setattr(sender_module, "KEPT_FOR_RED", {Way.WEBHOOK: 1})
    web.answer = lambda request, _n: "hang" if request.path.startswith("/slow") else 204
    for number in range(4):
        town.subscribed("webhook", f"{web.address}/slow{number}", area_code=JIAYU)
    town.subscribed("webhook", f"{web.address}/quick")
    town.release("blue", area_codes=[JIAYU])
    town.queue()
    sender = town.sender({Way.WEBHOOK: carriers_of(town.settings)[Way.WEBHOOK]})
    thread = threading.Thread(target=sender.round)
    thread.start()
    wait_for(lambda: len(web.requests) == 2)
    town.release("red")
    town.queue()
    wait_for(lambda: bool(web.on("/quick")))
    assert len(web.requests) == 3  # the places of the peers that hang are still taken
    web.released.set()
    thread.join()
    sender.close()


def test_what_has_run_out_is_not_sent_and_comes_back_with_the_clock(town: Town, web: HttpPeer) -> None:
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.queue()
    begun = town.clock.now()
    town.clock.advance(timedelta(days=400))  # a clock that was set wrong
    town.send()
    (one,) = town.parcels()
    assert (one.state, one.reason, web.requests) == ("given_up", "run_out", [])
    town.clock.moment = begun + MINUTE
    town.send()
    assert town.states() == ["delivered"]
    assert len(web.requests) == 1


def test_a_clock_that_goes_back_delays_nothing(town: Town, web: HttpPeer) -> None:
    web.answer = lambda _request, n: 503 if n == 1 else 204
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.send()
    town.clock.advance(timedelta(days=-1))
    town.send()
    assert [(one.state, one.tries) for one in town.parcels()] == [("delivered", 2)]


def test_a_newer_message_replaces_what_has_not_left(both: Town, web: HttpPeer) -> None:
    down = True
    web.answer = lambda _request, _n: 503 if down else 204
    both.subscribed("webhook", web.address + "/hook", min_level="orange")
    step = both.release("orange")
    both.send()
    lower = both.follow(step, level="blue")
    down = False
    both.clock.advance(HOUR)
    both.send()
    first, second = both.parcels()
    assert (first.state, first.reason) == ("given_up", "replaced")
    # It wants orange and above, and has tried to get the first: it must hear that this no longer holds.
    assert (second.state, second.message_identifier) == ("delivered", lower.message_identifier)
    assert web.requests[-1].body.count(b"<msgType>Update</msgType>") == 1


def test_who_was_told_hears_of_the_end(town: Town, web: HttpPeer) -> None:
    town.subscribed("webhook", web.address + "/hook", min_level="orange")
    town.unit(hook(web, "/unit"))
    step = town.release("orange")
    town.send()
    town.clock.advance(MINUTE)
    town.follow(step, "cancel", reason="误发")
    town.send()
    assert [len(web.on(path)) for path in ("/hook", "/unit")] == [2, 2]
    assert b"<msgType>Cancel</msgType>" in web.on("/hook")[1].body


# --- senders that die, and databases that fail ------------------------------------------------------------------


def test_a_dead_senders_parcels_are_taken_over_and_marked(both: Town, web: HttpPeer, caplog: Any) -> None:
    both.subscribed("webhook", web.address + "/hook")
    both.release()
    both.queue()
    with both.world.stage() as connection:
        connection.execute(sender_table.insert().values(public_id="dead", beat=7))
        outbox.claim(connection, "dead", Way.WEBHOOK, limit=9, now=both.clock.now())
    sender = both.sender(patience_seconds=0.05)
    assert sender.round() == 0
    time.sleep(0.06)
    sender._looked_at = 0.0
    with caplog.at_level(logging.WARNING):
        assert sender.round() == 1
    sender.close()
    assert [(one.state, one.possibly_twice) for one in both.parcels()] == [("delivered", True)]
    assert both.tries()[0] == ("in_doubt", "the sender stopped")


def test_a_living_sender_is_not_taken_over_however_the_clock_jumps(town: Town, web: HttpPeer) -> None:
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.queue()
    with town.world.stage() as connection:
        connection.execute(sender_table.insert().values(public_id="alive", beat=1))
        outbox.claim(connection, "alive", Way.WEBHOOK, limit=9, now=town.clock.now())
    sender = town.sender(patience_seconds=0.05)
    for beat in range(2, 6):
        town.clock.advance(timedelta(days=1) if beat % 2 else timedelta(days=-1))
        with town.world.stage() as connection:
            connection.execute(sender_table.update().values(beat=beat))
        time.sleep(0.06)
        sender._looked_at = 0.0
        assert sender.round() == 0
    sender.close()
    assert town.states() == ["sending"]


def test_nothing_is_lost_when_the_database_fails_while_it_sends(
    town: Town, web: HttpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.queue()
    real, failures = outbox.record, [True]

    def fails_once(connection: sa.Connection, sender_id: str, done: Any, **values: Any) -> None:
        if done and failures:
            failures.pop()
            raise UnavailableError("the disk is full")
        real(connection, sender_id, done, **values)

    monkeypatch.setattr(outbox, "record", fails_once)
    sender = town.sender()
    with pytest.raises(UnavailableError):
        sender.round()
    assert town.states() == ["sending"]
    sender.round()
    sender.close()
    assert [(one.state, one.possibly_twice) for one in town.parcels()] == [("delivered", False)]
    assert len(web.requests) == 1


def test_no_beat_is_left_behind(town: Town, web: HttpPeer) -> None:
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.send()
    with town.world.read() as connection:
        assert connection.execute(sa.select(sender_table)).all() == []


# --- e-mail -----------------------------------------------------------------------------------------------------


def test_mail_says_what_where_until_when_and_how_to_end_it(town: Town, relay: MailPeer) -> None:
    town.set(smtp_host="127.0.0.1", smtp_port=relay.port, mail_from="warn@city.example")
    town.subscribed("email", "li@example.org")
    town.subscribed("email", "john@example.org", language="en")
    step = town.release()
    town.send()
    letters = {to: parsed(text) for _, to, text in relay.letters}
    chinese, english = letters["li@example.org"], letters["john@example.org"]
    info_zh, info_en = alert_of(town.world, step).infos
    assert chinese["subject"] == info_zh.headline == "赤壁市麻疹橙色预警"
    assert english["subject"] == info_en.headline
    text = chinese.get_content()
    for part in ("赤壁市", "07-06 20:05", info_zh.description[:20], info_zh.instruction[:10], "/stop/"):
        assert part in text
    assert "http://anlan.example/w/live/stop/" in chinese["list-unsubscribe"]
    assert chinese["message-id"].endswith("@city.example>")
    assert not chinese.is_multipart()
    assert town.states() == ["sent", "sent"]


def parsed(text: bytes) -> Any:
    from email import message_from_bytes, policy

    return message_from_bytes(text, policy=policy.default)


def test_many_letters_share_a_connection(town: Town, relay: MailPeer) -> None:
    town.set(smtp_host="127.0.0.1", smtp_port=relay.port)
    for number in range(40):
        town.subscribed("email", f"r{number}@example.org")
    town.release()
    town.send()
    assert len(relay.letters) == len({to for _, to, _ in relay.letters}) == 40
    assert relay.connections <= 12


@pytest.mark.parametrize(
    ("said", "state", "reason"),
    [("550 <gone@example.org> unknown", "given_up", "refused"), ("451 later", "queued", "")],
)
def test_a_relay_refuses_or_puts_off(town: Town, relay: MailPeer, said: str, state: str, reason: str) -> None:
    town.set(smtp_host="127.0.0.1", smtp_port=relay.port)
    relay.recipients = lambda to: said if to.startswith("gone") else None
    lost = town.subscribed("email", "gone@example.org")
    found = town.subscribed("email", "here@example.org")
    town.release()
    town.send()
    (gone,), (here,) = town.parcels(target_id=lost), town.parcels(target_id=found)
    assert (gone.state, gone.reason, gone.possibly_twice) == (state, reason, False)
    assert here.state == "sent"
    # The address is a personal value: it is in no row of the tries.
    assert not any("gone@" in detail for _, detail in town.tries())


def test_a_relay_that_goes_away_after_the_text_may_have_it(town: Town, relay: MailPeer) -> None:
    town.set(smtp_host="127.0.0.1", smtp_port=relay.port)
    relay.answer = lambda _to: "drop" if len(relay.letters) == 1 else None
    town.subscribed("email", "li@example.org")
    town.release()
    town.send()
    assert [(one.state, one.possibly_twice) for one in town.parcels()] == [("queued", True)]
    town.clock.advance(MINUTE)
    town.send()
    assert [(one.state, one.possibly_twice) for one in town.parcels()] == [("sent", True)]
    first, second = (parsed(text) for _, _, text in relay.letters)
    assert first["message-id"] == second["message-id"]


def test_a_relay_that_is_not_there(town: Town) -> None:
    town.set(smtp_host="127.0.0.1", smtp_port=free_port())
    town.subscribed("email", "li@example.org")
    town.release()
    town.send()
    assert [(one.has_failed, one.possibly_twice) for one in town.parcels()] == [(True, False)]


# --- files ------------------------------------------------------------------------------------------------------


def test_a_broadcaster_finds_whole_files_only(town: Town, tmp_path: Any) -> None:
    town.set(drop_dir=str(tmp_path / "drop"))
    step = town.release()
    town.send()
    (file,) = (tmp_path / "drop").iterdir()
    assert file.name == f"{step.message_identifier}.xml"
    with town.world.read() as connection:
        message = queries.message(connection, ALL, town.world.as_of(), step.message_identifier or "")
    assert file.read_bytes() == message.cap_bytes
    assert town.states() == ["sent"]


def test_a_folder_that_takes_no_file_is_tried_again(town: Town, tmp_path: Any) -> None:
    blocked = tmp_path / "drop"
    blocked.write_text("a file where the folder should be")
    town.set(drop_dir=str(blocked))
    town.release()
    town.send()
    assert [one.has_failed for one in town.parcels()] == [True]
    blocked.unlink()
    town.clock.advance(MINUTE)
    town.send()
    assert town.states() == ["sent"]
    assert len(list(blocked.iterdir())) == 1


# --- exercises --------------------------------------------------------------------------------------------------


def test_an_exercise_reaches_units_with_its_mark_and_nobody_else(
    drill: Town, web: HttpPeer, relay: MailPeer, tmp_path: Any
) -> None:
    drill.set(
        smtp_host="127.0.0.1", smtp_port=relay.port, drop_dir=str(tmp_path / "drop"), mqtt_host="127.0.0.1"
    )
    drill.unit(hook(web))
    drill.unit({"way": "email", "address": "desk@example.org"})
    drill.release()
    drill.send()
    assert sorted(one.way for one in drill.parcels()) == [Way.EMAIL, Way.WEBHOOK]
    assert {one.audience for one in drill.parcels()} == {"closed"}
    assert not (tmp_path / "drop").exists()
    letter = parsed(relay.letters[0][2])
    assert letter["subject"].startswith("【演练】")
    text = letter.get_body().get_content()
    assert text.startswith("【演练】演练")
    assert "EXERCISE" in text
    assert b"<status>Exercise</status>" in web.requests[0].body


def test_an_exercise_takes_no_public_subscription(drill: Town) -> None:
    with pytest.raises(ForbiddenError):
        drill.asked("email")


def test_the_rule_is_asked_again_when_a_parcel_leaves(town: Town, web: HttpPeer) -> None:
    """Even a row that somebody put into the outbox by hand does not take a message where it may not go."""
    town.subscribed("webhook", web.address + "/hook")
    town.release()
    town.queue()
    town.world.kind = "exercise"  # as if the live world's message stood in an exercise
    town.send()
    assert web.requests == []
    assert [(one.state, one.reason) for one in town.parcels()] == [("given_up", "refused")]
    assert town.tries() == [("refused", "not_allowed")]


def test_worlds_share_nothing(town: Town, web: HttpPeer) -> None:
    drill = Town(town.node, furnish(new_exercise(town)))
    town.unit(hook(web, "/live"))
    drill.unit(hook(web, "/drill"))
    drill.release()
    drill.send()
    town.send()
    assert [one.path for one in web.requests] == ["/drill"]


def new_exercise(town: Town) -> World:
    return town.node.create_world("exercise", "exercise", {"zh": "演练", "en": "Exercise"})
