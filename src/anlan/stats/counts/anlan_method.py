"""anlan's own detector: robust seasonal regression, a local level where needed, and the period before remembered.

Five steps, each in its own helper: baseline (``_anlan_fit``), local level (``_anlan_level``), predictive tail, memory and
the separate indicator of slow outbreaks (``_anlan_tail``). ``docs/methods/anlan.md`` has the formulae, what was measured
and where the method fails. A result depends only on the window before a period and on the windows of the period before it
(20 before it for the slow indicator), so evaluating some periods, all of them, or one after the other is the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from anlan.stats.counts import _anlan_tail as tail
from anlan.stats.counts import _input
from anlan.stats.counts._anlan_fit import design, fit_baseline
from anlan.stats.counts._anlan_level import local_level
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts.anchors import time_axis
from anlan.stats.counts.result import Detection, FloatArray, IntArray, Reason, exceedance_score

__all__ = ["AnlanState", "anlan_detector", "anlan_begin", "anlan_update"]

WEEKS_A_YEAR = 365.25 / 7
MIN_YEARS = 2
_BLOCK = 256  # windows at a time: their rows stay in the cache


@dataclass(frozen=True)
class Settings:
    """Checked parameters. ``period`` is the number of periods in a year, not whole for weeks with dates."""

    period: float
    years: int
    memory: float
    alpha: float
    slow: bool

    @property
    def n_window(self) -> int:
        # Two years of dated weeks round to less than the least history: never shorter than that.
        return max(round(self.years * self.period), self.min_history)

    @property
    def min_history(self) -> int:
        return math.ceil(MIN_YEARS * self.period)

    @property
    def lags(self) -> int:
        """Periods whose z-value goes into one result."""
        return tail.SLOW_LAGS if self.slow else 2


def anlan_detector(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    years: int = 5,
    memory: float = 0.2,
    alpha: float = 0.01,
    slow: bool = False,
) -> Detection:
    """Compare each period with its season and trend, allow for a wandering level, and remember the period before.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: such periods leave the reference and are not decided.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. They say how long a year is (365.25 / 7
        weeks or 12 months). Without dates it has ``frequency`` periods.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    years : int, default 5
        Years of history to use, 2 to 30; less is used while the series is younger, down to two years.
    memory : float, default 0.2
        Weight lambda of the period before, 0 to 1. 0 favours the first week of an outbreak, 0.4 its detection at all.
    alpha : float, default 0.01
        One-sided error probability of a period.
    slow : bool, default False
        Also compute the indicator of slow outbreaks, with a limit of its own that nominally passes at ``alpha``.

    Returns
    -------
    Detection
        ``p_value`` is calibrated by simulation, not exact (docs/methods/anlan.md has the rates obtained); rank by it.
        ``upper`` is the largest count that would not alarm, given the period before. ``extra``: ``p_alone`` p-value of
        the period without memory and ``upper_alone`` its limit, ``z`` its normal score, ``dispersion`` phi,
        ``outbreak_weight`` mean weight given to the ``outbreak_periods`` past periods that were pulled down (1 where
        there were none), ``level_used`` and ``level`` the local level and its multiplier, ``years_of_history``; with
        ``slow`` also ``slow_score``, ``slow_strength`` and ``slow_alarm``. ``alarm`` never includes ``slow_alarm``.
        Fewer than two years since the first report is ``SHORT_HISTORY``, less than half of the periods since then
        reported is ``INCOMPLETE_REFERENCE``. A window without a case is decided by the predictive distribution of half
        a case in it.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Noufaily A et al. (2013). Stat Med 32(7): 1206-1222 (quasi-Poisson regression with pulled-down outbreaks, negative
    binomial limit, the simulated design). The combination of steps is anlan's own.
    """
    cases = _input.as_series(counts)
    settings = _settings(
        cases.shape[1], dates, frequency, years=years, memory=memory, alpha=alpha, slow=slow
    )  # fmt: skip
    positions = _input.as_positions(evaluate, cases.shape[1])
    return _detect(cases, positions, settings)


@dataclass(frozen=True)
class AnlanState:
    """What ``anlan_update`` needs: the last window of each series and the z-values of the latest periods.

    ``window`` (n_series, n_window), oldest first; ``z`` (n_series, lags - 1), NaN where not decided; ``n_seen`` periods.
    """

    settings: Settings
    window: FloatArray
    z: FloatArray
    n_seen: int


def anlan_begin(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    frequency: int | None = None,
    years: int = 5,
    memory: float = 0.2,
    alpha: float = 0.01,
    slow: bool = False,
) -> AnlanState:
    """The state after ``counts`` (n_series, n_times); parameters as for ``anlan_detector``."""
    cases = _input.as_series(counts)
    n_times = cases.shape[1]
    settings = _settings(n_times, dates, frequency, years=years, memory=memory, alpha=alpha, slow=slow)
    recent = np.arange(n_times - settings.lags + 1, n_times, dtype=np.int64)
    z = np.full((len(cases), len(recent)), np.nan)
    z[:, recent >= 0] = _Evaluated.of(cases, recent[recent >= 0], settings).z
    return AnlanState(settings, _padded(cases, settings.n_window)[:, n_times:], z, n_times)


def anlan_update(state: AnlanState, values: ArrayLike) -> tuple[AnlanState, Detection]:
    """Judge the next periods of every series.

    Parameters
    ----------
    state : AnlanState
        From ``anlan_begin`` or the update before; it is not changed.
    values : array of shape (n_series,) or (n_series, n_new)
        Counts of one new period, or of several, NaN where not reported.

    Returns
    -------
    state : AnlanState
        After the new values.
    found : Detection
        For the new periods: the same as ``anlan_detector`` on the whole series gives at these positions.

    Raises
    ------
    ParameterError
        If ``values`` has another shape or is no count.
    """
    given = np.asarray(values)
    n_series = len(state.window)
    if given.ndim not in (1, 2) or len(given) != n_series:
        accepted = f"an array of shape ({n_series},) or ({n_series}, n_new)"
        raise parameter_error("values", accepted, f"shape {given.shape}")
    new = _input.as_series(given[:, np.newaxis] if given.ndim == 1 else given, name="values")
    settings, n_window = state.settings, state.window.shape[1]
    # The window stands for the whole past: what came before it enters no result.
    together = np.hstack([state.window, new])
    ahead = np.arange(new.shape[1], dtype=np.int64)
    found = _Evaluated.of(together, n_window + ahead, settings, n_past=state.n_seen + ahead)
    z = np.hstack([state.z, found.z])
    lagged = z[:, ahead[:, np.newaxis] + np.arange(settings.lags)]
    result = _result(new, state.n_seen + ahead, found, lagged, settings)
    after = replace(
        state,
        window=together[:, len(ahead) :],
        z=z[:, len(ahead) :],
        n_seen=state.n_seen + len(ahead),
    )
    return after, result


def _settings(
    n_times: int, dates: ArrayLike | None, frequency: int | None, *, years: int, memory: float, alpha: float,
    slow: bool,
) -> Settings:  # fmt: skip
    axis = time_axis(n_times, dates=dates, frequency=frequency)
    return Settings(
        period=WEEKS_A_YEAR if axis.step == "week" else float(axis.frequency),
        years=_input.as_whole("years", years, at_least=MIN_YEARS, at_most=30),
        memory=_input.as_number("memory", memory, at_least=0, at_most=1),
        alpha=_input.as_number("alpha", alpha, above=0, below=0.5),
        slow=_input.as_flag("slow", slow),
    )


def _padded(cases: FloatArray, n_window: int) -> FloatArray:
    return np.hstack([np.full((len(cases), n_window), np.nan), cases])


@dataclass(frozen=True)
class _Evaluated:
    """Everything about each (series, position) before memory; arrays of shape (n_series, n_positions)."""

    expected: FloatArray
    dispersion: FloatArray
    log_variance: FloatArray
    spread: FloatArray
    level: FloatArray
    level_used: FloatArray
    outbreak_weight: FloatArray
    outbreak_periods: FloatArray
    span: FloatArray
    p_alone: FloatArray
    z: FloatArray
    reason: FloatArray

    @classmethod
    def of(
        cls, cases: FloatArray, positions: IntArray, settings: Settings, *, n_past: IntArray | None = None
    ) -> _Evaluated:
        """``n_past`` counts the periods before each position where ``cases`` does not begin with the first."""
        shape = (len(cases), len(positions))
        found = cls(*(np.full(shape, np.nan) for _ in cls.__dataclass_fields__))
        padded = _padded(cases, settings.n_window)
        rows = design(settings.n_window, settings.period)
        past = positions if n_past is None else n_past
        long_enough = past >= settings.min_history
        found.reason[:, ~long_enough] = Reason.SHORT_HISTORY
        for series, place in _blocks(len(cases), np.flatnonzero(long_enough)):
            steps = positions[place][:, np.newaxis] + np.arange(settings.n_window)
            windows = padded[series[:, np.newaxis], steps]
            found.fill(series, place, windows, cases[series, positions[place]], rows, settings)
        return found

    def fill(
        self, series: IntArray, place: IntArray, windows: FloatArray, observed: FloatArray, rows: FloatArray,
        settings: Settings,
    ) -> None:  # fmt: skip
        there = ~np.isnan(windows)
        n_reported = there.sum(axis=1).astype(np.float64)
        span = np.where(n_reported > 0, windows.shape[1] - np.argmax(there, axis=1), 0).astype(np.float64)
        reason = np.full(len(windows), float(Reason.OK))
        reason[n_reported < span / 2] = Reason.INCOMPLETE_REFERENCE
        reason[span < settings.min_history] = Reason.SHORT_HISTORY
        at = (series, place)
        usable = reason == Reason.OK
        self.span[at] = span
        if usable.any():
            chosen = (series[usable], place[usable])
            fitted = self._predict(chosen, windows[usable], observed[usable], rows)
            reason[usable] = fitted
        self.reason[at] = np.where(
            np.isnan(observed) & (reason != Reason.SHORT_HISTORY), Reason.MISSING_CURRENT, reason
        )

    def _predict(
        self, at: tuple[IntArray, IntArray], windows: FloatArray, observed: FloatArray, rows: FloatArray
    ) -> FloatArray:
        """Fill the numbers of usable windows and return their reasons."""
        baseline = fit_baseline(windows, rows)
        level = local_level(windows, baseline)
        expected = baseline.expected * level.multiplier
        self.expected[at], self.dispersion[at] = expected, level.dispersion
        spread = tail.dispersion_spread(level.dispersion, expected, baseline.n_reported)
        spread = np.where(baseline.is_empty, 0.0, spread)
        self.log_variance[at], self.spread[at] = baseline.log_variance, spread
        self.level[at], self.level_used[at] = level.multiplier, level.adopted
        lowered = (baseline.weight > 0) & (baseline.weight < 1)
        number = lowered.sum(axis=1)
        total = np.where(lowered, baseline.weight, 0.0).sum(axis=1)
        self.outbreak_periods[at] = number
        self.outbreak_weight[at] = np.where(number > 0, total / np.maximum(number, 1), 1.0)
        predictive = tail.Predictive(expected, level.dispersion, baseline.log_variance, spread)
        p_alone = predictive.tail(observed)
        p_alone[~baseline.converged] = np.nan
        self.p_alone[at], self.z[at] = p_alone, tail.normal_score(p_alone)
        return np.where(baseline.converged, float(Reason.OK), float(Reason.NO_CONVERGENCE))

    def take(self, places: IntArray) -> _Evaluated:
        return _Evaluated(*(getattr(self, name)[:, places] for name in self.__dataclass_fields__))

    def predictive(self) -> tail.Predictive:
        return tail.Predictive(self.expected, self.dispersion, self.log_variance, self.spread)


def _detect(cases: FloatArray, positions: IntArray, settings: Settings) -> Detection:
    back = np.arange(settings.lags - 1, -1, -1)
    wanted = positions[:, np.newaxis] - back
    needed = np.unique(np.concatenate([wanted[wanted >= 0], positions]))
    found = _Evaluated.of(cases, needed, settings)
    places = np.searchsorted(needed, np.maximum(wanted, 0))
    z = np.where(wanted >= 0, found.z[:, places], np.nan) if len(needed) else np.zeros((len(cases), 0, 2))
    own = np.searchsorted(needed, positions)
    return _result(cases[:, positions], positions, found.take(own), z, settings)


def _result(
    observed: FloatArray, positions: IntArray, found: _Evaluated, z: FloatArray, settings: Settings
) -> Detection:
    """``z`` (n_series, n_positions, lags) ends with the period itself."""
    reason = found.reason.astype(np.int8)
    decided = reason == Reason.OK
    before = z[..., -2]
    s = tail.with_memory(z[..., -1], before, settings.memory)
    p_value = special.ndtr(-s)
    predictive = found.predictive()
    boundary = tail.limit_for_z(settings.alpha, before, settings.memory)
    has_limit = decided | (reason == Reason.MISSING_CURRENT)
    upper = np.maximum(predictive.limit(np.where(has_limit, boundary, np.nan)), 0.0)
    upper_alone = predictive.limit(np.where(has_limit, settings.alpha, np.nan))
    extra = {
        "p_alone": found.p_alone,
        "upper_alone": upper_alone,
        "z": found.z,
        "dispersion": found.dispersion,
        "outbreak_weight": found.outbreak_weight,
        "outbreak_periods": found.outbreak_periods,
        "level_used": found.level_used == 1,
        "level": found.level,
        "years_of_history": found.span / settings.period,
    }
    if settings.slow:
        strength = tail.slow_strength(z)
        score = tail.slow_score(s, strength)
        passed = score > tail.slow_limit(settings.alpha, settings.memory)
        extra |= {"slow_strength": strength, "slow_score": score, "slow_alarm": decided & passed}
    with np.errstate(invalid="ignore"):
        alarm = decided & (observed > upper)
    return Detection(
        method="anlan",
        times=positions,
        observed=observed,
        expected=found.expected,
        upper=upper,
        score=exceedance_score(observed, found.expected, upper),
        p_value=p_value,
        alarm=alarm,
        reason=reason,
        extra=extra,
    )


def _blocks(n_series: int, places: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Pairs (series, place) in blocks."""
    for start in range(0, n_series * len(places), _BLOCK):
        pair = np.arange(start, min(start + _BLOCK, n_series * len(places)))
        yield pair % n_series, places[pair // n_series]
