"""A reported danger: what is kept of it and of who reported it, who is told what, and what scopes see."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from anlan import resolution
from anlan.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from anlan.flows.board import board, waiting_counts
from anlan.flows.verify import verify_world
from anlan.resolution import Matter
from anlan.store import NOTHING, Actor, AsOf, Node, Scope, Vault, World, events_after

ALL = Scope.everything("test")
OFFICER = Actor("person", "p-officer", "值班员甲")
CHIEF = Actor("person", "p-chief", "值班领导乙")
CITIZEN = Actor("citizen", "citizen")
CITY = "CN/420000/421200/"
NOW = AsOf(10**9)


def vault_of(node: Node, world: World) -> Vault:
    return Vault(world, node.master_key, node.folder / "erased.jsonl")


def reported(node: Node, world: World, code: str = "", area: str = "421281", **changes: Any) -> Matter:
    values: dict[str, Any] = {
        "text": "作坊后门堆放不明化工桶\n晚上有刺鼻气味",
        "place": "桂花路尽头",
        "area_code": area,
        "area_path": f"{CITY}{area}/",
        "code_digest": resolution.code_digest(b"k", world.public_id, code or resolution.new_code()),
        **changes,
    }
    with world.write(CITIZEN) as tx:
        return resolution.report(tx, vault_of(node, world), **values)


def test_a_report_waits_and_is_found_by_its_code_alone(node: Node, world: World) -> None:
    code = resolution.new_code()
    first, second = reported(node, world, code), reported(node, world)
    assert (first.title, first.state, first.turn) == ("作坊后门堆放不明化工桶", "open", "office")
    assert [first.number, second.number] == ["2026-0001", "2026-0002"]
    typed = resolution.read_code(f"  {code.lower().replace('-', ' ')} ")
    with world.read() as connection:
        assert [one.number for one in resolution.waiting(connection, ALL, NOW)] == ["2026-0001", "2026-0002"]
        digest = resolution.code_digest(b"k", world.public_id, typed)
        assert resolution.matter_of_receipt(connection, ALL, NOW, digest) == first
        for wrong in (
            resolution.code_digest(b"k", world.public_id, resolution.new_code()),
            resolution.code_digest(b"other", world.public_id, code),
            resolution.code_digest(b"k", "another world", code),
        ):
            with pytest.raises(NotFoundError):
                resolution.matter_of_receipt(connection, ALL, NOW, wrong)
        with pytest.raises(NotFoundError):
            resolution.matter_of_receipt(connection, NOTHING, NOW, digest)


def test_codes_are_different_and_hold_no_vowel() -> None:
    codes = {resolution.new_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(resolution.read_code(code) == code and not set(code) & set("AEIOUY01") for code in codes)
    assert resolution.read_code("BBBB-BBBB-BBBB-BBB") == ""
    assert resolution.read_code("AAAA-BBBB-BBBB-BBBB") == ""


def test_nothing_kept_says_who_it_was(node: Node, world: World) -> None:
    code = resolution.new_code()
    made = reported(node, world, code, contact="王小明 13900000000")
    with world.write(CITIZEN) as tx:
        resolution.answer(tx, made.public_id, text="我是隔壁的王小明")
    kept = []
    with world.read() as connection:
        for name in sa.inspect(world.engine).get_table_names():
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            for row in connection.execute(sa.select(table)):
                kept.append((name, "".join(str(value) for value in row)))
        events = events_after(connection, 0)
    assert [name for name, text in kept if "13900000000" in text or code in text] == []
    assert {name for name, text in kept if "王小明" in text} == {
        "matter_note"
    }  # what the reporter chose to write
    said = json.dumps([[event.kind, event.data, event.actor] for event in events], ensure_ascii=False)
    for word in ("王小明", "作坊", "桂花路", "刺鼻"):
        assert word not in said
    assert '"matter.reported"' in said
    assert made.has_contact
    vault = vault_of(node, world)
    with pytest.raises(ForbiddenError):
        vault.open(made.public_id, scope=Scope(None, None, 2, "test"), actor=OFFICER)
    assert vault.open(made.public_id, scope=ALL, actor=OFFICER) == {"contact": "王小明 13900000000"}
    assert verify_world(world, deep=True) == []


def test_the_whole_walk(node: Node, world: World) -> None:
    made = reported(node, world)
    with world.write(OFFICER) as tx:
        taken = resolution.take_in_hand(tx, made.public_id, expected_seq=made.known_seq)
    assert (taken.state, taken.turn, taken.taken_by) == ("in_hand", "nobody", "p-officer")
    with world.write(OFFICER) as tx:
        asked = resolution.ask(tx, made.public_id, expected_seq=taken.known_seq, text="桶上写了什么？")
    assert asked.turn == "reporter"
    with world.read() as connection:
        assert resolution.waiting(connection, ALL, NOW) == []
    with world.write(CITIZEN) as tx:
        answered = resolution.answer(tx, made.public_id, text="看不清")
    with world.read() as connection:
        assert [one.turn for one in resolution.waiting(connection, ALL, NOW)] == ["office"]
        found = resolution.notes(connection, ALL, NOW, made.public_id)
        assert resolution.notes(connection, ALL, AsOf(asked.known_seq), made.public_id) == found[:1]
        assert resolution.matter(connection, ALL, AsOf(made.known_seq), made.public_id) == made
    assert [(one.kind, one.text, one.by) for one in found] == [
        ("question", "桶上写了什么？", "p-officer"),
        ("answer", "看不清", "citizen"),
    ]
    with world.write(CHIEF) as tx:
        closed = resolution.close(
            tx, made.public_id, expected_seq=answered.known_seq, reason="已清运，企业已立案"
        )
    assert (closed.state, closed.turn, closed.reason) == ("closed", "nobody", "已清运，企业已立案")
    with world.read() as connection:
        assert resolution.state_counts(connection, ALL, NOW) == {"closed": 1}
        assert len(resolution.matter_history(connection, ALL, NOW, made.public_id)) == 5
    assert verify_world(world, deep=True) == []


def test_who_comes_second_or_too_late_is_told(node: Node, world: World) -> None:
    made = reported(node, world)
    with world.write(OFFICER) as tx:
        taken = resolution.take_in_hand(tx, made.public_id, expected_seq=made.known_seq)
    with pytest.raises(ConflictError, match="changed since"), world.write(CHIEF) as tx:
        resolution.close(tx, made.public_id, expected_seq=made.known_seq, reason="x")
    with world.write(CHIEF) as tx:
        closed = resolution.close(tx, made.public_id, expected_seq=taken.known_seq, reason="x")
    with pytest.raises(ConflictError, match="closed"), world.write(CITIZEN) as tx:
        resolution.answer(tx, made.public_id, text="one more thing")
    with pytest.raises(ConflictError, match="closed"), world.write(CHIEF) as tx:
        resolution.take_in_hand(tx, made.public_id, expected_seq=closed.known_seq)
    with pytest.raises(ConflictError, match="closed"), world.write(CHIEF) as tx:
        resolution.ask(tx, made.public_id, expected_seq=closed.known_seq, text="?")
    with pytest.raises(ConflictError, match="closed"), world.write(CHIEF) as tx:
        resolution.close(tx, made.public_id, expected_seq=closed.known_seq, reason="again")
    with world.read() as connection:
        assert resolution.matter(connection, ALL, NOW, made.public_id) == closed
    with pytest.raises(NotFoundError), world.write(CHIEF) as tx:
        resolution.take_in_hand(tx, "nothing", expected_seq=1)


def test_everything_wrong_is_said_at_once_and_nothing_is_kept(node: Node, world: World) -> None:
    head = world.head()
    with pytest.raises(InputError) as caught:
        reported(node, world, text=" \n ", place="x" * 301, contact="y" * 201, photo=b"GIF89a")
    assert [problem.where["field"] for problem in caught.value.problems] == [
        "text",
        "place",
        "contact",
        "photo",
    ]
    made = reported(node, world, text="长" * 200)
    assert len(made.title) == 60
    with pytest.raises(InputError), world.write(OFFICER) as tx:
        resolution.close(tx, made.public_id, expected_seq=made.known_seq, reason=" ")
    with pytest.raises(InputError), world.write(OFFICER) as tx:
        resolution.ask(tx, made.public_id, expected_seq=made.known_seq, text="x" * 2001)
    assert world.head() == made.known_seq > head


def test_a_code_does_not_let_anybody_write_for_ever(node: Node, world: World) -> None:
    made = reported(node, world)
    for number in range(60):
        with world.write(CITIZEN) as tx:
            resolution.answer(tx, made.public_id, text=str(number))
    with pytest.raises(ConflictError, match="no more are taken"), world.write(CITIZEN) as tx:
        resolution.answer(tx, made.public_id, text="one more")
    with world.read() as connection:
        assert len(resolution.notes(connection, ALL, NOW, made.public_id)) == 60


@pytest.mark.parametrize(
    ("scope", "sees"),
    [
        (Scope((f"{CITY}421281/",), None, 1, "test"), True),
        (Scope((f"{CITY}421222/",), None, 1, "test"), False),
        (Scope(None, ("air_quality",), 1, "test"), False),
        (Scope(None, ("workplace",), 1, "test"), True),
        (Scope(None, None, 0, "test"), False),
        (NOTHING, False),
    ],
)
def test_each_question_keeps_to_the_scope(node: Node, world: World, scope: Scope, sees: bool) -> None:
    made = reported(node, world, domain="workplace", photo=SMALLEST_PNG)
    with world.write(CITIZEN) as tx:
        resolution.answer(tx, made.public_id, text="more")
    with world.read() as connection:
        args = (connection, scope, NOW)
        assert bool(resolution.matters(*args)) is sees
        assert bool(resolution.waiting(*args)) is sees
        assert bool(resolution.state_counts(*args)) is sees
        assert bool(resolution.notes(*args, made.public_id)) is sees
        assert bool(resolution.matter_history(*args, made.public_id)) is sees
        assert waiting_counts(*args, at=world.clock.now())["matters"] == int(sees)
        if sees:
            assert resolution.photo(*args, made.public_id).kind == "image/png"
        else:
            with pytest.raises(NotFoundError):
                resolution.photo(*args, made.public_id)


def test_it_waits_on_the_board_of_who_may_handle_it(node: Node, world: World) -> None:
    made = reported(node, world)

    def waiting(**may: bool) -> list[tuple[str, str]]:
        with world.read() as connection:
            found = board(
                connection, ALL, world.as_of(), at=world.clock.now(), person_id="p",
                may_triage=False, may_draft=False, may_release=False, **may,
            )  # fmt: skip
        return [(item.kind, item.reason.key) for item in found.waiting]

    assert waiting() == []
    assert waiting(may_handle=True) == [("matter", "flows.waits.matter")]
    with world.write(OFFICER) as tx:
        resolution.take_in_hand(tx, made.public_id, expected_seq=made.known_seq)
    assert waiting(may_handle=True) == []
    with world.write(CITIZEN) as tx:
        resolution.answer(tx, made.public_id, text="more")
    assert waiting(may_handle=True) == [("matter", "flows.waits.matter_answered")]


SMALLEST_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)
