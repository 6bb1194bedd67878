"""The iterations of R surveillance 1.20.3 for the likelihood ratio charts, for comparison only.

Its Newton steps are neither damped nor bounded. Where a count is more than about ten times its mean the first step
overshoots, kappa runs off, is set to 0, and a large outbreak goes unseen (``docs/methods/glr.md`` has the evidence).
The epidemic chart of the negative binomial does not maximise over lambda: it takes the kappa of the other chart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anlan.stats.counts._glr_runs import Maximum, Run, largest, tail_sums
from anlan.stats.counts.result import BoolArray, FloatArray

_START = 0.5
_TOLERANCE = 1e-6
_LOWEST = -18.0
_MOST_STEPS = 1000


def largest_in_r(run: Run, *, change: str, sign: float, family: str) -> Maximum:
    """The statistic as R computes it. The derivative is 0: R finds its limits by counting."""
    if family == "poisson" and change == "intercept":
        if sign < 0:
            # 0 * log 0 is not a number there: a run without a case is no decrease.
            cases = tail_sums(run.y)
            run = replace(run, last=np.minimum(run.last, (cases > 0).sum(axis=1) - 1))
        return largest(run, change=change, sign=sign)
    best = np.zeros(len(run.y))
    estimate = np.full(len(run.y), _START)
    allowed = run.allowed()
    with np.errstate(all="ignore"):
        for begin in np.flatnonzero(allowed.any(axis=0)):
            there = allowed[:, begin]
            y, mu, previous = (values[:, begin:] for values in (run.y, run.mu, run.previous))
            part = replace(run, y=y, mu=mu, previous=previous)
            if family == "poisson":
                estimate = np.where(there, _epidemic_estimate(part, estimate), estimate)
                ratio = _epidemic_ratio(part, estimate)
            else:
                kappa = _intercept_estimate(part, estimate, there)
                bounded = np.where(sign > 0, np.fmax(kappa, 0.0), np.fmin(kappa, 0.0))
                estimate = np.where(there, bounded, estimate)
                ratio = (
                    _negative_binomial_ratio(part, np.exp(bounded)[:, np.newaxis] * part.mu)
                    if change == "intercept"
                    else _negative_binomial_ratio(
                        part, part.mu + np.exp(kappa)[:, np.newaxis] * part.previous
                    )
                )
            best = np.where(there & (ratio > best), ratio, best)
    return Maximum(best, np.zeros(len(best)))


def _intercept_estimate(run: Run, start: FloatArray, there: BoolArray) -> FloatArray:
    kappa, going = start.copy(), there.copy()
    alpha = run.alpha[:, np.newaxis]
    for _ in range(_MOST_STEPS):
        raised = run.mu * np.exp(kappa)[:, np.newaxis]
        spread = 1 + alpha * raised
        score = ((run.y - raised) / spread).sum(axis=1)
        information = (raised * (alpha * run.y + 1) / spread**2).sum(axis=1)
        following = kappa + score / information
        moved = np.abs(following - kappa)
        kappa = np.where(going, following, kappa)
        going &= (moved >= _TOLERANCE) & (kappa >= _LOWEST)
        if not going.any():
            break
    return kappa


def _negative_binomial_ratio(run: Run, mean: FloatArray) -> FloatArray:
    alpha = run.alpha[:, np.newaxis]
    there = run.mu > 0
    gain = run.y * np.log(np.where(there, mean / run.mu, 1.0)) + (run.y + 1 / alpha) * (
        np.log1p(alpha * run.mu) - np.log1p(alpha * mean)
    )
    ratio: FloatArray = np.where(there, gain, 0.0).sum(axis=1)
    return ratio


def _epidemic_estimate(run: Run, start: FloatArray) -> FloatArray:
    """Newton steps in log lambda."""
    lam = start.copy()
    going = np.ones(len(lam), dtype=bool)
    for _ in range(_MOST_STEPS):
        mean = run.mu + lam[:, np.newaxis] * run.previous
        share = np.where(run.previous > 0, run.previous / mean, 0.0)
        first = lam * (run.y * share - run.previous).sum(axis=1)
        second = first - lam**2 * (run.y * share**2).sum(axis=1)
        following = lam * np.exp(-first / second)
        moved = np.abs(following - lam)
        lam = np.where(going, following, lam)
        going &= moved >= _TOLERANCE
        if not going.any():
            break
    return lam


def _epidemic_ratio(run: Run, lam: FloatArray) -> FloatArray:
    there = run.mu > 0
    mean = run.mu + lam[:, np.newaxis] * run.previous
    gain = run.y * np.log(np.where(there, mean / run.mu, 1.0)) - lam[:, np.newaxis] * run.previous
    ratio: FloatArray = np.where(there, gain, 0.0).sum(axis=1)
    return ratio
