"""Editions of a standard by date: a calculation takes the date of the data and finds the text that was in force.

Dates are those of the data, not of the calculation. A date before the first edition is an error, not the oldest table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.errors import ParameterError

__all__ = ["Edition", "edition_named", "edition_on", "editions_of"]


@dataclass(frozen=True)
class Edition:
    """One text of a standard and the data dates to which it applies; ``last`` is None while it is in force."""

    code: str  # "HJ 633-2026"
    first: date
    last: date | None = None
    phase: str = ""  # where one text changes its own limits: "transition", "final"

    @property
    def name(self) -> str:
        return f"{self.code} ({self.phase})" if self.phase else self.code


def edition_on(editions: Sequence[Edition], on: date) -> Edition:
    """The edition that applies to data of a day.

    Raises
    ------
    ParameterError
        Before the first edition, after the last, or not a date.
    """
    if not isinstance(on, date):
        raise ParameterError(f"on must be a date. Got {on!r}.")
    day = date(on.year, on.month, on.day)  # a datetime is a date too, and does not compare with one
    for one in editions:
        if one.first <= day and (one.last is None or day <= one.last):
            return one
    raise ParameterError(_not_in_force(editions, day.isoformat()))


def edition_named(editions: Sequence[Edition], name: str) -> Edition:
    """The edition of a name, for data judged by one text whatever their date (comparisons of years).

    Raises
    ------
    ParameterError
        No edition of that name.
    """
    for one in editions:
        if name in (one.name, one.code):
            return one
    raise ParameterError(f"edition must be one of {', '.join(one.name for one in editions)}. Got {name!r}.")


def editions_of(editions: Sequence[Edition], dates: ArrayLike) -> NDArray[np.intp]:
    """For each date the number of its edition in the sequence (same shape).

    Raises
    ------
    ParameterError
        A date that is missing or outside every edition; the message names the first one.
    """
    days = np.asarray(dates, dtype="datetime64[D]")
    found = np.full(days.shape, -1, dtype=np.intp)
    for number, one in enumerate(editions):
        last = np.datetime64(one.last if one.last is not None else date.max, "D")
        found[(days >= np.datetime64(one.first, "D")) & (days <= last)] = number
    if (wrong := found < 0).any():
        raise ParameterError(_not_in_force(editions, str(days[wrong].flat[0])))
    return found


def _not_in_force(editions: Sequence[Edition], day: str) -> str:
    spans = "; ".join(
        f"{one.name} from {one.first}" + (f" to {one.last}" if one.last else "") for one in editions
    )
    if day == "NaT":
        return f"on must be a date. Got a missing one. Editions: {spans}."
    before = min(one.first for one in editions) - timedelta(days=1)
    return (
        f"on must be a day on which one of these was in force (not {before} or earlier): {spans}. Got {day}."
    )
