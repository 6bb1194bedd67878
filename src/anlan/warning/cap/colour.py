"""How the four levels appear in a message.

Levels map one to one to CAP ``severity``, so that the mapping can be undone for our own messages, and the colour
itself goes along as a parameter. How soon and how sure (``urgency``, ``certainty``) is **not** implied by the colour and
comes from the assessment. A foreign message without a colour has no level: it is never worked out from its severity.
"""

from __future__ import annotations

from anlan.warning.cap.model import Info, NamedValue, Severity
from anlan.warning.levels import Level, colour_of, level_of_colour

__all__ = ["LEVEL_PARAMETER", "level_of_info", "level_of_severity", "level_parameter", "severity_of"]

LEVEL_PARAMETER = "warning_level"

_SEVERITY = {
    Level.BLUE: Severity.MINOR,
    Level.YELLOW: Severity.MODERATE,
    Level.ORANGE: Severity.SEVERE,
    Level.RED: Severity.EXTREME,
}


def severity_of(level: Level) -> Severity:
    """The CAP severity of a level."""
    return _SEVERITY[level]


def level_of_severity(severity: Severity) -> Level | None:
    """The level of a CAP severity of **our own** messages; None for Unknown."""
    return next((level for level, word in _SEVERITY.items() if word == severity), None)


def level_parameter(level: Level) -> NamedValue:
    """The CAP parameter that carries the colour: Blue, Yellow, Orange, Red."""
    return NamedValue(LEVEL_PARAMETER, colour_of(level))


def level_of_info(info: Info) -> Level | None:
    """The level that a message states by colour."""
    return level_of_colour(info.parameter(LEVEL_PARAMETER))
