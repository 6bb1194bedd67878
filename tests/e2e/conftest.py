"""One built demonstration for all workers, one browser for each; every test that writes gets a copy of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from e2e_furnish import PageOf, furnish
from e2e_site import Desk, Server, desk, run_anlan, served
from playwright.sync_api import Browser

MakeServer = Callable[..., Server]
OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of one run see."""
    mine = tmp_path_factory.getbasetemp()
    return mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine


@contextmanager
def _one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def demo_folder(shared_folder: Path) -> Path:
    """The demonstration as ``anlan demo --build-only`` leaves it, built by the worker that comes first."""
    folder, half = shared_folder / "e2e-demo", shared_folder / "e2e-demo.half"
    with _one_at_a_time(shared_folder, "e2e-demo"):
        if not folder.exists():
            done = run_anlan("demo", "--data-dir", str(half), "--build-only")
            if done.returncode:
                pytest.fail(f"anlan demo failed:\n{done.stdout}\n{done.stderr}")
            half.rename(folder)
    return folder


@dataclass(frozen=True)
class Shift:
    """A server in the middle of a shift, that tests only look at; its pages by name; who is signed in how."""

    server: Server
    pages: dict[str, PageOf]
    sessions: dict[str, Path]


@pytest.fixture(scope="session")
def shift(
    browser: Browser, demo_folder: Path, shared_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shift]:
    folder, listed = shared_folder / "e2e-shift", shared_folder / "e2e-shift.json"
    with _one_at_a_time(shared_folder, "e2e-shift"):
        if not listed.exists():
            shutil.copytree(demo_folder, folder)
            pages = [asdict(page) for page in furnish(folder)]
            listed.write_text(json.dumps(pages), encoding="utf-8")
    mine = tmp_path_factory.mktemp("shift")
    shutil.copytree(folder, mine / "node")
    with served(mine / "node") as server:
        sessions = {}
        for login in ("duty", "chief"):
            with desk(browser, server.address, "en") as opened:
                opened.sign_in(server, login, "/w/exercise/")
                sessions[login] = mine / f"{login}.json"
                opened.context.storage_state(path=sessions[login])
        pages_of = {page["name"]: PageOf(**page) for page in json.loads(listed.read_text(encoding="utf-8"))}
        yield Shift(server, pages_of, sessions)


@pytest.fixture
def make_server(demo_folder: Path, tmp_path: Path) -> Iterator[MakeServer]:
    """``make_server()`` runs a server on a copy of the demonstration; keywords are settings (``ANLAN_LANGUAGE=en``)."""
    with ExitStack() as open_ones:

        def make(**environment: str) -> Server:
            folder = tmp_path / f"node{len(list(tmp_path.glob('node*')))}"
            shutil.copytree(demo_folder, folder)
            return open_ones.enter_context(served(folder, **environment))

        yield make


@pytest.fixture
def open_desk(browser: Browser) -> Iterator[OpenDesk]:
    """``open_desk(address, "zh", width=390)`` opens a window; the test fails when anything goes wrong in it."""
    with ExitStack() as open_ones:

        def make(address: str, language: str, **options: object) -> Desk:
            return open_ones.enter_context(desk(browser, address, language, **options))  # type: ignore[arg-type]

        yield make
