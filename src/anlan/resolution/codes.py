"""Receipt codes: what a reporter is given to follow a matter. Only a keyed digest of a code is ever kept.

Sixteen letters out of twenty are 69 bits: nobody finds one by trying. There are no vowels, so that no word comes out, and
no letter that looks like another or like a figure.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

__all__ = ["code_digest", "new_code", "read_code"]

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_GROUPS, _GROUP = 4, 4


def new_code() -> str:
    """A fresh code, as it is shown: ``BKTR-WQZM-DHLP-XCVN``."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def read_code(typed: str) -> str:
    """A code as somebody typed it, in the form in which it was shown; empty when it cannot be one."""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    if len(letters) != _GROUPS * _GROUP or any(letter not in _LETTERS for letter in letters):
        return ""
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def code_digest(secret: bytes, world_id: str, code: str) -> str:
    """The keyed digest of a code in a world, in hexadecimal. Without the node's secret nothing can be tried against it."""
    key = hmac.new(secret, b"anlan receipts", hashlib.sha256).digest()
    return hmac.new(key, f"{world_id} {code}".encode(), hashlib.sha256).hexdigest()
