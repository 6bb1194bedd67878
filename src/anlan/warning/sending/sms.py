"""Text messages: their length as the network counts it, and the gateway that takes them.

A text of the GSM 7 bit alphabet has 160 places, or 153 in each part of a longer one; any other text is sent as UCS-2 with
70 and 67. Letters of the extension table (``€ [ ] { } \\ ^ ~ |``) take two places; so does, in UCS-2, what lies beyond
the basic plane. A letter of two places is never cut in two, which can leave one place of a part empty.

Source: 3GPP TS 23.038 (6.2.1, 6.2.1.1) for the alphabet, 3GPP TS 23.040 (9.2.3.24.1) for the six octets that joining
parts takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from anlan.errors import ConfigurationError, ParameterError, UnavailableError
from anlan.warning.sending.line import Line
from anlan.warning.sending.types import Letter, Outcome
from anlan.warning.sending.web_request import AnswerLostError, check_url, outcome_of, request

__all__ = ["FIELDS", "SmsChannel", "SmsGateway", "SmsLength", "check_number", "measure"]

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = frozenset("\f^{}\\[~]|€")
_PLACES = {"GSM-7": (160, 153), "UCS-2": (70, 67)}
_NUMBER = re.compile(r"\+?[0-9]{5,15}")
FIELDS = ("to", "text", "id", "sender")
_FIELD = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class SmsLength:
    """How a text travels. ``places`` are those it takes, ``room`` those of the parts it needs."""

    alphabet: Literal["GSM-7", "UCS-2"]
    places: int
    parts: int
    room: int


def measure(text: str) -> SmsLength:
    """Count as the network does."""
    if all(sign in _GSM or sign in _GSM_DOUBLE for sign in text):
        alphabet: Literal["GSM-7", "UCS-2"] = "GSM-7"
        sizes = [2 if sign in _GSM_DOUBLE else 1 for sign in text]
    else:
        alphabet = "UCS-2"
        sizes = [2 if ord(sign) > 0xFFFF else 1 for sign in text]
    whole, part = _PLACES[alphabet]
    places = sum(sizes)
    if places <= whole:
        return SmsLength(alphabet, places, 1, whole)
    parts, filled = 1, 0
    for size in sizes:
        if filled + size > part:
            parts, filled = parts + 1, 0
        filled += size
    return SmsLength(alphabet, places, parts, parts * part)


def check_number(text: str) -> str:
    """The number without blanks and hyphens, if it is one.

    Raises
    ------
    ParameterError
        Otherwise.
    """
    plain = re.sub(r"[ \-()]", "", text)
    if not _NUMBER.fullmatch(plain):
        raise ParameterError(f"address must be a telephone number of 5 to 15 digits. Got {text!r}.")
    return plain


@dataclass(frozen=True)
class SmsGateway:
    """A gateway that takes messages by HTTP.

    ``url`` and ``body`` are templates with the fields ``{to}``, ``{text}``, ``{id}`` (a key by which the gateway can
    recognise copies) and ``{sender}``, and no other. Values are written as the place demands: percent-encoded in the
    URL and in a form, escaped in JSON and XML. ``accepted`` is a text that a good answer holds, for gateways that say
    200 to everything.
    """

    url: str
    method: str = "POST"
    body: str = ""
    content_type: str = "application/x-www-form-urlencoded"
    headers: Mapping[str, str] | None = None
    sender: str = ""
    accepted: str = ""

    def __post_init__(self) -> None:
        check_url(_FIELD.sub("x", self.url))
        unknown = sorted(set(_FIELD.findall(self.url + self.body)) - set(FIELDS))
        if unknown or "{text}" not in self.url + self.body or "{to}" not in self.url + self.body:
            raise ConfigurationError(
                f"the template of the SMS gateway must hold {{to}} and {{text}} and may hold {{id}} and {{sender}}; "
                f"unknown: {', '.join(unknown) or 'none'}",
                key="sending.sms_template",
                values={"unknown": ", ".join(unknown) or "-"},
            )
        if self.method not in ("GET", "POST"):
            raise ConfigurationError(
                f"the SMS gateway's method must be GET or POST. Got {self.method!r}.",
                key="sending.sms_method",
                values={"given": self.method},
            )


class SmsChannel:
    """Hands texts to one gateway."""

    def __init__(self, gateway: SmsGateway) -> None:
        self.gateway = gateway

    def send(self, letter: Letter, line: Line) -> Outcome:
        gateway = self.gateway
        values = {
            "to": letter.address,
            "text": letter.text,
            "id": letter.parcel_id,
            "sender": gateway.sender,
        }
        url = _filled(gateway.url, values, _in_url)
        body = _filled(gateway.body, values, _escape_for(gateway.content_type)).encode("utf-8")
        headers = {"User-Agent": "anlan", "Idempotency-Key": letter.parcel_id, **(gateway.headers or {})}
        if body:
            headers["Content-Type"] = gateway.content_type
        try:
            reply = request(gateway.method, url, body, headers, line)
        except UnavailableError as error:
            return Outcome("failed", str(error))
        except AnswerLostError as error:
            return Outcome("in_doubt", f"no answer: {error}")
        outcome = outcome_of(reply, now_seconds=0)
        if outcome.result != "delivered":
            return outcome
        if gateway.accepted and gateway.accepted not in reply.body.decode("utf-8", "replace"):
            return Outcome("refused", f"the gateway's answer does not hold {gateway.accepted!r}")
        return Outcome("sent", outcome.detail)

    def rest(self) -> None:
        """Nothing is kept open."""


def _filled(template: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    return _FIELD.sub(lambda found: escape(values[found[1]]), template)


def _in_url(text: str) -> str:
    return quote(text, safe="")


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _in_xml(text: str) -> str:
    signs = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
    return "".join(signs.get(sign, sign) for sign in text)


def _escape_for(content_type: str) -> Callable[[str], str]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json"):
        return _in_json
    if kind.endswith("xml"):
        return _in_xml
    return _in_url
