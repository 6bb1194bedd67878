"""Webhooks: the message is posted to a program's address, signed, with a key by which copies are recognised.

``Anlan-Signature: t=<seconds since 1970>,v1=<hex>`` is HMAC-SHA256 with the subscription's secret over
``<t>.<Idempotency-Key>.<body>``. A receiver refuses what is older than it likes, and answers 2xx to a key that it has seen
already without doing anything twice. ``Anlan-Answer`` is the address of a unit's answer page; its program posts
a CAP ``Ack`` to the same address with ``/cap`` behind it.
"""

from __future__ import annotations

import hashlib
import hmac
import time

from anlan.errors import UnavailableError
from anlan.warning.sending.line import Line
from anlan.warning.sending.types import Letter, Outcome
from anlan.warning.sending.web_request import AnswerLostError, outcome_of, request

__all__ = ["KEY_HEADER", "SIGNATURE_HEADER", "WebhookChannel", "sign", "verify"]

SIGNATURE_HEADER = "Anlan-Signature"
KEY_HEADER = "Idempotency-Key"


class WebhookChannel:
    """Posts letters. ``private_addresses`` lets it reach machines of this network and this machine itself."""

    def __init__(self, *, private_addresses: bool) -> None:
        self.private_addresses = private_addresses

    def send(self, letter: Letter, line: Line) -> Outcome:
        seconds = time.time()
        headers = {
            "Content-Type": letter.content_type,
            "User-Agent": "anlan",
            KEY_HEADER: letter.parcel_id,
            SIGNATURE_HEADER: sign(letter.secret, letter.parcel_id, letter.body, int(seconds)),
        }
        if letter.answer_url:
            headers["Anlan-Answer"] = letter.answer_url
        try:
            reply = request(
                "POST",
                letter.address,
                letter.body,
                headers,
                line,
                public_only=not self.private_addresses,
            )
        except UnavailableError as error:
            return Outcome("failed", str(error))
        except AnswerLostError as error:
            return Outcome("in_doubt", f"no answer: {error}")
        return outcome_of(reply, now_seconds=seconds)

    def rest(self) -> None:
        """Nothing is kept open."""


def sign(secret: str, key: str, body: bytes, seconds: int) -> str:
    """The value of the signature header."""
    digest = hmac.new(secret.encode(), f"{seconds}.{key}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"


def verify(
    signature: str, *, secret: str, key: str, body: bytes, now_seconds: float, tolerance_seconds: float = 300
) -> bool:
    """Whether a signature is ours and not too old: what a receiver written in Python calls."""
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    text = parts.get("t", "")
    if not (text.isascii() and text.isdigit()) or abs(now_seconds - int(text)) > tolerance_seconds:
        return False
    return hmac.compare_digest(sign(secret, key, body, int(text)), signature)
