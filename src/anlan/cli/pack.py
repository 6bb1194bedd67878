"""``anlan pack``: check domain packs as folders, without a server or a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anlan.cli import FOUND, checked_language
from anlan.texts import catalogue, say

if TYPE_CHECKING:
    from anlan.errors import Problem

app = typer.Typer(help="Domain packs: check folders of data before they are installed.", no_args_is_help=True)


@app.callback()
def _main() -> None:
    """Keep ``check`` a sub-command although it is the only one so far."""


@app.command("check")
def check_folders(
    paths: Annotated[list[Path], typer.Argument(help="Folders of packs.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    language: Annotated[
        str | None, typer.Option("--lang", help="Language of the sentences: zh or en.", show_default=False)
    ] = None,
) -> None:
    """Check packs: format, codes, units, methods, texts in both languages, and the golden samples.

    Returns 0 when all can be installed, 1 when one has problems, 2 when it could not run.
    """
    from anlan.registry.packs import check_pack

    chosen = checked_language(language)
    results: list[dict[str, Any]] = []
    for path in paths:
        problems = check_pack(path.resolve())
        results.append({"pack": str(path), "problems": [_plain(problem, chosen) for problem in problems]})
    if as_json:
        typer.echo(json.dumps(results, ensure_ascii=False, indent=2))
    else:
        for result in results:
            _print(result, chosen)
    raise typer.Exit(FOUND if any(result["problems"] for result in results) else 0)


def _plain(problem: Problem, language: str) -> dict[str, Any]:
    said = say(problem.key, language, **problem.values) if problem.key in catalogue() else problem.message
    values = {name: str(value) for name, value in problem.values.items()}
    return {**problem.where, "key": problem.key, "values": values, "message": said}


def _print(result: dict[str, Any], language: str) -> None:
    problems = result["problems"]
    verdict = "pack.check.good" if not problems else "pack.check.bad"
    typer.echo(say(verdict, language, pack=result["pack"], count=len(problems)))
    for problem in problems:
        place = ":".join(str(problem[name]) for name in ("file", "line") if name in problem)
        typer.echo(f"  {place}: {problem['message']}")
