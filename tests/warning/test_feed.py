"""The feed: a pure function of the messages, with a tag that changes exactly when its content does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cap_samples import SENT, make_alert
from lxml import etree

from anlan.errors import InputError, ParameterError
from anlan.warning.cap import MsgType
from anlan.warning.feed import Feed, FeedEntry, etag, write_feed

ATOM = "{http://www.w3.org/2005/Atom}"
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
FEED = Feed(
    id="https://city.example/cap/feed.atom",
    url="https://city.example/cap/feed.atom",
    titles={"zh": "咸宁市预警", "en": "Warnings of Xianning"},
    authors={"zh": "咸宁市应急管理局", "en": "Xianning Emergency Bureau"},
    since=datetime(2026, 1, 1, tzinfo=UTC),
)


def entry(number: int) -> FeedEntry:
    alert = make_alert(identifier=f"m{number}", sent=SENT + timedelta(seconds=number))
    return FeedEntry(
        alert, f"https://city.example/cap/m{number}.xml", f"https://city.example/w/{number}?a=1&b=2"
    )


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_any_number_of_entries(count: int) -> None:
    root = etree.fromstring(write_feed(FEED, [entry(number) for number in range(count)]))
    entries = root.findall(f"{ATOM}entry")
    assert len(entries) == count
    assert root.findtext(f"{ATOM}id") == FEED.id
    assert root.findtext(f"{ATOM}updated") == (
        "2026-01-01T00:00:00Z" if not count else entries[0].findtext(f"{ATOM}updated")
    )
    assert [item.findtext(f"{ATOM}id") for item in entries] == [entry(n).url for n in reversed(range(count))]


def test_an_entry_says_what_hubs_look_for() -> None:
    (item,) = etree.fromstring(write_feed(FEED, [entry(1)])).findall(f"{ATOM}entry")
    assert item.findtext(f"{ATOM}title") == "咸宁市发布暴雨橙色预警"
    assert item.findtext(f"{ATOM}published") == "2026-07-01T00:00:01Z"
    assert item.findtext(f"{ATOM}author/{ATOM}name") == "咸宁市应急管理局"
    links = {link.get("rel"): link for link in item.findall(f"{ATOM}link")}
    assert links["alternate"].get("href") == item.findtext(f"{ATOM}id")
    assert links["alternate"].get("type") == "application/cap+xml"
    assert links["related"].get("href") == "https://city.example/w/1?a=1&b=2"
    assert [category.get("term") for category in item.findall(f"{ATOM}category")] == ["Met"]
    digest = {child.tag.removeprefix(CAP): child.text for child in item if str(child.tag).startswith(CAP)}
    assert digest["severity"] == "Severe"
    assert digest["expires"] == "2026-07-01T14:00:00+08:00"
    assert digest["areaDesc"] == "赤壁市"
    assert item.findtext(f"{CAP}geocode/{CAP}value") == "421281"


def test_language_of_the_feed_picks_the_block() -> None:
    (item,) = etree.fromstring(write_feed(replace(FEED, language="en"), [entry(1)])).findall(f"{ATOM}entry")
    assert item.findtext(f"{ATOM}title") == "Xianning: orange rainstorm warning"


def test_tag_changes_exactly_when_content_does() -> None:
    entries = [entry(1), entry(2)]
    first = write_feed(FEED, entries)
    assert write_feed(FEED, reversed(entries)) == first
    assert etag(first).startswith('"')
    tags = {
        etag(first),
        etag(write_feed(FEED, entries[:1])),
        etag(write_feed(FEED, [*entries, entry(3)])),
        etag(write_feed(FEED, [entries[0], replace(entries[1], alert=replace(entries[1].alert, infos=()))])),
        etag(write_feed(replace(FEED, titles={"zh": "x"}), entries)),
    }
    assert len(tags) == 5


def test_cancel_without_info_is_listed() -> None:
    cancel = replace(entry(1), alert=make_alert(msg_type=MsgType.CANCEL, identifier="c", infos=()))
    (item,) = etree.fromstring(write_feed(FEED, [cancel])).findall(f"{ATOM}entry")
    assert item.findtext(f"{ATOM}title") == "Cancel c"


def test_two_entries_at_one_address_are_refused() -> None:
    with pytest.raises(ParameterError, match="different urls"):
        write_feed(FEED, [entry(1), entry(1)])
    with pytest.raises(InputError, match=r"U\+0007"):
        write_feed(replace(FEED, titles={"zh": "\x07"}), [])
