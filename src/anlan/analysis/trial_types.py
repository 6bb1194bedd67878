"""What a back-test takes and gives. Plain frozen values; nothing here reads or writes.

Words that look alike:

*alarm*
    A period of a series that passed the bound when the rule looked at it; counted once, whatever came later.
*signal*
    What people would have had on their desk: alarms that follow each other are one signal, as in a live run.
*event*
    Something real, known from elsewhere, that the rule should have found: an outbreak, a confirmed signal.
*basis*
    Whose knowledge the rule is given: ``reported`` (what the world could know by then, ``known_at``) or ``received``
    (what had reached this node by then, ``known_seq``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

from anlan.analysis.types import Rule

__all__ = [
    "BASES",
    "MOST_YEARS",
    "Backtest",
    "Basis",
    "KnownEvent",
    "Measure",
    "Tested",
    "Trial",
    "Tried",
    "measures",
]

Basis = Literal["reported", "received"]
BacktestState = Literal["waiting", "done", "failed"]
BASES: tuple[Basis, ...] = ("reported", "received")
MOST_YEARS = 30


@dataclass(frozen=True)
class KnownEvent:
    """An event that a rule should have found, in or below an area, from ``start`` to ``end`` (both included).

    ``indicator`` empty: any. ``recognised`` is the day on which people knew of it; None where nobody wrote it down.
    """

    area_code: str
    start: date
    end: date
    name: str = ""
    indicator: str = ""
    recognised: date | None = None


@dataclass(frozen=True)
class Tested:
    """The values of one indicator that rules were tried on.

    ``revised`` counts values of the tested periods that were later not what they were at first; ``assumed`` those whose
    ``known_at`` nobody reported but we assumed.
    """

    indicator: str
    names: Mapping[str, str]
    first: str
    last: str
    years: float
    series: int
    values: int
    revised: int
    assumed: int


@dataclass(frozen=True)
class Tried:
    """What one rule did. ``delays`` has days from the start of each event to the first alarm in it; None: not found.

    ``ahead`` has days by which that alarm came before people recognised the event (negative: after them).
    """

    code: str
    version: int
    names: Mapping[str, str]
    method: str
    parameters: Mapping[str, Any]
    series: int
    looks: int
    judged: int
    undecided: Mapping[str, int]
    too_late: int
    alarms: int
    signals: int
    taken_back: int
    alarms_a_year: float
    signals_a_year: float
    levels: Mapping[str, int]
    years: tuple[tuple[int, int, int], ...]  # year, alarms, signals
    outside_events: int
    delays: tuple[float | None, ...] = ()
    ahead: tuple[float | None, ...] = ()

    @property
    def found(self) -> int:
        """Events in which it raised at least one alarm."""
        return sum(delay is not None for delay in self.delays)

    @property
    def median_delay(self) -> float | None:
        return _median(self.delays)

    @property
    def median_ahead(self) -> float | None:
        return _median(self.ahead)


@dataclass(frozen=True)
class Trial:
    """One or two rules on the same periods, as known then.

    ``first`` and ``last`` of ``tested`` name periods; ``years`` is how many were asked for.
    """

    years: int
    basis: Basis
    input_seq: int
    tested: tuple[Tested, ...]
    events: tuple[KnownEvent, ...]
    tried: tuple[Tried, ...]

    @property
    def gained(self) -> tuple[float | None, ...]:
        """Days by which the first rule was earlier than the second, for each event that both found."""
        if len(self.tried) < 2:
            return ()
        pairs = zip(self.tried[0].delays, self.tried[1].delays, strict=True)
        return tuple(None if one is None or other is None else other - one for one, other in pairs)

    @property
    def median_gained(self) -> float | None:
        return _median(self.gained)

    def to_json(self) -> dict[str, Any]:
        """Plain values for storage and for programs; ``of`` reads them back."""
        plain = asdict(self)
        plain["events"] = events_to_json(self.events)
        plain["tried"] = [
            {
                **asdict(one),
                "found": one.found,
                "median_delay": one.median_delay,
                "median_ahead": one.median_ahead,
            }
            for one in self.tried
        ]
        plain["gained"], plain["median_gained"] = list(self.gained), self.median_gained
        return plain

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Trial:
        derived = ("found", "median_delay", "median_ahead")
        tried = []
        for one in plain["tried"]:
            values = {name: value for name, value in one.items() if name not in derived}
            values["years"] = tuple(tuple(entry) for entry in values["years"])
            values["delays"], values["ahead"] = tuple(values["delays"]), tuple(values["ahead"])
            tried.append(Tried(**values))
        return cls(
            years=plain["years"],
            basis=plain["basis"],
            input_seq=plain["input_seq"],
            tested=tuple(Tested(**one) for one in plain["tested"]),
            events=events_of(plain["events"]),
            tried=tuple(tried),
        )


@dataclass(frozen=True)
class Measure:
    """One line of a comparison: its text key, and a figure for each rule (None: nothing to say)."""

    key: str
    values: tuple[float | None, ...]
    decimals: int


def measures(trial: Trial) -> list[Measure]:
    """What a back-test says of its rules, most important first; the same lines on every surface."""
    lines: list[tuple[str, int, list[float | None]]] = [
        ("signals_a_year", 1, [one.signals_a_year for one in trial.tried]),
        ("alarms_a_year", 1, [one.alarms_a_year for one in trial.tried]),
        ("signals", 0, [one.signals for one in trial.tried]),
        ("taken_back", 0, [one.taken_back for one in trial.tried]),
    ]
    if trial.events:
        lines += [
            ("found", 0, [one.found for one in trial.tried]),
            ("median_delay", 1, [one.median_delay for one in trial.tried]),
            ("median_ahead", 1, [one.median_ahead for one in trial.tried]),
            ("outside_events", 0, [one.outside_events for one in trial.tried]),
        ]
    lines += [
        ("judged", 0, [one.judged for one in trial.tried]),
        ("undecided", 0, [sum(one.undecided.values()) for one in trial.tried]),
        ("too_late", 0, [one.too_late for one in trial.tried]),
        ("looks", 0, [one.looks for one in trial.tried]),
    ]
    return [
        Measure(f"analysis.trial.{name}", tuple(values), decimals)
        for name, decimals, values in lines
        if any(value is not None for value in values)
    ]


@dataclass(frozen=True)
class Backtest:
    """A back-test as it is kept: what was asked, of which rules (whole, as they were tried), and what came out."""

    public_id: str
    known_seq: int
    rule_code: str
    area_path: str
    domain: str
    sensitivity: int
    state: BacktestState
    years: int
    basis: Basis
    rules: tuple[Rule, ...]
    events: tuple[KnownEvent, ...]
    result: Trial | None
    error: str
    input_seq: int
    code_version: str
    at: datetime
    by: str


def events_to_json(events: tuple[KnownEvent, ...]) -> list[dict[str, Any]]:
    """Events as plain values."""
    return [
        {
            **asdict(one),
            "start": one.start.isoformat(),
            "end": one.end.isoformat(),
            "recognised": one.recognised.isoformat() if one.recognised else None,
        }
        for one in events
    ]


def events_of(plain: list[Mapping[str, Any]]) -> tuple[KnownEvent, ...]:
    """Events from plain values."""
    return tuple(
        KnownEvent(
            **{
                **one,
                "start": date.fromisoformat(one["start"]),
                "end": date.fromisoformat(one["end"]),
                "recognised": date.fromisoformat(one["recognised"]) if one["recognised"] else None,
            }
        )
        for one in plain
    )


def _median(values: tuple[float | None, ...]) -> float | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2
