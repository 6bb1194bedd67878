"""Reading the newest versions as of a sequence: the parts that statements share are built once, and answer rightly."""

from __future__ import annotations

import sqlalchemy as sa

from anlan.registry import load_areas
from anlan.registry import tables as registry_tables
from anlan.registry.types import NewArea
from anlan.store import SYSTEM, World, latest, newer_rows


def _load(world: World, name: str) -> int:
    with world.write(SYSTEM) as tx:
        load_areas(tx, [NewArea("CN", "", "country", {"zh": name, "en": name})])
    return world.head()


def _name(world: World, seq: int) -> str | None:
    now = latest(registry_tables.area, seq)
    with world.read() as connection:
        found = connection.execute(sa.select(now.c.names)).scalar()
    return None if found is None else str(found["en"])


def test_each_sequence_has_its_own_answer_again_and_again(world: World) -> None:
    before = world.head()
    first, second = _load(world, "China"), _load(world, "PR China")
    for _ in range(2):
        assert [_name(world, seq) for seq in (before, first, second)] == [None, "China", "PR China"]


def test_what_statements_share_is_built_once() -> None:
    area, site = registry_tables.area, registry_tables.site
    assert latest(area, 7) is latest(area, 7)
    assert latest(area, 7) is latest(area, 7, key=area.info["key"])
    others = [latest(area, 8), latest(site, 7), latest(area, 7, name="other"), latest(area, 7, key=("path",))]
    assert all(one is not latest(area, 7) for one in others)
    assert newer_rows(area) is newer_rows(area)
    assert newer_rows(area) is not newer_rows(site)
