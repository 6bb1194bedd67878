"""Signing in, and pages that say what went wrong."""

from __future__ import annotations

from dataclasses import dataclass

from anlan.web.views.frame import WorldView


@dataclass(frozen=True)
class SignInView:
    """``problem`` is what to say after a failed try; ``account`` keeps what was typed."""

    next: str
    account: str = ""
    problem: str = ""
    wants_code: bool = False


@dataclass(frozen=True)
class WorldsView:
    worlds: tuple[WorldView, ...]


@dataclass(frozen=True)
class ErrorView:
    """An error in words, what to do, and the number under which it stands in the log."""

    status: int
    title: str
    message: str
    advice: str
    number: str
    problems: tuple[str, ...] = ()
    back: str = ""
