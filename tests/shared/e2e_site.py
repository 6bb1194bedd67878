"""One running server as a process of its own, browsers that notice trouble, and the words of the pages.

``Server`` starts ``anlan serve`` on a free port with a data folder of its own and can be killed at any moment.
``Desk`` is one person at one browser: it signs in through the page and keeps a list of everything that must not
happen there (messages on the console, requests to other hosts, scripts that fail).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    WebError,
    expect,
)

from anlan.texts import say

WAIT = 20_000  # milliseconds that a page may take on a busy machine
LOCALES = {"zh": "zh-CN", "en": "en-GB"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PROGRAM = (sys.executable, "-c", "import sys; from anlan.cli import main; sys.exit(main())")
expect.set_options(timeout=WAIT)


def find_browser() -> str:
    """The browser of this machine. Its absence is an error, not a reason to skip."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise FileNotFoundError(
        f"no browser on the PATH: looked for {', '.join(BROWSERS)}; install the system package 'chromium'"
    )


def run_anlan(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the command line to its end."""
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=240, check=False)


def words(key: str, language: str, /, **values: Any) -> str:
    """A text of the pages without its marks for bold."""
    return say(key, language, **values).replace("**", "")


@dataclass
class Server:
    """``anlan serve`` on one data folder. ``kill`` is the power cut, ``stop`` the polite end."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        path = self.folder.with_name(self.folder.name + ".log")
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def password(self, login: str) -> str:
        accounts = json.loads((self.folder / "demo-accounts.json").read_text(encoding="utf-8"))
        return next(str(one["password"]) for one in accounts if one["login"] == login)

    def start(self) -> Server:
        """Start on a free port, the same again after a ``kill``, and wait until it answers."""
        for _ in range(3):
            self.port = self.port or _free_port()
            if self._come_up():
                return self
            self.port = 0  # somebody else was faster on that port
        raise RuntimeError(f"the server did not start:\n{self.log[-4000:]}")

    def _come_up(self) -> bool:
        settings = {"ANLAN_PORT": str(self.port), "ANLAN_BASE_URL": self.address, **self.environment}
        with self.folder.with_name(self.folder.name + ".log").open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "--data-dir", str(self.folder)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **settings},
            )
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if httpx.get(f"{self.address}/sign-in", timeout=5).status_code == 200:
                    return True
            except httpx.TransportError:
                time.sleep(0.05)  # until it listens
        self.stop()
        return False

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=30)
        self.process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[Server]:
    """A server on ``folder`` for the length of a ``with``."""
    server = Server(folder, environment)
    try:
        yield server.start()
    finally:
        server.stop()


@dataclass
class Desk:
    """One browser window of one person, and what went wrong in it."""

    address: str
    language: str
    context: BrowserContext
    page: Page
    trouble: list[str] = field(default_factory=list)
    expected_status: set[int] = field(default_factory=set)

    def t(self, key: str, /, **values: Any) -> str:
        """A text of the pages in this window's language."""
        return words(key, self.language, **values)

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)

    def button(self, key: str, **values: Any) -> Locator:
        return self.page.get_by_role("button", name=self.t(key, **values), exact=True)

    def link(self, key: str, **values: Any) -> Locator:
        return self.page.get_by_role("link", name=self.t(key, **values))

    def section(self, anchor: str) -> Locator:
        """The part of the page under the heading with this id."""
        return self.page.locator(f"section[aria-labelledby='{anchor}']")

    def sign_in(self, server: Server, login: str, onward: str) -> None:
        """Go where one wants to go, be asked who one is, answer, and arrive."""
        self.go(onward)
        self.page.get_by_label(self.t("web.sign_in.account")).fill(login)
        self.page.get_by_label(self.t("web.sign_in.password")).fill(server.password(login))
        self.button("web.sign_in").click()
        self.page.wait_for_url(self.address + onward)

    def known_band(self) -> Locator:
        return self.page.locator(".band-replay")

    def watch(self) -> None:
        """Keep every message on the console, every script that fails, every request that leaves the machine."""
        host = urlsplit(self.address).netloc

        def console(message: ConsoleMessage) -> None:
            if message.type not in ("error", "warning"):
                return
            refused = any(f"status of {status}" in message.text for status in self.expected_status)
            if not refused:
                self.trouble.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

        def failed(error: WebError) -> None:
            self.trouble.append(f"script: {error.error}")

        def asked(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob", "about") and parts.netloc != host:
                self.trouble.append(f"request to another host: {request.url}")

        self.context.on("console", console)
        self.context.on("weberror", failed)
        self.context.on("request", asked)


@contextmanager
def desk(
    browser: Browser, address: str, language: str, *, width: int = 1440, height: int = 900, **options: Any
) -> Iterator[Desk]:
    """A window of its own, with its own cookies. Leaving it fails when anything went wrong in it."""
    context = browser.new_context(
        locale=LOCALES[language],
        timezone_id="Asia/Shanghai",
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
        **options,
    )
    context.set_default_timeout(WAIT)
    opened = Desk(address, language, context, context.new_page())
    opened.watch()
    try:
        yield opened
    finally:
        context.close()
    # Outside the test files pytest does not explain a bare assert: the trouble is its message.
    assert opened.trouble == [], opened.trouble
