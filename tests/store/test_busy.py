"""The store while others are at work: verifying a journal that grows, waiting for a lock that is held."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from anlan.errors import UnavailableError
from anlan.settings import Settings
from anlan.store import SYSTEM, Event, Finding, Node, World, verify


def say(world: World) -> None:
    with world.write(SYSTEM) as tx:
        tx.event("test.said")


def test_events_written_during_a_verification_are_no_cut_tail(world: World) -> None:
    say(world)

    def meanwhile(connection: sa.Connection, event: Event) -> Iterator[Finding]:
        for _ in range(60):  # more than lie between two signed heads
            say(world)
        yield from ()

    assert verify(world, deep=True, deep_checks=[meanwhile]) == []
    assert world.head() == 61
    assert verify(world, deep=True) == []


def test_a_write_that_waits_too_long_says_so_and_leaves_nothing(node: Node, world: World) -> None:
    impatient = Node(replace(node.settings, lock_timeout_seconds=1), clock=node.clock)
    try:
        other = impatient.world()
        with world.write(SYSTEM) as tx:
            tx.event("test.said")
            started = time.monotonic()
            with pytest.raises(UnavailableError, match="try again"):
                say(other)
            assert 0.9 < time.monotonic() - started < 10
        say(other)
        assert world.head() == 2
    finally:
        impatient.close()


def test_a_patient_writer_is_not_starved_by_quick_ones(tmp_path: Path) -> None:
    node = Node(Settings(data_dir=tmp_path / "node"))
    world = node.create_world("live", "live", {"en": "Live", "zh": "实况"})
    stop = threading.Event()

    def hurry() -> None:
        while not stop.is_set():
            say(world)

    hasty = threading.Thread(target=hurry)
    hasty.start()
    try:
        started = time.monotonic()
        for _ in range(20):
            with world.stage() as connection:
                connection.execute(sa.text("SELECT 1"))
            time.sleep(0.001)
        assert time.monotonic() - started < 20  # SQLite's own way of waiting took minutes
    finally:
        stop.set()
        hasty.join()
        node.close()
