"""Why a cell or a file was not accepted, before it is known where it stood.

A reader of single cells knows the text and the reason; the row and the column are added by whoever walks the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anlan.errors import InputError, Problem
from anlan.texts import Sentence, say

__all__ = ["Refusal", "problem_from_json", "problem_to_json", "refuse_file"]


@dataclass(frozen=True)
class Refusal:
    """A cell that cannot be used: the reason, what would be accepted, and a repair where one can be guessed.

    Parameters
    ----------
    key : str
        Names the reason in ``anlan.texts``; it always has the place ``{raw}``.
    raw : str
        The cell as it was delivered.
    accepted : Sentence
        What would have been accepted in its place.
    values : mapping, optional
        Further places of the text.
    suggestion : Sentence, optional
        What the sender probably meant, or whom to ask.
    """

    key: str
    raw: str
    accepted: Sentence
    values: Mapping[str, Any] = field(default_factory=dict)
    suggestion: Sentence | None = None

    def at(self, **where: object) -> Problem:
        """The same as a ``Problem`` with its place: ``refusal.at(row=37, column="C", header="township")``."""
        values: dict[str, Any] = {**self.values, "raw": self.raw, "accepted": self.accepted}
        if self.suggestion is not None:
            values["suggestion"] = self.suggestion
        message = f"{say(self.key, 'en', **values)} Accepted: {self.accepted.say('en')}."
        if self.suggestion is not None:
            message += f" {self.suggestion.say('en')}"
        return Problem(self.key, values, where, message)


def refuse_file(key: str, *, problems: Sequence[Problem] = (), **values: Any) -> InputError:
    """The error for a file that cannot be used at all; the caller raises it."""
    return InputError(say(key, "en", **values), key=key, values=values, problems=problems)


def problem_to_json(problem: Problem) -> str:
    """A problem as text that can be stored and read back by ``problem_from_json``, sentences included."""
    where = json.dumps(dict(problem.where), ensure_ascii=False, sort_keys=True)
    return Sentence(problem.key, {**problem.values, "_where": where, "_message": problem.message}).to_json()


def problem_from_json(text: str) -> Problem:
    """Read back what ``problem_to_json`` wrote."""
    sentence = Sentence.from_json(text)
    values = dict(sentence.values)
    where = json.loads(values.pop("_where"))
    message = values.pop("_message")
    return Problem(sentence.key, values, where, message)
