"""What resolution speaks of: a matter, what was asked and answered about it, and the photo that came with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["STATES", "Matter", "MatterKind", "MatterNote", "MatterState", "NoteKind", "Photo", "Turn"]

MatterKind = Literal["tip"]
MatterState = Literal["open", "in_hand", "closed"]
NoteKind = Literal["question", "answer"]
# Whose turn it is: the office has something new to look at, the reporter has a question to answer, or neither.
Turn = Literal["office", "reporter", "nobody"]

STATES: tuple[MatterState, ...] = ("open", "in_hand", "closed")


@dataclass(frozen=True)
class Matter:
    """One version of a matter.

    ``place`` is what the reporter wrote about where, beside the area. ``reason`` says why it was closed. ``by`` is the
    public id of who made this version; a reporter has none and is ``citizen``. A contact is kept under the matter's
    own public id as subject of personal values, and ``has_contact`` only says that there is one.
    """

    public_id: str
    known_seq: int
    node_id: str
    kind: MatterKind
    number: str
    state: MatterState
    turn: Turn
    title: str
    text: str
    place: str
    area_code: str
    area_path: str
    domain: str
    sensitivity: int
    has_contact: bool
    has_photo: bool
    reason: str
    taken_by: str | None
    by: str
    opened_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class MatterNote:
    """A question of the office or an answer of the reporter."""

    public_id: str
    known_seq: int
    matter_id: str
    kind: NoteKind
    text: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Photo:
    """A picture without what the camera wrote beside it. ``kind`` is its media type."""

    kind: str
    content: bytes
