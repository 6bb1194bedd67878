"""The pieces of an SVG: escaping, elements, numbers as people read them, ticks, labels that do not overlap."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape as _escape

from anlan.charts.style import style_sheet
from anlan.errors import ParameterError
from anlan.texts import say

Values = Sequence[float | None]

# XML 1.0 has no place for these, escaped or not.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escape(text: object) -> str:
    """Text that is safe as content and as an attribute."""
    return _escape(_FORBIDDEN.sub("�", str(text)), quote=True)


def px(value: float) -> str:
    """A coordinate with one decimal at most."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def element(name: str, content: str | None = None, /, **attributes: object) -> str:
    """``class_`` becomes ``class``, other underscores become hyphens; numbers are shortened; content is not escaped."""
    pieces = [name]
    for key, value in attributes.items():
        if value is None:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        pieces.append(f'{attribute}="{px(value) if isinstance(value, float) else escape(value)}"')
    opened = " ".join(pieces)
    return f"<{opened}/>" if content is None else f"<{opened}>{content}</{name}>"


def text(x: float, y: float, said: str, *, anchor: str | None = None, class_: str | None = None) -> str:
    return element("text", escape(said), x=float(x), y=float(y), text_anchor=anchor, class_=class_)


def document(
    body: Iterable[str],
    *,
    width: int,
    height: int,
    language: str,
    title: str,
    description: str,
    standalone: bool,
) -> str:
    """The whole picture: named and described for those who do not see it."""
    named = element("title", escape(title)) + element("desc", escape(description))
    if standalone:
        surface = element("rect", class_="surface", width=width, height=height)
        named += element("style", style_sheet(tokens=True)) + surface
    return element(
        "svg",
        named + "".join(body),
        xmlns="http://www.w3.org/2000/svg",
        class_="chart",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        lang=language,
        aria_label=title,
    )


def check_length(name: str, values: Sequence[object], n: int, *, may_be_empty: bool = True) -> None:
    """Sequences of a chart go with its periods; anything else would be drawn at the wrong time."""
    if len(values) != n and (values or not may_be_empty):
        given = {"name": name, "accepted": n, "given": len(values)}
        raise ParameterError(
            say("charts.error.length", "en", **given), key="charts.error.length", values=given
        )


def identifier(*parts: object) -> str:
    """An id for a pattern: the same for the same picture, so that the same question gives the same bytes."""
    return "c" + hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:10]


def finite(values: Values) -> list[float]:
    return [value for value in values if present(value)]  # type: ignore[misc]


def present(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def number(value: float | None, language: str) -> str:
    """A number as people read it: thousands apart by a thin space, 万 and 亿 in Chinese from 100 000 on."""
    if value is None or not math.isfinite(value):
        return "–"
    if language == "zh" and abs(value) >= 100_000:
        unit, size = ("亿", 1e8) if abs(value) >= 1e8 else ("万", 1e4)
        scaled = round(value / size, 1)
        return f"{_plain(scaled, int(scaled != int(scaled)))}\u00a0{unit}"
    magnitude = abs(value)
    digits = 0 if magnitude >= 100 or value == int(value) else 1 if magnitude >= 1 else 2
    if 0 < magnitude < 0.005:
        return f"{value:.1g}"
    return _plain(value, digits)


def _plain(value: float, digits: int) -> str:
    whole, point, rest = f"{value:,.{digits}f}".partition(".")
    # Four figures are read at a glance; from five on a thin space helps.
    return whole.replace(",", "\u2009" if abs(value) >= 10_000 else "") + point + rest


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Round values from at or below ``low`` to at or above ``high``, about ``most`` of them, no fractions if ``whole``."""
    if high - low <= 1e-9 * max(1.0, abs(high)):
        high = low + 1.0
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
    if whole or high - low >= 2:
        step = max(1.0, step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def text_width(said: str, size: float = 12.0) -> float:
    """About how wide a text is: a Chinese character one em, others a good half."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in said)
    return size * (wide + 0.58 * (len(said) - wide))


def shortened(said: str, width: float, size: float = 12.0) -> str:
    """The text cut to ``width`` with an ellipsis; the caller gives the whole in a title."""
    if text_width(said, size) <= width:
        return said
    while said and text_width(said + "…", size) > width:
        said = said[:-1]
    return said + "…"


def apart(places: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Move label heights apart until neighbours keep their distance, inside ``low`` to ``high`` if they fit."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [places[index] for index in order]
    for index in range(1, len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + distance)
    if moved and moved[-1] > high:
        moved[-1] = high
        for index in range(len(moved) - 2, -1, -1):
            moved[index] = min(moved[index], moved[index + 1] - distance)
    if moved and moved[0] < low:
        shift = low - moved[0]
        moved = [value + shift for value in moved]
    result = [0.0] * len(places)
    for index, value in zip(order, moved, strict=True):
        result[index] = value
    return result


def runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """Stretches of true values as (first, one past the last)."""
    found, start = [], None
    for index, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = index
        elif not flag and start is not None:
            found.append((start, index))
            start = None
    return found
