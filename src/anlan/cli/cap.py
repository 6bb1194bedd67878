"""``anlan cap``: work on CAP messages as files, without a server."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anlan.cli import COULD_NOT_RUN, FOUND, language_of
from anlan.errors import MissingExtraError
from anlan.texts import say

if TYPE_CHECKING:
    from anlan.warning.cap import Finding

app = typer.Typer(help="Common Alerting Protocol 1.2: check messages as files.", no_args_is_help=True)


@app.callback()
def _main() -> None:
    """Keep `check` a sub-command although it is the only one so far."""


@app.command("check")
def check_files(
    files: Annotated[list[Path], typer.Argument(help="CAP documents (XML).", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    issuing: Annotated[
        bool, typer.Option("--issuing", help="Be as strict as with messages that we issue.")
    ] = False,
    language: Annotated[
        str,
        typer.Option("--lang", help="Language of the sentences: zh or en; that of the system if not given."),
    ] = "",
) -> None:
    """Check CAP 1.2 messages: the schema, the rules that the schema misses, and good practice.

    Returns 0 when all are acceptable, 1 when one is not, 2 when a file cannot be read.
    """
    language = language or language_of([], os.environ)
    if language not in ("zh", "en"):
        raise typer.BadParameter("accepted: zh, en", param_hint="--lang")
    check = _load_check()
    results: list[dict[str, Any]] = []
    unreadable = False
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            unreadable = True
            typer.echo(f"{file}: {error.strerror}", err=True)
            results.append({"file": str(file), "acceptable": None, "problem": error.strerror, "findings": []})
            continue
        results.append(_result(file, check(data, issuing=issuing)))
    if as_json:
        typer.echo(json.dumps(results, ensure_ascii=False, indent=2))
    else:
        for result in results:
            _print(result, language)
    refused = any(result["acceptable"] is False for result in results)
    raise typer.Exit(COULD_NOT_RUN if unreadable else FOUND if refused else 0)


def _load_check() -> Any:
    try:
        from anlan.warning.cap import check
    except ImportError as error:
        values = {"name": "anlan cap", "extra": "server", "module": error.name or "lxml"}
        message = say("cli.error.extra", "en", **values)
        raise MissingExtraError(message, key="cli.error.extra", values=values) from error
    return check


def _result(file: Path, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "file": str(file),
        "acceptable": all(finding.severity != "error" for finding in findings),
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "path": finding.path,
                "line": finding.line or None,
                "key": finding.key,
                "values": {name: str(value) for name, value in finding.values.items()},
                "en": finding.say("en"),
                "zh": finding.say("zh"),
            }
            for finding in findings
        ],
    }


def _print(result: dict[str, Any], language: str) -> None:
    if result["acceptable"] is None:
        return
    verdict = say("cap.accepted" if result["acceptable"] else "cap.not_accepted", language)
    typer.echo(f"{result['file']}: {verdict}")
    for finding in result["findings"]:
        place = finding["path"] or "-"
        if finding["line"]:
            place += f" ({finding['line']})"
        typer.echo(f"  {finding['code']:<14} {place}: {finding[language]}")
