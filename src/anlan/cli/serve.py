"""``anlan serve``: the pages and, unless told otherwise, the work loop, in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from anlan.cli.node import ConfigOption, DataDirOption, open_node
from anlan.cli.running import run_server

app = typer.Typer()


@app.command()
def serve(
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on.")] = None,
    web: Annotated[bool, typer.Option("--web", help="Pages only; run `anlan work` beside it.")] = False,
) -> None:
    """Serve the pages; do the work that is due."""
    with open_node(data_dir, config, host=host, port=port) as node:
        node.upgrade_worlds()
        run_server(node, with_work=not web)
