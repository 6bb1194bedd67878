"""Detectors that go on where they stopped: new values in, no history needed.

    state = streaming.begin("cusum", counts, dates=dates)     # counts up to now
    state, found = streaming.update(state, new)               # found covers the new periods only

What ``update`` finds is what the batch call finds at the same periods. The state of a control chart holds the statistic
and the expectation, not the series; that of a method with windows the latest periods that it looks back on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.stats.counts import _charts, _input, _recent
from anlan.stats.counts._charts import Chart
from anlan.stats.counts._recent import LimitState, Recent
from anlan.stats.counts.anlan_method import AnlanState, anlan_begin, anlan_update
from anlan.stats.counts.cusum import cusum_chart
from anlan.stats.counts.ewma import ewma_chart
from anlan.stats.counts.glr import glr_nb_chart, glr_poisson_chart
from anlan.stats.counts.result import Detection, FloatArray
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


State = Chart | Recent | LimitState | AnlanState


def begin(method: str, counts: ArrayLike, **parameters: Any) -> State:
    """The state of a method after ``counts``.

    Parameters
    ----------
    method : str
        A chart ("cusum", "ewma", "glr_poisson", "glr_nb", "rogerson"), a method with windows ("farrington_flexible",
        "farrington_original", "ears_c1", "ears_c2", "ears_c3", "bayes", "rki", "cdc"), "limit", or
        "anlan". The likelihood ratio charts only with a known ``theta``: without it they need all values of the run.
    counts : array of shape (n_series, n_times)
        Everything up to now; for charts at least the training period.
    **parameters
        As in the batch call, without ``evaluate``.

    Returns
    -------
    state
        To be handed to ``update``; it can be pickled.

    Raises
    ------
    ParameterError
        If an argument is not acceptable, or there are fewer periods than the training needs.
    """
    _input.as_choice("method", method, (*_CHARTS, *_recent.WINDOWED, "limit", "anlan"))
    if method == "anlan":
        return anlan_begin(counts, **parameters)
    if method == "limit":
        return _recent.begin_limit(_input.as_series(counts, name="values", nonnegative=False), parameters)
    if method in _recent.WINDOWED:
        dates, people = parameters.pop("dates", None), parameters.pop("population", None)
        return _recent.begin(method, _input.as_series(counts), dates, people, parameters)
    cases = _input.as_series(counts)
    if method.startswith("glr") and parameters.get("theta") is None:
        raise _input.parameter_error("theta", "given for streaming", parameters.get("theta"))
    chart = _CHARTS[method](cases, **parameters)
    if cases.shape[1] < chart.control.training:
        accepted = f"at least the {chart.control.training} periods of the training"
        raise _input.parameter_error("counts", accepted, f"{cases.shape[1]} periods")
    return _charts.walked(chart, cases)


def update(
    state: State, values: ArrayLike, *, mean: ArrayLike | None = None, population: ArrayLike | None = None
) -> tuple[State, Detection]:
    """Take new values.

    Parameters
    ----------
    state
        From ``begin`` or an earlier ``update``; it is not changed.
    values : array of shape (n_series,) or (n_series, n_new)
        One new period, or several. NaN is not reported: the statistic waits.
    mean : array of the same shape, optional
        In-control means of the new periods, where ``begin`` of a chart was given means that vary in time.
    population : array of the same shape, optional
        Population in the new periods, where ``begin`` was given one.

    Returns
    -------
    state
        After the new values.
    found : Detection
        For the new periods; ``times`` goes on from where the state was.
    """
    if isinstance(state, AnlanState):
        return anlan_update(state, _columns(values))
    if not isinstance(state, Recent | LimitState):
        return _charts.update(state, values, mean)
    if mean is not None:
        raise _input.parameter_error("mean", f"None for {state.method}", "an array")
    fresh = _fresh(state, values)
    if isinstance(state, LimitState):
        return state.update(fresh)
    return state.update(fresh, None if population is None else _people(population, fresh))


def _fresh(state: Recent | LimitState, values: ArrayLike) -> FloatArray:
    fresh = _input.as_series(_columns(values), name="values", nonnegative=isinstance(state, Recent))
    n_series = len(state.values) if isinstance(state, Recent) else len(state.run)
    if len(fresh) != n_series:
        accepted = f"an array of shape ({n_series},) or ({n_series}, n_new)"
        raise _input.parameter_error("values", accepted, f"shape {np.shape(values)}")
    return fresh


def _people(population: ArrayLike, fresh: FloatArray) -> FloatArray:
    return _input.as_population(_columns(population), fresh)


def _columns(values: ArrayLike) -> NDArray[Any]:
    """One period of all series as a column."""
    given = np.asarray(values)
    return given[:, np.newaxis] if given.ndim == 1 else given
