"""The command line: a thin coat over the library and the rooms.

Each command is a module of this package, loaded only when it is called, so that ``anlan --version`` and
``anlan detect`` do not pay for the server half. To add a command, write ``cli/<name>.py`` with a ``typer.Typer``
named ``app`` and add one line to ``COMMANDS`` below::

    "journal": Command("anlan.cli.journal", extra="server", help="Read and verify the journal."),

``help`` is written here because ``anlan --help`` must not load the modules either. ``extra`` is what to install when
something that the module imports is not there. A ``Typer`` with one command and no callback becomes
``anlan <name>``; with more it becomes ``anlan <name> <verb>``.

What every command keeps to: results on standard output, diagnostics on standard error; ``--json`` for programs;
exit code 0, 1 (found what it looks for) or 2 (could not run); no questions when not on a terminal. An ``AnlanError``
that leaves a command is written as a message, in the language of ``--lang``, ``ANLAN_LANG`` or the system, and ends
with 2.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anlan.errors import AnlanError, MissingExtraError, ParameterError

__all__ = ["COMMANDS", "COULD_NOT_RUN", "FOUND", "Command", "checked_language", "language_of", "main"]

FOUND, COULD_NOT_RUN = 1, 2


@dataclass(frozen=True)
class Command:
    """Where a command lives, which extra it needs, and one line about it."""

    module: str
    extra: str
    help: str


COMMANDS: Mapping[str, Command] = {
    "detect": Command(
        "anlan.cli.detect", extra="cli", help="Find unusual counts in a file (CSV, Excel, Parquet)."
    ),
    "methods": Command("anlan.cli.methods", extra="cli", help="List the detectors and their parameters."),
    "evaluate": Command(
        "anlan.cli.evaluate", extra="cli", help="Measure detectors on simulated outbreaks or your own series."
    ),
    "cap": Command(
        "anlan.cli.cap", extra="server", help="Check CAP messages and feeds, read those of others."
    ),
    "pack": Command("anlan.cli.pack", extra="server", help="Check domain packs (folders of data)."),
    "import": Command(
        "anlan.cli.import_", extra="server", help="Deliver a file: good rows go in, bad rows are explained."
    ),
    "rule": Command("anlan.cli.rule", extra="server", help="List, show and run the rules of a node."),
    "journal": Command("anlan.cli.journal", extra="server", help="Read and verify the journal of a node."),
    "backup": Command(
        "anlan.cli.backup", extra="server", help="Back up a node into one file, while it works."
    ),
    "restore": Command("anlan.cli.restore", extra="server", help="Restore a backup into an empty place."),
    "signals": Command("anlan.cli.signals", extra="server", help="List signals, now or as of a sequence."),
    "serve": Command("anlan.cli.serve", extra="server", help="Serve the pages and do the work that is due."),
    "work": Command("anlan.cli.work", extra="server", help="Run the work loop alone."),
    "demo": Command(
        "anlan.cli.demo", extra="server", help="A node with real data and an exercise, to look around."
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Never raises for what a user can cause."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given == ["--version"]:  # answered without loading anything
            from anlan import __version__

            sys.stdout.write(f"anlan {__version__}\n")
            return 0
        return _run(given)
    except AnlanError as error:
        sys.stderr.write(f"anlan: {_said(error, language_of(given, os.environ))}\n")
    except Exception as error:
        # The edge of the task: a fault of ours must not look like exit code 1, "found something".
        sys.stderr.write(f"anlan: unexpected {type(error).__name__}: {error}\n")
        if os.environ.get("ANLAN_TRACEBACK"):
            sys.stderr.write(traceback.format_exc())
        else:
            sys.stderr.write("This is a fault in anlan. Set ANLAN_TRACEBACK=1 to see where.\n")
    return COULD_NOT_RUN


def language_of(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """``zh`` or ``en``: what ``--lang`` says, else ``ANLAN_LANG``, else the system's language, else English."""
    for place, argument in enumerate(arguments):
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        asked = argument.removeprefix("--lang=") if argument.startswith("--lang=") else following
        if argument.startswith("--lang") and asked in ("zh", "en"):
            return asked
    for name in ("ANLAN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def checked_language(asked: str | None) -> str:
    """The language of one call: what ``--lang`` gave, else as ``language_of``; another word is an error."""
    from anlan.texts import say

    if asked not in (None, "zh", "en"):
        values = {"given": asked}
        raise ParameterError(
            say("cli.error.language", "en", **values), key="cli.error.language", values=values
        )
    return asked or language_of((), os.environ)


def _run(arguments: list[str]) -> int:
    try:
        from anlan.cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "anlan":
            raise
        from anlan.texts import say

        values = {"name": "anlan", "extra": "cli", "module": error.name}
        raise MissingExtraError(
            say("cli.error.extra", "en", **values), key="cli.error.extra", values=values
        ) from error
    try:
        app(args=arguments, prog_name="anlan")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 0 if ending.code is None else COULD_NOT_RUN
    return 0


def _said(error: AnlanError, language: str) -> str:
    """The error with its problems, in the language of the user where a text exists."""
    from anlan.texts import catalogue, say

    texts = catalogue()

    def said(key: str, values: Mapping[str, object], otherwise: str) -> str:
        return say(key, language, **values) if key in texts else otherwise

    lines = [said(error.key, error.values, error.message)]
    for problem in error.problems:
        places = [
            said(f"cli.where.{name}", {"value": value}, f"{name} {value}")
            for name, value in problem.where.items()
        ]
        told = said(problem.key, problem.values, problem.message or f"{problem.key} {dict(problem.values)}")
        separator = say("cli.where.separator", language)
        lines.append(
            f"  - {separator.join(places)}{say('cli.where.colon', language) if places else ''}{told}"
        )
    return "\n".join(lines)
