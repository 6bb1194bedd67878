"""From a signal to a level: what people make of signals, and how likely and how bad they judge it to be.

Triage (new, verified, dismissed, merged) and risk assessment by a 5 × 5 matrix that is data. The level that comes out
is what a warning is drafted at; the warning itself belongs to another room.
"""

from anlan.assessment._matrices import DEFAULT_MATRIX, builtin_matrices
from anlan.assessment.actions import (
    assess,
    dismiss,
    merge,
    open_triage,
    reopen,
    revise_assessment,
    set_matrix,
    signal_went_on,
    verify_signal,
)
from anlan.assessment.queries import (
    assessment,
    assessment_history,
    assessments,
    matrices,
    matrix,
    triage_counts,
    triage_history,
    triage_of,
    triages,
    waiting,
)
from anlan.assessment.types import Assessment, Matrix, SignalFacts, Triage

__all__ = [
    "DEFAULT_MATRIX",
    "Assessment",
    "Matrix",
    "SignalFacts",
    "Triage",
    "assess",
    "assessment",
    "assessment_history",
    "assessments",
    "builtin_matrices",
    "dismiss",
    "matrices",
    "matrix",
    "merge",
    "open_triage",
    "reopen",
    "revise_assessment",
    "set_matrix",
    "signal_went_on",
    "triage_counts",
    "triage_history",
    "triage_of",
    "triages",
    "verify_signal",
    "waiting",
]
