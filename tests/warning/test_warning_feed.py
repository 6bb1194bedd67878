"""The feed and the documents of a world, as the web serves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from warning_worlds import ALL, drafted, furnish, released

from anlan.errors import NotFoundError
from anlan.store import NOTHING, FixedClock, Scope, World
from anlan.warning import Feed, etag, queries, write_feed
from anlan.warning.feed import FeedContent
from anlan.warning.types import Message

ATOM = "{http://www.w3.org/2005/Atom}"
PUBLIC = Scope(None, None, 0, "public feed")


def address(message: Message) -> str:
    return f"https://city.example/w/exercise/cap/{message.identifier}.xml"


@pytest.fixture
def drill(exercise: World) -> World:
    return furnish(exercise)


def content_of(
    world: World, clock: FixedClock, *, scope: Scope = PUBLIC, seq: int | None = None
) -> FeedContent:
    with world.read() as connection:
        return queries.feed(connection, scope, world.as_of(seq=seq), at=clock.now(), document_url=address)


def feed_of(world: World, clock: FixedClock, *, scope: Scope = PUBLIC, seq: int | None = None) -> bytes:
    about = Feed(
        id="https://city.example/w/exercise/feed.atom",
        url="https://city.example/w/exercise/feed.atom",
        titles=world.title,
        authors={"zh": "咸宁市应急管理局", "en": "Xianning"},
        since=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return write_feed(about, content_of(world, clock, scope=scope, seq=seq).entries)


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


def week(world: World, clock: FixedClock, name: str) -> list[str]:
    with world.read() as connection:
        found = queries.feed_week(
            connection, PUBLIC, world.as_of(), week=name, at=clock.now(), document_url=address
        )
    return [entry.url for entry in found.entries]


def test_archive_pages_hold_every_message_for_good(drill: World, clock: FixedClock) -> None:
    """Five messages in three weeks (the first Monday is 6 July 2026, week 28): feed and pages together hold each."""
    sent: list[tuple[str, str]] = []
    for days in (0, 1, 7, 6, 1):
        clock.advance(timedelta(days=days))
        step = released(drill, drafted(drill))
        sent.append(
            (f"{clock.now():%G-W%V}", f"https://city.example/w/exercise/cap/{step.message_identifier}.xml")
        )
        found = content_of(drill, clock)
        held = {entry.url for entry in found.entries}
        name = found.previous_week
        while name:
            page = week(drill, clock, name)
            assert page == [url for when, url in sent if when == name]
            held |= set(page)
            with drill.read() as connection:
                name = queries.feed_week(
                    connection, PUBLIC, drill.as_of(), week=name, at=clock.now(), document_url=address
                ).previous_week
        assert held == {url for _when, url in sent}
    assert [when for when, _url in sent] == ["2026-W28", "2026-W28", "2026-W29", "2026-W30", "2026-W30"]
    # Long afterwards the feed is empty, and the pages still hold everything.
    clock.advance(timedelta(days=60))
    assert content_of(drill, clock).entries == ()
    assert content_of(drill, clock).previous_week == "2026-W30"
    assert sorted(week(drill, clock, "2026-W28")) == sorted(url for when, url in sent if when == "2026-W28")


def test_page_of_a_week_that_is_not_over_or_holds_nothing_is_not_there(
    drill: World, clock: FixedClock
) -> None:
    released(drill, drafted(drill))
    for name in ("2026-W28", "2026-W27", "2026-W54", "9999-W52", "x"):
        with pytest.raises(NotFoundError):
            week(drill, clock, name)
    clock.advance(timedelta(days=7))
    assert len(week(drill, clock, "2026-W28")) == 1
    with drill.read() as connection, pytest.raises(NotFoundError):
        queries.feed_week(
            connection, NOTHING, drill.as_of(), week="2026-W28", at=clock.now(), document_url=address
        )


def test_feed_says_when_it_changed_and_how_long_it_holds(drill: World, clock: FixedClock) -> None:
    """Between the two moments the bytes never change, whatever the time; both are moments at which they may."""
    assert content_of(drill, clock).changed_at is None
    for hours in (2, 30, 24 * 20):
        released(drill, drafted(drill, expires=clock.now() + timedelta(hours=hours)))
        clock.advance(timedelta(minutes=7))
    start, before = clock.now(), content_of(drill, clock)
    data = feed_of(drill, clock)
    changes = 0
    while clock.now() < start + timedelta(days=40):
        assert before.changed_at is not None
        assert before.holds_until is not None
        assert before.changed_at <= clock.now() < before.holds_until
        clock.advance(before.holds_until - clock.now() - timedelta(microseconds=1))
        assert content_of(drill, clock).entries == before.entries
        clock.advance(timedelta(microseconds=1))
        before = content_of(drill, clock)
        changes += feed_of(drill, clock) != data
        data = feed_of(drill, clock)
        assert before.changed_at == clock.now()
    # Two leave after 14 days, a few minutes apart, the third when it runs out.
    assert changes == 3


def test_a_week_with_more_messages_than_the_feed_lists_loses_none(
    drill: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "DEFAULT_LIMIT", 2)
    for _ in range(4):
        released(drill, drafted(drill, expires=clock.now() + timedelta(minutes=10)))
        clock.advance(timedelta(minutes=1))
    clock.advance(timedelta(hours=1))
    assert len(content_of(drill, clock).entries) == 4
    clock.advance(timedelta(days=7))
    assert len(content_of(drill, clock).entries) == 2
    assert len(week(drill, clock, "2026-W28")) == 4


def test_newest_message_moves_only_with_releases(drill: World) -> None:
    def newest() -> int:
        with drill.read() as connection:
            return queries.newest_message_seq(connection, PUBLIC, drill.as_of())

    assert newest() == 0
    step = drafted(drill)
    assert newest() == 0
    released(drill, step)
    first = newest()
    drafted(drill)
    assert newest() == first > 0
