"""From fitted models to limits, scores, p-values and reasons in the flexible Farrington method."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy import special

from anlan.stats.counts import distributions
from anlan.stats.counts._farrington_fit import Prediction, Settings
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason, exceedance_score


class Result:
    """Collects the blocks and turns models into limits, scores and reasons."""

    def __init__(
        self, cases: FloatArray, positions: IntArray, settings: Settings, kernels: ModuleType | None = None
    ) -> None:
        self.cases, self.positions, self.settings, self.kernels = cases, positions, settings, kernels
        shape = (len(cases), len(positions))
        self.reason = np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8)
        names = ("expected", "se", "eta", "phi", "trend_coefficient", "p_trend")
        self.values = {name: np.full(shape, np.nan) for name in names}
        self.trend_used = np.zeros(shape, dtype=bool)
        self.no_cases = np.zeros(shape, dtype=bool)

    def fill(self, series: IntArray, place: IntArray, found: Prediction) -> None:
        model = found.model
        # In R the method of 1996 does not ask whether the fit that it ends with has converged.
        settled = model.converged | self.settings.classic_in_r
        usable = found.enough & settled & np.isfinite(model.eta) & np.isfinite(model.phi)
        reason = np.where(
            usable, Reason.OK, np.where(found.enough, Reason.NO_CONVERGENCE, Reason.INCOMPLETE_REFERENCE)
        )
        if not (self.settings.as_reference or self.settings.classic_in_r):
            reason = np.where(found.enough & found.no_cases, Reason.ZERO_REFERENCE, reason)
        self.reason[series, place] = reason
        fitted = reason == Reason.OK
        self.no_cases[series, place] = reason == Reason.ZERO_REFERENCE
        self.trend_used[series, place] = model.has_trend & fitted
        columns = {
            "expected": np.exp(model.eta), "se": model.se_eta, "eta": model.eta, "phi": model.phi,
            "trend_coefficient": model.slope, "p_trend": model.p_trend,
        }  # fmt: skip
        for name, column in columns.items():
            self.values[name][series, place] = np.where(fitted, column, np.nan)

    def detection(self) -> Detection:
        settings, values = self.settings, self.values
        observed = self.cases[:, self.positions]
        limits_of = _limit_delta if settings.threshold_method == "delta" else _limit_counts
        with np.errstate(all="ignore"):
            limits = limits_of(self, observed)
        expected = np.where(self.no_cases, 0.0, limits.expected)
        upper = np.where(self.no_cases, 0.0, limits.upper)
        reason = self._reasons(observed, upper)
        score = limits.score_in_r if settings.as_reference else exceedance_score(observed, expected, upper)
        decided = (reason == Reason.OK) | (reason == Reason.ZERO_REFERENCE)
        alarm = decided & (observed > upper)
        if settings.as_reference:
            expected, upper = np.where(decided, expected, np.nan), np.where(decided, upper, np.nan)
        extra = {
            "phi": values["phi"], "trend_coefficient": values["trend_coefficient"], "trend_used": self.trend_used,
            "p_trend": values["p_trend"], "mu0": limits.mean_used,
            "compiled": np.full(observed.shape, self.kernels is not None),
        }  # fmt: skip
        return Detection(
            method="farrington_flexible",
            times=self.positions,
            observed=observed,
            expected=expected,
            upper=upper,
            score=score,
            p_value=limits.p_value,
            alarm=alarm,
            reason=reason,
            extra=extra,
        )

    def _reasons(self, observed: FloatArray, upper: FloatArray) -> NDArray[np.int8]:
        reason = self.reason.copy()
        reason[(reason == Reason.OK) & ~np.isfinite(upper)] = Reason.UNBOUNDED
        few = _too_few_recent(self.cases, self.positions, self.settings)
        decided = (reason == Reason.OK) | (reason == Reason.ZERO_REFERENCE)
        reason[decided & few] = Reason.TOO_FEW_RECENT
        reason[np.isnan(observed) & (reason != Reason.SHORT_HISTORY)] = Reason.MISSING_CURRENT
        return reason


@dataclass(frozen=True)
class Limits:
    expected: FloatArray
    upper: FloatArray
    p_value: FloatArray
    mean_used: FloatArray
    score_in_r: FloatArray


def limit_delta(
    observed: FloatArray, mean: FloatArray, phi: FloatArray, se: FloatArray, *, power: float, z: float
) -> tuple[FloatArray, FloatArray]:
    """Upper limit and p-value by the normal approximation on the scale of ``power`` (Farrington et al. 1996, 3.6).

    U = (mu^p + z sd)^(1/p) with sd = p sqrt(mu^(2p-1) tau) and tau = phi + se^2 / mu.
    """
    tau = phi + se**2 / mean
    sd = power * np.sqrt(mean ** (2 * power - 1) * tau)
    upper: FloatArray = (mean**power + z * sd) ** (1 / power)
    p_value: FloatArray = special.ndtr(-(observed**power - mean**power) / sd)
    return upper, p_value


def _limit_delta(result: Result, observed: FloatArray) -> Limits:
    settings, mean = result.settings, result.values["expected"]
    se = result.values["se"] * mean
    upper, p_value = limit_delta(observed, mean, result.values["phi"], se, power=settings.power, z=settings.z)
    mean_used = np.exp(mean + settings.z * se) if settings.as_reference else mean
    return Limits(mean, upper, p_value, mean_used, (observed - mean) / (upper - mean))


def _limit_counts(result: Result, observed: FloatArray) -> Limits:
    """Quantile of the negative binomial at the mean (nbPlugin) or at the upper limit of the mean (muan)."""
    settings, eta, phi = result.settings, result.values["eta"], result.values["phi"]
    shift = settings.z * result.values["se"] if settings.threshold_method == "muan" else 0.0
    mean_used = np.exp(eta + shift)
    tails = result.kernels or distributions
    upper = tails.quantile(1 - settings.alpha, mean_used, phi)
    p_value = tails.upper_tail(observed, mean_used, phi)
    return Limits(result.values["expected"], upper, p_value, mean_used, (observed - eta) / (upper - eta))


def _too_few_recent(cases: FloatArray, positions: IntArray, settings: Settings) -> BoolArray:
    """Fewer than ``limit54_cases`` *reported* cases in the last periods. In R a missing report counts as too few."""
    total = np.zeros((len(cases), len(positions)))
    for back in range(settings.limit54_periods):
        recent = np.where(positions >= back, cases[:, np.maximum(positions - back, 0)], 0.0)
        total += recent if settings.as_reference else np.where(np.isnan(recent), 0.0, recent)
    few: BoolArray = ~(total >= settings.limit54_cases)
    return few
