"""A browser page that notes every complaint and every request to another host."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page

__all__ = ["Watched"]


class Watched:
    """``complaints`` must stay empty."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.complaints: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        # A page that answers 404 is logged by the browser itself; it is what the test asked for.
        if message.type in ("error", "warning") and "status of 404" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.address):
            self.complaints.append(f"asked {request.url}")
