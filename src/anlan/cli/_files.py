"""Tables in files, for commands that work without a database: CSV, Excel and Parquet in and out.

Reading is strict where the import room is helpful: a heading row, then rows; no title rows, no ``<5``. What cannot be
read is refused with its row. CSV cells stay text, so that codes keep their leading zeros.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import os
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from anlan.errors import InputError, MissingExtraError, Problem
from anlan.texts import say

READABLE = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
WRITABLE = (".csv", ".xlsx", ".parquet")
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

_NOT_GIVEN = ("", "na", "nan", "null", "none")
# What a spreadsheet would run when it stands first in a cell.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class TableFile:
    """A table as read. ``first_row`` is the number of its first row in the file, as a person counts."""

    path: Path
    frame: pl.DataFrame
    first_row: int
    encoding: str = ""
    separator: str = ""


def file_error(key: str, problems: list[Problem] | None = None, /, **values: object) -> InputError:
    return InputError(say(key, "en", **values), key=key, values=values, problems=problems or ())


def read_table(path: Path, *, sheet: str | None = None) -> TableFile:
    """Read a table by the ending of its name.

    Raises
    ------
    InputError
        If it is not there, empty, of another kind, in an unknown encoding, or uneven.
    MissingExtraError
        For Excel files when python-calamine is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise file_error("cli.error.file_kind", file=path.name, accepted=", ".join(READABLE))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise file_error("cli.error.file_read", file=str(path), why=error.strerror or str(error)) from error
    if not data.strip():
        raise file_error("cli.error.file_empty", file=path.name)
    if suffix == ".parquet":
        return _read_parquet(path, data)
    return _read_excel(path, data, sheet) if suffix == ".xlsx" else _read_text(path, data)


def _read_parquet(path: Path, data: bytes) -> TableFile:
    try:
        return TableFile(path, pl.read_parquet(io.BytesIO(data)), 1)
    except pl.exceptions.PolarsError as error:
        raise file_error("cli.error.file_broken", file=path.name, kind="Parquet", why=str(error)) from error


def _read_text(path: Path, data: bytes) -> TableFile:
    content, encoding = _decoded(path, data)
    content = content.rstrip() + "\n"
    heading, separator = _heading(content)
    names = [name.strip() for name in heading]
    _check_heading(path, names)
    try:
        frame = pl.read_csv(
            io.BytesIO(content.encode("utf-8")),
            separator=separator,
            infer_schema=False,
            has_header=False,
            skip_rows=0,
            new_columns=names,
        ).slice(1)
    except pl.exceptions.PolarsError as error:
        raise _uneven(path, content, separator, len(names)) or file_error(
            "cli.error.file_broken", file=path.name, kind="CSV", why=str(error)
        ) from error
    return TableFile(path, _without_empty_tail(frame), 2, encoding, separator)


def _decoded(path: Path, data: bytes) -> tuple[str, str]:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            candidates: tuple[str, ...] = (encoding,)
            break
    else:
        if b"\0" in data:
            raise file_error("cli.error.file_binary", file=path.name)
        candidates = ("utf-8", "gb18030")
    for encoding in candidates:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise file_error("cli.error.file_encoding", file=path.name, accepted="UTF-8, UTF-16, GB18030")


def _heading(content: str) -> tuple[list[str], str]:
    """The separator that cuts the first line into most cells, and those cells."""
    start = content.lstrip("\n\r")
    found = {mark: next(csv.reader(io.StringIO(start), delimiter=mark), []) for mark in SEPARATORS}
    separator = max(found, key=lambda mark: len(found[mark]))
    return found[separator], separator


def _check_heading(path: Path, names: list[str]) -> None:
    nameless = [str(place) for place, name in enumerate(names, start=1) if not name]
    if nameless:
        raise file_error("cli.error.heading_empty", file=path.name, columns=", ".join(nameless))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise file_error("cli.error.heading_twice", file=path.name, columns=", ".join(twice))


def _uneven(path: Path, content: str, separator: str, width: int) -> InputError | None:
    """Only after the fast reader gave up: find the rows that have more cells than the heading."""
    problems: list[Problem] = []
    count = 0
    for number, row in enumerate(csv.reader(io.StringIO(content), delimiter=separator), start=1):
        if len(row) > width:
            count += 1
            if len(problems) < 10:
                values = {"given": len(row), "accepted": width}
                problems.append(
                    Problem(
                        "cli.problem.cells", values, {"row": number}, say("cli.problem.cells", "en", **values)
                    )
                )
    return file_error("cli.error.cells", problems, file=path.name, count=count) if count else None


def _without_empty_tail(frame: pl.DataFrame) -> pl.DataFrame:
    """Spreadsheets export empty rows at the end; inside the table an empty row stays and is complained about."""
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null() & (pl.all() != ""))).to_series()
    last = filled.arg_true().max()
    return frame.head(0 if last is None else int(str(last)) + 1)


def _read_excel(path: Path, data: bytes, sheet: str | None) -> TableFile:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError as error:
        values = {"name": path.name, "extra": "server", "module": "python-calamine"}
        raise MissingExtraError(
            say("cli.error.extra_file", "en", **values), key="cli.error.extra_file", values=values
        ) from error
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise file_error("cli.error.sheet", file=path.name, given=sheet, there=", ".join(names))
        rows = book.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
    except (CalamineError, OSError, IndexError) as error:
        raise file_error("cli.error.file_broken", file=path.name, kind="Excel", why=str(error)) from error
    while rows and all(cell == "" for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise file_error("cli.error.file_empty", file=path.name)
    names = [str(cell).strip() for cell in rows[0]]
    while names and not names[-1] and all(row[len(names) - 1] == "" for row in rows):
        names.pop()
    _check_heading(path, names)
    frame = pl.DataFrame(
        {name: _cells([row[place] for row in rows[1:]], name) for place, name in enumerate(names)}
    )
    return TableFile(path, frame, 2)


def _cells(cells: list[Any], name: str) -> pl.Series:
    """A column of numbers, of dates, or of text; a mixture is text, and whole numbers lose their ``.0``."""
    given = [None if cell == "" else cell for cell in cells]
    known = [cell for cell in given if cell is not None]
    if known and all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in known):
        if all(float(cell).is_integer() for cell in known):
            return pl.Series(name, [None if cell is None else int(cell) for cell in given], dtype=pl.Int64)
        return pl.Series(name, given, dtype=pl.Float64, strict=False)
    if known and all(isinstance(cell, date) for cell in known):
        moments = [
            cell if cell is None or isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)
            for cell in given
        ]
        return pl.Series(name, moments, dtype=pl.Datetime("us"))
    return pl.Series(name, [None if cell is None else _cell_text(cell) for cell in given], dtype=pl.String)


def _cell_text(cell: object) -> str:
    if isinstance(cell, float) and math.isfinite(cell) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime) and (cell.hour, cell.minute, cell.second) == (0, 0, 0):
        return cell.date().isoformat()
    return str(cell)


def with_numbers(table: TableFile, column: str) -> TableFile:
    """The table with a text column read as numbers; empty cells and ``NA`` are missing, anything else is an error."""
    frame = table.frame
    if column not in frame.columns or frame[column].dtype != pl.String:
        return table
    read = frame[column].str.strip_chars().cast(pl.Float64, strict=False)
    unread = frame[column].is_not_null() & read.is_null()
    problems: list[Problem] = []
    values, count = read.to_list(), 0
    for place in unread.arg_true().to_list():
        text = unicodedata.normalize("NFKC", frame[column][place]).strip()
        try:
            values[place] = None if text.lower() in _NOT_GIVEN else float(text)
        except ValueError:
            count += 1
            if len(problems) < 10:
                where = {"row": place + table.first_row, "column": column}
                said = say("cli.problem.number", "en", given=text)
                problems.append(Problem("cli.problem.number", {"given": text}, where, said))
    if count:
        raise file_error("cli.error.numbers", problems, file=table.path.name, column=column, count=count)
    numbers = pl.Series(column, values, dtype=pl.Float64)
    return TableFile(
        table.path,
        frame.with_columns(numbers.alias(column)),
        table.first_row,
        table.encoding,
        table.separator,
    )


def check_output(path: Path, source: Path, accepted: tuple[str, ...] = WRITABLE) -> None:
    """Refuse a result file before the work is done: an unknown ending, or the file that is being read."""
    if path.suffix.lower() not in accepted:
        raise file_error("cli.error.file_kind", file=path.name, accepted=", ".join(accepted))
    if path.exists() and source.exists() and path.samefile(source):
        raise file_error("cli.error.same_file", file=str(path))


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write CSV, Excel or Parquet by the ending of the name; either the whole file is there or none.

    Text cells that a spreadsheet would take for a formula get an apostrophe in CSV; in Excel they are text.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        safe = frame.with_columns(
            _neutral(pl.col(name), name) for name in frame.columns if _is_text(frame[name])
        )
        safe = safe.rename({name: _neutral_text(name) for name in frame.columns})
        write_whole(path, lambda target: safe.write_csv(target, include_bom=True))
    elif suffix == ".parquet":
        write_whole(path, frame.write_parquet)
    else:
        write_whole(path, lambda target: _write_excel(frame, target, path))


def _is_text(series: pl.Series) -> bool:
    return series.dtype in (pl.String, pl.Categorical, pl.Enum)


def _neutral(column: pl.Expr, name: str) -> pl.Expr:
    text = column.cast(pl.String)
    risky = pl.any_horizontal(*(text.str.starts_with(mark) for mark in _FORMULA_STARTS))
    return pl.when(risky).then(pl.lit("'") + text).otherwise(text).alias(name)


def _neutral_text(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target and move into place, so that a failure leaves the old file."""
    beside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        beside = Path(name)
        write(beside)
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    except OSError as error:
        raise file_error("cli.error.file_write", file=str(path), why=error.strerror or str(error)) from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_excel(frame: pl.DataFrame, target: Path, path: Path) -> None:
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        values = {"name": path.name, "extra": "server", "module": "XlsxWriter"}
        raise MissingExtraError(
            say("cli.error.extra_file", "en", **values), key="cli.error.extra_file", values=values
        ) from error
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd",
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(str(target), options) as book:
        sheet = book.add_worksheet("anlan")
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, frame.columns, book.add_format({"bold": True}))
        for place, name in enumerate(frame.columns):
            sheet.write_column(1, place, frame[name].to_list())
