"""The regressions of the flexible Farrington method: two fits, weights between them, and the decision on the trend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from anlan.stats.counts import glm
from anlan.stats.counts.anchors import Reference
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

_TREND_ALWAYS = 1.0


@dataclass(frozen=True)
class Settings:
    b: int
    w: int
    n_periods: int
    past_not_included: int
    reweight: bool
    weights_threshold: float
    trend: bool
    p_threshold_trend: float
    alpha: float
    threshold_method: str
    power: float
    limit54_cases: int
    limit54_periods: int
    as_reference: bool
    shifts_origin: bool
    classic_in_r: bool = False  # the method of 1996 as R computes it

    @property
    def z(self) -> float:
        return float(-special.ndtri(self.alpha))


@dataclass(frozen=True)
class Model:
    """One fitted model per pair of series and time; arrays of shape (n_fits,)."""

    eta: FloatArray
    se_eta: FloatArray
    phi: FloatArray
    slope: FloatArray
    p_trend: FloatArray
    has_trend: BoolArray
    converged: BoolArray

    def replace_at(self, chosen: BoolArray, other: Model) -> None:
        for name in self.__dataclass_fields__:
            getattr(self, name)[chosen] = getattr(other, name)


@dataclass(frozen=True)
class Prediction:
    """What one block of fits says; arrays of shape (n_fits,)."""

    model: Model
    enough: BoolArray
    no_cases: BoolArray


def predict(
    cases: FloatArray, exposure: FloatArray | None, reference: Reference, series: IntArray, position: IntArray,
    settings: Settings,
) -> Prediction:  # fmt: skip
    rows = position[:, np.newaxis] + reference.offsets
    counts = cases[series[:, np.newaxis], rows]
    reported = ~np.isnan(counts)
    weight = None
    if not reported.all():
        weight = reported.astype(np.float64)
        counts = np.where(reported, counts, 0.0)
    relative = None
    if exposure is not None:
        relative = exposure[series[:, np.newaxis], rows] / exposure[series, position][:, np.newaxis]
    levels, level = np.unique(reference.block, return_inverse=True)
    span = float(np.abs(reference.time).max(initial=1.0))
    design = glm.Design(level.astype(np.int64), reference.time / span, len(levels))
    at = _shifted_origin(reference, reported) if settings.shifts_origin else np.zeros(len(series))
    # The current block holds the windows of past years and is the last level; a window always has rows.
    task = Task(design, glm.Data(counts, weight, relative), design.n_levels - 1, at / span, span, settings)
    return _fit_models(task, reported)


def _shifted_origin(reference: Reference, reported: BoolArray) -> FloatArray:
    """R counts the trend at the prediction from the first *reported* reference period, at the rows from the first."""
    first = reported.argmax(axis=1)
    shift: FloatArray = reference.time[0] - reference.time[first]
    return shift


@dataclass(frozen=True)
class Task:
    """Regressions of one block: prediction at ``level`` and scaled time ``at``; ``span`` undoes the scaling."""

    design: glm.Design
    data: glm.Data
    level: int
    at: FloatArray
    span: float
    settings: Settings

    def take(self, chosen: BoolArray) -> Task:
        return Task(
            self.design, self.data.take(chosen), self.level, self.at[chosen], self.span, self.settings
        )


def _fit_models(task: Task, reported: BoolArray) -> Prediction:
    settings, design = task.settings, task.design
    counts = task.data.counts
    there = np.array([reported[:, design.level == level].any(axis=1) for level in range(design.n_levels)])
    enough = there[task.level] & (reported.sum(axis=1) > there.sum(axis=0) + settings.trend)
    model = _two_step(task, with_trend=settings.trend)
    if settings.trend:
        with np.errstate(all="ignore"):
            keep = model.converged & (np.exp(model.eta) <= counts.max(axis=1))
            if settings.p_threshold_trend < _TREND_ALWAYS or settings.as_reference:
                # R asks p < 1 even then and so drops a slope of exactly zero; rounding must not decide that.
                keep &= model.p_trend < settings.p_threshold_trend - 1e-12
        if not keep.all():
            model.replace_at(~keep, _two_step(task.take(~keep), with_trend=False))
    no_cases: BoolArray = counts.max(axis=1) <= 0
    return Prediction(model, enough, no_cases)


def _two_step(task: Task, *, with_trend: bool) -> Model:
    """Fit, pull down large residuals, fit again; dispersion and standard errors of the second fit."""
    design, settings, data = task.design, task.settings, task.data
    first = glm.fit(design, data, with_trend=with_trend)
    n_rows = _n_rows(data)
    degrees = (n_rows - first.n_coefficients).astype(np.float64)
    fitted, used = first, data
    with np.errstate(all="ignore"):
        dispersion, means, working = pearson_dispersion(design, data, first, degrees)
        if settings.reweight:
            phi = np.maximum(dispersion, 1.0)
            hat = glm.leverages(design, first, working)
            used = glm.Data(
                data.counts,
                reweighted(data, means, hat, phi, n_rows, settings.weights_threshold),
                data.exposure,
            )
            fitted = glm.fit(design, used, with_trend=with_trend)
            dispersion, means, _ = pearson_dispersion(design, used, fitted, degrees)
        phi = np.maximum(dispersion, 1.0)
        for_errors = phi
        if settings.as_reference:
            for_errors = dispersion_in_r(used, means, degrees) if settings.reweight else dispersion
        for_trend = dispersion if settings.classic_in_r else for_errors
        return _model(task, fitted, first.converged, phi, (for_errors, for_trend), degrees)


def _model(
    task: Task,
    fitted: glm.Fit,
    converged: BoolArray,
    phi: FloatArray,
    dispersions: tuple[FloatArray, FloatArray],
    degrees: FloatArray,
) -> Model:
    for_errors, for_trend = dispersions
    slope = np.full(len(phi), np.nan)
    p_trend = np.full(len(phi), np.nan)
    eta = fitted.final.level[:, task.level].copy()
    if fitted.has_trend:
        slope = fitted.final.slope / task.span
        eta += fitted.final.slope * task.at
        t_value = np.abs(fitted.final.slope) / np.sqrt(for_trend / fitted.schur)
        p_trend = 2 * special.stdtr(degrees, -t_value)
    return Model(
        eta=eta,
        se_eta=np.sqrt(for_errors * fitted.variance_at(task.level, task.at)),
        phi=phi,
        slope=slope,
        p_trend=p_trend,
        has_trend=np.full(len(phi), fitted.has_trend),
        converged=converged.copy(),
    )


def _n_rows(data: glm.Data) -> IntArray:
    n_fits, n_rows = data.counts.shape
    return np.full(n_fits, n_rows) if data.weight is None else (data.weight > 0).sum(axis=1)


def pearson_dispersion(
    design: glm.Design, data: glm.Data, fit: glm.Fit, degrees: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Pearson dispersion, means, and the working weights of the last regression that was solved."""
    means = glm.row_means(design, fit.final, data.exposure)
    working = data.weighted(glm.row_means(design, fit.before, data.exposure))
    residual = data.counts / means
    residual -= 1
    np.square(residual, out=residual)
    return np.einsum("ij,ij->i", working, residual) / degrees, means, working


def dispersion_in_r(data: glm.Data, means: FloatArray, degrees: FloatArray) -> FloatArray:
    """Prior instead of working weights: what stands in R's fit after the reweighting has overwritten them."""
    residual = data.counts / means - 1
    sums: FloatArray = data.weighted(residual**2).sum(axis=1) / degrees
    return sums


def reweighted(
    data: glm.Data, means: FloatArray, hat: FloatArray, phi: FloatArray, n_rows: IntArray, threshold: float
) -> FloatArray:
    """gamma * s^-2 where the Anscombe residual s is above ``threshold``, gamma elsewhere; they sum to the rows used.

    The Anscombe residual never exceeds the Pearson residual, so powers are taken only where the latter is large.
    """
    rest = 1 - hat
    rest[rest < 10 * np.finfo(np.float64).eps] = 0.0
    excess = data.counts - means
    bound = threshold**2 * phi[:, np.newaxis] * means * rest
    candidate = np.nonzero((excess > 0) & (excess**2 >= bound * (1 - 1e-9)))
    y, mu = data.counts[candidate], means[candidate]
    residual = (
        1.5 * (np.cbrt(y) ** 2 * mu ** (-1 / 6) - np.sqrt(mu)) / np.sqrt(phi[candidate[0]] * rest[candidate])
    )
    factor = np.where(residual > threshold, residual**-2.0, 1.0)
    weight = np.ones_like(data.counts) if data.weight is None else data.weight.copy()
    weight[candidate] *= factor
    weight *= (n_rows / weight.sum(axis=1))[:, np.newaxis]
    return weight
