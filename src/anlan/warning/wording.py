"""Texts of a warning, filled in both languages from the pack's templates or the general form.

A place in a template for which nobody gave a value is left as a visible gap, and a warning with a gap cannot be
submitted: nothing is guessed and nothing is left out in silence.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import datetime, tzinfo

from anlan.errors import InputError, Problem
from anlan.texts import LANGUAGES, catalogue, name_in, say
from anlan.warning.levels import Level, rank
from anlan.warning.types import TEXT_FIELDS, HazardType, HazardWarning, StepKind, Texts

__all__ = ["changed_by_hand", "fill", "final", "gaps", "level_word", "merged", "read_texts"]

TEXT_LIMIT = 4_000
_GAP = re.compile(r"⟦[^⟦⟧]*⟧")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

Facts = Mapping[str, Mapping[str, str]]


def level_word(level: Level, language: str) -> str:
    return say(f"warning.level.{level}", language)


def fill(
    hazard: HazardType,
    level: Level,
    facts: Facts,
    *,
    kind: StepKind = "alert",
    before: Level | None = None,
) -> tuple[dict[str, dict[str, str]], str]:
    """Make the texts.

    Parameters
    ----------
    hazard : HazardType
    level : Level
    facts : mapping
        Place in a template -> language -> text.
    kind, before
        What the step does, and the level before it.

    Returns
    -------
    tuple
        Texts by language and field, and where they came from: ``pack`` or ``general``.
    """
    template = next((item for item in hazard.templates if item.level == level), None)
    origin = "pack" if template else "general"
    if kind in ("end", "cancel"):
        template, origin = None, "general"
    texts: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        values = {name: text.get(language, "") for name, text in facts.items()}
        values |= {"level": level_word(level, language), "hazard": name_in(hazard.names, language)}
        filled: dict[str, str] = {}
        for field in TEXT_FIELDS:
            pattern = template.texts[field][language] if template else _general(field, level, kind, language)
            filled[field] = _filled(pattern, values, language)
        if kind == "update" and before is not None:
            change = (
                "raised"
                if rank(level) > rank(before)
                else "lowered"
                if rank(level) < rank(before)
                else "updated"
            )
            filled["headline"] = say(
                f"warning.headline.{change}",
                language,
                headline=filled["headline"],
                before=level_word(before, language),
            )
        texts[language] = filled
    return texts, origin


def _general(field: str, level: Level, kind: StepKind, language: str) -> str:
    if kind in ("end", "cancel"):
        return catalogue()[f"warning.{kind}.{field}"][language]
    if field == "instruction":
        return catalogue()[f"warning.general.instruction.{level}"][language]
    return catalogue()[f"warning.general.{field}"][language]


def _filled(pattern: str, values: Mapping[str, str], language: str) -> str:
    parts = []
    for text, name, _format, _conversion in string.Formatter().parse(pattern):
        parts.append(text)
        if name is not None:
            value = values.get(name, "")
            parts.append(value or say("warning.gap", language, place=_place_name(name, language)))
    return "".join(parts).strip()


def _place_name(name: str, language: str) -> str:
    key = f"warning.place.{name}"
    return say(key, language) if key in catalogue() else name


def gaps(texts: Texts) -> list[Problem]:
    """The places that still have to be filled in, and the fields that are empty."""
    problems = []
    for language in LANGUAGES:
        for field in TEXT_FIELDS:
            text = texts.get(language, {}).get(field, "")
            where = {"field": f"texts.{language}.{field}"}
            if not text:
                problems.append(Problem("warning.text.empty", {}, where, "the text is empty"))
            for gap in _GAP.findall(text):
                problems.append(
                    Problem("warning.text.gap", {"gap": gap}, where, f"{gap} has to be filled in")
                )
    return problems


def read_texts(given: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Check texts that a person wrote; any part of the languages and fields may be given.

    Raises
    ------
    InputError
        With every unknown language or field, text that is too long, and control character.
    """
    problems = []
    texts: dict[str, dict[str, str]] = {}
    for language, fields in given.items():
        for field, text in fields.items():
            where = {"field": f"texts.{language}.{field}"}
            if language not in LANGUAGES or field not in TEXT_FIELDS:
                problems.append(Problem("warning.text.unknown", {}, where, "no such text"))
            elif len(text) > TEXT_LIMIT:
                values = {"count": len(text), "limit": TEXT_LIMIT}
                message = f"the text has {len(text)} characters; at most {TEXT_LIMIT} are accepted"
                problems.append(Problem("warning.text.long", values, where, message))
            elif _CONTROL.search(text):
                problems.append(Problem("warning.text.control", {}, where, "the text has control characters"))
            else:
                texts.setdefault(language, {})[field] = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if problems:
        raise InputError("the texts cannot be used", key="warning.text.problems", problems=problems)
    return texts


def final(filled: Texts, given: Texts) -> dict[str, dict[str, str]]:
    """The filled texts with those that a person gave in their place, all of them checked: facts can hold anything.

    Raises
    ------
    InputError
        As ``read_texts``.
    """
    return read_texts(merged(filled, read_texts(given)))


def merged(texts: Texts, changes: Texts) -> dict[str, dict[str, str]]:
    """Texts with some of them replaced."""
    return {language: {**texts.get(language, {}), **changes.get(language, {})} for language in LANGUAGES}


def changed_by_hand(warning: HazardWarning, generated: Texts) -> dict[str, dict[str, str]]:
    """Those texts of a warning that are no longer what was filled in."""
    return {
        language: {
            field: text
            for field, text in warning.texts.get(language, {}).items()
            if text != generated.get(language, {}).get(field)
        }
        for language in LANGUAGES
    }


def local_moment(moment: datetime, zone: tzinfo) -> str:
    """A moment as texts of messages write it, in the zone of the issuer."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
