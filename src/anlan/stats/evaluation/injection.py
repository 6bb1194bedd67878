"""Outbreaks of known size put into anyone's real series, so that a method can be judged where it will be used.

The series is taken as it is, its own outbreaks included, so the "false" alarms of the null run are partly true.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from anlan.errors import ParameterError
from anlan.stats.counts import _input
from anlan.stats.counts.anlan_method import anlan_detector
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray
from anlan.stats.evaluation.paired import PairedSeries, spread_outbreak


def inject_outbreaks(
    counts: ArrayLike,
    *,
    size_sd: float,
    first_tested: int,
    generator: np.random.Generator,
    dates: ArrayLike | None = None,
    frequency: int | None = None,
    repeats: int = 1,
) -> PairedSeries:
    """Put one outbreak into each series.

    Parameters
    ----------
    counts : array of shape (n_series, n_times)
        Real counts. NaN is not reported; an outbreak does not begin in such a period.
    size_sd : float, above 0
        Mean number of cases in standard deviations of the series at the period where the outbreak begins: square root
        of dispersion times expected count of the baseline of ``anlan_detector``. At least two cases in any outbreak.
    first_tested : int
        First position where an outbreak may begin; the baseline needs two years before it.
    generator : numpy.random.Generator
    dates, frequency
        As for ``anlan_detector``.
    repeats : int, default 1
        How often each series is used, each time with another outbreak.

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
    size = _input.as_number("size_sd", size_sd, above=0)
    first = _input.as_whole("first_tested", first_tested, at_least=1, at_most=max(n_times - 1, 1))
    number = _input.as_whole("repeats", repeats, at_least=1)
    found = anlan_detector(cases, dates=dates, frequency=frequency, evaluate=slice(first, None))
    usable = np.isfinite(found.expected) & ~np.isnan(found.observed)
    rows = np.repeat(np.flatnonzero(usable.any(axis=1)), number)
    if not len(rows):
        raise ParameterError(
            "counts must have a series with two years of reports before first_tested and a report after it. Got none.",
            key="stats.error.parameter",
            values={
                "name": "counts",
                "accepted": "two years of reports before first_tested",
                "given": "none",
            },
        )
    deviation = np.sqrt(found.expected * found.extra["dispersion"])
    outbreak, start = _draw(rows, usable, deviation, size, first, n_times, generator)
    # A period that was not reported stays so: the outbreak is not seen in it.
    outbreak[np.isnan(cases[rows])] = 0.0
    seen = outbreak.any(axis=1)
    return PairedSeries(cases[rows][seen], outbreak[seen], first, start[seen], {"series": rows[seen]})


def _draw(
    rows: IntArray, usable: BoolArray, deviation: FloatArray, size: float, first: int, n_times: int,
    generator: np.random.Generator,
) -> tuple[FloatArray, IntArray]:  # fmt: skip
    outbreak, starts = np.zeros((len(rows), n_times)), np.full(len(rows), first, dtype=np.int64)
    open_ = np.arange(len(rows))
    for _ in range(100):
        # The largest of uniform draws over the usable periods is a uniform choice among them.
        draw = np.where(usable[rows[open_]], generator.random((len(open_), usable.shape[1])), -1.0)
        start = np.argmax(draw, axis=1).astype(np.int64)
        mean = np.maximum(size * deviation[rows[open_], start], 0.05)
        outbreak[open_] = spread_outbreak(start + first, mean, n_times, n_times - 1, generator)
        starts[open_] = start + first
        open_ = open_[~outbreak[open_].any(axis=1)]
        if not len(open_):
            break
    return outbreak, starts
