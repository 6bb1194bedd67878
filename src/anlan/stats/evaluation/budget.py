"""A desk asks for K signals a week: thresholds on pooled p-values, and what such a budget does and does not say.

A false-discovery rate cannot be promised on correlated series; a workload can. The limit of a week is the p-value that
would have given K signals a week over the weeks before it. It says nothing about how many of the K are real: beside
every week stand the number of signals that chance alone would give at that limit and what was held back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts._input import as_flag, as_number, as_whole, parameter_error
from anlan.stats.counts.result import BoolArray, FloatArray, IntArray

TRAILING_WEEKS = 26
LEAST_WEEKS = 4


@dataclass(frozen=True)
class Budget:
    """What a budget lets through.

    Attributes
    ----------
    signals : ndarray of bool, shape (n_series, n_weeks)
    rank : ndarray of int64, shape (n_series, n_weeks)
        Place of the p-value in its week, 1 the smallest, ties in the order of the series; 0 where there is none.
    limit : ndarray of shape (n_weeks,)
        p-value below which there is a signal (trailing), or the largest p-value let through (exact). NaN in weeks
        without a limit yet: there is no signal then.
    expected_chance : ndarray of shape (n_weeks,)
        Signals to expect when nothing happens anywhere: judged series times the limit. Real series give one to two
        times that many, because p-values are calibrated on independent weeks.
    held_back : ndarray of bool, shape (n_series, n_weeks)
        p-value at or below ``alpha`` and no signal, because the budget was spent.
    """

    signals: BoolArray
    rank: IntArray
    limit: FloatArray
    expected_chance: FloatArray
    held_back: BoolArray

    @property
    def obtained(self) -> FloatArray:
        """Signals in each week, shape (n_weeks,)."""
        found: FloatArray = self.signals.sum(axis=0).astype(np.float64)
        return found


def alarm_budget(
    p_values: ArrayLike,
    *,
    signals_a_week: int,
    exact: bool = False,
    trailing_weeks: int = TRAILING_WEEKS,
    alpha: float = 0.01,
) -> Budget:
    """Choose signals for a workload of ``signals_a_week``.

    Parameters
    ----------
    p_values : array of shape (n_series, n_weeks)
        One p-value a series and week, NaN where not decided.
    signals_a_week : int, at least 1
        K.
    exact : bool, default False
        False: the limit is the quantile of the pooled p-values of the ``trailing_weeks`` before, so that busy weeks give
        more signals and quiet ones fewer. True: the K smallest p-values of each week, however large.
    trailing_weeks : int, default 26
        At least 4. A week with fewer than 4 weeks before it has no limit; with fewer than all, those there are.
    alpha : float, default 0.01
        Below this a p-value without a signal counts as held back.

    Returns
    -------
    Budget

    Raises
    ------
    ParameterError
        If an argument is not acceptable.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 2 or ((p < 0) | (p > 1)).any():
        raise parameter_error(
            "p_values", "an array of shape (n_series, n_weeks) in 0 to 1 or NaN", f"shape {p.shape}"
        )
    wanted = as_whole("signals_a_week", signals_a_week, at_least=1)
    weeks = as_whole("trailing_weeks", trailing_weeks, at_least=LEAST_WEEKS)
    level = as_number("alpha", alpha, above=0, below=1)
    judged = ~np.isnan(p)
    rank = _ranks(p, judged)
    if as_flag("exact", exact):
        signals = judged & (rank <= wanted)
        limit = np.where(signals.any(axis=0), np.max(np.where(signals, p, 0.0), axis=0, initial=0.0), np.nan)
    else:
        limit = np.array([_trailing(p, week, wanted, weeks) for week in range(p.shape[1])])
        with np.errstate(invalid="ignore"):
            signals = judged & (p < limit)
    with np.errstate(invalid="ignore"):
        held_back = judged & (p <= level) & ~signals
    return Budget(signals, rank, limit, judged.sum(axis=0) * limit, held_back)


def _trailing(p: FloatArray, week: int, wanted: int, weeks: int) -> float:
    """The p-value that K signals a week stayed below; in shares of judged values, since their number may change."""
    before = p[:, max(0, week - weeks) : week]
    if before.shape[1] < LEAST_WEEKS:
        return float("nan")
    known = np.sort(before[~np.isnan(before)])
    now = int((~np.isnan(p[:, week])).sum())
    if not known.size or not now:
        return float("nan")
    place = round(wanted / now * known.size)
    return float(known[place]) if place < known.size else 1.0


def _ranks(p: FloatArray, judged: BoolArray) -> IntArray:
    order = np.argsort(np.where(judged, p, np.inf), axis=0, kind="stable")
    rank = np.empty(p.shape, dtype=np.int64)
    np.put_along_axis(rank, order, np.arange(1, len(p) + 1)[:, np.newaxis] * np.ones_like(order), axis=0)
    return np.where(judged, rank, 0)


def benjamini_hochberg(p_values: ArrayLike, *, q: float = 0.1) -> BoolArray:
    """The findings of Benjamini and Hochberg within each week, for display only.

    On correlated series the share of false findings exceeds ``q`` by far (docs/methods/alarm_budget.md has rates that
    were measured), so no promise may be read into it.

    Parameters
    ----------
    p_values : array of shape (n_series, n_weeks), NaN where not decided
    q : float, default 0.1

    Returns
    -------
    ndarray of bool, shape (n_series, n_weeks)

    References
    ----------
    Benjamini Y, Hochberg Y (1995). J R Stat Soc B 57(1): 289-300.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 2 or ((p < 0) | (p > 1)).any():
        raise parameter_error(
            "p_values", "an array of shape (n_series, n_weeks) in 0 to 1 or NaN", f"shape {p.shape}"
        )
    level = as_number("q", q, above=0, below=1)
    judged = ~np.isnan(p)
    ordered = np.sort(np.where(judged, p, np.inf), axis=0)
    step = np.arange(1, len(p) + 1)[:, np.newaxis] * level / np.maximum(judged.sum(axis=0), 1)
    passed = ordered <= step
    largest = np.where(passed, ordered, -np.inf).max(axis=0, initial=-np.inf)
    with np.errstate(invalid="ignore"):
        found: BoolArray = judged & (p <= largest)
    return found
