"""What people do to a signal and with it: triage, assessment, and the matrix that gives the level.

Every action is one new version and one event. Actions on something that others may have changed take ``expected_seq``,
the ``known_seq`` of the version the person saw, and refuse with what has happened since. Reasons are free text and may
hold personal values, so they stand in the rows and never in an event.

Who may do what is decided before: the caller looks the object up with the person's scope and checks the role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from anlan.assessment import queries, tables
from anlan.assessment._matrices import DEFAULT_MATRIX, SCALE, checked_cells
from anlan.assessment.types import (
    CONFIDENCES,
    Assessment,
    Confidence,
    Matrix,
    SignalFacts,
    Triage,
    TriageState,
)
from anlan.errors import ConflictError, InputError, NotFoundError, Problem
from anlan.registry.calendars import Calendar
from anlan.store import AsOf, Scope, Tx, new_public_id
from anlan.store.schema import event

__all__ = [
    "assess",
    "dismiss",
    "merge",
    "open_triage",
    "reopen",
    "revise_assessment",
    "set_matrix",
    "signal_went_on",
    "verify_signal",
]

_TEXT_LIMIT = 4000
_EVERYTHING = Scope.everything("assessment")
_YEAR = Calendar(step="year")
_MAY_BECOME: Mapping[str, tuple[TriageState, ...]] = {
    "new": ("verified", "dismissed", "merged"),
    "verified": ("dismissed", "merged"),
    "dismissed": ("new",),
    "merged": ("new",),
}


def open_triage(tx: Tx, facts: SignalFacts) -> bool:
    """Put a new signal before people. False, and nothing is written, when it stands there already."""
    if queries.triage_of(tx.connection, _EVERYTHING, AsOf(tx.seq), facts.signal_id) is not None:
        return False
    opened = Triage(
        **asdict(facts), known_seq=tx.seq, state="new", reason="", merged_into=None, by=tx.actor.id, at=tx.now
    )
    _write_triage(tx, opened, "triage.opened")
    return True


def verify_signal(tx: Tx, signal_id: str, *, expected_seq: int, reason: str = "") -> Triage:
    """Say that the signal is real. ``reason`` says how that is known; it may be empty.

    Raises
    ------
    NotFoundError, ConflictError
        No such signal; or it changed since, or is not new.
    """
    return _move(tx, signal_id, expected_seq, "verified", reason=_text("reason", reason, required=False))


def dismiss(tx: Tx, signal_id: str, *, expected_seq: int, reason: str) -> Triage:
    """Say that the signal needs nothing. The reason is required and counts in the record of the rule.

    Raises
    ------
    InputError
        No reason.
    NotFoundError, ConflictError
        No such signal; or it changed since, or stands in a state that cannot be dismissed.
    """
    return _move(tx, signal_id, expected_seq, "dismissed", reason=_text("reason", reason))


def merge(tx: Tx, signal_id: str, *, expected_seq: int, into: str, reason: str = "") -> Triage:
    """Join the signal to another one, which then stands for both.

    Raises
    ------
    InputError
        Into itself, or into a signal that is dismissed or itself merged.
    NotFoundError, ConflictError
        No such signal; or it changed since.
    """
    if into == signal_id:
        raise InputError("a signal cannot be merged into itself", key="assessment.merge.self")
    target = _current_triage(tx, into)
    if target.state not in ("new", "verified"):
        raise InputError(
            f"signal {target.number} is {target.state}; only a new or verified one can take others",
            key="assessment.merge.target",
            values={"number": target.number, "state": target.state},
        )
    said = _text("reason", reason, required=False)
    return _move(tx, signal_id, expected_seq, "merged", reason=said, merged_into=into)


def reopen(tx: Tx, signal_id: str, *, expected_seq: int, reason: str) -> Triage:
    """Put a dismissed or merged signal before people again.

    Raises
    ------
    InputError
        No reason.
    NotFoundError, ConflictError
        No such signal; or it changed since, or is not dismissed or merged.
    """
    return _move(tx, signal_id, expected_seq, "new", reason=_text("reason", reason))


def signal_went_on(tx: Tx, signal_id: str) -> bool:
    """Put a dismissed signal before people again because it was extended; what was dismissed was less than this.

    False, and nothing is written, when it is not dismissed or is unknown.
    """
    found = queries.triage_of(tx.connection, _EVERYTHING, AsOf(tx.seq), signal_id)
    if found is None or found.state != "dismissed" or found.known_seq == tx.seq:
        return False
    _move(tx, signal_id, found.known_seq, "new", reason="")
    return True


def assess(
    tx: Tx,
    *,
    signal_ids: Sequence[str],
    likelihood: int,
    impact: int,
    confidence: Confidence,
    reasons: Sequence[str],
    area_code: str,
    area_path: str,
    domain: str,
    sensitivity: int = 1,
    matrix: str = DEFAULT_MATRIX,
) -> Assessment:
    """Judge how likely and how bad; the matrix gives the level.

    Parameters
    ----------
    signal_ids : sequence of str
        Verified signals that it rests on; empty when it rests on something else (a call, a forecast).
    likelihood, impact : int
        1 to 5.
    confidence : {"low", "medium", "high"}
    reasons : sequence of str
        At least one.
    area_code, area_path, domain, sensitivity
        What it is about. The sensitivity is raised to that of the most sensitive signal.
    matrix : str
        Code of the matrix.

    Raises
    ------
    InputError
        With every problem of the arguments.
    NotFoundError, ConflictError
        An unknown signal or matrix; a signal that is not verified.
    """
    _check_judgement(likelihood, impact, confidence, reasons)
    _check_place(area_code, area_path)
    signals = _verified(tx, signal_ids)
    used = queries.matrix(tx.connection, _EVERYTHING, AsOf(tx.seq), matrix)
    year = _YEAR.period_of(tx.now)
    serial = _next_serial(tx, year)
    made = Assessment(
        public_id=new_public_id(),
        known_seq=tx.seq,
        node_id=tx.world.node_id,
        number=f"{year}-{serial:04d}",
        signal_ids=tuple(signal_ids),
        likelihood=likelihood,
        impact=impact,
        confidence=confidence,
        reasons=tuple(reason.strip() for reason in reasons),
        level=used.level(likelihood, impact),
        matrix_code=used.code,
        matrix_version=used.version,
        area_code=area_code,
        area_path=area_path,
        domain=domain,
        sensitivity=max([sensitivity, *(signal.sensitivity for signal in signals)]),
        by=tx.actor.id,
        made_at=tx.now,
        changed_at=tx.now,
    )
    _write_assessment(tx, made, "assessment.made")
    return made


def revise_assessment(
    tx: Tx,
    public_id: str,
    *,
    expected_seq: int,
    likelihood: int,
    impact: int,
    confidence: Confidence,
    reasons: Sequence[str],
    signal_ids: Sequence[str] | None = None,
) -> Assessment:
    """Write a new version of an assessment, by the newest version of its matrix. ``signal_ids=None`` keeps them.

    Raises
    ------
    InputError, NotFoundError
        As ``assess``.
    ConflictError
        The assessment changed since, or a signal is not verified.
    """
    _check_judgement(likelihood, impact, confidence, reasons)
    before = queries.assessment(tx.connection, _EVERYTHING, AsOf(tx.seq), public_id)
    _check_seq(tx, public_id, before.known_seq, expected_seq)
    ids = before.signal_ids if signal_ids is None else tuple(signal_ids)
    signals = _verified(tx, [one for one in ids if one not in before.signal_ids])
    used = queries.matrix(tx.connection, _EVERYTHING, AsOf(tx.seq), before.matrix_code)
    after = replace(
        before,
        known_seq=tx.seq,
        signal_ids=ids,
        likelihood=likelihood,
        impact=impact,
        confidence=confidence,
        reasons=tuple(reason.strip() for reason in reasons),
        level=used.level(likelihood, impact),
        matrix_version=used.version,
        sensitivity=max([before.sensitivity, *(signal.sensitivity for signal in signals)]),
        by=tx.actor.id,
        changed_at=tx.now,
    )
    _write_assessment(tx, after, "assessment.revised")
    return after


def set_matrix(
    tx: Tx,
    code: str,
    *,
    names: Mapping[str, str],
    cells: Sequence[Sequence[str | None]],
    source: str,
    expected_seq: int,
) -> Matrix:
    """Write the next version of a matrix, or a new one.

    Parameters
    ----------
    cells : 5 rows (likelihood) of 5 cells (impact), each a level or None
    source : str
        Which rule or decision it follows.
    expected_seq : int
        ``known_seq`` of the version that was seen; 0 for one that ships or does not exist.

    Raises
    ------
    ConfigurationError
        The cells cannot be a matrix.
    InputError, ConflictError
        A name or the source is missing; somebody changed it since.
    """
    checked = checked_cells(cells)
    for language in ("zh", "en"):
        _text(f"names.{language}", names.get(language, ""))
    said = _text("source", source)
    listed = {found.code: found for found in queries.matrices(tx.connection, _EVERYTHING, AsOf(tx.seq))}
    before = listed.get(code)
    _check_seq(tx, code, before.known_seq if before else 0, expected_seq)
    made = Matrix(code, before.version + 1 if before else 1, dict(names), checked, said, tx.seq)
    row = {**asdict(made), "cells": [list(line) for line in checked], "by": tx.actor.id, "at": tx.now}
    tx.insert(tables.risk_matrix, row)
    tx.event("risk_matrix.changed", subject=("risk_matrix", code), data={"version": made.version})
    return made


def _move(
    tx: Tx,
    signal_id: str,
    expected_seq: int,
    state: TriageState,
    *,
    reason: str,
    merged_into: str | None = None,
) -> Triage:
    before = _current_triage(tx, signal_id)
    _check_seq(tx, signal_id, before.known_seq, expected_seq)
    if state not in _MAY_BECOME[before.state]:
        accepted = ", ".join(_MAY_BECOME[before.state])
        raise ConflictError(
            f"signal {before.number} is {before.state}; from there it can become {accepted}, not {state}",
            key="assessment.triage.state",
            values={"number": before.number, "state": before.state, "wanted": state},
        )
    after = replace(
        before,
        known_seq=tx.seq,
        state=state,
        reason=reason,
        merged_into=merged_into,
        by=tx.actor.id,
        at=tx.now,
    )
    _write_triage(tx, after, {"new": "triage.reopened"}.get(state, f"triage.{state}"))
    return after


def _current_triage(tx: Tx, signal_id: str) -> Triage:
    found = queries.triage_of(tx.connection, _EVERYTHING, AsOf(tx.seq), signal_id)
    if found is None:
        raise NotFoundError(
            f"no triage of a signal {signal_id!r}",
            key="assessment.triage.unknown",
            values={"signal_id": signal_id},
        )
    return found


def _check_seq(tx: Tx, subject_id: str, latest: int, expected: int) -> None:
    if latest == expected:
        return
    query = (
        sa.select(event.c.kind, event.c.actor, event.c.at)
        .where(event.c.subject_id == subject_id, event.c.seq > expected)
        .order_by(event.c.seq)
    )
    since = [
        {
            "what": row.kind,
            "who": row.actor.get("name") or row.actor.get("id", ""),
            "when": row.at.isoformat(),
        }
        for row in tx.connection.execute(query)
    ]
    said = (
        "; ".join(f"{entry['who']}: {entry['what']} at {entry['when']}" for entry in since)
        or "it has changed"
    )
    raise ConflictError(
        f"this was changed since you looked ({said}); look again, then decide",
        key="assessment.changed_since",
        values={"expected_seq": expected, "latest_seq": latest, "since": since},
    )


def _write_triage(tx: Tx, triage: Triage, kind: str) -> None:
    tx.insert(tables.triage, asdict(triage))
    data = {"state": triage.state, "number": triage.number, "area": triage.area_code, "domain": triage.domain}
    if triage.merged_into is not None:
        data["merged_into"] = triage.merged_into
    tx.event(kind, subject=("signal", triage.signal_id), data=data)


def _write_assessment(tx: Tx, assessment: Assessment, kind: str) -> None:
    year, serial = assessment.number.split("-")
    row: dict[str, Any] = {**asdict(assessment), "year": int(year), "serial": int(serial)}
    row["signal_ids"], row["reasons"] = list(assessment.signal_ids), list(assessment.reasons)
    tx.insert(tables.assessment, row)
    data = {
        "number": assessment.number,
        "signals": list(assessment.signal_ids),
        "likelihood": assessment.likelihood,
        "impact": assessment.impact,
        "confidence": assessment.confidence,
        "level": assessment.level,
        "matrix": assessment.matrix_code,
        "matrix_version": assessment.matrix_version,
        "area": assessment.area_code,
        "domain": assessment.domain,
    }
    tx.event(kind, subject=("assessment", assessment.public_id), data=data)


def _next_serial(tx: Tx, year: int) -> int:
    table = tables.assessment
    newest = sa.select(sa.func.coalesce(sa.func.max(table.c.serial), 0)).where(table.c.year == year)
    return int(tx.connection.execute(newest).scalar_one()) + 1


def _verified(tx: Tx, signal_ids: Sequence[str]) -> list[Triage]:
    if len(set(signal_ids)) != len(signal_ids):
        raise InputError("a signal is named twice", key="assessment.signal_twice")
    found = [_current_triage(tx, one) for one in signal_ids]
    waiting = [triage for triage in found if triage.state != "verified"]
    if waiting:
        listed = ", ".join(f"{triage.number} ({triage.state})" for triage in waiting)
        raise ConflictError(
            f"an assessment rests on verified signals; not verified: {listed}",
            key="assessment.not_verified",
            values={"signals": [{"number": triage.number, "state": triage.state} for triage in waiting]},
        )
    return found


def _check_judgement(likelihood: int, impact: int, confidence: str, reasons: Sequence[str]) -> None:
    problems = []
    for name, value in (("likelihood", likelihood), ("impact", impact)):
        if isinstance(value, bool) or value not in SCALE:
            values = {"name": name, "given": repr(value)}
            problems.append(
                Problem("assessment.scale", values, {"field": name}, f"{name} must be 1 to 5. Got {value!r}.")
            )
    if confidence not in CONFIDENCES:
        accepted = ", ".join(CONFIDENCES)
        message = f"confidence must be one of {accepted}. Got {confidence!r}."
        values = {"given": repr(confidence), "accepted": accepted}
        problems.append(Problem("assessment.confidence", values, {"field": "confidence"}, message))
    if (
        isinstance(reasons, str)
        or not reasons
        or any(not 0 < len(one.strip()) <= _TEXT_LIMIT for one in reasons)
    ):
        message = f"at least one reason, each of 1 to {_TEXT_LIMIT} characters, must be given"
        problems.append(Problem("assessment.reasons", {"limit": _TEXT_LIMIT}, {"field": "reasons"}, message))
    if problems:
        raise InputError("the assessment is not complete", key="assessment.incomplete", problems=problems)


def _check_place(area_code: str, area_path: str) -> None:
    if not area_code or not area_path.endswith(f"{area_code}/"):
        raise InputError(
            f"area_path must end with the code of the area. Got {area_code!r} and {area_path!r}.",
            key="assessment.place",
            values={"area_code": area_code, "area_path": area_path},
        )


def _text(name: str, given: str, *, required: bool = True) -> str:
    said = given.strip()
    if (required and not said) or len(said) > _TEXT_LIMIT:
        raise InputError(
            f"{name} must have {1 if required else 0} to {_TEXT_LIMIT} characters. Got {len(said)}.",
            key="assessment.text",
            values={"name": name, "limit": _TEXT_LIMIT, "given": len(said)},
            problems=[Problem("assessment.text", {"name": name, "limit": _TEXT_LIMIT}, {"field": name})],
        )
    return said
