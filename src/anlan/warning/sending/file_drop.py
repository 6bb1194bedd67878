"""A folder from which a broadcaster takes messages. A file is there whole or not at all, and its bytes never change."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from anlan.warning.sending.line import Line
from anlan.warning.sending.types import Letter, Outcome

__all__ = ["FileDrop"]


class FileDrop:
    """Writes letters into a folder. Writing one again puts the same bytes under the same name: nobody gets it twice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, letter: Letter, line: Line) -> Outcome:  # noqa: ARG002 - a folder has no line
        made = self.folder / f".{letter.name}.{os.getpid()}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with made.open("wb") as file:
                file.write(letter.body)
                file.flush()
                os.fsync(file.fileno())
            made.replace(self.folder / letter.name)
            _settle(self.folder)
        except OSError as error:
            with suppress(OSError):
                made.unlink()
            return Outcome("failed", f"the folder takes no file: {error.strerror}")
        return Outcome("sent", letter.name)

    def rest(self) -> None:
        """Nothing is kept open."""


def _settle(folder: Path) -> None:
    """Make the new name outlast a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
