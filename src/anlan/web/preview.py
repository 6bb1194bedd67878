"""The first rows of a file as they will be read: each cell in the words of the world, and as it was delivered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from anlan import intake
from anlan.errors import AnlanError, Problem
from anlan.intake import Inspection, Receipt
from anlan.intake.resolve import Registered
from anlan.registry import Area, Indicator, Site
from anlan.web.problems import message_of
from anlan.web.views.imports import PreviewCell, PreviewRow
from anlan.web.visit import Visit

Item = Mapping[str, str]


def preview_rows(
    visit: Visit, found: Inspection, registered: Registered, tried: Receipt | None
) -> tuple[PreviewRow, ...]:
    """The rows of an inspection. ``tried`` knows what is wrong with a row beyond its cells: a place that nobody knows."""
    refused = {bad.row: bad.problems for bad in tried.rejected_sample} if tried is not None else {}
    rows = []
    for row in found.rows:
        problems = row.problems or refused.get(row.row, ())
        bad = {place for problem in problems if (place := column_of(problem)) is not None}
        cells = []
        for column in found.mapping.columns[: len(row.cells)]:
            raw = row.cells[column.index]
            item = None if column.index in bad else _item_of(column, row.items, found)
            read = _read_as(visit, column, item, registered) if item is not None else ""
            cells.append(PreviewCell(raw, read or raw, column.index in bad))
        said = " ".join(message_of(problem, visit.language) for problem in problems)
        rows.append(PreviewRow(row.row, tuple(cells), said))
    return tuple(rows)


def _item_of(column: intake.ColumnUse, items: tuple[Item, ...], found: Inspection) -> Item | None:
    """The item of a row that a cell went into; a wide table makes several of one row."""
    if column.role != "value" or len(found.mapping.with_role("value")) == 1:
        return items[0] if items else None
    return next((item for item in items if column.key and item.get("indicator") == column.key), None)


def _read_as(visit: Visit, column: intake.ColumnUse, item: Item, registered: Registered) -> str:
    """A cell as it is understood; empty where the cell says it as well as anything."""
    if column.role == "value":
        return item["value"]
    if column.role == "period":
        return _period(visit, item, registered)
    text = item.get(column.role, "")
    if not text:
        return ""
    meant: object = None
    if column.role == "area":
        meant = registered.area(text)
    elif column.role == "site":
        meant = registered.site(text)
    elif column.role == "indicator":
        meant = registered.indicator(text)
    return visit.name(meant.names) if isinstance(meant, Area | Indicator | Site) else ""


def _period(visit: Visit, item: Item, registered: Registered) -> str:
    """The period in the words of its indicator's calendar; an hour stays as it is written."""
    indicator = registered.indicator(item.get("indicator", ""))
    if not isinstance(indicator, Indicator) or indicator.calendar.step == "hour":
        return item["period"]
    try:
        number = indicator.calendar.period_of(date.fromisoformat(item["period"][:10]))
    except (AnlanError, ValueError):
        return item["period"]
    return indicator.calendar.label(number, visit.language)


def column_of(problem: Problem) -> int | None:
    """The position of the column that a problem is about; where it names one by letter or by number."""
    where = problem.where.get("column")
    if isinstance(where, int):
        return where
    if isinstance(where, str) and where.isascii() and where.isalpha() and len(where) <= 3:
        place = 0
        for sign in where.upper():
            place = place * 26 + ord(sign) - 64
        return place - 1
    return None
