"""How the fields of a step are made and checked; the actions decide when.

Private to the room: ``actions`` is its door.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa

from anlan.errors import ConflictError, ForbiddenError, InputError, ParameterError, Problem
from anlan.settings import Settings
from anlan.store import AsOf, Scope, Tx, World
from anlan.store.schema import event
from anlan.texts import LANGUAGES, Sentence, name_in, say
from anlan.warning import queries, tables
from anlan.warning.cap.chain import messages_to_reference, read_chain
from anlan.warning.cap.check import check
from anlan.warning.cap.findings import Finding
from anlan.warning.cap.model import Alert, Certainty, Reference, ResponseType, Status, Urgency
from anlan.warning.cap.write import write
from anlan.warning.compose import build_alert
from anlan.warning.identifiers import Issuer, issuer_of, new_identifier
from anlan.warning.levels import Level
from anlan.warning.places import Place, common_path, places, said_names, touched_codes
from anlan.warning.shapes import Shape, shapes_to_json
from anlan.warning.types import HazardType, HazardWarning, WarningState
from anlan.warning.wording import fill, gaps, local_moment

__all__ = [
    "DEFAULT_RESPONSES",
    "DEFAULT_VALIDITY",
    "EVERYTHING",
    "authors_with",
    "by",
    "changed",
    "check_issuable",
    "check_times",
    "chosen",
    "compose",
    "current",
    "drawn",
    "facts_of",
    "generated",
    "hazard_of",
    "local_facts",
    "located",
    "next_number",
    "place_fields",
    "read_reason",
    "read_words",
    "references",
    "refuse",
    "refuse_state",
    "require_person",
    "require_seq",
    "store",
]

EVERYTHING = Scope.everything("warning")
REASON_LIMIT = 2_000
# Expires says when the information has to be looked at again, not when the danger is over.
DEFAULT_VALIDITY: Mapping[Level, timedelta] = {
    Level.BLUE: timedelta(hours=24),
    Level.YELLOW: timedelta(hours=24),
    Level.ORANGE: timedelta(hours=12),
    Level.RED: timedelta(hours=6),
}
DEFAULT_RESPONSES: Mapping[Level, tuple[ResponseType, ...]] = {
    Level.BLUE: (ResponseType.MONITOR,),
    Level.YELLOW: (ResponseType.PREPARE,),
    Level.ORANGE: (ResponseType.PREPARE, ResponseType.EXECUTE),
    Level.RED: (ResponseType.EXECUTE,),
}

Word = TypeVar("Word", bound=StrEnum)
GivenFacts = Mapping[str, str | Mapping[str, str] | Sentence]


def chosen(kind: type[Word], given: str, field: str, problems: list[Problem]) -> Word:
    """The word of a list; a problem, and the first word, if it is none."""
    try:
        return kind(given)
    except ValueError:
        accepted = ", ".join(kind)
        values = {"given": str(given), "accepted": accepted}
        message = f"{field} must be one of {accepted}. Got {given!r}."
        problems.append(Problem("warning.choice", values, {"field": field}, message))
        return next(iter(kind))


def facts_of(given: GivenFacts) -> dict[str, dict[str, str]]:
    """Facts as text in each language; sentences are said, plain text is the same in all."""
    facts: dict[str, dict[str, str]] = {}
    for name, value in given.items():
        if isinstance(value, Sentence):
            facts[name] = {language: value.say(language) for language in LANGUAGES}
        else:
            facts[name] = {language: name_in(value, language) for language in LANGUAGES}
    return facts


def local_facts(
    facts: Mapping[str, Mapping[str, str]],
    found: Sequence[Place],
    issuer: Issuer,
    expires: datetime,
    onset: datetime | None,
    *,
    partly: bool = False,
) -> dict[str, dict[str, str]]:
    """The facts with what the room itself knows: places, sender, times."""
    own = {
        "area": {language: said_names(found, language, partly=partly) for language in LANGUAGES},
        "sender": {language: name_in(issuer.names, language) for language in LANGUAGES},
        "expires": dict.fromkeys(LANGUAGES, local_moment(expires, issuer.zone)),
    }
    if onset is not None:
        own["onset"] = dict.fromkeys(LANGUAGES, local_moment(onset, issuer.zone))
    if issuer.contact:
        own["contact"] = {language: name_in(issuer.contact, language) for language in LANGUAGES}
    # What the caller says wins over what the room would write, except where the room is the source.
    return {
        **own,
        **{name: dict(text) for name, text in facts.items()},
        "area": own["area"],
        "expires": own["expires"],
    }


def located(
    connection: sa.Connection, as_of: AsOf, codes: Sequence[str], shapes: Sequence[Shape]
) -> tuple[Place, ...]:
    """The areas of a step: those named, or those that its shapes touch.

    Raises
    ------
    InputError
        Unknown areas; none at all; shapes that touch no area known here.
    """
    return places(connection, as_of, touched_codes(connection, as_of, shapes) if shapes else codes)


def drawn(
    before: HazardWarning, codes: Sequence[str] | None, shapes: Sequence[Shape] | None
) -> tuple[Shape, ...]:
    """The shapes of a changed step: those given; none where areas alone are named; else those it had."""
    if shapes is not None:
        return tuple(shapes)
    return before.shapes if codes is None else ()


def place_fields(found: Sequence[Place]) -> dict[str, Any]:
    """The columns that follow from the places."""
    path = common_path(place.path for place in found)
    return {
        "area_codes": tuple(place.code for place in found),
        "area_paths": tuple(place.path for place in found),
        "area_path": path,
        "area_code": path.strip("/").split("/")[-1],
    }


def check_times(
    expires: datetime, effective: datetime | None, onset: datetime | None, now: datetime
) -> list[Problem]:
    """What is wrong with the times of a step."""
    problems = []
    for name, moment in (("expires", expires), ("effective", effective), ("onset", onset)):
        if moment is not None and moment.utcoffset() is None:
            raise ParameterError(f"{name} must be an aware datetime. Got {moment!r}.")
    values = {"given": expires.isoformat()}
    where = {"field": "expires"}
    if expires <= now:
        problems.append(Problem("warning.expires.past", values, where, f"expires {expires} has passed"))
    elif any(moment is not None and expires <= moment for moment in (effective, onset)):
        message = f"expires {expires} is not after the start"
        problems.append(Problem("warning.expires.before_start", values, where, message))
    return problems


def read_reason(reason: str, *, required: bool = True) -> str:
    """The reason of a step, stripped.

    Raises
    ------
    InputError
        If it is missing or too long.
    """
    said = reason.strip()
    problem = None
    if required and not said:
        problem = Problem("warning.reason.missing", {}, {"field": "reason"}, "a reason is needed")
    elif len(said) > REASON_LIMIT:
        values = {"count": len(said), "limit": REASON_LIMIT}
        problem = Problem(
            "warning.reason.long", values, {"field": "reason"}, f"at most {REASON_LIMIT} characters"
        )
    if problem:
        raise InputError(problem.message, key=problem.key, values=problem.values, problems=[problem])
    return said


def hazard_of(tx: Tx, code: str) -> HazardType:
    return queries.hazard(tx.connection, EVERYTHING, AsOf(tx.seq), code)


def current(tx: Tx, public_id: str) -> HazardWarning:
    """The newest version, whatever its scope: the caller has looked it up with the person's own."""
    return queries.warning(tx.connection, EVERYTHING, AsOf(tx.seq), public_id)


def require_person(tx: Tx) -> None:
    if tx.actor.kind != "person":
        raise ForbiddenError("only a person can do this", key="warning.person_needed")


def authors_with(tx: Tx, authors: tuple[str, ...]) -> tuple[str, ...]:
    """The persons who wrote in a step, with the present one; machines are no authors."""
    if tx.actor.kind != "person" or tx.actor.id in authors:
        return authors
    return (*authors, tx.actor.id)


def require_seq(tx: Tx, warning: HazardWarning, expected_seq: int) -> None:
    """Refuse with who did what, and when, if the warning is no longer what the person saw."""
    if warning.known_seq == expected_seq:
        return
    rows = tx.connection.execute(
        sa.select(event.c.kind, event.c.actor, event.c.at, event.c.subject_kind)
        .where(event.c.subject_id == warning.public_id, event.c.seq > expected_seq)
        .order_by(event.c.seq)
    ).all()
    since = [
        {"what": row.kind, "who": row.actor.get("name") or row.actor["id"], "when": row.at.isoformat()}
        for row in rows
    ]
    last = (
        since[-1]
        if since
        else {"what": "", "who": warning.changed_by, "when": warning.changed_at.isoformat()}
    )
    said = Sentence(f"warning.event.{last['what'].removeprefix('warning.')}") if since else ""
    raise ConflictError(
        f"warning {warning.number} was changed since you looked: {last['who']} {last['what']} at {last['when']}",
        key="warning.changed_since",
        values={
            "number": warning.number,
            "who": last["who"],
            "what": said,
            "when": last["when"],
            "expected_seq": expected_seq,
            "latest_seq": warning.known_seq,
            "since": since,
        },
    )


def refuse_state(warning: HazardWarning, accepted: Iterable[WarningState]) -> None:
    """Refuse what can only be done in other states."""
    allowed = tuple(accepted)
    if warning.state in allowed:
        return
    names = {
        language: say("warning.list_separator", language).join(
            say(f"warning.state.{state}", language) for state in allowed
        )
        for language in LANGUAGES
    }
    raise ConflictError(
        f"warning {warning.number} is {warning.state}; this can be done only when it is {', '.join(allowed)}",
        key="warning.wrong_state",
        values={
            "number": warning.number,
            "state": Sentence(f"warning.state.{warning.state}"),
            "accepted": names,
        },
    )


def next_number(tx: Tx, issuer: Issuer) -> tuple[int, int, str]:
    """Year (by the issuer's clock), serial and the number that people say: ``2026-0031``."""
    year = tx.now.astimezone(issuer.zone).year
    table = tables.warning
    newest = sa.select(sa.func.coalesce(sa.func.max(table.c.serial), 0)).where(table.c.year == year)
    serial = int(tx.connection.execute(newest).scalar_one()) + 1
    return year, serial, f"{year}-{serial:04d}"


def store(tx: Tx, warning: HazardWarning, what: str, **data: object) -> HazardWarning:
    """Write a version and say so in the journal. Texts and reasons may hold names, so they stand in the row only."""
    year, serial = (int(part) for part in warning.number.split("-"))
    row = {**asdict(warning), "year": year, "serial": serial}
    row["shapes"] = shapes_to_json(warning.shapes) or None
    for name in ("response_types", "area_codes", "area_paths", "authors"):
        row[name] = list(row[name])
    tx.insert(tables.warning, row)
    tx.event(
        f"warning.{what}",
        subject=("warning", warning.public_id),
        data={
            "number": warning.number,
            "step": warning.step,
            "kind": warning.kind,
            "state": warning.state,
            "hazard": warning.hazard,
            "level": warning.level,
            "areas": list(warning.area_codes),
            "chain": warning.chain_id,
            **data,
        },
    )
    return warning


def references(connection: sa.Connection, as_of: AsOf, chain_id: str, now: datetime) -> tuple[Reference, ...]:
    """Every message of the chain that has not run out."""
    alerts = [
        queries.read_frozen(item.cap_bytes)
        for item in queries.messages_of_chain(connection, EVERYTHING, as_of, chain_id)
    ]
    states = read_chain(alerts, now=now, statuses=frozenset({Status.ACTUAL, Status.EXERCISE}))
    return messages_to_reference(states, now=now)


def compose(
    connection: sa.Connection,
    world: World,
    as_of: AsOf,
    warning: HazardWarning,
    settings: Settings,
    now: datetime,
) -> tuple[Alert, bytes, list[Finding]]:
    """The message that this step would be now: its parts, its bytes, and what a strict check says."""
    issuer = issuer_of(settings)
    used = tables.message.c.identifier

    def taken(identifier: str) -> bool:
        return connection.execute(sa.select(used).where(used == identifier)).first() is not None

    sent = now.replace(microsecond=0)
    alert = build_alert(
        warning,
        queries.hazard(connection, EVERYTHING, as_of, warning.hazard),
        identifier=new_identifier(issuer, sent, taken=taken, exercise=not world.is_live),
        sent=sent,
        issuer=issuer,
        places=places(connection, as_of, warning.area_codes),
        references=()
        if warning.previous_id is None
        else references(connection, as_of, warning.chain_id, now),
        is_live=world.is_live,
        world_title=world.title,
    )
    data = write(alert)
    return alert, data, check(data, issuing=True, now=now)


def check_issuable(warning: HazardWarning, findings: Iterable[Finding], now: datetime) -> None:
    """Refuse what is not fit to be issued, with every reason.

    Raises
    ------
    InputError
        Gaps in the texts, times that have passed, errors of the message.
    """
    problems = gaps(warning.texts)
    problems += check_times(warning.expires, None, None, now)
    if not problems:
        problems = [finding.problem() for finding in findings if finding.severity == "error"]
    if problems:
        raise InputError(
            f"warning {warning.number} is not fit to be issued",
            key="warning.not_issuable",
            values={"count": len(problems)},
            problems=problems,
        )


def generated(tx: Tx, warning: HazardWarning, settings: Settings) -> tuple[dict[str, dict[str, str]], str]:
    """The texts as they would be filled for a step as it stands, and where they come from."""
    as_of = AsOf(tx.seq)
    found = places(tx.connection, as_of, warning.area_codes)
    facts = local_facts(
        warning.facts,
        found,
        issuer_of(settings),
        warning.expires,
        warning.onset,
        partly=bool(warning.shapes),
    )
    before = None
    if warning.previous_id is not None:
        before = queries.warning(tx.connection, EVERYTHING, as_of, warning.previous_id).level
    return fill(hazard_of(tx, warning.hazard), warning.level, facts, kind=warning.kind, before=before)


def read_words(
    level: str, urgency: str, certainty: str, response_types: Sequence[str] | None
) -> dict[str, Any]:
    problems: list[Problem] = []
    wanted = chosen(Level, level, "level", problems)
    given = DEFAULT_RESPONSES[wanted] if response_types is None else response_types
    values = {
        "level": wanted,
        "urgency": str(chosen(Urgency, urgency, "urgency", problems)),
        "certainty": str(chosen(Certainty, certainty, "certainty", problems)),
        "response_types": tuple(
            str(chosen(ResponseType, word, "response_types", problems)) for word in given
        ),
    }
    refuse(problems)
    return values


def refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise InputError(
            "the warning cannot be written so",
            key="warning.input",
            values={"count": len(problems)},
            problems=problems,
        )


def by(tx: Tx) -> dict[str, Any]:
    """Who changes a step, and when."""
    return {"changed_by": tx.actor.id, "changed_at": tx.now}


def changed(tx: Tx) -> dict[str, Any]:
    """The columns of every new version."""
    return {"known_seq": tx.seq, **by(tx)}
