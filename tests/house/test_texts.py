"""Every text stands in both languages, with the same places to fill."""

from __future__ import annotations

import string

import pytest

from anlan.texts import LANGUAGES, Sentence, catalogue, name_in, say

# Chinese says the number with its unit and the whole label of a week, where English needs them apart.
DIFFERENT_PLACES = {"signal.title.above", "signal.when.week"}


def _places(text: str) -> set[str]:
    return {
        name.split(".")[0].split("[")[0]
        for _, name, _, _ in string.Formatter().parse(text)
        if name is not None
    }


def test_every_text_has_every_language_and_the_same_places() -> None:
    wrong = []
    for key, entry in catalogue().items():
        if set(entry) != set(LANGUAGES):
            wrong.append(f"{key}: languages {sorted(entry)}")
        elif key not in DIFFERENT_PLACES and len({frozenset(_places(text)) for text in entry.values()}) > 1:
            wrong.append(f"{key}: places differ between languages")
        elif any(not text.strip() for text in entry.values()):
            wrong.append(f"{key}: empty")
    assert catalogue()
    assert not wrong, "\n".join(wrong)


def test_a_sentence_survives_storage_and_speaks_both_languages() -> None:
    key = next(key for key, entry in sorted(catalogue().items()) if not _places(entry["zh"]))
    inner = Sentence(key)
    stored = Sentence("x", {"n": 3, "name": {"zh": "赤壁市", "en": "Chibi"}, "inner": inner}).to_json()
    back = Sentence.from_json(stored)
    assert back.values["inner"] == inner
    assert back.to_json() == stored
    assert inner.say("zh") != ""
    assert name_in({"zh": "赤壁市", "en": "Chibi"}, "en") == "Chibi"
    assert name_in({"zh": "赤壁市"}, "en") == "赤壁市"


def test_an_unknown_text_is_an_error() -> None:
    with pytest.raises(KeyError, match="no text"):
        say("there.is.no.such.text", "zh")
