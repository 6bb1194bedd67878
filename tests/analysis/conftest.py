"""What the tests of analysis share: a small city with indicators and sources, deliveries into it, rules on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from anlan.analysis.actions import install_rules
from anlan.analysis.queries import rules, signals
from anlan.analysis.types import Rule, Signal
from anlan.registry.actions import load_areas
from anlan.registry.calendars import Calendar
from anlan.registry.pack_install import install_pack
from anlan.registry.pack_types import Pack, PackIndicator, PackRule, PackSource
from anlan.registry.types import NewArea
from anlan.series import (
    Flag,
    ObservationColumns,
    SeriesKey,
    begin_batch,
    publish,
    seconds_of,
    series_ids,
    stage_observations,
)
from anlan.store import SYSTEM, AsOf, FixedClock, Scope, World

WEEK = Calendar(step="week")
HOUR = Calendar(step="hour")
AREAS = (
    NewArea("CN", "", "country", {"zh": "中国", "en": "China"}),
    NewArea("420000", "CN", "province", {"zh": "湖北省", "en": "Hubei"}),
    NewArea("421200", "420000", "city", {"zh": "咸宁市", "en": "Xianning"}),
    NewArea("421221", "421200", "county", {"zh": "嘉鱼县", "en": "Jiayu"}),
    NewArea("421281", "421200", "county", {"zh": "赤壁市", "en": "Chibi"}),
)
PATHS = {
    "CN": "CN/",
    "420000": "CN/420000/",
    "421200": "CN/420000/421200/",
    "421221": "CN/420000/421200/421221/",
    "421281": "CN/420000/421200/421281/",
}
PACK = Pack(
    id="testing",
    version="1.0.0",
    names={"zh": "试验", "en": "Testing"},
    summary={"zh": "试验", "en": "Testing"},
    maturity=(),
    indicators=(
        PackIndicator(
            "measles", {"zh": "麻疹", "en": "Measles"}, "case", "count", WEEK,
            strata=(("child", {"zh": "0–14 岁", "en": "0 to 14 years"}),),
        ),
        PackIndicator("river.level", {"zh": "水位", "en": "Water level"}, "m", "level", HOUR, decimals=2),
        PackIndicator("oxygen", {"zh": "溶解氧", "en": "Dissolved oxygen"}, "mg/L", "concentration", HOUR, decimals=1),
    ),
    sources=(
        PackSource("cdc", {"zh": "市疾控", "en": "City CDC"}, ("measles",), "week", 24.0, 24.0, "assumed", "421200"),
        PackSource("gauge", {"zh": "陆水站", "en": "Lushui gauge"}, ("river.level",), "hour", 0.0, 1 / 6, "assumed", "421281"),
    ),
    rules=(),
    hazards=(),
    texts={},
    golden=(),
    digest="0" * 64,
)  # fmt: skip

Values = Mapping[int, float | None]


def measles_rule(**changes: Any) -> PackRule:
    """EARS C2 on weekly measles of counties: blue, from a score of 5 on yellow."""
    usual = PackRule(
        code="measles.rise",
        names={"zh": "麻疹突增", "en": "Sudden rise of measles"},
        method="ears_c2",
        parameters={"threshold": 3.0},
        extend_days=14,
        indicators=("measles",),
        area_kinds=("county",),
        strata="total",
        levels=(("blue", 0.0), ("yellow", 5.0)),
    )
    return replace(usual, **changes)


def level_rule(**changes: Any) -> PackRule:
    """Water at or above 30 m for two hours; over when it is 0.5 m below."""
    usual = PackRule(
        code="river.high",
        names={"zh": "超警戒水位", "en": "Above warning level"},
        method="limit",
        parameters={"limit": 30.0, "inclusive": True, "duration": 2, "hysteresis": 0.5},
        extend_days=0,
        indicators=("river.level",),
        levels=(("orange", 0.0),),
    )
    return replace(usual, **changes)


@dataclass
class City:
    """A world with areas, indicators and sources, and short ways to do things in it."""

    world: World
    clock: FixedClock

    def deliver(
        self,
        values: Mapping[tuple[str, str] | tuple[str, str, str], Values],
        *,
        source: str = "cdc",
        flags: int = 0,
        after: timedelta = timedelta(0),
        known_at: datetime | None = None,
    ) -> int:
        """Publish values by (indicator, area[, stratum]) and period; None withdraws. Returns the sequence."""
        self.clock.advance(after)
        keys = [
            SeriesKey(key[0], key[1], PATHS[key[1]], "testing", stratum=key[2] if len(key) > 2 else "")
            for key in values
        ]
        ids = series_ids(self.world, SYSTEM, keys)
        rows = [
            (int(series), period, float("nan") if value is None else value, flags | (Flag.WITHDRAWN if value is None else 0))
            for series, of_series in zip(ids, values.values(), strict=True)
            for period, value in of_series.items()
        ]  # fmt: skip
        known = seconds_of(known_at or self.clock.now())
        columns = ObservationColumns.of(
            [row[0] for row in rows], [row[1] for row in rows], known, [row[2] for row in rows],
            flags=[int(row[3]) for row in rows],
        )  # fmt: skip
        batch = begin_batch(self.world, source_code=source)
        stage_observations(self.world, batch, columns)
        with self.world.write(SYSTEM) as tx:
            publish(tx, batch, mode="add", label="test.csv", area_path=PATHS["421200"], domain="testing")
        return self.world.head()

    def install(self, *given: PackRule, version: str = "1.0.0") -> list[Rule]:
        """Bring the rules of the pack to these."""
        with self.world.write(SYSTEM) as tx:
            install_rules(tx, given, pack_id="testing", pack_version=version)
            tx.event("test.installed")
        with self.world.read() as connection:
            return rules(connection, Scope.everything("test"), self.now())

    def now(self) -> AsOf:
        return self.world.as_of()

    def signals(self, as_of: AsOf | None = None, **conditions: Any) -> list[Signal]:
        """All signals, the oldest first."""
        with self.world.read() as connection:
            asked = as_of or AsOf(10**9)
            found = signals(connection, Scope.everything("test"), asked, limit=None, **conditions)
        return found[::-1]


def build(world: World, clock: FixedClock) -> City:
    with world.write(SYSTEM) as tx:
        load_areas(tx, AREAS)
    with world.write(SYSTEM) as tx:
        install_pack(tx, PACK)
    return City(world, clock)


@pytest.fixture
def city(world: World, clock: FixedClock) -> City:
    return build(world, clock)


@pytest.fixture
def drill(exercise: World, clock: FixedClock) -> City:
    """The same city in an exercise world."""
    return build(exercise, clock)


@pytest.fixture
def this_week() -> int:
    """The week that has just ended at the tests' clock (Monday 2026-07-06): 2026-W27."""
    return WEEK.parse("2026-W27")


@pytest.fixture
def quiet_weeks(this_week: int) -> dict[int, float | None]:
    """19 weeks that alternate between 1 and 2, ending a week before ``this_week`` with 1."""
    return {this_week - back: 1.0 if back % 2 else 2.0 for back in range(19, 0, -1)}


@pytest.fixture
def make_measles_rule() -> Any:
    return measles_rule


@pytest.fixture
def make_level_rule() -> Any:
    return level_rule


def hours(start: int, levels: Sequence[float | None]) -> dict[int, float | None]:
    return {start + number: level for number, level in enumerate(levels)}


@pytest.fixture
def hourly() -> Any:
    return hours
