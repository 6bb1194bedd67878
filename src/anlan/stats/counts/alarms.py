"""Screening: where a method alarms, and nothing else.

A ``Detection`` of 100 000 series and 365 days is eight arrays, 2 GB, and writing them takes longer than finding the
alarms. ``alarms_only`` keeps the places of the alarms. EARS, CUSUM and outbreakP have kernels for it (extra ``fast``) that read
counts of any numeric type as they stand; all other methods run in blocks of series, of which the alarms are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.stats.counts import _input
from anlan.stats.counts._input import Evaluate
from anlan.stats.counts.cusum import screen as screen_cusum
from anlan.stats.counts.ears import screen as screen_ears
from anlan.stats.counts.methods import Method, method_named
from anlan.stats.counts.outbreakp import screen as screen_outbreakp
from anlan.stats.counts.result import BoolArray, IntArray

_Places = tuple[IntArray, IntArray]  # number of alarms by series, times of all
_VALUES = 4_000_000  # of a result that are in memory at a time
_TYPES = ("i2", "i4", "i8", "u1", "u2", "u4", "f4", "f8")  # that kernels read as they stand

_SCREENS: Mapping[str, Callable[..., _Places | None]] = MappingProxyType(
    {
        **{name: partial(screen_ears, name) for name in ("ears_c1", "ears_c2", "ears_c3")},
        "cusum": screen_cusum,
        "outbreakp": screen_outbreakp,
    }
)


@dataclass(frozen=True)
class Alarms:
    """Where a method alarmed.

    Attributes
    ----------
    method : str
        Name of the method in ``METHODS``.
    shape : tuple of int
        (n_series, n_times) of the counts.
    times : ndarray of int64, shape (n_alarms,)
        Period of each alarm, counted from 0: those of the first series, then those of the second, and so on.
    offsets : ndarray of int64, shape (n_series + 1,)
        Those of series i are ``times[offsets[i]:offsets[i + 1]]``.
    """

    method: str
    shape: tuple[int, int]
    times: IntArray
    offsets: IntArray

    @property
    def series(self) -> IntArray:
        """The series of each alarm, counted from 0, in the order of ``times``."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int64), np.diff(self.offsets))

    def flags(self) -> BoolArray:
        """The same as an array of ``shape``, true where there is an alarm."""
        flags = np.zeros(self.shape, dtype=bool)
        flags[self.series, self.times] = True
        return flags


def alarms_only(
    method: str,
    counts: ArrayLike,
    *,
    dates: ArrayLike | None = None,
    evaluate: Evaluate = None,
    population: ArrayLike | None = None,
    **parameters: Any,
) -> Alarms:
    """The alarms of a method on many series, without limits, scores and reasons.

    What alarmed deserves a look at all of its numbers: call the method on ``counts[np.unique(found.series)]``.

    Parameters
    ----------
    method : str
        Name of the method in ``METHODS``.
    counts : array of shape (n_series, n_times) or (n_times,)
        As for the method. The kernels take C-contiguous arrays of whole or floating numbers as they are, without a copy;
        NaN is not reported.
    dates, evaluate, population
        As for the method. Each period is given once, whatever the order of ``evaluate``.
    **parameters
        As for the method.

    Returns
    -------
    Alarms
        The places where ``alarm`` of the method's result is true.

    Raises
    ------
    ParameterError
        If an argument is not acceptable, as from the method.

    Examples
    --------
    >>> found = alarms_only("ears_c1", [[0, 1, 0, 2, 1, 0, 1, 9], [1, 1, 0, 2, 1, 0, 1, 1]])
    >>> found.series, found.times
    (array([0]), array([7]))
    """
    chosen = method_named(method)
    for name in parameters:
        chosen.parameter(name)
    values = _as_they_stand(counts)
    screen = _SCREENS.get(method)
    given = {**parameters, "dates": dates} if chosen.uses_dates else parameters
    found = None if screen is None else screen(values, **given)
    if found is None:
        found = _by_whole_results(chosen, values, dates, evaluate, population, parameters)
    elif evaluate is not None:
        wanted = np.zeros(values.shape[1], dtype=bool)
        wanted[_input.as_positions(evaluate, values.shape[1])] = True
        kept = wanted[found[1]]
        series = np.repeat(np.arange(len(values)), found[0])[kept]
        found = np.bincount(series, minlength=len(values)), found[1][kept]
    return Alarms(method, (values.shape[0], values.shape[1]), found[1], np.append(0, np.cumsum(found[0])))


def _as_they_stand(counts: ArrayLike) -> NDArray[Any]:
    """Two-dimensional and contiguous, of the type that was given where kernels can read it."""
    given = np.asarray(counts)
    rows = given[np.newaxis] if given.ndim == 1 else given
    if rows.ndim == 2 and rows.dtype.isnative and rows.dtype.str[1:] in _TYPES:
        return np.ascontiguousarray(rows)
    return _input.as_series(counts, nonnegative=False)


def _by_whole_results(
    method: Method,
    values: NDArray[Any],
    dates: ArrayLike | None,
    evaluate: Evaluate,
    population: ArrayLike | None,
    parameters: Mapping[str, Any],
) -> _Places:
    n_series, n_times = values.shape
    n_wanted = len(np.unique(_input.as_positions(evaluate, n_times)))
    size = max(1, _VALUES // max(n_wanted, 1))
    numbers, times = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for start in range(0, max(n_series, 1), size):
        rows = slice(start, start + size)
        own = {name: _of_rows(value, rows, n_series) for name, value in parameters.items()}
        found = method.run(
            values[rows],
            dates=dates,
            evaluate=evaluate,
            population=_of_rows(population, rows, n_series),
            **own,
        )
        flags = np.zeros((len(found.alarm), n_times), dtype=bool)
        flags[:, found.times] = found.alarm
        numbers.append(flags.sum(axis=1))
        times.append(np.nonzero(flags)[1])
    return np.concatenate(numbers), np.concatenate(times)


def _of_rows(value: Any, rows: slice, n_series: int) -> Any:
    """The part of an argument that has one row a series; other arguments as they are."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    array = np.asarray(value)
    return array[rows] if array.ndim == 2 and len(array) == n_series else value
