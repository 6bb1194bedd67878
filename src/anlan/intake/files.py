"""The bytes of a delivered file -> a table of raw cells, and where each cell stood.

One door, ``read_table``. It finds out what the file is from its bytes (never from its name alone), refuses what cannot
be read with a reason and a way out, and says in ``notes`` whatever it did on the way (skipped a title, filled a
merged cell). What the cells mean is not decided here.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Literal

import polars as pl

from anlan.intake.columns import texts_of
from anlan.intake.refusals import refuse_file
from anlan.texts import Sentence

__all__ = [
    "DEFAULT_LIMITS",
    "Fault",
    "FileKind",
    "Limits",
    "Merged",
    "RawTable",
    "ReadOptions",
    "column_letters",
    "read_table",
]

FileKind = Literal["csv", "xlsx", "parquet"]


@dataclass(frozen=True)
class Limits:
    """How much of a file is accepted; beyond a limit the file is refused before it is unpacked.

    ``file_bytes`` as delivered, ``unpacked_bytes`` after decompression, ``ratio`` between the two (only looked at above
    10 MB unpacked), ``rows``, ``columns``, ``cells`` of the bounding box of a sheet, ``cell_characters``.
    """

    file_bytes: int = 512 * 1024**2
    unpacked_bytes: int = 1024**3
    ratio: int = 200
    rows: int = 5_000_000
    columns: int = 500
    cells: int = 60_000_000
    cell_characters: int = 32_767


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class ReadOptions:
    """What a person or a source has fixed about a file; what is ``None`` is found out.

    ``header_row`` counts from 1 as a spreadsheet shows it; 0 means there is no header.
    """

    sheet: str | None = None
    header_row: int | None = None
    encoding: str | None = None
    delimiter: str | None = None


@dataclass(frozen=True)
class Fault:
    """A cell that cannot be used whatever it means: a formula without a result, an error value.

    ``position`` counts data rows from 0, ``column`` counts columns from 0.
    """

    position: int
    column: int
    key: str
    raw: str


@dataclass(frozen=True)
class Merged:
    """A vertical merge that was filled down: column, first and last data row (positions from 0, inclusive)."""

    column: int
    first: int
    last: int


@dataclass(frozen=True)
class RawTable:
    """A table as delivered.

    Parameters
    ----------
    frame : polars.DataFrame of n rows
        Columns ``c0``, ``c1``, … Text from CSV and Excel (dates as ISO text), native types from Parquet.
    rows : polars.Series of length n
        The number of each row in the file, counted from 1 as a spreadsheet shows it.
    header : tuple of str
        The text above each column, trimmed, ``""`` where there is none.
    header_row : int
        The row in which the header stood, 0 if there is none.
    number_cells : mapping of int to polars.Series
        For a column that mixes text and Excel numbers: which cells are numbers. Their decimal mark is a point
        whatever the source declares.
    faults : tuple of Fault
        Cells that cannot be used.
    short_rows : mapping of int to int
        Position -> number of cells, for rows with fewer or more cells than the header.
    """

    name: str
    kind: FileKind
    frame: pl.DataFrame
    rows: pl.Series
    header: tuple[str, ...]
    header_row: int
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    notes: tuple[Sentence, ...] = ()
    faults: tuple[Fault, ...] = ()
    merged: tuple[Merged, ...] = ()
    number_cells: Mapping[int, pl.Series] = field(default_factory=dict)
    short_rows: Mapping[int, int] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        return self.frame.height

    @property
    def n_columns(self) -> int:
        return self.frame.width

    def column(self, index: int) -> pl.Series:
        return self.frame.to_series(index)

    def cells(self, position: int) -> list[str]:
        """One row as delivered, as text."""
        return [texts_of(self.column(index).slice(position, 1))[0] for index in range(self.n_columns)]

    def head(self, n_rows: int) -> RawTable:
        """The same table with its first rows only."""
        return replace(
            self,
            frame=self.frame.head(n_rows),
            rows=self.rows.head(n_rows),
            faults=tuple(fault for fault in self.faults if fault.position < n_rows),
            merged=tuple(replace(m, last=min(m.last, n_rows - 1)) for m in self.merged if m.first < n_rows),
            number_cells={column: mask.head(n_rows) for column, mask in self.number_cells.items()},
            short_rows={position: count for position, count in self.short_rows.items() if position < n_rows},
        )

    def place(self, position: int, column: int) -> dict[str, object]:
        """Where a cell stands, for a ``Problem``: file, sheet, row, column letters and header."""
        where: dict[str, object] = {"file": self.name}
        if self.sheet is not None:
            where["sheet"] = self.sheet
        where["row"] = int(self.rows[position])
        where["column"] = column_letters(column)
        if self.header[column]:
            where["header"] = self.header[column]
        return where


def column_letters(index: int) -> str:
    """The letters a spreadsheet shows for a column counted from 0: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def read_table(
    data: bytes,
    name: str,
    *,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    limits: Limits = DEFAULT_LIMITS,
) -> RawTable:
    """Read a delivered file.

    Parameters
    ----------
    data : bytes
        The file as received.
    name : str
        Its name, for messages only.
    options : ReadOptions
        What is known beforehand: sheet, header row, encoding, delimiter.
    limits : Limits
        What is accepted.

    Returns
    -------
    RawTable

    Raises
    ------
    InputError
        The file cannot be used; ``key`` starts with ``intake.file.`` and ``values`` say what was found.
    """
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise refuse_file("intake.file.empty", name=name)
    if len(data) > limits.file_bytes:
        raise refuse_file(
            "intake.file.too_large",
            name=name,
            size=_megabytes(len(data)),
            limit=_megabytes(limits.file_bytes),
        )
    kind = _kind_of(data, name)
    if kind == "xlsx":
        from anlan.intake.workbook import read_workbook

        return read_workbook(data, name, options, limits)
    if kind == "parquet":
        from anlan.intake.columnar import read_parquet

        return read_parquet(data, name, limits)
    from anlan.intake.delimited import read_delimited

    return read_delimited(data, name, options, limits)


_MAGIC = (
    (b"%PDF", "pdf"), (b"\x89PNG", "picture"), (b"\xff\xd8\xff", "picture"), (b"GIF8", "picture"), (b"II*\x00", "picture"),
    (b"\x1f\x8b", "packed"), (b"7z\xbc\xaf", "packed"), (b"Rar!", "packed"), (b"BZh", "packed"), (b"\xfd7zXZ", "packed"),
    (b"\x28\xb5\x2f\xfd", "packed"), (b"SQLite format 3", "database"), (b"\x7fELF", "program"), (b"MZ", "program"),
)  # fmt: skip


def _kind_of(data: bytes, name: str) -> FileKind:
    if data.startswith(b"PAR1"):
        return "parquet"
    if data.startswith(b"PK"):
        return _kind_of_zip(data, name)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        # The stream names inside tell a locked .xlsx from an .xls; both come in the same old container.
        locked = "EncryptedPackage".encode("utf-16-le") in data
        raise refuse_file("intake.file.locked" if locked else "intake.file.old_excel", name=name)
    for magic, what in _MAGIC:
        if data.startswith(magic) and (magic != b"MZ" or b"\x00" in data[:512]):
            raise refuse_file(f"intake.file.is_{what}", name=name)
    start = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<table", b"<meta", b"<?xml")):
        raise refuse_file("intake.file.is_markup", name=name)
    if start.startswith((b'{"', b"{\n", b"{\r", b'[{"', b"[\n", b"[{")):
        raise refuse_file("intake.file.is_json", name=name)
    return "csv"


def _kind_of_zip(data: bytes, name: str) -> FileKind:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise refuse_file("intake.file.truncated", name=name) from None
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "xl/workbook.bin" in names or "content.xml" in names:
        raise refuse_file("intake.file.other_sheet", name=name)
    if "[Content_Types].xml" in names and not any(part.startswith("xl/") for part in names):
        raise refuse_file("intake.file.is_document", name=name)
    if any(part.startswith("xl/") for part in names):
        raise refuse_file("intake.file.damaged_workbook", name=name, said="xl/workbook.xml")
    raise refuse_file("intake.file.is_packed", name=name)


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.1f} MB"
