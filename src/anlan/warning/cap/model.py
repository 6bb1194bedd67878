"""A CAP 1.2 message as plain frozen data: what a message says, not how it is spelled.

``Alert`` is one message, ``Info`` what it says in one language, ``Area`` where it holds, ``Resource`` a file that
belongs to it. Text fields are empty when the element is absent. Coordinates are ``(latitude, longitude)`` in WGS 84
degrees, radii are kilometres, altitudes are feet: the units of the standard.

Look-alikes: an **alert** is the message; an **event** is the kind of danger it names; a **warning** is our own object
with a life (``anlan.warning.types``), of which each released state is one alert.

Sources: OASIS CAP-v1.2 (2010), data dictionary of section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from anlan.errors import ParameterError
from anlan.warning.cap.times import format_time, parse_time

__all__ = [
    "Alert",
    "Area",
    "Category",
    "Certainty",
    "Circle",
    "Info",
    "MsgType",
    "NamedValue",
    "Point",
    "Reference",
    "Resource",
    "ResponseType",
    "Scope",
    "Severity",
    "Status",
    "Urgency",
]

Point = tuple[float, float]
DEFAULT_LANGUAGE = "en-US"


class Status(StrEnum):
    """Who shall act on a message."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    SYSTEM = "System"
    TEST = "Test"
    DRAFT = "Draft"


class MsgType(StrEnum):
    """What a message does to earlier ones."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"
    ACK = "Ack"
    ERROR = "Error"


class Scope(StrEnum):
    """Who may see a message."""

    PUBLIC = "Public"
    RESTRICTED = "Restricted"
    PRIVATE = "Private"


class Category(StrEnum):
    """Kinds of danger by the standard's list."""

    GEO = "Geo"
    MET = "Met"
    SAFETY = "Safety"
    SECURITY = "Security"
    RESCUE = "Rescue"
    FIRE = "Fire"
    HEALTH = "Health"
    ENV = "Env"
    TRANSPORT = "Transport"
    INFRA = "Infra"
    CBRNE = "CBRNE"
    OTHER = "Other"


class ResponseType(StrEnum):
    """What people are asked to do, in one word."""

    SHELTER = "Shelter"
    EVACUATE = "Evacuate"
    PREPARE = "Prepare"
    EXECUTE = "Execute"
    AVOID = "Avoid"
    MONITOR = "Monitor"
    ASSESS = "Assess"
    ALL_CLEAR = "AllClear"
    NONE = "None"


class Urgency(StrEnum):
    """How soon to act."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"
    PAST = "Past"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """How bad; see ``anlan.warning.levels`` for the four colours."""

    EXTREME = "Extreme"
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    """How sure."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNLIKELY = "Unlikely"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class NamedValue:
    """``valueName`` and ``value``: an event code, a parameter or a geocode."""

    name: str
    value: str


@dataclass(frozen=True)
class Circle:
    """A round area; radius 0 marks a place without saying how far the danger reaches."""

    centre: Point
    radius_km: float


@dataclass(frozen=True)
class Area:
    """The union of its polygons, circles and geocodes. A polygon's last point repeats its first."""

    description: str
    polygons: tuple[tuple[Point, ...], ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[NamedValue, ...] = ()
    altitude_feet: float | None = None
    ceiling_feet: float | None = None


@dataclass(frozen=True)
class Resource:
    """A file that goes with a message, by address or (``deref_uri``) as base64 text."""

    description: str
    mime_type: str
    size_bytes: int | None = None
    uri: str = ""
    deref_uri: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Info:
    """What a message says, in one language."""

    event: str
    categories: tuple[Category, ...]
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    language: str = DEFAULT_LANGUAGE
    response_types: tuple[ResponseType, ...] = ()
    audience: str = ""
    event_codes: tuple[NamedValue, ...] = ()
    effective: datetime | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    sender_name: str = ""
    headline: str = ""
    description: str = ""
    instruction: str = ""
    web: str = ""
    contact: str = ""
    parameters: tuple[NamedValue, ...] = ()
    resources: tuple[Resource, ...] = ()
    areas: tuple[Area, ...] = ()

    def parameter(self, name: str) -> str:
        """The first value of the parameter ``name``, or an empty text."""
        return next((item.value for item in self.parameters if item.name == name), "")


@dataclass(frozen=True)
class Reference:
    """The extended identifier of another message. ``sent`` is kept as text: it is copied, never reformatted."""

    sender: str
    identifier: str
    sent: str

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{self.sent}"

    @property
    def key(self) -> tuple[str, str, datetime]:
        """Identity of the message meant, with the moment instead of its spelling."""
        return self.sender, self.identifier, parse_time(self.sent)


@dataclass(frozen=True)
class Alert:
    """One CAP message.

    ``sent_as_written`` holds the characters of ``sent`` in the document this was read from, because references copy
    them; it is empty for a message that we make and plays no part in comparison.
    """

    identifier: str
    sender: str
    sent: datetime
    status: Status
    msg_type: MsgType
    scope: Scope
    source: str = ""
    restriction: str = ""
    addresses: str = ""
    codes: tuple[str, ...] = ()
    note: str = ""
    references: tuple[Reference, ...] = ()
    incidents: str = ""
    infos: tuple[Info, ...] = ()
    sent_as_written: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.sent_as_written and parse_time(self.sent_as_written) != self.sent:
            raise ParameterError(
                f"sent_as_written must say the same moment as sent. Got {self.sent_as_written!r} and {self.sent}."
            )

    @property
    def key(self) -> tuple[str, str, datetime]:
        """What makes two messages the same: sender, identifier, moment of sending."""
        return self.sender, self.identifier, self.sent

    @property
    def reference(self) -> Reference:
        """How another message names this one."""
        return Reference(self.sender, self.identifier, self.sent_as_written or format_time(self.sent))

    def info_in(self, language: str) -> Info | None:
        """The block for a reader of ``language``: same tag, else same primary tag, else the first block."""
        wanted = language.lower()
        primary = wanted.split("-")[0]
        tags = [info.language.lower() for info in self.infos]
        for match in (lambda tag: tag == wanted, lambda tag: tag.split("-")[0] == primary, lambda _tag: True):
            for tag, info in zip(tags, self.infos, strict=True):
                if match(tag):
                    return info
        return None
