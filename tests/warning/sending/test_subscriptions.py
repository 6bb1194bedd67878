"""Who asked to be told: confirmed by the address, ended by a link, quiet at night unless it is red."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from peers import HttpPeer, MailPeer, mail_text
from sending_worlds import HOUR, MINUTE, Town
from warning_worlds import CHIBI, JIAYU, TONGCHENG

from anlan.errors import ConflictError, InputError, NotFoundError, UnavailableError
from anlan.flows.sending import look_after, vault_of
from anlan.store import SYSTEM, Scope, verify
from anlan.store.schema import event, personal_key, reading
from anlan.warning import Level
from anlan.warning.sending import Audience, Subscription, Way
from anlan.warning.sending.reach import quiet_end
from anlan.warning.sending.subscriptions import confirm, end
from anlan.warning.sending.tokens import link_key
from anlan.warning.tables_sending import parcel, subscription_lookup

ALL = Scope.everything("test")


def link_in(text: str, purpose: str) -> str:
    found = re.search(rf"http://anlan.example/w/live/{purpose}/([A-Za-z0-9_-]+)", text)
    assert found is not None, text
    return found[1]


def test_from_asking_to_ending(both: Town, relay: MailPeer) -> None:
    both.set(smtp_host="127.0.0.1", smtp_port=relay.port)
    made = both.asked("email", "Li@Example.org")
    both.release()
    both.send()
    # Not confirmed: the only letter is the one that asks.
    ((_, to, raw),) = relay.letters
    assert to == "Li@Example.org"
    links = link_key(both.node, both.world)
    token = link_in(mail_text(raw), "confirm")
    assert links.read("confirm", token, now=both.clock.now()) == made.public_id
    confirm(both.world, made.public_id, actor=SYSTEM)
    head = both.world.head()
    confirm(both.world, made.public_id, actor=SYSTEM)
    assert both.world.head() == head
    both.clock.advance(MINUTE)
    both.release()
    both.send()
    assert len(relay.letters) == 2
    stop = link_in(mail_text(relay.letters[1][2]), "stop")
    ended = links.read("stop", stop, now=both.clock.now() + timedelta(days=3000))
    end(both.world, vault_of(both.node, both.world), ended, actor=SYSTEM)
    both.clock.advance(MINUTE)
    both.release()
    both.send()
    assert len(relay.letters) == 2
    with pytest.raises(ConflictError):
        confirm(both.world, made.public_id, actor=SYSTEM)
    with both.world.read() as connection:
        assert connection.execute(sa.select(personal_key)).all() == []
        assert connection.execute(sa.select(subscription_lookup)).all() == []
    assert verify(both.world, deep=True) == []


def test_addresses_stand_in_no_row_and_no_event_and_their_opening_is_logged(
    town: Town, relay: MailPeer
) -> None:
    town.set(smtp_host="127.0.0.1", smtp_port=relay.port)
    public_id = town.subscribed("email", "secret.name@example.org")
    town.unit({"way": "email", "address": "secret.desk@example.org", "name": "secret person"})
    town.release()
    town.send()
    with town.world.read() as connection:
        assert "secret" not in str(connection.execute(sa.select(event)).all())
        opened = connection.execute(sa.select(reading.c.subject_id, reading.c.purpose)).all()
    assert (public_id, "sending") in opened
    file = town.node.folder / "worlds" / "live.db"
    with town.world.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"secret.name" not in file.read_bytes()
    assert b"secret person" not in file.read_bytes()


def test_asking_again_tells_nothing_and_sends_nothing(town: Town) -> None:
    first = town.asked("email", "li@example.org")
    again = town.asked("email", "LI@example.org")
    assert first.public_id
    assert again.public_id == ""
    assert len(town.parcels(purpose="confirm")) == 1
    assert town.asked("email", "li@example.org", area_code=JIAYU).public_id


def test_only_so_many_may_ask_in_an_hour(town: Town) -> None:
    town.set(subscription_asks_per_hour=2)
    town.asked()
    town.asked()
    with pytest.raises(UnavailableError):
        town.asked()
    town.clock.advance(HOUR + MINUTE)
    assert town.asked().public_id


def test_what_nobody_confirms_is_erased(town: Town) -> None:
    made = town.asked("email", "li@example.org")
    town.clock.advance(timedelta(hours=47))
    look_after(town.node, town.world, town.settings)
    assert vault_of(town.node, town.world).open(made.public_id, scope=ALL, actor=SYSTEM)
    town.clock.advance(2 * HOUR)
    look_after(town.node, town.world, town.settings)
    with pytest.raises(NotFoundError):
        vault_of(town.node, town.world).open(made.public_id, scope=ALL, actor=SYSTEM)
    assert town.asked("email", "li@example.org").public_id


@pytest.mark.parametrize(
    "changes",
    [
        {"way": "phone"},
        {"address": "no mailbox"},
        {"address": "a@b\r\nBcc: c@d"},
        {"language": "fr"},
        {"quiet_from": "22:00"},
        {"quiet_from": "22:00", "quiet_until": "24:00"},
        {"quiet_from": "22:00", "quiet_until": "22:00"},
        {"min_level": "purple"},
    ],
)
def test_what_is_no_subscription_is_refused(town: Town, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        town.asked(**{"way": "email", "address": "li@example.org", **changes})
    assert town.parcels() == []


def test_hazard_level_and_area_decide(town: Town) -> None:
    wanted = {
        "all": town.subscribed(area_code="421200"),
        "here": town.subscribed(area_code=CHIBI),
        "province": town.subscribed(area_code="420000"),
        "elsewhere": town.subscribed(area_code=JIAYU),
        "only red": town.subscribed(area_code=CHIBI, min_level="red"),
        "this hazard": town.subscribed(area_code=CHIBI, hazards=["measles"]),
        "other hazard": town.subscribed(area_code=CHIBI, hazards=["sars"]),
    }
    step = town.release("orange")
    town.queue()
    names = {public_id: name for name, public_id in wanted.items()}
    told = {names[one.target_id] for one in town.parcels()}
    assert told == {"all", "here", "province", "this hazard"}
    with town.world.stage() as connection:  # it has left
        connection.execute(parcel.update().values(state="sent", tries=1))
    town.follow(step, level="red", area_codes=[TONGCHENG, JIAYU])
    town.queue()
    told = {names[one.target_id] for one in town.parcels(state="queued")}
    # Who was told of the first step hears of the next, though it is no longer theirs.
    assert told == {"all", "here", "province", "this hazard", "elsewhere"}


def at(clock: str) -> datetime:
    """A moment of 6 July 2026 in Xianning."""
    hour, minute = clock.split(":")
    return datetime(2026, 7, 6, int(hour), int(minute), tzinfo=UTC) - timedelta(hours=8)


def test_quiet_hours_hold_until_morning_unless_it_is_red(both: Town, web: HttpPeer) -> None:
    both.clock.moment = at("23:30")
    both.subscribed("webhook", web.address + "/quiet", quiet_from="22:00", quiet_until="06:30")
    both.subscribed("webhook", web.address + "/noon", quiet_from="12:00", quiet_until="14:00")
    both.release("yellow")
    both.send()
    assert [one.path for one in web.requests] == ["/noon"]
    assert sorted(both.states()) == ["delivered", "held"]
    both.clock.advance(MINUTE)
    both.release("red")
    both.send()
    assert [one.path for one in web.requests[1:]] in (["/noon", "/quiet"], ["/quiet", "/noon"])
    both.clock.moment = at("06:29") + timedelta(days=1)
    both.send()
    assert len(web.requests) == 3
    both.clock.moment = at("06:30") + timedelta(days=1)
    both.send()
    assert [one.path for one in web.requests[3:]] == ["/quiet"]
    assert set(both.states()) == {"delivered"}


@pytest.mark.parametrize(
    ("zone", "now", "quiet", "end"),
    [
        ("Asia/Shanghai", "2026-12-31T15:00", ("22:00", "06:30"), "2026-12-31T22:30"),  # 23:00, over New Year
        ("Asia/Shanghai", "2026-12-31T22:29", ("22:00", "06:30"), "2026-12-31T22:30"),
        ("Asia/Shanghai", "2026-12-31T22:30", ("22:00", "06:30"), None),
        ("Asia/Shanghai", "2026-12-31T13:59", ("22:00", "06:30"), None),
        ("Asia/Shanghai", "2028-02-28T16:30", ("00:00", "07:00"), "2028-02-28T23:00"),  # 29 February
        (
            "Europe/Berlin",
            "2026-03-28T23:30",
            ("22:00", "06:30"),
            "2026-03-29T04:30",
        ),  # a night of seven hours
        ("Europe/Berlin", "2026-10-24T22:30", ("22:00", "06:30"), "2026-10-25T05:30"),  # one of nine
    ],
)
def test_quiet_hours_at_the_edges(zone: str, now: str, quiet: tuple[str, str], end: str | None) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    one = Subscription(
        public_id="", known_seq=1, audience=Audience.PUBLIC, way=Way.EMAIL, hazards=(), min_level=Level.BLUE,
        area_code="", area_path="", language="zh", quiet_from=quiet[0], quiet_until=quiet[1],
        state="confirmed", asked_at=at, changed_at=at, changed_by="",
    )  # fmt: skip
    expected = None if end is None else datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert quiet_end(one, Level.ORANGE, at, ZoneInfo(zone)) == expected
    assert quiet_end(one, Level.RED, at, ZoneInfo(zone)) is None


def test_links_are_for_one_purpose_one_world_and_a_time(town: Town) -> None:
    links = link_key(town.node, town.world)
    other = link_key(town.node, town.node.create_world("exercise", "exercise", {"zh": "演练"}))
    public_id, now = "12345678-1234-5678-1234-567812345678", town.clock.now()
    token = links.make("answer", public_id, until=now + HOUR)
    assert links.read("answer", token, now=now + HOUR) == public_id
    wrong: list[tuple[Any, str, str]] = [
        (links, "stop", token),
        (other, "answer", token),
        (links, "answer", token[:-1] + ("A" if token[-1] != "A" else "B")),
        (links, "answer", ""),
        (links, "answer", "ü" * 48),
        (links, "answer", token + token),
    ]
    for key, purpose, given in wrong:
        with pytest.raises(NotFoundError):
            key.read(purpose, given, now=now)
    with pytest.raises(NotFoundError, match="over"):
        links.read("answer", token, now=now + HOUR + MINUTE)
