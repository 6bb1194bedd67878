"""Settings of methods as forms show and take them."""

from __future__ import annotations

import pytest

from anlan.analysis.entering import entries, methods_for, read_parameters
from anlan.errors import InputError
from anlan.stats.counts import METHODS, REQUIRED
from anlan.texts import Sentence, name_in


def test_every_method_can_be_shown_and_taken_as_it_is_shown() -> None:
    """What the form shows for the usual values comes back as the usual values; required ones are asked for."""
    for name, method in METHODS.items():
        shown = entries(
            name, {one.name: one.default for one in method.parameters if one.default is not REQUIRED}
        )
        assert [one.name for one in shown] == [one.name for one in method.parameters]
        for one in shown:
            for language in ("zh", "en"):
                title = (
                    one.title.say(language)
                    if isinstance(one.title, Sentence)
                    else name_in(one.title, language)
                )
                assert title
                assert one.accepted.say(language)
        needed = [one.name for one in shown if one.required]
        typed = {one.name: one.value for one in shown}
        if needed:
            with pytest.raises(InputError) as refused:
                read_parameters(name, typed, before={})
            assert [one.where["field"] for one in refused.value.problems] == [
                f"parameters.{n}" for n in needed
            ]
        else:
            assert read_parameters(name, typed, before={}) == {}


def test_each_field_says_what_it_accepts() -> None:
    typed = {
        "alpha": "0.7",
        "b": "5.5",
        "w": "-1",
        "reweight": "yes",
        "threshold_method": "magic",
        "trend": "false",
    }
    with pytest.raises(InputError) as refused:
        read_parameters("farrington_flexible", typed, before={})
    said = {str(one.where["field"]): str(one) for one in refused.value.problems}
    assert set(said) == {f"parameters.{name}" for name in typed if name != "trend"}
    assert "Got '0.7'." in said["parameters.alpha"]
    accepted = {one.name: one.accepted for one in entries("farrington_flexible", {})}
    assert accepted["alpha"].say("zh") == "数值，> 0, < 0.5"
    assert accepted["w"].say("en") == "a whole number ≥ 0, or nothing"


def test_what_the_rule_had_stays_and_the_usual_is_left_out() -> None:
    typed = {"threshold": "3", "baseline": "9", "alpha": " "}
    assert read_parameters("ears_c2", typed, before={}) == {"baseline": 9}
    assert read_parameters("ears_c2", typed, before={"threshold": 4.0}) == {"baseline": 9, "threshold": 3.0}
    with pytest.raises(InputError):
        read_parameters("ears_c2", {"threshold": "nan"}, before={})


def test_methods_fit_the_indicator() -> None:
    weekly = {one.name for one in methods_for("count", "week")}
    assert {"farrington_flexible", "ears_c2", "limit"} <= weekly
    assert [one.name for one in methods_for("level", "hour")] == ["limit"]
