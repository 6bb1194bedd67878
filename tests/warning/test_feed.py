"""The feed: a pure function of the messages, with a tag that changes exactly when its content does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cap_samples import SENT, make_alert
from lxml import etree

from anlan.errors import InputError, ParameterError
from anlan.warning.cap import MsgType
from anlan.warning.feed import Feed, FeedEntry, etag, week_of, week_start, write_feed, write_rss

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


HISTORY = "{http://purl.org/syndication/history/1.0}"


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


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_any_number_of_items(count: int) -> None:
    (channel,) = etree.fromstring(write_rss(FEED, [entry(number) for number in range(count)]))
    items = channel.findall("item")
    assert len(items) == count
    assert channel.findtext("link") == FEED.url
    changed = "Thu, 01 Jan 2026 00:00:00 GMT" if not count else items[0].findtext("pubDate")
    assert channel.findtext("lastBuildDate") == channel.findtext("pubDate") == changed
    assert [item.findtext("link") for item in items] == [entry(n).url for n in reversed(range(count))]
    assert [item.findtext("guid") for item in items] == [f"m{n}" for n in reversed(range(count))]


def test_an_item_says_what_hubs_look_for() -> None:
    alert = make_alert(identifier="m1", sender="warn@city.example")
    (item,) = etree.fromstring(write_rss(FEED, [replace(entry(1), alert=alert)])).iter("item")
    assert item.findtext("title") == "咸宁市发布暴雨橙色预警"
    assert item.findtext("pubDate") == "Wed, 01 Jul 2026 00:00:00 GMT"
    assert item.findtext("author") == "warn@city.example (咸宁市应急管理局)"
    assert item.findtext("category") == "Met"
    guid = item.find("guid")
    assert guid is not None
    assert guid.get("isPermaLink") == "false"
    assert item.findtext(f"{CAP}expires") == "2026-07-01T14:00:00+08:00"
    # A sender that is no mailbox has no place in an author of RSS.
    (other,) = etree.fromstring(write_rss(FEED, [entry(1)])).iter("item")
    assert other.find("author") is None


def test_feeds_name_their_page_their_language_and_the_archive() -> None:
    about = replace(
        FEED,
        page_url="https://city.example/public",
        others={"en": f"{FEED.url}?lang=en"},
        previous_url="https://city.example/feed/2026-W26.atom",
    )
    for data, tag in ((write_feed(about, []), f"{ATOM}link"), (write_rss(about, []), f"{ATOM}link")):
        links = {
            (link.get("rel"), link.get("hreflang")): link.get("href")
            for link in etree.fromstring(data).iter(tag)
        }
        assert links == {
            ("self", None): FEED.url,
            ("alternate", None): "https://city.example/public",
            ("alternate", "en"): f"{FEED.url}?lang=en",
            ("prev-archive", None): "https://city.example/feed/2026-W26.atom",
        }
        assert not list(etree.fromstring(data).iter(f"{HISTORY}archive"))
    page = replace(about, url="https://city.example/feed/2026-W27.atom", current_url=FEED.url)
    for data in (write_feed(page, [entry(1)]), write_rss(page, [entry(1)])):
        root = etree.fromstring(data)
        assert len(list(root.iter(f"{HISTORY}archive"))) == 1
        assert [link.get("href") for link in root.iter(f"{ATOM}link") if link.get("rel") == "current"] == [
            FEED.url
        ]


def test_weeks_across_the_year() -> None:
    assert week_of(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == "2026-W53"
    assert week_of(datetime(2027, 1, 3, 23, 59, tzinfo=UTC)) == "2026-W53"
    assert week_of(datetime(2027, 1, 4, tzinfo=UTC)) == "2027-W01"
    assert week_start("2026-W53") == datetime(2026, 12, 28, tzinfo=UTC)
    assert week_of(datetime(2027, 1, 4, 7, 59, tzinfo=SENT.tzinfo)) == "2026-W53"
    for wrong in ("2026-W54", "2025-W53", "2026-W00", "2026-27", "", "2026-W1", "0000-W01"):
        with pytest.raises(ParameterError, match="ISO week"):
            week_start(wrong)
