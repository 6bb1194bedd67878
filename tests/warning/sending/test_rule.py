"""What may reach which channel: every status, scope, channel and kind of world, against the table written out here."""

from __future__ import annotations

import itertools

import pytest

from anlan.errors import ForbiddenError
from anlan.warning.cap import Scope, Status
from anlan.warning.sending.rule import Audience, Channel, Way, allowed, channels_of_world, require

WAYS = ("feed", "page", "email", "webhook", "mqtt", "sms", "file", "phone")
# (world, status, scope, audience) -> ways. What is not here reaches nobody.
ALLOWED = {
    ("live", "Actual", "Public", "public"): set(WAYS),
    ("live", "Actual", "Public", "closed"): set(WAYS),
    ("live", "Actual", "Restricted", "closed"): set(WAYS),
    ("live", "Actual", "Private", "closed"): {"email", "webhook", "mqtt", "sms", "phone"},
    ("live", "Test", "Public", "closed"): {"feed", "webhook", "mqtt", "file"},
    ("live", "Test", "Restricted", "closed"): {"feed", "webhook", "mqtt", "file"},
    ("live", "Test", "Private", "closed"): {"webhook", "mqtt"},
    ("live", "System", "Public", "closed"): {"feed", "webhook", "mqtt", "file"},
    ("live", "System", "Restricted", "closed"): {"feed", "webhook", "mqtt", "file"},
    ("live", "System", "Private", "closed"): {"webhook", "mqtt"},
    ("exercise", "Exercise", "Restricted", "closed"): set(WAYS) - {"file"},
    ("exercise", "Exercise", "Private", "closed"): {"email", "webhook", "mqtt", "sms", "phone"},
}
WORLDS = ("live", "exercise", "replay", "no such kind")


def test_the_table_names_every_way_there_is() -> None:
    assert set(WAYS) == {str(way) for way in Way}


@pytest.mark.parametrize("world", WORLDS)
def test_every_status_scope_channel_and_world(world: str) -> None:
    wrong = []
    for status, scope, way, audience in itertools.product(Status, Scope, Way, Audience):
        expected = str(way) in ALLOWED.get((world, str(status), str(scope), str(audience)), set())
        channel = Channel(way, audience)
        if allowed(status, scope, channel, world) is not expected:
            wrong.append((world, str(status), str(scope), str(channel)))
        if not expected:
            with pytest.raises(ForbiddenError):
                require(status, scope, channel, world)
    assert wrong == []


def test_an_exercise_has_no_public_channel_at_all_and_a_replay_has_none() -> None:
    assert {channel.audience for channel in channels_of_world("exercise")} == {Audience.CLOSED}
    assert Way.FILE not in {channel.way for channel in channels_of_world("exercise")}
    assert channels_of_world("replay") == frozenset()
    assert len(channels_of_world("live")) == len(Way) * len(Audience)
