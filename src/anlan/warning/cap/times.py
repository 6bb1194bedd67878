"""Times as CAP spells them: ``YYYY-MM-DDThh:mm:ss±hh:mm``, no fraction, no ``Z``, UTC as ``-00:00``.

Sources: OASIS CAP-v1.2 section 3.3.2; the pattern of the schema.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from anlan.errors import InputError, ParameterError

__all__ = ["format_time", "parse_time"]

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)([+-])(\d\d):(\d\d)",
    re.ASCII,
)
_LARGEST_OFFSET = timedelta(hours=14)


def format_time(moment: datetime) -> str:
    """Write an aware time in its own offset; parts of a second are cut off.

    Raises
    ------
    ParameterError
        If the time has no zone, or an offset that is not whole minutes within 14 hours.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise ParameterError(f"moment must be an aware datetime. Got {moment!r}.")
    if offset.total_seconds() % 60 or abs(offset) > _LARGEST_OFFSET:
        raise ParameterError(f"moment must have an offset of whole minutes within ±14:00. Got {offset}.")
    text = moment.replace(microsecond=0).isoformat()
    return f"{text[:-6]}-00:00" if offset == timedelta(0) else text


def parse_time(text: str) -> datetime:
    """Read a CAP time, keeping its offset. ``24:00:00`` means midnight at the end of that day.

    Raises
    ------
    InputError
        If the text has another form or names a moment that does not exist.
    """
    match = _FORM.fullmatch(text.strip(" \t\r\n"))
    if match is None:
        raise InputError(
            f"not a CAP time: {text!r}; accepted is YYYY-MM-DDThh:mm:ss±hh:mm, for example 2026-07-01T08:00:00+08:00",
            key="cap.time.form",
            values={"given": text},
        )
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
    end_of_day = (hour, minute, second) == (24, 0, 0)
    try:
        if int(match[9]) > 59 or offset > _LARGEST_OFFSET:
            raise ValueError("the offset is larger than 14:00")
        zone = timezone(-offset if match[7] == "-" else offset)
        moment = datetime(year, month, day, 0 if end_of_day else hour, minute, second, tzinfo=zone)
        return moment + timedelta(days=1) if end_of_day else moment
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"not a CAP time: {text!r}: {error}",
            key="cap.time.value",
            values={"given": text, "detail": str(error)},
        ) from error
