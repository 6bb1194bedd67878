"""CUSUM charts of standardised counts: small rises that last add up.

S_t = max(0, S_(t-1) + x_t - k), alarm when S_t reaches h, where x_t is the count standardised by its in-control mean.
``docs/methods/cusum.md`` has the formulae of the transformations and of the limit on the scale of counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from anlan.stats.counts import _charts, _fast, _input, _windows
from anlan.stats.counts._charts import Steps
from anlan.stats.counts._incontrol import Control, Model, control_for, default_training
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray

TRANSFORMS = ("rossi", "standard", "anscombe", "anscombe2nd", "pearsonNegBin", "anscombeNegBin", "none")
FRONT = {"anscombe": 1.5}  # factors of x that are not 1
LIMIT_POWER = {"anscombe": 1.5, "anscombe2nd": 1.5}  # powers of ``limit_line`` that are not 1
_DOUBLINGS = 60
_SCREENED_AT_ONCE = 1024
_SECONDS_SAVED = 4e-8  # per value, by the compiled kernels of extra ``fast``


def cusum(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    season: bool = False,
    transform: str = "rossi",
    k: float = 1.04,
    h: float = 2.26,
    overdispersion: float = 0.1,
    reset: bool = False,
    variant: str = "published",
) -> Detection:
    """Add up what the counts of a series have above their in-control mean.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: the statistic waits.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. Gives the frequency, and the season.
    evaluate : int, slice or sequence of int, optional
        Positions to return, counted from 0, negative from the end. Default all. The statistic always runs through
        everything after the training period.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    training : int, optional
        First periods of the series, from which the in-control mean is estimated; the chart begins after them. Default
        two years; none where ``mean`` is given.
    mean : float, array of shape (n_times,) or (n_series, n_times), optional
        In-control mean where it is known, > 0. Default: estimated.
    season : bool, default False
        Estimate the mean by a Poisson regression with one sine and cosine of the year instead of as a constant.
    transform : {"rossi", "standard", "anscombe", "anscombe2nd", "pearsonNegBin", "anscombeNegBin", "none"}
        How counts are standardised. Paper "rossi", for which its k and h were found; R "standard".
    k : float, default 1.04
        Reference value: what a period may have for free, on the standardised scale. Paper and R 1.04.
    h : float, default 2.26
        Decision value. Paper and R 2.26: about 500 periods between false alarms for "rossi" and a Poisson mean known.
    overdispersion : float, default 0.1
        alpha of the variance m + alpha m^2, for the transformations "pearsonNegBin" and "anscombeNegBin". R 0.1.
    reset : bool, default False
        Begin again at 0 after an alarm. Without it a chart stays in alarm until the excess is worked off (R).
    variant : {"published", "surveillance-1.20"}, default "published"
        ``surveillance-1.20`` gives the limits of the R package where they differ (the statistic and the alarms are
        the same); the differences are listed in docs/methods/cusum.md.

    Returns
    -------
    Detection
        ``upper`` is the count from which on this period alarms, given all before (alarm: observed >= upper). ``score``
        is S / h. There is no p-value. ``extra``: ``statistic`` S_t.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Rossi G, Lampugnani L, Marchi M (1999). An approximate CUSUM procedure for surveillance of health events. Stat
    Med 18: 2111-2122.
    Pierce DA, Schafer DW (1986). Residuals in generalized linear models. J Am Stat Assoc 81: 977-986.
    """
    cases = _input.as_series(counts)
    chart = cusum_chart(
        cases, dates=dates, frequency=frequency, training=training, mean=mean, season=season, transform=transform,
        k=k, h=h, overdispersion=overdispersion, reset=reset, variant=variant,
    )  # fmt: skip
    kernels = _fast.kernels("cusum", _SECONDS_SAVED * cases.size)
    if kernels is not None:
        compiled: Detection = kernels.detect(chart, cases, evaluate)
        return compiled
    return _charts.run(chart, cases, evaluate)


@dataclass(frozen=True)
class CusumChart:
    """The CUSUM of every series after ``position`` periods."""

    control: Control
    position: int
    statistic: FloatArray
    transform: str
    k: float
    h: float
    overdispersion: float
    reset: bool
    as_reference: bool
    method: str = "cusum"

    @property
    def extra_names(self) -> tuple[str, ...]:
        return ("statistic",)

    def take(self, rows: slice) -> Self:
        return replace(self, control=self.control.take(rows), statistic=self.statistic[rows])

    def walk(self, values: FloatArray, means: FloatArray, wanted: IntArray) -> tuple[Self, Steps]:
        with np.errstate(divide="ignore", invalid="ignore"):
            # A constant mean is a column seen many times: its roots are taken once.
            level = means[:, :1] if means.shape[1] and means.strides[1] == 0 else means
            gain = standardise(values, level, self.transform, self.overdispersion) - self.k
        gain[~np.isfinite(gain)] = 0.0  # not reported, or nothing expected: the statistic waits
        by_time = np.ascontiguousarray(gain.T)
        path = np.empty((len(by_time) + 1, len(values)))
        now = path[0]
        now[:] = self.statistic
        for row, following in zip(by_time, path[1:], strict=True):
            if self.reset:
                np.multiply(now, now < self.h, out=following)
                np.add(following, row, out=following)
            else:
                np.add(now, row, out=following)
            now = np.maximum(following, 0.0, out=following)
        after = replace(self, position=self.position + values.shape[1], statistic=now.copy())
        return after, self._steps(path, means, wanted)

    def _steps(self, path: FloatArray, means: FloatArray, wanted: IntArray) -> Steps:
        statistic, before, expected = path[wanted + 1].T, path[wanted].T, means[:, wanted]
        if self.reset:
            before = before * (before < self.h)
        room = self.h + self.k - before
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.as_reference:
                upper = _upper_in_r(expected, room, self.h - statistic, self.transform, self.overdispersion)
            else:
                upper = count_at(expected, room, self.transform, self.overdispersion)
        return Steps(expected, upper, statistic / self.h, statistic >= self.h, {"statistic": statistic})


def cusum_chart(
    cases: FloatArray,
    *,
    dates: ArrayLike | None = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    season: bool = False,
    transform: str = "rossi",
    k: float = 1.04,
    h: float = 2.26,
    overdispersion: float = 0.1,
    reset: bool = False,
    variant: str = "published",
) -> CusumChart:
    """The chart before its first period; parameters as for ``cusum``."""
    axis = _windows.axis_for(cases.shape[1], dates, frequency, variant)
    model = Model(harmonics=int(_input.as_flag("season", season)))
    chosen = _input.as_choice("transform", transform, TRANSFORMS)
    reference_value = _input.as_number("k", k, at_least=0)
    decision_value = _input.as_number("h", h, above=0)
    alpha = _input.as_number("overdispersion", overdispersion, above=0)
    resets = _input.as_flag("reset", reset)
    control = control_for(cases, axis, training=training, mean=mean, model=model)
    return CusumChart(
        control=control,
        position=control.training,
        statistic=np.zeros(len(cases)),
        transform=chosen,
        k=reference_value,
        h=decision_value,
        overdispersion=alpha,
        reset=resets,
        as_reference=variant != "published",
    )


def screen(
    counts: NDArray[Any],
    *,
    dates: ArrayLike | None = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    variant: str = "published",
    **settings: Any,
) -> tuple[IntArray, IntArray] | None:
    """Number of alarms by series, and their times, by the compiled kernels; None where the whole result has to be made.

    That is so where the work is too small, the training is longer than the series, or a value of ``counts`` is not
    acceptable. Parameters as for ``cusum``. See ``alarms.alarms_only``.
    """
    kernels = _fast.kernels("cusum", _SECONDS_SAVED * counts.size)
    if kernels is None:
        return None
    axis = _windows.axis_for(counts.shape[1], dates, frequency, variant)
    is_known = mean is not None
    length = default_training(axis.frequency, is_known=is_known) if training is None else training
    n_training = _input.as_whole("training", length, at_least=0 if is_known else 2)
    if n_training >= counts.shape[1]:
        return None
    days = None if dates is None else np.asarray(dates)
    given = np.asarray(mean) if is_known else np.zeros(0)
    by_series = given.ndim == 2 and len(given) != 1
    if by_series and len(given) != len(counts):
        return None
    is_constant = is_known and given.size == 1
    # What is estimated or changes in time is made for some series at a time, so that it stays in the cache.
    size = max(len(counts), 1) if is_constant else _SCREENED_AT_ONCE
    parts = []
    for start in range(0, len(counts), size):
        part = counts[start : start + size]
        # Only the training has to be read as the plain module reads it.
        seen = _input.as_series(part[:, :n_training])
        own = given[start : start + size] if by_series else mean
        chart = cusum_chart(
            part if is_known else seen, dates=days if is_known or days is None else days[:n_training],
            frequency=frequency, training=n_training, mean=own, variant=variant, **settings,
        )  # fmt: skip
        found: tuple[IntArray, IntArray] | None = kernels.alarms(chart, part)
        if found is None:
            return None
        parts.append(found)
    if len(parts) == 1:
        return parts[0]
    nothing = np.zeros(0, dtype=np.int64)
    number, times = (np.concatenate([nothing, *(part[place] for part in parts)]) for place in (0, 1))
    return number, times


def standardise(y: FloatArray, m: FloatArray, transform: str, alpha: float) -> FloatArray:
    """x of the count y with in-control mean m."""
    own, (centre, scale) = own_scale(y, transform, alpha), centre_and_scale(m, transform, alpha)
    x: FloatArray
    if transform == "rossi":
        x = (own - 3 * centre + 2 * np.sqrt(own * centre)) / scale
    else:
        x = FRONT.get(transform, 1.0) * (own - centre) / scale
    return x


def own_scale(y: FloatArray, transform: str, alpha: float) -> FloatArray:
    """Counts on the scale on which the transformation takes differences."""
    if transform in ("anscombe", "anscombe2nd"):
        scaled: FloatArray = np.cbrt(y) ** 2
        return scaled
    return _stabilised(y, alpha) if transform == "anscombeNegBin" else y


def centre_and_scale(m: FloatArray, transform: str, alpha: float) -> tuple[FloatArray, FloatArray]:
    """What a difference is taken from, and what it is divided by."""
    if transform == "rossi":
        return m, 2 * np.sqrt(m)
    if transform == "standard":
        return m, np.sqrt(m)
    if transform == "none":
        return np.zeros_like(m), np.ones_like(m)
    if transform == "pearsonNegBin":
        return m, np.sqrt(m + alpha * m**2)
    if transform == "anscombe":
        return np.cbrt(m) ** 2, m ** (1 / 6)
    if transform == "anscombe2nd":
        return np.cbrt(m) ** 2 - m ** (-1 / 3) / 9, 2 / 3 * m ** (1 / 6)
    return _stabilised(m, alpha), (m + alpha * m**2) ** (1 / 6)


def _stabilised(y: FloatArray, alpha: float) -> FloatArray:
    """Integral of (t + alpha t^2)^(-1/3) from 0 to y, the transformation of Anscombe for that variance."""
    integral: FloatArray = 1.5 * np.cbrt(y) ** 2 * special.hyp2f1(1 / 3, 2 / 3, 5 / 3, -alpha * y)
    return integral


def count_at(m: FloatArray, x: FloatArray, transform: str, alpha: float) -> FloatArray:
    """The count at which the standardised value is ``x``; 0 where it is beyond that already without a case."""
    if transform == "anscombeNegBin":
        return _bisected(lambda y: standardise(y, m, transform, alpha), x)
    if transform == "rossi":
        # sqrt(y) solves s^2 + 2 sqrt(m) s - 3 m - 2 x sqrt(m) = 0.
        power, y = 2.0, np.sqrt(np.maximum(4 * m + 2 * x * np.sqrt(m), 0.0)) - np.sqrt(m)
    else:
        power, (slope, start, less) = LIMIT_POWER.get(transform, 1.0), limit_line(m, transform, alpha)
        y = slope * x + start - less
    count: FloatArray = np.maximum(y, 0.0) ** power
    return count


def limit_line(m: FloatArray, transform: str, alpha: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slope and two parts of the start of the line in x whose power is the count."""
    nothing = np.zeros_like(m)
    if transform == "none":
        return np.ones_like(m), nothing, nothing
    if transform in ("standard", "pearsonNegBin"):
        return centre_and_scale(m, transform, alpha)[1], m, nothing
    less = m ** (-1 / 3) / 9 if transform == "anscombe2nd" else nothing
    return 2 / 3 * m ** (1 / 6), np.cbrt(m) ** 2, less


def _bisected(function: Callable[[FloatArray], FloatArray], target: FloatArray) -> FloatArray:
    """Smallest y >= 0 at which an increasing function reaches ``target``."""
    low, high = np.zeros_like(target), np.ones_like(target)
    known = np.isfinite(function(high))
    for _ in range(_DOUBLINGS):
        short: BoolArray = known & (function(high) < target)
        if not short.any():
            break
        low[short], high[short] = high[short], 2 * high[short]
    for _ in range(_DOUBLINGS):
        middle = (low + high) / 2
        reached = function(middle) >= target
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(known, np.where(function(np.zeros_like(target)) >= target, 0.0, high), np.nan)


def _upper_in_r(m: FloatArray, x: FloatArray, left: FloatArray, transform: str, alpha: float) -> FloatArray:
    """The limits of the R package: rounded up for "standard", the other root for "rossi", another sign of an exponent."""
    if transform == "standard":
        upper = np.ceil(m + x * np.sqrt(m))
    elif transform == "rossi":
        upper = 2 * x * np.sqrt(m) + 5 * m - 2 * np.sqrt(4 * m**2 + 2 * x * m**1.5)
    elif transform == "anscombe2nd":
        upper = np.maximum(2 / 3 * m ** (1 / 6) * x + (np.cbrt(m) ** 2 - np.cbrt(m) / 9), 0.0) ** 1.5
    elif transform in ("none", "anscombeNegBin"):
        upper = left
    else:
        upper = count_at(m, x, transform, alpha)
    return np.where(upper > 0, upper, 0.0)
