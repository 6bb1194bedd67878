"""Small drawings of the pages as SVG: the next 24 hours, sparklines, ratio sticks, the length of a text message.

Classes carry the colours, and positions across are percentages, so that the text keeps its size at any width.
The large charts are drawn by ``anlan.charts``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup, escape


def hours_axis_svg(
    moments: Sequence[datetime], *, start: datetime, zone: tzinfo, hours: int = 24, label: str
) -> Markup:
    """An axis of the next ``hours`` with one numbered ring for each moment, in the order given.

    Rings that would cover each other are moved apart, and stay on the axis.
    """
    end = start + timedelta(hours=hours)
    parts = [f'<svg class="axis" role="img" aria-label="{escape(label)}">']
    parts.append(
        '<line x1="0" x2="100%" y1="20" y2="20"/><line class="now-line" x1="0" x2="0" y1="8" y2="30"/>'
    )
    tick = start.astimezone(zone).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while tick < end:
        across = 100 * (tick - start) / (end - start)
        major = tick.hour % 3 == 0
        parts.append(f'<line x1="{across:.2f}%" x2="{across:.2f}%" y1="{14 if major else 18}" y2="20"/>')
        if major and 2 < across < 98:
            parts.append(f'<text x="{across:.2f}%" y="48">{tick:%H:%M}</text>')
        tick += timedelta(hours=1)
    places = _apart([100 * ((moment - start) / (end - start)) for moment in moments])
    for index, across in enumerate(places, start=1):
        parts.append(
            f'<circle cx="{across:.2f}%" cy="20" r="9"/><text class="n" x="{across:.2f}%" y="24">{index}</text>'
        )
    parts.append("</svg>")
    return Markup("".join(parts))


def _apart(
    places: Sequence[float], *, least: float = 2.4, low: float = 1.2, high: float = 99.4
) -> list[float]:
    """Places in rising order, moved so that neighbours keep their distance inside ``low`` to ``high``."""
    moved: list[float] = []
    for place in places:
        moved.append(max(min(max(place, low), high), moved[-1] + least if moved else low))
    over = high
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], over)
        over = moved[index] - least
    return moved


def sparkline_svg(values: Sequence[float | None], *, label: str) -> Markup:
    """A line of the latest values with the last one marked; gaps stay gaps. Empty without two values."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:
        return Markup("")
    low, high = min(0.0, *known), max(known)
    span = (high - low) or 1.0
    step = 110 / (len(values) - 1)
    pieces, pen, end = [], "M", (0.0, 0.0)
    for index, value in enumerate(values):
        if value is None or not math.isfinite(value):
            pen = "M"
            continue
        end = (1 + index * step, 23 - (value - low) / span * 20)
        pieces.append(f"{pen}{end[0]:.1f} {end[1]:.1f}")
        pen = "L"
    return Markup(
        f'<svg class="spark" viewBox="0 0 112 26" role="img" aria-label="{escape(label)}">'
        f'<path d="{"".join(pieces)}"/><circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="2.2"/></svg>'
    )


def ratio_stick_svg(ratio: float, *, label: str, low: float = 0.5, high: float = 32.0) -> Markup:
    """A stick from 1 to ``ratio`` on a logarithmic scale between ``low`` and ``high``."""
    across = _log_place(ratio, low, high)
    base = _log_place(1.0, low, high)
    over = " over" if ratio > 1.0 else ""
    return Markup(
        f'<svg class="lolly{over}" role="img" aria-label="{escape(label)}">'
        f'<line class="base" x1="{base:.1f}%" x2="{base:.1f}%" y1="2" y2="20"/>'
        f'<line class="stem" x1="{base:.1f}%" x2="{across:.1f}%" y1="11" y2="11"/>'
        f'<circle class="head" cx="{across:.1f}%" cy="11" r="5"/></svg>'
    )


def ratio_scale_svg(*, low: float = 0.5, high: float = 32.0) -> Markup:
    """The figures over a column of ratio sticks."""
    marks = ((0.5, "½"), (1.0, "1"), (2.0, "2"), (4.0, "4"), (8.0, "8"), (16.0, "16"))
    said = "".join(
        f'<text x="{_log_place(value, low, high):.1f}%" y="13">{word}</text>' for value, word in marks
    )
    return Markup(f'<svg class="stick-scale" aria-hidden="true">{said}</svg>')


def count_stick_svg(observed: float, expected: float | None, *, top: float, marked: bool) -> Markup:
    """A stick from the expected to the observed count on a scale from 0 to ``top``; the row beside it has the words."""
    place = 96 * observed / top if top > 0 else 0.0
    base = 96 * min(expected or 0.0, top) / top if top > 0 else 0.0
    return Markup(
        f'<svg class="lolly{" over" if marked else ""}" aria-hidden="true">'
        f'<line class="base" x1="{base + 2:.1f}%" x2="{base + 2:.1f}%" y1="4" y2="18"/>'
        f'<line class="stem" x1="{base + 2:.1f}%" x2="{place + 2:.1f}%" y1="11" y2="11"/>'
        f'<circle class="head" cx="{place + 2:.1f}%" cy="11" r="5"/></svg>'
    )


def _log_place(value: float, low: float, high: float) -> float:
    held = min(max(value, low), high)
    return 3 + 94 * math.log(held / low) / math.log(high / low)


def length_gauge_svg(used: int, *, one: int, whole: int, label: str) -> Markup:
    """How much of a long text message is used: ``one`` is the length of a single one, ``whole`` of the bar."""
    full = max(whole, used, 1)
    return Markup(
        f'<svg class="gauge" role="img" aria-label="{escape(label)}">'
        '<rect class="track" x="0" y="7" width="100%" height="8"/>'
        f'<rect class="fill" x="0" y="7" width="{100 * used / full:.1f}%" height="8"/>'
        f'<line class="tick-line" x1="{100 * one / full:.1f}%" x2="{100 * one / full:.1f}%" y1="3" y2="19"/></svg>'
    )
