"""A desk that works off K signals a week: what its budget lets through, holds back, and says about chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anlan.analysis.actions import apply_budgets, set_alarm_budget
from anlan.analysis.budgets import standings
from anlan.analysis.queries import alarm_budget, alarm_budget_history, alarm_budgets, budget_weeks
from anlan.analysis.running import run_rule
from anlan.errors import ConflictError, InputError
from anlan.store import NOTHING, SYSTEM, AsOf, Scope, events_after, verify

ALL = Scope.everything("test")
NOW = AsOf(10**9)
CHIBI, JIAYU = ("measles", "421281"), ("measles", "421221")
MakeRule = Callable[..., Any]


def _set(city: Any, signals: int, *, seq: int = 0, **more: Any) -> int:
    with city.world.write(SYSTEM) as tx:
        made = set_alarm_budget(tx, "testing", signals_a_week=signals, expected_seq=seq, **more)
    return int(made.known_seq)


def _deliver(city: Any, last: int, chibi: float, jiayu: float) -> None:
    """Thirty weeks of 1, 2, 3 in two counties; then one week with what is given."""
    for key, newest in ((CHIBI, chibi), (JIAYU, jiayu)):
        city.deliver({key: {**{last - back: 1.0 + back % 3 for back in range(1, 31)}, last: newest}})
    run_rule(city.world, "measles.rise")


def _standing(city: Any) -> dict[str, tuple[int, bool]]:
    """Rank and fate of each signal, by area."""
    with city.world.read() as connection:
        found = standings(connection, ALL, NOW)
    return {one.area_code: (found[one.public_id].rank, found[one.public_id].let_through) for one in city.signals()
            if one.public_id in found}  # fmt: skip


def test_the_smallest_p_value_goes_first_and_the_rest_is_held_back(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule(parameters={"threshold": 2.0}))
    _deliver(city, this_week, 9.0, 6.0)
    _set(city, 1, exact=True)
    (week,) = (one for one in apply_budgets(city.world) if one.week == this_week)
    assert (week.judged, week.let_through, week.held_back) == (2, 1, 1)
    assert [place.rank for place in week.places] == [1, 2]
    assert week.p_limit == week.places[0].p_value
    assert week.expected_chance == pytest.approx(2 * week.p_limit)
    assert _standing(city) == {"421281": (1, True), "421221": (2, False)}
    assert len(city.signals()) == 2
    assert verify(city.world, deep=True) == []


def test_the_limit_of_a_week_comes_from_the_weeks_before(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    """Two series, half a signal's worth of limit: with K = 1 a week's limit is the median p-value of the weeks before."""
    city.install(make_measles_rule(parameters={"threshold": 2.0}))
    _deliver(city, this_week, 9.0, 6.0)
    _set(city, 1, trailing_weeks=10)
    (week,) = (one for one in apply_budgets(city.world) if one.week == this_week)
    assert week.p_limit is not None
    assert 0.1 < week.p_limit < 0.9
    assert week.expected_chance == pytest.approx(2 * week.p_limit)
    assert (week.let_through, week.held_back) == (2, 0)
    assert week.calendar.text(week.week) == "2026-W27"


def test_it_is_judged_again_only_when_something_came(
    city: Any, this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule(parameters={"threshold": 2.0}))
    assert apply_budgets(city.world) == []
    _deliver(city, this_week, 9.0, 6.0)
    assert apply_budgets(city.world) == []
    first = _set(city, 1, exact=True)
    apply_budgets(city.world)
    head = city.world.head()
    assert apply_budgets(city.world) == []
    assert city.world.head() == head
    then = city.now()
    city.deliver({JIAYU: {this_week: 40.0}})
    run_rule(city.world, "measles.rise")
    assert {one.week for one in apply_budgets(city.world)} == {this_week}
    assert _standing(city)["421221"] == (1, True)
    with city.world.read() as connection:
        before = budget_weeks(connection, ALL, then, domain="testing")[0]
        assert [place.rule_code for place in before.places] == ["measles.rise"] * 2
        assert (
            before.places[0].series_id
            != budget_weeks(connection, ALL, NOW, domain="testing")[0].places[0].series_id
        )
        assert budget_weeks(connection, NOTHING, NOW, domain="testing") == []
    _set(city, 2, seq=first, exact=True)
    assert {one.held_back for one in apply_budgets(city.world)} == {0}


def test_a_budget_is_a_version_and_can_be_taken_away(city: Any) -> None:
    first = _set(city, 5, note="as agreed on 1 July")
    with pytest.raises(ConflictError):
        _set(city, 6)
    second = _set(city, 0, seq=first)
    with city.world.read() as connection:
        assert alarm_budgets(connection, ALL, NOW) == []
        assert [one.signals_a_week for one in alarm_budget_history(connection, ALL, NOW, "testing")] == [5, 0]
        then = alarm_budget(connection, ALL, AsOf(first), "testing")
        assert then is not None
        assert (then.signals_a_week, then.note, then.by) == (5, "as agreed on 1 July", SYSTEM.id)
        assert alarm_budget(connection, NOTHING, NOW, "testing") is None
        assert [one.kind for one in events_after(connection, 0)][-2:] == ["alarm_budget.set"] * 2
    assert second > first


@pytest.mark.parametrize(
    ("signals", "more"), [(-1, {}), (10_001, {}), (5, {"trailing_weeks": 3}), (5, {"trailing_weeks": 261})]
)
def test_a_budget_that_cannot_be_used(city: Any, signals: int, more: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        _set(city, signals, **more)
    assert len(refused.value.problems) == 1
    with city.world.read() as connection:
        assert alarm_budget(connection, ALL, NOW, "testing") is None
