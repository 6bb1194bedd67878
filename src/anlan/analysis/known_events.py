"""Events that a rule should have found, read from a table: one line for each outbreak.

Columns, by their English or Chinese head: ``area`` (地区; code or name), ``start`` (开始), and where they are known
``end`` (结束), ``name`` (名称), ``indicator`` (指标; its code), ``recognised`` (发现; the day on which people knew). Dates
are written 2019-03-05. Without an end an event counts for 28 days.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import sqlalchemy as sa

from anlan import registry
from anlan.analysis.trial_types import KnownEvent
from anlan.errors import InputError, Problem
from anlan.store import AsOf, Scope

__all__ = ["MOST_EVENTS", "read_events"]

MOST_EVENTS = 5000
USUAL_DAYS = 28
_HEADS = {
    "地区": "area",
    "开始": "start",
    "结束": "end",
    "名称": "name",
    "指标": "indicator",
    "发现": "recognised",
    "recognized": "recognised",
}
_KNOWN = ("area", "start", "end", "name", "indicator", "recognised")


def read_events(
    connection: sa.Connection, scope: Scope, as_of: AsOf, content: str | bytes, *, file: str = ""
) -> tuple[KnownEvent, ...]:
    """Read a table of events, parted by commas, semicolons or tabs (so that lines can be pasted from a sheet).

    Parameters
    ----------
    content : str or bytes
        UTF-8, or GB 18030 as Chinese spreadsheets write it.
    file : str
        Its name, for messages.

    Raises
    ------
    InputError
        With every line that cannot be used, and what is accepted.
    """
    lines = list(csv.reader(io.StringIO(_text(content), newline=""), delimiter=_delimiter(_text(content))))
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if not lines:
        return ()
    heads = [_HEADS.get(cell.strip(), cell.strip().casefold()) for cell in lines[0]]
    places = registry.area_index(connection, scope, as_of)
    codes = {one.code for one in registry.indicators(connection, scope, as_of, retired=True)}
    problems = [*_head_problems(heads, file)]
    found = []
    for number, line in enumerate(lines[1:], start=2) if not problems else ():
        row = dict(zip(heads, (cell.strip() for cell in line), strict=False))
        wrong = list(
            _line_problems(row, places, codes, {"file": file, "row": number} if file else {"row": number})
        )
        problems += wrong
        if not wrong:
            found.append(_event(row, places))
    if len(found) > MOST_EVENTS:
        problems.append(_problem({"file": file}, str(len(found)), f"1 to {MOST_EVENTS} lines", "lines"))
    if problems:
        raise InputError(
            "the list of events cannot be used", key="analysis.events.refused", problems=problems
        )
    return tuple(found)


def _text(content: str | bytes) -> str:
    if isinstance(content, str):
        return content.lstrip("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030", errors="replace")


def _delimiter(text: str) -> str:
    head = text.lstrip().split("\n", 1)[0]
    return max((",", "\t", ";", "，"), key=head.count)


def _head_problems(heads: Sequence[str], file: str) -> Iterator[Problem]:
    accepted = ", ".join(_KNOWN)
    for needed in ("area", "start"):
        if needed not in heads:
            yield _problem({"file": file} if file else {}, ", ".join(heads), accepted, needed)


def _line_problems(
    row: Mapping[str, str], places: registry.AreaIndex, codes: set[str], where: Mapping[str, object]
) -> Iterator[Problem]:
    areas = places.find(row.get("area", ""))
    if len(areas) != 1:
        several = ", ".join(f"{area.code} {area.names.get('zh', '')}" for area in areas[:4])
        yield _problem(where, row.get("area", ""), several or "a code or name of one area", "area")
    dates = {}
    for name in ("start", "end", "recognised"):
        text = row.get(name, "")
        if not text and name != "start":
            continue
        day = _date(text)
        if day is None:
            yield _problem(where, text, "2019-03-05", name)
        else:
            dates[name] = day
    if "start" in dates and dates.get("end", dates["start"]) < dates["start"]:
        yield _problem(where, row["end"], f"{dates['start']} …", "end")
    if row.get("indicator") and row["indicator"] not in codes:
        yield _problem(where, row["indicator"], "the code of an indicator", "indicator")


def _event(row: Mapping[str, str], places: registry.AreaIndex) -> KnownEvent:
    start = date.fromisoformat(row["start"])
    end = _date(row.get("end", "")) or start + timedelta(days=USUAL_DAYS - 1)
    return KnownEvent(
        area_code=places.find(row["area"])[0].code,
        start=start,
        end=end,
        name=row.get("name", ""),
        indicator=row.get("indicator", ""),
        recognised=_date(row.get("recognised", "")),
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _problem(where: Mapping[str, object], given: str, accepted: str, column: str) -> Problem:
    return Problem(
        "analysis.events.line",
        {"column": column, "given": given, "accepted": accepted, "row": where.get("row", 1)},
        {**where, "column": column},
        f"accepted is {accepted}. Got {given!r}.",
    )
