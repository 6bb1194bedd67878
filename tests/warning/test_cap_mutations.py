"""One good message spoiled in every way of a list: each is caught, by the rule it breaks, at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from cap_samples import make_alert, make_bytes, make_info
from lxml import etree

from anlan.warning.cap import MsgType, check, write
from anlan.warning.cap.findings import Finding
from anlan.warning.cap.model import (
    Category,
    Certainty,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)
from anlan.warning.incoming import read_message

GOOD = make_bytes().decode()
SENT = "2026-07-01T08:00:00+08:00"
REFERENCE = "42120041600000,42120041600000_20260701070000,2026-07-01T07:00:00+08:00"


@dataclass(frozen=True)
class Mutation:
    """``code`` has to be among the findings; as an error when it begins with ``E``."""

    name: str
    data: bytes
    code: str


def changed(name: str, old: str, new: str, code: str, *, text: str = GOOD) -> Mutation:
    assert old in text, old
    return Mutation(name, text.replace(old, new, 1).encode(), code)


def lines_of(pattern: str) -> list[str]:
    return [line for line in GOOD.split("\n") if re.search(pattern, line)]


def dropped() -> Iterator[Mutation]:
    names = ["identifier", "sender", "sent", "status", "msgType", "scope", "category", "event", "urgency"]
    names += ["severity", "certainty", "valueName", "value", "resourceDesc", "mimeType", "areaDesc"]
    for name in names:
        line = lines_of(rf"<{name}>")[0]
        yield changed(f"without {name}", line + "\n", "", "E-XSD")
        yield changed(
            f"{name} twice", line, line + "\n" + line, "E-XSD" if name != "category" else "W-CATTWICE"
        )


def swapped() -> Iterator[Mutation]:
    """Every two neighbouring elements of every parent, groups included."""
    root = etree.fromstring(GOOD.encode())
    for parent in root.iter():
        for position in range(len(parent) - 1):
            if parent[position].tag == parent[position + 1].tag:
                continue
            tree = etree.fromstring(GOOD.encode())
            path = root.getroottree().getpath(parent)
            found = tree.getroottree().xpath(path)
            assert isinstance(found, list)
            here = found[0]
            assert isinstance(here, etree._Element)
            first, second = here[position], here[position + 1]
            names = [str(one.tag).rpartition("}")[2] for one in (parent, first, second)]
            here.remove(first)
            second.addnext(first)
            yield Mutation(f"swapped {'/'.join(names)} {position}", etree.tostring(tree), "E-XSD")


def words() -> Iterator[Mutation]:
    outer = (("status", Status), ("msgType", MsgType), ("scope", Scope))
    inner = (
        ("category", Category),
        ("responseType", ResponseType),
        ("urgency", Urgency),
        ("severity", Severity),
        ("certainty", Certainty),
    )
    for name, kind in outer + inner:
        line = lines_of(rf"<{name}>")[0]
        for word in kind:
            for wrong in (word.lower(), word.upper() if word.upper() != word else f"{word}s", f" {word}"):
                bad = re.sub(">[^<]*<", f">{wrong}<", line)
                yield changed(f"{name} {wrong!r}", line, bad, "E-XSD")
        yield changed(f"{name} empty", line, re.sub(">[^<]*<", "><", line), "E-XSD")
    yield changed("Very Likely", ">Likely<", ">Very Likely<", "E-XSD")


def times() -> Iterator[Mutation]:
    wrong = [
        "2026-07-01T00:00:00Z",
        "2026-07-01T08:00:00.5+08:00",
        "2026-07-01T08:00:00",
        "2026-07-01 08:00:00+08:00",
        "2026-07-01T08:00+08:00",
        "2026-02-30T08:00:00+08:00",
        "2026-13-01T08:00:00+08:00",
        "2026-07-01T25:00:00+08:00",
        "2026-07-01T08:00:60+08:00",
        "2026-07-01T08:00:00,08:00",
        "2026-07-01T08:00:00+0800",
        "2026-07-01T08:00:00+15:00",
        "26-07-01T08:00:00+08:00",
        "20260701080000",
        "２０２６-07-01T08:00:00+08:00",
        "now",
        "",
    ]
    for name in ("sent", "effective", "onset", "expires"):
        line = lines_of(rf"<{name}>")[0]
        for text in wrong:
            yield changed(f"{name} {text!r}", line, re.sub(">[^<]*<", f">{text}<", line), "E-XSD")
    yield changed("ends before it starts", "T14:00:00+08:00</expires>", "T07:00:00+08:00</expires>", "W-TIME")
    yield changed("onset after the end", "T09:00:00+08:00</onset>", "T15:00:00+08:00</onset>", "W-TIME")
    yield changed(
        "starts a day early", f"{SENT}</effective>", "2026-06-30T08:00:00+08:00</effective>", "W-TIME"
    )


def identities() -> Iterator[Mutation]:
    for name in ("identifier", "sender"):
        line = lines_of(rf"<{name}>")[0]
        for wrong in (
            "",
            " a",
            "a ",
            "a b",
            "a,b",
            "a&lt;b",
            "a&amp;b",
            "a\tb",
            "a\nb",
            "a\u3000b",
            "a\u00a0b",
        ):
            yield changed(f"{name} {wrong!r}", line, re.sub(">[^<]*<", f">{wrong}<", line), "E-CHARS")


def shapes() -> Iterator[Mutation]:
    ring = "29.71,113.88 29.72,114.02 29.63,113.99 29.71,113.88"
    for wrong, code in (
        ("29.71,113.88 29.72,114.02 29.63,113.99 29.71,113.89", "E-POLY-OPEN"),
        ("29.71,113.88 29.72,114.02 29.71,113.88", "E-POLY-MIN"),
        ("29.71,113.88", "E-POLY-MIN"),
        ("113.88,29.71 114.02,29.72 113.99,29.63 113.88,29.71", "E-POLY-RANGE"),
        ("29.71,193.88 29.72,114.02 29.63,113.99 29.71,193.88", "E-POLY-RANGE"),
        ("29.71,113.88, 29.72,114.02, 29.63,113.99, 29.71,113.88", "E-POLY-FMT"),
        ("29.71, 113.88 29.72, 114.02 29.63, 113.99 29.71, 113.88", "E-POLY-FMT"),
        ("29.71,113.88;29.72,114.02;29.63,113.99;29.71,113.88", "E-POLY-FMT"),
        ("29.71 113.88 29.72 114.02 29.63 113.99 29.71 113.88", "E-POLY-FMT"),
        ("(29.71,113.88 29.72,114.02 29.63,113.99 29.71,113.88)", "E-POLY-FMT"),
        ("29.71,113.88,0 29.72,114.02,0 29.63,113.99,0 29.71,113.88,0", "E-POLY-FMT"),
        ("29.71e0,113.88 29.72,114.02 29.63,113.99 29.71e0,113.88", "E-POLY-FMT"),
        ("nan,113.88 29.72,114.02 29.63,113.99 nan,113.88", "E-POLY-FMT"),
        ("29°42',113.88 29.72,114.02 29.63,113.99 29°42',113.88", "E-POLY-FMT"),
        ("２９.71,113.88 29.72,114.02 29.63,113.99 ２９.71,113.88", "E-POLY-FMT"),
        ("hello", "E-POLY-FMT"),
        ("", "W-POLYEMPTY"),
        ("  ", "W-POLYEMPTY"),
    ):
        yield changed(f"polygon {wrong!r}", ring, wrong, code)
    for wrong, code in (
        ("29.7,113.9", "E-CIRCLE"),
        ("29.7 113.9 3.5", "E-CIRCLE"),
        ("29.7,113.9,3.5", "E-CIRCLE"),
        ("29.7,113.9 3.5 km", "E-CIRCLE"),
        ("29.7,113.9 -3.5", "E-CIRCLE"),
        ("113.9,29.7 3.5", "E-CIRCLE"),
        ("29.7,113.9 1e3", "E-CIRCLE"),
        ("29.7,113.9 inf", "E-CIRCLE"),
        ("29.7,113.9 " + "9" * 400, "E-CIRCLE"),
        ("", "E-CIRCLE"),
        ("29.7,113.9 0", "W-CIRCLE0"),
        ("29.7,113.9 35000", "W-CIRCLELARGE"),
    ):
        yield changed(f"circle {wrong[:20]!r}", "29.7,113.9 3.5", wrong, code)
    yield changed("ceiling alone", "      <altitude>0.0</altitude>\n", "", "E-CEILING")
    yield changed("ceiling below", "<ceiling>1500.5", "<ceiling>-1", "W-CEILING")
    yield changed("no shape at all", re.search(r"      <polygon>.*</geocode>\n", GOOD, re.S)[0].split("    </area>")[0], "", "W-NOGEO")  # type: ignore[index]  # fmt: skip


def references() -> Iterator[Mutation]:
    update = GOOD.replace("<msgType>Alert", "<msgType>Update")
    put = "</scope>"
    yield Mutation("Update without references", update.encode(), "W-NOREF")
    yield Mutation(
        "Cancel without references", GOOD.replace("<msgType>Alert", "<msgType>Cancel").encode(), "W-NOREF"
    )
    sender, identifier, sent = REFERENCE.split(",")
    for given, code in (
        ("", "W-REFEMPTY"),
        (identifier, "E-REF"),
        (f"{sender},{identifier}", "E-REF"),
        (f"{REFERENCE},x", "E-REF"),
        (f"{sender}, {identifier}, {sent}", "E-REF"),
        (f"{sender},,{sent}", "E-REF"),
        (f"{sender},{identifier},2026-07-01T07:00:00Z", "E-REF"),
        (f"{sender},{identifier},2026-07-01", "E-REF"),
        (f"{REFERENCE};{REFERENCE}", "E-REF"),
        (f"{REFERENCE} {REFERENCE}", "W-REFTWICE"),
        (f"{sender},{identifier},2026-07-01T09:00:00+08:00", "W-REFTIME"),
        (f"{sender},42120041600000_20260701080000,{SENT}", "W-SELFREF"),
    ):
        yield changed(
            f"references {given!r}", put, f"{put}\n  <references>{given}</references>", code, text=update
        )


def rest() -> Iterator[Mutation]:
    signature = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>'
    yield changed("signature before info", "<info>", f"{signature}<info>", "E-SIGPLACE")
    yield changed("second alert", "</alert>", "<alert/></alert>", "E-XSD")
    yield changed("foreign element", "</alert>", '<x xmlns="urn:x"/></alert>', "E-XSD")
    yield changed("attribute", "<status>", '<status lang="zh">', "E-XSD")
    yield changed("language with _", "zh-CN", "zh_CN", "E-XSD")
    yield changed("Private without addresses", "<scope>Public", "<scope>Private", "E-ADDRESSES")
    yield changed("Restricted without a word", "<scope>Public", "<scope>Restricted", "W-RESTRICTION")
    yield changed("Exercise without a note", "<status>Actual", "<status>Exercise", "W-NOTE")
    yield changed("relative web", "https://city.example/w/1", "w/1", "E-WEB")
    yield changed("web with a blank", "https://city.example/w/1", "https://city.example/w 1", "E-WEB")
    yield changed("negative size", "<size>1200", "<size>-1200", "E-RESSIZE")
    yield changed("derefUri no base64", "<digest>", "<derefUri>not base64</derefUri>\n<digest>", "E-DEREF")
    yield changed("markup", "避开低洼处", "避开&lt;b&gt;低洼&lt;/b&gt;处", "W-HTML")
    yield changed("bidi override", "避开低洼处", "避开\u202e低洼处", "W-HIDDEN")
    yield changed("colour against severity", "<value>Orange", "<value>Red", "W-COLOUR")
    yield changed("other namespace", "emergency:cap:1.2", "emergency:cap:1.3", "E-NS")
    yield changed("no namespace", ' xmlns="urn:oasis:names:tc:emergency:cap:1.2"', "", "E-NS")
    yield changed("other root", "<alert ", "<warning ", "E-XML")
    yield changed("undeclared entity", "避开低洼处", "避开&nbsp;低洼处", "E-XML")
    yield changed("NUL", "避开低洼处", "避开\x00低洼处", "E-XML")
    yield changed("NUL by number", "避开低洼处", "避开&#0;低洼处", "E-XML")
    for number in (1, 8, 11, 12, 14, 31):
        yield changed(f"control {number}", "避开低洼处", f"避开{chr(number)}低洼处", "E-XML")
    for prolog in (
        "<!DOCTYPE alert>",
        '<!DOCTYPE alert SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a [<!ENTITY b "c">]>',
        '<!-- x --><?p?><!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1/x">%b;]>',
    ):
        yield changed(f"DOCTYPE {prolog[:24]}", "<alert ", f"{prolog}<alert ", "E-DTD")
    for encoding in ("utf-16", "utf-16-be"):
        text = GOOD.replace("<alert ", "<!DOCTYPE alert><alert ").replace("UTF-8", "UTF-16")
        mark = "" if encoding == "utf-16" else "\ufeff"
        yield Mutation(f"DOCTYPE in {encoding}", (mark + text).encode(encoding), "E-DTD")
    yield Mutation("cut", GOOD.encode()[:-20], "E-XML")
    yield Mutation("two documents", GOOD.encode() + GOOD.encode(), "E-XML")
    yield Mutation("text after the end", GOOD.encode() + b"x", "E-XML")
    yield Mutation("another encoding than it says", GOOD.encode("gb18030"), "E-XML")
    yield Mutation("nothing", b"", "E-XML")
    yield Mutation("too large", GOOD.replace("避开", "避" * 1_700_000, 1).encode(), "E-LIMIT")
    yield Mutation("too deep", GOOD.replace("避开", "<a>" * 40 + "</a>" * 40, 1).encode(), "E-LIMIT")


MUTATIONS = [*dropped(), *swapped(), *words(), *times(), *identities(), *shapes(), *references(), *rest()]


def code_and_place(findings: list[Finding], code: str) -> Finding | None:
    return next((one for one in findings if one.code == code), None)


def test_there_are_as_many_as_we_say() -> None:
    assert len(MUTATIONS) == 436
    assert len({mutation.data for mutation in MUTATIONS}) == len(MUTATIONS)
    assert not check(GOOD.encode())


def test_every_mutation_is_caught_for_its_reason() -> None:
    missed = []
    for mutation in MUTATIONS:
        findings = check(mutation.data)
        if code_and_place(findings, mutation.code) is None:
            missed.append((mutation.name, mutation.code, [one.code for one in findings]))
    assert missed == []


def test_what_is_only_a_warning_in_others_is_an_error_in_ours() -> None:
    advice = {"W-MORE", "W-UTC", "W-SAMEPARTS"}
    for mutation in MUTATIONS:
        if mutation.code.startswith("W-") and mutation.code not in advice:
            assert code_and_place(check(mutation.data, issuing=True), f"E-{mutation.code[2:]}"), mutation.name


def test_none_makes_the_liberal_reader_fail() -> None:
    for mutation in MUTATIONS:
        found = read_message(mutation.data)
        if mutation.code.startswith("E-"):
            assert not found.is_acceptable, mutation.name
        if found.alert is not None:
            # Strict in writing: what was read is written as CAP, or is refused as a whole.
            assert write(found.alert).startswith(b"<?xml")


LEGAL = {
    "byte order mark": "\ufeff" + GOOD,
    "CRLF": GOOD.replace("\n", "\r\n"),
    "prefix": re.sub(r"<(/?)(\w)", r"<\1c:\2", GOOD).replace("xmlns=", "xmlns:c="),
    "one line": re.sub(r">\s+<", "><", GOOD),
    "white space around a time": GOOD.replace(f"<sent>{SENT}", f"<sent>\n  {SENT} "),
    "tabs and lines in a polygon": GOOD.replace("29.72,114.02 29.63", "29.72,114.02\n\t\t29.63"),
    "comment": GOOD.replace("避开低洼处", "避开<!-- x -->低洼处"),
    "CDATA": GOOD.replace("避开低洼处", "避开<![CDATA[低洼处]]>"),
    "no declaration": GOOD.split("\n", 1)[1],
    "standalone": GOOD.replace('encoding="UTF-8"', 'encoding="UTF-8" standalone="yes"'),
    "stylesheet": GOOD.replace("<alert ", '<?xml-stylesheet href="cap.xsl" type="text/xsl"?><alert '),
    "schema location": GOOD.replace(
        "<alert ",
        '<alert xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:oasis:names:tc:emergency:cap:1.2 CAP-v1.2.xsd" ',
    ),
}


@pytest.mark.parametrize("name", LEGAL)
def test_other_spellings_of_the_same_are_accepted(name: str) -> None:
    assert [one.code for one in check(LEGAL[name].encode()) if one.severity == "error"] == []
    assert read_message(LEGAL[name].encode()).alert == make_alert()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "gb18030", "utf-8"])
def test_other_encodings_are_accepted(encoding: str) -> None:
    text = GOOD.replace("UTF-8", "UTF-16" if encoding.startswith("utf-16") else encoding)
    data = (("\ufeff" if encoding.startswith("utf-16-") else "") + text).encode(encoding)
    assert [one.code for one in check(data) if one.severity == "error"] == []
    assert read_message(data).alert == make_alert()


def test_a_message_at_the_edges_of_time_is_no_trouble() -> None:
    for sent in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T24:00:00+08:00"):
        data = re.sub(rf">{re.escape(SENT)}<", f">{sent}<", GOOD).encode()
        read_message(data)
        check(data, issuing=True)


def test_info_of_another_language_is_compared() -> None:
    other = replace(make_info("en-US", "a", "b"), urgency=Urgency.FUTURE)
    found = check(make_alert(infos=(make_info(), other)), issuing=True)
    assert code_and_place(found, "E-LANGDIFF") is not None
