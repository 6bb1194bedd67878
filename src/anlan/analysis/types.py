"""What analysis speaks of: rules, signals, runs. Plain frozen values; nothing here reads or writes.

Words that look alike:

*expected*, *upper*
    What the method expects of a period, and the bound it must pass. For a limit, ``upper`` is the limit itself and
    ``expected`` is None.
*level* and *level hint*
    A rule suggests a level (its *hint*). The level of a warning comes from an assessment, never from a rule.
*holds*
    Whether the newest version of the data still gives the finding. A correction may take the ground from a signal;
    the signal stays, and says so.
*late*
    The data of the period arrived after they were due, so the signal says what the rule would have said then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from anlan.registry.calendars import Calendar
from anlan.texts import Sentence

__all__ = [
    "EVALUATE_LAST",
    "LEVELS",
    "SILENCE_RULE",
    "AlarmBudget",
    "BudgetPlace",
    "BudgetWeek",
    "LevelName",
    "Rule",
    "RuleKind",
    "RuleState",
    "RuleStep",
    "Run",
    "RunReport",
    "Selector",
    "Signal",
    "SignalCounts",
    "SignalKind",
    "SignalPage",
    "Strata",
    "level_rank",
]

LevelName = Literal["blue", "yellow", "orange", "red"]
RuleKind = Literal["detector", "limit", "silence"]
Strata = Literal["total", "each"]
RuleState = Literal["proposed", "active", "retired"]
SignalKind = Literal["detector", "limit", "silence"]

LEVELS: tuple[LevelName, ...] = ("blue", "yellow", "orange", "red")
SILENCE_RULE = "silence"  # the built-in rule that watches sources that no rule of a pack names

#: How many of the newest periods a rule looks at when it runs for the first time, and how far back corrections are
#: still looked at, unless the rule says otherwise.
EVALUATE_LAST: Mapping[str, int] = MappingProxyType(
    {"hour": 72, "day": 28, "week": 12, "month": 12, "quarter": 8, "year": 3}
)


def level_rank(level: str) -> int:
    """1 for blue (IV) to 4 for red (I)."""
    return 1 + LEVELS.index(level)


@dataclass(frozen=True)
class Selector:
    """Which series a rule watches: all series of some indicators that meet every condition given.

    Attributes
    ----------
    indicators : tuple of str
        Codes; at least one, but for a silence rule.
    area_kinds : tuple of str
        Kinds of area (county, township, …); empty means any.
    areas : tuple of str
        Codes of areas; a series counts when it lies in or below one of them. Empty means anywhere.
    strata : str
        ``total``: series that are not divided; ``each``: every series, by stratum.
    sources : tuple of str
        Codes of sources, for a silence rule only.
    """

    indicators: tuple[str, ...] = ()
    area_kinds: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    strata: Strata = "total"
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One version of a rule.

    ``levels`` gives the level of a finding by its score, lowest first: ``(("blue", 0.0), ("yellow", 2.0))``.
    ``valid_from`` and ``valid_to`` are dates (``""`` when open) that bound the periods it looks at.
    """

    code: str
    kind: RuleKind
    domain: str
    names: Mapping[str, str]
    method: str
    parameters: Mapping[str, Any]
    selector: Selector
    levels: tuple[tuple[LevelName, float], ...] = (("blue", 0.0),)
    extend_days: int = 14
    evaluate_last: int = 0  # 0: what EVALUATE_LAST says for the step of the indicator
    valid_from: str = ""
    valid_to: str = ""
    hazard: str = ""
    reference: str = ""
    why: Mapping[str, str] = field(default_factory=dict)
    sensitivity: int = 1
    state: RuleState = "active"
    pack_id: str = ""
    pack_version: str = ""
    local_edit: bool = False
    note: str = ""
    version: int = 0  # given by the action that writes it
    known_seq: int = 0

    def level_for(self, score: float | None) -> LevelName:
        """The highest level whose score is reached; the lowest when there is no score."""
        reached = [level for level, least in self.levels if score is not None and score >= least]
        return reached[-1] if reached else self.levels[0][0]


@dataclass(frozen=True)
class Signal:
    """One version of a signal."""

    public_id: str
    known_seq: int
    node_id: str
    number: str
    kind: SignalKind
    rule_code: str
    rule_version: int
    code_version: str
    hazard: str
    series_id: int | None
    source_code: str | None
    indicator_code: str
    stratum: str
    site_code: str
    area_code: str
    area_path: str
    domain: str
    sensitivity: int
    calendar: Calendar
    first_period: int
    last_period: int
    observed: float | None
    expected: float | None
    upper: float | None
    p_value: float | None
    score: float | None
    level_hint: LevelName
    holds: bool
    late: bool
    evidence: Mapping[str, Any]
    title: Sentence
    why: tuple[Sentence, ...]
    input_seq: int
    input_known_at: datetime | None
    raised_at: datetime
    changed_at: datetime
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether what it reports has not ended: a silence that lasts, or any other signal."""
        return self.ended_at is None


@dataclass(frozen=True)
class SignalPage:
    """A list of signals, and how many there are in all."""

    signals: tuple[Signal, ...]
    total: int


@dataclass(frozen=True)
class Run:
    """What one run of a rule on one indicator looked at, as it stands in the journal."""

    rule_code: str
    indicator_code: str
    rule_version: int
    code_version: str
    known_seq: int
    domain: str
    input_seq: int
    input_known_at: datetime | None
    at: datetime
    first_period: int | None
    last_period: int | None
    series: int
    cells: int
    alarms: int
    raised: int
    extended: int
    revised: int
    ended: int
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class RunReport:
    """What ``run_rule`` did on one indicator. ``wrote`` is False when there was nothing new to look at."""

    rule_code: str
    rule_version: int
    indicator_code: str
    input_seq: int
    wrote: bool
    series: int = 0
    cells: int = 0
    alarms: int = 0
    raised: tuple[str, ...] = ()
    extended: tuple[str, ...] = ()
    revised: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleStep:
    """Who wrote a row of a rule, and when."""

    by: str
    at: datetime


@dataclass(frozen=True)
class SignalCounts:
    """Signals that a version of a rule has raised: ever, and lately."""

    ever: int
    recent: int


@dataclass(frozen=True)
class AlarmBudget:
    """One version of how many signals a week a desk (a domain) works off; 0 means as many as there are.

    ``exact``: the K smallest p-values of each week; otherwise the p-value that would have given K a week over the
    ``trailing_weeks`` before, so that busy weeks give more and quiet ones fewer.
    """

    domain: str
    known_seq: int
    signals_a_week: int
    exact: bool
    trailing_weeks: int
    note: str
    at: datetime
    by: str


@dataclass(frozen=True)
class BudgetPlace:
    """The place of one alarm of a week among all p-values of its desk, 1 the smallest."""

    rule_code: str
    series_id: int
    p_value: float
    rank: int
    let_through: bool


@dataclass(frozen=True)
class BudgetWeek:
    """What a budget made of one week.

    ``judged`` is how many p-values there were, ``expected_chance`` how many of them chance alone would bring below
    ``p_limit`` when nothing happens anywhere. Without a limit yet (too few weeks before it) nothing is held back.
    """

    domain: str
    week: int
    known_seq: int
    calendar: Calendar
    signals_a_week: int
    judged: int
    p_limit: float | None
    expected_chance: float | None
    let_through: int
    held_back: int
    places: tuple[BudgetPlace, ...]
    input_seq: int
    code_version: str
    at: datetime
