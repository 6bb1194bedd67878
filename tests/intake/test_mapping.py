"""Which column is what: guesses, changes by hand, what is remembered."""

from __future__ import annotations

import pytest

from anlan.errors import InputError
from anlan.intake.files import read_table
from anlan.intake.guess import Vocabulary, guess_mapping
from anlan.intake.mapping import ColumnUse, Declared, Mapping


def guess(text: str, vocabulary: Vocabulary | None = None) -> Mapping:
    return guess_mapping(read_table(text.encode(), "x.csv"), vocabulary or Vocabulary())


def roles(mapping: Mapping) -> list[str]:
    return [column.role for column in mapping.columns]


def test_english_headers_in_long_form() -> None:
    mapping = guess(
        "date,adcode,disease,age_group,cases,remark\n2024-01-01,421202,measles,5-14,3,\n2024-01-02,421221,measles,5-14,4,x\n"
    )
    assert roles(mapping) == ["period", "area", "indicator", "stratum", "value", "ignore"]
    assert not mapping.unsure
    assert not mapping.problems()
    assert not mapping.is_wide
    assert mapping.columns[3].key == "age_group"


def test_chinese_headers_as_hospitals_write_them() -> None:
    text = "日期,报告单位,现住乡镇,疾病,年龄组,例数\n2026-07-01,咸安区第一医院,温泉街道,手足口病,0-4,2\n2026-07-02,赤壁市人民医院,官塘驿镇,麻疹,5-14,1\n"
    mapping = guess(text)
    assert roles(mapping) == ["period", "reporter", "area", "indicator", "stratum", "value"]
    assert not mapping.unsure
    assert mapping.columns[5].reason.say("zh") == "表头“例数”是常见写法"


def test_a_wide_table_takes_its_headers_as_indicators() -> None:
    text = "时间,站点,PM2.5(μg/m3),PM10,SO2\n2024-01-01 00:00,永安,12,30,5\n2024-01-01 01:00,永安,13,31,5\n"
    mapping = guess(text, Vocabulary(indicators={"pm2.5", "pm10", "so2"}))
    assert roles(mapping) == ["period", "site", "value", "value", "value"]
    assert [column.key for column in mapping.with_role("value")] == ["PM2.5", "PM10", "SO2"]
    assert mapping.is_wide
    assert not mapping.problems()


def test_unknown_numbers_are_never_sure() -> None:
    mapping = guess("日期,地区,甲,乙\n2024-01-01,咸安区,1,2\n2024-01-02,赤壁市,3,4\n")
    assert [column.header for column in mapping.unsure] == ["甲", "乙"]


def test_a_header_that_its_cells_belie_is_not_sure() -> None:
    mapping = guess("日期,地区,疾病,例数\n甲,咸安区,麻疹,1\n乙,赤壁市,麻疹,2\n丙,赤壁市,麻疹,2\n")
    assert mapping.columns[0].role == "period"
    assert not mapping.columns[0].is_sure
    assert mapping.columns[0].reason.key == "intake.reason.header_doubt"


def test_two_dates_that_fit_equally_are_both_said() -> None:
    mapping = guess(
        "发病日期,报告日期,地区,疾病,例数\n2024-01-01,2024-01-02,咸安区,麻疹,1\n2024-01-02,2024-01-03,赤壁市,麻疹,1\n"
    )
    assert roles(mapping)[:2] == ["period", "ignore"]
    assert mapping.columns[0] in mapping.unsure
    assert mapping.columns[0].reason.key == "intake.reason.rival"


def test_the_township_wins_over_its_county_and_a_code_over_a_name() -> None:
    text = "日期,区县,乡镇,疾病,例数\n2024-01-01,咸安区,温泉街道,麻疹,1\n2024-01-02,咸安区,浮山街道,麻疹,1\n"
    assert roles(guess(text)) == ["period", "ignore", "area", "indicator", "value"]
    text = "日期,地区,adcode,疾病,例数\n2024-01-01,咸安区,421202,麻疹,1\n2024-01-02,赤壁市,421281,麻疹,1\n"
    assert roles(guess(text)) == ["period", "ignore", "area", "indicator", "value"]


def test_known_at_and_time_of_day() -> None:
    text = "known_on,date,state_id,cases_7d\n2024-10-21,2024-09-01,00,1672\n2024-10-22,2024-09-01,00,1680\n"
    mapping = guess(text)
    assert roles(mapping)[:2] == ["known_at", "period"]
    text = "日期,小时,测站,水位\n2024-01-01,8,一号,12.5\n2024-01-01,9,一号,12.6\n"
    assert roles(guess(text)) == ["period", "time", "site", "value"]


def test_contents_alone() -> None:
    mapping = guess("2024-01-01,421202,5\n2024-01-02,421221,7\n2024-01-03,421222,1\n")
    assert roles(mapping) == ["period", "area", "value"]
    known = Vocabulary(areas={"咸安区", "赤壁市"}, indicators={"麻疹"})
    mapping = guess("a,b,c,d\n2024-01-01,咸安区,麻疹,5\n2024-01-02,赤壁市,麻疹,7\n", known)
    assert roles(mapping) == ["period", "area", "indicator", "value"]
    assert {column.header for column in mapping.unsure} == {"a", "d"}


def test_what_is_missing_is_said_in_both_languages() -> None:
    mapping = guess("x,y\np,q\nr,s\n")
    keys = {problem.key for problem in mapping.problems()}
    assert keys == {
        "intake.mapping.no_value",
        "intake.mapping.no_period",
        "intake.mapping.no_indicator",
        "intake.mapping.no_area",
    }


def test_a_person_changes_a_column_by_header_or_letter() -> None:
    mapping = guess("日期,地区,甲,乙\n2024-01-01,咸安区,1,2\n2024-01-02,赤壁市,3,4\n")
    said = mapping.set("甲", "value", "measles").set("D", "ignore")
    assert roles(said) == ["period", "area", "value", "ignore"]
    assert not said.unsure
    assert said.columns[2].key == "measles"
    with pytest.raises(InputError, match="There is no column"):
        mapping.set("丙", "value")
    with pytest.raises(InputError, match="is not a role"):
        mapping.set("甲", "number")  # type: ignore[arg-type]
    twice = guess("a,a,b\n1,2,3\n")
    with pytest.raises(InputError, match="Several columns are headed"):
        twice.set("a", "value")


def test_a_role_that_is_said_leaves_the_column_that_was_guessed() -> None:
    mapping = guess(
        "发病日期,报告日期,地区,疾病,例数\n2024-01-01,2024-01-02,咸安区,麻疹,1\n2024-01-02,2024-01-03,赤壁市,麻疹,1\n"
    )
    said = mapping.set("报告日期", "period")
    assert roles(said)[:2] == ["ignore", "period"]
    assert not said.problems()


def test_a_mapping_survives_storage() -> None:
    mapping = Mapping(
        (ColumnUse(0, "日期", "period"), ColumnUse(1, "数", "value", "measles", 0.7)),
        {"area": "421200"},
        Declared(decimal_comma=True, sentinels=(-999.0,), date_order="dmy", year=2024, zero_words=("无",)),
    )
    assert Mapping.from_json(mapping.to_json()) == mapping
    for text in ("", "[]", '{"columns": []}', '{"columns": [{"index": 0}], "fixed": {}, "declared": {}}'):
        with pytest.raises(InputError, match="not a mapping"):
            Mapping.from_json(text)
    with pytest.raises(InputError, match="not a mapping"):
        Mapping.from_json(mapping.to_json().replace('"period"', '"number"'))


def test_a_remembered_mapping_finds_its_columns_again() -> None:
    mapping = guess("date,adcode,disease,cases\n2024-01-01,421202,measles,3\n2024-01-02,421221,measles,4\n")
    fitted = mapping.fit(["disease", "new", "Cases ", "date", "ADCODE"])
    assert roles(fitted) == ["indicator", "ignore", "value", "period", "area"]
    assert fitted.columns[1].reason.key == "intake.reason.new_column"
    with pytest.raises(InputError) as caught:
        mapping.fit(["date", "adcode", "disease", "number"])
    assert caught.value.key == "intake.mapping.changed"
    assert [problem.values["header"] for problem in caught.value.problems] == ["cases"]


def test_fixed_values_stand_for_columns() -> None:
    mapping = Mapping(
        (ColumnUse(0, "d", "period"), ColumnUse(1, "v", "value")), {"area": "421200", "indicator": "measles"}
    )
    assert not mapping.problems()
