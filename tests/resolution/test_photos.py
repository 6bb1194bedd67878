"""Photos lose what the camera wrote, and keep the picture to the last pixel."""

from __future__ import annotations

import struct
import zlib

import pytest

from anlan.errors import InputError
from anlan.resolution.photos import MOST_BYTES, clean_photo

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
PIXELS = chunk(b"IDAT", zlib.compress(b"\x00\x7f"))
END = chunk(b"IEND", b"")


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


# Coded data may hold FF 00 and restart markers; a progressive picture has further tables between its scans.
SCANS = (
    segment(0xDA, b"\x01")
    + b"\x12\xff\x00\x34\xff\xd0\x56"
    + segment(0xC4, b"table")
    + segment(0xDA, b"\x02")
    + b"\x78"
)
JFIF, ADOBE, TABLE = segment(0xE0, b"JFIF\x00"), segment(0xEE, b"Adobe"), segment(0xDB, b"q" * 64)
EXIF = segment(0xE1, b"Exif\x00\x00 29.7N 113.9E iPhone of Wang")
REMARK = segment(0xFE, b"by Wang")


def test_a_png_keeps_its_picture_and_nothing_else() -> None:
    colour = chunk(b"gAMA", struct.pack(">I", 45455))
    given = (
        PNG
        + HEADER
        + chunk(b"eXIf", b"29.7N")
        + colour
        + chunk(b"tEXt", b"Author\x00Wang")
        + PIXELS
        + END
        + b"tail"
    )
    found = clean_photo(given)
    assert (found.kind, found.content) == ("image/png", PNG + HEADER + colour + PIXELS + END)


def test_a_jpeg_keeps_its_picture_and_nothing_else() -> None:
    given = (
        b"\xff\xd8" + JFIF + EXIF + REMARK + ADOBE + TABLE + b"\xff" + SCANS + b"\xff\xd9" + b"a film of Wang"
    )
    found = clean_photo(given)
    assert found.kind == "image/jpeg"
    assert found.content == b"\xff\xd8" + JFIF + ADOBE + TABLE + SCANS + b"\xff\xd9"
    assert clean_photo(found.content) == found


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (b"GIF89a", "resolution.photo.kind"),
        (b"<svg onload='alert(1)'/>", "resolution.photo.kind"),
        (b"\xff\xd8\xff", "resolution.photo.broken"),
        (b"\xff\xd8" + JFIF + SCANS, "resolution.photo.broken"),
        (b"\xff\xd8" + JFIF + b"\xff\xe1\xff\xff", "resolution.photo.broken"),
        (b"\xff\xd8" + JFIF + b"\xff\xe1\x00\x01" + SCANS + b"\xff\xd9", "resolution.photo.broken"),
        (b"\xff\xd8\xff\xe0\x00\x07JFIF\x00 no marker", "resolution.photo.broken"),
        (PNG + HEADER + PIXELS, "resolution.photo.broken"),
        (PNG + HEADER + struct.pack(">I", 2**31) + b"IDAT", "resolution.photo.broken"),
        (PNG + b"\x00" * (MOST_BYTES + 1), "resolution.photo.large"),
    ],
)
def test_what_is_no_photo_is_refused(given: bytes, key: str) -> None:
    with pytest.raises(InputError) as caught:
        clean_photo(given)
    assert [problem.key for problem in caught.value.problems] == [key]


@pytest.mark.parametrize(
    "good", [PNG + HEADER + PIXELS + END, b"\xff\xd8" + JFIF + TABLE + SCANS + b"\xff\xd9"]
)
def test_no_cut_and_no_changed_byte_ends_in_anything_but_a_photo_or_a_refusal(good: bytes) -> None:
    for place in range(len(good)):
        for given in (good[:place], good[:place] + b"\xff" + good[place + 1 :]):
            try:
                clean_photo(given)
            except InputError:
                continue
