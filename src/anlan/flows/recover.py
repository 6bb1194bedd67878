"""After a crash: deliveries that nobody works on any more are finished from the bytes that were kept, or dropped."""

from __future__ import annotations

import logging

from anlan import intake, registry
from anlan.errors import AnlanError
from anlan.store import NOTHING, Actor, Node, Scope, World

__all__ = ["take_up_deliveries"]

_log = logging.getLogger(__name__)


def take_up_deliveries(node: Node, world: World) -> int:
    """Finish what was left, as the one who delivered it and with that person's scope. Returns how many were ended.

    What cannot be finished (its bytes had not all arrived, its sender has left) was never acknowledged: it is dropped.
    """
    ended = 0
    for left in intake.unfinished(world):
        if not left.is_left:
            continue
        try:
            intake.resume(world, left.delivered_by, _scope(node, left.delivered_by), left.public_id)
        except AnlanError as error:
            _log.warning(
                "the delivery %s of %s cannot be finished: %s", left.filename, left.source_code, error
            )
            intake.drop(world, left.public_id)
        ended += 1
    return ended


def _scope(node: Node, actor: Actor) -> Scope:
    if actor.kind != "person":
        return Scope.everything("taking up a delivery")
    if "live" not in node.world_names():
        return NOTHING
    with node.world("live").read() as connection:
        return registry.scope_of(connection, actor.id, "taking up a delivery")
