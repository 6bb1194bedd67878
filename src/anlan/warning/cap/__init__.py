"""CAP: the form of a warning outside the house. Read, write (1.2), check; nothing here knows a database."""

from __future__ import annotations

from anlan.warning.cap.check import DocumentCheck, check, check_document
from anlan.warning.cap.findings import Finding, raise_on_errors
from anlan.warning.cap.model import (
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    NamedValue,
    Reference,
    Resource,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)
from anlan.warning.cap.read import read
from anlan.warning.cap.schema import NAMESPACE
from anlan.warning.cap.times import format_time, parse_time
from anlan.warning.cap.write import write

__all__ = [
    "NAMESPACE",
    "Alert",
    "Area",
    "Category",
    "Certainty",
    "Circle",
    "DocumentCheck",
    "Finding",
    "Info",
    "MsgType",
    "NamedValue",
    "Reference",
    "Resource",
    "ResponseType",
    "Scope",
    "Severity",
    "Status",
    "Urgency",
    "check",
    "check_document",
    "format_time",
    "parse_time",
    "raise_on_errors",
    "read",
    "write",
]
