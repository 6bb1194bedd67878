"""Signals into the table and the journal. Called inside a journaled transaction, by runs of rules and by silence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from anlan.analysis import tables
from anlan.analysis.drafting import Change, Numbering
from anlan.analysis.types import Signal
from anlan.registry.calendars import Calendar
from anlan.store import Tx

__all__ = ["numbering", "write_changes"]

_YEAR = Calendar(step="year")


def numbering(tx: Tx) -> Numbering:
    """Where the numbers of this year go on."""
    year = _YEAR.period_of(tx.now)
    table = tables.signal
    newest = sa.select(sa.func.coalesce(sa.func.max(table.c.serial), 0)).where(table.c.year == year)
    return Numbering(year, int(tx.connection.execute(newest).scalar_one()))


def write_changes(tx: Tx, changes: Iterable[Change]) -> None:
    """One new version for each change, and an event for each thing that happened to it."""
    listed = list(changes)
    tx.insert(tables.signal, [_row(change.signal) for change in listed])
    for change in listed:
        signal = change.signal
        for kind in change.kinds:
            tx.event(f"signal.{kind}", subject=("signal", signal.public_id), data=_event_data(signal))


def _row(signal: Signal) -> dict[str, Any]:
    year, _, serial = signal.number.partition("-")
    row = {item.name: getattr(signal, item.name) for item in fields(signal)}
    row.update(
        year=int(year),
        serial=int(serial),
        calendar=signal.calendar.to_dict(),
        evidence=dict(signal.evidence),
        title=signal.title.to_json(),
        why=[sentence.to_json() for sentence in signal.why],
    )
    return row


def _event_data(signal: Signal) -> dict[str, Any]:
    return {
        "number": signal.number,
        "kind": signal.kind,
        "rule": signal.rule_code,
        "rule_version": signal.rule_version,
        "indicator": signal.indicator_code,
        "source": signal.source_code,
        "area": signal.area_code,
        "domain": signal.domain,
        "level": signal.level_hint,
        "first_period": signal.calendar.text(signal.first_period),
        "last_period": signal.calendar.text(signal.last_period),
        "holds": signal.holds,
        "late": signal.late,
        "input_seq": signal.input_seq,
    }
