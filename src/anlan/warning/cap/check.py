"""Check a CAP message against the schema, the rules that the schema misses, profiles, and good practice.

``check`` gives findings and raises nothing: a message is acceptable when none of them is an error. With
``issuing=True`` it is as strict as we are with ourselves. ``check_document`` takes whatever file holds messages: one
message, a feed, an envelope.

Sources: OASIS CAP-v1.2 sections 3 and 4; the list of rules with their reasons is in ``docs/explain/cap.md``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lxml import etree

from anlan.errors import InputError
from anlan.warning.cap._rules_alert import check_alert, header_of
from anlan.warning.cap._rules_area import check_area
from anlan.warning.cap._rules_info import check_info, check_languages, children
from anlan.warning.cap.feeds import FeedItem, FeedKind, check_feed, feed_kind, local_alerts
from anlan.warning.cap.findings import Finding, Report, local_name, refused
from anlan.warning.cap.model import Alert, MsgType
from anlan.warning.cap.profiles import Profile, check_profile
from anlan.warning.cap.safe_xml import parse
from anlan.warning.cap.schema import NAMESPACE, check_schema
from anlan.warning.cap.signature import check_signatures
from anlan.warning.cap.write import write

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["DocumentCheck", "EmbeddedAlert", "check", "check_document", "check_root", "is_cap_namespace"]

MOST_ALERTS = 1_000
_FAMILY = ("urn:oasis:names:tc:emergency:cap:", "http://www.incident.com/cap/")


@dataclass(frozen=True)
class EmbeddedAlert:
    """A message inside a feed or an envelope: where it stands, and its element in a document of its own."""

    path: str
    root: etree._Element

    @property
    def data(self) -> bytes:
        """The message as a document. A signature over the outer document's namespaces need not hold over it."""
        return etree.tostring(self.root, xml_declaration=True, encoding="UTF-8")


@dataclass(frozen=True)
class DocumentCheck:
    """What was found in a file that holds messages. ``kind`` is ``message`` or that of a feed; ``items`` its entries."""

    kind: FeedKind
    findings: tuple[Finding, ...]
    alerts: int
    items: tuple[FeedItem, ...] = ()

    @property
    def is_acceptable(self) -> bool:
        return all(finding.severity != "error" for finding in self.findings)


def check(
    message: bytes | Alert,
    *,
    issuing: bool = False,
    now: datetime | None = None,
    profiles: Sequence[Profile] = (),
    trusted: Sequence[x509.Certificate] = (),
) -> list[Finding]:
    """Say everything that is wrong or unwise in a message.

    Parameters
    ----------
    message : bytes or Alert
        A document as received, or a message that we are about to issue.
    issuing : bool, default False
        Be as strict as with our own messages: what is tolerated in others' becomes an error.
    now : datetime, optional
        With it, a message that claims to come from the future is reported.
    profiles : sequence of {"wmo", "google", "china"}, optional
        Also ask for what these consumers ask for.
    trusted : sequence of x509.Certificate, optional
        With them, a message without a signature that leads to one of them is refused.

    Returns
    -------
    list of Finding
        In document order as far as the rules allow; empty when there is nothing to say.
    """
    try:
        data = write(message) if isinstance(message, Alert) else message
        root = parse(data)
    except InputError as error:
        return [refused(error)]
    report = Report(issuing=issuing)
    check_root(root, data, report, now=now, profiles=profiles, trusted=trusted)
    return report.findings


def check_root(
    root: etree._Element,
    data: bytes,
    report: Report,
    *,
    now: datetime | None = None,
    profiles: Sequence[Profile] = (),
    trusted: Sequence[x509.Certificate] = (),
) -> None:
    """Apply every rule to a message that has been parsed; ``data`` are the bytes that a signature is about."""
    if not _check_root(root, report):
        return
    if etree.QName(root).namespace == NAMESPACE:
        check_schema(root, report)
    check_alert(root, report, now=now)
    header, infos = header_of(root), children(root, "info")
    for info in infos:
        check_info(header, info, report)
        for area in children(info, "area"):
            check_area(area, report)
    check_languages(root, report)
    if not infos and header.msg_type in (MsgType.ALERT, MsgType.UPDATE):
        report.ours("NOINFO", root)
    for profile in profiles:
        check_profile(root, report, profile)
    check_signatures(data, root, report, trusted=trusted)


def check_document(
    data: bytes,
    *,
    issuing: bool = False,
    now: datetime | None = None,
    profiles: Sequence[Profile] = (),
    trusted: Sequence[x509.Certificate] = (),
) -> DocumentCheck:
    """Check a file that is a message, a feed (Atom, RSS), or an envelope (EDXL-DE and others) with messages in it.

    Places are told from the outermost element on, ``entry[2]/content/alert/info[1]``.
    """
    try:
        root = parse(data)
    except InputError as error:
        return DocumentCheck("message", (refused(error),), 0)
    kind = feed_kind(root)
    if kind == "message":
        report = Report(issuing=issuing)
        check_root(root, data, report, now=now, profiles=profiles, trusted=trusted)
        return DocumentCheck(kind, tuple(report.findings), 1 if local_name(root) == "alert" else 0)
    report = Report(issuing=issuing)
    items = check_feed(root, kind, len(data), report)
    found = embedded_alerts(root, report)
    findings = report.findings
    for alert in found:
        inner = Report(issuing=issuing, within=alert.path)
        check_root(alert.root, alert.data, inner, now=now, profiles=profiles, trusted=trusted)
        findings += inner.findings
    return DocumentCheck(kind, tuple(findings), len(found), items)


def embedded_alerts(root: etree._Element, report: Report) -> list[EmbeddedAlert]:
    """The messages inside a feed or an envelope, each in a document of its own; lines stay those of the file.

    Beyond a thousand there is an error in the report, and the rest is not looked at.
    """
    found: list[EmbeddedAlert] = []
    for path, element in local_alerts(root):
        if len(found) == MOST_ALERTS:
            report.error("LIMIT", element, "alerts", limit=MOST_ALERTS)
            break
        found.append(EmbeddedAlert(path, copy.deepcopy(element)))
    return found


def is_cap_namespace(namespace: str) -> bool:
    """Whether a namespace belongs to some version of CAP."""
    return namespace.startswith(_FAMILY)


def _check_root(root: etree._Element, report: Report) -> bool:
    """Look at namespace and name; the content is worth reading for any version of CAP, and for nothing else."""
    namespace = etree.QName(root).namespace or ""
    if local_name(root) != "alert":
        report.error("NS", root, "root", given=local_name(root))
        return False
    if namespace != NAMESPACE:
        report.error("NS", root, given=namespace or "-", accepted=NAMESPACE)
    return is_cap_namespace(namespace)
