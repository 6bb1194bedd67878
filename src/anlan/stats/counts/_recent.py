"""States of the methods that are not charts: the latest periods of each series, or the state of a limit.

A method that looks back a fixed number of periods needs no more of a series than those; ``update`` runs it on them and
the new values, and finds what the batch call finds. A limit needs the length of the run beyond it and whether its
alarm is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.stats.counts import _input, limits
from anlan.stats.counts._input import parameter_error
from anlan.stats.counts.methods import Step, method_named
from anlan.stats.counts.result import BoolArray, Detection, FloatArray, IntArray

#: Methods whose result at a period depends on a fixed number of periods before it and on nothing else.
WINDOWED = (
    "farrington_flexible", "farrington_original", "ears_c1", "ears_c2", "ears_c3", "bayes", "rki", "cdc",
)  # fmt: skip


@dataclass(frozen=True)
class Recent:
    """The latest periods of all series after ``position`` periods, as many as the method looks back."""

    method: str
    position: int
    values: FloatArray
    dates: NDArray[np.datetime64] | None
    population: FloatArray | None
    parameters: Mapping[str, Any]
    memory: int

    def update(self, fresh: FloatArray, population: FloatArray | None) -> tuple[Recent, Detection]:
        n_new = fresh.shape[1]
        values = np.concatenate([self.values, fresh], axis=1)
        dates = None if self.dates is None else np.append(self.dates, following_dates(self.dates, n_new))
        people = None
        if self.population is not None:
            if population is None:
                raise parameter_error(
                    "population", f"given for the new periods, of shape {fresh.shape}", None
                )
            people = np.concatenate([self.population, population], axis=1)
        elif population is not None:
            raise parameter_error("population", "None: the state was begun without one", "an array")
        new = np.arange(self.values.shape[1], values.shape[1])
        found = method_named(self.method).run(
            values, dates=dates, evaluate=new, population=people, **self.parameters
        )
        kept = slice(max(values.shape[1] - self.memory, 0), None)
        after = replace(
            self,
            position=self.position + n_new,
            values=np.ascontiguousarray(values[:, kept]),
            dates=None if dates is None else dates[kept],
            population=None if people is None else np.ascontiguousarray(people[:, kept]),
        )
        return after, replace(found, times=self.position + np.arange(n_new))


def begin(
    method: str,
    cases: FloatArray,
    dates: ArrayLike | None,
    population: ArrayLike | None,
    parameters: Mapping[str, Any],
) -> Recent:
    """The state after ``cases``. Everything is checked here as the batch call checks it."""
    chosen = method_named(method)
    days = None if dates is None else np.asarray(dates, dtype="datetime64[D]")
    # The batch call on what there is names every argument that is not acceptable.
    nothing = np.zeros(0, dtype=np.int64)
    chosen.run(cases, dates=dates, evaluate=nothing, population=population, **parameters)
    step = _step(days)
    if step == "month" and parameters.get("variant", "published") != "published":
        raise parameter_error(
            "variant", "'published' for months: R counts their days from the first", parameters["variant"]
        )
    if days is not None and len(days) < 2:
        raise parameter_error(
            "dates", "at least two, from which the next ones follow", f"{len(days)} of them"
        )
    memory = chosen.history_needed(step, **parameters)
    kept = slice(max(cases.shape[1] - memory, 0), None)
    people = None if population is None else _input.as_population(population, cases)
    return Recent(
        method=method,
        position=cases.shape[1],
        values=np.ascontiguousarray(cases[:, kept]),
        dates=None if days is None or not chosen.uses_dates else days[kept],
        population=None
        if people is None or not chosen.uses_population
        else np.ascontiguousarray(people[:, kept]),
        parameters=dict(parameters),
        memory=max(memory, 2),
    )


def _step(days: NDArray[np.datetime64] | None) -> Step:
    if days is None or len(days) < 2:
        return "week"
    return "month" if int((days[1] - days[0]).astype(np.int64)) > 20 else "week"


def following_dates(days: NDArray[np.datetime64], n_new: int) -> NDArray[np.datetime64]:
    """The next dates of weeks or months; of months the first day."""
    if _step(days) == "week":
        following: NDArray[np.datetime64] = days[-1] + 7 * np.arange(1, n_new + 1)
        return following
    months = days[-1].astype("datetime64[M]") + np.arange(1, n_new + 1)
    first: NDArray[np.datetime64] = months.astype("datetime64[D]")
    return first


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
