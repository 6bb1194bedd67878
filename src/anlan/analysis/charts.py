"""The picture behind a signal: what was observed, expected and bound in the periods before it and after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from anlan.analysis import queries
from anlan.analysis.facts import EVERYTHING, indicator_facts
from anlan.analysis.looking import run_method
from anlan.analysis.sentences import tidy
from anlan.analysis.types import Signal
from anlan.registry.calendars import Calendar
from anlan.series import queries as series_queries
from anlan.store import AsOf, Scope

__all__ = ["Chart", "chart"]


@dataclass(frozen=True)
class Chart:
    """Columns of equal length, oldest first. None where there is no number."""

    calendar: Calendar
    unit: str
    periods: tuple[int, ...]
    observed: tuple[float | None, ...]
    expected: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    alarm: tuple[bool, ...]
    flags: tuple[int, ...]


def chart(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    public_id: str,
    *,
    last_n: int = 60,
    signal: Signal | None = None,
) -> Chart:
    """Run the rule of a signal once more over the last ``last_n`` periods of its series, or around an old signal.

    With ``as_of.known_at`` (and an earlier ``seq``) it gives what the rule would have said on what was known then;
    ``public_id`` must exist by ``as_of.seq``. A silence has no values and gives empty columns. Whoever has the signal as of
    this moment in hand gives it as ``signal``.

    Raises
    ------
    NotFoundError
        No such signal, or the scope does not see it.
    """
    if signal is None:
        signal = queries.signal(connection, scope, as_of, public_id)
    if signal.series_id is None:
        return Chart(signal.calendar, "", (), (), (), (), (), ())
    rule = queries.rule(connection, EVERYTHING, as_of, signal.rule_code, version=signal.rule_version)
    indicator = indicator_facts(connection, as_of, signal.indicator_code)
    found = series_queries.values(connection, scope, as_of, [signal.series_id])
    if not len(found):
        return Chart(signal.calendar, indicator.unit, (), (), (), (), (), ())
    first, last = int(found.period[0]), int(found.period[-1])
    values, flags = np.full(last - first + 1, np.nan), np.zeros(last - first + 1, dtype=np.int64)
    values[found.period - first], flags[found.period - first] = found.value, found.flags
    usable = values if rule.kind == "limit" else np.where(values < 0, np.nan, values)
    places = _shown(len(values), signal.first_period - first, signal.last_period - first, last_n)
    periods = np.arange(first, last + 1, dtype=np.int64)
    result = run_method(rule, indicator, usable[np.newaxis, :], periods, places)
    return Chart(
        calendar=indicator.calendar,
        unit=indicator.unit,
        periods=tuple(int(one) for one in periods[places]),
        observed=tuple(tidy(float(one)) for one in values[places]),
        expected=tuple(tidy(float(one)) for one in result.expected[0]),
        upper=tuple(tidy(float(one)) for one in result.upper[0]),
        alarm=tuple(bool(one) for one in result.alarm[0]),
        flags=tuple(int(one) for one in flags[places]),
    )


def _shown(length: int, first: int, last: int, last_n: int) -> NDArray[np.int64]:
    """The newest ``last_n`` positions; when the signal begins before them, those around the signal."""
    start, stop = length - last_n, length
    if first < start:
        start = first - last_n // 2
        stop = min(length, max(start + last_n, last + 1 + last_n // 4))
    return np.arange(max(0, start), stop, dtype=np.int64)
