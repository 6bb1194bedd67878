"""``anlan cap``: check and read CAP messages as files, in archives, in feeds, and give out the node's certificate."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anlan.cli import COULD_NOT_RUN, FOUND, language_of
from anlan.cli.node import ConfigOption, DataDirOption, build_settings
from anlan.errors import AnlanError, MissingExtraError, ParameterError
from anlan.texts import say

if TYPE_CHECKING:
    from anlan.warning.cap import Finding
    from anlan.warning.incoming import ReceivedMessage
    from anlan.warning.received_folder import ReceivedFolder

app = typer.Typer(
    help="Common Alerting Protocol: check messages and feeds, read those of others.", no_args_is_help=True
)

FilesArgument = Annotated[
    list[str],
    typer.Argument(
        help="Messages, feeds, folders or zip archives; - is standard input.",
        metavar="FILE…",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
LanguageOption = Annotated[
    str,
    typer.Option("--lang", help="Language of the sentences: zh or en; that of the system if not given."),
]
CertificateOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--certificate",
        help="Accept only messages signed with this certificate, or one that it issued (PEM or DER); repeatable.",
        show_default=False,
    ),
]


@app.command("check")
def check_files(
    files: FilesArgument,
    as_json: JsonOption = False,
    issuing: Annotated[
        bool, typer.Option("--issuing", help="Be as strict as with messages that we issue.")
    ] = False,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            help="Ask also for what wmo, google or china ask for; repeatable.",
            show_default=False,
        ),
    ] = None,
    certificate: CertificateOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Tell only errors and warnings, no advice.")] = False,
    language: LanguageOption = "",
) -> None:
    """Check CAP 1.2 messages and feeds: the schema, the rules that the schema misses, profiles, signatures, good practice.

    Folders and archives are looked through for .xml, .cap, .atom, .rss and .edxlde. Nothing is fetched.
    Returns 0 when all are acceptable, 1 when one is not, 2 when something cannot be read.
    """
    language = _checked(language)
    check_document = _load()
    profiles = _profiles(profile or [])
    trusted = _certificates(certificate)
    results: list[dict[str, Any]] = []
    unreadable = False
    for name, data in _documents(files):
        if data is None:
            unreadable = True
            results.append({"file": name, "kind": None, "acceptable": None, "alerts": 0, "findings": []})
            continue
        found = check_document(data, issuing=issuing, profiles=profiles, trusted=trusted)
        told = [one for one in found.findings if not (quiet and one.severity == "advice")]
        results.append(
            {
                "file": name,
                "kind": found.kind,
                "acceptable": found.is_acceptable,
                "alerts": found.alerts,
                "findings": [_told(one) for one in told],
            }
        )
    if as_json:
        typer.echo(json.dumps(results, ensure_ascii=False, indent=2))
    else:
        for result in results:
            if result["acceptable"] is not None:
                _print(result["file"], result["acceptable"], result["findings"], language)
    refused = any(result["acceptable"] is False for result in results)
    raise typer.Exit(COULD_NOT_RUN if unreadable or not results else FOUND if refused else 0)


@app.command("import")
def import_messages(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Messages, feeds, folders or zip archives; addresses of feeds (http, https); - is standard input.",
            metavar="SOURCE…",
            show_default=False,
        ),
    ],
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            help="Folder that keeps the messages as they came, and where each feed stood.",
            show_default=False,
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            help="Fetch messages from here too (https://host), not only from where the feed is; repeatable.",
            show_default=False,
        ),
    ] = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    language: LanguageOption = "",
) -> None:
    """Read messages of others (CAP 1.0, 1.1, 1.2) and say what each means now: in force, replaced, cancelled, run out.

    Faulty messages are read as far as they can be understood, and each fault is told. With --keep only what is new is
    fetched the next time. Returns 0 when all were acceptable, 1 when one was not, 2 when something cannot be read.
    """
    language = _checked(language)
    _load()
    from anlan.warning.incoming import sort_out
    from anlan.warning.received_folder import ReceivedFolder

    now = datetime.now(UTC)
    folder = ReceivedFolder(keep) if keep is not None else None
    received: list[tuple[str, ReceivedMessage]] = []
    told: list[dict[str, Any]] = []
    failed = False
    for origin, message, error in _received(sources, allow or [], folder, certificate, now):
        if message is None:
            failed = True
            typer.echo(f"{origin}: {error}", err=True)
            continue
        what = folder.add(message, source=origin, at=now) if folder is not None else None
        received.append((origin, message))
        told.append({"source": origin, "path": message.path or None, "kept": what, **_of(message)})
    if folder is not None:
        folder.save()
        everything = [*folder.messages()]
    else:
        everything = [message for _origin, message in received]
    sorted_out = sort_out(everything, now=now)
    states = {state.alert.key: state for state in sorted_out.states}
    for entry, (_origin, message) in zip(told, received, strict=True):
        state = states.get(message.alert.key) if message.alert is not None else None
        entry["state"] = state.state if state is not None else "unreadable"
        entry["expires"] = state.expires.isoformat() if state is not None else None
        entry["replaced_by"] = state.by[1] if state is not None and state.by is not None else None
    if as_json:
        repeats = [
            {"identifier": one.dropped.alert.identifier, "same_bytes": one.same_bytes}
            for one in sorted_out.duplicates
            if one.dropped.alert is not None
        ]
        typer.echo(json.dumps({"messages": told, "repeats": repeats}, ensure_ascii=False, indent=2))
    else:
        _print_import(told, language)
    bad = any(not entry["acceptable"] for entry in told)
    raise typer.Exit(COULD_NOT_RUN if failed else FOUND if bad else 0)


@app.command("certificate")
def certificate_of_node(data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Print the certificate (PEM) with which this node signs its messages now, for those who want to verify them."""
    _load()
    from anlan.warning.signing import signer_of

    signer = signer_of(build_settings(data_dir, config), datetime.now(UTC))
    typer.echo(signer.pem.decode("ascii"), nl=False)


def _load() -> Any:
    try:
        from anlan.warning.cap.check import check_document
    except ImportError as error:
        values = {"name": "anlan cap", "extra": "server", "module": error.name or "lxml"}
        message = say("cli.error.extra", "en", **values)
        raise MissingExtraError(message, key="cli.error.extra", values=values) from error
    return check_document


def _checked(language: str) -> str:
    language = language or language_of([], os.environ)
    if language not in ("zh", "en"):
        raise typer.BadParameter("accepted: zh, en", param_hint="--lang")
    return language


def _profiles(given: Sequence[str]) -> list[str]:
    from anlan.warning.cap.profiles import PROFILES

    for name in given:
        if name not in PROFILES:
            raise typer.BadParameter(f"accepted: {', '.join(PROFILES)}", param_hint="--profile")
    return list(dict.fromkeys(given))


def _certificates(paths: Sequence[Path] | None) -> list[Any]:
    from anlan.warning.signing import load_certificates

    return load_certificates(paths or [])


def _documents(sources: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
    """Name and bytes of every document; what cannot be read is said on standard error and comes without bytes."""
    from anlan.warning.cap.sources import documents

    for source in sources:
        for document in documents(Path(source)):
            if document.skipped:
                typer.echo(f"{document.name}: {document.skipped} files with other names left out", err=True)
            elif document.data is None:
                typer.echo(f"{document.name}: {document.problem}", err=True)
                yield document.name, None
            else:
                yield document.name, document.data


def _received(
    sources: Sequence[str],
    allow: Sequence[str],
    folder: ReceivedFolder | None,
    certificate: Sequence[Path] | None,
    now: datetime,
) -> Iterator[tuple[str, ReceivedMessage | None, str]]:
    """Origin and message, or origin and why it cannot be had."""
    from anlan.warning.fetching import collect, origin_of
    from anlan.warning.incoming import read_document

    trusted = _certificates(certificate)
    allowed = [origin_of(place) for place in allow]
    for source in sources:
        if not source.lower().startswith(("http://", "https://")):
            for name, data in _documents([source]):
                if data is None:
                    yield name, None, ""
                    continue
                for message in read_document(data, now=now, trusted=trusted).messages:
                    yield name, message, ""
            continue
        try:
            collected = collect(source, allowed=allowed, folder=folder, now=now, trusted=trusted)
        except (AnlanError, ParameterError) as error:
            yield source, None, error.message
            continue
        for origin, message in collected.messages:
            yield origin, message, ""
        for origin, problem in collected.problems:
            yield origin, None, problem.message


def _of(message: ReceivedMessage) -> dict[str, Any]:
    alert = message.alert
    return {
        "sender": alert.sender if alert else None,
        "identifier": alert.identifier if alert else None,
        "sent": alert.sent.isoformat() if alert else None,
        "version": message.version or None,
        "acceptable": message.is_acceptable,
        "sha256": message.sha256,
        "findings": [_told(finding) for finding in message.findings],
    }


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "path": finding.path,
        "line": finding.line or None,
        "key": finding.key,
        "values": {name: str(value) for name, value in finding.values.items()},
        "en": finding.say("en"),
        "zh": finding.say("zh"),
    }


def _print(name: str, acceptable: bool, findings: Sequence[dict[str, Any]], language: str) -> None:
    typer.echo(f"{name}: {say('cap.accepted' if acceptable else 'cap.not_accepted', language)}")
    for finding in findings:
        place = finding["path"] or "-"
        if finding["line"]:
            place += f" ({finding['line']})"
        typer.echo(f"  {finding['code']:<14} {place}: {finding[language]}")


def _print_import(told: Sequence[dict[str, Any]], language: str) -> None:
    for entry in told:
        place = f"{entry['source']} {entry['path']}" if entry["path"] else entry["source"]
        state = say(f"cap.state.{entry['state']}", language)
        name = f"{entry['sender']} {entry['identifier']}" if entry["identifier"] else "-"
        _print(
            f"{place}: {name}: CAP {entry['version'] or '?'}, {state}",
            entry["acceptable"],
            entry["findings"],
            language,
        )
