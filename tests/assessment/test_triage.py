"""Triage: what may become of a signal, who is told what when two act at once, and what scopes and moments see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anlan.assessment import (
    SignalFacts,
    Triage,
    dismiss,
    merge,
    open_triage,
    reopen,
    signal_went_on,
    triage_counts,
    triage_history,
    triage_of,
    triages,
    verify_signal,
    waiting,
)
from anlan.errors import ConflictError, InputError, NotFoundError
from anlan.store import NOTHING, SYSTEM, Actor, AsOf, Scope, World, canonical_json, events_after, verify

MakeFacts = Callable[..., SignalFacts]


def _opened(world: World, facts: SignalFacts) -> Triage:
    with world.write(SYSTEM) as tx:
        assert open_triage(tx, facts)
    return _now(world, facts.signal_id)


def _now(world: World, signal_id: str) -> Triage:
    with world.read() as connection:
        found = triage_of(connection, Scope.everything("test"), AsOf(10**9), signal_id)
    assert found is not None
    return found


def test_a_signal_is_opened_once_and_waits(world: World, everything: Scope, make_facts: MakeFacts) -> None:
    facts = make_facts()
    opened = _opened(world, facts)
    assert (opened.state, opened.by, opened.number) == ("new", "system", "2026-0001")
    with world.write(SYSTEM) as tx:
        assert not open_triage(tx, facts)
        tx.event("test.said")
    with world.read() as connection:
        assert [one.signal_id for one in waiting(connection, everything, AsOf(99))] == [facts.signal_id]
        assert len(triage_history(connection, everything, AsOf(99), facts.signal_id)) == 1


def test_the_oldest_waits_first_and_the_list_can_be_cut(
    world: World, everything: Scope, make_facts: MakeFacts
) -> None:
    for number in (3, 1, 2):
        _opened(world, make_facts(number))
    with world.read() as connection:
        found = waiting(connection, everything, AsOf(99))
        assert [one.number for one in found] == ["2026-0001", "2026-0002", "2026-0003"]
        assert [one.number for one in waiting(connection, everything, AsOf(99), limit=1)] == ["2026-0001"]
        assert [one.number for one in triages(connection, everything, AsOf(99))][0] == "2026-0003"


def test_verified_then_dismissed_keeps_both_and_says_who(
    world: World, everything: Scope, make_facts: MakeFacts, officer: Actor, analyst: Actor
) -> None:
    opened = _opened(world, make_facts())
    with world.write(officer) as tx:
        verified = verify_signal(tx, opened.signal_id, expected_seq=opened.known_seq, reason="电话核实")
    with world.write(analyst) as tx:
        gone = dismiss(tx, opened.signal_id, expected_seq=verified.known_seq, reason="重复上报")
    with world.read() as connection:
        versions = triage_history(connection, everything, AsOf(99), opened.signal_id)
        assert [(one.state, one.by, one.reason) for one in versions] == [
            ("new", "system", ""),
            ("verified", "p-officer", "电话核实"),
            ("dismissed", "p-analyst", "重复上报"),
        ]
        assert versions[-1] == gone
        assert waiting(connection, everything, AsOf(99)) == []
        assert triage_counts(connection, everything, AsOf(99)) == {"dismissed": 1}
        events = events_after(connection, 0)
    assert [entry.kind for entry in events] == ["triage.opened", "triage.verified", "triage.dismissed"]
    assert "重复" not in canonical_json([dict(entry.data) for entry in events])
    assert verify(world, deep=True) == []


@pytest.mark.parametrize("reason", ["", "   \n", "长" * 4001])
def test_dismissing_needs_a_reason(world: World, make_facts: MakeFacts, officer: Actor, reason: str) -> None:
    opened = _opened(world, make_facts())
    with pytest.raises(InputError, match="reason must have"), world.write(officer) as tx:
        dismiss(tx, opened.signal_id, expected_seq=opened.known_seq, reason=reason)
    assert _now(world, opened.signal_id) == opened


def test_of_two_who_act_at_once_one_wins_and_the_other_is_told(
    world: World, make_facts: MakeFacts, officer: Actor, analyst: Actor
) -> None:
    opened = _opened(world, make_facts())
    with world.write(officer) as tx:
        verify_signal(tx, opened.signal_id, expected_seq=opened.known_seq)
    with pytest.raises(ConflictError, match="值班员甲: triage.verified") as told, world.write(analyst) as tx:
        dismiss(tx, opened.signal_id, expected_seq=opened.known_seq, reason="too late")
    since: Any = told.value.values["since"]
    assert [(one["who"], one["what"]) for one in since] == [("值班员甲", "triage.verified")]
    assert _now(world, opened.signal_id).state == "verified"


def test_merging_points_at_one_that_stands(
    world: World, everything: Scope, make_facts: MakeFacts, officer: Actor
) -> None:
    first, second, third = (_opened(world, make_facts(number)) for number in (1, 2, 3))
    with world.write(officer) as tx:
        merge(tx, second.signal_id, expected_seq=second.known_seq, into=first.signal_id)
    with pytest.raises(InputError, match="2026-0002 is merged"), world.write(officer) as tx:
        merge(tx, third.signal_id, expected_seq=third.known_seq, into=second.signal_id)
    with pytest.raises(InputError, match="into itself"), world.write(officer) as tx:
        merge(tx, third.signal_id, expected_seq=third.known_seq, into=third.signal_id)
    with pytest.raises(NotFoundError), world.write(officer) as tx:
        merge(tx, third.signal_id, expected_seq=third.known_seq, into="nowhere")
    with world.read() as connection:
        joined = triages(connection, everything, AsOf(99), merged_into=first.signal_id)
    assert [one.signal_id for one in joined] == [second.signal_id]


def test_only_what_was_put_aside_can_be_reopened(world: World, make_facts: MakeFacts, officer: Actor) -> None:
    opened = _opened(world, make_facts())
    with (
        pytest.raises(ConflictError, match="it can become verified, dismissed, merged"),
        world.write(officer) as tx,
    ):
        reopen(tx, opened.signal_id, expected_seq=opened.known_seq, reason="again")
    with world.write(officer) as tx:
        gone = dismiss(tx, opened.signal_id, expected_seq=opened.known_seq, reason="no")
    with pytest.raises(ConflictError), world.write(officer) as tx:
        verify_signal(tx, opened.signal_id, expected_seq=gone.known_seq)
    with world.write(officer) as tx:
        assert reopen(tx, opened.signal_id, expected_seq=gone.known_seq, reason="new cases").state == "new"


def test_a_dismissed_signal_that_goes_on_comes_back_once(
    world: World, make_facts: MakeFacts, officer: Actor
) -> None:
    opened = _opened(world, make_facts())
    with world.write(SYSTEM) as tx:
        assert not signal_went_on(tx, opened.signal_id)
        assert not signal_went_on(tx, "unknown")
        tx.event("test.said")
    with world.write(officer) as tx:
        dismiss(tx, opened.signal_id, expected_seq=opened.known_seq, reason="no")
    with world.write(SYSTEM) as tx:
        assert signal_went_on(tx, opened.signal_id)
    assert _now(world, opened.signal_id).state == "new"


def test_scopes_see_only_their_area_domain_and_sensitivity(
    world: World, everything: Scope, make_facts: MakeFacts
) -> None:
    here = _opened(world, make_facts(1))
    _opened(world, make_facts(2, area="421221"))
    _opened(world, make_facts(3, domain="air_quality"))
    _opened(world, make_facts(4, sensitivity=3))
    chibi = Scope(("CN/420000/421200/421281/",), ("infectious_disease",), 1, "test")
    with world.read() as connection:
        assert [one.signal_id for one in waiting(connection, chibi, AsOf(99))] == [here.signal_id]
        assert len(waiting(connection, everything, AsOf(99))) == 4
        assert triage_of(connection, NOTHING, AsOf(99), here.signal_id) is None
        assert triage_counts(connection, NOTHING, AsOf(99)) == {}
        assert triages(connection, NOTHING, AsOf(99)) == []


def test_the_past_answers_the_same_after_more_has_happened(
    world: World, everything: Scope, make_facts: MakeFacts, officer: Actor
) -> None:
    first, second = _opened(world, make_facts(1)), _opened(world, make_facts(2))
    then = AsOf(world.head())

    def asked() -> str:
        with world.read() as connection:
            return repr((waiting(connection, everything, then), triage_counts(connection, everything, then)))

    before = asked()
    with world.write(officer) as tx:
        verify_signal(tx, first.signal_id, expected_seq=first.known_seq)
    with world.write(officer) as tx:
        dismiss(tx, second.signal_id, expected_seq=second.known_seq, reason="no")
    assert asked() == before
