"""Bayes 1, 2 and 3: the predictive distribution of a count given a few weeks before it and in past years.

A Poisson mean with the Jeffreys prior Gamma(1/2, 0) has after n counts with sum S the posterior Gamma(S + 1/2, n); the
next count is then negative binomial, exactly. ``docs/methods/bayes.md`` has the formulae.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input, _windows
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.distributions import quantile, upper_tail
from anlan.stats.counts.result import Detection, Reason, exceedance_score


def bayes1(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    b: int = 0,
    w: int = 6,
    alpha: float = 0.05,
    variant: str = "published",
) -> Detection:
    """Compare each period with the ``w`` periods just before it, by their predictive distribution.

    Parameters
    ----------
    counts : array of shape (n_series, n_times) or (n_times,)
        Cases in each week or month, >= 0. NaN is not reported: such periods leave the reference and are not decided.
    dates : array of n_times dates, optional
        One day of each period: weeks 7 days apart, or consecutive months. Decides what the same week of a past year
        is, also across years of 53 weeks. Without dates periods are counted by position, ``frequency`` to the year.
    evaluate : int, slice or sequence of int, optional
        Positions to test, counted from 0, negative from the end. Default all.
    frequency : int, optional
        Periods in a year when there are no dates; default 52.
    b : int
        Past years to look at. Paper 0, 1, 2 for Bayes 1, 2, 3.
    w : int
        Periods before, and to each side of the same time of past years. Paper 6, 6, 4.
    alpha : float, default 0.05
        One-sided error probability of a period. Paper and R 0.05.
    variant : {"published", "surveillance-1.20"}, default "published"
        The R package goes back by position even where there are dates; ``surveillance-1.20`` does that too.

    Returns
    -------
    Detection
        ``expected`` is the predictive mean, ``p_value`` P(Y >= y) of the predictive distribution, exact when all
        counts have one Poisson mean. ``extra``: ``n_reference`` reported values in the reference.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Höhle M, Riebler A (2005). The R-package "surveillance". SFB 386 Discussion Paper 422.
    Höhle M (2007). surveillance: an R package for the monitoring of infectious diseases. Comput Stat 22(4): 571-582.
    """
    return _bayes("bayes1", counts, dates, evaluate, frequency, b, w, alpha, variant, current=True)


def bayes2(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    b: int = 1,
    w: int = 6,
    alpha: float = 0.05,
    variant: str = "published",
) -> Detection:
    """Compare each period with the ``w`` periods before it and the same season of the past year.

    Parameters, result and references as for ``bayes1``.
    """
    return _bayes("bayes2", counts, dates, evaluate, frequency, b, w, alpha, variant, current=True)


def bayes3(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    b: int = 2,
    w: int = 4,
    alpha: float = 0.05,
    variant: str = "published",
) -> Detection:
    """Compare each period with the same season of the past two years, nothing of the present one.

    Parameters, result and references as for ``bayes1``; ``b`` is at least 1.
    """
    return _bayes("bayes3", counts, dates, evaluate, frequency, b, w, alpha, variant, current=False)


def _bayes(
    method: str, counts: ArrayLike, dates: ArrayLike | None, evaluate: Evaluate, frequency: int | None, b: int, w: int,
    alpha: float, variant: str, *, current: bool,
) -> Detection:  # fmt: skip
    cases = _input.as_series(counts)
    axis = _windows.axis_for(cases.shape[1], dates, frequency, variant)
    years = _input.as_whole("b", b, at_least=0 if current else 1)
    width = _windows.window_width(w, axis, years, at_least=1 if current else 0)
    error = _input.as_number("alpha", alpha, above=0, below=0.5)
    positions = _input.as_positions(evaluate, cases.shape[1])
    rows, complete = _windows.window_rows(axis, positions, b=years, w=width, current=current)
    found = _windows.empty(method, cases, positions, ("n_reference",))
    for series in _windows.blocks(len(cases)):
        number, mean, _ = _windows.moments(cases[series], rows)
        observed = found.observed[series]
        # A reference of one period has a predictive distribution too.
        enough = _windows.enough_reported(number, len(rows), least=min(len(rows), 2))
        reason = _windows.base_reason(observed, complete, enough, np.zeros_like(enough), Reason.OK)
        usable = enough & complete
        with np.errstate(divide="ignore", invalid="ignore"):
            # Negative binomial of size S + 1/2 and probability n / (n + 1), by its mean and variance / mean.
            expected = np.where(usable, mean + 0.5 / number, np.nan)
            dispersion = np.where(usable, (number + 1) / number, np.nan)
        found.expected[series] = expected
        found.upper[series] = quantile(1 - error, expected, dispersion)
        found.p_value[series] = upper_tail(observed, expected, dispersion)
        found.extra["n_reference"][series] = np.where(complete, number, np.nan)
        found.reason[series] = reason
        found.alarm[series] = _windows.decided(reason) & (observed > found.upper[series])
        found.score[series] = exceedance_score(observed, expected, found.upper[series])
    return found
