"""The pack format: built-in packs are clean; every kind of mistake is found, with file, line and what is accepted."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from anlan import datasets
from anlan.errors import ConfigurationError, NotFoundError, Problem
from anlan.registry.pack_check import PARTS, schema_of
from anlan.registry.packs import builtin_pack, builtin_packs, check_pack, load_pack
from anlan.registry.units import UNITS, find_unit
from anlan.texts import LANGUAGES, catalogue, say

Change = Callable[[Path], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the air quality pack, small enough to break on purpose."""
    copy = tmp_path / "air_quality"
    shutil.copytree(str(files("anlan") / "packs" / "air_quality"), copy)
    return copy


def _replace(file: str, old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def _only(folder: Path) -> Problem:
    problems = check_pack(folder)
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


@pytest.mark.parametrize("pack_id", builtin_packs())
def test_built_in_packs_are_clean_and_their_samples_hold(pack_id: str) -> None:
    assert check_pack(files("anlan") / "packs" / pack_id) == []
    pack = builtin_pack(pack_id)
    assert pack.id == pack_id
    assert pack.golden
    assert {entry.point for entry in pack.maturity} == set(
        schema_of("pack")["properties"]["maturity"]["properties"]
    )


def test_the_packs_of_the_package_are_the_two_that_are_named() -> None:
    assert builtin_packs() == ("air_quality", "infectious_disease")
    with pytest.raises(NotFoundError, match="there are air_quality, infectious_disease"):
        builtin_pack("nuclear")


@pytest.mark.parametrize("part", sorted(PARTS))
def test_the_schemas_are_json_schema(part: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(part))


def test_every_disease_of_the_monthly_data_has_an_indicator() -> None:
    pack = builtin_pack("infectious_disease")
    aliases = {alias: entry.code for entry in pack.indicators for alias in entry.aliases}
    diseases = {row["disease"] for row in datasets.cn_notifiable_monthly().rows()}
    assert diseases <= set(aliases)
    monthly = {entry.code for entry in pack.indicators if entry.calendar.step == "month"}
    assert {aliases[disease] for disease in diseases} == monthly
    assert set(pack.sources[0].delivers) == monthly


def test_the_published_figures_are_indicators_of_the_air_pack() -> None:
    known = {entry.code: entry.unit for entry in builtin_pack("air_quality").indicators}
    for row in datasets.xianning_published_figures().rows():
        assert known[row["indicator"]] == row["unit"]


def test_levels_follow_the_score() -> None:
    rule = next(
        rule for rule in builtin_pack("infectious_disease").rules if rule.code == "measles.weekly.excess"
    )
    assert [rule.level_for(score) for score in (None, 1.2, 2.0, 3.9, 50.0)] == [
        "blue", "blue", "yellow", "yellow", "orange"
    ]  # fmt: skip


def test_every_level_of_a_rule_with_a_hazard_has_its_texts() -> None:
    for pack_id in builtin_packs():
        pack = builtin_pack(pack_id)
        for rule in pack.rules:
            hazard = pack.hazard(rule.hazard) if rule.hazard else None
            for level, _ in rule.levels if hazard else ():
                assert hazard is not None
                assert hazard.template(level) is not None, f"{rule.code} {level}"


@pytest.mark.parametrize(
    ("change", "key", "file", "says"),
    [
        (_replace("pack.yaml", "version: 0.1.0", "version: 0.1.0\ncolour: red"), "pack.unknown_key", "pack.yaml", "colour; accepted: format, id"),
        (_replace("pack.yaml", "id: air_quality", "id: air"), "pack.id_not_folder", "pack.yaml", "air_quality"),
        (_replace("pack.yaml", "format: 1", "format: 2"), "pack.not_accepted", "pack.yaml", "format must be 1. Got 2."),
        (_replace("pack.yaml", "version: 0.1.0", "version: new"), "pack.not_accepted", "pack.yaml", "Got new"),
        (_replace("pack.yaml", ", en: Air quality}", "}"), "pack.language_missing", "pack.yaml", "language en is missing"),
        (_replace("pack.yaml", "golden_sample: {state: done}", "golden_sample: {state: todo}"), "pack.reason_missing", "pack.yaml", "needs a reason"),
        (_replace("pack.yaml", "  golden_sample: {state: done}\n", ""), "pack.key_missing", "pack.yaml", "golden_sample is missing"),
        (_replace("indicators.yaml", "unit: µg/m³", "unit: ug/m3"), "pack.unit_unknown", "indicators.yaml", "accepted: µg/m³"),
        (_replace("indicators.yaml", "unit: µg/m³", "unit: furlong"), "pack.unit_unknown", "indicators.yaml", "mg/m³"),
        (_replace("indicators.yaml", "kind: concentration", "kind: feeling"), "pack.not_accepted", "indicators.yaml", "concentration"),
        (_replace("indicators.yaml", "    unit: µg/m³\n", ""), "pack.key_missing", "indicators.yaml", "the key unit is missing"),
        (_replace("indicators.yaml", "area_kinds: [city]", "site_kinds: []"), "pack.no_place", "indicators.yaml", "give area_kinds or site_kinds"),
        (_replace("indicators.yaml", "aliases: [PM2.5]", "aliases: [air.good_day_ratio]"), "pack.alias_twice", "indicators.yaml", "already belongs"),
        (_replace("indicators.yaml", "decimals: 2", "decimals: two"), "pack.wrong_type", "indicators.yaml", "integer"),
        (_replace("indicators.yaml", "decimals: 2", "decimals: 20"), "pack.out_of_range", "indicators.yaml", "maximum 6"),
        (_replace("indicators.yaml", "{step: year}", "{step: year, zone: Mars/Base}"), "pack.calendar", "indicators.yaml", "IANA zone"),
        (_replace("sources.yaml", "air.good_day_ratio", "air.bad_day_ratio"), "pack.code_unknown", "sources.yaml", "air.good_day_ratio"),
        (_replace("sources.yaml", "grace_hours: 1440", "grace_hours: -1"), "pack.out_of_range", "sources.yaml", "minimum 0"),
        (_replace("rules.yaml", "method: limit", "method: guess"), "pack.method_unknown", "rules.yaml", "farrington_flexible"),
        (_replace("rules.yaml", "limit: 35,", "limit: 35, sharpness: 3,"), "pack.parameter_unknown", "rules.yaml", "direction"),
        (_replace("rules.yaml", "limit: 35,", ""), "pack.key_missing", "rules.yaml", "the key limit is missing"),
        (_replace("rules.yaml", "direction: above", "direction: sideways"), "pack.not_accepted", "rules.yaml", "'above', 'below'"),
        (_replace("rules.yaml", "limit: 35,", "limit: 35, duration: 0,"), "pack.not_accepted", "rules.yaml", "an int >= 1"),
        (_replace("rules.yaml", "method: limit\n    parameters: {limit: 35, direction: above}", "method: farrington_flexible"), "pack.method_unfit", "rules.yaml", "week, month"),
        (_replace("rules.yaml", "level: blue", "level: blue\n    levels: [{level: red, score_at_least: 2}]"), "pack.level_or_levels", "rules.yaml", "not both"),
        (_replace("rules.yaml", "level: blue", "levels: [{level: red, score_at_least: 1}, {level: blue, score_at_least: 2}]"), "pack.levels_order", "rules.yaml", "blue, yellow, orange, red"),
        (_replace("rules.yaml", 'valid_to: "2030-12-31"', 'valid_to: "2020-12-31"'), "pack.validity_order", "rules.yaml", "before valid_from"),
        (_replace("rules.yaml", 'valid_to: "2030-12-31"', 'valid_to: "2030-02-31"'), "pack.not_accepted", "rules.yaml", "YYYY-MM-DD"),
        (_replace("rules.yaml", "code: pm25.annual.gb3095_2026\n", "code: pm25.annual.gb3095_2012\n"), "pack.code_twice", "rules.yaml", "pm25.annual.gb3095_2012 stands twice"),
        (_replace("rules.yaml", "    method: silence\n    sources: [city.published.yearly]\n", "    method: silence\n"), "pack.key_missing", "rules.yaml", "sources is missing"),
        (_replace("rules.yaml", "extend_days: 0", "extend_days: 0\n    hazard: smog"), "pack.code_unknown", "rules.yaml", "no hazard"),
        (_replace("golden.yaml", "rule: pm25.annual.gb3095_2012", "rule: pm25.annual"), "pack.code_unknown", "golden.yaml", "no rule"),
        (_replace("golden.yaml", "input: golden/pm25_annual.csv", "input: ../../secret.csv"), "pack.golden_path", "golden.yaml", "in the folder golden"),
        (_replace("golden/pm25_annual_2012.expected.csv", "Xianning,2015,1", "Xianning,2015,0"), "pack.golden_differs", "golden/pm25_annual_2012.expected.csv", "alarm should be 0.0"),
        (_replace("golden/pm25_annual_2012.expected.csv", "1,35\n", "1,34\n"), "pack.golden_differs", "golden/pm25_annual_2012.expected.csv", "gives 35.0"),
        (_replace("golden/pm25_annual_2012.expected.csv", "Xianning,2015", "Wuhan,2015"), "pack.golden_missing_period", "golden/pm25_annual_2012.expected.csv", "Wuhan 2015"),
        (_replace("golden/pm25_annual_2012.expected.csv", "alarm,upper", "alarm,top"), "pack.golden_columns", "golden/pm25_annual_2012.expected.csv", "[upper]"),
        (_replace("golden/pm25_annual_2012.expected.csv", "2015,1,35", "2015,yes,35"), "pack.golden_value", "golden/pm25_annual_2012.expected.csv", "yes"),
    ],
)  # fmt: skip
def test_each_mistake_is_found(folder: Path, change: Change, key: str, file: str, says: str) -> None:
    change(folder)
    problems = check_pack(folder)
    found = [problem for problem in problems if problem.key == key]
    assert found, [str(problem) for problem in problems]
    assert found[0].where["file"] == file
    assert says in found[0].message
    assert isinstance(found[0].where["line"], int)


def test_the_line_is_the_one_to_look_at(folder: Path) -> None:
    _replace("rules.yaml", "limit: 25, direction: above", "limit: 25, direction: up")(folder)
    problem = _only(folder)
    line = (
        (folder / "rules.yaml").read_text(encoding="utf-8").splitlines()[int(str(problem.where["line"])) - 1]
    )
    assert "direction: up" in line


def test_all_problems_come_at_once(folder: Path) -> None:
    _replace("indicators.yaml", "unit: µg/m³", "unit: furlong")(folder)
    _replace("rules.yaml", "method: limit", "method: guess")(folder)
    _replace("sources.yaml", "known_at: reported", "known_at: rumoured")(folder)
    _replace("pack.yaml", ", en: Air quality}", "}")(folder)
    (folder / "notes.txt").write_text("not part of a pack")
    found = {(problem.where["file"], problem.key) for problem in check_pack(folder)}
    assert {file for file, _ in found} == {
        "indicators.yaml",
        "rules.yaml",
        "sources.yaml",
        "pack.yaml",
        "notes.txt",
    }


def test_load_pack_raises_with_the_same_list(folder: Path) -> None:
    _replace("indicators.yaml", "unit: µg/m³", "unit: furlong")(folder)
    with pytest.raises(ConfigurationError) as caught:
        load_pack(folder)
    assert [str(problem) for problem in caught.value.problems] == [
        str(problem) for problem in check_pack(folder)
    ]


def test_a_folder_that_is_no_pack(tmp_path: Path) -> None:
    assert _only(tmp_path).key == "pack.not_a_folder"
    assert _only(tmp_path / "nowhere").key == "pack.not_a_folder"
    (tmp_path / "pack.yaml").write_text("")
    assert {problem.key for problem in check_pack(tmp_path)} == {"pack.wrong_type", "pack.file_missing"}


def test_links_out_of_the_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("series,period,value\nA,2020,1\n")
    (folder / "golden" / "link.csv").symlink_to(secret)
    assert _only(folder).key == "pack.file_unknown"


def test_text_places_are_a_closed_list(tmp_path: Path) -> None:
    copy = tmp_path / "infectious_disease"
    shutil.copytree(str(files("anlan") / "packs" / "infectious_disease"), copy)
    path = copy / "warnings.yaml"
    text = path.read_text(encoding="utf-8")
    for bad in (
        "{area.__class__}",
        "{area!r}",
        "{0}",
        "{}",
        "{population}",
        "{area:>99999999}",
        "{area[0]}",
        "{area",
    ):
        path.write_text(text.replace("{area}麻疹蓝色预警", bad, 1), encoding="utf-8")
        assert [problem.key for problem in check_pack(copy)] == ["pack.place_unknown"], bad


def test_the_digest_is_of_the_content(folder: Path) -> None:
    before = load_pack(folder).digest
    assert before == builtin_pack("air_quality").digest
    (folder / "README.md").write_text("A note.")
    assert load_pack(folder).digest != before


def test_a_sample_for_silence_is_refused(folder: Path) -> None:
    _replace("golden.yaml", "rule: pm25.annual.gb3095_2012", "rule: city.published.silent")(folder)
    assert _only(folder).key == "pack.golden_silence"


def test_samples_hold_gaps_and_periods_once(folder: Path) -> None:
    path = folder / "golden" / "pm25_annual.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "Xianning,2015,52.2\n", encoding="utf-8")
    assert {problem.key for problem in check_pack(folder)} == {"pack.golden_row_twice"}
    path.write_text("series,period,value\n", encoding="utf-8")
    assert {problem.key for problem in check_pack(folder)} == {"pack.golden_no_rows"}
    path.write_text(text.replace("2015", "W15"), encoding="utf-8")
    assert {problem.key for problem in check_pack(folder)} == {"pack.golden_value"}


def test_every_problem_can_be_said_in_every_language(folder: Path) -> None:
    modules = ("yaml_lines", "pack_check", "pack_golden", "packs")
    source = "".join((files("anlan.registry") / f"{name}.py").read_text(encoding="utf-8") for name in modules)
    keys = set(re.findall(r'"(pack\.[a-z_0-9]+)"', source)) - {"pack.yaml"}
    assert len(keys) > 30
    assert keys <= set(catalogue())
    _replace("indicators.yaml", "unit: µg/m³", "unit: furlong")(folder)
    problem = _only(folder)
    assert say(problem.key, "en", **problem.values) == problem.message
    assert "furlong" in say(problem.key, "zh", **problem.values)


def test_units_have_names_and_spellings_that_do_not_clash() -> None:
    for unit in UNITS.values():
        assert set(unit.names) == set(LANGUAGES)
        for spelling in (unit.code, *unit.spellings):
            assert find_unit(f" {spelling} ") is unit
    assert find_unit("furlong") is None


def test_the_command_checks_folders_and_prints_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from anlan.cli import main

    assert main(["pack", "check", str(folder), "--lang", "en"]) == 0
    assert "can be installed" in capsys.readouterr().out
    _replace("indicators.yaml", "unit: µg/m³", "unit: furlong")(folder)
    assert main(["pack", "check", str(folder), "--json", "--lang", "zh"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told[0]["problems"][0]["file"] == "indicators.yaml"
    assert "未知单位 furlong" in told[0]["problems"][0]["message"]
    assert main(["pack", "check", str(folder), "--lang", "en"]) == 1
    assert re.search(r"indicators\.yaml:\d+: unknown unit furlong", capsys.readouterr().out)
    assert main(["pack", "check", str(folder), "--lang", "fr"]) == 2
