"""``anlan rule``: which rules there are, what they have looked at, and running them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anlan.cli import FOUND, checked_language
from anlan.cli.node import ConfigOption, DataDirOption, JsonOption, WorldOption, open_node
from anlan.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from anlan.analysis import Rule, Run, RunReport, Signal, Trial
    from anlan.store import AsOf, World

app = typer.Typer(help="Rules: what is looked for, what was looked at, and what was found.")

AsOfOption = Annotated[
    int | None, typer.Option("--as-of", help="Journal sequence to answer as of; now if not given.")
]
KnownAtOption = Annotated[
    str, typer.Option("--known-at", help="Only what the world could know by then: 2026-07-06T08:00+08:00.")
]
LanguageOption = Annotated[str | None, typer.Option("--lang", help="Language of the output: zh or en.")]


@app.command("list")
def list_rules(
    domain: Annotated[str, typer.Option("--domain", help="Only rules of this domain.")] = "",
    as_of: AsOfOption = None,
    language: LanguageOption = None,
    world: WorldOption = "live",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """List the rules with their newest version, state and last run."""
    from anlan.analysis import rules, runs

    lang = checked_language(language)

    with open_node(data_dir, config) as node:
        here = node.world(world)
        asked = _as_of(here, as_of, "")
        with here.read() as connection:
            found = rules(connection, _everything(), asked, domain=domain or None)
            newest = runs(connection, _everything(), asked, newest_only=True, limit=None)
    last: dict[str, Run] = {}
    for run in newest:  # newest first
        last.setdefault(run.rule_code, run)
    rows = [_rule_row(one, last.get(one.code), lang) for one in found]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    _print_table(rows, ("code", "version", "state", "method", "watches", "last_run", "name"))


@app.command("show")
def show_rule(
    code: Annotated[str, typer.Argument(help="Code of the rule.")],
    as_of: AsOfOption = None,
    language: LanguageOption = None,
    world: WorldOption = "live",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Show one rule: its versions, its last runs with what they could not decide, its newest signals."""
    from anlan.analysis import rule, rule_versions, runs, signals

    lang = checked_language(language)

    with open_node(data_dir, config) as node:
        here = node.world(world)
        asked = _as_of(here, as_of, "")
        with here.read() as connection:
            newest = rule(connection, _everything(), asked, code)
            versions = rule_versions(connection, _everything(), asked, code)
            ran = runs(connection, _everything(), asked, rule_code=code, limit=10)
            found = signals(connection, _everything(), asked, rule_code=code, limit=10)
    shown = {
        **_rule_row(newest, ran[0] if ran else None, lang),
        "parameters": dict(newest.parameters),
        "levels": [list(level) for level in newest.levels],
        "extend_days": newest.extend_days,
        "versions": [{"version": one.version, "state": one.state, "seq": one.known_seq} for one in versions],
        "runs": [_run_row(one) for one in ran],
        "signals": [_signal_row(one, lang) for one in found],
    }
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for name, value in shown.items():
        if not isinstance(value, list):
            typer.echo(f"{name}: {_plain(value)}")
    for name in ("levels", "versions"):
        typer.echo(f"{name}: {_plain(shown[name])}")
    typer.echo("\nlast runs")
    _print_table(
        shown["runs"], ("at", "indicator", "input_seq", "cells", "alarms", "raised", "extended", "reasons")
    )
    typer.echo("\nnewest signals")
    _print_table(shown["signals"], ("number", "raised_at", "level", "holds", "title"))


@app.command("run")
def run_rules(
    codes: Annotated[
        list[str] | None, typer.Argument(help="Codes of rules; all that are due if none.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what the rules find in the newest periods, and write nothing."),
    ] = False,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = "",
    language: LanguageOption = None,
    world: WorldOption = "live",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Run rules on what is new since their last run. Ends with 1 when signals were raised, extended or found."""
    lang = checked_language(language)
    with open_node(data_dir, config) as node:
        here = node.world(world)
        if dry_run:
            if not codes:
                raise _needs_code("--dry-run")
            rows = _preview(here, codes, _as_of(here, as_of, known_at), lang)
        elif codes:
            rows = _run(
                here, codes, None if as_of is None and not known_at else _as_of(here, as_of, known_at)
            )
        else:
            if as_of is not None or known_at:
                raise _needs_code("--as-of" if as_of is not None else "--known-at")
            rows = _run_due(here)
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif dry_run:
        _print_table(rows, ("rule", "series", "period", "observed", "expected", "upper", "p_value", "title"))
    else:
        _print_table(
            rows, ("rule", "indicator", "series", "cells", "raised", "extended", "revised", "reasons")
        )
        for row in rows:
            if row["error"]:
                typer.echo(f"anlan: {row['error']}", err=True)
    if any(row["found"] for row in rows):
        raise typer.Exit(FOUND)


@app.command("backtest")
def backtest_rule(
    code: Annotated[str, typer.Argument(help="Code of the rule; code@2 for its version 2.")],
    against: Annotated[
        str, typer.Option("--against", help="Another rule, or another version (code@1), to stand beside it.")
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Try the rule with name=value beside the rule as it is; may be repeated."),
    ] = None,
    years: Annotated[int, typer.Option("--years", help="How many years back, 1 to 30.")] = 5,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            help="CSV of outbreaks: area,start[,end,name,indicator,recognised]; verified signals if none.",
        ),
    ] = None,
    basis: Annotated[
        str,
        typer.Option("--basis", help="reported: what the world knew by then; received: what this node had."),
    ] = "reported",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the result, for the page of the rule.")] = False,
    as_of: AsOfOption = None,
    language: LanguageOption = None,
    world: WorldOption = "live",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Try a rule on past years as they were known then: alarms a year, events found, how early. Corrections that came
    later are not seen. With --against or --set two rules stand side by side."""
    from anlan.analysis import ask_backtest, backtest, do_backtest, read_events
    from anlan.flows.backtests import confirmed_events
    from anlan.store import SYSTEM

    lang = checked_language(language)
    with open_node(data_dir, config) as node:
        here = node.world(world)
        asked = _as_of(here, as_of, "")
        with here.read() as connection:
            tried = _to_try(connection, asked, code, against, settings or [])
            known = (
                confirmed_events(connection, _everything(), asked, tried[0])
                if events is None
                else read_events(connection, _everything(), asked, _content(events), file=events.name)
            )
        chosen: Any = basis
        kept = ""
        if keep:
            with here.write(SYSTEM) as tx:
                kept = ask_backtest(
                    tx, tried, scope=_everything(), years=years, events=known, basis=chosen, as_of=asked
                )
            done = do_backtest(here, kept)
            if done.result is None:
                raise ConfigurationError(done.error)
            trial = done.result
        else:
            trial = backtest(here, tried, years=years, events=known, basis=chosen, as_of=asked)
    if as_json:
        typer.echo(json.dumps({**trial.to_json(), "kept": kept}, ensure_ascii=False, indent=2))
        return
    _print_trial(trial, lang)


def _to_try(connection: Connection, as_of: AsOf, code: str, against: str, settings: list[str]) -> list[Rule]:
    """The rule that is asked about, and the one beside it."""
    from dataclasses import replace

    from anlan.errors import ParameterError

    first = _rule_named(connection, as_of, code)
    if against and settings:
        raise ParameterError(
            "--against and --set cannot be used together: a rule is compared with one other.",
            key="analysis.backtest.against",
            values={"option": "--against --set"},
        )
    if settings:
        changed = {**first.parameters, **_settings(first, settings)}
        return [replace(first, parameters=changed, version=0), first]
    return [first, _rule_named(connection, as_of, against)] if against else [first]


def _rule_named(connection: Connection, as_of: AsOf, text: str) -> Rule:
    from anlan.analysis import rule

    code, _, version = text.partition("@")
    number = int(version) if version.isdecimal() else None
    return rule(connection, _everything(), as_of, code if number is not None else text, version=number)


def _settings(rule: Rule, given: list[str]) -> dict[str, Any]:
    from anlan.analysis import read_parameters
    from anlan.errors import ParameterError
    from anlan.stats.counts import METHODS

    known = [one.name for one in METHODS[rule.method].parameters]
    typed = dict(text.split("=", 1) for text in given if "=" in text)
    for text in given:
        if "=" not in text or text.split("=", 1)[0] not in known:
            raise ParameterError(
                f"--set must be name=value; {rule.method} has {', '.join(known)}. Got {text!r}.",
                key="analysis.backtest.set",
                values={"given": text, "method": rule.method, "known": ", ".join(known)},
            )
    needed = {name: str(value) for name, value in rule.parameters.items() if name in known}
    found = read_parameters(rule.method, {**needed, **typed}, before={**rule.parameters, **typed})
    return {name: found[name] for name in typed if name in found}


def _content(path: Path) -> bytes:
    from anlan.errors import InputError

    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _print_trial(trial: Trial, lang: str) -> None:
    """One column for each rule, then the values it rests on."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from anlan.analysis import measures
    from anlan.texts import say

    names = [f"{one.code} {f'v{one.version}' if one.version else '*'}" for one in trial.tried]
    table = Table("", *(escape(name) for name in names), box=None, pad_edge=False)
    for line in measures(trial):
        table.add_row(say(line.key, lang), *(_figure(value, line.decimals) for value in line.values))
    Console().print(table)
    if trial.median_gained is not None:
        typer.echo(say("analysis.trial.gained", lang, days=_figure(trial.median_gained, 1)))
    for one in trial.tested:
        values = {
            "indicator": one.indicator, "first": one.first, "last": one.last, "series": one.series,
            "values": one.values, "revised": one.revised, "assumed": one.assumed,
        }  # fmt: skip
        typer.echo(say("analysis.trial.tested", lang, **values))
    typer.echo(say("analysis.trial.as_of", lang, seq=trial.input_seq))


def _figure(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


def _run(world: World, codes: Iterable[str], as_of: AsOf | None) -> list[dict[str, Any]]:
    from anlan.analysis import run_rule

    return [_report_row(report) for code in codes for report in run_rule(world, code, as_of=as_of)]


def _run_due(world: World) -> list[dict[str, Any]]:
    from anlan.analysis import run_due

    due = run_due(world)
    rows = [_report_row(report) for report in due.reports]
    for failure in due.failures:
        row = dict.fromkeys(("series", "cells", "raised", "extended", "revised"), 0)
        about = {"rule": failure.rule_code, "indicator": failure.indicator_code}
        rows.append(
            {**about, **row, "reasons": {}, "wrote": False, "error": str(failure.error), "found": False}
        )
    return rows


def _preview(world: World, codes: Iterable[str], as_of: AsOf, lang: str) -> list[dict[str, Any]]:
    from anlan.analysis import preview_rule, rule
    from anlan.analysis.facts import indicator_facts, place_facts
    from anlan.analysis.sentences import say
    from anlan.analysis.wording import title

    rows = []
    for code in codes:
        with world.read() as connection:
            found = rule(connection, _everything(), as_of, code)
            places = place_facts(connection, as_of)
        for look in preview_rule(world, found, as_of=as_of):
            with world.read() as connection:
                indicator = indicator_facts(connection, as_of, look.indicator)
            rows += [
                {
                    "rule": code,
                    "series": cell.series.id,
                    "period": indicator.calendar.text(cell.period),
                    "observed": cell.observed,
                    "expected": cell.expected,
                    "upper": cell.upper,
                    "p_value": cell.p_value,
                    "level": found.level_for(cell.score),
                    "title": say(title(found, indicator, places, cell), lang),
                    "found": True,
                }
                for cell in look.cells
                if cell.alarm
            ]
    return rows


def _everything() -> Any:
    from anlan.store import Scope

    return Scope.everything("command line")


def _needs_code(option: str) -> Exception:
    from anlan.errors import ParameterError

    return ParameterError(
        f"{option} needs the code of at least one rule.",
        key="analysis.command.needs_code",
        values={"option": option},
    )


def _as_of(world: World, seq: int | None, known_at: str) -> AsOf:
    from datetime import datetime

    from anlan.errors import ParameterError

    moment = None
    if known_at:
        try:
            moment = datetime.fromisoformat(known_at)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ParameterError(
                f"--known-at must be a moment with its offset, like 2026-07-06T08:00+08:00. Got {known_at!r}.",
                key="analysis.command.known_at",
                values={"given": known_at},
            )
    return world.as_of(seq=seq, known_at=moment)


def _rule_row(rule: Rule, run: Run | None, lang: str) -> dict[str, Any]:
    from anlan.texts import name_in

    watched = rule.selector.sources if rule.kind == "silence" else rule.selector.indicators
    return {
        "code": rule.code,
        "version": rule.version,
        "state": rule.state,
        "kind": rule.kind,
        "method": rule.method,
        "domain": rule.domain,
        "watches": watched[0] + (f" +{len(watched) - 1}" if len(watched) > 1 else ""),
        "pack": f"{rule.pack_id} {rule.pack_version}".strip(),
        "local_edit": rule.local_edit,
        "last_run": None if run is None else run.at.isoformat(timespec="minutes"),
        "name": name_in(rule.names, lang),
    }


def _run_row(run: Run) -> dict[str, Any]:
    return {
        "at": run.at.isoformat(timespec="minutes"),
        "indicator": run.indicator_code,
        "version": run.rule_version,
        "input_seq": run.input_seq,
        "series": run.series,
        "cells": run.cells,
        "alarms": run.alarms,
        "raised": run.raised,
        "extended": run.extended,
        "revised": run.revised,
        "reasons": dict(run.reasons),
    }


def _signal_row(signal: Signal, lang: str) -> dict[str, Any]:
    from anlan.analysis import say

    return {
        "number": signal.number,
        "public_id": signal.public_id,
        "raised_at": signal.raised_at.isoformat(timespec="minutes"),
        "level": signal.level_hint,
        "holds": signal.holds,
        "title": say(signal.title, lang),
    }


def _report_row(report: RunReport) -> dict[str, Any]:
    return {
        "rule": report.rule_code,
        "indicator": report.indicator_code,
        "series": report.series,
        "cells": report.cells,
        "raised": len(report.raised),
        "extended": len(report.extended),
        "revised": len(report.revised),
        "reasons": dict(report.reasons),
        "wrote": report.wrote,
        "error": "",
        "found": bool(report.raised or report.extended),
    }


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return "; ".join(_plain(inner) for inner in value) or "-"
    return str(value)


def _print_table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        typer.echo("none")
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(_plain(row[column])) for column in columns))
    Console().print(table)
