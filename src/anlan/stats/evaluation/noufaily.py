"""The simulated design of Noufaily et al. (2013) as used by Bédubourg and Le Strat (2017): 42 scenarios.

624 weeks of negative-binomial counts with variance phi * mu (Poisson for phi = 1) and
mu_t = exp{theta + beta t + sum over j = 1..m of [gamma1 cos(2 pi j t/52) + gamma2 sin(2 pi j t/52)]}, t = 1 .. 624.
Weeks 1 to 312 train, 313 to 575 may hold four past outbreaks, 576 to 624 are judged and hold the current one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anlan.stats.counts._input import as_number, as_whole
from anlan.stats.counts.result import FloatArray, IntArray
from anlan.stats.evaluation.paired import PairedSeries, spread_outbreak

N_WEEKS, FIRST_PAST, FIRST_TESTED = 624, 312, 575  # positions from 0: weeks 313 and 576
PAST_SIZES = (0, 2, 3, 5, 10)
CURRENT_SIZES = tuple(range(1, 11))
N_PAST = 4

# theta, beta where there is a trend, gamma1, gamma2, phi
_GROUPS = (
    (0.1, 0.0025, 0.6, 0.6, 1.5),
    (-2.0, 0.005, 0.1, 0.3, 2.0),
    (1.5, 0.003, 0.2, -0.4, 1.0),
    (0.5, 0.002, 0.5, 0.5, 5.0),
    (2.5, 0.001, 1.0, 0.1, 3.0),
    (3.75, 0.001, 0.1, -0.1, 1.1),
    (5.0, 0.0001, 0.05, 0.01, 1.2),
)


@dataclass(frozen=True)
class Scenario:
    """One of the 42: ``number`` = 6 (group - 1) + 3 trend + m + 1."""

    number: int
    group: int
    theta: float
    beta: float
    m: int
    gamma1: float
    gamma2: float
    phi: float

    def mean(self) -> FloatArray:
        """mu_t for weeks 1 to 624, shape (624,)."""
        week = np.arange(1, N_WEEKS + 1, dtype=np.float64)
        log_mean = self.theta + self.beta * week
        for j in range(1, self.m + 1):
            angle = 2 * np.pi * j * week / 52
            log_mean = log_mean + self.gamma1 * np.cos(angle) + self.gamma2 * np.sin(angle)
        found: FloatArray = np.exp(log_mean)
        return found


def _scenario(group: int, trend: int, m: int) -> Scenario:
    theta, beta, gamma1, gamma2, phi = _GROUPS[group - 1]
    season = (gamma1, gamma2) if m else (0.0, 0.0)
    return Scenario(6 * (group - 1) + 3 * trend + m + 1, group, theta, beta * trend, m, *season, phi)


SCENARIOS: tuple[Scenario, ...] = tuple(
    _scenario(group, trend, m) for group in range(1, 8) for trend in (0, 1) for m in (0, 1, 2)
)


def simulate_noufaily(
    replicates: int,
    *,
    generator: np.random.Generator,
    level_correlation: float = 0.0,
    level_sd: float = 0.0,
    median_weeks: float = 1.0,
) -> PairedSeries:
    """Simulate ``replicates`` series of each of the 42 scenarios.

    With q = replicate + scenario (both from 0) the current outbreak has a mean size of 1 + q mod 10 standard deviations,
    past outbreaks {0, 2, 3, 5, 10}[(q + q div 10) mod 5]: ten replicates hold every current size once in each scenario,
    as the stored reference run does, fifty cross both factors fully.

    Parameters
    ----------
    replicates : int, at least 1
    generator : numpy.random.Generator
    level_correlation, level_sd : float
        With ``level_sd`` > 0 the log mean carries a stationary AR(1) of this correlation (0 to below 1) and standard
        deviation: the serially correlated variant of the design.
    median_weeks : float, default 1.0, above 0
        Median time from the beginning of the current outbreak to a case. The design has 1; 4 makes slow outbreaks.

    Returns
    -------
    PairedSeries
        42 * ``replicates`` series, scenario by scenario, with labels ``scenario``, ``group``, ``k_past``, ``k_current``.

    References
    ----------
    Noufaily A et al. (2013). Stat Med 32(7): 1206-1222. Bédubourg G, Le Strat Y (2017). PLoS ONE 12(7): e0181227.
    """
    number = as_whole("replicates", replicates, at_least=1)
    rho = as_number("level_correlation", level_correlation, at_least=0, below=1)
    sd = as_number("level_sd", level_sd, at_least=0)
    replicate = np.tile(np.arange(number), len(SCENARIOS))
    scenario = np.repeat(np.arange(len(SCENARIOS)), number)
    turn = replicate + scenario
    k_past = np.array(PAST_SIZES)[(turn + turn // 10) % len(PAST_SIZES)]
    k_current = 1 + turn % len(CURRENT_SIZES)
    mean = np.stack([item.mean() for item in SCENARIOS])[scenario]
    phi = np.array([item.phi for item in SCENARIOS])[scenario]
    if sd > 0:
        mean = mean * np.exp(_ar1(mean.shape, rho, sd, generator))
    counts = _counts(mean, phi, generator)
    deviation = np.sqrt(phi[:, np.newaxis] * mean)
    counts += _past(k_past, deviation, generator)
    labels = {
        "scenario": scenario + 1,
        "group": np.array([item.group for item in SCENARIOS])[scenario],
        "k_past": k_past,
        "k_current": k_current,
    }
    median = as_number("median_weeks", median_weeks, above=0)
    outbreak, start = _current(k_current, deviation, generator, median)
    return PairedSeries(counts, outbreak, FIRST_TESTED, start, labels)


def _ar1(shape: tuple[int, ...], rho: float, sd: float, generator: np.random.Generator) -> FloatArray:
    """Stationary AR(1), less half its variance so that the mean of its exponential is 1."""
    level = generator.normal(0.0, sd, size=shape[0])
    found = np.empty(shape)
    for week in range(shape[1]):
        level = rho * level + generator.normal(0.0, sd * np.sqrt(1 - rho**2), size=shape[0])
        found[:, week] = level
    return found - sd**2 / 2


def _counts(mean: FloatArray, phi: FloatArray, generator: np.random.Generator) -> FloatArray:
    counts = np.empty(mean.shape)
    poisson = phi == 1
    counts[poisson] = generator.poisson(mean[poisson])
    excess = phi[~poisson, np.newaxis] - 1
    counts[~poisson] = generator.negative_binomial(mean[~poisson] / excess, 1 / (1 + excess))
    return counts


def _past(k: IntArray, deviation: FloatArray, generator: np.random.Generator) -> FloatArray:
    cases = np.zeros(deviation.shape)
    series = np.flatnonzero(k > 0)
    for _ in range(N_PAST):
        start = generator.integers(FIRST_PAST, FIRST_TESTED, size=len(series))
        size = k[series] * deviation[series, start]
        cases[series] += spread_outbreak(start, size, N_WEEKS, FIRST_TESTED - 1, generator)
    return cases


def _current(
    k: IntArray, deviation: FloatArray, generator: np.random.Generator, median_weeks: float
) -> tuple[FloatArray, IntArray]:
    """Cases and starts; an outbreak that begins so late that none of its cases is seen is drawn again."""
    cases, starts = np.zeros(deviation.shape), np.zeros(len(k), dtype=np.int64)
    open_ = np.arange(len(k))
    while len(open_):
        start = generator.integers(FIRST_TESTED, N_WEEKS, size=len(open_))
        size = k[open_] * deviation[open_, start]
        cases[open_] = spread_outbreak(
            start, size, N_WEEKS, N_WEEKS - 1, generator, median_weeks=median_weeks
        )
        starts[open_] = start
        open_ = open_[~cases[open_].any(axis=1)]
    return cases, starts
