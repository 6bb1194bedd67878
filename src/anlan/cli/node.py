"""What the commands of the platform share: the options that find a node and a world, and opening it.

Errors are left to ``anlan.cli.main``, which says them in the user's language and ends with 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anlan.errors import InputError, NotFoundError
from anlan.settings import Settings

if TYPE_CHECKING:
    from anlan.store import Node

__all__ = [
    "ConfigOption",
    "DataDirOption",
    "JsonOption",
    "WorldOption",
    "build_settings",
    "open_node",
    "read_passphrase",
]

DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the node: worlds, keys, journal heads and backups."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file (TOML); the environment and options go before it."),
]
WorldOption = Annotated[
    str, typer.Option("--world", help="Which world: live, or the name of an exercise or a replay.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


def build_settings(data_dir: Path | None = None, config: Path | None = None, **flags: Any) -> Settings:
    """Settings from defaults < file < environment < options. Options that are None were not given."""
    return Settings.build(file=config, flags={"data_dir": data_dir, **flags})


@contextmanager
def open_node(
    data_dir: Path | None = None, config: Path | None = None, *, make: bool = False, **flags: Any
) -> Iterator[Node]:
    """Open the node for one command and close it after.

    Parameters
    ----------
    data_dir, config : Path or None
        The two common options.
    make : bool, default False
        Whether an empty folder may become a new node. Without it a folder that holds no node is an error, so that a
        mistyped path does not quietly make keys somewhere.
    **flags
        Further settings given on the command line.
    """
    from anlan.store import Node

    settings = build_settings(data_dir, config, **flags)
    if not make and not (Path(settings.data_dir) / "node.json").exists():
        raise NotFoundError(
            f"there is no node in {settings.data_dir}; name its folder with --data-dir or ANLAN_DATA_DIR",
            key="store.no_node",
            values={"folder": str(settings.data_dir)},
        )
    node = Node(settings)
    try:
        yield node
    finally:
        node.close()


def read_passphrase(file: Path | None) -> str | None:
    """The first line of a file, or None without one. A passphrase on the command line would show in process lists."""
    if file is None:
        return None
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error)
    else:
        if lines and lines[0].strip():
            return lines[0].strip()
        reason = "its first line is empty"
    raise InputError(
        f"the passphrase file {file} cannot be used: {reason}",
        key="backup.passphrase_file",
        values={"file": str(file), "reason": reason},
    )
