"""The title of a signal and its reasons, from the value that it rests on. Pure: values in, sentences out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anlan.analysis.facts import IndicatorFacts, PlaceFacts
from anlan.analysis.looking import Cell
from anlan.analysis.sentences import amount, chance, moment_value, number_value, period_value, span
from anlan.analysis.types import Rule
from anlan.stats.counts import METHODS, Reason
from anlan.texts import Sentence, catalogue

__all__ = ["Arrival", "because", "changed_reason", "limit_ended", "title", "went_on", "with_sentence"]


@dataclass(frozen=True)
class Arrival:
    """How the current version of a value came: when, in which batch, how late, and what stood there before it."""

    arrived_at: datetime
    batch: str
    source_code: str
    due_by: datetime
    period_ended_at: datetime
    before: float | None = None

    @property
    def late(self) -> bool:
        return self.arrived_at > self.due_by


def title(rule: Rule, indicator: IndicatorFacts, places: PlaceFacts, cell: Cell) -> Sentence:
    """``Measles in Chibi: 7 cases in week 12 of 2013, 1.3 expected``."""
    values: dict[str, Any] = {
        "indicator": _indicator_name(indicator, cell),
        "place": _place_name(places, cell),
        "observed": _value(indicator, cell.observed, cell.qualifier),
        "when": period_value(cell.period, indicator.calendar, form="when"),
    }
    if rule.kind == "limit":
        values["limit"] = _bound(indicator, cell.upper)
        return Sentence(f"signal.title.{_limit_form(rule, cell)}", values)
    values["expected"] = _expected(indicator, cell.expected)
    values["expected_number"] = _expected(indicator, cell.expected, unit=False)
    return Sentence("signal.title.above", values)


def because(
    rule: Rule, indicator: IndicatorFacts, cell: Cell, arrival: Arrival | None
) -> tuple[Sentence, ...]:
    """Why the rule says so: method, bound, probability in words, history, and how the value came."""
    said = [_rule(rule)]
    if rule.why.get("zh") or rule.why.get("en"):
        said.append(Sentence("signal.why.rule_says", {"text": dict(rule.why)}))
    said.append(
        _limit_reason(rule, indicator, cell) if rule.kind == "limit" else _bound_reason(indicator, cell)
    )
    if cell.p_value is not None and cell.reason is Reason.OK:
        said.append(chance(cell.p_value, indicator.calendar))
    if cell.reason in (Reason.ZERO_VARIANCE, Reason.ZERO_REFERENCE):
        said.append(Sentence(f"signal.why.{cell.reason.name.lower()}", {}))
    if rule.kind != "limit" and cell.history_years >= 0.1:
        first = period_value(cell.history_first, indicator.calendar)
        years = span(cell.history_years, "year", decimals=1)
        said.append(Sentence("signal.why.history", {"years": years, "first": first}))
    return (*said, *_how_it_came(indicator, cell, arrival))


def went_on(indicator: IndicatorFacts, periods: Sequence[int]) -> Sentence:
    """That several periods passed the bound, from the first to the last."""
    values = {
        "count": span(len(periods), indicator.calendar.step),
        "first": period_value(min(periods), indicator.calendar),
        "last": period_value(max(periods), indicator.calendar),
    }
    return Sentence("signal.why.went_on", values)


def changed_reason(indicator: IndicatorFacts, cell: Cell) -> Sentence:
    """That a correction or withdrawal has taken the ground from a finding."""
    period = period_value(cell.period, indicator.calendar)
    if cell.observed is None:
        return Sentence("signal.why.withdrawn", {"period": period})
    now = _value(indicator, cell.observed, cell.qualifier)
    return Sentence("signal.why.no_longer", {"period": period, "now": now})


def limit_ended(indicator: IndicatorFacts, cell: Cell) -> Sentence:
    """That the value is back on the safe side."""
    period = period_value(cell.period, indicator.calendar)
    now = _value(indicator, cell.observed, cell.qualifier)
    return Sentence("signal.why.limit_ended", {"period": period, "now": now})


def with_sentence(why: Sequence[Sentence], sentence: Sentence) -> tuple[Sentence, ...]:
    """The reasons with this one in place of an earlier one of its kind, or at the end."""
    kept = [one for one in why if one.key != sentence.key]
    place = next((at for at, one in enumerate(why) if one.key == sentence.key), len(kept))
    return (*kept[:place], sentence, *kept[place:])


def _rule(rule: Rule) -> Sentence:
    key = f"stats.method.{rule.method}"
    method: Any = Sentence(key, {}) if key in catalogue() else METHODS[rule.method].title
    return Sentence("signal.why.rule", {"rule": dict(rule.names), "version": rule.version, "method": method})


def _bound_reason(indicator: IndicatorFacts, cell: Cell) -> Sentence:
    values: dict[str, Any] = {
        "observed": _value(indicator, cell.observed, cell.qualifier),
        "expected": _expected(indicator, cell.expected, unit=False),
        "bound": _expected(indicator, cell.upper, unit=False),
    }
    if cell.p_value is None:
        return Sentence("signal.why.bound", values)
    return Sentence("signal.why.bound_p", {**values, "p": {"p_value": cell.p_value}})


def _limit_reason(rule: Rule, indicator: IndicatorFacts, cell: Cell) -> Sentence:
    values: dict[str, Any] = {
        "observed": _value(indicator, cell.observed, cell.qualifier),
        "bound": _bound(indicator, cell.upper),
    }
    if _limit_form(rule, cell) == "limit_held":
        return Sentence("signal.why.limit_held", values)
    run = max(1, round(cell.extra.get("run", 1.0)))
    return Sentence("signal.why.limit", {**values, "run": span(run, indicator.calendar.step)})


def _how_it_came(indicator: IndicatorFacts, cell: Cell, arrival: Arrival | None) -> list[Sentence]:
    if arrival is None:
        return []
    zone = indicator.calendar.zone
    said = []
    if arrival.late:
        values = {
            "period": period_value(cell.period, indicator.calendar),
            "ended": moment_value(arrival.period_ended_at, zone),
            "arrived": moment_value(arrival.arrived_at, zone),
        }
        said.append(Sentence("signal.why.late", values))
    if arrival.before is not None and arrival.before != cell.observed:
        before = _value(indicator, arrival.before, 0)
        arrived = moment_value(arrival.arrived_at, zone)
        said.append(Sentence("signal.why.corrected", {"before": before, "arrived": arrived}))
    return said


def _limit_form(rule: Rule, cell: Cell) -> str:
    if cell.extra.get("beyond", 1.0) == 0.0:
        return "limit_held"
    if rule.parameters.get("direction") == "below":
        return "limit_below"
    return "limit_reached" if cell.observed == cell.upper else "limit_above"


def _indicator_name(indicator: IndicatorFacts, cell: Cell) -> Any:
    names = dict(indicator.names)
    if not cell.series.stratum:
        return names
    stratum: Any = dict(indicator.strata.get(cell.series.stratum, {})) or cell.series.stratum
    return Sentence("signal.part.stratum", {"indicator": names, "stratum": stratum})


def _place_name(places: PlaceFacts, cell: Cell) -> Any:
    area: Any = dict(places.names.get(cell.series.area_code, {})) or cell.series.area_code
    if not cell.series.site_code:
        return area
    site: Any = dict(places.sites.get(cell.series.site_code, {})) or cell.series.site_code
    return Sentence("signal.part.site", {"area": area, "site": site})


def _value(indicator: IndicatorFacts, value: float | None, qualifier: int) -> Any:
    if value is None:
        return number_value(float("nan"), 0)
    return amount(value, indicator.unit, _decimals(value, indicator.decimals), qualifier=qualifier)


def _bound(indicator: IndicatorFacts, value: float | None) -> Any:
    return _value(indicator, value, 0)


def _expected(indicator: IndicatorFacts, value: float | None, *, unit: bool = True) -> Any:
    if value is None:
        return number_value(float("nan"), 0)
    decimals = 0 if abs(value) >= 1000 else indicator.decimals + 1
    return amount(value, indicator.unit if unit else "", decimals)


def _decimals(value: float, least: int) -> int:
    """The decimals of the indicator, or more where the value has them (a limit of 0.05)."""
    return next((digits for digits in range(least, 7) if round(value, digits) == value), max(least, 6))
