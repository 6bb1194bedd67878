"""Entries of the seasonal methods, CIDARS and ``auto`` in the table of methods, which hands its types in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anlan.stats.counts.auto import LEAST_HISTORY, PREFERENCES, auto
from anlan.stats.counts.cidars import PERCENTILES, cidars_fixed, cidars_moving
from anlan.stats.counts.excess_mortality import BASELINES, excess_mortality
from anlan.stats.counts.mem import INTERVALS, mem
from anlan.stats.counts.periodic import MIN_YEARS, periodic_nb, periodic_poisson
from anlan.stats.counts.serfling import serfling

if TYPE_CHECKING:
    from anlan.stats.counts.methods import Method, Parameter, Step

_FREQUENCY = ("frequency", "int", None, {"optional": True, "at_least": 2})
_TREND: tuple[str, str, bool, dict[str, Any]] = ("trend", "bool", True, {})
_HARMONICS = ("harmonics", "int", 1, {"at_least": 0})
_MIN_YEARS = ("min_years", "int", 3, {"at_least": 1})
_ALL_YEARS = ("b", "int", None, {"optional": True, "at_least": 1})

_PERIODIC = (
    ("alpha", "float", 0.01, {"above": 0, "below": 0.5}),
    _HARMONICS,
    _TREND,
    _ALL_YEARS,
    ("min_years", "int", None, {"optional": True, "at_least": 1}),
    ("past_not_included", "int", 0, {"at_least": 0}),
    _FREQUENCY,
)
_MEM = (
    ("season_start", "int", 40, {"at_least": 1, "at_most": 52}),
    ("season_end", "int", 20, {"at_least": 1, "at_most": 52}),
    ("seasons", "int", 10, {"at_least": 2}),
    ("min_seasons", "int", 5, {"at_least": 2}),
    ("param", "float", 2.8, {"above": 0}),
    ("n_max", "int", None, {"optional": True, "at_least": 1}),
    ("level_threshold", "float", 0.95, {"at_least": 0.5, "below": 1}),
    ("intensity_medium", "float", 0.40, {"above": 0, "below": 1}),
    ("intensity_high", "float", 0.90, {"above": 0, "below": 1}),
    ("intensity_very_high", "float", 0.975, {"above": 0, "below": 1}),
    ("interval", "choice", "point", {"choices": INTERVALS}),
    _FREQUENCY,
)
_MOVING = (
    ("percentile", "float", 80.0, {"above": 0, "below": 100}),
    ("window", "int", None, {"optional": True, "at_least": 1}),
    ("blocks", "int", 2, {"at_least": 0}),
    ("b", "int", 5, {"at_least": 1}),
    _MIN_YEARS,
    ("definition", "choice", "linear", {"choices": PERCENTILES}),
    _FREQUENCY,
)
_SERFLING = (
    ("alpha", "float", 0.05, {"above": 0, "below": 0.5}),
    _HARMONICS,
    _TREND,
    _ALL_YEARS,
    _MIN_YEARS,
    ("exclude_share", "float", 0.15, {"at_least": 0, "below": 0.5}),
    _FREQUENCY,
)
_EXCESS = (
    ("z", "float", 2.0, {"above": 0}),
    ("baseline", "choice", "spring_autumn", {"choices": BASELINES}),
    ("b", "int", 5, {"at_least": 1}),
    _MIN_YEARS,
    _HARMONICS,
    _TREND,
    _FREQUENCY,
)

_BEDUBOURG = (
    "Bédubourg G, Le Strat Y (2017). Evaluation and comparison of statistical methods for early temporal detection of "
    "outbreaks: a simulation-based study. PLoS ONE 12(7): e0181227."
)
_YANG = (
    "Yang W, Li Z, Lan Y, et al. (2011). A nationwide web-based automated system for outbreak early detection and "
    "rapid response in China. Western Pac Surveill Response J 2(1): 10-15."
)


def _year(step: Step, chosen: Mapping[str, Any]) -> int:
    return int(chosen["frequency"] or {"day": 365, "week": 52, "month": 12}[step])


def _years_history(step: Step, chosen: Mapping[str, Any]) -> int:
    return int(chosen["min_years"]) * _year(step, chosen)


def _periodic_history(step: Step, chosen: Mapping[str, Any]) -> int:
    years = chosen["min_years"] or MIN_YEARS[bool(chosen["trend"])]
    return int(years) * _year(step, chosen) + int(chosen["past_not_included"])


def _years_memory(step: Step, chosen: Mapping[str, Any]) -> int | None:
    """All of the history where ``b`` is not given."""
    return None if chosen["b"] is None else int(chosen["b"]) * _year(step, chosen)


def _periodic_memory(step: Step, chosen: Mapping[str, Any]) -> int | None:
    years = _years_memory(step, chosen)
    return None if years is None else years + int(chosen["past_not_included"])


def _mem_seasons(seasons: int, chosen: Mapping[str, Any]) -> int:
    if chosen["frequency"]:
        return seasons * int(chosen["frequency"])
    # A dated series may begin just after the start of a season, and years may have 53 weeks.
    return (seasons + 1) * 53


def _mem_history(_step: Step, chosen: Mapping[str, Any]) -> int:
    return _mem_seasons(int(chosen["min_seasons"]), chosen)


def _mem_memory(_step: Step, chosen: Mapping[str, Any]) -> int:
    # The season under way comes on top of the complete ones, and one that was cut by the beginning.
    return _mem_seasons(int(chosen["seasons"]) + 2, chosen)


def _moving(step: Step, chosen: Mapping[str, Any], years: int) -> int:
    year = _year(step, chosen)
    window = int(chosen["window"] or (7 if year >= 365 else 1))
    window_and_blocks = (int(chosen["blocks"]) + 1) * window - 1
    # Dated years are up to one day in four years, or one week, longer than the positions of a year.
    longer = 0 if chosen["frequency"] else (years // 4 + 1 if step == "day" else 1)
    return years * year + window_and_blocks + longer


def _moving_history(step: Step, chosen: Mapping[str, Any]) -> int:
    return _moving(step, chosen, int(chosen["min_years"]))


def _moving_memory(step: Step, chosen: Mapping[str, Any]) -> int:
    return _moving(step, chosen, int(chosen["b"]))


def seasonal_methods(method: type[Method], named: Callable[..., tuple[Parameter, ...]]) -> tuple[Method, ...]:
    """The entries; ``named`` makes parameters from (name, kind, default, bounds)."""

    def entry(name: str, function: Any, title: str, kinds: str, steps: str, **more: Any) -> Method:
        return method(
            name=name, function=function, title=title, title_key=f"stats.method.{name}",
            kinds=tuple(kinds.split()), steps=tuple(steps.split()), **more,  # type: ignore[arg-type]
        )  # fmt: skip

    return (
        entry(
            "periodic_poisson", periodic_poisson, "Trend and season by Poisson regression on the whole history",
            "count", "week month", parameters=named("periodic", *_PERIODIC), history=_periodic_history,
            looks_back=_periodic_memory,
            citation=_BEDUBOURG, page="periodic", uses_dates=True, uses_population=True,
        ),
        entry(
            "periodic_nb", periodic_nb, "Trend and season on the whole history, negative-binomial limit",
            "count", "week month", parameters=named("periodic", *_PERIODIC), history=_periodic_history,
            looks_back=_periodic_memory,
            citation=_BEDUBOURG, page="periodic", uses_dates=True, uses_population=True,
        ),
        entry(
            "serfling", serfling, "Linear wave through the periods without an epidemic",
            "count rate share", "week month", parameters=named("serfling", *_SERFLING), history=_years_history,
            looks_back=_years_memory,
            citation="Serfling RE (1963). Methods for current statistical analysis of excess pneumonia-influenza "
            "deaths. Public Health Rep 78(6): 494-506.",
            page="serfling", uses_dates=True,
        ),
        entry(
            "excess_mortality", excess_mortality, "Deaths above the wave of the quiet weeks of spring and autumn",
            "count", "week month", parameters=named("excess_mortality", *_EXCESS), history=_years_history,
            looks_back=_years_memory,
            citation="Mazick A, Gergonne B, Nielsen J, et al. (2012). Excess mortality among the elderly in 12 "
            "European countries, February and March 2012. Euro Surveill 17(14): 20138.",
            page="excess_mortality", uses_dates=True, uses_population=True,
        ),
        entry(
            "mem", mem, "Start, end and intensity of a seasonal epidemic from past seasons",
            "rate count", "week", parameters=named("mem", *_MEM), history=_mem_history,
            looks_back=_mem_memory,
            citation="Vega T, Lozano JE, Meerhoff T, et al. (2013). Influenza surveillance in Europe: establishing "
            "epidemic thresholds by the moving epidemic method. Influenza Other Respir Viruses 7(4): 546-558.",
            page="mem", uses_dates=True,
        ),
        entry(
            "cidars_fixed", cidars_fixed, "A fixed number of cases, as for the severe diseases of CIDARS",
            "count", "day week month",
            parameters=named(
                "cidars", ("threshold", "int", 1, {"at_least": 1}), ("window", "int", 1, {"at_least": 1})
            ),
            history=lambda _step, _chosen: 0, looks_back=lambda _step, chosen: int(chosen["window"]) - 1,
            citation=_YANG, page="cidars",
        ),
        entry(
            "cidars_moving", cidars_moving, "The last days against a percentile of the same days of past years",
            "count", "day week", parameters=named("cidars", *_MOVING), history=_moving_history,
            looks_back=_moving_memory, citation=_YANG, page="cidars", uses_dates=True,
        ),
        entry(
            "auto", auto, "The method that fits the length of the history",
            "count", "day week month",
            parameters=named(
                "auto", ("alpha", "float", 0.005, {"above": 0, "below": 0.5}),
                ("prefer", "choice", "anlan", {"choices": PREFERENCES}), _FREQUENCY,
            ),
            history=lambda _step, _chosen: LEAST_HISTORY,
            citation="The rule of a European signal tool, and our measurement; the methods cite their own papers. See "
            "docs/methods/auto.md.",
            page="auto", uses_dates=True,
        ),
    )  # fmt: skip
