"""What the control charts expect while nothing happens: a known mean, or one estimated from a training period.

The training period is the first ``training`` periods of a series; monitoring begins after it, and nothing after it
changes the expectation (but for ``refit`` of the likelihood ratio charts). The mean is constant, or a log-linear
regression with harmonics and a trend, Poisson or negative binomial with variance mu + alpha mu^2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from anlan.stats.counts import _input, _seasonal, glm
from anlan.stats.counts._input import parameter_error
from anlan.stats.counts.anchors import TimeAxis
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray, Reason

LEAST_ALPHA = 1e-10  # stands for 0: the negative binomial is the Poisson distribution then
_TRAINING_YEARS = 2
_MAX_STEPS = 100


@dataclass(frozen=True)
class Model:
    """What is estimated. ``alpha`` None is Poisson, NaN estimated by maximum likelihood, a number fixed."""

    harmonics: int = 0
    trend: bool = False
    alpha: float | None = None

    @property
    def n_coefficients(self) -> int:
        return 1 + 2 * self.harmonics + self.trend


@dataclass(frozen=True)
class Control:
    """Expected counts of all series at any time.

    ``known`` (n_series, n_known) are given means (one column: constant); without them ``coefficients`` (n_series, p)
    of the model in the time ``origin`` + ``step`` * position (years). ``reason`` (n_series,) says why a series has
    none: ``INCOMPLETE_REFERENCE``, ``NO_CONVERGENCE``, or ``ZERO_REFERENCE`` for a training period without a case.
    """

    training: int
    model: Model
    known: FloatArray | None
    coefficients: FloatArray
    alpha: FloatArray
    reason: NDArray[np.int8]
    origin: float
    step: float

    def means(self, start: int, stop: int) -> FloatArray:
        """Means at the positions ``start`` to ``stop`` - 1, shape (n_series, stop - start); 0 after no case."""
        n_series = len(self.reason)
        if self.known is not None:
            if self.known.shape[1] == 1:
                return np.broadcast_to(self.known, (n_series, stop - start))
            if stop > self.known.shape[1]:
                raise parameter_error(
                    "mean", f"given for all {stop} periods", f"{self.known.shape[1]} of them"
                )
            return self.known[:, start:stop]
        if self.model.n_coefficients == 1:
            # Not through the logarithm: the mean of the training period, to the last digit.
            level = np.where(self.reason[:, np.newaxis] == Reason.ZERO_REFERENCE, 0.0, self.coefficients)
            return np.broadcast_to(level, (n_series, stop - start))
        with np.errstate(over="ignore"):
            means = np.exp(self.coefficients @ self._design(np.arange(start, stop)).T)
        means[self.reason == Reason.ZERO_REFERENCE] = 0.0
        return means

    def take(self, chosen: BoolArray | IntArray | slice) -> Control:
        """The same for some of the series."""
        known = None if self.known is None else self.known[chosen]
        parts = {name: getattr(self, name)[chosen] for name in ("coefficients", "alpha", "reason")}
        return replace(self, known=known, **parts)

    def _design(self, positions: IntArray) -> FloatArray:
        years: FloatArray = self.origin + self.step * positions.astype(np.float64)
        return _seasonal.harmonic_design(
            years, self._at(), harmonics=self.model.harmonics, trend=self.model.trend
        )

    def _at(self) -> float:
        return self.origin + self.step * self.training

    def fit(self, cases: FloatArray, alpha_known: FloatArray | None = None) -> Control:
        """Estimate the model from all periods of ``cases`` (from position 0 on), with ``alpha_known`` kept as it is."""
        n_series, n_times = cases.shape
        reported = ~np.isnan(cases)
        counts = np.where(reported, cases, 0.0)
        number = reported.sum(axis=1)
        enough = number >= max(n_times / 2, self.model.n_coefficients + 1)
        reason = np.where(enough, Reason.OK, Reason.INCOMPLETE_REFERENCE).astype(np.int8)
        reason[enough & (counts.max(axis=1, initial=0.0) <= 0)] = Reason.ZERO_REFERENCE
        good = reason == Reason.OK
        coefficients = np.full((n_series, self.model.n_coefficients), np.nan)
        alpha = np.full(n_series, np.nan if self.model.alpha is not None else 0.0)
        if good.any():
            weight = None if reported[good].all() else reported[good].astype(np.float64)
            fixed = None if alpha_known is None else alpha_known[good]
            fitted, estimated, settled = self._regression(glm.Data(counts[good], weight, None), fixed)
            coefficients[good], alpha[good] = fitted, estimated
            reason[np.flatnonzero(good)[~settled]] = Reason.NO_CONVERGENCE
        if self.model.alpha is not None and not np.isnan(self.model.alpha):
            alpha[:] = max(self.model.alpha, LEAST_ALPHA)
        return replace(self, coefficients=coefficients, alpha=alpha, reason=reason)

    def _regression(
        self, data: glm.Data, alpha_known: FloatArray | None
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        model = self.model
        if model.n_coefficients == 1 and model.alpha is None:
            total = data.counts.sum(axis=1, keepdims=True)
            number = (
                float(data.counts.shape[1]) if data.weight is None else data.weight.sum(axis=1, keepdims=True)
            )
            return total / number, np.zeros(len(total)), np.ones(len(total), dtype=bool)
        design = self._design(np.arange(data.counts.shape[1]))
        if model.alpha is None:
            fitted = _seasonal.fit_log_linear(design, data)
            return fitted.coefficients, np.zeros(len(data.counts)), fitted.converged
        known = np.full(len(data.counts), model.alpha) if alpha_known is None else alpha_known
        coefficients, alpha, settled = fit_negative_binomial(design, data, known)
        return (np.exp(coefficients) if model.n_coefficients == 1 else coefficients), alpha, settled


def control_for(
    cases: FloatArray, axis: TimeAxis, *, training: int | None, mean: ArrayLike | None, model: Model
) -> Control:
    """The expectation of a chart, estimated where ``mean`` is not given."""
    known = None if mean is None else _as_means(mean, cases)
    length = default_training(axis.frequency, is_known=known is not None) if training is None else training
    n_training = _input.as_whole("training", length, at_least=0 if known is not None else 2)
    years = _seasonal.year_time(axis, 2) if cases.shape[1] > 1 else np.array([0.0, 1.0 / axis.frequency])
    n_series = len(cases)
    control = Control(
        training=n_training,
        model=model,
        known=known,
        coefficients=np.full((n_series, model.n_coefficients), np.nan),
        alpha=np.full(n_series, 0.0 if model.alpha is None else max(model.alpha, LEAST_ALPHA)),
        reason=np.full(n_series, int(Reason.OK), dtype=np.int8),
        origin=float(years[0]),
        step=float(years[1] - years[0]),
    )
    if known is not None:
        control.reason[(known == 0).all(axis=1)] = Reason.ZERO_REFERENCE
        return control
    if cases.shape[1] < n_training:
        return control
    return control.fit(cases[:, :n_training])


def default_training(frequency: int, *, is_known: bool) -> int:
    """Two years to estimate from, none for a known mean."""
    return 0 if is_known else _TRAINING_YEARS * frequency


def _as_means(mean: ArrayLike, cases: FloatArray) -> FloatArray:
    accepted = f"numbers > 0: one, {cases.shape[1]} (one for each time), or an array of {cases.shape}"
    if isinstance(mean, (bool, str)):
        raise parameter_error("mean", accepted, mean)
    try:
        means = np.asarray(mean, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise parameter_error("mean", accepted, mean) from error
    if means.ndim == 0:
        means = means[np.newaxis, np.newaxis]
    elif means.ndim == 1:
        means = means[np.newaxis]
    fits = means.ndim == 2 and means.shape[0] in (1, len(cases)) and means.shape[1] in (1, cases.shape[1])
    if not fits or not (np.isfinite(means) & (means > 0)).all():
        raise parameter_error("mean", accepted, mean if means.size == 1 else f"shape {means.shape}")
    return np.ascontiguousarray(np.broadcast_to(means, (len(cases), means.shape[1])))


def fit_negative_binomial(
    design: FloatArray, data: glm.Data, alpha: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Coefficients, alpha (estimated by maximum likelihood where ``alpha`` is NaN), and which have converged.

    The coefficients by Fisher scoring, log alpha by Newton steps between; they are orthogonal, so that both settle
    quickly. Counts that vary less than Poisson have alpha 0 (``LEAST_ALPHA``).
    """
    start = _seasonal.fit_log_linear(design, data)
    pairs, places = _seasonal.pair_products(design)
    now = start.coefficients.copy()
    estimated = np.isnan(alpha)
    current = np.where(estimated, LEAST_ALPHA, np.maximum(alpha, LEAST_ALPHA))
    with np.errstate(all="ignore"):
        means = np.exp(now @ design.T)
        excess = data.weighted((data.counts - means) ** 2 - data.counts).sum(axis=1)
        guess = np.where(excess > 0, excess / data.weighted(means**2).sum(axis=1), LEAST_ALPHA)
        current = np.where(estimated, guess, current)
        free = (current > LEAST_ALPHA) & estimated
        settled = np.zeros(len(now), dtype=bool)
        for _ in range(_MAX_STEPS):
            means = np.exp(now @ design.T)
            spread = 1 + current[:, np.newaxis] * means
            inverse = _seasonal.inverses(
                _seasonal.normal_matrices(data.weighted(means / spread), pairs, places)
            )
            change = np.einsum("nij,nj->ni", inverse, data.weighted((data.counts - means) / spread) @ design)
            now += change
            moved = np.abs(change).max(axis=1)
            if free.any():
                step = _alpha_step(data.take(free), np.exp(now[free] @ design.T), current[free])
                current[free] = np.clip(current[free] * np.exp(step), LEAST_ALPHA, 1e6)
                moved[free] = np.maximum(
                    moved[free], np.where(current[free] > LEAST_ALPHA, np.abs(step), 0.0)
                )
            settled = moved < 1e-10
            if (settled | ~np.isfinite(moved)).all():
                break
        # Rounding may keep the last digits moving.
        settled |= moved < 1e-7
    return now, current, settled & start.converged


def _alpha_step(data: glm.Data, means: FloatArray, alpha: FloatArray) -> FloatArray:
    """Newton step for log alpha, at most 1; where the likelihood is not concave a step of 1/2 uphill."""
    theta = (1 / alpha)[:, np.newaxis]
    y = data.counts
    share = (y + theta) / (theta + means)
    first = data.weighted(
        special.psi(y + theta) - special.psi(theta) + np.log(theta / (theta + means)) + 1 - share
    ).sum(axis=1)
    second = data.weighted(
        special.polygamma(1, y + theta)
        - special.polygamma(1, theta)
        + 1 / theta
        - 2 / (theta + means)
        + share / (theta + means)
    ).sum(axis=1)
    # In eta = log alpha = -log theta.
    theta = theta[:, 0]
    slope = -theta * first
    curvature = theta * first + theta**2 * second
    step = np.where(curvature < 0, -slope / curvature, 0.5 * np.sign(slope))
    clipped: FloatArray = np.clip(step, -1.0, 1.0)
    return clipped
