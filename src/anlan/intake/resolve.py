"""Names and codes of a delivery -> areas, sites, indicators and periods that the registry knows.

Every distinct name is looked up once. What is not found gets its near names; what fits twice is a question to the
sender and never decided here. Source and scope narrow what a name can mean before it is called ambiguous.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from anlan.errors import AnlanError
from anlan.intake.cells import ValueRules, fold
from anlan.intake.guess import Vocabulary
from anlan.intake.mapping import Declared
from anlan.intake.periods import Period
from anlan.intake.refusals import Refusal
from anlan.registry.area_index import AreaIndex, normal_name, short_names
from anlan.registry.calendars import WeekSystem
from anlan.registry.queries import area_index, indicators, sites, source
from anlan.registry.types import Area, Indicator, Site, Source
from anlan.registry.units import UNITS, find_unit
from anlan.store import AsOf, Scope
from anlan.texts import Sentence

__all__ = ["Registered"]

_SHOWN = 5


@dataclass(frozen=True)
class Registered:
    """What the registry knows that concerns one source, for one reader, as of one moment."""

    source: Source
    scope: Scope
    areas: AreaIndex
    sites: tuple[Site, ...]
    indicators: tuple[Indicator, ...]
    _areas_found: dict[str, Area | Refusal] = field(default_factory=dict)
    _indicators_found: dict[str, Indicator | Refusal] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: sa.Connection, scope: Scope, as_of: AsOf, source_code: str) -> Registered:
        """Read it. Raises NotFoundError when the source does not exist or is not visible."""
        return cls(
            source(connection, scope, as_of, source_code),
            scope,
            area_index(connection, scope, as_of),
            tuple(sites(connection, scope, as_of)),
            tuple(indicators(connection, scope, as_of)),
        )

    @property
    def within(self) -> str:
        """Path of the area that the source speaks of; empty for everywhere."""
        own = self.areas.by_code.get(self.source.area_code)
        return self.source.area_path or (own.path if own is not None else "")

    def vocabulary(self) -> Vocabulary:
        """Everything that may stand in a cell or a header, for guessing."""
        areas = {
            fold(name)
            for area in self.areas.by_code.values()
            for name in (*area.names.values(), *area.aliases)
        }
        shorts = {short for name in areas for short in short_names(name)}
        places = {fold(name) for site in self.sites for name in (site.code, *site.names.values())}
        known = {name for one in self.delivered() for name in (one.code, *_names_of(one))}
        return Vocabulary(areas | shorts | set(self.areas.by_code), places, known)

    def delivered(self) -> tuple[Indicator, ...]:
        """Indicators that the source delivers; all of its domain where it does not say."""
        if self.source.delivers:
            return tuple(one for one in self.indicators if one.code in self.source.delivers)
        return tuple(one for one in self.indicators if one.domain == self.source.domain)

    def weeks(self) -> WeekSystem | None:
        """The one week system of the source's weekly indicators, or None."""
        systems = {one.calendar.week_system for one in self.delivered() if one.calendar.step == "week"}
        return systems.pop() if len(systems) == 1 else None

    def indicator(self, text: str) -> Indicator | Refusal:
        """The indicator that a cell or header means."""
        if text not in self._indicators_found:
            self._indicators_found[text] = self._find_indicator(text)
        return self._indicators_found[text]

    def _find_indicator(self, text: str) -> Indicator | Refusal:
        accepted = Sentence("intake.accepted.indicator")
        plain = normal_name(text)
        for candidates in (self.delivered(), self.indicators):
            # A code or a full name goes before a name without its bracket: 麻疹（周） is called 麻疹 by everybody.
            for exact in (True, False):
                found = [one for one in candidates if plain in _spellings(one, exact=exact)]
                if len(found) == 1:
                    return self._allowed(found[0], text)
                if found:
                    names = ", ".join(f"{_zh(one.names)} ({one.code})" for one in found[:_SHOWN])
                    return Refusal(
                        "intake.indicator.ambiguous",
                        text,
                        accepted,
                        {},
                        Sentence("intake.suggest.one_of", {"names": names}),
                    )
        return Refusal("intake.indicator.unknown", text, accepted, {}, self._near_indicators(plain))

    def _allowed(self, found: Indicator, text: str) -> Indicator | Refusal:
        delivers = not self.source.delivers or found.code in self.source.delivers
        sees = self.scope.sees(domain=found.domain, sensitivity=found.sensitivity)
        if delivers and sees:
            return found
        return Refusal("intake.scope.outside", text, Sentence("intake.accepted.scope"))

    def _near_indicators(self, plain: str) -> Sentence | None:
        names = {spelling: one for one in self.delivered() for spelling in _spellings(one, exact=False)}
        close = difflib.get_close_matches(plain, names, n=_SHOWN, cutoff=0.5)
        close += [name for name in names if plain and len(plain) > 1 and plain in name]
        found = list(dict.fromkeys(f"{_zh(names[name].names)} ({names[name].code})" for name in close))[
            :_SHOWN
        ]
        return _suggest(found)

    def area(self, text: str, kinds: Iterable[str] = ()) -> Area | Refusal:
        """The area that a cell means, within what the source may speak of."""
        key = f"{text}\0{','.join(kinds)}"
        if key not in self._areas_found:
            self._areas_found[key] = self._find_area(text, tuple(kinds))
        return self._areas_found[key]

    def _find_area(self, text: str, kinds: tuple[str, ...]) -> Area | Refusal:
        code = _statistical_code(text)
        found = self.areas.find(code, within=self.within)
        if len(found) > 1:
            # The kinds that the indicator is meant for decide between 咸安 the district and 咸安 the town.
            found = tuple(area for area in found if area.kind in kinds) or found
        if len(found) == 1:
            if self.scope.sees(area_path=found[0].path):
                return found[0]
            return Refusal("intake.scope.outside", text, Sentence("intake.accepted.scope"))
        accepted = Sentence("intake.accepted.area")
        if found:
            names = ", ".join(f"{self._with_parent(area)} ({area.code})" for area in found[:_SHOWN])
            return Refusal(
                "intake.area.ambiguous",
                text,
                accepted,
                {},
                Sentence("intake.suggest.one_of", {"names": names}),
            )
        if self.areas.find(code):
            return Refusal("intake.scope.outside", text, Sentence("intake.accepted.scope"))
        return self._unknown_area(text)

    def _with_parent(self, area: Area) -> str:
        parent = self.areas.by_code.get(area.parent_code)
        return f"{_zh(parent.names)}{_zh(area.names)}" if parent else _zh(area.names)

    def _unknown_area(self, text: str) -> Refusal:
        if text.isascii() and text.isdigit():
            return self._unknown_code(text)
        near = self._near_areas(text)
        parents = {area.parent_code for area in near}
        parent = self.areas.by_code.get(next(iter(parents))) if len(parents) == 1 else None
        if parent is None:
            accepted = Sentence("intake.accepted.area")
        else:
            count = sum(1 for area in self.areas.by_code.values() if area.parent_code == parent.code)
            accepted = Sentence("intake.accepted.area_in", {"parent": dict(parent.names), "count": count})
        listed = [f"{_zh(area.names)} ({area.code})" for area in near]
        return Refusal("intake.area.unknown", text, accepted, {}, _suggest(listed))

    def _near_areas(self, text: str) -> list[Area]:
        inside = [area for area in self.areas.by_code.values() if area.path.startswith(self.within)]
        plain = normal_name(text)
        stems = {plain, *short_names(plain)}
        same = [area for area in inside if stems & {s for n in area.names.values() for s in short_names(n)}]
        begins = [
            a
            for a in inside
            if any(
                normal_name(n).startswith(stem) for n in a.names.values() for stem in stems if len(stem) > 1
            )
        ]
        if near := list({area.code: area for area in (*same, *begins)}.values()):
            return near[:_SHOWN]
        by_name = {normal_name(name): area for area in inside for name in area.names.values()}
        return [by_name[name] for name in difflib.get_close_matches(plain, by_name, n=_SHOWN, cutoff=0.5)]

    def _unknown_code(self, text: str) -> Refusal:
        """A code that does not exist: what its city, or else its province, has instead."""
        accepted = Sentence("intake.accepted.area")
        for length, tail in ((9, ""), (6, ""), (4, "00"), (2, "0000")):
            parent = self.areas.by_code.get(text[:length] + tail) if len(text) > length else None
            if parent is not None and parent.code != text:
                codes = sorted(
                    area.code for area in self.areas.by_code.values() if area.parent_code == parent.code
                )
                listed = ", ".join(codes[: _SHOWN + 1]) + (", …" if len(codes) > _SHOWN + 1 else "")
                values = {"parent": dict(parent.names), "names": listed}
                return Refusal(
                    "intake.area.unknown",
                    text,
                    accepted,
                    {},
                    Sentence("intake.suggest.has", values) if codes else None,
                )
        near = difflib.get_close_matches(text, self.areas.by_code, n=_SHOWN, cutoff=0.7)
        return Refusal("intake.area.unknown", text, accepted, {}, _suggest(near))

    def site(self, text: str) -> Site | Refusal:
        """The site that a cell means."""
        plain = normal_name(text)
        inside = [one for one in self.sites if one.area_path.startswith(self.within)]
        found = [one for one in inside if plain == normal_name(one.code)]
        found = found or [
            one for one in inside if plain in {normal_name(name) for name in one.names.values()}
        ]
        if len(found) == 1:
            return found[0]
        names = {normal_name(name): one for one in inside for name in one.names.values()}
        near = found or [
            names[name] for name in difflib.get_close_matches(plain, names, n=_SHOWN, cutoff=0.5)
        ]
        listed = [f"{_zh(one.names)} ({one.code})" for one in near[:_SHOWN]]
        return Refusal("intake.site.unknown", text, Sentence("intake.accepted.site"), {}, _suggest(listed))

    def rules_for(self, text: str, declared: Declared) -> ValueRules:
        """Rules of the values of an indicator; for an unknown one any number is read, since the row is refused anyway."""
        found = self.indicator(text)
        if isinstance(found, Refusal):
            return declared.value_rules()
        return value_rules(found, declared)


def value_rules(indicator: Indicator, declared: Declared) -> ValueRules:
    """What the kind and the unit of an indicator demand of its values."""
    unit = UNITS.get(indicator.unit)
    words = (
        ()
        if unit is None
        else tuple(w for w in (unit.code, *unit.spellings, *unit.names.values()) if w not in ("1", "-"))
    )
    units = tuple(sorted({fold(word) for word in words}, key=len, reverse=True))
    if indicator.kind == "count":
        allowed = declared.interval_counts
        return declared.value_rules(
            whole=True, minimum=0.0, qualifiers=allowed, percent="refused", units=units
        )
    if indicator.kind == "share":
        if indicator.unit == "%":
            return declared.value_rules(minimum=0.0, maximum=100.0, percent="as_written", units=())
        return declared.value_rules(
            minimum=0.0, percent="as_fraction" if indicator.unit == "1" else "refused", units=()
        )
    minimum = 0.0 if indicator.kind in ("concentration", "rate") else None
    percent = "as_written" if indicator.unit == "%" else "refused"
    return declared.value_rules(minimum=minimum, percent=percent, units=units)


def stratum_code(indicator: Indicator, text: str) -> str | Refusal:
    """The stratum that a cell means: its code, or a name of it; empty means all together."""
    if not text:
        return ""
    plain = normal_name(text)
    for code, names in indicator.strata:
        if plain in {normal_name(code), *(normal_name(name) for name in names.values())}:
            return code
    listed = ", ".join(code for code, _ in indicator.strata) or "—"
    return Refusal("intake.stratum.unknown", text, Sentence("intake.accepted.stratum", {"strata": listed}))


def unit_fits(indicator: Indicator, text: str) -> bool:
    """Whether a unit as written is the indicator's own; an empty cell says nothing."""
    if not text:
        return True
    unit = find_unit(text) or find_unit(fold(text))
    names = (
        {fold(name) for name in (indicator.unit, *UNITS[indicator.unit].names.values())}
        if indicator.unit in UNITS
        else {indicator.unit}
    )
    return text in names or (unit is not None and unit.code == indicator.unit)


def period_number(indicator: Indicator, period: Period) -> int | None:
    """The period's number in the indicator's calendar, or None where it is no period of it."""
    calendar = indicator.calendar
    try:
        if calendar.step == "hour":
            return _hour_number(indicator, period)
        fitted = period.as_kind(calendar.step, weeks=calendar.week_system)
        if fitted is None:
            return None
        day = date(fitted.start.year, fitted.start.month, fitted.start.day)
        if calendar.step == "week" and day.weekday() != (6 if calendar.week_system == "mmwr" else 0):
            return None
        return calendar.period_of(day)
    except AnlanError:
        return None


def _hour_number(indicator: Indicator, period: Period) -> int | None:
    if period.kind != "moment" or period.start.minute or period.start.second or period.start.microsecond:
        return None
    calendar = indicator.calendar
    if period.offset_minutes is None:
        return calendar.parse(f"{period.start:%Y-%m-%dT%H}")
    moment = period.start.replace(tzinfo=UTC) - timedelta(minutes=period.offset_minutes)
    if moment.minute:
        return None
    return calendar.period_of(moment) - (calendar.label_at == "end")


def known_moment(zone: str, period: Period) -> datetime:
    """When the world knew, from what a row claims: a day means its last second, since nobody says at what hour."""
    if period.offset_minutes is not None:
        return period.start.replace(tzinfo=UTC) - timedelta(minutes=period.offset_minutes)
    start = period.start
    if period.kind != "moment":
        start = start + timedelta(days=1) - timedelta(seconds=1)
    return start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _names_of(indicator: Indicator) -> list[str]:
    return [fold(name) for name in (*indicator.names.values(), *indicator.aliases)] + sorted(
        _spellings(indicator, exact=False)
    )


def _spellings(indicator: Indicator, *, exact: bool) -> set[str]:
    names = {normal_name(name) for name in (indicator.code, *indicator.names.values(), *indicator.aliases)}
    if exact:
        return names
    bare = {name.partition("(")[0].strip() for name in names} | {
        name.partition(",")[0].strip() for name in names
    }
    return (names | bare) - {""}


def _statistical_code(text: str) -> str:
    """421202000000 and 421202000 are long forms of 421202."""
    if text.isascii() and text.isdigit() and len(text) in (9, 12):
        if text.endswith("000000") and len(text) == 12:
            return text[:6]
        if text.endswith("000"):
            return text[: len(text) - 3]
    return text


def _zh(names: object) -> str:
    if isinstance(names, dict):
        return str(names.get("zh") or next(iter(names.values()), ""))
    return str(names)


def _suggest(listed: Sequence[str]) -> Sentence | None:
    if not listed:
        return None
    if len(listed) == 1:
        return Sentence("intake.suggest.change_to", {"name": listed[0]})
    return Sentence("intake.suggest.one_of", {"names": ", ".join(listed)})
