"""Feeds of others over HTTP on loopback: only from where it was allowed, only what is new, and always to an end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cap_samples import SENT, make_alert

from anlan.errors import AnlanError, ForbiddenError, InputError, ParameterError, UnavailableError
from anlan.warning.cap import write
from anlan.warning.feed import Feed, FeedEntry, etag, write_feed, write_rss
from anlan.warning.fetching import collect, fetch, origin_of
from anlan.warning.incoming import read_message
from anlan.warning.received_folder import ReceivedFolder

NOW = datetime(2026, 7, 1, 1, tzinfo=UTC)
FEED = Feed("", "", {"zh": "预警"}, {"zh": "城市"}, datetime(2026, 1, 1, tzinfo=UTC))
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Peer:
    """A server whose answers a test sets; it notes what it was asked."""

    address: str = ""
    documents: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def publish(self, count: int, *, kind: str = "atom", base: str = "") -> None:
        base = base or self.address
        alerts = [make_alert(identifier=f"m{n}", sent=SENT + timedelta(minutes=n)) for n in range(count)]
        for alert in alerts:
            self.documents[f"/cap/{alert.identifier}"] = write(alert)
        about = replace(FEED, id=f"{self.address}/feed", url=f"{self.address}/feed")
        writer = write_feed if kind == "atom" else write_rss
        self.documents["/feed"] = writer(
            about, [FeedEntry(one, f"{base}/cap/{one.identifier}") for one in alerts]
        )


def make_handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            given = self.headers.get("If-None-Match", "")
            peer.asked.append((self.path, given))
            if self.path in peer.answers:
                peer.answers[self.path](self)
                return
            body = peer.documents.get(self.path)
            status = 404 if body is None else 304 if given == etag(body) else 200
            self.send_response(status)
            sent = b"" if body is None or status == 304 else body
            self.send_header("Content-Length", str(len(sent)))
            if body is not None:
                self.send_header("ETag", etag(body))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


@pytest.fixture
def make_peer() -> Iterator[Callable[[], Peer]]:
    servers = []

    def make() -> Peer:
        peer = Peer()
        server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(peer))
        server.daemon_threads = True
        peer.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return peer

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def peer(make_peer: Callable[[], Peer]) -> Peer:
    return make_peer()


@pytest.mark.parametrize("kind", ["atom", "rss"])
def test_a_feed_brings_every_message_it_names(peer: Peer, kind: str) -> None:
    peer.publish(3, kind=kind)
    found = collect(f"{peer.address}/feed", now=NOW)
    assert [message.alert.identifier for _url, message in found.messages if message.alert] == [
        "m2",
        "m1",
        "m0",
    ]
    assert all(url == f"{peer.address}/cap/{message.alert.identifier}" for url, message in found.messages if message.alert)  # fmt: skip
    assert (found.problems, found.is_unchanged) == ((), False)
    assert [path for path, _tag in peer.asked] == ["/feed", "/cap/m2", "/cap/m1", "/cap/m0"]


def test_a_single_message_can_be_fetched(peer: Peer) -> None:
    peer.publish(1)
    found = collect(f"{peer.address}/cap/m0")
    assert [message.is_acceptable for _url, message in found.messages] == [True]


def keep(folder: ReceivedFolder, url: str) -> list[str]:
    found = collect(url, folder=folder, now=NOW)
    kept = [folder.add(message, source=source, at=NOW) for source, message in found.messages]
    folder.save()
    return list(kept)


def test_only_what_is_new_is_asked_for(peer: Peer, tmp_path: Path) -> None:
    url = f"{peer.address}/feed"
    peer.publish(2)
    assert keep(ReceivedFolder(tmp_path), url) == ["new", "new"]
    tag = etag(peer.documents["/feed"])
    peer.asked.clear()
    # A later process: the feed is unchanged, and nothing else is asked.
    assert keep(ReceivedFolder(tmp_path), url) == []
    assert peer.asked == [("/feed", tag)]
    peer.publish(3)
    peer.asked.clear()
    assert keep(ReceivedFolder(tmp_path), url) == ["new"]
    assert peer.asked == [("/feed", tag), ("/cap/m2", "")]
    assert [one.alert.identifier for one in ReceivedFolder(tmp_path).messages() if one.alert] == [
        "m1",
        "m0",
        "m2",
    ]


def test_a_message_that_failed_is_asked_for_again(peer: Peer, tmp_path: Path) -> None:
    peer.publish(2)
    hidden = peer.documents.pop("/cap/m1")
    url = f"{peer.address}/feed"
    found = collect(url, folder=ReceivedFolder(tmp_path))
    assert [(where, type(error)) for where, error in found.problems] == [
        (f"{peer.address}/cap/m1", UnavailableError)
    ]
    assert keep(ReceivedFolder(tmp_path), url) == ["new"]
    peer.documents["/cap/m1"] = hidden
    # The feed has not changed, and yet comes whole; what is kept already is not fetched again.
    assert keep(ReceivedFolder(tmp_path), url) == ["new"]
    assert keep(ReceivedFolder(tmp_path), url) == []


def test_messages_elsewhere_are_fetched_only_when_that_was_allowed(make_peer: Callable[[], Peer]) -> None:
    here, there = make_peer(), make_peer()
    there.publish(1)
    here.publish(1, base=there.address)
    found = collect(f"{here.address}/feed")
    assert found.messages == ()
    assert [type(error) for _url, error in found.problems] == [ForbiddenError]
    assert there.asked == []
    found = collect(f"{here.address}/feed", allowed=[origin_of(there.address)])
    assert len(found.messages) == 1


def redirect(to: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def test_a_redirect_leads_only_where_that_was_allowed(make_peer: Callable[[], Peer]) -> None:
    here, there = make_peer(), make_peer()
    here.publish(1)
    there.publish(1)
    here.answers = {
        "/moved": redirect("/cap/m0"),
        "/away": redirect(f"{there.address}/cap/m0"),
        "/round": redirect("/round"),
        "/odd": redirect("file:///etc/passwd"),
        "/none": redirect("http://[x"),
    }
    assert fetch(f"{here.address}/moved").data == here.documents["/cap/m0"]
    with pytest.raises(ForbiddenError, match="not at a place that was allowed"):
        fetch(f"{here.address}/away")
    assert there.asked == []
    for path in ("/round", "/odd", "/none"):
        with pytest.raises(UnavailableError):
            fetch(f"{here.address}{path}")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a.example/x", "http://", "http:///x", "http://u:p@a.example/", "http://a b/", "http://a:x/", "//a.example/", "", "http://a.example/预警"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ParameterError, match="url must be"):
        fetch(url)


def test_origins() -> None:
    assert origin_of("HTTPS://City.Example/a?b") == "https://city.example:443"
    assert origin_of("http://city.example:8080/a") == "http://city.example:8080"


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    try:
        for _ in range(2_000):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.01)
    except OSError:
        pass


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    try:
        for _ in range(2_000):
            handler.wfile.write(b"H")
            handler.wfile.flush()
            time.sleep(0.01)
    except OSError:
        pass


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def large(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "6000000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(b"x" * 6_000_000)


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/9 what\r\n\r\n")
    handler.close_connection = True


def error(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(503)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@pytest.mark.parametrize("answer", [drip, drip_headers, hang, cut, large, nonsense, error])
def test_a_peer_that_misbehaves_costs_a_bounded_time(peer: Peer, answer: Answer) -> None:
    peer.answers["/feed"] = answer
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        fetch(f"{peer.address}/feed", seconds=0.5)
    # The peers above would take three seconds and more.
    assert time.monotonic() - began < 2.5


def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(UnavailableError, match="cannot be fetched"):
        fetch(f"http://127.0.0.1:{port}/feed")


def test_folder_keeps_the_first_and_tells_what_came_after(tmp_path: Path) -> None:
    folder = ReceivedFolder(tmp_path / "a" / "b")
    first = read_message(write(make_alert()))
    other = read_message(first.data.replace("避开低洼处".encode(), "没事".encode()))
    broken = read_message(b"<alert/>")
    assert [folder.add(one, source="x", at=NOW) for one in (first, first, other, other, broken)] == [
        "new", "repeated", "changed", "repeated", "unreadable",
    ]  # fmt: skip
    again = ReceivedFolder(tmp_path / "a" / "b")
    assert again.add(other, source="x", at=NOW) == "repeated"
    assert [one.data for one in again.messages()] == [first.data, other.data, broken.data]


def test_folder_survives_a_cut_line_and_names_a_broken_file(tmp_path: Path) -> None:
    folder = ReceivedFolder(tmp_path)
    folder.add(read_message(write(make_alert())), source="x", at=NOW)
    with (tmp_path / "received.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": "2026')
    assert len(list(ReceivedFolder(tmp_path).messages())) == 1
    (tmp_path / "feeds.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"feeds\.json"):
        ReceivedFolder(tmp_path)
    assert issubclass(InputError, AnlanError)
