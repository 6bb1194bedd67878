"""``anlan backup``: a whole node into one file, while it works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anlan.cli import FOUND
from anlan.cli.node import ConfigOption, DataDirOption, open_node, read_passphrase

app = typer.Typer()


@app.command()
def backup_node(
    file: Annotated[
        Path, typer.Argument(help="The backup to write; it must not exist yet.", show_default=False)
    ],
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file", help="First line: seals the node's keys and puts them into the backup."
        ),
    ] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Back up all worlds into one file, and check it.

    Without a passphrase the node's keys are left out: keep a copy of the folder "keys" apart from the backups.
    Ends with 1 when the backup was written but the journal of a world does not verify.
    """
    from anlan.flows.verify import DEEP_CHECKS
    from anlan.store.backup import backup

    passphrase = read_passphrase(passphrase_file)
    with open_node(data_dir, config) as node:
        report = backup(node, file, passphrase=passphrase, deep_checks=DEEP_CHECKS)
    for world in report.worlds:
        typer.echo(f"{world.name}: {world.seq} events")
        for finding in world.findings:
            typer.echo(f"  [{finding.kind}] {finding.message}", err=True)
    keys = (
        "with its keys, sealed"
        if report.has_keys
        else "without keys: keep a copy of the folder keys elsewhere"
    )
    typer.echo(f"{report.path}: {report.size / 1e6:.1f} MB, read again and checked, {keys}")
    if report.findings:
        raise typer.Exit(FOUND)
