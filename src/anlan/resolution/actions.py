"""What happens to a matter: reported, taken in hand, asked about, answered, closed.

Every action is one new version and one event. Actions of the office take ``expected_seq``, the ``known_seq`` of the
version that was seen, and refuse when somebody was first. Texts are free and may hold personal values, so they stand in the
rows and never in an event; a contact stands in neither.

Who may do what is decided before: the caller looks the matter up with the person's scope and checks the role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from anlan.errors import AnlanError, ConflictError, InputError, Problem
from anlan.registry.calendars import Calendar
from anlan.resolution import queries, tables
from anlan.resolution.photos import clean_photo
from anlan.resolution.types import Matter, MatterNote, MatterState, NoteKind, Photo, Turn
from anlan.store import AsOf, Scope, Tx, Vault, new_public_id

__all__ = ["answer", "ask", "close", "report", "take_in_hand"]

_EVERYTHING = Scope.everything("resolution")
_YEAR = Calendar(step="year")
_SENSITIVITY = 1
_TITLE = 60
_LIMITS = {"text": 4000, "place": 300, "contact": 200, "question": 2000, "answer": 2000, "reason": 2000}
# A code lets its holder write as often as wished; more than this is no conversation.
_MOST_NOTES = 60
_MAY_BECOME: Mapping[MatterState, tuple[MatterState, ...]] = {
    "open": ("in_hand", "closed"),
    "in_hand": ("in_hand", "closed"),
    "closed": (),
}


def report(
    tx: Tx,
    vault: Vault,
    *,
    text: str,
    place: str,
    area_code: str,
    area_path: str,
    code_digest: str,
    domain: str = "",
    contact: str = "",
    photo: bytes | None = None,
) -> Matter:
    """Take a danger that a citizen reports.

    Parameters
    ----------
    text, place : str
        What, and where inside the area; ``place`` may be empty.
    area_code, area_path : str
        The area, as the registry knows it.
    code_digest : str
        Of the receipt code that the reporter is given (``codes.code_digest``).
    contact : str
        How the reporter can be reached, if they say so; sealed among the personal values of the matter.
    photo : bytes, optional
        A JPEG or PNG file of at most 5 MB; what the camera wrote beside the picture is not kept.

    Raises
    ------
    InputError
        With every problem: a text is missing or too long, the photo cannot be used.
    """
    cleaned, picture = _checked_report({"text": text, "place": place, "contact": contact}, photo)
    _check_place(area_code, area_path)
    year = _YEAR.period_of(tx.now)
    made = Matter(
        public_id=new_public_id(),
        known_seq=tx.seq,
        node_id=tx.world.node_id,
        kind="tip",
        number=f"{year}-{_next_serial(tx, year):04d}",
        state="open",
        turn="office",
        title=_title_of(cleaned["text"]),
        text=cleaned["text"],
        place=cleaned["place"],
        area_code=area_code,
        area_path=area_path,
        domain=domain,
        sensitivity=_SENSITIVITY,
        has_contact=bool(cleaned["contact"]),
        has_photo=picture is not None,
        reason="",
        taken_by=None,
        by=tx.actor.id,
        opened_at=tx.now,
        changed_at=tx.now,
    )
    tx.insert(tables.matter_receipt, {"code_digest": code_digest, "matter_id": made.public_id})
    if made.has_contact:
        vault.put(tx, made.public_id, {"contact": cleaned["contact"]})
    if picture is not None:
        tx.insert(tables.matter_photo, {**_where(made), "matter_id": made.public_id, **asdict(picture)})
    _write(tx, made, "matter.reported")
    return made


def take_in_hand(tx: Tx, public_id: str, *, expected_seq: int) -> Matter:
    """Say that the actor follows the matter from here on. Somebody else may take it over later.

    Raises
    ------
    NotFoundError, ConflictError
        No such matter; or it changed since, or is closed.
    """
    before = _current(tx, public_id, expected_seq)
    # Taking it has answered the wish for somebody to look; a question that is out stays out.
    turn: Turn = "nobody" if before.turn == "office" else before.turn
    return _move(tx, before, "in_hand", "matter.taken", turn=turn, taken_by=tx.actor.id)


def ask(tx: Tx, public_id: str, *, expected_seq: int, text: str) -> Matter:
    """Ask the reporter something. Whoever asks has the matter in hand.

    Raises
    ------
    InputError
        No question, or too long.
    NotFoundError, ConflictError
        No such matter; or it changed since, is closed, or holds too many notes.
    """
    said = _text("question", text)
    before = _current(tx, public_id, expected_seq)
    after = _move(tx, before, "in_hand", "matter.asked", turn="reporter", taken_by=tx.actor.id)
    _note(tx, after, "question", said)
    return after


def answer(tx: Tx, public_id: str, *, text: str) -> Matter:
    """Add what the reporter says, asked or not. It waits for the office then.

    Raises
    ------
    InputError
        No text, or too long.
    NotFoundError, ConflictError
        No such matter; or it is closed, or holds too many notes.
    """
    said = _text("answer", text)
    before = _current(tx, public_id)
    _check_open(before)
    after = replace(before, known_seq=tx.seq, turn="office", by=tx.actor.id, changed_at=tx.now)
    _write(tx, after, "matter.answered")
    _note(tx, after, "answer", said)
    return after


def close(tx: Tx, public_id: str, *, expected_seq: int, reason: str) -> Matter:
    """Close the matter. The reporter reads the reason.

    Raises
    ------
    InputError
        No reason.
    NotFoundError, ConflictError
        No such matter; or it changed since, or is closed already.
    """
    said = _text("reason", reason)
    return _move(
        tx, _current(tx, public_id, expected_seq), "closed", "matter.closed", turn="nobody", reason=said
    )


def _move(tx: Tx, before: Matter, state: MatterState, kind: str, **changes: Any) -> Matter:
    if state not in _MAY_BECOME[before.state]:
        _check_open(before)
    after = replace(before, known_seq=tx.seq, state=state, by=tx.actor.id, changed_at=tx.now, **changes)
    _write(tx, after, kind)
    return after


def _current(tx: Tx, public_id: str, expected_seq: int | None = None) -> Matter:
    found = queries.matter(tx.connection, _EVERYTHING, AsOf(tx.seq), public_id)
    if expected_seq is not None and found.known_seq != expected_seq:
        raise ConflictError(
            f"matter {found.number} was changed since you looked; look again, then decide",
            key="resolution.changed_since",
            values={"number": found.number, "expected_seq": expected_seq, "latest_seq": found.known_seq},
        )
    return found


def _check_open(one: Matter) -> None:
    if one.state == "closed":
        raise ConflictError(
            f"matter {one.number} is closed", key="resolution.closed", values={"number": one.number}
        )


def _write(tx: Tx, one: Matter, kind: str) -> None:
    year, serial = one.number.split("-")
    tx.insert(tables.matter, {**asdict(one), "year": int(year), "serial": int(serial)})
    data = {
        "number": one.number,
        "kind": one.kind,
        "state": one.state,
        "area": one.area_code,
        "domain": one.domain,
    }
    tx.event(kind, subject=("matter", one.public_id), data=data)


def _note(tx: Tx, one: Matter, kind: NoteKind, text: str) -> None:
    table = tables.matter_note
    held = tx.connection.execute(
        sa.select(sa.func.count()).select_from(table).where(table.c.matter_id == one.public_id)
    ).scalar_one()
    if held >= _MOST_NOTES:
        raise ConflictError(
            f"matter {one.number} holds {held} questions and answers; no more are taken",
            key="resolution.many_notes",
            values={"number": one.number, "most": _MOST_NOTES},
        )
    made = MatterNote(new_public_id(), tx.seq, one.public_id, kind, text, tx.actor.id, tx.now)
    tx.insert(table, {**asdict(made), **_where(one)})


def _where(one: Matter) -> dict[str, Any]:
    return {"area_path": one.area_path, "domain": one.domain, "sensitivity": one.sensitivity}


def _next_serial(tx: Tx, year: int) -> int:
    table = tables.matter
    newest = sa.select(sa.func.coalesce(sa.func.max(table.c.serial), 0)).where(table.c.year == year)
    return int(tx.connection.execute(newest).scalar_one()) + 1


def _title_of(text: str) -> str:
    """The first line, cut where it is too long for a list."""
    line = next(part.strip() for part in text.splitlines() if part.strip())
    return line if len(line) <= _TITLE else line[: _TITLE - 1].rstrip() + "…"


def _checked_report(given: Mapping[str, str], photo: bytes | None) -> tuple[dict[str, str], Photo | None]:
    problems: list[Problem] = []
    cleaned: dict[str, str] = {}
    for name, value in given.items():
        try:
            cleaned[name] = _text(name, value, required=name == "text")
        except InputError as error:
            problems += error.problems
    picture = None
    if photo:
        try:
            picture = clean_photo(photo)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError("the report cannot be taken like this", key="resolution.report", problems=problems)
    return cleaned, picture


def _check_place(area_code: str, area_path: str) -> None:
    if not area_code or not area_path.endswith(f"{area_code}/"):
        raise AnlanError(
            f"area_path must end with the code of the area. Got {area_code!r} and {area_path!r}."
        )


def _text(name: str, given: str, *, required: bool = True) -> str:
    said, limit = given.strip().replace("\x00", ""), _LIMITS[name]
    if (required and not said) or len(said) > limit:
        key = "resolution.text.missing" if not said else "resolution.text.long"
        message = f"{name} must have {1 if required else 0} to {limit} characters. Got {len(said)}."
        values = {"name": name, "limit": limit, "given": len(said)}
        raise InputError(
            message, key=key, values=values, problems=[Problem(key, values, {"field": name}, message)]
        )
    return said
