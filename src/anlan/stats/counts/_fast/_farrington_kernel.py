# mypy: ignore-errors
# numba infers the types.
"""The regressions of the flexible Farrington method, compiled: load a tile, fit, reweight, fit again.

The same steps as ``_farrington_fit._two_step`` and ``glm.fit``, iterate by iterate, on tiles of ``LANES`` fits. A lane
whose fit has converged keeps its numbers while the others go on.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from anlan.stats.counts._fast._lanes import (
    LARGE_COUNT,
    Design,
    Fit,
    Sums,
    Tile,
    deviance_by_rows,
    exponentials,
    moments,
    pearson,
    row_sums,
    solve,
)
from anlan.stats.counts._fast._vector import (
    LANES,
    OPTIONS,
    any_less,
    exponential,
    load,
    splat,
    store,
    where_less,
)

MAX_ITERATIONS = 25
TOLERANCE = 1e-8
TABLE = 1024
OUTPUTS = ("eta", "variance", "dispersion", "in_r", "slope", "schur", "degrees", "converged")


@njit(**OPTIONS)
def before_fit(cases, offsets, level, n_levels, series, position, known):
    """What is known before a fit: ``known`` (4, n_fits) gets cases, largest count, reported rows, levels with rows."""
    seen = np.empty(n_levels)
    for f in range(series.size):
        total, largest, reported = 0.0, 0.0, 0
        for i in range(offsets.size):
            value = cases[series[f], position[f] + offsets[i]]
            there = value == value
            total += value if there else 0.0
            largest = max(largest, value) if there else largest
            reported += 1 if there else 0
        levels = float(n_levels)
        if reported < offsets.size:
            seen[:] = 0.0
            for i in range(offsets.size):
                value = cases[series[f], position[f] + offsets[i]]
                seen[level[i]] = 1.0 if value == value else seen[level[i]]
            levels = seen.sum()
        known[0, f] = total
        known[1, f] = largest
        known[2, f] = reported
        known[3, f] = levels


@njit(**OPTIONS)
def _load(cases, exposure, offsets, row_level, series, position, order, first, table, tile, rows):
    """Fill the tile with fits ``order[first:first + LANES]``, the last one again where there are fewer.

    ``rows`` (LANES,) becomes the number of rows that are reported.
    """
    relative = exposure.size > 0
    tile.absent[:] = 1.0
    tile.highest[:] = 0.0
    rows[:] = 0.0
    for i in range(offsets.size):
        for lane in range(LANES):
            f = order[min(first + lane, order.size - 1)]
            value = cases[series[f], position[f] + offsets[i]]
            w = 1.0 if value == value else 0.0
            y = value if value == value else 0.0
            cell = np.int64(min(y, TABLE - 1.0))
            if y == cell:
                start_log, y_log, deviance = table[cell, 0], table[cell, 1], table[cell, 2]
            else:
                start_log = (y + 0.1) * np.log(y + 0.1)
                y_log = y * np.log(y) if y > 0.0 else 0.0
                deviance = (y_log - y * np.log(y + 0.1) if y > 0.0 else 0.0) + 0.1
            share = 1.0
            if relative:
                share = exposure[series[f], position[f] + offsets[i]] / exposure[series[f], position[f]]
                log_share = np.log(share)
                start_log -= (y + 0.1) * log_share
                y_log -= y * log_share
            tile.y[i, lane] = y
            tile.start_log[i, lane] = start_log
            tile.y_log[i, lane] = y_log
            tile.start_deviance[i, lane] = deviance
            tile.weight[i, lane] = w
            tile.base[i, lane] = w * share
            tile.highest[lane] = max(tile.highest[lane], y)
            rows[lane] += w
            if w > 0.0:
                tile.absent[row_level[i], lane] = 0.0


@njit(**OPTIONS)
def _deviance(tile, design, fit, m0, factor, sums, by_rows, result):
    total = load(sums.saturated, 0) - load(fit.slope, 0) * load(sums.y_time, 0)
    shift = 1.0 - load(sums.centre, 0)
    for g in range(m0.shape[0]):
        total = total + (load(m0, g) - load(sums.y, g) * (load(fit.alpha, g) + shift))
    store(result, 0, total * 2.0)
    if by_rows:
        deviance_by_rows(tile, design, fit, factor, result)


@njit(**OPTIONS)
def _settle(deviance, old, active, converged):
    """Stop the lanes whose deviance no longer moves; the number of those that still run."""
    running = 0
    for lane in range(LANES):
        if active[lane] > 0.0:
            moved = abs(deviance[lane] - old[lane]) / (abs(deviance[lane]) + 0.1)
            if moved < TOLERANCE:
                active[lane] = 0.0
                converged[lane] = 1.0
            else:
                running += 1
        old[lane] = deviance[lane]
    return running


@njit(**OPTIONS)
def _keep(on, row, target, fresh):
    store(target, row, where_less(0.0, on, fresh, load(target, row)))


@njit(**OPTIONS)
def _advance(active, fit, m1, weight, schur, step_alpha, step_slope):
    """Take the step in the lanes that are still running; the others keep what they have."""
    on = load(active, 0)
    slope = load(fit.slope, 0)
    _keep(on, 0, fit.schur, load(schur, 0))
    _keep(on, 0, fit.slope_before, slope)
    _keep(on, 0, fit.slope, slope + load(step_slope, 0))
    for g in range(m1.shape[0]):
        alpha = load(fit.alpha, g)
        _keep(on, g, fit.weight, load(weight, g))
        _keep(on, g, fit.time, load(m1, g))
        _keep(on, g, fit.alpha_before, alpha)
        _keep(on, g, fit.alpha, alpha + load(step_alpha, g))


@njit(**OPTIONS)
def _right(sums, m0, m1, by_level, by_time):
    total = load(sums.y_time, 0)
    for g in range(m0.shape[0]):
        store(by_level, g, load(sums.y, g) - load(m0, g))
        total = total - load(m1, g)
    store(by_time, 0, total)


@njit(**OPTIONS)
def _fit(tile, design, with_trend, sums, levels, lanes, fit):
    """Iteratively reweighted least squares of one tile, as ``glm._Solver.run``.

    ``levels`` (7, n_levels, LANES) and ``lanes`` (7, LANES) are scratch.
    """
    m0, m1, factor, step, right, weight, plain = (
        levels[0], levels[1], levels[2], levels[3], levels[4], levels[5], levels[6],
    )  # fmt: skip
    m2, deviance, old, active, right_time, schur, step_slope = (
        lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5], lanes[6],
    )  # fmt: skip
    row_sums(tile, design, sums)
    solve(sums.start, sums.start_time, sums.start_time2, tile.absent, sums.right, sums.right_time, with_trend,
          fit.weight, fit.schur, fit.alpha, fit.slope)  # fmt: skip
    by_rows = False
    for lane in range(LANES):
        by_rows |= tile.highest[lane] > LARGE_COUNT
        active[lane] = 1.0
        fit.converged[lane] = 0.0
        old[lane] = sums.deviance[lane]
        fit.slope_before[lane] = fit.slope[lane]
    for g in range(design.n_levels):
        store(fit.time, g, load(sums.start_time, g))
        store(fit.alpha_before, g, load(fit.alpha, g))
        store(factor, g, splat(1.0))
    if not with_trend:
        moments(tile, design, fit.slope, factor, plain, m1, m2)
    for iteration in range(1, MAX_ITERATIONS + 1):
        exponentials(fit.alpha, 1.0, factor)
        if with_trend:
            moments(tile, design, fit.slope, factor, m0, m1, m2)
        else:
            for g in range(design.n_levels):
                store(m0, g, load(plain, g) * load(factor, g))
        _deviance(tile, design, fit, m0, factor, sums, by_rows, deviance)
        if _settle(deviance, old, active, fit.converged) == 0 or iteration == MAX_ITERATIONS:
            break
        _right(sums, m0, m1, right, right_time)
        solve(m0, m1, m2, tile.absent, right, right_time, with_trend, weight, schur, step, step_slope)
        _advance(active, fit, m1, weight, schur, step, step_slope)


@njit(**OPTIONS)
def _pull_down(tile, i, mean, rest, phi, threshold, candidate):
    """Divide the weight of a row by the square of its Anscombe residual where that passes the threshold."""
    for lane in range(LANES):
        if candidate[lane] > 0.0:
            y, mu = tile.y[i, lane], mean[lane]
            spread = np.sqrt(phi[lane] * rest[lane])
            size = 1.5 * (np.cbrt(y) ** 2 * mu ** (-1.0 / 6.0) - np.sqrt(mu)) / spread
            if size > threshold:
                tile.weight[i, lane] /= size * size
                tile.base[i, lane] /= size * size


@njit(**OPTIONS)
def _reweight(tile, design, fit, phi, rows, threshold, with_trend, levels, lanes):
    """gamma s^-2 where the Anscombe residual s is above the threshold, gamma elsewhere (``reweighted``)."""
    now, before = levels[0], levels[1]
    means, left_over, candidate = lanes[0], lanes[1], lanes[2]
    exponentials(fit.alpha, 1.0, now)
    exponentials(fit.alpha_before, 1.0, before)
    slope, slope_before = load(fit.slope, 0), load(fit.slope_before, 0)
    ratio, ratio_before = exponential(slope * design.unit), exponential(slope_before * design.unit)
    power, power_before = splat(1.0), splat(1.0)
    bound = load(phi, 0) * (threshold * threshold * (1.0 - 1e-9))
    scaled = (1.0 if with_trend else 0.0) / load(fit.schur, 0)
    total = splat(0.0)
    for run in range(design.start.size):
        if design.jump[run]:
            t = design.time[design.start[run]]
            power, power_before = exponential(slope * t), exponential(slope_before * t)
        g = design.level[run]
        inverse = (1.0 - load(tile.absent, g)) / load(fit.weight, g)
        centre = load(fit.time, g) * inverse
        height, height_before = load(now, g), load(before, g)
        for i in range(design.start[run], design.stop[run]):
            base = load(tile.base, i)
            mean = where_less(0.0, base, base, 1.0) * (height * power)
            away = design.time[i] - centre
            rest = 1.0 - base * (height_before * power_before) * (inverse + away * away * scaled)
            rest = where_less(rest, 2.220446049250313e-15, 0.0, rest)
            excess = load(tile.y, i) - mean
            # Not below the bound: a bound of zero is passed by any excess.
            passes = where_less(excess * excess, bound * mean * rest, 0.0, where_less(0.0, excess, 1.0, 0.0))
            if any_less(0.0, passes):
                store(means, 0, mean)
                store(left_over, 0, rest)
                store(candidate, 0, passes)
                _pull_down(tile, i, means, left_over, phi, threshold, candidate)
            total = total + load(tile.weight, i)
            power = power * ratio
            power_before = power_before * ratio_before
    gamma = load(rows, 0) / total
    for i in range(tile.y.shape[0]):
        store(tile.weight, i, load(tile.weight, i) * gamma)
        store(tile.base, i, load(tile.base, i) * gamma)


@njit(**OPTIONS)
def _write(fit, squares, degrees, settled, order, first, at, with_trend, out):
    last = fit.alpha.shape[0] - 1
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


@njit(**OPTIONS)
def two_step(cases, exposure, offsets, row_level, start, stop, level, jump, time, unit, n_levels, series, position,
             order, at, table, with_trend, reweight, threshold, out):  # fmt: skip
    """Both fits of the fits in ``order``; ``out`` (8, n_fits) has the rows ``OUTPUTS``. See ``_two_step``.

    ``cases`` (n_series, n_times) with NaN, ``exposure`` the same shape or empty. ``start`` ... ``jump`` are the runs of
    ``Design``. Fit f is of ``series[f]`` at ``position[f]`` and predicts the last level at scaled time ``at[f]``.
    """
    design = Design(start, stop, level, jump, time, unit, n_levels)
    grid, wide, flat = (
        np.empty((6, offsets.size, LANES)),
        np.empty((16, n_levels, LANES)),
        np.empty((24, LANES)),
    )
    tile = Tile(grid[0], grid[1], grid[2], grid[3], grid[4], grid[5], wide[0], flat[0])
    fit = Fit(wide[1], flat[1], wide[2], flat[2], wide[3], wide[4], flat[3], flat[4])
    sums = Sums(wide[5], wide[6], wide[7], wide[8], flat[5], flat[6], flat[7], flat[8], flat[9], flat[10])
    levels, lanes = wide[9:], flat[11:18]
    rows, phi, degrees, settled, squares = flat[18], flat[19], flat[20], flat[21], flat[22:24]
    for first in range(0, order.size, LANES):
        _load(cases, exposure, offsets, row_level, series, position, order, first, table, tile, rows)
        for lane in range(LANES):
            degrees[lane] = rows[lane] - n_levels - (1.0 if with_trend else 0.0)
            for g in range(n_levels):
                degrees[lane] += tile.absent[g, lane]
        _fit(tile, design, with_trend, sums, levels, lanes, fit)
        settled[:] = fit.converged
        pearson(tile, design, fit, levels[0], levels[1], squares)
        if reweight:
            for lane in range(LANES):
                phi[lane] = max(squares[0, lane] / degrees[lane], 1.0)
            _reweight(tile, design, fit, phi, rows, threshold, with_trend, levels, lanes)
            _fit(tile, design, with_trend, sums, levels, lanes, fit)
            pearson(tile, design, fit, levels[0], levels[1], squares)
        _write(fit, squares, degrees, settled, order, first, at, with_trend, out)
