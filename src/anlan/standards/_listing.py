"""What the reference page and the command line say of each function of ``anlan.standards``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anlan.standards._editions import Edition

__all__ = ["Rule"]


@dataclass(frozen=True)
class Rule:
    """One published rule as a function: where it stands, in which units, since when, and a worked value.

    ``example`` is a call as one would type it after ``from anlan.standards import <subject>``, ``gives`` what it
    returns (``repr``) and ``worked`` where that value stands in print; a test runs every example.
    """

    function: Callable[..., Any]
    subject: str  # the module of anlan.standards: "air"
    title: str
    title_zh: str
    source: str  # "HJ 633-2026, clause 5.2"
    units: str  # "concentrations µg/m³, CO mg/m³; result without unit"
    example: str
    gives: str
    worked: str = ""
    editions: tuple[Edition, ...] = ()
    settings: str = ""  # what the sources do not confirm, and which argument decides it

    @property
    def name(self) -> str:
        return f"{self.subject}.{self.function.__name__}"
