"""Killed at random moments of release and sending: every unit gets every message, twice only where it is marked."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import harness
import jobs_sending
import pytest
import sqlalchemy as sa
from peers import HttpPeer, Request, http_peer
from sending_worlds import Town
from warning_worlds import furnish

from anlan.flows.dispatch import dispatch
from anlan.flows.sending import reader
from anlan.settings import Settings
from anlan.store import FixedClock, Node
from anlan.warning.sending.outbox import parcel_of
from anlan.warning.sending.types import Parcel
from anlan.warning.tables_sending import parcel

UNITS = 6
ENOUGH = 3  # messages that were out when a process was killed
JOBS = [harness.JobName(Path(jobs_sending.__file__), name) for name in ("releasing", "sending")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def furnished(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    return Settings(data_dir=tmp_path / "node", database_url=url)


def add_units(settings: Settings, peer: HttpPeer) -> None:
    node = Node(settings)
    world = node.create_world("exercise", "exercise", {"zh": "演练", "en": "Exercise"})
    town = Town(node, furnish(world))
    for number in range(UNITS):
        town.unit({"way": "webhook", "address": f"{peer.address}/{number}", "secret": "s"})
    node.close()


def loses_some_answers(request: Request, _number: int) -> int | str:
    """One in nine requests is taken, and the answer lost."""
    return "drop" if hash(request.headers["idempotency-key"]) % 9 == 0 and random.random() < 0.5 else 204


def send_the_rest(settings: Settings) -> list[Parcel]:
    """A new process, two hours later: what is owed is sent."""
    node = Node(settings, clock=FixedClock(datetime.now(UTC) + timedelta(hours=2)))
    try:
        world = node.world("exercise")
        assert isinstance(world.clock, FixedClock)
        sender = jobs_sending.sender_of(node)
        for _ in range(60):
            dispatch(world, (reader(jobs_sending.SENDING),))
            sender._looked_at = 0.0
            sender.round()
            world.clock.advance(timedelta(minutes=1))
            with world.read() as connection:
                found = [parcel_of(row) for row in connection.execute(sa.select(parcel))]
            if all(one.state not in ("queued", "sending") for one in found):
                break
            sender._stop.wait(0.05)
        sender.close()
        harness.check_always(node)
        return found
    finally:
        node.close()


def kill_and_check(settings: Settings, folder: Path, *, kills: int, seed: int) -> None:
    told: set[str] = set()
    with http_peer() as peer:
        peer.answer = loses_some_answers
        add_units(settings, peer)
        number = 0
        # On a slow machine the first kills may come before anything was released; those count, but are not enough.
        while number < kills or (number < kills + 15 and len(told) < ENOUGH):
            number += 1
            for one in harness.run_and_kill(
                JOBS, settings, seed=seed + number, after_seconds=(0.4, 1.5), folder=folder
            ):
                assert "Traceback" not in one.errors
                told |= {str(what["message"]) for what in one.acknowledged if "message" in what}
        assert len(told) >= ENOUGH
        found = send_the_rest(settings)
        got = Counter(one.headers["idempotency-key"] for one in peer.requests)
    # Every unit has every message that somebody was told is out; the levels differ, so none replaces another.
    assert {one.message_identifier for one in found} >= told
    assert Counter(one.message_identifier for one in found) == dict.fromkeys(
        {one.message_identifier for one in found}, UNITS
    )
    assert {one.state for one in found} == {"delivered"}
    assert set(got) == {one.public_id for one in found}
    unmarked = [one.public_id for one in found if got[one.public_id] > 1 and not one.possibly_twice]
    assert unmarked == []


def test_kills_of_release_and_sending(furnished: Settings, tmp_path: Path) -> None:
    kill_and_check(furnished, tmp_path, kills=2, seed=11)


@pytest.mark.soak
def test_a_hundred_kills_of_release_and_sending(furnished: Settings, tmp_path: Path) -> None:
    kill_and_check(furnished, tmp_path, kills=100, seed=random.randrange(10**6))
