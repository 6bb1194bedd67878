"""The root command: names and one line about each, the modules behind them when they are called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from anlan import __version__
from anlan.cli import COMMANDS, Command
from anlan.errors import MissingExtraError
from anlan.texts import say


class LazyGroup(TyperGroup):
    """A group whose commands are loaded when they run. Help and completion of names need the table only.

    Written without the type names of click: newer versions of Typer carry their own.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else TyperCommand(name=cmd_name, help=entry.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else load(name, COMMANDS[name]), rest


def load(name: str, entry: Command) -> Any:
    """Import the module of a command. What is not installed becomes an error that names the extra."""
    try:
        module = import_module(entry.module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "anlan":
            raise
        values = {"name": f"anlan {name}", "extra": entry.extra, "module": error.name}
        raise MissingExtraError(
            say("cli.error.extra", "en", **values), key="cli.error.extra", values=values
        ) from error
    command = typer.main.get_command(module.app)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Early warning for a city and its counties: detectors on files, and the platform.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"anlan {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Only the options of ``anlan`` itself; the commands stand in ``anlan.cli.COMMANDS``."""
