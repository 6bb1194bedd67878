"""Messages of others: read from bytes, from feeds and envelopes, and sorted out into what holds now.

Liberal in reading: CAP 1.0, 1.1 and 1.2, and everything that can be understood of a faulty message; but each fault is
told with its line, its place and how bad it is. Nothing here writes a table or asks the network: what is read is handed
back, and ``fetching`` brings the bytes.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lxml import etree

from anlan.errors import InputError
from anlan.warning.cap.chain import Key, MessageState, read_chain
from anlan.warning.cap.check import check_root, embedded_alerts
from anlan.warning.cap.feeds import FeedItem, FeedKind, check_feed, feed_kind
from anlan.warning.cap.findings import Finding, Report, local_name, refused
from anlan.warning.cap.model import Alert, Status
from anlan.warning.cap.read import read_liberally
from anlan.warning.cap.safe_xml import parse
from anlan.warning.cap.versions import CapVersion, convert

if TYPE_CHECKING:
    from cryptography import x509

__all__ = [
    "Duplicate",
    "ReceivedDocument",
    "ReceivedMessage",
    "SortedMessages",
    "read_document",
    "read_message",
    "sort_out",
]


@dataclass(frozen=True)
class ReceivedMessage:
    """One message of somebody else.

    ``data`` are its bytes as received; ``version`` the one it was written in; ``alert`` what could be read, None where that
    is not enough to be a message; ``path`` where it stood in a feed or an envelope. ``findings`` are of the message turned
    into CAP 1.2: for ``is_acceptable`` it must keep every rule of that.
    """

    data: bytes
    version: CapVersion
    alert: Alert | None
    findings: tuple[Finding, ...]
    path: str = ""

    @property
    def is_acceptable(self) -> bool:
        return self.alert is not None and all(finding.severity != "error" for finding in self.findings)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class ReceivedDocument:
    """A file or an answer: the messages in it, and of a feed its entries and what is wrong with it as a feed."""

    kind: FeedKind
    messages: tuple[ReceivedMessage, ...]
    items: tuple[FeedItem, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Duplicate:
    """A message that came again. ``same_bytes`` is False where sender, identifier and moment were used for another text."""

    kept: ReceivedMessage
    dropped: ReceivedMessage
    same_bytes: bool


@dataclass(frozen=True)
class SortedMessages:
    """What a heap of messages comes to: the state of each different one, repeats, and what could not be read."""

    states: tuple[MessageState, ...]
    duplicates: tuple[Duplicate, ...]
    unreadable: tuple[ReceivedMessage, ...]


def read_message(
    data: bytes, *, now: datetime | None = None, trusted: Sequence[x509.Certificate] = ()
) -> ReceivedMessage:
    """Read one message, whatever its version and its faults.

    Parameters
    ----------
    data : bytes
        As received.
    now : datetime, optional
        With it, a message that claims to come from the future is reported.
    trusted : sequence of x509.Certificate, optional
        With them, a message without a signature that leads to one of them is not acceptable.

    Returns
    -------
    ReceivedMessage
        Nothing is raised for what the bytes say.
    """
    try:
        root = parse(data)
    except InputError as error:
        return ReceivedMessage(data, "", None, (refused(error),))
    return _message(root, data, "", now, trusted)


def read_document(
    data: bytes, *, now: datetime | None = None, trusted: Sequence[x509.Certificate] = ()
) -> ReceivedDocument:
    """Read a message, or every message inside a feed or an envelope; of a feed also where the others are to be found."""
    try:
        root = parse(data)
    except InputError as error:
        broken = ReceivedMessage(data, "", None, (refused(error),))
        return ReceivedDocument("message", (broken,), (), ())
    kind = feed_kind(root)
    if kind == "message":
        return ReceivedDocument(kind, (_message(root, data, "", now, trusted),), (), ())
    report = Report(issuing=False)
    items = check_feed(root, kind, len(data), report)
    found = [_message(one.root, one.data, one.path, now, trusted) for one in embedded_alerts(root, report)]
    return ReceivedDocument(kind, tuple(found), items, tuple(report.findings))


def _message(
    root: etree._Element, data: bytes, path: str, now: datetime | None, trusted: Sequence[x509.Certificate]
) -> ReceivedMessage:
    report = Report(issuing=False, within=path)
    if local_name(root) != "alert":
        check_root(root, data, report)
        return ReceivedMessage(data, "", None, tuple(report.findings), path)
    tree = copy.deepcopy(root)
    version = convert(tree, report)
    check_root(tree, data, report, now=now, trusted=trusted)
    alert = read_liberally(tree, report) if version else None
    return ReceivedMessage(data, version, alert, tuple(report.findings), path)


def sort_out(
    received: Iterable[ReceivedMessage],
    *,
    now: datetime,
    assumed_validity: timedelta = timedelta(hours=24),
    statuses: frozenset[Status] = frozenset({Status.ACTUAL}),
) -> SortedMessages:
    """Say of each different message what became of it, in whatever order they came.

    Two messages are the same when sender, identifier and moment of sending agree; the first that came is kept. For the other
    parameters see ``cap.chain.read_chain``.
    """
    kept: dict[Key, ReceivedMessage] = {}
    alerts: list[Alert] = []
    duplicates: list[Duplicate] = []
    unreadable: list[ReceivedMessage] = []
    for message in received:
        if message.alert is None:
            unreadable.append(message)
        elif message.alert.key in kept:
            first = kept[message.alert.key]
            duplicates.append(Duplicate(first, message, first.data == message.data))
        else:
            kept[message.alert.key] = message
            alerts.append(message.alert)
    states = read_chain(alerts, now=now, assumed_validity=assumed_validity, statuses=statuses)
    return SortedMessages(tuple(states), tuple(duplicates), tuple(unreadable))
