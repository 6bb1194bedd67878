"""The method table agrees with the functions, its texts exist, and every method keeps the contract."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anlan.stats.counts as counts_room
from anlan.errors import ParameterError
from anlan.stats.counts import (
    METHODS,
    REQUIRED,
    Detection,
    Method,
    Parameter,
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
# Tables of decision intervals and limits are computed for each mean: few means, one width.
QUICK: dict[str, dict[str, Any]] = {"rogerson": {"digits": 0, "season": False}, "ewma": {"width": 2.6}}
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
    check_detector(method, **REQUIRED_VALUES.get(method.name, {}), **QUICK.get(method.name, {}))


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
    parameters = REQUIRED_VALUES.get(method.name, {})
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
                method.run(np.ones((1, 5)), **{**parameters, parameter.name: value})
        for choice in parameter.choices:
            method.run(np.ones((1, 5)), **{**parameters, parameter.name: choice})


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
    parameters = {**REQUIRED_VALUES.get(method.name, {}), **QUICK.get(method.name, {})}
    step: Step = "month" if "day" not in method.steps else "day"
    months = np.arange("2000-01", "2030-01", dtype="datetime64[M]").astype("datetime64[D]")
    if "month" not in method.steps and any(item.name == "frequency" for item in method.parameters):
        # By position, where the need is exact: dated years are longer by a day or a week now and then.
        step = method.steps[0]
        parameters["frequency"] = {"day": 365, "week": 52}[step]
    needed = method.history_needed(step, **parameters)
    generator = np.random.default_rng(0)
    values = generator.poisson(20, size=(1, needed + 1)).astype(float)
    dates = None if "frequency" in parameters else months[: needed + 1]

    assert method.run(values, dates=dates, evaluate=[-1], **parameters).reason[0, 0] == Reason.OK
    if needed:
        later = None if dates is None else dates[1:]
        short = method.run(values[:, 1:], dates=later, evaluate=[-1], **parameters)
        assert short.reason[0, 0] == Reason.SHORT_HISTORY


YEAR = st.integers(13, 20)
YEARS, WIDTH = st.integers(1, 3), st.integers(2, 5)
# What changes the need of history of each method; the other parameters do not.
NEEDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "farrington_flexible": {"b": YEARS, "w": st.integers(1, 3), "frequency": YEAR, "n_periods": YEARS, "past_not_included": st.integers(0, 4)},
    "farrington_original": {"b": YEARS, "w": st.integers(1, 3), "frequency": YEAR},
    "ears_c1": {"baseline": st.integers(3, 12)},
    "ears_c2": {"baseline": st.integers(3, 12)},
    "ears_c3": {"baseline": st.integers(3, 12)},
    "limit": {"limit": st.just(20.0), "duration": YEARS},
    "anlan": {"frequency": YEAR, "years": st.integers(2, 5), "slow": st.booleans()},
    "periodic_poisson": {"frequency": YEAR, "trend": st.booleans(), "past_not_included": st.integers(0, 4)},
    "periodic_nb": {"frequency": YEAR, "min_years": YEARS, "b": st.sampled_from([None, 4])},
    "serfling": {"frequency": YEAR, "min_years": YEARS, "b": st.sampled_from([None, 4])},
    "excess_mortality": {"frequency": YEAR, "min_years": YEARS, "baseline": st.just("all")},
    "mem": {"frequency": st.integers(24, 30), "min_seasons": st.integers(2, 4), "season_start": st.just(5), "season_end": st.just(20)},
    "cidars_fixed": {"window": YEARS},
    "cidars_moving": {"frequency": YEAR, "min_years": YEARS, "window": YEARS, "blocks": st.integers(0, 2)},
    "auto": {"frequency": YEAR, "prefer": st.sampled_from(["anlan", "published"])},
    "bayes1": {"w": st.integers(1, 9)},
    "bayes2": {"w": st.integers(1, 5), "b": YEARS, "frequency": YEAR},
    "bayes3": {"w": st.integers(0, 5), "b": YEARS, "frequency": YEAR},
    "rki1": {"w": st.integers(2, 9)},
    "rki2": {"w": WIDTH, "b": YEARS, "frequency": YEAR},
    "rki3": {"w": WIDTH, "b": YEARS, "frequency": YEAR},
    "cdc": {"b": YEARS, "m": st.integers(1, 2), "periods": YEARS, "frequency": YEAR},
    "cusum": {"training": st.integers(2, 9)},
    "ewma": {"training": st.integers(2, 9), "width": st.just(2.5)},
    "glr_poisson": {"training": st.integers(7, 12)},
    "glr_nb": {"frequency": st.integers(4, 9), "harmonics": st.just(0)},
    "rogerson": {"training": st.integers(4, 9), "season": st.just(False), "digits": st.just(0)},
    "outbreakp": {"min_history": st.integers(0, 9)},
}  # fmt: skip


@EACH
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_exactly_so_many_periods_decide(method: Method, data: st.DataObject) -> None:
    chosen = {name: data.draw(values, label=name) for name, values in NEEDS[method.name].items()}
    needed = method.history_needed(method.steps[0], **chosen)
    values = np.random.default_rng(needed).poisson(20, size=(1, needed + 1)).astype(float)
    if method.name == "mem":  # a season that is all epidemic has no weeks before it
        values[:, np.arange(needed + 1) % chosen["frequency"] // 3 == 2] += 200

    found = method.run(values, evaluate=[-1], **chosen)
    assert Reason(int(found.reason[0, 0])).is_decided
    if needed:
        short = method.run(values[:, 1:], evaluate=[-1], **chosen)
        assert short.reason[0, 0] in (Reason.SHORT_HISTORY, Reason.INCOMPLETE_REFERENCE)
        assert needed == 1 or short.reason[0, 0] == Reason.SHORT_HISTORY


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


def test_the_switch_of_the_compiled_path_is_public() -> None:
    counts = np.random.default_rng(1).poisson(5, size=(2, 60))
    with counts_room.engine("plain"):
        plain = ears_c1(counts)
    np.testing.assert_array_equal(plain.upper, ears_c1(counts).upper)
    with (
        pytest.raises(ParameterError, match="engine must be one of 'auto', 'plain', 'compiled'. Got 'fast'"),
        counts_room.engine("fast"),  # type: ignore[arg-type]
    ):
        pass
    page = Path(__file__).parents[3] / "docs" / "explain" / "speed.md"
    assert "from anlan.stats.counts import engine" in page.read_text(encoding="utf-8")


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


def refuses_whole_numbers(counts: Any, **parameters: Any) -> Detection:
    if np.asarray(counts).dtype == np.int32:
        raise TypeError("numbers must be floats")
    return ears_c1(counts, **parameters)


def knows_no_months(counts: Any, dates: Any = None, **parameters: Any) -> Detection:
    if dates is not None and (np.diff(np.asarray(dates).astype(np.int64)) > 7).any():
        raise ParameterError("dates must be a week apart.")
    return ears_c1(counts, **parameters)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"history": lambda _step, _chosen: 3}, "must decide after its history"),
        ({"history": lambda _step, _chosen: 9}, "must say SHORT_HISTORY one period before"),
        ({"looks_back": lambda _step, _chosen: 4}, "period by period must equal batch"),
        ({"parameters": (Parameter("baseline", "int", 7, at_least=5),)}, "baseline = 4 must be refused"),
    ],
)
def test_the_kit_finds_a_table_that_says_something_else(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_detector(broken(**changes))


def test_the_kit_lets_errors_of_the_method_through() -> None:
    with pytest.raises(TypeError, match="must be floats"):
        check_detector(broken(function=refuses_whole_numbers))
    with pytest.raises(ParameterError, match="a week apart"):
        check_detector(broken(function=knows_no_months, uses_dates=True, steps=("week", "month")))
