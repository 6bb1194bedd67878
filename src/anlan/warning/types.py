"""What the room speaks of.

Three things that look alike:

* a **hazard** is a kind of danger that is warned of, with its texts by level (from a pack);
* a **warning** (``HazardWarning``) is one step in the life of what people call a warning: it is drafted, reviewed,
  released, and then replaced or ended. The steps of one warning share ``chain_id`` and ``number``: the first release, an
  update at another level, the end. Each step has its own ``public_id``, text and second person;
* a **message** is the frozen CAP document of a released step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from anlan.warning.levels import Level
from anlan.warning.shapes import Shape

__all__ = [
    "ENDED_STATES",
    "OPEN_STATES",
    "TEXT_FIELDS",
    "HazardTemplate",
    "HazardType",
    "HazardWarning",
    "Message",
    "StepKind",
    "Texts",
    "WarningState",
]

WarningState = Literal[
    "draft", "review", "in_force", "superseded", "cancelled", "ended", "expired", "withdrawn"
]
OPEN_STATES: tuple[WarningState, ...] = ("draft", "review")
ENDED_STATES: tuple[WarningState, ...] = ("superseded", "cancelled", "ended", "expired", "withdrawn")
# alert: the first; update: same danger, other text, level or time; end: over (CAP AllClear); cancel: issued in error.
StepKind = Literal["alert", "update", "end", "cancel"]
TEXT_FIELDS = ("headline", "description", "instruction")
# language -> field -> text
Texts = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class HazardTemplate:
    """Texts of one level, by field and language, with places such as ``{area}``."""

    level: Level
    texts: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class HazardType:
    """A kind of danger. ``templates`` are those levels for which the pack has texts of its own."""

    code: str
    known_seq: int
    domain: str
    names: Mapping[str, str]
    category: str
    templates: tuple[HazardTemplate, ...]
    pack_version: str


@dataclass(frozen=True)
class HazardWarning:
    """One version of one step of a warning.

        ``authors`` are all persons who wrote in this step: none of them can release it. ``facts`` are the values the texts were
        filled with, kept so that unedited texts follow a change of level or place. ``texts_from`` says where the texts
        came from: the pack, or the general form because the pack has none for this level. ``sensitivity`` is that of the draft
    until it is released, and public from then on. With ``shapes`` it holds for these, and its areas are those they touch.
    ``alone_reason`` says why one person released it alone; ``review`` is what a second one said of that afterwards.
    """

    public_id: str
    known_seq: int
    node_id: str
    number: str
    step: int
    chain_id: str
    previous_id: str | None
    kind: StepKind
    state: WarningState
    hazard: str
    domain: str
    level: Level
    urgency: str
    certainty: str
    response_types: tuple[str, ...]
    area_codes: tuple[str, ...]
    area_paths: tuple[str, ...]
    area_code: str
    area_path: str
    sensitivity: int
    texts: Texts
    texts_from: str
    facts: Mapping[str, Mapping[str, str]]
    effective: datetime | None
    onset: datetime | None
    expires: datetime
    assessment_id: str | None
    authors: tuple[str, ...]
    drafted_by: str
    drafted_at: datetime
    submitted_by: str | None
    submitted_at: datetime | None
    released_by: str | None
    released_at: datetime | None
    reason: str
    message_identifier: str | None
    changed_by: str
    changed_at: datetime
    shapes: tuple[Shape, ...] = ()
    alone_reason: str | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    review: str | None = None


@dataclass(frozen=True)
class Message:
    """A released CAP document, exactly as it left the house."""

    identifier: str
    known_seq: int
    warning_id: str
    chain_id: str
    number: str
    sender: str
    sent: datetime
    msg_type: str
    status: str
    scope: str
    level: Level
    domain: str
    area_path: str
    expires: datetime
    sha256: str
    cap_bytes: bytes
