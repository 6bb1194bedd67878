"""Sending beside the work loop: released messages are queued, parcels sent, units asked again.

One thread looks at the journal and at the clock for all worlds; each world has a sender in a thread of its own, so that a
slow peer of one holds up nothing else. Both look several times a second, which costs one small query each.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from time import monotonic

from anlan.errors import AnlanError
from anlan.flows.dispatch import Reader, dispatch
from anlan.settings import Settings
from anlan.store import SYSTEM, Event, Node, Vault, World
from anlan.warning.sending.channels import Carrier, carriers_of
from anlan.warning.sending.escalation import escalate_due
from anlan.warning.sending.letters import Mailroom
from anlan.warning.sending.queueing import close_answers, queue_message
from anlan.warning.sending.rule import Way
from anlan.warning.sending.sender import Sender
from anlan.warning.sending.subscriptions import forget_unconfirmed
from anlan.warning.sending.tokens import link_key

__all__ = ["SendLoop", "look_after", "mailroom_of", "reader", "send_once", "vault_of"]

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.2
_WORLDS_SECONDS = 10.0
_CLOCK_SECONDS = 2.0


def reader(settings: Settings) -> Reader:
    """The reader of the journal that queues what was released and closes what is over."""

    def handle(world: World, event: Event) -> None:
        if event.kind == "warning.released":
            queue_message(world, settings, str(event.data["message"]))
        else:
            with world.write(SYSTEM) as tx:
                closed = close_answers(tx, str(event.data["chain"]))
                tx.event("answers.closed", subject=("warning", event.subject_id), data={"open": closed})

    return Reader("sending", ("warning.released", "warning.expired"), handle)


def vault_of(node: Node, world: World) -> Vault:
    """The personal values of a world."""
    return Vault(world, node.master_key, node.folder / "erased.jsonl")


def mailroom_of(node: Node, world: World, settings: Settings | None = None) -> Mailroom:
    """What making letters of a world needs."""
    return Mailroom(world, settings or node.settings, vault_of(node, world), link_key(node, world))


def look_after(node: Node, world: World, settings: Settings | None = None) -> None:
    """What the clock alone causes: the next step for who does not answer, an end to what nobody confirmed."""
    escalate_due(world, settings or node.settings)
    forget_unconfirmed(world, vault_of(node, world))


def send_once(
    node: Node,
    world: World,
    *,
    settings: Settings | None = None,
    carriers: Mapping[Way, Carrier] | None = None,
) -> int:
    """Queue, escalate and send all that is due in a world, once. Returns how many tries were made."""
    chosen = settings or node.settings
    dispatch(world, (reader(chosen),))
    look_after(node, world, chosen)
    sender = Sender(mailroom_of(node, world, chosen), carriers_of(chosen) if carriers is None else carriers)
    try:
        return sender.round()
    finally:
        sender.close()


class SendLoop:
    """Sends in threads of its own until ``stop``."""

    def __init__(self, node: Node, *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self.node = node
        self.pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._senders: dict[str, Sender] = {}

    def start(self) -> None:
        try:
            carriers = carriers_of(self.node.settings)
        except AnlanError:
            # The pages still run: an operator sees there what is wrong with the settings.
            _log.exception("nothing is sent: the settings of the channels cannot be used")
            return
        self._spawn("anlan-queue", lambda: self._queue(carriers))

    def stop(self) -> None:
        self._stop.set()
        for thread in list(self._threads):
            thread.join(timeout=40)

    def _spawn(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _queue(self, carriers: Mapping[Way, Carrier]) -> None:
        queueing = (reader(self.node.settings),)
        names: list[str] = []
        looked = {"worlds": -_WORLDS_SECONDS, "clock": -_CLOCK_SECONDS}
        looked = {what: monotonic() + past for what, past in looked.items()}
        while not self._stop.is_set():
            try:
                if monotonic() - looked["worlds"] >= _WORLDS_SECONDS:
                    names = [name for name in self.node.world_names() if self._has_channels(name)]
                    looked["worlds"] = monotonic()
                    self._add_senders(names, carriers)
                is_time = monotonic() - looked["clock"] >= _CLOCK_SECONDS
                for name in names:
                    dispatch(self.node.world(name), queueing)
                    if is_time:
                        look_after(self.node, self.node.world(name))
                if is_time:
                    looked["clock"] = monotonic()
            except Exception:  # the edge of the loop: a full disk or a lost database must not end it
                _log.exception("the queueing loop met an error and goes on")
                self._stop.wait(1.0)
            self._stop.wait(self.pause_seconds)

    def _has_channels(self, name: str) -> bool:
        return self.node.world(name).kind != "replay"

    def _add_senders(self, names: list[str], carriers: Mapping[Way, Carrier]) -> None:
        for name in names:
            if name not in self._senders:
                made = Sender(mailroom_of(self.node, self.node.world(name)), carriers)
                self._senders[name] = made
                self._spawn(f"anlan-send-{name}", lambda made=made: self._send(made))  # type: ignore[misc]

    def _send(self, sender: Sender) -> None:
        while not self._stop.is_set():
            try:
                sender.round()
            except Exception:  # as above
                _log.exception("the sender of world %s met an error and goes on", sender.world.name)
                self._stop.wait(1.0)
            self._stop.wait(self.pause_seconds)
        sender.close()
