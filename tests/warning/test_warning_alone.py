"""Drawn warnings, release by one person alone, and the question before a warning runs out, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from warning_worlds import (
    ALL,
    CHIBI,
    CHIEF,
    JIAYU,
    OFFICER,
    SETTINGS,
    alert_of,
    drafted,
    furnish,
    look,
    released,
    submitted,
)

from anlan.errors import ConflictError, ForbiddenError, InputError
from anlan.store import FixedClock, World, events_after, verify
from anlan.warning import HazardWarning, actions, queries
from anlan.warning.shapes import circle, read_geojson

CHIBI_TOWN = circle((29.72, 113.90), 2.0)
NOWHERE = circle((40.0, 100.0), 2.0)


@pytest.fixture
def drill(exercise: World) -> World:
    return furnish(exercise)


def edited(world: World, step: HazardWarning, **changes: object) -> HazardWarning:
    with world.write(OFFICER) as tx:
        return actions.edit(
            tx,
            step.public_id,
            expected_seq=step.known_seq,
            settings=SETTINGS,
            **changes,  # type: ignore[arg-type]
        )


def kinds(world: World) -> list[str]:
    with world.read() as connection:
        return [event.kind for event in events_after(connection, 0)]


# --- drawn ------------------------------------------------------------------------------------------------------


def test_a_drawn_warning_holds_for_its_shapes_alone(drill: World) -> None:
    step = drafted(drill, area_codes=[], shapes=[CHIBI_TOWN])
    assert step.area_codes == (CHIBI,)
    assert step.texts["zh"]["headline"] == "赤壁市部分区域麻疹橙色预警"
    assert "parts of Chibi City" in step.texts["en"]["headline"]
    sent = alert_of(drill, released(drill, step))
    (area,) = sent.infos[0].areas
    assert (area.polygons, area.geocodes) == ((), ())
    assert area.circles == (CHIBI_TOWN.circle,)
    assert ("part_of_area", CHIBI) in {(one.name, one.value) for one in sent.infos[0].parameters}
    assert look(drill, step.public_id).shapes == (CHIBI_TOWN,)
    assert verify(drill, deep=True) == []


def test_shapes_over_a_line_concern_both_sides(drill: World) -> None:
    step = drafted(drill, area_codes=[], shapes=[circle((29.85, 113.92), 25.0)])
    assert {CHIBI, JIAYU} <= set(step.area_codes)
    assert step.area_path == "CN/420000/421200/"


def test_areas_and_shapes_replace_each_other(drill: World) -> None:
    step = drafted(drill)
    drawn = edited(drill, step, shapes=[CHIBI_TOWN])
    assert (drawn.shapes, drawn.area_codes) == ((CHIBI_TOWN,), (CHIBI,))
    kept = edited(drill, drawn, level="red")
    assert kept.shapes == (CHIBI_TOWN,)
    whole = edited(drill, kept, area_codes=[JIAYU])
    assert (whole.shapes, whole.area_codes) == ((), (JIAYU,))
    assert "部分区域" not in whole.texts["zh"]["headline"]


def test_an_update_takes_the_shapes_over(drill: World) -> None:
    first = released(drill, drafted(drill, area_codes=[], shapes=[CHIBI_TOWN]))
    with drill.write(OFFICER) as tx:
        step = actions.update(tx, first.public_id, expected_seq=first.known_seq, settings=SETTINGS)
    assert step.shapes == (CHIBI_TOWN,)


def test_a_drawing_outside_of_all_areas_is_refused(drill: World) -> None:
    with pytest.raises(InputError) as error:
        drafted(drill, area_codes=[], shapes=[NOWHERE])
    assert [problem.key for problem in error.value.problems] == ["warning.shape.nowhere"]


def test_a_drawn_polygon_passes_the_check_of_messages(drill: World) -> None:
    ring = [[113.85, 29.70], [113.95, 29.70], [113.95, 29.78], [113.85, 29.70]]
    shapes = read_geojson({"type": "Polygon", "coordinates": [ring]})
    sent = alert_of(drill, released(drill, drafted(drill, area_codes=[], shapes=shapes)))
    assert sent.infos[0].areas[0].polygons == (shapes[0].ring,)


# --- alone ------------------------------------------------------------------------------------------------------


def alone(world: World, step: HazardWarning, why: str = "无第二人可联系") -> HazardWarning:
    with world.write(OFFICER) as tx:
        return actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=SETTINGS, alone=why)


def test_an_author_releases_a_draft_alone_and_another_reviews_it(drill: World) -> None:
    step = alone(drill, drafted(drill))
    assert (step.state, step.released_by, step.alone_reason) == ("in_force", OFFICER.id, "无第二人可联系")
    sent = alert_of(drill, step)
    with drill.read() as connection:
        as_of = drill.as_of()
        assert [one.public_id for one in queries.to_review(connection, ALL, as_of)] == [step.public_id]
        assert queries.to_review(connection, ALL, as_of, person=OFFICER.id) == []
    with pytest.raises(ForbiddenError), drill.write(OFFICER) as tx:
        actions.review_release(tx, step.public_id, expected_seq=step.known_seq, said="对")
    with pytest.raises(InputError), drill.write(CHIEF) as tx:
        actions.review_release(tx, step.public_id, expected_seq=step.known_seq, said=" ")
    with drill.write(CHIEF) as tx:
        after = actions.review_release(tx, step.public_id, expected_seq=step.known_seq, said="同意")
    assert (after.reviewed_by, after.review, after.state) == (CHIEF.id, "同意", "in_force")
    assert alert_of(drill, after) == sent
    with drill.read() as connection:
        assert queries.to_review(connection, ALL, drill.as_of()) == []
    with pytest.raises(ConflictError), drill.write(CHIEF) as tx:
        actions.review_release(tx, step.public_id, expected_seq=after.known_seq, said="again")
    assert verify(drill, deep=True) == []


def test_alone_needs_a_reason_and_a_fit_text(drill: World) -> None:
    with pytest.raises(InputError):
        alone(drill, drafted(drill), "  ")
    with pytest.raises(InputError):
        alone(drill, drafted(drill, facts={}))
    assert "warning.released" not in kinds(drill)


def test_without_the_emergency_two_persons_stay_two(drill: World) -> None:
    step = submitted(drill, drafted(drill))
    with pytest.raises(ForbiddenError), drill.write(OFFICER) as tx:
        actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=SETTINGS)
    assert released(drill, step).alone_reason is None


# --- running out ------------------------------------------------------------------------------------------------


def test_a_warning_is_asked_about_once_before_it_runs_out(drill: World, clock: FixedClock) -> None:
    step = released(drill, drafted(drill))
    assert actions.ask_before_expiry(drill) == []
    clock.moment = step.expires - timedelta(minutes=59)
    assert [one.public_id for one in actions.ask_before_expiry(drill)] == [step.public_id]
    head = drill.head()
    assert actions.ask_before_expiry(drill) == []
    assert drill.head() == head
    clock.moment = step.expires
    assert actions.ask_before_expiry(drill) == []
    assert kinds(drill).count("warning.runs_out") == 1
