"""All errors that anlan raises on purpose, grouped by what the caller can do about them.

    AnlanError
    ├── InputError            fix the data: a file, a value, an argument
    │   └── ParameterError    fix one argument of a call
    ├── ConfigurationError    fix a setting, a pack, a rule
    ├── NotFoundError         nothing of that name is visible here
    ├── ForbiddenError        this person may not do this
    ├── ConflictError         somebody else was first, or the state has moved on: look again, then decide
    ├── IntegrityError        stored data do not agree with the journal
    ├── UnavailableError      try again later: a lock, a peer, a full disk
    └── MissingExtraError     install the optional part that is named

An error carries a stable ``key``, the English sentence and the values in it, so that a page can say the same
in another language and a program can tell errors apart without reading sentences. Errors know nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where it is, and what would be accepted.

    ``key`` names a text in ``anlan.texts``; ``values`` fill its places. ``where`` is what a person would look for:
    ``{"file": "cases.csv", "row": 418, "column": "adcode"}``.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    where: Mapping[str, object] = field(default_factory=dict)
    message: str = ""

    def __str__(self) -> str:
        place = ", ".join(f"{name} {value}" for name, value in self.where.items())
        said = self.message or f"{self.key} {dict(self.values)}"
        return f"{place}: {said}" if place else said


class AnlanError(Exception):
    """Base of all errors that anlan raises on purpose."""

    def __init__(
        self,
        message: str,
        *,
        key: str = "",
        values: Mapping[str, object] | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.key = key
        self.values = dict(values or {})
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  - {problem}" for problem in self.problems)])


class InputError(AnlanError):
    """The data handed in cannot be used as they are."""


class ParameterError(InputError, ValueError):
    """One argument is not acceptable. Message form: ``window_days must be an int >= 3. Got 2.``"""


class ConfigurationError(AnlanError):
    """A setting, a pack or a rule is not acceptable."""


class NotFoundError(AnlanError):
    """Nothing of that name exists, or nothing that this scope may see."""


class ForbiddenError(AnlanError):
    """The person or the scope does not allow this."""


class ConflictError(AnlanError):
    """The object is no longer in the state that the action expects."""


class IntegrityError(AnlanError):
    """What is stored does not agree with the journal."""


class UnavailableError(AnlanError):
    """Cannot be done now; the same call may succeed later."""


class MissingExtraError(AnlanError, ImportError):
    """An optional part is not installed; the message says which extra brings it."""
