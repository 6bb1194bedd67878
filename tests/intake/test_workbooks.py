"""Excel workbooks as people send them, and as attackers do."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from io import BytesIO

import pytest

from anlan.errors import InputError
from anlan.intake.files import Limits, ReadOptions, read_table

MakeWorkbook = Callable[..., bytes]

HEADER = ["日期", "报告单位", "例数"]


def key_of(data: bytes, **named: object) -> str:
    with pytest.raises(InputError) as caught:
        read_table(data, "x.xlsx", **named)  # type: ignore[arg-type]
    assert "x.xlsx" in str(caught.value)
    return caught.value.key.removeprefix("intake.file.")


def test_cells_become_text_in_one_form(make_workbook: MakeWorkbook) -> None:
    rows = [
        HEADER,
        [date(2024, 3, 5), "甲医院", 12],
        [datetime(2024, 3, 5, 8, 30), "乙医院", 1.5],
        ["2024年3月6日", "丙", "１２"],
    ]
    table = read_table(make_workbook({"数据": rows}), "x.xlsx")
    assert (table.kind, table.sheet, table.header_row) == ("xlsx", "数据", 1)
    assert table.frame.rows() == [
        ("2024-03-05", "甲医院", "12"), ("2024-03-05 08:30:00", "乙医院", "1.5"), ("2024年3月6日", "丙", "１２"),
    ]  # fmt: skip
    assert table.number_cells[2].to_list() == [True, True, False]
    assert table.place(2, 2) == {"file": "x.xlsx", "sheet": "数据", "row": 4, "column": "C", "header": "例数"}


def test_titles_and_merged_cells(make_workbook: MakeWorkbook) -> None:
    rows = [
        ["咸宁市七月第一周"],
        [],
        HEADER,
        ["2024-07-01", "甲医院", 1],
        ["2024-07-02", None, 2],
        ["2024-07-03", "乙医院", 3],
    ]
    table = read_table(make_workbook({"S": rows}, merges={"S": ["A1:C1", "B4:B5"]}), "x.xlsx")
    assert table.header_row == 3
    assert table.rows.to_list() == [4, 5, 6]
    assert table.column(1).to_list() == ["甲医院", "甲医院", "乙医院"]
    assert {note.key for note in table.notes} == {"intake.note.title_rows", "intake.note.merged"}
    assert [(merged.column, merged.first, merged.last) for merged in table.merged] == [(1, 0, 1)]


def test_a_header_of_two_rows_is_joined(make_workbook: MakeWorkbook) -> None:
    rows = [
        ["地区", "手足口病", None, "麻疹", None],
        [None, "发病", "死亡", "发病", "死亡"],
        ["咸安区", 1, 0, 2, 0],
        ["赤壁市", 3, 0, 4, 0],
    ]
    table = read_table(make_workbook({"S": rows}, merges={"S": ["A1:A2", "B1:C1", "D1:E1"]}), "x.xlsx")
    assert table.header == ("地区", "手足口病 发病", "手足口病 死亡", "麻疹 发病", "麻疹 死亡")
    assert table.rows.to_list() == [3, 4]


def test_several_sheets_are_asked_about(make_workbook: MakeWorkbook) -> None:
    rows = [HEADER, ["2024-01-01", "x", 1]]
    data = make_workbook({"一": rows, "二": rows})
    with pytest.raises(InputError) as caught:
        read_table(data, "x.xlsx")
    assert caught.value.key == "intake.file.which_sheet"
    assert "一 (2 × 3), 二 (2 × 3)" in str(caught.value)
    assert read_table(data, "x.xlsx", options=ReadOptions(sheet="二")).sheet == "二"
    assert key_of(data, options=ReadOptions(sheet="三")) == "no_such_sheet"


def test_empty_and_hidden_sheets_and_covers_are_passed_over(make_workbook: MakeWorkbook) -> None:
    rows = [HEADER, ["2024-01-01", "x", 1]]
    data = make_workbook({"封面": [["填报说明"]], "旧": rows, "数据": rows, "Sheet3": []}, hidden=["旧"])
    table = read_table(data, "x.xlsx")
    assert table.sheet == "数据"
    assert table.sheets == ("封面", "数据", "Sheet3")


def test_formulas(make_workbook: MakeWorkbook) -> None:
    rows = [HEADER, ["2024-01-01", "x", "=A1"], ["2024-01-02", "x", "==A1"], ["2024-01-03", "x", "=#DIV/0!"]]
    table = read_table(make_workbook({"S": rows}), "x.xlsx")
    assert table.column(2)[0] == "42"
    assert [(fault.position, fault.column, fault.key, fault.raw) for fault in table.faults] == [
        (1, 2, "intake.value.formula", "=A1"),
        (2, 2, "intake.value.error_cell", "#DIV/0!"),
    ]
    assert [note.key for note in table.notes] == ["intake.note.formulas"]


def test_empty_workbooks(make_workbook: MakeWorkbook) -> None:
    assert key_of(make_workbook({"S": []})) == "empty"
    assert key_of(make_workbook({"S": [HEADER]})) == "header_only"


def rebuilt(data: bytes, **changes: bytes) -> bytes:
    """The workbook with some parts replaced; a part is named by the end of its path."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            change = next(
                (content for end, content in changes.items() if name.endswith(end.replace("_", "."))), None
            )
            new.writestr(name, old.read(name) if change is None else change)
    return out.getvalue()


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'


def test_one_cell_far_away_does_not_fill_the_memory(make_workbook: MakeWorkbook) -> None:
    data = make_workbook({"S": [HEADER, ["2024-01-01", "x", 1]]})
    far = (
        SHEET % b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="SF1048576"><v>1</v></c></row>'
    )
    assert key_of(rebuilt(data, sheet1_xml=far)) == "sparse"
    wide = SHEET % b'<row r="1"><c r="XFD1"><v>1</v></c></row>'
    assert key_of(rebuilt(data, sheet1_xml=wide)) == "too_wide"
    hidden = SHEET % b'<row r="1"><c r="&#65;1"><v>1</v></c></row>'
    assert key_of(rebuilt(data, sheet1_xml=hidden)) == "damaged_workbook"


def test_a_bomb_is_not_unpacked(make_workbook: MakeWorkbook) -> None:
    data = make_workbook({"S": [HEADER, ["2024-01-01", "x", 1]]})
    bomb = rebuilt(data, sharedStrings_xml=b" " * (30 * 1024**2))
    assert len(bomb) < 100_000
    assert key_of(bomb) == "bomb"
    assert key_of(bomb, limits=Limits(unpacked_bytes=1024**2)) == "bomb"


def test_a_directory_that_understates_a_size_is_found_out(make_workbook: MakeWorkbook) -> None:
    data = make_workbook({"S": [HEADER, ["2024-01-01", "x", 1]]})
    bomb = bytearray(rebuilt(data, sharedStrings_xml=b" " * (30 * 1024**2)))
    with zipfile.ZipFile(BytesIO(bytes(bomb))) as archive:
        start = archive.start_dir
    at = bomb.index(b"xl/sharedStrings.xml", start) - 46
    assert bomb[at : at + 4] == b"PK\x01\x02"
    bomb[at + 24 : at + 28] = struct.pack("<I", 100)
    assert key_of(bytes(bomb)) == "bomb"


def test_entities_are_not_expanded(make_workbook: MakeWorkbook) -> None:
    data = make_workbook({"S": [HEADER, ["2024-01-01", "x", 1]]})
    evil = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>'
        + SHEET % b'<row r="1"><c r="A1"><v>&a;</v></c></row>'
    )
    assert key_of(rebuilt(data, sheet1_xml=evil)) == "damaged_workbook"
    with zipfile.ZipFile(BytesIO(data)) as archive:
        book = archive.read("xl/workbook.xml")
    evil = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>' + book.split(b"?>", 1)[1]
    assert key_of(rebuilt(data, workbook_xml=evil)) == "damaged_workbook"


def test_cut_and_damaged_workbooks(make_workbook: MakeWorkbook) -> None:
    data = make_workbook({"S": [HEADER, *([["2024-01-01", "x", n] for n in range(200)])]})
    for length in range(50, len(data), len(data) // 15):
        assert key_of(data[:length]) == "truncated"
    assert key_of(rebuilt(data, sheet1_xml=b"<worksheet><sheetData><row")) in ("damaged_workbook", "empty")
    assert key_of(rebuilt(data, workbook_xml=b"not xml")) == "damaged_workbook"
    broken = bytearray(data)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        place = archive.getinfo("xl/worksheets/sheet1.xml").header_offset
    broken[place + 80 : place + 200] = b"\xff" * 120
    assert key_of(bytes(broken)) == "damaged_workbook"


def test_a_locked_part_is_called_locked(make_workbook: MakeWorkbook) -> None:
    data = bytearray(make_workbook({"S": [HEADER, ["2024-01-01", "x", 1]]}))
    with zipfile.ZipFile(BytesIO(bytes(data))) as archive:
        start = archive.start_dir
    data[start + 8] |= 1
    assert key_of(bytes(data)) == "locked"
