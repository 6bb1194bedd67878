"""A demonstration in the middle of a shift: one warning in force, one under review, a draft, a file with bad rows.

``furnish`` walks through the doors of the rooms, as the pages do, and returns the address of one page of each kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anlan import analysis, assessment, intake, registry, series
from anlan.analysis import Signal
from anlan.flows.chain import draft_from_assessment
from anlan.registry import Person
from anlan.settings import Settings
from anlan.store import Actor, Node, Scope, World
from anlan.warning import HazardWarning, actions
from anlan.web.uploads import Uploads

EVERYTHING = Scope.everything("test")
PAGE_NAMES = (
    "sign-in", "public", "public-exercise", "board", "board-live", "signals",
    "signal", "signal-judged", "signal-national", "assess", "warnings", "warning-draft",
    "warning-review", "warning-in-force", "warning-sms", "warning-cap", "domains", "domain-disease",
    "domain-air", "series", "series-past", "data", "mapping", "receipt",
    "journal", "search", "not-found", "not-allowed",
)  # fmt: skip
DELIVERY = "\n".join(
    ["county,week,indicator,cases"]
    + [f"421281,2026-W{week:02d},disease.measles.weekly,{week % 3}" for week in range(1, 20)]
    + ["421299,2026-W20,disease.measles.weekly,1", "421281,2026-W77,disease.measles.weekly,1"]
    + ["421281,2026-W21,disease.measles.weekly,many"]
).encode()


@dataclass(frozen=True)
class PageOf:
    """One page: what to call it, who opens it, and where it is."""

    name: str
    login: str
    path: str
    status: int = 200


def furnish(folder: Path) -> list[PageOf]:
    """Fill both worlds of the demonstration in ``folder``; nobody may be serving it."""
    node = Node(Settings(data_dir=folder))
    try:
        return _furnish(node)
    finally:
        node.close()


def _furnish(node: Node) -> list[PageOf]:
    live, exercise = node.world("live"), node.world("exercise")
    with live.read() as connection:
        people = registry.people(connection, EVERYTHING, live.as_of())
    duty, chief = _who(people, "duty_officer"), _who(people, "chief")
    found = _open_signals(exercise)
    orange = next(one for one in found if one.level_hint == "orange")
    rest = [one for one in found if one.public_id != orange.public_id]
    rest.sort(key=lambda one: one.expected is None)  # texts about a limit leave a gap that people fill
    in_force = _drafted(node, duty, orange)
    _release(node, duty, chief, in_force)
    review = _drafted(node, duty, rest[0])
    with exercise.write(duty) as tx:
        actions.submit(tx, review.public_id, expected_seq=review.known_seq, settings=node.settings)
    draft = _drafted(node, duty, rest[1])
    _verify(exercise, duty, rest[2])
    receipt = intake.deliver(
        live, duty, EVERYTHING, source_code="county.weekly", filename="赤壁市麻疹周报.csv", content=DELIVERY
    )
    kept = Uploads(node.folder / "uploads" / "live").put(
        DELIVERY, person_id=duty.id, source_code="county.weekly", filename="赤壁市麻疹周报.csv"
    )
    national = next(one for one in _open_signals(live) if one.indicator_code == "disease.measles.monthly")
    with live.read() as connection:
        germany = next(
            one
            for one in series.series_list(
                connection, EVERYTHING, live.as_of(), indicator="disease.covid19.hospitalised_7d"
            )
            if one.area_code == "DE"
        )
    home = "/w/exercise"
    return [
        PageOf("sign-in", "", "/sign-in"),
        PageOf("public", "", "/public"),
        PageOf("public-exercise", "duty", f"{home}/public"),
        PageOf("board", "chief", f"{home}/"),
        PageOf("board-live", "duty", "/w/live/"),
        PageOf("signals", "duty", f"{home}/signals"),
        PageOf("signal", "duty", f"{home}/signals/{rest[3].public_id}"),
        PageOf("signal-judged", "duty", f"{home}/signals/{orange.public_id}"),
        PageOf("signal-national", "duty", f"/w/live/signals/{national.public_id}"),
        PageOf("assess", "duty", f"{home}/signals/{rest[2].public_id}/assess"),
        PageOf("warnings", "duty", f"{home}/warnings"),
        PageOf("warning-draft", "duty", f"{home}/warnings/{draft.public_id}"),
        PageOf("warning-review", "chief", f"{home}/warnings/{review.public_id}"),
        PageOf("warning-in-force", "duty", f"{home}/warnings/{in_force.public_id}"),
        PageOf("warning-sms", "duty", f"{home}/warnings/{in_force.public_id}?tab=sms"),
        PageOf("warning-cap", "duty", f"{home}/warnings/{in_force.public_id}?tab=cap"),
        PageOf("domains", "duty", "/w/live/domains"),
        PageOf("domain-disease", "duty", "/w/live/domains/infectious_disease"),
        PageOf("domain-air", "duty", "/w/live/domains/air_quality"),
        PageOf("series", "duty", f"/w/live/series/{germany.id}"),
        PageOf("series-past", "duty", f"/w/live/series/{germany.id}?known=2024-12-20"),
        PageOf("data", "duty", "/w/live/data"),
        PageOf("mapping", "duty", f"/w/live/data/upload/{kept.token}"),
        PageOf("receipt", "duty", f"/w/live/data/{receipt.public_id}"),
        PageOf("journal", "chief", f"{home}/journal"),
        PageOf("search", "duty", "/w/live/search?q=麻疹"),
        PageOf("not-found", "duty", f"{home}/signals/nothing", 404),
        PageOf("not-allowed", "duty", f"{home}/journal", 403),
    ]


def _who(people: Sequence[Person], role: str) -> Actor:
    found = next(person for person in people if role in person.roles)
    return Actor("person", found.public_id, found.names["zh"])


def _open_signals(world: World) -> list[Signal]:
    with world.read() as connection:
        return list(analysis.signals(connection, EVERYTHING, world.as_of(), only_open=True, limit=None))


def _verify(world: World, actor: Actor, one: Signal) -> None:
    with world.read() as connection:
        judged = assessment.triage_of(connection, EVERYTHING, world.as_of(), one.public_id)
    assert judged is not None
    with world.write(actor) as tx:
        assessment.verify_signal(
            tx,
            one.public_id,
            expected_seq=judged.known_seq,
            reason="市疾控中心电话核实 / confirmed by telephone",
        )


def _drafted(node: Node, actor: Actor, one: Signal) -> HazardWarning:
    world = node.world("exercise")
    _verify(world, actor, one)
    with world.write(actor) as tx:
        made = assessment.assess(
            tx, signal_ids=[one.public_id], likelihood=4, impact=4, confidence="high",
            reasons=["一周内多例，有实验室证据 / several confirmed within a week"],
            area_code=one.area_code, area_path=one.area_path, domain=one.domain, sensitivity=one.sensitivity,
        )  # fmt: skip
    return draft_from_assessment(world, actor, EVERYTHING, made.public_id, settings=node.settings)


def _release(node: Node, author: Actor, second: Actor, one: HazardWarning) -> None:
    world = node.world("exercise")
    with world.write(author) as tx:
        submitted = actions.submit(tx, one.public_id, expected_seq=one.known_seq, settings=node.settings)
    with world.write(second) as tx:
        actions.release(tx, one.public_id, expected_seq=submitted.known_seq, settings=node.settings)
