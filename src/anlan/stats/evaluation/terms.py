"""A detector on the terms of a desk: signals a county and week for a sensitivity that must be kept.

A signal is one series (disease in a county) in one week with an alarm on any of its days, so that a daily system is not
charged for saying the same thing seven times. Counties are the sampling units of all intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anlan.stats.counts._input import as_number, parameter_error
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray
from anlan.stats.evaluation.county import CountyDays
from anlan.stats.evaluation.measures import Estimate, Ratio

TERMS = ("signals", "sensitivity", "precision", "outbreaks_per_signal", "days_to_detection")
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class StatedTerms:
    """What a system costs and finds; ``ratios`` by the names of ``TERMS``, one numerator and denominator a county.

    ``signals`` a county and week; ``sensitivity`` share of outbreaks with an alarm from the week of their beginning to
    that of their last case; ``precision`` share of signals in such weeks; ``outbreaks_per_signal`` outbreaks found over
    signals, as published for CIDARS; ``days_to_detection`` from the beginning to the first alarm, of those found.
    """

    ratios: Mapping[str, Ratio]

    def estimate(self, name: str) -> Estimate:
        """The value with its 95 % interval."""
        return self.ratios[name].estimate()

    @property
    def outbreaks(self) -> int:
        """Outbreaks that were judged."""
        return int(self.ratios["sensitivity"].denominator.sum())

    @property
    def county_weeks(self) -> int:
        """Counties times weeks that were judged."""
        return int(self.ratios["signals"].denominator.sum())

    @classmethod
    def of_all(cls, parts: Sequence[StatedTerms]) -> StatedTerms:
        """The same system on several sets of counties."""
        return cls(
            {
                name: Ratio(
                    np.concatenate([part.ratios[name].numerator for part in parts]),
                    np.concatenate([part.ratios[name].denominator for part in parts]),
                )
                for name in TERMS
            }
        )


def on_stated_terms(alarms: BoolArray, counties: CountyDays) -> StatedTerms:
    """Count the signals of a system and what they found.

    Parameters
    ----------
    alarms : ndarray of bool
        Shape (n_series, 7 * n_tested_weeks) for a system that judges each day, or (n_series, n_tested_weeks) for one that
        judges a week on its last day.
    counties : CountyDays

    Returns
    -------
    StatedTerms

    Raises
    ------
    ParameterError
        If the shape is neither.
    """
    n_series, n_weeks = len(counties.days), len(counties.tested_weeks)
    if alarms.dtype != np.bool_ or alarms.shape not in ((n_series, n_weeks), (n_series, 7 * n_weeks)):
        accepted = f"bool of shape ({n_series}, {n_weeks}) or ({n_series}, {7 * n_weeks})"
        raise parameter_error("alarms", accepted, f"{alarms.dtype} of shape {alarms.shape}")
    days = alarms.reshape(n_series, n_weeks, -1)
    if days.shape[2] == 1:
        days = np.concatenate([np.zeros((n_series, n_weeks, 6), dtype=bool), days], axis=2)
    weeks = days.any(axis=2)
    found, wait = _outbreaks_found(days.reshape(n_series, -1), counties)
    n_counties = int(counties.county.max()) + 1
    of_outbreak = counties.county[counties.outbreak_series[counties.judged_outbreaks]]

    def by_county(values: FloatArray | BoolArray) -> FloatArray:
        return np.bincount(counties.county, weights=values, minlength=n_counties).astype(np.float64)

    def by_outbreak(values: FloatArray | BoolArray) -> FloatArray:
        return np.bincount(of_outbreak, weights=values, minlength=n_counties).astype(np.float64)

    signals = by_county(weeks.sum(axis=1).astype(np.float64))
    hits = by_county((weeks & counties.outbreak_weeks).sum(axis=1).astype(np.float64))
    detected = by_outbreak(found)
    ratios = {
        "signals": Ratio(signals, np.full(n_counties, float(n_weeks))),
        "sensitivity": Ratio(detected, by_outbreak(np.ones(len(of_outbreak)))),
        "precision": Ratio(hits, signals),
        "outbreaks_per_signal": Ratio(detected, signals),
        "days_to_detection": Ratio(by_outbreak(np.where(found, wait, 0.0)), detected),
    }
    return StatedTerms(ratios)


def _outbreaks_found(days: BoolArray, counties: CountyDays) -> tuple[BoolArray, FloatArray]:
    """Whether each judged outbreak was found, and after how many days."""
    judged = np.flatnonzero(counties.judged_outbreaks)
    found, wait = np.zeros(len(judged), dtype=bool), np.full(len(judged), np.nan)
    origin = 7 * counties.first_tested
    for place, outbreak in enumerate(judged.tolist()):
        begin = int(counties.outbreak_first[outbreak]) - origin
        end = 7 * (int(counties.outbreak_last[outbreak]) // 7 + 1) - origin
        hits = np.flatnonzero(days[counties.outbreak_series[outbreak], begin:end])
        if len(hits):
            found[place], wait[place] = True, hits[0]
    return found, wait


def outbreak_scores(scores: FloatArray, counties: CountyDays) -> FloatArray:
    """The largest weekly score in each judged outbreak, shape (n_judged_outbreaks,); -inf where none was decided.

    Parameters
    ----------
    scores : ndarray of shape (n_series, n_tested_weeks)
        Larger is more unusual; NaN where not decided.
    counties : CountyDays
    """
    known = np.where(np.isnan(scores), -np.inf, scores)
    judged = counties.judged_outbreaks
    first = counties.outbreak_first[judged] // 7 - counties.first_tested
    last = counties.outbreak_last[judged] // 7 - counties.first_tested
    weeks = zip(counties.outbreak_series[judged], first, last, strict=True)
    return np.array([known[series, begin : end + 1].max() for series, begin, end in weeks])


def threshold_for_sensitivity(best: FloatArray, sensitivity: float = 0.95) -> float:
    """The highest threshold with which the sensitivity is surely reached; an alarm is a score at or above it.

    "Surely": the lower limit of Wilson's 95 % interval is at least ``sensitivity``. Choose on other series than those
    that are judged.

    Parameters
    ----------
    best : ndarray of shape (n_outbreaks,)
        From ``outbreak_scores``, of as many counties as wanted.
    sensitivity : float, default 0.95

    Raises
    ------
    ParameterError
        If there are too few outbreaks for such a statement.
    """
    wanted = as_number("sensitivity", sensitivity, above=0, below=1)
    n = len(best)
    enough = np.flatnonzero(_wilson_lower(np.arange(n + 1), n) >= wanted)
    if not len(enough):
        raise parameter_error("best", f"scores of enough outbreaks to be sure of {wanted:g}", n)
    return float(np.sort(best)[::-1][int(enough[0]) - 1])


def _wilson_lower(found: IntArray, n: int) -> FloatArray:
    z, n = _Z95, max(n, 1)
    share = found / n
    spread = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    lower: FloatArray = (share + z**2 / (2 * n) - spread) / (1 + z**2 / n)
    return lower
