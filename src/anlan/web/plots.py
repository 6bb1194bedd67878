"""Charts of pages: the drawing, the figures for the live chart, and the table behind it, from one set of values.

Values come as lists with None for "no value"; a gap stays a gap in all three. The drawing shows the newest periods
when there are many; the live chart and the table have all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from markupsafe import Markup

from anlan.charts import CurveData, Limit, Line, LineData, epidemic_curve, line_chart
from anlan.registry import Calendar
from anlan.series import Flag, Moment, SeriesValues
from anlan.web.formats import number
from anlan.web.views.charts import ChartTable, ChartView, KnownStep, KnownTrack
from anlan.web.visit import Visit, json_text

MOST_DRAWN = 170
MOST_LINES_OF_TABLE = 600
MOST_NAMED = 6

Values = Sequence[float | None]


@dataclass(frozen=True)
class Periods:
    """Consecutive periods of a calendar, from ``first``."""

    calendar: Calendar
    first: int
    count: int

    def texts(self) -> list[str]:
        return [self.calendar.text(period) for period in self._all()]

    def labels(self, language: str) -> list[str]:
        return [self.calendar.label(period, language) for period in self._all()]

    def _all(self) -> range:
        return range(self.first, self.first + self.count)


def spread(
    found: SeriesValues, calendar: Calendar, *, last: int | None = None
) -> tuple[Periods, list[float | None]]:
    """Values of one series over every period from its first to its last (or ``last``); None where there is none."""
    if not len(found):
        return Periods(calendar, last if last is not None else 0, 0), []
    first = int(found.period[0])
    end = max(int(found.period[-1]), last if last is not None else int(found.period[-1]))
    row: list[float | None] = [None] * (end - first + 1)
    usable = ~np.isnan(found.value) & ((found.flags & Flag.MISSING) == 0)
    for period, value in zip(found.period[usable], found.value[usable], strict=True):
        row[int(period) - first] = float(value)
    return Periods(calendar, first, len(row)), row


def counts_chart(
    visit: Visit,
    periods: Periods,
    curve: CurveData,
    *,
    source: str = "",
    decimals: int = 0,
    was: Mapping[int, float | None] | None = None,
) -> ChartView:
    """An epidemic curve. ``curve.periods`` may be left empty; they follow from ``periods``.

    ``was`` has what stood before in periods (by number) whose value was changed later: they are marked.
    """
    language = visit.language
    curve = replace(curve, periods=periods.texts()) if not curve.periods else curve
    drawing = _curve_drawing(_as_key(_newest(curve)), language)
    data = {
        "kind": "curve",
        "labels": list(curve.periods),
        "observed": _plain(curve.observed),
        "expected": _plain(curve.expected, 2),
        "upper": _plain(curve.upper, 2),
        "alarm": list(curve.alarm),
        "provisional": list(curve.provisional),
        "estimate": _plain(curve.estimate, 1),
        "unit": curve.unit,
        "whole": decimals == 0,
        "revised": _marked(periods, was),
        "words": {
            "observed": visit.t("web.chart.observed"),
            "expected": visit.t("web.chart.expected"),
            "upper": visit.t("web.chart.upper"),
            "alarm": visit.t("web.chart.alarm"),
            "coming": visit.t("web.chart.provisional"),
            "gap": visit.t("web.chart.gap"),
            "revised": visit.t("web.chart.revised"),
        },
    }
    columns: list[tuple[str, Values, int | None]] = [
        (visit.t("web.chart.observed"), curve.observed, decimals)
    ]
    if curve.expected:
        columns.append((visit.t("web.chart.expected"), curve.expected, 1))
    if curve.upper:
        columns.append((visit.t("web.chart.upper"), curve.upper, 1))
    return ChartView(
        curve.title or curve.unit, Markup(drawing), json_text(data), _table(visit, periods, columns, was, decimals),
        source, _revised_note(visit, periods, was),
    )  # fmt: skip


def _as_key(curve: CurveData) -> tuple[object, ...]:
    values = (getattr(curve, item.name) for item in fields(curve))
    return tuple(one if isinstance(one, str) else tuple(one) for one in values)


@lru_cache(maxsize=128)
def _curve_drawing(parts: Any, language: str) -> str:
    """Many readers look at one signal: its drawing is made once."""
    curve = CurveData(**dict(zip((item.name for item in fields(CurveData)), parts, strict=True)))
    return epidemic_curve(curve, language=language, width=1120, height=300)


def lines_chart(
    visit: Visit,
    periods: Periods,
    lines: LineData,
    *,
    source: str = "",
    decimals: int = 1,
    was: Mapping[int, float | None] | None = None,
) -> ChartView:
    """Lines with limits, for concentrations, indices and shares. ``was`` as in ``counts_chart``, for the first line."""
    data = {
        "kind": "lines",
        "labels": list(lines.periods),
        "lines": [{"name": line.name, "values": _plain(line.values)} for line in lines.lines],
        "limits": [{"name": limit.name, "value": limit.value} for limit in lines.limits],
        "unit": lines.unit,
        "from_zero": lines.from_zero,
        "revised": _marked(periods, was),
        "words": {"revised": visit.t("web.chart.revised")},
    }
    drawn = line_chart(_newest_lines(lines), language=visit.language, width=1120, height=280)
    columns: list[tuple[str, Values, int | None]] = [
        (line.name, line.values, decimals) for line in lines.lines
    ]
    return ChartView(
        lines.title or lines.unit, Markup(drawn), json_text(data), _table(visit, periods, columns, was, decimals),
        source, _revised_note(visit, periods, was),
    )  # fmt: skip


def line_data(
    periods: Periods, name: str, values: Values, *, unit: str, title: str, limits: Sequence[Limit] = ()
) -> LineData:
    """The data of a chart with one line."""
    known = [value for value in values if value is not None]
    from_zero = not known or min(known) >= 0 and min(known) < 0.6 * max(known)
    return LineData(
        periods=periods.texts(), lines=[Line(name=name, values=values)], limits=limits, title=title, unit=unit,
        from_zero=from_zero,
    )  # fmt: skip


def known_track(visit: Visit, moments: Sequence[Moment], *, note: str = "") -> KnownTrack | None:
    """The "as known on" control over the days on which something became known; None where there is one day only."""
    zone = visit.zone
    days: dict[str, datetime] = {}
    for moment in moments:
        local = moment.known_at.astimezone(zone)
        days[local.date().isoformat()] = local
    if len(days) < 2:
        return None
    listed = sorted(days)
    current = len(listed) - 1
    if visit.known is not None:
        asked = visit.known.astimezone(zone).date().isoformat()
        current = max((place for place, day in enumerate(listed) if day <= asked), default=0)
    last = len(listed) - 1
    pattern = visit.address(known=listed[last])  # a day is written in an address as it is
    year = visit.now.astimezone(zone).year
    steps = tuple(
        KnownStep(
            at=days[day],
            day=day[5:] if days[day].year == year and len(listed) <= 9 else day,
            href=visit.address(known=None)
            if place == last
            else pattern.replace(f"known={listed[last]}", f"known={day}"),
        )
        for place, day in enumerate(listed)
    )
    now_href = visit.address(known=None) if visit.known is not None else ""
    return KnownTrack(steps, current, visit.path, now_href, note)


def _plain(values: Values, digits: int = 6) -> list[float | None]:
    return [
        None if value is None or not math.isfinite(value) else round(float(value), digits) for value in values
    ]


def _newest(curve: CurveData) -> CurveData:
    if len(curve.periods) <= MOST_DRAWN:
        return curve
    names = (
        "periods", "observed", "expected", "upper", "alarm", "provisional", "estimate", "estimate_low", "estimate_high",
    )  # fmt: skip
    return replace(curve, **{name: getattr(curve, name)[-MOST_DRAWN:] for name in names})


def _newest_lines(lines: LineData) -> LineData:
    if len(lines.periods) <= 2 * MOST_DRAWN:
        return lines
    cut = -2 * MOST_DRAWN
    kept = [Line(name=line.name, values=line.values[cut:]) for line in lines.lines]
    return replace(lines, periods=lines.periods[cut:], lines=kept, alarm=lines.alarm[cut:])


def _marked(periods: Periods, was: Mapping[int, float | None] | None) -> list[bool]:
    """Which periods were changed later; empty when none was."""
    marked = [period in was for period in range(periods.first, periods.first + periods.count)] if was else []
    return marked if any(marked) else []


def _revised_note(visit: Visit, periods: Periods, was: Mapping[int, float | None] | None) -> tuple[str, ...]:
    """The newest changed periods by name, which the drawing on paper does not mark."""
    inside = sorted(
        (at for at in was or () if periods.first <= at < periods.first + periods.count), reverse=True
    )
    if not inside:
        return ()
    joint = "、" if visit.language == "zh" else ", "
    named = joint.join(periods.calendar.label(at, visit.language) for at in inside[:MOST_NAMED])
    key = "web.chart.revised_these" if len(inside) <= MOST_NAMED else "web.chart.revised_more"
    return (visit.t(key, periods=named, more=len(inside) - MOST_NAMED),)


def _table(
    visit: Visit,
    periods: Periods,
    columns: Sequence[tuple[str, Values, int | None]],
    was: Mapping[int, float | None] | None,
    decimals: int,
) -> ChartTable:
    """The figures of every period, newest first; with what stood before where something was changed."""
    head = [visit.t("web.chart.period"), *(name for name, _, _ in columns)]
    rows = [
        [label, *(number(values[place], visit.language, digits=digits) for _, values, digits in columns)]
        for place, label in enumerate(periods.labels(visit.language))
    ]
    if _marked(periods, was):
        head.append(visit.t("web.chart.was"))
        for place, row in enumerate(rows):
            at = periods.first + place
            is_changed = was is not None and at in was
            row.append(number(was[at], visit.language, digits=decimals) if was and is_changed else "")
    newest = rows[-MOST_LINES_OF_TABLE:]
    return ChartTable(tuple(head), tuple(tuple(row) for row in reversed(newest)))
