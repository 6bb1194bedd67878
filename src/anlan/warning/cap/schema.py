"""The official schema of CAP 1.2, and its verdict in our words.

``cap-v1.2.xsd`` beside this file is the text of the OASIS standard, unchanged.
"""

from __future__ import annotations

import re
from importlib.resources import files

from lxml import etree

from anlan.warning.cap.findings import Report, local_name

__all__ = ["NAMESPACE", "check_schema", "schema"]

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"

_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)")
_NAMESPACE_IN_TEXT = re.compile(r"\{(?:urn|http)[^}]*\}")
_CHILD_MISSING = "Missing child element"
_VALUE_RULES = (
    "CVC_DATATYPE",
    "CVC_PATTERN",
    "CVC_ENUMERATION",
    "CVC_MINLENGTH",
    "CVC_MAXLENGTH",
    "CVC_LENGTH",
)
MOST_PLACES = 100
_FORM_TIME = "YYYY-MM-DDThh:mm:ss±hh:mm"


def schema() -> etree.XMLSchema:
    """A validator of one's own: the log of a shared one is not safe between threads, and a new one costs a millisecond."""
    return etree.XMLSchema(etree.fromstring(files(__package__).joinpath("cap-v1.2.xsd").read_bytes()))


def check_schema(root: etree._Element, report: Report) -> None:
    """Report each element at which the schema stops, once."""
    validator = schema()
    if validator.validate(root):
        return
    reported: set[str] = set()
    prefixes = _prefixes(root)
    for entry in validator.error_log:  # type: ignore[attr-defined]  # the stubs do not know it
        place = entry.path or "/*"
        if place in reported or len(reported) > MOST_PLACES:
            continue
        reported.add(place)
        element = _element_at(root, place, prefixes)
        _report_entry(entry, element, report)


def _prefixes(root: etree._Element) -> dict[str, str]:
    prefixes: dict[str, str] = {}
    for element in root.iter():
        prefixes.update((prefix, uri) for prefix, uri in element.nsmap.items() if prefix and uri)
    return prefixes


def _element_at(root: etree._Element, place: str, prefixes: dict[str, str]) -> etree._Element:
    """The element of an XPath of the validator; the root where it cannot be found again."""
    try:
        found = root.getroottree().xpath(place, namespaces=prefixes)
    except etree.XPathError:
        # One prefix can mean two namespaces in two parts of a document; a place is not worth a refusal.
        return root
    first = found[0] if isinstance(found, list) and found else root
    return first if isinstance(first, etree._Element) else root


def _report_entry(entry: etree._LogEntry, element: etree._Element, report: Report) -> None:
    message = _NAMESPACE_IN_TEXT.sub("", entry.message)
    name = local_name(element)
    expected = _EXPECTED.search(message)
    accepted = expected[1] if expected else ""
    kind = entry.type_name
    if "This element is not expected" in message:
        if accepted:
            report.error("XSD", element, "unexpected", element=name, accepted=accepted)
        else:
            report.error("XSD", element, "surplus", element=name)
    elif _CHILD_MISSING in message:
        report.error("XSD", element, "missing", element=name, accepted=accepted)
    elif any(rule in kind for rule in _VALUE_RULES):
        given = (element.text or "")[:80]
        report.error(
            "XSD", element, "value", element=name, given=given, accepted=_accepted_value(name, message)
        )
    else:
        report.error("XSD", element, "other", element=name, detail=message)


def _accepted_value(name: str, message: str) -> str:
    if name in ("sent", "effective", "onset", "expires"):
        return _FORM_TIME
    listed = re.search(r"element of the set \{(.*)\}", message)
    if listed:
        return listed[1].replace("'", "")
    return {
        "language": "zh-CN, en-US, …",
        "size": "0, 1, 2, …",
        "altitude": "0.0",
        "ceiling": "0.0",
        "web": "https://…",
        "uri": "https://…",
    }.get(name, message)
