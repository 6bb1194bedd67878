"""Who issues, and what a message is called.

Three forms of identifier, all unique for a sender and free of the characters CAP forbids:

* ``national``: the sender's 14-character code, ``_``, the moment in Beijing time
  (``42120041600000_20260701080000``), as the national release system does;
* ``dated``: the same with a code of one's own in front, for senders in e-mail form;
* ``oid``: the WMO form ``urn:oid:<authority's arc>.<YYYY>.<M>.<D>.<h>.<m>.<s>`` in UTC.

A second message in the same second gets a serial number. Messages of an exercise are marked in the identifier too, so
that they can never be taken for one of the live world.

Sources: WMO Alert Identifier, WMO-No. 1109; the value rules of the national release system as described in
``docs/explain/cap.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from anlan.errors import ConflictError, ParameterError
from anlan.settings import Settings

__all__ = ["BEIJING", "IdentifierForm", "Issuer", "issuer_of", "new_identifier"]

BEIJING = timezone(timedelta(hours=8))
IdentifierForm = Literal["national", "dated", "oid"]

_UNIT_CODE = re.compile(r"[0-9A-Za-z]{14}", re.ASCII)
_CODE = re.compile(r"[0-9A-Za-z._-]+", re.ASCII)
_ARC = re.compile(r"\d+(\.\d+)+", re.ASCII)
_FORBIDDEN = re.compile(r"[\s,<&\x00-\x1f\x7f]")
_MOST_PER_SECOND = 9


@dataclass(frozen=True)
class Issuer:
    """The authority that sends.

    Parameters
    ----------
    sender : str
        Goes into every message and every reference: keep it for good. A 14-character unit code for the national
        form; any globally unique text (e-mail form, domain, OID) for the other.
    names : mapping
        Full name by language; shown as issuing authority.
    form : {"national", "dated", "oid"}
        How identifiers are made.
    code : str
        Stands in front of the moment in the form ``dated``: letters, digits, ``.``, ``_`` and ``-``.
    oid : str
        The authority's arc for identifiers, for example ``2.49.0.1.156.1``; needed for the form ``oid``.
    contact : mapping
        Whom to ask, by language; may be empty.
    web : str
        Address under which the readable page of a message is found; ``{identifier}`` in it is filled in. May be empty.
    zone : timezone
        Offset in which times are written.

    Raises
    ------
    ParameterError
        If the sender does not fit the form or holds characters that CAP forbids.
    """

    sender: str
    names: Mapping[str, str]
    form: IdentifierForm = "national"
    code: str = ""
    oid: str = ""
    contact: Mapping[str, str] = field(default_factory=dict)
    web: str = ""
    zone: timezone = BEIJING

    def __post_init__(self) -> None:
        if not self.sender or _FORBIDDEN.search(self.sender):
            raise ParameterError(
                f"sender must be a text without blanks, commas, < and &. Got {self.sender!r}."
            )
        if self.form == "national" and not _UNIT_CODE.fullmatch(self.sender):
            raise ParameterError(f"sender must be a code of 14 letters and digits. Got {self.sender!r}.")
        if self.form == "dated" and not _CODE.fullmatch(self.code):
            raise ParameterError(f"code must be letters, digits, '.', '_' and '-'. Got {self.code!r}.")
        if self.form == "oid" and not _ARC.fullmatch(self.oid):
            raise ParameterError(
                f"oid must be numbers with points, such as 2.49.0.1.156.1. Got {self.oid!r}."
            )
        if not self.names:
            raise ParameterError("names must hold at least one language. Got none.")


def issuer_of(settings: Settings) -> Issuer:
    """The issuer that an installation's settings describe; the form of the sender decides that of the identifiers."""
    sender = settings.cap_sender
    names = {"zh": settings.cap_sender_name, "en": settings.cap_sender_name}
    # The page that tells everybody what is in force; an address that nobody else can reach is left out.
    web = f"{settings.address}/public" if settings.base_url else ""
    if _UNIT_CODE.fullmatch(sender):
        return Issuer(sender, names, web=web)
    arc = sender.removeprefix("urn:oid:")
    if _ARC.fullmatch(arc):
        # WMO registers an authority under 2.49.0.0; its messages are named under 2.49.0.1.
        return Issuer(sender, names, form="oid", oid=re.sub(r"^2\.49\.0\.0\.", "2.49.0.1.", arc), web=web)
    return Issuer(sender, names, form="dated", code=settings.node_area, web=web)


def new_identifier(
    issuer: Issuer, moment: datetime, *, taken: Callable[[str], bool], exercise: bool = False
) -> str:
    """An identifier that the sender has not used.

    Parameters
    ----------
    issuer : Issuer
    moment : datetime
        Aware; the ``sent`` of the message.
    taken : callable
        Tells whether an identifier is in use already.
    exercise : bool
        Mark it as part of an exercise.

    Raises
    ------
    ConflictError
        If ten messages were sent in this second.
    """
    if moment.utcoffset() is None:
        raise ParameterError(f"moment must be an aware datetime. Got {moment!r}.")
    for serial in range(_MOST_PER_SECOND + 1):
        candidate = _identifier(issuer, moment, serial, exercise=exercise)
        if not taken(candidate):
            return candidate
    raise ConflictError(
        f"{issuer.sender} has sent {_MOST_PER_SECOND + 1} messages in this second; try again in the next",
        key="warning.too_many_in_second",
        values={"count": _MOST_PER_SECOND + 1},
    )


def _identifier(issuer: Issuer, moment: datetime, serial: int, *, exercise: bool) -> str:
    if issuer.form != "oid":
        code = issuer.sender if issuer.form == "national" else issuer.code
        stem = f"{code}_{moment.astimezone(BEIJING):%Y%m%d%H%M%S}"
        return stem + (f"_{serial}" if serial else "") + ("_EX" if exercise else "")
    at = moment.astimezone(UTC)
    stem = f"urn:oid:{issuer.oid}.{at.year}.{at.month}.{at.day}.{at.hour}.{at.minute}.{at.second}"
    # Serial numbers of the live world start at 1, so that an arc 0 can only be an exercise.
    if exercise:
        return f"{stem}.0.{serial}"
    return f"{stem}.{serial}" if serial else stem
