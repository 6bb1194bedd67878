"""The work loop: reads the journal, runs what is due, watches for silence, lets warnings expire.

One loop per process; several processes may run it on the same worlds, since work is leased and every act looks
again inside its own transaction. Killed at any line it loses nothing: work not finished is taken up again. Work that
may take minutes (a back-test) has a thread of its own, so that no signal waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from anlan import analysis
from anlan.errors import AnlanError
from anlan.flows.backtests import BACKTEST, run_backtest
from anlan.flows.dispatch import dispatch
from anlan.flows.handlers import READERS, RUN_RULES
from anlan.flows.recover import take_up_deliveries
from anlan.flows.sending import SendLoop
from anlan.store import Job, Node, World, fail, finish, take
from anlan.warning.actions import ask_before_expiry, expire_due

__all__ = ["WorkLoop", "look_around", "work_once"]

_log = logging.getLogger(__name__)
_EVERY = timedelta(seconds=30)


def _run_rules(world: World, _job: Job) -> None:
    for failure in analysis.run_due(world, folder=world.cache_folder).failures:
        _log.warning("rule %s on %s: %s", failure.rule_code, failure.indicator_code, failure.error)
    analysis.apply_budgets(world, folder=world.cache_folder)


JOBS: Mapping[str, Callable[[World, Job], None]] = {RUN_RULES: _run_rules, BACKTEST: run_backtest}
LONG = (BACKTEST,)


def work_once(world: World, *, long: bool = True) -> int:
    """Hand out events and do the work that is due, until there is none. Returns how many things were done.

    Without ``long`` the kinds of work that may take minutes are left to somebody else.
    """
    done = 0
    while True:
        step = dispatch(world, READERS)
        job = take(world, but=() if long else LONG)
        if job is not None:
            _do(world, job)
            step += 1
        if not step:
            return done
        done += step


def look_around(world: World) -> None:
    """What happens by the clock alone: sources fall silent, warnings run out."""
    analysis.check_silence(world)
    ask_before_expiry(world)
    expire_due(world)


def _do(world: World, job: Job) -> None:
    handler = JOBS.get(job.kind)
    try:
        if handler is None:
            raise AnlanError(f"nobody knows how to do {job.kind!r}")
        handler(world, job)
    except Exception as error:  # the edge of a task: kept with the work, which is tried again
        _log.exception("work %s in world %s failed", job.key, world.name)
        fail(world, job, str(error))
    else:
        finish(world, job)


class WorkLoop:
    """``work_once`` and ``look_around`` on all worlds of a node until ``stop``; its own thread with ``start``.

    Long work is done by a second thread beside it.
    """

    def __init__(self, node: Node, *, pause_seconds: float) -> None:
        self.node = node
        self.pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._looked: dict[str, datetime] = {}
        self._sending = SendLoop(node)

    def run(self) -> None:
        patient = threading.Thread(target=self._run_long, name="anlan-long-work", daemon=True)
        patient.start()
        while not self._stop.is_set():
            for name in self.node.world_names():
                self._round(self.node.world(name))
            self._stop.wait(self.pause_seconds)
        patient.join(timeout=5)

    def _run_long(self) -> None:
        while not self._stop.is_set():
            for name in self.node.world_names():
                world = self.node.world(name)
                try:
                    while not self._stop.is_set() and (job := take(world, kinds=LONG)) is not None:
                        _do(world, job)
                except Exception:  # the edge of the loop, as in _round
                    _log.exception("long work met an error in world %s and goes on", world.name)
            self._stop.wait(self.pause_seconds)

    def _round(self, world: World) -> None:
        try:
            now = world.clock.now()
            if now - self._looked.get(world.name, now - _EVERY) >= _EVERY:
                take_up_deliveries(self.node, world)
                look_around(world)
                self._looked[world.name] = now
            work_once(world, long=False)
        except Exception:  # the edge of the loop: a full disk or a lost database must not end it
            _log.exception("the work loop met an error in world %s and goes on", world.name)

    def start(self) -> None:
        self._thread = threading.Thread(target=self.run, name="anlan-work", daemon=True)
        self._thread.start()
        self._sending.start()

    def stop(self) -> None:
        self._stop.set()
        self._sending.stop()
        if self._thread is not None:
            self._thread.join(timeout=30)
