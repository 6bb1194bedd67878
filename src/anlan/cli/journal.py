"""``anlan journal``: read and verify the journal of a world."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from anlan.cli import FOUND
from anlan.cli.node import ConfigOption, DataDirOption, JsonOption, WorldOption, open_node

app = typer.Typer(
    help="The journal: what happened, to what, by whom; and whether it is still what was written."
)


@app.command("verify")
def verify_journal(
    deep: Annotated[
        bool, typer.Option("--deep", help="Also compare every row with what the journal says.")
    ] = False,
    world: Annotated[
        str, typer.Option("--world", help="Only this world; all of the node when not given.")
    ] = "",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Check chain, gaps and signed heads, and with --deep all rows. Ends with 1 when something is wrong."""
    from anlan.flows.verify import verify_world

    with open_node(data_dir, config) as node:
        results: list[dict[str, Any]] = []
        for name in [world] if world else node.world_names():
            here = node.world(name)
            findings = verify_world(here, deep=deep)
            told = [{"kind": one.kind, "event": one.seq, "message": one.message} for one in findings]
            results.append({"world": name, "events": here.head(), "deep": deep, "findings": told})
    if as_json:
        typer.echo(json.dumps(results, ensure_ascii=False, indent=2))
    else:
        for result in results:
            _print_verified(result)
    if any(result["findings"] for result in results):
        raise typer.Exit(FOUND)


def _print_verified(result: dict[str, Any]) -> None:
    found = len(result["findings"])
    what = "chain, signed heads and all rows" if result["deep"] else "chain and signed heads"
    said = "all as written" if not found else f"{found} finding{'s' if found > 1 else ''}"
    typer.echo(f"{result['world']}: {result['events']} events, {what}: {said}")
    for finding in result["findings"]:
        typer.echo(f"  [{finding['kind']}] {finding['message']}")


@app.command("list")
def list_events(
    last: Annotated[int, typer.Option("--last", min=1, help="How many of the newest events.")] = 20,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only events of this kind; may be repeated.")
    ] = None,
    world: WorldOption = "live",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """The newest events of a world, oldest first."""
    with open_node(data_dir, config) as node:
        events = _newest(node.world(world), last, kind)
    if as_json:
        typer.echo(json.dumps(events, ensure_ascii=False, indent=2))
        return
    for event in events:
        subject = f"{event['subject_kind']} {event['subject_id']}".strip()
        actor = event["actor"].get("name") or event["actor"].get("id", "")
        typer.echo(f"{event['seq']:>8}  {event['at'][:19]}Z  {event['kind']:<28}  {subject:<44}  {actor}")


def _newest(world: Any, last: int, kinds: list[str] | None) -> list[dict[str, Any]]:
    from anlan.store import events_after

    with world.read() as connection:
        start = world.as_of().seq
        step = last
        while True:  # look back further until there are enough of the kinds
            found = events_after(connection, max(start - step, 0), kinds=kinds or None)
            if len(found) >= last or step >= start:
                break
            step *= 4
    return [
        {
            "seq": one.seq,
            "at": one.at.isoformat(),
            "kind": one.kind,
            "subject_kind": one.subject_kind,
            "subject_id": one.subject_id,
            "actor": dict(one.actor),
            "data": dict(one.data),
            "hash": one.hash,
        }
        for one in found[-last:]
    ]
