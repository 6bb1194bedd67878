"""Delivered versions against those we have: what is new, what corrects, what says nothing new.

Versions of one value stand in the order of ``known_at``; a delivered version is compared with the one before it in that
order, whether we had it or it stands in the same file. So a file with the whole history of revisions, a plain new
file and the same file twice are one case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anlan.series import Flag, ObservationColumns
from anlan.series.bulk import RawRows

__all__ = ["CORRECTED", "NEW", "UNCHANGED", "Comparison", "compare"]

UNCHANGED, NEW, CORRECTED = 0, 1, 2
_SAID = int(Flag.MISSING | Flag.WITHDRAWN | Flag.NOT_DETECTED)


@dataclass(frozen=True, eq=False)
class Comparison:
    """One entry for each delivered row: its status, and value and qualifier that it corrects (NaN, 0 otherwise)."""

    status: NDArray[np.int8]
    value_before: NDArray[np.float64]
    qualifier_before: NDArray[np.int16]
    flags_before: NDArray[np.int32]


def compare(delivered: ObservationColumns, present: RawRows) -> Comparison:
    """Compare.

    Parameters
    ----------
    delivered : ObservationColumns of n rows
        In the order of series, period and known_at; each key once.
    present : RawRows
        All visible versions of the same series (more does no harm).
    """
    n_present, n = len(present), len(delivered)
    columns = {
        name: np.concatenate([getattr(present, name), getattr(delivered, name)])
        for name in ("series_id", "period", "known_at", "value", "qualifier", "flags")
    }
    order = np.arange(n_present + n)
    if n_present:
        sequence = np.concatenate([present.known_seq, np.full(n, np.iinfo(np.int64).max)])
        order = np.lexsort((sequence, columns["known_at"], columns["period"], columns["series_id"]))
    ordered = {name: column[order] for name, column in columns.items()}
    follows = np.zeros(n_present + n, dtype=bool)
    equal = np.zeros(n_present + n, dtype=bool)
    if n_present + n > 1:
        here, before = slice(1, None), slice(None, -1)
        series, period, value = ordered["series_id"], ordered["period"], ordered["value"]
        said = ordered["flags"] & _SAID
        follows[here] = (series[here] == series[before]) & (period[here] == period[before])
        follows[here] &= (said[before] & int(Flag.WITHDRAWN)) == 0
        same_value = (value[here] == value[before]) | (np.isnan(value[here]) & np.isnan(value[before]))
        equal[here] = (
            same_value
            & (said[here] == said[before])
            & (ordered["qualifier"][here] == ordered["qualifier"][before])
        )
    status = np.where(~follows, NEW, np.where(equal, UNCHANGED, CORRECTED)).astype(np.int8)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    mine = place[n_present:]
    previous = np.maximum(mine - 1, 0)
    corrected = status[mine] == CORRECTED
    return Comparison(
        status[mine],
        np.where(corrected, ordered["value"][previous], np.nan) if n else np.empty(0),
        np.where(corrected, ordered["qualifier"][previous], 0).astype(np.int16)
        if n
        else np.empty(0, np.int16),
        np.where(corrected, ordered["flags"][previous], 0).astype(np.int32) if n else np.empty(0, np.int32),
    )
