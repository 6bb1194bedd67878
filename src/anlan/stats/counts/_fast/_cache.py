"""Where compiled code is kept: a directory of the user, named after the sources it was compiled from.

numba itself notices only changes of the file that holds the outermost function, so the directory carries a digest of
all files here. A directory set by the user (``NUMBA_CACHE_DIR``) is left alone.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any


@contextmanager
def directory() -> Iterator[None]:
    """Let numba keep what is decorated within the block in our directory; other people's code is not affected."""
    config: Any = importlib.import_module("numba.core.config")
    before = config.CACHE_DIR
    place = _place()
    if not before and place is not None:
        config.CACHE_DIR = str(place)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def is_possible() -> bool:
    """Whether compiled code can be kept at all (a home that can be written to)."""
    return bool(os.environ.get("NUMBA_CACHE_DIR")) or _place() is not None


def _place() -> Path | None:
    place = _root() / _stamp()
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    return place if os.access(place, os.W_OK) else None


def _root() -> Path:
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA") or str(Path.home())
    else:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "anlan" / "numba"


@lru_cache(maxsize=1)
def _stamp() -> str:
    digest = hashlib.sha256(f"{version('numba')} {sys.version_info[:2]}".encode())
    compiled = sorted(Path(__file__).parent.glob("_*.py"))
    for source in compiled:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
