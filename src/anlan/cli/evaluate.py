"""``anlan evaluate``: detectors on simulated outbreaks or on anyone's series, with intervals, and alarm budgets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from anlan.cli import checked_language

app = typer.Typer(pretty_exceptions_enable=False)

DESIGNS = ("noufaily", "noufaily-correlated")


@app.command("evaluate")
def evaluate(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Your own series (CSV, Excel or Parquet) for --inject and --budget. Without it series are simulated.",
            show_default=False,
        ),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            "--design",
            help="noufaily (42 scenarios, the default), or noufaily-correlated: with a moving level.",
        ),
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            "-m",
            help="all, reference (the 21 of the stored run), or names with commas; see: anlan methods.",
        ),
    ] = "farrington_flexible,anlan",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", help="Parameters of a method: -p ears_c2:alpha=0.01,baseline=14."),
    ] = None,
    series: Annotated[
        int, typer.Option("--series", min=42, help="How many series; rounded up to whole replicates of 42.")
    ] = 420,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the simulation.")] = 1,
    candidate: Annotated[
        str, typer.Option("--candidate", help="The method that is compared with each other one at its rate.")
    ] = "anlan",
    inject: Annotated[
        float | None,
        typer.Option("--inject", help="Into FILE: outbreaks of so many standard deviations of each series."),
    ] = None,
    inject_cases: Annotated[
        float | None, typer.Option("--inject-cases", help="Into FILE: outbreaks of so many cases on average.")
    ] = None,
    spread: Annotated[
        float, typer.Option("--spread", help="Median periods from the beginning of an outbreak to a case.")
    ] = 1.0,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Outbreaks for each series of FILE, one in each copy.")
    ] = 10,
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="Periods of FILE that are judged; default two years.")
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget", min=1, help="Also what K signals a period would be, and what they hold back."
        ),
    ] = None,
    time: Annotated[
        list[str] | None,
        typer.Option("--time", "-t", help="Time column of FILE. Twice for a year and a week column."),
    ] = None,
    value: Annotated[str | None, typer.Option("--value", "-v", help="Column of counts of FILE.")] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", "-b", help="Column that names the series; may be given again.")
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
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="Sheet of an Excel file; default the first.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Report: one HTML file that needs nothing else.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for programs instead of a table.")
    ] = False,
    language: Annotated[
        str | None, typer.Option("--lang", help="zh or en; default ANLAN_LANG, then the system's.")
    ] = None,
) -> None:
    """Say what detectors are worth on simulated outbreaks, or on outbreaks put into your own series.

    With 95 % intervals, and each compared at the same rate of false alarms. Returns 0 when it ran and 2 when it could
    not.
    """
    from anlan.cli import _evaluation, _evaluation_file, _files

    tongue = checked_language(language)
    wanted = _evaluation.Wanted(methods, candidate, tuple(parameter or ()), seed, budget, tongue)
    if file is None:
        given = {
            "--inject": inject,
            "--inject-cases": inject_cases,
            "--last": last,
            "--time": time,
            "--value": value,
        }
        _evaluation.refuse_without_file(given)
        if output is not None:
            _files.check_output(output, Path("simulation"), (".html", ".htm"))
        evaluated = _evaluation.on_simulation(
            wanted, _evaluation.design_of(design, DESIGNS), -(-series // 42)
        )
    else:
        if output is not None:
            _files.check_output(output, file, (".html", ".htm"))
        injection = _evaluation_file.Injection(inject, inject_cases, spread, repeats, last)
        injection.check(design, time, value, budget)
        table = _files.with_numbers(_files.read_table(file, sheet=sheet), str(value))
        grid = _evaluation_file.grid_of(
            table, time or [], str(value), by, step=step, missing=missing, unordered=unordered
        )
        evaluated = _evaluation_file.on_file(wanted, file.name, grid, injection)
    if output is not None:
        from anlan.cli import _evaluation_page

        text = _evaluation_page.page(evaluated)
        _files.write_whole(output, lambda target: target.write_text(text, encoding="utf-8"))
    if as_json:
        sys.stdout.write(json.dumps(evaluated.to_json(), ensure_ascii=False, indent=2) + "\n")
    else:
        evaluated.print(output)
