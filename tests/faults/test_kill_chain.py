"""Killed at random moments of delivery, detection and release, on both databases (issue: faults)."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import harness
import jobs_chain
import pytest

from anlan import intake
from anlan.flows.install import builtin_packs, install_pack, install_places
from anlan.flows.verify import verify_world
from anlan.flows.work import work_once
from anlan.settings import Settings
from anlan.store import SYSTEM, Node, Scope, events_after
from anlan.warning import queries as warnings

ALL = Scope.everything("test")
JOBS = [harness.JobName(Path(jobs_chain.__file__), name) for name in ("delivering", "releasing")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def furnished(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A furnished exercise world with a real clock, closed again."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    made = Settings(data_dir=tmp_path / "node", database_url=url)
    node = Node(made)
    world = node.create_world("exercise", "exercise", {"zh": "演练", "en": "Exercise"})
    install_places(world, SYSTEM)
    for pack in builtin_packs():
        install_pack(world, SYSTEM, pack)
    node.close()
    return made


def check_chain(node: Node, told: list[dict[str, object]]) -> None:
    """What was acknowledged is there once; released bytes are those whose hash the journal has; detection caught up."""
    world = node.world("exercise")
    assert verify_world(world, deep=True) == []
    with world.read() as connection:
        as_of = world.as_of()
        kept = {
            one.receipt.public_id: one.receipt
            for one in intake.deliveries(connection, ALL, as_of, limit=None)
        }
        messages = {one.identifier: one for one in warnings.messages(connection, ALL, as_of, limit=None)}
        journal = {
            event.data["message"]: event.data["sha256"]
            for event in events_after(connection, 0, kinds=["warning.released"])
        }
    for one in told:
        if "delivery" in one:
            receipt = kept[str(one["delivery"])]
            assert (receipt.sha256, receipt.counts.rows_accepted) == (one["sha256"], one["rows"])
        elif "message" in one:
            assert str(one["message"]) in messages
        else:
            assert str(one["dropped"]) not in kept
    assert set(messages) == set(journal)
    for identifier, message in messages.items():
        assert hashlib.sha256(message.cap_bytes).hexdigest() == journal[identifier]


def kill_and_check(settings: Settings, folder: Path, *, kills: int, seed: int) -> None:
    told: list[dict[str, object]] = []
    number = 0
    # On a slow machine the first kills may come before anything was finished; those rounds count, but are not enough.
    while number < kills or (number < kills + 20 and not _both_were_done(told)):
        number += 1
        for one in harness.run_and_kill(
            JOBS, settings, seed=seed + number, after_seconds=(0.1, 1.2), folder=folder
        ):
            assert one.errors == ""
            told += [dict(what) for what in one.acknowledged]
        node = Node(settings)
        try:
            harness.check_always(node)
            check_chain(node, told)
        finally:
            node.close()
    node = Node(settings)
    try:
        world = node.world("exercise")
        for left in intake.unfinished(world):
            intake.drop(world, left.public_id)
        work_once(world)
        head = world.head()
        assert work_once(world) == 0
        assert world.head() == head
        check_chain(node, told)
    finally:
        node.close()
    assert _both_were_done(told)


def _both_were_done(told: list[dict[str, object]]) -> bool:
    return any("delivery" in one for one in told) and any("released" in one for one in told)


def test_five_kills_of_delivery_detection_and_release(furnished: Settings, tmp_path: Path) -> None:
    kill_and_check(furnished, tmp_path, kills=5, seed=3)


@pytest.mark.soak
def test_two_hundred_kills_of_the_chain(furnished: Settings, tmp_path: Path) -> None:
    kill_and_check(furnished, tmp_path, kills=200, seed=random.randrange(10**6))
