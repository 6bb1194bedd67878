"""Story 4, silence: the board says that a source is silent when its own rhythm says so, and stops when it delivers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from e2e_site import Desk
from playwright.sync_api import expect

from anlan import intake, registry
from anlan.flows.install import builtin_packs, install_pack, install_places
from anlan.flows.work import look_around, work_once
from anlan.registry import RoleGrant
from anlan.settings import Settings
from anlan.store import SYSTEM, FixedClock, Node, Scope
from anlan.web.app import create_app

pytestmark = pytest.mark.browser

OpenDesk = Callable[..., Desk]
EVERYTHING = Scope.everything("test")
PASSWORD = "correct horse battery"
NAME = {"zh": "县区传染病周报", "en": "Weekly county disease report"}
# Week 26 of 2026 ends with Sunday 28 June in Xianning; its figures are due 36 h later, and missing 12 h after that.
DELIVERED = datetime(2026, 6, 22, 1, tzinfo=UTC)
MISSING = datetime(2026, 6, 30, 16, tzinfo=UTC)


def _rows(week_start: str) -> bytes:
    return f"county,week,indicator,cases\n421281,{week_start},disease.measles.weekly,1\n".encode()


def _deliver(node: Node, week_start: str) -> None:
    world = node.world("live")
    intake.deliver(
        world, SYSTEM, EVERYTHING, source_code="county.weekly", filename="w.csv", content=_rows(week_start)
    )
    work_once(world)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(DELIVERED)


@pytest.fixture
def node(tmp_path: Path, clock: FixedClock) -> Iterator[Node]:
    made = Node(Settings(data_dir=tmp_path / "node", session_hours=1000), clock=clock)
    world = made.create_world("live", "live", {"zh": "实况", "en": "Live"})
    install_places(world, SYSTEM)
    for pack in builtin_packs():
        install_pack(world, SYSTEM, pack)
    with world.write(SYSTEM) as tx:
        person = registry.add_person(tx, {"zh": "甲", "en": "A"}, [RoleGrant("duty_officer", "", None, 2)])
    registry.set_password(world, person, "duty", PASSWORD, actor=SYSTEM)
    yield made
    made.close()


@contextmanager
def _serving(node: Node) -> Iterator[str]:
    """The pages in a thread of this process, so that the clock of the world is ours."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(replace(node.settings, base_url=address), node)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def _look(desk: Desk, node: Node, clock: FixedClock, at: datetime) -> None:
    """What the work loop does by itself every half minute, and a look at the board."""
    clock.advance(at - clock.now())
    look_around(node.world("live"))
    work_once(node.world("live"))
    desk.go("/w/live/")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_board_says_who_is_silent_and_no_earlier(
    node: Node, clock: FixedClock, open_desk: OpenDesk, language: str
) -> None:
    _deliver(node, "2026-06-15")
    with _serving(node) as address:
        desk = open_desk(address, language)
        desk.go("/sign-in?next=/w/live/")
        desk.page.get_by_label(desk.t("web.sign_in.account")).fill("duty")
        desk.page.get_by_label(desk.t("web.sign_in.password")).fill(PASSWORD)
        desk.button("web.sign_in").click()
        silent = desk.section("silent").locator("tr[data-row]").filter(has_text=NAME[language])

        _look(desk, node, clock, MISSING - timedelta(minutes=1))
        expect(desk.section("silent")).to_be_visible()
        expect(silent).to_have_count(0)

        _look(desk, node, clock, MISSING + timedelta(minutes=1))
        expect(silent).to_have_count(1)
        expect(silent).to_contain_text(desk.t("web.step.week"))
        silent.get_by_role("link").click()
        expect(desk.page.get_by_role("heading", level=1)).to_contain_text(NAME[language])
        expect(desk.section("why")).to_be_visible()

        clock.advance(timedelta(hours=2))
        _deliver(node, "2026-06-22")
        _look(desk, node, clock, clock.now() + timedelta(minutes=1))
        expect(desk.section("silent")).to_be_visible()
        expect(silent).to_have_count(0)
        desk.go("/w/live/signals")
        expect(desk.page.locator("tr[data-row]").filter(has_text=NAME[language])).to_have_count(1)
