"""What every page carries: whose page, of which world, known as of when, and the way to the other pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

WorldKind = Literal["live", "exercise", "replay"]


@dataclass(frozen=True)
class WorldView:
    """A world as the band and the status line show it. ``key`` stands in the address."""

    key: str
    kind: WorldKind
    title: str = ""


@dataclass(frozen=True)
class PersonView:
    """Who is signed in."""

    name: str
    role: str


@dataclass(frozen=True)
class RailEntry:
    """One way in the rail. ``icon`` names a symbol of the sprite; ``count`` is what waits there, 0 shows nothing."""

    key: str
    icon: str
    href: str
    current: bool = False
    count: int = 0
    lower: bool = False


@dataclass(frozen=True)
class Frame:
    """The frame of a page.

    ``known_at`` is the moment the page speaks of; ``is_past`` says that it is not the present one.
    ``rail`` is empty for a person who is not signed in.
    """

    world: WorldView
    node: str
    known_at: datetime
    path: str
    person: PersonView | None = None
    rail: tuple[RailEntry, ...] = ()
    worlds: tuple[WorldView, ...] = ()
    is_past: bool = False
    now_href: str = ""
    csrf: str = ""
    theme: Literal["auto", "light", "dark"] = "auto"
    search: str = ""

    @property
    def home(self) -> str:
        return f"/w/{self.world.key}"


@dataclass(frozen=True)
class Crumb:
    """A step of the way to a page."""

    word: str
    href: str = ""


@dataclass(frozen=True)
class FieldError:
    """One thing wrong in a form, beside its field (``field`` is its name) and in the summary on top."""

    field: str
    message: str


@dataclass(frozen=True)
class Option:
    """One choice of a form."""

    value: str
    word: str
    chosen: bool = False
    help: str = ""
