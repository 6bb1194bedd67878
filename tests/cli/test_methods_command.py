"""``anlan methods``: built from the one table, so that it cannot lag behind."""

from __future__ import annotations

import json

import pytest

from anlan.cli import main
from anlan.stats.counts import METHODS


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_list_names_every_method(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--lang", language]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in METHODS)
    assert ("比较" in said) == (language == "zh")


@pytest.mark.parametrize("name", METHODS)
def test_each_method_shows_its_parameters(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "show", name, "--lang", "en"]) == 0
    said = capsys.readouterr()
    first_column = {line.split()[0] for line in said.out.splitlines() if line.strip()}
    for parameter in METHODS[name].parameters:
        assert parameter.name[:12] in {word[:12] for word in first_column}
    assert f"--method {name}" in said.err


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in described] == list(METHODS)
    assert main(["methods", "show", "limit", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == next(item for item in described if item["name"] == "limit")
    assert shown["parameters"][0]["required"] is True
    assert all(set(parameter["meaning"]) == {"zh", "en"} for parameter in shown["parameters"])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_auto_shows_what_it_chooses(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "show", "auto", "--lang", language]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert "prefer=published" in said
    for words in ("anlan from 2 years on", "ears_c2 from 9 periods on", "bayes1 from 1 periods on"):
        assert (words in said) == (language == "en")
    assert ("满 2 年用 anlan" in said) == (language == "zh")


def test_an_unknown_method_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "show", "magic", "--lang", "en"]) == 2
    assert "farrington_flexible" in capsys.readouterr().err
    assert main(["methods", "--lang", "fr"]) == 2
    assert "--lang must be zh or en. Got fr." in capsys.readouterr().err
