"""Signed journal heads, kept in a file outside the database, so that a cut or rewritten tail can be seen."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anlan.store.types import canonical_json

if TYPE_CHECKING:
    from anlan.store.journal import Finding

__all__ = ["HeadLog"]

_EVERY = 50


class HeadLog:
    """A file of signed heads of one world. A head is written every 50 events, when forced, and at the start."""

    def __init__(self, path: Path, key: Ed25519PrivateKey) -> None:
        self.path = path
        self._key = key
        self._lock = threading.Lock()
        self._written = max((entry["seq"] for entry in self._entries()), default=-1)

    def note(self, seq: int, digest: str, at: datetime, *, force: bool = False) -> None:
        """Keep this head if the last kept one is far enough behind."""
        with self._lock:
            if seq <= self._written or (not force and self._written >= 0 and seq < self._written + _EVERY):
                return
            entry = {"seq": seq, "hash": digest, "at": at.isoformat()}
            signature = self._key.sign(canonical_json(entry).encode()).hex()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(canonical_json({**entry, "signature": signature}) + "\n")
            self._written = seq

    def signed(self) -> list[dict[str, Any]]:
        """All heads that are kept, as they stand in the file."""
        return list(self._entries())

    def compare(self, hashes: Mapping[int, str], signed: Iterable[Mapping[str, Any]]) -> list[Finding]:
        """Findings where heads, read *before* the journal was, and the journal disagree."""
        from anlan.store.journal import Finding

        findings = []
        last = max(hashes, default=0)
        for entry in signed:
            seq = entry["seq"]
            told = {name: entry[name] for name in ("seq", "hash", "at")}
            try:
                self._key.public_key().verify(
                    bytes.fromhex(entry["signature"]), canonical_json(told).encode()
                )
            except (InvalidSignature, ValueError):
                findings.append(Finding("head", seq, f"the signed head {seq} has no valid signature"))
                continue
            if seq > last:
                findings.append(
                    Finding("cut", seq, f"a head was signed at {seq}, the journal ends at {last}")
                )
            elif seq and hashes.get(seq) != entry["hash"]:
                findings.append(Finding("head", seq, f"event {seq} is not the one whose hash was signed"))
        return findings

    def _entries(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # a line cut by a power failure; the heads before it still stand
