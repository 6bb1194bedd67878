"""``anlan restore``: the node of a backup into an empty place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anlan.cli.node import ConfigOption, DataDirOption, build_settings, read_passphrase

app = typer.Typer()


@app.command()
def restore_node(
    file: Annotated[Path, typer.Argument(help="The backup.", show_default=False)],
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="First line: opens the keys in the backup.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Copy of the node's folder keys, for a backup without keys.")
    ] = None,
    without_keys: Annotated[
        bool,
        typer.Option("--without-keys", help="The keys are lost: personal values can never be opened again."),
    ] = False,
    erased: Annotated[
        Path | None,
        typer.Option("--erased", help="erased.jsonl of the lost node: who was erased since the backup."),
    ] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Restore a backup into an empty place and verify it. Nothing is left behind when it fails."""
    from anlan.flows.verify import DEEP_CHECKS
    from anlan.store.restoring import restore

    report = restore(
        build_settings(data_dir, config),
        file,
        passphrase=read_passphrase(passphrase_file),
        keys=keys,
        without_keys=without_keys,
        erased=erased,
        deep_checks=DEEP_CHECKS,
    )
    for world in report.worlds:
        again = (
            f", {world.erased_again} erasures done again" if world.erased_again and report.with_keys else ""
        )
        typer.echo(f"{world.name}: {world.seq} events, verified with all rows{again}")
    if not report.with_keys:
        typer.echo("New keys are made. Personal values of before can never be opened again.", err=True)
    typer.echo(f"node {report.node_id} is as it was at {report.made_at}")
