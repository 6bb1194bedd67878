"""Check a pack's files against the format: all problems at once, each with file, line and what is accepted."""

from __future__ import annotations

import json
import math
import string
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema

from anlan.errors import AnlanError
from anlan.registry.calendars import calendar_from
from anlan.registry.pack_types import LEVELS, PLACEHOLDERS
from anlan.registry.units import UNITS, find_unit
from anlan.registry.yaml_lines import Document, Path

if TYPE_CHECKING:
    from anlan.stats.counts import Method, Parameter

# Parts of a pack: file stem -> whether it must be there.
PARTS = {
    "pack": True,
    "indicators": True,
    "sources": False,
    "rules": False,
    "warnings": False,
    "texts": False,
    "golden": False,
}

Documents = Mapping[str, Document]
Methods = Mapping[str, "Method"]

__all__ = ["PARTS", "Documents", "Methods", "check_documents", "schema_of", "with_defaults"]


@cache
def schema_of(part: str) -> dict[str, Any]:
    """The JSON Schema of a part of a pack."""
    text = (files("anlan.registry") / "pack_schema" / f"{part}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_documents(documents: Documents, methods: Methods) -> None:
    """Note the problems of all parts in their documents.

    ``methods`` are the detectors that rules may name.
    """
    for part, document in documents.items():
        if not document.problems:
            _check_schema(document, schema_of(part))
    # What follows reads values by name; it runs on files whose shape is right.
    sound = {part: document for part, document in documents.items() if not document.problems}
    codes = {
        "indicator": _codes(sound.get("indicators"), "indicators"),
        "source": _codes(sound.get("sources"), "sources"),
        "rule": _codes(sound.get("rules"), "rules"),
        "hazard": _codes(sound.get("warnings"), "hazards"),
    }
    if "pack" in sound:
        _check_maturity(sound["pack"])
    if "indicators" in sound:
        _check_indicators(sound["indicators"])
    if "sources" in sound:
        _check_sources(sound["sources"], codes["indicator"] if "indicators" in sound else None)
    if "rules" in sound:
        if "indicators" in sound:
            _check_steps(sound["rules"], sound["indicators"], methods)
        complete = {"indicators", "sources", "warnings"} & set(documents) <= set(sound)
        _check_rules(sound["rules"], codes if complete else {}, methods)
    if "warnings" in sound:
        _check_templates(sound["warnings"])
    if "golden" in sound:
        _codes(sound["golden"], "samples")
        if "rules" in sound or "rules" not in documents:
            for number, sample in enumerate(sound["golden"].data["samples"]):
                _known(sound["golden"], ("samples", number, "rule"), sample["rule"], codes["rule"], "rule")


def with_defaults(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The indicators of a file, each with the file's defaults under its own values."""
    defaults = data.get("defaults") or {}
    return [{**defaults, **indicator} for indicator in data["indicators"]]


def _check_schema(document: Document, schema: Mapping[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(
        validator.iter_errors(document.data), key=lambda error: [str(step) for step in error.absolute_path]
    )
    for error in errors:
        _note_schema_error(document, error)


def _note_schema_error(document: Document, error: jsonschema.ValidationError) -> None:
    """Say a schema's complaint in our words; the library's own are made for programmers."""
    path: Path = tuple(error.absolute_path)
    name = _dotted(path) or document.file
    given: Any = error.instance
    rule: Any = error.validator_value
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties":
        accepted = ", ".join(schema.get("properties", {}))
        for key in sorted(set(given) - set(schema.get("properties", {}))):
            document.add("pack.unknown_key", (*path, key), key=key, accepted=accepted)
    elif error.validator == "required":
        for key in sorted(set(rule) - set(given)):
            # jsonschema reports each missing key by itself; note it once.
            if error.message.startswith(repr(key)):
                said = "pack.language_missing" if key in ("zh", "en") else "pack.key_missing"
                document.add(said, path, key=key, name=name)
    elif error.validator in ("enum", "const"):
        accepted = ", ".join(map(str, rule if isinstance(rule, list) else [rule]))
        document.add("pack.not_accepted", path, name=name, value=_short(given), accepted=accepted)
    elif error.validator == "type":
        wanted = ", ".join(rule) if isinstance(rule, list) else str(rule)
        document.add("pack.wrong_type", path, name=name, value=_short(given), accepted=wanted)
    elif error.validator == "pattern":
        accepted = schema.get("description") or rule
        document.add("pack.not_accepted", path, name=name, value=_short(given), accepted=accepted)
    elif error.validator == "propertyNames":
        document.add("pack.not_accepted", path, name=name, value=_short(given), accepted="lower.case.codes")
    else:
        document.add(
            "pack.out_of_range", path, name=name, value=_short(given), accepted=f"{error.validator} {rule}"
        )


def _codes(document: Document | None, name: str) -> set[str]:
    """The codes of a list; a code that stands twice is noted at its second place."""
    seen: set[str] = set()
    for number, entry in enumerate(document.data[name] if document else []):
        if entry["code"] in seen and document:
            document.add("pack.code_twice", (name, number, "code"), code=entry["code"])
        seen.add(entry["code"])
    return seen


def _known(document: Document, path: Path, code: str, codes: Iterable[str], what: str) -> None:
    if code not in codes:
        document.add(
            "pack.code_unknown", path, code=code, what=what, accepted=", ".join(sorted(codes)) or "-"
        )


def _check_maturity(document: Document) -> None:
    for point, entry in document.data["maturity"].items():
        if entry["state"] != "done" and not entry.get("reason"):
            document.add("pack.reason_missing", ("maturity", point), point=point, state=entry["state"])


def _check_indicators(document: Document) -> None:
    aliases: dict[str, str] = {}
    for number, indicator in enumerate(with_defaults(document.data)):
        path: Path = ("indicators", number)
        for key in ("unit", "kind", "calendar"):
            if key not in indicator:
                document.add("pack.key_missing", path, key=key, name=_dotted(path))
        if "unit" in indicator:
            _check_unit(document, (*path, "unit"), indicator["unit"])
        if "calendar" in indicator:
            _check_calendar(document, (*path, "calendar"), indicator["calendar"])
        if not indicator.get("area_kinds") and not indicator.get("site_kinds"):
            document.add("pack.no_place", path, code=indicator["code"])
        for alias in (indicator["code"], *indicator.get("aliases", ())):
            if alias in aliases:
                document.add("pack.alias_twice", (*path, "aliases"), alias=alias, code=aliases[alias])
            aliases[alias] = indicator["code"]


def _check_unit(document: Document, path: Path, unit: str) -> None:
    if unit in UNITS:
        return
    meant = find_unit(unit)
    accepted = meant.code if meant else ", ".join(UNITS)
    document.add("pack.unit_unknown", path, value=unit, accepted=accepted)


def _check_calendar(document: Document, path: Path, calendar: Mapping[str, Any]) -> None:
    try:
        calendar_from(calendar)
    except AnlanError as error:
        document.add("pack.calendar", path, reason=error.message)


def _check_sources(document: Document, indicators: set[str] | None) -> None:
    if indicators is None:
        return
    for number, source in enumerate(document.data["sources"]):
        for place, code in enumerate(source["delivers"]):
            _known(document, ("sources", number, "delivers", place), code, indicators, "indicator")


def _check_rules(document: Document, codes: Mapping[str, set[str]], methods: Methods) -> None:
    for number, rule in enumerate(document.data["rules"]):
        path: Path = ("rules", number)
        _check_method(document, path, rule, methods)
        _check_levels(document, path, rule)
        _check_validity(document, path, rule)
        watched, other = ("sources", "series") if rule["method"] == "silence" else ("series", "sources")
        if watched not in rule:
            document.add("pack.key_missing", path, key=watched, name=_dotted(path))
        if other in rule:
            document.add("pack.not_for_method", (*path, other), key=other, method=rule["method"])
        if not codes:
            continue
        for place, code in enumerate(rule.get("series", {}).get("indicators", ())):
            _known(document, (*path, "series", "indicators", place), code, codes["indicator"], "indicator")
        for place, code in enumerate(rule.get("sources", ())):
            _known(document, (*path, "sources", place), code, codes["source"], "source")
        if "hazard" in rule:
            _known(document, (*path, "hazard"), rule["hazard"], codes["hazard"], "hazard")


def _check_steps(document: Document, indicators: Document, methods: Methods) -> None:
    """What a rule watches must have periods of one length, and be what its method is for."""
    known = {entry["code"]: entry for entry in with_defaults(indicators.data)}
    for number, rule in enumerate(document.data["rules"]):
        path: Path = ("rules", number, "series", "indicators")
        watched = [known[code] for code in rule.get("series", {}).get("indicators", ()) if code in known]
        steps = {(entry.get("calendar") or {}).get("step") for entry in watched}
        if len(steps) > 1:
            document.add(
                "pack.steps_differ", path, code=rule["code"], steps=", ".join(sorted(map(str, steps)))
            )
        method = methods.get(rule["method"])
        # A fixed limit compares values one by one; it has no step and no kind of its own.
        if method is None or method.name == "limit":
            continue
        for place, entry in enumerate(watched):
            kind, step = entry.get("kind"), (entry.get("calendar") or {}).get("step")
            if kind not in method.kinds or step not in method.steps or entry.get("rolling_periods", 1) > 1:
                document.add(
                    "pack.method_unfit", (*path, place), method=method.name, code=entry["code"],
                    accepted=f"{', '.join(method.kinds)}; {', '.join(method.steps)}",
                )  # fmt: skip


def _check_method(document: Document, path: Path, rule: Mapping[str, Any], methods: Methods) -> None:
    name, given = rule["method"], rule.get("parameters") or {}
    if name != "silence" and name not in methods:
        accepted = ", ".join(sorted([*methods, "silence"]))
        document.add("pack.method_unknown", (*path, "method"), value=name, accepted=accepted)
        return
    known = {} if name == "silence" else {parameter.name: parameter for parameter in methods[name].parameters}
    # The data say how many periods a year has.
    known.pop("frequency", None)
    from anlan.stats.counts import REQUIRED as required  # noqa: N811  the numerics are loaded where rules are

    for key, value in given.items():
        place: Path = (*path, "parameters", key)
        if key not in known:
            document.add(
                "pack.parameter_unknown", place, value=key, method=name, accepted=", ".join(known) or "-"
            )
        elif not _is_accepted(known[key], value):
            document.add(
                "pack.not_accepted", place, name=key, value=_short(value), accepted=known[key].accepted
            )
    for key, parameter in known.items():
        if parameter.default is required and key not in given:
            document.add(
                "pack.key_missing", (*path, "parameters"), key=key, name=f"{_dotted(path)}.parameters"
            )


def _is_accepted(parameter: Parameter, value: object) -> bool:
    """Whether a plain value fits a method's parameter; the method itself checks again when it runs."""
    if value is None:
        return bool(parameter.optional)
    if parameter.kind == "choice":
        return value in parameter.choices
    if parameter.kind == "bool" or isinstance(value, bool):
        return parameter.kind == "bool" and isinstance(value, bool)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    if parameter.kind == "int" and value != int(value):
        return False
    return not (
        (parameter.at_least is not None and value < parameter.at_least)
        or (parameter.at_most is not None and value > parameter.at_most)
        or (parameter.above is not None and value <= parameter.above)
        or (parameter.below is not None and value >= parameter.below)
    )


def _check_levels(document: Document, path: Path, rule: Mapping[str, Any]) -> None:
    if ("level" in rule) == ("levels" in rule):
        document.add("pack.level_or_levels", path, code=rule["code"])
        return
    steps = rule.get("levels", [])
    order = [(LEVELS.index(step["level"]), step["score_at_least"]) for step in steps]
    if any(
        later[0] <= before[0] or later[1] <= before[1]
        for before, later in zip(order, order[1:], strict=False)
    ):
        document.add("pack.levels_order", (*path, "levels"), accepted=", ".join(LEVELS))


def _check_validity(document: Document, path: Path, rule: Mapping[str, Any]) -> None:
    days = {}
    for key in ("valid_from", "valid_to"):
        try:
            days[key] = date.fromisoformat(rule[key]) if key in rule else None
        except ValueError:
            document.add("pack.not_accepted", (*path, key), name=key, value=rule[key], accepted="YYYY-MM-DD")
            return
    if days["valid_from"] and days["valid_to"] and days["valid_to"] < days["valid_from"]:
        document.add(
            "pack.validity_order", (*path, "valid_to"), first=rule["valid_from"], last=rule["valid_to"]
        )


def _check_templates(document: Document) -> None:
    for number, hazard in enumerate(document.data["hazards"]):
        seen: set[str] = set()
        for place, template in enumerate(hazard["templates"]):
            path: Path = ("hazards", number, "templates", place)
            if template["level"] in seen:
                document.add(
                    "pack.code_twice", (*path, "level"), code=f"{hazard['code']} {template['level']}"
                )
            seen.add(template["level"])
            for part in ("headline", "description", "instruction"):
                for language, text in template[part].items():
                    _check_places(document, (*path, part, language), text)


def _check_places(document: Document, path: Path, text: str) -> None:
    """Only ``{name}`` with a known name: no attributes, indexes, conversions or format codes."""
    accepted = ", ".join(PLACEHOLDERS)
    try:
        places = [part[1:] for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        document.add("pack.place_unknown", path, value=str(error), accepted=accepted)
        return
    for name, code, conversion in places:
        if name not in PLACEHOLDERS or code or conversion:
            document.add("pack.place_unknown", path, value=f"{{{name}}}", accepted=accepted)


def _dotted(path: Path) -> str:
    return ".".join(str(step + 1) if isinstance(step, int) else step for step in path)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
