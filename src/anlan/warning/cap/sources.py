"""Documents from files, folders, archives (zip) and standard input, one after another, with limits on what is opened.

A file that is named is read whatever it is called. Inside folders and archives only names that CAP is found under are
taken; the rest is left alone and counted. Archives inside archives are not opened.
"""

from __future__ import annotations

import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anlan.warning.cap.safe_xml import MAX_BYTES

__all__ = ["MOST_DOCUMENTS", "Document", "documents"]

MOST_DOCUMENTS = 10_000
_MOST_BYTES = 1_000_000_000
_SUFFIXES = {".xml", ".cap", ".atom", ".rss", ".edxlde", ".edxl"}


@dataclass(frozen=True)
class Document:
    """One document, or why it could not be read; ``name`` is the path, inside an archive ``all.zip/first.xml``.

    ``skipped`` counts files of a folder or an archive that have other names; it stands in an entry of its own without data.
    """

    name: str
    data: bytes | None = None
    problem: str = ""
    skipped: int = 0


def documents(path: Path) -> Iterator[Document]:
    """The documents of one argument of the command line; ``-`` is standard input.

    What cannot be read comes as an entry with its problem, so that the rest is still looked at.
    """
    if str(path) == "-":
        # One byte more than the limit, so that the reader can say that there is more.
        yield Document("-", sys.stdin.buffer.read(MAX_BYTES + 1))
        return
    try:
        if path.is_dir():
            yield from _folder(path)
        elif zipfile.is_zipfile(path):
            yield from _archive(path)
        else:
            yield _file(path)
    except OSError as error:
        yield Document(str(path), problem=error.strerror or str(error))


def _file(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            return Document(str(path), file.read(MAX_BYTES + 1))
    except OSError as error:
        return Document(str(path), problem=error.strerror or str(error))


def _folder(folder: Path) -> Iterator[Document]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    taken = [path for path in found if path.suffix.lower() in _SUFFIXES]
    for path in taken[:MOST_DOCUMENTS]:
        yield _file(path)
    yield from _rest(str(folder), len(found) - len(taken), len(taken) - MOST_DOCUMENTS)


def _archive(path: Path) -> Iterator[Document]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        yield Document(str(path), problem=str(error))
        return
    with archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        taken = [member for member in members if Path(member.filename).suffix.lower() in _SUFFIXES]
        taken.sort(key=lambda member: member.filename)
        opened = 0
        for member in taken[:MOST_DOCUMENTS]:
            name = f"{path}/{member.filename}"
            if opened > _MOST_BYTES:
                yield Document(name, problem=f"more than {_MOST_BYTES} bytes in the archive")
                return
            document = _member(archive, member, name)
            opened += len(document.data or b"")
            yield document
        yield from _rest(str(path), len(members) - len(taken), len(taken) - MOST_DOCUMENTS)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Document:
    try:
        with archive.open(member) as file:
            return Document(name, file.read(MAX_BYTES + 1))
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        return Document(name, problem=str(error) or type(error).__name__)


def _rest(name: str, skipped: int, too_many: int) -> Iterator[Document]:
    if too_many > 0:
        yield Document(name, problem=f"{too_many} documents beyond the first {MOST_DOCUMENTS}")
    if skipped:
        yield Document(name, skipped=skipped)
