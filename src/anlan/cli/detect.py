"""``anlan detect``: from a file to a table of alarms with reasons and a picture, without a database."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from anlan.cli import FOUND, checked_language
from anlan.errors import ParameterError
from anlan.texts import say

app = typer.Typer(pretty_exceptions_enable=False)

_WORDS = {"true": True, "yes": True, "false": False, "no": False, "none": None, "null": None}


@app.command("detect")
def detect_in_file(
    file: Annotated[
        Path, typer.Argument(help="CSV (comma, semicolon, tab), Excel or Parquet.", show_default=False)
    ],
    time: Annotated[
        list[str],
        typer.Option(
            "--time", "-t", help="Time column: dates, 2024-W07, 2024-07. Twice for a year and a week column."
        ),
    ],
    value: Annotated[str, typer.Option("--value", "-v", help="Column of counts or measured values.")],
    by: Annotated[
        list[str] | None, typer.Option("--by", "-b", help="Column that names the series; may be given again.")
    ] = None,
    method: Annotated[
        str, typer.Option("--method", "-m", help="See: anlan methods.")
    ] = "farrington_flexible",
    parameter: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="Parameter of the method: -p alpha=0.01.")
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            "--compare",
            "-c",
            help="Another method to compare: ears_c2, or with parameters ears_c2:threshold=2.",
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="Judge only the latest so many periods.")
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", help="day, week or month, if it cannot be told.")
    ] = None,
    missing: Annotated[
        str,
        typer.Option("--missing", help="A period without a row is a gap, or zero for lists of cases only."),
    ] = "gap",
    unordered: Annotated[
        str, typer.Option("--unordered", help="Rows out of order of time: error, or sort.")
    ] = "error",
    population: Annotated[
        str | None, typer.Option("--population", help="Column with the population at risk.")
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option(
            "--extra", help="Further column of the method in the output file, or all; may be given again."
        ),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="Sheet of an Excel file; default the first.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="All results as .csv, .xlsx or .parquet.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Picture: one HTML file that needs nothing else.")
    ] = None,
    panels: Annotated[int, typer.Option("--panels", min=1, help="How many series to draw.")] = 24,
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many alarms to print.")] = 30,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for programs instead of a table.")
    ] = False,
    language: Annotated[
        str | None, typer.Option("--lang", help="zh or en; default ANLAN_LANG, then the system's.")
    ] = None,
) -> None:
    """Find unusual counts in a file.

    Prints the alarms with what was observed, expected and allowed. Returns 0 when there is none, 1 when there are
    alarms, 2 when it could not run.
    """
    from anlan.cli import _files, _report
    from anlan.frames import detect_series
    from anlan.stats.counts import method_named

    tongue = checked_language(language)
    calls = [(method, parse_parameters(parameter or ())), *map(parse_call, compare or ())]
    for target, accepted in ((output, _files.WRITABLE), (plot, (".html", ".htm"))):
        if target is not None:
            _files.check_output(target, file, accepted)
    table = _files.with_numbers(_files.read_table(file, sheet=sheet), value)
    if population is not None:
        table = _files.with_numbers(table, population)
    _check_population(population, [name for name, _ in calls])
    runs = [
        detect_series(
            table.frame,
            time=time[0] if len(time) == 1 else time,
            value=value,
            by=by,
            method=name,
            step=step,
            missing=missing,
            unordered=unordered,
            population=population if method_named(name).uses_population else None,
            last=last,
            # Methods that are compared have other columns, or none.
            extra=_extra(extra) if place == 0 else False,
            first_row=table.first_row,
            parameters=given,
        )
        for place, (name, given) in enumerate(calls)
    ]
    report = _report.Report(table, tuple(runs), value, tongue)
    if output is not None:
        _files.write_table(report.results(), output)
    if plot is not None:
        from anlan.cli import _page

        _files.write_whole(
            plot, lambda target: target.write_text(_page.page(report, panels), encoding="utf-8")
        )
    if as_json:
        sys.stdout.write(json.dumps(report.to_json(), ensure_ascii=False, indent=2) + "\n")
    else:
        report.print(rows, [target for target in (output, plot) if target is not None])
    if report.alarms.height:
        raise typer.Exit(FOUND)


def _check_population(column: str | None, names: Sequence[str]) -> None:
    """A population serves the methods that take one; if none does, it is a mistake."""
    from anlan.stats.counts import METHODS, method_named

    if column is None or any(method_named(name).uses_population for name in names):
        return
    accepted = ", ".join(name for name, method in METHODS.items() if method.uses_population)
    values = {"method": ", ".join(names), "given": column, "accepted": accepted}
    key = "library.error.no_population"
    raise ParameterError(say(key, "en", **values), key=key, values=values)


def _extra(names: Sequence[str] | None) -> bool | Sequence[str]:
    return True if names and list(names) == ["all"] else list(names or ())


def parse_parameters(given: Sequence[str]) -> dict[str, Any]:
    """``name=value`` as a number, yes or no, none, or text; the method checks the rest."""
    found: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not (equals and name.strip() and text.strip()):
            values = {"given": item}
            key = "cli.error.parameter_form"
            raise ParameterError(say(key, "en", **values), key=key, values=values)
        found[name.strip().replace("-", "_")] = _value(text.strip())
    return found


def parse_call(text: str) -> tuple[str, dict[str, Any]]:
    """``ears_c2:threshold=2,baseline=14`` as the method's name and its parameters."""
    name, _, rest = text.partition(":")
    return name.strip(), parse_parameters([item for item in rest.split(",") if item.strip()])


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
