"""The four levels of a warning.

The Emergency Response Law of China has four: IV blue, III yellow, II orange, I red. How they appear in a message is in
``anlan.warning.cap.colour``.

Which levels a kind of hazard has is data of the hazard, not of this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from anlan.errors import ParameterError

__all__ = ["Level", "colour_of", "highest", "level_of_colour", "parse_level", "rank"]


class Level(StrEnum):
    """How high a warning is, lowest first."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


_COLOUR = {Level.BLUE: "Blue", Level.YELLOW: "Yellow", Level.ORANGE: "Orange", Level.RED: "Red"}
_ORDER = tuple(Level)


def parse_level(text: str) -> Level:
    """The level of that name.

    Raises
    ------
    ParameterError
        If it is none of blue, yellow, orange, red.
    """
    try:
        return Level(text)
    except ValueError:
        raise ParameterError(f"level must be one of {', '.join(_ORDER)}. Got {text!r}.") from None


def rank(level: Level) -> int:
    """1 for blue (IV) to 4 for red (I)."""
    return 1 + _ORDER.index(level)


def highest(levels: Iterable[Level]) -> Level | None:
    """The highest of some levels, or None of none."""
    return max(levels, key=rank, default=None)


def colour_of(level: Level) -> str:
    """The colour as our messages carry it: Blue, Yellow, Orange, Red."""
    return _COLOUR[level]


def level_of_colour(colour: str) -> Level | None:
    """The level of a colour word, or None for any other text."""
    return next((level for level, word in _COLOUR.items() if word == colour), None)
