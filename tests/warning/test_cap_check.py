"""Each rule catches what it is for, in a message that is good otherwise."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cap_samples import RING, SENT, make_alert, make_bytes, make_info
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from anlan.errors import InputError
from anlan.texts import LANGUAGES, catalogue
from anlan.warning.cap import Alert, Circle, MsgType, NamedValue, Reference, check, read, write
from anlan.warning.cap.findings import Finding
from anlan.warning.cap.model import Area, Scope, Status
from anlan.warning.cap.schema import NAMESPACE, schema

OTHER = Reference("42120041600000", "42120041600000_20260701070000", "2026-07-01T07:00:00+08:00")


def error_codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings if finding.severity == "error"}


def find(findings: list[Finding], code: str) -> Finding:
    return next(finding for finding in findings if finding.code == code)


def test_our_message_has_nothing_to_say_against_it() -> None:
    assert check(make_alert(), issuing=True, now=SENT) == []
    schema().assertValid(etree.fromstring(write(make_alert())))


def test_our_message_is_written_to_the_letter() -> None:
    text = write(make_alert()).decode()
    assert "<sent>2026-07-01T08:00:00+08:00</sent>" in text
    assert "<polygon>29.71,113.88 29.72,114.02 29.63,113.99 29.71,113.88</polygon>" in text
    assert "<circle>29.7,113.9 3.5</circle>" in text
    assert "50 毫米以上 &lt;=100 &amp; 更多" in text
    utc = write(replace(make_alert(), sent=datetime(2026, 7, 1, tzinfo=UTC))).decode()
    assert "<sent>2026-07-01T00:00:00-00:00</sent>" in utc


def test_reading_gives_back_what_was_written() -> None:
    assert read(write(make_alert())) == make_alert()


MANDATORY = ["identifier", "sender", "sent", "status", "msgType", "scope"]
MANDATORY_IN_INFO = ["category", "event", "urgency", "severity", "certainty"]


@pytest.mark.parametrize("name", [*MANDATORY, *MANDATORY_IN_INFO, "resourceDesc", "mimeType", "areaDesc"])
def test_each_mandatory_element_is_missed(name: str) -> None:
    text = make_bytes().decode()
    data = re.sub(rf" *<{name}>[^<]*</{name}>\n", "", text, count=1).encode()
    assert data != text.encode()
    assert "E-XSD" in error_codes(check(data))


def swapped_neighbours() -> list[tuple[str, str]]:
    """Every pair of different neighbouring leaves of the first info and of the outer part."""
    lines = make_bytes().decode().split("\n")
    pairs = []
    for first, second in zip(lines, lines[1:], strict=False):
        names = [re.fullmatch(r" *<(\w+)>.*</\1>", line) for line in (first, second)]
        if names[0] and names[1] and names[0][1] != names[1][1]:
            pairs.append((first, second))
    return pairs


@pytest.mark.parametrize("pair", swapped_neighbours(), ids=lambda pair: pair[0].strip()[:30])
def test_swapped_neighbours_are_caught(pair: tuple[str, str]) -> None:
    data = make_bytes(("\n".join(pair), "\n".join(reversed(pair))))
    assert "E-XSD" in error_codes(check(data))


@pytest.mark.parametrize(
    "word", ["Actual", "Alert", "Public", "Met", "Prepare", "Expected", "Severe", "Likely"], ids=str
)
def test_words_of_lists_are_case_sensitive(word: str) -> None:
    finding = find(check(make_bytes((f">{word}<", f">{word.lower()}<"))), "E-XSD")
    assert finding.variant == "value"
    assert word in str(finding.values["accepted"])


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-07-01T00:00:00Z",
        "2026-07-01T08:00:00.5+08:00",
        "2026-07-01T08:00:00",
        "2026-02-30T08:00:00+08:00",
        "2026-07-01 08:00:00+08:00",
        "2026-07-01T08:00+08:00",
        "2026-07-01T08:00:00,08:00",
        "2026-07-01T08:00:60+08:00",
        "2026-07-01T08:00:00+15:00",
        "",
    ],
)
def test_times_of_another_form_are_refused(wrong: str) -> None:
    finding = find(check(make_bytes(("2026-07-01T08:00:00+08:00", wrong))), "E-XSD")
    assert (finding.path, finding.values["accepted"]) == ("sent", "YYYY-MM-DDThh:mm:ss±hh:mm")


def test_end_of_day_is_read_and_never_written() -> None:
    alert = read(make_bytes(("<sent>2026-07-01T08:00:00+08:00", "<sent>2026-06-30T24:00:00+08:00")))
    assert alert.sent == SENT.replace(hour=0)
    assert alert.reference.sent == "2026-06-30T24:00:00+08:00"
    assert b"<sent>2026-07-01T00:00:00+08:00</sent>" in write(alert)


SPOILED = [
    (("<identifier>4", "<identifier>4 "), "E-CHARS", "identifier"),
    (("<identifier>4", "<identifier>4,"), "E-CHARS", "identifier"),
    (("<sender>4", "<sender>&lt;"), "E-CHARS", "sender"),
    (("<identifier>42120041600000_20260701080000", "<identifier>"), "E-CHARS", "identifier"),
    (("29.71,113.88</polygon>", "29.71,113.89</polygon>"), "E-POLY-OPEN", "info[1]/area[1]/polygon[1]"),
    (("29.72,114.02 29.63,113.99 ", "29.72,114.02 "), "E-POLY-MIN", "info[1]/area[1]/polygon[1]"),
    (("29.71,113.88 29.72", "29.71,113.88, 29.72"), "E-POLY-FMT", "info[1]/area[1]/polygon[1]"),
    (("29.71,113.88 29.72", "hello 29.72"), "E-POLY-FMT", "info[1]/area[1]/polygon[1]"),
    (("29.71,113.88 29.72", "(29.71,113.88 29.72"), "E-POLY-FMT", "info[1]/area[1]/polygon[1]"),
    (("29.72,114.02 29", "114.02,29.72 29"), "E-POLY-RANGE", "info[1]/area[1]/polygon[1]"),
    (("29.7,113.9 3.5", "29.7,113.9"), "E-CIRCLE", "info[1]/area[1]/circle[1]"),
    (("29.7,113.9 3.5", "29.7,113.9 -3.5"), "E-CIRCLE", "info[1]/area[1]/circle[1]"),
    (("29.7,113.9 3.5", "113.9,29.7 3.5"), "E-CIRCLE", "info[1]/area[1]/circle[1]"),
    (("      <altitude>0.0</altitude>\n", ""), "E-CEILING", "info[1]/area[1]/ceiling"),
    (("https://city.example/w/1", "w/1"), "E-WEB", "info[1]/web"),
    (("https://city.example/w/1", "https://city.example/w 1"), "E-WEB", "info[1]/web"),
    (("https://city.example/w/1", "https:///w"), "E-WEB", "info[1]/web"),
    (("<size>1200", "<size>-1"), "E-RESSIZE", "info[1]/resource[1]/size"),
    (("<digest>", "<derefUri>not base64</derefUri>\n<digest>"), "E-DEREF", "info[1]/resource[1]/derefUri"),
    (("<scope>Public", "<scope>Private"), "E-ADDRESSES", "scope"),
    (("</scope>", "</scope><references>a,b</references>"), "E-REF", "references"),
    (("</scope>", "</scope><references>a,b,2026-07-01T07:00:00+08:00,d</references>"), "E-REF", "references"),
    (("</scope>", "</scope><references>a,b,2026-07-01T07:00:00Z</references>"), "E-REF", "references"),
    (("<expires>", "<expires>2026-07-01T14:00:00+08:00</expires><expires>"), "E-XSD", "info[1]/expires"),
    (("</alert>", "<alert/></alert>"), "E-XSD", "alert"),
    (("<status>", '<status lang="zh">'), "E-XSD", "status"),
    (("zh-CN", "zh_CN"), "E-XSD", "info[1]/language"),
    ((NAMESPACE, "urn:oasis:names:tc:emergency:cap:1.1"), "E-NS", "alert"),
    ((NAMESPACE, "urn:example:other"), "E-NS", "alert"),
]


@pytest.mark.parametrize(("change", "code", "path"), SPOILED, ids=lambda value: str(value)[:40])
def test_errors_that_everybody_must_refuse(change: tuple[str, str], code: str, path: str) -> None:
    findings = check(make_bytes(change))
    assert error_codes(findings) == {code}
    assert find(findings, code).path == path
    assert find(findings, code).line > 0


def with_info(**changes: object) -> Alert:
    return make_alert(infos=(replace(make_info(), **changes),))  # type: ignore[arg-type]


STRICT = [
    (make_alert(msg_type=MsgType.UPDATE), "NOREF"),
    (make_alert(msg_type=MsgType.CANCEL, infos=()), "NOREF"),
    (make_alert(infos=()), "NOINFO"),
    (
        make_alert(msg_type=MsgType.UPDATE, references=(replace(OTHER, sent="2026-07-01T08:00:01+08:00"),)),
        "REFTIME",
    ),
    (make_alert(msg_type=MsgType.UPDATE, references=(OTHER, OTHER)), "REFTWICE"),
    (make_alert(msg_type=MsgType.UPDATE, references=(make_alert().reference,)), "SELFREF"),
    (make_alert(status=Status.EXERCISE), "NOTE"),
    (make_alert(scope=Scope.RESTRICTED), "RESTRICTION"),
    (make_alert(restriction="hospitals"), "RESTRICTION"),
    (with_info(expires=None), "NOEXP"),
    (with_info(expires=SENT, onset=None), "TIME"),
    (with_info(onset=SENT + timedelta(days=2)), "TIME"),
    (with_info(effective=SENT - timedelta(hours=2)), "TIME"),
    (with_info(areas=()), "NOAREA"),
    (with_info(areas=(Area("赤壁市"),)), "NOGEO"),
    (with_info(areas=(Area("", (RING,)),)), "EMPTY"),
    (with_info(areas=(Area("赤壁市", circles=(Circle((29.7, 113.9), 0),)),)), "CIRCLE0"),
    (with_info(areas=(Area("赤壁市", circles=(Circle((29.7, 113.9), 6000),)),)), "CIRCLELARGE"),
    (with_info(areas=(Area("赤壁市", (RING,), altitude_feet=9, ceiling_feet=8),)), "CEILING"),
    (with_info(categories=make_info().categories * 2), "CATTWICE"),
    (with_info(description="风力 <b>8</b> 级"), "HTML"),
    (with_info(headline="暴雨\u202e橙色"), "HIDDEN"),
    (with_info(parameters=(NamedValue("warning_level", "Red"),)), "COLOUR"),
    (with_info(parameters=(NamedValue("warning_level", "orange"),)), "COLOUR"),
    (with_info(parameters=(NamedValue("warning_level", ""),)), "EMPTY"),
    (with_info(web="ftp://city.example/w"), "WEBSCHEME"),
    (
        make_alert(
            infos=(make_info(), replace(make_info("en", "a", "b"), expires=SENT + timedelta(hours=7)))
        ),
        "LANGDIFF",
    ),
]


@pytest.mark.parametrize(("alert", "rule"), STRICT, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_tolerated_in_others_is_an_error_in_ours(alert: Alert, rule: str) -> None:
    assert f"W-{rule}" in {finding.code for finding in check(write(alert))}
    assert error_codes(check(write(alert))) == set()
    assert f"E-{rule}" in error_codes(check(alert, issuing=True))


def test_outline_that_crosses_itself_is_never_issued() -> None:
    bow = ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
    alert = with_info(areas=(Area("x", (bow,)),))
    assert error_codes(check(alert, issuing=True)) == {"E-POLYCROSS"}


def test_advice_and_warnings_do_not_refuse() -> None:
    many = tuple((29 + i / 1000, 113 + (i % 7) / 1_000_003) for i in range(120))
    alert = with_info(
        headline="长" * 161,
        event="事" * 36,
        description="同",
        instruction="同",
        areas=(Area("x", ((*many, many[0]),)), Area("y", geocodes=(NamedValue("GBT2260", "421281"),))),
    )
    found = {finding.code for finding in check(replace(alert, addresses='"a'))}
    assert {"W-HEADLEN", "W-EVENTLEN", "W-SAMEPARTS", "W-POLYPOINTS", "W-POLYDECIMALS", "W-QUOTES"} <= found
    assert not any(code.startswith("E-") for code in found)


def test_untranslated_text_is_noticed() -> None:
    alert = make_alert(infos=(make_info(), make_info("en-US")))
    assert find(check(alert), "W-LANGSAME").path == "info[2]/headline"


def test_message_from_the_future_is_noticed_only_with_a_clock() -> None:
    assert "W-SENTFUTURE" in {item.code for item in check(make_bytes(), now=SENT - timedelta(minutes=6))}
    assert check(make_bytes(), now=SENT - timedelta(minutes=4)) == []


def test_signature_must_be_last() -> None:
    signature = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>'
    assert "E-SIGPLACE" in error_codes(check(make_bytes(("<info>", f"{signature}<info>"))))
    assert error_codes(check(make_bytes(("</alert>", f"{signature}</alert>")))) == set()


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE alert SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE alert [<!ENTITY a "b">]>',
        '<!-- x --><!DOCTYPE alert [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_doctype_is_refused_unread(prolog: str, encoding: str) -> None:
    text = make_bytes().decode().replace("<alert", f"{prolog}<alert").replace("UTF-8", encoding)
    findings = check(text.encode(encoding))
    assert [finding.code for finding in findings] == ["E-DTD"]
    with pytest.raises(InputError, match="E-DTD"):
        read(text.encode(encoding))


def test_words_of_a_doctype_inside_a_text_are_only_words() -> None:
    data = make_bytes(("避开低洼处", "<![CDATA[a <!DOCTYPE b]]>"))
    assert check(data) == []
    assert read(data).infos[0].instruction == "暴雨：a <!DOCTYPE b"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E-XML"),
        (b"\x00\x01", "E-XML"),
        (b"<alert>", "E-XML"),
        (b"x" * 5_000_001, "E-LIMIT"),
        (b"<a>" * 40 + b"</a>" * 40, "E-LIMIT"),
        (b"<a>" + b"<b/>" * 50_001 + b"</a>", "E-LIMIT"),
        (b"<rss/>", "E-NS"),
        (make_bytes(("咸宁市发布", "咸宁\x00")), "E-XML"),
        (make_bytes(("咸宁市发布", "咸宁\x0b")), "E-XML"),
        (make_bytes(("咸宁市发布", "&#x1;")), "E-XML"),
        (make_bytes().decode().encode("gb18030"), "E-XML"),
    ],
    ids=range(11),
)
def test_hostile_bytes_get_one_plain_finding(data: bytes, code: str) -> None:
    findings = check(data)
    assert [finding.code for finding in findings] == [code]
    with pytest.raises(InputError):
        read(data)


def test_every_legal_spelling_is_read_the_same() -> None:
    text = make_bytes().decode()
    prefixed = re.sub(r"<(/?)(\w)", r"<\1cap:\2", text).replace("xmlns=", "xmlns:cap=")
    commented = text.replace("咸宁市应急", "咸宁<!-- x -->市<?y z?>应急")
    spellings = [
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("\n", "\r\n").encode(),
        prefixed.encode(),
        text.replace("UTF-8", "UTF-16").encode("utf-16"),
        text.replace("UTF-8", "GB18030").encode("gb18030"),
        commented.encode(),
        text.replace("29.72,114.02 29.63", "29.72,114.02\n\t29.63").encode(),
        text.replace("<sent>2026-07-01T08:00:00+08:00", "<sent>\n 2026-07-01T08:00:00+08:00 ").encode(),
    ]
    for spelling in spellings:
        assert error_codes(check(spelling)) == set()
        assert read(spelling) == make_alert()


def test_every_rule_has_its_sentences() -> None:
    keys = {key for key in catalogue() if key.startswith("cap.rule.")}
    used: set[str] = set()
    for alert, _rule in STRICT:
        used |= {finding.key for finding in check(alert, issuing=True)}
    for change, _code, _path in SPOILED:
        findings = check(make_bytes(change))
        used |= {finding.key for finding in findings}
        assert all(finding.say(language) for finding in findings for language in LANGUAGES)
    assert used <= keys


def test_control_characters_cannot_be_written() -> None:
    alert = make_alert(infos=(make_info(headline="a\x0bb"),))
    assert [finding.code for finding in check(alert)] == ["E-XMLCHARS"]
    with pytest.raises(InputError, match=r"U\+000B"):
        write(alert)


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t\r&<>\"'")
).map(str.strip)


@settings(deadline=None)
@given(texts, texts)
def test_any_text_survives(headline: str, description: str) -> None:
    # White space that XML does not know (U+3000 …) belongs to the text; the reader strips what Python strips.
    alert = make_alert(infos=(replace(make_info(), headline=headline, description=description),))
    try:
        data = write(alert)
    except InputError:
        assert re.search("[\ufffe\uffff]", headline + description)
        return
    assert read(data) == alert


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-90, 90, allow_subnormal=False), st.floats(-180, 180, allow_subnormal=False)),
        min_size=3,
        max_size=8,
    )
)
def test_any_ring_survives(points: list[tuple[float, float]]) -> None:
    ring = (*points, points[0])
    alert = make_alert(infos=(replace(make_info(), areas=(Area("x", (ring,)),)),))
    assert read(write(alert)).infos[0].areas[0].polygons == (ring,)
