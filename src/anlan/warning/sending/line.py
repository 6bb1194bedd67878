"""A line to a peer that ends in time, whatever the peer does.

Time limits of sockets start anew with every byte, so that a peer which drips one byte at a time could hold a line for
ever. ``Line`` is told of the socket and can be cut from another thread; the sender does so when the time of the try is
over. Times are measured by a clock that nobody can set.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time

from anlan.errors import UnavailableError

__all__ = ["ADDRESS_SECONDS", "Line", "connect"]

ADDRESS_SECONDS = 5.0  # to connect


class Line:
    """The socket of one try, with the moment at which it ends."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.is_cut = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def left(self) -> float:
        """Seconds that are left, never less than a hundredth."""
        return max(self.ends_at - time.monotonic(), 0.01)

    def hold(self, one: socket.socket) -> None:
        """From now on this socket is the line's."""
        with self._lock:
            self._socket = one
            if self.is_cut:
                _shut(one)

    def let_go(self) -> None:
        with self._lock:
            self._socket = None

    def cut_if_over(self) -> bool:
        """Cut the line if its time is over; a thread that waits on it wakes up with an error."""
        if time.monotonic() < self.ends_at:
            return False
        with self._lock:
            was_cut, self.is_cut = self.is_cut, True  # before the waiting thread wakes up and looks at it
            if not was_cut and self._socket is not None:
                _shut(self._socket)
        return True


def _shut(one: socket.socket) -> None:
    # The plain socket's own method: that of a TLS socket would pull its state from under the waiting thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(one, socket.SHUT_RDWR)


def connect(host: str, port: int, line: Line, *, public_only: bool = False) -> socket.socket:
    """Connect to the first address of a host that answers.

    Parameters
    ----------
    public_only : bool
        Take no address of this machine or of a private network: whoever may enter an address must not reach through
        us what only we can reach. The address that was looked at is the one that is used.

    Raises
    ------
    UnavailableError
        No address, none that is allowed, or none that answers.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnavailableError(f"no address of {host}: {error}") from error
    reasons = []
    for family, kind, protocol, _name, address in found:
        if public_only and not ipaddress.ip_address(str(address[0]).split("%")[0]).is_global:
            reasons.append("a private address")
            continue
        one = socket.socket(family, kind, protocol)
        try:
            one.settimeout(min(ADDRESS_SECONDS, line.left()))
            line.hold(one)
            one.connect(address)
        except OSError as error:
            reasons.append(str(error) or type(error).__name__)
            line.let_go()
            one.close()
        else:
            return one
    raise UnavailableError(f"{host} port {port} cannot be reached: {'; '.join(reasons)}")
