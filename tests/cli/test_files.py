"""Files in and out: encodings, separators, kinds, and refusals that say where."""

from __future__ import annotations

import builtins
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from anlan.cli._files import check_output, read_table, with_numbers, write_table, write_whole
from anlan.errors import InputError, MissingExtraError

ROWS = [("week", "县", "cases"), ("2024-W01", "赤壁市", "1"), ("2024-W02", "嘉鱼县", "2")]


def text(separator: str) -> str:
    return "\n".join(separator.join(row) for row in ROWS) + "\n"


def saved(folder: Path, content: bytes, name: str = "cases.csv") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def workbook(file: Path, rows: list[tuple[Any, ...]], *more: str) -> Path:
    with xlsxwriter.Workbook(str(file), {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet("数据")
        for place, row in enumerate(rows):
            sheet.write_row(place, 0, row)
        for name in more:
            book.add_worksheet(name)
    return file


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_text_of_any_common_kind(tmp_path: Path, separator: str, encoding: str) -> None:
    table = read_table(saved(tmp_path, text(separator).encode(encoding)))
    assert table.frame.rows() == ROWS[1:]
    assert table.frame.columns == list(ROWS[0])
    assert (table.first_row, table.separator) == (2, separator)


def test_line_ends_quotes_and_empty_rows_at_the_end(tmp_path: Path) -> None:
    content = b'a,"b, c"\r\n"x ""y""",1\r\n"two\r\nlines",\r\n,\r\n\r\n'
    table = read_table(saved(tmp_path, content))
    assert table.frame.columns == ["a", "b, c"]
    assert table.frame["a"].to_list() == ['x "y"', "two\r\nlines"]


def test_codes_keep_their_zeros(tmp_path: Path) -> None:
    table = read_table(saved(tmp_path, b"area,cases\n03401,1\n"))
    assert table.frame["area"].to_list() == ["03401"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cases.csv", b"", "cases.csv is empty"),
        ("cases.csv", b" \n \n", "cases.csv is empty"),
        ("cases.csv", b"PK\x03\x04\x00\x00", "is not a text file"),
        ("cases.csv", b"a,b\n\xff\xfe\xff,1\n", "in none of the accepted encodings"),
        ("cases.csv", b"a,,b\n1,2,3\n", "Column 2 has no name"),
        ("cases.csv", b"a,b,a\n1,2,3\n", "two columns have the same name: a"),
        ("cases.csv", b"a,b\n1,2\n1,2,3\n4,5\n6,7,8\n", "2 rows have more cells than the heading"),
        ("cases.doc", b"x", "Accepted are .csv"),
        ("cases.parquet", b"not parquet", "cannot be read as Parquet"),
        ("cases.xlsx", b"not excel", "cannot be read as Excel"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        read_table(saved(tmp_path, content, name))


def test_uneven_rows_and_absent_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_table(saved(tmp_path, b"a,b\n1,2\n1,2,3\n"))
    assert str(caught.value.problems[0]) == "row 3: 3 cells, the heading has 2"
    with pytest.raises(InputError, match=r"nowhere.csv cannot be read: No such file"):
        read_table(tmp_path / "nowhere.csv")


def test_numbers_and_what_is_none(tmp_path: Path) -> None:
    table = read_table(saved(tmp_path, "t,n\n1, 3 \n2,\n3,NA\n4,4.5\n5,１２\n".encode()))
    assert with_numbers(table, "n").frame["n"].to_list() == [3.0, None, None, 4.5, 12.0]
    bad = read_table(saved(tmp_path, b"t,n\n1,3\n2,<5\n3,n/a\n"))
    with pytest.raises(InputError, match="It does not in 2 rows. Leave a cell empty") as caught:
        with_numbers(bad, "n")
    assert [str(problem) for problem in caught.value.problems] == [
        "row 3, column n: <5 is no number",
        "row 4, column n: n/a is no number",
    ]


def test_excel_keeps_dates_numbers_and_text(tmp_path: Path) -> None:
    rows = [
        ("day", "code", "cases", "note"),
        (date(2024, 7, 1), "007", 3, 1),
        (date(2024, 7, 2), "008", 4.5, "x"),
        ("", "", "", ""),
    ]
    file = workbook(tmp_path / "cases.xlsx", rows, "second")
    table = read_table(file)
    assert table.frame.rows() == [
        (datetime(2024, 7, 1), "007", 3.0, "1"),
        (datetime(2024, 7, 2), "008", 4.5, "x"),
    ]
    with pytest.raises(InputError, match="has no sheet third. It has 数据, second"):
        read_table(file, sheet="third")
    with pytest.raises(InputError, match="is empty"):
        read_table(file, sheet="second")


def test_excel_without_its_reader_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workbook(tmp_path / "cases.xlsx", [("a",), (1,)])
    original = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name in ("python_calamine", "xlsxwriter"):
            raise ModuleNotFoundError(name=name)
        return original(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'anlan\[server\]'"):
        read_table(file)
    with pytest.raises(MissingExtraError, match="XlsxWriter is not installed"):
        write_table(pl.DataFrame({"a": [1]}), tmp_path / "out.xlsx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.xlsx"]


def test_cells_of_a_result_cannot_become_formulas(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"=name": ["=1+1", "+x", "-y", "@z", "\ttab", "fine"], "n": [-1.5, 2.0, 3.0, 4.0, 5.0, None]}
    )
    write_table(frame, tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines == ["'=name,n", "'=1+1,-1.5", "'+x,2.0", "'-y,3.0", "'@z,4.0", "'\ttab,5.0", "fine,"]
    write_table(frame, tmp_path / "out.xlsx")
    back = read_table(tmp_path / "out.xlsx")
    assert back.frame["=name"].to_list() == frame["=name"].to_list()
    assert back.frame["n"].to_list() == frame["n"].to_list()


def test_results_survive_the_round_trip(tmp_path: Path) -> None:
    frame = pl.DataFrame({"县": ["赤壁市"], "day": [date(2024, 7, 1)], "n": [0.1], "alarm": [True]})
    write_table(frame, tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").equals(frame)
    write_table(frame, tmp_path / "out.csv")
    assert pl.read_csv(tmp_path / "out.csv", try_parse_dates=True).equals(frame)
    assert (
        (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    )  # Excel needs the mark to read Chinese


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old", encoding="utf-8")

    def fails(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="cannot be written: No space left"):
        write_whole(target, fails)
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    with pytest.raises(InputError, match="cannot be written"):
        write_table(pl.DataFrame({"a": [1]}), tmp_path / "nowhere" / "out.csv")


def test_outputs_are_checked_before_the_work(tmp_path: Path) -> None:
    source = saved(tmp_path, b"a\n1\n")
    with pytest.raises(InputError, match="is the file that is being read"):
        check_output(source, source)
    with pytest.raises(InputError, match="Accepted are .csv, .xlsx, .parquet"):
        check_output(tmp_path / "out.json", source)
