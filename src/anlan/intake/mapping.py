"""What each column of a delivered table is: the mapping, which a person can see, change and let the source remember.

A mapping is plain data. It names columns by header *and* position: a remembered mapping finds its columns again by
header when their order has changed, and says so when one is gone. Guessing one is the business of ``guess``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from anlan.errors import InputError, Problem
from anlan.intake.cells import ValueRules, fold
from anlan.intake.periods import PeriodRules
from anlan.texts import Sentence, say

__all__ = ["ROLES", "SINGLE_ROLES", "ColumnUse", "Declared", "Mapping", "Role", "header_key"]

Role = Literal[
    "period",
    "time",
    "area",
    "site",
    "indicator",
    "value",
    "stratum",
    "known_at",
    "unit",
    "reporter",
    "external_id",
    "ignore",
]
ROLES: tuple[Role, ...] = get_args(Role)
SINGLE_ROLES = ("period", "time", "area", "site", "indicator", "known_at", "unit", "reporter", "external_id")
"""Roles that one column at most can have. Several value columns make a wide table, several strata are joined."""

_SURE = 0.8


@dataclass(frozen=True)
class ColumnUse:
    """What one column is.

    Parameters
    ----------
    index : int
        Position from 0.
    header : str
        The text above it.
    role : Role
    key : str
        For a value column of a wide table: the indicator it holds. For a stratum: its name (``age_group``).
    confidence : float
        0 to 1; 1 where a person or the source has said so.
    reason : Sentence
        Why this role.
    """

    index: int
    header: str
    role: Role
    key: str = ""
    confidence: float = 1.0
    reason: Sentence = field(default_factory=lambda: Sentence("intake.reason.said"))

    @property
    def is_sure(self) -> bool:
        return self.confidence >= _SURE


@dataclass(frozen=True)
class Declared:
    """What only the source can know about its cells; see ``ValueRules`` and ``PeriodRules``.

    ``interval_counts`` accepts ``<5`` for counts. ``empty_values`` says what an empty value cell of a row means:
    a missing value, or nothing at all (usual in wide tables). ``repeats`` says what two rows for one period, place and
    indicator are: a contradiction unless they are equal, or parts to be summed (counts by several reporting units).
    """

    decimal_comma: bool = False
    sentinels: tuple[float, ...] = ()
    missing_words: tuple[str, ...] = ()
    zero_words: tuple[str, ...] = ()
    interval_counts: bool = False
    date_order: Literal["dmy", "mdy"] | None = None
    weeks: Literal["iso", "mmwr"] = "iso"
    year: int | None = None
    empty_values: Literal["missing", "nothing"] = "missing"
    repeats: Literal["refuse", "sum"] = "refuse"

    def value_rules(self, **demanded: Any) -> ValueRules:
        """Rules of a value column: what is declared here and what its indicator demands."""
        rules = ValueRules(
            decimal_comma=self.decimal_comma,
            sentinels=self.sentinels,
            missing_words=self.missing_words,
            zero_words=self.zero_words,
        )
        return replace(rules, **demanded)

    def period_rules(self) -> PeriodRules:
        return PeriodRules(self.date_order, self.weeks, self.year)


@dataclass(frozen=True)
class Mapping:
    """Columns and their roles, constants for what no column says, and what the source declares.

    ``fixed`` may hold ``area``, ``site``, ``indicator``, ``period``, ``stratum`` or ``known_at`` for the whole table.
    """

    columns: tuple[ColumnUse, ...]
    fixed: AnyMapping[str, str] = field(default_factory=dict)
    declared: Declared = Declared()

    def with_role(self, role: Role) -> tuple[ColumnUse, ...]:
        return tuple(column for column in self.columns if column.role == role)

    def one(self, role: Role) -> ColumnUse | None:
        found = self.with_role(role)
        return found[0] if found else None

    @property
    def is_wide(self) -> bool:
        """Whether each value column holds an indicator of its own."""
        return any(column.key for column in self.with_role("value"))

    @property
    def unsure(self) -> tuple[ColumnUse, ...]:
        """Columns that a person should confirm: used, but on a guess that is not sure."""
        return tuple(column for column in self.columns if column.role != "ignore" and not column.is_sure)

    def set(self, header_or_letter: str, role: Role, key: str = "") -> Mapping:
        """The mapping with one column said by a person. A header wins over a column letter.

        Raises
        ------
        InputError
            No such column, several of that header, or an unknown role.
        """
        if role not in ROLES:
            raise InputError(
                say("intake.mapping.no_such_role", "en", role=role, roles=", ".join(ROLES)),
                key="intake.mapping.no_such_role",
                values={"role": role, "roles": ", ".join(ROLES)},
            )
        index = self._find(header_or_letter)
        said = replace(
            self.columns[index], role=role, key=key, confidence=1.0, reason=Sentence("intake.reason.said")
        )
        columns = list(self.columns)
        if role in SINGLE_ROLES:
            # One column has this role now; whichever had it on a guess gives it up.
            columns = [
                replace(c, role="ignore") if c.role == role and c.confidence != 1.0 else c for c in columns
            ]
        columns[index] = said
        return replace(self, columns=tuple(columns))

    def _find(self, header_or_letter: str) -> int:
        wanted = header_key(header_or_letter)
        found = [column.index for column in self.columns if header_key(column.header) == wanted]
        if not found and wanted.isascii() and wanted.isalpha() and len(wanted) <= 3:
            number = 0
            for letter in wanted.upper():
                number = number * 26 + ord(letter) - 64
            found = [number - 1] if number <= len(self.columns) else []
        if len(found) != 1:
            key = "intake.mapping.header_twice" if found else "intake.mapping.no_such_column"
            headers = ", ".join(column.header or "?" for column in self.columns)
            values = {"column": header_or_letter, "headers": headers}
            raise InputError(say(key, "en", **values), key=key, values=values)
        return found[0]

    def problems(self) -> tuple[Problem, ...]:
        """What keeps this mapping from being used: a role that is missing or given twice, a key that is missing."""
        wrong = []
        if not self.with_role("value"):
            wrong.append(_problem("intake.mapping.no_value"))
        for role in ("period", "indicator", "area"):
            has = bool(self.with_role(role)) or role in self.fixed
            if role == "indicator":
                has = has or self.is_wide
            if role == "area":
                has = has or bool(self.with_role("site")) or "site" in self.fixed
            if not has:
                wrong.append(_problem(f"intake.mapping.no_{role}"))
        counts = Counter(column.role for column in self.columns)
        for role in SINGLE_ROLES:
            if counts[role] > 1:  # type: ignore[index]
                headers = ", ".join(column.header for column in self.columns if column.role == role)
                wrong.append(_problem("intake.mapping.role_twice", role=role, headers=headers))
        values = self.with_role("value")
        if len(values) > 1 and not all(column.key for column in values):
            headers = ", ".join(column.header for column in values if not column.key)
            wrong.append(_problem("intake.mapping.value_without_key", headers=headers))
        return tuple(wrong)

    def fit(self, header: Sequence[str]) -> Mapping:
        """This mapping for a table whose columns may stand in another order; new columns are ignored and unsure.

        Raises
        ------
        InputError
            ``intake.mapping.changed``: a used column is no longer there; its problems name the columns.
        """
        places: dict[str, list[int]] = {}
        for index, text in enumerate(header):
            places.setdefault(header_key(text), []).append(index)
        fitted: dict[int, ColumnUse] = {}
        gone = []
        for column in self.columns:
            candidates = places.get(header_key(column.header), [])
            index = (
                column.index
                if column.index in candidates
                else (candidates[0] if len(candidates) == 1 else -1)
            )
            if index >= 0:
                fitted[index] = replace(column, index=index, header=header[index])
            elif column.role != "ignore":
                gone.append(_problem("intake.mapping.column_gone", header=column.header, role=column.role))
        if gone:
            values = {"headers": ", ".join(header)}
            raise InputError(
                say("intake.mapping.changed", "en", **values),
                key="intake.mapping.changed",
                values=values,
                problems=gone,
            )
        new = Sentence("intake.reason.new_column")
        columns = (
            fitted.get(i) or ColumnUse(i, text, "ignore", "", 0.0, new) for i, text in enumerate(header)
        )
        return replace(self, columns=tuple(columns))

    def to_json(self) -> str:
        """The mapping as text; ``from_json`` reads it back."""
        columns = [
            {"index": c.index, "header": c.header, "role": c.role, "key": c.key, "confidence": round(c.confidence, 3),
             "reason": json.loads(c.reason.to_json())}
            for c in self.columns
        ]  # fmt: skip
        plain = {"columns": columns, "fixed": dict(self.fixed), "declared": asdict(self.declared)}
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Mapping:
        """Read a mapping.

        Raises
        ------
        InputError
            Not the form that ``to_json`` writes.
        """
        try:
            plain = json.loads(text)
            columns = tuple(
                ColumnUse(**{**entry, "reason": Sentence.from_json(json.dumps(entry["reason"]))})
                for entry in plain["columns"]
            )
            declared: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in plain["declared"].items()
            }
            mapping = cls(columns, dict(plain["fixed"]), Declared(**declared))
        except (ValueError, KeyError, TypeError) as error:
            values = {"said": str(error)[:200]}
            raise InputError(
                say("intake.mapping.unreadable", "en", **values),
                key="intake.mapping.unreadable",
                values=values,
            ) from error
        if any(column.role not in ROLES for column in columns):
            values = {"said": "role"}
            raise InputError(
                say("intake.mapping.unreadable", "en", **values),
                key="intake.mapping.unreadable",
                values=values,
            )
        return mapping


def header_key(text: str) -> str:
    """A header for comparison: folded, lower case, without blanks, unit brackets and punctuation at the ends."""
    folded = "".join(fold(text).lower().split())
    return folded.strip(":_*-.")


def _problem(key: str, **values: Any) -> Problem:
    return Problem(key, values, {}, say(key, "en", **values))
