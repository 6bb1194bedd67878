"""Forms, headers, sizes, sign-in: what keeps others out."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anlan.store import Node
from anlan.web.security import CSP, mask_token, token_matches
from anlan.web.visit import local_address

Browse = Callable[..., httpx.Client]
FormToken = Callable[[str], str]
SignIn = Callable[..., httpx.Response]


@given(st.text(alphabet="abcdef0123456789-_", min_size=1, max_size=64), st.text(max_size=200))
def test_a_masked_token_matches_itself_and_nothing_else(token: str, other: str) -> None:
    assert token_matches(mask_token(token), token)
    assert mask_token(token) != mask_token(token)
    assert not token_matches(other, token) or other == mask_token(token)
    assert not token_matches(mask_token(token), token + "x")
    assert not token_matches("", "")


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("/w/live/", "/w/live/"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_sign_in_one_stays_here(given_: str, kept: str) -> None:
    assert local_address(given_) == kept


def test_a_form_without_its_token_changes_nothing(
    browse: Browse, form_token: FormToken, served: Node
) -> None:
    client = browse("duty_officer")
    page = client.get(_first_signal(client))
    version = re.search(r'name="version" value="(\d+)"', page.text)
    assert version is not None
    address = page.url.path + "/verify"
    good = form_token(page.text)
    before = served.world("exercise").head()
    for data, headers in (
        ({}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": "00" * 64}, {}),
        ({"csrf": form_token(browse("analyst").get("/w/exercise/").text)}, {}),
        ({"csrf": good}, {"origin": "https://elsewhere.example"}),
        ({"csrf": good}, {"origin": "null"}),
        ({"csrf": good}, {"sec-fetch-site": "cross-site"}),
    ):
        answer = client.post(address, data={**data, "version": version[1]}, headers=headers)
        assert answer.status_code == 403, (data, headers)
    assert served.world("exercise").head() == before


def _first_signal(client: httpx.Client) -> str:
    found = re.search(
        r'href="(/w/exercise/signals/[0-9a-f-]{36})"', client.get("/w/exercise/signals?state=new").text
    )
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "address", ["/", "/sign-in", "/public", "/nowhere", "/w/live/", "/static/css/tokens.css"]
)
def test_headers_on_every_answer(browse: Browse, address: str) -> None:
    headers = browse().get(address).headers
    assert headers["content-security-policy"] == CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_are_not_kept_and_files_are(browse: Browse) -> None:
    client = browse("viewer")
    page = client.get("/w/live/")
    assert page.headers["cache-control"] == "no-store"
    sheet = re.search(r'href="(/static/css/tokens\.css\?v=[0-9a-f]+)"', page.text)
    assert sheet is not None
    assert "immutable" in client.get(sheet[1]).headers["cache-control"]


def test_no_page_has_scripts_or_styles_of_its_own(browse: Browse) -> None:
    client = browse("chief")
    for address in (
        "/w/live/",
        "/w/live/series/1",
        "/w/exercise/signals",
        "/w/live/journal",
        _first_signal(client),
    ):
        text = client.get(address).text
        assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))", text), address
        assert not re.search(r"\son[a-z]+=", text), address
        assert not re.search(r"<style|\sstyle=", text), address


def test_a_wrong_password_says_little_and_many_are_stopped(browse: Browse, sign_in: SignIn) -> None:
    client = browse()
    answers = [sign_in(client, "nobody-of-that-name", "wrong password") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert 'value="nobody-of-that-name"' in answers[0].text
    assert "anlan_session" not in client.cookies
    known = sign_in(browse(), "viewer", "wrong password")
    said = re.search(r'role="alert"><b>(.*?)</b>', known.text)
    unknown = re.search(r'role="alert"><b>(.*?)</b>', answers[0].text)
    assert said is not None
    assert unknown is not None
    assert said[1] == unknown[1]


def test_the_cookie_of_a_session_and_its_end(browse: Browse, sign_in: SignIn, form_token: FormToken) -> None:
    client = browse()
    answer = sign_in(client, "viewer")
    cookie = next(
        value for value in answer.headers.get_list("set-cookie") if value.startswith("anlan_session=")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    token = client.cookies["anlan_session"]
    page = client.get("/w/live/")
    assert page.status_code == 200
    assert client.post("/sign-out", data={"csrf": form_token(page.text)}).status_code == 303
    again = browse()
    again.cookies.set("anlan_session", token)
    assert again.get("/w/live/").headers["location"] == "/sign-in?next=/w/live/"


def test_a_form_that_is_too_long_is_refused(browse: Browse) -> None:
    client = browse()
    answer = client.post("/sign-in", data={"csrf": "x" * 1_200_000})
    assert answer.status_code == 413
    assert "E-" in answer.text


def test_an_error_has_a_number_that_is_in_the_log(browse: Browse, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="anlan.web")
    page = browse("chief").get("/w/live/signals/not-there")
    assert page.status_code == 404
    number = re.search(r'error-number">(E-[0-9a-f]{8})<', page.text)
    assert number is not None
    assert number[1] in caplog.text


def test_programs_get_errors_in_one_shape(browse: Browse) -> None:
    answer = browse("chief").get("/w/live/signals/not-there", headers={"accept": "application/json"})
    error = answer.json()["error"]
    assert answer.status_code == 404
    assert set(error) == {"number", "status", "key", "message", "values", "problems"}
    assert error["key"] == "analysis.signal.unknown"
    stranger = browse().post("/w/live/journal/verify", headers={"accept": "application/json"})
    assert stranger.status_code == 403
    assert stranger.json()["error"]["key"] == "web.error.form_token"


def test_a_known_day_that_is_none_is_explained(browse: Browse) -> None:
    page = browse("viewer").get("/w/live/", params={"known": "yesterday"})
    assert page.status_code == 422
    assert "2013-04-10" in page.text
