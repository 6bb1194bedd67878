"""What may reach which channel: one rule, in one place. Whoever sends or shows a message outside asks here first.

A channel is a way (e-mail, a feed …) and who listens at its other end: the **public**, or a **closed** circle that the
issuer knows by name (units that must act, partner authorities, those who take part in an exercise).

| world    | status   | scope      | public                   | closed                          |
|----------|----------|------------|--------------------------|---------------------------------|
| live     | Actual   | Public     | every channel            | every channel                   |
| live     | Actual   | Restricted | none                     | every channel                   |
| live     | Actual   | Private    | none                     | all but feed, page and broadcast |
| live     | Test     | any        | none                     | as Actual, to programs only     |
| live     | System   | any        | none                     | as Actual, to programs only     |
| exercise | Exercise | Restricted | there is no such channel | every channel but broadcast     |
| exercise | Exercise | Private    | there is no such channel | all but feed, page and broadcast |

Everything else reaches nobody: drafts, an exercise's message in the live world, a real one in an exercise, whatever a
replay holds. Source of the words: OASIS CAP-v1.2, data dictionary 3.2.1 (status, scope).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from anlan.errors import ForbiddenError
from anlan.warning.cap.model import Scope, Status

__all__ = ["PROGRAMS", "Audience", "Channel", "Way", "allowed", "channels_of_world", "require"]


class Way(StrEnum):
    """How a message travels."""

    FEED = "feed"
    PAGE = "page"
    EMAIL = "email"
    WEBHOOK = "webhook"
    MQTT = "mqtt"
    SMS = "sms"
    FILE = "file"  # a folder that a broadcaster reads
    PHONE = "phone"  # a person calls


class Audience(StrEnum):
    """Who listens at the other end."""

    PUBLIC = "public"
    CLOSED = "closed"


@dataclass(frozen=True)
class Channel:
    """A way and its audience."""

    way: Way
    audience: Audience


PROGRAMS = frozenset({Way.FEED, Way.WEBHOOK, Way.MQTT, Way.FILE})
# What many can pick up is no way for a message to named recipients.
_OPEN_TO_MANY = frozenset({Way.FEED, Way.PAGE, Way.FILE})


def allowed(status: Status, scope: Scope, channel: Channel, world_kind: str) -> bool:
    """Whether a message of this status and scope may reach this channel of a world (live, exercise, replay)."""
    if channel not in channels_of_world(world_kind):
        return False
    if world_kind == "exercise":
        fits = status is Status.EXERCISE and scope is not Scope.PUBLIC
    elif status is Status.ACTUAL:
        fits = scope is Scope.PUBLIC or channel.audience is Audience.CLOSED
    else:
        machines_only = status in (Status.TEST, Status.SYSTEM)
        fits = machines_only and channel.audience is Audience.CLOSED and channel.way in PROGRAMS
    return fits and (scope is not Scope.PRIVATE or channel.way not in _OPEN_TO_MANY)


def channels_of_world(world_kind: str) -> frozenset[Channel]:
    """The channels that a world has at all: an exercise has no public one and no broadcaster, a replay has none."""
    if world_kind == "live":
        return frozenset(Channel(way, audience) for way in Way for audience in Audience)
    if world_kind == "exercise":
        return frozenset(Channel(way, Audience.CLOSED) for way in Way if way is not Way.FILE)
    return frozenset()


def require(status: Status, scope: Scope, channel: Channel, world_kind: str) -> None:
    """The same rule for an act.

    Raises
    ------
    ForbiddenError
        The message may not reach the channel.
    """
    if not allowed(status, scope, channel, world_kind):
        raise ForbiddenError(
            f"a message with status {status} and scope {scope} may not reach the {channel.audience} channel "
            f"{channel.way} of a world of kind {world_kind}",
            key="sending.not_allowed",
            values={
                "status": str(status),
                "scope": str(scope),
                "way": str(channel.way),
                "audience": str(channel.audience),
                "world": world_kind,
            },
        )
