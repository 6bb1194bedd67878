"""Peers that messages are sent to, for real, on loopback: an HTTP receiver that can misbehave, and a mail relay."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Request:
    """What an HTTP peer got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpPeer:
    """Where an HTTP receiver listens, what it got, and how it behaves (set by the test).

    ``answer`` gets a request and its number on this path, from 1, and returns a status, or one of the words ``drop``
    (close without an answer), ``hang``, ``drip`` (one byte of an answer at a time, for ever), ``twice`` (two answers).
    """

    address: str
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request, int], int | str | tuple[int, dict[str, str], bytes]] = lambda _request, _n: 204
    released: threading.Event = field(default_factory=threading.Event)

    def on(self, path: str) -> list[Request]:
        return [one for one in self.requests if one.path == path]


@contextlib.contextmanager
def http_peer(context: ssl.SSLContext | None = None) -> Iterator[HttpPeer]:
    """An HTTP receiver in a thread; with a context of its own by HTTPS only."""

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            with lock:
                peer.requests.append(request)
                number = len(peer.on(self.path))
            self._say(peer.answer(request, number))

        def _say(self, said: int | str | tuple[int, dict[str, str], bytes]) -> None:
            self.close_connection = True
            if said == "drop":
                self.connection.shutdown(socket.SHUT_RDWR)
            elif said == "hang":
                peer.released.wait(30)
            elif said == "drip":
                with contextlib.suppress(OSError):
                    for sign in b"HTTP/1.1 200 OK\r\n" + b"X" * 10_000:
                        if peer.released.wait(0.02):
                            return
                        self.connection.sendall(bytes([sign]))
            elif said == "twice":
                self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Again\r\n\r\n")
            else:
                status, headers, body = (int(said), {}, b"") if isinstance(said, (int, str)) else said
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET = _take  # noqa: N815 - the names that the server looks for

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 512
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    lock = threading.Lock()
    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    peer = HttpPeer(f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        peer.released.set()
        server.shutdown()
        server.server_close()


@dataclass
class MailPeer:
    """A mail relay: what it took, and what it says to the text of a letter (None: 250)."""

    port: int
    letters: list[tuple[str, str, bytes]] = field(default_factory=list)  # from, to, text
    answer: Callable[[str], str | None] = lambda _to: None
    recipients: Callable[[str], str | None] = lambda _to: None
    connections: int = 0


@contextlib.contextmanager
def mail_peer(context: ssl.SSLContext | None = None) -> Iterator[MailPeer]:
    """A mail relay (aiosmtpd) in a thread; with a context it wants STARTTLS."""

    class Handler:
        async def handle_EHLO(
            self, _server: Any, session: Any, _envelope: Any, hostname: str, replies: list[str]
        ) -> list[str]:  # noqa: N802
            session.host_name = hostname
            peer.connections += 1
            return replies

        async def handle_RCPT(
            self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
        ) -> str:  # noqa: N802
            said = peer.recipients(address)
            if said is None:
                envelope.rcpt_tos.append(address)
            return said or "250 OK"

        async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            to = envelope.rcpt_tos[0]
            peer.letters.append((envelope.mail_from, to, bytes(envelope.content)))
            said = peer.answer(to)
            if said == "drop":
                server.transport.abort()
            return said or "250 taken"

    peer = MailPeer(free_port())
    secured: dict[str, Any] = {}
    if context is not None:
        secured = {"tls_context": context, "require_starttls": True}
    controller = Controller(Handler(), hostname="127.0.0.1", port=peer.port, **secured)
    controller.start()
    try:
        yield peer
    finally:
        controller.stop()


@contextlib.contextmanager
def tls_mail_peer(context: ssl.SSLContext) -> Iterator[MailPeer]:
    """A mail relay that speaks TLS from the first byte, and nothing that is not needed."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            for line in self.rfile:
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = b"".join(iter(self.rfile.readline, b".\r\n"))
                    peer.letters.append(("", "", text))
                self.wfile.write(b"250 ok\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    peer = MailPeer(int(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(holds: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait until something holds that another thread brings about."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.005)


def mail_text(raw: bytes) -> str:
    """The text of a letter as its reader sees it."""
    body = message_from_bytes(raw, policy=default).get_body()
    assert body is not None
    return str(body.get_content())
