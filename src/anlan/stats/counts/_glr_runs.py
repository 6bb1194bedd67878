"""The largest log likelihood ratio over all beginnings of a change, for many series abreast.

At time t a change may have begun at any q of a window up to t. Under it the mean is mu e^kappa (``intercept``) or
mu + lambda y_(t-1) (``epidemic``). For every pair of series and q the ratio is maximised over kappa or lambda; the
intercept's is concave in kappa, so that a bracketed Newton iteration always ends at the maximum. (The reference
implementation's Newton steps do not: ``_glr_reference``.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from anlan.stats.counts._incontrol import LEAST_ALPHA
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

_MAX_STEPS = 80
_PAIR_CELLS = 400_000  # cells of the (pairs, periods) arrays at a time
_GRID = np.exp(np.linspace(np.log(1e-3), 0.0, 13))  # parts of the largest lambda


@dataclass(frozen=True)
class Run:
    """Counts and means of the periods from some position on, up to the one that is tested (the last column).

    ``y``, ``mu``, ``previous`` (n_series, n) with 0 in all three where nothing is reported; ``alpha`` (n_series,);
    ``first`` and ``last`` (n_series,) bound the columns at which a change may begin.
    """

    y: FloatArray
    mu: FloatArray
    previous: FloatArray
    alpha: FloatArray
    first: IntArray
    last: IntArray

    def with_current(self, count: FloatArray) -> Run:
        """The same with another count in the last period."""
        y = self.y.copy()
        y[:, -1] = count
        return Run(y, self.mu, self.previous, self.alpha, self.first, self.last)

    def allowed(self) -> BoolArray:
        """At which columns a change may begin, (n_series, n)."""
        column = np.arange(self.y.shape[1])
        allowed: BoolArray = (column >= self.first[:, np.newaxis]) & (column <= self.last[:, np.newaxis])
        return allowed


@dataclass(frozen=True)
class Maximum:
    """``ratio`` (n_series,), and its derivative with respect to the latest count."""

    ratio: FloatArray
    slope: FloatArray


def tail_sums(values: FloatArray) -> FloatArray:
    """Sum from each column to the last."""
    sums: FloatArray = np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
    return sums


def largest(run: Run, *, change: str, sign: float) -> Maximum:
    """Maximum over the beginnings and over kappa (sign 1: >= 0, -1: <= 0) or lambda >= 0."""
    if change == "epidemic":
        return _by_pairs(run, _epidemic_candidates(run), 1.0, _maximise_epidemic)
    if (run.alpha <= LEAST_ALPHA).all():
        return _poisson_intercept(run, sign)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = tail_sums((run.y - run.mu) / (1 + run.alpha[:, np.newaxis] * run.mu))
    return _by_pairs(run, run.allowed() & (sign * score > 0), sign, _maximise_intercept)


def _poisson_intercept(run: Run, sign: float) -> Maximum:
    cases, expected = tail_sums(run.y), tail_sums(run.mu)
    usable = run.allowed() & (expected > 0) & (sign * (cases - expected) > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = np.where(usable, np.log(cases / expected), 0.0)
        ratio = np.where(usable & (cases > 0), cases * kappa, 0.0) + np.where(usable, expected - cases, 0.0)
    best = ratio.argmax(axis=1)
    place = (np.arange(len(best)), best)
    return Maximum(ratio[place], np.where(np.isfinite(kappa[place]), kappa[place], -1e3))


def _epidemic_candidates(run: Run) -> BoolArray:
    """Beginnings for which the likelihood can rise: somewhere more cases than expected after cases."""
    excess = (run.y > run.mu) & (run.previous > 0)
    some: BoolArray = np.maximum.accumulate(excess[:, ::-1], axis=1)[:, ::-1]
    return run.allowed() & some


@dataclass(frozen=True)
class _Pairs:
    """Pairs of series and beginning; arrays (n_pairs, n) hold the run from its beginning on, 0 before it."""

    y: FloatArray
    mu: FloatArray
    previous: FloatArray
    alpha: FloatArray


_Maximiser = Callable[[_Pairs, float], tuple[FloatArray, FloatArray]]
_Scored = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def _by_pairs(run: Run, usable: BoolArray, sign: float, maximise: _Maximiser) -> Maximum:
    ratio, slope = np.zeros(len(run.y)), np.zeros(len(run.y))
    series, begin = np.nonzero(usable)
    n = run.y.shape[1]
    step = max(1, _PAIR_CELLS // max(n, 1))
    for start in range(0, len(series), step):
        rows, at = series[start : start + step], begin[start : start + step]
        inside = np.arange(n) >= at[:, np.newaxis]
        y, mu, previous = (np.where(inside, part[rows], 0.0) for part in (run.y, run.mu, run.previous))
        found, derivative = maximise(_Pairs(y, mu, previous, run.alpha[rows][:, np.newaxis]), sign)
        order = np.argsort(found, kind="stable")
        better = found[order] > ratio[rows[order]]
        # The last of several assignments to one series is the largest.
        ratio[rows[order][better]] = found[order][better]
        slope[rows[order][better]] = derivative[order][better]
    return Maximum(ratio, slope)


def _maximise_intercept(pairs: _Pairs, sign: float) -> tuple[FloatArray, FloatArray]:
    """Over kappa; the score sum of y - mu e^kappa (1 + alpha y) / (1 + alpha mu e^kappa) falls in kappa."""
    y, mu, alpha = pairs.y, pairs.mu, pairs.alpha
    with np.errstate(all="ignore"):
        start = np.log(y.sum(axis=1) / mu.sum(axis=1))
        if sign > 0:
            low, high = np.zeros(len(y)), np.log(np.where(mu > 0, y / mu, 0.0).max(axis=1))
        else:
            low, high = _below(pairs, start), np.zeros(len(y))
        kappa = _bracketed(lambda value: _intercept_score(pairs, value), low, high, start)
        ratio = _intercept_ratio(pairs, kappa)
        none = (y.sum(axis=1) == 0) & (sign < 0)
        ratio = np.where(none, (np.log1p(alpha * mu) / alpha).sum(axis=1), ratio)
        last = mu[:, -1] * alpha[:, 0]
        slope = kappa - np.log1p(last * np.exp(kappa)) + np.log1p(last)
    return np.where(ratio > 0, ratio, 0.0), np.where(none, -1e3, slope)


def _below(pairs: _Pairs, start: FloatArray) -> FloatArray:
    low = np.minimum(np.where(np.isfinite(start), start, -1.0), -1.0)
    for _ in range(_MAX_STEPS):
        short = (_intercept_score(pairs, low)[0] < 0) & (low > -700)
        if not short.any():
            break
        low = np.where(short, 2 * low, low)
    return low


def _intercept_score(pairs: _Pairs, kappa: FloatArray) -> tuple[FloatArray, FloatArray]:
    raised = pairs.mu * np.exp(kappa)[:, np.newaxis]
    spread = 1 + pairs.alpha * raised
    term = raised * (1 + pairs.alpha * pairs.y) / spread
    return (pairs.y - term).sum(axis=1), -(term / spread).sum(axis=1)


def _intercept_ratio(pairs: _Pairs, kappa: FloatArray) -> FloatArray:
    y, mu, alpha = pairs.y, pairs.mu, pairs.alpha
    gain = np.log1p(alpha * mu * np.exp(kappa)[:, np.newaxis]) - np.log1p(alpha * mu)
    ratio: FloatArray = kappa * y.sum(axis=1) - ((y + 1 / alpha) * gain).sum(axis=1)
    return ratio


def _bracketed(function: _Scored, low: FloatArray, high: FloatArray, start: FloatArray) -> FloatArray:
    """Root of a falling function between ``low`` and ``high``: Newton steps, halving where they leave the bracket."""
    low, high = low.copy(), high.copy()
    inside = np.isfinite(start) & (start >= low) & (start <= high)
    now = np.where(inside, start, (low + high) / 2)
    for _ in range(_MAX_STEPS):
        value, derivative = function(now)
        low, high = np.where(value > 0, now, low), np.where(value > 0, high, now)
        newton = now - value / derivative
        good = (newton >= low) & (newton <= high)
        following = np.where(good, newton, (low + high) / 2)
        moved = np.abs(following - now)
        now = following
        if not (moved > 1e-11 * np.maximum(np.abs(now), 1.0)).any():
            break
    return now


def _maximise_epidemic(pairs: _Pairs, sign: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG001
    """Over lambda >= 0. Poisson: concave. Negative binomial: the best of a grid, then Newton between its neighbours."""
    y, mu, previous = pairs.y, pairs.mu, pairs.previous
    with np.errstate(all="ignore"):
        able = previous > 0
        most = np.where(able, (y - mu) / np.where(able, previous, 1.0), 0.0).max(axis=1)
        grid = np.concatenate([[0.0], _GRID, [1.0 + 1e-9]])
        trial = np.stack([_epidemic_ratio(pairs, most * part) for part in grid])
        best = np.clip(trial.argmax(axis=0), 1, len(grid) - 2)
        low, high = most * grid[best - 1], most * grid[best + 1]
        lam = _bracketed(lambda value: _epidemic_score(pairs, value), low, high, most * grid[best])
        ratio = _epidemic_ratio(pairs, lam)
        raised = mu[:, -1] + lam * previous[:, -1]
        alpha = pairs.alpha[:, 0]
        slope = np.log(raised / mu[:, -1]) - np.log1p(alpha * raised) + np.log1p(alpha * mu[:, -1])
    return np.where(ratio > 0, ratio, 0.0), np.where(np.isfinite(slope), slope, 0.0)


def _epidemic_score(pairs: _Pairs, lam: FloatArray) -> tuple[FloatArray, FloatArray]:
    y, previous, alpha = pairs.y, pairs.previous, pairs.alpha
    mean = np.where(previous > 0, pairs.mu + lam[:, np.newaxis] * previous, 1.0)
    spread = mean * (1 + alpha * mean)
    first = previous * (y - mean) / spread
    second = -previous * (previous + first * (1 + 2 * alpha * mean)) / spread
    return first.sum(axis=1), second.sum(axis=1)


def _epidemic_ratio(pairs: _Pairs, lam: FloatArray) -> FloatArray:
    y, alpha = pairs.y, pairs.alpha
    able = pairs.mu > 0
    mu = np.where(able, pairs.mu, 1.0)
    mean = mu + lam[:, np.newaxis] * pairs.previous
    gain = y * np.log(mean / mu) - (y + 1 / alpha) * (np.log1p(alpha * mean) - np.log1p(alpha * mu))
    ratio: FloatArray = np.where(able, gain, 0.0).sum(axis=1)
    return ratio
