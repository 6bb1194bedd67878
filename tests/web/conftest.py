"""A node with accounts of every role, areas with outlines, both packs, and a browser-like client."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext
from web_watched import Watched

from anlan import assessment, registry, series
from anlan.flows import chain
from anlan.flows.install import builtin_packs, install_pack, install_places
from anlan.flows.work import work_once
from anlan.registry import RoleGrant
from anlan.series import ObservationColumns, SeriesKey
from anlan.settings import Settings
from anlan.store import SYSTEM, Actor, FixedClock, Node, Scope, World, new_public_id
from anlan.web.app import create_app

NOW = datetime(2026, 7, 6, 0, 5, tzinfo=UTC)
PASSWORD = "correct horse battery"
Browse = Callable[..., httpx.Client]
Open = Callable[..., Watched]
ROLES = tuple(registry.ROLES)


def add_series(world: World) -> int:
    """Measles by month in China with one late correction; gives the id of the series."""
    key = SeriesKey("disease.measles.monthly", "CN", "CN/", "infectious_disease", sensitivity=0)
    made = int(series.series_ids(world, SYSTEM, [key])[0])
    with world.read() as connection:
        calendar = registry.indicator(
            connection, Scope.everything("test"), world.as_of(), "disease.measles.monthly"
        ).calendar
    first = calendar.parse("2015-01")
    counts = [float(40 + (month * 7) % 23) for month in range(120)]
    known = int(datetime(2025, 2, 10, tzinfo=UTC).timestamp())
    batches = [
        ObservationColumns.of([made] * 120, list(range(first, first + 120)), [known] * 120, counts),
        ObservationColumns.of([made], [first + 119], [known + 86400 * 30], [91.0]),
    ]
    for columns in batches:
        batch = series.begin_batch(world, source_code="cn.notifiable.monthly")
        series.stage_observations(world, batch, columns)
        with world.write(SYSTEM) as tx:
            series.publish(tx, batch, mode="add", label="x.csv", area_path="CN/", domain="infectious_disease")
    return made


def add_cluster(world: World) -> None:
    """Weekly measles in one county: quiet for half a year, then fourteen cases. Invented."""
    path = "CN/420000/421200/421281/"
    key = SeriesKey("disease.measles.weekly", "421281", path, "infectious_disease", sensitivity=1)
    made = int(series.series_ids(world, SYSTEM, [key])[0])
    with world.read() as connection:
        calendar = registry.indicator(
            connection, Scope.everything("test"), world.as_of(), "disease.measles.weekly"
        ).calendar
    last = calendar.parse("2026-W26")
    counts = [float(week % 5 == 0) for week in range(29)] + [14.0]
    known = int(datetime(2026, 6, 29, 1, tzinfo=UTC).timestamp())
    batch = series.begin_batch(world, source_code="county.weekly")
    columns = ObservationColumns.of([made] * 30, list(range(last - 29, last + 1)), [known] * 30, counts)
    series.stage_observations(world, batch, columns)
    with world.write(SYSTEM) as tx:
        series.publish(tx, batch, mode="add", label="w.csv", area_path=path, domain="infectious_disease")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with a live world and an exercise, and one account for each role."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("node"), base_url="http://testserver")
    node = Node(settings, clock=FixedClock(NOW))
    for name, kind, title in (
        ("live", "live", {"zh": "实时", "en": "Live"}),
        ("exercise", "exercise", {"zh": "麻疹演练", "en": "Measles exercise"}),
    ):
        world = node.create_world(name, kind, title)
        install_places(world, SYSTEM)
        for pack in builtin_packs():
            install_pack(world, SYSTEM, pack)
        if kind == "exercise":
            add_cluster(world)
        else:
            add_series(world)
        work_once(world)
    live = node.world("live")
    for role in ROLES:
        with live.write(SYSTEM) as tx:
            person = registry.add_person(
                tx, {"zh": f"{role}甲", "en": f"The {role}"}, [RoleGrant(role, sensitivity=2)]
            )
        registry.set_password(live, person, role, PASSWORD, actor=SYSTEM)
    yield node
    node.close()


@dataclass(frozen=True)
class Running:
    """A server in a thread, at its address."""

    app: FastAPI
    address: str


@pytest.fixture(scope="module")
def running(served: Node) -> Iterator[Running]:
    """The application behind a real server on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(replace(served.settings, base_url=address), served)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield Running(app, address)
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="module")
def browse(running: Running) -> Iterator[Browse]:
    """``browse("chief")`` is a browser that this role has signed in with; ``browse()`` a stranger's."""
    sessions: dict[str, str] = {}
    opened: list[httpx.Client] = []

    def make(role: str = "", language: str = "en") -> httpx.Client:
        client = httpx.Client(base_url=running.address, cookies={"anlan_lang": language}, timeout=30)
        opened.append(client)
        if role:
            if role not in sessions:
                answer = sign_in_as(client, role)
                assert answer.status_code == 303, answer.text
                sessions[role] = client.cookies["anlan_session"]
            client.cookies = httpx.Cookies({"anlan_lang": language, "anlan_session": sessions[role]})
        return client

    yield make
    for client in opened:
        client.close()


def token_in(page: str) -> str:
    """The form token that a page carries."""
    return page.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def sign_in_as(client: httpx.Client, account: str, password: str = PASSWORD) -> httpx.Response:
    form = {
        "csrf": token_in(client.get("/sign-in").text),
        "account": account,
        "password": password,
        "next": "/",
    }
    return client.post("/sign-in", data=form)


@pytest.fixture
def form_token() -> Callable[[str], str]:
    """Reads the form token out of a page."""
    return token_in


@pytest.fixture
def sign_in() -> Callable[..., httpx.Response]:
    """``sign_in(client, account, password)`` sends the sign-in form."""
    return sign_in_as


@pytest.fixture
def open_page(browser: Browser, running: Any, browse: Browse) -> Iterator[Open]:
    """``open_page("chief", "zh", "dark", 1440)`` is a watched page of somebody who is signed in."""
    contexts: list[BrowserContext] = []

    def make(
        role: str, language: str = "zh", theme: str = "light", width: int = 1440, **more: Any
    ) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        session = browse(role).cookies["anlan_session"]
        values = {"anlan_session": session, "anlan_lang": language, "anlan_theme": theme}
        context.add_cookies(
            [{"name": name, "value": value, "url": running.address} for name, value in values.items()]
        )
        return Watched(context, running.address)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def signal(browse: Browse) -> str:
    """The address of a signal of the exercise."""
    text = browse("chief").get("/w/exercise/signals?state=new").text
    found = re.search(r'href="(/w/exercise/signals/[0-9a-f-]{36})"', text)
    assert found is not None
    return found[1]


@pytest.fixture
def warning(served: Node) -> str:
    """The address of a warning that waits for release in the exercise."""
    world, scope = served.world("exercise"), Scope.everything("test")
    author = Actor("person", new_public_id(), "author")
    with world.read() as connection:
        waiting = assessment.triages(connection, scope, world.as_of(), limit=None)
        # What a detector found has all that the texts need; a limit has no expected value, which leaves a gap.
        found = next(one for one in waiting if one.kind == "detector" and one.state in ("new", "verified"))
    if found.state == "new":
        with world.write(author) as tx:
            assessment.verify_signal(tx, found.signal_id, expected_seq=found.known_seq)
    with world.write(author) as tx:
        made = assessment.assess(
            tx, signal_ids=[found.signal_id], likelihood=4, impact=4, confidence="high", reasons=["invented"],
            area_code=found.area_code, area_path=found.area_path, domain=found.domain,
        )  # fmt: skip
    one = chain.draft_from_assessment(world, author, scope, made.public_id, settings=served.settings)
    return f"/w/exercise/warnings/{one.public_id}"
