"""The local level of ``anlan_detector``: a slow multiplier of the baseline, used only when the series shows one.

For decay d and shrinkage k the multiplier of period s is
rho_s = (k + sum over q < s of d^(s-1-q) y*_q / phi) / (k + sum over q < s of d^(s-1-q) mu_q / phi), where y*_q is the
count cut at mu_q rho_q + 2.5 sqrt(phi mu_q rho_q) + 0.5, so that an outbreak does not lift its own reference. Ten pairs
(d, k) compete in one-step-ahead loss with rho = 1, and the best is adopted only when it is clearly better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anlan.stats.counts._anlan_fit import Baseline
from anlan.stats.counts.result import BoolArray, FloatArray

DECAYS = (0.6, 0.75, 0.85, 0.92, 0.97)
SHRINKAGES = (1.0, 8.0)
ADOPT_BELOW = -6.0
_LARGEST_LOSS = 9.0
_CUT = 2.5


@dataclass(frozen=True)
class Level:
    """``multiplier`` rho of the tested period (1 when not adopted), ``dispersion`` to use with it, ``adopted``,
    and ``decay`` of the adopted level (NaN without); each of shape (n_fits,)."""

    multiplier: FloatArray
    dispersion: FloatArray
    adopted: BoolArray
    decay: FloatArray


def local_level(windows: FloatArray, baseline: Baseline) -> Level:
    """Choose and apply the local level of every window; a missing period lets the sums fade and adds nothing."""
    decay = np.repeat(DECAYS, len(SHRINKAGES))[:, np.newaxis]
    shrinkage = np.tile(SHRINKAGES, len(DECAYS))[:, np.newaxis]
    phi = baseline.dispersion
    there = ~np.isnan(windows)
    # Time first: each step of the loop reads contiguous rows.
    y = np.ascontiguousarray(np.where(there, windows, 0.0).T)
    mean = np.ascontiguousarray(baseline.mean.T)
    known = np.ascontiguousarray(there.T.astype(np.float64))
    power = np.cbrt(y) ** 2
    seen = np.zeros((len(decay), len(phi)))
    meant = np.zeros_like(seen)
    loss = np.zeros_like(seen)
    ratio = np.ones_like(seen)
    with np.errstate(all="ignore"):
        plain = (_loss(np.sqrt(mean), phi, power) * known).sum(axis=0)
        for s in range(len(y)):
            np.divide(shrinkage + seen, shrinkage + meant, out=ratio)
            here = mean[s] * ratio
            root = np.sqrt(here)
            loss += _loss(root, phi, power[s]) * known[s]
            cut = np.minimum(y[s], here + _CUT * np.sqrt(phi) * root + 0.5)
            seen = decay * seen + cut * known[s] / phi
            meant = decay * meant + mean[s] * known[s] / phi
        np.divide(shrinkage + seen, shrinkage + meant, out=ratio)
        best = np.argmin(loss, axis=0)
        fits = np.arange(len(phi))
        gain = loss[best, fits] / plain
        adopted = (baseline.n_reported * np.log(gain) < ADOPT_BELOW) & ~baseline.is_empty
    return Level(
        multiplier=np.where(adopted, ratio[best, fits], 1.0),
        dispersion=np.where(adopted, np.maximum(1.0, phi * gain), phi),
        adopted=adopted,
        decay=np.where(adopted, decay[best, 0], np.nan),
    )


def _loss(root: FloatArray, phi: FloatArray, power: FloatArray) -> FloatArray:
    """min(A^2 / phi, 9) with A = 1.5 (y^(2/3) - m^(2/3)) / m^(1/6), from root = sqrt(m) and power = y^(2/3)."""
    sixth = np.cbrt(root)
    residual = 1.5 * (power - sixth**4) / sixth
    capped: FloatArray = np.minimum(residual**2 / phi, _LARGEST_LOSS)
    return capped
