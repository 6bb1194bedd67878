"""The settings of a method as a form shows and takes them, from the one table of methods.

Text comes in, values or problems go out; each problem names its field, what was typed and what is accepted, so that a
page can say it beside the field in any language.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anlan.errors import InputError, Problem
from anlan.stats.counts import METHODS, REQUIRED, Method, Parameter
from anlan.texts import Sentence, catalogue

__all__ = ["Entry", "entries", "methods_for", "read_parameters"]

Words = Sentence | dict[str, str]


@dataclass(frozen=True)
class Entry:
    """One setting of a method as a form shows it.

    ``value`` is the text of what is set, empty where the method chooses; ``usual`` the text of the default, empty where
    there is none. ``choices`` are texts; a yes-or-no has ``true`` and ``false``.
    """

    name: str
    title: Words
    accepted: Sentence
    value: str
    usual: str
    choices: tuple[str, ...]
    required: bool


def methods_for(kind: str, step: str) -> list[Method]:
    """Methods for indicators of a kind and time step; a limit can be put on every step."""
    return [
        method
        for method in METHODS.values()
        if kind in method.kinds and (step in method.steps or method.name == "limit")
    ]


def entries(method: str, values: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The settings of a method with what is set in ``values`` (texts that were typed, or values of a rule)."""
    return tuple(
        Entry(
            name=one.name,
            title=_title(one),
            accepted=accepted(one),
            value=_text(values[one.name]) if one.name in values else "",
            usual="" if one.default is REQUIRED or one.default is None else _text(one.default),
            choices=("true", "false") if one.kind == "bool" else one.choices,
            required=one.default is REQUIRED,
        )
        for one in METHODS[method].parameters
    )


def accepted(one: Parameter) -> Sentence:
    """The accepted values in words of a language."""
    if one.kind == "choice":
        return Sentence("analysis.accepted.choice", {"choices": ", ".join(one.choices)})
    if one.kind == "bool":
        return Sentence("analysis.accepted.choice", {"choices": "true, false"})
    bounds = (("> ", one.above), ("≥ ", one.at_least), ("< ", one.below), ("≤ ", one.at_most))
    said = ", ".join(f"{sign}{bound:g}" for sign, bound in bounds if bound is not None)
    key = f"analysis.accepted.{one.kind}" + ("" if said else "_any") + ("_or_none" if one.optional else "")
    return Sentence(key, {"bounds": said})


def read_parameters(method: str, typed: Mapping[str, str], *, before: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a method's settings from what was typed; an empty field leaves the choice to the method.

    A setting that is the method's usual one is left out, unless ``before`` (the rule that is changed) had it.

    Raises
    ------
    InputError
        With one problem for each field that cannot be used; its ``where`` has ``field: parameters.<name>``.
    """
    values: dict[str, Any] = {}
    problems = []
    for one in METHODS[method].parameters:
        text = typed.get(one.name, "").strip()
        if not text:
            if one.default is REQUIRED:
                problems.append(_problem(one, text))
            continue
        value = _value(one, text)
        if value is None:
            problems.append(_problem(one, text))
        elif one.name in before or value != one.default:
            values[one.name] = value
    if problems:
        raise InputError("some settings cannot be used", key="analysis.parameters.refused", problems=problems)
    return values


def _value(one: Parameter, text: str) -> Any:
    """The value that was typed, or None when it is not accepted."""
    if one.kind == "choice":
        return text if text in one.choices else None
    if one.kind == "bool":
        return {"true": True, "false": False}.get(text)
    try:
        value: float = int(text) if one.kind == "int" else float(text)
    except ValueError:
        return None
    inside = (
        math.isfinite(value)
        and (one.at_least is None or value >= one.at_least)
        and (one.at_most is None or value <= one.at_most)
        and (one.above is None or value > one.above)
        and (one.below is None or value < one.below)
    )
    return value if inside else None


def _problem(one: Parameter, text: str) -> Problem:
    return Problem(
        "analysis.parameters.field",
        {"title": _title(one), "given": text, "accepted": accepted(one)},
        {"field": f"parameters.{one.name}"},
        f"{one.name} must be {one.accepted}. Got {text!r}.",
    )


def _title(one: Parameter) -> Words:
    if one.help_key and one.help_key in catalogue():
        return Sentence(one.help_key, {})
    return {"en": one.help or one.name, "zh": one.help_zh or one.help or one.name}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    return "" if value is None else str(value)
