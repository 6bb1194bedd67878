"""Rules: the list, one rule with its versions, the form of a change, a back-test, and the budget of a desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from anlan.web.views.frame import Crumb, FieldError, Option
from anlan.web.views.signals import Fact, Filter, SignalRow


@dataclass(frozen=True)
class RuleRow:
    """A line of the list. ``recent`` and ``ever`` count its signals, of all its versions."""

    href: str
    name: str
    code: str
    domain: str
    method: str
    watches: str
    state: str
    recent: int
    ever: int
    waits: str = ""


@dataclass(frozen=True)
class BudgetRow:
    """How many signals a week a domain works off, in words."""

    domain: str
    words: str
    href: str


@dataclass(frozen=True)
class RuleList:
    rows: tuple[RuleRow, ...]
    domains: tuple[Filter, ...]
    budgets: tuple[BudgetRow, ...]


@dataclass(frozen=True)
class Setting:
    """One thing that a rule says. ``before`` is what stood there in the version that runs, where that differs."""

    name: str
    value: str
    before: str = ""
    changed: bool = False


@dataclass(frozen=True)
class VersionRow:
    """One version of a rule: its newest state, who wrote it and who decided, and what it signalled."""

    number: int
    state: str
    at: datetime
    by: str
    note: str
    signals: int
    href: str
    running: bool = False


@dataclass(frozen=True)
class Proposal:
    """A version that waits for a second person."""

    version: int
    by: str
    at: datetime
    note: str
    changes: tuple[Setting, ...]
    seq: str
    approve_href: str
    drop_href: str
    may_approve: bool
    is_own: bool
    edit_href: str = ""


@dataclass(frozen=True)
class BacktestRow:
    """A back-test that was asked for."""

    href: str
    words: str
    at: datetime
    by: str
    state: str


@dataclass(frozen=True)
class BacktestForm:
    """What can be tried: versions, what stands beside them, and the events that should be found."""

    action: str
    tried: tuple[Option, ...]
    against: tuple[Option, ...]
    values: Mapping[str, str]


@dataclass(frozen=True)
class RuleView:
    """One rule as it runs (or waits, or ended)."""

    code: str
    name: str
    title: str
    state: str
    lead: str
    settings: tuple[Setting, ...]
    proposal: Proposal | None
    versions: tuple[VersionRow, ...]
    backtests: tuple[BacktestRow, ...]
    form: BacktestForm | None
    signals_href: str
    seq: str
    edit_href: str = ""
    copy_href: str = ""
    retire_href: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class VersionView:
    """One version of a rule, whole, with every signal that it ever made."""

    crumbs: tuple[Crumb, ...]
    title: str
    lead: str
    settings: tuple[Setting, ...]
    rows: tuple[SignalRow, ...]
    total: int
    next_href: str = ""
    previous_href: str = ""


@dataclass(frozen=True)
class SettingField:
    """A field of the form. ``options`` makes it a choice."""

    name: str
    label: str
    help: str
    value: str
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class RuleForm:
    """A change of a rule, or a copy as a new one. ``kept`` are settings of other methods, so that nothing is lost."""

    crumbs: tuple[Crumb, ...]
    title: str
    lead: str
    action: str
    back_href: str
    methods: tuple[Option, ...]
    method_help: str
    fields: tuple[SettingField, ...]
    kept: tuple[tuple[str, str], ...]
    levels: tuple[SettingField, ...]
    values: Mapping[str, str]
    draft_key: str
    is_copy: bool = False
    restore: bool = True
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class TrialLine:
    """One measure; ``values`` as texts, one for each rule."""

    name: str
    values: tuple[str, ...]
    strong: bool = False


@dataclass(frozen=True)
class EventLine:
    """One event, and after how many days each rule found it."""

    name: str
    place: str
    start: str
    end: str
    recognised: str
    delays: tuple[str, ...]
    gained: str = ""


@dataclass(frozen=True)
class TriedRule:
    """A rule at the head of a column, and what it says."""

    name: str
    version: str
    href: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class BacktestView:
    crumbs: tuple[Crumb, ...]
    title: str
    lead: str
    state: str
    asked: str
    rules: tuple[TriedRule, ...]
    lines: tuple[TrialLine, ...]
    gained: str
    notes: tuple[str, ...]
    years: tuple[TrialLine, ...]
    events: tuple[EventLine, ...]
    error: str = ""
    edit_href: str = ""
    rule_href: str = ""


@dataclass(frozen=True)
class BudgetLine:
    """One judged week under a budget."""

    week: str
    judged: str
    limit: str
    chance: str
    through: str
    held: str


@dataclass(frozen=True)
class BudgetView:
    crumbs: tuple[Crumb, ...]
    title: str
    lead: str
    weeks: tuple[BudgetLine, ...]
    history: tuple[Fact, ...]
    action: str
    values: Mapping[str, str]
    version: str
    may_set: bool
    signals_href: str
    errors: tuple[FieldError, ...] = ()
