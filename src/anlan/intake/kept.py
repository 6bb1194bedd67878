"""The bytes of deliveries as they are stored: in parts, packed where that helps, and back without loss.

Parts keep writing transactions short. Text is packed fast (a CSV shrinks to a fifth); workbooks and Parquet are packed
already.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import sqlalchemy as sa

from anlan.intake import tables

__all__ = ["kept_bytes", "packed_parts"]

PART_BYTES = 4 * 1024**2
_PACKED_ALREADY = (b"PK", b"PAR1")
_FAST = 1


def packed_parts(content: bytes, *, part_bytes: int = PART_BYTES) -> Mapping[int, tuple[str, bytes]]:
    """Part number -> packing (``zlib`` or ``""``) and stored bytes."""
    plain = content.startswith(_PACKED_ALREADY)
    pieces = (content[start : start + part_bytes] for start in range(0, len(content), part_bytes))
    return {
        part: ("", piece) if plain else ("zlib", zlib.compress(piece, _FAST))
        for part, piece in enumerate(pieces)
    }


def kept_bytes(connection: sa.Connection, sha256: str) -> bytes:
    """The bytes that are stored under a digest, in whole or as far as they were kept; the caller checks the digest."""
    table = tables.delivery_content
    query = sa.select(table.c.packing, table.c.content).where(table.c.sha256 == sha256).order_by(table.c.part)
    parts = []
    for packing, content in connection.execute(query):
        try:
            parts.append(zlib.decompress(content) if packing == "zlib" else bytes(content))
        except zlib.error:
            break  # what is damaged has another digest
    return b"".join(parts)
