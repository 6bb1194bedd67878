"""What sending and answering speak of.

Look-alikes:

* a **subscription** is somebody's own wish to be told; it is confirmed and can be ended by its owner;
* a **duty** says that a unit (an organisation) must act on warnings of some kind and place; its **contacts** are how it
  is reached;
* a **parcel** is one message on its way to one recipient by one way; a **letter** is what the parcel holds, made for
  its way when it is handed over;
* an **answer** is what a unit owes for one message, and what it has said so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from anlan.warning.levels import Level
from anlan.warning.sending.rule import Audience, Way

__all__ = [
    "LAST_STEP",
    "Answer",
    "AnswerState",
    "Contact",
    "Letter",
    "Outcome",
    "Parcel",
    "ParcelState",
    "Post",
    "Purpose",
    "Result",
    "Shift",
    "ShiftState",
    "Subscription",
    "SubscriptionState",
    "TargetKind",
    "UnitDuty",
    "Via",
]

SubscriptionState = Literal["asked", "confirmed", "ended"]
Post = Literal["duty", "deputy", "head"]
ShiftState = Literal["planned", "offered", "taken", "cancelled"]
AnswerState = Literal["waiting", "acknowledged", "acted", "over"]
Via = Literal["page", "link", "cap", "phone"]
Purpose = Literal["message", "escalation", "reminder", "confirm"]
TargetKind = Literal["subscription", "contact", "standing"]
# held: by quiet hours; queued: for its first or next try; sent: a relay has taken it over; delivered: the peer itself
# has it; to_call: waits for a person with a telephone.
ParcelState = Literal["held", "queued", "sending", "sent", "delivered", "to_call", "given_up"]
# delivered, sent: as above; refused: for good; failed: nothing arrived, try again; in_doubt: the answer was lost.
Result = Literal["delivered", "sent", "refused", "failed", "in_doubt"]
LAST_STEP = 3  # 0 the unit's duty, 1 its deputy, 2 its superior, 3 nobody is left


@dataclass(frozen=True)
class Subscription:
    """A wish to be told. ``hazards`` empty means all; ``quiet_from`` and ``quiet_until`` are HH:MM or empty."""

    public_id: str
    known_seq: int
    audience: Audience
    way: Way
    hazards: tuple[str, ...]
    min_level: Level
    area_code: str
    area_path: str
    language: str
    quiet_from: str
    quiet_until: str
    state: SubscriptionState
    asked_at: datetime
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True)
class UnitDuty:
    """An organisation that must act on warnings of these hazards (none: all), from this level, that touch this area."""

    public_id: str
    known_seq: int
    organisation_id: str
    hazards: tuple[str, ...]
    min_level: Level
    area_code: str
    area_path: str
    superior_id: str
    retired: bool
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True)
class Contact:
    """One way to reach a unit. The address is a personal value of ``public_id``, opened only where it is needed.

    ``person_id`` is empty for the desk, whoever sits there. ``position`` 1 is the first choice.
    """

    public_id: str
    known_seq: int
    organisation_id: str
    person_id: str
    post: Post
    way: Way
    position: int
    language: str
    retired: bool
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True)
class Shift:
    """Who is on duty for a unit, and who stands in. It is planned, offered by the one before, then taken over."""

    public_id: str
    known_seq: int
    organisation_id: str
    person_id: str
    deputy_id: str
    starts: datetime
    ends: datetime
    state: ShiftState
    note: str
    offered_by: str
    offered_at: datetime | None
    taken_by: str
    taken_at: datetime | None
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True)
class Answer:
    """What a unit owes for one message. ``next_at`` is when the next step or reminder is due; None when none is."""

    public_id: str
    known_seq: int
    message_identifier: str
    warning_id: str
    chain_id: str
    duty_id: str
    organisation_id: str
    level: Level
    domain: str
    area_path: str
    state: AnswerState
    step: int
    reminders: int
    sent_at: datetime
    deadline_at: datetime
    next_at: datetime | None
    set_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    acknowledged_via: str
    acted_at: datetime | None
    acted_by: str
    acted_via: str
    note: str


@dataclass(frozen=True)
class Parcel:
    """One message to one recipient by one way. ``public_id`` is the idempotency key that the peer sees."""

    id: int
    public_id: str
    purpose: Purpose
    message_identifier: str
    warning_id: str
    chain_id: str
    target_kind: TargetKind
    target_id: str
    answer_id: str | None
    way: Way
    audience: Audience
    language: str
    state: ParcelState
    reason: str
    possibly_twice: bool
    tries: int
    queued_at: datetime
    due_at: datetime
    expires: datetime
    sent_at: datetime | None
    read_at: datetime | None

    @property
    def has_failed(self) -> bool:
        """Whether it waits for another try."""
        return self.state == "queued" and self.tries > 0


@dataclass(frozen=True)
class Letter:
    """What a channel is handed.

    ``address`` is where to (a mailbox, a URL, a number, a topic); ``secret`` signs webhooks. ``text`` is for people,
    ``body`` with its ``content_type`` for programs, ``name`` a file name.
    """

    parcel_id: str
    address: str
    subject: str
    text: str
    body: bytes
    content_type: str
    name: str = ""
    secret: str = ""
    answer_url: str = ""
    stop_url: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one try. ``retry_seconds`` is what the peer asked for, if it did."""

    result: Result
    detail: str = ""
    retry_seconds: float | None = None
