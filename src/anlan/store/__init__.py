"""What every room stands on: nodes, worlds, the journal, versions, scope, personal values, work.

node = Node(settings)
world = node.world("live")
with world.write(actor) as tx:          # journaled
    tx.insert(table, rows)              # rows become known at tx.seq
    tx.event("thing.changed", subject=("thing", public_id), data={…})
with world.read() as connection:        # one consistent state
    now = latest(table, world.as_of().seq)
"""

from anlan.store.journal import Event, Finding, events_after, verify
from anlan.store.node import Node
from anlan.store.personal import Vault
from anlan.store.queue import Job, enqueue, fail, finish, take
from anlan.store.schema import metadata
from anlan.store.scope import NOTHING, Scope
from anlan.store.types import (
    SYSTEM,
    Actor,
    AsOf,
    BigInt,
    Clock,
    FixedClock,
    JsonText,
    SystemClock,
    UtcTime,
    canonical_json,
    new_public_id,
)
from anlan.store.versions import latest, newer_rows
from anlan.store.world import Tx, World, make_engine

__all__ = [
    "NOTHING",
    "SYSTEM",
    "Actor",
    "AsOf",
    "BigInt",
    "Clock",
    "Event",
    "Finding",
    "FixedClock",
    "Job",
    "JsonText",
    "Node",
    "Scope",
    "SystemClock",
    "Tx",
    "UtcTime",
    "Vault",
    "World",
    "canonical_json",
    "enqueue",
    "events_after",
    "fail",
    "finish",
    "latest",
    "make_engine",
    "metadata",
    "new_public_id",
    "newer_rows",
    "take",
    "verify",
]
