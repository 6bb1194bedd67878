"""The texts of the library half: each key that the code names exists, and each that exists is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "anlan"
FOLDERS = {"library": ("frames", "partitions.py"), "charts": ("charts", "cli"), "cli": ("cli",)}


def code_of(room: str) -> str:
    places = [SOURCE / place for place in FOLDERS[room]]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize("room", FOLDERS)
def test_keys_in_code_and_texts_agree(room: str) -> None:
    texts = set(tomllib.loads((SOURCE / "texts" / f"{room}.toml").read_text(encoding="utf-8")))
    code = code_of(room)
    named = set(re.findall(rf"[\"']({room}\.[a-z_]+(?:\.[a-z_]+)*)[\"']", code))
    # f"cli.step.{step}" names all keys that begin so.
    begun = tuple(re.findall(rf"f[\"']({room}\.(?:[a-z_]+\.)*)\{{", code))
    assert named <= texts
    unused = {key for key in texts - named if not (begun and key.startswith(begun))}
    assert unused == set()
