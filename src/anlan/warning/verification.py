"""Were our warnings right? What happened is recorded by people; hits, misses and false alarms follow from it.

One warning (its whole chain) counts once, at the highest level it was issued at:

hit
    What was warned of happened. ``lead`` is from the first message to its beginning; not above zero is a hit that came too
    late, counted as a hit and said beside it.
false alarm
    It did not happen, or the warning was cancelled as issued in error and nothing was recorded.
open
    Nobody has recorded an outcome yet; it counts in no ratio.
miss
    Something happened that no warning was issued for.

Probability of detection = hits / (hits + misses), false alarm ratio = false alarms / (hits + false alarms), critical success
index = hits / (hits + misses + false alarms): Wilks DS, Statistical Methods in the Atmospheric Sciences, on verification
of yes/no forecasts. Intervals are Wilson's (1927), J Am Stat Assoc 22: 209-212, for 95 %.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Literal

import sqlalchemy as sa

from anlan.errors import InputError, NotFoundError, Problem
from anlan.store import AsOf, Scope, Tx, latest, new_public_id
from anlan.warning import _drafting as drafting
from anlan.warning import queries, tables
from anlan.warning.levels import Level, highest
from anlan.warning.places import places
from anlan.warning.types import HazardWarning

__all__ = [
    "GROUPS",
    "Outcome",
    "Score",
    "Share",
    "Verdict",
    "Verified",
    "outcomes",
    "record_miss",
    "record_outcome",
    "scores",
    "share",
    "verified",
]

Verdict = Literal["hit", "false_alarm", "miss", "open"]
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Outcome:
    """One version of what came of a warning, or of something that happened without one (``chain_id`` None)."""

    public_id: str
    known_seq: int
    chain_id: str | None
    hazard: str
    domain: str
    level: str
    area_codes: tuple[str, ...]
    happened: bool
    began_at: datetime | None
    said: str
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True)
class Verified:
    """One warning, or one miss, with its verdict."""

    number: str
    public_id: str
    hazard: str
    domain: str
    level: str
    area_codes: tuple[str, ...]
    at: datetime
    verdict: Verdict
    lead: timedelta | None
    said: str


@dataclass(frozen=True)
class Share:
    """So many of so many, with the interval of 95 %; None where there were none."""

    part: int
    whole: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Score:
    """Verification of one group: a hazard, a level, an area or a month."""

    key: str
    hits: int
    late: int
    misses: int
    false_alarms: int
    open: int
    detection: Share
    false_alarm_ratio: Share
    critical_success: Share
    median_lead: timedelta | None


def record_outcome(
    tx: Tx,
    chain_id: str,
    *,
    happened: bool,
    began_at: datetime | None = None,
    said: str = "",
) -> Outcome:
    """Say what came of a warning that was issued. Said again it is a new version of the same outcome.

    Raises
    ------
    ForbiddenError
        No person.
    NotFoundError
        No warning of that chain has been issued.
    InputError
        It happened and ``began_at`` is missing, is not aware or lies ahead; or it did not and ``began_at`` is given.
    """
    drafting.require_person(tx)
    steps = queries.chain(tx.connection, drafting.EVERYTHING, AsOf(tx.seq), chain_id)
    issued = [step for step in steps if step.released_at is not None]
    if not issued:
        raise NotFoundError(
            f"no issued warning {chain_id!r} here", key="warning.unknown", values={"public_id": chain_id}
        )
    _check_beginning(tx, happened=happened, began_at=began_at)
    level = highest(step.level for step in issued)
    return _store(tx, chain_id, chain_id, issued[0], str(level or issued[0].level), happened, began_at, said)


def record_miss(
    tx: Tx,
    *,
    hazard: str,
    level: str,
    area_codes: Sequence[str],
    began_at: datetime,
    said: str,
) -> Outcome:
    """Say that something happened which no warning had been issued for.

    Parameters
    ----------
    level : str
        The level at which it should have been warned of.

    Raises
    ------
    ForbiddenError
        No person.
    InputError
        With every problem of the arguments.
    NotFoundError
        No such kind of danger.
    """
    drafting.require_person(tx)
    drafting.read_reason(said)
    drafting.read_words(level, "Unknown", "Unknown", None)
    kind = drafting.hazard_of(tx, hazard)
    found = places(tx.connection, AsOf(tx.seq), area_codes)
    _check_beginning(tx, happened=True, began_at=began_at)
    place = drafting.place_fields(found)
    row = _row(tx, new_public_id(), None, level, happened=True, began_at=began_at, said=said)
    row |= {"hazard": kind.code, "domain": kind.domain, "sensitivity": 1, **place}
    return _insert(tx, row)


def _check_beginning(tx: Tx, *, happened: bool, began_at: datetime | None) -> None:
    where = {"field": "began_at"}
    problems = []
    if happened and (began_at is None or began_at.utcoffset() is None):
        problems.append(Problem("warning.outcome.began", {}, where, "say when it began"))
    elif began_at is not None and not happened:
        problems.append(Problem("warning.outcome.not_began", {}, where, "what did not happen did not begin"))
    elif began_at is not None and began_at > tx.now:
        problems.append(Problem("warning.outcome.ahead", {}, where, f"{began_at} lies ahead"))
    if problems:
        raise InputError("the outcome cannot be recorded", key="warning.outcome.problems", problems=problems)


def _store(
    tx: Tx,
    public_id: str,
    chain_id: str,
    step: HazardWarning,
    level: str,
    happened: bool,
    began_at: datetime | None,
    said: str,
) -> Outcome:
    row = _row(tx, public_id, chain_id, level, happened=happened, began_at=began_at, said=said)
    row |= {
        "hazard": step.hazard,
        "domain": step.domain,
        "area_codes": step.area_codes,
        "area_paths": step.area_paths,
        "area_code": step.area_code,
        "area_path": step.area_path,
        "sensitivity": step.sensitivity,
    }
    return _insert(tx, row)


def _row(
    tx: Tx,
    public_id: str,
    chain_id: str | None,
    level: str,
    *,
    happened: bool,
    began_at: datetime | None,
    said: str,
) -> dict[str, Any]:
    return {
        "public_id": public_id,
        "chain_id": chain_id,
        "level": level,
        "happened": happened,
        "began_at": began_at,
        "said": drafting.read_reason(said, required=False),
        "recorded_by": tx.actor.id,
        "recorded_at": tx.now,
    }


def _insert(tx: Tx, row: dict[str, Any]) -> Outcome:
    kept = {**row, "area_codes": list(row["area_codes"]), "area_paths": list(row["area_paths"])}
    tx.insert(tables.outcome, kept)
    tx.event(
        "warning.outcome",
        subject=("outcome", str(row["public_id"])),
        data={"chain": row["chain_id"], "hazard": row["hazard"], "happened": row["happened"]},
    )
    return _outcome({**kept, "known_seq": tx.seq})


def outcomes(connection: sa.Connection, scope: Scope, as_of: AsOf) -> list[Outcome]:
    """What has been recorded, in its newest version, oldest first."""
    now = latest(tables.outcome, as_of.seq)
    query = sa.select(now).where(queries.seen(scope, now)).order_by(now.c.recorded_at, now.c.public_id)
    return [_outcome(row._mapping) for row in connection.execute(query)]


def _outcome(row: Mapping[Any, Any]) -> Outcome:
    values = {name: row[name] for name in Outcome.__dataclass_fields__}
    values["area_codes"] = tuple(values["area_codes"])
    return Outcome(**values)


def verified(
    connection: sa.Connection,
    scope: Scope,
    as_of: AsOf,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Verified]:
    """Every issued warning and every miss with its verdict, oldest first.

    ``since`` (included) and ``until`` (excluded) are about the first message of a warning, and about the beginning of a miss.
    """
    said = {one.public_id: one for one in outcomes(connection, scope, as_of)}
    chains: dict[str, list[HazardWarning]] = defaultdict(list)
    for step in queries.warnings(connection, scope, as_of, limit=None):
        if step.released_at is not None:
            chains[step.chain_id].append(step)
    found = [_judged(steps, said.get(chain)) for chain, steps in chains.items()]
    found += [
        Verified(
            number="",
            public_id=one.public_id,
            hazard=one.hazard,
            domain=one.domain,
            level=one.level,
            area_codes=one.area_codes,
            at=one.began_at or one.recorded_at,
            verdict="miss",
            lead=None,
            said=one.said,
        )
        for one in said.values()
        if one.chain_id is None
    ]
    inside = [
        one for one in found if (since is None or one.at >= since) and (until is None or one.at < until)
    ]
    return sorted(inside, key=lambda one: (one.at, one.public_id))


def _judged(steps: Sequence[HazardWarning], outcome: Outcome | None) -> Verified:
    steps = sorted(steps, key=lambda step: step.step)
    first = steps[0]
    sent = first.released_at or first.changed_at
    lead = None
    verdict: Verdict = "open"
    if outcome is not None:
        verdict = "hit" if outcome.happened else "false_alarm"
        lead = outcome.began_at - sent if outcome.began_at is not None else None
    elif any(step.state == "cancelled" for step in steps):
        verdict = "false_alarm"
    return Verified(
        number=first.number,
        public_id=first.public_id,
        hazard=first.hazard,
        domain=first.domain,
        level=str(highest(step.level for step in steps) or Level.BLUE),
        area_codes=tuple(dict.fromkeys(code for step in steps for code in step.area_codes)),
        at=sent,
        verdict=verdict,
        lead=lead,
        said=outcome.said if outcome else "",
    )


# What a table of scores can be by; a warning for two areas counts in both.
GROUPS: Mapping[str, Callable[[Verified], tuple[str, ...]]] = {
    "hazard": lambda one: (one.hazard,),
    "level": lambda one: (one.level,),
    "area": lambda one: one.area_codes,
    "month": lambda one: (one.at.strftime("%Y-%m"),),
}


def scores(found: Iterable[Verified], by: str | None = None) -> list[Score]:
    """Hits, misses and false alarms, over all (``by`` None, key "") or by hazard, level, area or month.

    Months are those of the moments' own zone: convert ``at`` before if another is wanted.
    """
    keys = GROUPS[by] if by is not None else lambda _one: ("",)
    groups: dict[str, list[Verified]] = defaultdict(list)
    for one in found:
        for key in keys(one):
            groups[key].append(one)
    if by is None and not groups:
        groups[""] = []
    return [_score(key, groups[key]) for key in sorted(groups)]


def _score(key: str, group: Sequence[Verified]) -> Score:
    counts = {
        word: sum(one.verdict == word for one in group) for word in ("hit", "miss", "false_alarm", "open")
    }
    hits, misses, false = counts["hit"], counts["miss"], counts["false_alarm"]
    leads = [one.lead for one in group if one.verdict == "hit" and one.lead is not None]
    return Score(
        key=key,
        hits=hits,
        late=sum(lead <= timedelta(0) for lead in leads),
        misses=misses,
        false_alarms=false,
        open=counts["open"],
        detection=share(hits, hits + misses),
        false_alarm_ratio=share(false, hits + false),
        critical_success=share(hits, hits + misses + false),
        median_lead=timedelta(seconds=median(lead.total_seconds() for lead in leads)) if leads else None,
    )


def share(part: int, whole: int) -> Share:
    """``part`` of ``whole`` with Wilson's interval."""
    if whole == 0:
        return Share(part, whole, None, None, None)
    value, z2 = part / whole, _Z95**2
    centre = (value + z2 / (2 * whole)) / (1 + z2 / whole)
    half = _Z95 / (1 + z2 / whole) * (value * (1 - value) / whole + z2 / (4 * whole**2)) ** 0.5
    return Share(part, whole, value, max(0.0, centre - half), min(1.0, centre + half))
