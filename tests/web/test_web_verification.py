"""Were our warnings right: recording on the pages, the table, the CSV."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from web_watched import Watched

from anlan.store import Node

Browse = Callable[..., httpx.Client]
Token = Callable[[str], str]


def send(client: httpx.Client, page: str, address: str, form_token: Token, **fields: str) -> httpx.Response:
    text = client.get(page).text
    version = re.search(r'name="version" value="(\d+)"', text)
    data = {"csrf": form_token(text), "version": version[1] if version else "", **fields}
    return client.post(address, data=data)


def test_from_an_issued_warning_to_its_score(
    browse: Browse, served: Node, warning: str, form_token: Token
) -> None:
    duty, chief = browse("duty_officer"), browse("chief")
    assert send(duty, warning, f"{warning}/submit", form_token).status_code == 303
    assert send(chief, warning, f"{warning}/release", form_token).status_code == 303
    answer = send(duty, warning, f"{warning}/outcome", form_token, happened="yes")
    assert answer.status_code == 422
    assert "Say when it began" in answer.text
    answer = send(
        duty,
        warning,
        f"{warning}/outcome",
        form_token,
        happened="yes",
        began_at="2026-07-06T07:35",
        said="=A1",
    )
    assert answer.status_code == 303
    listing = duty.get("/w/exercise/warnings").text
    assert 'href="/w/exercise/verification"' in listing
    page = duty.get("/w/exercise/verification?by=level&period=30").text
    assert "1 of 1 = 100 % (21 to 100)" in page
    assert "1 too late" in page
    assert "−30 min" in page
    table = duty.get("/w/exercise/verification?format=csv").content.decode("utf-8-sig").splitlines()
    assert table[0] == "number,hazard,level,areas,at,verdict,lead_minutes,said"
    assert [line for line in table if ",hit,-30,'=A1" in line]


def test_a_miss_is_recorded_and_counted(browse: Browse, form_token: Token) -> None:
    duty = browse("duty_officer", "zh")
    address = "/w/exercise/verification"
    fields = {"hazard": "measles", "level": "yellow", "began_at": "2026-07-05T08:00"}
    refused = send(duty, address, address, form_token, **fields, said="x")
    assert refused.status_code == 422
    assert "预警至少需要一个区域" in refused.text
    assert 'value="2026-07-05T08:00"' in refused.text
    assert (
        send(duty, address, address, form_token, **fields, said="漏报一起", areas="421222").status_code == 303
    )
    page = duty.get(f"{address}?by=area").text
    assert "漏报一起" in page
    assert send(browse("viewer"), address, address, form_token, **fields).status_code == 403


@pytest.mark.browser
@pytest.mark.parametrize(("language", "theme", "width"), [("zh", "light", 1440), ("en", "dark", 390)])
def test_the_page_is_clean(open_page: Callable[..., Watched], language: str, theme: str, width: int) -> None:
    watched = open_page("chief", language, theme, width)
    watched.page.goto(f"{watched.address}/w/exercise/verification")
    violations = Axe().run(watched.page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []
    assert watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if out := os.environ.get("ANLAN_SHOTS"):
        watched.page.screenshot(path=f"{out}/verification-{language}-{width}.png", full_page=True)
    assert watched.complaints == []
