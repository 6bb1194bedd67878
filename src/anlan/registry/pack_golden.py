"""Run a pack's golden samples: the rule on the input must give the expected result.

A sample's input is a CSV file with the columns ``series``, ``period`` (canonical text of the indicator's calendar) and
``value`` (empty: not reported). Its expected file has ``series``, ``period``, ``alarm`` (0 or 1) and any of
``expected``, ``upper``, ``score`` and ``p_value`` (empty: none). Periods that the expected file leaves out are not
compared.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anlan.errors import AnlanError, Problem
from anlan.registry.calendars import Calendar
from anlan.registry.pack_check import Methods
from anlan.registry.pack_types import Pack, PackGolden, PackRule
from anlan.registry.yaml_lines import problem

if TYPE_CHECKING:
    from anlan.stats.counts import Method

MAX_ROWS = 50_000
_MEASURES = ("expected", "upper", "score", "p_value")

__all__ = ["MAX_ROWS", "detectors", "run_golden"]


def detectors() -> Methods:
    """The detectors on count series that rules may name, from ``anlan.stats.counts``."""
    from anlan.stats.counts import METHODS  # heavy numerics, only where rules are run

    return METHODS


@dataclass
class _Table:
    """A sample's file: rows by (series, period), with their line numbers and what was wrong."""

    file: str
    rows: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    lines: dict[tuple[str, int], int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, key: str, line: int, /, **values: object) -> None:
        self.problems.append(problem(key, self.file, line, **values))


def run_golden(pack: Pack, files: Mapping[str, bytes], methods: Methods) -> list[Problem]:
    """Run every sample of a pack. ``files`` maps paths in the pack's folder to their bytes."""
    rules = {rule.code: rule for rule in pack.rules}
    problems: list[Problem] = []
    for sample in pack.golden:
        problems += _run(pack, sample, rules[sample.rule], files, methods)
    return problems


def _run(
    pack: Pack, sample: PackGolden, rule: PackRule, files: Mapping[str, bytes], methods: Methods
) -> list[Problem]:
    if rule.method == "silence":
        return [problem("pack.golden_silence", "golden.yaml", None, rule=rule.code)]
    indicator = pack.indicator(rule.indicators[0])
    assert indicator is not None  # checked with the rules
    given = _read(sample.input, files, indicator.calendar, ("value",))
    wanted = _read(sample.expected, files, indicator.calendar, ("alarm", *_MEASURES))
    if given.problems or wanted.problems:
        return given.problems + wanted.problems
    try:
        found = _detect(rule, given, indicator.calendar, methods[rule.method])
    except AnlanError as error:
        return [problem("pack.golden_not_run", "golden.yaml", None, rule=rule.code, reason=error.message)]
    _compare(sample, wanted, found, indicator.calendar)
    return wanted.problems


def _read(name: str, files: Mapping[str, bytes], calendar: Calendar, columns: tuple[str, ...]) -> _Table:
    table = _Table(name)
    try:
        text = files[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        table.add("pack.not_utf8", 1, position=error.start)
        return table
    reader = csv.DictReader(io.StringIO(text, newline=""))
    header = list(reader.fieldnames or ())
    required = ["series", "period", columns[0]]
    if not set(required) <= set(header) <= {"series", "period", *columns} or len(set(header)) != len(header):
        accepted = ", ".join([*required, *(f"[{column}]" for column in columns[1:])])
        table.add("pack.golden_columns", 1, accepted=accepted, value=", ".join(header))
        return table
    for row in reader:
        if len(table.rows) >= MAX_ROWS:
            table.add("pack.too_large", reader.line_num, size=len(text), limit=f"{MAX_ROWS} rows")
            break
        _read_row(table, row, reader.line_num, calendar, [column for column in columns if column in header])
    if not table.rows and not table.problems:
        table.add("pack.golden_no_rows", 1)
    return table


def _read_row(
    table: _Table, row: Mapping[str, str | None], line: int, calendar: Calendar, columns: list[str]
) -> None:
    try:
        key = (row["series"] or "", calendar.parse(row["period"] or ""))
    except AnlanError as error:
        table.add(
            "pack.golden_value", line, column="period", value=row["period"] or "", accepted=error.message
        )
        return
    if key in table.rows:
        table.add("pack.golden_row_twice", line, series=key[0], period=row["period"] or "")
    values = {}
    for column in columns:
        text = (row[column] or "").strip()
        try:
            values[column] = float(text) if text else math.nan
        except ValueError:
            table.add("pack.golden_value", line, column=column, value=text, accepted="a number")
        if column == "alarm" and values.get(column) not in (0.0, 1.0):
            table.add("pack.golden_value", line, column=column, value=text, accepted="0, 1")
    table.rows[key], table.lines[key] = values, line


def _detect(
    rule: PackRule, given: _Table, calendar: Calendar, method: Method
) -> dict[tuple[str, int], dict[str, float]]:
    """Run the rule on all series at once; a period without a row is not reported."""
    names = list(dict.fromkeys(series for series, _ in given.rows))
    first = min(period for _, period in given.rows)
    periods = np.arange(first, max(period for _, period in given.rows) + 1)
    values = np.full((len(names), len(periods)), np.nan)
    for (series, period), row in given.rows.items():
        values[names.index(series), period - first] = row["value"]
    dates = calendar.dates_of(periods) if method.uses_dates else None
    result = method.run(values, dates=dates, **rule.parameters)
    found = {}
    for column, position in enumerate(result.times.tolist()):
        valid = rule.is_valid_on(calendar.date_of(int(periods[position])))
        for number, series in enumerate(names):
            measures = {name: float(getattr(result, name)[number, column]) for name in _MEASURES}
            measures["alarm"] = float(bool(result.alarm[number, column]) and valid)
            found[series, int(periods[position])] = measures
    return found


def _compare(
    sample: PackGolden,
    wanted: _Table,
    found: Mapping[tuple[str, int], Mapping[str, float]],
    calendar: Calendar,
) -> None:
    for key, row in wanted.rows.items():
        series, period, line = key[0], calendar.text(key[1]), wanted.lines[key]
        if key not in found:
            wanted.add("pack.golden_missing_period", line, series=series, period=period)
            continue
        for column, value in row.items():
            got = found[key][column]
            same = math.isclose(value, got, rel_tol=sample.tolerance, abs_tol=sample.tolerance)
            if not same and not (math.isnan(value) and math.isnan(got)):
                wanted.add(
                    "pack.golden_differs", line, series=series, period=period, column=column, expected=value,
                    found=got, rule=sample.rule,
                )  # fmt: skip
