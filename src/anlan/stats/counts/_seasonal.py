"""What the regression methods with harmonics share: the time of year, the design, and fits for many series at once.

The rows of a design are periods relative to the tested one, the same for all series, so that the normal matrices of
all series are one matrix product of weights with the products of pairs of columns. A period that is not reported has
weight 0. Columns are of about unit size, which keeps the normal equations well conditioned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anlan.stats.counts import glm
from anlan.stats.counts.anchors import DateArray, MonthAxis, TimeAxis, WeekAxis
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

DAYS_IN_YEAR = 365.25
MAX_ITERATIONS = 50
_TOLERANCE = 1e-9
_START_SHIFT = 0.1
_EPOCH = np.datetime64("2000-01-01", "D")


def year_time(axis: TimeAxis, n_times: int) -> FloatArray:
    """Time of each period in years, shape (n_times,): calendar days / 365.25, months / 12, or positions / frequency.

    With dates a year of 53 weeks shifts nothing: the season follows the sun, not the number of the week.
    """
    if isinstance(axis, WeekAxis):
        days: FloatArray = (axis.dates - _EPOCH).astype(np.int64) / DAYS_IN_YEAR
        return days
    if isinstance(axis, MonthAxis):
        months: FloatArray = _month_numbers(axis.dates) / 12
        return months
    positions: FloatArray = np.arange(n_times) / axis.frequency
    return positions


def _month_numbers(dates: DateArray) -> IntArray:
    numbers: IntArray = dates.astype("datetime64[M]").astype(np.int64)
    return numbers


def harmonic_design(years: FloatArray, at: float, *, harmonics: int, trend: bool) -> FloatArray:
    """Columns 1, cos and sin of 2 pi j ``years`` for j = 1..``harmonics``, and, last, the trend (years - at) / 6.

    Shape (n_rows, 1 + 2 ``harmonics`` + ``trend``).
    """
    angle = 2 * np.pi * years
    columns = [np.ones_like(years)]
    for number in range(1, harmonics + 1):
        columns += [np.cos(number * angle), np.sin(number * angle)]
    if trend:
        columns.append((years - at) / 6)
    return np.column_stack(columns)


@dataclass(frozen=True)
class Regression:
    """``coefficients`` (n_fits, p), fitted ``means`` (n_fits, n_rows), the ``inverse`` (n_fits, p, p) of X'WX."""

    coefficients: FloatArray
    means: FloatArray
    inverse: FloatArray
    converged: BoolArray

    def variance_at(self, row: FloatArray) -> FloatArray:
        """x' (X'WX)^-1 x: the variance of the linear predictor at ``row`` for dispersion 1."""
        variance: FloatArray = np.einsum("i,nij,j->n", row, self.inverse, row)
        return variance


def pair_products(design: FloatArray) -> tuple[FloatArray, tuple[IntArray, IntArray]]:
    """Products of all pairs of columns, (n_rows, p (p + 1) / 2), and the places of the pairs in a matrix."""
    upper = np.triu_indices(design.shape[1])
    return design[:, upper[0]] * design[:, upper[1]], upper


def normal_matrices(weights: FloatArray, pairs: FloatArray, places: tuple[IntArray, IntArray]) -> FloatArray:
    """X'WX of every fit, shape (n_fits, p, p)."""
    p = int(places[0][-1]) + 1
    matrix = np.empty((len(weights), p, p))
    matrix[:, places[0], places[1]] = matrix[:, places[1], places[0]] = weights @ pairs
    return matrix


def inverses(matrix: FloatArray) -> FloatArray:
    """Inverses of positive definite matrices, shape (n, p, p); all NaN where one is singular to working precision.

    Gauss-Jordan without exchange of rows, which positive definite matrices do not need. A library call would raise
    for the whole batch when one series has too few reports.
    """
    n, p, _ = matrix.shape
    work = np.concatenate([matrix, np.broadcast_to(np.eye(p), (n, p, p))], axis=2)
    diagonal = np.einsum("nii->ni", matrix).copy()
    singular = np.zeros(n, dtype=bool)
    with np.errstate(all="ignore"):
        for column in range(p):
            pivot = work[:, column, column].copy()
            singular |= ~(pivot > 1e-13 * diagonal[:, column])
            work[:, column] /= pivot[:, np.newaxis]
            for row in range(p):
                if row != column:
                    work[:, row] -= work[:, row, column, np.newaxis] * work[:, column]
    inverse = work[:, :, p:].copy()
    inverse[singular] = np.nan
    return inverse


def fit_log_linear(design: FloatArray, data: glm.Data) -> Regression:
    """Poisson regression of every row of ``data.counts`` on ``design``, iterated to the last digits.

    Start mu = y + 0.1 as in ``glm``; a fit ends when no coefficient moves by more than 1e-9. Where the maximum lies at
    infinity (a handful of cases, all in one season) it does not converge, and says so.
    """
    n_fits, p = len(data.counts), design.shape[1]
    pairs, places = pair_products(design)
    coefficients = np.full((n_fits, p), np.nan)
    converged = np.zeros(n_fits, dtype=bool)
    index = np.arange(n_fits)
    with np.errstate(all="ignore"):
        now = _first_step(design, data, pairs, places)
        left = data
        for _ in range(MAX_ITERATIONS):
            means = _means(design, now, left.exposure)
            change = np.einsum(
                "nij,nj->ni",
                inverses(normal_matrices(left.weighted(means), pairs, places)),
                left.weighted(left.counts - means) @ design,
            )
            now = now + change
            size = np.abs(change).max(axis=1)
            done = size < _TOLERANCE
            ended = done | ~np.isfinite(size)
            coefficients[index[ended]], converged[index[ended]] = now[ended], done[ended]
            if ended.all():
                break
            index, now, left = index[~ended], now[~ended], left.take(~ended)
        means = _means(design, coefficients, data.exposure)
        inverse = inverses(normal_matrices(data.weighted(means), pairs, places))
    return Regression(coefficients, means, inverse, converged)


def _first_step(
    design: FloatArray, data: glm.Data, pairs: FloatArray, places: tuple[IntArray, IntArray]
) -> FloatArray:
    start = data.counts + _START_SHIFT
    working = np.log(start) - _START_SHIFT / start
    if data.exposure is not None:
        working -= np.log(data.exposure)
    weights = data.weighted(start)
    inverse = inverses(normal_matrices(weights, pairs, places))
    solved: FloatArray = np.einsum("nij,nj->ni", inverse, (weights * working) @ design)
    return solved


def _means(design: FloatArray, coefficients: FloatArray, exposure: FloatArray | None) -> FloatArray:
    means = np.exp(coefficients @ design.T)
    return means if exposure is None else means * exposure


def pearson_dispersion(data: glm.Data, means: FloatArray, degrees: FloatArray) -> FloatArray:
    """Sum of w (y - mu)^2 / mu over the degrees of freedom, at least 1."""
    with np.errstate(all="ignore"):
        squares = data.weighted((data.counts - means) ** 2 / means)
        dispersion: FloatArray = np.maximum(squares.sum(axis=1) / degrees, 1.0)
    return dispersion


def iso_weeks(dates: DateArray) -> tuple[IntArray, IntArray]:
    """ISO year and week of each date."""
    days = dates.astype("datetime64[D]").astype(np.int64)
    thursday = (days - (days + 3) % 7 + 3).astype("datetime64[D]")
    years = thursday.astype("datetime64[Y]")
    day_of_year = (thursday - years.astype("datetime64[D]")).astype(np.int64)
    return years.astype(np.int64) + 1970, day_of_year // 7 + 1


def month_of(dates: DateArray) -> IntArray:
    """Month of each date, 1 to 12."""
    return _month_numbers(dates) % 12 + 1
