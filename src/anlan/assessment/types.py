"""What assessment speaks of: the triage of a signal, a risk assessment, the matrix that gives its level.

A *signal* is a rule's finding and never changes its mind because of a person. Its *triage* is what people make of it.
An *assessment* is a judgement of likelihood and impact on verified signals (or on other grounds); the matrix turns it
into a *level*, and a level is what a warning is drafted at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = [
    "CONFIDENCES",
    "LEVELS",
    "Assessment",
    "Confidence",
    "LevelName",
    "Matrix",
    "SignalFacts",
    "Triage",
    "TriageState",
]

TriageState = Literal["new", "verified", "dismissed", "merged"]
Confidence = Literal["low", "medium", "high"]
LevelName = Literal["blue", "yellow", "orange", "red"]

CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")
LEVELS: tuple[LevelName, ...] = ("blue", "yellow", "orange", "red")


@dataclass(frozen=True)
class SignalFacts:
    """What triage needs to know of a signal; the flow that opens a triage takes them from the signal."""

    signal_id: str
    kind: str
    number: str
    level_hint: str
    raised_at: datetime
    area_code: str
    area_path: str
    domain: str
    sensitivity: int


@dataclass(frozen=True)
class Triage:
    """One version of what people made of a signal. ``by`` is the public id of who did it, ``at`` when."""

    signal_id: str
    known_seq: int
    state: TriageState
    reason: str
    merged_into: str | None
    kind: str
    number: str
    level_hint: str
    raised_at: datetime
    area_code: str
    area_path: str
    domain: str
    sensitivity: int
    by: str
    at: datetime


@dataclass(frozen=True)
class Matrix:
    """A 5 × 5 matrix. ``cells[likelihood - 1][impact - 1]`` is a level, or None where no warning follows."""

    code: str
    version: int
    names: Mapping[str, str]
    cells: tuple[tuple[LevelName | None, ...], ...]
    source: str = ""
    known_seq: int = 0

    def level(self, likelihood: int, impact: int) -> LevelName | None:
        """The level of a likelihood (1 very unlikely … 5 almost certain) and an impact (1 negligible … 5 disastrous)."""
        return self.cells[likelihood - 1][impact - 1]


@dataclass(frozen=True)
class Assessment:
    """One version of a risk assessment."""

    public_id: str
    known_seq: int
    node_id: str
    number: str
    signal_ids: tuple[str, ...]
    likelihood: int
    impact: int
    confidence: Confidence
    reasons: tuple[str, ...]
    level: LevelName | None
    matrix_code: str
    matrix_version: int
    area_code: str
    area_path: str
    domain: str
    sensitivity: int
    by: str
    made_at: datetime
    changed_at: datetime
