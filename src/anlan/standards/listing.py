"""The one table of published rules: reference page, command line and packs find the functions here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from anlan.errors import NotFoundError
from anlan.standards._listing import Rule

__all__ = ["RULES", "Rule", "rule_named"]

_SUBJECTS: tuple[tuple[Rule, ...], ...] = ()

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rules in _SUBJECTS for rule in rules})


def rule_named(name: str) -> Rule:
    """The rule of a name such as ``"air.aqi"``.

    Raises
    ------
    NotFoundError
        No rule of that name; the message lists those there are.
    """
    try:
        return RULES[name]
    except KeyError:
        raise NotFoundError(f"No rule is called {name!r}. There are: {', '.join(RULES)}.") from None
