"""``anlan evaluate``: detectors on simulated outbreaks, with intervals, beside the stored reference run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from anlan.cli import checked_language
from anlan.errors import ParameterError
from anlan.texts import say

app = typer.Typer(pretty_exceptions_enable=False)

DESIGNS = ("noufaily", "noufaily-correlated")


@app.command("evaluate")
def evaluate(
    design: Annotated[
        str,
        typer.Option(
            "--design", help="noufaily (42 scenarios), or noufaily-correlated: with a moving level."
        ),
    ] = "noufaily",
    methods: Annotated[
        str, typer.Option("--methods", "-m", help="all, or names with commas; see: anlan methods.")
    ] = "farrington_flexible,anlan",
    series: Annotated[
        int, typer.Option("--series", min=42, help="How many series; rounded up to whole replicates of 42.")
    ] = 420,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the simulation.")] = 1,
    candidate: Annotated[
        str, typer.Option("--candidate", help="The method that is compared with each other one at its rate.")
    ] = "anlan",
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
    """Run detectors on simulated outbreaks and say what each is worth, with 95 % intervals.

    Returns 0 when it ran and 2 when it could not.
    """
    from anlan.cli import _evaluation, _files

    tongue = checked_language(language)
    if design not in DESIGNS:
        values = {"given": design, "accepted": ", ".join(DESIGNS)}
        raise ParameterError(
            say("evaluation.error.design", "en", **values), key="evaluation.error.design", values=values
        )
    if output is not None:
        _files.check_output(output, Path("simulation"), (".html", ".htm"))
    evaluated = _evaluation.evaluated(
        design, _evaluation.names_of(methods, candidate), -(-series // 42), seed, candidate, tongue
    )
    if output is not None:
        from anlan.cli import _evaluation_page

        text = _evaluation_page.page(evaluated)
        _files.write_whole(output, lambda target: target.write_text(text, encoding="utf-8"))
    if as_json:
        sys.stdout.write(json.dumps(evaluated.to_json(), ensure_ascii=False, indent=2) + "\n")
    else:
        evaluated.print(output)
