"""``anlan cap check`` on files."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cap_samples import SENT, make_alert, make_bytes, make_info
from typer.testing import CliRunner

from anlan.cli import main
from anlan.cli.cap import app
from anlan.settings import Settings
from anlan.warning.cap import MsgType, write
from anlan.warning.signing import signer_of

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
    assert first == {
        "file": str(good),
        "kind": "message",
        "acceptable": True,
        "alerts": 1,
        "findings": [],
    }
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


def check_json(*arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    done = CliRunner().invoke(app, ["check", "--json", *map(str, arguments)])
    return done.exit_code, json.loads(done.stdout)


def test_a_folder_is_looked_through(tmp_path: Path) -> None:
    code, results = check_json(REFERENCE / "valid")
    assert (code, len(results), {one["acceptable"] for one in results}) == (0, 37, {True})
    code, results = check_json(REFERENCE / "invalid")
    assert (code, len(results), {one["acceptable"] for one in results}) == (1, 24, {False})
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "one.CAP").write_bytes(make_bytes())
    (deep / "notes.txt").write_bytes(b"no CAP")
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, f"{deep / 'one.CAP'}: acceptable\n")
    assert "1 files with other names left out" in done.stderr
    # Nothing to look at is no success.
    (deep / "one.CAP").unlink()
    assert CliRunner().invoke(app, ["check", str(tmp_path)]).exit_code == 2


def test_an_archive_is_looked_through(tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/good.xml", make_bytes())
        archive.writestr("in/bad.xml", make_bytes(("Actual", "actual")))
        archive.writestr("../escape.xml", make_bytes())
        archive.writestr("bomb.xml", b" " * 20_000_000)
        archive.writestr("readme.md", b"x")
    code, results = check_json(file)
    assert code == 1
    assert {one["file"].removeprefix(str(file)): one["acceptable"] for one in results} == {
        "/../escape.xml": True,
        "/bomb.xml": False,
        "/in/bad.xml": False,
        "/in/good.xml": True,
    }
    assert (
        next(one for one in results if one["file"].endswith("bomb.xml"))["findings"][0]["code"] == "E-LIMIT"
    )
    assert not (tmp_path.parent / "escape.xml").exists()
    damaged = bytearray(file.read_bytes())
    damaged[60:80] = b"x" * 20
    file.write_bytes(damaged)
    code, results = check_json(file)
    assert code == 2
    assert len(results) == 4


def test_feeds_are_judged() -> None:
    code, results = check_json(REFERENCE / "feeds")
    assert code == 1
    # The folder holds 15, one of them ends in a suffix of two parts.
    assert len(results) == 15
    assert sorted(Path(one["file"]).name for one in results if not one["acceptable"]) == [
        "cap-library__bushfire_invalid.edxlde",
        "cap-library__invalid_element.atom",
        "cap-library__no_entries.atom",
        "cap-library__no_link.atom",
        "cap-library__xee.atom",
        "capparselib__oregon_nws.atom",
    ]
    found = next(one for one in results if one["file"].endswith("edxlde"))
    assert (found["kind"], found["alerts"]) == ("edxl", 7)


def test_standard_input(good: Path) -> None:
    done = CliRunner().invoke(app, ["check", "-"], input=make_bytes())
    assert (done.exit_code, done.stdout) == (0, "-: acceptable\n")
    assert CliRunner().invoke(app, ["check", "-"], input=b"<alert/>").exit_code == 1
    assert CliRunner().invoke(app, ["check", "-"], input=b"").exit_code == 1


def test_profiles_are_chosen_by_name(good: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(good), "--profile", "wmo"])
    assert done.exit_code == 0
    assert "W-WMO" in done.stdout
    spoiled = make_bytes(("https://city.example/w/1", ""))
    assert CliRunner().invoke(app, ["check", "-"], input=spoiled).exit_code == 0
    assert CliRunner().invoke(app, ["check", "-", "--profile", "google"], input=spoiled).exit_code == 1
    assert CliRunner().invoke(app, ["check", str(good), "--profile", "mars"]).exit_code == 2


def test_quiet_leaves_advice_out(tmp_path: Path) -> None:
    file = tmp_path / "utc.xml"
    file.write_bytes(write(replace(make_alert(), sent=SENT.astimezone(UTC))))
    assert "W-UTC" in CliRunner().invoke(app, ["check", str(file)]).stdout
    assert "W-UTC" not in CliRunner().invoke(app, ["check", "--quiet", str(file)]).stdout


def test_certificate_of_a_node_verifies_its_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    settings = Settings(data_dir=tmp_path / "node")
    fresh = make_alert(sent=now.replace(microsecond=0), infos=(replace(make_info(), effective=None, onset=None, expires=now + timedelta(hours=5)),))  # fmt: skip
    file, own, other = (tmp_path / name for name in ("signed.xml", "own.pem", "other.pem"))
    file.write_bytes(signer_of(settings, now).sign(write(fresh, indented=False)))
    assert main(["cap", "certificate", "--data-dir", str(settings.data_dir)]) == 0
    own.write_text(capsys.readouterr().out)
    assert "PRIVATE" not in own.read_text()
    assert main(["cap", "certificate", "--data-dir", str(tmp_path / "elsewhere")]) == 0
    other.write_text(capsys.readouterr().out)
    assert main(["cap", "check", str(file), "--certificate", str(own)]) == 0
    assert main(["cap", "check", str(file), "--certificate", str(other)]) == 1
    assert "E-SIG" in capsys.readouterr().out
    assert main(["cap", "check", str(file), "--certificate", str(tmp_path / "none.pem")]) == 2
    changed = tmp_path / "changed.xml"
    changed.write_bytes(file.read_bytes().replace("赤壁市".encode(), "赤壁县".encode(), 1))
    assert main(["cap", "check", str(changed)]) == 0
    assert main(["cap", "check", str(changed), "--certificate", str(own)]) == 1


def test_import_tells_what_became_of_each_message(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    info = replace(make_info(), effective=None, onset=None, expires=now + timedelta(hours=5))
    first = make_alert(identifier="a1", sent=now - timedelta(hours=2), infos=(info,))
    second = replace(
        first,
        identifier="a2",
        sent=now - timedelta(hours=1),
        msg_type=MsgType.UPDATE,
        references=(first.reference,),
    )
    for alert in (first, second):
        (tmp_path / f"{alert.identifier}.xml").write_bytes(write(alert))
    keep = tmp_path / "kept"
    done = CliRunner().invoke(app, ["import", str(tmp_path), "--keep", str(keep), "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)["messages"]
    assert [(one["identifier"], one["state"], one["kept"], one["replaced_by"]) for one in told] == [
        ("a1", "superseded", "new", "a2"),
        ("a2", "in_force", "new", None),
    ]
    # The next time the earlier ones count, whether they come again or not.
    end = replace(second, identifier="a3", sent=now, msg_type=MsgType.CANCEL, references=(second.reference,))
    (tmp_path / "a3.xml").write_bytes(write(end))
    done = CliRunner().invoke(app, ["import", str(tmp_path / "a2.xml"), str(tmp_path / "a3.xml"), "--keep", str(keep), "--json"])  # fmt: skip
    told = json.loads(done.stdout)["messages"]
    assert [(one["identifier"], one["state"], one["kept"]) for one in told] == [
        ("a2", "cancelled", "repeated"),
        ("a3", "ending", "new"),
    ]


def test_import_reads_old_and_faulty_messages(tmp_path: Path) -> None:
    old = REFERENCE / "invalid" / "cap-library__weather.xml"
    done = CliRunner().invoke(app, ["import", str(old), "--lang", "zh"])
    assert done.exit_code == 0
    assert "CAP 1.1, 已到期: 符合" in done.stdout
    done = CliRunner().invoke(app, ["import", str(REFERENCE / "invalid"), "--json"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)["messages"]
    assert len(told) == 24
    assert [one["state"] for one in told].count("unreadable") == 4
    assert CliRunner().invoke(app, ["import", str(tmp_path / "none.xml")]).exit_code == 2
    done = CliRunner().invoke(app, ["import", "http://127.0.0.1:9/feed"])
    assert (done.exit_code, "cannot be fetched" in done.stderr) == (2, True)


def test_the_command_line_as_a_whole(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(make_bytes())))
    assert main(["cap", "check", "-", str(good), "--lang", "zh"]) == 0
    assert capsys.readouterr().out == f"-: 符合\n{good}: 符合\n"
