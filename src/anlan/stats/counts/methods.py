"""The one table of detectors: documents, command line and web form are built from it.

A method added here gets its command-line options, its form, its page in the reference, streaming and the contract tests
of ``check_detector`` without further work. Its functions check their own arguments; what stands here says the same to
people before they call. Texts stand in ``anlan.texts`` under ``stats.method.<method>`` and
``stats.parameter.<method>.<parameter>``. Other packages add methods by entry points (``_outside``); they carry their
texts themselves and stand in the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import ArrayLike

from anlan.errors import ParameterError, Problem
from anlan.stats.counts import _outside
from anlan.stats.counts._input import VARIANTS, Evaluate
from anlan.stats.counts._methods_anlan import anlan_entry
from anlan.stats.counts._methods_classic import classic_methods
from anlan.stats.counts._methods_seasonal import seasonal_methods
from anlan.stats.counts.ears import ears_c1, ears_c2, ears_c3
from anlan.stats.counts.farrington import POWERS, THRESHOLD_METHODS, farrington_flexible
from anlan.stats.counts.limits import DIRECTIONS, limit
from anlan.stats.counts.result import Detection

Kind = Literal["int", "float", "bool", "choice"]
Step = Literal["day", "week", "month"]


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Any = _Required()  #: default of a parameter that has to be given


@dataclass(frozen=True)
class Parameter:
    """One setting of a method.

    ``default`` is ``REQUIRED`` when there is none; None with ``optional`` means that the method chooses (by time step,
    or switches something off) and the help text says what. ``above`` and ``below`` are strict bounds. ``help`` and
    ``help_zh`` say what it is for methods of other packages, which have no ``help_key``.
    """

    name: str
    kind: Kind
    default: Any
    help_key: str = ""
    optional: bool = False
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    help_zh: str = ""

    @property
    def accepted(self) -> str:
        """The accepted values in one English phrase, as the error messages say it."""
        if self.kind == "choice":
            phrase = "one of " + ", ".join(repr(choice) for choice in self.choices)
        elif self.kind == "bool":
            phrase = "True or False"
        else:
            bounds = [("> ", self.above), ("< ", self.below), (">= ", self.at_least), ("<= ", self.at_most)]
            said = " and ".join(f"{sign}{bound:g}" for sign, bound in bounds if bound is not None)
            phrase = ("an int " if self.kind == "int" else "a number ") + said
        return phrase.strip() + (" or None" if self.optional else "")


@dataclass(frozen=True, kw_only=True)
class Method:
    """A detector as people choose it.

    ``function`` takes an array of shape (n_series, n_times), ``evaluate``, the ``parameters`` by name, and ``dates`` and
    ``population`` where the flags say so. ``kinds`` are kinds of indicator, ``steps`` the time steps it is meant for.
    ``history`` gives the number of periods before the first one that can be decided, ``looks_back`` the number of
    periods before a period that its result depends on (None: all since the series began, which is always right), both
    for a time step and all parameters. ``title_zh`` is for methods of other packages, ``package`` names the package.
    """

    name: str
    function: Callable[..., Detection]
    title: str
    kinds: tuple[str, ...]
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...] = ()
    history: Callable[[Step, Mapping[str, Any]], int]
    looks_back: Callable[[Step, Mapping[str, Any]], int | None] | None = None
    citation: str
    title_key: str = ""
    title_zh: str = ""
    page: str = ""
    uses_dates: bool = False
    uses_population: bool = False
    package: str = ""

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name; an unknown one is a ``ParameterError`` that lists those there are."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ", ".join(parameter.name for parameter in self.parameters) or "none"
        raise ParameterError(
            f"{self.name} has no parameter {name!r}. It has {known}.",
            key="stats.error.unknown_parameter",
            values={"method": self.name, "name": name, "known": known},
        )

    def history_needed(self, step: Step, **parameters: Any) -> int:
        """Periods before the first one that can be decided."""
        return self.history(step, self._all(parameters))

    def memory(self, step: Step, **parameters: Any) -> int | None:
        """Periods before a period that its result depends on; None is all since the series began."""
        return None if self.looks_back is None else self.looks_back(step, self._all(parameters))

    def _all(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {parameter.name: parameter.default for parameter in self.parameters} | dict(given)

    def run(
        self,
        values: ArrayLike,
        *,
        dates: ArrayLike | None = None,
        evaluate: Evaluate = None,
        population: ArrayLike | None = None,
        **parameters: Any,
    ) -> Detection:
        """Call the method; dates and population are passed on where it uses them."""
        for name in parameters:
            self.parameter(name)
        given = dict(parameters)
        if self.uses_dates:
            given["dates"] = dates
        if self.uses_population:
            given["population"] = population
        return self.function(values, evaluate=evaluate, **given)


def method_named(name: str) -> Method:
    """The method of that name; an unknown one is a ``ParameterError`` that lists those there are.

    So is one that another package declares and that cannot be used; the message says why.
    """
    try:
        return METHODS[name]
    except KeyError:
        broken = METHODS.outside().problem_of(name)
        if broken is not None:
            raise ParameterError(broken.message, key=broken.key, values=broken.values) from None
        known = ", ".join(METHODS)
        raise ParameterError(
            f"method must be one of {known}. Got {name!r}.",
            key="stats.error.unknown_method",
            values={"name": name, "known": known},
        ) from None


def outside_problems() -> tuple[Problem, ...]:
    """What is wrong with methods that other packages declare; those are in no list of methods."""
    return METHODS.outside().problems


class MethodTable(Mapping[str, Method]):
    """Methods by name: anlan's own, and those that other packages declare.

    Entry points are read once, when all methods are asked for or one that anlan does not have.
    """

    def __init__(self, own: tuple[Method, ...]) -> None:
        self._own = {method.name: method for method in own}
        self._outside: _outside.Outside | None = None

    def __getitem__(self, name: str) -> Method:
        own = self._own.get(name)
        return self.outside().methods[name] if own is None else own

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from self.outside().methods

    def __len__(self) -> int:
        return len(self._own) + len(self.outside().methods)

    def outside(self) -> _outside.Outside:
        """What other packages bring, and what is wrong with it."""
        if self._outside is None:
            self._outside = _outside.find(Method, self._own)
        return self._outside

    def look_again(self) -> None:
        """Read the entry points again when they are next needed: a package was installed since."""
        self._outside = None


def _farrington_history(step: Step, chosen: Mapping[str, Any]) -> int:
    periods = int(chosen["frequency"] or (12 if step == "month" else 52))
    w = (1 if periods == 12 else 3) if chosen["w"] is None else int(chosen["w"])
    # Five years of dated weeks can hold one week more than five times 52.
    extra = -(-int(chosen["b"]) // 5) if step == "week" and chosen["frequency"] is None else 0
    return int(chosen["b"]) * periods + w + extra


def _farrington_memory(step: Step, chosen: Mapping[str, Any]) -> int | None:
    if step == "month" and chosen["variant"] != "published":
        return None  # R counts the days of months from the first of the series
    return max(_farrington_history(step, chosen), int(chosen["limit54_periods"] or 0))


def _ears_history(extra: int) -> Callable[[Step, Mapping[str, Any]], int]:
    return lambda _step, chosen: int(chosen["baseline"]) + extra


def _named(method: str, *parameters: tuple[str, Kind, Any, dict[str, Any]]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name, kind, default, f"stats.parameter.{method}.{name}", **rest)
        for name, kind, default, rest in parameters
    )


_FARRINGTON = _named(
    "farrington_flexible",
    ("alpha", "float", 0.005, {"above": 0, "below": 0.5}),
    ("threshold_method", "choice", "nbPlugin", {"choices": THRESHOLD_METHODS}),
    ("b", "int", 5, {"at_least": 1}),
    ("w", "int", None, {"optional": True, "at_least": 0}),
    ("n_periods", "int", 10, {"at_least": 1}),
    ("past_not_included", "int", None, {"optional": True, "at_least": 0}),
    ("limit54_cases", "int", 5, {"at_least": 0}),
    ("limit54_periods", "int", None, {"optional": True, "at_least": 1}),
    ("reweight", "bool", True, {}),
    ("weights_threshold", "float", 2.58, {"above": 0}),
    ("trend", "bool", True, {}),
    ("p_threshold_trend", "float", 1.0, {"above": 0, "at_most": 1}),
    ("power_transform", "choice", "2/3", {"choices": tuple(POWERS)}),
    ("frequency", "int", None, {"optional": True, "at_least": 2}),
    ("variant", "choice", "published", {"choices": VARIANTS}),
)


def _ears_parameters(threshold: float, *more: tuple[str, Kind, Any, dict[str, Any]]) -> tuple[Parameter, ...]:
    return _named(
        "ears",
        ("baseline", "int", 7, {"at_least": 3}),
        ("threshold", "float", threshold, {"above": 0}),
        ("alpha", "float", None, {"optional": True, "above": 0, "below": 0.5}),
        ("min_sigma", "float", 0.0, {"at_least": 0}),
        ("min_reported", "int", None, {"optional": True, "at_least": 3}),
        *more,
    )


_EARS_CITATION = (
    "Hutwagner L, Thompson W, Seeman GM, Treadwell T (2003). The bioterrorism preparedness and response Early "
    "Aberration Reporting System (EARS). J Urban Health 80(2 Suppl 1): i89-i96."
)


def _ears(name: str, function: Callable[..., Detection], title: str, extra: int, **more: Any) -> Method:
    return Method(
        name=name,
        function=function,
        title=title,
        title_key=f"stats.method.{name}",
        kinds=("count",),
        steps=("day", "week"),
        history=_ears_history(extra),
        looks_back=_ears_history(extra),
        citation=_EARS_CITATION,
        page="ears",
        **more,
    )


METHODS = MethodTable(
    (
        Method(
            name="farrington_flexible",
            function=farrington_flexible,
            title="Same season of past years, with trend and past outbreaks pulled down",
            title_key="stats.method.farrington_flexible",
            kinds=("count",),
            steps=("week", "month"),
            parameters=_FARRINGTON,
            history=_farrington_history,
            looks_back=_farrington_memory,
            citation=(
                "Noufaily A, Enki DG, Farrington P, Garthwaite P, Andrews N, Charlett A (2013). An improved "
                "algorithm for outbreak detection in multiple surveillance systems. Stat Med 32(7): 1206-1222."
            ),
            page="farrington_flexible",
            uses_dates=True,
            uses_population=True,
        ),
        _ears("ears_c1", ears_c1, "Seven periods just before", 0, parameters=_ears_parameters(3.0)),
        _ears("ears_c2", ears_c2, "Seven periods with a gap of two", 2, parameters=_ears_parameters(3.0)),
        _ears(
            "ears_c3", ears_c3, "Three periods together against their C2 baselines", 4,
            parameters=_ears_parameters(2.0, ("variant", "choice", "published", {"choices": VARIANTS})),
        ),
        Method(
            name="limit",
            function=limit,
            title="A fixed limit with duration and hysteresis",
            title_key="stats.method.limit",
            kinds=("count", "concentration", "level", "rate", "share"),
            steps=("day", "week", "month"),
            parameters=_named(
                "limit",
                ("limit", "float", REQUIRED, {}),
                ("direction", "choice", "above", {"choices": DIRECTIONS}),
                ("inclusive", "bool", False, {}),
                ("duration", "int", 1, {"at_least": 1}),
                ("hysteresis", "float", 0.0, {"at_least": 0}),
            ),
            # The first value decides: shorter than ``duration`` it is no alarm.
            history=lambda _step, _chosen: 0,
            citation="The standard or plan that sets the limit.",
            page="limit",
        ),
        anlan_entry(Method, _named),
        *seasonal_methods(Method, _named),
        *classic_methods(Method, _named),
    )
)  # fmt: skip
