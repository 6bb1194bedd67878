"""A first draft without an assessment, and the forms in which people get a warning."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from web_watched import Watched

Browse = Callable[..., httpx.Client]


def start(client: httpx.Client, form_token: Callable[[str], str], **fields: object) -> httpx.Response:
    page = client.get("/w/exercise/warnings/new")
    assert page.status_code == 200
    return client.post("/w/exercise/warnings/new", data={"csrf": form_token(page.text), **fields})


def test_a_draft_in_one_form(browse: Browse, form_token: Callable[[str], str]) -> None:
    client = browse("duty_officer")
    assert 'href="/w/exercise/warnings/new"' in client.get("/w/exercise/warnings").text
    answer = start(client, form_token, hazard="measles", level="yellow", areas=["421281", "421222"])
    assert answer.status_code == 303
    page = client.get(answer.headers["location"]).text
    assert "Chibi City, Tongcheng County" in page
    assert "⟦" in page
    assert page.count("has to be filled in") >= 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"level": "yellow", "areas": "421281"}, "Choose what is warned of"),
        ({"hazard": "measles", "level": "yellow"}, "at least one area"),
        ({"hazard": "measles", "areas": "421281"}, "blue, yellow, orange, red"),
    ],
)
def test_what_is_missing_is_said_at_its_field(
    browse: Browse, form_token: Callable[[str], str], fields: dict[str, str], said: str
) -> None:
    answer = start(browse("duty_officer"), form_token, **fields)
    assert answer.status_code == 422
    assert said in answer.text
    if "areas" in fields:
        assert re.search(r'name="areas" value="421281" checked', answer.text)


def test_who_may_not_draft_has_no_form(browse: Browse) -> None:
    client = browse("viewer")
    assert client.get("/w/exercise/warnings/new").status_code == 403
    assert "/warnings/new" not in client.get("/w/exercise/warnings").text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_poster_says_that_it_is_a_draft_and_an_exercise(
    browse: Browse, warning: str, language: str
) -> None:
    page = browse("duty_officer", "zh").get(f"{warning}/poster?text={language}").text
    assert {"zh": "草稿：未发布", "en": "Draft: not issued"}[language] in page
    assert {"zh": "【演练】", "en": "EXERCISE"}[language] in page


@pytest.mark.browser
@pytest.mark.parametrize(("language", "theme", "width"), [("zh", "light", 1440), ("en", "dark", 390)])
def test_the_pages_are_clean(
    open_page: Callable[..., Watched], warning: str, language: str, theme: str, width: int
) -> None:
    watched = open_page("duty_officer", language, theme, width)
    for name, address in (
        ("new", "/w/exercise/warnings/new"),
        ("area", f"{warning}/area"),
        ("wall", f"{warning}?tab=wall"),
        ("postertab", f"{warning}?tab=poster"),
        ("poster", f"{warning}/poster"),
    ):
        watched.page.goto(watched.address + address)
        violations = Axe().run(watched.page).response["violations"]
        assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == [], name
        assert watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        if out := os.environ.get("ANLAN_SHOTS"):
            watched.page.screenshot(path=f"{out}/{name}-{language}-{theme}-{width}.png", full_page=True)
    assert watched.complaints == []
