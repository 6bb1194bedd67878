"""``anlan import`` as a person and as a program calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anlan.cli import main
from anlan.registry import Pack, install_pack, load_areas
from anlan.registry.types import NewArea
from anlan.settings import Settings
from anlan.store import SYSTEM, Node

GOOD = "日期,现住乡镇,疾病,年龄组,例数\n2026-07-01,温泉街道,手足口病,0-4,3\n2026-07-02,浮山街道,手足口病,0-4,１２\n"


@pytest.fixture
def folder(tmp_path: Path, areas: list[NewArea], pack: Pack) -> Path:
    """A node with areas, indicators and sources, closed."""
    node = Node(Settings(data_dir=tmp_path / "node"))
    world = node.create_world("live", "live", {"zh": "实况", "en": "Live"})
    with world.write(SYSTEM) as tx:
        load_areas(tx, areas)
    with world.write(SYSTEM) as tx:
        install_pack(tx, pack)
    node.close()
    return tmp_path / "node"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "week.csv"
    made.write_text(GOOD, encoding="gb18030")
    return made


def run(folder: Path, file: Path, *options: str, source: str = "city.daily", lang: str = "en") -> int:
    return main(
        ["import", str(file), "--source", source, "--data-dir", str(folder), "--lang", lang, *options]
    )


def test_a_good_file_ends_with_0_and_says_what_was_done(
    folder: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, file, "--dry-run") == 0
    assert "nothing was written" in capsys.readouterr().out
    assert run(folder, file) == 0
    out, err = capsys.readouterr()
    assert "week.csv is in as delivery 2026" in out or "is in as delivery" in out
    assert "Rows: 2 read, 2 accepted, 0 not accepted." in out
    assert "Values: 2 new, 0 corrected, 0 unchanged" in out
    assert "１２ was read as 12" in out
    assert "E 例数 = value" in err
    assert run(folder, file, lang="zh") == 0
    assert "不变 2" in capsys.readouterr().out


def test_bad_rows_end_with_1_and_are_explained(
    folder: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GOOD + "2026-07-03,温泉镇,手足口病,0-4,＜５\n", encoding="utf-8")
    assert run(folder, file) == 1
    out = capsys.readouterr().out
    assert "Row 4: 2026-07-03 | 温泉镇 | 手足口病 | 0-4 | ＜５" in out
    assert "B4 现住乡镇: “温泉镇” is not a registered area." in out
    assert "Suggestion: Change it to 温泉街道 (421202001)." in out
    assert "E4 例数: “＜５” is a bound, not a number." in out


def test_a_program_gets_json(folder: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD + "2026-07-03,温泉镇,手足口病,0-4,1\n", encoding="utf-8")
    assert run(folder, file, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["rows_accepted"] == 2
    (row,) = told["rejected"]
    assert (row["row"], row["problems"][0]["key"], row["problems"][0]["column"]) == (
        4,
        "intake.area.unknown",
        "B",
    )
    assert [column["role"] for column in told["mapping"]["columns"]] == [
        "period",
        "area",
        "indicator",
        "stratum",
        "value",
    ]


def test_what_is_not_sure_must_be_said(folder: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("a;b;c\n2026-07-01;温泉街道;1,5\n2026-07-02;温泉街道;2\n", encoding="utf-8")
    assert run(folder, file) == 2
    assert "is only a guess" in capsys.readouterr().err
    options = ["--map", "a=period", "--map", "B=area", "--map", "c=value", "--set", "indicator=hfmd.daily"]
    assert run(folder, file, *options, "--declare", "decimal_comma=yes") == 1
    out = capsys.readouterr().out
    assert "“1,5” is not a whole number." in out
    assert "1 new" in out
    assert run(folder, file, *options, "--remember") == 1
    assert run(folder, file) == 1  # remembered
    assert run(folder, file, "--replace") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--map", "日期"], "is not of the form NAME=VALUE"),
        (["--map", "日期=when"], "is not a role of a column"),
        (["--map", "天气=value"], "There is no column"),
        (["--set", "weather=rain"], "cannot be given for the whole table"),
        (["--declare", "decimal_comma=perhaps"], "cannot be declared"),
        (["--declare", "sentinels=x"], "cannot be declared"),
        (["--sheet", "x", "--encoding", "utf-99"], "is not the name of an encoding"),
        (["--world", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_done_ends_with_2(
    folder: Path, file: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, file, *options) == 2
    assert said in capsys.readouterr().err


def test_files_and_sources_that_are_not_there(
    folder: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, file.with_name("none.csv")) == 2
    assert run(folder, file, source="nobody") == 2
    file.write_bytes(b"%PDF-1.7")
    assert run(folder, file) == 2
    assert "is a PDF" in capsys.readouterr().err
