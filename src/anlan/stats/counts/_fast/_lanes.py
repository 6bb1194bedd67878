# mypy: ignore-errors
# numba infers the types.
"""Compiled loops over a tile of ``LANES`` regressions side by side: sums, means, solution of the normal equations.

The mean of a row is base * A[level] * r^time: where times are a fixed step apart a product takes the place of an
exponential, so that an iteration needs no exponentials but those of the levels.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import njit

from anlan.stats.counts._fast._vector import LANES, OPTIONS, exponential, load, splat, store, where_less

LARGE_COUNT = 1000.0

# What all fits of one call share. The rows lie in runs of one level and of times one ``unit`` apart: ``start``, ``stop``,
# ``level`` and ``jump`` (whether the time before the run is another than one unit earlier) have one element for each
# run, ``time`` one for each row.
Design = namedtuple("Design", "start stop level jump time unit n_levels")
# One tile: arrays (n_rows, LANES), but ``absent`` (n_levels, LANES) is 1 where a level has no rows and ``highest``
# (LANES,) the largest count. ``start_log`` is (y + 0.1) log(y + 0.1), ``y_log`` y log y, both less the exposure's log.
Tile = namedtuple("Tile", "y start_log y_log start_deviance weight base absent highest")
# A fitted tile, as glm.Fit: arrays (n_levels, LANES) or (LANES,).
Fit = namedtuple("Fit", "alpha slope alpha_before slope_before weight time schur converged")
# Sums that stay fixed while a tile iterates. By level: w y, w (y + 0.1), the same times time, w (y + 0.1) z.
# By lane: w y time, w (y + 0.1) time^2, w (y + 0.1) z time, start deviance, saturated part less the centre, centre.
Sums = namedtuple("Sums", "y start start_time right y_time start_time2 right_time deviance saturated centre")


@njit(**OPTIONS)
def row_sums(tile, design, sums):
    """Fill ``sums`` from the tile."""
    nothing = splat(0.0)
    y_time, start_time2, right_time, deviance, base = nothing, nothing, nothing, nothing, nothing
    for g in range(design.n_levels):
        store(sums.y, g, nothing)
        store(sums.start, g, nothing)
        store(sums.start_time, g, nothing)
        store(sums.right, g, nothing)
    for run in range(design.start.size):
        y_level, start_level, start_time, right_level = nothing, nothing, nothing, nothing
        for i in range(design.start[run], design.stop[run]):
            t = design.time[i]
            w = load(tile.weight, i)
            wy = w * load(tile.y, i)
            start = wy + w * 0.1
            right = w * (load(tile.start_log, i) - 0.1)
            start_t = start * t
            y_level = y_level + wy
            start_level = start_level + start
            start_time = start_time + start_t
            right_level = right_level + right
            y_time = y_time + wy * t
            start_time2 = start_time2 + start_t * t
            right_time = right_time + right * t
            deviance = deviance + w * load(tile.start_deviance, i)
            base = base + load(tile.base, i)
        g = design.level[run]
        store(sums.y, g, load(sums.y, g) + y_level)
        store(sums.start, g, load(sums.start, g) + start_level)
        store(sums.start_time, g, load(sums.start_time, g) + start_time)
        store(sums.right, g, load(sums.right, g) + right_level)
    store(sums.y_time, 0, y_time)
    store(sums.start_time2, 0, start_time2)
    store(sums.right_time, 0, right_time)
    store(sums.deviance, 0, deviance * 2.0)
    _centre(tile, sums, base)


@njit(**OPTIONS)
def _centre(tile, sums, base):
    """The log of the mean count, taken out of the deviance so that its sums lose no digits."""
    cases = splat(0.0)
    for g in range(sums.y.shape[0]):
        cases = cases + load(sums.y, g)
    store(sums.centre, 0, where_less(cases, 1e-300, 1e-300, cases) / where_less(base, 1e-300, 1e-300, base))
    for lane in range(LANES):
        sums.centre[lane] = np.log(sums.centre[lane])
    centre, saturated = load(sums.centre, 0), splat(0.0)
    for i in range(tile.y.shape[0]):
        saturated = saturated + load(tile.weight, i) * (load(tile.y_log, i) - centre * load(tile.y, i))
    store(sums.saturated, 0, saturated)


@njit(**OPTIONS)
def moments(tile, design, slope, factor, m0, m1, m2):
    """Sums of the means times 1 and time by level, and times time^2 over all rows."""
    nothing = splat(0.0)
    for g in range(design.n_levels):
        store(m0, g, nothing)
        store(m1, g, nothing)
    by_unit = load(slope, 0)
    ratio = exponential(by_unit * design.unit)
    power, all2 = splat(1.0), nothing
    for run in range(design.start.size):
        if design.jump[run]:
            power = exponential(by_unit * design.time[design.start[run]])
        sum0, sum1, sum2 = nothing, nothing, nothing
        for i in range(design.start[run], design.stop[run]):
            t = design.time[i]
            q = load(tile.base, i) * power
            qt = q * t
            sum0 = sum0 + q
            sum1 = sum1 + qt
            sum2 = sum2 + qt * t
            power = power * ratio
        g = design.level[run]
        height = load(factor, g)
        store(m0, g, load(m0, g) + sum0 * height)
        store(m1, g, load(m1, g) + sum1 * height)
        all2 = all2 + sum2 * height
    store(m2, 0, all2)


@njit(**OPTIONS)
def deviance_by_rows(tile, design, fit, factor, result):
    """The deviance of the fits with counts so large that a difference of sums would lose the digits of the stop rule."""
    for lane in range(LANES):
        if tile.highest[lane] > LARGE_COUNT:
            total = 0.0
            for run in range(design.start.size):
                g = design.level[run]
                for i in range(design.start[run], design.stop[run]):
                    trend = fit.slope[lane] * design.time[i]
                    y = tile.y[i, lane]
                    total += tile.weight[i, lane] * (
                        tile.y_log[i, lane] - y * (fit.alpha[g, lane] + trend) - y
                    )
                    total += tile.base[i, lane] * factor[g, lane] * np.exp(trend)
            result[lane] = 2.0 * total


@njit(**OPTIONS)
def solve(m0, m1, m2, absent, by_level, by_time, with_trend, weight, schur, alpha, slope):
    """Solution of the arrow-shaped normal equations for right-hand sides by level and for the trend."""
    n_levels = m0.shape[0]
    left, change = load(m2, 0), load(by_time, 0)
    for g in range(n_levels):
        here = load(m0, g) + load(absent, g)
        store(weight, g, here)
        time = load(m1, g)
        ratio = time / here
        left = left - time * ratio
        change = change - ratio * load(by_level, g)
    change = change / left if with_trend else splat(0.0)
    store(schur, 0, left if with_trend else splat(1.0))
    store(slope, 0, change)
    for g in range(n_levels):
        store(alpha, g, (load(by_level, g) - load(m1, g) * change) / load(weight, g))


@njit(**OPTIONS)
def exponentials(values, sign, result):
    """exp(sign * values), row by row."""
    for g in range(values.shape[0]):
        store(result, g, exponential(load(values, g) * sign))


@njit(**OPTIONS)
def pearson(tile, design, fit, inverse, before, result):
    """Sums of W (y / mu - 1)^2, W at the means before the final step, and of w (y / mu - 1)^2 with prior weights.

    ``inverse`` and ``before`` are scratch of (n_levels, LANES); ``result`` (2, LANES).
    """
    exponentials(fit.alpha, -1.0, inverse)
    exponentials(fit.alpha_before, 1.0, before)
    slope, slope_before = load(fit.slope, 0), load(fit.slope_before, 0)
    down, up = exponential(slope * -design.unit), exponential(slope_before * design.unit)
    by_mean, power = splat(1.0), splat(1.0)
    pearson_sum, prior_sum = splat(0.0), splat(0.0)
    for run in range(design.start.size):
        if design.jump[run]:
            t = design.time[design.start[run]]
            by_mean, power = exponential(slope * -t), exponential(slope_before * t)
        g = design.level[run]
        low, high = load(inverse, g), load(before, g)
        for i in range(design.start[run], design.stop[run]):
            w, base = load(tile.weight, i), load(tile.base, i)
            # base / w is the exposure; a row that is not there has w = base = 0.
            exposure = where_less(0.0, w, base / w, 1.0)
            residual = load(tile.y, i) * (by_mean * low) / exposure - 1.0
            square = residual * residual
            pearson_sum = pearson_sum + base * (power * high) * square
            prior_sum = prior_sum + w * square
            by_mean = by_mean * down
            power = power * up
    store(result, 0, pearson_sum)
    store(result, 1, prior_sum)
