"""Entries of the classical methods and control charts in the table of methods, which hands its types in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anlan.stats.counts._incontrol import default_training
from anlan.stats.counts._input import VARIANTS
from anlan.stats.counts.bayes import bayes1, bayes2, bayes3
from anlan.stats.counts.cdc import cdc
from anlan.stats.counts.cusum import TRANSFORMS, cusum
from anlan.stats.counts.ewma import ewma
from anlan.stats.counts.farrington import POWERS
from anlan.stats.counts.farrington_original import farrington_original
from anlan.stats.counts.glr import CHANGES, DIRECTIONS, glr_nb, glr_poisson
from anlan.stats.counts.outbreakp import outbreakp
from anlan.stats.counts.rki import rki1, rki2, rki3
from anlan.stats.counts.rogerson import rogerson

if TYPE_CHECKING:
    from anlan.stats.counts.methods import Method, Parameter, Step

_Row = tuple[str, str, Any, dict[str, Any]]
_FREQUENCY: _Row = ("frequency", "int", None, {"optional": True, "at_least": 2})
_VARIANT: _Row = ("variant", "choice", "published", {"choices": VARIANTS})
_TRAINING: _Row = ("training", "int", None, {"optional": True, "at_least": 2})
_MEAN: _Row = ("mean", "float", None, {"optional": True, "above": 0})
_RESET: _Row = ("reset", "bool", False, {})

_FARRINGTON: tuple[_Row, ...] = (
    _FREQUENCY,
    ("b", "int", 5, {"at_least": 1}),
    ("w", "int", None, {"optional": True, "at_least": 0}),
    ("reweight", "bool", True, {}),
    ("weights_threshold", "float", 1.0, {"above": 0}),
    ("trend", "bool", True, {}),
    ("p_threshold_trend", "float", 0.05, {"above": 0, "at_most": 1}),
    ("alpha", "float", 0.01, {"above": 0, "below": 1}),
    ("power_transform", "choice", "2/3", {"choices": tuple(POWERS)}),
    ("limit54_cases", "int", 5, {"at_least": 0}),
    ("limit54_periods", "int", None, {"optional": True, "at_least": 1}),
    _VARIANT,
)
_CDC: tuple[_Row, ...] = (
    _FREQUENCY,
    ("b", "int", 5, {"at_least": 1}),
    ("m", "int", 1, {"at_least": 0}),
    ("periods", "int", None, {"optional": True, "at_least": 1}),
    ("alpha", "float", 0.025, {"above": 0, "below": 1}),
    _VARIANT,
)
_CUSUM: tuple[_Row, ...] = (
    _FREQUENCY,
    _TRAINING,
    _MEAN,
    ("season", "bool", False, {}),
    ("transform", "choice", "rossi", {"choices": TRANSFORMS}),
    ("k", "float", 1.04, {"at_least": 0}),
    ("h", "float", 2.26, {"above": 0}),
    ("overdispersion", "float", 0.1, {"above": 0}),
    _RESET,
    _VARIANT,
)
_GLR: tuple[_Row, ...] = (
    ("harmonics", "int", 1, {"at_least": 0, "at_most": 6}),
    ("trend", "bool", False, {}),
    ("refit", "bool", False, {}),
    ("change", "choice", "intercept", {"choices": CHANGES}),
    ("direction", "choice", "increase", {"choices": DIRECTIONS}),
    ("theta", "float", None, {"optional": True}),
    ("threshold", "float", 5.0, {"above": 0}),
    ("window", "int", None, {"optional": True, "at_least": 1}),
    ("min_window", "int", 1, {"at_least": 1}),
    _VARIANT,
)
_ROGERSON: tuple[_Row, ...] = (
    _FREQUENCY,
    _TRAINING,
    _MEAN,
    ("season", "bool", True, {}),
    ("arl0", "float", 500.0, {"above": 1}),
    ("s", "float", 1.0, {"above": 0}),
    ("fast_start", "bool", False, {}),
    ("limit", "float", None, {"optional": True, "above": 0}),
    ("digits", "int", 1, {"at_least": 0, "at_most": 2}),
    _VARIANT,
)
_EWMA: tuple[_Row, ...] = (
    _FREQUENCY,
    _TRAINING,
    _MEAN,
    ("season", "bool", False, {}),
    ("lam", "float", 0.3, {"above": 0, "at_most": 1}),
    ("arl0", "float", 500.0, {"above": 1, "at_most": 1e5}),
    ("width", "float", None, {"optional": True, "above": 0}),
    ("dispersion", "float", 1.0, {"at_least": 1}),
    _RESET,
)
_HOEHLE = "Höhle M (2007). surveillance: an R package for the monitoring of infectious diseases. Comput Stat 22(4): 571-582."
_HOEHLE_PAUL = (
    "Höhle M, Paul M (2008). Count data regression charts for the monitoring of surveillance time series. Comput Stat "
    "Data Anal 52(9): 4357-4368."
)


def _a_year(step: Step, chosen: Mapping[str, Any]) -> int:
    return int(chosen["frequency"] or (12 if step == "month" else 52))


def _long_weeks(step: Step, chosen: Mapping[str, Any]) -> int:
    """Five years of dated weeks can hold one week more than five times 52."""
    return -(-int(chosen["b"]) // 5) if step == "week" and chosen["frequency"] is None else 0


def _window_history(step: Step, chosen: Mapping[str, Any]) -> int:
    width = (1 if _a_year(step, chosen) == 12 else 3) if chosen["w"] is None else int(chosen["w"])
    return int(chosen["b"]) * _a_year(step, chosen) + width + _long_weeks(step, chosen)


def _window_memory(step: Step, chosen: Mapping[str, Any]) -> int | None:
    if step == "month" and chosen["variant"] != "published":
        return None  # R counts the days of months from the first of the series
    return max(_window_history(step, chosen), int(chosen.get("limit54_periods") or 0))


def _cdc_history(step: Step, chosen: Mapping[str, Any]) -> int:
    year = _a_year(step, chosen)
    length = int(chosen["periods"] or (1 if year == 12 else 4))
    return int(chosen["b"]) * year + (int(chosen["m"]) + 1) * length - 1 + _long_weeks(step, chosen)


def _chart_history(step: Step, chosen: Mapping[str, Any]) -> int:
    if chosen["training"] is not None:
        return int(chosen["training"])
    return default_training(_a_year(step, chosen), is_known=chosen["mean"] is not None)


def classic_methods(method: type[Method], named: Callable[..., tuple[Parameter, ...]]) -> tuple[Method, ...]:
    """The entries; ``named`` makes parameters from (name, kind, default, bounds)."""

    def entry(function: Callable[..., Any], title: str, **more: Any) -> Method:
        name = function.__name__
        given: dict[str, Any] = {
            "steps": ("week", "month"), "history": _chart_history, "page": name, "uses_dates": True,
        }  # fmt: skip
        if "history" in more and not function.__name__.startswith("outbreakp"):
            given["looks_back"] = _window_memory if more["history"] is _window_history else more["history"]
        return method(
            name=name, function=function, title=title, title_key=f"stats.method.{name}", kinds=("count",),
            **(given | more),
        )  # fmt: skip

    def window(function: Callable[..., Any], title: str, b: int, w: int, *more: Any) -> Method:
        family = function.__name__[:-1]
        is_third = function.__name__.endswith("3")
        least = {"bayes": 0 if is_third else 1, "rki": 1 if is_third else 2}[family]
        parameters = named(
            family, _FREQUENCY, ("b", "int", b, {"at_least": int(is_third)}), ("w", "int", w, {"at_least": least}),
            *more, _VARIANT,
        )  # fmt: skip
        return entry(
            function, title, steps=("week",), parameters=parameters, history=_window_history, page=family,
            citation=_HOEHLE,
        )  # fmt: skip

    alpha = ("alpha", "float", 0.05, {"above": 0, "below": 0.5})
    charts = (_FREQUENCY, _TRAINING, _MEAN)
    overdispersion = ("overdispersion", "float", None, {"optional": True, "above": 0})
    return (
        entry(
            farrington_original, "Same weeks of past years, with a significant trend", uses_population=True,
            parameters=named("farrington_original", *_FARRINGTON), history=_window_history,
            citation=(
                "Farrington CP, Andrews NJ, Beale AD, Catchpole MA (1996). A statistical algorithm for the early "
                "detection of outbreaks of infectious disease. J R Stat Soc A 159(3): 547-563."
            ),
        ),
        entry(
            cdc, "Four weeks together against the same months of past years", parameters=named("cdc", *_CDC),
            history=_cdc_history,
            citation=(
                "Stroup DF, Williamson GD, Herndon JL, Karon JM (1989). Detection of aberrations in the occurrence of "
                "notifiable diseases surveillance data. Stat Med 8: 323-329."
            ),
        ),
        window(rki1, "Six weeks just before, tabulated limit", 0, 6),
        window(rki2, "Six weeks before and the season of last year, tabulated limit", 1, 6),
        window(rki3, "The season of the last two years, tabulated limit", 2, 4),
        window(bayes1, "Six weeks just before, predictive distribution", 0, 6, alpha),
        window(bayes2, "Six weeks before and the season of last year, predictive distribution", 1, 6, alpha),
        window(bayes3, "The season of the last two years, predictive distribution", 2, 4, alpha),
        entry(
            cusum, "Small lasting rises added up", parameters=named("cusum", *_CUSUM),
            citation=(
                "Rossi G, Lampugnani L, Marchi M (1999). An approximate CUSUM procedure for surveillance of health "
                "events. Stat Med 18: 2111-2122."
            ),
        ),
        entry(
            ewma, "A smoothed level", parameters=named("ewma", *_EWMA),
            citation="Borror CM, Champ CW, Rigdon SE (1998). Poisson EWMA control charts. J Qual Technol 30(4): 352-361.",
        ),
        entry(
            glr_poisson, "Beginning and size of a change that explain the counts best (Poisson)", page="glr",
            parameters=named("glr", *charts, *_GLR), citation=_HOEHLE_PAUL,
        ),
        entry(
            glr_nb, "Beginning and size of a change that explain the counts best (negative binomial)", page="glr",
            parameters=named("glr", *charts, overdispersion, *_GLR), citation=_HOEHLE_PAUL,
        ),
        entry(
            outbreakp, "Has a rise of any shape begun?", steps=("day", "week", "month"), uses_dates=False,
            parameters=named(
                "outbreakp", ("k", "float", 100.0, {"above": 1}), ("min_history", "int", 8, {"at_least": 0}), _VARIANT
            ),
            # A first value has nothing to be compared with, whatever ``min_history``.
            history=lambda _step, chosen: max(int(chosen["min_history"]), 1),
            citation=(
                "Frisén M, Andersson E, Schiöler L (2009). Robust outbreak surveillance of epidemics in Sweden. Stat "
                "Med 28(3): 476-493."
            ),
        ),
        entry(
            rogerson, "Lasting rises added up, with a reference that follows the season",
            parameters=named("rogerson", *_ROGERSON),
            citation=(
                "Rogerson PA, Yamada I (2004). Approaches to syndromic surveillance when data consist of small "
                "regional counts. MMWR 53(Suppl): 79-85."
            ),
        ),
    )  # fmt: skip
