"""``anlan cap check`` on files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cap_samples import make_bytes
from typer.testing import CliRunner

from anlan.cli.cap import app

REFERENCE = Path(__file__).parents[1] / "reference" / "cap"


@pytest.fixture(autouse=True)
def _speaks_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANLAN_LANG", "en")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.xml"
    file.write_bytes(make_bytes())
    return file


def test_acceptable_file(good: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(good)])
    assert (done.exit_code, done.output) == (0, f"{good}: acceptable\n")


def test_refused_file_says_what_and_where_in_both_languages(good: Path) -> None:
    bad = REFERENCE / "invalid" / "fpas__test_cap_data_1.xml"
    done = CliRunner().invoke(app, ["check", str(good), str(bad), "--lang", "zh"])
    assert done.exit_code == 1
    assert "E-POLY-OPEN    info[1]/area[1]/polygon[1] (" in done.output
    assert "没有闭合" in done.output


def test_json_for_programs(good: Path) -> None:
    bad = REFERENCE / "invalid" / "cap-library__xee.xml"
    done = CliRunner().invoke(app, ["check", "--json", str(good), str(bad)])
    assert done.exit_code == 1
    first, second = json.loads(done.stdout)
    assert first == {"file": str(good), "acceptable": True, "findings": []}
    assert (second["acceptable"], second["findings"][0]["code"]) == (False, "E-DTD")
    assert second["findings"][0]["en"] != second["findings"][0]["zh"]


def test_strictness_is_chosen(tmp_path: Path) -> None:
    file = tmp_path / "no_expires.xml"
    file.write_bytes(make_bytes(("<expires>2026-07-01T14:00:00+08:00</expires>", "")))
    assert CliRunner().invoke(app, ["check", str(file)]).exit_code == 0
    assert CliRunner().invoke(app, ["check", "--issuing", str(file)]).exit_code == 1


def test_missing_file_is_another_matter_than_a_refused_one(tmp_path: Path, good: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(tmp_path / "none.xml"), str(good)])
    assert done.exit_code == 2
    assert "none.xml" in done.stderr
    assert f"{good}: acceptable" in done.stdout
    assert CliRunner().invoke(app, ["check", str(good), "--lang", "fr"]).exit_code == 2


def test_language_follows_the_system(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANLAN_LANG", "zh")
    assert CliRunner().invoke(app, ["check", str(good)]).output == f"{good}: 符合\n"
