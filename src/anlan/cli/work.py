"""``anlan work``: the work loop alone, beside one or more ``anlan serve --web``."""

from __future__ import annotations

from typing import Annotated

import typer

from anlan.cli.node import ConfigOption, DataDirOption, open_node
from anlan.cli.running import run_work

app = typer.Typer()


@app.command()
def work(
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, then end.")] = False,
) -> None:
    """Run rules, hand out events, watch for silence, let warnings expire."""
    with open_node(data_dir, config) as node:
        if not once:
            run_work(node)
            return
        from anlan.flows.work import look_around, work_once

        for name in node.world_names():
            world = node.world(name)
            work_once(world)
            look_around(world)
            typer.echo(f"{name}: {work_once(world)} things left over were done")
