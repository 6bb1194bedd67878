"""A delivery that was killed on its way is finished later, as the one who sent it, or dropped."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flow_world import EVERYTHING, Chain

from anlan import intake, series
from anlan.flows.recover import take_up_deliveries
from anlan.flows.verify import verify_world
from anlan.store import SYSTEM, FixedClock


class _KilledError(Exception):
    pass


def _die_while_staging(chain: Chain) -> None:
    def die(what: str, done: int, _total: int) -> None:
        if what == "storing" and done:
            raise _KilledError

    with pytest.raises(_KilledError):
        intake.deliver(
            chain.world,
            SYSTEM,
            EVERYTHING,
            source_code="county.weekly",
            filename="measles.csv",
            content=chain.content,
            progress=die,
        )


def test_what_was_left_is_finished_after_the_lease(chain: Chain, clock: FixedClock) -> None:
    _die_while_staging(chain)
    assert len(intake.unfinished(chain.world)) == 1
    assert take_up_deliveries(chain.node, chain.world) == 0
    clock.advance(timedelta(minutes=11))
    assert take_up_deliveries(chain.node, chain.world) == 1
    with chain.world.read() as connection:
        as_of = chain.world.as_of()
        received = intake.deliveries(connection, EVERYTHING, as_of, limit=None)
        batches = series.batches(connection, EVERYTHING, as_of)
    assert [one.receipt.counts.new for one in received] == [1920]
    assert len(batches) == 1
    assert intake.unfinished(chain.world) == []
    assert verify_world(chain.world, deep=True) == []
