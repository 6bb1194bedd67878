"""Single cells of values, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.intake.cells import Value, ValueRules, fold, read_value
from anlan.intake.refusals import Refusal, problem_from_json, problem_to_json


def read(text: str | None, rules: ValueRules | None = None) -> tuple[float | None, str]:
    value = read_value(text, rules or ValueRules())
    assert isinstance(value, Value), value
    return value.number, value.qualifier


def refusal(text: str, rules: ValueRules | None = None) -> str:
    value = read_value(text, rules or ValueRules())
    assert isinstance(value, Refusal), value
    assert value.at(row=1).message
    return value.key.removeprefix("intake.value.")


@pytest.mark.parametrize(
    ("text", "number", "qualifier"),
    [
        ("12", 12.0, ""),
        (" 12 ", 12.0, ""),
        ("１２", 12.0, ""),
        ("１２．５", 12.5, ""),
        ("1,234", 1234.0, ""),
        ("1，234", 1234.0, ""),
        ("1 234 567.5", 1234567.5, ""),
        ("1\u202f234", 1234.0, ""),
        ("-3.5", -3.5, ""),
        ("−3.5", -3.5, ""),
        ("+3", 3.0, ""),
        (".5", 0.5, ""),
        ("1.2E+05", 120000.0, ""),
        ("0.30000000000000004", 0.30000000000000004, ""),
        ("<0.5", 0.5, "<"),
        ("＜0.5", 0.5, "<"),
        ("< 0.5", 0.5, "<"),
        ("≤0.5", 0.5, "<="),
        (">200", 200.0, ">"),
        ("＞２００", 200.0, ">"),
        ("≥200", 200.0, ">="),
        ("小于0.5", 0.5, "<"),
        ("不低于3", 3.0, ">="),
        ("0.05L", 0.05, "<"),
        ("ND", None, "nd"),
        ("n.d.", None, "nd"),
        ("未检出", None, "nd"),
        ("", None, ""),
        (None, None, ""),
        ("-", None, ""),
        ("—", None, ""),
        ("——", None, ""),
        ("／", None, ""),
        ("NA", None, ""),
        ("缺测", None, ""),
        ("87.4%", 87.4, ""),
        ("87.4％", 87.4, ""),
    ],
)
def test_a_cell_is_read(text: str | None, number: float | None, qualifier: str) -> None:
    assert read(text) == (number, qualifier)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc", "not_a_number"),
        ("无", "not_a_number"),  # none, or zero? only the source knows
        ("5①", "not_a_number"),  # a footnote mark is not a digit
        ("10²", "not_a_number"),
        ("٣", "not_a_number"),
        ("12*", "not_a_number"),
        ("1-2", "not_a_number"),
        ("3例", "not_a_number"),
        ("inf", "not_a_number"),
        ("1_000", "not_a_number"),
        ("0x10", "not_a_number"),
        ("1,2345", "comma"),
        ("1,5", "comma"),
        ("1234567890123456", "too_long"),
        ("1e400", "not_a_number"),
        ("1e999", "out_of_reach"),
        ("#DIV/0!", "error_cell"),
        ("-999", "suspect"),
        ("-9999.0", "suspect"),
    ],
)
def test_a_cell_is_refused_with_its_reason(text: str, reason: str) -> None:
    if text == "1e400":
        reason = "out_of_reach"
    assert refusal(text) == reason


def test_what_a_source_declares() -> None:
    assert read("1.234,5", ValueRules(decimal_comma=True)) == (1234.5, "")
    assert read("1,5", ValueRules(decimal_comma=True)) == (1.5, "")
    assert refusal("1.5", ValueRules(decimal_comma=True)) == "point"
    assert read("-999", ValueRules(sentinels=(-999.0,))) == (None, "")
    assert read("-999.0", ValueRules(sentinels=(-999.0,), minimum=0)) == (None, "")
    assert read("停机", ValueRules(missing_words=("停机",))) == (None, "")
    assert read("无", ValueRules(zero_words=("无",))) == (0.0, "")
    assert read("3例", ValueRules(units=("例",))) == (3.0, "")
    assert refusal("例", ValueRules(units=("例",))) == "not_a_number"
    assert read("87.4%", ValueRules(percent="as_fraction")) == (0.874, "")
    assert refusal("87.4%", ValueRules(percent="refused")) == "percent"


def test_what_an_indicator_demands() -> None:
    counts = ValueRules(whole=True, minimum=0, qualifiers=False)
    assert read("12.0", counts) == (12.0, "")
    assert refusal("1.5", counts) == "not_whole"
    assert refusal("-1", counts) == "below"
    assert refusal("＜５", counts) == "qualified"
    assert refusal("ND", counts) == "qualified"
    assert refusal("0.05L", counts) == "not_a_number"
    assert refusal("101", ValueRules(minimum=0, maximum=100)) == "above"
    assert read("-999", ValueRules(minimum=-1000)) == (-999.0, "")


def test_a_refusal_says_what_is_accepted_in_both_languages_and_survives_storage() -> None:
    value = read_value("＜５", ValueRules(whole=True, minimum=0, qualifiers=False))
    assert isinstance(value, Refusal)
    problem = value.at(row=112, column="F", header="例数")
    assert "0 or greater" in str(problem)
    assert "row 112" in str(problem)
    accepted = problem.values["accepted"]
    assert accepted == value.accepted
    assert value.accepted.say("zh") == "0 或更大的整数"
    assert problem_from_json(problem_to_json(problem)) == problem


def test_minus_zero_is_zero() -> None:
    value = read_value("-0")
    assert isinstance(value, Value)
    assert str(value.number) == "0.0"


def test_long_rubbish_is_shown_short() -> None:
    value = read_value("x" * 5000)
    assert isinstance(value, Refusal)
    assert len(value.raw) == 60


@given(st.text(max_size=30))
def test_no_text_raises(text: str) -> None:
    assert isinstance(read_value(text), Value | Refusal)
    assert fold(fold(text)) == fold(text)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e14, max_value=1e14))
def test_what_python_writes_is_read_back_exactly(number: float) -> None:
    if number in (-999.0, -9999.0, -99999.0, -999.9, -9999.9, -999.99, -9999.99):
        return
    assert read(repr(number)) == (number + 0.0, "")
