"""The public page: is there a warning where I am, and what do I do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from anlan.web.views.frame import Option


@dataclass(frozen=True)
class PublicWarning:
    level: str
    event: str
    areas: str
    sender: str
    issued_at: datetime
    ends_at: datetime
    description: str
    instructions: tuple[str, ...]
    href: str


@dataclass(frozen=True)
class PublicView:
    """``here`` is the chosen area's name, empty for the whole city; ``answer`` is the first sentence."""

    authority: str
    here: str
    answer: str
    first_act: str
    areas: tuple[Option, ...]
    warnings: tuple[PublicWarning, ...]
    updated_at: datetime
    feed_href: str
    action: str
