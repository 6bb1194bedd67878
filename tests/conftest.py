"""Fixtures that every room's tests share: a PostgreSQL server of our own, nodes and empty worlds on both databases."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from e2e_site import BROWSER_ARGUMENTS, find_browser
from playwright.sync_api import Browser, sync_playwright

from anlan.settings import Settings
from anlan.store import FixedClock, Node, World

NOW = datetime(2026, 7, 6, 0, 5, tzinfo=UTC)  # 08:05 in Xianning
_counter = itertools.count()


def _postgres_programs() -> Path:
    """The folder of initdb and pg_ctl. A missing server is an error, not a skip."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[4]))
    if not installed:
        pytest.fail(
            "PostgreSQL is not installed: install the system package 'postgresql' (make test does so as root)"
        )
    return installed[-1].parent


def _as_unprivileged(user: str | None) -> Callable[[], None] | None:
    if user is None:
        return None
    entry = pwd.getpwnam(user)

    def become() -> None:
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    return become


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a fresh PostgreSQL server on a free port, run by an unprivileged user, gone at the end."""
    programs = _postgres_programs()
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="anlan-pg-"))
    if user:
        shutil.chown(folder, user)
    port = _free_port()

    def run(*command: str) -> None:
        done = subprocess.run(
            command,
            preexec_fn=_as_unprivileged(user),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")

    data = str(folder / "data")
    run(
        str(programs / "initdb"),
        "-D",
        data,
        "-U",
        "anlan",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=200"
    # The server's own output goes to a file: a captured pipe would never close.
    run(str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://anlan@127.0.0.1:{port}"
    finally:
        run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
        time.sleep(0.1)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database of its own for one test."""
    name = f"t{os.getpid()}_{next(_counter)}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # the name is ours
    yield f"{postgres_server}/{name}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all browser tests of a worker: Playwright allows one driver a process."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def node(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[Node]:
    """A node without worlds, once on SQLite and once on PostgreSQL."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    made = Node(Settings(data_dir=tmp_path / "node", database_url=url), clock=clock)
    yield made
    made.close()


@pytest.fixture
def world(node: Node) -> World:
    """An empty live world."""
    return node.create_world("live", "live", {"zh": "实况", "en": "Live"})


@pytest.fixture
def exercise(node: Node) -> World:
    """An empty exercise world."""
    return node.create_world("exercise", "exercise", {"zh": "演练", "en": "Exercise"})
