"""Links that need no sign-in: each is good for one purpose and one thing, for a time, and nothing about it is stored.

A token is the id of the thing, the minute at which it ends and a keyed digest over both, the purpose and the world. Who
holds it may do what it is for; it opens nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid
from datetime import UTC, datetime
from typing import Literal

from anlan.errors import NotFoundError
from anlan.store import Node, World

__all__ = ["LinkKey", "LinkPurpose", "link_key"]

LinkPurpose = Literal["answer", "confirm", "stop"]
_MAC = 16
_FORM = 16 + 4 + _MAC


class LinkKey:
    """Makes and reads the tokens of one world."""

    def __init__(self, secret: bytes, world_id: str) -> None:
        self._key = hmac.new(secret, b"anlan links", hashlib.sha256).digest()
        self._world = world_id.encode()

    def make(self, purpose: LinkPurpose, public_id: str, *, until: datetime) -> str:
        """A token for the thing with this public id (a UUID), good until that minute."""
        plain = uuid.UUID(public_id).bytes + int(until.timestamp() // 60).to_bytes(4, "big")
        return base64.urlsafe_b64encode(plain + self._mac(purpose, plain)).decode().rstrip("=")

    def read(self, purpose: LinkPurpose, token: str, *, now: datetime) -> str:
        """The public id that a token is for.

        Raises
        ------
        NotFoundError
            It is none of ours, not for this purpose, or its time is over.
        """
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raw = b""
        plain, mac = raw[:-_MAC], raw[-_MAC:]
        if len(raw) != _FORM or not hmac.compare_digest(mac, self._mac(purpose, plain)):
            raise NotFoundError("this link is not one of ours", key="sending.link_unknown")
        if now >= datetime.fromtimestamp((int.from_bytes(plain[16:], "big") + 1) * 60, UTC):
            raise NotFoundError("the time of this link is over", key="sending.link_over")
        return str(uuid.UUID(bytes=plain[:16]))

    def secret_for(self, what: str) -> str:
        """A keyed digest of a text, for looking up an address without keeping it."""
        return hmac.new(
            self._key, b"lookup " + self._world + b" " + what.encode(), hashlib.sha256
        ).hexdigest()

    def _mac(self, purpose: str, plain: bytes) -> bytes:
        text = b"\n".join((purpose.encode(), self._world, plain))
        return hmac.new(self._key, text, hashlib.sha256).digest()[:_MAC]


def link_key(node: Node, world: World) -> LinkKey:
    """The key of a world's links, from the secret of its node."""
    return LinkKey(node.master_key, world.public_id)
