"""EWMA charts of counts: a smoothed level, with limits made for a wanted number of periods between false alarms.

z_t = lambda y_t + (1 - lambda) z_(t-1), alarm where z_t is above mu + L sigma_z. L comes from the average run length of
a Poisson series, by the Markov chain of Borror, Champ and Rigdon (1998). ``docs/methods/ewma.md`` has the formulae.
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

_CELLS = 101
_WIDEST = 40.0
_NARROWEST = 0.05
_LOWEST_SIGMAS = 8.0


def ewma(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    season: bool = False,
    lam: float = 0.3,
    arl0: float = 500.0,
    width: float | None = None,
    dispersion: float = 1.0,
    reset: bool = False,
) -> Detection:
    """Smooth the counts of a series and compare the level with its in-control mean.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: the level waits.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. Gives frequency and season.
    evaluate : int, slice or sequence of int, optional
        Positions to return, counted from 0, negative from the end. Default all. The level always runs through
        everything after the training period.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    training : int, optional
        First periods of the series, from which the in-control mean is estimated; the chart begins after them. Default
        two years; none where ``mean`` is given.
    mean : float, array of shape (n_times,) or (n_series, n_times), optional
        In-control mean where it is known, > 0. Default: estimated.
    season : bool, default False
        Estimate the mean by a Poisson regression with one sine and cosine of the year. The level then smooths what
        the counts have above it.
    lam : float, default 0.3
        Weight of the latest period (lambda), 0 to 1. 1 looks at one period alone.
    arl0 : float, default 500
        Periods between false alarms that the limit is made for, for a Poisson series at its mean.
    width : float, optional
        The limit in standard deviations of the level (L) instead of ``arl0``. Usual values are 2.5 to 3.
    dispersion : float, default 1.0
        Variance over mean of the counts, >= 1. The standard deviation is scaled with it; ``arl0`` is exact at 1.
    reset : bool, default False
        Begin again at the mean after an alarm.

    Returns
    -------
    Detection
        ``upper`` is the count above which this period alarms, given all before; below 0 where any would.
        ``score`` is (z - mu) over its limit. There is no p-value. ``extra``: ``statistic`` z_t, ``limit`` its limit,
        ``width`` L.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Borror CM, Champ CW, Rigdon SE (1998). Poisson EWMA control charts. J Qual Technol 30(4): 352-361.
    Lucas JM, Saccucci MS (1990). Exponentially weighted moving average control schemes. Technometrics 32(1): 1-12.
    """
    cases = _input.as_series(counts)
    chart = ewma_chart(
        cases, dates=dates, frequency=frequency, training=training, mean=mean, season=season, lam=lam, arl0=arl0,
        width=width, dispersion=dispersion, reset=reset,
    )  # fmt: skip
    return _charts.run(chart, cases, evaluate)


@dataclass(frozen=True)
class EwmaChart:
    """Level above the mean of every series after ``position`` periods, ``age`` of them since its beginning."""

    control: Control
    position: int
    excess: FloatArray
    age: IntArray
    width: FloatArray
    lam: float
    dispersion: float
    reset: bool
    method: str = "ewma"

    @property
    def extra_names(self) -> tuple[str, ...]:
        return ("statistic", "limit", "width")

    def take(self, rows: slice) -> Self:
        return replace(
            self, control=self.control.take(rows), excess=self.excess[rows], age=self.age[rows],
            width=self.width[rows],
        )  # fmt: skip

    def walk(self, values: FloatArray, means: FloatArray, wanted: IntArray) -> tuple[Self, Steps]:
        """The level moves with the mean: what is smoothed is the excess y - mu."""
        by_time = np.ascontiguousarray((values - means).T)
        spread = np.sqrt(self.dispersion * np.maximum(np.nan_to_num(means), 0.0)).T
        shape = by_time.shape
        path, before, limits = np.empty(shape), np.empty(shape), np.empty(shape)
        now, age = self.excess, self.age
        for time, row in enumerate(by_time):
            before[time] = now
            there = np.isfinite(row)
            now = np.where(there, self.lam * np.where(there, row, 0.0) + (1 - self.lam) * now, now)
            age = age + there
            # Variance of the level after ``age`` periods: lambda / (2 - lambda) (1 - (1 - lambda)^(2 age)).
            share = self.lam / (2 - self.lam) * (1 - (1 - self.lam) ** (2.0 * np.maximum(age, 1)))
            limits[time] = self.width * spread[time] * np.sqrt(share)
            path[time] = now
            if self.reset:
                over = now > limits[time]
                now, age = np.where(over, 0.0, now), np.where(over, 0, age)
        steps = self._steps(path[wanted].T, before[wanted].T, limits[wanted].T, means[:, wanted])
        return replace(self, position=self.position + values.shape[1], excess=now, age=age), steps

    def _steps(self, path: FloatArray, before: FloatArray, limits: FloatArray, means: FloatArray) -> Steps:
        with np.errstate(divide="ignore", invalid="ignore"):
            score = path / limits
        extra = {
            "statistic": means + path, "limit": means + limits,
            "width": np.broadcast_to(self.width[:, np.newaxis], path.shape),
        }  # fmt: skip
        upper = means + (limits - (1 - self.lam) * before) / self.lam
        return Steps(means, upper, score, path > limits, extra)


def ewma_chart(
    cases: FloatArray,
    *,
    dates: ArrayLike | None = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    season: bool = False,
    lam: float = 0.3,
    arl0: float = 500.0,
    width: float | None = None,
    dispersion: float = 1.0,
    reset: bool = False,
) -> EwmaChart:
    """The chart before its first period; parameters as for ``ewma``."""
    axis = _windows.axis_for(cases.shape[1], dates, frequency, "published")
    model = Model(harmonics=int(_input.as_flag("season", season)))
    weight = _input.as_number("lam", lam, above=0, at_most=1)
    run_length = _input.as_number("arl0", arl0, above=1, at_most=1e5)
    given = None if width is None else _input.as_number("width", width, above=0)
    spread = _input.as_number("dispersion", dispersion, at_least=1)
    resets = _input.as_flag("reset", reset)
    control = control_for(cases, axis, training=training, mean=mean, model=model)
    if given is not None:
        widths = np.full(len(cases), given)
    else:
        known = control.known is not None and control.known.shape[1] > 1
        over = control.known if known else control.means(control.training, control.training + axis.frequency)
        widths = _widths(np.asarray(over).mean(axis=1), weight, run_length)
    return EwmaChart(
        control=control, position=control.training, excess=np.zeros(len(cases)),
        age=np.zeros(len(cases), dtype=np.int64), width=widths, lam=weight, dispersion=spread, reset=resets,
    )  # fmt: skip


def _widths(means: FloatArray, lam: float, arl0: float) -> FloatArray:
    """L of every mean, made for the mean rounded to two digits."""
    widths = np.full(len(means), np.nan)
    for series, mean in enumerate(means.tolist()):
        if np.isfinite(mean) and mean > 0:
            widths[series] = calibrated_width(float(f"{mean:.1e}"), lam, arl0)
    return widths


@lru_cache(maxsize=8192)
def calibrated_width(mean: float, lam: float, arl0: float) -> float:
    """The smallest L, to 1e-3, whose average run length at a Poisson ``mean`` is at least ``arl0``."""
    low, high = _NARROWEST, 4.0
    while average_run_length(mean, lam, high) < arl0 and high < _WIDEST:
        low, high = high, 2 * high
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if average_run_length(mean, lam, middle) < arl0 else (low, middle)
    return high


def average_run_length(mean: float, lam: float, width: float) -> float:
    """Average periods to the first level above mean + L sigma_z of a Poisson series, from the mean on.

    Markov chain with the level cut into cells (Borror, Champ and Rigdon 1998), with the final variance of the level,
    one-sided. Levels far below the mean are held in the lowest cell.
    """
    sigma = float(np.sqrt(mean * lam / (2 - lam)))
    upper = mean + width * sigma
    lower = max(0.0, mean - _LOWEST_SIGMAS * sigma)
    edges = np.linspace(lower, upper, _CELLS + 1)
    centre = (edges[:-1] + edges[1:]) / 2
    # The level ends at or below an edge for counts up to (edge - (1 - lambda) z) / lambda.
    most = np.floor((edges[np.newaxis, :] - (1 - lam) * centre[:, np.newaxis]) / lam + 1e-9)
    below = special.pdtr(np.arange(max(float(most.max()), 0.0) + 1), mean)
    reached = np.where(most >= 0, below[np.maximum(most, 0.0).astype(np.int64)], 0.0)
    move = np.diff(reached, axis=1)
    move[:, 0] += reached[:, 0]
    lengths = np.linalg.solve(np.eye(_CELLS) - move, np.ones(_CELLS))
    start = int(np.clip(np.searchsorted(edges, mean) - 1, 0, _CELLS - 1))
    return float(lengths[start])
