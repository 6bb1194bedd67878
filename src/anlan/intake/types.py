"""What the intake room hands out: receipts, deliveries, rejected rows. Reading files has its own types in ``files``."""

from __future__ import annotations

import json
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from anlan.errors import Problem
from anlan.intake.files import RawTable
from anlan.intake.mapping import Mapping
from anlan.intake.reading import PreviewRow
from anlan.store import Actor
from anlan.texts import Sentence

__all__ = ["Change", "Counts", "Delivery", "Inspection", "OpenDelivery", "Receipt", "RejectedRow"]


@dataclass(frozen=True)
class Counts:
    """What a delivery did, in rows of the file and in values of series.

    ``rows_read = rows_accepted + rows_rejected``. A row of a wide table with one bad cell counts as rejected, and its
    other values are in. ``new``, ``corrected``, ``unchanged`` and ``withdrawn`` count values; ``repeated`` are values that
    stand in the file twice.
    """

    rows_read: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    new: int = 0
    corrected: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    repeated: int = 0
    series: int = 0

    @property
    def changes_anything(self) -> bool:
        return bool(self.new or self.corrected or self.withdrawn)


@dataclass(frozen=True)
class Change:
    """A value that was corrected or withdrawn: where, and what it was and is (as text, ``""`` for no value)."""

    indicator: str
    area: str
    site: str
    stratum: str
    period: str
    before: str
    after: str
    row: int


@dataclass(frozen=True)
class Receipt:
    """What became of a delivery. ``notes`` say how the table was read; ``changes`` lists the first corrections.

    A dry run has an empty ``public_id`` and ``number`` and ``known_seq`` 0. ``rejected_sample`` is filled by ``deliver``;
    all rejected rows are had from ``queries.rejected_rows``.
    """

    public_id: str
    number: str
    source_code: str
    filename: str
    sha256: str
    size_bytes: int
    received_at: datetime
    delivered_by: str
    mode: str
    counts: Counts
    notes: tuple[Sentence, ...]
    changes: tuple[Change, ...]
    header: tuple[str, ...]
    same_as: str
    known_seq: int
    is_dry_run: bool = False
    rejected_sample: tuple[RejectedRow, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """A delivery as it is stored, with its receipt and the mapping it was read by."""

    receipt: Receipt
    batch_public_id: str
    mapping: Mapping
    area_path: str
    domain: str


@dataclass(frozen=True)
class RejectedRow:
    """A row that was not accepted, as delivered, with every reason."""

    row: int
    cells: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class OpenDelivery:
    """A delivery that was begun and not published: to be resumed or dropped.

    ``is_left`` says that whoever worked on it has not been heard of for longer than a lease, so that it may be taken up.
    """

    public_id: str
    source_code: str
    filename: str
    sha256: str
    received_at: datetime
    mode: str
    staged_count: int
    row_count: int
    delivered_by: Actor
    is_left: bool


@dataclass(frozen=True)
class Inspection:
    """A file before it is delivered: the table, how its columns would be read, the first rows.

    ``is_remembered`` says that the mapping is the source's own. ``problems`` must be empty before it can be delivered.
    """

    table: RawTable
    mapping: Mapping
    is_remembered: bool
    problems: tuple[Problem, ...]
    rows: tuple[PreviewRow, ...]


def stored_receipt(receipt: Receipt) -> AnyMapping[str, Any]:
    """The part of a receipt that has no column of its own, as plain JSON values."""
    return {
        "counts": {item.name: getattr(receipt.counts, item.name) for item in fields(Counts)},
        "notes": [json.loads(note.to_json()) for note in receipt.notes],
        "changes": [[getattr(change, item.name) for item in fields(Change)] for change in receipt.changes],
        "header": list(receipt.header),
        "same_as": receipt.same_as,
    }


def receipt_from(row: AnyMapping[str, Any]) -> Receipt:
    """A receipt from a row of ``delivery``."""
    stored = row["receipt"]
    return Receipt(
        **{
            name: row[name]
            for name in ("public_id", "number", "source_code", "filename", "sha256", "size_bytes")
        },
        **{name: row[name] for name in ("received_at", "delivered_by", "mode", "known_seq")},
        counts=Counts(**stored["counts"]),
        notes=tuple(Sentence.from_json(json.dumps(note)) for note in stored["notes"]),
        changes=tuple(Change(*change) for change in stored["changes"]),
        header=tuple(stored["header"]),
        same_as=stored["same_as"],
    )
