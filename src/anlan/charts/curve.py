"""The epidemic curve: what was observed, what was expected, how much would be too much, and what is still coming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anlan.charts import _svg as svg
from anlan.charts._axis import Plot, axis_height, label_room, period_axis, value_grid, value_ticks
from anlan.texts import DEFAULT_LANGUAGE, say

_WIDE = 560  # from here on labels stand at the right end; below, in the legend


@dataclass(frozen=True, kw_only=True)
class CurveData:
    """One series, ready to draw. All sequences are empty or as long as ``periods``; None is "no value".

    Parameters
    ----------
    periods : sequence of str
        ``2024-W07``, ``2024-07``, ``2024-07-05`` or ``2024-07-05 08:00``, without holes; other texts are written as
        they are.
    observed : sequence of float or None
        None is a period without a report: shown as such, never bridged.
    expected, upper : sequence of float or None
        Expected count, and the bound above which a count is too many.
    alarm : sequence of bool
        Periods that a rule found.
    provisional : sequence of bool
        Periods for which reports are still coming.
    estimate, estimate_low, estimate_high : sequence of float or None
        What the count will probably be when all reports are in, and its interval.
    title, unit, note : str
        Name of the series; unit and date basis for the first line; a remark for its right end.
    """

    periods: Sequence[str]
    observed: Sequence[float | None]
    expected: Sequence[float | None] = ()
    upper: Sequence[float | None] = ()
    alarm: Sequence[bool] = ()
    provisional: Sequence[bool] = ()
    estimate: Sequence[float | None] = ()
    estimate_low: Sequence[float | None] = ()
    estimate_high: Sequence[float | None] = ()
    title: str = ""
    unit: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for name in (
            "observed", "expected", "upper", "alarm", "provisional", "estimate", "estimate_low", "estimate_high",
        ):  # fmt: skip
            svg.check_length(name, getattr(self, name), len(self.periods), may_be_empty=name != "observed")


def epidemic_curve(
    points: CurveData,
    *,
    language: str = DEFAULT_LANGUAGE,
    width: int = 960,
    height: int = 260,
    standalone: bool = False,
    legend: bool = True,
    heading: bool = False,
) -> str:
    """Draw one series as an epidemic curve.

    Grey bars; a bar that a rule found in the accent colour with a ring; expected as a solid line, the bound as a
    dashed step; late periods on a tint, their estimate hatched with whiskers; gaps marked and named. The axis starts
    at 0. From 560 px on the last values are named at the right end.

    Parameters
    ----------
    points : CurveData
    language : {"zh", "en"}
    width, height : int
        Size in CSS pixels; the picture scales down with its container.
    standalone : bool, default False
        Carry the style sheet and a background, for a file of its own.
    legend : bool, default True
        Explain the marks under the chart.
    heading : bool, default False
        Write the title into the picture, for small multiples in one file.

    Returns
    -------
    str
        One ``svg`` element.
    """
    marks = value_ticks(0.0, _top(points), height - 70.0, from_zero=True, whole=_is_whole(points))
    ends = _ends(points, language) if width >= _WIDE else []
    right = max((svg.text_width(said) for _, said, _ in ends), default=0.0) + 18 if ends else 10.0
    left = svg.text_width("0") + 4 + label_room(marks, language)
    above = 30.0 if heading and points.title else 8.0
    entries = _legend_entries(points, language, with_lines=not ends) if legend else []
    rows = _legend_rows(entries, left, float(width))
    top = above + 22.0
    across = width - left - right
    below = axis_height(points.periods, across) + 18.0 * len(rows)
    plot = Plot(left, top, across, height - top - below, marks[0], marks[-1], len(points.periods))
    body = [*_heading(points, width, above, heading)]
    if not points.periods:
        body.append(svg.text(width / 2, height / 2, say("charts.empty", language), anchor="middle"))
    else:
        name = svg.identifier(points, language, width, height)
        body += [*_backgrounds(plot, points, language), *value_grid(plot, marks, language)]
        found, rings = _alarms(plot, points, language)
        body += [*_bars(plot, points, name), *found, *_lines(plot, points), *_whiskers(plot, points), *rings]
        body += period_axis(plot, points.periods, language)
        body += _end_labels(plot, ends)
        body += _legend(rows, name, height - 18.0 * len(rows) + 10)
    return svg.document(
        body,
        width=width,
        height=height,
        language=language,
        title=points.title or say("charts.curve", language),
        description=describe(points, language),
        standalone=standalone,
    )


def describe(points: CurveData, language: str) -> str:
    """The picture in one or two sentences, for people who do not see it."""
    if not points.periods:
        return say("charts.empty", language)
    gaps = sum(not svg.present(value) for value in points.observed)
    found = [period for period, alarm in zip(points.periods, points.alarm, strict=False) if alarm]
    said = say(
        "charts.describe",
        language,
        unit=points.unit or say("charts.observed", language),
        first=points.periods[0],
        last=points.periods[-1],
        n=len(points.periods),
        highest=svg.number(max(svg.finite(points.observed), default=None), language),
        gaps=gaps,
        alarms=len(found),
    )
    if found:
        return said + say("charts.describe_last_alarm", language, period=found[-1])
    return said


def _at(values: Sequence[float | None], index: int) -> float | None:
    value = values[index] if index < len(values) else None
    return value if svg.present(value) else None


def _top(points: CurveData) -> float:
    shown = [points.observed, points.expected, points.upper, points.estimate, points.estimate_high]
    return max((value for values in shown for value in svg.finite(values)), default=1.0) or 1.0


def _is_whole(points: CurveData) -> bool:
    return all(value == int(value) for value in svg.finite(points.observed))


def _heading(points: CurveData, width: int, above: float, heading: bool) -> list[str]:
    out = []
    if heading and points.title:
        shown = svg.shortened(points.title, width - 8.0)
        out.append(svg.text(0, 14, shown, class_="head"))
    note_width = svg.text_width(points.note) + 16 if points.note else 0.0
    if points.unit:
        out.append(svg.text(0, above + 5, svg.shortened(points.unit, width - note_width), class_="unit"))
    if points.note:
        out.append(svg.text(width, above + 5, svg.shortened(points.note, width * 0.7), anchor="end"))
    return out


def _backgrounds(plot: Plot, points: CurveData, language: str) -> list[str]:
    """Tint under periods that are still coming; a sunk column, a cross and the words where there is no report."""
    out = []
    for first, end in svg.runs(list(points.provisional)):
        out.append(_column(plot, first, end, "coming"))
    crosses = ""
    for first, end in svg.runs([not svg.present(value) for value in points.observed]):
        out.append(_column(plot, first, end, "gap"))
        middle, size = plot.x((first + end) / 2), min(3.5, max(1.5, (end - first) * plot.band / 2 - 0.5))
        y = plot.bottom - 7
        crosses += (
            f"M{svg.px(middle - size)} {svg.px(y - size)}l{svg.px(2 * size)} {svg.px(2 * size)}"
            f"m0 {svg.px(-2 * size)}l{svg.px(-2 * size)} {svg.px(2 * size)}"
        )
        words = say("charts.no_data", language)
        if (end - first) * plot.band >= svg.text_width(words) + 6:
            out.append(svg.text(middle, plot.top + 14, words, anchor="middle"))
    return [*out, svg.element("path", class_="cross", d=crosses)] if crosses else out


def _column(plot: Plot, first: int, end: int, class_: str) -> str:
    return svg.element(
        "rect",
        class_=class_,
        x=plot.x(first),
        y=float(plot.top),
        width=(end - first) * plot.band,
        height=float(plot.height),
    )


def _bar_path(plot: Plot, index: int, low: float, high: float) -> str:
    share = 0.78 if plot.band >= 5 else 0.88 if plot.band >= 2 else 1.0
    wide = plot.band * share
    x = plot.x(index + 0.5) - wide / 2
    y, base = plot.y(high), plot.y(low)
    return f"M{svg.px(x)} {svg.px(base)}V{svg.px(y)}h{svg.px(wide)}V{svg.px(base)}z"


def _bars(plot: Plot, points: CurveData, name: str) -> list[str]:
    plain, hatched = "", ""
    for index in range(plot.n):
        value = _at(points.observed, index)
        if value and not (index < len(points.alarm) and points.alarm[index]):
            plain += _bar_path(plot, index, 0.0, value)
        late = _at(points.estimate, index)
        if late is not None and late > (value or 0.0):
            hatched += _bar_path(plot, index, value or 0.0, late)
    out = [svg.element("path", class_="bar", d=plain)] if plain else []
    if hatched:
        # A class rule wins over a presentation attribute, so fill and edge are two elements.
        out += [_hatch(name), svg.element("path", fill=f"url(#{name})", d=hatched)]
        out.append(svg.element("path", class_="hatch-edge", d=hatched))
    return out


def _hatch(name: str) -> str:
    stroke = svg.element("path", class_="hatch", d="M-1 1L1 -1M0 5L5 0M4 6L6 4")
    pattern = svg.element("pattern", stroke, id=name, width=5, height=5, patternUnits="userSpaceOnUse")
    return svg.element("defs", pattern)


def _alarms(plot: Plot, points: CurveData, language: str) -> tuple[list[str], list[str]]:
    """(bars, rings) of found periods; each says its numbers when pointed at. Rings stand above the lines."""
    bars, rings = [], []
    for index, alarm in enumerate(points.alarm):
        value = _at(points.observed, index)
        if not alarm or value is None:
            continue
        said = say(
            "charts.alarm_words",
            language,
            period=points.periods[index],
            observed=svg.number(value, language),
            expected=svg.number(_at(points.expected, index), language),
            upper=svg.number(_at(points.upper, index), language),
        )
        words = svg.element("title", svg.escape(said))
        x, size = plot.x(index + 0.5), min(4.5, max(2.4, plot.band * 0.45))
        y = plot.y(max(value, _at(points.estimate_high, index) or 0.0)) - size - 2
        ring = svg.element("circle", words, class_="ring", cx=x, cy=y, r=float(size))
        rings += [ring, svg.element("circle", class_="dot", cx=x, cy=y, r=size * 0.4)]
        bars.append(svg.element("path", words, class_="over", d=_bar_path(plot, index, 0.0, value)))
    return bars, rings


def _lines(plot: Plot, points: CurveData) -> list[str]:
    out = []
    steps = ""
    for first, end in svg.runs([svg.present(value) for value in points.upper]):
        pieces = []
        for index in range(first, end):
            y = svg.px(plot.y(points.upper[index] or 0.0))
            pieces.append(f"{'M' + svg.px(plot.x(index)) + ' ' + y if index == first else 'V' + y}")
            pieces.append(f"H{svg.px(plot.x(index + 1))}")
        steps += "".join(pieces)
    line = ""
    for first, end in svg.runs([svg.present(value) for value in points.expected]):
        places = [(plot.x(index + 0.5), plot.y(points.expected[index] or 0.0)) for index in range(first, end)]
        if end - first == 1:  # a single value is drawn as wide as its period
            places = [(plot.x(first), places[0][1]), (plot.x(end), places[0][1])]
        line += "M" + "L".join(f"{svg.px(x)} {svg.px(y)}" for x, y in places)
    if line:
        out += [svg.element("path", class_="halo", d=line), svg.element("path", class_="expected", d=line)]
    if steps:
        out.append(svg.element("path", class_="bound", d=steps))
    return out


def _whiskers(plot: Plot, points: CurveData) -> list[str]:
    path = ""
    size = min(4.0, max(1.5, plot.band * 0.3))
    for index in range(plot.n):
        low, high = _at(points.estimate_low, index), _at(points.estimate_high, index)
        if low is None or high is None:
            continue
        x, top, base = plot.x(index + 0.5), plot.y(high), plot.y(low)
        cap = f"{svg.px(x - size)} {{}}h{svg.px(2 * size)}"
        path += f"M{svg.px(x)} {svg.px(top)}V{svg.px(base)}"
        path += "M" + cap.format(svg.px(top)) + "M" + cap.format(svg.px(base))
    return [svg.element("path", class_="whisker", d=path)] if path else []


def _ends(points: CurveData, language: str) -> list[tuple[float, str, str]]:
    """(value, words, class) of what is named at the right end: the last bar, the bound, the expected count."""
    if not points.periods:
        return []
    last = len(points.periods) - 1
    value = _at(points.observed, last)
    out: list[tuple[float, str, str]] = []
    if value is None:
        out.append((0.0, say("charts.no_data", language), "end quiet"))
    else:
        out.append(
            (value, say("charts.end.observed", language, value=svg.number(value, language)), "end strong")
        )
    high, low = _at(points.estimate_high, last), _at(points.estimate_low, last)
    if high is not None and low is not None:
        said = say(
            "charts.end.estimate", language, low=svg.number(low, language), high=svg.number(high, language)
        )
        out.append((high, said, "end"))
    for key, values in (("upper", points.upper), ("expected", points.expected)):
        known = [item for item in values if svg.present(item)]
        if known and known[-1] is not None:
            said = say(f"charts.end.{key}", language, value=svg.number(known[-1], language))
            out.append((known[-1], said, "end"))
    return out


def _end_labels(plot: Plot, ends: Sequence[tuple[float, str, str]]) -> list[str]:
    heights = svg.apart([plot.y(value) + 4 for value, _, _ in ends], 16.0, plot.top + 4, plot.bottom + 2)
    return [
        svg.text(plot.right + 8, y, said, class_=class_)
        for y, (_, said, class_) in zip(heights, ends, strict=True)
    ]


def _legend_entries(points: CurveData, language: str, *, with_lines: bool) -> list[tuple[str, str]]:
    found = any(points.alarm)
    entries = [("bar", say("charts.observed", language))]
    if found:
        entries.append(("over", say("charts.over", language)))
    if svg.finite(points.estimate):
        entries.append(("hatch", say("charts.estimate", language)))
    elif any(points.provisional):
        entries.append(("coming", say("charts.provisional", language)))
    if any(not svg.present(value) for value in points.observed):
        entries.append(("gap", say("charts.no_data", language)))
    if with_lines:
        if svg.finite(points.expected):
            entries.append(("expected", say("charts.expected", language)))
        if svg.finite(points.upper):
            entries.append(("bound", say("charts.upper", language)))
    return entries


def _legend_rows(
    entries: Sequence[tuple[str, str]], left: float, width: float
) -> list[list[tuple[float, str, str]]]:
    """Entries with their x, broken into as many rows as the width asks for. One kind of mark needs no legend."""
    if len(entries) < 2:
        return []
    rows: list[list[tuple[float, str, str]]] = [[]]
    x = left
    for kind, said in entries:
        need = 20 + svg.text_width(said) + 16
        if rows[-1] and x + need - 16 > width:
            rows.append([])
            x = left
        rows[-1].append((x, kind, said))
        x += need
    return rows


def _legend(rows: Sequence[Sequence[tuple[float, str, str]]], name: str, y: float) -> list[str]:
    out = []
    for place, row in enumerate(rows):
        base = y + 18.0 * place
        for x, kind, said in row:
            out += [_swatch(kind, name, x, base), svg.text(x + 20, base, said)]
    return out


def _swatch(kind: str, name: str, x: float, y: float) -> str:
    if kind in ("expected", "bound"):
        return svg.element("path", class_=kind, d=f"M{svg.px(x)} {svg.px(y - 4)}h16")
    if kind == "hatch":
        box = {"x": x + 2, "y": y - 9, "width": 11, "height": 11}
        return svg.element("rect", fill=f"url(#{name})", **box) + svg.element(
            "rect", class_="hatch-edge", **box
        )
    box_ = svg.element("rect", class_=kind, x=x + 2, y=y - 9, width=11, height=11)
    if kind == "gap":
        cross = f"M{svg.px(x + 5)} {svg.px(y - 6)}l5 5m0 -5l-5 5"
        return box_ + svg.element("path", class_="cross", d=cross)
    if kind == "over":
        return svg.element("circle", class_="ring", cx=x + 7.5, cy=y - 4, r=4.5) + svg.element(
            "circle", class_="dot", cx=x + 7.5, cy=y - 4, r=1.8
        )
    return box_
