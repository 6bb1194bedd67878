"""Pictures of series as plain SVG: for the command line, for pages without scripts, for print.

No chart here needs more than the standard library (``to_matplotlib`` draws the same curves where matplotlib is
installed). A chart is a string; it carries a title and a description for
people who do not see it, takes its colours from CSS custom properties (``style_sheet``), and scales with its
``viewBox``. ``standalone=True`` adds the style sheet, for a file of its own. No ``style`` attribute is written, so a
page with a strict content security policy can hold the charts.

What belongs here: drawing. What does not: deciding what is an alarm, and maps.
"""

from __future__ import annotations

from anlan.charts._svg import escape, number
from anlan.charts.curve import CurveData, epidemic_curve
from anlan.charts.detections import curves_of
from anlan.charts.lines import Limit, Line, LineData, line_chart
from anlan.charts.mpl import to_matplotlib
from anlan.charts.multiples import small_multiples, sparkline
from anlan.charts.picture import Picture
from anlan.charts.style import style_sheet

__all__ = [
    "CurveData",
    "Limit",
    "Line",
    "LineData",
    "Picture",
    "curves_of",
    "epidemic_curve",
    "escape",
    "line_chart",
    "number",
    "small_multiples",
    "sparkline",
    "style_sheet",
    "to_matplotlib",
]
