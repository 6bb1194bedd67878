"""Risk assessments and the matrices that turn likelihood and impact into a level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.assessment import (
    Assessment,
    SignalFacts,
    assess,
    assessment,
    assessment_history,
    assessments,
    builtin_matrices,
    dismiss,
    matrices,
    matrix,
    open_triage,
    revise_assessment,
    set_matrix,
    triage_of,
    verify_signal,
)
from anlan.assessment.types import LEVELS
from anlan.errors import ConfigurationError, ConflictError, InputError, NotFoundError
from anlan.store import NOTHING, SYSTEM, Actor, AsOf, Scope, Tx, World, canonical_json, events_after, verify

MakeFacts = Callable[..., SignalFacts]
PLACE = {"area_code": "421281", "area_path": "CN/420000/421200/421281/", "domain": "infectious_disease"}


def _verified(world: World, actor: Actor, facts: SignalFacts) -> str:
    with world.write(SYSTEM) as tx:
        open_triage(tx, facts)
        seq = tx.seq
    with world.write(actor) as tx:
        verify_signal(tx, facts.signal_id, expected_seq=seq)
    return facts.signal_id


def _assess(tx: Tx, **changes: Any) -> Assessment:
    usual: dict[str, Any] = {
        "signal_ids": [],
        "likelihood": 4,
        "impact": 4,
        "confidence": "medium",
        "reasons": ["县疾控确认 3 例输入"],
        **PLACE,
    }
    return assess(tx, **{**usual, **changes})


def test_likely_times_serious_is_orange_with_reasons_and_matrix(
    world: World, everything: Scope, officer: Actor, make_facts: MakeFacts
) -> None:
    signal_id = _verified(world, officer, make_facts(sensitivity=2))
    with world.write(officer) as tx:
        made = _assess(tx, signal_ids=[signal_id])
    assert (made.level, made.matrix_code, made.matrix_version) == ("orange", "warning", 1)
    assert (made.number, made.by, made.sensitivity) == ("2026-0001", "p-officer", 2)
    with world.read() as connection:
        assert assessment(connection, everything, AsOf(99), made.public_id) == made
        assert assessments(connection, everything, AsOf(99), signal_id=signal_id) == [made]
        assert assessments(connection, everything, AsOf(99), signal_id="other") == []
        event = events_after(connection, 0)[-1]
    assert event.kind == "assessment.made"
    assert (event.data["level"], event.data["signals"]) == ("orange", [signal_id])
    assert "县疾控" not in canonical_json(dict(event.data))
    assert verify(world, deep=True) == []


def test_numbers_go_on_within_the_year(world: World, officer: Actor) -> None:
    numbers = []
    for _ in range(2):
        with world.write(officer) as tx:
            numbers.append(_assess(tx).number)
    assert numbers == ["2026-0001", "2026-0002"]


def test_an_assessment_rests_on_verified_signals_only(
    world: World, officer: Actor, make_facts: MakeFacts
) -> None:
    facts = make_facts()
    with world.write(SYSTEM) as tx:
        open_triage(tx, facts)
    with pytest.raises(ConflictError, match=r"2026-0001 \(new\)"), world.write(officer) as tx:
        _assess(tx, signal_ids=[facts.signal_id])
    with pytest.raises(NotFoundError), world.write(officer) as tx:
        _assess(tx, signal_ids=["nowhere"])
    with pytest.raises(InputError, match="twice"), world.write(officer) as tx:
        _assess(tx, signal_ids=[facts.signal_id, facts.signal_id])


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"likelihood": 0}, {"assessment.scale"}),
        ({"impact": 6, "likelihood": True}, {"assessment.scale"}),
        ({"confidence": "sure"}, {"assessment.confidence"}),
        ({"reasons": []}, {"assessment.reasons"}),
        ({"reasons": ["  "]}, {"assessment.reasons"}),
        ({"reasons": "one text"}, {"assessment.reasons"}),
        ({"likelihood": 9, "confidence": "", "reasons": [""]}, {"assessment.scale", "assessment.confidence", "assessment.reasons"}),
    ],
)  # fmt: skip
def test_every_problem_of_an_assessment_is_reported_at_once(
    world: World, officer: Actor, changes: dict[str, Any], keys: set[str]
) -> None:
    with pytest.raises(InputError) as refused, world.write(officer) as tx:
        _assess(tx, **changes)
    assert {problem.key for problem in refused.value.problems} == keys
    assert world.head() == 0


def test_the_place_must_agree_with_itself(world: World, officer: Actor) -> None:
    with pytest.raises(InputError, match="421221"), world.write(officer) as tx:
        _assess(tx, area_code="421221")


def test_a_revision_is_a_version_and_two_at_once_are_told(
    world: World, everything: Scope, officer: Actor, analyst: Actor, make_facts: MakeFacts
) -> None:
    signal_id = _verified(world, officer, make_facts())
    with world.write(officer) as tx:
        made = _assess(tx, signal_ids=[signal_id])
    change: dict[str, Any] = {
        "likelihood": 2,
        "impact": 2,
        "confidence": "high",
        "reasons": ["接触者均为阴性"],
    }
    with world.write(SYSTEM) as tx:  # a signal that is dismissed later does not bar a revision
        seen = triage_of(tx.connection, everything, AsOf(tx.seq), signal_id)
        assert seen is not None
        dismiss(tx, signal_id, expected_seq=seen.known_seq, reason="duplicate")
    with world.write(analyst) as tx:
        after = revise_assessment(tx, made.public_id, expected_seq=made.known_seq, **change)
    assert (after.level, after.number, after.signal_ids) == ("blue", made.number, (signal_id,))
    with pytest.raises(ConflictError, match="Analyst B"), world.write(officer) as tx:
        revise_assessment(tx, made.public_id, expected_seq=made.known_seq, **change)
    with world.read() as connection:
        assert assessment_history(connection, everything, AsOf(99), made.public_id) == [made, after]
        assert assessment(connection, everything, AsOf(made.known_seq), made.public_id) == made


def test_what_a_scope_does_not_see_does_not_exist(world: World, officer: Actor) -> None:
    with world.write(officer) as tx:
        made = _assess(tx)
    with world.read() as connection:
        for scope in (
            NOTHING,
            Scope(("CN/430000/",), None, 3, "test"),
            Scope(None, ("air_quality",), 3, "test"),
        ):
            assert assessments(connection, scope, AsOf(99)) == []
            with pytest.raises(NotFoundError):
                assessment(connection, scope, AsOf(99), made.public_id)
        assert matrices(connection, NOTHING, AsOf(99)) == []


@pytest.mark.parametrize(
    ("code", "products"),
    [
        ("warning", {3: None, 4: "blue", 8: "blue", 9: "yellow", 12: "yellow", 15: "orange", 16: "orange", 20: "red", 25: "red"}),
        ("ls_a", {1: "blue", 8: "blue", 9: "yellow", 12: "yellow", 15: "orange", 16: "orange", 20: "red", 25: "red"}),
        ("ls_b", {1: "blue", 3: "blue", 4: "yellow", 8: "yellow", 9: "orange", 16: "orange", 20: "red"}),
        ("ls_c", {3: "blue", 4: "yellow", 9: "yellow", 10: "orange", 16: "orange", 20: "red", 25: "red"}),
    ],
)  # fmt: skip
def test_the_matrices_follow_their_published_bands(code: str, products: dict[int, str | None]) -> None:
    """Bands of R = L x S as the provincial and coal-mine schemes give them."""
    found = builtin_matrices()[code]
    bands = sorted(products)
    for likelihood in range(1, 6):
        for impact in range(1, 6):
            product = likelihood * impact
            below = [edge for edge in bands if edge <= product]
            wanted = products[below[-1]] if below else products[bands[0]]
            assert found.level(likelihood, impact) == wanted, (likelihood, impact)


def test_a_city_sets_its_own_matrix_as_a_version(world: World, everything: Scope, officer: Actor) -> None:
    cells: list[list[str | None]] = [["blue"] * 5 for _ in range(5)]
    with world.write(officer) as tx:
        made = set_matrix(
            tx, "warning", names={"zh": "市级矩阵", "en": "City matrix"}, cells=cells, source="市政府 2026 年 3 号文",
            expected_seq=0,
        )  # fmt: skip
    assert made.version == 2
    with world.read() as connection:
        assert matrix(connection, everything, AsOf(99)) == made
        assert matrix(connection, everything, AsOf(0)).version == 1
        assert [one.code for one in matrices(connection, everything, AsOf(99))] == [
            "ls_a",
            "ls_b",
            "ls_c",
            "warning",
        ]
        with pytest.raises(NotFoundError, match="ls_a, ls_b"):
            matrix(connection, everything, AsOf(99), "none")
    with world.write(officer) as tx:
        first = _assess(tx)
    assert (first.level, first.matrix_version) == ("blue", 2)
    with pytest.raises(ConflictError), world.write(officer) as tx:
        set_matrix(tx, "warning", names={"zh": "乙", "en": "B"}, cells=cells, source="x", expected_seq=0)
    with pytest.raises(InputError, match="names.en"), world.write(officer) as tx:
        set_matrix(tx, "own", names={"zh": "乙"}, cells=cells, source="x", expected_seq=0)


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        ([["blue"] * 5] * 4, "assessment.matrix.shape"),
        ([["blue"] * 4] * 5, "assessment.matrix.shape"),
        ([["purple"] * 5] * 5, "assessment.matrix.level"),
        ([["red"] * 5] + [["blue"] * 5] * 4, "assessment.matrix.falls"),
    ],
)
def test_cells_that_are_no_matrix_are_refused(
    world: World, officer: Actor, cells: list[list[str | None]], key: str
) -> None:
    with pytest.raises(ConfigurationError) as refused, world.write(officer) as tx:
        set_matrix(tx, "own", names={"zh": "甲", "en": "A"}, cells=cells, source="x", expected_seq=0)
    assert {problem.key for problem in refused.value.problems} == {key}
    assert world.head() == 0


@given(code=st.sampled_from(sorted(builtin_matrices())), pair=st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_more_likely_or_worse_never_lowers_the_level(code: str, pair: tuple[int, int]) -> None:
    found = builtin_matrices()[code]
    order: list[str | None] = [None, *LEVELS]
    likelihood, impact = pair
    here = order.index(found.level(likelihood, impact))
    assert order.index(found.level(min(5, likelihood + 1), impact)) >= here
    assert order.index(found.level(likelihood, min(5, impact + 1))) >= here
