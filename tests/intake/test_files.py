"""Delimited text and Parquet, and everything that is neither."""

from __future__ import annotations

import csv
import gzip
import zipfile
from io import BytesIO, StringIO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import InputError
from anlan.intake.delimited import read_delimited, sniff_delimiter
from anlan.intake.files import Limits, RawTable, ReadOptions, column_letters, read_table

TIDY = "date,area,cases\n2024-01-01,421202,5\n2024-01-02,421202,7\n"


def rows_of(table: RawTable) -> list[tuple[str, ...]]:
    return table.frame.rows()


def key_of(data: bytes, **named: object) -> str:
    with pytest.raises(InputError) as caught:
        read_table(data, "x.csv", **named)  # type: ignore[arg-type]
    assert "x.csv" in str(caught.value)
    return caught.value.key.removeprefix("intake.file.")


def test_a_tidy_file() -> None:
    table = read_table(TIDY.encode(), "x.csv")
    assert table.header == ("date", "area", "cases")
    assert (table.kind, table.encoding, table.delimiter, table.header_row) == ("csv", "utf-8", ",", 1)
    assert rows_of(table) == [("2024-01-01", "421202", "5"), ("2024-01-02", "421202", "7")]
    assert table.rows.to_list() == [2, 3]
    assert table.place(1, 2) == {"file": "x.csv", "row": 3, "column": "C", "header": "cases"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter: str, newline: str) -> None:
    text = TIDY.replace(",", delimiter).replace("\n", newline)
    table = read_table(text.encode(), "x.csv")
    assert table.delimiter == delimiter
    assert rows_of(table) == [("2024-01-01", "421202", "5"), ("2024-01-02", "421202", "7")]


@pytest.mark.parametrize(
    ("encoding", "mark", "found"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8"),
        ("gb18030", b"", "gb18030"),
        ("gbk", b"", "gb18030"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be"),
    ],
)
def test_encodings(encoding: str, mark: bytes, found: str) -> None:
    text = "日期,乡镇,例数\n2024-01-01,温泉街道,5\n2024-01-02,浮山街道,7\n"
    table = read_table(mark + text.encode(encoding), "x.csv")
    assert table.encoding == found
    assert table.header == ("日期", "乡镇", "例数")
    assert rows_of(table)[1] == ("2024-01-02", "浮山街道", "7")


def test_a_decimal_comma_does_not_hide_the_semicolon() -> None:
    assert sniff_delimiter("date;x;y\n2024-01-01;1,5;2,5\n2024-01-02;3,5;4,5\n") == ";"
    assert sniff_delimiter("1,5;2,5;3,5\n1,5;2,5;3,5\n") == ";"
    assert sniff_delimiter('a,b\n"x;y",1\n"p;q",2\n') == ","
    assert sniff_delimiter("just\none\ncolumn\n") == ","


def test_titles_blank_rows_and_footnotes_are_skipped_and_said_so() -> None:
    text = "咸宁市手足口病周报,,\n报送时间：2024年1月,,\n日期,乡镇,例数\n2024-01-01,温泉街道,5\n,,\n2024-01-02,浮山街道,7\n填报人：张三,,\n"
    table = read_table(text.encode(), "x.csv")
    assert table.header_row == 3
    assert table.rows.to_list() == [4, 6]
    assert [note.key for note in table.notes] == [
        "intake.note.title_rows",
        "intake.note.footnotes",
        "intake.note.blank_rows",
    ]
    assert "第 1–2 行是标题" in table.notes[0].say("zh")


def test_a_table_without_a_header() -> None:
    table = read_table(b"2024-01-01,421202,5\n2024-01-02,421202,7\n", "x.csv")
    assert table.header == ("", "", "")
    assert table.header_row == 0
    assert table.rows.to_list() == [1, 2]
    assert table.notes[0].key == "intake.note.no_header"
    assert table.place(0, 2)["column"] == "C"


def test_the_header_row_can_be_said() -> None:
    text = "a,b\nc,d\n1,2\n"
    assert read_table(text.encode(), "x.csv", options=ReadOptions(header_row=2)).header == ("c", "d")
    assert read_table(b"a,b\n1,2\n", "x.csv", options=ReadOptions(header_row=0)).header == ("", "")


def test_years_may_be_headers() -> None:
    table = read_table(
        "地区,疾病,2023年,2024年\n咸安区,麻疹,1,2\n赤壁市,麻疹,3,4\n通城县,麻疹,3,4\n".encode(),
        "x.csv",
        options=ReadOptions(header_row=1),
    )
    assert table.header == ("地区", "疾病", "2023年", "2024年")


def test_uneven_rows_are_known() -> None:
    table = read_table(b"a,b,c\n1,2,3\n1,2\n1,2,3,4\n", "x.csv")
    assert table.short_rows == {1: 2, 2: 4}
    assert read_table(b"a,b,c\n1,2,3,\n1,2,3,\n", "x.csv").short_rows == {}


CELL = st.text(alphabet='ab1,;"\n\r 　日本é', max_size=5)


@given(
    st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"])
)
def test_the_fast_and_the_careful_way_read_the_same(rows: list[list[str]], newline: str) -> None:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator=newline)
    writer.writerow(["first", "second", "third"])
    writer.writerows(rows)
    data = buffer.getvalue().encode()
    tables = []
    for allow_fast in (True, False):
        try:
            tables.append(read_delimited(data, "x.csv", ReadOptions(), Limits(), allow_fast=allow_fast))
        except InputError as error:
            tables.append(error.key)  # type: ignore[arg-type]
    fast, careful = tables
    if isinstance(fast, str) or isinstance(careful, str):
        assert fast == careful
        return
    assert fast.frame.rows() == careful.frame.rows()
    assert fast.rows.to_list() == careful.rows.to_list()
    assert (fast.header, fast.header_row, fast.short_rows, fast.notes) == (
        careful.header,
        careful.header_row,
        careful.short_rows,
        careful.notes,
    )


@given(st.text(alphabet='ab1,\n"', min_size=1, max_size=40))
def test_the_two_ways_agree_on_damaged_text_as_well(text: str) -> None:
    outcomes = []
    for allow_fast in (True, False):
        try:
            table = read_delimited(
                ("x,y\n" + text).encode(), "x.csv", ReadOptions(), Limits(), allow_fast=allow_fast
            )
            outcomes.append((table.frame.rows(), table.rows.to_list(), table.header, dict(table.short_rows)))
        except InputError as error:
            outcomes.append(error.key)  # type: ignore[arg-type]
    assert outcomes[0] == outcomes[1]


def test_a_tidy_file_takes_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the careful way was taken")

    monkeypatch.setattr("anlan.intake.delimited._read_careful", never)
    assert read_table(TIDY.encode(), "x.csv").n_rows == 2
    quoted = '"date","cases"\n"2024-01-01","5"\n"2024-01-02",""\n"2024-01-02","1"\n'
    assert rows_of(read_table(quoted.encode(), "x.csv"))[1] == ("2024-01-02", "")


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf  \r\n\r\n", "empty"),
        (b"\x00" * 5000, "empty"),
        (b"a,b,c\n", "header_only"),
        (b"date,cases\n\n,\n", "header_only"),
        (bytes(range(256)) * 20, "binary"),
        (b"a,b\n1,\x002\n", "binary"),
        (b"%PDF-1.7 ...", "is_pdf"),
        (b"\x89PNG\r\n\x1a\n...", "is_picture"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "is_packed"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "is_markup"),
        (b'<?xml version="1.0"?><Workbook/>', "is_markup"),
        (b'{"a": 1}', "is_json"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old_excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "locked"),
        (b"SQLite format 3\x00" + b"x" * 200, "is_database"),
        (b"PAR1" + b"\x00" * 40, "truncated"),
        (b"PAR1" + b"\x07" * 40 + b"PAR1", "damaged_parquet"),
        (b"PK\x03\x04" + b"x" * 100, "truncated"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "encoding_unreadable"),
    ],
)
def test_wrong_files_get_a_clear_error(data: bytes, key: str) -> None:
    assert key_of(data) == key


def test_broken_encodings_name_the_row_and_the_byte() -> None:
    good = "日期,乡镇,例数\n" + "2024-01-01,温泉街道,5\n" * 20
    damaged = good.encode()[:-20] + b"\xff" + good.encode()[-20:]
    with pytest.raises(InputError) as caught:
        read_table(damaged, "x.csv")
    assert caught.value.key == "intake.file.broken_utf8"
    assert caught.value.values["row"] == 21
    latin = ("date,place,cases\n" + "2024-01-01,Köln,5\n2024-01-01,Münster,5\n" * 5).encode("latin-1")
    assert key_of(latin) == "encoding_unreadable"
    assert read_table(latin, "x.csv", options=ReadOptions(encoding="latin-1")).cells(1)[1] == "Münster"
    assert (
        key_of("日期,例数\n2024,5\n".encode("gb18030"), options=ReadOptions(encoding="utf-8"))
        == "wrong_encoding"
    )
    assert key_of(TIDY.encode(), options=ReadOptions(encoding="utf-99")) == "unknown_encoding"


def test_limits() -> None:
    wide = ",".join(f"h{c}" for c in range(600)) + "\n" + ",".join("1" for _ in range(600)) + "\n"
    assert key_of(wide.encode()) == "too_wide"
    assert key_of(TIDY.encode(), limits=Limits(rows=1)) == "too_long"
    assert key_of(TIDY.replace("\n", "\n\n").encode(), limits=Limits(rows=1)) in ("too_long", "header_only")
    assert key_of(TIDY.encode(), limits=Limits(file_bytes=10)) == "too_large"
    assert key_of(f"a,b\n1,{'x' * 40000}\n2,y\n".encode()) == "cell_too_long"
    assert key_of(b'a,b\n1,"' + b"x\n" * 40000) == "cell_too_long"


def test_other_archives_are_told_apart() -> None:
    def archive(*names: str) -> bytes:
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w") as opened:
            for name in names:
                opened.writestr(name, "<x/>")
        return buffer.getvalue()

    assert key_of(archive("cases.csv")) == "is_packed"
    assert key_of(archive("[Content_Types].xml", "word/document.xml")) == "is_document"
    assert key_of(archive("content.xml", "mimetype")) == "other_sheet"
    assert key_of(archive("xl/workbook.bin")) == "other_sheet"
    assert key_of(archive("xl/styles.xml")) == "damaged_workbook"


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_parquet_keeps_its_types() -> None:
    frame = pl.DataFrame({"date": ["2024-01-01"], "cases": [5]}).with_columns(pl.col("date").str.to_date())
    table = read_table(parquet(frame), "x.parquet")
    assert table.kind == "parquet"
    assert table.header == ("date", "cases")
    assert table.frame.dtypes == [pl.Date, pl.Int64]
    assert table.cells(0) == ["2024-01-01", "5"]
    assert table.rows.to_list() == [2]


def test_parquet_that_is_refused() -> None:
    good = parquet(pl.DataFrame({"a": list(range(100))}))
    assert key_of(good[:-20]) == "truncated"
    assert key_of(good[:60] + b"\xff" * 40 + good[100:]) == "damaged_parquet"
    assert key_of(parquet(pl.DataFrame({"a": [[1, 2]]}))) == "nested"
    assert key_of(parquet(pl.DataFrame({"a": []}, schema={"a": pl.Int64}))) == "header_only"
    assert key_of(good, limits=Limits(rows=10)) == "too_long"
    assert key_of(good, limits=Limits(unpacked_bytes=100)) == "bomb"
    assert key_of(parquet(pl.DataFrame({f"c{i}": [1] for i in range(600)}))) == "too_wide"


def test_column_letters() -> None:
    assert [column_letters(index) for index in (0, 25, 26, 51, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "ZZ",
        "AAA",
    ]


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_an_input_error(data: bytes) -> None:
    try:
        read_table(data, "x.csv")
    except InputError as error:
        key = error.key
    else:
        return
    assert key.startswith("intake.file.")
