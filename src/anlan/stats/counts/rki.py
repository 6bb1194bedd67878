"""RKI 1, 2 and 3, the rules that the Robert Koch Institute used: a tabulated Poisson limit, or mean plus two deviations.

``docs/methods/rki.md`` has the formulae.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from anlan.stats.counts import _input, _windows
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.result import Detection, FloatArray, Reason, exceedance_score

# Upper ends of the shortest 95 % intervals for a Poisson mean of Crow and Gardner (1959), for counts of 0 to 20.
_CROW_GARDNER = np.array(
    [3.285, 5.323, 6.686, 8.102, 9.598, 11.177, 12.817, 13.765, 14.921, 16.768, 17.633,
     19.050, 20.335, 21.364, 22.945, 23.762, 25.400, 26.306, 27.735, 28.966, 30.017]
)  # fmt: skip
_DEVIATIONS = 2.0


def rki1(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    b: int = 0,
    w: int = 6,
    variant: str = "published",
) -> Detection:
    """Compare each period with the mean of the ``w`` periods just before it.

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
        Past years to look at. Source 0, 1, 2 for RKI 1, 2, 3.
    w : int
        Periods before, and to each side of the same time of past years. Source 6, 6, 4.
    variant : {"published", "surveillance-1.20"}, default "published"
        The R package goes back by position even where there are dates; ``surveillance-1.20`` does that too.

    Returns
    -------
    Detection
        There is no p-value. ``extra``: ``sigma`` the standard deviation of the reference, ``n_reference``.

    Raises
    ------
    ParameterError
        If an argument is not acceptable; the message names it.

    References
    ----------
    Höhle M (2007). surveillance: an R package for the monitoring of infectious diseases. Comput Stat 22(4): 571-582.
    Crow EL, Gardner RS (1959). Confidence intervals for the expectation of a Poisson variable. Biometrika 46: 441-453.
    """
    return _rki("rki1", counts, dates, evaluate, frequency, b, w, variant, current=True)


def rki2(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    b: int = 1,
    w: int = 6,
    variant: str = "published",
) -> Detection:
    """Compare each period with the ``w`` periods before it and the same season of the past year.

    Parameters, result and references as for ``rki1``.
    """
    return _rki("rki2", counts, dates, evaluate, frequency, b, w, variant, current=True)


def rki3(
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    frequency: int | None = None,
    b: int = 2,
    w: int = 4,
    variant: str = "published",
) -> Detection:
    """Compare each period with the same season of the past two years, nothing of the present one.

    Parameters, result and references as for ``rki1``; ``b`` is at least 1.
    """
    return _rki("rki3", counts, dates, evaluate, frequency, b, w, variant, current=False)


def _rki(
    method: str, counts: ArrayLike, dates: ArrayLike | None, evaluate: Evaluate, frequency: int | None, b: int, w: int,
    variant: str, *, current: bool,
) -> Detection:  # fmt: skip
    cases = _input.as_series(counts)
    axis = _windows.axis_for(cases.shape[1], dates, frequency, variant)
    years = _input.as_whole("b", b, at_least=0 if current else 1)
    width = _windows.window_width(w, axis, years, at_least=2 if current else 1)
    positions = _input.as_positions(evaluate, cases.shape[1])
    rows, complete = _windows.window_rows(axis, positions, b=years, w=width, current=current)
    found = _windows.empty(method, cases, positions, ("sigma", "n_reference"))
    for series in _windows.blocks(len(cases)):
        number, mean, squares = _windows.moments(cases[series], rows)
        observed = found.observed[series]
        enough = _windows.enough_reported(number, len(rows))
        usable = enough & complete
        with np.errstate(divide="ignore", invalid="ignore"):
            sigma = np.where(usable, np.sqrt(squares / (number - 1)), np.nan)
        mean = np.where(usable, mean, np.nan)
        flat = (sigma == 0) & (mean >= len(_CROW_GARDNER))
        reason = _windows.base_reason(observed, complete, enough, flat, Reason.ZERO_VARIANCE)
        found.expected[series], found.upper[series] = mean, _limit(mean, sigma)
        found.extra["sigma"][series] = sigma
        found.extra["n_reference"][series] = np.where(complete, number, np.nan)
        found.reason[series] = reason
        found.alarm[series] = _windows.decided(reason) & (observed > found.upper[series])
        found.score[series] = exceedance_score(observed, mean, found.upper[series])
    return found


def _limit(mean: FloatArray, sigma: FloatArray) -> FloatArray:
    small = mean <= len(_CROW_GARDNER) - 1
    place = np.where(small, np.floor(mean), 0.0).astype(np.int64)
    return np.where(small, _CROW_GARDNER[place], mean + _DEVIATIONS * sigma)
