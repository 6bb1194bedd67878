"""The feed and the documents of a world, as the web serves them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lxml import etree
from warning_worlds import ALL, drafted, furnish, released

from anlan.store import NOTHING, FixedClock, Scope, World
from anlan.warning import Feed, etag, queries
from anlan.warning.types import Message

ATOM = "{http://www.w3.org/2005/Atom}"
PUBLIC = Scope(None, None, 0, "public feed")


def address(message: Message) -> str:
    return f"https://city.example/w/exercise/cap/{message.identifier}.xml"


@pytest.fixture
def drill(exercise: World) -> World:
    return furnish(exercise)


def feed_of(world: World, clock: FixedClock, *, scope: Scope = PUBLIC, seq: int | None = None) -> bytes:
    about = Feed(
        id="https://city.example/w/exercise/feed.atom",
        url="https://city.example/w/exercise/feed.atom",
        titles=world.title,
        authors={"zh": "咸宁市应急管理局", "en": "Xianning"},
        since=clock.now() - timedelta(days=30),
    )
    with world.read() as connection:
        return queries.feed(
            connection, scope, world.as_of(seq=seq), about=about, at=clock.now(), document_url=address
        )


def entries(data: bytes) -> list[str]:
    return [str(item.findtext(f"{ATOM}id")) for item in etree.fromstring(data).findall(f"{ATOM}entry")]


def test_feed_lists_what_was_released_and_points_to_frozen_bytes(drill: World, clock: FixedClock) -> None:
    assert entries(feed_of(drill, clock)) == []
    drafted(drill)
    first = released(drill, drafted(drill))
    clock.advance(timedelta(minutes=1))
    second = released(drill, drafted(drill))
    data = feed_of(drill, clock)
    with drill.read() as connection:
        as_of = drill.as_of()
        documents = [
            queries.message(connection, PUBLIC, as_of, step.message_identifier or "")
            for step in (second, first)
        ]
    assert entries(data) == [address(document) for document in documents]
    assert "【演练】赤壁市麻疹橙色预警" in data.decode()
    assert entries(feed_of(drill, clock, scope=NOTHING)) == []


def test_unchanged_feed_has_the_same_tag_and_time_alone_changes_nothing(
    drill: World, clock: FixedClock
) -> None:
    released(drill, drafted(drill))
    first = etag(feed_of(drill, clock))
    drafted(drill)
    clock.advance(timedelta(hours=5))
    assert etag(feed_of(drill, clock)) == first
    released(drill, drafted(drill))
    assert etag(feed_of(drill, clock)) != first


def test_old_messages_leave_the_feed_and_keep_their_documents(drill: World, clock: FixedClock) -> None:
    short = released(drill, drafted(drill))
    long = released(drill, drafted(drill, expires=clock.now() + timedelta(days=40)))
    clock.advance(timedelta(days=15))
    with drill.read() as connection:
        as_of = drill.as_of()
        old, kept = (
            queries.message(connection, PUBLIC, as_of, step.message_identifier or "")
            for step in (short, long)
        )
    assert entries(feed_of(drill, clock)) == [address(kept)]
    assert old.cap_bytes.startswith(b"<?xml")


def test_feed_of_the_past_is_asked_by_sequence(drill: World, clock: FixedClock) -> None:
    released(drill, drafted(drill))
    before, seq = feed_of(drill, clock), drill.head()
    released(drill, drafted(drill))
    assert feed_of(drill, clock, seq=seq) == before


def test_messages_of_one_warning(drill: World) -> None:
    step = released(drill, drafted(drill))
    released(drill, drafted(drill))
    with drill.read() as connection:
        found = queries.messages_of_chain(connection, ALL, drill.as_of(), step.chain_id)
    assert [item.identifier for item in found] == [step.message_identifier]
