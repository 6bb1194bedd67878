"""Deliveries: hand in a file, see how it is read, put that right, and the receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from anlan.web.views.frame import FieldError, Option


@dataclass(frozen=True)
class SourceRow:
    """A source with its rhythm and whether it is late."""

    name: str
    organisation: str
    rhythm: str
    last: datetime | None
    late: bool
    href: str = ""


@dataclass(frozen=True)
class BatchRow:
    """A line of the list of deliveries."""

    href: str
    number: str
    file: str
    source: str
    received_at: datetime
    accepted: int
    rejected: int
    state: str
    percent: int | None = None


@dataclass(frozen=True)
class OpenRow:
    """A delivery that was begun and is not in: under way, or left by something that broke."""

    file: str
    source: str
    received_at: datetime
    resume_href: str
    drop_href: str


@dataclass(frozen=True)
class DataView:
    """Sources and deliveries; the upload form where this person may deliver."""

    sources: tuple[SourceRow, ...]
    batches: tuple[BatchRow, ...]
    may_import: bool
    upload_sources: tuple[Option, ...]
    limit_mb: int
    action: str
    unfinished: tuple[OpenRow, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class MappedColumn:
    """A column of the file: its letter and head, samples from it, and the roles it may have."""

    name: str
    letter: str
    head: str
    samples: tuple[str, ...]
    roles: tuple[Option, ...]
    guessed_by: str = ""


@dataclass(frozen=True)
class PreviewCell:
    raw: str
    read_as: str
    bad: bool = False


@dataclass(frozen=True)
class PreviewRow:
    number: int
    cells: tuple[PreviewCell, ...]
    problem: str = ""


@dataclass(frozen=True)
class MappingView:
    """How a file is going to be read, before anything of it is taken in."""

    file: str
    source: str
    rows_total: int
    action: str
    columns: tuple[MappedColumn, ...]
    readings: tuple[tuple[str, str], ...]
    preview: tuple[PreviewRow, ...]
    would_accept: int | None
    would_reject: int | None
    fixed: tuple[FixedField, ...]
    modes: tuple[Option, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class FixedField:
    """Something the whole file has in common and no column says: an indicator, an area, a sheet."""

    name: str
    word: str
    value: str
    options: tuple[Option, ...] = ()
    help: str = ""


@dataclass(frozen=True)
class RejectedRow:
    """A row that was not accepted: the row as it was delivered, with the cell framed."""

    row: int
    title: str
    cell: str
    cells: tuple[PreviewCell, ...]
    accepted: str
    suggestion: str = ""
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReceiptView:
    """What became of a delivery."""

    number: str
    file: str
    source: str
    state: str
    percent: int | None
    rows_total: int
    accepted: int
    rejected: int
    revised: int
    unchanged: int
    withdrawn: int
    series: int
    head: tuple[str, ...]
    rejects: tuple[RejectedRow, ...]
    rejects_shown: int
    readings: tuple[tuple[str, str], ...]
    received_at: datetime
    received_by: str
    size: int
    sha256: str
    journal: str
    rejects_href: str
    again_href: str
    original_href: str = ""
    problem: str = ""
    same_as: str = ""
    new: int = 0
