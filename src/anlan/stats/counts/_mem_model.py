"""The model of the moving epidemic method: where past epidemics lay, and the thresholds that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

_BANDWIDTH = 1.0  # weeks; of the kernel that smooths the MAP curve (R mem)
VALUES_IN_ALL = 30  # highest values of all seasons together, when ``n_max`` is not given (R mem)


@dataclass(frozen=True)
class Timing:
    """Epidemic weeks of one season in every series: places in the season, counted from 0; arrays (n_series,).

    ``share`` is the part of the season's total, in per cent, that lies in the epidemic. A season without a case has
    length 0.
    """

    start: IntArray
    length: IntArray
    share: FloatArray

    def before(self, n_weeks: int) -> BoolArray:
        chosen: BoolArray = (np.arange(n_weeks) < self.start[:, np.newaxis]) | (self.length == 0)[
            :, np.newaxis
        ]
        return chosen

    def after(self, n_weeks: int) -> BoolArray:
        chosen: BoolArray = ~self.before(n_weeks) & ~self.during(n_weeks)
        return chosen

    def during(self, n_weeks: int) -> BoolArray:
        place = np.arange(n_weeks) - self.start[:, np.newaxis]
        chosen: BoolArray = (place >= 0) & (place < self.length[:, np.newaxis])
        return chosen


@dataclass(frozen=True)
class MemModel:
    """Thresholds of every series, arrays (n_series,); ``intensity`` is (n_series, number of levels).

    ``mean`` is the mean of the pre-epidemic values that the threshold rests on, ``n_values`` their number.
    """

    pre: FloatArray
    post: FloatArray
    intensity: FloatArray
    mean: FloatArray
    n_values: IntArray
    timing: Sequence[Timing]


def find_epidemic(season: FloatArray, *, param: float = 2.8) -> Timing:
    """The epidemic of one season: the shortest run of weeks after which a further week adds less than ``param`` per cent.

    Parameters
    ----------
    season : ndarray of shape (n_series, n_weeks)
        Rates >= 0 of one season. NaN is not reported and adds nothing to a sum.
    param : float, default 2.8
        The slope criterion, in per cent of the season's total (R mem ``i.param``, 2 to 4 are usual).

    References
    ----------
    Vega T, Lozano JE, et al. (2013). Influenza Other Respir Viruses 7(4): 546-558.
    """
    n_series, n_weeks = season.shape
    running = np.zeros((n_series, n_weeks + 1))
    np.cumsum(np.nan_to_num(season), axis=1, out=running[:, 1:])
    total = running[:, -1]
    largest, first = np.zeros((n_series, n_weeks)), np.zeros((n_series, n_weeks), dtype=np.int64)
    for length in range(1, n_weeks + 1):
        sums = running[:, length:] - running[:, :-length]
        first[:, length - 1] = sums.argmax(axis=1)
        largest[:, length - 1] = sums.max(axis=1)
    curve = 100 * largest / np.where(total > 0, total, 1.0)[:, np.newaxis]
    gain = np.diff(curve @ _smoother(n_weeks).T, axis=1)
    flat = gain < param
    # Flat from the first such week on; never flat: the whole season.
    optimum = np.where(flat.any(axis=1), flat.argmax(axis=1) + 1, n_weeks)
    rows = np.arange(n_series)
    return Timing(
        start=first[rows, optimum - 1],
        length=np.where(total > 0, optimum, 0),
        share=np.where(total > 0, curve[rows, optimum - 1], np.nan),
    )


def _smoother(n: int) -> FloatArray:
    """Matrix of the local linear regression with a normal kernel on 1..n."""
    distance = np.arange(n)[np.newaxis, :] - np.arange(n)[:, np.newaxis].astype(np.float64)
    kernel = np.exp(-((distance / _BANDWIDTH) ** 2) / 2)
    s0, s1, s2 = (np.sum(kernel * distance**power, axis=1, keepdims=True) for power in range(3))
    if n == 1:
        return np.ones((1, 1))
    matrix: FloatArray = kernel * (s2 - s1 * distance) / (s0 * s2 - s1**2)
    return matrix


def mem_model(
    seasons: Sequence[FloatArray],
    *,
    param: float = 2.8,
    n_max: int | None = None,
    level_threshold: float = 0.95,
    level_intensity: Sequence[float] = (0.40, 0.90, 0.975),
    interval: str = "point",
) -> MemModel:
    """Thresholds from past seasons.

    Parameters
    ----------
    seasons : sequence of ndarray of shape (n_series, n_weeks)
        One array a season, oldest first; seasons may differ in their number of weeks. NaN is not reported.
    param : float, default 2.8
        See ``find_epidemic``.
    n_max : int, optional
        Highest values taken from each season. Default 30 / number of seasons, rounded (R mem).
    level_threshold : float, default 0.95
        One-sided level of the epidemic thresholds. R 0.95.
    level_intensity : sequence of float, default (0.40, 0.90, 0.975)
        Levels of the intensity thresholds: medium, high, very high.
    interval : {"point", "mean"}, default "point"
        Limit for a single value, mean + z sd (R mem type 5), or for the mean, mean + z sd / sqrt(n) (type 1).

    Returns
    -------
    MemModel
    """
    number = round(VALUES_IN_ALL / max(len(seasons), 1)) if n_max is None else n_max
    number = max(number, 1)
    timing = [find_epidemic(season, param=param) for season in seasons]
    before, during, after = (
        _highest(seasons, [getattr(found, name)(season.shape[1]) for found, season in zip(timing, seasons, strict=True)], number)
        for name in ("before", "during", "after")
    )  # fmt: skip
    pre, mean, n_values = _upper(before, level_threshold, interval)
    post, _, _ = _upper(after, level_threshold, interval)
    with np.errstate(divide="ignore"):
        logs = np.log(np.where(during > 0, during, np.nan))
    middle, spread, _ = _moments(logs)
    quantiles = special.ndtri(np.asarray(level_intensity, dtype=np.float64))
    intensity = np.exp(middle[:, np.newaxis] + spread[:, np.newaxis] * quantiles)
    return MemModel(pre, post, intensity, mean, n_values, timing)


def _highest(seasons: Sequence[FloatArray], chosen: Sequence[BoolArray], number: int) -> FloatArray:
    """The ``number`` highest reported values of the chosen weeks of each season, NaN where there are fewer."""
    parts = []
    for season, mask in zip(seasons, chosen, strict=True):
        values = -np.sort(-np.where(mask, season, np.nan), axis=1)  # NaN go last
        parts.append(values[:, :number])
    return np.concatenate(parts, axis=1)


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Mean, standard deviation (n - 1) and number of what is not NaN, along the rows."""
    there = ~np.isnan(values)
    number = there.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(there, values, 0.0).sum(axis=1) / number
        squares = np.where(there, (values - mean[:, np.newaxis]) ** 2, 0.0).sum(axis=1)
        return mean, np.sqrt(squares / (number - 1)), number


def _upper(values: FloatArray, level: float, interval: str) -> tuple[FloatArray, FloatArray, IntArray]:
    mean, spread, number = _moments(values)
    z = float(special.ndtri(level))
    with np.errstate(divide="ignore", invalid="ignore"):
        width = spread / np.sqrt(number) if interval == "mean" else spread
    return mean + z * width, mean, number
