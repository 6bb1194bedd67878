"""What the author of a detector needs: the checks of arguments that the built-in methods use, and an empty result.

Names that stay: methods of other packages import them from here (docs/howto/new-detector.md). The checks raise
``ParameterError`` in the one form, with the name of the argument, what is accepted and what was given.
"""

from __future__ import annotations

from anlan.stats.counts._input import (
    Evaluate,
    as_choice,
    as_flag,
    as_number,
    as_population,
    as_positions,
    as_series,
    as_whole,
    parameter_error,
)
from anlan.stats.counts._windows import empty as empty_result
from anlan.stats.counts.anchors import TimeAxis, time_axis
from anlan.stats.counts.result import exceedance_score

__all__ = [
    "Evaluate",
    "TimeAxis",
    "as_choice",
    "as_flag",
    "as_number",
    "as_population",
    "as_positions",
    "as_series",
    "as_whole",
    "empty_result",
    "exceedance_score",
    "parameter_error",
    "time_axis",
]
