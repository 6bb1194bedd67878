"""From the result of a detector to curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anlan.charts._svg import check_length
from anlan.charts.curve import CurveData

if TYPE_CHECKING:
    from anlan.stats.counts import Detection


def curves_of(
    found: Detection, *, periods: Sequence[str] = (), titles: Sequence[str] = (), unit: str = ""
) -> list[CurveData]:
    """One curve a series from the arrays of a ``Detection``.

    Parameters
    ----------
    found : Detection
        Of any method; its evaluated periods are drawn.
    periods : sequence of str, optional
        A label for each evaluated period, as ``CurveData`` reads them. Default: the positions.
    titles : sequence of str, optional
        A name for each series.
    unit : str
        Unit and date basis.

    Examples
    --------
    >>> from anlan.stats.counts import ears_c1
    >>> curve, = curves_of(ears_c1([2, 3, 2, 3, 2, 3, 2, 19]))
    >>> curve.periods[-1], curve.alarm[-1]
    ('7', True)
    """
    n_series, n_times = found.observed.shape
    labels = list(periods) or [str(time) for time in found.times.tolist()]
    names = list(titles) or [""] * n_series
    check_length("periods", labels, n_times)
    check_length("titles", names, n_series)
    return [
        CurveData(
            periods=labels,
            observed=known(found.observed[row]),
            expected=known(found.expected[row]),
            upper=known(found.upper[row]),
            alarm=found.alarm[row].tolist(),
            title=names[row],
            unit=unit,
        )
        for row in range(n_series)
    ]


def known(values: Any) -> list[float | None]:
    """A row of numbers with None for NaN."""
    return [None if value != value else value for value in values.tolist()]
