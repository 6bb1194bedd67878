"""Detectors that go on where they stopped: new values in, no history needed.

    state = begin("cusum", counts, dates=dates)     # counts up to now
    state, found = update(state, new)               # found covers the new periods only

What ``update`` finds is what the batch call finds at the same periods, for every method of the table and every method
that an outside author writes. What a state holds, so that nothing is read from elsewhere:

======================  ===============================================================================================
cusum, ewma, rogerson,  the statistic and the expectation of each series; before the training period is complete, the
glr with known theta    values so far
glr without theta       all values since the beginning: a change may have begun at any of them
limit                   the length of the run beyond the limit, and whether the alarm is on
methods with windows    the latest periods, as many as ``Method.memory`` says: EARS, Bayes, RKI, CDC, Farrington, CIDARS,
                        MEM and excess mortality; periodic regression and Serfling with ``b``
anlan                   its window of some years and the scores of the latest periods
auto                    five years and a little, and where the first report of each series was
all others              all values since the beginning: OutbreakP, periodic regression and Serfling without ``b``
======================  ===============================================================================================
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
from anlan.stats.counts.auto import AutoState, auto_begin
from anlan.stats.counts.cusum import cusum_chart
from anlan.stats.counts.ewma import ewma_chart
from anlan.stats.counts.glr import glr_nb_chart, glr_poisson_chart
from anlan.stats.counts.methods import METHODS, Method, method_named
from anlan.stats.counts.result import Detection, FloatArray
from anlan.stats.counts.rogerson import rogerson_chart

__all__ = ["State", "begin", "update"]

_CHARTS: Mapping[str, Callable[..., Chart]] = MappingProxyType(
    {
        "cusum": cusum_chart,
        "ewma": ewma_chart,
        "glr_poisson": glr_poisson_chart,
        "glr_nb": glr_nb_chart,
        "rogerson": rogerson_chart,
    }
)


State = Chart | Recent | LimitState | AnlanState | AutoState


def begin(method: str | Method, counts: ArrayLike, **parameters: Any) -> State:
    """The state of a method after ``counts``.

    Parameters
    ----------
    method : str or Method
        A name in ``METHODS``, or a method that stands in no table yet.
    counts : array of shape (n_series, n_times)
        Everything up to now; it may be less than the method needs to decide, also nothing at all.
    **parameters
        As in the batch call, without ``evaluate``. With ``dates`` there must be at least two: the later ones follow
        from them.

    Returns
    -------
    state
        To be handed to ``update``; it can be pickled (one of a method that stands in no table, if its functions can).

    Raises
    ------
    ParameterError
        If an argument is not acceptable.
    """
    chosen = method_named(method) if isinstance(method, str) else method
    if METHODS.get(chosen.name) is not chosen:
        return _recent.begin(chosen, _values(chosen, counts), parameters)
    for name in parameters:
        if name not in ("dates", "population"):
            chosen.parameter(name)
    if chosen.name == "anlan":
        return anlan_begin(counts, **parameters)
    if chosen.name == "auto":
        return auto_begin(counts, **parameters)
    if chosen.name == "limit":
        return _recent.begin_limit(_values(chosen, counts), parameters)
    cases = _values(chosen, counts)
    if _is_chart(chosen.name, parameters):
        chart = _CHARTS[chosen.name](cases, **parameters)
        if cases.shape[1] >= chart.control.training:
            return _charts.walked(chart, cases)
    return _recent.begin(chosen, cases, parameters)


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

    Raises
    ------
    ParameterError
        If an argument is not acceptable. The state stays as it was.
    """
    if isinstance(state, Recent):
        return _as_chart(*state.update(_fresh(state, values), {"mean": mean, "population": population}))
    if population is not None:
        raise _input.parameter_error("population", f"None for {_name(state)}", "an array")
    if not isinstance(state, LimitState | AnlanState | AutoState):
        return _charts.update(state, values, mean)
    if mean is not None:
        raise _input.parameter_error("mean", f"None for {_name(state)}", "an array")
    if isinstance(state, AnlanState):
        return anlan_update(state, _columns(values))
    return state.update(_fresh(state, values))


def _name(state: State) -> str:
    return "anlan" if isinstance(state, AnlanState) else state.method


def _as_chart(state: Recent, found: Detection) -> tuple[State, Detection]:
    """A chart needs its values no longer than until its training is over."""
    if state.not_registered is not None or not _is_chart(state.method, state.parameters):
        return state, found
    given = dict(state.parameters) | dict(state.along)
    if state.dates is not None:
        given["dates"] = state.dates
    return begin(state.method, state.values, **given), found


def _is_chart(name: str, parameters: Mapping[str, Any]) -> bool:
    """Whether the statistic is all that has to be kept: not for a change of unknown size."""
    return name in _CHARTS and not (name.startswith("glr") and parameters.get("theta") is None)


def _values(chosen: Method, values: ArrayLike) -> FloatArray:
    is_count = chosen.kinds == ("count",)
    return _input.as_series(values, name="counts" if is_count else "values", nonnegative=is_count)


def _fresh(state: Recent | LimitState | AutoState, values: ArrayLike) -> FloatArray:
    is_count = not isinstance(state, LimitState) and (
        isinstance(state, AutoState) or state.chosen.kinds == ("count",)
    )
    fresh = _input.as_series(_columns(values), name="values", nonnegative=is_count)
    n_series = len(state.run) if isinstance(state, LimitState) else len(state.values)
    if len(fresh) != n_series:
        accepted = f"an array of shape ({n_series},) or ({n_series}, n_new)"
        raise _input.parameter_error("values", accepted, f"shape {np.shape(values)}")
    return fresh


def _columns(values: ArrayLike) -> NDArray[Any]:
    """One period of all series as a column."""
    given = np.asarray(values)
    return given[:, np.newaxis] if given.ndim == 1 else given
