"""What a signal says in words: typed sentences that become text only when a language is known.

A value in such a sentence is plain text or a name by language, another sentence, or one of these typed forms, which
``say`` turns into text:

``{"number": 1.31, "decimals": 1}``
    A figure with thousands parted; with ``"qualifier"`` 1 or 2 it is written ``<0.5`` or ``>2400``.
``{"p_value": 0.00104}``
    A probability to two figures with its sign: ``= 0.001``, ``< 0.0001``.
``{"period": 2254, "calendar": {…}, "form": "when"}``
    A period: its label, or as a phrase with its preposition (``in week 12 of 2013``).
``{"moment": "2026-07-06T00:05:00+00:00", "zone": "Asia/Shanghai"}``
    A moment to the minute on the clock of that zone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from anlan.registry.calendars import Calendar, calendar_from
from anlan.registry.units import UNITS
from anlan.texts import Sentence
from anlan.texts import say as say_text

__all__ = [
    "amount",
    "chance",
    "moment_value",
    "number_value",
    "period_value",
    "say",
    "span",
    "tidy",
]

_THIN = "\u202f"
_RAREST = 1e-6


def say(sentence: Sentence, language: str) -> str:
    """The sentence in a language, ``zh`` or ``en``."""
    return say_text(
        sentence.key, language, **{name: _said(value, language) for name, value in sentence.values.items()}
    )


def tidy(value: float | None) -> float | None:
    """A figure to nine places, so that the last bits of a matrix product never make two signals differ."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.9g}")


def number_value(value: float, decimals: int, *, qualifier: int = 0) -> dict[str, Any]:
    """A figure as a typed value. Whole numbers that claim no decimals stay whole."""
    typed: dict[str, Any] = {"number": tidy(value), "decimals": decimals}
    return {**typed, "qualifier": qualifier} if qualifier else typed


def amount(value: float, unit: str, decimals: int, *, qualifier: int = 0) -> Sentence | dict[str, Any]:
    """A figure with its unit: the word for counts (``7 cases``), the sign for all others (``75 µg/m³``)."""
    figure = number_value(value, decimals, qualifier=qualifier)
    known = UNITS.get(unit)
    if unit in ("", "1"):
        return figure
    said: Any = dict(known.names) if known is not None and known.of in ("count", "time") else unit
    return Sentence("signal.part.amount", {"number": figure, "unit": said})


def period_value(period: int, calendar: Calendar, *, form: str = "label") -> dict[str, Any]:
    """A period as a typed value; ``form`` is ``label`` or ``when``."""
    return {"period": int(period), "calendar": calendar.to_dict(), "form": form}


def moment_value(moment: datetime, zone: str) -> dict[str, str]:
    """A moment as a typed value, said on the clock of ``zone``."""
    return {"moment": moment.isoformat(), "zone": zone}


def span(number: float, step: str, *, decimals: int = 0) -> Sentence:
    """A length of time in periods: ``12 weeks``."""
    if number == 1:
        return Sentence(f"signal.one.{step}", {})
    return Sentence(f"signal.span.{step}", {"number": number_value(number, decimals)})


def chance(p_value: float, calendar: Calendar) -> Sentence:
    """A p-value in words: how often chance alone would bring a period like this."""
    such = Sentence(f"signal.such.{calendar.step}", {})
    if p_value < _RAREST:
        often = span(round(1 / _RAREST), calendar.step)
        return Sentence("signal.why.chance_rare", {"such": such, "often": often})
    often = span(_two_figures(1 / p_value), calendar.step)
    years = 1 / p_value / calendar.periods_per_year
    if calendar.step == "year" or years < 1.5:
        return Sentence("signal.why.chance", {"such": such, "often": often})
    values = {"such": such, "often": often, "years": span(_two_figures(years), "year")}
    return Sentence("signal.why.chance_years", values)


def _two_figures(value: float) -> int:
    return max(1, round(float(f"{value:.2g}")))


def _said(value: Any, language: str) -> Any:
    if isinstance(value, Sentence):
        return say(value, language)
    if not isinstance(value, Mapping):
        return _figure(value, None) if isinstance(value, (int, float)) else value
    if "number" in value:
        return {1: "<", 2: ">"}.get(value.get("qualifier", 0), "") + _figure(
            value["number"], value["decimals"]
        )
    if "p_value" in value:
        return _probability(value["p_value"])
    if "period" in value:
        return _period(value, language)
    if "moment" in value:
        moment = datetime.fromisoformat(value["moment"]).astimezone(ZoneInfo(value["zone"]))
        return f"{moment:%Y-%m-%d %H:%M}"
    return value


def _figure(value: float | None, decimals: int | None) -> str:
    if value is None:
        return "—"
    text = f"{value:,}" if decimals is None else f"{value:,.{decimals}f}"
    return text.replace(",", _THIN).replace("-", "\u2212")


def _probability(value: float) -> str:
    if value < 0.0001:
        return "< 0.0001"
    return f"= {value:.2g}" if value < 0.1 else f"= {value:.2f}"


def _period(value: Mapping[str, Any], language: str) -> str:
    calendar, period = calendar_from(value["calendar"]), value["period"]
    label = calendar.label(period, language)
    if value.get("form") != "when":
        return label
    places: dict[str, Any] = {"label": label}
    if calendar.step != "hour":
        places["year"], places["number"] = calendar.year_and_number(period)
    return say_text(f"signal.when.{calendar.step}", language, **places)
