"""Rules as versions: installed from packs, proposed and approved by two people, and refused with every problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from anlan.analysis.actions import activate_rule, copy_rule, install_rules, propose_rule, retire_rule
from anlan.analysis.queries import rule, rule_authors, rule_versions, rules, signal_counts, signals
from anlan.analysis.rulebook import check_rule
from anlan.analysis.running import run_rule
from anlan.analysis.types import Rule, Selector, SignalCounts
from anlan.errors import ConfigurationError, ConflictError, ForbiddenError, NotFoundError
from anlan.registry.packs import builtin_pack, builtin_packs
from anlan.store import NOTHING, SYSTEM, Actor, AsOf, Scope, events_after

EVERYTHING = Scope.everything("test")
NOW = AsOf(10**9)
MakeRule = Callable[..., Any]
ANNE = Actor("person", "p-anne", "Anne")
BO = Actor("person", "p-bo", "博")


def _rule(city: Any, code: str = "measles.rise", **more: Any) -> Rule:
    with city.world.read() as connection:
        return rule(connection, EVERYTHING, NOW, code, **more)


def _active(city: Any) -> list[tuple[str, int]]:
    with city.world.read() as connection:
        return [(one.code, one.version) for one in rules(connection, EVERYTHING, NOW, state="active")]


def _install(city: Any, *given: Any, version: str = "1.1.0") -> Any:
    with city.world.write(SYSTEM) as tx:
        report = install_rules(tx, given, pack_id="testing", pack_version=version)
        tx.event("test.installed")
    return report


def test_installing_twice_changes_nothing(city: Any, make_measles_rule: MakeRule) -> None:
    (made,) = city.install(make_measles_rule())
    assert (made.version, made.state, made.kind, made.local_edit) == (1, "active", "detector", False)
    report = _install(city, make_measles_rule())
    assert (report.new, report.changed, report.retired, report.kept) == ((), (), (), ())
    assert _rule(city) == made


def test_an_upgrade_makes_versions_and_retires_what_is_gone(city: Any, make_measles_rule: MakeRule) -> None:
    city.install(make_measles_rule(), make_measles_rule(code="measles.old"))
    report = _install(city, make_measles_rule(extend_days=7), make_measles_rule(code="measles.new"))
    assert (report.changed, report.new, report.retired) == (
        ("measles.rise",),
        ("measles.new",),
        ("measles.old",),
    )
    assert _active(city) == [("measles.new", 1), ("measles.rise", 2)]
    assert _rule(city, version=1).extend_days == 14
    _install(city, make_measles_rule(extend_days=7), make_measles_rule(code="measles.old"), version="1.2.0")
    assert ("measles.old", 2) in _active(city)


def test_two_people_change_a_rule_and_an_upgrade_leaves_it(city: Any, make_measles_rule: MakeRule) -> None:
    (first,) = city.install(make_measles_rule())
    with city.world.write(ANNE) as tx:
        wanted = replace(first, parameters={"threshold": 4.0}, note="fewer false alarms")
        proposed = propose_rule(tx, wanted, expected_seq=first.known_seq)
    assert (proposed.version, proposed.state, proposed.local_edit) == (2, "proposed", True)
    assert _active(city) == [("measles.rise", 1)]
    with pytest.raises(ForbiddenError), city.world.write(ANNE) as tx:
        activate_rule(tx, "measles.rise", expected_seq=proposed.known_seq)
    with city.world.write(BO) as tx:
        active = activate_rule(tx, "measles.rise", expected_seq=proposed.known_seq)
    assert _active(city) == [("measles.rise", 2)]
    assert active.parameters == {"threshold": 4.0}
    report = _install(city, make_measles_rule(extend_days=7))
    assert report.kept == ("measles.rise",)
    assert {difference.field for difference in report.differences} == {"parameters", "extend_days"}
    assert _active(city) == [("measles.rise", 2)]
    with city.world.read() as connection:
        assert [one.state for one in rule_versions(connection, EVERYTHING, NOW, "measles.rise")] == [
            "active", "proposed", "active",
        ]  # fmt: skip
        kinds = [one.kind for one in events_after(connection, 0) if one.kind.startswith("rule.")]
    assert kinds == ["rule.installed", "rule.proposed", "rule.activated"]


def test_a_dropped_proposal_leaves_the_active_version(city: Any, make_measles_rule: MakeRule) -> None:
    (first,) = city.install(make_measles_rule())
    with city.world.write(ANNE) as tx:
        proposed = propose_rule(tx, replace(first, extend_days=1), expected_seq=first.known_seq)
    run_rule(city.world, "measles.rise")
    with city.world.write(BO) as tx:
        retire_rule(tx, "measles.rise", expected_seq=proposed.known_seq, note="no")
    assert _active(city) == [("measles.rise", 1)]
    assert not run_rule(city.world, "measles.rise")[0].wrote


def test_somebody_who_looked_at_an_old_version_is_told(city: Any, make_measles_rule: MakeRule) -> None:
    (first,) = city.install(make_measles_rule())
    with city.world.write(BO) as tx:
        retire_rule(tx, "measles.rise", expected_seq=first.known_seq)
    with pytest.raises(ConflictError, match=r"博: rule\.retired"), city.world.write(ANNE) as tx:
        propose_rule(tx, first, expected_seq=first.known_seq)
    assert _active(city) == []
    with pytest.raises(ConflictError, match="retired already"), city.world.write(BO) as tx:
        retire_rule(tx, "measles.rise", expected_seq=_rule(city).known_seq)


def test_a_rule_of_one_pack_is_not_taken_by_another(city: Any, make_measles_rule: MakeRule) -> None:
    city.install(make_measles_rule())
    with pytest.raises(ConflictError, match="belongs to the pack 'testing'"), city.world.write(SYSTEM) as tx:
        install_rules(tx, [make_measles_rule()], pack_id="other", pack_version="1.0.0")


def test_rules_outside_the_scope_do_not_exist(city: Any, make_measles_rule: MakeRule) -> None:
    city.install(make_measles_rule())
    with city.world.read() as connection:
        for scope in (NOTHING, Scope(None, ("air_quality",), 3, "test")):
            assert rules(connection, scope, NOW) == []
            assert rules(connection, scope, NOW, state="active") == []
            with pytest.raises(NotFoundError, match="none"):
                rule(connection, scope, NOW, "measles.rise")
        assert len(rules(connection, EVERYTHING, NOW, indicator="measles", domain="testing")) == 1
        assert rules(connection, EVERYTHING, NOW, indicator="river.level") == []


GOOD = Rule(
    code="own", kind="detector", domain="testing", names={"zh": "甲", "en": "A"}, method="ears_c1", parameters={},
    selector=Selector(indicators=("measles",)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"code": "silence"}, {"code"}),
        ({"names": {"zh": "甲"}}, {"names.en"}),
        ({"method": "magic"}, {"method"}),
        ({"parameters": {"alfa": 1}}, {"parameters.alfa"}),
        ({"parameters": {"baseline": 2}}, {"parameters.baseline"}),
        ({"kind": "limit", "method": "limit"}, {"parameters"}),
        ({"kind": "limit"}, {"kind"}),
        ({"kind": "silence", "method": "silence"}, {"selector.sources", "selector.indicators"}),
        ({"selector": Selector()}, {"selector.indicators"}),
        ({"levels": (("red", 0.0), ("blue", 1.0))}, {"levels"}),
        ({"levels": (("blue", 1.0), ("red", 1.0))}, {"levels"}),
        ({"levels": ()}, {"levels"}),
        ({"extend_days": -1, "evaluate_last": -1}, {"extend_days", "evaluate_last"}),
        ({"valid_from": "2026-13-01"}, {"valid_from"}),
        ({"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, {"valid_to"}),
    ],
)
def test_every_problem_of_a_rule_is_reported(changes: dict[str, Any], fields: set[str]) -> None:
    assert check_rule(GOOD) == GOOD
    with pytest.raises(ConfigurationError) as refused:
        check_rule(replace(GOOD, **changes))
    assert {problem.where["field"] for problem in refused.value.problems} == fields


def test_the_validity_of_a_rule_bounds_the_periods(
    city: Any, quiet_weeks: dict[int, float | None], this_week: int, make_measles_rule: MakeRule
) -> None:
    city.install(make_measles_rule(valid_from="2026-07-01"))
    city.deliver({("measles", "421281"): {**quiet_weeks, this_week: 7.0}})
    (report,) = run_rule(city.world, "measles.rise")  # 2026-W27 begins on 29 June
    assert (report.raised, report.reasons) == ((), {"not_valid_then": 12})


@pytest.mark.parametrize("pack_id", builtin_packs())
def test_the_rules_of_the_built_in_packs_can_be_installed(city: Any, pack_id: str) -> None:
    pack = builtin_pack(pack_id)
    with city.world.write(SYSTEM) as tx:
        report = install_rules(tx, pack.rules, pack_id=pack.id, pack_version=pack.version)
    assert sorted(report.new) == sorted(one.code for one in pack.rules)


def test_a_copy_of_a_rule_belongs_to_no_pack_and_stays(city: Any, make_measles_rule: MakeRule) -> None:
    """Neither an upgrade that drops the original, nor a pack that brings the same code, touches it."""
    (first,) = city.install(make_measles_rule())
    wanted = copy_rule(first, code="own.measles", names={"zh": "本地麻疹", "en": "Own measles"})
    with city.world.write(ANNE) as tx:
        proposed = propose_rule(tx, wanted, expected_seq=0)
    with city.world.write(BO) as tx:
        activate_rule(tx, "own.measles", expected_seq=proposed.known_seq)
    kept = _rule(city, "own.measles")
    assert (kept.version, kept.pack_id, kept.parameters) == (1, "", first.parameters)
    report = _install(city, make_measles_rule(code="own.measles", extend_days=3))
    assert (report.kept, report.retired) == (("own.measles",), ("measles.rise",))
    assert _rule(city, "own.measles") == kept
    assert _active(city) == [("own.measles", 1)]
    with pytest.raises(ConfigurationError):
        copy_rule(first, code="silence", names={"zh": "甲", "en": "A"})


def test_who_wrote_each_version_and_what_it_signalled(
    city: Any, quiet_weeks: dict[int, float | None], this_week: int, make_measles_rule: MakeRule
) -> None:
    (first,) = city.install(make_measles_rule())
    city.deliver({("measles", "421281"): {**quiet_weeks, this_week: 7.0}})
    run_rule(city.world, "measles.rise")
    with city.world.write(ANNE) as tx:
        proposed = propose_rule(tx, replace(first, extend_days=1), expected_seq=first.known_seq)
    with city.world.write(BO) as tx:
        activate_rule(tx, "measles.rise", expected_seq=proposed.known_seq)
    city.deliver({("measles", "421281"): {this_week + 1: 30.0}})
    run_rule(city.world, "measles.rise")
    with city.world.read() as connection:
        steps = rule_authors(connection, EVERYTHING, NOW, "measles.rise")
        counts = signal_counts(connection, EVERYTHING, NOW, since=city.clock.now())
        none_since = signal_counts(
            connection, EVERYTHING, NOW, since=city.clock.now() + timedelta(days=1), rule_code="measles.rise"
        )
        by_version = [
            [
                one.rule_version
                for one in signals(connection, EVERYTHING, NOW, rule_code="measles.rise", rule_version=n)
            ]
            for n in (1, 2)
        ]
    assert [step.by for _, step in sorted(steps.items())][1:] == ["p-anne", "p-bo"]
    assert counts == {("measles.rise", 1): SignalCounts(1, 1), ("measles.rise", 2): SignalCounts(1, 1)}
    assert none_since["measles.rise", 1] == SignalCounts(1, 0)
    assert by_version == [[1], [2]]
