"""Compose, release and publish warnings; CAP 1.2 is their form outside.

``types`` say what the room speaks of, ``queries`` answer questions, ``actions`` change things. ``cap`` reads, writes and
checks messages and knows no database; ``feed`` makes the Atom feed; ``preview`` shows what people will get.
"""

from __future__ import annotations

from anlan.warning import actions, queries
from anlan.warning.feed import ATOM_TYPE, CAP_TYPE, Feed, FeedEntry, etag, write_feed
from anlan.warning.identifiers import Issuer, issuer_of
from anlan.warning.integrity import check_message
from anlan.warning.levels import Level
from anlan.warning.preview import Preview, preview
from anlan.warning.types import HazardTemplate, HazardType, HazardWarning, Message

__all__ = [
    "ATOM_TYPE",
    "CAP_TYPE",
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
]
