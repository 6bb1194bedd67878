"""Units are converted where that is exact and refused where it is not; the date of the data finds the edition."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from anlan.errors import ParameterError
from anlan.standards._editions import Edition, edition_named, edition_on, editions_of
from anlan.standards._units import UNITS, in_unit, same_unit
from anlan.standards.listing import RULES

OLD = Edition("GB 1-2012", date(2016, 1, 1), date(2026, 2, 28))
NEW = Edition("GB 1-2026", date(2026, 3, 1), None, "transition")
BOTH = (OLD, NEW)


def test_values_are_converted_within_a_dimension_and_gaps_stay() -> None:
    np.testing.assert_allclose(in_unit([0.035, np.nan], "mg/m3", "ug/m3"), [35, np.nan], rtol=1e-15)
    assert in_unit(1.5, "bn CNY", "万元") == pytest.approx(150_000)


@pytest.mark.parametrize("spelling", ["µg/m³", "μg/m³", "ug/m3", " µg/m3"])
def test_a_unit_may_be_spelt_as_people_do(spelling: str) -> None:
    assert same_unit(spelling) == "µg/m³"


def test_every_unit_is_its_own_spelling() -> None:
    assert [same_unit(unit) for unit in UNITS] == list(UNITS)


@pytest.mark.parametrize(
    ("unit", "says"),
    [("ppb", "temperature and pressure"), ("mg/L", "mass concentration in water"), ("bushel", "one of")],
)
def test_another_dimension_is_refused(unit: str, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        in_unit([1.0], unit, "µg/m³", name="pm25")


def test_words_are_no_values() -> None:
    with pytest.raises(ParameterError, match="pm25 must be numbers in µg/m³"):
        in_unit(["high"], "µg/m³", "µg/m³", name="pm25")


def test_the_date_of_the_data_finds_the_edition() -> None:
    assert edition_on(BOTH, date(2026, 2, 28)) is OLD
    assert edition_on(BOTH, datetime(2026, 3, 1, 0, 0)) is NEW
    np.testing.assert_array_equal(editions_of(BOTH, ["2016-01-01", "2026-03-01"]), [0, 1])
    assert edition_named(BOTH, "GB 1-2026 (transition)") is NEW


@pytest.mark.parametrize("day", ["2015-12-31", "NaT"])
def test_a_date_before_the_first_edition_is_an_error(day: str) -> None:
    with pytest.raises(ParameterError, match="GB 1-2012 from 2016-01-01 to 2026-02-28"):
        editions_of(BOTH, ["2020-01-01", day])
    with pytest.raises(ParameterError):
        edition_on(BOTH, date(2015, 12, 31))


@pytest.mark.parametrize("name", list(RULES))
def test_every_example_gives_what_its_rule_says(name: str) -> None:
    rule = RULES[name]
    module = __import__(f"anlan.standards.{rule.subject}", fromlist=["*"])
    found = eval(rule.example, {"np": np, "date": date, rule.subject: module})
    assert repr(found) == rule.gives
    assert rule.function.__doc__
    assert rule.function.__name__ in module.__all__
