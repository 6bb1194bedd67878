"""Compiled loops over a tile of ``LANES`` regressions side by side: sums, means, solution of the normal equations.

All tiles have the shape (n_rows, LANES) or (n_levels, LANES), so that the innermost loop runs over neighbours in
memory and becomes vector instructions. The mean of a row is base * A[level] * r^time: where times are a fixed step
apart a product takes the place of an exponential.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import njit

LANES = 16
OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
LARGE_COUNT = 1000.0
_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10

# What all fits of one call share: level and time of each row, whether time jumps there, the step of time.
Design = namedtuple("Design", "level time jump unit n_levels")
# One tile: arrays (n_rows, LANES), but ``absent`` (n_levels, LANES) is 1 where a level has no rows and ``highest``
# (LANES,) the largest count. ``start_log`` is (y + 0.1) log(y + 0.1), ``y_log`` y log y, both less the exposure's log.
Tile = namedtuple("Tile", "y start_log y_log start_deviance weight base absent highest")
# A fitted tile, as glm.Fit: arrays (n_levels, LANES) or (LANES,).
Fit = namedtuple("Fit", "alpha slope alpha_before slope_before weight time schur converged")
# Scratch: ``by_level`` (8, n_levels, LANES), ``by_lane`` (12, LANES), ``bits`` and ``scale`` the same memory.
Scratch = namedtuple("Scratch", "by_level by_lane bits scale")


@njit(**OPTIONS)
def exponentials(values, result, scratch):
    """exp of a flat array. Below -708 the result is 0, above 709.5 infinite."""
    bits, scale = scratch.bits, scratch.scale
    for i in range(values.size):
        x = min(max(values[i], -708.0), 709.5)
        k = np.floor(x * _LOG2E + 0.5)
        f = (x - k * _LN2_HIGH) - k * _LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * f + 1.0 / 479001600.0
        p = p * f + 1.0 / 39916800.0
        p = p * f + 1.0 / 3628800.0
        p = p * f + 1.0 / 362880.0
        p = p * f + 1.0 / 40320.0
        p = p * f + 1.0 / 5040.0
        p = p * f + 1.0 / 720.0
        p = p * f + 1.0 / 120.0
        p = p * f + 1.0 / 24.0
        p = p * f + 1.0 / 6.0
        p = p * f + 0.5
        p = p * f + 1.0
        result[i] = p * f + 1.0
        # Half the power of two, doubled below: 2^1024 has no float.
        bits[i] = (np.int64(k) + 1022) << 52
    for i in range(values.size):
        value = result[i] * scale[i] * 2.0
        value = 0.0 if values[i] < -708.0 else value
        value = np.inf if values[i] > 709.5 else value
        result[i] = value if values[i] == values[i] else np.nan


@njit(**OPTIONS)
def row_sums(tile, design, sums, totals):
    """What stays fixed during the iterations.

    ``sums`` (4, n_levels, LANES): w y, w (y + 0.1), w (y + 0.1) time, w (y + 0.1) z. ``totals`` (7, LANES): w y time,
    w (y + 0.1) time^2, w (y + 0.1) z time, start deviance, base, saturated part less the centre, centre.
    """
    sums[:] = 0.0
    totals[:] = 0.0
    n_rows = tile.y.shape[0]
    for i in range(n_rows):
        g = design.level[i]
        t = design.time[i]
        for lane in range(LANES):
            w = tile.weight[i, lane]
            wy = w * tile.y[i, lane]
            start = wy + 0.1 * w
            right = w * (tile.start_log[i, lane] - 0.1)
            sums[0, g, lane] += wy
            sums[1, g, lane] += start
            sums[2, g, lane] += start * t
            sums[3, g, lane] += right
            totals[0, lane] += wy * t
            totals[1, lane] += start * t * t
            totals[2, lane] += right * t
            totals[3, lane] += w * tile.start_deviance[i, lane]
            totals[4, lane] += tile.base[i, lane]
    for lane in range(LANES):
        cases = 0.0
        for g in range(sums.shape[1]):
            cases += sums[0, g, lane]
        totals[6, lane] = np.log(max(cases, 1e-300) / max(totals[4, lane], 1e-300))
    for i in range(n_rows):
        for lane in range(LANES):
            centred = tile.y_log[i, lane] - totals[6, lane] * tile.y[i, lane]
            totals[5, lane] += tile.weight[i, lane] * centred


@njit(**OPTIONS)
def moments(tile, design, slope, factor, p, ratio, m0, m1, m2):
    """Sums of the means times 1 and time by level, and times time^2 over all rows."""
    m0[:] = 0.0
    m1[:] = 0.0
    m2[:] = 0.0
    for lane in range(LANES):
        ratio[lane] = np.exp(slope[lane] * design.unit)
    for i in range(tile.y.shape[0]):
        g = design.level[i]
        t = design.time[i]
        if design.jump[i]:
            for lane in range(LANES):
                p[lane] = np.exp(slope[lane] * t)
        else:
            for lane in range(LANES):
                p[lane] *= ratio[lane]
        for lane in range(LANES):
            q = tile.base[i, lane] * p[lane] * factor[g, lane]
            qt = q * t
            m0[g, lane] += q
            m1[g, lane] += qt
            m2[lane] += qt * t


@njit(**OPTIONS)
def deviance_by_rows(tile, design, fit, factor, result):
    """The deviance of the fits with counts so large that a difference of sums would lose the digits of the stop rule."""
    for lane in range(LANES):
        if tile.highest[lane] > LARGE_COUNT:
            total = 0.0
            for i in range(tile.y.shape[0]):
                g = design.level[i]
                trend = fit.slope[lane] * design.time[i]
                y = tile.y[i, lane]
                total += tile.weight[i, lane] * (tile.y_log[i, lane] - y * (fit.alpha[g, lane] + trend) - y)
                total += tile.base[i, lane] * factor[g, lane] * np.exp(trend)
            result[lane] = 2.0 * total


@njit(**OPTIONS)
def solve(m0, m1, m2, absent, by_level, by_time, with_trend, weight, schur, alpha, slope):
    """Solution of the arrow-shaped normal equations for right-hand sides by level and for the trend."""
    n_levels = m0.shape[0]
    for lane in range(LANES):
        schur[lane] = m2[lane]
        slope[lane] = by_time[lane]
    for g in range(n_levels):
        for lane in range(LANES):
            weight[g, lane] = m0[g, lane] + absent[g, lane]
            ratio = m1[g, lane] / weight[g, lane]
            schur[lane] -= m1[g, lane] * ratio
            slope[lane] -= ratio * by_level[g, lane]
    for lane in range(LANES):
        slope[lane] = slope[lane] / schur[lane] if with_trend else 0.0
        schur[lane] = schur[lane] if with_trend else 1.0
    for g in range(n_levels):
        for lane in range(LANES):
            alpha[g, lane] = (by_level[g, lane] - m1[g, lane] * slope[lane]) / weight[g, lane]


@njit(**OPTIONS)
def powers(design, i, slope, sign, ratio, p):
    """Advance p = r^time to row i."""
    if design.jump[i]:
        for lane in range(LANES):
            p[lane] = np.exp(sign * slope[lane] * design.time[i])
            ratio[lane] = np.exp(sign * slope[lane] * design.unit)
    else:
        for lane in range(LANES):
            p[lane] *= ratio[lane]


@njit(**OPTIONS)
def pearson(tile, design, fit, scratch, result):
    """Sums of W (y / mu - 1)^2, W at the means before the final step, and of w (y / mu - 1)^2 with prior weights."""
    lanes = scratch.by_lane
    inverse, before, share = scratch.by_level[0], scratch.by_level[1], scratch.by_level[2]
    exponentials(-fit.alpha.ravel(), inverse.ravel(), scratch)
    exponentials(fit.alpha_before.ravel(), before.ravel(), scratch)
    result[:] = 0.0
    for i in range(tile.y.shape[0]):
        g = design.level[i]
        powers(design, i, fit.slope, -1.0, lanes[0], lanes[1])
        powers(design, i, fit.slope_before, 1.0, lanes[2], lanes[3])
        for lane in range(LANES):
            w = tile.weight[i, lane]
            exposure = tile.base[i, lane] / max(w, 1e-300)
            exposure = exposure if w > 0.0 else 1.0
            residual = tile.y[i, lane] * (lanes[1, lane] * inverse[g, lane]) / exposure - 1.0
            square = residual * residual
            result[0, lane] += tile.base[i, lane] * (lanes[3, lane] * before[g, lane]) * square
            result[1, lane] += w * square
