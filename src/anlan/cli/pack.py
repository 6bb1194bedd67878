"""``anlan pack``: check domain packs as folders, without a database, and install them in a world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anlan.cli import FOUND, checked_language
from anlan.cli.node import ConfigOption, DataDirOption, WorldOption, open_node
from anlan.texts import catalogue, say

if TYPE_CHECKING:
    from anlan.errors import Problem

app = typer.Typer(help="Domain packs: check folders of data, and install them.", no_args_is_help=True)


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


@app.command("install")
def install_folders(
    paths: Annotated[list[Path], typer.Argument(help="Folders of packs.", show_default=False)],
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    world_name: WorldOption = "live",
    language: Annotated[
        str | None, typer.Option("--lang", help="Language of the sentences: zh or en.", show_default=False)
    ] = None,
) -> None:
    """Install packs, or newer versions of them, after the same check. What was edited here stays as it is.

    Returns 0 when all are installed, 2 when one could not be; packs before it stay installed.
    """
    from anlan.flows.install import install_pack
    from anlan.registry.packs import load_pack
    from anlan.store import SYSTEM

    chosen = checked_language(language)
    packs = [load_pack(path.resolve(), run_samples=True) for path in paths]
    with open_node(data_dir, config) as node:
        world = node.world(world_name)
        for pack in packs:
            done = install_pack(world, SYSTEM, pack)
            counts = {
                "indicators": len(done.indicators),
                "rules": len(done.rules),
                "hazards": len(done.hazards),
            }
            typer.echo(
                say(
                    "pack.install.done",
                    chosen,
                    pack=pack.id,
                    version=pack.version,
                    world=world_name,
                    **counts,
                )
            )


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
