"""Typed sentences: numbers, periods, moments and probabilities become text only when the language is known."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.analysis.sentences import amount, chance, moment_value, number_value, period_value, say, span, tidy
from anlan.registry.calendars import STEPS, Calendar
from anlan.stats.counts import Reason
from anlan.texts import Sentence, catalogue

WEEK, MONTH = Calendar(step="week"), Calendar(step="month")


@pytest.mark.parametrize(
    ("p_value", "english", "chinese"),
    [
        (1 / 960, "a week like this would come about once in 960 weeks (18 years).", "这样的一周大约 960 周（18 年）才会有一次"),
        (0.02, "a week like this would come about once in 50 weeks.", "这样的一周大约 50 周才会有一次"),
        (0.9, "about once in 1 week.", "大约 1 周才会有一次"),
        (1e-9, "less than once in 1\u202f000\u202f000 weeks.", "在 1\u202f000\u202f000 周中还不到一次"),
        (0.0, "less than once in 1\u202f000\u202f000 weeks.", "还不到一次"),
    ],
)  # fmt: skip
def test_a_p_value_in_words(p_value: float, english: str, chinese: str) -> None:
    sentence = chance(p_value, WEEK)
    assert say(sentence, "en").endswith(english)
    assert chinese in say(sentence, "zh")


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_its_words(step: str) -> None:
    calendar = Calendar(step=step)  # type: ignore[arg-type]
    period = calendar.period_of(calendar.start_of(calendar.period_of(MONTH.start_of(600))))
    said = Sentence("signal.why.rule_says", {"text": period_value(period, calendar, form="when")})
    for language in ("zh", "en"):
        assert say(said, language)
        assert say(chance(0.001, calendar), language)
        assert say(span(3, step), language) != say(span(1, step), language)


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "qualifier", "english", "chinese"),
    [
        (7, "case", 0, 0, "7 cases", "7 例"),
        (12345, "case", 0, 0, "12\u202f345 cases", "12\u202f345 例"),
        (0.5, "µg/m³", 1, 1, "<0.5 µg/m³", "<0.5 µg/m³"),
        (2400, "unheard-of", 0, 2, ">2\u202f400 unheard-of", ">2\u202f400 unheard-of"),
        (-3.14, "°C", 1, 0, "\u22123.1 °C", "\u22123.1 °C"),
        (4.82, "1", 2, 0, "4.82", "4.82"),
        (float("nan"), "case", 0, 0, "— cases", "— 例"),
    ],
)
def test_figures_with_their_units(
    value: float, unit: str, decimals: int, qualifier: int, english: str, chinese: str
) -> None:
    said = Sentence("signal.why.rule_says", {"text": amount(value, unit, decimals, qualifier=qualifier)})
    assert say(said, "en") == english
    assert say(said, "zh") == chinese


def test_moments_are_said_on_the_clock_of_their_zone() -> None:
    moment = WEEK.start_of(WEEK.parse("2026-W28"))
    said = Sentence("signal.why.rule_says", {"text": moment_value(moment, "Asia/Shanghai")})
    assert say(said, "en") == "2026-07-06 00:00"


@given(
    value=st.floats(allow_nan=False, allow_infinity=False, width=32),
    decimals=st.integers(0, 4),
    period=st.integers(0, 5000),
)
def test_storing_a_sentence_changes_nothing(value: float, decimals: int, period: int) -> None:
    values = {
        "indicator": {"zh": "麻疹", "en": "Measles"},
        "place": Sentence("signal.part.site", {"area": {"zh": "赤壁市", "en": "Chibi"}, "site": "S1"}),
        "observed": amount(value, "case", decimals),
        "expected": number_value(value, decimals),
        "expected_number": number_value(value, decimals),
        "when": period_value(period, WEEK, form="when"),
    }
    sentence = Sentence("signal.title.above", values)
    again = Sentence.from_json(sentence.to_json())
    assert again.to_json() == sentence.to_json()
    for language in ("zh", "en"):
        assert say(again, language) == say(sentence, language)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_tidy_figures_stay_put(value: float) -> None:
    once = tidy(value)
    assert tidy(once) == once
    if once is not None and value:
        assert once == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize("name", ["analysis", "assessment"])
def test_both_languages_have_the_same_places(name: str) -> None:
    listed = tomllib.loads(files("anlan.texts").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    for key, entry in listed.items():
        assert set(entry) == {"en", "zh"}, key
        places = {
            language: {place for _, place, _, _ in Formatter().parse(text) if place}
            for language, text in entry.items()
        }
        if not key.startswith(("signal.when.", "signal.title.above")):
            assert places["en"] == places["zh"], key


def test_every_reason_of_a_detector_has_a_text() -> None:
    for reason in Reason:
        assert f"analysis.reason.{reason.name.lower()}" in catalogue()
