"""Tables to take away. A cell that a spreadsheet would run as a formula is made text; numbers stay numbers.

Excel reads UTF-8 only with the mark at the front, so it is written; other readers skip it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime

CSV_TYPE = "text/csv; charset=utf-8"
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

Cell = str | int | float | bool | date | datetime | None


def csv_bytes(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A CSV file with one line of heads. Moments are written as ISO 8601, missing values as empty cells."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_cell(cell) for cell in head])
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def safe_cell(value: Cell) -> Cell:
    """A value as a cell that no spreadsheet takes for a formula (OWASP "CSV injection").

    Text that begins like one gets an apostrophe in front, which spreadsheets do not show. Leading blanks do not
    hide a beginning: some programs trim them before they look.
    """
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str):
        begins = value.lstrip(" \u00a0\u3000\ufeff")
        if begins.startswith(_STARTS) or value.startswith(_STARTS):
            return "'" + value
    return value
