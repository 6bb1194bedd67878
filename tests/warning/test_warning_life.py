"""The life of a warning, from draft to end, on both databases."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from warning_worlds import (
    ALL,
    CHIBI,
    CHIEF,
    FACTS,
    JIAYU,
    OFFICER,
    PUBLIC,
    SECOND_CHIEF,
    SETTINGS,
    TONGCHENG,
    alert_of,
    drafted,
    furnish,
    look,
    released,
    submitted,
)

from anlan.errors import AnlanError, ConflictError, ForbiddenError, InputError, NotFoundError
from anlan.store import NOTHING, SYSTEM, FixedClock, Node, Scope, Tx, World, events_after, verify
from anlan.texts import Sentence
from anlan.warning import HazardWarning, Level, actions, check_message, preview, queries, tables
from anlan.warning.cap import MsgType, ResponseType, Status, check, read
from anlan.warning.cap.colour import level_of_info

HOUR = timedelta(hours=1)


@pytest.fixture
def drill(exercise: World) -> World:
    return furnish(exercise)


@pytest.fixture
def live(world: World) -> World:
    return furnish(world)


def last_event(world: World) -> tuple[str, dict[str, object]]:
    with world.read() as connection:
        event = events_after(connection, 0)[-1]
        return event.kind, dict(event.data)


def release_event(world: World) -> dict[str, object]:
    with world.read() as connection:
        return dict(events_after(connection, 0, kinds=["warning.released"])[-1].data)


# --- drafting ---------------------------------------------------------------------------------------------------


def test_draft_is_filled_in_both_languages(drill: World, clock: FixedClock) -> None:
    step = drafted(drill)
    assert (step.number, step.step, step.state, step.kind) == ("2026-0001", 1, "draft", "alert")
    assert step.texts["zh"]["headline"] == "赤壁市麻疹橙色预警"
    assert step.texts["en"]["headline"] == "Measles in Chibi City: orange warning"
    assert "2026年第27周报告麻疹 7 例" in step.texts["zh"]["description"]
    assert "7 measles cases were reported in Chibi City in week 27 of 2026" in step.texts["en"]["description"]
    assert (step.texts_from, step.area_path) == ("pack", "CN/420000/421200/421281/")
    assert step.expires == clock.now() + 12 * HOUR
    assert last_event(drill)[0] == "warning.drafted"
    assert drafted(drill).number == "2026-0002"


def test_each_level_of_the_pack_has_its_own_texts(drill: World) -> None:
    texts = {level: drafted(drill, level=level).texts["zh"]["instruction"] for level in Level}
    assert len(set(texts.values())) == 4


def test_level_without_texts_of_the_pack_gets_the_general_ones(drill: World) -> None:
    step = drafted(drill, hazard="sars", level="blue", facts={"grounds": Sentence("warning.place.contact")})
    assert (step.texts_from, step.texts["zh"]["headline"]) == (
        "general",
        "赤壁市传染性非典型肺炎疫情蓝色预警",
    )
    assert step.texts["zh"]["description"].startswith("咨询电话适用区域：赤壁市，有效期至2026-07-07 08:05。")


def test_missing_fact_is_a_visible_gap_and_cannot_be_submitted(drill: World) -> None:
    step = drafted(drill, facts={})
    assert "⟦待填：实际值⟧" in step.texts["zh"]["description"]
    with pytest.raises(InputError) as error:
        submitted(drill, step)
    assert {problem.key for problem in error.value.problems} == {"warning.text.gap"}
    assert {problem.where["field"] for problem in error.value.problems} == {
        "texts.zh.description",
        "texts.en.description",
    }
    assert look(drill, step.public_id).state == "draft"


def test_two_places_are_joined_and_seen_from_their_common_area(drill: World) -> None:
    step = drafted(drill, area_codes=[CHIBI, JIAYU])
    assert step.texts["zh"]["headline"] == "赤壁市、嘉鱼县麻疹橙色预警"
    assert (step.area_code, step.area_path) == ("421200", "CN/420000/421200/")


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"level": "purple"}, {"warning.choice"}),
        ({"urgency": "soon", "certainty": "sure", "response_types": ["Run"]}, {"warning.choice"}),
        ({"area_codes": []}, {"warning.area.none"}),
        ({"area_codes": ["421281", "421281", "999999"]}, {"warning.area.twice", "warning.area.unknown"}),
        ({"texts": {"fr": {"headline": "x"}}}, {"warning.text.unknown"}),
        ({"texts": {"zh": {"headline": "x" * 4001}}}, {"warning.text.long"}),
        ({"texts": {"zh": {"headline": "a\x00"}}}, {"warning.text.control"}),
        ({"facts": {"observed": "7\x0b", "expected": "1", "period": "x"}}, {"warning.text.control"}),
    ],
)
def test_bad_draft_is_refused_with_every_problem(
    drill: World, changes: dict[str, Any], keys: set[str]
) -> None:
    head = drill.head()
    with pytest.raises(InputError) as error:
        drafted(drill, **changes)
    assert {problem.key for problem in error.value.problems} == keys
    assert drill.head() == head


def test_draft_that_is_over_before_it_begins_is_refused(drill: World, clock: FixedClock) -> None:
    now = clock.now()
    refused: list[dict[str, Any]] = [
        {"expires": now},
        {"expires": now + HOUR, "effective": now + HOUR},
        {"expires": now + HOUR, "onset": now + 2 * HOUR},
    ]
    for changes in refused:
        with pytest.raises(InputError) as error:
            drafted(drill, **changes)
        assert error.value.problems[0].where == {"field": "expires"}


def test_unknown_hazard_is_refused_and_the_known_ones_are_named(drill: World) -> None:
    with pytest.raises(NotFoundError, match="measles, sars"):
        drafted(drill, hazard="plague")


def test_edit_keeps_what_was_written_by_hand_and_refills_the_rest(drill: World) -> None:
    step = drafted(drill)
    with drill.write(OFFICER) as tx:
        step = actions.edit(
            tx,
            step.public_id,
            expected_seq=step.known_seq,
            settings=SETTINGS,
            texts={"zh": {"headline": "赤壁市麻疹：请接种"}},
        )
    with drill.write(CHIEF) as tx:
        step = actions.edit(
            tx,
            step.public_id,
            expected_seq=step.known_seq,
            settings=SETTINGS,
            level="red",
            area_codes=[JIAYU],
        )
    assert step.texts["zh"]["headline"] == "赤壁市麻疹：请接种"
    assert step.texts["en"]["headline"] == "Measles in Jiayu County: red warning"
    assert (step.level, step.area_codes, step.authors) == (Level.RED, (JIAYU,), ("p-officer", "p-chief"))
    assert step.response_types == ("Execute",)


def test_edit_of_times(drill: World, clock: FixedClock) -> None:
    step = drafted(drill, onset=clock.now() + HOUR)
    until = clock.now() + 5 * HOUR
    with drill.write(OFFICER) as tx:
        step = actions.edit(
            tx,
            step.public_id,
            expected_seq=step.known_seq,
            settings=SETTINGS,
            times={"expires": until, "onset": None},
        )
    assert (step.expires, step.onset) == (until, None)
    for wrong in ({"expires": None}, {"ends": until}):
        with pytest.raises(InputError), drill.write(OFFICER) as tx:
            actions.edit(tx, step.public_id, expected_seq=step.known_seq, settings=SETTINGS, times=wrong)


# --- review and release -----------------------------------------------------------------------------------------


def test_release_by_a_second_person_freezes_the_bytes(drill: World) -> None:
    step = released(drill, drafted(drill))
    assert (step.state, step.released_by) == ("in_force", "p-chief")
    with drill.read() as connection:
        message = queries.message(connection, ALL, drill.as_of(), step.message_identifier or "")
    assert check(message.cap_bytes, issuing=True) == []
    event = release_event(drill)
    digest = hashlib.sha256(message.cap_bytes).hexdigest()
    assert (event["sha256"], message.sha256) == (digest, digest)
    assert event["message"] == message.identifier == "42120041600000_20260706080500_EX"
    assert verify(drill, deep=True, deep_checks=[check_message]) == []


def test_exercise_cannot_be_taken_for_the_real_thing(drill: World) -> None:
    step = drafted(drill, texts={"zh": {"headline": "【演练】赤壁市麻疹"}})
    alert = alert_of(drill, released(drill, step, settings=PUBLIC))
    assert (alert.status, str(alert.scope)) == (Status.EXERCISE, "Restricted")
    assert "【演练】演练" in alert.note
    assert "EXERCISE: Exercise" in alert.note
    chinese, english = alert.infos
    assert chinese.headline == "【演练】赤壁市麻疹"
    assert chinese.description.startswith("【演练】")
    assert english.headline == "EXERCISE: Measles in Chibi City: orange warning"


def test_message_carries_what_consumers_need(drill: World, clock: FixedClock) -> None:
    alert = alert_of(drill, released(drill, drafted(drill, area_codes=[CHIBI, TONGCHENG])))
    assert (alert.sender, alert.msg_type, alert.references, alert.incidents) == (
        "42120041600000",
        MsgType.ALERT,
        (),
        "2026-0001",
    )
    assert [info.language for info in alert.infos] == ["zh-CN", "en-US"]
    for info in alert.infos:
        assert level_of_info(info) is Level.ORANGE
        assert (str(info.severity), str(info.categories[0])) == ("Severe", "Health")
        assert info.effective == alert.sent == clock.now()
        assert [area.geocodes[0].value for area in info.areas] == [CHIBI, TONGCHENG]
        assert all(4 <= len(ring) <= 100 for area in info.areas for ring in area.polygons)
        assert all(area.polygons for area in info.areas)
    assert [area.description for area in alert.infos[1].areas] == ["Chibi City", "Tongcheng County"]


def test_author_cannot_release_and_an_editor_becomes_an_author(drill: World) -> None:
    step = submitted(drill, drafted(drill), by=CHIEF)
    with pytest.raises(ForbiddenError) as error:
        released(drill, step, by=OFFICER)
    assert error.value.key == "warning.own_text"
    with drill.write(CHIEF) as tx:
        step = actions.return_to_draft(tx, step.public_id, expected_seq=step.known_seq, reason="缺联系电话")
    assert (step.state, step.reason) == ("draft", "缺联系电话")
    with drill.write(CHIEF) as tx:
        step = actions.edit(
            tx,
            step.public_id,
            expected_seq=step.known_seq,
            settings=SETTINGS,
            texts={"zh": {"instruction": "请拨打 12320。"}},
        )
    step = submitted(drill, step)
    with pytest.raises(ForbiddenError):
        released(drill, step, by=CHIEF)
    assert released(drill, step, by=SECOND_CHIEF).state == "in_force"


def test_machine_cannot_release(drill: World) -> None:
    step = submitted(drill, drafted(drill))
    with pytest.raises(ForbiddenError) as error:
        released(drill, step, by=SYSTEM)
    assert error.value.key == "warning.person_needed"


def test_draft_of_a_machine_needs_two_persons_all_the_same(drill: World) -> None:
    step = drafted(drill, by=SYSTEM)
    assert step.authors == ()
    with pytest.raises(ForbiddenError):
        submitted(drill, step, by=SYSTEM)
    step = submitted(drill, step, by=CHIEF)
    with pytest.raises(ForbiddenError) as error:
        released(drill, step, by=CHIEF)
    assert error.value.key == "warning.own_text"
    assert released(drill, step, by=SECOND_CHIEF).state == "in_force"


def test_live_world_issues_only_where_it_is_allowed(live: World) -> None:
    step = submitted(live, drafted(live))
    with pytest.raises(ForbiddenError) as error:
        released(live, step)
    assert error.value.key == "warning.public_release_off"
    assert look(live, step.public_id).state == "review"
    with live.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.message)).scalar_one() == 0
    alert = alert_of(live, released(live, step, settings=PUBLIC))
    assert (alert.status, str(alert.scope), alert.note) == (Status.ACTUAL, "Public", "")
    assert alert.infos[0].headline == "赤壁市麻疹橙色预警"
    assert alert.identifier == "42120041600000_20260706080500"


def test_replay_never_issues(node: Node) -> None:
    replay = furnish(node.create_world("replay", "replay", {"zh": "回放", "en": "Replay"}))
    step = submitted(replay, drafted(replay))
    with pytest.raises(ForbiddenError) as error:
        released(replay, step, settings=PUBLIC)
    assert error.value.key == "warning.replay_never_releases"


def test_only_what_is_in_review_is_released(drill: World) -> None:
    step = drafted(drill)
    with pytest.raises(ConflictError) as error, drill.write(CHIEF) as tx:
        actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=SETTINGS)
    assert error.value.key == "warning.wrong_state"
    done = released(drill, step)
    with pytest.raises(ConflictError), drill.write(SECOND_CHIEF) as tx:
        actions.release(tx, step.public_id, expected_seq=done.known_seq, settings=SETTINGS)


def test_time_that_ran_out_in_review_is_noticed(drill: World, clock: FixedClock) -> None:
    step = submitted(drill, drafted(drill))
    clock.advance(12 * HOUR)
    with pytest.raises(InputError) as error:
        released(drill, step)
    assert [problem.key for problem in error.value.problems] == ["warning.expires.past"]


def test_message_that_would_break_a_rule_is_not_submitted(drill: World) -> None:
    step = drafted(drill, texts={"zh": {"description": "见 <b>附件</b>"}})
    with pytest.raises(InputError) as error:
        submitted(drill, step)
    assert [problem.key for problem in error.value.problems] == ["cap.rule.HTML"]
    assert error.value.problems[0].where["element"] == "info[1]/description"


def test_planned_start_is_kept_and_a_passed_one_moves_to_the_release(drill: World, clock: FixedClock) -> None:
    later = drafted(drill, effective=clock.now() + 3 * HOUR)
    alert = alert_of(drill, released(drill, later))
    assert alert.infos[0].effective == clock.now() + 3 * HOUR
    soon = submitted(drill, drafted(drill, effective=clock.now() + HOUR))
    clock.advance(2 * HOUR)
    assert alert_of(drill, released(drill, soon)).infos[0].effective == clock.now()


def test_two_releases_in_one_second_have_two_names(drill: World) -> None:
    first, second = (released(drill, drafted(drill)) for _ in range(2))
    assert first.message_identifier != second.message_identifier


def test_withdrawn_draft_is_gone_for_good(drill: World) -> None:
    step = submitted(drill, drafted(drill))
    with drill.write(OFFICER) as tx:
        step = actions.withdraw(tx, step.public_id, expected_seq=step.known_seq, reason="误报")
    with pytest.raises(ConflictError):
        submitted(drill, step)
    for reason in ("  ", "x" * 2001):
        with pytest.raises(InputError), drill.write(OFFICER) as tx:
            actions.withdraw(tx, drafted_id(drill), expected_seq=0, reason=reason)


def drafted_id(world: World) -> str:
    with world.read() as connection:
        return queries.warnings(connection, ALL, world.as_of())[0].public_id


# --- the next step ----------------------------------------------------------------------------------------------


def followed(world: World, step: HazardWarning, **changes: object) -> HazardWarning:
    with world.write(OFFICER) as tx:
        return actions.update(tx, step.public_id, expected_seq=step.known_seq, settings=SETTINGS, **changes)  # type: ignore[arg-type]


def test_raising_lowering_and_ending(drill: World, clock: FixedClock) -> None:
    first = released(drill, drafted(drill, level="yellow"))
    clock.advance(HOUR)
    second = followed(drill, first, level="orange", facts={"observed": "11"})
    assert (second.number, second.step, second.previous_id) == (first.number, 2, first.public_id)
    assert second.texts["zh"]["headline"] == "赤壁市麻疹橙色预警（由黄色升级）"
    assert "11" in second.texts["zh"]["description"]
    assert "1.3" in second.texts["zh"]["description"]
    assert look(drill, first.public_id).state == "in_force"
    second = released(drill, second)
    assert [look(drill, item.public_id).state for item in (first, second)] == ["superseded", "in_force"]
    clock.advance(HOUR)
    third = released(drill, followed(drill, second, level="blue"))
    assert third.texts["en"]["headline"].endswith("(lowered from orange)")
    clock.advance(HOUR)
    with drill.write(OFFICER) as tx:
        last = actions.end(
            tx,
            third.public_id,
            expected_seq=third.known_seq,
            settings=SETTINGS,
            reason={"zh": "连续 14 天无新发病例。", "en": "No new case for 14 days."},
        )
    last = released(drill, last)
    alerts = [alert_of(drill, step) for step in (first, second, third, last)]
    assert [str(alert.msg_type) for alert in alerts] == ["Alert", "Update", "Update", "Update"]
    names = [alert.identifier for alert in alerts]
    assert [[item.identifier for item in alert.references] for alert in alerts] == [
        [],
        names[:1],
        names[:2],
        names[:3],
    ]
    over = alerts[-1].infos[0]
    assert over.response_types == (ResponseType.ALL_CLEAR,)
    assert (str(over.urgency), over.headline) == ("Past", "【演练】赤壁市麻疹疫情蓝色预警解除")
    assert "连续 14 天无新发病例。" in over.description
    assert [look(drill, step.public_id).state for step in (first, second, third, last)] == [
        "superseded",
        "superseded",
        "superseded",
        "ended",
    ]
    with drill.read() as connection:
        as_of = drill.as_of()
        assert queries.in_force(connection, ALL, as_of, at=clock.now()) == []
        assert [item.step for item in queries.chain(connection, ALL, as_of, first.public_id)] == [1, 2, 3, 4]
    assert verify(drill, deep=True, deep_checks=[check_message]) == []


def test_update_names_only_messages_that_have_not_run_out(drill: World, clock: FixedClock) -> None:
    first = released(drill, drafted(drill, expires=clock.now() + 2 * HOUR))
    clock.advance(HOUR)
    second = released(drill, followed(drill, first, expires=clock.now() + 9 * HOUR))
    clock.advance(2 * HOUR)
    third = released(drill, followed(drill, second))
    assert [item.identifier for item in alert_of(drill, third).references] == [second.message_identifier]


def test_cancel(drill: World) -> None:
    first = released(drill, drafted(drill))
    with drill.write(OFFICER) as tx:
        last = actions.cancel(
            tx, first.public_id, expected_seq=first.known_seq, settings=SETTINGS, reason="实验室复核为阴性。"
        )
    last = released(drill, last)
    alert = alert_of(drill, last)
    assert (alert.msg_type, [item.identifier for item in alert.references]) == (
        MsgType.CANCEL,
        [first.message_identifier],
    )
    assert [look(drill, item.public_id).state for item in (first, last)] == ["cancelled", "cancelled"]
    with pytest.raises(InputError), drill.write(OFFICER) as tx:
        actions.cancel(tx, first.public_id, expected_seq=first.known_seq, settings=SETTINGS, reason=" ")


def test_one_next_step_at_a_time(drill: World) -> None:
    first = released(drill, drafted(drill))
    step = followed(drill, first)
    with pytest.raises(ConflictError) as error:
        followed(drill, first, level="red")
    assert error.value.key == "warning.step_open"
    with drill.write(OFFICER) as tx:
        actions.withdraw(tx, step.public_id, expected_seq=step.known_seq, reason="不需要")
    assert followed(drill, first, level="red").step == 3


def test_only_a_warning_in_force_has_a_next_step(drill: World) -> None:
    step = drafted(drill)
    with pytest.raises(ConflictError, match="in_force"):
        followed(drill, step)


def test_expiry_happens_once(drill: World, clock: FixedClock) -> None:
    short = released(drill, drafted(drill, expires=clock.now() + HOUR))
    released(drill, drafted(drill))
    assert actions.expire_due(drill) == []
    clock.advance(HOUR)
    with drill.read() as connection:
        assert short.public_id not in {
            item.public_id for item in queries.in_force(connection, ALL, drill.as_of(), at=clock.now())
        }
    head = drill.head()
    assert [item.public_id for item in actions.expire_due(drill)] == [short.public_id]
    assert drill.head() == head + 1
    assert actions.expire_due(drill) == []
    assert drill.head() == head + 1
    assert look(drill, short.public_id).state == "expired"


def test_update_drafted_in_time_may_be_released_just_after(drill: World, clock: FixedClock) -> None:
    first = released(drill, drafted(drill, expires=clock.now() + HOUR))
    step = followed(drill, first, expires=clock.now() + 5 * HOUR)
    clock.advance(HOUR)
    actions.expire_due(drill)
    step = released(drill, step)
    assert [item.identifier for item in alert_of(drill, step).references] == [first.message_identifier]
    assert look(drill, first.public_id).state == "expired"


# --- two at once ------------------------------------------------------------------------------------------------


def test_second_of_two_is_told_who_did_what(drill: World, clock: FixedClock) -> None:
    step = submitted(drill, drafted(drill))
    released(drill, step, by=CHIEF)
    with pytest.raises(ConflictError) as error:
        released(drill, step, by=SECOND_CHIEF)
    values = error.value.values
    assert (values["who"], values["when"]) == ("值班领导乙", clock.now().isoformat())
    assert isinstance(values["what"], Sentence)
    assert values["what"].say("zh") == "发布"
    assert [entry["what"] for entry in values["since"]] == ["warning.released"]  # type: ignore[attr-defined]


def test_two_at_once_give_one_message(drill: World) -> None:
    step = submitted(drill, drafted(drill))
    outcomes: list[str] = []
    barrier = threading.Barrier(3)

    def act(chief: bool) -> None:
        barrier.wait()
        try:
            if chief:
                released(drill, step, by=CHIEF)
            else:
                with drill.write(SECOND_CHIEF) as tx:
                    actions.return_to_draft(tx, step.public_id, expected_seq=step.known_seq, reason="再核")
            outcomes.append("done")
        except AnlanError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=act, args=(chief,)) for chief in (True, False)]
    for thread in threads:
        thread.start()
    barrier.wait()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ConflictError", "done"]
    with drill.read() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(tables.message)).scalar_one()
    assert count == (1 if look(drill, step.public_id).state == "in_force" else 0)
    assert verify(drill, deep=True, deep_checks=[check_message]) == []


def test_every_action_refuses_an_old_version(drill: World) -> None:
    step = submitted(drill, drafted(drill))
    acts: list[Callable[[Tx], object]] = [
        lambda tx: actions.edit(tx, step.public_id, expected_seq=1, settings=SETTINGS),
        lambda tx: actions.submit(tx, step.public_id, expected_seq=1, settings=SETTINGS),
        lambda tx: actions.return_to_draft(tx, step.public_id, expected_seq=1, reason="x"),
        lambda tx: actions.withdraw(tx, step.public_id, expected_seq=1, reason="x"),
        lambda tx: actions.release(tx, step.public_id, expected_seq=1, settings=SETTINGS),
        lambda tx: actions.update(tx, step.public_id, expected_seq=1, settings=SETTINGS),
        lambda tx: actions.end(tx, step.public_id, expected_seq=1, settings=SETTINGS, reason="x"),
        lambda tx: actions.cancel(tx, step.public_id, expected_seq=1, settings=SETTINGS, reason="x"),
    ]
    for act in acts:
        head = drill.head()
        with pytest.raises(ConflictError) as error, drill.write(CHIEF) as tx:
            act(tx)
        assert error.value.key == "warning.changed_since"
        assert drill.head() == head
        with pytest.raises(NotFoundError), drill.write(CHIEF) as tx:
            actions.release(tx, "none", expected_seq=1, settings=SETTINGS)


# --- as of, scope, journal --------------------------------------------------------------------------------------


def test_past_state_stays_what_it_was(drill: World, clock: FixedClock) -> None:
    step = drafted(drill)
    moments = [drill.as_of()]
    step = submitted(drill, step)
    moments.append(drill.as_of())
    step = released(drill, step)
    moments.append(drill.as_of())
    clock.advance(13 * HOUR)
    actions.expire_due(drill)
    moments.append(drill.as_of())
    with drill.read() as connection:
        states = [queries.warning(connection, ALL, as_of, step.public_id).state for as_of in moments]
        counts = [queries.state_counts(connection, ALL, as_of) for as_of in moments]
        sizes = [len(queries.messages(connection, ALL, as_of)) for as_of in moments]
        lengths = [len(queries.history(connection, ALL, as_of, step.public_id)) for as_of in moments]
    assert states == ["draft", "review", "in_force", "expired"]
    assert counts == [{state: 1} for state in states]
    assert sizes == [0, 0, 1, 1]
    assert lengths == [1, 2, 3, 4]


def test_scope_sees_what_concerns_it(drill: World, clock: FixedClock) -> None:
    chibi = released(drill, drafted(drill, area_codes=[CHIBI]))
    both = released(drill, drafted(drill, area_codes=[CHIBI, JIAYU], level="red"))
    city = released(drill, drafted(drill, area_codes=["421200"], level="blue"))

    def seen(*areas: str, sensitivity: int = 1, domains: tuple[str, ...] | None = None) -> set[str]:
        scope = Scope(areas, domains, sensitivity, "test")
        with drill.read() as connection:
            found = queries.in_force(connection, scope, drill.as_of(), at=clock.now())
        return {item.public_id for item in found}

    county = "CN/420000/421200/"
    assert seen(county) == {chibi.public_id, both.public_id, city.public_id}
    assert seen(f"{county}421281/") == {chibi.public_id, both.public_id, city.public_id}
    assert seen(f"{county}421221/") == {both.public_id, city.public_id}
    assert seen(f"{county}421222/") == {city.public_id}
    assert seen("CN/430000/") == set()
    assert seen() == set()
    assert seen(county, sensitivity=-1) == set()
    assert seen(county, domains=("air_quality",)) == set()
    with drill.read() as connection:
        public = Scope(None, None, 0, "public")
        assert len(queries.messages(connection, public, drill.as_of())) == 3


def test_drafts_are_internal_and_what_is_released_is_public(drill: World, clock: FixedClock) -> None:
    public = Scope(None, None, 0, "public page")
    step = submitted(drill, drafted(drill))
    with drill.read() as connection, pytest.raises(NotFoundError):
        queries.warning(connection, public, drill.as_of(), step.public_id)
    step = released(drill, step)
    following = followed(drill, step, level="red")
    with drill.read() as connection:
        as_of = drill.as_of()
        assert [item.public_id for item in queries.in_force(connection, public, as_of, at=clock.now())] == [
            step.public_id
        ]
        assert [item.state for item in queries.history(connection, public, as_of, step.public_id)] == [
            "in_force"
        ]
        assert [item.step for item in queries.chain(connection, public, as_of, step.chain_id)] == [1]
        assert len(queries.history(connection, ALL, as_of, step.public_id)) == 3
    assert following.sensitivity == 1


def test_nothing_is_seen_with_no_scope(drill: World, clock: FixedClock) -> None:
    step = released(drill, drafted(drill))
    with drill.read() as connection:
        as_of = drill.as_of()
        assert queries.in_force(connection, NOTHING, as_of, at=clock.now()) == []
        assert queries.warnings(connection, NOTHING, as_of) == []
        assert queries.hazards(connection, NOTHING, as_of) == []
        assert queries.messages(connection, NOTHING, as_of) == []
        assert queries.history(connection, NOTHING, as_of, step.public_id) == []
        with pytest.raises(NotFoundError):
            queries.message(connection, NOTHING, as_of, step.message_identifier or "")


def test_in_force_is_ordered_by_level_then_by_end(drill: World, clock: FixedClock) -> None:
    made = [
        released(drill, drafted(drill, level=level, expires=clock.now() + hours * HOUR))
        for level, hours in (("yellow", 5), ("red", 9), ("red", 3), ("blue", 1))
    ]
    with drill.read() as connection:
        found = queries.in_force(connection, ALL, drill.as_of(), at=clock.now())
    assert [item.public_id for item in found] == [made[i].public_id for i in (2, 1, 0, 3)]


def test_what_waits_for_this_person(drill: World) -> None:
    by_officer = submitted(drill, drafted(drill))
    by_chief = submitted(drill, drafted(drill, by=CHIEF))
    with drill.read() as connection:
        as_of = drill.as_of()
        assert [item.public_id for item in queries.to_release(connection, ALL, as_of)] == [
            by_officer.public_id,
            by_chief.public_id,
        ]
        mine = queries.to_release(connection, ALL, as_of, person="p-chief")
    assert [item.public_id for item in mine] == [by_officer.public_id]


def test_journal_holds_no_texts_and_no_reasons(drill: World) -> None:
    step = submitted(drill, drafted(drill, texts={"zh": {"headline": "王小明接触者请就医"}}))
    with drill.write(CHIEF) as tx:
        actions.return_to_draft(tx, step.public_id, expected_seq=step.known_seq, reason="勿写王小明")
    with drill.read() as connection:
        told = str([event.data for event in events_after(connection, 0)])
    assert "王小明" not in told


@pytest.mark.parametrize("column", ["cap_bytes", "sha256"])
def test_verify_finds_changed_bytes(drill: World, column: str) -> None:
    released(drill, drafted(drill))
    assert verify(drill, deep=True, deep_checks=[check_message]) == []
    with drill.stage() as connection:
        value = b"<alert/>" if column == "cap_bytes" else "0" * 64
        connection.execute(tables.message.update().values({column: value}))
    assert {finding.kind for finding in verify(drill, deep=True, deep_checks=[check_message])} == {
        "rows",
        "message",
    }
    with drill.stage() as connection:
        connection.execute(tables.message.delete())
    assert "message" in {finding.kind for finding in verify(drill, deep=True, deep_checks=[check_message])}


# --- preview and hazards ----------------------------------------------------------------------------------------


def test_preview_shows_what_will_be_sent(drill: World, clock: FixedClock) -> None:
    step = drafted(drill)
    with drill.read() as connection:
        before = preview(
            connection, ALL, drill.as_of(), step.public_id, world=drill, settings=SETTINGS, at=clock.now()
        )
    assert before.is_fit
    assert not before.released
    step = released(drill, step)
    clock.advance(HOUR)
    with drill.read() as connection:
        after = preview(
            connection, ALL, drill.as_of(), step.public_id, world=drill, settings=SETTINGS, at=clock.now()
        )
    assert after.released
    # What leaves is the same message, signed, without blanks between its elements.
    assert read(after.cap_bytes) == read(before.cap_bytes)


def test_preview_says_what_is_missing(drill: World, clock: FixedClock) -> None:
    step = drafted(drill, facts={}, texts={"en": {"instruction": ""}})
    with drill.read() as connection:
        found = preview(
            connection, ALL, drill.as_of(), step.public_id, world=drill, settings=SETTINGS, at=clock.now()
        )
    assert not found.is_fit
    assert {problem.key for problem in found.problems} == {"warning.text.gap", "warning.text.empty"}


def test_hazards_are_versions_and_installing_again_changes_nothing(drill: World) -> None:
    from anlan.registry.packs import builtin_pack

    pack = builtin_pack("infectious_disease")
    head = drill.head()
    with pytest.raises(RuntimeError, match="say what happened"), drill.write(SYSTEM) as tx:
        assert actions.install_hazards(tx, domain=pack.id, pack_version="9", hazards=pack.hazards) == []
    with pytest.raises(ConflictError), drill.write(SYSTEM) as tx:
        actions.install_hazards(tx, domain="other", pack_version="1", hazards=pack.hazards)
    assert drill.head() == head
    with drill.read() as connection:
        assert [item.code for item in queries.hazards(connection, ALL, drill.as_of(), domain=pack.id)] == [
            "measles",
            "sars",
        ]
        with pytest.raises(NotFoundError):
            queries.hazard(connection, ALL, drill.as_of(), "plague")


def test_facts_stay_the_same_object_of_the_caller() -> None:
    assert FACTS["observed"] == "7"
