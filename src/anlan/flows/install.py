"""Furnishing a world: places from the shipped data sets, packs with their indicators, hazards and rules."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from anlan import analysis, datasets, registry
from anlan.datasets import Dataset
from anlan.store import Actor, World
from anlan.warning.actions import install_hazards

__all__ = ["PackInstalled", "builtin_packs", "install_pack", "install_places"]


@dataclass(frozen=True)
class PackInstalled:
    """What installing one pack did in the rooms that use it."""

    pack_id: str
    version: str
    indicators: tuple[str, ...]
    rules: tuple[str, ...]
    hazards: tuple[str, ...]


def builtin_packs() -> list[registry.Pack]:
    """The packs that ship with the package, by id."""
    root = Path(str(files("anlan") / "packs"))
    return [
        registry.load_pack(folder) for folder in sorted(root.iterdir()) if (folder / "pack.yaml").exists()
    ]


def install_places(world: World, actor: Actor) -> int:
    """Load the areas that ship with the package, with outlines where there are any. Returns how many are new.

    A city that has its own boundaries loads those instead; nothing else depends on these files.
    """
    outlines = {**_outlines(datasets.hubei_counties()), **_outlines(datasets.xianning_neighbours())}
    outlines.update(_outlines(datasets.xianning_counties()))
    source = datasets.xianning_counties().attribution.get("zh", "")
    areas = [
        registry.NewArea(
            code=row["code"],
            parent_code=row["parent"],
            kind=row["kind"],
            names={"zh": row["name_zh"], "en": row["name_en"] or row["name_zh"]},
            aliases=tuple(name for name in row["aliases"].split(";") if name),
            lon=float(row["lon"]) if row["lon"] else None,
            lat=float(row["lat"]) if row["lat"] else None,
            outline=outlines.get(row["code"]),
            source=source if row["code"] in outlines else "",
        )
        for row in csv.DictReader(io.StringIO(datasets.areas().read_bytes().decode("utf-8")))
    ]
    known = {area.code for area in areas}
    with world.write(actor) as tx:
        new = registry.load_areas(tx, areas)
    with world.write(actor) as tx:
        registry.load_neighbours(
            tx, _touching({code: shape for code, shape in outlines.items() if code in known})
        )
    return len(new)


def install_pack(world: World, actor: Actor, pack: registry.Pack) -> PackInstalled:
    """Install a pack in the three rooms that use it: indicators and sources, hazards, rules.

    Each step is a transaction that may be run again, so an interruption is made good by installing once more.
    """
    with world.write(actor) as tx:
        report = registry.install_pack(tx, pack)
    with world.write(actor) as tx:
        hazards = install_hazards(tx, domain=pack.id, pack_version=pack.version, hazards=pack.hazards)
        if not hazards:
            tx.event("pack.checked", subject=("pack", pack.id), data={"hazards": 0})
    with world.write(actor) as tx:
        rules = analysis.install_rules(
            tx,
            pack.rules,
            pack_id=pack.id,
            pack_version=pack.version,
            sensitivities={one.code: one.sensitivity for one in pack.indicators},
        )
        tx.event("pack.checked", subject=("pack", pack.id), data={"rules": len(pack.rules)})
    return PackInstalled(pack.id, pack.version, report.new, rules.new, tuple(hazards))


def _outlines(found: Dataset) -> dict[str, Mapping[str, Any]]:
    features = json.loads(found.read_bytes())["features"]
    return {str(feature["id"]): feature["geometry"] for feature in features}


def _touching(outlines: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Pairs of areas whose outlines share at least two points: the sources draw a common border once."""
    points = {code: _points(geometry) for code, geometry in outlines.items()}
    codes = sorted(points)
    return [
        (one, other)
        for place, one in enumerate(codes)
        for other in codes[place + 1 :]
        if len(points[one] & points[other]) >= 2
    ]


def _points(geometry: Mapping[str, Any]) -> frozenset[tuple[float, float]]:
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return frozenset((x, y) for polygon in polygons for ring in polygon for x, y in ring)
