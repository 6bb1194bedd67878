"""Checks of what callers hand to a detector. Past this point the code trusts its input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from anlan.errors import ParameterError, Problem
from anlan.stats.counts.result import FloatArray, IntArray

Evaluate = int | slice | Sequence[int] | IntArray | None
Variant = Literal["published", "surveillance-1.20"]
VARIANTS: tuple[str, ...] = ("published", "surveillance-1.20")

_SHOWN_PROBLEMS = 20


def parameter_error(name: str, accepted: str, given: object) -> ParameterError:
    """The one form of a complaint about an argument: name, what is accepted, what was given."""
    return ParameterError(
        f"{name} must be {accepted}. Got {given!r}.",
        key="stats.error.parameter",
        values={"name": name, "accepted": accepted, "given": repr(given)},
    )


def as_series(values: ArrayLike, *, name: str = "counts", nonnegative: bool = True) -> FloatArray:
    """Values as float64 of shape (n_series, n_times); one series may come as a plain sequence. NaN is not reported."""
    accepted = "an array of numbers of shape (n_series, n_times), NaN where nothing is reported"
    try:
        given = np.asarray(values)
        # Text that looks like numbers has to be read by whoever knows its format.
        array = given.astype(np.float64) if given.dtype.kind in "biufO" else None
    except (TypeError, ValueError) as error:
        raise parameter_error(name, accepted, type(values).__name__) from error
    if array is None:
        raise parameter_error(name, accepted, f"an array of {given.dtype}")
    if array.ndim == 1:
        array = array[np.newaxis, :]
    if array.ndim != 2:
        raise parameter_error(name, "an array of shape (n_series, n_times)", f"shape {array.shape}")
    bad = np.isinf(array)
    if nonnegative:
        bad |= array < 0
    if bad.any():
        _raise_bad_values(name, array, np.argwhere(bad), nonnegative)
    return np.ascontiguousarray(array)


def _raise_bad_values(name: str, array: FloatArray, where: IntArray, nonnegative: bool) -> None:
    accepted = (
        "finite numbers >= 0, or NaN where nothing is reported" if nonnegative else "finite numbers or NaN"
    )
    problems = [
        Problem(
            "stats.error.value",
            {"given": float(array[row, column]), "accepted": accepted},
            {"argument": name, "series": int(row), "time": int(column)},
            f"{float(array[row, column])} is not accepted",
        )
        for row, column in where[:_SHOWN_PROBLEMS]
    ]
    raise ParameterError(
        f"{name} must be {accepted}. Got {len(where)} other values, the first at series {where[0][0]}, "
        f"time {where[0][1]}.",
        key="stats.error.values",
        values={"name": name, "accepted": accepted, "count": len(where)},
        problems=problems,
    )


def as_positions(evaluate: Evaluate, n_times: int) -> IntArray:
    """Positions to evaluate, counted from 0; None is all of them, negative ones count from the end."""
    everything = np.arange(n_times, dtype=np.int64)
    if evaluate is None:
        return everything
    if isinstance(evaluate, slice):
        return everything[evaluate]
    chosen = np.atleast_1d(np.asarray(evaluate))
    accepted = f"positions from {-n_times} to {n_times - 1}, a slice, or None for all"
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise parameter_error("evaluate", accepted, evaluate)
    chosen = chosen.astype(np.int64)
    outside = (chosen < -n_times) | (chosen >= n_times)
    if outside.any():
        raise parameter_error("evaluate", accepted, int(chosen[outside][0]))
    return np.where(chosen < 0, chosen + n_times, chosen)


def as_population(population: ArrayLike, cases: FloatArray) -> FloatArray:
    """Population > 0 at every time, in the shape of ``cases``; one row serves all series."""
    array = as_series(population, name="population")
    if array.shape not in (cases.shape, (1, cases.shape[1])):
        accepted = f"of shape {cases.shape} or ({cases.shape[1]},)"
        raise parameter_error("population", accepted, f"shape {array.shape}")
    if not (array > 0).all():
        row, column = np.argwhere(~(array > 0))[0]
        raise parameter_error(
            "population", "> 0 at every time", f"{array[row, column]} at series {row}, time {column}"
        )
    return np.broadcast_to(array, cases.shape)


def as_whole(name: str, value: object, *, at_least: int, at_most: int | None = None) -> int:
    """A whole number in a range."""
    accepted = f"an int >= {at_least}" + (f" and <= {at_most}" if at_most is not None else "")
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise parameter_error(name, accepted, value)
    number = int(value)
    if number < at_least or (at_most is not None and number > at_most):
        raise parameter_error(name, accepted, value)
    return number


def as_number(
    name: str, value: object, *, above: float | None = None, below: float | None = None, at_least: float | None = None,
    at_most: float | None = None,
) -> float:  # fmt: skip
    """A finite number in a range; ``above`` and ``below`` are strict."""
    bounds = [("> ", above), ("< ", below), (">= ", at_least), ("<= ", at_most)]
    accepted = "a number " + " and ".join(f"{sign}{bound:g}" for sign, bound in bounds if bound is not None)
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise parameter_error(name, accepted, value)
    number = float(value)
    holds = (
        math.isfinite(number)
        and (above is None or number > above)
        and (below is None or number < below)
        and (at_least is None or number >= at_least)
        and (at_most is None or number <= at_most)
    )
    if not holds:
        raise parameter_error(name, accepted, value)
    return number


def as_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in choices:
        raise parameter_error(name, "one of " + ", ".join(repr(choice) for choice in choices), value)
    return value


def as_flag(name: str, value: object) -> bool:
    """True or False, nothing that merely looks like it."""
    if not isinstance(value, (bool, np.bool_)):
        raise parameter_error(name, "True or False", value)
    return bool(value)
