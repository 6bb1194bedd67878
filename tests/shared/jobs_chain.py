"""Jobs that are killed: delivering files with detection behind them, and releasing warnings, in an exercise world."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from anlan import intake, series
from anlan.flows.work import work_once
from anlan.store import SYSTEM, Actor, Node, Scope
from anlan.warning import actions

Acknowledge = Callable[[Mapping[str, Any]], None]
ALL = Scope.everything("test")
DUTY, CHIEF = Actor("person", "duty", "甲"), Actor("person", "chief", "乙")
COUNTIES = ("421202", "421221", "421222", "421223", "421224", "421281")
MEASLES = "disease.measles.weekly"


def file_of(seed: int) -> bytes:
    """A delivery of weekly counts: a year for each county, high in the last week so that rules find something."""
    random = Random(seed)
    monday = date(2025, 6, 30) + timedelta(weeks=random.randrange(20))
    lines = ["county,week,indicator,cases"]
    for county in COUNTIES:
        for week in range(52):
            cases = random.randrange(10, 40) if week == 51 else random.randrange(3)
            lines.append(f"{county},{monday + timedelta(weeks=week)},{MEASLES},{cases}")
    return "\n".join(lines).encode()


def delivering(node: Node, random: Random, acknowledge: Acknowledge) -> None:
    """Finish or drop what the last process left, then deliver and detect for ever."""
    world = node.world("exercise")
    series.staging._FIRST_CHUNK = series.staging._LEAST_CHUNK = series.staging._MOST_CHUNK = 60
    for left in intake.unfinished(world):
        intake.drop(world, left.public_id)
        acknowledge({"dropped": left.public_id})
    while True:
        content = file_of(random.randrange(10**9))
        receipt = intake.deliver(
            world, SYSTEM, ALL, source_code="county.weekly", filename="killed.csv", content=content
        )
        acknowledge(
            {"delivery": receipt.public_id, "sha256": receipt.sha256, "rows": receipt.counts.rows_accepted}
        )
        work_once(world)


def releasing(node: Node, random: Random, acknowledge: Acknowledge) -> None:
    """Draft, submit and release warnings for ever; each release is acknowledged with the hash of its bytes."""
    world, settings = node.world("exercise"), node.settings
    while True:
        time.sleep(0.12)  # the national form of an identifier has room for ten messages a second
        with world.write(DUTY) as tx:
            drafted = actions.draft(
                tx,
                settings=settings,
                hazard="measles",
                level=random.choice(["blue", "yellow", "orange"]),
                area_codes=[random.choice(COUNTIES)],
                facts={"observed": "9", "expected": "1", "period": "2026-W26"},
            )
        with world.write(DUTY) as tx:
            submitted = actions.submit(
                tx, drafted.public_id, expected_seq=drafted.known_seq, settings=settings
            )
        with world.write(CHIEF) as tx:
            released = actions.release(
                tx, drafted.public_id, expected_seq=submitted.known_seq, settings=settings
            )
        acknowledge({"released": released.public_id, "message": released.message_identifier})
