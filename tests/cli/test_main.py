"""The root of the command line: loading late, ending well."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

import anlan
from anlan.cli import COMMANDS, Command, language_of, main
from anlan.cli.app import load
from anlan.errors import InputError, MissingExtraError, Problem

HEAVY = (
    "sqlalchemy",
    "fastapi",
    "jinja2",
    "uvicorn",
    "lxml",
    "pandas",
    "numba",
    "anlan.store",
    "anlan.web",
)


def loaded_after(*arguments: str) -> tuple[int, set[str]]:
    """Exit code and modules of a fresh interpreter that ran the command line."""
    code = (
        "import sys; from anlan.cli import main; code = main(sys.argv[1:]); "
        "sys.stderr.write('\\n' + ' '.join(sorted(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("methods", "--json")])
def test_the_server_half_is_not_loaded(arguments: tuple[str, ...]) -> None:
    code, modules = loaded_after(*arguments)
    assert code == 0
    assert modules.isdisjoint(HEAVY)
    if arguments == ("--version",):
        assert modules.isdisjoint({"typer", "rich", "polars", "numpy"})


def test_detecting_in_a_file_does_not_load_it_either(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(
        "day,cases\n" + "\n".join(f"2024-07-{day:02d},1" for day in range(1, 20)), encoding="utf-8"
    )
    options = [
        "--time",
        "day",
        "--value",
        "cases",
        "--method",
        "ears_c1",
        "--plot",
        str(tmp_path / "out.html"),
    ]
    code, modules = loaded_after("detect", str(file), *options)
    assert code == 0
    assert "polars" in modules
    assert modules.isdisjoint(HEAVY)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"anlan {anlan.__version__}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert name in said
        assert command.help.split(".")[0][:30] in said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(import_module(COMMANDS[name].module).app, typer.Typer)
    assert main([name, "--help"]) == 0
    assert f"anlan {name}" in capsys.readouterr().out


def test_an_unknown_command_could_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detetc"]) == 2
    assert "detetc" in capsys.readouterr().err


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'fastapi'", name="fastapi")

    monkeypatch.setattr("anlan.cli.app.import_module", without)
    with pytest.raises(
        MissingExtraError, match=r"anlan serve needs the optional part \"server\" \(fastapi is not"
    ):
        load("serve", Command("anlan.cli.serve", extra="server", help=""))
    assert main(["methods", "--lang", "zh"]) == 2
    assert "pip install 'anlan[cli]'" in capsys.readouterr().err


def test_a_module_of_ours_that_is_missing_is_a_fault_and_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'anlan.cli.serve'", name="anlan.cli.serve")

    monkeypatch.setattr("anlan.cli.app.import_module", without)
    with pytest.raises(ModuleNotFoundError):
        load("serve", Command("anlan.cli.serve", extra="server", help=""))


def test_errors_are_said_with_their_problems_in_the_language_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = {"row": 7, "column": "week"}
    problem = Problem("library.problem.empty", {}, where, "empty")
    error = InputError(
        "wrong", key="library.error.time_empty", values={"column": "week", "count": 1}, problems=[problem]
    )

    def fails(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr("anlan.cli._run", fails)
    assert main(["detect", "--lang", "en"]) == 2
    assert capsys.readouterr().err == (
        "anlan: The time column week is empty in 1 rows.\n  - row 7, column week: empty\n"
    )
    assert main(["detect", "--lang=zh"]) == 2
    assert capsys.readouterr().err == "anlan: 时间列 week 有 1 行为空。\n  - 第 7 行，列 week：为空\n"


def test_a_fault_of_ours_is_not_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(arguments: list[str]) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("anlan.cli._run", fails)
    monkeypatch.delenv("ANLAN_TRACEBACK", raising=False)
    assert main(["detect"]) == 2
    said = capsys.readouterr().err
    assert "unexpected ZeroDivisionError: division by zero" in said
    assert "Traceback" not in said
    monkeypatch.setenv("ANLAN_TRACEBACK", "1")
    assert main(["detect"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ((), {}, "en"),
        ((), {"LANG": "zh_CN.UTF-8"}, "zh"),
        ((), {"LANG": "zh_CN.UTF-8", "ANLAN_LANG": "en"}, "en"),
        (("--lang", "zh"), {"ANLAN_LANG": "en"}, "zh"),
        (("--lang=en",), {"LANG": "zh_CN"}, "en"),
        (("--lang", "fr"), {}, "en"),
    ],
)
def test_the_language(arguments: tuple[str, ...], environment: dict[str, str], language: str) -> None:
    assert language_of(arguments, environment) == language
