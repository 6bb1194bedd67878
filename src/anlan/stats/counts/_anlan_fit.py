"""The baseline of ``anlan_detector``: penalised robust quasi-Poisson regression on trend and two harmonics.

A *window* is the row of reported counts that ends just before the period under test, oldest first; NaN is not reported
or before the series began. Time is counted backwards from the tested period, so all windows of all series share one
design and are fitted together: log mu = b0 + b1 s/(6 P) + sum over j = 1, 2 of c_j cos(2 pi j s/P) + d_j sin(2 pi j s/P)
with s = -n .. -1 and the tested period at s = 0. The penalty is the same on cosine and sine, so the origin of the
season makes no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from anlan.stats.counts.distributions import upper_tail
from anlan.stats.counts.result import BoolArray, FloatArray

HARMONICS = 2
N_COEFFICIENTS = 2 + 2 * HARMONICS
RIDGE = 4.0
TREND_YEARS = 6.0  # the trend is counted in units of six years: 312 weeks, 72 months
TAIL_FULL_WEIGHT = 0.02
_START_STEPS, _ROUNDS, _ROUND_STEPS = 8, 5, 2
_LARGEST_STEP = 2.0  # in the linear predictor; an undamped first step overshoots where the season is strong
_CONVERGED = 0.02
# A tail probability below 0.02 lies above this Pearson residual (the least is 2.07) as long as the size of the negative
# binomial is not very small, so most tails need not be computed; a test searches the plane for exceptions.
_TAIL_FROM, _TAIL_SIZE = 2.0, 0.05
# Weights fall with the logarithm of the tail, which is no match for a count a hundred times too high (a typing error, the
# first wave of a new disease): beyond ten standard deviations and five cases the rest of a count is cut off. The first
# fit, which knows no standard deviation yet, cuts at three times the value that 2.5 % of the window reach.
_CUT_DEVIATIONS, _CUT_CASES, _FIRST_CUT, _FIRST_SHARE = 10.0, 5.0, 3.0, 0.025


@dataclass(frozen=True)
class Baseline:
    """Fits of a batch of windows.

    ``mean`` (n_fits, n_window) expected counts of the window, ``weight`` the robust weights (0 where not reported),
    ``expected`` (n_fits,) of the tested period, ``dispersion`` phi, ``log_variance`` the variance of log(expected)
    for dispersion 1, ``n_reported`` values in the window, ``converged``, ``is_empty`` for windows without a case.
    """

    mean: FloatArray
    weight: FloatArray
    expected: FloatArray
    dispersion: FloatArray
    log_variance: FloatArray
    n_reported: FloatArray
    converged: BoolArray
    is_empty: BoolArray


def design(n_window: int, period: float) -> FloatArray:
    """Rows for s = -n_window .. 0; the last one is the tested period. Shape (n_window + 1, 6)."""
    time = np.arange(-n_window, 1, dtype=np.float64)
    columns = [np.ones_like(time), time / (TREND_YEARS * period)]
    for harmonic in range(1, HARMONICS + 1):
        angle = 2 * np.pi * harmonic * time / period
        columns += [np.cos(angle), np.sin(angle)]
    return np.column_stack(columns)


def fit_baseline(windows: FloatArray, rows: FloatArray) -> Baseline:
    """Fit every window on the design ``rows`` (``design``); windows without a case get half a case in all.

    Every fit starts from the mean and takes the same number of steps, so a result depends on its window alone and not
    on which periods were evaluated before.
    """
    with np.errstate(all="ignore"):
        fitting = _Fitting(windows, rows)
        fitting.steps(_START_STEPS)
        for _ in range(_ROUNDS):
            fitting.reweight()
            fitting.steps(_ROUND_STEPS)
        return fitting.result()


class _Fitting:
    """State of one batch: coefficients enter only through the linear predictor and the penalty."""

    def __init__(self, windows: FloatArray, rows: FloatArray) -> None:
        self.rows, self.tested = np.ascontiguousarray(rows[:-1]), rows[-1]
        self.there = ~np.isnan(windows)
        self.y = np.where(self.there, windows, 0.0)
        self.weight = self.there.astype(np.float64)
        self.n_reported = self.weight.sum(axis=1)
        place = windows.shape[1] - math.ceil(_FIRST_SHARE * windows.shape[1])
        often = np.partition(self.y, place, axis=1)[:, place]
        self.used = np.minimum(self.y, np.maximum(_FIRST_CUT * often, _CUT_CASES)[:, np.newaxis])
        first, second = np.triu_indices(N_COEFFICIENTS)
        self.pairs = first, second
        self.products = np.ascontiguousarray(self.rows[:, first] * self.rows[:, second])
        self.total = self.used.sum(axis=1)
        self.empty = self.total == 0
        self.coefficients = np.zeros((len(windows), N_COEFFICIENTS))
        level = np.maximum(self.total, 0.5) / np.maximum(self.n_reported, 1.0)
        self.coefficients[:, 0] = np.log(level)
        self.mean = np.repeat(level[:, np.newaxis], windows.shape[1], axis=1)
        self.last_step = np.zeros(len(windows))

    def steps(self, number: int) -> None:
        for _ in range(number):
            gradient = (self.weight * (self.used - self.mean)) @ self.rows
            gradient[:, 1:] -= RIDGE * self.coefficients[:, 1:]
            change = np.linalg.solve(self.information(), gradient[..., np.newaxis])[..., 0]
            change[self.empty] = 0.0
            eta = change @ self.rows.T
            self.last_step = np.abs(eta).max(axis=1, initial=0.0)
            damping = np.minimum(1.0, _LARGEST_STEP / np.maximum(self.last_step, 1e-300))
            self.coefficients += damping[:, np.newaxis] * change
            np.exp(self.coefficients @ self.rows.T, out=self.mean)

    def information(self) -> FloatArray:
        """X'WX + ridge, shape (n_fits, 6, 6)."""
        flat = (self.weight * self.mean) @ self.products
        matrix = np.empty((len(flat), N_COEFFICIENTS, N_COEFFICIENTS))
        matrix[:, self.pairs[0], self.pairs[1]] = flat
        matrix[:, self.pairs[1], self.pairs[0]] = flat
        diagonal = np.arange(1, N_COEFFICIENTS)
        matrix[:, diagonal, diagonal] += RIDGE
        # A window without reports must not make the matrix singular; its result is not used.
        matrix[:, 0, 0] = np.maximum(matrix[:, 0, 0], 1e-12)
        return matrix

    def dispersion(self) -> FloatArray:
        """phi = max(1, sum w (y - mu)^2 / mu / (sum w - p))."""
        squares = (self.weight * (self.used - self.mean) ** 2 / np.maximum(self.mean, 1e-300)).sum(axis=1)
        freedom = np.maximum(self.weight.sum(axis=1) - N_COEFFICIENTS, 1.0)
        found: FloatArray = np.maximum(1.0, squares / freedom)
        return found

    def reweight(self) -> None:
        """w = 1 where pi >= 0.02, else log 0.02 / log pi, with pi the mid-tail of the count under NB(mu, phi)."""
        dispersion = self.dispersion()
        self.weight = self.there.astype(np.float64)
        excess = self.y - self.mean
        phi = dispersion[:, np.newaxis]
        far = excess > np.where(self.mean > _TAIL_SIZE * (phi - 1), _TAIL_FROM, 0.0) * np.sqrt(
            phi * self.mean
        )
        fits, places = np.nonzero(self.there & far)
        tail = middle_tail(self.y[fits, places], self.mean[fits, places], dispersion[fits])
        lowered = np.log(TAIL_FULL_WEIGHT) / np.log(np.maximum(tail, 1e-300))
        self.weight[fits, places] = np.where(tail < TAIL_FULL_WEIGHT, lowered, 1.0)
        room = _CUT_DEVIATIONS * np.sqrt(phi * self.mean) + _CUT_CASES
        np.minimum(self.y, self.mean + room, out=self.used)

    def result(self) -> Baseline:
        direction = np.linalg.solve(
            self.information(), np.broadcast_to(self.tested, self.coefficients.shape)[..., np.newaxis]
        )[..., 0]
        expected = np.exp(self.coefficients @ self.tested)
        # With half a case in n periods, variance 2 of the logarithm gives the predictive distribution of a Gamma(1/2)
        # posterior: negative binomial of size 1/2.
        log_variance = np.where(self.empty, 2.0, direction @ self.tested)
        return Baseline(
            mean=self.mean,
            weight=self.weight,
            expected=expected,
            dispersion=np.where(self.empty, 1.0, self.dispersion()),
            log_variance=np.maximum(log_variance, 0.0),
            n_reported=self.n_reported,
            converged=(self.last_step < _CONVERGED) & np.isfinite(expected),
            is_empty=self.empty,
        )


def middle_tail(count: FloatArray, mean: FloatArray, dispersion: FloatArray) -> FloatArray:
    """P(Y > y) + P(Y = y)/2 for Y negative binomial with variance ``dispersion * mean``."""
    whole = np.ceil(count)
    both = upper_tail(
        np.stack([whole, whole + 1]), np.stack([mean, mean]), np.stack([dispersion, dispersion])
    )
    tail: FloatArray = both.mean(axis=0)
    return tail
