"""Makers of small delivered files; seeded, nothing is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import pytest
import xlsxwriter

MakeWorkbook = Callable[..., bytes]


@pytest.fixture(scope="session")
def make_workbook() -> MakeWorkbook:
    """``make_workbook({"Sheet": rows}, merges={"Sheet": ["A1:C1"]}, hidden=["X"])``; dates become Excel dates,
    text that starts with ``=`` a formula with a stored result of 42, with ``==`` one without a result."""

    def make(
        sheets: dict[str, Sequence[Sequence[Any]]],
        merges: dict[str, Sequence[str]] | None = None,
        hidden: Sequence[str] = (),
    ) -> bytes:
        buffer = BytesIO()
        book = xlsxwriter.Workbook(buffer, {"in_memory": True})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for address in (merges or {}).get(name, ()):
                sheet.merge_range(address, "")
            for r, row in enumerate(rows):
                for c, cell in enumerate(row):
                    if isinstance(cell, dt.datetime):
                        sheet.write_datetime(r, c, cell, moment)
                    elif isinstance(cell, dt.date):
                        sheet.write_datetime(r, c, dt.datetime.combine(cell, dt.time()), day)
                    elif isinstance(cell, str) and cell.startswith("=="):
                        sheet.write_formula(r, c, cell[1:], value="")
                    elif isinstance(cell, str) and cell.startswith("=#"):
                        sheet.write_formula(r, c, "=1/0", value=cell[1:])
                    elif isinstance(cell, str) and cell.startswith("="):
                        sheet.write_formula(r, c, cell, value=42)
                    elif cell is not None:
                        sheet.write(r, c, cell)
            if name in hidden:
                sheet.hide()
        book.close()
        return buffer.getvalue()

    return make
