"""CAP 1.0 and 1.1 turned into 1.2, so that one reader and one set of rules serve all three.

The tree is changed in place: lines stay those of the document. What is turned is not judged here; it is checked
afterwards as any message of 1.2. Writing knows 1.2 only.

Sources: OASIS CAP 1.0 (2004) and 1.1 (2005), and the list of changes in appendix C of CAP 1.2.
"""

from __future__ import annotations

from typing import Literal

from lxml import etree

from anlan.warning.cap._rules_info import children
from anlan.warning.cap.findings import Report, local_name
from anlan.warning.cap.schema import NAMESPACE

__all__ = ["CapVersion", "convert", "version_of"]

CapVersion = Literal["", "1.0", "1.1", "1.2"]

_VERSIONS: dict[str, CapVersion] = {
    "http://www.incident.com/cap/1.0": "1.0",
    "urn:oasis:names:tc:emergency:cap:1.0": "1.0",
    "urn:oasis:names:tc:emergency:cap:1.1": "1.1",
    NAMESPACE: "1.2",
}


def version_of(root: etree._Element) -> CapVersion:
    """The version by its namespace; empty for any other."""
    return _VERSIONS.get(etree.QName(root).namespace or "", "")


def convert(root: etree._Element, report: Report) -> CapVersion:
    """Turn a message of 1.0 or 1.1 into one of 1.2, in place, and say what was changed.

    Returns
    -------
    {"", "1.0", "1.1", "1.2"}
        The version that it was; empty, and nothing done, for what is no CAP message.
    """
    version = version_of(root)
    if version in ("", "1.2"):
        return version
    old = etree.QName(root).namespace
    for element in root.iter(f"{{{old}}}*"):
        element.tag = f"{{{NAMESPACE}}}{local_name(element)}"
    report.advise("VERSION", root, version=version)
    for password in children(root, "password"):
        report.advise("VERSION", password, "dropped", element="password")
        root.remove(password)
    for info in children(root, "info"):
        for certainty in children(info, "certainty"):
            if (certainty.text or "").strip().lower() == "very likely":
                report.advise("VERSION", certainty, "word", given="Very Likely", used="Likely")
                certainty.text = "Likely"
        for name in ("eventCode", "parameter"):
            _split(info, name, report)
        for area in children(info, "area"):
            _split(area, "geocode", report)
        for resource in children(info, "resource"):
            _add_type(resource, report)
    return version


def _split(parent: etree._Element, name: str, report: Report) -> None:
    """``<geocode>FIPS6=009007</geocode>`` of 1.0 becomes valueName and value."""
    for element in children(parent, name):
        text = (element.text or "").strip()
        if len(element) or "=" not in text:
            continue
        before, _, after = text.partition("=")
        element.text = None
        for inner, content in (("valueName", before), ("value", after)):
            etree.SubElement(element, f"{{{NAMESPACE}}}{inner}").text = content.strip()
        report.advise("VERSION", element, "split", element=name)


def _add_type(resource: etree._Element, report: Report) -> None:
    if children(resource, "mimeType"):
        return
    added = etree.Element(f"{{{NAMESPACE}}}mimeType")
    added.text = "application/octet-stream"
    described = children(resource, "resourceDesc")
    resource.insert(resource.index(described[0]) + 1 if described else 0, added)
    report.advise("VERSION", resource, "added", element="mimeType", given=added.text)
