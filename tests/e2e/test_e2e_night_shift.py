"""Story 2, first half: from a signal on the board to a warning that a second person releases, changes and ends."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from e2e_site import Desk, Server, run_anlan
from lxml import etree
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ATOM = {"a": "http://www.w3.org/2005/Atom", "cap": "urn:oasis:names:tc:emergency:cap:1.2"}
BOARD = "/w/exercise/"
FOUND = {
    "zh": "电话问过赤壁市疾控中心：14 例均有实验室证据，其中 9 例在同一工地。",
    "en": "Asked Chibi CDC by telephone: all 14 confirmed by laboratory, 9 of them at one building site.",
}
GROUNDS = {
    "zh": "14 例集中在一周内，往年同期不到 1 例。\n工地仍在招工，接触者未全部接种。",
    "en": "14 cases within a week against fewer than one in earlier years.\nThe site still takes on workers; not all contacts are vaccinated.",
}
OVER = {"zh": "最后一例后满两个潜伏期，无新病例。", "en": "Two incubation periods without a new case."}
CHIBI = {"zh": re.compile("赤壁市麻疹.*14 例，预期 0.0 例"), "en": re.compile("Chibi.*14 case.*0.0 expected")}


def _life_now(desk: Desk, step: str) -> None:
    expect(desk.page.locator("ol.life li[aria-current='step'] b")).to_have_text(
        desk.t(f"web.warning.life.{step}")
    )


def _number(desk: Desk) -> str:
    found = re.search(r"\d{4}-W-?\d+", desk.page.locator(".crumbs").inner_text())
    assert found is not None, desk.page.locator(".crumbs").inner_text()
    return found.group()


def _path(desk: Desk) -> str:
    return desk.page.url.removeprefix(desk.address).partition("?")[0]


def _read_as_known_before(desk: Desk) -> None:
    """Move the page back to before the cluster, see that it changes, and come back."""
    heights = desk.page.locator("#known-track")
    last = int(heights.get_attribute("max") or 0)
    assert last > 20
    heights.focus()
    heights.press("Home")
    expect(desk.known_band()).to_be_visible()
    expect(desk.page).to_have_url(re.compile(r"known=\d{4}-\d\d-\d\d"))
    desk.known_band().get_by_role("link", name=desk.t("web.band.back")).click()
    expect(desk.known_band()).to_have_count(0)


def _feed(desk: Desk, world: str = "exercise") -> Any:
    body = desk.context.request.get(f"{desk.address}/w/{world}/feed.atom").body()
    return etree.fromstring(body)


def _cap_statuses(feed: Any) -> list[str]:
    return [str(one.text) for one in feed.iterfind(".//cap:status", ATOM)]


def _get(desk: Desk, path: str, **headers: str) -> httpx.Response:
    cookies = {one["name"]: one["value"] for one in desk.context.cookies()}  # type: ignore[typeddict-item]
    return httpx.get(desk.address + path, cookies=cookies, headers=headers, timeout=20)
