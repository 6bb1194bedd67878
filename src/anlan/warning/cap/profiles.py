"""What particular consumers ask for beyond the standard: Google Public Alerts, WMO's composers, China.

A profile never takes a rule of the standard away; it adds. The rule of each is named after it (``E-GOOGLE``), the variant
says which of its points.

Sources: Google Public Alerts CAP profile v1.0; WMO-No. 1109 and the house rules of the CAP Composer of WMO's regional
association for Africa; for China the Emergency Response Law's four levels, GB/T 2260, GB/T 35561-2017 and the value rules of
the national release system as public programs show them (``docs/explain/cap.md``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Literal

from lxml import etree

from anlan.errors import InputError
from anlan.warning.cap._rules_alert import child, moment, text_of
from anlan.warning.cap._rules_info import children
from anlan.warning.cap.colour import LEVEL_PARAMETER, severity_of
from anlan.warning.cap.findings import Report
from anlan.warning.cap.geometry import MAX_POINTS_TO_COMPARE, crosses_itself, parse_ring
from anlan.warning.cap.model import DEFAULT_LANGUAGE, MsgType, Status
from anlan.warning.levels import level_of_colour

__all__ = ["PROFILES", "Profile", "check_profile", "china_events"]

Profile = Literal["wmo", "google", "china"]
PROFILES: tuple[Profile, ...] = ("wmo", "google", "china")

_NEEDS_REFERENCES = (MsgType.UPDATE, MsgType.CANCEL)
_WARNINGS = (MsgType.ALERT, MsgType.UPDATE)


def check_profile(root: etree._Element, report: Report, profile: Profile) -> None:
    """Report where a message does not meet a profile."""
    _CHECKS[profile](root, report)


def _check_google(root: etree._Element, report: Report) -> None:
    infos = children(root, "info")
    if not infos:
        report.error("GOOGLE", root, "info")
    if text_of(root, "msgType") in _NEEDS_REFERENCES and not text_of(root, "references"):
        report.error("GOOGLE", child(root, "msgType"), "references")
    if text_of(root, "status") == Status.TEST:
        report.advise("GOOGLE", child(root, "status"), "test")
    sent = moment(root, "sent")
    for info in infos:
        _google_info(info, sent, report)
    for other in infos[1:]:
        for name in ("category", "eventCode"):
            if _contents(infos[0], name) != _contents(other, name):
                report.error("GOOGLE", child(other, name), "same", element=name)
    by_language: dict[str, str] = {}
    for info in infos:
        language = (text_of(info, "language") or DEFAULT_LANGUAGE).lower()
        event = text_of(info, "event") or ""
        if by_language.setdefault(language, event) != event:
            report.advise("GOOGLE", child(info, "event"), "event")
    _google_rings(infos, report)


def _google_info(info: etree._Element, sent: datetime | None, report: Report) -> None:
    for name in ("description", "web", "expires", "urgency", "severity", "certainty"):
        if not text_of(info, name):
            report.error("GOOGLE", child(info, name), "missing", element=name)
    for name in ("senderName", "responseType", "instruction", "contact"):
        if not text_of(info, name):
            report.advise("GOOGLE", child(info, name), "advised", element=name)
    start, end = moment(info, "effective") or sent, moment(info, "expires")
    if start and end and start > end:
        report.error("GOOGLE", child(info, "expires"), "times")
    for name in ("urgency", "severity", "certainty"):
        if text_of(info, name) == "Unknown":
            report.advise("GOOGLE", child(info, name), "unknown", element=name)
    headline, description = text_of(info, "headline") or "", text_of(info, "description") or ""
    if len(headline) >= 140:
        report.advise("GOOGLE", child(info, "headline"), "headline", count=len(headline))
    areas = children(info, "area")
    if not areas:
        report.error("GOOGLE", info, "area")
    for area in areas:
        shapes = children(area, "polygon") + children(area, "circle")
        codes = children(area, "geocode")
        if not shapes and not codes:
            report.error("GOOGLE", area, "shape")
        elif not shapes:
            report.advise("GOOGLE", area, "geocode")
        if len(text_of(area, "areaDesc") or "") >= 50:
            report.advise("GOOGLE", child(area, "areaDesc"), "area_name")
        for circle in children(area, "circle"):
            if re.search(r"\s0+(\.0*)?$", (circle.text or "").strip()):
                report.advise("GOOGLE", circle, "radius")
    if description and description == text_of(info, "instruction"):
        report.advise("GOOGLE", child(info, "instruction"), "repeated")


def _google_rings(infos: list[etree._Element], report: Report) -> None:
    for info in infos:
        for area in children(info, "area"):
            for polygon in children(area, "polygon"):
                try:
                    ring = parse_ring(polygon.text or "")
                except InputError:
                    continue
                if len(ring) > MAX_POINTS_TO_COMPARE or not report.may_compare(len(ring)):
                    report.advise("GOOGLE", polygon, "not_compared")
                elif crosses_itself(ring):
                    report.advise("GOOGLE", polygon, "crossing")


_WMO_IDENTIFIER = re.compile(
    r"urn:oid:2\.49\.0\.[0-3]\.\d{1,3}(\.\d+)*\.\d{4}\.\d{1,2}\.\d{1,2}\.\d{1,2}\.\d{1,2}\.\d{1,2}(\.\d+)*"
)
_FEW_DECIMALS = re.compile(r"(?<![\d.])[+-]?\d+(\.\d?)?(?=[,\s]|$)")
_MANY_DECIMALS = re.compile(r"\.\d{7,}")


def _check_wmo(root: etree._Element, report: Report) -> None:
    if not _WMO_IDENTIFIER.fullmatch(text_of(root, "identifier") or ""):
        report.warn(
            "WMO", child(root, "identifier"), "identifier", given=(text_of(root, "identifier") or "")[:80]
        )
    kind = text_of(root, "msgType")
    if kind in (MsgType.ACK, MsgType.ERROR):
        report.error("WMO", child(root, "msgType"), "type", given=kind)
    if kind in _NEEDS_REFERENCES and not text_of(root, "references"):
        report.error("WMO", child(root, "msgType"), "references")
    sent = moment(root, "sent")
    for info in children(root, "info"):
        for name in ("urgency", "severity", "certainty"):
            if text_of(info, name) == "Unknown":
                report.error("WMO", child(info, name), "unknown", element=name)
        event = text_of(info, "event") or ""
        if len(event) > 35:
            report.error("WMO", child(info, "event"), "event", count=len(event))
        for name in ("effective", "onset", "expires"):
            given = moment(info, name)
            if given and sent and given < sent:
                report.error("WMO", child(info, name), "before_sent", element=name)
        for area in children(info, "area"):
            _wmo_area(area, report)


def _wmo_area(area: etree._Element, report: Report) -> None:
    shapes = children(area, "polygon") + children(area, "circle")
    if children(area, "geocode") and not shapes:
        report.error("WMO", area, "geocode")
    for polygon in children(area, "polygon"):
        text = polygon.text or ""
        if _FEW_DECIMALS.search(text) or _MANY_DECIMALS.search(text):
            report.warn("WMO", polygon, "decimals")
        if len(text.split()) > 100:
            report.advise("WMO", polygon, "points", count=len(text.split()))


_UNIT = re.compile(r"\d{6}[0-9A-Za-z]{8}")
_NATIONAL = re.compile(r"(\d{6}[0-9A-Za-z]{8})_(\d{14})(_\d)?(_EX)?")
_OID = re.compile(r"(urn:oid:)?\d+(\.\d+)+")
_COUNTY = re.compile(r"[1-9]\d{5}")
_EVENT = re.compile(r"1[1-4][A-Z]\d\d")
_BEIJING = timedelta(hours=8)


def _check_china(root: etree._Element, report: Report) -> None:
    identifier, sender = text_of(root, "identifier") or "", text_of(root, "sender") or ""
    national = _NATIONAL.fullmatch(identifier)
    if national is None and not _OID.fullmatch(identifier):
        report.warn("CHINA", child(root, "identifier"), "identifier", given=identifier[:80])
    elif national is not None:
        if not _is_moment(national[2]):
            report.error("CHINA", child(root, "identifier"), "identifier_time", given=national[2])
        if _UNIT.fullmatch(sender) and national[1] != sender:
            report.error(
                "CHINA", child(root, "identifier"), "identifier_sender", given=national[1], sender=sender
            )
    if not (_UNIT.fullmatch(sender) or _OID.fullmatch(sender) or "@" in sender):
        report.warn("CHINA", child(root, "sender"), "sender", given=sender[:80])
    for place, name in _times(root):
        given = moment(place, name)
        if given is not None and given.utcoffset() != _BEIJING:
            report.advise("CHINA", child(place, name), "zone", element=name)
    infos = children(root, "info")
    languages = {(text_of(info, "language") or DEFAULT_LANGUAGE).lower() for info in infos}
    if infos and not any(tag == "zh" or tag.startswith(("zh-cn", "zh-hans")) for tag in languages):
        report.error("CHINA", infos[0], "language")
    kind = text_of(root, "msgType") or ""
    for info in infos:
        _china_info(info, kind, report)


def _times(root: etree._Element) -> Iterable[tuple[etree._Element, str]]:
    yield root, "sent"
    for info in children(root, "info"):
        for name in ("effective", "onset", "expires"):
            yield info, name


def _china_info(info: etree._Element, kind: str, report: Report) -> None:
    for name in ("senderName", "headline", "description"):
        if not text_of(info, name):
            report.error("CHINA", child(info, name), "missing", element=name)
    if kind in _WARNINGS:
        for name in ("expires", "instruction"):
            if not text_of(info, name):
                report.warn("CHINA", child(info, name), "advised", element=name)
        _china_level(info, report)
    _china_codes(info, report)
    for area in children(info, "area"):
        codes = [
            item
            for item in children(area, "geocode")
            if (text_of(item, "valueName") or "").upper() == "GBT2260"
        ]
        for item in codes:
            if not _COUNTY.fullmatch(text_of(item, "value") or ""):
                report.error("CHINA", item, "county", given=(text_of(item, "value") or "")[:40])
        shapes = children(area, "polygon") + children(area, "circle")
        if codes and not shapes:
            report.warn("CHINA", area, "shape")
        elif not codes and not shapes:
            report.error("CHINA", area, "place")


def _china_level(info: etree._Element, report: Report) -> None:
    stated = [item for item in children(info, "parameter") if text_of(item, "valueName") == LEVEL_PARAMETER]
    categories = {(item.text or "").strip() for item in children(info, "category")}
    if not stated:
        # Events of social security have no public levels by law.
        if categories != {"Security"}:
            report.error("CHINA", info, "level")
        return
    level = level_of_colour(text_of(stated[0], "value") or "")
    if level is None:
        report.error("CHINA", stated[0], "level_word", given=(text_of(stated[0], "value") or "")[:40])
    elif text_of(info, "severity") != severity_of(level):
        report.error(
            "CHINA",
            stated[0],
            "level_severity",
            given=text_of(stated[0], "value"),
            accepted=severity_of(level),
        )


def _china_codes(info: etree._Element, report: Report) -> None:
    given = [(item, (text_of(item, "value") or "").split("_")[0]) for item in children(info, "eventCode")]
    national = [(item, code) for item, code in given if _EVENT.fullmatch(code)]
    if not national:
        report.warn("CHINA", child(info, "eventCode"), "event_code")
    for item, code in national:
        if code not in china_events():
            report.advise("CHINA", item, "event_unknown", given=code)


@cache
def china_events() -> dict[str, str]:
    """Event codes of the national release system that public programs show, with their names; not the whole list."""
    return dict(
        tomllib.loads(files(__package__).joinpath("china_events.toml").read_text(encoding="utf-8"))["events"]
    )


def _is_moment(digits: str) -> bool:
    try:
        datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - a form, not a time of ours
    except ValueError:
        return False
    return True


def _contents(info: etree._Element, name: str) -> list[str]:
    return sorted(" ".join(str(text).strip() for text in item.itertext()) for item in children(info, name))


_CHECKS: dict[Profile, Callable[[etree._Element, Report], None]] = {
    "wmo": _check_wmo,
    "google": _check_google,
    "china": _check_china,
}
