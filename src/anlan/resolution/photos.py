"""Photos that come with a report: JPEG or PNG, freed of what a camera writes beside the picture.

Place, time, device and owner stand in segments and chunks of their own; only those that the picture itself needs are
kept. What follows the end of the picture (a second picture, a short film) is cut off. Sources: ITU-T T.81 annex B
(JPEG markers), W3C PNG third edition, chapter 11 (chunks).
"""

from __future__ import annotations

from anlan.errors import InputError, Problem
from anlan.resolution.types import Photo

__all__ = ["MOST_BYTES", "clean_photo"]

MOST_BYTES = 5_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
# Beside the critical chunks: transparency and colour.
_PNG_KEPT = frozenset({b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs"})
_EOI, _SOS, _COM = 0xD9, 0xDA, 0xFE
_ADOBE = 0xEE  # APP14 says how the colours are coded
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def clean_photo(content: bytes) -> Photo:
    """The picture alone.

    Raises
    ------
    InputError
        Larger than 5 MB, neither JPEG nor PNG, or broken.
    """
    if len(content) > MOST_BYTES:
        raise _wrong("large", most=MOST_BYTES // 1_000_000)
    if content.startswith(_PNG):
        return Photo("image/png", _clean_png(content))
    if content.startswith(b"\xff\xd8\xff"):
        return Photo("image/jpeg", _clean_jpeg(content))
    raise _wrong("kind")


def _clean_png(content: bytes) -> bytes:
    kept, place = [_PNG], len(_PNG)
    while place + 12 <= len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        name = content[place + 4 : place + 8]
        if end > len(content):
            break
        if name[:1].isupper() or name in _PNG_KEPT:
            kept.append(content[place:end])
        if name == b"IEND":
            return b"".join(kept)
        place = end
    raise _wrong("broken")


def _clean_jpeg(content: bytes) -> bytes:
    kept, place = [content[:2]], 2
    while place + 2 <= len(content):
        marker = content[place + 1]
        if content[place] != 0xFF:
            break
        if marker == 0xFF:  # padding before a marker
            place += 1
            continue
        if marker == _EOI:
            return b"".join([*kept, b"\xff\xd9"])
        if marker in _ALONE:
            end = place + 2
        else:
            size = int.from_bytes(content[place + 2 : place + 4], "big")
            end = place + 2 + size
            if size < 2 or end > len(content):
                break
        if marker == _SOS:
            end = _end_of_scan(content, end)
        if marker == _ADOBE or not (0xE1 <= marker <= 0xEF or marker == _COM):
            kept.append(content[place:end])
        place = end
    raise _wrong("broken")


def _end_of_scan(content: bytes, place: int) -> int:
    """Where the next marker stands after coded data, in which FF 00 and restart markers are no ends."""
    while True:
        place = content.find(b"\xff", place)
        if place < 0 or place + 1 >= len(content):
            return len(content)
        following = content[place + 1]
        if following != 0x00 and following not in _ALONE:
            return place
        place += 2


def _wrong(name: str, **values: object) -> InputError:
    key = f"resolution.photo.{name}"
    said = {
        "large": f"the photo is larger than {MOST_BYTES // 1_000_000} MB",
        "kind": "the photo is neither a JPEG nor a PNG file",
        "broken": "the photo is broken off or damaged",
    }[name]
    return InputError(said, key=key, problems=[Problem(key, values, {"field": "photo"}, said)])
