"""Methods at a chosen rate of false alarms: thresholds on scores, ROC and delay curves.

An alarm rate is a setting and no merit, so methods are compared at the same one: the threshold on a score is the
smallest that keeps the false-positive rate of the null run at or below the wanted rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anlan.errors import ParameterError
from anlan.stats.counts.result import BoolArray, FloatArray
from anlan.stats.evaluation.measures import Estimate, Performance, detection_delay, measure
from anlan.stats.evaluation.paired import PairedSeries

DEFAULT_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Scores:
    """Scores of a method in the null run and the outbreak run, shape (n_series, n_tested); larger is more unusual.

    NaN where the method could not judge.
    """

    null: FloatArray
    outbreak: FloatArray


@dataclass(frozen=True)
class CurvePoint:
    """A method at one rate: the rate asked for, the threshold on its score, and what it does there."""

    rate: float
    threshold: float
    performance: Performance


def threshold_at(null_scores: FloatArray, rate: float) -> float:
    """Smallest score whose exceedance rate among the judged null weeks is at most ``rate``.

    With many tied scores (whole numbers, flags) the rate reached can lie far below the one asked for.
    """
    if not 0 < rate < 1:
        raise ParameterError(
            f"rate must be a number > 0 and < 1. Got {rate!r}.",
            key="stats.error.parameter",
            values={"name": "rate", "accepted": "a number > 0 and < 1", "given": repr(rate)},
        )
    scores = np.sort(null_scores[~np.isnan(null_scores)])
    if not scores.size:
        return float("nan")
    allowed = int(np.floor(rate * scores.size * (1 + 1e-12)))
    return float(scores[scores.size - 1 - allowed])


def at_rate(scores: Scores, series: PairedSeries, rate: float) -> CurvePoint:
    """The method with its threshold set for that rate of false alarms on these series."""
    threshold = threshold_at(scores.null, rate)
    with np.errstate(invalid="ignore"):
        performance = measure(
            scores.null > threshold,
            scores.outbreak > threshold,
            series,
            null_judged=~np.isnan(scores.null),
            outbreak_judged=~np.isnan(scores.outbreak),
        )
    return CurvePoint(rate, threshold, performance)


def roc(scores: Scores, series: PairedSeries, rates: Sequence[float] = DEFAULT_RATES) -> list[CurvePoint]:
    """The method at each rate: detection against false alarms."""
    return [at_rate(scores, series, rate) for rate in rates]


def delay_curve(scores: Scores, series: PairedSeries, rate: float, n_weeks: int = 6) -> list[Estimate]:
    """Share of outbreaks detected within 1, 2, .. ``n_weeks`` weeks of their first week, at one rate.

    Unlike the delay, an alarm after the last case no longer counts, so the curve ends at the probability of detection.
    """
    threshold = threshold_at(scores.null, rate)
    with np.errstate(invalid="ignore"):
        hits: BoolArray = (scores.outbreak > threshold) & series.outbreak_weeks
    delay = detection_delay(hits, series)
    found: BoolArray = np.any(hits, axis=1)
    points = []
    for week in range(1, n_weeks + 1):
        share = float((found & (delay < week)).mean())
        error = 1.96 * np.sqrt(share * (1 - share) / max(found.size, 1))
        points.append(Estimate(share, share - error, share + error))
    return points
