"""The store's promises, on both databases: journal, versions, as-of, personal values, work."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from anlan.errors import ConflictError, ForbiddenError, NotFoundError, ParameterError
from anlan.store import (
    NOTHING,
    SYSTEM,
    FixedClock,
    Node,
    Scope,
    Vault,
    World,
    enqueue,
    events_after,
    fail,
    finish,
    latest,
    schema,
    take,
    verify,
)


def _vault(node: Node, world: World) -> Vault:
    return Vault(world, node.master_key, node.folder / "erased.jsonl")


def _say(world: World, kind: str = "test.said", **data: object) -> int:
    with world.write(SYSTEM) as tx:
        tx.event(kind, subject=("test", "1"), data=data)
    return world.head()


def test_events_are_chained_and_verify_is_clean(world: World) -> None:
    for number in range(5):
        _say(world, number=number)
    assert world.head() == 5
    assert verify(world, deep=True) == []
    with world.read() as connection:
        assert [entry.data["number"] for entry in events_after(connection, 2)] == [2, 3, 4]


def test_a_write_that_says_nothing_is_refused_and_leaves_nothing(world: World, node: Node) -> None:
    with pytest.raises(RuntimeError, match=r"Tx\.event"), world.write(SYSTEM) as tx:
        _vault(node, world).put(tx, "s1", {"name": "甲"})
    with world.read() as connection:
        assert (
            connection.execute(sa.select(sa.func.count()).select_from(schema.personal_value)).scalar_one()
            == 0
        )
    assert world.head() == 0


def test_an_error_inside_a_write_undoes_all_of_it(world: World) -> None:
    def fail_inside() -> None:
        with world.write(SYSTEM) as tx:
            tx.event("test.said")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert world.head() == 0
    assert verify(world, deep=True) == []


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("UPDATE event SET data = '{}' WHERE seq = 2", "changed"),
        ("DELETE FROM event WHERE seq = 2", "gap"),
        ("UPDATE event SET previous_hash = hash WHERE seq = 2", "chain"),
        ("UPDATE journal_head SET seq = 2", "head"),
    ],
)
def test_verify_finds_damage_to_the_journal(world: World, damage: str, kind: str) -> None:
    for number in range(3):
        _say(world, number=number)
    with world.stage() as connection:
        connection.execute(sa.text(damage))
    assert kind in {finding.kind for finding in verify(world)}


def test_verify_finds_a_cut_tail_even_when_the_head_was_set_back(world: World) -> None:
    for number in range(3):
        _say(world, number=number)
    world.seal()
    with world.stage() as connection:
        connection.execute(sa.text("DELETE FROM event WHERE seq = 3"))
        digest = connection.execute(sa.text("SELECT hash FROM event WHERE seq = 2")).scalar_one()
        connection.execute(schema.journal_head.update().values(seq=2, hash=digest))
    assert [finding.kind for finding in verify(world)] == ["cut"]


def test_deep_verify_finds_edited_removed_and_added_rows(world: World, node: Node) -> None:
    vault = _vault(node, world)
    for number in range(3):
        with world.write(SYSTEM) as tx:
            vault.put(tx, f"s{number}", {"name": "甲"})
            tx.event("subject.kept")
    assert verify(world, deep=True) == []
    with world.stage() as connection:
        connection.execute(sa.text("UPDATE personal_value SET field = 'other' WHERE known_seq = 1"))
        connection.execute(sa.text("DELETE FROM personal_value WHERE known_seq = 2"))
        connection.execute(sa.text("UPDATE personal_value SET known_seq = 77 WHERE known_seq = 3"))
    assert verify(world) == []
    assert {finding.seq for finding in verify(world, deep=True)} == {1, 2, 3, 77}


def test_a_moment_resolves_to_a_sequence_and_time_never_runs_back(world: World, clock: FixedClock) -> None:
    start = clock.now()
    _say(world)
    clock.advance(timedelta(hours=1))
    _say(world)
    clock.moment = start - timedelta(days=1)  # somebody set the machine's clock back
    _say(world)
    assert world.as_of(at=start).seq == 1
    assert world.as_of(at=start + timedelta(hours=2)).seq == 3
    assert world.as_of(at=start - timedelta(hours=1)).seq == 0
    with world.read() as connection:
        moments = [entry.at for entry in events_after(connection, 0)]
    assert moments == sorted(moments)


def test_personal_values_are_sealed_logged_and_erasable(world: World, node: Node) -> None:
    vault, all_of_it = _vault(node, world), Scope.everything("test")
    with world.write(SYSTEM) as tx:
        vault.put(tx, "s1", {"name": "张三", "phone": "13800000000"})
        tx.event("subject.kept", subject=("subject", "s1"))
    assert vault.open("s1", scope=all_of_it, actor=SYSTEM) == {"name": "张三", "phone": "13800000000"}
    with pytest.raises(ForbiddenError):
        vault.open("s1", scope=NOTHING, actor=SYSTEM)
    with world.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.reading)).scalar_one() == 1
        sealed = connection.execute(sa.select(schema.personal_value.c.sealed)).scalars().all()
    assert all("张三".encode() not in bytes(value) for value in sealed)
    vault.erase("s1", actor=SYSTEM, reason="by law")
    with pytest.raises(NotFoundError):
        vault.open("s1", scope=all_of_it, actor=SYSTEM)
    assert verify(world, deep=True) == []


def test_an_erasure_is_replayed_after_a_restore(world: World, node: Node) -> None:
    vault = _vault(node, world)
    with world.write(SYSTEM) as tx:
        vault.put(tx, "s1", {"name": "甲"})
        tx.event("subject.kept")
    with world.read() as connection:
        key = connection.execute(sa.select(schema.personal_key)).one()
    vault.erase("s1", actor=SYSTEM, reason="by law")
    with world.stage() as connection:  # what a backup from before the erasure would bring back
        connection.execute(schema.personal_key.insert().values(**key._mapping))
    assert vault.replay_erasures(SYSTEM) == 1
    assert vault.replay_erasures(SYSTEM) == 0
    with pytest.raises(NotFoundError):
        vault.open("s1", scope=Scope.everything("test"), actor=SYSTEM)


def test_latest_gives_the_state_of_each_object_as_of_a_sequence(world: World, node: Node) -> None:
    vault = _vault(node, world)
    for number in range(3):
        with world.write(SYSTEM) as tx:
            vault.put(tx, "s1", {"name": str(number)})
            tx.event("subject.kept")
    with world.read() as connection:
        for seq, expected in ((0, []), (1, [1]), (2, [2]), (9, [3])):
            now = latest(schema.personal_value, seq)
            assert connection.execute(sa.select(now.c.known_seq)).scalars().all() == expected


def test_work_is_queued_once_leased_once_and_given_back(world: World, clock: FixedClock) -> None:
    with world.stage() as connection:
        enqueue(connection, "detect", "detect:1", {"rule": "r"}, clock.now())
        enqueue(connection, "detect", "detect:1", {"rule": "r"}, clock.now())
    job = take(world)
    assert job is not None
    assert job.payload == {"rule": "r"}
    assert take(world) is None
    clock.advance(timedelta(minutes=11))  # the worker died
    again = take(world)
    assert again is not None
    assert (again.id, again.attempts) == (job.id, 2)
    fail(world, again, "no reason")
    assert take(world) is None
    clock.advance(timedelta(hours=1))
    last = take(world)
    assert last is not None
    finish(world, last)
    clock.advance(timedelta(hours=9))
    assert take(world) is None


def test_writers_in_threads_take_turns_and_the_order_is_gapless(world: World) -> None:
    threads = [threading.Thread(target=lambda: [_say(world) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.head() == 40
    assert verify(world) == []


def test_worlds_share_nothing(node: Node, world: World) -> None:
    exercise = node.create_world("drill", "exercise", {"zh": "演练", "en": "Exercise"})
    _say(world)
    assert exercise.head() == 0
    assert node.world_names() == ["live", "drill"]
    with pytest.raises(NotFoundError, match="live, drill"):
        node.world("nowhere")
    with pytest.raises(ConflictError):
        node.create_world("drill", "exercise", {"zh": "演练", "en": "Exercise"})
    with pytest.raises(ParameterError):
        node.create_world("Bad Name", "exercise", {})


def test_scope_in_sql_and_in_python_agree(world: World) -> None:
    table = schema.event
    _say(world)
    scopes = [Scope.everything("t"), NOTHING, Scope(("CN/42/",), ("air",), 1, "t"), Scope((), None, 3, "t")]
    with world.read() as connection:
        for scope in scopes:
            for path in ("CN/42/4212/", "CN/43/"):
                for level in (0, 2):
                    condition = scope.where(
                        area_path=sa.literal(path), domain=sa.literal("air"), sensitivity=sa.literal(level)
                    )
                    found = connection.execute(
                        sa.select(sa.func.count()).select_from(table).where(condition)
                    ).scalar_one()
                    assert bool(found) == scope.sees(area_path=path, domain="air", sensitivity=level)
