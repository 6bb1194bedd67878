"""Methods on paired series: run both sides, keep alarms and scores, compare at each method's own rate."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anlan.stats.counts.methods import METHODS, REQUIRED, Method, method_named
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, Reason
from anlan.stats.evaluation.curves import Scores, at_rate
from anlan.stats.evaluation.measures import Estimate, Performance, measure
from anlan.stats.evaluation.paired import PairedSeries

#: Measures in which methods are compared at a common rate of false alarms.
COMPARED = ("pod", "pod_first_week", "delay", "ppv")
_LARGEST_SCORE = 300.0
_WEEKS_TOGETHER = 7
_DECIDED = np.array([int(reason) for reason in Reason if reason.is_decided])


@dataclass(frozen=True)
class Run:
    """A method on paired series; arrays of shape (n_series, n_tested).

    ``scores`` is -log10 of the p-value where the method has one (``has_p_values``), else its exceedance score. ``extras``
    are those of the null run. ``seconds`` is CPU time of both runs together.
    """

    method: str
    parameters: Mapping[str, Any]
    null_alarms: BoolArray
    outbreak_alarms: BoolArray
    null_judged: BoolArray
    outbreak_judged: BoolArray
    scores: Scores
    extras: Mapping[str, Any]
    seconds: float
    has_p_values: bool = False

    def performance(self, series: PairedSeries) -> Performance:
        """With the method's own threshold."""
        return measure(
            self.null_alarms,
            self.outbreak_alarms,
            series,
            null_judged=self.null_judged,
            outbreak_judged=self.outbreak_judged,
        )

    @property
    def rate(self) -> float:
        """False-positive rate with the method's own threshold."""
        return float(self.null_alarms.sum() / max(int(self.null_judged.sum()), 1))


def comparable_methods() -> tuple[str, ...]:
    """Names of the methods for counts that can be run without a setting of the user."""
    return tuple(
        name
        for name, method in METHODS.items()
        if "week" in method.steps and not any(item.default is REQUIRED for item in method.parameters)
    )


def benchmark_parameters(method: Method, *, dated: bool = False) -> dict[str, Any]:
    """The settings of the stored reference run: alpha 0.01 (Bayes 0.05), years of 52 weeks, no rule of five in four.

    For ``dated`` series the dates say how long a year is.
    """
    names = {parameter.name for parameter in method.parameters}
    given: dict[str, Any] = {}
    if "alpha" in names:
        given["alpha"] = 0.05 if method.name.startswith("bayes") else 0.01
    if "frequency" in names and not dated:
        given["frequency"] = 52
    if "limit54_cases" in names:
        given["limit54_cases"] = 0
    return given


def run_method(name: str, series: PairedSeries, parameters: Mapping[str, Any] | None = None) -> Run:
    """Run a method of ``METHODS`` on both sides of ``series``.

    Parameters
    ----------
    name : str
    series : PairedSeries
    parameters : mapping, optional
        Instead of ``benchmark_parameters``. Dates of the series are passed on in either case.
    """
    method = method_named(name)
    dates = series.dates
    given = benchmark_parameters(method, dated=dates is not None) if parameters is None else dict(parameters)
    began = time.process_time()
    null = method.run(series.without, dates=dates, evaluate=series.tested, **given)
    alarms, judged, scores = null.alarm.copy(), _judged(null), scores_of(null)
    null_judged, null_scores = judged.copy(), scores.copy()
    # Before its outbreak a series is the null series, and no method looks ahead (``check_detector``).
    for first in range(0, len(series.tested), _WEEKS_TOGETHER):
        rows = np.flatnonzero(series.first_week // _WEEKS_TOGETHER == first // _WEEKS_TOGETHER)
        if len(rows):
            cases = series.with_outbreak[rows]
            found = method.run(cases, dates=dates, evaluate=series.tested[first:], **given)
            alarms[rows, first:], judged[rows, first:] = found.alarm, _judged(found)
            scores[rows, first:] = scores_of(found)
    seconds = time.process_time() - began
    return Run(
        method=name,
        parameters=given,
        null_alarms=null.alarm,
        outbreak_alarms=alarms,
        null_judged=null_judged,
        outbreak_judged=judged,
        scores=Scores(null_scores, scores),
        extras=null.extra,
        seconds=seconds,
        has_p_values=_has_p_values(null),
    )


def _judged(found: Detection) -> BoolArray:
    # A rule that gives no signal for too few cases has judged the week.
    judged: BoolArray = np.isin(found.reason, np.append(_DECIDED, int(Reason.TOO_FEW_RECENT)))
    return judged


def _has_p_values(found: Detection) -> bool:
    return not bool(np.isnan(found.p_value[_judged(found)]).all())


def scores_of(found: Detection) -> FloatArray:
    """One number a period to rank by, larger is more unusual: -log10 p, or the exceedance score without a p-value."""
    judged = _judged(found)
    if not _has_p_values(found):
        scores = np.where(np.isnan(found.score), np.where(found.alarm, np.inf, -np.inf), found.score)
        return np.where(judged, np.clip(scores, -_LARGEST_SCORE, _LARGEST_SCORE), np.nan)
    with np.errstate(divide="ignore"):
        scores = np.minimum(-np.log10(found.p_value), _LARGEST_SCORE)
    # Decided without a p-value (no case in the reference): as strong as can be if there is a case, else nothing.
    scores = np.where(np.isnan(scores), np.where(found.alarm, _LARGEST_SCORE, 0.0), scores)
    return np.where(judged, scores, np.nan)


@dataclass(frozen=True)
class Comparison:
    """A candidate against another method, at that method's own false-positive rate; differences are candidate - other."""

    other: str
    rate: float
    own: Mapping[str, Estimate]
    candidate: Mapping[str, Estimate]
    difference: Mapping[str, Estimate]


def compare_at_own_rates(candidate: Run, others: Sequence[Run], series: PairedSeries) -> list[Comparison]:
    """The candidate with its threshold set to each other method's own false-positive rate, paired by series.

    The threshold is set on the same null runs; its own sampling error is not in the intervals.
    """
    found = []
    for other in others:
        rate = other.rate
        if not 0 < rate < 1:
            continue
        own = other.performance(series)
        moved = at_rate(candidate.scores, series, rate).performance
        found.append(
            Comparison(
                other.method,
                rate,
                {name: own.estimate(name) for name in COMPARED},
                {name: moved.estimate(name) for name in COMPARED},
                {name: moved.difference(own, name) for name in COMPARED},
            )
        )
    return found
