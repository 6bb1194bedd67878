"""Colours and severities, names of messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cap_samples import make_info

from anlan.errors import ConflictError, ParameterError
from anlan.settings import Settings
from anlan.warning.cap import Severity, check
from anlan.warning.cap.colour import level_of_info, level_of_severity, level_parameter, severity_of
from anlan.warning.identifiers import Issuer, issuer_of, new_identifier
from anlan.warning.levels import Level, colour_of, highest, level_of_colour, parse_level, rank

MOMENT = datetime(2026, 6, 30, 16, 0, 5, tzinfo=UTC)  # one second of the first of July in Beijing
NAMES = {"zh": "咸宁市应急管理局", "en": "Xianning Emergency Bureau"}


@pytest.mark.parametrize(
    ("level", "number", "severity", "colour"),
    [
        (Level.BLUE, 1, Severity.MINOR, "Blue"),
        (Level.YELLOW, 2, Severity.MODERATE, "Yellow"),
        (Level.ORANGE, 3, Severity.SEVERE, "Orange"),
        (Level.RED, 4, Severity.EXTREME, "Red"),
    ],
)
def test_colour_and_severity_both_ways(level: Level, number: int, severity: Severity, colour: str) -> None:
    assert (rank(level), severity_of(level), colour_of(level)) == (number, severity, colour)
    assert level_of_severity(severity) is level
    assert level_of_colour(colour) is level
    assert parse_level(str(level)) is level
    info = replace(make_info(), severity=severity, parameters=(level_parameter(level),))
    assert level_of_info(info) is level


def test_foreign_message_without_a_colour_has_no_level() -> None:
    assert level_of_info(replace(make_info(), parameters=())) is None
    assert level_of_severity(Severity.UNKNOWN) is None
    assert level_of_colour("Green") is None


def test_highest_level() -> None:
    assert highest([Level.YELLOW, Level.RED, Level.BLUE]) is Level.RED
    assert highest([]) is None
    with pytest.raises(ParameterError, match="purple"):
        parse_level("purple")


def test_identifier_forms() -> None:
    national = Issuer("42120041600000", NAMES)
    wmo = Issuer("urn:oid:2.49.0.0.156.1", NAMES, form="oid", oid="2.49.0.1.156.1")
    dated = Issuer("warn@city.example", NAMES, form="dated", code="421200")
    assert [
        new_identifier(issuer, MOMENT, taken=lambda _text: False) for issuer in (national, wmo, dated)
    ] == [
        "42120041600000_20260701000005",
        "urn:oid:2.49.0.1.156.1.2026.6.30.16.0.5",
        "421200_20260701000005",
    ]


@pytest.mark.parametrize("form", ["national", "oid", "dated"])
def test_identifiers_of_one_second_never_meet_those_of_an_exercise(form: str) -> None:
    issuer = Issuer("42120041600000", NAMES, form=form, code="x", oid="2.49.0.1.156.1")  # type: ignore[arg-type]
    taken: set[str] = set()
    for exercise in (False, True):
        for _ in range(10):
            taken.add(new_identifier(issuer, MOMENT, taken=taken.__contains__, exercise=exercise))
        with pytest.raises(ConflictError, match="this second"):
            new_identifier(issuer, MOMENT, taken=taken.__contains__, exercise=exercise)
    assert len(taken) == 20
    assert not any(set(text) & set(" ,<&") for text in taken)


@pytest.mark.parametrize(
    ("sender", "changes"),
    [
        ("", {}),
        ("has blank", {"form": "dated", "code": "x"}),
        ("a,b", {"form": "dated", "code": "x"}),
        ("4212004160000", {}),
        ("a@b", {"form": "dated", "code": "x y"}),
        ("a@b", {"form": "oid", "oid": "2.49."}),
    ],
)
def test_issuer_that_cannot_work_is_refused(sender: str, changes: dict[str, str]) -> None:
    with pytest.raises(ParameterError):
        Issuer(sender, NAMES, **changes)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="names"):
        Issuer("42120041600000", {})


def test_settings_decide_the_form() -> None:
    assert issuer_of(Settings()).form == "dated"
    assert issuer_of(Settings(cap_sender="42120041600000")).form == "national"
    wmo = issuer_of(Settings(cap_sender="urn:oid:2.49.0.0.156.7", base_url="https://city.example/"))
    assert (wmo.form, wmo.oid, wmo.web) == (
        "oid",
        "2.49.0.1.156.7",
        "https://city.example/public",
    )


def test_level_that_contradicts_severity_is_noticed() -> None:
    from cap_samples import make_alert

    wrong = make_alert(infos=(replace(make_info(), severity=Severity.MINOR),))
    assert [finding.code for finding in check(wrong)] == ["W-COLOUR"]
