"""Messages of others: three versions, faults told and read around, heaps sorted out."""

from __future__ import annotations

import csv
import itertools
import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from cap_samples import RING, SENT, make_alert, make_bytes, make_info

from anlan.warning.cap import (
    Alert,
    Certainty,
    Circle,
    MsgType,
    NamedValue,
    Reference,
    Status,
    check,
    read,
    write,
)
from anlan.warning.incoming import ReceivedMessage, read_document, read_message, sort_out

REFERENCE = Path(__file__).parents[1] / "reference" / "cap"
with (REFERENCE / "index.csv").open(encoding="utf-8", newline="") as _file:
    INDEX = {row["file"]: row for row in csv.DictReader(_file)}
HOUR = timedelta(hours=1)
V11 = "urn:oasis:names:tc:emergency:cap:1.1"
V10 = "http://www.incident.com/cap/1.0"
V12 = "urn:oasis:names:tc:emergency:cap:1.2"


@cache
def sample(name: str) -> ReceivedMessage:
    return read_message((REFERENCE / name).read_bytes())


def notes(message: ReceivedMessage, rule: str) -> list[tuple[str, str]]:
    return [(one.path, str(one.values.get("used", ""))) for one in message.findings if one.rule == rule]


@pytest.mark.parametrize("name", sorted(INDEX))
def test_every_sample_is_read_as_far_as_it_can_be(name: str) -> None:
    row = INDEX[name]
    found = sample(name)
    if row["class"] == "valid":
        assert found.is_acceptable
        assert found.alert == read((REFERENCE / name).read_bytes())
        assert notes(found, "READAS") == notes(found, "LEFTOUT") == []
        return
    if "E-DTD" in row["problems"]:
        assert (found.version, found.alert) == ("", None)
        return
    assert found.version == row["cap_version"]
    # A message of 1.1 is refused as 1.2, and may be sound once it has been turned into that.
    only_old = set(re.findall(r"E-[A-Z0-9-]+(?=:)", row["problems"])) == {"E-NS"}
    assert found.is_acceptable == only_old
    if found.alert is not None:
        assert (found.alert.sender, found.alert.identifier) == (row["sender"], row["identifier"])
        written = write(found.alert)
        assert [one.code for one in check(written) if one.code in ("E-XSD", "E-NS", "E-POLY-RANGE")] == []


def test_how_many_samples_can_be_used() -> None:
    found = {name: sample(name) for name in INDEX}
    unreadable = sorted(name for name, message in found.items() if message.alert is None)
    assert unreadable == [
        "invalid/cap-library__bushfire_invalid-n02.xml",  # an alert without anything in it
        "invalid/cap-library__xee.xml",  # an attack
        "invalid/fah__msg_actual-public_en_noof_hp.xml",  # a moment without a zone
        "invalid/fah__msg_actual-public_fr_of_nohp.xml",
    ]
    assert sum(message.is_acceptable for message in found.values()) == 37 + 7
    assert sum(message.version == "1.1" for message in found.values()) == 11


def test_ring_across_the_antimeridian_is_cut_in_two() -> None:
    found = read_message((REFERENCE / "invalid/fpas__gdacs-cap_1470644.xml").read_bytes())
    assert found.alert is not None
    rings = found.alert.infos[0].areas[0].polygons
    assert all(
        abs(latitude) <= 90 and abs(longitude) <= 180 for ring in rings for latitude, longitude in ring
    )
    assert all(ring[0] == ring[-1] and len(ring) >= 4 for ring in rings)
    assert not found.is_acceptable


def test_cut_ring_covers_what_the_whole_one_did() -> None:
    data = make_bytes(
        ("29.71,113.88 29.72,114.02 29.63,113.99 29.71,113.88", "0,170 0,190 10,190 10,170 0,170")
    )
    alert = read_message(data).alert
    assert alert is not None
    west, east = alert.infos[0].areas[0].polygons
    assert set(west) == {(0.0, 170.0), (0.0, 180.0), (10.0, 180.0), (10.0, 170.0)}
    assert set(east) == {(0.0, -180.0), (0.0, -170.0), (10.0, -170.0), (10.0, -180.0)}


def test_version_1_1_is_turned_into_1_2() -> None:
    text = make_bytes().decode().replace(V12, V11)
    text = re.sub(r" *<mimeType>.*</mimeType>\n", "", text)
    found = read_message(text.encode())
    assert (found.version, found.is_acceptable) == ("1.1", True)
    assert found.alert is not None
    assert found.alert.infos[0].resources[0].mime_type == "application/octet-stream"
    resource = replace(make_info().resources[0], mime_type="application/octet-stream")
    assert found.alert.infos[0] == replace(make_info(), resources=(resource,))
    places = [(one.variant, one.path, one.line > 0) for one in found.findings if one.rule == "VERSION"]
    assert ("", "alert", True) in places
    assert ("added", "info[1]/resource[1]", True) in places


def test_version_1_0_is_turned_into_1_2() -> None:
    text = make_bytes().decode().replace(V12, V10).replace("<certainty>Likely", "<certainty>Very Likely")
    text = text.replace("  <sent>", "  <password>secret</password>\n  <sent>", 1)
    for name in ("eventCode", "parameter", "geocode"):
        pattern = rf"<{name}>\s*<valueName>([^<]*)</valueName>\s*<value>([^<]*)</value>\s*</{name}>"
        text = re.sub(pattern, rf"<{name}>\1=\2</{name}>", text)
    assert "GBT2260=421281" in text
    found = read_message(text.encode())
    assert found.version == "1.0"
    assert [one.code for one in found.findings if one.severity == "error"] == []
    assert found.alert is not None
    assert found.alert == make_alert()
    assert found.alert.infos[0].certainty is Certainty.LIKELY
    assert found.alert.infos[0].areas[0].geocodes == (NamedValue("GBT2260", "421281"),)
    assert {one.variant for one in found.findings if one.rule == "VERSION"} == {
        "",
        "dropped",
        "word",
        "split",
    }
    # Writing knows 1.2 only.
    assert V12.encode() in write(found.alert)


READ_AS = [
    (("<status>Actual", "<status>actual"), "status", "Actual"),
    (("<msgType>Alert", "<msgType>ALERT"), "msgType", "Alert"),
    (("<msgType>Alert", "<msgType>Cancle"), "msgType", "Cancel"),  # codespell:ignore cancle
    (("<scope>Public", "<scope>public"), "scope", "Public"),
    (("<urgency>Expected", "<urgency>soon"), "info[1]/urgency", "Unknown"),
    (("<severity>Severe", "<severity>severe"), "info[1]/severity", "Severe"),
    (("<certainty>Likely", "<certainty>Very Likely"), "info[1]/certainty", "Likely"),
    (("T14:00:00+08:00</expires>", "T06:00:00Z</expires>"), "info[1]/expires", "2026-07-01T06:00:00-00:00"),
    (("T14:00:00+08:00</expires>", "T14:00:00.250+08:00</expires>"), "info[1]/expires", "2026-07-01T14:00:00+08:00"),
    (("T14:00:00+08:00</expires>", " 14:00:00+08:00</expires>"), "info[1]/expires", "2026-07-01T14:00:00+08:00"),
    (("T14:00:00+08:00</expires>", "T14:00+0800</expires>"), "info[1]/expires", "2026-07-01T14:00:00+08:00"),
    (("29.63,113.99 29.71,113.88<", "29.63,113.99<"), "info[1]/area[1]/polygon[1]", "4 points"),
    (("29.71,113.88 29.72,114.02", "29.71,113.88, 29.72,114.02"), "info[1]/area[1]/polygon[1]", "4 points"),
    (("29.71,113.88 29.72,114.02", "(29.71,113.88 29.72,114.02"), "info[1]/area[1]/polygon[1]", "4 points"),
    (("29.7,113.9 3.5", "29.7,113.9,3.5"), "info[1]/area[1]/circle[1]", "29.7,113.9 3.5"),
    (("29.7,113.9 3.5", "29.7, 113.9 3.5 km"), "info[1]/area[1]/circle[1]", "29.7,113.9 3.5"),
    (("29.7,113.9 3.5", "29.7,193.9 3.5"), "info[1]/area[1]/circle[1]", "29.7,-166.1 3.5"),
    (("29.7,113.9 3.5", "29.7,113.9"), "info[1]/area[1]/circle[1]", "29.7,113.9 0"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(READ_AS)))
def test_what_is_meant_is_read_and_told(number: int) -> None:
    change, path, used = READ_AS[number]
    found = read_message(make_bytes(change))
    assert found.alert is not None
    assert not found.is_acceptable
    assert (path, used) in notes(found, "READAS")
    finding = next(one for one in found.findings if one.rule == "READAS")
    assert (finding.severity, finding.line > 0) == ("advice", True)
    assert check(write(replace(found.alert, references=(OTHER,)))) is not None


OTHER = Reference("42120041600000", "42120041600000_20260701070000", "2026-07-01T07:00:00+08:00")
LEFT_OUT = [
    (("<category>Met", "<category>Weather"), "info[1]/category[1]"),
    (("<responseType>Prepare", "<responseType>Run"), "info[1]/responseType[1]"),
    (("T14:00:00+08:00</expires>", "T14:00:00</expires>"), "info[1]/expires"),
    (("T14:00:00+08:00</expires>", " tomorrow</expires>"), "info[1]/expires"),
    (("29.71,113.88 29.72,114.02", "hello 29.72,114.02"), "info[1]/area[1]/polygon[1]"),
    (("29.71,113.88 29.72,114.02 29.63,113.99 29.71,113.88", "113.88,29.71 114.02,29.72 113.99,29.63 113.88,29.71"), "info[1]/area[1]/polygon[1]"),
    (("29.7,113.9 3.5", "here"), "info[1]/area[1]/circle[1]"),
    (("29.7,113.9 3.5", "29.7,113.9 -1"), "info[1]/area[1]/circle[1]"),
    (("<size>1200", "<size>1.2 kB"), "info[1]/resource[1]/size"),
    (("<altitude>0.0", "<altitude>low"), "info[1]/area[1]/altitude"),
    (("</scope>", "</scope><references>a,b</references>"), "references"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(LEFT_OUT)))
def test_what_cannot_be_read_is_left_out_and_told(number: int) -> None:
    change, path = LEFT_OUT[number]
    found = read_message(make_bytes(change))
    assert found.alert is not None
    assert path in [where for where, _used in notes(found, "LEFTOUT")]
    assert not found.is_acceptable


@pytest.mark.parametrize("name", ["identifier", "sender", "sent", "status", "msgType", "scope"])
@pytest.mark.parametrize("text", ["", "?"])
def test_what_makes_a_message_is_never_guessed(name: str, text: str) -> None:
    line = next(line for line in make_bytes().decode().split("\n") if f"<{name}>" in line)
    found = read_message(make_bytes((line, f"  <{name}>{text}</{name}>")))
    if text and name in ("identifier", "sender"):
        assert found.alert is not None
    else:
        assert found.alert is None
        assert ("UNREADABLE", name) in [(one.rule, one.path) for one in found.findings]
    assert read_message(make_bytes((line + "\n", ""))).alert is None


def test_order_of_elements_is_no_matter_for_reading() -> None:
    text = make_bytes().decode()
    line = next(line for line in text.split("\n") if "<senderName>" in line)
    moved = text.replace(line + "\n", "", 1).replace("    <area>", f"{line}\n    <area>", 1)
    found = read_message(moved.encode())
    assert found.alert == make_alert()
    assert [(one.code, one.path) for one in found.findings if one.severity == "error"] == [
        ("E-XSD", "info[1]/senderName")
    ]


def test_documents_give_every_message_with_its_place() -> None:
    found = read_document((REFERENCE / "feeds/cap-library__bushfire_invalid.edxlde").read_bytes())
    assert (found.kind, len(found.messages)) == ("edxl", 7)
    assert [message.is_acceptable for message in found.messages] == [
        True,
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    assert found.messages[2].alert is not None
    assert found.messages[2].path == "contentObject[3]/xmlContent/embeddedXMLContent/alert"
    assert found.messages[2].findings[0].path == f"{found.messages[2].path}/info[1]/urgency"
    atom = read_document((REFERENCE / "feeds/cap-library__canada_signed.atom").read_bytes())
    assert [(message.version, message.is_acceptable) for message in atom.messages] == [("1.2", True)]
    index = read_document((REFERENCE / "feeds/cap-library__ny_index.rss").read_bytes())
    assert index.messages == ()
    assert index.items[1].url.endswith("capID=NYAlert-ALLHAZALERT-3162202")


# --- heaps --------------------------------------------------------------------------------------------------------


def message(number: int, kind: MsgType, *about: ReceivedMessage, sender: str = "a") -> ReceivedMessage:
    sent = SENT + number * HOUR
    info = replace(make_info(), effective=sent, onset=None, expires=sent + 24 * HOUR)
    alert = make_alert(
        identifier=f"m{number}",
        sender=sender,
        sent=sent,
        msg_type=kind,
        references=tuple(one.alert.reference for one in about if one.alert is not None),
        infos=(info,),
    )
    return read_message(write(alert))


FIRST = message(0, MsgType.ALERT)
SECOND = message(1, MsgType.UPDATE, FIRST)
THIRD = message(2, MsgType.UPDATE, FIRST, SECOND)
END = message(3, MsgType.CANCEL, FIRST, SECOND, THIRD)


def states(*messages: ReceivedMessage) -> dict[tuple[str, str], str]:
    found = sort_out(messages, now=SENT + 4 * HOUR)
    return {(one.alert.sender, one.alert.identifier): one.state for one in found.states}


def test_chain_in_any_order_with_repeats_and_gaps() -> None:
    whole = {
        ("a", "m0"): "cancelled",
        ("a", "m1"): "cancelled",
        ("a", "m2"): "cancelled",
        ("a", "m3"): "ending",
    }
    for order in itertools.permutations((FIRST, SECOND, THIRD, END)):
        assert states(*order, order[0]) == whole
    without = sort_out((THIRD, FIRST), now=SENT + 4 * HOUR)
    assert [one.state for one in without.states] == ["superseded", "in_force"]
    assert [one.identifier for one in without.states[1].unknown_references] == ["m1"]
    assert states(THIRD, FIRST, SECOND)[("a", "m1")] == "superseded"


def test_two_issuers_with_the_same_identifier() -> None:
    other = message(0, MsgType.ALERT, sender="b")
    assert states(FIRST, other, END)[("b", "m0")] == "in_force"
    # Nobody ends what another has issued.
    foreign = message(3, MsgType.CANCEL, FIRST, sender="b")
    assert states(FIRST, foreign)[("a", "m0")] == "in_force"


def test_the_first_of_two_with_the_same_name_is_kept() -> None:
    assert FIRST.alert is not None
    changed = read_message(FIRST.data.replace("避开低洼处".encode(), "没事".encode()))
    found = sort_out((FIRST, FIRST, changed), now=SENT + HOUR)
    assert [one.alert.infos[0].instruction for one in found.states] == [make_info().instruction]
    assert [one.same_bytes for one in found.duplicates] == [True, False]
    assert found.duplicates[1].dropped is changed


def test_what_cannot_be_read_stands_apart() -> None:
    broken = read_message(b"<alert/>")
    exercise = read_message(write(make_alert(identifier="x", status=Status.EXERCISE)))
    found = sort_out((broken, exercise), now=SENT + HOUR)
    assert found.unreadable == (broken,)
    assert [one.state for one in found.states] == ["not_actual"]


def test_samples_of_twenty_issuers_are_one_heap() -> None:
    received = [sample(name) for name in INDEX]
    found = sort_out(received, now=SENT)
    assert len(found.states) + len(found.duplicates) + len(found.unreadable) == len(INDEX)
    # The same message is there in several forms: with and without signature, cut out of a feed.
    assert any(not one.same_bytes for one in found.duplicates)


def test_reading_back_what_was_read_is_the_same() -> None:
    alert: Alert = make_alert(infos=(replace(make_info(), areas=()),))
    area = replace(make_info().areas[0], polygons=(RING,), circles=(Circle((1.0, 2.0), 0.5),))
    alert = replace(alert, infos=(replace(alert.infos[0], areas=(area,)),))
    assert read_message(write(alert)).alert == alert
