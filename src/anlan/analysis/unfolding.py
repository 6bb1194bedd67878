"""The values of some series as they became known, one look after the other: the past played again for a rule.

A *look* is made once a day on which something became known (once an hour for hourly values), after all of that day has
come in; it sees what was known by then and nothing that came later. A rule that runs live looks at every delivery, so
that within a day it may say more than is seen here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from anlan.analysis.trial_types import Basis
from anlan.registry.calendars import Calendar
from anlan.series.types import Flag, Matrix, Series, SeriesValues, moment_of
from anlan.store.schema import event

__all__ = ["State", "Unfolding", "learned_at"]

_ABSENT = np.iinfo(np.int64).min
_HOUR, _DAY = 3600, 86400
_IDS_AT_ONCE = 4000


def learned_at(connection: sa.Connection, rows: SeriesValues, basis: Basis) -> NDArray[np.int64]:
    """When each version became known, in seconds: to the world, or to this node (the moment in the journal)."""
    if basis == "reported":
        return rows.known_at
    sequences, place = np.unique(rows.known_seq, return_inverse=True)
    at: dict[int, datetime] = {}
    for start in range(0, len(sequences), _IDS_AT_ONCE):
        some = [int(one) for one in sequences[start : start + _IDS_AT_ONCE]]
        query = sa.select(event.c.seq, event.c.at).where(event.c.seq.in_(some))
        at.update({row.seq: row.at for row in connection.execute(query)})
    seconds = np.array([int(at[int(one)].timestamp()) for one in sequences], dtype=np.int64)
    return seconds[place] if len(seconds) else np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class State:
    """What a look sees. ``fresh`` marks, in the shape of the whole, the values that came since the look before."""

    moment: datetime
    matrix: Matrix
    before: NDArray[np.float64]
    fresh: tuple[NDArray[np.int64], NDArray[np.int64]]


class Unfolding:
    """Versions of the values of ``series`` in the order in which they became known.

    Parameters
    ----------
    series : sequence of Series
        By id; one row each.
    rows : SeriesValues
        From ``anlan.series.all_versions``, of these series; at least one row.
    learned : int64 array
        From ``learned_at``.
    calendar : Calendar
    """

    def __init__(
        self, series: Sequence[Series], rows: SeriesValues, learned: NDArray[np.int64], calendar: Calendar
    ) -> None:
        self._series = tuple(series)
        ids = np.array([one.id for one in series], dtype=np.int64)
        self.first_period = int(rows.period.min())
        width = int(rows.period.max()) - self.first_period + 1
        row = np.searchsorted(ids, rows.series_id)
        column = rows.period.astype(np.int64) - self.first_period
        group = _groups(learned, calendar)
        order = np.lexsort((rows.known_seq, rows.known_at, row * width + column, group))
        cell = (row * width + column)[order]
        last = np.append((np.diff(group[order]) != 0) | (np.diff(cell) != 0), True)
        self._order = order[last]
        self._row, self._column = row[self._order], column[self._order]
        self._rows = rows
        ordered = group[self._order]
        self._starts = np.flatnonzero(np.append(True, np.diff(ordered) != 0))
        self._ends = np.append(self._starts[1:], len(ordered))
        latest = np.full(len(self._starts), _ABSENT, dtype=np.int64)
        np.maximum.at(latest, np.searchsorted(ordered[self._starts], group), learned)
        self._moments = latest
        shape = (len(ids), width)
        self.values = np.full(shape, np.nan)
        self.flags = np.zeros(shape, dtype=np.int16)
        self._qualifiers = np.zeros(shape, dtype=np.int8)
        self._known_at = np.full(shape, _ABSENT, dtype=np.int64)
        self._before = np.full(shape, np.nan)
        self._low, self._high = width, -1
        self._next = 0

    @property
    def looks_left(self) -> int:
        return len(self._starts) - self._next

    def skip_to(self, moment: datetime) -> None:
        """Take in all that was known before ``moment`` without a look."""
        seconds = int(moment.timestamp())
        while self._next < len(self._starts) and self._moments[self._next] < seconds:
            row, column = self._apply()
            self._before[row, column] = self.values[row, column]

    def looks(self) -> Iterator[State]:
        """The looks that are left, in order. Each state is good until the next one is asked for."""
        while self._next < len(self._starts):
            moment = moment_of(int(self._moments[self._next]))
            row, column = self._apply()
            if self._high < 0:
                continue
            part = slice(self._low, self._high + 1)
            matrix = Matrix(
                self._series, self.first_period + self._low, self.values[:, part], self.flags[:, part],
                self._qualifiers[:, part], 0,
            )  # fmt: skip
            yield State(moment, matrix, self._before[:, part], (row, column))
            self._before[row, column] = self.values[row, column]

    def _apply(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        some = slice(int(self._starts[self._next]), int(self._ends[self._next]))
        self._next += 1
        row, column, at = self._row[some], self._column[some], self._order[some]
        # Received: an old paper that comes late does not replace what the world learned after it.
        wins = self._rows.known_at[at] >= self._known_at[row, column]
        row, column, at = row[wins], column[wins], at[wins]
        withdrawn = (self._rows.flags[at] & Flag.WITHDRAWN) != 0
        self.values[row, column] = self._rows.value[at]
        self._known_at[row, column] = self._rows.known_at[at]
        self.flags[row, column] = np.where(withdrawn, 0, self._rows.flags[at])
        self._qualifiers[row, column] = np.where(withdrawn, 0, self._rows.qualifier[at])
        present = column[~withdrawn]
        if len(present):
            self._low, self._high = min(self._low, int(present.min())), max(self._high, int(present.max()))
        return row, column


def _groups(learned: NDArray[np.int64], calendar: Calendar) -> NDArray[np.int64]:
    """The day (or hour) on the clock of the calendar in which each version became known."""
    if calendar.step == "hour":
        return learned // _HOUR
    newest = datetime.fromtimestamp(int(learned.max()), UTC).astimezone(ZoneInfo(calendar.zone))
    offset = newest.utcoffset()
    shift = int(offset.total_seconds()) if offset is not None else 0
    return (learned + shift) // _DAY
