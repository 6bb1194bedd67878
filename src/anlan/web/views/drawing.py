"""The page on which the area of a warning is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anlan.web.views.frame import FieldError, Option


@dataclass(frozen=True)
class SiteInside:
    """A watched place inside the warned area."""

    code: str
    name: str
    kind: str
    area: str


@dataclass(frozen=True)
class DrawingView:
    """``data`` is what the map draws, as JSON; ``values`` are the fields as text."""

    number: str
    title: str
    href: str
    action: str
    version: str
    data: str
    values: Mapping[str, str]
    datums: tuple[Option, ...]
    areas: str
    is_drawn: bool
    sites: tuple[SiteInside, ...]
    errors: tuple[FieldError, ...] = ()
