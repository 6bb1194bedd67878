"""What a check found: a rule, how bad, where, and the values for a sentence in either language.

Codes are ``E-`` for what makes a message unacceptable and ``W-`` for the rest (``severity`` tells a warning from
mere advice). The list of rules with its sentences stands in ``anlan/texts/warning.toml`` under ``cap.rule.*``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lxml import etree

from anlan.errors import InputError, Problem
from anlan.texts import say

__all__ = [
    "Finding",
    "FindingSeverity",
    "Report",
    "element_path",
    "local_name",
    "paths_below",
    "raise_on_errors",
    "refusal",
    "refused",
]

MOST_PER_RULE = 50
# Comparing all sides of a ring grows with the square of its points; in one message not more than this is compared.
_MOST_COMPARISONS = 8_000_000
_COST_OF_A_RING = 4_000
FindingSeverity = Literal["error", "warning", "advice"]

_REPEATABLE = {
    "alert": {"info", "code", "Signature"},
    "info": {"category", "responseType", "eventCode", "parameter", "resource", "area"},
    "area": {"polygon", "circle", "geocode"},
    "feed": {"entry", "link", "author", "category"},
    "entry": {"link", "author", "category"},
    "channel": {"item", "link", "category"},
    "EDXLDistribution": {"contentObject"},
    "alerts": {"alert"},
}


@dataclass(frozen=True)
class Finding:
    """One broken rule at one place.

    ``path`` is written as ``info[2]/area[1]/polygon[3]``, from the outermost element on; ``line`` counts from 1, and is 0
    where a document has no lines (it was refused before it was read).
    """

    rule: str
    severity: FindingSeverity
    path: str = ""
    line: int = 0
    variant: str = ""
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """``E-REF``, ``W-NOEXP`` …"""
        return f"{'E' if self.severity == 'error' else 'W'}-{self.rule}"

    @property
    def key(self) -> str:
        """The key of the sentence in ``anlan.texts``."""
        return f"cap.rule.{self.rule}.{self.variant}" if self.variant else f"cap.rule.{self.rule}"

    def say(self, language: str) -> str:
        """The sentence for people, without the place."""
        return say(self.key, language, **self.values)

    def problem(self) -> Problem:
        """The same as a ``Problem`` of an error."""
        where: dict[str, object] = {"element": self.path} if self.path else {}
        if self.line:
            where["line"] = self.line
        return Problem(self.key, dict(self.values), where, f"{self.code}: {self.say('en')}")


class Report:
    """Collects findings while the rules walk over a document.

    Of one rule the first ``MOST_PER_RULE`` places are told and the rest are counted: a hostile document must not cost
    minutes, and nobody reads the ten thousandth empty polygon.
    """

    def __init__(self, *, issuing: bool, within: str = "") -> None:
        self.issuing = issuing
        self._within = within  # where a message stands that is part of a feed
        self._comparisons_left = _MOST_COMPARISONS
        self._found: list[Finding] = []
        self._counts: dict[str, int] = {}

    @property
    def findings(self) -> list[Finding]:
        """What was found, and how much more of it there is."""
        more = [
            Finding("MORE", "advice", values={"code": code, "count": count - MOST_PER_RULE})
            for code, count in self._counts.items()
            if count > MOST_PER_RULE
        ]
        return [*self._found, *more]

    def add(
        self, severity: FindingSeverity, rule: str, at: etree._Element, variant: str = "", **values: object
    ) -> None:
        code = f"{'E' if severity == 'error' else 'W'}-{rule}"
        self._counts[code] = self._counts.get(code, 0) + 1
        if self._counts[code] <= MOST_PER_RULE:
            self._found.append(Finding(rule, severity, self._path(at), _line(at), variant, values))

    def _path(self, at: etree._Element) -> str:
        if not self._within:
            return element_path(at)
        return self._within if at.getparent() is None else f"{self._within}/{element_path(at)}"

    def may_compare(self, points: int) -> bool:
        """Whether there is time left to compare the sides of a ring of so many points; each question is counted."""
        self._comparisons_left -= points**2 + _COST_OF_A_RING
        return self._comparisons_left >= 0

    def refused(self, error: InputError, at: etree._Element) -> None:
        """A part that could not be read."""
        finding = refused(error)
        self.add("error", finding.rule, at, finding.variant, **finding.values)

    def error(self, rule: str, at: etree._Element, variant: str = "", **values: object) -> None:
        """A message that must not be accepted."""
        self.add("error", rule, at, variant, **values)

    def warn(self, rule: str, at: etree._Element, variant: str = "", **values: object) -> None:
        """Legal but unwise, whoever wrote it."""
        self.add("warning", rule, at, variant, **values)

    def ours(self, rule: str, at: etree._Element, variant: str = "", **values: object) -> None:
        """Tolerated in what others send, an error in what we issue."""
        self.add("error" if self.issuing else "warning", rule, at, variant, **values)

    def advise(self, rule: str, at: etree._Element, variant: str = "", **values: object) -> None:
        """Good practice."""
        self.add("advice", rule, at, variant, **values)


def paths_below(root: etree._Element) -> Iterator[tuple[str, etree._Element, bool]]:
    """Walk over a document: path, element, and whether it begins (or ends). Cheap for any number of siblings."""
    counts: list[dict[str, int]] = [{}]
    steps: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if element is root or not isinstance(element.tag, str):
            continue
        if event == "end":
            yield "/".join(steps), element, False
            counts.pop()
            steps.pop()
            continue
        name, tag = local_name(element), element.tag
        parent: Any = element.getparent()
        counts[-1][tag] = counts[-1].get(tag, 0) + 1
        if name in _REPEATABLE.get(local_name(parent), ()):
            name = f"{name}[{counts[-1][tag]}]"
        steps.append(name)
        counts.append({})
        yield "/".join(steps), element, True


def local_name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def element_path(element: etree._Element) -> str:
    """Where an element stands, in the words of the standard; the root itself is ``alert``."""
    steps: list[str] = []
    current: Any = element
    while (parent := current.getparent()) is not None:
        name = local_name(current)
        if name in _REPEATABLE.get(local_name(parent), ()):
            position = 1 + sum(1 for _ in current.itersiblings(current.tag, preceding=True))
            name = f"{name}[{position}]"
        steps.append(name)
        current = parent
    return "/".join(reversed(steps)) or local_name(current)


def refusal(rule: str, variant: str = "", *, line: int = 0, **values: object) -> InputError:
    """The error for a document or a part of it that cannot be read; ``refused`` turns it into a finding."""
    finding = Finding(rule, "error", "", line, variant, values)
    problem = finding.problem()
    return InputError(problem.message, key=finding.key, values=values, problems=[problem])


def refused(error: InputError) -> Finding:
    """The finding behind an error made by ``refusal``."""
    problem = error.problems[0]
    rule, _, variant = problem.key.removeprefix("cap.rule.").partition(".")
    line = problem.where.get("line", 0)
    return Finding(rule, "error", "", line if isinstance(line, int) else 0, variant, problem.values)


def raise_on_errors(findings: Iterable[Finding], message: str) -> None:
    """Raise ``InputError`` with every error among the findings; warnings and advice pass."""
    problems = [finding.problem() for finding in findings if finding.severity == "error"]
    if problems:
        raise InputError(message, key="cap.refused", values={"count": len(problems)}, problems=problems)


def _line(element: etree._Element) -> int:
    line: Any = element.sourceline  # the stubs give it no type
    return int(line or 0)
