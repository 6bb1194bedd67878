"""What a method is worth on paired series: false alarms, detection, delay, precision, with 95 % intervals.

Definitions (those of the stored reference run): the *false-positive rate* is alarms over judged weeks of the null run;
an outbreak is *detected* by an alarm from the week where it begins to that of its last case, *in the first week* by one
where it begins; the *delay* is weeks from there to the first alarm inside it, and the outbreak's duration when it is
missed; *precision* (PPV) is alarms in outbreak weeks over alarms, in the outbreak run, week by week. A week that the
method could not judge is no alarm; it does not count among the quiet weeks, and in an outbreak it is a missed one.

Every measure is a ratio of two sums over series, so its standard error and that of a difference between two methods on
the same series come from one formula: the spread over series of (numerator - ratio * denominator) / mean denominator.
The series are the sampling units; weeks within a series are not taken to be independent, nor are copies of one real
series with different outbreaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from anlan.errors import ParameterError
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray
from anlan.stats.evaluation.paired import PairedSeries

MEASURES = ("fpr", "pod", "pod_first_week", "delay", "ppv", "sensitivity", "specificity", "npv")
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; NaN where nothing was observed that could give it."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Ratio:
    """Numerator and denominator of a measure for each sampling unit (series, county), shape (n_units,)."""

    numerator: FloatArray
    denominator: FloatArray

    @property
    def value(self) -> float:
        total = float(self.denominator.sum())
        return float(self.numerator.sum()) / total if total > 0 else float("nan")

    def influence(self) -> FloatArray:
        """How much each unit moves the ratio; its mean is zero."""
        mean = float(self.denominator.mean()) if len(self.denominator) else 0.0
        if mean == 0:
            return np.full(len(self.denominator), np.nan)
        found: FloatArray = (self.numerator - self.value * self.denominator) / mean
        return found

    def estimate(self) -> Estimate:
        """The ratio with its 95 % interval."""
        return _estimate(self.value, self.influence())


@dataclass(frozen=True)
class Performance:
    """The measures of one method on one set of series; ``ratios`` by the names of ``MEASURES``."""

    ratios: Mapping[str, Ratio]

    def estimate(self, name: str) -> Estimate:
        return self.ratios[name].estimate()

    def difference(self, other: Performance, name: str) -> Estimate:
        """This minus the other, paired by series."""
        own, others = self.ratios[name], other.ratios[name]
        return _estimate(own.value - others.value, own.influence() - others.influence())


def _estimate(value: float, influence: FloatArray) -> Estimate:
    n = len(influence)
    if n < 2:
        return Estimate(value, float("nan"), float("nan"))
    error = float(np.std(influence, ddof=1) / np.sqrt(n))
    return Estimate(value, value - _Z95 * error, value + _Z95 * error)


def measure(
    null_alarms: BoolArray,
    outbreak_alarms: BoolArray,
    series: PairedSeries,
    *,
    null_judged: BoolArray | None = None,
    outbreak_judged: BoolArray | None = None,
) -> Performance:
    """Measure a method's alarms.

    Parameters
    ----------
    null_alarms, outbreak_alarms : ndarray of bool, shape (n_series, n_tested)
        Alarms in the judged weeks of the run without and the run with the outbreak.
    series : PairedSeries
    null_judged, outbreak_judged : ndarray of bool, optional
        Where the method decided. Default everywhere.

    Returns
    -------
    Performance

    Raises
    ------
    ParameterError
        If a shape is not (n_series, n_tested).
    """
    shape = (len(series.without), len(series.tested))
    null = _checked("null_alarms", null_alarms, shape)
    found = _checked("outbreak_alarms", outbreak_alarms, shape)
    null_ok = _checked("null_judged", null_judged, shape)
    ok = _checked("outbreak_judged", outbreak_judged, shape)
    inside: BoolArray = series.outbreak_weeks
    null, found = null & null_ok, found & ok
    outside = ~inside
    hits = found & inside
    at_start: BoolArray = np.take_along_axis(hits, series.first_week[:, np.newaxis], axis=1)[:, 0]
    detected: BoolArray = np.any(hits, axis=1)
    one = np.ones(shape[0])
    quiet = ~found & ok
    units = series.units

    def ratio(numerator: FloatArray, denominator: FloatArray) -> Ratio:
        over, under = (np.bincount(units, weights=each) for each in (numerator, denominator))
        return Ratio(over.astype(np.float64), under.astype(np.float64))

    return Performance(
        {
            "fpr": ratio(_count(null), _count(null_ok)),
            "pod": ratio(detected.astype(np.float64), one),
            "pod_first_week": ratio(at_start.astype(np.float64), one),
            "delay": ratio(detection_delay(hits, series).astype(np.float64), one),
            "ppv": ratio(_count(hits), _count(found)),
            "sensitivity": ratio(_count(hits), _count(inside)),
            "specificity": ratio(_count(quiet & outside), _count(outside & ok)),
            "npv": ratio(_count(quiet & outside), _count(quiet)),
        }
    )


def detection_delay(alarms: BoolArray, series: PairedSeries) -> IntArray:
    """Weeks from the first outbreak week to the first alarm in the outbreak; the duration when it is missed."""
    hits = alarms & series.outbreak_weeks
    first = np.argmax(hits, axis=1)
    duration = series.last_week - series.first_week + 1
    found: IntArray = np.where(hits.any(axis=1), first - series.first_week, duration).astype(np.int64)
    return found


def _count(flags: BoolArray) -> FloatArray:
    found: FloatArray = flags.sum(axis=1).astype(np.float64)
    return found


def _checked(name: str, flags: BoolArray | None, shape: tuple[int, int]) -> BoolArray:
    if flags is None:
        return np.ones(shape, dtype=bool)
    if flags.shape != shape or flags.dtype != np.bool_:
        raise ParameterError(
            f"{name} must be a boolean array of shape {shape}. Got {flags.dtype} of shape {flags.shape}.",
            key="stats.error.parameter",
            values={"name": name, "accepted": f"bool {shape}", "given": f"{flags.dtype} {flags.shape}"},
        )
    return flags
