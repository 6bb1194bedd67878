"""Control charts that go on where they stopped: new values in, no history needed.

    state = streaming.begin("cusum", counts, dates=dates)     # counts up to now
    state, found = streaming.update(state, new)               # found covers the new periods only

What ``update`` finds is what the batch call finds at the same periods. The state holds the statistic and the
expectation, not the series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from numpy.typing import ArrayLike

from anlan.stats.counts import _charts, _input
from anlan.stats.counts._charts import Chart
from anlan.stats.counts.cusum import cusum_chart
from anlan.stats.counts.ewma import ewma_chart
from anlan.stats.counts.glr import glr_nb_chart, glr_poisson_chart
from anlan.stats.counts.result import Detection
from anlan.stats.counts.rogerson import rogerson_chart

_CHARTS: Mapping[str, Callable[..., Chart]] = MappingProxyType(
    {
        "cusum": cusum_chart,
        "ewma": ewma_chart,
        "glr_poisson": glr_poisson_chart,
        "glr_nb": glr_nb_chart,
        "rogerson": rogerson_chart,
    }
)


def begin(method: str, counts: ArrayLike, **parameters: Any) -> Chart:
    """The state of a chart after ``counts``.

    Parameters
    ----------
    method : {"cusum", "ewma", "glr_poisson", "glr_nb", "rogerson"}
        The likelihood ratio charts only with a known ``theta``: without it they need all values of the run.
    counts : array of shape (n_series, n_times)
        At least the training period.
    **parameters
        As in the batch call, without ``evaluate``.

    Returns
    -------
    Chart
        To be handed to ``update``; it can be pickled.

    Raises
    ------
    ParameterError
        If an argument is not acceptable, or there are fewer periods than the training needs.
    """
    _input.as_choice("method", method, tuple(_CHARTS))
    cases = _input.as_series(counts)
    if method.startswith("glr") and parameters.get("theta") is None:
        raise _input.parameter_error("theta", "given for streaming", parameters.get("theta"))
    chart = _CHARTS[method](cases, **parameters)
    if cases.shape[1] < chart.control.training:
        accepted = f"at least the {chart.control.training} periods of the training"
        raise _input.parameter_error("counts", accepted, f"{cases.shape[1]} periods")
    return _charts.walked(chart, cases)


def update(state: Chart, values: ArrayLike, *, mean: ArrayLike | None = None) -> tuple[Chart, Detection]:
    """Take new values.

    Parameters
    ----------
    state : Chart
        From ``begin`` or an earlier ``update``; it is not changed.
    values : array of shape (n_series,) or (n_series, n_new)
        One new period, or several. NaN is not reported: the statistic waits.
    mean : array of the same shape, optional
        In-control means of the new periods, where ``begin`` was given means that vary in time.

    Returns
    -------
    state : Chart
        After the new values.
    found : Detection
        For the new periods; ``times`` goes on from where the state was.
    """
    return _charts.update(state, values, mean)
