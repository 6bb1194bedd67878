"""Many series side by side, and one series as small as a word."""

from __future__ import annotations

from collections.abc import Sequence

from anlan.charts import _svg as svg
from anlan.charts._axis import Plot
from anlan.charts.curve import CurveData, epidemic_curve
from anlan.texts import DEFAULT_LANGUAGE, say


def small_multiples(
    panels: Sequence[CurveData], *, language: str = DEFAULT_LANGUAGE, width: int = 380, height: int = 190
) -> str:
    """Draw one small epidemic curve a series, in a grid that folds with the page.

    Each panel has its own scale, since series differ by powers of ten; its title stands in it. The explanation of the
    marks stands once, under the page's first chart, and not in the panels.

    Returns
    -------
    str
        A ``div`` of class ``chart-grid`` with one ``figure`` a panel.
    """
    figures = [
        svg.element(
            "figure",
            epidemic_curve(panel, language=language, width=width, height=height, legend=False, heading=True),
        )
        for panel in panels
    ]
    return svg.element("div", "".join(figures), class_="chart-grid")


def sparkline(
    values: Sequence[float | None],
    *,
    alarm: Sequence[bool] = (),
    language: str = DEFAULT_LANGUAGE,
    width: int = 120,
    height: int = 28,
    title: str = "",
) -> str:
    """Draw a series without axes: its shape, its gaps, its last value as a dot (accent if it is an alarm).

    The scale starts at 0 unless a value is below.
    """
    known = svg.finite(values)
    high = max([*known, 0.0]) or 1.0
    low = min([*known, 0.0])
    plot = Plot(4.0, 4.0, width - 8.0, height - 8.0, low, high, max(len(values), 1))
    path, dots = "", []
    for first, end in svg.runs([svg.present(value) for value in values]):
        points = [(plot.x(index + 0.5), plot.y(values[index] or 0.0)) for index in range(first, end)]
        path += "M" + "L".join(f"{svg.px(x)} {svg.px(y)}" for x, y in points)
        if len(points) == 1:
            dots.append(svg.element("circle", class_="dot plain", cx=points[0][0], cy=points[0][1], r=1.2))
    body = [svg.element("path", class_="line", d=path), *dots] if path else []
    last = len(values) - 1
    if values and svg.present(values[last]):
        found = bool(last < len(alarm) and alarm[last])
        x, y = plot.x(last + 0.5), plot.y(values[last] or 0.0)
        body.append(svg.element("circle", class_="dot" if found else "dot plain", cx=x, cy=y, r=2.6))
    if known:
        described = say(
            "charts.sparkline",
            language,
            first=svg.number(known[0], language),
            latest=svg.number(known[-1], language),
            highest=svg.number(max(known), language),
        )
    else:
        described = say("charts.empty", language)
    return svg.document(
        body,
        width=width,
        height=height,
        language=language,
        title=title or described,
        description=described,
        standalone=False,
    )
