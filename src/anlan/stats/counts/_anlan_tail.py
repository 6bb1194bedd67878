"""From a baseline to p-values in ``anlan_detector``: predictive tail, memory of the period before, slow indicator."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from anlan.stats.counts._anlan_fit import middle_tail
from anlan.stats.counts.result import BoolArray, FloatArray

CLIP_LOW, CLIP_HIGH = -2.0, 4.0
SLOW_DECAY, SLOW_FACTOR, SLOW_LAGS = 0.8, 0.6, 21
_LARGEST_SPREAD = 0.5
# Three points and weights that match the first moments of a normal distribution (Gauss-Hermite).
_NODES = (-np.sqrt(3.0), 0.0, np.sqrt(3.0))
_NODE_WEIGHTS = (1 / 6, 2 / 3, 1 / 6)
_SMALLEST_P = 1e-300


def dispersion_spread(dispersion: FloatArray, mean: FloatArray, n_reported: FloatArray) -> FloatArray:
    """Standard deviation of log phi: s^2 = (2 + (6 (phi - 1) + 1/phi) / m) / n, s at most 0.5."""
    with np.errstate(all="ignore"):
        square = (2 + (6 * (dispersion - 1) + 1 / dispersion) / mean) / n_reported
    return np.minimum(np.sqrt(square), _LARGEST_SPREAD)


class Predictive:
    """Distribution of the count of the tested period, averaged over the uncertainty of the dispersion.

    ``mean`` m, ``dispersion`` phi, ``log_variance`` v0 of log m for dispersion 1, ``spread`` s. With
    v = phi v0 the components are negative binomial with mean m and variance (phi exp(u) + m v) m.
    """

    def __init__(
        self, mean: FloatArray, dispersion: FloatArray, log_variance: FloatArray, spread: FloatArray
    ) -> None:
        self.mean = mean
        with np.errstate(all="ignore"):
            uncertain = mean * dispersion * log_variance
            self.components = [np.maximum(dispersion * np.exp(u * spread) + uncertain, 1.0) for u in _NODES]

    def take(self, chosen: BoolArray) -> Predictive:
        part = object.__new__(Predictive)
        part.mean = self.mean[chosen]
        part.components = [component[chosen] for component in self.components]
        return part

    def tail(self, count: FloatArray) -> FloatArray:
        """The averaged P(Y > y) + P(Y = y)/2."""
        found = np.zeros_like(self.mean)
        for weight, dispersion in zip(_NODE_WEIGHTS, self.components, strict=True):
            found += weight * middle_tail(count, self.mean, dispersion)
        return found

    def limit(self, probability: FloatArray) -> FloatArray:
        """Largest count whose averaged tail is above ``probability`` (-1 if not even 0 is), element by element."""
        found = np.full(self.mean.shape, np.nan)
        usable = np.isfinite(self.mean) & np.isfinite(probability)
        part, wanted = self.take(usable), probability[usable]
        if wanted.size:
            found[usable] = _search(part, wanted)
        return found


def _search(predictive: Predictive, wanted: FloatArray) -> FloatArray:
    """Bisection on whole numbers; invariant: the tail is above ``wanted`` at low and not at high."""
    z = -special.ndtri(np.clip(wanted, _SMALLEST_P, 1 - 1e-12))
    spread = np.sqrt(predictive.components[1] * predictive.mean)
    guess = np.maximum(np.floor(predictive.mean + z * spread), 0.0)
    low: FloatArray = guess.copy()
    high: FloatArray = guess.copy()
    step = np.maximum(np.floor(spread / 2), 1.0)
    while True:  # downwards
        not_above = (low >= 0) & ~(predictive.tail(np.maximum(low, 0.0)) > wanted)
        if not not_above.any():
            break
        high = np.where(not_above, low, high)
        low = np.where(not_above, np.maximum(low - step, -1.0), low)
        step = np.where(not_above, 2 * step, step)
    step = np.maximum(np.floor(spread / 2), 1.0)
    high = np.maximum(high, low + 1)
    while True:  # upwards
        above = predictive.tail(high) > wanted
        if not above.any():
            break
        low = np.where(above, high, low)
        high = np.where(above, high + step, high)
        step = np.where(above, 2 * step, step)
    while True:
        open_ = high - low > 1
        if not open_.any():
            return low
        middle = np.floor((low[open_] + high[open_]) / 2)
        above = predictive.take(open_).tail(middle) > wanted[open_]
        low[open_] = np.where(above, middle, low[open_])
        high[open_] = np.where(above, high[open_], middle)


def normal_score(p_value: FloatArray) -> FloatArray:
    """z with upper tail p; NaN stays NaN."""
    found: FloatArray = -special.ndtri(np.clip(p_value, _SMALLEST_P, 1.0 - 1e-16))
    return found


def with_memory(z: FloatArray, before: FloatArray, memory: float) -> FloatArray:
    """S = (z + lambda clip(z before, -2, 4)) / sqrt(1 + lambda^2); z itself where the period before is missing.

    The clip keeps a missed report from silencing the next period and limits ringing after an outbreak.
    """
    if memory == 0:
        return z
    carried = np.clip(before, CLIP_LOW, CLIP_HIGH)
    together = (z + memory * carried) / np.sqrt(1 + memory**2)
    return np.where(np.isnan(before), z, together)


def limit_for_z(alpha: float, before: FloatArray, memory: float) -> FloatArray:
    """The smallest z that alarms given the period before, as its upper tail probability."""
    needed = float(-special.ndtri(alpha))
    carried = np.where(np.isnan(before), 0.0, np.clip(before, CLIP_LOW, CLIP_HIGH))
    scale = np.where(np.isnan(before), 1.0, np.sqrt(1 + memory**2))
    tail: FloatArray = special.ndtr(-(needed * scale - memory * carried))
    return tail


def slow_strength(z: FloatArray) -> FloatArray:
    """E = 0.6 sum of 0.8^j clip(z_{t-j}), for z of shape (..., n_lags), newest last.

    The factor makes the variance 1 for an endless past; here it is the inverse root of the squared weights that are
    there, so that a missing or unborn period changes nothing in the scale. NaN where the newest is missing.
    """
    lags = np.arange(z.shape[-1])[::-1]
    weights = SLOW_DECAY**lags * ~np.isnan(z)
    total = (weights * np.where(np.isnan(z), 0.0, np.clip(z, CLIP_LOW, CLIP_HIGH))).sum(axis=-1)
    with np.errstate(all="ignore"):
        scaled = total / np.sqrt((weights**2).sum(axis=-1))
    return np.where(np.isnan(z[..., -1]), np.nan, scaled)


def slow_score(z_memory: FloatArray, strength: FloatArray) -> FloatArray:
    """-log p(S) - 0.5 log p(E)."""
    found: FloatArray = -special.log_ndtr(-z_memory) - 0.5 * special.log_ndtr(-strength)
    return found


@lru_cache(maxsize=64)
def slow_limit(alpha: float, memory: float) -> float:
    """The value that ``slow_score`` passes with probability ``alpha`` when S and E are normal and nothing happens.

    Their correlation is that of independent periods, 0.6 (1 + 0.8 lambda) / sqrt(1 + lambda^2); clips are left out.
    """
    correlation = SLOW_FACTOR * (1 + SLOW_DECAY * memory) / np.sqrt(1 + memory**2)
    s = np.linspace(-8.0, 10.0, 4001)
    density = np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi) * (s[1] - s[0])
    own = -special.log_ndtr(-s)
    low, high = 0.0, 400.0
    for _ in range(80):
        middle = (low + high) / 2
        rest = np.maximum(2 * (middle - own), 0.0)  # -log p(E) has to pass this
        needed = -special.ndtri(np.exp(-rest))
        beyond = special.ndtr(-(needed - correlation * s) / np.sqrt(1 - correlation**2))
        beyond = np.where(rest <= 0, 1.0, beyond)
        low, high = (middle, high) if (density * beyond).sum() > alpha else (low, middle)
    return high
