"""Excel workbooks (.xlsx) -> a raw table.

A workbook is a ZIP of XML, so it is measured before anything is built from it: the sizes in the directory, the sizes
that really come out, and the box that the cell addresses span (one cell in XFD1048576 would make a reader allocate
seventeen thousand million cells). Cells become text in one canonical form; which of them were numbers is kept, because
their decimal mark is a point whatever the source declares.
"""

from __future__ import annotations

import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any

import polars as pl

from anlan.intake.columns import number_text
from anlan.intake.delimited import layout_notes
from anlan.intake.files import Fault, Limits, Merged, RawTable, ReadOptions, column_letters
from anlan.intake.header import Layout, find_layout, looks_like_data
from anlan.intake.refusals import refuse_file
from anlan.texts import Sentence

__all__ = ["read_workbook"]

_SMALL = 10 * 1024**2
_CHUNK = 1024**2
_ADDRESS = re.compile(rb"""<(?:\w+:)?(?:c|row)\b[^>]*?\br\s*=\s*["']([^"']*)["']""")
_CELL_ADDRESS = re.compile(rb"^([A-Za-z]{0,3})([0-9]{1,7})$")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_ERROR_CELL = re.compile(rb"""\bt\s*=\s*["']e["']""")


@dataclass(frozen=True)
class _Sheet:
    name: str
    part: str
    rows: int
    columns: int


def read_workbook(data: bytes, name: str, options: ReadOptions, limits: Limits) -> RawTable:
    """Read one sheet of a workbook; which one is asked for, or the only one that holds a table.

    Raises
    ------
    InputError
        Among others ``intake.file.which_sheet`` when several sheets hold tables; ``values["sheets"]`` names them.
    """
    import python_calamine

    parts = _unpack(data, name, limits)
    sheets = _sheets(parts, name, limits)
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
        chosen, rows = _choose(workbook, sheets, name, options)
        merged = workbook.get_sheet_by_name(chosen.name).merged_cell_ranges or []
    except python_calamine.PasswordError:
        raise refuse_file("intake.file.locked", name=name) from None
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise refuse_file("intake.file.damaged_workbook", name=name, said=str(error)[:200]) from error
    except BaseException as error:
        # A panic in the compiled reader derives from BaseException on purpose; a broken file must not end the process.
        if type(error).__name__ != "PanicException":
            raise
        raise refuse_file("intake.file.damaged_workbook", name=name, said="") from error
    visible = tuple(sheet.name for sheet in sheets)
    return _table(name, chosen, visible, rows, merged, parts[chosen.part], options, limits)


def _unpack(data: bytes, name: str, limits: Limits) -> dict[str, bytes]:
    """The XML parts that matter, after every part has been measured."""
    parts: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            declared = sum(entry.file_size for entry in entries)
            _check_unpacked(name, declared, len(data), limits)
            for entry in entries:
                wanted = (
                    entry.filename.startswith("xl/worksheets/")
                    or entry.filename.startswith("xl/workbook")
                    or entry.filename.startswith("xl/_rels/")
                )
                parts[entry.filename] = _inflate(entry, data, name, keep=wanted)
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        RuntimeError,
        struct.error,
        NotImplementedError,
        ValueError,
    ) as error:
        raise refuse_file("intake.file.damaged_workbook", name=name, said=str(error)[:200]) from error
    return parts


def _check_unpacked(name: str, unpacked: int, packed: int, limits: Limits) -> None:
    too_dense = unpacked > _SMALL and unpacked > limits.ratio * packed
    if unpacked > limits.unpacked_bytes or too_dense:
        raise refuse_file("intake.file.bomb", name=name, limit=f"{limits.unpacked_bytes / 1024**2:.0f} MB")


def _inflate(entry: zipfile.ZipInfo, data: bytes, name: str, *, keep: bool) -> bytes:
    """Decompress one part by hand: a directory that understates a size is how a bomb gets past a check of it."""
    if entry.flag_bits & 0x1:
        raise refuse_file("intake.file.locked", name=name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refuse_file(
            "intake.file.damaged_workbook", name=name, said=f"compression {entry.compress_type}"
        )
    at = entry.header_offset
    if data[at : at + 4] != b"PK\x03\x04":
        raise refuse_file("intake.file.damaged_workbook", name=name, said=entry.filename)
    name_length, extra_length = struct.unpack("<HH", data[at + 26 : at + 30])
    start = at + 30 + name_length + extra_length
    packed = data[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        return packed if keep else b""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    kept, total = bytearray(), 0
    feed = packed
    while feed and not inflater.eof:
        piece = inflater.decompress(feed, _CHUNK)
        feed = inflater.unconsumed_tail
        total += len(piece)
        if total > entry.file_size:
            raise refuse_file("intake.file.bomb", name=name, limit=f"{entry.file_size} B ({entry.filename})")
        if keep:
            kept += piece
    return bytes(kept)


def _sheets(parts: dict[str, bytes], name: str, limits: Limits) -> list[_Sheet]:
    """Visible sheets in their order with the box their cells span, checked against the limits."""
    targets = {
        node.get("Id"): posixpath.normpath(posixpath.join("/xl", str(node.get("Target", "")))).lstrip("/")
        for node in _xml(parts.get("xl/_rels/workbook.xml.rels", b"<none/>"), name)
    }
    found = []
    for node in _xml(parts["xl/workbook.xml"], name).iter():
        if not isinstance(node.tag, str) or not node.tag.endswith("}sheet"):
            continue
        relation = next((value for key, value in node.attrib.items() if str(key).endswith("}id")), "")
        part = targets.get(str(relation), "")
        if part not in parts or not part.startswith("xl/worksheets/"):
            continue
        rows, columns = _box(parts[part], name, str(node.get("name")), limits)
        if node.get("state", "visible") == "visible":
            found.append(_Sheet(str(node.get("name")), part, rows, columns))
    if not found:
        raise refuse_file("intake.file.damaged_workbook", name=name, said="no worksheet")
    return found


def _xml(part: bytes, name: str) -> Any:
    from lxml import etree

    if b"<!DOCTYPE" in part[:4096] or b"<!ENTITY" in part[:4096]:
        raise refuse_file("intake.file.damaged_workbook", name=name, said="DOCTYPE")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(part, parser)
    except etree.XMLSyntaxError as error:
        raise refuse_file("intake.file.damaged_workbook", name=name, said=str(error)[:200]) from None


def _box(part: bytes, name: str, sheet: str, limits: Limits) -> tuple[int, int]:
    """Rows and columns that the addresses of a sheet span, without building a cell."""
    if b"<!DOCTYPE" in part[:4096]:
        raise refuse_file("intake.file.damaged_workbook", name=name, said="DOCTYPE")
    rows: set[bytes] = set()
    letters: set[bytes] = set()
    for found in _ADDRESS.finditer(part):
        address = _CELL_ADDRESS.match(found[1])
        if address is None:
            raise refuse_file("intake.file.damaged_workbook", name=name, said=found[1][:40].decode("latin-1"))
        letters.add(address[1])
        rows.add(address[2])
    last = max((int(row) for row in rows), default=0)
    width = max((_column_number(letter) for letter in letters), default=0)
    if width > limits.columns:
        raise refuse_file("intake.file.too_wide", name=name, columns=width, limit=limits.columns)
    if last > limits.rows:
        raise refuse_file("intake.file.too_long", name=name, rows=last, limit=limits.rows)
    if last * width > limits.cells:
        raise refuse_file("intake.file.sparse", name=name, sheet=sheet, rows=last, columns=width)
    return last, width


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _choose(
    workbook: Any, sheets: Sequence[_Sheet], name: str, options: ReadOptions
) -> tuple[_Sheet, list[list[Any]]]:
    if options.sheet is not None:
        for sheet in sheets:
            if sheet.name == options.sheet:
                return sheet, _cells_of(workbook, sheet)
        names = [sheet.name for sheet in sheets]
        raise refuse_file(
            "intake.file.no_such_sheet", name=name, sheet=options.sheet, sheets=", ".join(names)
        )
    tables = []
    for sheet in sheets:
        if sheet.rows < 1 or sheet.columns < 1:
            continue
        cells = _cells_of(workbook, sheet)
        wide = [row for row in cells if sum(1 for cell in row if cell != "") >= min(2, sheet.columns)]
        if len(wide) >= 2:
            tables.append((sheet, cells))
    if len(tables) > 1:
        listed = ", ".join(f"{sheet.name} ({sheet.rows} × {sheet.columns})" for sheet, _ in tables)
        raise refuse_file("intake.file.which_sheet", name=name, sheets=listed)
    if not tables:
        raise refuse_file(
            "intake.file.empty" if all(s.rows == 0 for s in sheets) else "intake.file.header_only", name=name
        )
    return tables[0]


def _cells_of(workbook: Any, sheet: _Sheet) -> list[list[Any]]:
    rows: list[list[Any]] = workbook.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
    return rows


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return number_text(cell)
    if isinstance(cell, datetime):
        rounded = (cell + timedelta(microseconds=500_000)).replace(microsecond=0)
        return rounded.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, time):
        return cell.isoformat(timespec="seconds")
    return str(cell)


def _table(
    name: str, sheet: _Sheet, sheets: tuple[str, ...], cells: list[list[Any]], merges: Sequence[Any], part: bytes,
    options: ReadOptions, limits: Limits,
) -> RawTable:  # fmt: skip
    texts = [[_text(cell) for cell in row] for row in cells]
    wanted = None if options.header_row is None else options.header_row - 1
    layout = find_layout(texts, header=wanted)
    if layout is None:
        raise refuse_file("intake.file.empty", name=name)
    width = max(len(row) for row in texts)
    header, first = _header(texts, layout, merges, width)
    filled, merged_notes = _fill_merged(texts, cells, merges, first, layout.end, header)
    kept = [row for row in range(first, layout.end) if any(cell.strip() for cell in texts[row])]
    if not kept:
        raise refuse_file("intake.file.header_only", name=name)
    if any(len(cell) > limits.cell_characters for row in kept for cell in texts[row]):
        raise refuse_file("intake.file.cell_too_long", name=name, limit=limits.cell_characters)
    positions = {row: position for position, row in enumerate(kept)}
    faults, formula_notes = _formulas(part, positions)
    frame = pl.DataFrame(
        [pl.Series(f"c{c}", [texts[row][c] for row in kept], dtype=pl.String) for c in range(width)]
    )
    return RawTable(
        name, "xlsx", frame, pl.Series("row", [row + 1 for row in kept], dtype=pl.UInt32), header,
        0 if layout.header is None else layout.header + 1, sheet=sheet.name, sheets=sheets,
        notes=(*layout_notes(texts, layout.header, first, layout.end), *merged_notes, *formula_notes),
        faults=faults, merged=_positions_of(filled, positions), number_cells=_number_cells(cells, kept, width),
    )  # fmt: skip


def _number_cells(cells: list[list[Any]], kept: list[int], width: int) -> dict[int, pl.Series]:
    masks = {c: pl.Series([isinstance(cells[row][c], float) for row in kept]) for c in range(width)}
    return {column: mask for column, mask in masks.items() if mask.any()}


def _header(
    texts: list[list[str]], layout: Layout, merges: Sequence[Any], width: int
) -> tuple[tuple[str, ...], int]:
    """The header as one text a column; a second row under merged headings is joined to it."""
    if layout.header is None:
        return ("",) * width, layout.first
    top = [" ".join(cell.split()) for cell in texts[layout.header]]
    below = texts[layout.first] if layout.first < layout.end else []
    across = [m for m in merges if m[0][0] == m[1][0] == layout.header and m[1][1] > m[0][1]]
    if not across or any(looks_like_data(cell) for cell in below if cell.strip()) or not any(below):
        return tuple(top), layout.first
    for (_, left), (_, right) in across:
        top[left : right + 1] = [top[left]] * (right + 1 - left)
    joined = (
        " ".join(part for part in (a, " ".join(b.split())) if part) for a, b in zip(top, below, strict=True)
    )
    return tuple(joined), layout.first + 1


def _fill_merged(
    texts: list[list[str]],
    cells: list[list[Any]],
    merges: Sequence[Any],
    first: int,
    end: int,
    header: tuple[str, ...],
) -> tuple[list[tuple[int, int, int]], tuple[Sentence, ...]]:
    """Fill vertical merges downward. What may not be filled (a number that counts) is refused later, by role."""
    filled: list[tuple[int, int, int]] = []
    counts: dict[int, int] = {}
    for (top, left), (bottom, _right) in merges:
        if bottom <= top or bottom < first or top < first or top >= end:
            continue
        for row in range(top + 1, min(bottom + 1, end)):
            texts[row][left] = texts[top][left]
            cells[row][left] = cells[top][left]
        filled.append((left, top, min(bottom, end - 1)))
        counts[left] = counts.get(left, 0) + 1
    notes = tuple(
        Sentence("intake.note.merged", {"column": header[column] or column_letters(column), "times": times})
        for column, times in sorted(counts.items())
    )
    return filled, notes


def _positions_of(filled: list[tuple[int, int, int]], positions: dict[int, int]) -> tuple[Merged, ...]:
    spans = []
    for column, top, bottom in filled:
        inside = [positions[row] for row in range(top, bottom + 1) if row in positions]
        if inside:
            spans.append(Merged(column, inside[0], inside[-1]))
    return tuple(spans)


def _formulas(part: bytes, positions: dict[int, int]) -> tuple[tuple[Fault, ...], tuple[Sentence, ...]]:
    """Formulas without a stored result and error values, which the reader would show as empty cells."""
    if not _FORMULA.search(part) and not _ERROR_CELL.search(part):
        return (), ()
    from lxml import etree

    faults, stored = [], 0
    context = etree.iterparse(
        BytesIO(part), events=("end",), tag="{*}c", resolve_entities=False, no_network=True, load_dtd=False
    )
    for _, node in context:
        address = _CELL_ADDRESS.match(str(node.get("r", "")).encode())
        formula, value = node.find("{*}f"), node.find("{*}v")
        raw = "" if value is None else value.text or ""
        if address is not None and int(address[2]) - 1 in positions:
            place = positions[int(address[2]) - 1], _column_number(address[1]) - 1
            if node.get("t") == "e":
                faults.append(Fault(*place, "intake.value.error_cell", raw))
            elif formula is not None and not raw and node.get("t") != "str":
                faults.append(Fault(*place, "intake.value.formula", f"={formula.text or ''}"[:60]))
            elif formula is not None:
                stored += 1
        node.clear()
    notes = (Sentence("intake.note.formulas", {"cells": stored}),) if stored else ()
    return tuple(faults), notes
