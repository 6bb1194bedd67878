"""States of the methods that are not charts: the periods of each series that a result depends on, or the state of a limit.

A method that looks back a fixed number of periods needs no more of a series than those; ``update`` runs it on them and
the new values, and finds what the batch call finds. A method that looks at all of a series (a regression on the whole
history, OutbreakP, a likelihood ratio chart whose change may have begun at any time) has to keep all of it; its state
grows with the series and each update costs what the batch call costs. A limit needs the length of the run beyond it and
whether its alarm is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.stats.counts import _input, limits
from anlan.stats.counts._calendar import following_dates, step_between
from anlan.stats.counts._input import parameter_error
from anlan.stats.counts.methods import METHODS, Method, Step, method_named
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray

_A_YEAR: Mapping[Step, int] = {"day": 365, "week": 52, "month": 12}


@dataclass(frozen=True)
class Recent:
    """The periods of all series after ``position`` periods that the method still needs.

    ``memory`` is how many it looks back, None for all. Periods are dropped ``cycle`` at a time: without dates the time
    of the year is the place in the series. ``along`` are ``population`` and known means, in the shape of ``values``.
    """

    method: str
    position: int
    values: FloatArray
    dates: NDArray[np.datetime64] | None
    along: Mapping[str, FloatArray]
    parameters: Mapping[str, Any]
    memory: int | None
    cycle: int
    not_registered: Method | None = None

    def update(self, fresh: FloatArray, given: Mapping[str, ArrayLike | None]) -> tuple[Recent, Detection]:
        n_new = fresh.shape[1]
        values = np.concatenate([self.values, fresh], axis=1)
        dates = None if self.dates is None else np.append(self.dates, following_dates(self.dates, n_new))
        along = self._along(fresh, given)
        new = np.arange(self.values.shape[1], values.shape[1])
        found = _run(self.chosen, values, dates, along, self.parameters, new)
        first = _n_dropped(values.shape[1], self.memory, self.cycle)
        after = replace(
            self,
            position=self.position + n_new,
            values=np.ascontiguousarray(values[:, first:]),
            dates=None if dates is None else dates[first:],
            along={name: np.ascontiguousarray(array[:, first:]) for name, array in along.items()},
        )
        return after, replace(found, times=self.position + np.arange(n_new))

    @property
    def chosen(self) -> Method:
        return self.not_registered or method_named(self.method)

    def _along(self, fresh: FloatArray, given: Mapping[str, ArrayLike | None]) -> dict[str, FloatArray]:
        along = {}
        for name, array in given.items():
            if array is None and name in self.along:
                raise parameter_error(name, f"given for the new periods, of shape {fresh.shape}", None)
            if array is not None and name not in self.along:
                raise parameter_error(name, "None: the state was begun without such an array", "an array")
            if array is not None:
                column = np.asarray(array)
                column = column[:, np.newaxis] if column.ndim == 1 else column
                checked = (
                    _input.as_population(column, fresh) if name == "population" else _means(column, fresh)
                )
                along[name] = np.concatenate([self.along[name], checked], axis=1)
        return along


def begin(chosen: Method, cases: FloatArray, parameters: Mapping[str, Any]) -> Recent:
    """The state after ``cases``. Everything is checked here as the batch call checks it."""
    given = dict(parameters)
    dates, population = given.pop("dates", None), given.pop("population", None)
    for name, array, is_used in (
        ("dates", dates, chosen.uses_dates), ("population", population, chosen.uses_population)
    ):  # fmt: skip
        if array is not None and not is_used:
            raise parameter_error(name, f"None for {chosen.name}", type(array).__name__)
    # The batch call on what there is names every argument that is not acceptable.
    nothing = np.zeros(0, dtype=np.int64)
    chosen.run(cases, dates=dates, evaluate=nothing, population=population, **given)
    days = None if dates is None else np.asarray(dates, dtype="datetime64[D]")
    if days is not None and len(days) < 2:
        accepted = "at least two, from which the next ones follow"
        raise parameter_error("dates", accepted, f"{len(days)} of them")
    step = chosen.steps[0] if days is None else step_between(days)
    along = {} if population is None else {"population": _input.as_population(population, cases)}
    means = np.asarray(given.get("mean"))
    if means.ndim > 0 and means.shape[-1] > 1:
        along["mean"] = np.array(np.broadcast_to(means.astype(np.float64), cases.shape))
        del given["mean"]
    memory = chosen.memory(step, **given)
    # The step is seen between two dates.
    memory = None if memory is None else max(memory, 2)
    has_year = days is None and any(parameter.name == "frequency" for parameter in chosen.parameters)
    cycle = int(given.get("frequency") or _A_YEAR[step]) if has_year else 1
    first = _n_dropped(cases.shape[1], memory, cycle)
    return Recent(
        method=chosen.name,
        position=cases.shape[1],
        values=np.ascontiguousarray(cases[:, first:]),
        dates=None if days is None else days[first:],
        along={name: np.ascontiguousarray(array[:, first:]) for name, array in along.items()},
        parameters=given,
        memory=memory,
        cycle=cycle,
        not_registered=None if METHODS.get(chosen.name) is chosen else chosen,
    )


def _n_dropped(n_times: int, memory: int | None, cycle: int) -> int:
    """How many of the earliest periods are no longer needed, in whole cycles."""
    return 0 if memory is None else max(n_times - memory, 0) // cycle * cycle


def _run(
    chosen: Method, values: FloatArray, dates: NDArray[np.datetime64] | None, along: Mapping[str, FloatArray],
    parameters: Mapping[str, Any], new: IntArray,
) -> Detection:  # fmt: skip
    means = {"mean": along["mean"]} if "mean" in along else {}
    return chosen.run(
        values, dates=dates, evaluate=new, population=along.get("population"), **parameters, **means
    )


def _means(given: ArrayLike, fresh: FloatArray) -> FloatArray:
    means = np.asarray(given, dtype=np.float64)
    fits = means.ndim == 2 and means.shape[0] in (1, len(fresh)) and means.shape[1] in (1, fresh.shape[1])
    if not fits or not (np.isfinite(means) & (means > 0)).all():
        raise parameter_error("mean", f"numbers > 0 of shape {fresh.shape}", f"shape {means.shape}")
    return np.array(np.broadcast_to(means, fresh.shape))


@dataclass(frozen=True)
class LimitState:
    """How long each series has been beyond its limit, and whether its alarm is on."""

    position: int
    run: IntArray
    on: BoolArray
    parameters: Mapping[str, Any]
    method: str = "limit"

    def update(self, fresh: FloatArray) -> tuple[LimitState, Detection]:
        found = limits.limit_after((self.run, self.on), fresh, **self.parameters)
        if not fresh.shape[1]:
            return self, found
        after = replace(
            self,
            position=self.position + fresh.shape[1],
            run=found.extra["run"][:, -1].copy(),
            on=found.alarm[:, -1].copy(),
        )
        return after, replace(found, times=self.position + np.arange(fresh.shape[1]))


def begin_limit(levels: FloatArray, parameters: Mapping[str, Any]) -> LimitState:
    """The state after ``levels``."""
    n_series = len(levels)
    empty = LimitState(
        0, np.zeros(n_series, dtype=np.int64), np.zeros(n_series, dtype=bool), dict(parameters)
    )
    return empty.update(levels)[0]
