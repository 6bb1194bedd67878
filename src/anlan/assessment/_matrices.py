"""Risk matrices: those that ship as data, and the check that any matrix must pass."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from anlan.assessment.types import LEVELS, LevelName, Matrix
from anlan.errors import ConfigurationError, Problem

__all__ = ["DEFAULT_MATRIX", "SCALE", "builtin_matrices", "checked_cells"]

DEFAULT_MATRIX = "warning"
SCALE = (1, 2, 3, 4, 5)

_LETTERS: Mapping[str, LevelName | None] = {"-": None, "b": "blue", "y": "yellow", "o": "orange", "r": "red"}

Cells = tuple[tuple[LevelName | None, ...], ...]


@cache
def builtin_matrices() -> Mapping[str, Matrix]:
    """The matrices of ``matrices.toml`` by code."""
    listed = tomllib.loads(files("anlan.assessment").joinpath("matrices.toml").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            code: Matrix(
                code=code,
                version=entry["version"],
                names={"zh": entry["zh"], "en": entry["en"]},
                cells=checked_cells([[_LETTERS[letter] for letter in row.split()] for row in entry["cells"]]),
                source=entry["source"],
            )
            for code, entry in listed.items()
        }
    )


def checked_cells(cells: Sequence[Sequence[str | None]]) -> Cells:
    """The cells of a matrix, rows by likelihood and columns by impact, if they can be one.

    Raises
    ------
    ConfigurationError
        With every problem found: not 5 × 5, an unknown level, or a level that falls while likelihood or impact rises.
    """
    problems: list[Problem] = []
    if len(cells) != len(SCALE) or any(len(row) != len(SCALE) for row in cells):
        got = " + ".join(str(len(row)) for row in cells)
        problems.append(
            Problem("assessment.matrix.shape", {"got": got}, {}, f"5 rows of 5 cells are needed. Got {got}.")
        )
    for row, line in enumerate(cells, start=1):
        for column, cell in enumerate(line, start=1):
            if cell is not None and cell not in LEVELS:
                problems.append(
                    Problem(
                        "assessment.matrix.level",
                        {"given": cell, "accepted": ", ".join(LEVELS)},
                        {"likelihood": row, "impact": column},
                        f"a cell is one of {', '.join(LEVELS)} or empty. Got {cell!r}.",
                    )
                )
    if not problems:
        problems = _falling(cells)
    if problems:
        raise ConfigurationError(
            "the matrix cannot be used", key="assessment.matrix.refused", problems=problems
        )
    return tuple(tuple(_level(cell) for cell in row) for row in cells)


def _level(cell: str | None) -> LevelName | None:
    return next((level for level in LEVELS if level == cell), None)


def _rank(cell: str | None) -> int:
    return 0 if cell is None else 1 + [str(level) for level in LEVELS].index(cell)


def _falling(cells: Sequence[Sequence[str | None]]) -> list[Problem]:
    problems = []
    for row in range(len(SCALE)):
        for column in range(len(SCALE)):
            here = _rank(cells[row][column])
            if (row and _rank(cells[row - 1][column]) > here) or (
                column and _rank(cells[row][column - 1]) > here
            ):
                problems.append(
                    Problem(
                        "assessment.matrix.falls",
                        {},
                        {"likelihood": row + 1, "impact": column + 1},
                        "the level is lower here than at a lower likelihood or impact",
                    )
                )
    return problems
