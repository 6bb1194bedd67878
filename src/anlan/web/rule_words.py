"""What a rule says, in words of a language: its method, settings, levels and places; and two rules side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anlan.analysis import Rule, say
from anlan.analysis.entering import entries
from anlan.registry import Indicator
from anlan.stats.counts import METHODS
from anlan.texts import Sentence, catalogue, name_in
from anlan.web.views.rules import Setting
from anlan.web.visit import Visit

__all__ = ["changes", "indicator_names", "method_name", "say_words", "settings", "state_word"]

MOST_NAMED = 3


def say_words(words: Sentence | Mapping[str, str], language: str) -> str:
    """A text that is a sentence, or a name by language."""
    return say(words, language) if isinstance(words, Sentence) else name_in(words, language)


def method_name(method: str, language: str) -> str:
    """The title of a method: of anlan, of another package, or of watching for silence."""
    if method == "silence":
        return Sentence("signal.method.silence").say(language)
    found = METHODS.get(method)
    if found is None:  # a package that brought it is gone
        return method
    if found.title_key and found.title_key in catalogue():
        return Sentence(found.title_key).say(language)
    return found.title_zh if language == "zh" and found.title_zh else found.title


def state_word(visit: Visit, rule: Rule) -> str:
    return visit.t(f"web.rule.state.{rule.state}")


def indicator_names(visit: Visit, rule: Rule, indicators: Mapping[str, Indicator]) -> str:
    """The first indicators (or sources) by name, and how many more there are."""
    codes = rule.selector.indicators or rule.selector.sources
    names = [visit.name(indicators[code].names) if code in indicators else code for code in codes]
    joint = "、" if visit.language == "zh" else ", "
    said = joint.join(names[:MOST_NAMED])
    return said if len(names) <= MOST_NAMED else visit.t("web.rule.and_more", names=said, count=len(names))


def settings(visit: Visit, rule: Rule, indicators: Mapping[str, Indicator]) -> tuple[Setting, ...]:
    """Everything that a rule says, one line each, in the order of the form."""
    said = [
        Setting(visit.t("web.rule.method"), method_name(rule.method, visit.language)),
        *_parameters(visit, rule),
        *_levels(visit, rule),
        Setting(visit.t("web.rule.extend_days"), visit.t("web.rule.days", days=rule.extend_days)),
        Setting(visit.t("web.rule.watches"), indicator_names(visit, rule, indicators)),
        Setting(visit.t("web.rule.where"), _where(visit, rule)),
    ]
    if rule.valid_from or rule.valid_to:
        said.append(Setting(visit.t("web.rule.valid"), f"{rule.valid_from or '…'} – {rule.valid_to or '…'}"))
    if rule.reference:
        said.append(Setting(visit.t("web.rule.reference"), rule.reference))
    return tuple(said)


def changes(
    visit: Visit, before: Rule, after: Rule, indicators: Mapping[str, Indicator]
) -> tuple[Setting, ...]:
    """What differs between two rules: the value of ``after``, and what stands in ``before``."""
    old = {one.name: one.value for one in _named(visit, before, indicators)}
    new = {one.name: one.value for one in _named(visit, after, indicators)}
    none = visit.t("web.rule.not_set")
    return tuple(
        Setting(name, new.get(name, none), old.get(name, none), changed=True)
        for name in dict.fromkeys([*new, *old])
        if new.get(name) != old.get(name)
    )


def _named(visit: Visit, rule: Rule, indicators: Mapping[str, Indicator]) -> tuple[Setting, ...]:
    name = Setting(visit.t("web.rule.name"), visit.name(rule.names))
    return (name, *settings(visit, rule, indicators))


def _parameters(visit: Visit, rule: Rule) -> list[Setting]:
    if rule.method not in METHODS:
        return [Setting(name, _plain(value)) for name, value in rule.parameters.items()]
    return [
        Setting(
            say_words(one.title, visit.language),
            shown(visit, one.value, one.choices)
            if one.name in rule.parameters
            else visit.t("web.rule.usual", value=shown(visit, one.usual, one.choices))
            if one.usual
            else visit.t("web.rule.by_method"),
        )
        for one in entries(rule.method, rule.parameters)
    ]


def shown(visit: Visit, value: str, choices: tuple[str, ...]) -> str:
    """A value of a setting; a yes-or-no in words."""
    return visit.t(f"web.rule.{value}") if choices == ("true", "false") and value else value


def _levels(visit: Visit, rule: Rule) -> list[Setting]:
    joint = "；" if visit.language == "zh" else "; "
    said = [
        visit.t("web.rule.level_from", level=visit.t(f"web.level.{level}"), score=f"{least:g}")
        for level, least in rule.levels
    ]
    return [Setting(visit.t("web.rule.levels"), joint.join(said))]


def _where(visit: Visit, rule: Rule) -> str:
    joint = "、" if visit.language == "zh" else ", "
    kinds = [visit.t(f"area_kind.{kind}") for kind in rule.selector.area_kinds]
    parts = [joint.join(kinds) or visit.t("web.rule.anywhere")]
    if rule.selector.areas:
        parts.append(visit.t("web.rule.below", areas=joint.join(rule.selector.areas)))
    parts.append(visit.t(f"web.rule.strata.{rule.selector.strata}"))
    return " · ".join(parts)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
