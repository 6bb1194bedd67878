"""Installing packs into the registry: versions, local edits, retirement, scope. On both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anlan.errors import ConflictError, InputError, NotFoundError, ParameterError
from anlan.registry import (
    NewArea,
    Pack,
    PackReport,
    builtin_pack,
    edit_indicator,
    edit_source,
    indicator,
    indicators,
    install_pack,
    installed_packs,
    load_areas,
    source,
    sources,
)
from anlan.store import SYSTEM, Scope, World, verify

ALL = Scope.everything("test")


def _air() -> Pack:
    return builtin_pack("air_quality")


def _install(world: World, pack: Pack) -> PackReport:
    with world.write(SYSTEM) as tx:
        return install_pack(tx, pack)


def _load_city(world: World) -> None:
    with world.write(SYSTEM) as tx:
        load_areas(
            tx,
            [NewArea("CN", "", "country", {"zh": "中国"}), NewArea("421200", "CN", "city", {"zh": "咸宁市"})],
        )


def _newer(pack: Pack, **values: object) -> Pack:
    first = replace(pack.indicators[0], **values)  # type: ignore[arg-type]
    return replace(pack, version="0.2.0", digest="f" * 64, indicators=(first, *pack.indicators[1:]))


def test_a_pack_brings_indicators_and_sources(world: World) -> None:
    _load_city(world)
    report = _install(world, _air())
    expected = {entry.code for entry in _air().indicators} | {entry.code for entry in _air().sources}
    assert set(report.new) == expected
    with world.read() as connection:
        now = world.as_of()
        pm25 = indicator(connection, ALL, now, "air.pm25_annual_mean")
        yearly = source(connection, ALL, now, "city.published.yearly")
        kept = installed_packs(connection, ALL, now)[0]
    assert pm25.calendar == _air().indicators[2].calendar
    assert (pm25.unit, pm25.domain, pm25.sensitivity, pm25.decimals) == ("µg/m³", "air_quality", 0, 1)
    assert yearly.area_path == "CN/421200/"
    assert (yearly.step, yearly.due_after_hours) == ("year", 4380)
    assert kept.digest == _air().digest
    assert kept.content["rules"][0]["code"] == "pm25.annual.gb3095_2012"
    assert verify(world, deep=True) == []


def test_installing_the_same_pack_again_changes_nothing(world: World) -> None:
    _install(world, _air())
    report = _install(world, _air())
    assert report == PackReport("air_quality", "0.1.0")


def test_a_newer_pack_changes_what_was_not_edited_here(world: World) -> None:
    _install(world, _air())
    before = world.as_of()
    report = _install(world, _newer(_air(), decimals=3))
    assert report.changed == ("air.composite_index",)
    with world.read() as connection:
        assert indicator(connection, ALL, before, "air.composite_index").decimals == 2
        assert indicator(connection, ALL, world.as_of(), "air.composite_index").decimals == 3


def test_a_local_edit_survives_every_newer_pack_and_the_report_says_what_differs(world: World) -> None:
    _install(world, _air())
    with world.read() as connection:
        seen = indicator(connection, ALL, world.as_of(), "air.composite_index")
    with world.write(SYSTEM) as tx:
        edit_indicator(tx, seen.code, expected_seq=seen.known_seq, decimals=1)
    report = _install(world, _newer(_air(), decimals=3))
    assert report.kept == ("air.composite_index",)
    assert [(found.field, found.here, found.pack) for found in report.differences] == [("decimals", 1, 3)]
    with world.read() as connection:
        assert indicator(connection, ALL, world.as_of(), "air.composite_index").decimals == 1


def test_what_a_newer_pack_no_longer_has_is_retired_and_still_readable(world: World) -> None:
    _install(world, _air())
    smaller = replace(_air(), version="0.2.0", digest="e" * 64, indicators=_air().indicators[1:])
    assert _install(world, smaller).retired == ("air.composite_index",)
    with world.read() as connection:
        now = world.as_of()
        assert "air.composite_index" not in [entry.code for entry in indicators(connection, ALL, now)]
        assert indicator(connection, ALL, now, "air.composite_index").retired


def test_an_older_pack_and_a_taken_code_are_refused(world: World) -> None:
    _install(world, _newer(_air()))
    with pytest.raises(ConflictError, match="newer"):
        _install(world, _air())
    with pytest.raises(ConflictError, match="belongs to the pack air_quality"):
        _install(world, replace(_air(), id="other"))


def test_editing_a_source_and_the_ways_it_fails(world: World) -> None:
    _load_city(world)
    _install(world, _air())
    with world.read() as connection:
        seen = source(connection, ALL, world.as_of(), "city.published.yearly")
    rhythm = {"step": "year", "due_after_hours": 24, "grace_hours": 1}
    with world.write(SYSTEM) as tx:
        edit_source(tx, seen.code, expected_seq=seen.known_seq, rhythm=rhythm, area_code="CN")
    with world.read() as connection:
        edited = source(connection, ALL, world.as_of(), seen.code)
    assert (edited.due_after_hours, edited.area_path, edited.local_edit) == (24, "CN/", True)
    with pytest.raises(ConflictError, match="look again"), world.write(SYSTEM) as tx:
        edit_source(tx, seen.code, expected_seq=seen.known_seq, retired=True)
    with pytest.raises(ParameterError, match="Got pack_id"), world.write(SYSTEM) as tx:
        edit_source(tx, seen.code, expected_seq=edited.known_seq, pack_id="x")
    with pytest.raises(InputError, match="a rhythm has step"), world.write(SYSTEM) as tx:
        edit_source(tx, seen.code, expected_seq=edited.known_seq, rhythm={"step": "year"})
    with pytest.raises(NotFoundError), world.write(SYSTEM) as tx:
        edit_source(tx, "nowhere", expected_seq=1, retired=True)


def test_scope_by_domain_sensitivity_and_area(world: World) -> None:
    _load_city(world)
    _install(world, _air())
    _install(world, builtin_pack("infectious_disease"))
    air = Scope(None, ("air_quality",), 3, "test")
    public = Scope(None, None, 0, "test")
    elsewhere = Scope(("CN/999/",), None, 3, "test")
    with world.read() as connection:
        now = world.as_of()
        assert {entry.domain for entry in indicators(connection, air, now)} == {"air_quality"}
        assert [entry.pack_id for entry in installed_packs(connection, air, now)] == ["air_quality"]
        everything = {entry.code for entry in indicators(connection, ALL, now)}
        # Weekly county counts are internal; all others are public.
        assert everything - {entry.code for entry in indicators(connection, public, now)} == {
            "disease.measles.weekly"
        }
        assert sources(connection, elsewhere, now) == []
        assert len(sources(connection, ALL, now, domain="infectious_disease")) == 4
        with pytest.raises(NotFoundError):
            indicator(connection, public, now, "disease.measles.weekly")
