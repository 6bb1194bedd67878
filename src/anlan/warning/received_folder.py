"""A folder that keeps the messages of others as they came, for good, and remembers where feeds stood.

``<sha256>.xml`` are the messages, ``received.jsonl`` says when each came, from where, and whether it repeats another;
``feeds.json`` holds what conditional requests need. The first message of a sender, identifier and moment is kept; a later one
with other bytes is kept beside it and marked. Messages in the database are a table that the platform does not have yet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from anlan.errors import InputError
from anlan.warning.incoming import ReceivedMessage, read_message

__all__ = ["Kept", "ReceivedFolder"]

Kept = Literal["new", "repeated", "changed", "unreadable"]


class ReceivedFolder:
    """Opens or makes the folder. One process at a time: a second one would not see what the first adds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._first: dict[tuple[str, str, str], str] = {}
        self._known: set[str] = set()
        for line in self._lines():
            self._known.add(line["sha256"])
            if line["key"] is not None:
                sender, identifier, sent = line["key"]
                self._first.setdefault((sender, identifier, sent), line["sha256"])
        self.feeds: dict[str, dict[str, str]] = self._read_feeds()

    def add(self, message: ReceivedMessage, *, source: str, at: datetime) -> Kept:
        """Keep a message unless these bytes are here already, and say what it was."""
        sha256, alert = message.sha256, message.alert
        key = None if alert is None else (alert.sender, alert.identifier, alert.sent.isoformat())
        first = self._first.get(key) if key is not None else None
        what: Kept = "unreadable"
        if key is not None:
            what = "new" if first is None else "repeated" if first == sha256 else "changed"
        if sha256 in self._known:
            return "repeated" if key is not None else what
        _write(self.path / f"{sha256}.xml", message.data)
        line = {
            "at": at.isoformat(),
            "source": source,
            "sha256": sha256,
            "key": key,
            "what": what,
            "version": message.version,
            "acceptable": message.is_acceptable,
        }
        with (self.path / "received.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._known.add(sha256)
        if key is not None:
            self._first.setdefault(key, sha256)
        return what

    def messages(self) -> Iterator[ReceivedMessage]:
        """Every message that is kept, in the order in which they came."""
        for line in self._lines():
            try:
                data = (self.path / f"{line['sha256']}.xml").read_bytes()
            except OSError:
                continue
            yield read_message(data)

    def remember(self, url: str, **values: str) -> None:
        """Note what the next conditional request for an address needs; ``save`` writes it down."""
        self.feeds[url] = {name: value for name, value in values.items() if value}

    def save(self) -> None:
        """To be called when the messages are kept: what is written down here is not asked for again."""
        _write(self.path / "feeds.json", json.dumps(self.feeds, indent=1, sort_keys=True).encode())

    def remembered(self, url: str) -> Mapping[str, str]:
        return self.feeds.get(url, {})

    def _read_feeds(self) -> dict[str, dict[str, str]]:
        path = self.path / "feeds.json"
        if not path.exists():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(
                f"{path} is not JSON: {error}", key="cap.folder.broken", values={"file": str(path)}
            ) from error
        return {str(url): dict(values) for url, values in found.items()}

    def _lines(self) -> Iterator[dict[str, Any]]:
        path = self.path / "received.jsonl"
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # a line cut by a power failure; its message stays, and is told again when it comes again


def _write(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)
