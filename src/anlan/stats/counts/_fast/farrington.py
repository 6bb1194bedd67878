"""The flexible Farrington method on compiled kernels: the same calls as the plain modules, for whole batches.

``predict`` stands for ``_farrington_fit.predict``, ``quantile`` and ``upper_tail`` for those of ``distributions``. All
options of the method are supported. What the kernels leave open (reference values that are missing, a tail that is too close to the limit to be called by
another implementation, means above ten million) is computed by the plain functions.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from anlan.stats.counts import _farrington_fit, distributions
from anlan.stats.counts._farrington_fit import Model, Prediction, Settings
from anlan.stats.counts._fast import _farrington_kernel, _tails_kernel
from anlan.stats.counts.anchors import Reference
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

BLOCK = 8192  # fits at a time
_TREND_ALWAYS = 1.0


def predict(
    cases: FloatArray, exposure: FloatArray | None, reference: Reference, series: IntArray, position: IntArray,
    settings: Settings,
) -> Prediction:  # fmt: skip
    """As ``_farrington_fit.predict``."""
    batch = _Batch(cases, exposure, reference, series, position, settings)
    # A series without a case needs no model, unless the numbers of R's model are asked for.
    in_r = settings.as_reference or settings.classic_in_r
    everything = np.flatnonzero((batch.total > 0) | in_r)
    model = _empty(len(series))
    batch.fit(everything, settings.trend, model)
    if settings.trend:
        with np.errstate(all="ignore"):
            keep = model.converged & (np.exp(model.eta) <= batch.largest)
            if settings.p_threshold_trend < _TREND_ALWAYS or settings.as_reference:
                keep &= model.p_trend < settings.p_threshold_trend - 1e-12
        batch.fit(everything[~keep[everything]], False, model)
    enough, no_cases = batch.enough, batch.largest <= 0
    if batch.gappy.any():
        plain = _farrington_fit.predict(
            cases, exposure, reference, series[batch.gappy], position[batch.gappy], settings
        )
        model.replace_at(batch.gappy, plain.model)
        enough[batch.gappy], no_cases[batch.gappy] = plain.enough, plain.no_cases
    return Prediction(model, enough, no_cases)


def _empty(n_fits: int) -> Model:
    eta, se_eta, phi, slope, p_trend = (np.full(n_fits, np.nan) for _ in range(5))
    no = np.zeros(n_fits, dtype=bool)
    return Model(eta, se_eta, phi, slope, p_trend, has_trend=no, converged=no.copy())


class _Batch:
    """The arrays that the kernel takes, and what is known of each fit before it."""

    def __init__(
        self, cases: FloatArray, exposure: FloatArray | None, reference: Reference, series: IntArray,
        position: IntArray, settings: Settings,
    ) -> None:  # fmt: skip
        self.cases, self.series, self.position, self.settings = cases, series, position, settings
        self.exposure = np.empty((0, 0)) if exposure is None else np.ascontiguousarray(exposure)
        self.offsets = reference.offsets
        levels, level = np.unique(reference.block, return_inverse=True)
        self.n_levels = len(levels)
        self.level = level.astype(np.int64).reshape(-1)
        self.span = float(np.abs(reference.time).max(initial=1.0))
        self.time = reference.time / self.span
        self.runs, self.unit = _runs(self.level, reference.time, self.span)
        n_fits = len(series)
        known = np.empty((4, n_fits))
        _farrington_kernel.before_fit(cases, self.offsets, self.level, self.n_levels, series, position, known)
        self.total, self.largest = known[0], known[1]
        # Fits with a missing report among their reference values are the plain module's: seasons with few values left
        # are where the kernel's shortcuts and R's iterations part (found on series that begin late).
        self.gappy: BoolArray = known[2] < len(self.offsets)
        self.enough: BoolArray = (known[2] > known[3] + settings.trend) & self._current_level_there(known[2])
        self.at = np.zeros(n_fits)
        if settings.shifts_origin:
            self.at = self._shifted_origin() / self.span

    def _current_level_there(self, reported: FloatArray) -> BoolArray:
        there = np.ones(len(self.series), dtype=bool)
        gaps = np.flatnonzero(reported < len(self.offsets))
        current = self.offsets[self.level == self.n_levels - 1]
        if gaps.size:
            rows = self.position[gaps, np.newaxis] + current
            there[gaps] = ~np.isnan(self.cases[self.series[gaps, np.newaxis], rows]).all(axis=1)
        return there

    def _shifted_origin(self) -> FloatArray:
        rows = self.position[:, np.newaxis] + self.offsets
        first = (~np.isnan(self.cases[self.series[:, np.newaxis], rows])).argmax(axis=1)
        time = self.time * self.span
        shift: FloatArray = time[0] - time[first]
        return shift

    def fit(self, chosen: IntArray, with_trend: bool, model: Model) -> None:
        """Fit the chosen ones and write them into ``model``. Fits alike in size stand together and settle together."""
        if not chosen.size:
            return
        settings = self.settings
        order = chosen[np.argsort(self.total[chosen], kind="stable")]
        out = np.empty((len(_farrington_kernel.OUTPUTS), len(self.series)))
        _farrington_kernel.two_step(
            self.cases, self.exposure, self.offsets, self.level, *self.runs, self.time, self.unit, self.n_levels,
            self.series, self.position, order, self.at, _table(), with_trend, settings.reweight,
            settings.weights_threshold, out,
        )  # fmt: skip
        eta, variance, dispersion, in_r, slope, schur, degrees, converged = out[:, chosen]
        with np.errstate(all="ignore"):
            phi = np.maximum(dispersion, 1.0)
            for_errors = phi
            if settings.as_reference:
                for_errors = in_r if settings.reweight else dispersion
            model.eta[chosen], model.phi[chosen] = eta, phi
            model.se_eta[chosen] = np.sqrt(for_errors * variance)
            model.slope[chosen] = slope / self.span if with_trend else np.nan
            model.p_trend[chosen] = np.nan
            if with_trend:
                for_trend = dispersion if settings.classic_in_r else for_errors
                t_value = np.abs(slope) / np.sqrt(for_trend / schur)
                model.p_trend[chosen] = 2 * special.stdtr(degrees, -t_value)
        model.has_trend[chosen], model.converged[chosen] = with_trend, converged > 0


def _runs(
    level: IntArray, time: FloatArray, span: float
) -> tuple[tuple[IntArray, IntArray, IntArray, BoolArray], float]:
    """Start, stop, level and jump of the runs of rows that share a level and lie one unit of time apart."""
    steps = np.diff(time)
    unit = float(steps.min()) if steps.size else 1.0
    apart = np.append(True, np.abs(steps - unit) > 1e-12 * span)
    start = np.flatnonzero(apart | np.append(True, np.diff(level) != 0))
    stop = np.append(start[1:], len(time))
    return (start, stop, level[start], apart[start]), unit / span


@lru_cache(maxsize=1)
def _table() -> FloatArray:
    """(y + 0.1) log(y + 0.1), y log y, and the start deviance y log(y / (y + 0.1)) + 0.1 for small whole y."""
    y = np.arange(_farrington_kernel.TABLE, dtype=np.float64)
    log_y = np.log(np.maximum(y, 1.0))
    log_start = np.log(y + 0.1)
    deviance = np.where(y > 0, y * (log_y - log_start), 0.0) + 0.1
    return np.ascontiguousarray(np.stack([(y + 0.1) * log_start, y * log_y, deviance], axis=1))


def quantile(probability: float, mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """As ``distributions.quantile``."""
    found = np.empty(mean.shape)
    z = float(special.ndtri(probability))
    flat = found.reshape(-1)
    m, phi = np.ascontiguousarray(mean).reshape(-1), np.ascontiguousarray(dispersion).reshape(-1)
    _tails_kernel.quantiles(1 - probability, z, m, phi, flat)
    left = np.flatnonzero(np.isnan(flat))
    if left.size:
        flat[left] = distributions.quantile(probability, m[left], phi[left])
    return found


def upper_tail(count: FloatArray, mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """As ``distributions.upper_tail``."""
    found = np.empty(mean.shape)
    y, m, phi = (np.ascontiguousarray(array).reshape(-1) for array in (count, mean, dispersion))
    flat = found.reshape(-1)
    _tails_kernel.upper_tails(y, m, phi, flat)
    left = np.flatnonzero(np.isnan(flat))
    if left.size:
        flat[left] = distributions.upper_tail(y[left], m[left], phi[left])
    return found
