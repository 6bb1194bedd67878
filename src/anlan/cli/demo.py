"""``anlan demo``: a node with real data in the live world and an exercise, its pages, and passwords to look around."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anlan.cli.node import ConfigOption, open_node
from anlan.cli.running import run_server
from anlan.flows.demo import build_demo

app = typer.Typer()


@app.command()
def demo(
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Folder of the node.")] = Path("data"),
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on.")] = None,
    build_only: Annotated[bool, typer.Option("--build-only", help="Load and detect, do not serve.")] = False,
) -> None:
    """Load the demonstration data, run detection, serve the pages."""
    with open_node(data_dir, config, make=True, host=host, port=port) as node:
        node.upgrade_worlds()
        accounts = build_demo(node, say=typer.echo)
        typer.echo(f"\nanlan is at {node.settings.address}\n")
        typer.echo("  login      password       role")
        for account in accounts:
            typer.echo(f"  {account.login:<10} {account.password:<14} {account.role}")
        typer.echo("\nThe live world drafts but issues no public message; try release in the exercise world.")
        typer.echo("Stop with Ctrl-C.\n")
        if not build_only:
            run_server(node, with_work=True)
