"""The journal: what happened, and whether the chain still holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from anlan.web.views.signals import Filter


@dataclass(frozen=True)
class JournalRow:
    sequence: int
    at: datetime
    what: str
    subject: str
    by: str
    digest: str
    href: str = ""


@dataclass(frozen=True)
class VerifyResult:
    """What checking the chain found. ``findings`` is empty when everything agrees."""

    at: datetime
    checked: int
    head: str
    deep: bool
    findings: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class JournalView:
    rows: tuple[JournalRow, ...]
    kinds: tuple[Filter, ...]
    head_sequence: int
    head_digest: str
    csv_href: str
    verify_href: str
    may_verify: bool
    result: VerifyResult | None = None
    older_href: str = ""
    newer_href: str = ""
