"""The backup file: a ZIP archive with a manifest that names every file in it with its size and SHA-256.

    manifest.json          what is in here, from which node, version and schema, and where each world's journal stood
    node.json              the node's identity
    heads/<world>.jsonl    the signed heads
    erased.jsonl           whose personal values were erased (public ids only)
    keys.json              the node's keys, only when a passphrase was given, sealed with it
    worlds/<world>.db      SQLite: the database file; PostgreSQL: worlds/<world>/<table>.copy, text COPY of each table

Personal values stay sealed in a backup. Without the keys nobody can open them, so that a backup without a passphrase
may lie anywhere; keep a copy of the ``keys`` folder apart from it, or give a passphrase.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from anlan.errors import ForbiddenError, IntegrityError

__all__ = [
    "FORMAT",
    "KEY_FILES",
    "ArchiveReader",
    "ArchiveWriter",
    "chain_end",
    "fingerprints",
    "open_keys",
    "quoted",
    "seal_keys",
]

KEY_FILES = ("node.key", "personal.key")

FORMAT = 1
_BLOCK = 1 << 20
# What a damaged archive may raise: RuntimeError for a file that now claims to be encrypted or of an unknown method.
_UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    RuntimeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
_TOLD = ("made_at", "version", "database", "node", "fingerprints", "worlds", "files")
_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}


class ArchiveWriter:
    """Writes files into a new archive and remembers their digests; the manifest comes last."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=1)
        self._files: dict[str, dict[str, Any]] = {}

    @contextmanager
    def entry(self, name: str) -> Iterator[_Hashed]:
        """A file in the archive, to be written to."""
        with self._zip.open(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True) as raw:
            hashed = _Hashed(raw)
            yield hashed
        self._files[name] = {"size": hashed.size, "sha256": hashed.digest.hexdigest()}

    def add(self, name: str, content: bytes) -> None:
        with self.entry(name) as entry:
            entry.write(content)

    def add_file(self, name: str, path: Path) -> None:
        with self.entry(name) as entry, path.open("rb") as file:
            while block := file.read(_BLOCK):
                entry.write(block)

    def close(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest and make sure that all of it is on the disk."""
        text = json.dumps({**manifest, "format": FORMAT, "files": self._files}, ensure_ascii=False, indent=1)
        self._zip.writestr("manifest.json", text)
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


class _Hashed:
    """Passes bytes on and keeps their digest and size."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes | memoryview) -> None:
        self._target.write(content)
        self.digest.update(content)
        self.size += len(content)


class ArchiveReader:
    """Reads an archive after checking all of it. Raises IntegrityError for one that is damaged or none at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest: dict[str, Any] = json.loads(self._zip.read("manifest.json"))
        except _UNREADABLE as error:
            raise self._damaged(f"it has no readable manifest ({error})") from error
        if self.manifest.get("format") != FORMAT:
            raise self._damaged(f"its format is {self.manifest.get('format')!r}, this version reads {FORMAT}")
        missing = [name for name in _TOLD if name not in self.manifest]
        if missing:
            raise self._damaged(f"its manifest does not say {', '.join(missing)}")
        odd = [name for name in self.manifest["files"] if not _NAME.fullmatch(name)]
        if odd:  # a file must not be unpacked outside its place
            raise self._damaged(f"it names a file {odd[0]!r}")

    def check(self) -> None:
        """Read every file and compare it with the manifest."""
        files = self.manifest["files"]
        extra = set(self._zip.namelist()) - set(files) - {"manifest.json"}
        if extra:
            raise self._damaged(f"it holds {sorted(extra)[0]}, which the manifest does not name")
        for name, told in files.items():
            digest, size = hashlib.sha256(), 0
            for block in self.blocks(name):
                digest.update(block)
                size += len(block)
            if (size, digest.hexdigest()) != (told["size"], told["sha256"]):
                raise self._damaged(f"{name} is not what was written")

    def blocks(self, name: str) -> Iterator[bytes]:
        try:
            with self._zip.open(name) as file:
                while block := file.read(_BLOCK):
                    yield block
        except _UNREADABLE as error:
            raise self._damaged(f"{name} cannot be read ({error})") from error

    def read(self, name: str) -> bytes:
        return b"".join(self.blocks(name))

    def extract(self, name: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for block in self.blocks(name):
                file.write(block)

    def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self.manifest["files"] if name.startswith(prefix))

    def close(self) -> None:
        self._zip.close()

    def _damaged(self, why: str) -> IntegrityError:
        return IntegrityError(
            f"{self.path} cannot be used as a backup: {why}",
            key="backup.damaged",
            values={"file": str(self.path), "reason": why},
        )


def seal_keys(keys: Mapping[str, bytes], passphrase: str, node_id: str) -> bytes:
    """Key files sealed with a passphrase: scrypt (RFC 7914), then AES-256-GCM bound to the node."""
    salt, nonce = os.urandom(16), os.urandom(12)
    plain = json.dumps({name: content.hex() for name, content in keys.items()}).encode()
    sealed = AESGCM(_stretched(passphrase, salt)).encrypt(nonce, plain, node_id.encode())
    return json.dumps(
        {"scrypt": _SCRYPT, "salt": salt.hex(), "nonce": nonce.hex(), "sealed": sealed.hex()}
    ).encode()


def open_keys(content: bytes, passphrase: str, node_id: str) -> dict[str, bytes]:
    """The key files again. Raises ForbiddenError when the passphrase is not the one."""
    found = json.loads(content)
    box = AESGCM(_stretched(passphrase, bytes.fromhex(found["salt"])))
    try:
        plain = box.decrypt(bytes.fromhex(found["nonce"]), bytes.fromhex(found["sealed"]), node_id.encode())
    except InvalidTag as error:
        raise ForbiddenError(
            "the passphrase does not open the keys of this backup", key="backup.passphrase"
        ) from error
    return {name: bytes.fromhex(text) for name, text in json.loads(plain).items()}


def _stretched(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase.encode())


def fingerprints(keys: Mapping[str, bytes]) -> dict[str, str]:
    """What tells the right keys from wrong ones and tells nothing else: keys are random, so a digest hides them."""
    return {
        name: hashlib.sha256(f"anlan {name} ".encode() + content).hexdigest()
        for name, content in keys.items()
    }


def quoted(table: str, columns: Sequence[str]) -> str:
    """``"table" ("column", …)`` for COPY."""
    names = ['"' + name.replace('"', '""') + '"' for name in (table, *columns)]
    return f"{names[0]} ({', '.join(names[1:])})"


def chain_end(reader: ArchiveReader, world: str, columns: Sequence[str]) -> tuple[int, str]:
    """Sequence and hash of the last event in the copy of a PostgreSQL world (its events in any order)."""
    seq, digest = columns.index("seq"), columns.index("hash")
    last, found = 0, "0" * 64
    waiting = b""
    for block in reader.blocks(f"worlds/{world}/event.copy"):
        *lines, waiting = (waiting + block).split(b"\n")
        for line in lines:
            row = line.split(b"\t")
            if int(row[seq]) > last:
                last, found = int(row[seq]), row[digest].decode()
    return last, found
