"""Fixed limits for counts, concentrations, levels and shares: value, duration and hysteresis.

An alarm begins when the value has been beyond the limit for ``duration`` periods in a row, and ends when it is back by
``hysteresis``. Statistical limits that move with the series are the other modules of this package.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input
from anlan.stats.counts._input import Evaluate, parameter_error
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray, Reason

DIRECTIONS = ("above", "below")


def limit(
    values: ArrayLike,
    *,
    limit: float | ArrayLike,
    evaluate: Evaluate = None,
    direction: str = "above",
    inclusive: bool = False,
    duration: int = 1,
    hysteresis: float = 0.0,
) -> Detection:
    """Compare each value with a fixed limit.

    Parameters
    ----------
    values : array of shape (n_series, n_times) or (n_times,)
        Values in any unit; negative ones are accepted. NaN is not reported.
    limit : float, or array of shape (n_series,)
        The limit, in the unit of the values; one for all series, or one each.
    evaluate : int, slice or sequence of int, optional
        Positions to return, counted from 0, negative from the end. Default all. The state always runs through the
        whole series.
    direction : {"above", "below"}, default "above"
        Which side of the limit is the dangerous one.
    inclusive : bool, default False
        Whether a value equal to the limit counts as beyond it (a river *reaches* its warning level).
    duration : int, default 1
        Periods in a row that must be beyond the limit before the alarm begins. A missing value interrupts the row.
    hysteresis : float, default 0.0
        How far the value must come back to the safe side of the limit before the alarm ends, in the unit of the
        values. A missing value ends no alarm: it stays on with the reason ``HELD``.

    Returns
    -------
    Detection
        ``upper`` is the limit in either direction. ``expected`` and ``p_value`` are NaN. ``score`` is value / limit
        (``above``) or limit / value (``below``) where both are positive, NaN elsewhere. ``extra``: ``beyond`` whether
        the single value is beyond the limit, ``run`` the number of periods in a row beyond it.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.
    """
    return limit_after(
        None, values, limit=limit, evaluate=evaluate, direction=direction, inclusive=inclusive, duration=duration,
        hysteresis=hysteresis,
    )  # fmt: skip


def limit_after(
    state: tuple[IntArray, BoolArray] | None,
    values: ArrayLike,
    *,
    limit: float | ArrayLike,
    evaluate: Evaluate = None,
    direction: str = "above",
    inclusive: bool = False,
    duration: int = 1,
    hysteresis: float = 0.0,
) -> Detection:
    """``limit`` for values that go on from a state: periods in a row beyond the limit, and whether the alarm is on."""
    levels = _input.as_series(values, name="values", nonnegative=False)
    bounds = _as_limits(limit, len(levels))[:, np.newaxis]
    sign = 1.0 if _input.as_choice("direction", direction, DIRECTIONS) == "above" else -1.0
    at_limit = _input.as_flag("inclusive", inclusive)
    needed = _input.as_whole("duration", duration, at_least=1)
    back = _input.as_number("hysteresis", hysteresis, at_least=0)
    positions = _input.as_positions(evaluate, levels.shape[1])
    with np.errstate(invalid="ignore"):
        excess = sign * (levels - bounds)
        beyond = (excess >= 0) if at_limit else (excess > 0)
        # Without hysteresis an alarm ends with the first value that is not beyond.
        holds = beyond | (excess > -back)
    missing = np.isnan(levels)
    alarm, run = _states(beyond, holds, missing, needed, state)
    reason = np.where(missing, np.where(alarm, Reason.HELD, Reason.MISSING_CURRENT), Reason.OK).astype(
        np.int8
    )
    observed = levels[:, positions]
    empty = np.full(observed.shape, np.nan)
    return Detection(
        method="limit",
        times=positions,
        observed=observed,
        expected=empty,
        upper=np.broadcast_to(bounds, levels.shape)[:, positions].copy(),
        score=_ratio(observed, bounds, sign),
        p_value=empty.copy(),
        alarm=alarm[:, positions],
        reason=reason[:, positions],
        extra={"beyond": beyond[:, positions], "run": run[:, positions]},
    )


def _as_limits(limit: float | ArrayLike, n_series: int) -> FloatArray:
    accepted = f"a finite number, or {n_series} of them (one for each series)"
    try:
        bounds = np.asarray(limit, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise parameter_error("limit", accepted, limit) from error
    if bounds.shape not in ((), (n_series,)) or not np.isfinite(bounds).all():
        raise parameter_error("limit", accepted, limit)
    return np.broadcast_to(bounds, (n_series,))


def _states(
    beyond: BoolArray,
    holds: BoolArray,
    missing: BoolArray,
    duration: int,
    state: tuple[IntArray, BoolArray] | None,
) -> tuple[BoolArray, IntArray]:
    """Walk through time once, all series abreast: the length of the run beyond the limit, and the alarm."""
    n_series, n_times = beyond.shape
    alarm = np.zeros((n_series, n_times), dtype=bool)
    runs = np.zeros((n_series, n_times), dtype=np.int64)
    run, on = state or (np.zeros(n_series, dtype=np.int64), np.zeros(n_series, dtype=bool))
    for time in range(n_times):
        run = np.where(beyond[:, time], run + 1, 0)
        on = (run >= duration) | (on & (holds[:, time] | missing[:, time]))
        runs[:, time], alarm[:, time] = run, on
    return alarm, runs


def _ratio(observed: FloatArray, bounds: FloatArray, sign: float) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = observed / bounds if sign > 0 else bounds / observed
        return np.where((observed > 0) & (bounds > 0), ratio, np.nan)
