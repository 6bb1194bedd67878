"""``anlan evaluate``: tables, JSON, the report, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anlan.cli import main

QUICK = [
    "evaluate",
    "--methods",
    "ears_c1,ears_c2",
    "--series",
    "42",
    "--seed",
    "3",
    "--candidate",
    "ears_c2",
]


@pytest.mark.parametrize(("language", "word"), [("en", "false alarms %"), ("zh", "误报率")])
def test_tables_and_report(
    language: str,
    word: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    target = tmp_path / "report.html"

    assert main([*QUICK, "-o", str(target), "--lang", language]) == 0
    said = capsys.readouterr()
    assert word in said.out
    assert "ears_c1" in said.out
    assert str(target) in said.err.replace("\n", "")
    page = target.read_text(encoding="utf-8")
    assert page.count("<svg") == 4  # two curves, each wide and narrow
    assert "<script" not in page
    assert 'src="' not in page
    assert word in page
    assert "{" not in page.split("</style>")[1]  # no unfilled place in a text


def test_json_has_every_measure_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert found["series"] == 42
    assert [item["method"] for item in found["methods"]] == ["ears_c1", "ears_c2"]
    pod = found["methods"][0]["measures"]["pod"]
    assert pod["low"] <= pod["value"] <= pod["high"]
    assert found["at_own_rate"][0]["other"] == "ears_c1"
    assert set(found["at_own_rate"][0]["difference"]) == {"pod", "pod_first_week", "delay", "ppv"}


def test_the_same_seed_gives_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for _ in range(2):
        assert main([*QUICK, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        for item in found["methods"]:
            del item["cpu_seconds"]
        told.append(found)
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--design", "mine"], "--design must be one of noufaily"),
        (["--methods", "limit"], "limit cannot be run on simulated series"),
        (["--methods", "magic"], "There is no method magic"),
        (["--candidate", "magic"], "There is no method magic"),
        (["-o", "report.pdf"], "report.pdf"),
    ],
)
def test_wrong_arguments_are_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--series", "42", "--lang", "en", *arguments]) == 2
    assert said in capsys.readouterr().err
