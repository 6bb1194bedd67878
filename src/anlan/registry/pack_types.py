"""What a pack holds once it is read: frozen values, checked, with nothing of YAML left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from anlan.registry.calendars import Calendar

__all__ = [
    "LEVELS",
    "PLACEHOLDERS",
    "SENSITIVITIES",
    "Pack",
    "PackGolden",
    "PackHazard",
    "PackIndicator",
    "PackMaturity",
    "PackRule",
    "PackSource",
    "PackTemplate",
]

Names = Mapping[str, str]

# Least to most serious.
LEVELS = ("blue", "yellow", "orange", "red")
SENSITIVITIES = {"public": 0, "internal": 1, "restricted": 2, "personal": 3}
# The places that a warning's text may have; each is filled with text in the language of the message.
PLACEHOLDERS = (
    "area",
    "contact",
    "expected",
    "expires",
    "indicator",
    "level",
    "limit",
    "observed",
    "onset",
    "period",
    "sender",
    "unit",
)


@dataclass(frozen=True)
class PackMaturity:
    """One point of the checklist: ``done``, ``todo`` or ``exempt``, the last two with a reason."""

    point: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class PackIndicator:
    """An indicator as the pack defines it; ``sensitivity`` is 0 public to 3 personal."""

    code: str
    names: Names
    unit: str
    kind: str
    calendar: Calendar
    area_kinds: tuple[str, ...] = ()
    site_kinds: tuple[str, ...] = ()
    strata: tuple[tuple[str, Names], ...] = ()
    sensitivity: int = 1
    decimals: int = 0
    better: str = ""
    rolling_periods: int = 1
    basis: Names = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackSource:
    """Who delivers what. A period's delivery is due ``due_after_hours`` after its end, silent ``grace_hours`` later."""

    code: str
    names: Names
    delivers: tuple[str, ...]
    step: str
    due_after_hours: float
    grace_hours: float
    known_at: str
    area_code: str = ""
    attribution: Names = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True)
class PackRule:
    """What to look for. ``levels`` maps a score to a level, lowest first; one level means ``((level, 0.0),)``."""

    code: str
    names: Names
    method: str
    parameters: Mapping[str, Any]
    extend_days: int
    indicators: tuple[str, ...] = ()
    area_kinds: tuple[str, ...] = ()
    strata: str = "total"
    sources: tuple[str, ...] = ()
    levels: tuple[tuple[str, float], ...] = ()
    hazard: str = ""
    valid_from: str = ""
    valid_to: str = ""
    reference: str = ""
    why: Names = field(default_factory=dict)

    @property
    def level(self) -> str:
        """The lowest level that a finding of this rule gets."""
        return self.levels[0][0]

    def is_valid_on(self, day: date) -> bool:
        """Whether the rule applies to a period that begins on this local date."""
        text = day.isoformat()
        return (not self.valid_from or self.valid_from <= text) and (
            not self.valid_to or text <= self.valid_to
        )

    def level_for(self, score: float | None) -> str:
        """The highest level whose score is reached; the lowest when there is no score."""
        reached = [level for level, least in self.levels if score is not None and score >= least]
        return reached[-1] if reached else self.level


@dataclass(frozen=True)
class PackTemplate:
    """Texts of a warning of one hazard at one level, with places like ``{area}`` (``PLACEHOLDERS``)."""

    level: str
    headline: Names
    description: Names
    instruction: Names


@dataclass(frozen=True)
class PackHazard:
    """A hazard that is warned of, its category in CAP, and its texts by level."""

    code: str
    names: Names
    cap_category: str
    templates: tuple[PackTemplate, ...]

    def template(self, level: str) -> PackTemplate | None:
        """The texts of a level, or None where the pack has none."""
        return next((template for template in self.templates if template.level == level), None)


@dataclass(frozen=True)
class PackGolden:
    """A sample: a rule of the pack on ``input`` gives ``expected``, to a relative ``tolerance``."""

    code: str
    rule: str
    input: str
    expected: str
    origin: str
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Pack:
    """A domain as data. ``digest`` is the SHA-256 of its files; equal digests are equal packs."""

    id: str
    version: str
    names: Names
    summary: Names
    maturity: tuple[PackMaturity, ...]
    indicators: tuple[PackIndicator, ...]
    sources: tuple[PackSource, ...]
    rules: tuple[PackRule, ...]
    hazards: tuple[PackHazard, ...]
    texts: Mapping[str, Names]
    golden: tuple[PackGolden, ...]
    digest: str

    def indicator(self, code: str) -> PackIndicator | None:
        """The indicator of a code, or None."""
        return next((indicator for indicator in self.indicators if indicator.code == code), None)

    def hazard(self, code: str) -> PackHazard | None:
        """The hazard of a code, or None."""
        return next((hazard for hazard in self.hazards if hazard.code == code), None)
