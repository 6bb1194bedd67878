"""What every detector returns, and the reasons why it may not have decided.

``Detection`` is the same for all methods so that rules, files and pages need to know only one form. What one method
has beyond that (a dispersion, a trend) stands in ``extra`` under a name that its page explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Reason(IntEnum):
    """Why a value was or was not decided.

    ``OK`` is the ordinary case. With the codes from ``SHORT_HISTORY`` to ``UNBOUNDED`` nothing was decided and
    ``alarm`` is false. With ``ZERO_VARIANCE``, ``ZERO_REFERENCE`` and ``HELD`` a decision was made, but on less than
    the method asks for; the text of each code says on what.
    """

    OK = 0
    SHORT_HISTORY = 1  #: the series does not reach back as far as the method needs
    MISSING_CURRENT = 2  #: the value itself is not reported
    TOO_FEW_RECENT = 3  #: too few cases in the latest periods for a signal (the rule of five in four)
    INCOMPLETE_REFERENCE = 4  #: too many values of the reference or baseline are not reported
    NO_CONVERGENCE = 5  #: the regression did not converge
    UNBOUNDED = 6  #: the upper limit is infinite: the reference says next to nothing about this season
    ZERO_VARIANCE = 7  #: decided: all baseline values are equal, the limit is their mean
    ZERO_REFERENCE = 8  #: decided: no case in the whole reference, the limit is zero, there is no p-value
    HELD = 9  #: decided: no value now, the alarm that was on before stays on

    @property
    def is_decided(self) -> bool:
        """Whether ``alarm`` rests on the value of this period (or is held on purpose)."""
        return self in (Reason.OK, Reason.ZERO_VARIANCE, Reason.ZERO_REFERENCE, Reason.HELD)


@dataclass(frozen=True)
class Detection:
    """Result of a detector on ``n_series`` series at ``n_evaluated`` periods.

    Attributes
    ----------
    method : str
        Name of the method in ``METHODS``.
    times : ndarray of int64, shape (n_evaluated,)
        Positions in the input that were evaluated, counted from 0.
    observed, expected, upper : ndarray of float64, shape (n_series, n_evaluated)
        The value, what was expected of it, and the limit it must pass. NaN where there is none. For a lower limit
        (``limit`` with ``direction="below"``) ``upper`` holds the limit that must not be undercut.
    score : ndarray of float64, shape (n_series, n_evaluated)
        (observed - expected) / (upper - expected): above 1 where the limit is passed. NaN where the limit is not
        above the expectation; rank by ``p_value`` there.
    p_value : ndarray of float64, shape (n_series, n_evaluated)
        Probability of a value at least as extreme when nothing has changed; NaN for methods without a distribution.
    alarm : ndarray of bool, shape (n_series, n_evaluated)
    reason : ndarray of int8, shape (n_series, n_evaluated)
        Codes of ``Reason``.
    extra : mapping of str to ndarray
        Further arrays of the method, each of shape (n_series, n_evaluated).
    """

    method: str
    times: IntArray
    observed: FloatArray
    expected: FloatArray
    upper: FloatArray
    score: FloatArray
    p_value: FloatArray
    alarm: BoolArray
    reason: NDArray[np.int8]
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def exceedance_score(observed: FloatArray, expected: FloatArray, upper: FloatArray) -> FloatArray:
    """(y - mean) / (limit - mean), NaN where the limit is not above the mean (Farrington et al. 1996, section 3.7)."""
    room = upper - expected
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(room > 0, (observed - expected) / room, np.nan)
