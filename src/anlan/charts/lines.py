"""The line chart: concentrations, levels and indices against their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anlan.charts import _svg as svg
from anlan.charts._axis import Plot, label_room, period_axis, value_grid, value_ticks
from anlan.texts import DEFAULT_LANGUAGE, say

_MOST_DOTS = 60


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line. The first of a chart is the main one, the others stand back."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A horizontal line that must not be crossed, with its name (``warning level 24.5 m``)."""

    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class LineData:
    """Lines over the same periods, None where there is no value; ``alarm`` flags periods of the main line.

    ``from_zero`` is right for concentrations and indices; water levels have no zero that means anything.
    """

    periods: Sequence[str]
    lines: Sequence[Line]
    limits: Sequence[Limit] = ()
    alarm: Sequence[bool] = ()
    title: str = ""
    unit: str = ""
    note: str = ""
    from_zero: bool = True

    def __post_init__(self) -> None:
        for line in self.lines:
            svg.check_length(line.name, line.values, len(self.periods), may_be_empty=False)
        svg.check_length("alarm", self.alarm, len(self.periods))


def line_chart(
    data: LineData,
    *,
    language: str = DEFAULT_LANGUAGE,
    width: int = 960,
    height: int = 240,
    standalone: bool = False,
) -> str:
    """Draw lines with limits. Lines end where data end and are never carried over a gap.

    Parameters
    ----------
    data : LineData
    language : {"zh", "en"}
    width, height : int
        Size in CSS pixels.
    standalone : bool, default False
        Carry the style sheet and a background, for a file of its own.

    Returns
    -------
    str
        One ``svg`` element.
    """
    known = [value for line in data.lines for value in svg.finite(line.values)]
    values = [*known, *(limit.value for limit in data.limits)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    marks = value_ticks(low, high, height - 66.0, from_zero=data.from_zero)
    ends = _ends(data, language)
    room = max((svg.text_width(said) for _, said, _ in ends), default=0.0) + 18
    right = min(room, width * 0.34)
    left = 8 + label_room(marks, language)
    plot = Plot(left, 30.0, width - left - right, height - 66.0, marks[0], marks[-1], len(data.periods))
    body = []
    if data.unit:
        body.append(
            svg.text(0, 13, svg.shortened(data.unit, width * (0.6 if data.note else 1.0)), class_="unit")
        )
    if data.note:
        body.append(svg.text(width, 13, svg.shortened(data.note, width * 0.38), anchor="end"))
    if not known:
        body.append(svg.text(width / 2, height / 2, say("charts.empty", language), anchor="middle"))
    else:
        body += [*_gaps(plot, data, language), *value_grid(plot, marks, language), *_limits(plot, data)]
        body += [
            part for place, line in reversed(list(enumerate(data.lines))) for part in _line(plot, line, place)
        ]
        body += [*_alarms(plot, data), *period_axis(plot, data.periods, language)]
        body += _end_labels(plot, ends, right - 12)
    return svg.document(
        body,
        width=width,
        height=height,
        language=language,
        title=data.title or say("charts.line", language),
        description=_describe(data, language),
        standalone=standalone,
    )


def _describe(data: LineData, language: str) -> str:
    main = data.lines[0].values if data.lines else ()
    known = svg.finite(main)
    if not known:
        return say("charts.empty", language)
    limits = "; ".join(f"{limit.name} {svg.number(limit.value, language)}" for limit in data.limits)
    return say(
        "charts.describe_line",
        language,
        unit=data.unit or data.lines[0].name,
        first=data.periods[0],
        last=data.periods[-1],
        n=len(data.periods),
        lowest=svg.number(min(known), language),
        highest=svg.number(max(known), language),
        latest=svg.number(known[-1], language),
        limits=limits or say("charts.none", language),
        gaps=len(main) - len(known),
    )


def _gaps(plot: Plot, data: LineData, language: str) -> list[str]:
    """Where no line has a value; the words stand there when they fit."""
    out = []
    silent = [not any(svg.present(line.values[index]) for line in data.lines) for index in range(plot.n)]
    words = say("charts.no_data", language)
    for first, end in svg.runs(silent):
        x, wide = plot.x(first), (end - first) * plot.band
        out.append(
            svg.element("rect", class_="gap", x=x, y=float(plot.top), width=wide, height=float(plot.height))
        )
        if wide >= svg.text_width(words) + 6:
            out.append(svg.text(x + wide / 2, plot.bottom - 8, words, anchor="middle"))
    return out


def _limits(plot: Plot, data: LineData) -> list[str]:
    path = "".join(
        f"M{svg.px(plot.left)} {svg.px(plot.y(limit.value))}H{svg.px(plot.right)}" for limit in data.limits
    )
    return [svg.element("path", class_="bound", d=path)] if path else []


def _line(plot: Plot, line: Line, place: int) -> list[str]:
    path, dots = "", []
    for first, end in svg.runs([svg.present(value) for value in line.values]):
        points = [(plot.x(index + 0.5), plot.y(line.values[index] or 0.0)) for index in range(first, end)]
        path += "M" + "L".join(f"{svg.px(x)} {svg.px(y)}" for x, y in points)
        # A value between two gaps has no line to be part of.
        if len(points) == 1 or (place == 0 and plot.n <= _MOST_DOTS):
            dots += points
    class_ = ("line main", "line", "line second")[min(place, 2)]
    marks = [svg.element("circle", class_="dot plain", cx=x, cy=y, r=2.2) for x, y in dots]
    halo = [svg.element("path", class_="halo", d=path)] if place == 0 and path else []
    return [*halo, svg.element("path", class_=class_, d=path), *marks] if path else []


def _alarms(plot: Plot, data: LineData) -> list[str]:
    out = []
    main = data.lines[0].values if data.lines else ()
    for index, alarm in enumerate(data.alarm):
        value = main[index]
        if alarm and value is not None and svg.present(value):
            x, y = plot.x(index + 0.5), plot.y(value)
            out.append(svg.element("circle", class_="ring", cx=x, cy=y, r=4.5))
            out.append(svg.element("circle", class_="dot", cx=x, cy=y, r=1.8))
    return out


def _ends(data: LineData, language: str) -> list[tuple[float, str, str]]:
    out = []
    for place, line in enumerate(data.lines):
        known = svg.finite(line.values)
        if not known:
            continue
        silent = not svg.present(line.values[-1])
        said = say("charts.no_data", language) if silent else svg.number(known[-1], language)
        out.append((known[-1], f"{line.name} {said}", "end strong" if place == 0 else "end"))
    out += [
        (limit.value, f"{limit.name} {svg.number(limit.value, language)}", "end quiet")
        for limit in data.limits
    ]
    return out


def _end_labels(plot: Plot, ends: Sequence[tuple[float, str, str]], room: float) -> list[str]:
    heights = svg.apart([plot.y(value) + 4 for value, _, _ in ends], 16.0, plot.top + 4, plot.bottom + 2)
    return [
        svg.text(plot.right + 8, y, svg.shortened(said, room), class_=class_)
        for y, (_, said, class_) in zip(heights, ends, strict=True)
    ]
