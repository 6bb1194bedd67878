"""One built demonstration for all workers, one browser for each; every test that writes gets a copy of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from e2e_site import BROWSER_ARGUMENTS, Desk, Server, desk, find_browser, run_anlan, served

MakeServer = Callable[..., Server]
OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGUMENTS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration as ``anlan demo --build-only`` leaves it, built by the worker that comes first."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    folder = shared / "e2e-demo"
    with (shared / "e2e-demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = shared / "e2e-demo.half"
            done = run_anlan("demo", "--data-dir", str(half), "--build-only")
            if done.returncode:
                pytest.fail(f"anlan demo failed:\n{done.stdout}\n{done.stderr}")
            half.rename(folder)
    return folder


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
