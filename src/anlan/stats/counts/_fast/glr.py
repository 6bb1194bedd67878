"""The likelihood ratio charts on compiled kernels: the numbers of ``glr._Walk``, one series after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anlan.stats.counts._fast import _glr_kernel, _glr_pairs_kernel
from anlan.stats.counts._glr_runs import GRID
from anlan.stats.counts._incontrol import LEAST_ALPHA
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Rules:
    """What a chart looks for; names as in ``glr.GlrChart``. ``most_counts`` bounds the search of R for its limits."""

    is_poisson: bool
    is_epidemic: bool
    sign: float
    threshold: float
    window: int | None
    min_window: int
    as_reference: bool
    strict: bool
    most_counts: int

    def kind(self) -> int | None:
        """The chart of ``_glr_pairs_kernel``; None for those of ``_glr_kernel``."""
        if self.as_reference:
            if not self.is_poisson:
                return _glr_pairs_kernel.INTERCEPT_IN_R
            return _glr_pairs_kernel.EPIDEMIC_IN_R if self.is_epidemic else _glr_pairs_kernel.CLOSED_IN_R
        return _glr_pairs_kernel.EPIDEMIC if self.is_epidemic else None


@dataclass(frozen=True)
class Arrays:
    """Counts and means of a walk, (n_series, n): ``y``, ``mu`` and ``previous`` 0 where nothing is reported.

    ``means`` are there in all periods, ``before`` holds the count before each. ``statistic``, ``alarm`` and ``upper``
    are written, ``upper`` for the periods that are ``wanted`` (n,).
    """

    y: FloatArray
    mu: FloatArray
    previous: FloatArray
    means: FloatArray
    before: FloatArray
    alpha: FloatArray
    level: FloatArray
    wanted: BoolArray
    statistic: FloatArray
    alarm: BoolArray
    upper: FloatArray


def walk(rules: Rules, arrays: Arrays, start: IntArray, *, stops: bool) -> None:
    """Walk every series from its ``start`` on to the end, or to its next alarm (``stops``); ``start`` is moved on."""
    n = arrays.y.shape[1]
    numbers = (
        rules.sign, rules.threshold, n if rules.window is None else rules.window, rules.min_window
    )  # fmt: skip
    kind = rules.kind()
    for series in np.flatnonzero(start < n):
        y, mu, previous, means, before = (
            part[series] for part in (arrays.y, arrays.mu, arrays.previous, arrays.means, arrays.before)
        )
        found = (arrays.wanted, stops, arrays.statistic[series], arrays.alarm[series], arrays.upper[series])
        alpha, begin, level = float(arrays.alpha[series]), int(start[series]), float(arrays.level[series])
        # The chart of R takes the formula of the negative binomial at any alpha.
        is_poisson = rules.is_poisson or (alpha <= LEAST_ALPHA and not rules.as_reference)
        if kind is not None:
            start[series] = _glr_pairs_kernel.by_pairs(
                y, mu, means, previous, before, 0.0 if is_poisson else alpha, GRID, begin, numbers, kind,
                rules.is_epidemic, rules.strict, rules.most_counts, *found,
            )  # fmt: skip
        elif is_poisson or not np.isnan(level):
            scale = 0.0 if is_poisson else alpha * level
            start[series] = _glr_kernel.closed(y, mu, means, scale, begin, numbers, *found)
        else:
            start[series] = _glr_kernel.varying(y, mu, means, alpha, begin, numbers, *found)


def known(gain: FloatArray, statistic: FloatArray, threshold: float, *, strict: bool) -> FloatArray:
    """The statistic of the chart of a known change; ``statistic`` (n_series,) is moved on to the end."""
    path = np.empty(gain.shape)
    _glr_pairs_kernel.known(np.ascontiguousarray(gain), threshold, strict, statistic, path)
    return path
