"""Methods of other packages stand in the table; broken ones are named and harm nobody."""

from __future__ import annotations

import json
import pickle
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from outside_package import MEAN_OF_LAST, blocks, install

import anlan
from anlan.cli import main
from anlan.errors import ParameterError
from anlan.stats.counts import METHODS, begin, check_detector, method_named, outside_problems, update

CASES = pl.DataFrame({"day": [f"2024-07-{day:02d}" for day in range(1, 15)], "cases": [2, 3] * 6 + [3, 19]})
BUILT_IN = list(METHODS)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path`` in which packages can be installed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    METHODS.look_again()
    yield tmp_path
    for name in ("theirs", "others", "quitting", "their_package"):
        sys.modules.pop(name, None)
    METHODS.look_again()


def test_a_method_of_another_package_is_in_the_table_and_in_detect(site: Path) -> None:
    install(site, "their-package", {"mean_of_last": "theirs:METHOD"}, "theirs", MEAN_OF_LAST)

    assert list(METHODS) == [*BUILT_IN, "mean_of_last"]
    assert len(METHODS) == len(BUILT_IN) + 1
    assert METHODS["mean_of_last"].package == "their-package 1.0"
    assert outside_problems() == ()
    found = anlan.detect(CASES, time="day", value="cases", method="mean_of_last", periods=3)
    assert found.filter(pl.col("alarm"))["day"].to_list() == ["2024-07-14"]
    assert found["reason"].to_list()[:4] == ["short_history"] * 3 + ["ok"]
    with pytest.raises(ParameterError, match="mean_of_last has no parameter 'b'. It has periods, factor"):
        anlan.detect(CASES, time="day", value="cases", method="mean_of_last", b=3)


def test_it_keeps_the_contract_and_streams(site: Path) -> None:
    install(site, "their-package", {"mean_of_last": "theirs:METHOD"}, "theirs", MEAN_OF_LAST)
    method = method_named("mean_of_last")
    check_detector(method)
    # As the author runs it, before the package is installed.
    METHODS.look_again()
    check_detector(method, periods=6)

    counts = CASES["cases"].to_numpy()[np.newaxis]
    state = pickle.loads(pickle.dumps(begin("mean_of_last", counts[:, :13])))
    _, found = update(state, counts[:, 13])
    assert found.alarm.tolist() == [[True]]


def test_it_is_on_the_command_line(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "their-package", {"mean_of_last": "theirs:METHOD"}, "theirs", MEAN_OF_LAST)
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["methods", "--lang", "zh"]) == 0
    assert "近期均值的三倍" in capsys.readouterr().out
    assert main(["methods", "show", "mean_of_last", "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert "From the package their-package 1.0" in said
    assert "Latest periods" in said
    assert main(["methods", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)[-1]
    assert (described["name"], described["package"]) == ("mean_of_last", "their-package 1.0")
    assert described["parameters"][0]["meaning"] == {"zh": "近期期数", "en": "Latest periods"}
    file = tmp_path / "cases.csv"
    CASES.write_csv(file)
    command = ["detect", str(file), "-t", "day", "-v", "cases", "-m", "mean_of_last", "--lang", "en"]
    assert main(command) == 1
    assert "1 alarms in 1 of 1 series (mean_of_last)" in capsys.readouterr().out


def test_the_page_for_authors_holds(site: Path) -> None:
    project = tomllib.loads(blocks("toml")[0])["project"]
    install(site, project["name"], project["entry-points"]["anlan.methods"], "their_package", MEAN_OF_LAST)
    names: dict[str, Any] = {}
    exec(blocks("python")[1], names)
    names["test_keeps_the_contract"]()
    assert METHODS["mean_of_last"].package == "their-package 1.0"
    streaming = Path(__file__).parents[3] / "docs" / "explain" / "streaming.md"
    example = streaming.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    exec(example, {})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mean_of_last", "theirs:NOTHING", "theirs:NOTHING cannot be loaded: AttributeError"),
        ("mean_of_last", "nowhere:METHOD", "nowhere:METHOD cannot be loaded: ModuleNotFoundError"),
        ("mean_of_last", "theirs:mean_of_last", "must be an anlan.stats.counts.Method. Got function"),
        ("other_name", "theirs:METHOD", "its name must be equal. Its name is 'mean_of_last'"),
        ("Mean", "theirs:METHOD", "a name must be lower-case letters"),
        ("farrington_flexible", "theirs:METHOD", "anlan has a method of that name"),
    ],
)
def test_a_broken_one_is_named_and_harms_nobody(site: Path, name: str, value: str, said: str) -> None:
    install(site, "broken-package", {name: value}, "theirs", MEAN_OF_LAST)

    assert list(METHODS) == BUILT_IN
    (problem,) = outside_problems()
    assert f"The method {name!r} of broken-package 1.0 is not used" in problem.message
    assert said in problem.message
    assert anlan.detect(CASES, time="day", value="cases", method="ears_c1")["alarm"].sum() == 1
    if name not in BUILT_IN:
        with pytest.raises(ParameterError, match="broken-package 1.0 is not used"):
            anlan.detect(CASES, time="day", value="cases", method=name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("steps=(), kinds", "steps must be some of day, week, month"),
        ('steps=("hour",), kinds', "steps must be some of day, week, month"),
        ("history=5, kinds", "history must be callable. Got 5"),
        ("uses_dates=True, kinds", "its function must take dates as keyword"),
        ('parameters=(Parameter("b", "int", 1),), kinds', "its function must take b as keyword"),
    ],
)
def test_what_the_table_relies_on_is_checked(site: Path, change: str, said: str) -> None:
    changed = change.removesuffix(", kinds")
    code = MEAN_OF_LAST + f"\nfrom dataclasses import replace\nMETHOD = replace(METHOD, {changed})\n"
    install(site, "broken-package", {"mean_of_last": "theirs:METHOD"}, "theirs", code)
    (problem,) = outside_problems()
    assert said in problem.message


def test_code_that_fails_at_import_breaks_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(site, "quitting-package", {"quits": "quitting:METHOD"}, "quitting", "raise SystemExit(3)\n")
    install(site, "their-package", {"mean_of_last": "theirs:METHOD"}, "theirs", MEAN_OF_LAST)
    assert main(["methods", "--lang", "zh"]) == 0
    said = capsys.readouterr()
    assert "mean_of_last" in said.out
    assert "未采用软件包 quitting-package 1.0 的方法 quits" in said.err
    assert main(["methods", "show", "quits", "--lang", "en"]) == 2
    assert "quitting:METHOD cannot be loaded: SystemExit: 3" in capsys.readouterr().err


def test_of_two_that_clash_neither_is_used(site: Path) -> None:
    install(site, "one-package", {"mean_of_last": "theirs:METHOD"}, "theirs", MEAN_OF_LAST)
    install(site, "two-package", {"mean_of_last": "others:METHOD"}, "others", MEAN_OF_LAST)
    assert "mean_of_last" not in METHODS
    (problem,) = outside_problems()
    assert "one-package 1.0, two-package 1.0" in problem.message
    assert "declared more than once" in problem.message


def test_built_in_methods_are_found_without_looking_outside(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("entry points were read")

    monkeypatch.setattr("anlan.stats.counts._outside.find", refused)
    assert METHODS["ears_c1"].package == ""
    assert anlan.detect(CASES, time="day", value="cases", method="ears_c1").height == 14
    with pytest.raises(AssertionError, match="entry points were read"):
        list(METHODS)
