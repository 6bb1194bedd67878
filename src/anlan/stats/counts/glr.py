"""Generalised likelihood ratio charts for Poisson and negative binomial counts (Höhle and Paul 2008).

At every period the chart asks for which beginning, and which size, a change explains what came since much better than
no change: the largest log likelihood ratio over both. It alarms where that reaches ``threshold`` and then begins anew.
The change is a factor on the mean (``intercept``) or an epidemic that feeds on the count before (``epidemic``).
``docs/methods/glr.md`` has the formulae.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _charts, _fast, _input, _windows
from anlan.stats.counts._charts import Steps
from anlan.stats.counts._glr_reference import largest_in_r
from anlan.stats.counts._glr_runs import MOST_COUNT, Maximum, Run, largest, least_count, scores_before
from anlan.stats.counts._incontrol import LEAST_ALPHA, Control, Model, control_for
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason

CHANGES = ("intercept", "epidemic")
DIRECTIONS = ("increase", "decrease")
_NO_LIMIT_IN_R = 1e99
_LIMIT_STEPS = 60
# Per value, by the compiled kernels of extra ``fast``: a known change, Poisson, negative binomial.
_SECONDS_SAVED = (2e-7, 8e-6, 3e-5)
_MOST_COUNTS_IN_R = 60


def glr_poisson(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    harmonics: int = 1,
    trend: bool = False,
    refit: bool = False,
    change: str = "intercept",
    direction: str = "increase",
    theta: float | None = None,
    threshold: float = 5.0,
    window: int | None = None,
    min_window: int = 1,
    variant: str = "published",
) -> Detection:
    """Look for the beginning and size of a change that explain the latest Poisson counts best.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: such periods say nothing.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. Gives frequency and time of the year.
    evaluate : int, slice or sequence of int, optional
        Positions to return, counted from 0, negative from the end. Default all. The chart always runs through
        everything after the training period.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    training : int, optional
        First periods of the series, from which the in-control mean is estimated; the chart begins after them. Default
        two years; none where ``mean`` is given.
    mean : float, array of shape (n_times,) or (n_series, n_times), optional
        In-control mean where it is known, > 0. Default: estimated by a log-linear regression.
    harmonics : int, default 1
        Pairs of cosine and sine of the year in that regression. Paper and R 1.
    trend : bool, default False
        A linear trend in that regression.
    refit : bool, default False
        Estimate again from everything up to an alarm when the chart begins anew after it.
    change : {"intercept", "epidemic"}, default "intercept"
        Mean mu e^kappa, or mu + lambda times the count before.
    direction : {"increase", "decrease"}, default "increase"
        Side on which kappa is sought. ``epidemic`` has increases only.
    theta : float, optional
        Size of the change where it is known: kappa, the *logarithm* of the factor. The chart is a CUSUM then.
    threshold : float, default 5.0
        Log likelihood ratio from which there is an alarm (c.ARL). Paper and R 5.
    window : int, optional
        A change began at most this many periods ago (M). Default: any time since the last alarm.
    min_window : int, default 1
        A change must have lasted this many periods (Mtilde). Paper and R 1.
    variant : {"published", "surveillance-1.20"}, default "published"
        ``surveillance-1.20`` gives the numbers of the R package where they differ from the published method: see
        docs/methods/glr.md.

    Returns
    -------
    Detection
        ``upper`` is the smallest count of this period that makes an alarm, given all before (for a decrease the
        largest, -1 where none does; a real number with ``theta``). ``UNBOUNDED`` where no count can: an epidemic
        chart after a period without a case. ``score`` is the statistic over ``threshold``. There is no p-value.
        ``extra``: ``statistic``.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Höhle M, Paul M (2008). Count data regression charts for the monitoring of surveillance time series. Comput Stat
    Data Anal 52(9): 4357-4368.
    """
    cases = _input.as_series(counts)
    chart = glr_poisson_chart(
        cases, dates=dates, frequency=frequency, training=training, mean=mean, harmonics=harmonics, trend=trend,
        refit=refit, change=change, direction=direction, theta=theta, threshold=threshold, window=window,
        min_window=min_window, variant=variant,
    )  # fmt: skip
    return _run(chart, cases, evaluate)


def glr_nb(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    training: int | None = None,
    mean: float | ArrayLike | None = None,
    overdispersion: float | None = None,
    harmonics: int = 1,
    trend: bool = False,
    refit: bool = False,
    change: str = "intercept",
    direction: str = "increase",
    theta: float | None = None,
    threshold: float = 5.0,
    window: int | None = None,
    min_window: int = 1,
    variant: str = "published",
) -> Detection:
    """Look for the beginning and size of a change that explain the latest negative binomial counts best.

    Parameters
    ----------
    counts, dates, evaluate, frequency, training, mean, harmonics, trend, refit, change, direction, theta, threshold
        As for ``glr_poisson``.
    window, min_window
        As for ``glr_poisson``.
    overdispersion : float, optional
        alpha of the variance mu + alpha mu^2, > 0. Default: by maximum likelihood from the training period; must be
        given together with ``mean``. ``refit`` keeps it.
    variant : {"published", "surveillance-1.20"}, default "published"
        ``surveillance-1.20`` repeats the iterations of the R package, which *miss large outbreaks*, and its epidemic
        chart, which does not maximise: see docs/methods/glr.md.

    Returns
    -------
    Detection
        As for ``glr_poisson``. ``extra``: ``statistic``, ``overdispersion``.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    As for ``glr_poisson``.
    """
    cases = _input.as_series(counts)
    chart = glr_nb_chart(
        cases, dates=dates, frequency=frequency, training=training, mean=mean, overdispersion=overdispersion,
        harmonics=harmonics, trend=trend, refit=refit, change=change, direction=direction, theta=theta,
        threshold=threshold, window=window, min_window=min_window, variant=variant,
    )  # fmt: skip
    return _run(chart, cases, evaluate)


def _run(chart: GlrChart, cases: FloatArray, evaluate: Evaluate) -> Detection:
    """The batch call. Its size decides about the compiled kernels; a chart that goes on period by period has none."""
    saved = _SECONDS_SAVED[0 if chart.theta is not None else 1 if chart.method == "glr_poisson" else 2]
    kernels = _fast.kernels("glr", saved * cases[:, chart.control.training :].size)
    return _charts.run(replace(chart, kernels=kernels), cases, evaluate)


@dataclass(frozen=True)
class GlrChart:
    """A likelihood ratio chart after ``position`` periods.

    ``statistic`` is that of the known change; ``history`` the training counts, kept for ``refit`` only; ``kernels``
    the compiled ones, if they shall be used.
    """

    method: str
    control: Control
    position: int
    statistic: FloatArray
    change: str
    sign: float
    theta: float | None
    threshold: float
    window: int | None
    min_window: int
    history: FloatArray
    refit: bool
    as_reference: bool
    kernels: ModuleType | None = None

    @property
    def extra_names(self) -> tuple[str, ...]:
        return ("statistic",) if self.method == "glr_poisson" else ("statistic", "overdispersion")

    @property
    def alpha(self) -> FloatArray:
        return np.maximum(np.nan_to_num(self.control.alpha), LEAST_ALPHA)

    def take(self, rows: slice) -> Self:
        return replace(
            self, control=self.control.take(rows), statistic=self.statistic[rows], history=self.history[rows]
        )

    def walk(self, values: FloatArray, means: FloatArray, wanted: IntArray) -> tuple[Self, Steps]:
        after = replace(self, position=self.position + values.shape[1])
        if self.theta is not None:
            statistic, steps = self._walk_known(values, means, wanted, self.theta)
            return replace(after, statistic=statistic), self._with_extra(steps)
        return after, self._with_extra(_Walk(self, values, means).steps(wanted))

    def _with_extra(self, steps: Steps) -> Steps:
        if self.method == "glr_poisson":
            return steps
        alpha = np.broadcast_to(self.alpha[:, np.newaxis], steps.upper.shape)
        return replace(steps, extra={**steps.extra, "overdispersion": alpha})

    def _walk_known(
        self, values: FloatArray, means: FloatArray, wanted: IntArray, theta: float
    ) -> tuple[FloatArray, Steps]:
        alpha = self.alpha[:, np.newaxis]
        with np.errstate(all="ignore"):
            # The log ratio of a count y is ``cost`` + ``worth`` * y.
            growth = np.log1p(alpha * means * np.exp(theta)) - np.log1p(alpha * means)
            cost, worth = -growth / alpha, theta - growth
            gain = cost + worth * values
        gain[~np.isfinite(gain)] = 0.0
        now = self.statistic.copy()
        if self.kernels is not None:
            path = self.kernels.known(gain, now, self.threshold, strict=self.strict)
        else:
            path = np.empty(values.shape)
            for time, row in enumerate(np.ascontiguousarray(gain.T)):
                now = np.maximum(now + row, 0.0)
                path[:, time] = now
                now = np.where(self.alarms(now), 0.0, now)
        before = np.concatenate([self.statistic[:, np.newaxis], path], axis=1)[:, :-1]
        before[:, 1:][self.alarms(before[:, 1:])] = 0.0
        statistic = path[:, wanted]
        with np.errstate(all="ignore"):
            upper = (self.threshold - before[:, wanted] - cost[:, wanted]) / worth[:, wanted]
        if theta > 0:
            upper = np.maximum(upper, 0.0)
        steps = Steps(
            means[:, wanted],
            upper,
            statistic / self.threshold,
            self.alarms(statistic),
            {"statistic": statistic},
        )
        return now, steps

    @property
    def strict(self) -> bool:
        """Whether the statistic must be above the threshold, as in some charts of R."""
        poisson_epidemic = self.method == "glr_poisson" and self.change == "epidemic"
        return self.as_reference and (self.theta is not None or poisson_epidemic)

    def alarms(self, statistic: FloatArray) -> BoolArray:
        """Where a statistic makes an alarm."""
        return statistic > self.threshold if self.strict else statistic >= self.threshold


class _Walk:
    """One walk of a chart with an unknown change: every series has its own last alarm."""

    def __init__(self, chart: GlrChart, values: FloatArray, means: FloatArray) -> None:
        self.chart, self.values = chart, values
        there = ~np.isnan(values) & (means > 0)
        self.there = there
        self.y = np.where(there, values, 0.0)
        self.means = np.array(means)
        self.mu = np.where(there, means, 0.0)
        self.level = _constant(self.means)
        before = chart.history[:, -1:] if chart.history.shape[1] else np.zeros((len(values), 1))
        if chart.as_reference:
            before = np.zeros_like(before)
        before = np.concatenate([np.nan_to_num(before), np.nan_to_num(values)], axis=1)[:, :-1]
        self.previous = np.where(there, before, 0.0)
        self.start = np.zeros(len(values), dtype=np.int64)
        self.statistic = np.zeros(values.shape)
        self.alarm = np.zeros(values.shape, dtype=bool)
        self.upper = np.full(values.shape, np.inf)

    def steps(self, wanted: IntArray) -> Steps:
        is_wanted = np.isin(np.arange(self.values.shape[1]), wanted)
        if self.chart.kernels is None:
            for time in range(self.values.shape[1]):
                run = self._run(time)
                self.statistic[:, time] = self._largest(run).ratio
                self.alarm[:, time] = self.chart.alarms(self.statistic[:, time])
                if is_wanted[time]:
                    self.upper[:, time] = self._upper(run, time)
                self._restart(self.alarm[:, time], time)
        else:
            self._walk_compiled(self.chart.kernels, is_wanted)
        statistic = self.statistic[:, wanted]
        return Steps(
            self.means[:, wanted], self.upper[:, wanted], statistic / self.chart.threshold,
            self.alarm[:, wanted], {"statistic": statistic},
        )  # fmt: skip

    def _walk_compiled(self, kernels: ModuleType, is_wanted: BoolArray) -> None:
        chart, n = self.chart, self.values.shape[1]
        before = np.concatenate([self.previous[:, :1], np.nan_to_num(self.values[:, :-1])], axis=1)
        rules = kernels.Rules(
            is_poisson=chart.method == "glr_poisson", is_epidemic=chart.change == "epidemic", sign=chart.sign,
            threshold=chart.threshold, window=chart.window, min_window=chart.min_window,
            as_reference=chart.as_reference, strict=chart.strict, most_counts=_MOST_COUNTS_IN_R,
        )  # fmt: skip
        arrays = kernels.Arrays(
            self.y, self.mu, self.previous, self.means, before, chart.alpha, self.level, is_wanted,
            self.statistic, self.alarm, self.upper,
        )  # fmt: skip
        while (self.start < n).any():
            kernels.walk(rules, arrays, self.start, stops=chart.refit)
            if not chart.refit:
                break
            # Each series stands after its last alarm, or at the end.
            for start in np.unique(self.start[self.start < n]):
                self._restart(self.start == start, int(start) - 1)

    def _run(self, time: int) -> Run:
        chart = self.chart
        length = time - self.start + 1
        last = np.full(len(length), time - chart.min_window + 1)
        if chart.as_reference and chart.method == "glr_poisson" and chart.change == "intercept":
            # In R M and Mtilde mean other weeks in this chart, by one.
            short = length < chart.min_window + (chart.window is not None)
            at = time if chart.window is None else time - chart.min_window
            last = np.where(short, -1, at)
        first = self.start if chart.window is None else np.maximum(self.start, time - chart.window)
        low = int(first.min(initial=0))
        columns = slice(low, time + 1)
        return Run(
            self.y[:, columns], self.mu[:, columns], self.previous[:, columns], chart.alpha, self.level,
            first - low, last - low,
        )  # fmt: skip

    def _largest(self, run: Run) -> Maximum:
        chart = self.chart
        if chart.as_reference:
            family = "poisson" if chart.method == "glr_poisson" else "nb"
            return largest_in_r(run, change=chart.change, sign=chart.sign, family=family)
        return largest(run, change=chart.change, sign=chart.sign)

    def _restart(self, alarmed: BoolArray, time: int) -> None:
        if not alarmed.any():
            return
        self.start[alarmed] = time + 1
        chart = self.chart
        if chart.refit and time + 1 < self.values.shape[1]:
            known = chart.control.take(np.flatnonzero(alarmed))
            seen = np.concatenate([chart.history[alarmed], self.values[alarmed, : time + 1]], axis=1)
            fitted = known.fit(seen, known.alpha)
            begin = chart.position + time + 1
            means = fitted.means(begin, chart.position + self.values.shape[1])
            # A series for which the new regression fails keeps the old one.
            good = fitted.reason == Reason.OK
            rows = np.flatnonzero(alarmed)[good]
            self.means[rows, time + 1 :] = means[good]
            self.mu[rows, time + 1 :] = np.where(self.there[rows, time + 1 :], means[good], 0.0)
            self.level[rows] = _constant(means[good])

    def _upper(self, run: Run, time: int) -> FloatArray:
        chart = self.chart
        # The tested period counts as reported here: what its count would have to be.
        mu = run.mu.copy()
        mu[:, -1] = self.means[:, time]
        previous = run.previous.copy()
        if time > 0:
            previous[:, -1] = np.nan_to_num(self.values[:, time - 1])
        run = replace(run, mu=mu, previous=previous)
        if chart.as_reference:
            return self._upper_in_r(run, time)
        if chart.sign < 0:
            return self._largest_low_count(run)
        return self._smallest_count(run)

    def _smallest_count(self, run: Run) -> FloatArray:
        """Epidemic: Newton steps in the count; the ratio is convex in it, so that from above they go to the limit."""
        chart, mu = self.chart, run.mu[:, -1]
        if chart.change == "intercept":
            return np.ceil(least_count(run, chart.threshold) - 1e-7)
        excess = np.where(run.allowed(), scores_before(run), -np.inf).max(axis=1)
        spread = mu * (1 + run.alpha * mu)
        base = np.where(np.isfinite(excess), np.maximum(-excess, 0.0) * (1 + run.alpha * mu), 0.0)
        count = mu + base + np.sqrt(2 * chart.threshold * spread) + 1
        open_ = run.allowed().any(axis=1) & np.isfinite(mu) & (mu > 0) & (run.previous[:, -1] > 0)
        count[~open_] = np.inf
        for _ in range(_LIMIT_STEPS):
            rows = np.flatnonzero(open_)
            found = largest(run.take(rows).with_current(count[rows]), change=chart.change, sign=1.0)
            with np.errstate(all="ignore"):
                step = (found.ratio - chart.threshold) / found.slope
            # No slope: either too few cases to see anything, then try more, or the count does not matter.
            stuck = ~(found.slope > 0)
            following = np.where(stuck, 4 * count[rows] + 4, np.maximum(count[rows] - step, 0.0))
            moved = np.abs(following - count[rows])
            count[rows] = np.where(following > MOST_COUNT, np.inf, following)
            open_[rows] = (moved > 1e-9 * np.maximum(count[rows], 1.0)) & np.isfinite(count[rows])
            if not open_.any():
                break
        return np.ceil(count - 1e-7)

    def _largest_low_count(self, run: Run) -> FloatArray:
        """For a decrease: halving between no case and the mean; -1 where even no case makes no alarm."""
        chart = self.chart
        zero = np.zeros(len(run.y))
        low, high = zero - 1, np.ceil(run.mu.sum(axis=1)) + 1

        def alarms(count: FloatArray) -> BoolArray:
            return largest(run.with_current(count), change=chart.change, sign=-1.0).ratio >= chart.threshold

        while (open_ := high - low > 1).any():
            middle = np.floor((low + high) / 2)
            reached = alarms(np.maximum(middle, 0.0))
            low, high = np.where(open_ & reached, middle, low), np.where(open_ & ~reached, middle, high)
        return low

    def _upper_in_r(self, run: Run, time: int) -> FloatArray:
        """Poisson: the smallest count. Negative binomial: stepping from the count on until the alarm flips."""
        possible = run.allowed().any(axis=1)
        if self.chart.method == "glr_poisson":
            count = np.where(possible, self._smallest_count(run), np.inf)
            return np.where(np.isfinite(count), count, _NO_LIMIT_IN_R)
        count, state = self.y[:, time].copy(), self.alarm[:, time]
        found = np.where(state & (count == 0), 0.0, _NO_LIMIT_IN_R)
        step = np.where(state, -1.0, 1.0)
        open_ = possible & (count > 0) & (self.means[:, time] > 0)
        for _ in range(_MOST_COUNTS_IN_R):
            rows = np.flatnonzero(open_)
            if not len(rows):
                break
            alarms = self.chart.alarms(self._largest(run.take(rows).with_current(count[rows])).ratio)
            flipped = alarms != state[rows]
            found[rows[flipped]] = count[rows[flipped]] + np.where(state[rows[flipped]], 1.0, 0.0)
            count[rows] += step[rows]
            open_[rows[flipped]] = False
            found[open_ & (count < 0)] = 0.0
            open_ &= count >= 0
        return found


def _constant(means: FloatArray) -> FloatArray:
    """The mean of each series if it is the same in all periods, else NaN."""
    if not means.shape[1]:
        return np.full(len(means), np.nan)
    first = means[:, 0]
    return np.where((means == first[:, np.newaxis]).all(axis=1) & (first > 0), first, np.nan)


def glr_poisson_chart(cases: FloatArray, **parameters: Any) -> GlrChart:
    """The chart before its first period; parameters as for ``glr_poisson``."""
    return _chart("glr_poisson", cases, {**_DEFAULTS, **parameters})


def glr_nb_chart(cases: FloatArray, **parameters: Any) -> GlrChart:
    """The chart before its first period; parameters as for ``glr_nb``."""
    return _chart("glr_nb", cases, {**_DEFAULTS, "overdispersion": None, **parameters})


_DEFAULTS: dict[str, Any] = {
    "dates": None, "frequency": None, "training": None, "mean": None, "harmonics": 1, "trend": False, "refit": False,
    "change": "intercept", "direction": "increase", "theta": None, "threshold": 5.0, "window": None, "min_window": 1,
    "variant": "published",
}  # fmt: skip


def _chart(method: str, cases: FloatArray, given: dict[str, Any]) -> GlrChart:
    axis = _windows.axis_for(cases.shape[1], given["dates"], given["frequency"], given["variant"])
    alpha: float | None = None
    if method == "glr_nb":
        alpha = np.nan
        if given["overdispersion"] is not None:
            alpha = _input.as_number("overdispersion", given["overdispersion"], above=0)
    model = Model(
        harmonics=_input.as_whole("harmonics", given["harmonics"], at_least=0, at_most=6),
        trend=_input.as_flag("trend", given["trend"]),
        alpha=alpha,
    )
    change = _input.as_choice("change", given["change"], CHANGES)
    direction = _input.as_choice("direction", given["direction"], DIRECTIONS)
    theta = None if given["theta"] is None else _input.as_number("theta", given["theta"])
    if change == "epidemic" and (direction == "decrease" or theta is not None):
        raise parameter_error("change", "'intercept' for a decrease or a known theta", change)
    if theta is not None and (theta == 0 or (theta > 0) != (direction == "increase")):
        raise parameter_error("theta", "> 0 for an increase, < 0 for a decrease", theta)
    shortest = _input.as_whole("min_window", given["min_window"], at_least=1)
    window = (
        None if given["window"] is None else _input.as_whole("window", given["window"], at_least=shortest)
    )
    refit = _input.as_flag("refit", given["refit"])
    threshold = _input.as_number("threshold", given["threshold"], above=0)
    control = control_for(cases, axis, training=given["training"], mean=given["mean"], model=model)
    if method == "glr_nb" and given["mean"] is not None and given["overdispersion"] is None:
        raise parameter_error("overdispersion", "given together with mean", None)
    if refit and given["mean"] is not None:
        raise parameter_error("refit", "False with a known mean", refit)
    # The count before the first tested one is needed by the epidemic chart, all of them by ``refit``.
    kept = cases[:, : control.training]
    if not refit:
        kept = kept[:, -1:]
    return GlrChart(
        method=method, control=control, position=control.training, statistic=np.zeros(len(cases)), change=change,
        sign=1.0 if direction == "increase" else -1.0, theta=theta, threshold=threshold, window=window,
        min_window=shortest, history=kept.copy(), refit=refit, as_reference=given["variant"] != "published",
    )  # fmt: skip
