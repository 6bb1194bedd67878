"""Jobs that are killed: releasing warnings to units, and sending what was released, in an exercise world."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from warning_worlds import SETTINGS, drafted, released

from anlan.flows.dispatch import dispatch
from anlan.flows.sending import mailroom_of, reader
from anlan.settings import Settings
from anlan.store import Node
from anlan.warning.sending.channels import carriers_of
from anlan.warning.sending.sender import Sender

Acknowledge = Callable[[Mapping[str, Any]], None]
SENDING = replace(SETTINGS, base_url="http://anlan.example", webhook_private_addresses=True)
PATIENCE = 0.3


def sender_of(node: Node, settings: Settings = SENDING) -> Sender:
    return Sender(
        mailroom_of(node, node.world("exercise"), settings), carriers_of(settings), patience_seconds=PATIENCE
    )


def releasing(node: Node, random: Random, acknowledge: Acknowledge) -> None:
    """Release warnings for ever; each is acknowledged."""
    world = node.world("exercise")
    while True:
        time.sleep(0.12)  # the national form of an identifier has room for ten messages a second
        step = released(world, drafted(world, level=random.choice(["blue", "yellow", "orange", "red"])))
        acknowledge({"message": step.message_identifier})


def sending(node: Node, random: Random, acknowledge: Acknowledge) -> None:
    """Queue and send for ever."""
    world = node.world("exercise")
    sender = sender_of(node)
    while True:
        dispatch(world, (reader(SENDING),))
        tries = sender.round()
        if tries:
            acknowledge({"tries": tries})
        time.sleep(0.01)
