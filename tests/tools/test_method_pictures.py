"""The pages of the methods: pictures, false alarms, parameters and sections are what the code says."""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from anlan.stats.counts import METHODS, REQUIRED, glr_nb

ROOT = Path(__file__).parents[2]
PAGES = sorted({method.page for method in METHODS.values()})
LARGEST = 40_000


@cache
def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look for their module by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def tool() -> ModuleType:
    return load("tools/method_pictures.py")


def page(name: str) -> str:
    return (ROOT / "docs" / "methods" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_pictures_and_written_sections_are_what_the_code_makes() -> None:
    wanted: dict[Path, str] = tool().wanted()
    wrong = [str(path) for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    assert wrong == []


def test_a_changed_picture_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tool()
    drawn = tmp_path / "cdc.svg"
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "wanted", lambda: {drawn: "<svg/>"})
    monkeypatch.setattr(sys, "argv", ["method_pictures.py", "--check"])
    drawn.write_text("<svg/>", encoding="utf-8")
    assert module.main() == 0
    drawn.write_text("<svg></svg>", encoding="utf-8")
    assert module.main() == 1
    assert drawn.read_text(encoding="utf-8") == "<svg></svg>"


def test_every_method_has_its_picture_on_its_page() -> None:
    for name, method in METHODS.items():
        picture = ROOT / "docs" / "images" / "methods" / f"{name}.svg"
        assert f"](../images/methods/{name}.svg)" in page(method.page), name
        svg = picture.read_text(encoding="utf-8")
        assert len(svg.encode()) <= LARGEST, name
        # Readable on a dark page, named for those who do not see it, with alarms and a limit.
        assert "prefers-color-scheme:dark" in svg, name
        assert "<title>" in svg, name
        assert "<desc>" in svg, name
        assert 'class="unit"' in svg, name
        assert 'class="ring"' in svg, name
        assert 'class="bound"' in svg or 'class="line second"' in svg, name


def test_the_known_outbreak_is_in_the_data() -> None:
    newport = tool().series("newport")
    cases = dict(zip(newport.periods, newport.values, strict=True))
    assert [cases[week] for week in ("2011-W41", "2011-W42", "2011-W43", "2011-W44")] == [2, 15, 63, 21]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_when_how_with_what_and_how_it_fails(name: str) -> None:
    text = page(name)
    for heading in (
        r"^## When to use",
        r"^## On real data$",
        r"^### False alarms a year and series",
        r"^## (Limits of the method|Where it fails)$",
        r"^## References$",
    ):
        assert re.search(heading, text, re.MULTILINE), heading
    assert re.search(r"^## (How (it|they) decides?|What it does)$", text, re.MULTILINE)


def parameter_table(text: str) -> tuple[list[str], list[list[str]]]:
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("| parameter |"))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[0], rows[2:]


def spelled(default: Any) -> str:
    return "required" if default is REQUIRED else str(default)


@pytest.mark.parametrize("name", PAGES)
def test_the_table_of_parameters_has_the_defaults_of_the_code(name: str) -> None:
    methods = [method for method in METHODS.values() if method.page == name]
    head, rows = parameter_table(page(name))
    assert head[0] == "parameter"
    assert head[-2:] == ["ours", "why"]
    assert "paper" in head[1]
    told: dict[str, list[str]] = {}
    for row in rows:
        found = re.match(r"`(\w+)`", row[0])
        assert found, row
        assert len(row) == len(head), row
        # An optional parameter says after its None what the method then does.
        default = row[-2]
        told[found.group(1)] = re.findall(r"`([^`]+)`", default.split(":")[0]) or [default]
        if "`None`" in default:
            assert re.search(r"`None`: \w", default), row
    known = {parameter.name for method in methods for parameter in method.parameters}
    assert set(told) == known
    for parameter, said in told.items():
        defaults = [
            spelled(item.default)
            for method in methods
            for item in method.parameters
            if item.name == parameter
        ]
        # One value for all methods of the page, or one for each in the order of the table of methods.
        wanted = defaults[:1] if len(set(defaults)) == 1 else defaults
        assert said == wanted, parameter


def numbers(said: str) -> list[float | str]:
    """Values of a cell, ``5.0`` like ``5``."""
    return [float(one) if re.fullmatch(r"[\d.]+", one) else one for one in said.split(", ")]


@pytest.mark.parametrize("name", PAGES)
def test_a_default_that_is_not_the_papers_is_explained(name: str) -> None:
    _, rows = parameter_table(page(name))
    for row in rows:
        paper = {"yes": "True", "no": "False"}.get(row[1], row[1])
        ours = row[-2].replace("`", "").removeprefix("None: ")
        assert row[-1] or numbers(ours) == numbers(paper) or ours.startswith(paper), row


def test_false_alarms_were_measured_for_every_weekly_method() -> None:
    bench = load("benchmarks/bench_false_alarms.py")
    told = {(item.method, item.design): item for item in bench.read()}
    assert set(told) == {(name, design) for name in bench.weekly_methods() for design in bench.DESIGNS}
    for item in told.values():
        assert item.n_series >= 420
        assert item.low <= item.a_year <= item.high
        assert item.a_year == pytest.approx(365.25 / 7 * item.alarms / item.judged_weeks, abs=1e-3)


def test_the_stored_rate_is_what_the_benchmark_measures() -> None:
    bench = load("benchmarks/bench_false_alarms.py")
    stored = next(item for item in bench.read() if (item.method, item.design) == ("ears_c2", "independent"))
    series = bench.simulated("independent", stored.n_series, stored.seed)
    assert bench.rate("ears_c2", "independent", series, stored.seed) == stored


def test_the_reference_variant_misses_what_the_published_one_finds() -> None:
    """The figures of docs/methods/quirks.md: a count of thirty where one is expected, and a real outbreak."""
    count = np.array([[30.0]])
    ours = glr_nb(count, mean=1.0, overdispersion=0.1)
    theirs = glr_nb(count, mean=1.0, overdispersion=0.1, variant="surveillance-1.20")
    assert ours.alarm.all()
    assert not theirs.alarm.any()
    published, reference = (tool().shown(f"quirk_glr_{name}") for name in ("published", "reference"))
    missed = [week for week in published.alarms if week not in reference.alarms]
    assert {"2004-W15", "2004-W16"} <= set(missed)


def test_the_readme_of_the_reference_lists_what_is_there() -> None:
    folder = ROOT / "tests" / "reference" / "surveillance"
    text = (folder / "README.md").read_text(encoding="utf-8")
    for path in folder.iterdir():
        assert path.is_dir() or f"`{path.name}`" in text, path.name
    for path in (folder / "data").iterdir():
        assert f"`data/{path.name}`" in text, path.name
    listed = {
        found.group(1): (int(found.group(2)), set(found.group(3).split(", ")))
        for found in re.finditer(r"^\| `expected/(\w+)/` .*\| (\d+): (.*) \|$", text, re.MULTILINE)
    }
    there = {
        path.name: {case.stem for case in path.glob("*.json")} for path in (folder / "expected").iterdir()
    }
    assert listed == {name: (len(cases), cases) for name, cases in there.items()}
    assert "GPL-2" in text
