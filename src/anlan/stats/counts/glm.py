"""Quasi-Poisson log-linear regression for many series that share one design.

The model is log mu_i = log exposure_i + alpha[level_i] + beta * time_i with a seasonal level for each row and an
optional trend. Its normal equations have the shape of an arrow (levels do not meet, only the trend meets all), so an
iteration needs no more than sums of weight, weight * time and weight * time^2 for each level: one matrix product
for all series together.

The iterates are those of iteratively reweighted least squares with the starting value mu = y + 0.1 and the stop
rule |dev - dev_old| / (|dev| + 0.1) < 1e-8, at most 25 steps. Standard errors and leverages are those of the last
regression that was *solved*, that is at the means before the final step. Both decide the digits beyond the sixth, and
for a season without cases the first (``docs/methods/farrington_flexible.md``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

MAX_ITERATIONS = 25
TOLERANCE = 1e-8
_START_SHIFT = 0.1
# Above this count the deviance is summed row by row: differences of sums would lose the digits of the stop rule.
_LARGE_COUNT = 1000.0


@dataclass(frozen=True)
class Design:
    """Rows of a regression: ``level`` (n_rows,) from 0 to ``n_levels`` - 1, and ``time`` (n_rows,), about unit size."""

    level: IntArray
    time: FloatArray
    n_levels: int

    def basis(self) -> FloatArray:
        """Columns that sum a row quantity by level: times 1, time, time^2. Shape (n_rows, 3 * n_levels)."""
        indicator = (self.level[:, np.newaxis] == np.arange(self.n_levels)).astype(np.float64)
        time = self.time[:, np.newaxis]
        return np.ascontiguousarray(np.hstack([indicator, indicator * time, indicator * time**2]))


@dataclass(frozen=True)
class Data:
    """Responses of ``n_fits`` regressions on one design.

    ``counts`` (n_fits, n_rows) without NaN; ``weight`` the prior weights, 0 for a row that is not there, or None for
    ones; ``exposure`` positive, or None for ones.
    """

    counts: FloatArray
    weight: FloatArray | None
    exposure: FloatArray | None

    def take(self, chosen: IntArray | BoolArray) -> Data:
        return Data(
            self.counts[chosen],
            None if self.weight is None else self.weight[chosen],
            None if self.exposure is None else self.exposure[chosen],
        )

    def weighted(self, rows: FloatArray) -> FloatArray:
        return rows if self.weight is None else rows * self.weight

    def base(self) -> FloatArray | None:
        """Prior weight times exposure, the factor of the mean in every sum."""
        if self.weight is None:
            return self.exposure
        return self.weight if self.exposure is None else self.weight * self.exposure


@dataclass(frozen=True)
class Coefficients:
    """``level`` (n_fits, n_levels) and ``slope`` (n_fits,) on the scale of ``Design.time``."""

    level: FloatArray
    slope: FloatArray


@dataclass(frozen=True)
class Fit:
    """``final`` coefficients, those ``before`` the final step, and the normal matrix of that step.

    ``level_weight`` and ``level_time`` are the sums of W and W * time by level, ``schur`` is the trend's element of
    the matrix after the levels are swept out (1 in a model without trend). ``present`` marks levels that have rows.
    """

    final: Coefficients
    before: Coefficients
    level_weight: FloatArray
    level_time: FloatArray
    schur: FloatArray
    present: BoolArray
    converged: BoolArray
    has_trend: bool

    @property
    def n_coefficients(self) -> IntArray:
        number: IntArray = self.present.sum(axis=1) + int(self.has_trend)
        return number

    def variance_at(self, level: int, time: FloatArray | float) -> FloatArray:
        """x' (X'WX)^-1 x for the row x = (level, time): the variance of its linear predictor for dispersion 1."""
        weight = self.level_weight[:, level]
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = 1 / weight
            if self.has_trend:
                variance = variance + (time - self.level_time[:, level] / weight) ** 2 / self.schur
        return variance


def row_means(design: Design, coefficients: Coefficients, exposure: FloatArray | None) -> FloatArray:
    """Means of all rows, shape (n_fits, n_rows)."""
    eta = coefficients.level[:, design.level]
    eta += coefficients.slope[:, np.newaxis] * design.time
    np.exp(eta, out=eta)
    if exposure is not None:
        eta *= exposure
    return eta


def leverages(design: Design, fit: Fit, working_weight: FloatArray) -> FloatArray:
    """Diagonal of the hat matrix; ``working_weight`` belongs to the means before the final step."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(fit.present, 1 / fit.level_weight, 0.0)
        hat = inverse[:, design.level]
        if fit.has_trend:
            centre = (fit.level_time * inverse)[:, design.level]
            np.subtract(design.time, centre, out=centre)
            np.square(centre, out=centre)
            centre /= fit.schur[:, np.newaxis]
            hat += centre
    hat *= working_weight
    return hat


class _Sums:
    """Sums by level that do not change during the iterations, for the fits that are still running."""

    def __init__(self, design: Design, data: Data, basis: FloatArray) -> None:
        levels = design.n_levels
        y = data.counts
        by_level = data.weighted(y) @ basis[:, : 2 * levels]
        self.y = by_level[:, :levels]
        self.y_time = by_level[:, levels:].sum(axis=1)
        exposure = 1.0 if data.exposure is None else data.exposure
        base = data.base()
        total = np.full(len(y), float(y.shape[1])) if base is None else base.sum(axis=1)
        self.centre = np.log(np.maximum(self.y.sum(axis=1), 1e-300) / np.maximum(total, 1e-300))
        centred = np.where(y > 0, y, 1.0) / exposure * np.exp(-self.centre)[:, np.newaxis]
        self.saturated = data.weighted(y * np.log(centred)).sum(axis=1)

    def keep(self, chosen: BoolArray) -> None:
        for name in ("y", "y_time", "centre", "saturated"):
            setattr(self, name, getattr(self, name)[chosen])

    def deviance(self, now: Coefficients, mean_by_level: FloatArray) -> FloatArray:
        shifted = now.level - self.centre[:, np.newaxis]
        linear = np.einsum("ij,ij->i", shifted, self.y) + now.slope * self.y_time
        rest = mean_by_level.sum(axis=1) - self.y.sum(axis=1)
        result: FloatArray = 2 * (self.saturated - linear + rest)
        return result


def fit(design: Design, data: Data, *, with_trend: bool) -> Fit:
    """Fit every row of ``data.counts`` on ``design``; fits that have converged leave the batch."""
    with np.errstate(all="ignore"):
        return _Solver(design, data, with_trend).run()


class _Solver:
    """State of one batch of fits: the ones still running, and the places of the finished ones."""

    def __init__(self, design: Design, data: Data, with_trend: bool) -> None:
        self.design, self.data, self.with_trend = design, data, with_trend
        self.basis = design.basis()
        n_fits, levels = len(data.counts), design.n_levels
        self.index = np.arange(n_fits)
        self.base = data.base()
        self.large = data.counts.max(axis=1, initial=0.0) > _LARGE_COUNT
        self.sums = _Sums(design, data, self.basis)
        rows_there = data.weighted(np.ones_like(data.counts)) if data.weight is not None else None
        if rows_there is None:
            present = np.broadcast_to(np.bincount(design.level, minlength=levels) > 0, (n_fits, levels))
        else:
            present = ((rows_there > 0).astype(np.float64) @ self.basis[:, :levels]) > 0
        self.present = np.array(present)
        self.out = Fit(
            final=Coefficients(np.zeros((n_fits, levels)), np.zeros(n_fits)),
            before=Coefficients(np.zeros((n_fits, levels)), np.zeros(n_fits)),
            level_weight=np.ones((n_fits, levels)),
            level_time=np.zeros((n_fits, levels)),
            schur=np.ones(n_fits),
            present=self.present,
            converged=np.zeros(n_fits, dtype=bool),
            has_trend=with_trend,
        )

    def run(self) -> Fit:
        if not len(self.index):
            return self.out
        matrix, now, deviance = self._first_step()
        # The first regression is solved at the starting means; these coefficients stand for them in ``before`` only
        # if it were to stop at once, which the stop rule cannot do for a start that is not a fit.
        before = now
        for step in range(1, MAX_ITERATIONS + 1):
            fresh = self._moments(now)
            new_deviance = self._deviance(now, fresh)
            done = np.abs(new_deviance - deviance) / (np.abs(new_deviance) + 0.1) < TOLERANCE
            last = step == MAX_ITERATIONS
            if done.any() or last:
                self._store(np.ones_like(done) if last else done, done, now, before, matrix)
                left = ~done
                if last or not left.any():
                    break
                self._keep(left)
                now = Coefficients(now.level[left], now.slope[left])
                new_deviance, fresh = new_deviance[left], fresh[left]
            deviance, before, matrix = new_deviance, now, fresh
            now = self._step(now, fresh)
        return self.out

    def _first_step(self) -> tuple[FloatArray, Coefficients, FloatArray]:
        """The regression at the starting means mu = y + 0.1, and their deviance."""
        levels, y = self.design.n_levels, self.data.counts
        start = y + _START_SHIFT
        log_start = np.log(start)
        z = log_start if self.data.exposure is None else log_start - np.log(self.data.exposure)
        matrix = self.data.weighted(start) @ self.basis
        right = self.data.weighted(start * z - _START_SHIFT) @ self.basis[:, : 2 * levels]
        ratio = np.log(np.where(y > 0, y, 1.0)) - np.where(y > 0, log_start, 0.0)
        deviance = 2 * self.data.weighted(y * ratio + _START_SHIFT).sum(axis=1)
        now = self._solve(matrix, right[:, :levels], right[:, levels:].sum(axis=1))
        return matrix, now, deviance

    def _moments(self, now: Coefficients) -> FloatArray:
        """The normal matrix: sums of mu, mu * time, mu * time^2 by level, side by side."""
        factor = np.exp(now.level)
        if self.with_trend:
            growth = np.exp(now.slope[:, np.newaxis] * self.design.time)
            if self.base is not None:
                growth *= self.base
            sums = growth @ self.basis
        elif self.base is not None:
            sums = self.base @ self.basis
        else:
            sums = np.broadcast_to(self.basis.sum(axis=0), (len(factor), self.basis.shape[1]))
        moments: FloatArray = sums * np.tile(factor, 3)
        return moments

    def _deviance(self, now: Coefficients, matrix: FloatArray) -> FloatArray:
        deviance = self.sums.deviance(now, matrix[:, : self.design.n_levels])
        if self.large.any():
            deviance[self.large] = self._deviance_by_rows(self.large, now)
        return deviance

    def _deviance_by_rows(self, chosen: BoolArray, now: Coefficients) -> FloatArray:
        data = self.data.take(self.index[chosen])
        y = data.counts
        eta = now.level[chosen][:, self.design.level] + now.slope[chosen][:, np.newaxis] * self.design.time
        if data.exposure is not None:
            eta += np.log(data.exposure)
        log_y = np.log(np.where(y > 0, y, 1.0))
        rows = y * np.where(y > 0, log_y - eta, 0.0) - (y - np.exp(eta))
        result: FloatArray = 2 * data.weighted(rows).sum(axis=1)
        return result

    def _step(self, now: Coefficients, matrix: FloatArray) -> Coefficients:
        levels = self.design.n_levels
        change = self._solve(
            matrix,
            self.sums.y - matrix[:, :levels],
            self.sums.y_time - matrix[:, levels : 2 * levels].sum(axis=1),
        )
        return Coefficients(now.level + change.level, now.slope + change.slope)

    def _split(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        levels = self.design.n_levels
        present = self.present[self.index]
        weight = np.where(present, matrix[:, :levels], 1.0)
        time = matrix[:, levels : 2 * levels]
        if not self.with_trend:
            return weight, time, np.ones(len(matrix))
        schur = matrix[:, 2 * levels :].sum(axis=1) - (time**2 / weight).sum(axis=1)
        return weight, time, schur

    def _solve(self, matrix: FloatArray, by_level: FloatArray, by_time: FloatArray) -> Coefficients:
        weight, time, schur = self._split(matrix)
        if not self.with_trend:
            return Coefficients(by_level / weight, np.zeros(len(matrix)))
        ratio = time / weight
        slope = (by_time - np.einsum("ij,ij->i", ratio, by_level)) / schur
        return Coefficients(by_level / weight - ratio * slope[:, np.newaxis], slope)

    def _store(
        self, chosen: BoolArray, done: BoolArray, now: Coefficients, before: Coefficients, matrix: FloatArray
    ) -> None:
        place = self.index[chosen]
        weight, time, schur = self._split(matrix)
        out = self.out
        out.final.level[place], out.final.slope[place] = now.level[chosen], now.slope[chosen]
        out.before.level[place], out.before.slope[place] = before.level[chosen], before.slope[chosen]
        out.level_weight[place], out.level_time[place] = weight[chosen], time[chosen]
        out.schur[place] = schur[chosen]
        out.converged[place] = done[chosen]

    def _keep(self, left: BoolArray) -> None:
        self.index = self.index[left]
        self.sums.keep(left)
        if self.base is not None:
            self.base = self.base[left]
        self.large = self.large[left]
