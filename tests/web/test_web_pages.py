from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

Browse = Callable[..., httpx.Client]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "address",
    [
        "/w/live/",
        "/w/live/signals",
        "/w/exercise/",
        "/w/live/domains",
        "/w/live/domains/infectious_disease",
        "/w/live/series/1",
        "/w/live/journal",
        "/sign-in",
        "/w/live/search?q=measles",
        "/w/exercise/domains",
    ],
)
def test_each_page_answers_in_both_languages(browse: Browse, address: str, language: str) -> None:
    page = browse("chief", language).get(address)
    if address == "/sign-in":
        assert page.status_code == 303
        page = browse("", language).get(address)
    assert page.status_code == 200, page.text
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page.text
