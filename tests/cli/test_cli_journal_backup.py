"""``anlan journal``, ``anlan backup`` and ``anlan restore`` as a person and as a program calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from anlan.cli import main
from anlan.settings import Settings
from anlan.store import SYSTEM, Node


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node of one live world with 30 events, closed."""
    node = Node(Settings(data_dir=tmp_path / "node"))
    world = node.create_world("live", "live", {"zh": "实况", "en": "Live"})
    for number in range(30):
        with world.write(SYSTEM) as tx:
            tx.event(
                "test.odd" if number % 2 else "test.even", subject=("test", str(number)), data={"n": number}
            )
    node.close()
    return tmp_path / "node"


def damage(folder: Path, statement: str) -> None:
    node = Node(Settings(data_dir=folder))
    with node.world().stage() as connection:
        connection.execute(sa.text(statement))
    node.world().engine.dispose()


def test_a_whole_journal_verifies_and_a_broken_one_ends_with_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data-dir", str(folder)]
    assert main(["journal", "verify", "--deep", *options]) == 0
    assert "live: 30 events, chain, signed heads and all rows: all as written" in capsys.readouterr().out
    damage(folder, "UPDATE event SET data = '{}' WHERE seq = 7")
    assert main(["journal", "verify", *options]) == 1
    assert "[changed] event 7" in capsys.readouterr().out
    assert main(["journal", "verify", "--json", "--world", "live", *options]) == 1
    (told,) = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["event"]) for one in told["findings"]] == [("changed", 7)]


def test_the_newest_events_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data-dir", str(folder)]
    assert main(["journal", "list", "--last", "3", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["28", "29", "30"]
    assert "test.odd" in lines[-1]
    assert main(["journal", "list", "--last", "4", "--kind", "test.even", "--json", *options]) == 0
    assert [one["data"]["n"] for one in json.loads(capsys.readouterr().out)] == [22, 24, 26, 28]


def test_backup_and_restore(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("four words and more\n")
    file, place = tmp_path / "n.backup", tmp_path / "again"
    assert main(["backup", str(file), "--passphrase-file", str(secret), "--data-dir", str(folder)]) == 0
    assert "read again and checked, with its keys, sealed" in capsys.readouterr().out
    assert main(["restore", str(file), "--passphrase-file", str(secret), "--data-dir", str(place)]) == 0
    assert "live: 30 events, verified with all rows" in capsys.readouterr().out
    assert main(["journal", "verify", "--deep", "--data-dir", str(place)]) == 0
    assert main(["restore", str(file), "--passphrase-file", str(secret), "--data-dir", str(place)]) == 2
    assert "there is a node already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["journal", "verify"], "there is no node in"),
        (["journal", "list"], "there is no node in"),
        (["backup", "x.backup"], "there is no node in"),
        (["restore", "absent.backup", "--without-keys"], "cannot be used as a backup"),
        (["restore", "absent.backup", "--passphrase-file", "absent"], "passphrase file"),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_with_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANLAN_LANG", "en")
    assert main([*arguments, "--data-dir", str(tmp_path / "nowhere")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_an_unknown_world_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "verify", "--world", "nowhere", "--data-dir", str(folder)]) == 2
    assert "nowhere" in capsys.readouterr().err
