"""The method table agrees with the functions, its texts exist, and every method keeps the contract."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import anlan.stats.counts as counts_room
from anlan.errors import ParameterError
from anlan.stats.counts import (
    METHODS,
    REQUIRED,
    Detection,
    Method,
    Reason,
    check_detector,
    ears_c1,
    method_named,
)
from anlan.stats.counts.methods import Step
from anlan.texts import LANGUAGES, catalogue

# Arguments of the functions that come with the data and not from a form.
DATA_ARGUMENTS = {"counts", "values", "dates", "evaluate", "population"}
REQUIRED_VALUES: dict[str, dict[str, Any]] = {"limit": {"limit": 20.0}}
EACH = pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)


def test_the_public_names_are_what_is_importable() -> None:
    names = {
        name
        for name, value in vars(counts_room).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    assert names == set(counts_room.__all__)


@EACH
def test_keeps_the_contract(method: Method) -> None:
    check_detector(method, **REQUIRED_VALUES.get(method.name, {}))


@EACH
def test_the_table_has_the_parameters_and_defaults_of_the_function(method: Method) -> None:
    signature = inspect.signature(method.function)
    defaults = {
        name: REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in signature.parameters.items()
        if name not in DATA_ARGUMENTS
    }
    assert {parameter.name: parameter.default for parameter in method.parameters} == defaults
    assert method.uses_dates == ("dates" in signature.parameters)
    assert method.uses_population == ("population" in signature.parameters)


@EACH
def test_optional_parameters_are_those_whose_default_is_none(method: Method) -> None:
    for parameter in method.parameters:
        assert parameter.optional == (parameter.default is None), parameter.name


@EACH
def test_the_stated_bounds_are_those_that_the_function_holds(method: Method) -> None:
    given = REQUIRED_VALUES.get(method.name, {})
    for parameter in method.parameters:
        outside = [
            *([] if parameter.at_least is None else [parameter.at_least - 1]),
            *([] if parameter.at_most is None else [parameter.at_most + 1]),
            *([] if parameter.above is None else [parameter.above]),
            *([] if parameter.below is None else [parameter.below]),
            *(["no such choice"] if parameter.choices else []),
            *(["yes"] if parameter.kind == "bool" else []),
        ]
        for value in outside:
            with pytest.raises(ParameterError, match=f"^{parameter.name} must be"):
                method.run(np.ones((1, 5)), **{**given, parameter.name: value})
        for choice in parameter.choices:
            method.run(np.ones((1, 5)), **{**given, parameter.name: choice})


@EACH
def test_every_text_exists_in_every_language(method: Method) -> None:
    keys = [method.title_key, *(parameter.help_key for parameter in method.parameters)]
    for key in keys:
        assert set(LANGUAGES) <= set(catalogue()[key]), key


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_text(reason: Reason) -> None:
    assert set(LANGUAGES) <= set(catalogue()[f"stats.reason.{reason.name.lower()}"])


@EACH
def test_every_method_has_its_page(method: Method) -> None:
    page = Path(__file__).parents[3] / "docs" / "methods" / f"{method.page}.md"
    text = page.read_text(encoding="utf-8")
    for parameter in method.parameters:
        assert f"`{parameter.name}`" in text, parameter.name


@EACH
def test_the_history_is_enough_and_one_less_is_not(method: Method) -> None:
    given = dict(REQUIRED_VALUES.get(method.name, {}))
    step: Step = "month" if "day" not in method.steps else "day"
    months = np.arange("2000-01", "2030-01", dtype="datetime64[M]").astype("datetime64[D]")
    if "month" not in method.steps and any(item.name == "frequency" for item in method.parameters):
        # By position, where the need is exact: dated years are longer by a day or a week now and then.
        step = method.steps[0]
        given["frequency"] = {"day": 365, "week": 52}[step]
    needed = method.history_needed(step, **given)
    generator = np.random.default_rng(0)
    values = generator.poisson(20, size=(1, needed + 1)).astype(float)
    dates = None if "frequency" in given else months[: needed + 1]

    assert method.run(values, dates=dates, evaluate=[-1], **given).reason[0, 0] == Reason.OK
    if needed:
        later = None if dates is None else dates[1:]
        short = method.run(values[:, 1:], dates=later, evaluate=[-1], **given)
        assert short.reason[0, 0] == Reason.SHORT_HISTORY


def test_the_history_of_weeks_holds_across_long_years() -> None:
    method = METHODS["farrington_flexible"]
    needed = method.history_needed("week")
    monday = np.datetime64("1999-01-04")
    for shift in range(0, 52 * 12, 13):
        dates = monday + 7 * np.arange(shift, shift + needed + 1)
        found = method.run(np.full((1, needed + 1), 9.0), dates=dates, evaluate=[-1])
        assert found.reason[0, 0] == Reason.OK


def test_an_unknown_method_or_parameter_names_those_there_are() -> None:
    with pytest.raises(ParameterError, match=r"method must be one of farrington_flexible, ears_c1"):
        method_named("farrington")
    with pytest.raises(ParameterError, match=r"ears_c1 has no parameter 'b'. It has baseline"):
        METHODS["ears_c1"].run([1.0], b=5)


def test_the_accepted_values_are_said_in_words() -> None:
    said = {parameter.name: parameter.accepted for parameter in METHODS["farrington_flexible"].parameters}
    assert said["alpha"] == "a number > 0 and < 0.5"
    assert said["w"] == "an int >= 0 or None"
    assert said["trend"] == "True or False"
    assert METHODS["limit"].parameter("limit").accepted == "a number"


def broken(**changes: Any) -> Method:
    return replace(METHODS["ears_c1"], **changes)


def keeps_zero_for_missing(counts: Any, **parameters: Any) -> Detection:
    values = np.atleast_2d(np.asarray(counts, dtype=float))
    return ears_c1(np.where(np.isnan(values), 0.0, values), **parameters)


def looks_ahead(counts: Any, **parameters: Any) -> Detection:
    found = ears_c1(counts, **parameters)
    return replace(found, expected=found.expected + np.nansum(np.asarray(counts)))


def mixes_series(counts: Any, **parameters: Any) -> Detection:
    found = ears_c1(counts, **parameters)
    return replace(found, upper=found.upper + len(found.upper))


def alarms_without_a_decision(counts: Any, **parameters: Any) -> Detection:
    found = ears_c1(counts, **parameters)
    return replace(found, alarm=np.ones_like(found.alarm))


def changes_its_input(counts: Any, **parameters: Any) -> Detection:
    found = ears_c1(counts, **parameters)
    if isinstance(counts, np.ndarray) and counts.dtype == np.float64 and counts.size:
        counts.flat[0] += 1
    return found


@pytest.mark.parametrize(
    "function",
    [keeps_zero_for_missing, looks_ahead, mixes_series, alarms_without_a_decision, changes_its_input],
)
def test_the_kit_finds_broken_promises(function: Any) -> None:
    with pytest.raises(AssertionError, match="ears_c1: "):
        check_detector(broken(function=function))


def test_the_kit_finds_a_wrong_history() -> None:
    with pytest.raises(AssertionError, match="must decide after its history"):
        check_detector(broken(history=lambda _step, _chosen: 3))
