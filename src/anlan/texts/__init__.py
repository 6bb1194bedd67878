"""Every sentence that people read, in every language, under one key.

A text lives in ``<room>.toml`` beside this module, both languages side by side::

    ["signal.title.farrington"]
    en = "{indicator} in {area}: {observed} cases in {period}, {expected} expected"
    zh = "{area}{indicator}：{period}已报 {observed} 例，预期 {expected}"

Sentences that the system generates are stored as key and arguments (``Sentence``) and become text only when a
page or a message is made, so that the language can be chosen late. Values are formatted by the caller
(``anlan.texts.formats`` has the number and date forms), names come as ``{"en": …, "zh": …}`` and are picked here.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("zh", "en")
DEFAULT_LANGUAGE = "zh"

__all__ = ["DEFAULT_LANGUAGE", "LANGUAGES", "Sentence", "catalogue", "name_in", "say"]


@dataclass(frozen=True)
class Sentence:
    """A text that is not in any language yet: a key and the values that fill it.

    Values may be numbers, text, a name by language (``{"en": …, "zh": …}``) or another ``Sentence``.
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(_plain(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Sentence:
        return _sentence(json.loads(text))

    def say(self, language: str) -> str:
        return say(self.key, language, **self.values)


def _plain(value: Any) -> Any:
    if isinstance(value, Sentence):
        return {"key": value.key, "values": {name: _plain(inner) for name, inner in value.values.items()}}
    return value


def _sentence(data: Mapping[str, Any]) -> Sentence:
    values = {
        name: _sentence(inner) if isinstance(inner, dict) and set(inner) == {"key", "values"} else inner
        for name, inner in data["values"].items()
    }
    return Sentence(data["key"], values)


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Key -> language -> text, read once from the files beside this module. A key in two files is an error."""
    texts: dict[str, Mapping[str, str]] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda item: item.name):
        if not file.name.endswith(".toml"):
            continue
        for key, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if key in texts:
                raise ValueError(f"{file.name}: the text {key!r} stands in two files")
            texts[key] = entry
    return texts


def name_in(names: Mapping[str, str] | str | None, language: str) -> str:
    """Pick the name in a language; the other language, then any, stands in when it is missing."""
    if names is None:
        return ""
    if isinstance(names, str):
        return names
    for wanted in (language, "zh", "en"):
        if names.get(wanted):
            return names[wanted]
    return next(iter(names.values()), "")


def say(key: str, language: str, /, **values: Any) -> str:
    """The text of ``key`` in ``language`` with its places filled. An unknown key is an error, not an empty page."""
    entry = catalogue().get(key)
    if entry is None:
        raise KeyError(f"no text {key!r}; texts stand in src/anlan/texts/*.toml")
    filled = {name: _said(value, language) for name, value in values.items()}
    return entry[language].format(**filled)


def _said(value: Any, language: str) -> Any:
    if isinstance(value, Sentence):
        return value.say(language)
    if isinstance(value, Mapping):
        return name_in(value, language)
    return value
