"""The entry of ``anlan_detector`` in the table of methods. The table hands its types in, so that neither imports the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anlan.stats.counts.anlan_method import MIN_YEARS, WEEKS_A_YEAR, anlan_detector

if TYPE_CHECKING:
    from anlan.stats.counts.methods import Method, Parameter, Step


def _history(step: Step, chosen: Mapping[str, Any]) -> int:
    year = 12.0 if step == "month" else float(chosen["frequency"] or WEEKS_A_YEAR)
    return math.ceil(MIN_YEARS * year)


def anlan_entry(method: type[Method], named: Callable[..., tuple[Parameter, ...]]) -> Method:
    """The entry; ``named`` makes parameters from (name, kind, default, bounds)."""
    return method(
        name="anlan",
        function=anlan_detector,
        title="Season and trend, a local level where needed, and the period before remembered",
        title_key="stats.method.anlan",
        kinds=("count",),
        steps=("week", "month"),
        parameters=named(
            "anlan",
            ("alpha", "float", 0.01, {"above": 0, "below": 0.5}),
            ("years", "int", 5, {"at_least": MIN_YEARS, "at_most": 30}),
            ("memory", "float", 0.2, {"at_least": 0, "at_most": 1}),
            ("slow", "bool", False, {}),
            ("frequency", "int", None, {"optional": True, "at_least": 2}),
        ),
        history=_history,
        citation=(
            "Designed and measured for anlan on the simulated design of Noufaily A et al. (2013), Stat Med 32(7): "
            "1206-1222; see docs/methods/anlan.md."
        ),
        page="anlan",
        uses_dates=True,
    )
