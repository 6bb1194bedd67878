"""What a heap of messages means now: which one is superseded, cancelled, expired, in force.

Messages may arrive out of order, twice, or not at all. A reference to a message that is not there is no error; it
takes effect when the message arrives.

Source: OASIS CAP-v1.2, data dictionary 3.2.1 (msgType, references) and 3.2.2 (effective, expires).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from anlan.warning.cap.model import Alert, MsgType, Reference, Status

__all__ = ["ChainState", "MessageState", "in_force", "messages_to_reference", "read_chain"]

ChainState = Literal["in_force", "not_yet", "expired", "superseded", "cancelled", "ending", "not_actual"]
Key = tuple[str, str, datetime]


@dataclass(frozen=True)
class MessageState:
    """One message and what became of it; ``by`` is the message that superseded or cancelled it."""

    alert: Alert
    state: ChainState
    expires: datetime
    expiry_assumed: bool = False
    by: Key | None = None
    unknown_references: tuple[Reference, ...] = ()


def read_chain(
    alerts: Iterable[Alert],
    *,
    now: datetime,
    assumed_validity: timedelta = timedelta(hours=24),
    statuses: frozenset[Status] = frozenset({Status.ACTUAL}),
) -> list[MessageState]:
    """Work out the state of each different message.

    Parameters
    ----------
    alerts : iterable of Alert
        In any order, duplicates allowed: of two with the same sender, identifier and moment the first is kept.
    now : datetime
        Aware.
    assumed_validity : timedelta, default 24 hours
        How long a message without ``expires`` holds after its start; the result says that it was assumed.
    statuses : frozenset of Status
        Which messages count: an exercise reads Exercise, everybody else Actual.

    Returns
    -------
    list of MessageState
        By time of sending, then sender and identifier.
    """
    known: dict[Key, Alert] = {}
    for alert in alerts:
        known.setdefault(alert.key, alert)
    ordered = sorted(known.values(), key=lambda alert: (alert.sent, alert.sender, alert.identifier))
    ended: dict[Key, tuple[ChainState, Key]] = {}
    for alert in ordered:
        # Only the sender who issued a message can end it: an identifier of somebody else is no key to it.
        if alert.msg_type not in (MsgType.UPDATE, MsgType.CANCEL) or alert.status not in statuses:
            continue
        how: ChainState = "cancelled" if alert.msg_type is MsgType.CANCEL else "superseded"
        for reference in alert.references:
            key = reference.key
            if reference.sender != alert.sender or key == alert.key or key[2] > alert.sent:
                continue
            # A cancel is final; an update that comes after it cannot bring the message back.
            if key not in ended or how == "cancelled":
                ended[key] = (how, alert.key)
    return [_state(alert, known, ended, now, assumed_validity, statuses) for alert in ordered]


def _state(
    alert: Alert,
    known: dict[Key, Alert],
    ended: dict[Key, tuple[ChainState, Key]],
    now: datetime,
    assumed_validity: timedelta,
    statuses: frozenset[Status],
) -> MessageState:
    start, expires, assumed = _span(alert, assumed_validity)
    unknown = tuple(reference for reference in alert.references if reference.key not in known)
    state: ChainState
    by: Key | None = None
    if alert.status not in statuses:
        state = "not_actual"
    elif alert.msg_type not in (MsgType.ALERT, MsgType.UPDATE):
        state = "ending"
    elif alert.key in ended:
        state, by = ended[alert.key]
    elif now >= expires:
        state = "expired"
    else:
        state = "in_force" if start <= now else "not_yet"
    return MessageState(alert, state, expires, assumed, by, unknown)


def _span(alert: Alert, assumed_validity: timedelta) -> tuple[datetime, datetime, bool]:
    starts = [info.effective or alert.sent for info in alert.infos] or [alert.sent]
    ends = [info.expires for info in alert.infos if info.expires is not None]
    assumed = not ends or len(ends) < len(alert.infos)
    return min(starts), max(ends) if ends else _after(max(starts), assumed_validity), assumed


def _after(moment: datetime, span: timedelta) -> datetime:
    try:
        return moment + span
    except OverflowError:  # somebody wrote the year 9999
        return moment


def in_force(states: Iterable[MessageState]) -> list[MessageState]:
    """The messages that hold now."""
    return [state for state in states if state.state == "in_force"]


def messages_to_reference(states: Iterable[MessageState], *, now: datetime) -> tuple[Reference, ...]:
    """What an Update or Cancel has to name: every message of the chain that has not run out, superseded ones too.

    A reader may have missed the latest one. When all have run out, the last one is named, since a message about
    others must name one.
    """
    warnings = [item for item in states if item.alert.msg_type in (MsgType.ALERT, MsgType.UPDATE)]
    running = [item for item in warnings if item.expires > now]
    return tuple(item.alert.reference for item in running or warnings[-1:])
