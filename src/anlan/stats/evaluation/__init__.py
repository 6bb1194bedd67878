"""Simulation, back-test measures and alarm budgets: what a method is worth, and what a desk can work off.

``simulate_noufaily`` makes the 42 scenarios of the published comparison, ``inject_outbreaks`` puts outbreaks into real
series; both give ``PairedSeries``. ``run_method`` runs a method on them, ``measure`` counts, ``compare_at_own_rates``
compares at equal rates of false alarms, ``roc`` and ``delay_curve`` draw on scores. ``alarm_budget`` chooses K signals a
week.
"""

from __future__ import annotations

from anlan.stats.evaluation.budget import Budget, alarm_budget, benjamini_hochberg
from anlan.stats.evaluation.curves import (
    DEFAULT_RATES,
    CurvePoint,
    Scores,
    at_rate,
    delay_curve,
    roc,
    threshold_at,
)
from anlan.stats.evaluation.injection import inject_outbreaks
from anlan.stats.evaluation.measures import MEASURES, Estimate, Performance, Ratio, measure
from anlan.stats.evaluation.noufaily import SCENARIOS, Scenario, simulate_noufaily
from anlan.stats.evaluation.paired import PairedSeries
from anlan.stats.evaluation.runs import (
    COMPARED,
    Comparison,
    Run,
    comparable_methods,
    compare_at_own_rates,
    run_method,
)

__all__ = [
    "COMPARED",
    "DEFAULT_RATES",
    "MEASURES",
    "SCENARIOS",
    "Budget",
    "Comparison",
    "CurvePoint",
    "Estimate",
    "PairedSeries",
    "Performance",
    "Ratio",
    "Run",
    "Scenario",
    "Scores",
    "alarm_budget",
    "at_rate",
    "benjamini_hochberg",
    "comparable_methods",
    "compare_at_own_rates",
    "delay_curve",
    "inject_outbreaks",
    "measure",
    "roc",
    "run_method",
    "simulate_noufaily",
    "threshold_at",
]
