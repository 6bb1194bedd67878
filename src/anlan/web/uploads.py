"""Files between being handed in and being taken in: kept on disk beside the worlds, with what the sender said of them.

A file waits here until its sender has seen how it would be read. Nothing of it is in any world yet. What nobody came
back for is removed after a day.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from anlan.errors import AnlanError, NotFoundError, UnavailableError
from anlan.intake import Receipt
from anlan.web.problems import note

_TOKEN = re.compile(r"[0-9a-f]{32}")
_KEEP_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Upload:
    """One waiting file. ``mapping`` is the mapping as JSON text, empty until it was changed by hand."""

    token: str
    person_id: str
    source_code: str
    filename: str
    size: int
    mapping: str = ""
    mode: str = "add"
    sheet: str = ""
    header_row: str = ""


class Uploads:
    """The folder of waiting files of one world."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes, *, person_id: str, source_code: str, filename: str) -> Upload:
        """Keep a file; gives what it is asked for by."""
        self._sweep()
        made = Upload(secrets.token_hex(16), person_id, source_code, filename[:200], len(content))
        place = self.folder / made.token
        try:
            place.mkdir(parents=True)
            (place / "content").write_bytes(content)
            self.note(made)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise UnavailableError(
                f"the file could not be kept ({error.strerror})",
                key="web.error.upload_full",
                values={"reason": error.strerror or ""},
            ) from error
        return made

    def note(self, upload: Upload) -> None:
        """Write down what is known of a file."""
        target = self.folder / upload.token / "about.json"
        fresh = target.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(upload), ensure_ascii=False), encoding="utf-8")
        fresh.replace(target)

    def find(self, token: str, person_id: str) -> Upload:
        """A waiting file of this person. Raises NotFoundError for one that is gone or somebody else's."""
        place = self.folder / token / "about.json"
        if _TOKEN.fullmatch(token) and place.is_file():
            found = Upload(**json.loads(place.read_text(encoding="utf-8")))
            if found.person_id == person_id:
                return found
        raise NotFoundError("this file is no longer here; hand it in again", key="web.error.upload_gone")

    def content(self, upload: Upload) -> bytes:
        return (self.folder / upload.token / "content").read_bytes()

    def remove(self, token: str) -> None:
        if _TOKEN.fullmatch(token):
            shutil.rmtree(self.folder / token, ignore_errors=True)

    def _sweep(self) -> None:
        oldest = time.time() - _KEEP_SECONDS
        for place in self.folder.glob("*"):
            if _TOKEN.fullmatch(place.name) and place.stat().st_mtime < oldest:
                shutil.rmtree(place, ignore_errors=True)


@dataclass(frozen=True)
class Progress:
    """How far a delivery is; ``receipt`` or ``error`` is filled when it is over."""

    what: str = "reading"
    done: int = 0
    total: int = 0
    receipt: Receipt | None = None
    error: AnlanError | None = None

    @property
    def over(self) -> bool:
        return self.receipt is not None or self.error is not None

    @property
    def percent(self) -> int:
        """0 to 100 over all parts of the work: reading weighs as much as storing."""
        order = ("reading", "keeping", "rejecting", "storing")
        part = order.index(self.what) if self.what in order else 0
        share = self.done / self.total if self.total else 0.0
        return min(99, round(100 * (part + share) / len(order)))


class Deliveries:
    """Deliveries that run in this process. One that is lost with the process is resumed from what the world kept."""

    def __init__(self) -> None:
        self._states: dict[str, Progress] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def start(self, token: str, work: Callable[[Callable[[str, int, int], None]], Receipt]) -> None:
        """Begin ``work`` in a thread, unless it runs already. ``work`` gets a function to report progress to."""
        with self._lock:
            if token in self._states and not self._states[token].over:
                return
            self._states[token] = Progress()
        thread = threading.Thread(target=self._run, args=(token, work), name=f"delivery-{token[:8]}")
        self._threads[token] = thread
        thread.start()

    def wait(self, token: str, seconds: float) -> Progress:
        """The state after at most ``seconds``: small files are done by then."""
        thread = self._threads.get(token)
        if thread is not None:
            thread.join(seconds)
        return self.state(token)

    def state(self, token: str) -> Progress:
        """Raises NotFoundError for a delivery that this process does not know."""
        found = self._states.get(token)
        if found is None:
            raise NotFoundError("this delivery is not running here", key="web.error.upload_gone")
        return found

    def forget(self, token: str) -> None:
        self._states.pop(token, None)
        self._threads.pop(token, None)

    def _run(self, token: str, work: Callable[[Callable[[str, int, int], None]], Receipt]) -> None:
        def report(what: str, done: int, total: int) -> None:
            self._states[token] = replace(self._states[token], what=what, done=done, total=total)

        try:
            receipt = work(report)
        except AnlanError as error:
            self._states[token] = Progress(error=error)
        except Exception as error:  # the edge of a task: its number is what the page shows
            number = note(error, 500, method="delivery", path=token)
            self._states[token] = Progress(
                error=UnavailableError(
                    f"the delivery ended with error {number}",
                    key="web.error.delivery",
                    values={"number": number},
                )
            )
        else:
            self._states[token] = Progress(receipt=receipt)
