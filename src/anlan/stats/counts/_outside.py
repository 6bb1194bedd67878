"""Methods of other packages: found by entry points of the group ``anlan.methods``, checked, and kept apart.

    [project.entry-points."anlan.methods"]
    their_method = "their_package:METHOD"

The name of the entry point is the name of the method, the object a ``Method``. What is broken is a ``Problem`` that names
the package; it takes no place in the table and no other method with it. The table hands its types in, as it does for the
built-in methods. Nothing is looked for before somebody asks for all methods or for one that is not built in.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

from anlan.errors import Problem

if TYPE_CHECKING:
    from anlan.stats.counts.methods import Method

GROUP = "anlan.methods"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KINDS = ("count", "concentration", "level", "rate", "share", "state")
_STEPS = ("day", "week", "month")


@dataclass(frozen=True)
class Outside:
    """What other packages bring: usable methods by name, and what is wrong with the others."""

    methods: Mapping[str, Method]
    problems: tuple[Problem, ...]

    def problem_of(self, name: str) -> Problem | None:
        """What is wrong with the method of that name, None if nobody declares it."""
        return next((one for one in self.problems if one.where["method"] == name), None)


def find(method_type: type[Method], taken: Iterable[str]) -> Outside:
    """All entry points of the group; ``taken`` are the names of the built-in methods."""
    declared: dict[str, list[metadata.EntryPoint]] = {}
    for point in metadata.entry_points(group=GROUP):
        declared.setdefault(point.name, []).append(point)
    methods, problems = {}, []
    built_in = set(taken)
    for name, points in sorted(declared.items()):
        packages = sorted({_package(point) for point in points})
        try:
            methods[name] = _usable(name, points, packages, built_in, method_type)
        except _UnusableError as error:
            where = {"method": name, "package": ", ".join(packages)}
            values = {"method": name, "package": where["package"], "reason": str(error)}
            said = f"The method {name!r} of {where['package']} is not used: {error}"
            problems.append(Problem("stats.error.outside_method", values, where, said))
    return Outside(methods, tuple(problems))


class _UnusableError(Exception):
    """Why a declared method is not used."""


def _usable(
    name: str, points: list[metadata.EntryPoint], packages: list[str], built_in: set[str], method_type: type[Method]
) -> Method:  # fmt: skip
    if not _NAME.fullmatch(name):
        raise _UnusableError("a name must be lower-case letters, digits and _, beginning with a letter.")
    if name in built_in:
        raise _UnusableError("anlan has a method of that name.")
    if len({point.value for point in points}) > 1 or len(packages) > 1:
        # Which of two methods judges must not hang on the order of a search path.
        raise _UnusableError("it is declared more than once; remove one of them.")
    try:
        loaded = points[0].load()
    # The edge to somebody else's code: whatever it raises at import, the other methods must go on.
    except (Exception, SystemExit) as error:
        raise _UnusableError(
            f"{points[0].value} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(loaded, method_type):
        raise _UnusableError(
            f"{points[0].value} must be an anlan.stats.counts.Method. Got {type(loaded).__name__}."
        )
    _check(name, loaded)
    return replace(loaded, package=packages[0])


def _check(name: str, method: Method) -> None:
    """What the table relies on; what the method promises is for ``check_detector``."""
    if method.name != name:
        raise _UnusableError(f"its entry point and its name must be equal. Its name is {method.name!r}.")
    for what, given, accepted in (("kinds", method.kinds, _KINDS), ("steps", method.steps, _STEPS)):
        if not given or not set(given) <= set(accepted):
            raise _UnusableError(f"{what} must be some of {', '.join(accepted)}. Got {given!r}.")
    for what, function in (("function", method.function), ("history", method.history)):
        if not callable(function):
            raise _UnusableError(f"{what} must be callable. Got {function!r}.")
    names = [parameter.name for parameter in method.parameters]
    if len(names) > len(set(names)):
        raise _UnusableError(f"parameters must have different names. Got {', '.join(names)}.")
    needed = [*names, "evaluate"]
    needed += ["dates"] * method.uses_dates + ["population"] * method.uses_population
    missing = [item for item in needed if not _takes(method.function, item)]
    if missing:
        raise _UnusableError(f"its function must take {', '.join(missing)} as keyword.")


def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True  # compiled code may not tell
    anything = any(item.kind is item.VAR_KEYWORD for item in parameters.values())
    return anything or (name in parameters and parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY)


def _package(point: metadata.EntryPoint) -> str:
    return "a package without a name" if point.dist is None else f"{point.dist.name} {point.dist.version}"
