"""``anlan rule`` as a person and as a program calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anlan.cli import main
from anlan.store import Node, World


@pytest.fixture
def options(
    node: Node,
    world: World,
    city: Any,
    quiet_weeks: dict[int, float | None],
    this_week: int,
    make_measles_rule: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """A node with a rule that has not run, and the options that find it."""
    city.install(make_measles_rule())
    city.deliver({("measles", "421281"): {**quiet_weeks, this_week: 7.0}})
    monkeypatch.setenv("ANLAN_DATABASE_URL", node.settings.database_url)
    return ["--data-dir", str(node.folder), "--lang", "en"]  # fmt: skip


def test_rules_are_tried_run_listed_and_shown(
    options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["rule", "run", "measles.rise", "--dry-run", *options]) == 1
    assert "Measles in Chibi: 7 cases in week 27 of 2026, 1.4 expected" in capsys.readouterr().out
    assert main(["rule", "run", "--json", *options]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["rule"], row["raised"], row["cells"], row["error"]) == ("measles.rise", 1, 12, "")
    assert main(["rule", "run", *options]) == 0
    assert capsys.readouterr().out == "none\n"
    assert main(["rule", "run", "measles.rise", "--json", *options]) == 0
    assert not json.loads(capsys.readouterr().out)[0]["wrote"]
    assert main(["rule", "list", "--json", *options]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["code"], listed["version"], listed["state"]) == ("measles.rise", 1, "active")
    assert main(["rule", "show", "measles.rise", *options]) == 0
    shown = capsys.readouterr().out
    assert "2026-0001" in shown
    assert "threshold 3" in shown


def test_the_past_is_answered_with_the_same_bytes(
    options: list[str], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    then = ["--as-of", str(world.head()), *options]
    asked = [["rule", "list", "--json", *then], ["rule", "show", "measles.rise", "--json", *then]]

    def answers() -> str:
        for arguments in asked:
            assert main(arguments) == 0
        return capsys.readouterr().out

    before = answers()
    assert main(["rule", "run", *options]) == 1
    capsys.readouterr()
    assert answers() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nowhere"], "there are: measles.rise"),
        (["run", "--dry-run"], "--dry-run needs the code"),
        (["run", "--as-of", "3"], "--as-of needs the code of at least one rule"),
        (["run", "measles.rise", "--known-at", "yesterday"], "must be a moment with its offset"),
        (["run", "measles.rise", "--known-at", "2026-07-06T08:00"], "must be a moment with its offset"),
        (["show", "nowhere"], "there are: measles.rise"),
        (["list", "--world", "nowhere"], "no world named nowhere"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_a_reason(
    options: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["rule", *arguments, *options]) == 2
    assert said in capsys.readouterr().err


def test_a_rule_is_tried_on_the_past_beside_another(
    options: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    outbreaks = tmp_path / "outbreaks.csv"
    outbreaks.write_text("area,start,name\n赤壁市,2026-06-29,工地\n", encoding="utf-8")
    asked = ["rule", "backtest", "measles.rise", "--years", "1", "--events", str(outbreaks), *options]
    assert main([*asked, "--set", "threshold=20", "--json", "--keep"]) == 0
    found = json.loads(capsys.readouterr().out)
    tried = [(one["version"], one["parameters"], one["alarms"], one["found"]) for one in found["tried"]]
    assert tried == [(0, {"threshold": 20.0}, 0, 0), (1, {"threshold": 3.0}, 1, 1)]
    assert found["events"][0]["area_code"] == "421281"
    assert len(found["kept"]) == 36
    assert main([*asked, "--against", "measles.rise@1"]) == 0
    said = capsys.readouterr().out
    assert "Events found" in said
    assert f"journal sequence {found['input_seq'] + 2} was used" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "threshold=-1"], "accepted is a number > 0. Got “-1”"),
        (["--set", "limit"], "limit: write a setting as name=value; ears_c2 has baseline, threshold"),
        (["--set", "threshold=4", "--against", "measles.rise"], "a rule is compared with one other"),
        (["--against", "measles.rise@7"], "no rule measles.rise@7"),
        (["--years", "0"], "years: accepted is an int >= 1"),
        (["--basis", "guessed"], "basis: accepted is one of"),
        (["--events", "nowhere.csv"], "nowhere.csv cannot be read"),
    ],
)
def test_a_back_test_that_cannot_be_done(
    options: list[str], capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(["rule", "backtest", "measles.rise", *more, *options]) == 2
    assert said in capsys.readouterr().err
