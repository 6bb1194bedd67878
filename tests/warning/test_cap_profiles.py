"""Profiles: what wmo, google and china ask for beyond the standard, each by a message that has all but one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from cap_samples import RING, SENT, make_alert, make_info

from anlan.texts import LANGUAGES, catalogue
from anlan.warning.cap import Alert, Circle, MsgType, NamedValue, Reference, check, write
from anlan.warning.cap.model import Area, Category, Certainty, Scope, Severity, Status, Urgency
from anlan.warning.cap.profiles import PROFILES, Profile, china_events

REFERENCE = Path(__file__).parents[1] / "reference" / "cap"
OID = "urn:oid:2.49.0.1.156.1.2026.7.1.0.0.0"
OTHER = Reference("42120041600000", "42120041600000_20260701070000", "2026-07-01T07:00:00+08:00")
WIDE = tuple((round(lat + 0.001, 3), round(lon + 0.001, 3)) for lat, lon in RING)


def found(alert: Alert, profile: Profile) -> set[tuple[str, str]]:
    rule = profile.upper()
    findings = check(write(alert), profiles=[profile])
    assert all(one.say(language) for one in findings for language in LANGUAGES)
    return {(one.severity, one.variant) for one in findings if one.rule == rule}


def with_info(**changes: object) -> Alert:
    return make_alert(infos=(replace(make_info(), **changes),))  # type: ignore[arg-type]


def with_area(**changes: object) -> Alert:
    return with_info(areas=(replace(make_info().areas[0], **changes),))  # type: ignore[arg-type]


def test_our_message_meets_every_profile() -> None:
    wide = replace(make_info().areas[0], polygons=(WIDE,))
    alert = make_alert(identifier=OID, infos=(replace(make_info(), areas=(wide,)),))
    assert {profile: found(alert, profile) for profile in PROFILES} == {
        "wmo": set(),
        "google": set(),
        "china": set(),
    }


def test_profiles_are_asked_for() -> None:
    assert not check(write(make_alert()))
    assert {one.rule for one in check(write(make_alert()), profiles=["wmo"])} == {"WMO"}


GOOGLE = [
    (make_alert(infos=()), "error", "info"),
    (with_info(description=""), "error", "missing"),
    (with_info(web=""), "error", "missing"),
    (with_info(expires=None), "error", "missing"),
    (with_info(effective=SENT + timedelta(hours=9), onset=None), "error", "times"),
    (with_info(areas=()), "error", "area"),
    (with_info(areas=(Area("x"),)), "error", "shape"),
    (make_alert(msg_type=MsgType.UPDATE), "error", "references"),
    (make_alert(msg_type=MsgType.CANCEL), "error", "references"),
    (
        make_alert(infos=(make_info(), replace(make_info("en"), categories=(Category.GEO,)))),
        "error",
        "same",
    ),
    (make_alert(infos=(make_info(), replace(make_info("en"), event_codes=()))), "error", "same"),
    (with_info(sender_name=""), "advice", "advised"),
    (with_info(response_types=()), "advice", "advised"),
    (with_info(instruction=""), "advice", "advised"),
    (with_info(contact=""), "advice", "advised"),
    (with_area(polygons=(), circles=()), "advice", "geocode"),
    (with_info(headline="长" * 140), "advice", "headline"),
    (with_info(instruction=make_info().description), "advice", "repeated"),
    (with_info(severity=Severity.UNKNOWN), "advice", "unknown"),
    (with_area(circles=(Circle((29.7, 113.9), 0),)), "advice", "radius"),
    (make_alert(infos=(make_info(), make_info(event="大雨"))), "advice", "event"),
    (with_area(description="区" * 50), "advice", "area_name"),
    (make_alert(status=Status.TEST), "advice", "test"),
    (with_area(polygons=(((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),)), "advice", "crossing"),
]  # fmt: skip

WMO = [
    (make_alert(), "warning", "identifier"),
    (make_alert(msg_type=MsgType.ACK, references=(OTHER,)), "error", "type"),
    (make_alert(msg_type=MsgType.UPDATE), "error", "references"),
    (with_info(urgency=Urgency.UNKNOWN), "error", "unknown"),
    (with_info(severity=Severity.UNKNOWN), "error", "unknown"),
    (with_info(certainty=Certainty.UNKNOWN), "error", "unknown"),
    (with_info(event="事" * 36), "error", "event"),
    (with_info(effective=SENT - timedelta(seconds=1)), "error", "before_sent"),
    (with_info(onset=SENT - timedelta(seconds=1)), "error", "before_sent"),
    (with_area(polygons=(), circles=()), "error", "geocode"),
    (with_area(polygons=(((1.5, 2.25), (1.25, 3.25), (2.25, 3.25), (1.5, 2.25)),)), "warning", "decimals"),
    (with_area(polygons=(tuple((1 + i / 100, 1 + (i % 9) / 100) for i in (*range(101), 0)),)), "advice", "points"),
]  # fmt: skip

CHINA = [
    (make_alert(identifier="a1"), "warning", "identifier"),
    (make_alert(identifier="42120041600000_20260231080000"), "error", "identifier_time"),
    (make_alert(identifier="42120041600001_20260701080000"), "error", "identifier_sender"),
    (make_alert(sender="somebody"), "warning", "sender"),
    (make_alert(sent=SENT.astimezone(UTC)), "advice", "zone"),
    (make_alert(infos=(make_info("en"),)), "error", "language"),
    (with_info(sender_name=""), "error", "missing"),
    (with_info(headline=""), "error", "missing"),
    (with_info(description=""), "error", "missing"),
    (with_info(expires=None), "warning", "advised"),
    (with_info(instruction=""), "warning", "advised"),
    (with_info(parameters=()), "error", "level"),
    (with_info(parameters=(NamedValue("warning_level", "橙色"),)), "error", "level_word"),
    (with_info(parameters=(NamedValue("warning_level", "Red"),)), "error", "level_severity"),
    (with_info(event_codes=()), "warning", "event_code"),
    (with_info(event_codes=(NamedValue("EC", "11Z99"),)), "advice", "event_unknown"),
    (with_area(geocodes=(NamedValue("GBT2260", "4212"),)), "error", "county"),
    (with_area(polygons=(), circles=()), "warning", "shape"),
    (with_area(polygons=(), circles=(), geocodes=()), "error", "place"),
]


@pytest.mark.parametrize(
    ("profile", "alert", "severity", "variant"),
    [("google", *case) for case in GOOGLE] + [("wmo", *case) for case in WMO] + [("china", *case) for case in CHINA],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_a_profile_misses(profile: Profile, alert: Alert, severity: str, variant: str) -> None:
    assert (severity, variant) in found(alert, profile)


def test_every_point_of_a_profile_has_a_case() -> None:
    tried = {("GOOGLE", variant) for _, _, variant in GOOGLE} | {("WMO", variant) for _, _, variant in WMO}
    tried |= {("CHINA", variant) for _, _, variant in CHINA}
    said = {tuple(key.split(".")[2:4]) for key in catalogue() if key.startswith(("cap.rule.GOOGLE.", "cap.rule.WMO.", "cap.rule.CHINA."))}  # fmt: skip
    assert said - tried == {("GOOGLE", "not_compared")}


def test_a_social_security_message_has_no_level() -> None:
    alert = with_info(categories=(Category.SECURITY,), parameters=())
    assert ("error", "level") not in found(alert, "china")


def test_a_cancel_needs_no_level() -> None:
    alert = make_alert(
        msg_type=MsgType.CANCEL, references=(OTHER,), infos=(replace(make_info(), parameters=()),)
    )
    assert ("error", "level") not in found(alert, "china")


def test_real_messages_of_wmo_members_meet_its_hard_rules() -> None:
    name = "valid/wis2box__cap_example.xml"
    findings = check((REFERENCE / name).read_bytes(), profiles=["wmo"])
    assert [one.variant for one in findings if one.rule == "WMO" and one.severity == "error"] == []
    assert "identifier" not in {one.variant for one in findings if one.rule == "WMO"}


def test_private_message_is_judged_like_any_other() -> None:
    alert = make_alert(scope=Scope.PRIVATE, addresses="a@b.example", infos=())
    assert found(alert, "google") == {("error", "info")}


def test_event_codes_are_data() -> None:
    assert china_events()["11B03"] == "暴雨"
    assert all(len(code) == 5 for code in china_events())
