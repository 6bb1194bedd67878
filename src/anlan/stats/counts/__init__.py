"""Detectors on count series, one method a module; every one takes many series at once.

Arrays have the shape (n_series, n_times), NaN is "not reported" (never zero), and every method returns a
``Detection``. ``METHODS`` lists the methods with their parameters, also those of other packages; ``begin`` and
``update`` run any of them period by period; ``engine`` says whether the compiled kernels do the work; ``check_detector``
runs the contract that all methods keep, and that a method of your own has to keep too.
"""

from __future__ import annotations

from anlan.stats.counts._fast import ENGINES, Engine, engine
from anlan.stats.counts.alarms import Alarms, alarms_only
from anlan.stats.counts.anlan_method import AnlanState, anlan_begin, anlan_detector, anlan_update
from anlan.stats.counts.auto import AUTO_CHOICES, AutoState, auto
from anlan.stats.counts.bayes import bayes1, bayes2, bayes3
from anlan.stats.counts.cdc import cdc
from anlan.stats.counts.check import check_detector
from anlan.stats.counts.cidars import cidars_fixed, cidars_moving
from anlan.stats.counts.cusum import cusum
from anlan.stats.counts.ears import ears_c1, ears_c2, ears_c3
from anlan.stats.counts.ewma import ewma
from anlan.stats.counts.excess_mortality import excess_mortality, total_excess
from anlan.stats.counts.farrington import farrington_flexible
from anlan.stats.counts.farrington_original import farrington_original
from anlan.stats.counts.glr import glr_nb, glr_poisson
from anlan.stats.counts.limits import limit
from anlan.stats.counts.mem import find_epidemic, mem, mem_model
from anlan.stats.counts.methods import (
    METHODS,
    REQUIRED,
    Method,
    MethodTable,
    Parameter,
    Step,
    method_named,
    outside_problems,
)
from anlan.stats.counts.outbreakp import outbreakp
from anlan.stats.counts.periodic import periodic_nb, periodic_poisson
from anlan.stats.counts.result import Detection, Reason
from anlan.stats.counts.rki import rki1, rki2, rki3
from anlan.stats.counts.rogerson import rogerson
from anlan.stats.counts.serfling import serfling
from anlan.stats.counts.streaming import State, begin, update

__all__ = [
    "AUTO_CHOICES",
    "ENGINES",
    "METHODS",
    "REQUIRED",
    "Alarms",
    "AnlanState",
    "AutoState",
    "Detection",
    "Engine",
    "Method",
    "MethodTable",
    "Parameter",
    "Reason",
    "State",
    "Step",
    "alarms_only",
    "anlan_begin",
    "anlan_detector",
    "anlan_update",
    "auto",
    "bayes1",
    "bayes2",
    "bayes3",
    "begin",
    "cdc",
    "check_detector",
    "cidars_fixed",
    "cidars_moving",
    "cusum",
    "ears_c1",
    "ears_c2",
    "ears_c3",
    "engine",
    "ewma",
    "excess_mortality",
    "farrington_flexible",
    "farrington_original",
    "find_epidemic",
    "glr_nb",
    "glr_poisson",
    "limit",
    "mem",
    "mem_model",
    "method_named",
    "outbreakp",
    "outside_problems",
    "periodic_nb",
    "periodic_poisson",
    "rki1",
    "rki2",
    "rki3",
    "rogerson",
    "serfling",
    "total_excess",
    "update",
]
