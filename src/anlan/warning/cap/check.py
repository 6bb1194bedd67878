"""Check a CAP message against the schema, the rules that the schema misses, and good practice.

``check`` gives findings and raises nothing: a message is acceptable when none of them is an error. With
``issuing=True`` it is as strict as we are with ourselves.

Sources: OASIS CAP-v1.2 sections 3 and 4; the list of rules with their reasons is in ``docs/explain/cap.md``.
"""

from __future__ import annotations

from datetime import datetime

from lxml import etree

from anlan.errors import InputError
from anlan.warning.cap._rules_alert import check_alert, header_of
from anlan.warning.cap._rules_area import check_area
from anlan.warning.cap._rules_info import check_info, check_languages, children
from anlan.warning.cap.findings import Finding, Report, local_name, refused
from anlan.warning.cap.model import Alert, MsgType
from anlan.warning.cap.safe_xml import parse
from anlan.warning.cap.schema import NAMESPACE, check_schema
from anlan.warning.cap.signature import check_signatures
from anlan.warning.cap.write import write

__all__ = ["check"]

_FAMILY = ("urn:oasis:names:tc:emergency:cap:", "http://www.incident.com/cap/")


def check(message: bytes | Alert, *, issuing: bool = False, now: datetime | None = None) -> list[Finding]:
    """Say everything that is wrong or unwise in a message.

    Parameters
    ----------
    message : bytes or Alert
        A document as received, or a message that we are about to issue.
    issuing : bool, default False
        Be as strict as with our own messages: what is tolerated in others' becomes an error.
    now : datetime, optional
        With it, a message that claims to come from the future is reported.

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
    if not _check_root(root, report):
        return report.findings
    if not report.findings:
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
    check_signatures(data, root, report)
    return report.findings


def _check_root(root: etree._Element, report: Report) -> bool:
    """Look at namespace and name; the content is worth reading for any version of CAP, and for nothing else."""
    namespace = etree.QName(root).namespace or ""
    if local_name(root) != "alert":
        report.error("NS", root, "root", given=local_name(root))
        return False
    if namespace != NAMESPACE:
        report.error("NS", root, given=namespace or "-", accepted=NAMESPACE)
    return namespace == NAMESPACE or namespace.startswith(_FAMILY)
