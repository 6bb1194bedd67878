"""Where the header of a sheet stands, and which rows around the table belong to no row of data.

A header is the first row that is about as wide as the table, holds words and not numbers or dates, says nothing twice,
and has data below it. Titles above and footnotes below are skipped and said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from anlan.intake.cells import MISSING_WORDS, Value, fold, read_value
from anlan.intake.periods import Period, read_period

__all__ = ["Layout", "find_layout", "looks_like_data"]

_LOOK_AT = 60


@dataclass(frozen=True)
class Layout:
    """Positions from 0 in the rows given: the header (``None`` if there is none), first data row, end of the data."""

    header: int | None
    first: int
    end: int
    width: int


def looks_like_data(cell: str) -> bool:
    """Whether a cell holds a number, a date or a mark for a missing value rather than a word of a header."""
    text = fold(cell)
    if not text or text.lower() in MISSING_WORDS:
        return True
    if isinstance(read_period(text), Period):
        return True
    value = read_value(text)
    return isinstance(value, Value) and value.number is not None


def find_layout(rows: Sequence[Sequence[str]], *, header: int | None = None) -> Layout | None:
    """Find header and data.

    Parameters
    ----------
    rows : sequence of sequences of str
        All rows of the sheet, from its first row on.
    header : int, optional
        Position of the header if it is known; -1 if there is none.

    Returns
    -------
    Layout or None
        ``None`` if no row holds anything.
    """
    filled = [sum(1 for cell in row if cell.strip()) for row in rows[: _LOOK_AT * 4]]
    if not any(filled):
        return None
    width = _usual_width(filled)
    found: int | None
    if header is not None:
        found = header if header >= 0 else None
    else:
        found = _guess_header(rows, filled, width)
    if found is not None:
        first = found + 1
    else:
        first = next(index for index, count in enumerate(filled) if count >= max(1, min(width, 2)))
    return Layout(found, first, _end_of_data(rows, first, width), max(len(row) for row in rows))


def _usual_width(filled: Sequence[int]) -> int:
    counts = Counter(count for count in filled if count)
    # The widest of the common widths: missing cells make rows narrower, nothing makes them wider.
    enough = max(counts.values()) * 0.3
    return max(count for count, times in counts.items() if times >= enough)


def _guess_header(rows: Sequence[Sequence[str]], filled: Sequence[int], width: int) -> int | None:
    for index in range(min(len(rows), _LOOK_AT)):
        if filled[index] < max(1, round(width * 0.6)):
            continue
        cells = [cell.strip() for cell in rows[index] if cell.strip()]
        data_like = sum(looks_like_data(cell) for cell in cells)
        # A wide table may have years or months as headers, so a minority of dates is allowed; so are repeats.
        if data_like <= len(cells) * 0.34 and len(set(cells)) >= len(cells) * 0.6:
            return index
        return None
    return None


def _end_of_data(rows: Sequence[Sequence[str]], first: int, width: int) -> int:
    end = len(rows)
    while end > first:
        filled = sum(1 for cell in rows[end - 1] if cell.strip())
        is_footnote = (
            filled == 1 and width >= 3 and not looks_like_data(next(c for c in rows[end - 1] if c.strip()))
        )
        if filled and not is_footnote:
            break
        end -= 1
    return end
