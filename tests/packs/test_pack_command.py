"""``anlan pack install`` on a node of its own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from anlan.cli import main
from anlan.registry import installed_packs
from anlan.settings import Settings
from anlan.store import Node, Scope


def test_a_pack_is_installed_once_and_again_without_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "node"
    node = Node(Settings(data_dir=folder))
    node.create_world("live", "live", {"zh": "实况", "en": "Live"})
    node.close()
    pack = str(files("anlan") / "packs" / "air_quality")
    call = ["pack", "install", pack, "--data-dir", str(folder), "--lang", "en"]
    assert main(call) == 0
    assert (
        "air_quality 0.1.0 is installed in live; new here: 5 indicators and sources"
        in capsys.readouterr().out
    )
    assert main(call) == 0
    assert "new here: 0 indicators and sources, 0 rules, 0 hazards" in capsys.readouterr().out
    node = Node(Settings(data_dir=folder))
    world = node.world("live")
    with world.read() as connection:
        found = installed_packs(connection, Scope.everything("test"), world.as_of())
    node.close()
    assert [entry.pack_id for entry in found] == ["air_quality"]


def test_a_pack_with_problems_is_not_installed_and_no_node_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "pack.yaml").write_text("format: 1\n", encoding="utf-8")
    assert main(["pack", "install", str(broken), "--data-dir", str(tmp_path / "node"), "--lang", "en"]) == 2
    told = capsys.readouterr().err
    assert "cannot be used" in told
    assert "the key id is missing" in told
    assert not (tmp_path / "node").exists()
