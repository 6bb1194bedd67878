"""The sender of a world: takes parcels from the outbox, tries many at once, and writes down what came of each.

One thread reads and writes the database; the others only talk to peers. Results and the next parcels go in one short
transaction, so that pages hardly notice. Each way has places of its own, so that peers that hang do not hold up the
others, and a few places are kept for red warnings alone.

A sender shows that it lives by a beat that goes on. Whoever sees a beat stand still for ``patience_seconds`` of their own
monotonic clock takes its parcels over: no wall clock, on either machine, can make a living sender look dead.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from anlan.errors import AnlanError, UnavailableError
from anlan.store import new_public_id
from anlan.warning.sending import outbox
from anlan.warning.sending.channels import Carrier, try_seconds
from anlan.warning.sending.letters import Mailroom
from anlan.warning.sending.line import Line
from anlan.warning.sending.outbox import Done
from anlan.warning.sending.rule import Way
from anlan.warning.sending.types import Letter, Outcome, Parcel
from anlan.warning.tables_sending import parcel, sender

__all__ = ["Sender"]

_log = logging.getLogger(__name__)
# How many parcels of a way are on their way at once, and how many of these places only a red warning takes.
PLACES: Mapping[Way, int] = {Way.WEBHOOK: 48, Way.EMAIL: 12, Way.SMS: 6, Way.MQTT: 2, Way.FILE: 2}
KEPT_FOR_RED: Mapping[Way, int] = {Way.WEBHOOK: 8, Way.EMAIL: 2, Way.SMS: 2}
_BEAT_SECONDS = 2.0
_LOOK_SECONDS = 1.0
_WAIT_SECONDS = 0.25
_GATHER_SECONDS = 0.004


@dataclass
class _Trying:
    parcel: Parcel
    line: Line
    started_at: datetime


class Sender:
    """Sends for one world. ``round`` works until nothing is due; ``close`` ends it cleanly."""

    def __init__(
        self,
        mailroom: Mailroom,
        carriers: Mapping[Way, Carrier],
        *,
        patience_seconds: float = 20.0,
        seconds_of: Callable[[Way], float] = try_seconds,
    ) -> None:
        self.mailroom = mailroom
        self.world = mailroom.world
        self.carriers = carriers
        self.patience_seconds = patience_seconds
        self.public_id = new_public_id()
        self._seconds_of = seconds_of
        self._beat = 0
        self._beaten_at = 0.0
        self._looked_at = 0.0
        self._unwritten: list[Done] = []
        self._seen: dict[str, tuple[int, float]] = {}
        self._trying: dict[Future[Outcome], _Trying] = {}
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(
            max_workers=sum(PLACES[way] for way in carriers) or 1,
            thread_name_prefix="anlan-send",
        )

    def round(self) -> int:
        """Send what is due until nothing is, and return how many tries were made."""
        tries = 0
        while not self._stop.is_set():
            self._look_around()
            tries += self._finish()
            if not self._unwritten and not self._is_due():
                if not self._trying:
                    break
                continue
            ready, taken = self._exchange()
            for one in ready:
                self._send(one)
            if not taken and not self._trying and not self._unwritten:
                break  # what is due is in the hands of another sender
        self._leave()
        return tries

    def close(self) -> None:
        """Stop taking parcels, wait for the tries that are under way, and write them down."""
        self._stop.set()
        while self._trying:
            self._finish()
        if self._unwritten:
            self._exchange(claim=False)
        self._leave()
        self._threads.shutdown()

    def _is_due(self) -> bool:
        if len(self._trying) >= sum(PLACES[way] for way in self.carriers):
            return False
        with self.world.read() as connection:
            return outbox.is_due(connection, self.carriers.keys(), self.world.clock.now())

    def _exchange(self, *, claim: bool = True) -> tuple[list[tuple[Parcel, Letter]], int]:
        """Write down what has ended and take what is next, in one transaction. Returns what to send, and how many
        were taken: what gets no letter is settled at once."""
        now = self.world.clock.now()
        writing = list(self._unwritten)
        with self.world.stage() as connection:
            self._keep_beat(connection)
            outbox.record(connection, self.public_id, writing, now=now)
            taken = self._claim(connection, now) if claim else []
        del self._unwritten[: len(writing)]
        try:
            made = self.mailroom.letters(taken) if taken else {}
        except AnlanError as error:
            self._unwritten += [Done(one, Outcome("failed", str(error)), now, now) for one in taken]
            return [], len(taken)
        ready = []
        for one in taken:
            letter = made[one.id]
            if isinstance(letter, Letter):
                ready.append((one, letter))
            else:
                self._unwritten.append(Done(one, Outcome("refused", letter), now, now))
        return ready, len(taken)

    def _keep_beat(self, connection: sa.Connection) -> None:
        self._beat += 1
        self._beaten_at = time.monotonic()
        insert = sqlite.insert(sender) if self.world.dialect == "sqlite" else postgresql.insert(sender)
        connection.execute(
            insert.values(public_id=self.public_id, beat=self._beat).on_conflict_do_update(
                index_elements=["public_id"], set_={"beat": self._beat}
            )
        )

    def _claim(self, connection: sa.Connection, now: datetime) -> list[Parcel]:
        taken: list[Parcel] = []
        for way, places in PLACES.items():
            if way not in self.carriers:
                continue
            free = places - sum(one.parcel.way is way for one in self._trying.values())
            kept = KEPT_FOR_RED.get(way, 0)
            found = outbox.claim(connection, self.public_id, way, limit=free - kept, now=now)
            if len(found) >= free - kept:
                found += outbox.claim(
                    connection,
                    self.public_id,
                    way,
                    limit=free - len(found),
                    now=now,
                    urgent_only=True,
                )
            taken += found
        return taken

    def _send(self, given: tuple[Parcel, Letter]) -> None:
        one, letter = given
        line = Line(self._seconds_of(one.way))
        future = self._threads.submit(_carry, self.carriers[one.way], letter, line)
        self._trying[future] = _Trying(one, line, self.world.clock.now())

    def _finish(self) -> int:
        """Gather tries that have ended; wait for one if any is under way, and cut those whose time is over."""
        if not self._trying:
            return 0
        ended, _ = wait(self._trying, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
        if ended:
            # The others of the same moment go into the same transaction.
            time.sleep(_GATHER_SECONDS)
            ended = {future for future in self._trying if future.done()}
        for trying in self._trying.values():
            trying.line.cut_if_over()
        now = self.world.clock.now()
        for future in ended:
            trying = self._trying.pop(future)
            self._unwritten.append(Done(trying.parcel, future.result(), trying.started_at, now))
        return len(ended)

    def _look_around(self) -> None:
        """What is not asked for at every turn: beats, the clock, parcels that nobody holds."""
        moment = time.monotonic()
        if self._trying and moment - self._beaten_at > _BEAT_SECONDS:
            with self.world.stage() as connection:
                self._keep_beat(connection)
        if moment - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = moment
            self._take_over()
            outbox.sweep(self.world)

    def _take_over(self) -> None:
        """Look after the parcels of senders whose beat has stopped."""
        with self.world.read() as connection:
            rows = connection.execute(
                sa.select(parcel.c.sender_id, sender.c.beat)
                .outerjoin(sender, sender.c.public_id == parcel.c.sender_id)
                .where(parcel.c.state == "sending")
                .distinct()
            ).all()
        if any(row.sender_id == self.public_id for row in rows):
            held = [one.parcel.id for one in self._trying.values()]
            held += [one.parcel.id for one in self._unwritten]
            with self.world.stage() as connection:
                outbox.put_back(connection, self.public_id, held)
        moment = time.monotonic()
        dead = []
        beats = {str(row.sender_id): row.beat for row in rows if row.sender_id != self.public_id}
        for name, beat in beats.items():
            seen = self._seen.get(name)
            if beat is None or (
                seen is not None and seen[0] == beat and moment - seen[1] >= self.patience_seconds
            ):
                dead.append(name)
            elif seen is None or seen[0] != beat:
                self._seen[name] = (beat, moment)
        self._seen = {name: self._seen[name] for name in self._seen if name in beats and name not in dead}
        if dead:
            with self.world.stage() as connection:
                taken = outbox.take_over(connection, dead, now=self.world.clock.now())
            _log.warning("took over %s parcels of %s senders that stopped", taken, len(dead))

    def _leave(self) -> None:
        """Nothing of ours is on its way: no beat is needed, and no connection kept."""
        for carrier in self.carriers.values():
            carrier.rest()
        if self._beaten_at:
            with suppress(UnavailableError), self.world.stage() as connection:
                connection.execute(sender.delete().where(sender.c.public_id == self.public_id))
            self._beaten_at = 0.0


def _carry(carrier: Carrier, letter: Letter, line: Line) -> Outcome:
    try:
        outcome = carrier.send(letter, line)
    except AnlanError as error:  # something that is missing here: nothing has left
        outcome = Outcome("failed", error.message)
    except Exception as error:  # the edge of a try: a fault of ours or of a library must not stop the sender
        _log.exception("carrying parcel %s failed", letter.parcel_id)
        outcome = Outcome("in_doubt", f"{type(error).__name__}: {error}")
    finally:
        line.let_go()
    if letter.address and letter.address in outcome.detail:
        # Peers like to repeat the address in their answer; it is a personal value and stays out of the tries.
        return Outcome(outcome.result, outcome.detail.replace(letter.address, "…"), outcome.retry_seconds)
    return outcome
