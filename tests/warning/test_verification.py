"""Hits, misses and false alarms, on both databases; ratios and intervals against worked values."""

from __future__ import annotations

from datetime import timedelta

import pytest
from scipy.stats import binomtest
from warning_worlds import ALL, CHIBI, CHIEF, JIAYU, OFFICER, SETTINGS, drafted, furnish, released, submitted

from anlan.errors import ForbiddenError, InputError, NotFoundError
from anlan.store import SYSTEM, FixedClock, Scope, World, verify
from anlan.warning import HazardWarning, actions
from anlan.warning.verification import (
    Outcome,
    Verified,
    record_miss,
    record_outcome,
    scores,
    share,
    verified,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def drill(exercise: World) -> World:
    return furnish(exercise)


def came(world: World, step: HazardWarning, **values: object) -> Outcome:
    with world.write(OFFICER) as tx:
        return record_outcome(tx, step.chain_id, **values)  # type: ignore[arg-type]


def found(world: World, scope: Scope = ALL) -> list[Verified]:
    with world.read() as connection:
        return verified(connection, scope, world.as_of())


def test_a_hit_a_false_alarm_an_open_one_and_a_miss(drill: World, clock: FixedClock) -> None:
    hit = released(drill, drafted(drill))
    clock.advance(HOUR)
    false = released(drill, drafted(drill, level="yellow", area_codes=[JIAYU]))
    clock.advance(HOUR)
    waiting = released(drill, drafted(drill, level="blue"))
    clock.advance(6 * HOUR)
    assert hit.released_at is not None
    came(drill, hit, happened=True, began_at=hit.released_at + 3 * HOUR)
    came(drill, false, happened=False, said="未发生")
    with drill.write(CHIEF) as tx:
        record_miss(
            tx, hazard="measles", level="yellow", area_codes=[JIAYU], began_at=tx.now - HOUR, said="漏报"
        )
    listed = found(drill)
    assert [(one.verdict, one.level) for one in listed] == [
        ("hit", "orange"), ("false_alarm", "yellow"), ("open", "blue"), ("miss", "yellow"),
    ]  # fmt: skip
    assert listed[0].lead == 3 * HOUR
    assert listed[2].number == waiting.number
    (all_,) = scores(listed)
    assert (all_.hits, all_.misses, all_.false_alarms, all_.open, all_.late) == (1, 1, 1, 1, 0)
    assert (all_.detection.value, all_.false_alarm_ratio.value) == (0.5, 0.5)
    assert all_.critical_success.value == pytest.approx(1 / 3)
    assert all_.median_lead == 3 * HOUR
    by_area = {one.key: one for one in scores(listed, "area")}
    assert (by_area[JIAYU].misses, by_area[JIAYU].false_alarms, by_area[CHIBI].hits) == (1, 1, 1)
    assert [one.key for one in scores(listed, "month")] == ["2026-07"]
    assert verify(drill, deep=True) == []


def test_a_chain_counts_once_at_its_highest_level(drill: World, clock: FixedClock) -> None:
    first = released(drill, drafted(drill, level="yellow"))
    clock.advance(HOUR)
    with drill.write(OFFICER) as tx:
        step = actions.update(
            tx, first.public_id, expected_seq=first.known_seq, settings=SETTINGS, level="red"
        )
    released(drill, submitted(drill, step))
    assert [(one.level, one.at) for one in found(drill)] == [("red", first.released_at)]


def test_what_began_before_the_warning_is_a_late_hit(drill: World, clock: FixedClock) -> None:
    step = released(drill, drafted(drill))
    came(drill, step, happened=True, began_at=clock.now() - 2 * HOUR)
    (one,) = found(drill)
    assert one.lead == -2 * HOUR
    (score,) = scores([one])
    assert (score.hits, score.late) == (1, 1)


def test_an_outcome_is_corrected_by_a_new_version(drill: World) -> None:
    step = released(drill, drafted(drill))
    came(drill, step, happened=False)
    as_known = drill.as_of()
    came(drill, step, happened=True, began_at=step.released_at)
    assert [one.verdict for one in found(drill)] == ["hit"]
    with drill.read() as connection:
        assert [one.verdict for one in verified(connection, ALL, as_known)] == ["false_alarm"]


def test_a_cancelled_warning_is_a_false_alarm(drill: World, clock: FixedClock) -> None:
    first = released(drill, drafted(drill))
    clock.advance(HOUR)
    with drill.write(OFFICER) as tx:
        step = actions.cancel(
            tx, first.public_id, expected_seq=first.known_seq, settings=SETTINGS, reason="误发"
        )
    released(drill, submitted(drill, step))
    assert [one.verdict for one in found(drill)] == ["false_alarm"]


def test_what_cannot_be_recorded_is_refused(drill: World, clock: FixedClock) -> None:
    step = drafted(drill)
    with pytest.raises(NotFoundError):
        came(drill, step, happened=False)
    step = released(drill, step)
    for values in (
        {"happened": True},
        {"happened": True, "began_at": clock.now() + HOUR},
        {"happened": False, "began_at": clock.now()},
    ):
        with pytest.raises(InputError):
            came(drill, step, **values)
    with pytest.raises(ForbiddenError), drill.write(SYSTEM) as tx:
        record_outcome(tx, step.chain_id, happened=False)
    with pytest.raises(InputError), drill.write(CHIEF) as tx:
        record_miss(tx, hazard="measles", level="mauve", area_codes=[JIAYU], began_at=tx.now, said="x")
    assert [one.verdict for one in found(drill)] == ["open"]


def test_scope_hides_other_domains(drill: World) -> None:
    released(drill, drafted(drill))
    assert found(drill, Scope(None, ("air_quality",), 2, "test")) == []


@pytest.mark.parametrize(("part", "whole"), [(5, 7), (0, 10), (10, 10), (1, 1), (63, 200)])
def test_wilson_interval_is_that_of_scipy(part: int, whole: int) -> None:
    expected = binomtest(part, whole).proportion_ci(method="wilson")
    made = share(part, whole)
    assert (made.low, made.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert made.value == part / whole


def test_nothing_of_nothing_is_no_ratio() -> None:
    assert share(0, 0).value is None
