"""One HTTP request to a peer: no redirects, no kept connections, a limit on time and on what is read.

The standard library's parts are enough for that, and let us tell a request that never left from one whose answer was
lost; a client library hides the difference.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from anlan.errors import ParameterError, UnavailableError
from anlan.warning.sending.line import Line, connect
from anlan.warning.sending.types import Outcome

__all__ = ["Reply", "check_url", "outcome_of", "request"]

_READ_LIMIT = 65_536
_SHOWN = 200
_TRY_AGAIN = frozenset({408, 409, 421, 423, 425, 429})


@dataclass(frozen=True)
class Reply:
    """Status, headers (lower case) and the first 64 kB of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AnswerLostError(Exception):
    """The request may have arrived; no answer did."""


def check_url(url: str) -> str:
    """The same URL, if it is one that can be posted to.

    Raises
    ------
    ParameterError
        Not http(s), no host, a name and password in it, or a port that is none.
    """
    parts = urlsplit(url)
    try:
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        port_fits = False
    fits = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and port_fits
    if not fits or any(ord(sign) <= 32 or ord(sign) == 127 for sign in url):
        raise ParameterError(f"url must be http:// or https:// with a host and without a name. Got {url!r}.")
    return url


def request(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    line: Line,
    *,
    public_only: bool = False,
    context: ssl.SSLContext | None = None,
) -> Reply:
    """Ask once.

    Raises
    ------
    UnavailableError
        The request has not left.
    AnswerLostError
        It may have arrived, and no whole answer came.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    one = connect(host, port, line, public_only=public_only)
    try:
        if is_secure:
            one = _secured(one, host, line, context)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _ask(one, _head(method, target, parts.netloc, body, headers) + body, line)
    finally:
        line.let_go()
        one.close()


def _secured(one: socket.socket, host: str, line: Line, context: ssl.SSLContext | None) -> socket.socket:
    try:
        one.settimeout(line.left())
        secured = (context or ssl.create_default_context()).wrap_socket(one, server_hostname=host)
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{host}: no secure connection: {error}") from error
    line.hold(secured)
    return secured


def _head(method: str, target: str, host: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _ask(one: socket.socket, data: bytes, line: Line) -> Reply:
    try:
        one.settimeout(line.left())
        one.sendall(data)
        one.settimeout(line.left())
        answer = http.client.HTTPResponse(one)
        answer.begin()
        if line.is_cut:
            raise TimeoutError("the time of the try was over before the answer was whole")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AnswerLostError(str(error) or type(error).__name__) from error
    try:
        one.settimeout(line.left())
        body = answer.read(_READ_LIMIT)
    except (OSError, http.client.HTTPException, ValueError):
        body = b""  # the status line is the answer; what comes after only explains it
    headers = {name.lower(): value for name, value in answer.getheaders()}
    answer.close()
    return Reply(answer.status, headers, body)


def outcome_of(reply: Reply, *, now_seconds: float) -> Outcome:
    """What a status means for a delivery: 2xx taken, 408/409/42x/5xx try again, everything else refused for good."""
    detail = f"HTTP {reply.status}"
    said = io.StringIO(reply.body[:_SHOWN].decode("utf-8", "replace")).readline().strip()
    if 200 <= reply.status < 300:
        return Outcome("delivered", detail)
    detail = f"{detail} {said}".strip()
    if reply.status in _TRY_AGAIN or reply.status >= 500:
        return Outcome("failed", detail, _retry_seconds(reply, now_seconds))
    return Outcome("refused", detail)


def _retry_seconds(reply: Reply, now_seconds: float) -> float | None:
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now_seconds, 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
