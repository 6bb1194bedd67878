"""Detectors on count series, one method a module; every one takes many series at once.

Arrays have the shape (n_series, n_times), NaN is "not reported" (never zero), and every method returns a
``Detection``. ``METHODS`` lists the methods with their parameters; ``check_detector`` runs the contract that all of
them keep, and that a method of your own has to keep too.
"""

from __future__ import annotations

from anlan.stats.counts.anlan_method import AnlanState, anlan_detector, anlan_start, anlan_update
from anlan.stats.counts.check import check_detector
from anlan.stats.counts.ears import ears_c1, ears_c2, ears_c3
from anlan.stats.counts.farrington import farrington_flexible
from anlan.stats.counts.limits import limit
from anlan.stats.counts.methods import METHODS, REQUIRED, Method, Parameter, method_named
from anlan.stats.counts.result import Detection, Reason

__all__ = [
    "METHODS",
    "REQUIRED",
    "AnlanState",
    "Detection",
    "Method",
    "Parameter",
    "Reason",
    "anlan_detector",
    "anlan_start",
    "anlan_update",
    "check_detector",
    "ears_c1",
    "ears_c2",
    "ears_c3",
    "farrington_flexible",
    "limit",
    "method_named",
]
