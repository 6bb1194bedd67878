"""``anlan methods``: the table of detectors, as the documents and the web form show it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anlan.cli import checked_language
from anlan.texts import catalogue, say

if TYPE_CHECKING:
    from anlan.stats.counts import Method, Parameter

app = typer.Typer(pretty_exceptions_enable=False, help="List the detectors, or show one with its parameters.")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
_Language = Annotated[
    str | None, typer.Option("--lang", help="zh or en; default ANLAN_LANG, then the system's.")
]


@app.callback(invoke_without_command=True)
def list_methods(context: typer.Context, as_json: _Json = False, language: _Language = None) -> None:
    """List the detectors, or show one with its parameters."""
    if context.invoked_subcommand is not None:
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from anlan.stats.counts import METHODS

    tongue = checked_language(language)
    _tell_of_broken(tongue)
    if as_json:
        _print_json([_described(name) for name in METHODS])
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for key in ("method", "steps", "what"):
        table.add_column(say(f"cli.column.{key}", tongue))
    for method in METHODS.values():
        steps = ", ".join(say(f"cli.step.{step}", tongue) for step in method.steps)
        table.add_row(method.name, steps, _title(method, tongue))
    Console(highlight=False).print(table)


@app.command("show")
def show_method(
    name: Annotated[str, typer.Argument(help="Name of a method.", show_default=False)],
    as_json: _Json = False,
    language: _Language = None,
) -> None:
    """Show one detector: what it compares with, its parameters, the history it needs, its source."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from anlan.stats.counts import REQUIRED, method_named

    tongue = checked_language(language)
    method = method_named(name)
    if as_json:
        _print_json(_described(name))
        return
    out = Console(highlight=False)
    out.print(f"[bold]{escape(method.name)}[/bold]: {escape(_title(method, tongue))}")
    if method.package:
        out.print(escape(say("cli.methods.package", tongue, package=method.package)))
    required = {item.name: 1 for item in method.parameters if item.default is REQUIRED}
    steps = ", ".join(
        f"{method.history_needed(step, **required)} {say(f'cli.steps.{step}', tongue)}"
        for step in method.steps
    )
    out.print(say("cli.methods.line", tongue, label=say("cli.methods.history", tongue), text=steps))
    if method.uses_population:
        out.print(say("cli.methods.population", tongue))
    if name == "auto":
        for line in _rules(tongue):
            out.print(line)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for key in ("parameter", "default", "accepted", "meaning"):
        table.add_column(say(f"cli.column.{key}", tongue), overflow="fold")
    for item in method.parameters:
        default = _default(item.default, REQUIRED, tongue)
        table.add_row(item.name, escape(default), escape(item.accepted), escape(_meaning(item, tongue)))
    out.print(table)
    paper = say("cli.methods.line", tongue, label=say("cli.methods.paper", tongue), text=method.citation)
    out.print(escape(paper))
    example = "".join(f" -p {item}=..." for item in required)
    sys.stderr.write(say("cli.methods.try", tongue, name=name, example=example) + "\n")


def _title(method: Method, language: str) -> str:
    """From the catalogue; methods of other packages carry their own."""
    if method.title_key in catalogue():
        return say(method.title_key, language)
    return method.title_zh if language == "zh" and method.title_zh else method.title


def _meaning(parameter: Parameter, language: str) -> str:
    if parameter.help_key in catalogue():
        return say(parameter.help_key, language)
    return parameter.help_zh if language == "zh" and parameter.help_zh else parameter.help


def _rules(language: str) -> list[str]:
    """What ``auto`` chooses, a line for each preference."""
    from anlan.stats.counts.auto import RULES

    said = []
    for prefer, lines in RULES.items():
        least: dict[str, str] = {}
        for line in lines:
            key = "cli.methods.rule_years" if line.years else "cli.methods.rule_periods"
            # The last of the lines of a method has the least history.
            least[line.choice] = say(
                key, language, method=line.choice, years=line.years, periods=line.periods
            )
        separator = say("cli.where.separator", language)
        said.append(say("cli.methods.rule", language, prefer=prefer, lines=separator.join(least.values())))
    return said


def _tell_of_broken(language: str) -> None:
    """Methods that other packages declare and that are not used: on standard error, the list goes on."""
    from anlan.stats.counts import outside_problems

    for problem in outside_problems():
        sys.stderr.write(say(problem.key, language, **problem.values) + "\n")


def _default(value: Any, required: Any, language: str) -> str:
    if value is required:
        return say("cli.methods.required", language)
    return say("cli.methods.automatic", language) if value is None else str(value)


def _described(name: str) -> dict[str, Any]:
    from anlan.stats.counts import REQUIRED, method_named

    method = method_named(name)
    return {
        "name": method.name,
        "title": {language: _title(method, language) for language in ("zh", "en")},
        "kinds": method.kinds,
        "steps": method.steps,
        "citation": method.citation,
        "package": method.package,
        "population": method.uses_population,
        "parameters": [
            {
                "name": item.name,
                "kind": item.kind,
                "required": item.default is REQUIRED,
                "default": None if item.default is REQUIRED else item.default,
                "accepted": item.accepted,
                "meaning": {language: _meaning(item, language) for language in ("zh", "en")},
            }
            for item in method.parameters
        ],
    }


def _print_json(data: object) -> None:
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
