"""Tidy tables in and out: the public library calls on polars, pandas and pyarrow frames.

A table comes in, is checked once (``read_series``), becomes arrays of shape ``(n_series, n_times)``, goes through a
function of ``anlan.stats`` and comes out as a table of the same frame type. Nothing here knows files or databases.

Words that look alike: a *time* is what a row of the outside table says (a date, ``2024-W07``, a year and a week in two
columns); a *period* is the day, ISO week or month that it means; a period's *ordinal* is its number on an
axis without holes, so that two neighbouring periods differ by one. ``2020-W53`` and ``2021-W01`` are neighbours.
"""

from __future__ import annotations

from anlan.frames.detection import CHOSEN, REASONS, RESULT_COLUMNS, Found, detect, detect_series
from anlan.frames.grid import SeriesGrid, read_series
from anlan.frames.plotting import curves, plot, series_name
from anlan.frames.times import STEPS, period_label

__all__ = [
    "CHOSEN",
    "REASONS",
    "RESULT_COLUMNS",
    "STEPS",
    "Found",
    "SeriesGrid",
    "curves",
    "detect",
    "detect_series",
    "period_label",
    "plot",
    "read_series",
    "series_name",
]
