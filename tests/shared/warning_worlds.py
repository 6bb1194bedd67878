"""A world with the six counties and the hazards of a pack, and people who work in it."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from anlan.registry.actions import load_areas
from anlan.registry.packs import builtin_pack
from anlan.registry.types import NewArea
from anlan.settings import Settings
from anlan.store import SYSTEM, Actor, Scope, World
from anlan.warning import HazardWarning, actions, queries
from anlan.warning.cap import Alert, read

# Releasing signs, with a key that the node makes on first use: one for all tests of a process.
_KEYS = Path(tempfile.mkdtemp(prefix="anlan-test-keys-"))
atexit.register(shutil.rmtree, _KEYS, ignore_errors=True)
SETTINGS = Settings(cap_sender="42120041600000", cap_sender_name="咸宁市应急管理局", data_dir=_KEYS)
PUBLIC = replace(SETTINGS, public_release=True)
OFFICER = Actor("person", "p-officer", "值班员甲")
CHIEF = Actor("person", "p-chief", "值班领导乙")
SECOND_CHIEF = Actor("person", "p-chief-2", "值班领导丙")
ALL = Scope.everything("test")
CHIBI, JIAYU, TONGCHENG = "421281", "421221", "421222"
FACTS: Mapping[str, Any] = {
    "observed": "7",
    "expected": "1.3",
    "contact": "12320",
    "period": {"zh": "2026年第27周", "en": "week 27 of 2026"},
}


def furnish(world: World) -> World:
    """Areas with real outlines, and the hazards of the infectious disease pack."""
    collection = json.loads(files("anlan.datasets").joinpath("xianning_counties.geojson").read_text("utf-8"))
    areas = [
        NewArea(code="CN", parent_code="", kind="country", names={"zh": "中国", "en": "China"}),
        NewArea(code="420000", parent_code="CN", kind="province", names={"zh": "湖北省", "en": "Hubei"}),
        NewArea(code="421200", parent_code="420000", kind="city", names={"zh": "咸宁市", "en": "Xianning"}),
    ]
    for feature in collection["features"]:
        said = feature["properties"]
        areas.append(
            NewArea(
                code=said["adcode"],
                parent_code="421200",
                kind="county",
                names={"zh": said["name_zh"], "en": said["name_en"]},
                outline=feature["geometry"],
            )
        )
    pack = builtin_pack("infectious_disease")
    with world.write(SYSTEM) as tx:
        load_areas(tx, areas)
        tx.event("test.furnished")
    with world.write(SYSTEM) as tx:
        actions.install_hazards(tx, domain=pack.id, pack_version=pack.version, hazards=pack.hazards)
    return world


def drafted(
    world: World, by: Actor = OFFICER, settings: Settings = SETTINGS, **changes: Any
) -> HazardWarning:
    values: dict[str, Any] = {"hazard": "measles", "level": "orange", "area_codes": [CHIBI], "facts": FACTS}
    with world.write(by) as tx:
        return actions.draft(tx, settings=settings, **{**values, **changes})


def submitted(world: World, step: HazardWarning, by: Actor = OFFICER) -> HazardWarning:
    with world.write(by) as tx:
        return actions.submit(tx, step.public_id, expected_seq=step.known_seq, settings=SETTINGS)


def released(
    world: World, step: HazardWarning, by: Actor = CHIEF, settings: Settings = SETTINGS
) -> HazardWarning:
    """Submit if need be, and release."""
    if step.state == "draft":
        step = submitted(world, step)
    with world.write(by) as tx:
        return actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=settings)


def look(world: World, public_id: str) -> HazardWarning:
    with world.read() as connection:
        return queries.warning(connection, ALL, world.as_of(), public_id)


def alert_of(world: World, step: HazardWarning) -> Alert:
    assert step.message_identifier is not None
    with world.read() as connection:
        return read(queries.message(connection, ALL, world.as_of(), step.message_identifier).cap_bytes)
