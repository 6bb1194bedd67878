"""``anlan evaluate``: tables, JSON, the report, and what it refuses."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from anlan.cli import _evaluation, main
from anlan.errors import ParameterError
from anlan.stats.evaluation.reference_run import REFERENCE_RUN

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
        (["--methods", "limit"], "limit cannot be run here: it needs a setting"),
        (["--methods", "magic"], "There is no method magic"),
        (["--candidate", "magic"], "There is no method magic"),
        (["-o", "report.pdf"], "report.pdf"),
        (["--inject", "6"], "--inject is about a file of your own series"),
        (["--last", "6"], "--last is about a file of your own series"),
        (["--param", "ears_c2:magic=2"], "ears_c2 has no parameter"),
        (["--param", "magic:a=2"], "There is no method magic"),
        (
            ["--methods", "outbreakp", "--candidate", "cusum", "--budget", "3"],
            "--budget needs a method with p-values",
        ),
    ],
)
def test_wrong_arguments_are_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--series", "42", "--lang", "en", *arguments]) == 2
    assert said in capsys.readouterr().err


def weekly_file(folder: Path, n_weeks: int = 190) -> Path:
    """Three quiet series by week; the last week of one of them is raised."""
    generator = np.random.default_rng(4)
    lines = ["week,place,cases"]
    for place, mean in (("north", 2.0), ("south", 6.0), ("west", 15.0)):
        counts = generator.poisson(mean, n_weeks)
        counts[-1] = 40 if place == "south" else counts[-1]
        monday = date(2021, 1, 4)
        for week, count in enumerate(counts.tolist()):
            year, number, _ = (monday + timedelta(weeks=week)).isocalendar()
            lines.append(f"{year}-W{number:02d},{place},{count}")
    path = folder / "cases.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


COLUMNS = ["-t", "week", "-v", "cases", "-b", "place"]


def test_outbreaks_go_into_anyones_series_with_any_method(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "report.html"
    call = [
        "evaluate",
        str(weekly_file(tmp_path)),
        *COLUMNS,
        "--inject",
        "8",
        "--repeats",
        "4",
        "--last",
        "50",
    ]
    call += ["--methods", "ears_c2,limit", "-p", "limit:limit=25", "--candidate", "ears_c2", "--lang", "en"]

    assert main([*call, "-o", str(target)]) == 0
    said = capsys.readouterr()
    assert "2 methods on 12 copies of the series of cases.csv" in said.out
    assert "4 copies of each got one outbreak of 8 standard deviations" in said.err
    page = target.read_text(encoding="utf-8")
    assert "published range" not in page  # that is about the simulated design
    assert main([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["design"] == "file"
    assert found["series"] == 12
    assert [item["method"] for item in found["methods"]] == ["ears_c2", "limit"]
    assert found["methods"][1]["parameters"]["limit"] == 25
    assert found["methods"][0]["measures"]["pod"]["value"] > 0.5


def test_so_many_cases_by_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    days = [f"{date(2024, 1, 1) + timedelta(days=day)},{1 + day % 3}" for day in range(90)]
    path = tmp_path / "days.csv"
    path.write_text("day,cases\n" + "\n".join(days) + "\n", encoding="utf-8")
    call = [
        "evaluate",
        str(path),
        "-t",
        "day",
        "-v",
        "cases",
        "--methods",
        "ears_c1",
        "--candidate",
        "ears_c1",
    ]

    assert main([*call, "--inject-cases", "40", "--last", "40", "--lang", "en"]) == 0
    said = capsys.readouterr()
    assert "delay, days" in said.out
    assert "40 cases on average" in said.err
    assert main([*call, "--inject", "4", "--last", "40", "--lang", "en"]) == 2
    assert "For days give --inject-cases" in capsys.readouterr().err


def test_a_budget_on_a_file_lists_rank_p_value_and_what_was_held_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    target = tmp_path / "budget.html"
    call = ["evaluate", str(weekly_file(tmp_path)), *COLUMNS, "--budget", "1", "--last", "40"]

    assert main([*call, "--lang", "en", "-o", str(target)]) == 0
    said = capsys.readouterr()
    assert "Budget of 1 signals a period on 3 series" in said.out
    [south] = [line for line in said.out.splitlines() if line.strip().startswith("1 ") and "south" in line]
    assert south.split()[2] == "40"
    assert south.endswith("signal")
    assert "no evidence" in said.err
    page = target.read_text(encoding="utf-8")
    for words in ("expected by chance", "held back", "p-value", "rank", "exactly the smallest"):
        assert words in page
    assert "<svg" not in page
    assert main([*call, "--json"]) == 0
    budget = json.loads(capsys.readouterr().out)["budget"]
    assert budget["asked"] == 1
    assert budget["exact"]["obtained"] == 1
    assert budget["latest"][0]["series"] == "south"


def test_a_budget_on_the_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    call = [
        "evaluate",
        "--series",
        "42",
        "--methods",
        "bayes1",
        "--candidate",
        "bayes1",
        "--budget",
        "2",
        "--json",
    ]
    assert main(call) == 0
    budget = json.loads(capsys.readouterr().out)["budget"]

    assert budget["exact"] == {
        "periods": 49, "obtained": 2.0, "obtained_sd": 0.0, "held_back": budget["exact"]["held_back"],
        "expected_by_chance": budget["exact"]["expected_by_chance"],
    }  # fmt: skip
    assert budget["latest"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of --inject, --inject-cases and --budget must be given"),
        (["--inject", "6", "--inject-cases", "6"], "two ways to say one size"),
        (["--inject", "-1"], "--inject must be a number > 0. Got -1"),
        (["--inject", "6", "--spread", "0"], "--spread must be a number > 0"),
        (["--inject", "6", "--design", "noufaily"], "--design is for simulated series"),
        (["--inject", "6", "--last", "190"], "cases.csv has 190 periods. Got 190"),
        (["--inject", "6", "--methods", "limit"], "limit cannot be run here: it needs a setting"),
        (["--budget", "2", "--candidate", "cusum"], "--budget needs a method with p-values"),
    ],
)
def test_wrong_calls_with_a_file_are_said(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = weekly_file(tmp_path)
    assert main(["evaluate", str(file), *COLUMNS, "--lang", "en", *arguments]) == 2
    assert said in capsys.readouterr().err.replace("\n", " ")


def test_a_file_needs_its_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = weekly_file(tmp_path)
    assert main(["evaluate", str(file), "--inject", "6", "--lang", "en"]) == 2
    assert "--time and --value must name its columns" in capsys.readouterr().err
    assert main(["evaluate", str(file), "--inject", "6", "-t", "week", "-v", "ill", "--lang", "en"]) == 2
    assert "ill" in capsys.readouterr().err


def test_a_history_too_short_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = [*COLUMNS, "--inject", "6", "--last", "30", "--repeats", "1", "--lang", "en"]
    assert main(["evaluate", str(weekly_file(tmp_path, 120)), *call]) == 0
    assert "Judged only in part: farrington_flexible 0 %, anlan 50 %." in capsys.readouterr().err
    assert main(["evaluate", str(weekly_file(tmp_path, 90)), *call]) == 2
    assert "two years of reports before" in capsys.readouterr().err


def test_methods_of_the_stored_run_have_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    call = [
        "evaluate",
        "--series",
        "42",
        "--methods",
        "ears_c3,cusum,bayes1",
        "--candidate",
        "bayes1",
        "--json",
    ]
    assert main([*call, "-p", "bayes1:alpha=0.02"]) == 0
    found = json.loads(capsys.readouterr().out)
    ears, cusum, bayes = found["methods"]

    assert ears["parameters"] == {"variant": "surveillance-1.20", "alpha": 0.01}
    assert (cusum["parameters"]["h"], cusum["parameters"]["training"]) == (2.26, 575)
    assert bayes["parameters"]["alpha"] == 0.02
    assert ears["reference_run"]["pod"] == pytest.approx(0.54048)
    assert found["published_ranges"]["fpr"] == [0.007, 0.599]


def test_reference_is_the_21_of_the_stored_run() -> None:
    wanted = _evaluation.Wanted("reference", "anlan", (), 1, None, "en")

    assert wanted.names("week", simulated=True) == [*REFERENCE_RUN, "anlan"]
    with pytest.raises(ParameterError, match="no method|must be one of"):
        wanted.names("week")
