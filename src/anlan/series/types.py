"""What the series room hands out and takes in: small frozen values, and columns of arrays for bulk.

Look-alikes: a *series* says where a number belongs, an *observation* is one version of one of its numbers, a
*record* is one version of a line of a line list. ``known_at`` is when the world could know it (the source's claim, in
whole seconds UTC), ``known_seq`` is when we knew it (the journal's sequence). A value that is absent, one that was
reported as missing (flag ``MISSING``) and a zero are three different things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anlan.errors import ParameterError

__all__ = [
    "Batch",
    "Flag",
    "LastDelivery",
    "Matrix",
    "Moment",
    "NewRecord",
    "ObservationColumns",
    "Qualifier",
    "Record",
    "Series",
    "SeriesKey",
    "SeriesValues",
    "StagedBatch",
    "Version",
    "moment_of",
    "seconds_of",
]

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class Flag(IntFlag):
    """What is said about a value beside its number; a bit mask."""

    MISSING = 1
    WITHDRAWN = 2
    NOT_DETECTED = 4
    KNOWN_AT_ASSUMED = 8
    SUSPECT = 16
    ESTIMATED = 32
    RETROSPECTIVE = 64


class Qualifier(IntEnum):
    """How the number is to be read: as it is, as an upper bound (``<0.5``), as a lower bound (``>2400``)."""

    EXACT = 0
    BELOW = 1
    ABOVE = 2


def seconds_of(moment: datetime) -> int:
    """Whole seconds since 1970 UTC of an aware moment, rounded down."""
    if moment.tzinfo is None:
        raise ParameterError(f"a moment needs a time zone. Got {moment!r}.")
    return (moment - _EPOCH) // _SECOND


def moment_of(seconds: int) -> datetime:
    """The aware moment (UTC) of whole seconds since 1970."""
    return _EPOCH + int(seconds) * _SECOND


@dataclass(frozen=True)
class SeriesKey:
    """What names a series, and where it belongs: one indicator at one place and stratum."""

    indicator_code: str
    area_code: str
    area_path: str
    domain: str
    site_code: str = ""
    stratum: str = ""
    sensitivity: int = 1

    @property
    def natural(self) -> tuple[str, str, str, str]:
        """The part that never changes in the life of a series."""
        return (self.indicator_code, self.area_code, self.site_code, self.stratum)


@dataclass(frozen=True)
class Series:
    """A series as of some sequence."""

    id: int
    indicator_code: str
    area_code: str
    area_path: str
    site_code: str
    stratum: str
    domain: str
    sensitivity: int
    known_seq: int


@dataclass(frozen=True, eq=False)
class ObservationColumns:
    """Observations as columns of equal length. Make them with ``ObservationColumns.of``, which checks them.

    Attributes
    ----------
    series_id, known_at : int64 arrays of shape (n,)
        ``known_at`` in whole seconds since 1970 UTC.
    period : int32 array of shape (n,)
        Period numbers of the indicator's calendar.
    value : float64 array of shape (n,)
        NaN where there is no number (missing, withdrawn).
    qualifier : int16 array of shape (n,)
        See ``Qualifier``.
    flags : int32 array of shape (n,)
        See ``Flag``.
    """

    series_id: Int64
    period: NDArray[np.int32]
    known_at: Int64
    value: Float64
    qualifier: NDArray[np.int16]
    flags: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.series_id)

    @classmethod
    def of(
        cls,
        series_id: ArrayLike,
        period: ArrayLike,
        known_at: ArrayLike,
        value: ArrayLike,
        qualifier: ArrayLike = 0,
        flags: ArrayLike = 0,
    ) -> ObservationColumns:
        """Columns from arrays or single numbers (which stand for the whole column).

        Raises
        ------
        ParameterError
            Columns of different length, numbers that do not fit, infinite values, an unknown qualifier or flag, a
            value that is NaN without saying MISSING or WITHDRAWN, or a WITHDRAWN one that still has a number.
        """
        number = np.asarray(value, dtype=np.float64)
        given = {
            "series_id": _whole("series_id", series_id, np.int64),
            "period": _whole("period", period, np.int32),
            "known_at": _whole("known_at", known_at, np.int64),
            "value": number + 0.0,  # -0.0 becomes 0.0: databases do not keep the difference
            "qualifier": _whole("qualifier", qualifier, np.int16),
            "flags": _whole("flags", flags, np.int32),
        }
        try:
            columns = np.broadcast_arrays(*(np.atleast_1d(column) for column in given.values()))
        except ValueError:
            lengths = ", ".join(f"{name} {np.shape(column)}" for name, column in given.items())
            raise ParameterError(f"all columns must have one length. Got {lengths}.") from None
        if columns[0].ndim != 1:
            raise ParameterError(f"columns must have one dimension. Got {columns[0].ndim}.")
        made = cls(*(np.ascontiguousarray(column) for column in columns))
        _check(made)
        return made

    def take(self, index: Any) -> ObservationColumns:
        """The rows that a NumPy index, slice or mask picks."""
        return ObservationColumns(*(getattr(self, item.name)[index] for item in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[ObservationColumns]) -> ObservationColumns:
        """One set of columns from several; at least one must be given."""
        return cls(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(cls)))


def _whole(name: str, given: ArrayLike, dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    column = np.asarray(given)
    if column.size == 0:
        return column.astype(dtype)
    if column.dtype.kind not in "iub":
        raise ParameterError(f"{name} must hold whole numbers. Got {column.dtype}.")
    limits = np.iinfo(dtype)
    if column.min() < limits.min or column.max() > limits.max:
        raise ParameterError(f"{name} must lie between {limits.min} and {limits.max}.")
    return column.astype(dtype, copy=False)


def _check(columns: ObservationColumns) -> None:
    absent = np.isnan(columns.value)
    silent = (columns.flags & (Flag.MISSING | Flag.WITHDRAWN | Flag.NOT_DETECTED)) == 0
    rules = {
        "series_id must be positive": columns.series_id < 1,
        "a value must be finite, or NaN where there is no number": np.isinf(columns.value),
        "qualifier must be 0, 1 or 2": (columns.qualifier < 0) | (columns.qualifier > 2),
        f"flags must be a sum of {', '.join(str(flag.value) for flag in Flag)}": (columns.flags & ~0x7F) != 0,
        "a row without a number must have the flag MISSING, WITHDRAWN or NOT_DETECTED": absent & silent,
        "a row with the flag MISSING or WITHDRAWN must have no number": ~absent
        & ((columns.flags & (Flag.MISSING | Flag.WITHDRAWN)) != 0),
    }
    for rule, broken in rules.items():
        if broken.any():
            row = int(np.argmax(broken))
            got = {item.name: getattr(columns, item.name)[row].item() for item in fields(columns)}
            raise ParameterError(f"{rule}. Got {got} in row {row} of the columns.")


@dataclass(frozen=True)
class Batch:
    """A published batch. ``known_seq`` is that of all its observations."""

    id: int
    public_id: str
    node_id: str
    source_code: str
    delivered_at: datetime
    mode: str
    label: str
    row_count: int
    series_count: int
    coverage: Mapping[str, Sequence[int]]
    sha256: str
    area_path: str
    domain: str
    sensitivity: int
    known_seq: int


@dataclass(frozen=True)
class StagedBatch:
    """A batch on its way in: not visible, to be staged on, published or discarded.

    ``state``: ``open`` (nothing staged), ``staging`` (part of the rows are there), ``staged`` (ready to be published),
    ``discarding`` (being removed). After ``leased_until`` the one who staged it is taken for dead.
    """

    id: int
    source_code: str
    created_at: datetime
    leased_until: datetime
    state: str
    row_count: int
    staged_count: int
    sha256: str
    coverage: Mapping[str, Sequence[int]]


@dataclass(frozen=True, eq=False)
class SeriesValues:
    """Current values as columns, ordered by series and period. Withdrawn values are not in it."""

    series_id: Int64
    period: NDArray[np.int32]
    value: Float64
    qualifier: NDArray[np.int16]
    flags: NDArray[np.int32]
    known_at: Int64
    known_seq: Int64

    def __len__(self) -> int:
        return len(self.series_id)

    def of(self, series_id: int) -> SeriesValues:
        """The part of one series (empty when it has no values)."""
        first, last = np.searchsorted(self.series_id, [series_id, series_id + 1])
        return SeriesValues(*(getattr(self, item.name)[first:last] for item in fields(self)))

    def to_bytes(self) -> bytes:
        """All columns as bytes: equal answers are equal bytes."""
        return b"".join(getattr(self, item.name).tobytes() for item in fields(self))


@dataclass(frozen=True)
class Version:
    """One version of one value. ``value`` is None when it was reported missing or withdrawn."""

    known_at: datetime
    known_seq: int
    batch_id: int
    value: float | None
    qualifier: int
    flags: int


@dataclass(frozen=True)
class Moment:
    """A moment at which something about a series became known, and how many values it concerned."""

    known_at: datetime
    values: int


@dataclass(frozen=True)
class LastDelivery:
    """The newest delivery of a source."""

    source_code: str
    delivered_at: datetime
    known_seq: int
    batch_public_id: str


@dataclass(frozen=True, eq=False)
class Matrix:
    """All series of an indicator side by side.

    Attributes
    ----------
    series : tuple of Series
        One for each row, by id.
    first_period : int
        Period of column 0; 0 when there are no values.
    values : float64 array of shape (n_series, n_periods)
        NaN where there is no number; ``flags`` tell reported-missing from never reported (0). Read-only.
    flags : int16 array of the same shape
        See ``Flag``. Withdrawn values read as never reported.
    qualifiers : int8 array of the same shape
        See ``Qualifier``.
    seq : int
        The journal sequence that it is the state of.
    """

    series: tuple[Series, ...]
    first_period: int
    values: Float64
    flags: NDArray[np.int16]
    qualifiers: NDArray[np.int8]
    seq: int

    @property
    def last_period(self) -> int:
        return self.first_period + int(self.values.shape[1]) - 1

    @property
    def periods(self) -> Int64:
        return np.arange(self.first_period, self.first_period + self.values.shape[1], dtype=np.int64)


@dataclass(frozen=True)
class NewRecord:
    """A version of a line of a line list, as it comes in. ``fields`` must hold no personal values."""

    source_code: str
    external_id: str
    known_at: datetime
    fields: Mapping[str, Any]
    area_code: str
    area_path: str
    domain: str
    sensitivity: int = 2
    subject_id: str | None = None
    batch_id: int | None = None
    withdrawn: bool = False


@dataclass(frozen=True)
class Record(NewRecord):
    """A version of a line of a line list, as it is kept."""

    known_seq: int = field(kw_only=True)
    node_id: str = field(kw_only=True)
