"""Poisson CUSUM with a mean that changes in time (Rogerson and Yamada 2004), and its decision values by Brook and Evans.

S_t = max(0, S_(t-1) + c_t (y_t - k_t)), alarm when S_t reaches h. Every period has its own reference value k_t and its
own decision value h_t for the wanted run length; c_t = h / h_t brings them to one scale. ``docs/methods/rogerson.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from anlan.stats.counts import _charts, _input, _windows
from anlan.stats.counts._charts import Steps
from anlan.stats.counts._incontrol import Control, Model, control_for
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.result import Detection, FloatArray, IntArray

_LARGEST_STATES = 4000


def rogerson(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    season: bool = True,
    arl0: float = 500.0,
    s: float = 1.0,
    fast_start: bool = False,
    limit: float | None = None,
    digits: int = 1,
    variant: str = "published",
) -> Detection:
    """Add up what counts have above a reference value that follows the season.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: the statistic waits.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. Gives frequency and season.
    evaluate : int, slice or sequence of int, optional
        Positions to return, counted from 0, negative from the end. Default all. The statistic always runs through
        everything after the training period.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    training : int, optional
        First periods of the series, from which the in-control mean is estimated; the chart begins after them. Default
        two years; none where ``mean`` is given.
    mean : float, array of shape (n_times,) or (n_series, n_times), optional
        In-control mean theta0 where it is known, > 0. Default: estimated.
    season : bool, default True
        Estimate the mean by a Poisson regression with one sine and cosine of the year; otherwise as a constant.
    arl0 : float, default 500
        Periods between false alarms that h is made for. Paper and R example 500.
    s : float, default 1.0
        Rise to be found, in standard deviations: theta1 = theta0 + s sqrt(theta0). Paper and R 1.
    fast_start : bool, default False
        Begin at h / 2 (FIR) instead of 0, also after an alarm; h is made for that.
    limit : float, optional
        Cap the statistic at ``limit`` * h after an alarm, so that it ends sooner.
    digits : int, default 1
        Decimals of k, h and of the means that h is tabulated for. R 1.
    variant : {"published", "surveillance-1.20"}, default "published"
        ``surveillance-1.20`` rounds limits up to whole cases as the R package does.

    Returns
    -------
    Detection
        ``upper`` is the count from which on this period alarms, given all before (alarm: observed >= upper). ``score``
        is S / h. There is no p-value. ``extra``: ``statistic``, ``h`` the decision value of the series' mean
        theta0, ``k`` the reference value of the period.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Rogerson PA, Yamada I (2004). Approaches to syndromic surveillance when data consist of small regional counts. MMWR
    53(Suppl): 79-85. Brook D, Evans DA (1972). An approach to the probability distribution of cusum run length.
    Biometrika 59: 539-549.
    """
    cases = _input.as_series(counts)
    chart = rogerson_chart(
        cases, dates=dates, frequency=frequency, training=training, mean=mean, season=season, arl0=arl0, s=s,
        fast_start=fast_start, limit=limit, digits=digits, variant=variant,
    )  # fmt: skip
    return _charts.run(chart, cases, evaluate)


@dataclass(frozen=True)
class RogersonChart:
    """The CUSUM of every series after ``position`` periods; ``statistic`` NaN before the first."""

    control: Control
    position: int
    statistic: FloatArray
    h: FloatArray
    arl0: float
    s: float
    fast_start: bool
    limit: float | None
    digits: int
    as_reference: bool
    method: str = "rogerson"

    @property
    def extra_names(self) -> tuple[str, ...]:
        return ("statistic", "h", "k")

    def take(self, rows: slice) -> Self:
        return replace(self, control=self.control.take(rows), statistic=self.statistic[rows], h=self.h[rows])

    def walk(self, values: FloatArray, means: FloatArray, wanted: IntArray) -> tuple[Self, Steps]:
        h = self.h[:, np.newaxis]
        k, own_h = decision_table(means, self.arl0, self.s, self.digits, fast_start=self.fast_start)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = h / own_h
            gain = scale * (values - k)
        gain[~np.isfinite(gain)] = 0.0
        path = np.empty((values.shape[1] + 1, len(values)))
        path[0] = self.statistic
        for row, now, following in zip(np.ascontiguousarray(gain.T), path, path[1:], strict=False):
            np.maximum(self._carried(now) + row, 0.0, out=following)
        after = replace(self, position=self.position + values.shape[1], statistic=path[-1].copy())
        return after, self._steps(path, (means, k, scale), wanted)

    def _carried(self, statistic: FloatArray) -> FloatArray:
        """What the next period begins with: after an alarm h / 2 for a fast start, and no more than the cap."""
        begin = statistic if self.limit is None else np.minimum(statistic, self.limit * self.h)
        if self.fast_start:
            begin = np.minimum(begin, self.h / 2)
        return np.where(statistic >= self.h, begin, statistic)

    def _steps(
        self, path: FloatArray, used: tuple[FloatArray, FloatArray, FloatArray], wanted: IntArray
    ) -> Steps:
        h = self.h[:, np.newaxis]
        before, statistic = self._carried(path[wanted]).T, path[wanted + 1].T
        means, k, scale = (part[:, wanted] for part in used)
        with np.errstate(divide="ignore", invalid="ignore"):
            upper = np.maximum((h - before) / scale + k, 0.0)
        if self.as_reference:
            upper = np.ceil(upper)
        extra = {"statistic": statistic, "h": np.broadcast_to(h, statistic.shape), "k": k}
        return Steps(means, upper, statistic / h, statistic >= h, extra)


def rogerson_chart(
    cases: FloatArray,
    *,
    dates: ArrayLike | None = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    season: bool = True,
    arl0: float = 500.0,
    s: float = 1.0,
    fast_start: bool = False,
    limit: float | None = None,
    digits: int = 1,
    variant: str = "published",
) -> RogersonChart:
    """The chart before its first period; parameters as for ``rogerson``."""
    axis = _windows.axis_for(cases.shape[1], dates, frequency, variant)
    model = Model(harmonics=int(_input.as_flag("season", season)))
    run_length = _input.as_number("arl0", arl0, above=1)
    rise = _input.as_number("s", s, above=0)
    decimals = _input.as_whole("digits", digits, at_least=0, at_most=2)
    starts_fast = _input.as_flag("fast_start", fast_start)
    cap = None if limit is None else _input.as_number("limit", limit, above=0)
    control = control_for(cases, axis, training=training, mean=mean, model=model)
    first = control.training
    if control.known is not None and control.known.shape[1] > 1:
        over = control.known
    else:
        over = control.means(first, first + axis.frequency)
    with np.errstate(invalid="ignore"):
        average = over.mean(axis=1, keepdims=True)
        _, h = decision_table(average, run_length, rise, decimals, fast_start=starts_fast)
    return RogersonChart(
        control=control, position=first, statistic=h[:, 0] / 2 if starts_fast else np.zeros(len(cases)), h=h[:, 0],
        arl0=run_length, s=rise, fast_start=starts_fast, limit=cap, digits=decimals,
        as_reference=variant != "published",
    )  # fmt: skip


def decision_table(
    means: FloatArray, arl0: float, s: float, digits: int, *, fast_start: bool = False
) -> tuple[FloatArray, FloatArray]:
    """k of every mean, and h of the mean rounded to ``digits`` decimals (NaN where there is no positive mean)."""
    rounded = np.maximum(np.round(means, digits), 10.0**-digits)
    rounded = np.where(np.isfinite(means) & (means > 0), rounded, np.nan)
    unique, place = np.unique(rounded, return_inverse=True)
    k, h = np.full(len(unique), np.nan), np.full(len(unique), np.nan)
    for at, theta in enumerate(unique.tolist()):
        if np.isfinite(theta):
            k[at] = reference_value(theta, s, digits)
            h[at] = decision_value(theta, arl0, s, digits, fast_start=fast_start)
    place = place.reshape(means.shape)
    return k[place], h[place]


def reference_value(theta0: float, s: float, digits: int = 1) -> float:
    """k = (theta1 - theta0) / log(theta1 / theta0), rounded, and moved off multiples of 0.5.

    A multiple of 0.5 would let the statistic take few values only, and the run lengths jump.
    """
    theta1 = theta0 + s * float(np.sqrt(theta0))
    exact = (theta1 - theta0) / (np.log(theta1) - np.log(theta0))
    step = 10.0**-digits
    k = float(np.round(exact, digits))
    if digits and float(np.round(k % 0.5, 10)) in (0.0, 0.5):
        k = k + step if exact >= k else k - step
    return max(float(np.round(k, digits)), step)


@lru_cache(maxsize=4096)
def decision_value(
    theta0: float, arl0: float, s: float = 1.0, digits: int = 1, *, fast_start: bool = False
) -> float:
    """h with ``digits`` decimals whose average run length at mean ``theta0`` is nearest to ``arl0``."""
    k = reference_value(theta0, s, digits)
    step = 10.0**-digits

    def length(steps: int) -> float:
        return average_run_length(steps * step, k, theta0, digits, fast_start=fast_start)

    low, high = 0, 1
    while length(high) < arl0:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if length(middle) < arl0 else (low, middle)
    lengths = {h: length(h) for h in (low, high) if h > 0}
    nearest = min(lengths, key=lambda h: abs(lengths[h] - arl0))
    return float(np.round(nearest * step, digits))


@lru_cache(maxsize=65536)
def average_run_length(
    h: float, k: float, theta: float, digits: int = 1, *, fast_start: bool = False
) -> float:
    """Average periods to the first S >= h of a Poisson CUSUM that begins at 0 (or at h / 2), exactly.

    Brook and Evans (1972): S lives on multiples of the last decimal, a finite Markov chain.
    """
    unit = 10**digits
    states, shift = round(h * unit), round(k * unit)
    if states > _LARGEST_STATES:
        raise _input.parameter_error("h", f"below {_LARGEST_STATES / unit:g}", h)
    if states <= 0:
        return 1.0
    here = np.arange(states)[:, np.newaxis]
    there = np.arange(states)[np.newaxis, :]
    gap = there - here + shift
    whole = (gap >= 0) & (gap % unit == 0)
    y = np.where(whole, gap // unit, 0).astype(np.float64)
    move = np.where(whole, np.exp(y * np.log(theta) - theta - special.gammaln(y + 1)), 0.0)
    # State 0 takes everything that would fall below.
    most = np.floor((shift - here[:, 0]) / unit)
    move[:, 0] = np.where(most >= 0, special.pdtr(np.maximum(most, 0), theta), 0.0)
    lengths = np.linalg.solve(np.eye(states) - move, np.ones(states))
    return float(lengths[states // 2 if fast_start else 0])
