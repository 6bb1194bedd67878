"""From a delivered file to a released warning and its end, on both databases, with the journal as witness."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from flow_world import EVERYTHING, Chain

from anlan import analysis, assessment
from anlan.errors import ConflictError, ForbiddenError
from anlan.flows.board import Board, board
from anlan.flows.chain import draft_from_assessment
from anlan.flows.demo import DEMO_ROLES
from anlan.flows.dispatch import Reader, dispatch, position
from anlan.flows.handlers import READERS
from anlan.flows.verify import verify_world
from anlan.flows.work import look_around, work_once
from anlan.registry.types import ROLES
from anlan.store import AsOf, Event, FixedClock, Scope, World, events_after
from anlan.warning import HazardWarning, actions
from anlan.warning import queries as warnings
from anlan.warning.cap.check import check


def _board(chain: Chain, as_of: AsOf | None = None, scope: Scope = EVERYTHING, person: str = "") -> Board:
    with chain.world.read() as connection:
        return board(
            connection,
            scope,
            as_of or chain.world.as_of(),
            at=chain.world.clock.now(),
            person_id=person,
            may_triage=True,
            may_draft=True,
            may_release=True,
        )


def _orange_signal(chain: Chain) -> analysis.Signal:
    with chain.world.read() as connection:
        found = analysis.signals(connection, EVERYTHING, chain.world.as_of(), limit=None)
    return next(
        one for one in found if one.area_code == "421281" and one.rule_code == "measles.weekly.excess"
    )


def _drafted(chain: Chain) -> HazardWarning:
    world = chain.world
    chain.deliver()
    work_once(world)
    signal = _orange_signal(chain)
    with world.read() as connection:
        triage = assessment.triage_of(connection, EVERYTHING, world.as_of(), signal.public_id)
    assert triage is not None
    with world.write(chain.duty) as tx:
        assessment.verify_signal(
            tx, signal.public_id, expected_seq=triage.known_seq, reason="called the county"
        )
    with world.write(chain.duty) as tx:
        made = assessment.assess(
            tx,
            signal_ids=[signal.public_id],
            likelihood=4,
            impact=4,
            confidence="high",
            reasons=["spreads in schools"],
            area_code=signal.area_code,
            area_path=signal.area_path,
            domain=signal.domain,
        )
    assert made.level is not None
    return draft_from_assessment(world, chain.duty, EVERYTHING, made.public_id, settings=chain.node.settings)


def test_a_delivery_becomes_signals_that_wait_for_people(chain: Chain) -> None:
    receipt = chain.deliver()
    assert receipt.counts.new == receipt.counts.rows_accepted == 1920
    work_once(chain.world)
    signal = _orange_signal(chain)
    assert signal.observed is not None
    assert signal.upper is not None
    assert signal.observed > signal.upper
    assert signal.input_seq <= chain.world.head()
    assert "赤壁" in analysis.say(signal.title, "zh")
    assert "Chibi" in analysis.say(signal.title, "en")
    waiting = [item.subject_id for item in _board(chain).waiting]
    assert signal.public_id in waiting
    assert verify_world(chain.world, deep=True) == []


def test_the_whole_chain_to_a_released_warning_and_its_end(chain: Chain, clock: FixedClock) -> None:
    world, settings = chain.world, chain.node.settings
    drafted = _drafted(chain)
    assert [item.kind for item in _board(chain).waiting if item.subject_id == drafted.assessment_id] == []
    with world.write(chain.duty) as tx:
        submitted = actions.submit(tx, drafted.public_id, expected_seq=drafted.known_seq, settings=settings)
    seen_by_duty = _board(chain, person=chain.duty.id).waiting
    seen_by_chief = _board(chain, person=chain.chief.id).waiting
    assert drafted.public_id not in [item.subject_id for item in seen_by_duty]
    assert drafted.public_id in [item.subject_id for item in seen_by_chief]
    with pytest.raises(ForbiddenError), world.write(chain.duty) as tx:
        actions.release(tx, drafted.public_id, expected_seq=submitted.known_seq, settings=settings)
    with world.write(chain.chief) as tx:
        released = actions.release(tx, drafted.public_id, expected_seq=submitted.known_seq, settings=settings)
    with world.read() as connection:
        message = warnings.message(connection, EVERYTHING, world.as_of(), released.message_identifier or "")
        event = next(one for one in events_after(connection, 0) if one.kind == "warning.released")
    assert message.status == "Exercise"
    assert "【演练】".encode() in message.cap_bytes
    assert hashlib.sha256(message.cap_bytes).hexdigest() == message.sha256 == event.data["sha256"]
    assert [one for one in check(message.cap_bytes, issuing=True) if one.code.startswith("E-")] == []
    assert [one.public_id for one in _board(chain).in_force] == [released.public_id]
    clock.advance(timedelta(days=2))
    look_around(world)
    assert _board(chain).in_force == ()
    assert verify_world(world, deep=True) == []


def test_two_people_at_once_one_wins_and_the_other_is_told(chain: Chain) -> None:
    world, settings = chain.world, chain.node.settings
    drafted = _drafted(chain)
    with world.write(chain.duty) as tx:
        submitted = actions.submit(tx, drafted.public_id, expected_seq=drafted.known_seq, settings=settings)
    with world.write(chain.chief) as tx:
        actions.return_to_draft(
            tx, drafted.public_id, expected_seq=submitted.known_seq, reason="name the schools"
        )
    with pytest.raises(ConflictError) as caught, world.write(chain.chief) as tx:
        actions.release(tx, drafted.public_id, expected_seq=submitted.known_seq, settings=settings)
    assert caught.value.values


def test_the_board_as_of_a_sequence_is_the_same_for_ever(chain: Chain) -> None:
    chain.deliver()
    work_once(chain.world)
    then = chain.world.as_of()
    before = repr(_board(chain, then)).encode()
    signal = _orange_signal(chain)
    with chain.world.read() as connection:
        triage = assessment.triage_of(connection, EVERYTHING, then, signal.public_id)
    assert triage is not None
    with chain.world.write(chain.duty) as tx:
        assessment.dismiss(tx, signal.public_id, expected_seq=triage.known_seq, reason="double report")
    assert repr(_board(chain, then)).encode() == before
    assert repr(_board(chain)).encode() != before


def test_the_board_shows_only_what_the_scope_allows(chain: Chain) -> None:
    chain.deliver()
    work_once(chain.world)
    county = Scope(("CN/420000/421200/421221/",), None, 3, "test")
    for item in _board(chain, scope=county).waiting:
        assert item.area_path.startswith("CN/420000/421200/421221/")
    assert _board(chain, scope=Scope((), (), -1, "test")).waiting == ()


def test_handlers_may_be_called_twice(chain: Chain) -> None:
    chain.deliver()
    work_once(chain.world)
    head = chain.world.head()
    with chain.world.read() as connection:
        events = events_after(connection, 0)
    for reader in READERS:
        for event in events:
            if event.kind in reader.kinds:
                reader.handle(chain.world, event)
    work_once(chain.world)
    assert chain.world.head() == head


def test_a_reader_that_fails_waits_and_the_others_go_on(chain: Chain, world_events: list[str]) -> None:
    def broken(_world: World, _event: Event) -> None:
        raise RuntimeError("not today")

    def note(_world: World, event: Event) -> None:
        world_events.append(event.kind)

    readers = (Reader("broken", ("area.loaded",), broken), Reader("good", ("area.loaded",), note))
    dispatch(chain.world, readers)
    assert world_events == ["area.loaded"]
    assert position(chain.world, "broken") < position(chain.world, "good")
    dispatch(chain.world, readers)
    assert world_events == ["area.loaded"]


@pytest.fixture
def world_events() -> list[str]:
    return []


def test_every_account_of_the_demonstration_has_a_role_that_exists() -> None:
    assert {role for _, role, _ in DEMO_ROLES.values()} <= set(ROLES)
