"""The largest log likelihood ratio over all beginnings of a change, for many series abreast.

At time t a change may have begun at any q of a window up to t. Under it the mean is mu e^kappa (``intercept``) or
mu + lambda y_(t-1) (``epidemic``). For every pair of series and q the ratio is maximised over kappa or lambda; the
intercept's is concave in kappa, so that a bracketed Newton iteration always ends at the maximum. (The reference
implementation's Newton steps do not: ``_glr_reference``.) The compiled kernels of ``_fast`` give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np

from anlan.stats.counts._incontrol import LEAST_ALPHA
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

_MAX_STEPS = 80
MOST_COUNT = 1e15  # limits above it are none
_PAIR_CELLS = 400_000  # cells of the (pairs, periods) arrays at a time
_EPIDEMIC_SERIES = 16
#: Lambdas between which the maximum of an epidemic's ratio is looked for.
GRID = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 34)])


@dataclass(frozen=True)
class Run:
    """Counts and means of the periods from some position on, up to the one that is tested (the last column).

    ``y``, ``mu``, ``previous`` (n_series, n) with 0 in all three where nothing is reported; ``alpha`` and ``level``,
    the mean where it is constant, else NaN (n_series,); ``first`` and ``last`` (n_series,) bound the columns at which
    a change may begin.
    """

    y: FloatArray
    mu: FloatArray
    previous: FloatArray
    alpha: FloatArray
    level: FloatArray
    first: IntArray
    last: IntArray

    def with_current(self, count: FloatArray) -> Run:
        """The same with another count in the last period."""
        y = self.y.copy()
        y[:, -1] = count
        return replace(self, y=y)

    def take(self, rows: IntArray) -> Run:
        """The same for some of the series."""
        return Run(*(getattr(self, item.name)[rows] for item in fields(self)))

    @property
    def scale(self) -> FloatArray:
        """alpha times the constant mean, 0 for Poisson, (n_series,)."""
        return np.where(self.alpha > LEAST_ALPHA, self.alpha * np.nan_to_num(self.level), 0.0)

    @property
    def is_closed(self) -> BoolArray:
        """Whether sums of counts and means say everything about an ``intercept`` change, (n_series,)."""
        closed: BoolArray = (self.alpha <= LEAST_ALPHA) | ~np.isnan(self.level)
        return closed

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
        return _epidemic(run)
    closed = run.is_closed
    if closed.all():
        return _closed_intercept(run, sign)
    found = Maximum(np.zeros(len(closed)), np.zeros(len(closed)))
    for rows, method in (
        (np.flatnonzero(closed), _closed_intercept), (np.flatnonzero(~closed), _intercept)
    ):  # fmt: skip
        part = method(run.take(rows), sign)
        found.ratio[rows], found.slope[rows] = part.ratio, part.slope
    return found


def _closed_intercept(run: Run, sign: float) -> Maximum:
    """Poisson, or negative binomial with a constant mean: the best kappa is log of cases over expected cases."""
    cases, expected = tail_sums(run.y), tail_sums(run.mu)
    ratio, slope = _closed_ratio(cases, expected, run.scale[:, np.newaxis])
    with np.errstate(invalid="ignore"):
        ratio = np.where(run.allowed() & (expected > 0) & (sign * (cases - expected) > 0), ratio, 0.0)
    best = ratio.argmax(axis=1)
    place = (np.arange(len(best)), best)
    found = np.where(ratio[place] > 0, slope[place], 0.0)
    return Maximum(ratio[place], np.where(np.isfinite(found), found, -1e3))


def _closed_ratio(
    cases: FloatArray, expected: FloatArray, scale: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Largest log ratio of stretches with these sums, and its derivative in the cases."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = -_log_mixed(expected / cases, scale)
        rest = cases - expected
        if scale.any():
            rest = np.where(scale > 0, _log_mixed(cases / expected, 1 / scale) * expected / scale, rest)
        ratio = np.where(cases > 0, cases * slope, 0.0) - rest
    return ratio, slope


def _log_mixed(factor: FloatArray, scale: FloatArray) -> FloatArray:
    """log((factor + scale) / (1 + scale)), exact next to 0 and far from it."""
    away = (factor - 1) / (1 + scale)
    found: FloatArray = np.where(away > -0.5, np.log1p(away), np.log((factor + scale) / (1 + scale)))
    return found


def _intercept(run: Run, sign: float) -> Maximum:
    score = sign * tail_sums(_excess(run))
    usable = _records(score, run.allowed(), 0.0)
    return _by_pairs(run, usable, lambda pairs, _: _maximise_intercept(pairs, sign))


def _excess(run: Run) -> FloatArray:
    """Score of every period at no change."""
    with np.errstate(divide="ignore", invalid="ignore"):
        excess: FloatArray = (run.y - run.mu) / (1 + run.alpha[:, np.newaxis] * run.mu)
    return excess


def scores_before(run: Run) -> FloatArray:
    """Score at no change of every beginning, without the tested period."""
    excess = _excess(run)
    excess[:, -1] = 0.0
    return tail_sums(excess)


def _records(score: FloatArray, allowed: BoolArray, least: float) -> BoolArray:
    """Beginnings that may be the best: the score from there on is above that from every newer beginning on.

    Between two beginnings whose scores do not differ so, the log ratio, concave in kappa, never rises above 0.
    """
    held = np.where(allowed, score, -np.inf)
    newer = np.full_like(held, least)
    newer[:, :-1] = np.maximum(np.maximum.accumulate(held[:, :0:-1], axis=1)[:, ::-1], least)
    records: BoolArray = held > newer
    return records


def least_count(run: Run, threshold: float) -> FloatArray:
    """The count of the last period with which an increase reaches ``threshold``, (n_series,); infinite if none does."""
    score = scores_before(run)
    usable = _records(score, run.allowed(), -np.inf)
    usable &= (np.isfinite(run.mu[:, -1]) & (run.mu[:, -1] > 0))[:, np.newaxis]
    closed = run.is_closed[:, np.newaxis]
    result = np.full(len(run.y), np.inf)
    if (usable & closed).any():
        rows, begin = np.nonzero(usable & closed)
        before = tail_sums(run.with_current(np.zeros(len(run.y))).y)[rows, begin]
        np.minimum.at(
            result, rows, _closed_least(before, tail_sums(run.mu)[rows, begin], run.scale[rows], threshold)
        )
    for rows, pairs in _pairs(run, usable & ~closed):
        np.minimum.at(result, rows, _least_count(pairs, threshold))
    return np.where(result < MOST_COUNT, result, np.inf)


def _closed_least(
    before: FloatArray, expected: FloatArray, scale: FloatArray, threshold: float
) -> FloatArray:
    """Newton steps in the cases of a stretch: the ratio is convex in them. ``before`` are those before the last period."""
    total = expected + np.sqrt(2 * threshold * expected * (1 + scale)) + threshold
    for _ in range(_MAX_STEPS):
        ratio, slope = _closed_ratio(total, expected, scale)
        following = np.maximum(total - (ratio - threshold) / slope, expected * (1 + 1e-12))
        moved = np.abs(following - total)
        total = following
        if not (moved > 1e-10 * np.maximum(total, 1.0)).any():
            break
    least: FloatArray = np.maximum(total - before, 0.0)
    return least


def _least_count(pairs: _Pairs, threshold: float) -> FloatArray:
    """At any kappa the ratio is a straight line in the count, which gives a count for each: the least over kappa.

    Newton steps for the derivative of the ratio in kappa at that count lead there.
    """
    y, mu, alpha = pairs.y[:, :-1], pairs.mu[:, :-1], pairs.alpha
    last = pairs.mu[:, -1]
    inverse, scale = 1 / alpha[:, 0], alpha[:, 0] * last
    base = np.log1p(alpha * mu)
    total, weight = y.sum(axis=1), y + 1 / alpha
    low, high = np.zeros(len(y)), np.full(len(y), np.inf)
    kappa = np.log1p(np.sqrt(2 * threshold * (1 + scale) / last))
    count, open_ = np.full(len(y), np.inf), np.ones(len(y), dtype=bool)
    for _ in range(_MAX_STEPS):
        with np.errstate(all="ignore"):
            factor = np.exp(kappa)
            z = alpha * mu * factor[:, np.newaxis]
            share = z / (1 + z)
            value = kappa * total - (weight * (np.log1p(z) - base)).sum(axis=1)
            slope = total - (weight * share).sum(axis=1)
            bend = -(weight * share * (1 - share)).sum(axis=1)
            growth, p = np.log1p(scale * factor) - np.log1p(scale), 1 - 1 / (1 + scale * factor)
            count = np.where(open_, (threshold - value + inverse * growth) / (kappa - growth), count)
            slope += count * (1 - p) - p * inverse
            bend -= (count + inverse) * p * (1 - p)
            low, high = np.where(slope > 0, kappa, low), np.where(slope > 0, high, kappa)
            following = kappa - np.clip(slope / bend, -4.0, 4.0)
            good = (bend < 0) & (following > low) & (following < high)
            following = np.where(good, following, np.where(np.isinf(high), 2 * kappa + 0.5, (low + high) / 2))
        open_ &= (count > 0) & (np.abs(following - kappa) > 1e-7) & (following < 600)
        kappa = np.where(open_, following, kappa)
        if not open_.any():
            break
    least: FloatArray = np.maximum(count, 0.0)
    return least


@dataclass(frozen=True)
class _Pairs:
    """Pairs of series and beginning; arrays (n_pairs, n) hold the run from its beginning on, 0 before it."""

    y: FloatArray
    mu: FloatArray
    previous: FloatArray
    alpha: FloatArray
    begin: IntArray


_Maximiser = Callable[[_Pairs, IntArray], tuple[FloatArray, FloatArray]]
_Scored = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def _pairs(run: Run, usable: BoolArray) -> Iterator[tuple[IntArray, _Pairs]]:
    """The pairs in parts that fit the cache, those of the oldest beginnings first, and their series."""
    begin, series = (part.astype(np.int64) for part in np.nonzero(usable.T))
    n, start = run.y.shape[1], 0
    while start < len(series):
        oldest = int(begin[start])
        part = slice(start, start + max(1, _PAIR_CELLS // (n - oldest)))
        rows, at = series[part], begin[part]
        inside = np.arange(oldest, n) >= at[:, np.newaxis]
        y, mu, previous = (
            np.where(inside, values[rows, oldest:], 0.0) for values in (run.y, run.mu, run.previous)
        )
        yield rows, _Pairs(y, mu, previous, run.alpha[rows][:, np.newaxis], at)
        start += len(rows)


def _by_pairs(run: Run, usable: BoolArray, maximise: _Maximiser) -> Maximum:
    ratio, slope = np.zeros(len(run.y)), np.zeros(len(run.y))
    for rows, pairs in _pairs(run, usable):
        found, derivative = maximise(pairs, rows)
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
        # The error of the maximum goes with the square of this.
        if not (moved > 1e-8 * np.maximum(np.abs(now), 1e-3)).any():
            break
    return now


def _epidemic_candidates(run: Run) -> BoolArray:
    """Beginnings for which the likelihood can rise: somewhere more cases than expected after cases."""
    excess = (run.y > run.mu) & (run.previous > 0)
    some: BoolArray = np.maximum.accumulate(excess[:, ::-1], axis=1)[:, ::-1]
    return run.allowed() & some


def _epidemic(run: Run) -> Maximum:
    """Over lambda >= 0. Poisson: concave. Negative binomial: about the best point of a grid."""
    ratio, slope = np.zeros(len(run.y)), np.zeros(len(run.y))
    usable = _epidemic_candidates(run)
    for start in range(0, len(run.y), _EPIDEMIC_SERIES):
        rows = np.arange(start, min(start + _EPIDEMIC_SERIES, len(run.y)))
        part = run.take(rows)
        alpha = part.alpha[:, np.newaxis, np.newaxis]
        y, mu, previous = (values[:, :, np.newaxis] for values in (part.y, part.mu, part.previous))
        tails = np.cumsum(_gains(y, mu, mu + GRID * previous, alpha)[:, ::-1], axis=1)[:, ::-1]
        found = _by_pairs(part, usable[rows], partial(_maximise_epidemic, best=tails.argmax(axis=2)))
        ratio[rows], slope[rows] = found.ratio, found.slope
    return Maximum(ratio, slope)


def _maximise_epidemic(pairs: _Pairs, rows: IntArray, best: IntArray) -> tuple[FloatArray, FloatArray]:
    """Between the neighbours of the point of the grid that is ``best`` (n_series, n) for series and beginning."""
    best = best[rows, pairs.begin]
    y, mu, previous = pairs.y, pairs.mu, pairs.previous
    alpha = pairs.alpha[:, 0]
    with np.errstate(all="ignore"):
        able = previous > 0
        most = np.where(able, (y - mu) / np.where(able, previous, 1.0), 0.0).max(axis=1)
        high = np.append(GRID[1:], np.inf)[best]
        high = np.where(np.isinf(high), np.maximum(most, GRID[best]), high)
        lam = _bracketed(
            lambda value: _epidemic_score(pairs, value), GRID[np.maximum(best - 1, 0)], high, GRID[best]
        )
        ratio = _gains(y, mu, mu + lam[:, np.newaxis] * previous, pairs.alpha).sum(axis=1)
        raised = mu[:, -1] + lam * previous[:, -1]
        growth = np.log1p(alpha * raised) - np.log1p(alpha * mu[:, -1])
        slope = np.log(raised / mu[:, -1]) - np.where(alpha > LEAST_ALPHA, growth, 0.0)
    return np.where(ratio > 0, ratio, 0.0), np.where(np.isfinite(slope), slope, 0.0)


def _epidemic_score(pairs: _Pairs, lam: FloatArray) -> tuple[FloatArray, FloatArray]:
    y, previous = pairs.y, pairs.previous
    alpha = np.where(pairs.alpha > LEAST_ALPHA, pairs.alpha, 0.0)
    mean = np.where(previous > 0, pairs.mu + lam[:, np.newaxis] * previous, 1.0)
    spread = mean * (1 + alpha * mean)
    first = previous * (y - mean) / spread
    second = -previous * (previous + first * (1 + 2 * alpha * mean)) / spread
    return first.sum(axis=1), second.sum(axis=1)


def _gains(y: FloatArray, mu: FloatArray, mean: FloatArray, alpha: FloatArray) -> FloatArray:
    """Log ratio of every period with ``mean`` against ``mu``; 0 where nothing is reported."""
    there = mu > 0
    base = np.where(there, mu, 1.0)
    mean = np.where(there, mean, 1.0)
    growth = mean - base
    if (alpha > LEAST_ALPHA).any():
        spread = np.log1p(alpha * mean) - np.log1p(alpha * base)
        growth = np.where(alpha > LEAST_ALPHA, (y + 1 / alpha) * spread, growth)
    gains: FloatArray = y * np.log(mean / base) - growth
    return gains
