"""What every answer and every request goes through: headers, sizes, tokens of forms, where a request comes from.

Scripts and styles come from files of this package only; the policy says so to the browser, and the tests look for
any request that leaves. Form tokens are masked anew on each page, so that compressing the page gives nothing away.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSP = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "img-src 'self'; font-src 'self'; connect-src 'self'"
)
# For the one page that is made to stand inside others' pages. It holds no form and knows nobody.
EMBED_CSP = CSP.replace("frame-ancestors 'none'", "frame-ancestors *").replace(
    "form-action 'self'", "form-action 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
FORM_LIMIT = 1_000_000  # bytes of a form without a file


class TooLarge(Exception):
    """The body is longer than this address takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"a request to this address may have {limit} bytes")
        self.limit = limit


class Guard:
    """Middleware: security headers on every answer, and an end to bodies that are too long."""

    def __init__(self, app: ASGIApp, *, upload_limit: int, secure: bool) -> None:
        self.app = app
        self.upload_limit = upload_limit
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        upload = headers.get("content-type", "").startswith("multipart/form-data")
        limit = self.upload_limit if upload else FORM_LIMIT
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise TooLarge(limit)
            return message

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                framed = answer.get("content-security-policy") == EMBED_CSP
                for name, value in HEADERS.items():
                    if not (framed and name == "x-frame-options"):
                        answer.setdefault(name, value)
                answer.setdefault("cache-control", "no-store")
                if self.secure:
                    answer.setdefault("strict-transport-security", "max-age=31536000")
            await send(message)

        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            scope.setdefault("state", {})["too_large"] = limit
        await self.app(scope, counted, sealed)


def check_size(request: Request) -> None:
    """Refuse a body that says of itself that it is too long, before a byte of it is read."""
    limit = getattr(request.state, "too_large", None)
    if limit is not None:
        raise TooLarge(limit)


def mask_token(token: str) -> str:
    """The token of a session as one page writes it: a random pad and the token under it, in hexadecimal."""
    raw = token.encode()
    pad = secrets.token_bytes(len(raw))
    return (pad + bytes(a ^ b for a, b in zip(pad, raw, strict=True))).hex()


def token_matches(sent: str, token: str) -> bool:
    """Whether a form sent back a mask of ``token``. Anything malformed does not match, nor does an empty token."""
    raw = token.encode()
    try:
        mixed = bytes.fromhex(sent)
    except ValueError:
        return False
    if not raw or len(mixed) != 2 * len(raw):
        return False
    pad, covered = mixed[: len(raw)], mixed[len(raw) :]
    return hmac.compare_digest(bytes(a ^ b for a, b in zip(pad, covered, strict=True)), raw)


def same_origin(request: Request, address: str) -> bool:
    """Whether a changing request comes from our own pages, as far as the browser tells.

    ``Origin`` decides when it is sent, against the host of the request and the configured address; then
    ``Sec-Fetch-Site``. A client that sends neither is not a browser that somebody else's page could misuse.
    """
    origin = request.headers.get("origin")
    if origin is not None:
        return (
            urlsplit(origin).netloc in {request.headers.get("host", ""), urlsplit(address).netloc}
            and origin != "null"
        )
    return request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
