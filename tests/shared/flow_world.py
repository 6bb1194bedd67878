"""A furnished exercise world, people in the live world, and a delivery with a cluster in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from anlan import datasets, intake, registry
from anlan.flows.install import builtin_packs, install_pack, install_places
from anlan.registry import RoleGrant
from anlan.store import SYSTEM, Actor, Node, Scope, World

EVERYTHING = Scope.everything("test")
MEASLES = "disease.measles.weekly"


@dataclass(frozen=True)
class Chain:
    """A node with an exercise world ready for work, and the people who do it."""

    node: Node
    world: World
    duty: Actor
    chief: Actor
    content: bytes

    def deliver(self, content: bytes | None = None) -> intake.Receipt:
        return intake.deliver(
            self.world,
            SYSTEM,
            EVERYTHING,
            source_code="county.weekly",
            filename="measles.csv",
            content=self.content if content is None else content,
        )


def make_chain(node: Node) -> Chain:
    """Furnish both worlds and add the people."""
    live = node.create_world("live", "live", {"zh": "实况", "en": "Live"})
    world = node.create_world("exercise", "exercise", {"zh": "演练", "en": "Exercise"})
    install_places(world, SYSTEM)
    for pack in builtin_packs():
        install_pack(world, SYSTEM, pack)
    actors = []
    for name, role in (("甲", "duty_officer"), ("乙", "chief")):
        with live.write(SYSTEM) as tx:
            person = registry.add_person(tx, {"zh": name, "en": name}, [RoleGrant(role, "", None, 2)])
        actors.append(Actor("person", person, name))
    # The world's clock stands at 6 July 2026; the last complete week began on 29 June.
    invented = datasets.synthetic_measles(7, last_week=date(2026, 6, 22)).rows()
    lines = ["county,week,indicator,cases"]
    lines += [f"{row['county']},{row['week_start']},{MEASLES},{row['cases']}" for row in invented]
    return Chain(node, world, actors[0], actors[1], "\n".join(lines).encode())
