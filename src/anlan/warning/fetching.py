"""Fetch feeds of others, and the messages they name, when somebody asks for it.

A message is fetched only from where that was allowed: the place of the feed itself and the places named besides. A feed is
written by somebody else, and must not send us to addresses that only we can reach. Requests are conditional, end in time
whatever the peer does, and read no more than a message may have. No proxy is used.

Sources: RFC 9110 (conditional requests, redirects).
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from anlan.errors import AnlanError, ForbiddenError, ParameterError, UnavailableError
from anlan.warning.cap.findings import Finding
from anlan.warning.cap.safe_xml import MAX_BYTES
from anlan.warning.incoming import ReceivedMessage, read_document
from anlan.warning.received_folder import ReceivedFolder

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["MOST_ITEMS", "USER_AGENT", "Collected", "Fetched", "collect", "fetch", "origin_of"]

USER_AGENT = "anlan (CAP reader)"
MOST_REDIRECTS = 3
MOST_ITEMS = 1_000
ACCEPTED = (
    "application/cap+xml, application/atom+xml, application/rss+xml, application/xml, text/xml, */*;q=0.1"
)


@dataclass(frozen=True)
class Fetched:
    """An answer. ``data`` is None when the document is unchanged; ``etag`` and ``last_modified`` are for the next request."""

    url: str
    data: bytes | None
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class Collected:
    """What a feed brought: messages with the address each came from, what could not be fetched, faults of the feed."""

    url: str
    messages: tuple[tuple[str, ReceivedMessage], ...] = ()
    problems: tuple[tuple[str, AnlanError], ...] = ()
    findings: tuple[Finding, ...] = ()
    is_unchanged: bool = False


def origin_of(url: str) -> str:
    """Scheme, host and port of an http address.

    Raises
    ------
    ParameterError
        If it is none, or holds a name and password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise ParameterError(f"url must be http:// or https:// with a host. Got {url!r}.") from error
    odd = any(ord(sign) <= 32 or ord(sign) >= 127 for sign in url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or odd:
        raise ParameterError(f"url must be http:// or https:// with a host. Got {url!r}.")
    return f"{parts.scheme}://{parts.hostname.lower()}:{port}"


def fetch(
    url: str,
    *,
    allowed: Collection[str] | None = None,
    etag: str = "",
    last_modified: str = "",
    seconds: float = 20.0,
    most_bytes: int = MAX_BYTES,
) -> Fetched:
    """Get one document.

    Parameters
    ----------
    url : str
    allowed : collection of str, optional
        Origins (``origin_of``) that may be asked, by a redirect too; only that of ``url`` if not given.
    etag, last_modified : str
        From the answer before; then an unchanged document is not sent again.
    seconds : float, default 20
        For everything, redirects included.
    most_bytes : int
        More is refused.

    Raises
    ------
    ParameterError
        No http address.
    ForbiddenError
        An origin that is not allowed.
    UnavailableError
        The peer cannot be reached, takes too long, sends too much, or answers with another status than 200 and 304.
    """
    permitted = {origin_of(url)} if allowed is None else set(allowed)
    headers = {"User-Agent": USER_AGENT, "Accept": ACCEPTED, "Accept-Encoding": "identity"}
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    current = url
    ends = _Ends(seconds)
    try:
        for _step in range(MOST_REDIRECTS + 1):
            if origin_of(current) not in permitted:
                raise ForbiddenError(
                    f"{current} is not at a place that was allowed",
                    key="cap.fetch.place",
                    values={"url": current[:200], "allowed": ", ".join(sorted(permitted))},
                )
            status, answer, body = _ask(current, headers, ends, most_bytes)
            if status not in (301, 302, 303, 307, 308):
                break
            current = _redirected(current, answer.get("location", ""))
        else:
            raise _unavailable(url, "too many redirects")
    finally:
        ends.stop()
    if status == 304:
        return Fetched(url, None, answer.get("etag", etag), answer.get("last-modified", last_modified))
    if status != 200:
        raise _unavailable(url, f"HTTP {status}")
    return Fetched(url, body, answer.get("etag", ""), answer.get("last-modified", ""))


def collect(
    url: str,
    *,
    allowed: Collection[str] = (),
    folder: ReceivedFolder | None = None,
    now: datetime | None = None,
    trusted: Sequence[x509.Certificate] = (),
    seconds: float = 20.0,
) -> Collected:
    """Get a feed, or a single message, and every message that it names and that was not fetched before.

    Parameters
    ----------
    url : str
    allowed : collection of str, optional
        Origins where messages may be fetched from besides that of the feed.
    folder : ReceivedFolder, optional
        Remembers what was fetched; with it, what is unchanged is not asked for again. The messages are not put into it.
    now, trusted
        As for ``incoming.read_message``.
    seconds : float
        For each request.

    Raises
    ------
    ParameterError, ForbiddenError, UnavailableError
        The feed itself cannot be fetched. Of a message that cannot, the problem is in the result.
    """
    permitted = {origin_of(url), *allowed}
    known = folder.remembered(url) if folder is not None else {}
    answer = fetch(
        url,
        allowed=permitted,
        etag=known.get("etag", ""),
        last_modified=known.get("last_modified", ""),
        seconds=seconds,
    )
    if answer.data is None:
        return Collected(url, is_unchanged=True)
    document = read_document(answer.data, now=now, trusted=trusted)
    messages = [(url, message) for message in document.messages]
    problems: list[tuple[str, AnlanError]] = []
    wanted = list({item.url: item for item in document.items if item.url and not item.has_alert}.values())
    for item in wanted[:MOST_ITEMS]:
        before = folder.remembered(item.url) if folder is not None else {}
        if item.updated and before.get("updated") == item.updated:
            continue
        try:
            found = fetch(
                item.url,
                allowed=permitted,
                etag=before.get("etag", ""),
                last_modified=before.get("last_modified", ""),
                seconds=seconds,
            )
        except (ForbiddenError, UnavailableError, ParameterError) as error:
            problems.append((item.url, error))
            continue
        if found.data is not None:
            messages += [
                (item.url, message)
                for message in read_document(found.data, now=now, trusted=trusted).messages
            ]
        if folder is not None:
            folder.remember(
                item.url, updated=item.updated, etag=found.etag, last_modified=found.last_modified
            )
    if len(wanted) > MOST_ITEMS:
        problems.append((url, _unavailable(url, f"more than {MOST_ITEMS} entries")))
    # With a message still missing the feed must come whole again the next time.
    if folder is not None and not problems:
        folder.remember(url, etag=answer.etag, last_modified=answer.last_modified)
    return Collected(url, tuple(messages), tuple(problems), document.findings)


class _Ends:
    """Cuts the connection when the time is over: limits of sockets start anew with every byte of a peer that drips."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self.seconds = seconds
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._connection = connection
        if self.is_over:
            self._cut()

    def stop(self) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.is_over = True
        with self._lock:
            one = self._connection.sock if self._connection is not None else None
            if one is not None:
                # The plain socket's own method: that of a TLS socket would pull its state from under the waiting thread.
                with suppress(OSError):
                    socket.socket.shutdown(one, socket.SHUT_RDWR)


def _ask(
    url: str, headers: Mapping[str, str], ends: _Ends, most_bytes: int
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ends.seconds)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.connect()
        ends.watch(connection)
        connection.request("GET", target, headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read(most_bytes + 1) if answer.status == 200 else b""
        given = {name.lower(): value for name, value in answer.getheaders()}
        short = answer.status == 200 and answer.length not in (None, 0) and len(body) <= most_bytes
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = (
            f"no whole answer in {ends.seconds:g} s" if ends.is_over else str(error) or type(error).__name__
        )
        raise _unavailable(url, reason) from error
    finally:
        connection.close()
    if ends.is_over or short:
        raise _unavailable(url, f"no whole answer in {ends.seconds:g} s" if ends.is_over else "a cut answer")
    if len(body) > most_bytes:
        raise _unavailable(url, f"more than {most_bytes} bytes")
    return answer.status, given, body


def _redirected(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        origin_of(target)
    except ValueError as error:
        raise _unavailable(url, "a redirect to no address") from error
    return target


def _unavailable(url: str, reason: str) -> UnavailableError:
    values = {"url": url[:200], "reason": reason}
    return UnavailableError(f"{url[:200]} cannot be fetched: {reason}", key="cap.fetch.failed", values=values)
