"""Series with and without an outbreak: the form in which every design is handed to methods and measures.

The *null* run of a method sees ``without``, the *outbreak* run sees ``without + outbreak``; they are the same up to the
outbreak. Weeks are positions from 0; only those from ``first_tested`` are judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from anlan.stats.counts.anchors import DateArray
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class PairedSeries:
    """One outbreak for each series.

    Attributes
    ----------
    without : ndarray of shape (n_series, n_times)
        Counts without the outbreak that is looked for (past outbreaks are in them). NaN is not reported.
    outbreak : ndarray of shape (n_series, n_times)
        Cases of that outbreak, at least one in each series, none before ``first_tested``.
    first_tested : int
        First position that is judged.
    start : ndarray of int64, shape (n_series,)
        Position where the outbreak begins. It may lie before its first case: incubation takes its time, and the
        measures of the stored reference run count from here.
    labels : mapping of str to ndarray of shape (n_series,)
        Strata: scenario, group, sizes.
    dates : ndarray of datetime64[D], shape (n_times,), optional
        One day of each period, for real series. None: simulated weeks, 52 a year.
    """

    without: FloatArray
    outbreak: FloatArray
    first_tested: int
    start: IntArray
    labels: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    dates: DateArray | None = None

    @property
    def with_outbreak(self) -> FloatArray:
        return self.without + self.outbreak

    @property
    def tested(self) -> IntArray:
        """Positions that are judged."""
        return np.arange(self.first_tested, self.without.shape[1], dtype=np.int64)

    @property
    def first_week(self) -> IntArray:
        """Week in which the outbreak begins, counted from ``first_tested``."""
        return self.start - self.first_tested

    @property
    def last_week(self) -> IntArray:
        """Last week with a case of the outbreak, counted from ``first_tested``."""
        cases = self.outbreak[:, self.first_tested :] > 0
        found: IntArray = (cases.shape[1] - 1 - np.argmax(cases[:, ::-1], axis=1)).astype(np.int64)
        return found

    @property
    def outbreak_weeks(self) -> BoolArray:
        """From the beginning to the last case, weeks between included. Shape (n_series, n_tested)."""
        week = np.arange(len(self.tested))
        inside: BoolArray = (week >= self.first_week[:, np.newaxis]) & (week <= self.last_week[:, np.newaxis])
        return inside

    @property
    def units(self) -> IntArray:
        """Sampling unit of each row: the real series that it is a copy of (label ``series``), or the row itself.

        Copies of a single real series are units of their own: intervals are then about this series only.
        """
        copied = self.labels.get("series")
        if copied is None or len(np.unique(copied)) < 2:
            return np.arange(len(self.without), dtype=np.int64)
        found: IntArray = np.unique(copied, return_inverse=True)[1].astype(np.int64)
        return found

    def take(self, chosen: BoolArray | IntArray) -> PairedSeries:
        """Some of the series."""
        labels = {name: values[chosen] for name, values in self.labels.items()}
        return PairedSeries(
            self.without[chosen],
            self.outbreak[chosen],
            self.first_tested,
            self.start[chosen],
            labels,
            self.dates,
        )


def spread_outbreak(
    start: IntArray,
    mean_size: FloatArray,
    n_times: int,
    last: int,
    generator: np.random.Generator,
    *,
    median_weeks: float = 1.0,
) -> FloatArray:
    """Cases of one outbreak a series, shape (n_series, n_times).

    The size is Poisson(``mean_size``) drawn again until it is 2 or more; a case falls in week ``start`` + floor(X),
    X lognormal(log ``median_weeks``, 0.5); cases after ``last`` are not seen. Noufaily et al. (2013, section 4) have a
    median of 1 week.
    """
    size = generator.poisson(mean_size)
    small = size < 2
    while small.any():
        size[small] = generator.poisson(mean_size[small])
        small = size < 2
    series = np.repeat(np.arange(len(size)), size)
    delay = generator.lognormal(np.log(median_weeks), 0.5, size=len(series))
    week = np.repeat(start, size) + np.floor(delay).astype(np.int64)
    seen = week <= last
    cases = np.zeros((len(size), n_times))
    np.add.at(cases, (series[seen], week[seen]), 1.0)
    return cases
