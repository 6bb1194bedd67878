"""Build the errors of this package from texts, so that a page can say them in another language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from anlan.errors import InputError, ParameterError, Problem
from anlan.texts import say

MAX_NAMED_ROWS = 10


def input_error(key: str, problems: Sequence[Problem] = (), /, **values: object) -> InputError:
    return InputError(say(key, "en", **values), key=key, values=values, problems=problems)


def parameter_error(key: str, /, **values: object) -> ParameterError:
    return ParameterError(say(key, "en", **values), key=key, values=values)


def problem(key: str, where: Mapping[str, object], /, **values: object) -> Problem:
    return Problem(key, values=values, where=where, message=say(key, "en", **values))


def row_problems(
    key: str,
    rows: NDArray[np.int64],
    column: str,
    first_row: int,
    given: Iterable[object],
    **values: object,
) -> list[Problem]:
    """One problem per bad row, the first ten; how many there are in all stands in the error's sentence."""
    return [
        problem(key, {"row": int(row) + first_row, "column": column}, given=_shown(item), **values)
        for row, item in zip(rows[:MAX_NAMED_ROWS].tolist(), given, strict=False)
    ]


def _shown(item: object) -> str:
    text = str(item)
    return text if len(text) <= 60 else f"{text[:57]}..."


def shown_list(items: Iterable[object], limit: int = 12) -> str:
    texts = [_shown(item) for item in items]
    return ", ".join(texts[:limit]) + (f", ... ({len(texts)})" if len(texts) > limit else "")
