"""Outbreaks of known size put into anyone's real series, so that a method can be judged where it will be used.

The series is taken as it is, its own outbreaks included, so the "false" alarms of the null run are partly true.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input
from anlan.stats.counts.anlan_method import anlan_detector
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray
from anlan.stats.evaluation.paired import PairedSeries, spread_outbreak


def inject_outbreaks(
    counts: ArrayLike,
    *,
    first_tested: int,
    generator: np.random.Generator,
    size_sd: float | None = None,
    size_cases: float | None = None,
    dates: ArrayLike | None = None,
    frequency: int | None = None,
    repeats: int = 1,
    median_periods: float = 1.0,
) -> PairedSeries:
    """Put one outbreak into each series.

    Parameters
    ----------
    counts : array of shape (n_series, n_times)
        Real counts. NaN is not reported; an outbreak does not begin in such a period.
    first_tested : int
        First position where an outbreak may begin.
    generator : numpy.random.Generator
    size_sd : float, above 0, optional
        Mean number of cases in standard deviations of the series at the period where the outbreak begins: square root
        of dispersion times expected count of the baseline of ``anlan_detector``, which needs weeks or months and two
        years before ``first_tested``.
    size_cases : float, above 0, optional
        Mean number of cases as such, for any time step. Give one of the two. At least two cases in any outbreak.
    dates, frequency
        As for ``anlan_detector``; with ``size_cases`` the dates are only kept for the methods.
    repeats : int, default 1
        How often each series is used, each time with another outbreak.
    median_periods : float, default 1.0, above 0
        Median time from the beginning of an outbreak to a case, in periods.

    Returns
    -------
    PairedSeries
        With the label ``series``, the row of ``counts``. Series without a usable baseline or report are left out.

    Raises
    ------
    ParameterError
        If an argument is not acceptable, or no series can carry an outbreak.
    """
    cases = _input.as_series(counts)
    n_times = cases.shape[1]
    if (size_sd is None) == (size_cases is None):
        raise _input.parameter_error("size_sd", "given, or size_cases, but not both", size_sd)
    first = _input.as_whole("first_tested", first_tested, at_least=1, at_most=max(n_times - 1, 1))
    number = _input.as_whole("repeats", repeats, at_least=1)
    median = _input.as_number("median_periods", median_periods, above=0)
    if size_cases is not None:
        usable = ~np.isnan(cases[:, first:])
        mean = np.full(usable.shape, _input.as_number("size_cases", size_cases, above=0))
    else:
        size = _input.as_number("size_sd", size_sd, above=0)
        found = anlan_detector(cases, dates=dates, frequency=frequency, evaluate=slice(first, None))
        usable = np.isfinite(found.expected) & ~np.isnan(found.observed)
        mean = size * np.sqrt(found.expected * found.extra["dispersion"])
    rows = np.repeat(np.flatnonzero(usable.any(axis=1)), number)
    if not len(rows):
        years = "two years of reports before first_tested and " if size_cases is None else ""
        raise _input.parameter_error("counts", f"series with {years}a report from first_tested on", "none")
    outbreak, start = _draw(rows, usable, mean, first, n_times, median, generator)
    # A period that was not reported stays so: the outbreak is not seen in it.
    outbreak[np.isnan(cases[rows])] = 0.0
    seen = outbreak.any(axis=1)
    days = None if dates is None else np.asarray(dates, dtype="datetime64[D]")
    return PairedSeries(cases[rows][seen], outbreak[seen], first, start[seen], {"series": rows[seen]}, days)


def _draw(
    rows: IntArray, usable: BoolArray, mean: FloatArray, first: int, n_times: int, median: float,
    generator: np.random.Generator,
) -> tuple[FloatArray, IntArray]:  # fmt: skip
    outbreak, starts = np.zeros((len(rows), n_times)), np.full(len(rows), first, dtype=np.int64)
    open_ = np.arange(len(rows))
    for _ in range(100):
        # The largest of uniform draws over the usable periods is a uniform choice among them.
        draw = np.where(usable[rows[open_]], generator.random((len(open_), usable.shape[1])), -1.0)
        start = np.argmax(draw, axis=1).astype(np.int64)
        size = np.maximum(mean[rows[open_], start], 0.05)
        outbreak[open_] = spread_outbreak(
            start + first, size, n_times, n_times - 1, generator, median_weeks=median
        )
        starts[open_] = start + first
        open_ = open_[~outbreak[open_].any(axis=1)]
        if not len(open_):
            break
    return outbreak, starts
