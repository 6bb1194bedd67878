"""Areas, populations, neighbours, sites and organisations, on both databases."""

from __future__ import annotations

import json
from datetime import date

import pytest

from anlan import datasets
from anlan.errors import ConflictError, InputError, NotFoundError
from anlan.registry import (
    AreaChange,
    NewArea,
    Population,
    add_organisation,
    add_site,
    area,
    area_changes,
    area_index,
    areas,
    children,
    find_areas,
    load_area_changes,
    load_areas,
    load_neighbours,
    load_populations,
    neighbours,
    organisations,
    populations,
    sites,
)
from anlan.store import SYSTEM, Scope, World, verify

ALL = Scope.everything("test")
CITY = "CN/420000/421200/"
CHIBI_ONLY = Scope((f"{CITY}421281/",), None, 1, "test")


def _small() -> list[NewArea]:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}
    return [
        NewArea(
            "421281",
            "421200",
            "county",
            {"zh": "赤壁市", "en": "Chibi City"},
            outline=square,
            lon=113.85,
            lat=29.7,
        ),
        NewArea(
            "421202", "421200", "county", {"zh": "咸安区", "en": "Xian'an District"}, valid_from="1999-01-01"
        ),
        NewArea("421200", "420000", "city", {"zh": "咸宁市", "en": "Xianning City"}),
        NewArea("420000", "CN", "province", {"zh": "湖北省", "en": "Hubei"}, aliases=("湖北",)),
        NewArea("CN", "", "country", {"zh": "中国", "en": "China"}),
    ]


def _load(world: World, loaded: list[NewArea] | None = None) -> list[str]:
    with world.write(SYSTEM) as tx:
        return load_areas(tx, _small() if loaded is None else loaded)


def test_areas_load_with_paths_in_any_order(world: World) -> None:
    assert sorted(_load(world)) == ["420000", "421200", "421202", "421281", "CN"]
    with world.read() as connection:
        found = areas(connection, ALL, world.as_of())
        assert [entry.path for entry in found] == [
            "CN/",
            "CN/420000/",
            CITY,
            f"{CITY}421202/",
            f"{CITY}421281/",
        ]
        chibi = area(connection, ALL, world.as_of(), "421281")
        below = children(connection, ALL, world.as_of(), "421200")
    assert chibi.outline is not None
    assert found[-1].outline is None
    assert [entry.code for entry in below] == ["421202", "421281"]
    assert verify(world, deep=True) == []


def test_loading_again_changes_nothing_and_an_edit_is_a_version(world: World) -> None:
    _load(world)
    before = world.as_of()
    assert _load(world) == []
    renamed = NewArea("421281", "421200", "county", {"zh": "蒲圻市", "en": "Puqi City"})
    assert _load(world, [renamed]) == ["421281"]
    with world.read() as connection:
        assert area(connection, ALL, before, "421281").names["zh"] == "赤壁市"
        assert area(connection, ALL, world.as_of(), "421281").names["zh"] == "蒲圻市"


def test_an_area_that_moves_takes_those_below_with_it(world: World) -> None:
    _load(world)
    moved = [
        NewArea("430000", "CN", "province", {"zh": "湖南省"}),
        NewArea("421200", "430000", "city", {"zh": "咸宁市", "en": "Xianning City"}),
    ]
    assert sorted(_load(world, moved)) == ["421200", "421202", "421281", "430000"]
    with world.read() as connection:
        assert area(connection, ALL, world.as_of(), "421281").path == "CN/430000/421200/421281/"


def test_all_problems_of_a_load_are_listed_and_nothing_is_loaded(world: World) -> None:
    bad = [
        NewArea("a", "b", "county", {"zh": "甲"}),
        NewArea("b", "a", "county", {"zh": "乙"}),
        NewArea("c", "nowhere", "village", {}, valid_from="2024-02-30"),
        NewArea("../d", "", "country", {"zh": "丁"}),
    ]
    with pytest.raises(InputError) as caught:
        _load(world, bad)
    keys = sorted(problem.key for problem in caught.value.problems)
    assert keys == [
        "area.circle", "area.circle", "area.code", "area.date", "area.kind", "area.no_name", "area.parent_unknown"
    ]  # fmt: skip
    assert world.head() == 0


def test_a_scope_sees_its_areas_and_those_above(world: World) -> None:
    _load(world)
    with world.read() as connection:
        codes = [entry.code for entry in areas(connection, CHIBI_ONLY, world.as_of())]
        assert codes == ["CN", "420000", "421200", "421281"]
        with pytest.raises(NotFoundError):
            area(connection, CHIBI_ONLY, world.as_of(), "421202")
        nothing = Scope((), None, 1, "test")
        assert areas(connection, nothing, world.as_of()) == []


def test_validity_dates(world: World) -> None:
    _load(world)
    with world.read() as connection:
        then = areas(connection, ALL, world.as_of(), on=date(1990, 1, 1), kinds=("county",))
        today = areas(connection, ALL, world.as_of(), on=date(2024, 1, 1), kinds=("county",), within=CITY)
    assert [entry.code for entry in then] == ["421281"]
    assert [entry.code for entry in today] == ["421202", "421281"]


def test_neighbours_hold_in_both_directions_and_can_be_removed(world: World) -> None:
    _load(world)
    with world.write(SYSTEM) as tx:
        assert load_neighbours(tx, [("421202", "421281"), ("421200", "421281")]) == 4
    with world.write(SYSTEM) as tx:
        assert load_neighbours(tx, [("421281", "421202"), ("421200", "421202")]) == 4
    with world.read() as connection:
        now = world.as_of()
        assert neighbours(connection, ALL, now, "421202") == ["421200", "421281"]
        assert neighbours(connection, ALL, now, "421281") == ["421202"]
        assert neighbours(connection, CHIBI_ONLY, now, "421281") == ["421202"]
        assert neighbours(connection, CHIBI_ONLY, now, "421202") == []
    with pytest.raises(InputError, match="unknown areas: 999"), world.write(SYSTEM) as tx:
        load_neighbours(tx, [("421202", "999")])
    with pytest.raises(InputError, match="own neighbour"), world.write(SYSTEM) as tx:
        load_neighbours(tx, [("421202", "421202")])


def test_dated_populations_and_area_changes(world: World) -> None:
    _load(world)
    with world.write(SYSTEM) as tx:
        counted = [Population("421281", "2020-11-01", 100), Population("421281", "2010-11-01", 90)]
        assert load_populations(tx, counted) == 2
        change = AreaChange("421201", "421281", "1998-06-11", "recoded")
    with world.write(SYSTEM) as tx:
        assert (
            load_populations(
                tx, [Population("421281", "2020-11-01", 100), Population("421281", "2010-11-01", 91)]
            )
            == 1
        )
    with world.write(SYSTEM) as tx:
        assert load_area_changes(tx, [change]) == 1
    with world.read() as connection:
        now = world.as_of()
        assert [entry.value for entry in populations(connection, ALL, now, "421281")] == [91, 100]
        assert area_changes(connection, CHIBI_ONLY, now, "421281") == [change]
        assert area_changes(connection, CHIBI_ONLY, now, "421202") == []
    with pytest.raises(InputError) as caught, world.write(SYSTEM) as tx:
        load_populations(tx, [Population("nowhere", "2020-11-01", 1), Population("421281", "2020", -1)])
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="kind must be"), world.write(SYSTEM) as tx:
        load_area_changes(tx, [AreaChange("a", "b", "2020-01-01", "vanished")])


def test_sites_and_organisations(world: World) -> None:
    _load(world)
    with world.write(SYSTEM) as tx:
        add_site(
            tx, code="air-1", names={"zh": "温泉站"}, kind="station", area_code="421202", domain="air_quality"
        )
    with world.write(SYSTEM) as tx:
        add_organisation(tx, code="cdc", names={"zh": "市疾控中心"}, area_code="421200")
    with world.read() as connection:
        now = world.as_of()
        assert [entry.area_path for entry in sites(connection, ALL, now)] == [f"{CITY}421202/"]
        assert sites(connection, CHIBI_ONLY, now) == []
        assert [entry.code for entry in organisations(connection, ALL, now)] == ["cdc"]
    with pytest.raises(ConflictError, match="exists already"), world.write(SYSTEM) as tx:
        add_organisation(tx, code="cdc", names={"zh": "又一个"}, area_code="421200")
    with pytest.raises(InputError, match="no area '999'"), world.write(SYSTEM) as tx:
        add_site(tx, code="air-2", names={"zh": "站"}, kind="station", area_code="999", domain="air_quality")


def test_the_index_finds_what_deliveries_write(world: World) -> None:
    _load(world)
    with world.read() as connection:
        index = area_index(connection, ALL, world.as_of())
    for text in ("421281", "４２１２８１", " 赤壁市 ", "赤壁", "Chibi City", "CHIBI", "chibi  city"):
        found = index.one(text)
        assert found is not None
        assert found.code == "421281", text
    assert index.one("湖北") is not None
    assert index.one("赤壁", within="CN/430000/") is None
    assert index.one("赤壁", kinds=["township"]) is None
    assert index.one("") is None
    assert "赤壁市" in index.near("赤璧市")


def test_the_areas_of_the_demo_load_and_short_names_that_fit_twice_are_a_question(world: World) -> None:
    rows = list(datasets.areas().rows())
    _load(
        world,
        [
            NewArea(
                row["code"],
                row["parent"],
                row["kind"],
                {language: row[f"name_{language}"] for language in ("zh", "en") if row[f"name_{language}"]},
                tuple(alias for alias in row["aliases"].split(";") if alias),
                float(row["lon"]) if row["lon"] else None,
                float(row["lat"]) if row["lat"] else None,
            )
            for row in rows
        ],
    )
    with world.read() as connection:
        index = area_index(connection, ALL, world.as_of())
        found = find_areas(connection, ALL, world.as_of(), "赤")
    assert len(index.by_code) == len(rows)
    # A county and a prefecture in the neighbourhood share the name; the delivery must say which.
    assert {entry.code for entry in index.find("岳阳")} == {"430600", "430621"}
    assert index.one("岳阳", kinds=("county",)) is not None
    assert index.one("Bundesgebiet") is not None
    assert "421281" in {entry.code for entry in found}
    assert json.dumps(sorted(index.by_code))
