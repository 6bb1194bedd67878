"""From a warning to the CAP message that leaves the house.

An exercise can never be taken for the real thing: outside the live world the status is ``Exercise``, the scope is
restricted, and every headline, description and the note say so, whatever the texts of the warning say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from anlan.texts import LANGUAGES, name_in, say
from anlan.warning.cap.colour import level_parameter, severity_of
from anlan.warning.cap.model import (
    Alert,
    Category,
    Certainty,
    Info,
    MsgType,
    NamedValue,
    Reference,
    ResponseType,
    Scope,
    Status,
    Urgency,
)
from anlan.warning.identifiers import Issuer
from anlan.warning.places import Place, areas_of_message
from anlan.warning.types import HazardType, HazardWarning

__all__ = ["build_alert"]

_TAGS = {"zh": "zh-CN", "en": "en-US"}
_TYPES = {"alert": MsgType.ALERT, "update": MsgType.UPDATE, "end": MsgType.UPDATE, "cancel": MsgType.CANCEL}


def build_alert(
    warning: HazardWarning,
    hazard: HazardType,
    *,
    identifier: str,
    sent: datetime,
    issuer: Issuer,
    places: Sequence[Place],
    references: Sequence[Reference],
    is_live: bool,
    world_title: Mapping[str, str],
) -> Alert:
    """Put the message together; the same arguments give the same message.

    Parameters
    ----------
    warning : HazardWarning
        Its texts, level, times.
    identifier, sent
        Of the message. A start of validity that has passed by then becomes ``sent``.
    references : sequence of Reference
        The earlier messages it is about; empty for a first one.
    is_live, world_title
        Whether it is real, and the name of the exercise if it is not.
    """
    moment = sent.replace(microsecond=0).astimezone(issuer.zone)
    title = " / ".join(
        say("warning.exercise.note", language, title=name_in(world_title, language)) for language in LANGUAGES
    )
    return Alert(
        identifier=identifier,
        sender=issuer.sender,
        sent=moment,
        status=Status.ACTUAL if is_live else Status.EXERCISE,
        msg_type=_TYPES[warning.kind],
        scope=Scope.PUBLIC if is_live else Scope.RESTRICTED,
        restriction="" if is_live else say("warning.exercise.restriction", "en"),
        note="" if is_live else title,
        references=tuple(references),
        incidents=warning.number,
        infos=tuple(
            _info(warning, hazard, language, identifier, moment, issuer, places, is_live=is_live)
            for language in LANGUAGES
        ),
    )


def _info(
    warning: HazardWarning,
    hazard: HazardType,
    language: str,
    identifier: str,
    sent: datetime,
    issuer: Issuer,
    places: Sequence[Place],
    *,
    is_live: bool,
) -> Info:
    texts = warning.texts[language]
    over = warning.kind in ("end", "cancel")
    effective = max(_in_zone(warning.effective, issuer) or sent, sent)
    return Info(
        language=_TAGS[language],
        categories=(Category(hazard.category),),
        event=name_in(hazard.names, language),
        response_types=(ResponseType.ALL_CLEAR,)
        if over
        else tuple(ResponseType(word) for word in warning.response_types),
        urgency=Urgency.PAST if over else Urgency(warning.urgency),
        severity=severity_of(warning.level),
        certainty=Certainty(warning.certainty),
        effective=effective,
        onset=None if over else _in_zone(warning.onset, issuer),
        expires=_in_zone(warning.expires, issuer),
        sender_name=name_in(issuer.names, language),
        headline=texts["headline"] if is_live else _marked(texts["headline"], language),
        description=texts["description"] if is_live else _marked(texts["description"], language),
        instruction=texts["instruction"],
        web=issuer.web.replace("{identifier}", identifier) if is_live else "",
        contact=name_in(issuer.contact, language),
        parameters=(level_parameter(warning.level), *_part_of(warning, places)),
        areas=areas_of_message(places, language, warning.shapes),
    )


def _part_of(warning: HazardWarning, places: Sequence[Place]) -> tuple[NamedValue, ...]:
    """The codes of the areas that a drawn part lies in, for readers that sort messages by code."""
    if not warning.shapes:
        return ()
    return tuple(NamedValue("part_of_area", place.code) for place in places)


def _marked(text: str, language: str) -> str:
    mark = say("warning.exercise.mark", language)
    return text if text.startswith(mark) else mark + text


def _in_zone(moment: datetime | None, issuer: Issuer) -> datetime | None:
    return None if moment is None else moment.replace(microsecond=0).astimezone(issuer.zone)
