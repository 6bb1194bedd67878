"""Simulation, back-test measures and alarm budgets: what a method is worth, and what a desk can work off.

``simulate_noufaily`` makes the 42 scenarios of the published comparison, ``inject_outbreaks`` puts outbreaks into real
series; both give ``PairedSeries``. ``run_method`` runs a method on them, ``measure`` counts, ``compare_at_own_rates``
compares at equal rates of false alarms, ``roc`` and ``delay_curve`` draw on scores; ``measure_part`` and ``pool_parts`` do
so on designs too large for one array. ``simulate_county_days`` and ``on_stated_terms`` ask what a system costs a county
for a sensitivity that must be kept. ``alarm_budget`` chooses K signals a week.
"""

from __future__ import annotations

from anlan.stats.evaluation.budget import Budget, alarm_budget, benjamini_hochberg
from anlan.stats.evaluation.county import DISEASES, CountyDays, simulate_county_days
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
from anlan.stats.evaluation.parts import WHOLE_DESIGN_PARTS, measure_part, pool_parts
from anlan.stats.evaluation.runs import (
    COMPARED,
    Comparison,
    Run,
    comparable_methods,
    compare_at_own_rates,
    run_method,
)
from anlan.stats.evaluation.terms import (
    TERMS,
    StatedTerms,
    on_stated_terms,
    outbreak_scores,
    threshold_for_sensitivity,
)

__all__ = [
    "COMPARED",
    "DEFAULT_RATES",
    "DISEASES",
    "MEASURES",
    "SCENARIOS",
    "TERMS",
    "WHOLE_DESIGN_PARTS",
    "Budget",
    "Comparison",
    "CountyDays",
    "CurvePoint",
    "Estimate",
    "PairedSeries",
    "Performance",
    "Ratio",
    "Run",
    "Scenario",
    "Scores",
    "StatedTerms",
    "alarm_budget",
    "at_rate",
    "benjamini_hochberg",
    "comparable_methods",
    "compare_at_own_rates",
    "delay_curve",
    "inject_outbreaks",
    "measure",
    "measure_part",
    "on_stated_terms",
    "outbreak_scores",
    "pool_parts",
    "roc",
    "run_method",
    "simulate_county_days",
    "simulate_noufaily",
    "threshold_at",
    "threshold_for_sensitivity",
]
