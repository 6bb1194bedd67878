"""Packs: a domain as data. Read a folder, check all of it, and hand out one frozen ``Pack``.

    problems = check_pack("packs/rabies")      # everything that is wrong, with file and line
    pack = load_pack("packs/rabies")           # or a ConfigurationError that lists the same

The format is written down in docs/reference/pack-format.md and in the JSON Schema files of ``pack_schema``.
A pack holds data and nothing else: no expressions, no conditions, no names of Python objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from anlan.errors import ConfigurationError, NotFoundError, Problem
from anlan.registry.calendars import calendar_from
from anlan.registry.pack_check import PARTS, Documents, Methods, check_documents, schema_of, with_defaults
from anlan.registry.pack_golden import detectors, run_golden
from anlan.registry.pack_types import (
    SENSITIVITIES,
    Pack,
    PackGolden,
    PackHazard,
    PackIndicator,
    PackMaturity,
    PackRule,
    PackSource,
    PackTemplate,
)
from anlan.registry.yaml_lines import MAX_BYTES, problem, read_yaml

__all__ = ["builtin_pack", "builtin_packs", "check_pack", "load_pack", "schema_of"]

_MAX_FILES = 200


def check_pack(path: str | Path | Traversable, *, methods: Methods | None = None) -> list[Problem]:
    """Check a pack and run its golden samples. An empty list means that it can be installed.

    Parameters
    ----------
    path : str, Path or Traversable
        Folder of the pack.
    methods : mapping of str to anlan.stats.counts.Method, optional
        Detectors by name; default those of ``anlan.stats.counts``.

    Returns
    -------
    list of Problem
        ``where`` has ``file`` and ``line``, the message says what is accepted.
    """
    return _examine(path, methods)[1]


def load_pack(
    path: str | Path | Traversable, *, methods: Methods | None = None, run_samples: bool = False
) -> Pack:
    """Read a pack; its golden samples are run only when asked.

    Raises
    ------
    ConfigurationError
        The pack has problems; ``problems`` lists all of them.
    """
    pack, problems = _examine(path, methods, run_samples=run_samples)
    if pack is None or problems:
        raise ConfigurationError(
            f"the pack {path} cannot be used",
            key="pack.invalid",
            values={"path": str(path)},
            problems=problems,
        )
    return pack


def builtin_packs() -> tuple[str, ...]:
    """Ids of the packs that come with the package."""
    folder = package_files("anlan") / "packs"
    return tuple(sorted(item.name for item in folder.iterdir() if (item / "pack.yaml").is_file()))


def builtin_pack(pack_id: str) -> Pack:
    """Read a pack that comes with the package.

    Raises
    ------
    NotFoundError
        There is no such pack; the message lists those there are.
    """
    if pack_id not in builtin_packs():
        raise NotFoundError(f"no built-in pack {pack_id!r}; there are {', '.join(builtin_packs())}.")
    return load_pack(package_files("anlan") / "packs" / pack_id)


def _examine(
    path: str | Path | Traversable, methods: Methods | None, *, run_samples: bool = True
) -> tuple[Pack | None, list[Problem]]:
    folder: Traversable = Path(path) if isinstance(path, str) else path
    if not folder.is_dir() or not (folder / "pack.yaml").is_file():
        return None, [problem("pack.not_a_folder", str(path))]
    contents, problems = _read_folder(folder)
    documents = {
        part: read_yaml(contents[f"{part}.yaml"], f"{part}.yaml")
        for part in PARTS
        if f"{part}.yaml" in contents
    }
    problems += [
        problem("pack.file_missing", f"{part}.yaml")
        for part, needed in PARTS.items()
        if needed and part not in documents
    ]
    known = detectors() if methods is None else methods
    check_documents(documents, known)
    _check_names(folder.name, documents, contents)
    problems += [found for document in documents.values() for found in document.problems]
    if problems:
        return None, problems
    pack = _pack(documents, _digest(contents))
    return pack, run_golden(pack, contents, known) if run_samples else []


def _read_folder(folder: Traversable) -> tuple[dict[str, bytes], list[Problem]]:
    """All files of a pack by their path in it; nothing outside the folder and nothing unknown is read."""
    contents: dict[str, bytes] = {}
    problems: list[Problem] = []
    accepted = [f"{part}.yaml" for part in PARTS] + ["README.md", "golden/*.csv"]
    for name, item in _listed(folder):
        known = name in accepted or (name.startswith("golden/") and name.endswith(".csv"))
        if not known or (isinstance(item, Path) and item.is_symlink()) or len(contents) >= _MAX_FILES:
            problems.append(problem("pack.file_unknown", name, None, accepted=", ".join(accepted)))
            continue
        with item.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            problems.append(problem("pack.too_large", name, None, size=f"> {MAX_BYTES}", limit=MAX_BYTES))
            content = b""
        contents[name] = content
    return contents, problems


def _listed(folder: Traversable) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name == "golden" and item.is_dir():
            found += [
                (f"golden/{inner.name}", inner)
                for inner in sorted(item.iterdir(), key=lambda inner: inner.name)
            ]
        elif item.name not in ("__pycache__", "__init__.py"):
            found.append((item.name, item))
    return [(name, item) for name, item in found if not item.is_dir() or not name.startswith("golden/")]


def _check_names(folder_name: str, documents: Documents, contents: Mapping[str, bytes]) -> None:
    pack, golden = documents.get("pack"), documents.get("golden")
    if pack and not pack.problems and pack.data["id"] != folder_name:
        pack.add("pack.id_not_folder", ("id",), id=pack.data["id"], folder=folder_name)
    if golden and not golden.problems:
        for number, sample in enumerate(golden.data["samples"]):
            for key in ("input", "expected"):
                if not sample[key].startswith("golden/") or sample[key] not in contents:
                    golden.add("pack.golden_path", ("samples", number, key), value=sample[key])


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name}\0{len(contents[name])}\0".encode())
        digest.update(contents[name])
    return digest.hexdigest()


def _pack(documents: Documents, digest: str) -> Pack:
    data: dict[str, Any] = {part: documents[part].data if part in documents else {} for part in PARTS}
    about = data["pack"]
    return Pack(
        id=about["id"],
        version=about["version"],
        names=about["names"],
        summary=about["summary"],
        maturity=tuple(
            PackMaturity(point, entry["state"], entry.get("reason", ""))
            for point, entry in about["maturity"].items()
        ),
        indicators=tuple(_indicator(entry) for entry in with_defaults(data["indicators"])),
        sources=tuple(_source(entry) for entry in data["sources"].get("sources", ())),
        rules=tuple(_rule(entry) for entry in data["rules"].get("rules", ())),
        hazards=tuple(_hazard(entry) for entry in data["warnings"].get("hazards", ())),
        texts=data["texts"].get("texts", {}),
        golden=tuple(PackGolden(**entry) for entry in data["golden"].get("samples", ())),
        digest=digest,
    )


def _indicator(entry: Mapping[str, Any]) -> PackIndicator:
    values = dict(entry)
    values["calendar"] = calendar_from(entry["calendar"])
    values["sensitivity"] = SENSITIVITIES[entry.get("sensitivity", "internal")]
    values["strata"] = tuple((stratum["code"], stratum["names"]) for stratum in entry.get("strata", ()))
    for key in ("area_kinds", "site_kinds", "aliases"):
        values[key] = tuple(entry.get(key, ()))
    return PackIndicator(**values)


def _source(entry: Mapping[str, Any]) -> PackSource:
    values = {**entry, **entry["rhythm"], "delivers": tuple(entry["delivers"])}
    del values["rhythm"]
    return PackSource(**values)


def _rule(entry: Mapping[str, Any]) -> PackRule:
    series = entry.get("series", {})
    steps = entry.get("levels") or [{"level": entry["level"], "score_at_least": 0.0}]
    kept = ("hazard", "valid_from", "valid_to", "reference", "why")
    return PackRule(
        code=entry["code"],
        names=entry["names"],
        method=entry["method"],
        parameters=entry.get("parameters") or {},
        extend_days=entry["extend_days"],
        indicators=tuple(series.get("indicators", ())),
        area_kinds=tuple(series.get("area_kinds", ())),
        strata=series.get("strata", "total"),
        sources=tuple(entry.get("sources", ())),
        levels=tuple((step["level"], float(step["score_at_least"])) for step in steps),
        **{key: entry[key] for key in kept if key in entry},
    )


def _hazard(entry: Mapping[str, Any]) -> PackHazard:
    templates = tuple(PackTemplate(**template) for template in entry["templates"])
    return PackHazard(entry["code"], entry["names"], entry["cap_category"], templates)
