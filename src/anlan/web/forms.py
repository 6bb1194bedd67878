"""Errors of the rooms beside the fields of a form."""

from __future__ import annotations

from collections.abc import Mapping

from anlan.errors import AnlanError
from anlan.web.problems import message_of
from anlan.web.views.frame import FieldError


def field_errors(
    error: AnlanError, language: str, names: Mapping[str, str] | None = None
) -> tuple[FieldError, ...]:
    """One line for each problem. ``names`` turns a room's field names into those of the form."""
    known = names or {}
    if not error.problems:
        return (FieldError("", message_of(error, language)),)
    lines = []
    for problem in error.problems:
        field = str(problem.where.get("field", ""))
        if "language" in problem.where:
            field = f"{field}_{problem.where['language']}"
        lines.append(FieldError(known.get(field, field), message_of(problem, language)))
    return tuple(lines)
