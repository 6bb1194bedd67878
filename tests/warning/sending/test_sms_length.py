"""Length and parts of text messages, counted by hand from 3GPP TS 23.038."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.errors import ConfigurationError, ParameterError
from anlan.warning.sending.sms import SmsGateway, check_number, measure


@pytest.mark.parametrize(
    ("text", "alphabet", "places", "parts"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        # 152 places are taken, the two of the euro sign do not fit into the last one of the first part.
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("预" * 70, "UCS-2", 70, 1),
        ("预" * 71, "UCS-2", 71, 2),
        ("预" * 134, "UCS-2", 134, 2),
        ("预" * 135, "UCS-2", 135, 3),
        ("𠀀" * 35, "UCS-2", 70, 1),
        ("预" * 66 + "𠀀" + "预" * 66, "UCS-2", 134, 3),
        ("é" * 160, "GSM-7", 160, 1),
        ("ê" + "a" * 69, "UCS-2", 70, 1),
    ],
)
def test_places_and_parts(text: str, alphabet: str, places: int, parts: int) -> None:
    found = measure(text)
    assert (found.alphabet, found.places, found.parts) == (alphabet, places, parts)


@given(st.text(max_size=400))
def test_parts_hold_the_text_and_no_part_is_wasted(text: str) -> None:
    found = measure(text)
    assert found.places <= found.room
    whole, part = (160, 153) if found.alphabet == "GSM-7" else (70, 67)
    assert found.room == (whole if found.parts == 1 else found.parts * part)
    assert found.parts == 1 or found.places > (found.parts - 1) * (part - 1)


@pytest.mark.parametrize("template", ["to={to}", "text={text}", "to={to}&text={text}&key={password}"])
def test_a_template_with_other_fields_is_refused(template: str) -> None:
    with pytest.raises(ConfigurationError):
        SmsGateway(url="http://gateway.example/send", body=template)


@pytest.mark.parametrize("number", ["", "abc", "+", "1234", "1" * 16, "13800000000; rm"])
def test_numbers_are_numbers(number: str) -> None:
    with pytest.raises(ParameterError):
        check_number(number)
    assert check_number("+86 138-0000-0000") == "+8613800000000"
