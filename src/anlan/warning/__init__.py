"""Compose, release and publish warnings; CAP 1.2 is their form outside.

``types`` say what the room speaks of, ``queries`` answer questions, ``actions`` change things. ``cap`` reads, writes and
checks messages and knows no database; ``feed`` makes the Atom feed; ``preview`` shows what people will get.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anlan.warning import actions, queries
    from anlan.warning._preview import Preview, preview
    from anlan.warning._release import RUNNING_OUT
    from anlan.warning.feed import ATOM_TYPE, CAP_TYPE, RSS_TYPE, Feed, FeedEntry, etag, write_feed, write_rss
    from anlan.warning.identifiers import Issuer, issuer_of
    from anlan.warning.integrity import check_message
    from anlan.warning.levels import Level
    from anlan.warning.types import HazardTemplate, HazardType, HazardWarning, Message

__all__ = [
    "ATOM_TYPE",
    "CAP_TYPE",
    "RSS_TYPE",
    "RUNNING_OUT",
    "Feed",
    "FeedEntry",
    "HazardTemplate",
    "HazardType",
    "HazardWarning",
    "Issuer",
    "Level",
    "Message",
    "Preview",
    "actions",
    "check_message",
    "etag",
    "issuer_of",
    "preview",
    "queries",
    "write_feed",
    "write_rss",
]

# Checking a CAP file must not load the store: names are fetched when they are asked for.
_HOME = {
    **dict.fromkeys(
        ("ATOM_TYPE", "CAP_TYPE", "RSS_TYPE", "Feed", "FeedEntry", "etag", "write_feed", "write_rss"), "feed"
    ),
    **dict.fromkeys(("Issuer", "issuer_of"), "identifiers"),
    **dict.fromkeys(("HazardTemplate", "HazardType", "HazardWarning", "Message"), "types"),
    **dict.fromkeys(("Preview", "preview"), "_preview"),
    "RUNNING_OUT": "_release",
    "check_message": "integrity",
    "Level": "levels",
}


def __getattr__(name: str) -> Any:
    if name in ("actions", "queries"):
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
