"""The regressions of the flexible Farrington method, compiled: load a tile, fit, reweight, fit again.

The same steps as ``_farrington_fit._two_step`` and ``glm.fit``, iterate by iterate, on tiles of ``LANES`` fits. A lane
whose fit has converged keeps its numbers while the others go on.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from anlan.stats.counts._fast._lanes import (
    LANES,
    LARGE_COUNT,
    OPTIONS,
    Design,
    Fit,
    Scratch,
    Tile,
    deviance_by_rows,
    exponentials,
    moments,
    pearson,
    powers,
    row_sums,
    solve,
)

MAX_ITERATIONS = 25
TOLERANCE = 1e-8
TABLE = 1024
OUTPUTS = ("eta", "variance", "dispersion", "in_r", "slope", "schur", "degrees", "converged", "enough", "largest")


@njit(**OPTIONS)
def reference_totals(cases, offsets, series, position, result):
    """Cases in the reference of each fit, without what is not reported."""
    for f in range(series.size):
        total = 0.0
        for i in range(offsets.size):
            value = cases[series[f], position[f] + offsets[i]]
            total += value if value == value else 0.0
        result[f] = total


@njit(**OPTIONS)
def _load(cases, exposure, offsets, level, series, position, order, first, table, tile):
    """Fill the tile with fits ``order[first:first + LANES]``, the last one again where there are fewer."""
    relative = exposure.size > 0
    tile.absent[:] = 1.0
    for lane in range(LANES):
        f = order[min(first + lane, order.size - 1)]
        s, at = series[f], position[f]
        highest = 0.0
        for i in range(offsets.size):
            value = cases[s, at + offsets[i]]
            w = 1.0 if value == value else 0.0
            y = value if value == value else 0.0
            highest = max(highest, y)
            cell = np.int64(min(y, TABLE - 1.0))
            if y == cell:
                start_log, y_log, deviance = table[cell, 0], table[cell, 1], table[cell, 2]
            else:
                start_log = (y + 0.1) * np.log(y + 0.1)
                y_log = y * np.log(y) if y > 0.0 else 0.0
                deviance = y_log - y * np.log(y + 0.1) + 0.1
            share = 1.0
            if relative:
                share = exposure[s, at + offsets[i]] / exposure[s, at]
                log_share = np.log(share)
                start_log -= (y + 0.1) * log_share
                y_log -= y * log_share
            tile.y[i, lane] = y
            tile.start_log[i, lane] = start_log
            tile.y_log[i, lane] = y_log
            tile.start_deviance[i, lane] = deviance
            tile.weight[i, lane] = w
            tile.base[i, lane] = w * share
            if w > 0.0:
                tile.absent[level[i], lane] = 0.0
        tile.highest[lane] = highest


@njit(**OPTIONS)
def _deviance(tile, design, fit, m0, factor, sums, totals, by_rows, result):
    for lane in range(LANES):
        result[lane] = totals[5, lane] - fit.slope[lane] * totals[0, lane]
    for g in range(m0.shape[0]):
        for lane in range(LANES):
            shifted = fit.alpha[g, lane] - totals[6, lane]
            result[lane] += m0[g, lane] - sums[0, g, lane] * (shifted + 1.0)
    for lane in range(LANES):
        result[lane] *= 2.0
    if by_rows:
        deviance_by_rows(tile, design, fit, factor, result)


@njit(**OPTIONS)
def _advance(active, fit, m0, m1, absent, schur, step_alpha, step_slope):
    """Take the step in the lanes that are still running; the others keep what they have."""
    for lane in range(LANES):
        on = active[lane] > 0.0
        fit.schur[lane] = schur[lane] if on else fit.schur[lane]
        fit.slope_before[lane] = fit.slope[lane] if on else fit.slope_before[lane]
        fit.slope[lane] += step_slope[lane] if on else 0.0
    for g in range(m0.shape[0]):
        for lane in range(LANES):
            on = active[lane] > 0.0
            fit.weight[g, lane] = m0[g, lane] + absent[g, lane] if on else fit.weight[g, lane]
            fit.time[g, lane] = m1[g, lane] if on else fit.time[g, lane]
            fit.alpha_before[g, lane] = fit.alpha[g, lane] if on else fit.alpha_before[g, lane]
            fit.alpha[g, lane] += step_alpha[g, lane] if on else 0.0


@njit(**OPTIONS)
def _fit(tile, design, with_trend, sums, totals, scratch, fit):
    """Iteratively reweighted least squares of one tile, as ``glm._Solver.run``."""
    m0, m1, factor, change, right, weight, plain = (
        scratch.by_level[0], scratch.by_level[1], scratch.by_level[2], scratch.by_level[3], scratch.by_level[4],
        scratch.by_level[5], scratch.by_level[6],
    )  # fmt: skip
    lanes = scratch.by_lane
    m2, deviance, old, active, right_time, schur, step = (
        lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5], lanes[6],
    )  # fmt: skip
    row_sums(tile, design, sums, totals)
    solve(sums[1], sums[2], totals[1], tile.absent, sums[3], totals[2], with_trend, fit.weight, fit.schur, fit.alpha,
          fit.slope)  # fmt: skip
    by_rows = False
    for lane in range(LANES):
        by_rows |= tile.highest[lane] > LARGE_COUNT
        active[lane] = 1.0
        fit.converged[lane] = 0.0
        old[lane] = 2.0 * totals[3, lane]
    fit.time[:] = sums[2]
    fit.alpha_before[:] = fit.alpha
    fit.slope_before[:] = fit.slope
    if not with_trend:
        factor[:] = 1.0
        moments(tile, design, fit.slope, factor, lanes[7], lanes[8], plain, m1, m2)
    for iteration in range(1, MAX_ITERATIONS + 1):
        exponentials(fit.alpha.ravel(), factor.ravel(), scratch)
        if with_trend:
            moments(tile, design, fit.slope, factor, lanes[7], lanes[8], m0, m1, m2)
        else:
            m0[:] = plain * factor
        _deviance(tile, design, fit, m0, factor, sums, totals, by_rows, deviance)
        running = 0
        for lane in range(LANES):
            if active[lane] > 0.0:
                moved = abs(deviance[lane] - old[lane]) / (abs(deviance[lane]) + 0.1)
                if moved < TOLERANCE:
                    active[lane] = 0.0
                    fit.converged[lane] = 1.0
                else:
                    running += 1
            old[lane] = deviance[lane]
        if running == 0 or iteration == MAX_ITERATIONS:
            break
        right[:] = sums[0] - m0
        for lane in range(LANES):
            right_time[lane] = totals[0, lane]
        for g in range(m0.shape[0]):
            for lane in range(LANES):
                right_time[lane] -= m1[g, lane]
        solve(m0, m1, m2, tile.absent, right, right_time, with_trend, weight, schur, change, step)
        _advance(active, fit, m0, m1, tile.absent, schur, change, step)


@njit(**OPTIONS)
def _reweight(tile, design, fit, phi, threshold, with_trend, scratch):
    """gamma s^-2 where the Anscombe residual s is above the threshold, gamma elsewhere (``reweighted``)."""
    levels, lanes = scratch.by_level, scratch.by_lane
    now, before, inverse, centre, off = levels[0], levels[1], levels[2], levels[3], lanes[6]
    exponentials(fit.alpha.ravel(), now.ravel(), scratch)
    exponentials(fit.alpha_before.ravel(), before.ravel(), scratch)
    inverse[:] = (1.0 - tile.absent) / fit.weight
    centre[:] = fit.time * inverse
    trend = 1.0 if with_trend else 0.0
    total, rows, mean, rest, scaled, bound = lanes[4], lanes[5], lanes[7], lanes[8], lanes[9], lanes[10]
    for lane in range(LANES):
        total[lane] = 0.0
        rows[lane] = 0.0
        scaled[lane] = trend / fit.schur[lane]
        bound[lane] = threshold * threshold * phi[lane] * (1.0 - 1e-9)
    for i in range(tile.y.shape[0]):
        g = design.level[i]
        t = design.time[i]
        powers(design, i, fit.slope, 1.0, lanes[0], lanes[1])
        powers(design, i, fit.slope_before, 1.0, lanes[2], lanes[3])
        large = 0
        for lane in range(LANES):
            base = tile.base[i, lane]
            there = tile.weight[i, lane] > 0.0
            mean[lane] = (base if there else 1.0) * now[g, lane] * lanes[1, lane]
            distance = t - centre[g, lane]
            leverage = inverse[g, lane] + distance * distance * scaled[lane]
            left = 1.0 - base * before[g, lane] * lanes[3, lane] * leverage
            rest[lane] = 0.0 if left < 2.220446049250313e-15 else left
            excess = tile.y[i, lane] - mean[lane]
            passes = (excess > 0.0) & (excess * excess >= bound[lane] * mean[lane] * rest[lane])
            off[lane] = 1.0 if passes else 0.0
            large += 1 if passes else 0
            rows[lane] += 1.0 if there else 0.0
        if large:
            for lane in range(LANES):
                if off[lane] > 0.0:
                    y, mu = tile.y[i, lane], mean[lane]
                    size = 1.5 * (np.cbrt(y) ** 2 * mu ** (-1.0 / 6.0) - np.sqrt(mu)) / np.sqrt(phi[lane] * rest[lane])
                    if size > threshold:
                        tile.weight[i, lane] /= size * size
                        tile.base[i, lane] /= size * size
        for lane in range(LANES):
            total[lane] += tile.weight[i, lane]
    for lane in range(LANES):
        total[lane] = rows[lane] / total[lane]
    for i in range(tile.y.shape[0]):
        for lane in range(LANES):
            tile.weight[i, lane] *= total[lane]
            tile.base[i, lane] *= total[lane]


@njit(**OPTIONS)
def two_step(cases, exposure, offsets, level, time, jump, unit, n_levels, series, position, order, at, table,
             with_trend, reweight, threshold, out):  # fmt: skip
    """Both fits of the fits in ``order``; ``out`` (10, n_fits) has the rows ``OUTPUTS``. See ``_two_step``."""
    n_rows = offsets.size
    design = Design(level, time, jump, unit, n_levels)
    grid = np.empty((6, n_rows, LANES))
    tile = Tile(grid[0], grid[1], grid[2], grid[3], grid[4], grid[5], np.empty((n_levels, LANES)), np.empty(LANES))
    lv, ln = np.empty((4, n_levels, LANES)), np.empty((4, LANES))
    fit = Fit(lv[0], ln[0], lv[1], ln[1], lv[2], lv[3], ln[2], ln[3])
    scale = np.empty(n_levels * LANES)
    scratch = Scratch(np.empty((8, n_levels, LANES)), np.empty((12, LANES)), scale.view(np.int64), scale)
    sums, totals = np.empty((4, n_levels, LANES)), np.empty((7, LANES))
    squares, phi = np.empty((2, LANES)), np.empty(LANES)
    degrees, settled, enough = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    last = n_levels - 1
    for first in range(0, order.size, LANES):
        _load(cases, exposure, offsets, level, series, position, order, first, table, tile)
        for lane in range(LANES):
            there, rows = 0.0, 0.0
            for g in range(n_levels):
                there += 1.0 - tile.absent[g, lane]
            for i in range(n_rows):
                rows += tile.weight[i, lane]
            degrees[lane] = rows - there - (1.0 if with_trend else 0.0)
            enough[lane] = 1.0 if degrees[lane] > 0.0 and tile.absent[last, lane] == 0.0 else 0.0
        _fit(tile, design, with_trend, sums, totals, scratch, fit)
        settled[:] = fit.converged
        pearson(tile, design, fit, scratch, squares)
        if reweight:
            for lane in range(LANES):
                phi[lane] = max(squares[0, lane] / degrees[lane], 1.0)
            _reweight(tile, design, fit, phi, threshold, with_trend, scratch)
            _fit(tile, design, with_trend, sums, totals, scratch, fit)
            pearson(tile, design, fit, scratch, squares)
        for lane in range(min(LANES, order.size - first)):
            f = order[first + lane]
            away = at[f] - fit.time[last, lane] / fit.weight[last, lane]
            variance = 1.0 / fit.weight[last, lane]
            out[0, f] = fit.alpha[last, lane] + fit.slope[lane] * at[f]
            out[1, f] = variance + away * away / fit.schur[lane] if with_trend else variance
            out[2, f] = squares[0, lane] / degrees[lane]
            out[3, f] = squares[1, lane] / degrees[lane]
            out[4, f] = fit.slope[lane]
            out[5, f] = fit.schur[lane]
            out[6, f] = degrees[lane]
            out[7, f] = settled[lane]
            out[8, f] = enough[lane]
            out[9, f] = tile.highest[lane]
