"""Every kind of bad table, on every kind of frame and from a file: the error names column or argument, row, and what is accepted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import anlan
from anlan.cli import main
from anlan.errors import AnlanError, InputError, ParameterError

DAYS = [(date(2024, 2, 20) + timedelta(days=index)).isoformat() for index in range(20)]
FRAMES: dict[str, Callable[[pl.DataFrame], Any]] = {
    "polars": lambda frame: frame, "pandas": lambda frame: frame.to_pandas(), "pyarrow": lambda frame: frame.to_arrow()
}  # fmt: skip


def table(**changes: Any) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "day": DAYS,
        "ward": ["a"] * 20,
        "cases": [3, 1, 4, 1, 5] * 4,
        "people": [900] * 20,
    }
    return pl.DataFrame({**columns, **changes})


def with_value(row: int, value: float) -> pl.DataFrame:
    cases: list[float] = [3.0, 1.0, 4.0, 1.0, 5.0] * 4
    cases[row - 1] = float(value)
    return table(cases=cases)


def days(**changes: str) -> pl.DataFrame:
    """``row7="..."`` changes one day."""
    return table(day=[changes.get(f"row{row}", day) for row, day in enumerate(DAYS, 1)])


OPTIONS: dict[str, Any] = {"time": "day", "value": "cases", "by": "ward", "method": "ears_c1"}
# Table, changed options, what the sentence says, what the named row says (with its number counted from 1).
TABLES: dict[str, tuple[pl.DataFrame, dict[str, Any], list[str], str]] = {
    "negative": (with_value(5, -2), {}, ["cases", "counts"], "row 5"),
    "fractional": (with_value(6, 2.5), {}, ["cases", "counts"], "row 6"),
    "doubled": (days(row9=DAYS[7]), {}, ["ward + day"], "row 9"),
    "unordered": (days(row3=DAYS[3], row4=DAYS[2]), {}, ["ward + day", "sort"], "row 4"),
    "a week among days": (days(row7="2024-W10"), {}, ["day"], "row 7"),
    "a month among days": (days(row7="2024-03"), {}, ["day"], "row 7"),
    "no date": (days(row8="soon"), {}, ["day", "2024-07-05"], "row 8"),
    "no such day": (days(row8="2024-02-30"), {}, ["day"], "row 8"),
    "no population": (
        table(people=[900] * 10 + [0] + [900] * 9), {"population": "people", "method": "periodic_nb"}, ["people"], "row 11"
    ),
    "key missing": (table(ward=["a"] * 11 + [None] + ["a"] * 8), {}, ["ward"], "row 12"),
    "time missing": (table(day=[*DAYS[:12], None, *DAYS[13:]]), {}, ["day"], "row 13"),
}  # fmt: skip
CALLS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown value column": ({"value": "count"}, ["count", "day, ward, cases, people"]),
    "unknown time column": ({"time": "date"}, ["date", "day, ward, cases, people"]),
    "unknown key": ({"by": "county"}, ["county", "day, ward, cases, people"]),
    "unknown population": (
        {"population": "pop", "method": "periodic_nb"},
        ["pop", "day, ward, cases, people"],
    ),
    "unknown method": ({"method": "magic"}, ["method", "farrington_flexible", "magic"]),
    "unknown parameter": ({"sigma": 1}, ["sigma", "baseline, threshold, alpha"]),
    "value of a parameter": ({"baseline": 2}, ["baseline must be an int >= 3. Got 2"]),
    "unknown step": ({"step": "hour"}, ["step must be one of day, week, month. Got hour"]),
    "unknown missing": ({"missing": "null"}, ["missing must be one of gap, zero. Got null"]),
    "unknown unordered": ({"unordered": "yes"}, ["unordered must be one of error, sort. Got yes"]),
    "wrong step for the method": ({"method": "mem"}, ["mem is made for week data. These go by day"]),
    "a column twice": ({"by": "cases"}, ["cases", "different columns"]),
    "population not used": ({"population": "people"}, ["population must be None for ears_c1"]),
    "unknown extra": ({"extra": ["level"]}, ["extra must be names of columns that ears_c1 has"]),
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_is_told_where(case: str, kind: str) -> None:
    frame, changes, said, row = TABLES[case]
    with pytest.raises(InputError) as caught:
        anlan.detect(FRAMES[kind](frame), **{**OPTIONS, **changes})
    message = str(caught.value)
    assert all(words in message for words in said), message
    assert row in message, message
    assert caught.value.problems[0].where["row"] == int(row.split()[1])


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("case", CALLS)
def test_a_wrong_call_is_told_what_is_accepted(case: str, kind: str) -> None:
    changes, said = CALLS[case]
    with pytest.raises(AnlanError) as caught:
        anlan.detect(FRAMES[kind](table()), **{**OPTIONS, **changes})
    assert all(words in str(caught.value) for words in said), str(caught.value)


@pytest.mark.parametrize("kind", FRAMES)
def test_infinite_and_text_values_are_told(kind: str) -> None:
    with pytest.raises(InputError, match=r"(?s)cases.*row 4"):
        anlan.detect(FRAMES[kind](with_value(4, float("inf"))), **OPTIONS)
    with pytest.raises(InputError, match="cases"):
        anlan.detect(FRAMES[kind](table(cases=["few"] * 20)), **OPTIONS)
    with pytest.raises(InputError, match="no rows"):
        anlan.detect(FRAMES[kind](table().head(0)), **OPTIONS)


def arguments(options: dict[str, Any]) -> list[str]:
    """The same call on the command line."""
    given: list[str] = []
    for name, value in options.items():
        if name in ("time", "value", "by", "method", "step", "missing", "unordered", "population"):
            given += [f"--{name}", str(value)]
        elif name == "extra":
            given += [item for column in value for item in ("--extra", column)]
        else:
            given += ["-p", f"{name}={value}"]
    return given


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("case", [*TABLES, *CALLS])
def test_the_command_line_says_the_same_with_the_row_of_the_file(
    case: str, language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame, changes, said, row = TABLES[case] if case in TABLES else (table(), *CALLS[case], "")
    file = tmp_path / "cases.csv"
    frame.write_csv(file)
    output = tmp_path / "out.csv"
    options = {**OPTIONS, **changes}
    assert main(["detect", str(file), *arguments(options), "-o", str(output), "--lang", language]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert not output.exists()
    assert "unexpected" not in printed.err
    if language == "en":
        assert all(words in printed.err for words in said), printed.err
    if row:
        number = int(row.split()[1]) + 1  # the heading is row 1
        assert (f"row {number}" if language == "en" else f"第 {number} 行") in printed.err


def test_the_array_calls_name_series_and_time() -> None:
    from anlan.stats.counts import METHODS

    for method in METHODS.values():
        if "count" not in method.kinds or method.name == "limit":
            continue
        with pytest.raises(ParameterError, match=r"Got 1 other values, the first at series 1, time 2"):
            method.run([[1, 2, 3], [1, 2, -3]])
