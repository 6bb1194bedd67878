"""OutbreakP (Frisén, Andersson and Schiöler 2009): has an increase begun, whatever its shape?

The likelihood of the best non-decreasing means is compared with that of a constant mean, both over the whole series.
The ratio is kept as a logarithm: it stays finite on long series. ``docs/methods/outbreakp.md`` has the formulae.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.stats.counts import _fast, _input, _windows
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.result import Detection, FloatArray, IntArray, Reason

_BLOCK = 256
_LIMIT_STEPS = 60
_SECONDS_SAVED = 2e-6  # per value, by the compiled kernels of extra ``fast``


def outbreakp(
    counts: ArrayLike,
    *,
    evaluate: Evaluate = None,
    k: float = 100.0,
    min_history: int = 8,
    variant: str = "published",
) -> Detection:
    """Compare a mean that only rises with a mean that stays, over all of a series up to each period.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each day, week or month of one season or episode, >= 0. NaN is not reported: such periods are skipped.
    evaluate : int, slice or sequence of int, optional
        Positions to return, counted from 0, negative from the end. Default all.
    k : float, default 100.0
        Likelihood ratio above which there is an alarm, > 1. R 100; the paper sets it by a wanted rate of false alarms.
    min_history : int, default 8
        Periods before the first that is decided. R 1.
    variant : {"published", "surveillance-1.20"}, default "published"
        The R package multiplies instead of adding logarithms: on long series the product becomes 0 or not a number,
        and alarms are lost. ``surveillance-1.20`` repeats that.

    Returns
    -------
    Detection
        ``expected`` is the constant mean up to this period, ``upper`` the smallest count of this period that makes an
        alarm, given all before (alarm: observed >= upper). ``score`` is the log ratio over log k. There is no
        p-value. ``extra``: ``statistic`` the *logarithm* of the ratio.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Frisén M, Andersson E, Schiöler L (2009). Robust outbreak surveillance of epidemics in Sweden. Stat Med 28(3):
    476-493. Frisén M, Andersson E (2009). Semiparametric surveillance of monotonic changes. Seq Anal 28(4): 434-454.
    """
    cases = _input.as_series(counts)
    log_k = float(np.log(_input.as_number("k", k, above=1)))
    first = _input.as_whole("min_history", min_history, at_least=0)
    as_reference = _input.as_choice("variant", variant, _input.VARIANTS) != "published"
    positions = _input.as_positions(evaluate, cases.shape[1])
    found = _windows.empty("outbreakp", cases, positions, ("statistic",))
    kernels = _fast.kernels("outbreakp", _SECONDS_SAVED * cases.size)
    if kernels is not None:
        kernels.fill(found, cases, log_k, first, as_reference)
        return found
    for start in range(0, len(cases), _BLOCK):
        rows = slice(start, start + _BLOCK)
        _fill(replace(found, **_views(found, rows)), cases[rows], log_k, first, as_reference)
    return found


def screen(
    counts: NDArray[Any], *, k: float = 100.0, min_history: int = 8, variant: str = "published"
) -> tuple[IntArray, IntArray] | None:
    """Number of alarms by series, and their times, by the compiled kernels; None where the whole result has to be made.

    That is so where the work is too small or a value of ``counts`` is not acceptable. See ``alarms.alarms_only``.
    """
    log_k = float(np.log(_input.as_number("k", k, above=1)))
    first = _input.as_whole("min_history", min_history, at_least=0)
    as_reference = _input.as_choice("variant", variant, _input.VARIANTS) != "published"
    kernels = None if as_reference else _fast.kernels("outbreakp", _SECONDS_SAVED * counts.size)
    if kernels is None:
        return None
    found: tuple[IntArray, IntArray] | None = kernels.alarms(counts, log_k, first)
    return found


def _views(found: Detection, rows: slice) -> dict[str, Any]:
    names = ("observed", "expected", "upper", "score", "p_value", "alarm", "reason")
    views: dict[str, Any] = {name: getattr(found, name)[rows] for name in names}
    return views | {"extra": {name: values[rows] for name, values in found.extra.items()}}


def _fill(found: Detection, cases: FloatArray, log_k: float, first: int, as_reference: bool) -> None:
    """Walk through time once, all series of the block abreast."""
    last = int(found.times.max(initial=-1))
    places: dict[int, list[int]] = {}
    for place, position in enumerate(found.times.tolist()):
        places.setdefault(position, []).append(place)
    pools = Pools(len(cases), last + 1)
    for time in range(last + 1):
        count = cases[:, time]
        if time in places:
            upper = pools.smallest_count(log_k)
            empty = pools.number == 0
        pools.push(count)
        if time not in places:
            continue
        statistic = pools.statistic()
        with np.errstate(invalid="ignore"):
            mean = pools.total / pools.number
        ratio = _product_in_r(cases[:, : time + 1], pools) if as_reference else statistic
        reason = np.full(len(cases), int(Reason.OK), dtype=np.int8)
        reason[empty] = Reason.INCOMPLETE_REFERENCE
        reason[np.isnan(count)] = Reason.MISSING_CURRENT
        if time < first:
            reason[:] = Reason.SHORT_HISTORY
        shown = (reason == Reason.OK) | (reason == Reason.MISSING_CURRENT)
        for place in places[time]:
            found.reason[:, place] = reason
            found.expected[:, place] = np.where(shown, mean, np.nan)
            found.upper[:, place] = np.where(shown, upper, np.nan)
            found.score[:, place] = np.where(shown, statistic / log_k, np.nan)
            found.extra["statistic"][:, place] = np.where(shown, ratio, np.nan)
            found.alarm[:, place] = (reason == Reason.OK) & (ratio > log_k)


class Pools:
    """Isotonic means of all series so far, as stacks of pools of equal means; the newest pool is the highest."""

    def __init__(self, n_series: int, n_times: int) -> None:
        self.rows = np.arange(n_series)
        self.depth = np.zeros(n_series, dtype=np.int64)
        # Column 0 is the empty stack: a mean below all others.
        self.cases = np.zeros((n_series, n_times + 1))
        self.size = np.zeros((n_series, n_times + 1))
        self.size[:, 0] = 1.0
        self.mean = np.full((n_series, n_times + 1), -1.0)
        self.log_sum = np.zeros((n_series, n_times + 1))
        self.total = np.zeros(n_series)
        self.number = np.zeros(n_series)

    def _merged(self, count: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
        """Depth below the pool that a further count would end up in, the pool's cases and its size."""
        depth, cases, size = self.depth.copy(), count.copy(), np.ones(len(count))
        while True:
            merges = cases / size <= self.mean[self.rows, depth]
            if not merges.any():
                return depth, cases, size
            cases += np.where(merges, self.cases[self.rows, depth], 0.0)
            size += np.where(merges, self.size[self.rows, depth], 0.0)
            depth -= merges

    def push(self, count: FloatArray) -> None:
        """Add the next count of every series; nothing where it is not reported."""
        there = ~np.isnan(count)
        y = np.where(there, count, 0.0)
        depth, cases, size = self._merged(y)
        rows, at = self.rows[there], depth[there] + 1
        self.cases[rows, at], self.size[rows, at] = cases[there], size[there]
        self.mean[rows, at] = cases[there] / size[there]
        self.log_sum[rows, at] = self.log_sum[rows, at - 1] + _x_log(cases[there], size[there])
        self.depth[there] = at
        self.total += y
        self.number += there

    def statistic(self) -> FloatArray:
        """log of the likelihood ratio: sum of y log(isotonic mean / constant mean)."""
        ratio: FloatArray = self.log_sum[self.rows, self.depth] - _x_log(self.total, self.number)
        return ratio

    def with_count(self, count: FloatArray) -> FloatArray:
        """The statistic if ``count`` came next."""
        depth, cases, size = self._merged(count)
        below = self.log_sum[self.rows, depth]
        ratio: FloatArray = below + _x_log(cases, size) - _x_log(self.total + count, self.number + 1)
        return ratio

    def smallest_count(self, log_k: float) -> FloatArray:
        """The smallest whole count that would take the statistic above ``log_k``; it never falls in the count."""
        low, high = np.full(len(self.rows), -1.0), np.ones(len(self.rows))
        for _ in range(_LIMIT_STEPS):
            short = ~(self.with_count(high) > log_k) & (self.number > 0)
            if not short.any():
                break
            low, high = np.where(short, high, low), np.where(short, 2 * high, high)
        while (open_ := high - low > 1).any():
            middle = np.floor((low + high) / 2)
            reached = self.with_count(np.maximum(middle, 0.0)) > log_k
            low, high = np.where(open_ & ~reached, middle, low), np.where(open_ & reached, middle, high)
        return high

    def fitted(self, series: int, n_times: int) -> FloatArray:
        """Isotonic means of one series, one a reported period."""
        depth = int(self.depth[series])
        sizes = self.size[series, 1 : depth + 1].astype(np.int64)
        means: FloatArray = np.repeat(self.mean[series, 1 : depth + 1], sizes)[:n_times]
        return means


def _x_log(cases: FloatArray, size: FloatArray) -> FloatArray:
    """cases * log(cases / size), 0 for no case."""
    some = cases > 0
    product: FloatArray = np.where(
        some, cases * np.log(np.where(some, cases, 1.0) / np.maximum(size, 1.0)), 0.0
    )
    return product


def _product_in_r(cases: FloatArray, pools: Pools) -> FloatArray:
    """log of the plain product of (isotonic mean / mean)^y in double precision: 0 or infinite where that overflows."""
    result = np.zeros(len(cases))
    with np.errstate(all="ignore"):
        for series, row in enumerate(cases):
            y = row[~np.isnan(row)]
            mean = pools.total[series] / max(pools.number[series], 1.0)
            if mean > 0:
                product = 1.0
                for factor in ((pools.fitted(series, len(y)) / mean) ** y).tolist():
                    product *= factor
                result[series] = np.log(product)
    return result
