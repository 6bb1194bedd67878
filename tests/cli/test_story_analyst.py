"""Story 1: the analyst with a spreadsheet. Real weekly counts of two diseases by state, on the command line and on frames."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import anlan
from anlan.cli import main

REFERENCE = Path(__file__).parents[1] / "reference" / "surveillance" / "data"
STATES = ("Berlin", "Brandenburg", "Hesse", "Saxony", "Thuringia")


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """What somebody downloads: district, disease, ISO week, cases; one disease has a short history."""
    lines = ["district,disease,week,cases"]
    for disease, name in (("Salmonella Newport", "salmNewport"), ("Measles", "measlesDE")):
        with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            lines += [
                f"{row['unit']},{disease},{row['year']}-W{int(row['period']):02d},{row['count']}"
                for row in csv.DictReader(file)
                if row["unit"] in STATES
            ]
    file_name = tmp_path / "cases.csv"
    file_name.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file_name


def call(*arguments: object) -> int:
    return main(
        [
            "detect",
            *map(str, arguments),
            "--by",
            "district",
            "--by",
            "disease",
            "--time",
            "week",
            "--value",
            "cases",
        ]
    )


def test_one_command_gives_a_picture_and_a_table_of_alarms(
    counts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, results = tmp_path / "out.html", tmp_path / "out.csv"
    assert call(counts, "-p", "alpha=0.01", "--plot", picture, "-o", results, "--lang", "en") == 1
    said = capsys.readouterr()
    found = pl.read_csv(results, infer_schema_length=None)
    alarms = found.filter(pl.col("alarm"))
    assert alarms.height > 0
    assert f"{alarms.height} alarms in" in said.out
    assert "× expected" in said.out
    assert (
        "3420 rows, 10 series, 528 weeks from 2004-W02 to 2014-W07 (utf-8, cells cut at the comma)"
        in said.err
    )
    assert "stay gaps (not zeros)" in said.err
    assert "not decided: the series does not reach back far enough" in said.err
    # The outbreak of late 2011, and the reason with it.
    berlin = alarms.row(
        by_predicate=(pl.col("district") == "Berlin") & (pl.col("week") == "2011-W46"), named=True
    )
    assert berlin["observed"] > berlin["upper"] > berlin["expected"]
    assert berlin["p_value"] < 0.01
    html = picture.read_text(encoding="utf-8")
    assert "Berlin · Salmonella Newport" in html
    assert "2011-W46: 9 observed" in html
    # Series with alarms stand first.
    titles = re.findall(r'<figure><svg [^>]*aria-label="([^"]+)"', html)
    with_alarms = {f"{row['district']} · {row['disease']}" for row in alarms.to_dicts()}
    assert len(titles) == 10
    assert set(titles[: len(with_alarms)]) == with_alarms


def test_another_method_and_the_comparison(
    counts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, both = (tmp_path / f"{name}.csv" for name in ("first", "second", "both"))
    assert call(counts, "-o", first) == 1
    assert call(counts, "--method", "ears_c2", "-o", second) == 1
    capsys.readouterr()
    assert call(counts, "--compare", "ears_c2", "-o", both, "--lang", "en") == 1
    said = capsys.readouterr().out
    alarms = [set(_alarms(pl.read_csv(path, infer_schema_length=None))) for path in (first, second)]
    assert alarms[0] != alarms[1]
    assert any(disease == "Measles" for _, disease, _ in alarms[1])
    row = next(line for line in said.splitlines() if line.startswith("ears_c2")).split()
    assert row[-4:] == [
        str(len(alarms[1])), str(len(alarms[1] & alarms[0])), str(len(alarms[1] - alarms[0])),
        str(len(alarms[0] - alarms[1])),
    ]  # fmt: skip
    written = pl.read_csv(both, infer_schema_length=None)
    for method, expected in zip(("farrington_flexible", "ears_c2"), alarms, strict=True):
        assert set(_alarms(written.filter(pl.col("method") == method))) == expected


def _alarms(frame: pl.DataFrame) -> list[tuple[str, str, str]]:
    found = frame.filter(pl.col("alarm"))
    return list(zip(found["district"], found["disease"], found["week"], strict=True))


def test_the_same_in_a_notebook_on_polars_and_pandas(counts: Path, tmp_path: Path) -> None:
    results = tmp_path / "out.csv"
    call(counts, "-p", "alpha=0.01", "-o", results)
    options: dict[str, Any] = {"time": "week", "value": "cases", "by": ["district", "disease"], "alpha": 0.01}
    polars = anlan.detect(pl.read_csv(counts), **options)
    pandas = anlan.detect(pd.read_csv(counts), **options)
    command = pl.read_csv(results, infer_schema_length=None)
    assert polars["week"].to_list() == pandas["week"].tolist() == command["week"].to_list()
    assert polars["reason"].to_list() == pandas["reason"].tolist() == command["reason"].to_list()
    for name in ("observed", "expected", "upper", "score", "p_value"):
        np.testing.assert_array_equal(polars[name].to_numpy(), pandas[name].to_numpy())
        np.testing.assert_array_equal(polars[name].to_numpy(), command[name].cast(pl.Float64).to_numpy())


def test_in_chinese_from_a_spreadsheet_of_another_kind(
    counts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Semicolons and GB18030, Chinese names, a year and a week column."""
    frame = pl.read_csv(counts).filter(pl.col("district") == "Berlin")
    week = pl.col("week")
    chinese = frame.select(
        pl.lit("赤壁市").alias("县"),
        pl.col("disease").replace({"Measles": "麻疹", "Salmonella Newport": "纽波特沙门菌"}).alias("疾病"),
        week.str.head(4).alias("年"),
        week.str.tail(2).alias("周"),
        pl.col("cases").alias("例数"),
    )
    file, picture = tmp_path / "例数.csv", tmp_path / "图.html"
    file.write_bytes(chinese.write_csv(separator=";").encode("gb18030"))
    options = [
        "--by",
        "县",
        "--by",
        "疾病",
        "--time",
        "年",
        "--time",
        "周",
        "--value",
        "例数",
        "--lang",
        "zh",
    ]
    assert main(["detect", str(file), *options, "--plot", str(picture)]) == 1
    said = capsys.readouterr()
    assert "2 个序列中 1 个有" in said.out
    assert "纽波特沙门菌" in said.out
    assert "（gb18030，以分号分列）" in said.err
    html = picture.read_text(encoding="utf-8")
    assert '<html lang="zh">' in html
    assert "赤壁市 · 麻疹" in html
    assert "例数，按周" in html


def test_a_program_reads_json(counts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(counts, "--json", "-p", "alpha=0.01", "--last", 120) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["series"] == 10
    assert said["evaluated"] == 1200
    assert (
        said["judged"]
        + sum(
            said["reasons"].get(name, 0)
            for name in (
                "short_history",
                "missing_current",
                "too_few_recent",
                "incomplete_reference",
                "unbounded",
                "no_convergence",
            )
        )
        == 1200
    )
    alarm = said["alarms"][0]
    assert set(alarm) >= {
        "district",
        "disease",
        "week",
        "observed",
        "expected",
        "upper",
        "score",
        "p_value",
        "reason",
    }
    assert alarm["observed"] > alarm["upper"]


def test_the_exit_code_says_whether_something_was_found(
    counts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(counts, "-p", "alpha=0.0000001", "--last", "3", "--lang", "en") == 0
    assert "No alarm in 10 series (farrington_flexible)" in capsys.readouterr().out
    assert call(counts, "-p", "alpha=2", "--lang", "en") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "alpha must be a number" in said.err
    assert "Traceback" not in said.err
