"""Whoever may see nothing gets nothing from any question, whatever it is."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from anlan.errors import NotFoundError
from anlan.registry import (
    NewArea,
    Population,
    RoleGrant,
    add_organisation,
    add_person,
    add_site,
    builtin_pack,
    install_pack,
    load_areas,
    load_neighbours,
    load_populations,
    queries,
)
from anlan.store import NOTHING, SYSTEM, Scope, World

ALL = Scope.everything("test")


@pytest.fixture
def furnished(world: World) -> tuple[World, str]:
    """A world with one of everything; returns it with the id of a person."""
    with world.write(SYSTEM) as tx:
        load_areas(
            tx,
            [
                NewArea("CN", "", "country", {"zh": "中国"}),
                NewArea("421200", "CN", "city", {"zh": "咸宁市"}),
                NewArea("421100", "CN", "city", {"zh": "黄冈市"}),
            ],
        )
    with world.write(SYSTEM) as tx:
        load_neighbours(tx, [("421200", "421100")])
        load_populations(tx, [Population("421200", "2020-11-01", 1)])
        install_pack(tx, builtin_pack("air_quality"))
        add_site(tx, code="s", names={"zh": "站"}, kind="station", area_code="421200", domain="air_quality")
        add_organisation(tx, code="o", names={"zh": "局"}, area_code="421200")
        person_id = add_person(tx, {"zh": "王芳"}, [RoleGrant("viewer")])
    return world, person_id


def _arguments(name: str, person_id: str) -> dict[str, Any]:
    known = {"code": "CN" if name == "children" else "421200", "public_id": person_id, "text": "咸宁"}
    if name in ("indicator", "source"):
        known["code"] = {"indicator": "air.composite_index", "source": "city.published.yearly"}[name]
    parameters = inspect.signature(getattr(queries, name)).parameters.values()
    return {entry.name: known[entry.name] for entry in parameters if entry.name in known}


@pytest.mark.parametrize("name", queries.__all__)
def test_nothing_sees_nothing_and_everything_something(furnished: tuple[World, str], name: str) -> None:
    world, person_id = furnished
    arguments = _arguments(name, person_id)
    question = getattr(queries, name)
    with world.read() as connection:
        found = question(connection, ALL, world.as_of(), **arguments)
        assert (found.by_code if name == "area_index" else found) or name == "area_changes"
        try:
            hidden = question(connection, NOTHING, world.as_of(), **arguments)
        except NotFoundError:
            return
    assert not (hidden.by_code if name == "area_index" else hidden)
