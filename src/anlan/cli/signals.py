"""``anlan signals``: the signals of a world, now or as they stood at a journal sequence. The same question gives the same bytes."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer

from anlan.cli import language_of
from anlan.cli.node import ConfigOption, DataDirOption, JsonOption, WorldOption, open_node

app = typer.Typer()


@app.command()
def signals(
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    world: WorldOption = "live",
    as_of: Annotated[
        int | None, typer.Option("--as-of", help="Journal sequence; the newest if not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List signals with what became of them, the newest first."""
    from anlan import analysis, assessment
    from anlan.store import Scope

    scope = Scope.everything("command line")
    language = language_of(sys.argv, os.environ)
    with open_node(data_dir, config) as node:
        here = node.world(world)
        asked = here.as_of(seq=as_of)
        with here.read() as connection:
            found = analysis.signals(connection, scope, asked, limit=None)
            judged = {one.signal_id: one for one in assessment.triages(connection, scope, asked, limit=None)}
    rows = [
        {
            "number": one.number,
            "state": judged[one.public_id].state if one.public_id in judged else "new",
            "level": one.level_hint,
            "title": {name: analysis.say(one.title, name) for name in ("en", "zh")},
            "observed": one.observed,
            "expected": one.expected,
            "upper": one.upper,
            "p_value": one.p_value,
            "rule": f"{one.rule_code} {one.rule_version}",
            "input_seq": one.input_seq,
            "raised_at": one.raised_at.isoformat(),
        }
        for one in found
    ]
    if as_json:
        typer.echo(json.dumps({"as_of": asked.seq, "signals": rows}, ensure_ascii=False, indent=1))
        return
    for row, one in zip(rows, found, strict=True):
        typer.echo(
            f"{row['number']}  {row['state']:<9}  {row['level']:<6}  {analysis.say(one.title, language)}"
        )
