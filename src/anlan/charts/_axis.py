"""The frame of a chart: where values and periods stand, grid lines, ticks and what is written under them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from anlan.charts._svg import element, number, px, text, text_width, ticks
from anlan.texts import say

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAY = re.compile(r"(\d{4})-(\d{2}-\d{2})")
_HOUR = re.compile(r"\d{4}-(\d{2}-\d{2})[ T](\d{2}:\d{2}).*")

_ROOM_FOR_NAME = 420
# How far apart labels stand, and which weeks or months have one. 1 and 13 in place of 52 and 13: 52 stands beside 1.
_EVERY: dict[str, list[tuple[int, set[int]]]] = {
    "week": [
        (1, set(range(1, 54))),
        (2, set(range(2, 53, 2))),
        (4, set(range(4, 53, 4))),
        (12, {1, 13, 26, 39}),
    ],
    "month": [(1, set(range(1, 13))), (3, {1, 4, 7, 10}), (6, {1, 7})],
}


@dataclass(frozen=True)
class Plot:
    """The inner rectangle and its scales. ``band`` is the width of one period."""

    left: float
    top: float
    width: float
    height: float
    low: float
    high: float
    n: int

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def band(self) -> float:
        return self.width / max(self.n, 1)

    def x(self, index: float) -> float:
        """Left edge of period ``index``; its middle is ``x(index + 0.5)``."""
        return self.left + index * self.band

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * self.height


def value_ticks(
    low: float, high: float, height: float, *, from_zero: bool, whole: bool = False
) -> list[float]:
    """Ticks that cover the values, a good forty pixels apart."""
    floor = min(low, 0.0) if from_zero else low
    return ticks(floor, max(high, floor), max(2, int(height // 40)), whole=whole)


def value_grid(plot: Plot, marks: Sequence[float], language: str) -> list[str]:
    """Grid lines with their values at the left; the base line is stronger."""
    path = "".join(f"M{px(plot.left)} {px(plot.y(mark))}H{px(plot.right)}" for mark in marks)
    labels = [text(plot.left - 6, plot.y(mark) + 4, number(mark, language), anchor="end") for mark in marks]
    base = plot.y(0.0) if plot.low <= 0 <= plot.high else plot.bottom
    axis = element("path", class_="axis", d=f"M{px(plot.left)} {px(base)}H{px(plot.right)}")
    return [element("path", class_="grid", d=path), axis, *labels]


def label_room(marks: Sequence[float], language: str) -> float:
    """Width that the labels of the value axis need."""
    return max((text_width(number(mark, language)) for mark in marks), default=0.0) + 10


def kind_of(labels: Sequence[str]) -> str:
    """``week``, ``month``, ``day``, ``hour`` or ``other``, by the spelling of all labels."""
    for kind, form in (("week", _WEEK), ("month", _MONTH), ("day", _DAY), ("hour", _HOUR)):
        if labels and all(form.fullmatch(label) for label in labels):
            return kind
    return "other"


def _parts(label: str, kind: str) -> tuple[str, str]:
    """(major, minor) of a label: the year and the week; the day and the hour."""
    if kind == "other":
        return "", label
    form = {"week": _WEEK, "month": _MONTH, "day": _DAY, "hour": _HOUR}[kind]
    found = form.fullmatch(label)
    major, minor = found.groups() if found else ("", label)
    return major, str(int(minor)) if kind in ("week", "month") else minor


def period_axis(plot: Plot, labels: Sequence[str], language: str) -> list[str]:
    """Ticks under the base line, years under them, a thin rule where a year begins."""
    if not labels:
        return []
    kind = kind_of(labels)
    parts = [_parts(label, kind) for label in labels]
    majors = [
        index
        for index, part in enumerate(parts)
        if part[0] and (index == 0 or part[0] != parts[index - 1][0])
    ]
    out = _rules(plot, [index for index in majors if index > 0])
    chosen = _chosen(plot.band, parts, kind)
    out += [text(plot.x(index + 0.5), plot.bottom + 16, parts[index][1], anchor="middle") for index in chosen]
    name = say(f"charts.axis.{kind}", language) if chosen and kind in ("week", "month") else ""
    room = text_width(name) + 10 if name and plot.width >= _ROOM_FOR_NAME else 0.0
    if room:
        out.append(text(plot.right, plot.bottom + 31, name, anchor="end"))
    out += _major_labels(plot, parts, majors, plot.bottom + (31 if chosen else 16), plot.right - room)
    return out


def _rules(plot: Plot, places: Sequence[int]) -> list[str]:
    if not places or plot.width / (len(places) + 1) < 12:
        return []
    path = "".join(f"M{px(plot.x(index))} {px(plot.top)}V{px(plot.bottom + 4)}" for index in places)
    return [element("path", class_="grid", d=path)]


def axis_height(labels: Sequence[str], width: float) -> float:
    """Room under the base line: one row of words when only the years are written, else two."""
    kind = kind_of(labels)
    band = width / max(len(labels), 1)
    return (
        36.0
        if not labels or kind == "other" or _chosen(band, [_parts(label, kind) for label in labels], kind)
        else 21.0
    )


def _chosen(band: float, parts: Sequence[tuple[str, str]], kind: str) -> list[int]:
    """Which periods get a label of their own: every second, fourth … week of a year; none when it gets tight."""
    widest = max(text_width(minor) for _, minor in parts) + 10
    for every, wanted in _EVERY.get(kind, ()):
        if every * band >= widest:
            return [index for index, (_, minor) in enumerate(parts) if int(minor) in wanted]
    if kind in _EVERY:
        return []
    every = max(1, int(-(-widest // band)))
    return list(range(0, len(parts), every))


def _major_labels(
    plot: Plot, parts: Sequence[tuple[str, str]], majors: Sequence[int], y: float, right: float
) -> list[str]:
    out: list[str] = []
    taken = -1e9
    for place, index in enumerate(majors):
        end = majors[place + 1] if place + 1 < len(majors) else len(parts)
        said = parts[index][0]
        width = text_width(said)
        if plot.x(end) - plot.x(index) >= width + 8:
            x, anchor, left = plot.x((index + end) / 2), "middle", plot.x((index + end) / 2) - width / 2
        elif plot.x(index) + width <= right:
            x, anchor, left = plot.x(index) + 1, "start", plot.x(index) + 1
        else:
            continue
        if left < taken + 6 or left + width > right:
            continue
        out.append(text(x, y, said, anchor=anchor))
        taken = left + width
    return out
