"""What the registry's queries return and its actions take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from anlan.registry.calendars import Calendar
from anlan.store import Actor

__all__ = [
    "AREA_KINDS",
    "PERMISSIONS",
    "ROLES",
    "Area",
    "AreaChange",
    "Difference",
    "Indicator",
    "InstalledPack",
    "NewArea",
    "Organisation",
    "PackReport",
    "Person",
    "Population",
    "RoleGrant",
    "Session",
    "SignedIn",
    "Site",
    "Source",
]

Names = Mapping[str, str]

AREA_KINDS = ("country", "province", "city", "county", "township", "station-area")

# What a role may do. Seeing is not in here: that is the scope's part. Deny by default: what is not listed is not allowed.
PERMISSIONS: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"see"}),
    "reporter": frozenset({"see", "deliver", "answer.give"}),
    "analyst": frozenset({"see", "deliver", "triage", "assess", "rule.propose"}),
    "duty_officer": frozenset(
        {
            "see",
            "deliver",
            "triage",
            "assess",
            "warning.draft",
            "warning.update",
            "answer.give",
            "matter.handle",
        }
    ),
    "chief": frozenset(
        {
            "see",
            "triage",
            "assess",
            "warning.draft",
            "warning.update",
            "warning.release",
            "warning.release_alone",
            "rule.approve",
            "journal.see",
            "answer.give",
            "contact.manage",
            "matter.handle",
        }
    ),
    # Given beside another role to who may have to act when no second person can be reached.
    "emergency_releaser": frozenset({"see", "warning.draft", "warning.update", "warning.release_alone"}),
    "admin": frozenset(
        {
            "see",
            "account.manage",
            "pack.install",
            "source.manage",
            "journal.see",
            "world.manage",
            "contact.manage",
        }
    ),
}
ROLES = tuple(PERMISSIONS)


@dataclass(frozen=True)
class Area:
    """An administrative unit. ``outline`` is filled only where outlines were asked for."""

    code: str
    parent_code: str
    path: str
    kind: str
    names: Names
    aliases: tuple[str, ...]
    lon: float | None
    lat: float | None
    valid_from: str
    valid_to: str
    source: str
    known_seq: int
    outline: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class NewArea:
    """An area to be loaded; its path follows from its parent. Dates are ``YYYY-MM-DD`` or empty."""

    code: str
    parent_code: str
    kind: str
    names: Names
    aliases: tuple[str, ...] = ()
    lon: float | None = None
    lat: float | None = None
    outline: Mapping[str, Any] | None = None
    valid_from: str = ""
    valid_to: str = ""
    source: str = ""


@dataclass(frozen=True)
class AreaChange:
    """On a date one area became, or went into, another: ``split``, ``merger``, ``transfer`` or ``recoded``."""

    from_code: str
    to_code: str
    on_date: str
    kind: str
    source: str = ""


@dataclass(frozen=True)
class Population:
    """Inhabitants of an area on a date, by a source."""

    code: str
    on_date: str
    value: int
    source: str = ""


@dataclass(frozen=True)
class Site:
    """A located thing that is watched."""

    public_id: str
    code: str
    names: Names
    kind: str
    area_code: str
    area_path: str
    lon: float | None
    lat: float | None
    domain: str
    retired: bool
    known_seq: int


@dataclass(frozen=True)
class Organisation:
    """An authority, hospital, station or enterprise that people belong to."""

    public_id: str
    code: str
    names: Names
    area_code: str
    area_path: str
    retired: bool
    known_seq: int


@dataclass(frozen=True)
class RoleGrant:
    """A role within an area (path prefix, empty for everywhere), a domain (None for all) and a sensitivity."""

    role: str
    area_path: str = ""
    domain: str | None = None
    sensitivity: int = 1


@dataclass(frozen=True)
class Person:
    """Somebody who works with the platform."""

    public_id: str
    names: Names
    organisation_id: str
    retired: bool
    known_seq: int
    grants: tuple[RoleGrant, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(given.role for given in self.grants))

    def may(self, permission: str) -> bool:
        """Whether any role of the person allows this; where and on what is the scope's part."""
        return not self.retired and any(permission in PERMISSIONS.get(role, ()) for role in self.roles)


@dataclass(frozen=True)
class Indicator:
    """What is measured, as installed here."""

    code: str
    domain: str
    names: Names
    unit: str
    kind: str
    calendar: Calendar
    strata: tuple[tuple[str, Names], ...]
    area_kinds: tuple[str, ...]
    site_kinds: tuple[str, ...]
    aliases: tuple[str, ...]
    sensitivity: int
    decimals: int
    better: str
    rolling_periods: int
    basis: Names
    pack_id: str
    pack_version: str
    local_edit: bool
    retired: bool
    known_seq: int


@dataclass(frozen=True)
class Source:
    """Who delivers what, with its expected rhythm."""

    code: str
    domain: str
    names: Names
    area_code: str
    area_path: str
    delivers: tuple[str, ...]
    step: str
    due_after_hours: float
    grace_hours: float
    known_at: str
    attribution: Names
    licence: str
    pack_id: str
    pack_version: str
    local_edit: bool
    retired: bool
    known_seq: int


@dataclass(frozen=True)
class InstalledPack:
    """A pack as it was installed; ``content`` is all of it as plain values."""

    pack_id: str
    version: str
    digest: str
    content: Mapping[str, Any]
    known_seq: int


@dataclass(frozen=True)
class Difference:
    """A value that a pack would set otherwise, where a local edit was kept."""

    what: str
    code: str
    field: str
    here: Any
    pack: Any


@dataclass(frozen=True)
class PackReport:
    """What installing a pack did: codes that are new, changed, retired, or left as they were edited here."""

    pack_id: str
    version: str
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Session:
    """A fresh sign-in. ``token`` goes to the browser once and is not kept."""

    token: str
    csrf: str
    person_id: str
    created_at: datetime


@dataclass(frozen=True)
class SignedIn:
    """Who is behind a session, with what they may do."""

    person: Person
    csrf: str
    created_at: datetime
    seen_at: datetime

    @property
    def actor(self) -> Actor:
        """The person as the journal names them: by id, with the name for reading."""
        name = self.person.names.get("zh") or next(iter(self.person.names.values()), "")
        return Actor("person", self.person.public_id, name)
