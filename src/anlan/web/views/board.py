"""The duty board: in force, waits for me, coming, silent; and the city."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from markupsafe import Markup

AnswerState = Literal["answered", "read", "delivered", "overdue"]


@dataclass(frozen=True)
class Strip:
    """A warning in force. ``answers`` holds one state a unit; empty where no answers are asked for."""

    level: str
    title: str
    areas: str
    issued_at: datetime
    ends_at: datetime
    href: str
    answers: tuple[AnswerState, ...] = ()

    @property
    def answered(self) -> int:
        return self.answers.count("answered")

    @property
    def overdue(self) -> int:
        return self.answers.count("overdue")


@dataclass(frozen=True)
class Waiting:
    """Something that waits for this person, with the reason it is here. ``act`` is the word on its button."""

    kind: Literal["signal", "assessment", "draft", "release", "update", "review", "matter"]
    since: datetime
    title: str
    reason: str
    href: str
    level: str = ""
    due: datetime | None = None


@dataclass(frozen=True)
class Coming:
    """Something that will happen within the next 24 hours."""

    at: datetime
    what: str
    href: str


@dataclass(frozen=True)
class Silent:
    """A source later than its own rhythm."""

    name: str
    rhythm: str
    last: datetime | None
    late_since: datetime
    href: str
    done: str = ""


@dataclass(frozen=True)
class MapView:
    """A drawn map with the words under it. ``levels`` are those on the map, for its legend."""

    drawing: Markup
    levels: tuple[str, ...] = ()
    has_signals: bool = False
    has_silent: bool = False
    source: str = ""


@dataclass(frozen=True)
class BoardView:
    """The four bands and the map; ``sources_total`` is how many sources are watched for silence."""

    in_force: tuple[Strip, ...]
    waiting: tuple[Waiting, ...]
    coming: tuple[Coming, ...]
    silent: tuple[Silent, ...]
    sources_total: int
    city: MapView
    axis: Markup
    at: datetime

    @property
    def asks_answers(self) -> bool:
        return any(strip.answers for strip in self.in_force)

    @property
    def overdue(self) -> int:
        return sum(1 for item in self.waiting if item.due is not None and item.due < self.at)
