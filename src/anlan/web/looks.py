"""Series as pages speak of them: names of indicator, place and stratum, the newest value, and what is usual for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import sqlalchemy as sa

from anlan import registry
from anlan.registry import Area, Indicator, find_unit
from anlan.series import Flag, Series, SeriesValues
from anlan.texts import name_in
from anlan.web.plots import spread
from anlan.web.visit import Visit

USUAL_YEARS = 5
RECENT = 24


@dataclass(frozen=True)
class Naming:
    """Names of what series are made of, in one language."""

    language: str
    indicators: Mapping[str, Indicator]
    areas: Mapping[str, Area]
    sites: Mapping[str, registry.Site]

    def indicator(self, one: Series) -> Indicator:
        return self.indicators[one.indicator_code]

    def area(self, code: str) -> str:
        found = self.areas.get(code)
        return name_in(found.names, self.language) if found is not None else code

    def unit(self, indicator: Indicator) -> str:
        """The unit as written beside a figure; nothing for a bare number."""
        unit = find_unit(indicator.unit)
        if unit is None or unit.code == "1":
            return "" if unit is not None else indicator.unit
        spelled = unit.of in ("count", "time") or unit.code == "per_100k"
        return name_in(unit.names, self.language) if spelled else unit.code

    def stratum(self, one: Series) -> str:
        strata = dict(self.indicator(one).strata)
        return name_in(strata.get(one.stratum, one.stratum), self.language)

    def place(self, one: Series) -> str:
        """Area, site and stratum, as far as the series has them."""
        site = self.sites.get(one.site_code)
        parts = [
            self.area(one.area_code),
            name_in(site.names, self.language) if site else "",
            self.stratum(one),
        ]
        return " · ".join(part for part in parts if part)

    def title(self, one: Series) -> str:
        """``赤壁市 · 麻疹（周）``, ``Chibi City · Measles, weekly``."""
        return f"{self.place(one)} · {name_in(self.indicator(one).names, self.language)}"

    def everything(self, one: Series) -> str:
        """All that somebody may search a series by, in lower case."""
        indicator, area = self.indicators.get(one.indicator_code), self.areas.get(one.area_code)
        words = [one.indicator_code, one.area_code, one.site_code, one.stratum]
        words += [*indicator.names.values(), *indicator.aliases] if indicator else []
        words += [*area.names.values(), *area.aliases] if area else []
        return " ".join(words).casefold()


def naming(visit: Visit, connection: sa.Connection) -> Naming:
    """Read the names once for a page."""
    args = (connection, visit.scope, visit.as_of)
    return Naming(
        visit.language,
        {one.code: one for one in registry.indicators(*args, retired=True)},
        {one.code: one for one in registry.areas(*args)},
        {one.code: one for one in registry.sites(*args, retired=True)},
    )


@dataclass(frozen=True)
class Look:
    """A series at its newest value.

    ``usual`` is the median of the same period in up to five earlier years; ``before`` the period and value before the
    newest, however long ago.
    """

    series: Series
    indicator: Indicator
    period: int
    value: float
    usual: float | None
    before: tuple[int, float] | None
    whole: tuple[float | None, ...]
    retrospective: bool

    @property
    def recent(self) -> tuple[float | None, ...]:
        return self.whole[-RECENT:]

    @property
    def total(self) -> float:
        return sum(value for value in self.whole if value is not None)

    @property
    def ratio(self) -> float | None:
        return self.value / self.usual if self.usual else None

    @property
    def is_yearly(self) -> bool:
        return self.indicator.calendar.step == "year"

    def label(self, language: str) -> str:
        return self.indicator.calendar.label(self.period, language)


def look_at(one: Series, names: Naming, found: SeriesValues) -> Look | None:
    """The newest value of a series against its own past; None where it has no value."""
    indicator = names.indicators.get(one.indicator_code)
    if indicator is None or not len(found):
        return None
    periods, row = spread(found, indicator.calendar)
    known = [place for place, value in enumerate(row) if value is not None]
    if not known:
        return None
    last = known[-1]
    value = row[last]
    assert value is not None
    cycle = max(1, round(indicator.calendar.periods_per_year))
    before = [row[last - years * cycle] for years in range(1, USUAL_YEARS + 1) if last - years * cycle >= 0]
    earlier = [past for past in before if past is not None]
    flags = int(found.flags[-1])
    return Look(
        series=one,
        indicator=indicator,
        period=periods.first + last,
        value=value,
        usual=median(earlier) if earlier else None,
        before=(periods.first + known[-2], earlier_value)
        if (earlier_value := _at(row, known)) is not None
        else None,
        whole=tuple(row[: last + 1]),
        retrospective=bool(flags & Flag.RETROSPECTIVE),
    )


def _at(row: list[float | None], known: list[int]) -> float | None:
    return row[known[-2]] if len(known) > 1 else None
