"""The documents of the pack format say what the schemas say, and the worked example can be installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from anlan.registry.pack_check import PARTS, schema_of
from anlan.registry.pack_types import PLACEHOLDERS
from anlan.registry.packs import check_pack, load_pack

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGE_KEYS = {"zh", "en"}


def _keys(schema: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", {}))
        for value in schema.values():
            found |= _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            found |= _keys(value)
    return found


@pytest.mark.parametrize("part", sorted(PARTS))
def test_every_key_of_the_schema_is_explained(part: str) -> None:
    text = (DOCS / "reference" / "pack-format.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([a-z_]+)`", text))
    assert _keys(schema_of(part)) - LANGUAGE_KEYS <= explained


def test_every_place_of_a_text_is_listed() -> None:
    text = (DOCS / "reference" / "pack-format.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`\{([a-z]+)\}`", text)) == set(PLACEHOLDERS)


def test_the_worked_example_is_a_pack_whose_sample_holds(tmp_path: Path) -> None:
    text = (DOCS / "howto" / "new-disease.md").read_text(encoding="utf-8")
    files = re.findall(r"^`([\w/.]+)`\n\n```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(files) == 8
    folder = tmp_path / "hand_foot_mouth"
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert check_pack(folder) == []
    assert load_pack(folder).indicators[0].aliases == ("HFMD", "手足口病")
