"""The EARS detectors C1, C2 and C3: each value against the mean of a few values shortly before it.

They need no more than days of history and know neither season nor weekday. ``docs/methods/ears.md`` has the formulae.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from anlan.stats.counts import _fast, _input
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.result import Detection, FloatArray, IntArray, Reason, exceedance_score

_SERIES_BLOCK = 128
_SECONDS_SAVED = 8e-8  # per value, by the compiled kernels of extra ``fast``
_SECONDS_SAVED_SCREENING = 1e-7
_GUARD = 2  # periods between baseline and tested period in C2 and C3


def ears_c1(
    counts: ArrayLike,
    *,
    evaluate: Evaluate = None,
    baseline: int = 7,
    threshold: float = 3.0,
    alpha: float | None = None,
    min_sigma: float = 0.0,
    min_reported: int | None = None,
) -> Detection:
    """Compare each period with the mean of the ``baseline`` periods just before it.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Counts >= 0 of days (or weeks). NaN is not reported.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    baseline : int, default 7
        Length of the baseline in periods, at least 3. Paper 7, R 7.
    threshold : float, default 3.0
        Standard deviations above the baseline mean from which there is an alarm. Paper 3, R 3.09 (``alpha`` 0.001).
    alpha : float, optional
        Sets ``threshold`` to the upper ``alpha`` quantile of the normal distribution.
    min_sigma : float, default 0.0
        Smallest standard deviation to assume, in cases. 0.5 keeps single cases after empty weeks from alarming.
    min_reported : int, optional
        Reported periods that the baseline must have, at least 3. Default all of them (as R).

    Returns
    -------
    Detection
        ``p_value`` is the normal upper tail at the statistic; with so short a baseline it is too small, use it for
        ranking. ``extra``: ``statistic`` in standard deviations, ``sigma``. Where all baseline values are equal the
        limit is their mean and ``reason`` is ``ZERO_VARIANCE``.

    References
    ----------
    Hutwagner L, Thompson W, Seeman GM, Treadwell T (2003). J Urban Health 80(2 Suppl 1): i89-i96.
    Hutwagner L, Browne T, Seeman GM, Fleischauer AT (2005). Emerg Infect Dis 11(2): 314-316.
    """
    settings = _settings(baseline, threshold, alpha, min_sigma, min_reported)
    return _simple("ears_c1", counts, evaluate, settings, guard=0)


def ears_c2(
    counts: ArrayLike,
    *,
    evaluate: Evaluate = None,
    baseline: int = 7,
    threshold: float = 3.0,
    alpha: float | None = None,
    min_sigma: float = 0.0,
    min_reported: int | None = None,
) -> Detection:
    """Compare each period with a baseline that ends three periods before it.

    The two periods between keep a slow rise from hiding itself in the baseline. Parameters, result and references as
    for ``ears_c1``.
    """
    settings = _settings(baseline, threshold, alpha, min_sigma, min_reported)
    return _simple("ears_c2", counts, evaluate, settings, guard=_GUARD)


def ears_c3(
    counts: ArrayLike,
    *,
    evaluate: Evaluate = None,
    baseline: int = 7,
    threshold: float = 2.0,
    alpha: float | None = None,
    min_sigma: float = 0.0,
    min_reported: int | None = None,
    variant: str = "published",
) -> Detection:
    """Add up what the last three periods had above one standard deviation of their C2 baselines.

    Parameters
    ----------
    counts, evaluate, baseline, alpha, min_sigma, min_reported
        As for ``ears_c1``.
    threshold : float, default 2.0
        Sum of the three excesses from which there is an alarm. Paper 2, R 1.96 (``alpha`` 0.025).
    variant : {"published", "surveillance-1.20"}, default "published"
        In the R package the observed count stands where the baseline mean belongs, so that today's count cancels and
        only the two periods before it decide. ``surveillance-1.20`` reproduces that.

    Returns
    -------
    Detection
        ``extra``: ``statistic`` the sum of the three excesses, ``sigma`` of the latest baseline. ``upper`` is the
        count above which the sum passes the threshold, at least 0: a period without a case never alarms. There is no
        p-value.

    References
    ----------
    As for ``ears_c1``.
    """
    settings = _settings(baseline, threshold, alpha, min_sigma, min_reported)
    as_reference = _input.as_choice("variant", variant, _input.VARIANTS) != "published"
    cases = _input.as_series(counts)
    positions = _input.as_positions(evaluate, cases.shape[1])
    result = _empty("ears_c3", cases, positions)
    for rows in _rows(len(cases)):
        _fill_c3(result, rows, _Baseline.of(cases[rows], settings, _GUARD), settings, as_reference)
    return result


@dataclass(frozen=True)
class _Settings:
    baseline: int
    threshold: float
    min_sigma: float
    min_reported: int


def _settings(
    baseline: int, threshold: float, alpha: float | None, min_sigma: float, min_reported: int | None
) -> _Settings:
    length = _input.as_whole("baseline", baseline, at_least=3)
    if alpha is not None:
        threshold = float(-special.ndtri(_input.as_number("alpha", alpha, above=0, below=0.5)))
    return _Settings(
        baseline=length,
        threshold=_input.as_number("threshold", threshold, above=0),
        min_sigma=_input.as_number("min_sigma", min_sigma, at_least=0),
        min_reported=_input.as_whole(
            "min_reported", length if min_reported is None else min_reported, at_least=3, at_most=length
        ),
    )


@dataclass(frozen=True)
class _Baseline:
    """Mean and standard deviation (denominator n - 1) before each period; NaN where the baseline is not usable."""

    cases: FloatArray
    mean: FloatArray
    sigma: FloatArray
    first: int

    @classmethod
    def of(cls, cases: FloatArray, settings: _Settings, guard: int) -> _Baseline:
        n_series, n_times = cases.shape
        length = settings.baseline
        first = length + guard
        kernels = _fast.kernels("ears", _SECONDS_SAVED * cases.size)
        if kernels is not None:
            least = settings.min_reported
            compiled: tuple[FloatArray, FloatArray] = kernels.moments(
                cases, length, guard, least, settings.min_sigma
            )
            return cls(cases, compiled[0], compiled[1], first)
        mean, sigma = np.full(cases.shape, np.nan), np.full(cases.shape, np.nan)
        if n_times > first:
            window = [cases[:, start : start + n_times - first] for start in range(length)]
            mean[:, first:], sigma[:, first:] = _moments(window, settings.min_reported)
        return cls(cases, mean, np.maximum(sigma, settings.min_sigma), first)

    def standardised(self) -> FloatArray:
        """(y - mean) / sigma; infinite or NaN where sigma is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value: FloatArray = (self.cases - self.mean) / self.sigma
        return value


def _moments(window: list[FloatArray], min_reported: int) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation over the list, element by element, without what is not reported.

    Two passes over differences from one value of the window: equal values give exactly zero.
    """
    reported = np.zeros(window[0].shape)
    origin = np.full(window[0].shape, np.nan)
    for values in window:
        there = ~np.isnan(values)
        reported += there
        np.copyto(origin, values, where=there)
    shift = np.zeros_like(origin)
    for values in window:
        shift += np.where(np.isnan(values), 0.0, values - origin)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift /= reported
        squares = np.zeros_like(origin)
        for values in window:
            squares += np.where(np.isnan(values), 0.0, (values - origin - shift) ** 2)
        usable = reported >= min_reported
        return np.where(usable, origin + shift, np.nan), np.where(
            usable, np.sqrt(squares / (reported - 1)), np.nan
        )


def _rows(n_series: int) -> Iterator[slice]:
    for start in range(0, n_series, _SERIES_BLOCK):
        yield slice(start, start + _SERIES_BLOCK)


def _empty(
    method: str, cases: FloatArray, positions: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> Detection:
    shape = (len(cases), len(positions))
    return Detection(
        method=method,
        times=positions,
        observed=cases[:, positions],
        expected=np.full(shape, np.nan),
        upper=np.full(shape, np.nan),
        score=np.full(shape, np.nan),
        p_value=np.full(shape, np.nan),
        alarm=np.zeros(shape, dtype=bool),
        reason=np.full(shape, int(Reason.SHORT_HISTORY), dtype=np.int8),
        extra={"statistic": np.full(shape, np.nan), "sigma": np.full(shape, np.nan)},
    )


def screen(
    method: str,
    counts: NDArray[Any],
    *,
    baseline: int = 7,
    threshold: float | None = None,
    alpha: float | None = None,
    min_sigma: float = 0.0,
    min_reported: int | None = None,
    variant: str = "published",
) -> tuple[IntArray, IntArray] | None:
    """Number of alarms by series, and their times, by the compiled kernels; None where the whole result has to be made.

    That is so where the work is too small or a value of ``counts`` is not acceptable. See ``alarms.alarms_only``.
    """
    if threshold is None:
        threshold = 2.0 if method == "ears_c3" else 3.0
    settings = _settings(baseline, threshold, alpha, min_sigma, min_reported)
    as_reference = _input.as_choice("variant", variant, _input.VARIANTS) != "published"
    kernels = None if as_reference else _fast.kernels("ears", _SECONDS_SAVED_SCREENING * counts.size)
    if kernels is None:
        return None
    found: tuple[IntArray, IntArray] | None = kernels.alarms(method, counts, **asdict(settings))
    return found


def _simple(method: str, counts: ArrayLike, evaluate: Evaluate, settings: _Settings, guard: int) -> Detection:
    cases = _input.as_series(counts)
    positions = _input.as_positions(evaluate, cases.shape[1])
    kernels = _fast.kernels("ears", _SECONDS_SAVED * cases.size)
    if kernels is not None:
        compiled: Detection = kernels.detect(method, cases, positions, **asdict(settings))
        return compiled
    result = _empty(method, cases, positions)
    for rows in _rows(len(cases)):
        baseline = _Baseline.of(cases[rows], settings, guard)
        upper = baseline.mean + settings.threshold * baseline.sigma
        statistic = baseline.standardised()
        _fill(result, rows, baseline, upper, statistic, baseline.first)
        result.p_value[rows] = special.ndtr(-statistic[:, positions])
    return result


def _fill_c3(
    result: Detection, rows: slice, baseline: _Baseline, settings: _Settings, as_reference: bool
) -> None:
    c2 = baseline.standardised()
    if not as_reference:
        # A flat baseline and a value equal to it: no excess.
        c2 = np.where((baseline.sigma == 0) & (baseline.cases == baseline.mean), 0.0, c2)
    excess = np.maximum(c2 - 1, 0.0)
    lagged = np.full_like(excess, np.nan)
    lagged[:, 2:] = excess[:, :-2] + excess[:, 1:-1]
    with np.errstate(invalid="ignore"):
        room = settings.threshold - lagged
        if as_reference:
            upper = np.maximum(baseline.cases + baseline.sigma * room, 0.0)
        else:
            # sigma * infinity is NaN for sigma = 0: earlier periods alone decide then.
            limit = baseline.mean + baseline.sigma * (1 + room)
            upper = np.where(room < 0, 0.0, np.maximum(limit, 0.0))
    _fill(result, rows, baseline, upper, lagged + excess, baseline.first + 2)


def _fill(
    result: Detection, rows: slice, baseline: _Baseline, upper: FloatArray, statistic: FloatArray, first: int
) -> None:
    at = result.times
    observed = baseline.cases[:, at]
    result.expected[rows], result.upper[rows] = baseline.mean[:, at], upper[:, at]
    result.extra["statistic"][rows], result.extra["sigma"][rows] = statistic[:, at], baseline.sigma[:, at]
    reason = np.full(observed.shape, int(Reason.OK), dtype=np.int8)
    reason[baseline.sigma[:, at] == 0] = Reason.ZERO_VARIANCE
    reason[np.isnan(result.upper[rows])] = Reason.INCOMPLETE_REFERENCE
    reason[np.isnan(observed)] = Reason.MISSING_CURRENT
    reason[:, at < first] = Reason.SHORT_HISTORY
    result.reason[rows] = reason
    decided = (reason == Reason.OK) | (reason == Reason.ZERO_VARIANCE)
    result.alarm[rows] = decided & (observed > result.upper[rows])
    result.score[rows] = exceedance_score(observed, result.expected[rows], result.upper[rows])
