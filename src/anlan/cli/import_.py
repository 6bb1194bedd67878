"""``anlan import``: deliver a file to a node, or look at what would happen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anlan.cli import FOUND, checked_language
from anlan.cli.node import ConfigOption, DataDirOption, JsonOption, WorldOption, open_node
from anlan.errors import InputError
from anlan.texts import say

if TYPE_CHECKING:
    from anlan.intake import Inspection, Mapping, Receipt, RejectedRow

app = typer.Typer(help="Deliver a file: good rows go in, each bad row is explained.")

_FIXED = ("area", "site", "indicator", "period", "stratum", "known_at")
_DECLARED: dict[str, Callable[[str], Any]] = {
    "decimal_comma": lambda text: text == "yes",
    "interval_counts": lambda text: text == "yes",
    "sentinels": lambda text: tuple(float(part) for part in text.split(",")),
    "missing_words": lambda text: tuple(text.split(",")),
    "zero_words": lambda text: tuple(text.split(",")),
    "date_order": str,
    "weeks": str,
    "year": int,
    "empty_values": str,
    "repeats": str,
}
_CHOICES = {
    "decimal_comma": ("yes", "no"),
    "interval_counts": ("yes", "no"),
    "date_order": ("dmy", "mdy"),
    "weeks": ("iso", "mmwr"),
    "empty_values": ("missing", "nothing"),
    "repeats": ("refuse", "sum"),
}


@app.command()
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, Excel .xlsx or Parquet.", show_default=False)],
    source: Annotated[str, typer.Option("--source", help="Code of the source that delivers it.")],
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="What a column is: HEADER=ROLE, HEADER=value:INDICATOR; a letter names a column too.",
        ),
    ] = None,
    fixed: Annotated[
        list[str] | None,
        typer.Option("--set", help="A value for the whole table: area=421200, indicator=CODE."),
    ] = None,
    declares: Annotated[
        list[str] | None,
        typer.Option(
            "--declare",
            help="What the source knows of its cells: sentinels=-999, date_order=dmy, repeats=sum.",
        ),
    ] = None,
    replaces: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Withdraw what the source had delivered in the file's scope and it no longer has.",
        ),
    ] = False,
    accept_guess: Annotated[
        bool, typer.Option("--accept-guess", help="Use guessed columns even where the guess is not sure.")
    ] = False,
    remember: Annotated[
        bool, typer.Option("--remember", help="Remember the columns for the source.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen and write nothing.")
    ] = False,
    sheet: Annotated[str, typer.Option("--sheet", help="Sheet of a workbook.")] = "",
    header_row: Annotated[
        int, typer.Option("--header-row", help="Row of the header as a spreadsheet counts; 0 for none.")
    ] = -1,
    encoding: Annotated[str, typer.Option("--encoding", help="Encoding of a CSV file.")] = "",
    language: Annotated[str | None, typer.Option("--lang", help="Language of the output: zh or en.")] = None,
    world: WorldOption = "live",
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Deliver a file to a node.

    Returns 0 when every row was accepted, 1 when some were not (the others are in), 2 when the file could not be used.
    """
    from anlan.intake import ReadOptions, deliver, inspect_file
    from anlan.store import Actor, Scope

    lang = checked_language(language)
    content = _read(file)
    options = ReadOptions(sheet or None, None if header_row < 0 else header_row, encoding or None)
    scope = Scope.everything("anlan import")
    with open_node(data_dir, config) as node:
        here = node.world(world)
        seen = inspect_file(
            here, scope, source_code=source, filename=file.name, content=content, options=options
        )
        mapping = _mapping(seen, maps or [], fixed or [], declares or [], accept_guess)
        if not as_json:
            _print_mapping(mapping, lang)
        receipt = deliver(
            here,
            Actor("operator", "cli"),
            scope,
            source_code=source,
            filename=file.name,
            content=content,
            mapping=mapping,
            mode="replace" if replaces else "add",
            options=options,
            progress=_progress(lang) if sys.stderr.isatty() else None,
            remember=remember,
            dry_run=dry_run,
        )
    if as_json:
        typer.echo(json.dumps(_as_json(receipt, mapping, lang), ensure_ascii=False, indent=2))
    else:
        _print_receipt(receipt, lang)
    raise typer.Exit(FOUND if receipt.counts.rows_rejected else 0)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        values = {"file": str(file), "why": error.strerror or type(error).__name__}
        raise InputError(
            say("cli.error.file_read", "en", **values), key="cli.error.file_read", values=values
        ) from error


def _mapping(
    seen: Inspection, maps: Sequence[str], fixed: Sequence[str], declares: Sequence[str], accept_guess: bool
) -> Mapping:
    mapping = seen.mapping
    for text in maps:
        header, role = _pair(text)
        name, _, key = role.partition(":")
        mapping = mapping.set(header, name, key)  # type: ignore[arg-type]
    given = dict(mapping.fixed)
    for text in fixed:
        name, value = _pair(text)
        if name not in _FIXED:
            values = {"name": name, "names": ", ".join(_FIXED)}
            raise InputError(
                say("intake.mapping.no_such_fixed", "en", **values),
                key="intake.mapping.no_such_fixed",
                values=values,
            )
        given[name] = value
    declared = dict(_declaration(text) for text in declares)
    if accept_guess:
        mapping = replace(
            mapping, columns=tuple(replace(column, confidence=1.0) for column in mapping.columns)
        )
    return replace(mapping, fixed=given, declared=replace(mapping.declared, **declared))


def _pair(text: str) -> tuple[str, str]:
    # From the right: a header may hold an equals sign, a role does not.
    name, mark, value = text.rpartition("=")
    if not mark or not name or not value:
        values = {"given": text}
        raise InputError(say("intake.cli.pair", "en", **values), key="intake.cli.pair", values=values)
    return name, value


def _declaration(text: str) -> tuple[str, Any]:
    name, mark, value = text.partition("=")
    accepted = _CHOICES.get(name)
    try:
        if not mark or (accepted and value not in accepted):
            raise ValueError
        return name, _DECLARED[name](value)
    except (KeyError, ValueError):
        told = [f"{one}={'|'.join(_CHOICES.get(one, ('…',)))}" for one in _DECLARED]
        values = {"given": text, "accepted": ", ".join(told)}
        raise InputError(
            say("intake.cli.declare", "en", **values), key="intake.cli.declare", values=values
        ) from None


def _progress(language: str) -> Callable[[str, int, int], None]:
    def told(what: str, done: int, total: int) -> None:
        share = 100 if not total else int(100 * done / total)
        sys.stderr.write(f"\r{say(f'intake.progress.{what}', language)} {share:3d} %\033[K")
        if done >= total:
            sys.stderr.write("\n")
        sys.stderr.flush()

    return told


def _print_mapping(mapping: Mapping, language: str) -> None:
    from anlan.intake.files import column_letters

    for column in mapping.columns:
        if column.role != "ignore":
            key = f":{column.key}" if column.key else ""
            doubt = "" if column.is_sure else " ?"
            typer.echo(
                f"{column_letters(column.index):>3} {column.header or '-'} = {column.role}{key}{doubt} ({column.reason.say(language)})",
                err=True,
            )
    for name, value in mapping.fixed.items():
        typer.echo(f"    {name} = {value}", err=True)


def _print_receipt(receipt: Receipt, language: str) -> None:
    counts = receipt.counts
    values = {**asdict(counts), "file": receipt.filename, "number": receipt.number}
    typer.echo(say("intake.cli.dry_run" if receipt.is_dry_run else "intake.cli.received", language, **values))
    typer.echo(say("intake.cli.rows", language, **values))
    typer.echo(say("intake.cli.values", language, **values))
    if receipt.same_as:
        typer.echo(say("intake.cli.same_as", language, number=receipt.same_as))
    for note in receipt.notes:
        typer.echo(f"  · {note.say(language)}")
    for change in receipt.changes[:20]:
        place = " ".join(
            part
            for part in (change.indicator, change.area, change.site, change.stratum, change.period)
            if part
        )
        typer.echo(f"  ~ {place}: {change.before or '-'} → {change.after or '-'}")
    for row in receipt.rejected_sample:
        for line in _said(row, language):
            typer.echo(line)
    hidden = counts.rows_rejected - len(receipt.rejected_sample)
    if hidden > 0:
        typer.echo(say("intake.cli.more_rejected", language, rows=hidden))


def _said(row: RejectedRow, language: str) -> list[str]:
    lines = [say("intake.cli.row", language, row=row.row, cells=" | ".join(row.cells))]
    for problem in row.problems:
        where = f"{problem.where.get('column', '')}{row.row} {problem.where.get('header', '')}".strip()
        lines.append(f"    {where}: {say(problem.key, language, **problem.values)}")
        accepted, suggestion = problem.values.get("accepted"), problem.values.get("suggestion")
        if accepted is not None:
            lines.append(f"      {say('intake.cli.accepted', language, accepted=accepted)}")
        if suggestion is not None:
            lines.append(f"      {say('intake.cli.suggestion', language, suggestion=suggestion)}")
    return lines


def _as_json(receipt: Receipt, mapping: Mapping, language: str) -> dict[str, Any]:
    return {
        "delivery": receipt.public_id,
        "number": receipt.number,
        "dry_run": receipt.is_dry_run,
        "source": receipt.source_code,
        "file": receipt.filename,
        "sha256": receipt.sha256,
        "bytes": receipt.size_bytes,
        "received_at": receipt.received_at.isoformat(),
        "mode": receipt.mode,
        "same_as": receipt.same_as,
        "journal": receipt.known_seq,
        "counts": asdict(receipt.counts),
        "notes": [note.say(language) for note in receipt.notes],
        "changes": [asdict(change) for change in receipt.changes],
        "mapping": json.loads(mapping.to_json()),
        "rejected": [
            {
                "row": row.row,
                "cells": list(row.cells),
                "problems": [
                    {
                        "key": problem.key,
                        **{
                            name: value
                            for name, value in problem.where.items()
                            if name in ("column", "header", "sheet")
                        },
                        "message": say(problem.key, language, **problem.values),
                        "accepted": _sentence(problem.values.get("accepted"), language),
                        "suggestion": _sentence(problem.values.get("suggestion"), language),
                    }
                    for problem in row.problems
                ],
            }
            for row in receipt.rejected_sample
        ],
    }


def _sentence(value: object, language: str) -> str | None:
    from anlan.texts import Sentence

    return value.say(language) if isinstance(value, Sentence) else None
