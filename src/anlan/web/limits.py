"""How often one address may ask for something that anybody may do, without keeping the address.

Buckets are kept in memory under a keyed digest; the key is drawn anew each day, and with it everything is forgotten. A
process that starts again has forgotten too, and each process counts for itself.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import threading
import time
from collections.abc import Callable

__all__ = ["DailyBuckets"]

_DAY = 24 * 3600.0
_MOST_HELD = 100_000


class DailyBuckets:
    """A bucket of ``most`` tokens for each address, filled again by ``per_hour``."""

    def __init__(self, most: int, per_hour: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.per_hour = per_hour
        self._clock = clock
        self._lock = threading.Lock()
        self._forget(clock())

    def take(self, address: str) -> bool:
        """Take a token; False when there is none left. The networks of one IPv6 customer (/64) share a bucket."""
        now = self._clock()
        with self._lock:
            if now - self._since >= _DAY or len(self._held) >= _MOST_HELD:
                self._forget(now)
            name = hmac.digest(self._key, _network(address).encode(), "sha256")
            left, at = self._held.get(name, (float(self.most), now))
            left = min(float(self.most), left + (now - at) * self.per_hour / 3600)
            self._held[name] = (left - 1, now) if left >= 1 else (left, now)
        return left >= 1

    def _forget(self, now: float) -> None:
        self._key, self._since = secrets.token_bytes(32), now
        self._held: dict[bytes, tuple[float, float]] = {}


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
