"""Tables and mappings -> items and problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from anlan.errors import InputError
from anlan.intake.cells import ValueRules
from anlan.intake.files import read_table
from anlan.intake.guess import guess_mapping
from anlan.intake.mapping import ColumnUse, Declared, Mapping
from anlan.intake.reading import Reading, preview, read_items

MakeWorkbook = Callable[..., bytes]
COUNTS = ValueRules(whole=True, minimum=0, qualifiers=False)


def read(text: str, rules: ValueRules | None = None, declared: Declared | None = None) -> Reading:
    table = read_table(text.encode(), "x.csv")
    mapping = guess_mapping(table, declared=declared or Declared())
    return read_items(table, mapping, rules_of=None if rules is None else lambda _name: rules)


def values(reading: Reading) -> list[tuple[object, ...]]:
    return reading.items.select("position", "area", "indicator", "number", "qualifier").rows()


HEADER = "日期,乡镇,疾病,例数\n"


def test_good_rows_are_items_and_bad_rows_keep_their_place() -> None:
    text = (
        HEADER
        + "2026-07-01,温泉街道,手足口病,3\n6月31日,温泉街道,手足口病,1\n2026-07-03,温泉街道,手足口病,＜５\n2026-07-04,,手足口病,１２\n2026-07-05,浮山街道,手足口病,１２\n"
    )
    reading = read(text, COUNTS)
    assert values(reading) == [(0, "温泉街道", "手足口病", 3.0, ""), (4, "浮山街道", "手足口病", 12.0, "")]
    assert reading.n_bad_rows == 3
    bad = list(reading.bad_rows())
    assert [(row.row, [problem.key for problem in row.problems]) for row in bad] == [
        (3, ["intake.period.no_such_day"]),
        (4, ["intake.value.qualified"]),
        (5, ["intake.area.empty"]),
    ]
    assert bad[1].cells == ("2026-07-03", "温泉街道", "手足口病", "＜５")
    assert bad[1].problems[0].where == {"file": "x.csv", "row": 4, "column": "D", "header": "例数"}
    accepted = bad[0].problems[0].values["accepted"]
    assert accepted.say("zh") == "写明年份的日期；其余各行在 2026-07-01 至 2026-07-05 之间"  # type: ignore[attr-defined]


def test_all_problems_of_a_row_are_reported() -> None:
    reading = read(HEADER + "x,,,y\n2026-07-01,a,b,1\n", COUNTS)
    (bad,) = reading.bad_rows()
    assert [problem.where["column"] for problem in bad.problems] == ["A", "B", "C", "D"]


def test_a_bad_cell_of_a_wide_table_does_not_take_its_neighbours() -> None:
    text = "时间,站点,PM10,SO2\n2024-01-01 00:00,永安,x,5\n2024-01-01 01:00,永安,31,\n"
    table = read_table(text.encode(), "x.csv")
    mapping = guess_mapping(table).set("PM10", "value", "PM10").set("SO2", "value", "SO2")
    reading = read_items(table, mapping)
    assert values(reading) == [(0, "", "SO2", 5.0, ""), (1, "", "PM10", 31.0, ""), (1, "", "SO2", None, "")]
    assert reading.n_bad_rows == 1
    nothing = read_items(table, replace(mapping, declared=Declared(empty_values="nothing")))
    assert [item[2] for item in values(nothing)] == ["SO2", "PM10"]


def test_rows_that_end_early_are_refused() -> None:
    reading = read(HEADER + "2026-07-01,温泉街道,手足口病,3\n2026-07-02,温泉街道\n")
    (bad,) = reading.bad_rows()
    assert [problem.key for problem in bad.problems] == ["intake.row.uneven", "intake.indicator.empty"]


def test_a_table_where_every_row_is_bad() -> None:
    reading = read(HEADER + "x,a,b,1\ny,a,b,1\n")
    assert reading.items.is_empty()
    assert [bad.row for bad in reading.bad_rows()] == [2, 3]


def test_rules_follow_the_indicator() -> None:
    text = (
        HEADER
        + "2026-07-01,a,counts,1.5\n2026-07-01,a,level,1.5\n2026-07-02,a,level,<0.5\n2026-07-02,a,counts,2\n"
    )
    table = read_table(text.encode(), "x.csv")
    reading = read_items(
        table, guess_mapping(table), rules_of=lambda name: COUNTS if name == "counts" else ValueRules()
    )
    assert [(item[0], item[3], item[4]) for item in values(reading)] == [
        (1, 1.5, ""),
        (2, 0.5, "<"),
        (3, 2.0, ""),
    ]
    assert [bad.row for bad in reading.bad_rows()] == [2]


def test_an_excel_number_has_a_point_even_where_commas_are_declared(make_workbook: MakeWorkbook) -> None:
    rows = [
        ["date", "area", "indicator", "value"],
        [date(2024, 1, 1), "a", "x", 1.234],
        [date(2024, 1, 2), "a", "x", "1,5"],
        [date(2024, 1, 3), "a", "x", "1.234,5"],
    ]
    table = read_table(make_workbook({"S": rows}), "x.xlsx")
    reading = read_items(table, guess_mapping(table, declared=Declared(decimal_comma=True)))
    assert reading.items["number"].to_list() == [1.234, 1.5, 1234.5]


def test_formulas_and_merged_numbers_are_refused_where_they_are_used(make_workbook: MakeWorkbook) -> None:
    rows = [
        ["日期", "乡镇", "疾病", "例数", "备注"],
        ["2024-01-01", "a", "x", "==B1", "==B1"],
        ["2024-01-02", "a", "x", 12, ""],
        ["2024-01-03", "a", "x", None, ""],
        ["2024-01-04", "a", "x", 4, ""],
    ]
    table = read_table(make_workbook({"S": rows}, merges={"S": ["D3:D4"]}), "x.xlsx")
    reading = read_items(table, guess_mapping(table))
    assert reading.items["position"].to_list() == [3]
    assert [(bad.row, [p.key for p in bad.problems]) for bad in reading.bad_rows()] == [
        (2, ["intake.value.formula"]), (3, ["intake.value.merged"]), (4, ["intake.value.merged"]),
    ]  # fmt: skip


def test_date_and_hour_columns_are_joined() -> None:
    text = "日期,小时,测站,指标,水位\n2024-01-01,8,一号,level,12.5\n2024年1月1日,24,一号,level,12.6\n"
    reading = read(text)
    assert reading.items["start"].to_list() == [datetime(2024, 1, 1, 8), datetime(2024, 1, 2)]
    assert reading.items["kind"].to_list() == ["moment", "moment"]


def test_known_at_may_be_empty_but_not_wrong() -> None:
    text = "date,known_on,adcode,disease,cases\n2024-01-01,2024-01-05,421202,x,1\n2024-01-02,,421202,x,1\n2024-01-03,soon,421202,x,1\n"
    table = read_table(text.encode(), "x.csv")
    mapping = guess_mapping(table).set("known_on", "known_at")
    reading = read_items(table, mapping)
    assert reading.items["known_start"].to_list() == [datetime(2024, 1, 5), None]
    assert [bad.row for bad in reading.bad_rows()] == [4]


def test_fixed_values_and_strata() -> None:
    table = read_table(b"d,v,age,sex\n2024-01-01,5,0-4,m\n", "x.csv")
    columns = (
        ColumnUse(0, "d", "period"),
        ColumnUse(1, "v", "value"),
        ColumnUse(2, "age", "stratum", "age"),
        ColumnUse(3, "sex", "stratum", "sex"),
    )
    reading = read_items(table, Mapping(columns, {"area": "421200", "indicator": "measles"}))
    assert reading.items.select("area", "indicator", "stratum").rows() == [("421200", "measles", "0-4|m")]


def test_an_unusable_mapping_is_refused_with_all_its_reasons() -> None:
    table = read_table(b"a,b\nx,y\n", "x.csv")
    with pytest.raises(InputError) as caught:
        read_items(table, guess_mapping(table))
    assert caught.value.key == "intake.mapping.unusable"
    assert len(caught.value.problems) == 4


def test_how_the_sheet_was_read_is_told() -> None:
    reading = read(HEADER + "2026年7月1日, 温泉街道,手足口病,１２\n2026-07-02,温泉街道 ,手足口病,3\n")
    told = {(how.header, how.how.name): how.how.cells for how in reading.how}
    assert told == {("日期", "text_date"): 1, ("乡镇", "trimmed"): 2, ("例数", "full_width"): 1}


def test_a_preview_shows_rows_as_delivered_and_as_read() -> None:
    text = (
        HEADER
        + "2026年7月1日,温泉街道,手足口病,１２\n2026-07-02,温泉街道,手足口病,x\n"
        + "2026-07-03,a,b,1\n" * 50
    )
    table = read_table(text.encode(), "x.csv")
    rows = preview(table, guess_mapping(table), rows=3)
    assert [row.row for row in rows] == [2, 3, 4]
    assert rows[0].cells[3] == "１２"
    assert rows[0].items[0] == {
        "period": "2026-07-01",
        "kind": "day",
        "area": "温泉街道",
        "indicator": "手足口病",
        "value": "12",
    }
    assert rows[1].items == ()
    assert rows[1].problems[0].key == "intake.value.not_a_number"
