"""CSV and its relatives -> a raw table.

A tidy file (UTF-8, one record a line, as many cells in each) is parsed by polars. Everything else goes the careful way
through the ``csv`` module. Both give the same table for the same file, which a test holds.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from io import BytesIO, StringIO

import numpy as np
import polars as pl

from anlan.intake.files import Limits, RawTable, ReadOptions
from anlan.intake.header import find_layout
from anlan.intake.refusals import refuse_file
from anlan.texts import Sentence

__all__ = ["DELIMITERS", "read_delimited", "sniff_delimiter"]

DELIMITERS = ("\t", ";", "|", ",")
_SAMPLE_RECORDS = 300
_SAMPLE_CHARACTERS = 64 * 1024
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def read_delimited(
    data: bytes, name: str, options: ReadOptions, limits: Limits, *, allow_fast: bool = True
) -> RawTable:
    """Read delimited text.

    Parameters
    ----------
    data, name, options, limits
        As in ``anlan.intake.files.read_table``.
    allow_fast : bool
        False takes the careful way even for a tidy file; the table is the same.
    """
    encoding, body = _decode_plan(data, name, options.encoding)
    text = _sample_text(body, encoding)
    delimiter = options.delimiter or sniff_delimiter(text)
    if allow_fast and encoding == "utf-8":
        table = _read_fast(body, name, delimiter, options, limits)
        if table is not None:
            return table
    return _read_careful(_decode(body, name, encoding), name, encoding, delimiter, options, limits)


def sniff_delimiter(text: str) -> str:
    """The character that cuts the sample into the most even rows; a comma if none does."""
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        counts = Counter(len(record) for record in _records(text, delimiter)[:_SAMPLE_RECORDS] if any(record))
        wide = {count: times for count, times in counts.items() if count > 1}
        if not wide:
            continue
        # The order of DELIMITERS decides between equals: a comma inside "1,5;2,5" is as even as the semicolon.
        score = max(wide.values()) / sum(counts.values())
        if score > best_score + 0.001:
            best, best_score = delimiter, score
    return best


def _records(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return []


def _decode_plan(data: bytes, name: str, wanted: str | None) -> tuple[str, bytes]:
    """The encoding and the bytes without their byte order mark."""
    if wanted is not None:
        try:
            codecs.lookup(wanted)
        except LookupError:
            raise refuse_file("intake.file.unknown_encoding", name=name, encoding=wanted) from None
        return wanted.lower(), data.removeprefix(codecs.BOM_UTF8)
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise refuse_file("intake.file.encoding_unreadable", name=name, offset=0, row=1)
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return encoding, data[2:]
    body = data.removeprefix(codecs.BOM_UTF8)
    if len(_CONTROL.findall(body[:65536])) > 0 or b"\x00" in body:
        raise refuse_file("intake.file.binary", name=name)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return _other_encoding(body, name, error), body
    return "utf-8", body


def _other_encoding(body: bytes, name: str, error: UnicodeDecodeError) -> str:
    row = body.count(b"\n", 0, error.start) + 1
    if _is_mostly_utf8(body):
        raise refuse_file("intake.file.broken_utf8", name=name, offset=error.start, row=row) from None
    try:
        text = body.decode("gb18030")
    except UnicodeDecodeError as other:
        row = body.count(b"\n", 0, other.start) + 1
        raise refuse_file("intake.file.encoding_unreadable", name=name, offset=other.start, row=row) from None
    foreign = [character for character in text if ord(character) > 0x7F]
    # Latin-1 text often decodes as GB18030 too, but into characters that Chinese tables do not use.
    common = sum(1 for character in foreign if _in_gb2312(character))
    if common < len(foreign) * 0.7:
        raise refuse_file("intake.file.encoding_unreadable", name=name, offset=error.start, row=row) from None
    return "gb18030"


def _is_mostly_utf8(body: bytes) -> bool:
    sample = body[: 4 * 1024**2]
    wrong = sample.decode("utf-8", errors="replace").count("\ufffd")
    right = sum(1 for character in sample.decode("utf-8", errors="ignore") if ord(character) > 0x7FF)
    return right > 10 * wrong


def _in_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _decode(body: bytes, name: str, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        row = body.count(b"\n", 0, error.start) + 1
        raise refuse_file(
            "intake.file.wrong_encoding", name=name, encoding=encoding, offset=error.start, row=row
        ) from None


def _sample_text(body: bytes, encoding: str) -> str:
    text = body[: _SAMPLE_CHARACTERS * 2].decode(encoding, errors="replace")[:_SAMPLE_CHARACTERS]
    whole, newline, _cut = text.rpartition("\n")
    return whole + newline if newline and len(body) > _SAMPLE_CHARACTERS else text


def _read_fast(
    body: bytes, name: str, delimiter: str, options: ReadOptions, limits: Limits
) -> RawTable | None:
    """The table of a tidy file, or ``None`` if anything about it needs a careful look."""
    body = body.rstrip(b"\r\n")
    if (
        b"\n\n" in body
        or b"\n\r\n" in body
        or body.count(b"\r") != body.count(b"\r\n")
        or len(delimiter) != 1
    ):
        return None
    sample = _records(_sample_text(body, "utf-8"), delimiter)[:_SAMPLE_RECORDS]
    layout = find_layout(sample, header=None if options.header_row is None else options.header_row - 1)
    if layout is None or layout.header != 0 or any(len(record) != layout.width for record in sample):
        return None
    _check_width(name, layout.width, limits)
    try:
        frame = pl.read_csv(BytesIO(body), infer_schema=False, has_header=False, separator=delimiter)
    except (pl.exceptions.PolarsError, ValueError):
        return None
    if frame.width != layout.width or not _is_even(body, frame, delimiter):
        return None
    header = tuple(cell.strip() for cell in sample[0])
    frame = frame.slice(1).rename({column: f"c{index}" for index, column in enumerate(frame.columns)})
    if any(frame.null_count().row(0)):
        frame = frame.with_columns(pl.all().fill_null(""))
    if _has_loose_end(frame) or _has_blank_row(frame):
        return None
    _check_size(name, frame, limits)
    rows = pl.int_range(2, frame.height + 2, dtype=pl.UInt32, eager=True).alias("row")
    return RawTable(name, "csv", frame, rows, header, 1, encoding="utf-8", delimiter=delimiter)


def _is_even(body: bytes, frame: pl.DataFrame, delimiter: str) -> bool:
    """Whether every record has all its cells and every quotation mark stands at the edge of a cell."""
    quoted = b'"' in body
    if quoted:
        # Marks must open and close whole cells in turn; whatever else is done with them, parsers disagree about.
        array = np.frombuffer(b"\n" + body + b"\n", dtype=np.uint8)
        marks = np.flatnonzero(array == ord('"'))
        edges = np.zeros(256, dtype=bool)
        edges[[ord(delimiter), ord("\n"), ord("\r")]] = True
        if (
            len(marks) % 2
            or not edges[array[marks[::2] - 1]].all()
            or not edges[array[marks[1::2] + 1]].all()
        ):
            return False
    if frame.to_series(-1).null_count() == 0:
        return True  # a record that ends early has no last cell
    return not quoted and body.count(delimiter.encode()) == frame.height * (frame.width - 1)


def _has_loose_end(frame: pl.DataFrame) -> bool:
    last = frame.tail(1).row(0) if frame.height else ()
    return sum(1 for cell in last if cell.strip()) <= 1


def _has_blank_row(frame: pl.DataFrame) -> bool:
    rest = frame
    for name in frame.columns:  # column by column: the first one settles it nearly always
        rest = rest.filter(pl.col(name).str.strip_chars() == "")
        if rest.is_empty():
            return False
    return True


def _read_careful(
    text: str, name: str, encoding: str, delimiter: str, options: ReadOptions, limits: Limits
) -> RawTable:
    records = _careful_records(text, name, delimiter, limits)
    layout = find_layout(records, header=None if options.header_row is None else options.header_row - 1)
    if layout is None:
        raise refuse_file("intake.file.empty", name=name)
    top = records[layout.header] if layout.header is not None else records[layout.first]
    width = max(
        len(top),
        max((len(record) for record in records[layout.first : layout.end] if any(record)), default=0),
    )
    width = _without_empty_columns(records[layout.header or 0 : layout.end], width)
    _check_width(name, width, limits)
    header = (
        _padded(tuple(cell.strip() for cell in top), width) if layout.header is not None else ("",) * width
    )
    kept = [
        (index + 1, record)
        for index, record in enumerate(records[layout.first : layout.end], start=layout.first)
        if any(cell.strip() for cell in record)
    ]
    if not kept:
        raise refuse_file("intake.file.header_only", name=name)
    expected = len(top) if layout.header is not None else width
    uneven = {
        position: len(record)
        for position, (_, record) in enumerate(kept)
        if len(record) < min(expected, width) or any(cell.strip() for cell in record[expected:])
    }
    columns = [
        pl.Series(
            f"c{column}",
            [record[column] if column < len(record) else "" for _, record in kept],
            dtype=pl.String,
        )
        for column in range(width)
    ]
    frame = pl.DataFrame(columns)
    _check_size(name, frame, limits)
    return RawTable(
        name, "csv", frame, pl.Series("row", [row for row, _ in kept], dtype=pl.UInt32), header,
        0 if layout.header is None else layout.header + 1,
        encoding=encoding, delimiter=delimiter, notes=layout_notes(records, layout.header, layout.first, layout.end),
        short_rows=uneven,
    )  # fmt: skip


def _careful_records(text: str, name: str, delimiter: str, limits: Limits) -> list[list[str]]:
    before = csv.field_size_limit(limits.cell_characters)
    try:
        return [
            record
            for count, record in enumerate(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
            if count <= limits.rows + 100 or _too_long(name, limits)
        ]
    except csv.Error as error:
        if "field larger" in str(error):
            raise refuse_file("intake.file.cell_too_long", name=name, limit=limits.cell_characters) from None
        raise refuse_file("intake.file.damaged_csv", name=name, said=str(error)) from None
    finally:
        csv.field_size_limit(before)


def _too_long(name: str, limits: Limits) -> bool:
    raise refuse_file("intake.file.too_long", name=name, rows=f"> {limits.rows}", limit=limits.rows)


def layout_notes(
    records: Sequence[Sequence[str]], header: int | None, first: int, end: int
) -> tuple[Sentence, ...]:
    """What was skipped above and below the table, as sentences."""
    notes = []
    if header is None:
        notes.append(Sentence("intake.note.no_header"))
    elif header > 0:
        titles = [cell.strip() for record in records[:header] for cell in record if cell.strip()]
        values = {"last": header, "header_row": header + 1, "title": " / ".join(titles)[:120]}
        notes.append(Sentence("intake.note.title_rows", values))
    below = [cell.strip() for record in records[end:] for cell in record if cell.strip()]
    if below:
        notes.append(Sentence("intake.note.footnotes", {"rows": len(below), "text": " / ".join(below)[:120]}))
    blank = sum(1 for record in records[first:end] if not any(cell.strip() for cell in record))
    if blank:
        notes.append(Sentence("intake.note.blank_rows", {"rows": blank}))
    return tuple(notes)


def _without_empty_columns(records: Sequence[Sequence[str]], width: int) -> int:
    while width > 1 and not any(len(record) >= width and record[width - 1].strip() for record in records):
        width -= 1
    return width


def _padded(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    return (cells + ("",) * width)[:width]


def _check_width(name: str, width: int, limits: Limits) -> None:
    if width > limits.columns:
        raise refuse_file("intake.file.too_wide", name=name, columns=width, limit=limits.columns)


def _check_size(name: str, frame: pl.DataFrame, limits: Limits) -> None:
    if frame.height == 0:
        raise refuse_file("intake.file.header_only", name=name)
    if frame.height > limits.rows:
        raise refuse_file("intake.file.too_long", name=name, rows=frame.height, limit=limits.rows)
    longest = max(int(length or 0) for length in frame.select(pl.all().str.len_bytes().max()).row(0))
    if longest > limits.cell_characters:
        longest = max(int(length or 0) for length in frame.select(pl.all().str.len_chars().max()).row(0))
    if longest > limits.cell_characters:
        raise refuse_file("intake.file.cell_too_long", name=name, limit=limits.cell_characters)
