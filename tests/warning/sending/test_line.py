"""A line ends in time, and whoever waits on it knows that it was cut."""

from __future__ import annotations

import socket
import threading

import pytest

from anlan.warning.sending import line as line_module
from anlan.warning.sending.line import Line


def test_who_is_woken_by_the_cut_sees_that_it_was_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marked afterwards, half of an answer could pass for a whole one in between."""
    line = Line(0.0)
    seen: list[bool] = []
    shut = line_module._shut

    def looked_at(one: socket.socket) -> None:
        seen.append(line.is_cut)
        shut(one)

    monkeypatch.setattr(line_module, "_shut", looked_at)
    ours, peer = socket.socketpair()
    with ours, peer:
        line.hold(ours)
        woken = threading.Thread(target=lambda: seen.append(ours.recv(1) == b""))
        woken.start()
        assert line.cut_if_over()
        woken.join(10)
    assert seen == [True, True]


def test_a_socket_that_comes_after_the_cut_is_shut_at_once() -> None:
    line = Line(0.0)
    assert line.cut_if_over()
    ours, peer = socket.socketpair()
    with ours, peer:
        line.hold(ours)
        assert ours.recv(1) == b""


def test_a_line_with_time_left_is_not_cut() -> None:
    line = Line(60.0)
    assert not line.cut_if_over()
    assert not line.is_cut
