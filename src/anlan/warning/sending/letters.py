"""Letters: what each way carries, made from the frozen message when a parcel is handed over.

The words are those of the message, whose headline says of an exercise that it is one. Programs get the bytes of the
message as they were released; people get its text in their language, with the link that is theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from anlan.settings import Settings
from anlan.store import SYSTEM, AsOf, Scope, Vault, World
from anlan.texts import say
from anlan.warning import queries
from anlan.warning.cap.model import Alert, Info, Status
from anlan.warning.feed import CAP_TYPE
from anlan.warning.sending.rule import PROGRAMS, Audience, Channel, Way, allowed
from anlan.warning.sending.sms import measure
from anlan.warning.sending.subscriptions import CONFIRM_WITHIN
from anlan.warning.sending.tokens import LinkKey
from anlan.warning.sending.types import Letter, Parcel
from anlan.warning.types import HazardWarning, Message

__all__ = ["Mailroom", "sms_text"]

_EVERYTHING = Scope.everything("sending")
_SMS_PARTS = 5
_STOP_LINK = timedelta(days=3650)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Mailroom:
    """What making letters needs: the world, its addresses, its links."""

    world: World
    settings: Settings
    vault: Vault
    links: LinkKey

    def letters(self, parcels: Sequence[Parcel]) -> dict[int, Letter | str]:
        """A letter for each parcel by its id, or the reason why there is none: ``not_allowed``, ``no_address``."""
        wanted = {one.target_id for one in parcels if one.target_kind != "standing"}
        known = self.vault.open_many(wanted, scope=_EVERYTHING, actor=SYSTEM) if wanted else {}
        with self.world.read() as connection:
            sources = self._sources(connection, parcels)
        return {one.id: self._letter(one, known.get(one.target_id, {}), sources) for one in parcels}

    def _sources(
        self, connection: sa.Connection, parcels: Sequence[Parcel]
    ) -> dict[str, tuple[Message, HazardWarning]]:
        found = {}
        as_of = AsOf(self.world.head())
        for name in {one.message_identifier for one in parcels if one.message_identifier}:
            message = queries.message(connection, _EVERYTHING, as_of, name)
            found[name] = (message, queries.warning(connection, _EVERYTHING, as_of, message.warning_id))
        return found

    def _letter(
        self,
        parcel: Parcel,
        known: Mapping[str, str],
        sources: Mapping[str, tuple[Message, HazardWarning]],
    ) -> Letter | str:
        if parcel.target_kind != "standing" and not known.get("address"):
            return "no_address"
        if parcel.purpose == "confirm":
            return self._confirmation(parcel, known)
        message, warning = sources[parcel.message_identifier]
        alert = queries.read_frozen(message.cap_bytes)
        channel = Channel(parcel.way, parcel.audience)
        if not allowed(alert.status, alert.scope, channel, self.world.kind):
            return "not_allowed"
        return self._of_message(parcel, known, message, warning, alert)

    def _of_message(
        self,
        parcel: Parcel,
        known: Mapping[str, str],
        message: Message,
        warning: HazardWarning,
        alert: Alert,
    ) -> Letter:
        info = alert.info_in("zh-CN" if parcel.language == "zh" else "en-US") or alert.infos[0]
        answer_url = self._link("answer", parcel.public_id, parcel.expires) if parcel.answer_id else ""
        stop_url = (
            self._link("stop", parcel.target_id, parcel.queued_at + _STOP_LINK)
            if parcel.target_kind == "subscription"
            else ""
        )
        subject = _subject(parcel, info)
        zone = ZoneInfo(self.settings.zone)
        is_text = parcel.way is Way.SMS
        text = (
            sms_text(info, parcel.language, answer_url, subject=subject, zone=zone)
            if is_text
            else _mail_text(parcel, alert, info, answer_url, stop_url, zone)
        )
        for_program = parcel.way in PROGRAMS or (
            parcel.way is Way.EMAIL and parcel.audience is Audience.CLOSED
        )
        return Letter(
            parcel_id=parcel.public_id,
            address=known.get("address") or self._standing_address(parcel, warning),
            subject=subject,
            text=text,
            body=message.cap_bytes if for_program else b"",
            content_type=CAP_TYPE,
            name=_NOT_IN_NAMES.sub("_", message.identifier) + ".xml",
            secret=known.get("secret", ""),
            answer_url=answer_url,
            stop_url=stop_url,
        )

    def _confirmation(self, parcel: Parcel, known: Mapping[str, str]) -> Letter:
        language = parcel.language
        url = self._link("confirm", parcel.target_id, parcel.queued_at + CONFIRM_WITHIN)
        issuer = self.settings.cap_sender_name
        hours = int(CONFIRM_WITHIN.total_seconds() // 3600)
        key = "sending.confirm.sms" if parcel.way is Way.SMS else "sending.confirm.text"
        return Letter(
            parcel_id=parcel.public_id,
            address=known["address"],
            subject=say("sending.confirm.subject", language, issuer=issuer),
            text=say(key, language, issuer=issuer, url=url, hours=hours),
            body=json.dumps({"kind": "subscription.confirm", "confirm_url": url}).encode()
            if parcel.way is Way.WEBHOOK
            else b"",
            content_type="application/json",
            secret=known.get("secret", ""),
        )

    def _standing_address(self, parcel: Parcel, warning: HazardWarning) -> str:
        if parcel.way is not Way.MQTT:
            return ""
        return "/".join((self.settings.mqtt_topic, warning.hazard, str(warning.level), warning.area_code))

    def _link(self, purpose: str, public_id: str, until: datetime) -> str:
        token = self.links.make(purpose, public_id, until=until)  # type: ignore[arg-type]
        return f"{self.settings.address}/w/{self.world.name}/{purpose}/{token}"


def _subject(parcel: Parcel, info: Info) -> str:
    headline = info.headline or info.event
    if parcel.purpose in ("escalation", "reminder"):
        return say(f"sending.subject.{parcel.purpose}", parcel.language, headline=headline)
    return headline


def _mail_text(
    parcel: Parcel, alert: Alert, info: Info, answer_url: str, stop_url: str, zone: ZoneInfo
) -> str:
    language = parcel.language
    parts = [] if alert.status is Status.ACTUAL else [alert.note]
    joint = "、" if language == "zh" else ", "
    parts += [
        info.headline or info.event,
        say("sending.mail.areas", language, areas=joint.join(area.description for area in info.areas)),
        say(
            "sending.mail.times", language, until=_moment(info.expires, zone), sent=_moment(alert.sent, zone)
        ),
        info.description,
        info.instruction,
        say("sending.mail.sender", language, sender=info.sender_name, contact=info.contact).rstrip(),
    ]
    if answer_url:
        parts.append(say("sending.mail.answer", language, url=answer_url))
    if stop_url:
        parts.append(say("sending.mail.stop", language, url=stop_url))
    return "\n\n".join(part for part in parts if part) + "\n"


def sms_text(info: Info, language: str, answer_url: str, *, subject: str, zone: tzinfo) -> str:
    """The message for a telephone, in at most five parts: what, where, until when, the link, then the first acts.

    What does not fit is left out in whole lines from the end; an overlong headline alone is sent as it is, since a
    message cut in its middle may say the opposite.
    """
    joint = "、" if language == "zh" else ", "
    areas = joint.join(area.description for area in info.areas)
    text = say("sending.sms.head", language, headline=subject, until=_moment(info.expires, zone))
    if not all(area.description in subject for area in info.areas):
        text += say("sending.sms.areas", language, areas=areas)
    if answer_url:
        text += say("sending.sms.answer", language, url=answer_url)
    for line in info.instruction.splitlines():
        longer = f"{text}\n{line.strip()}" if line.strip() else text
        if measure(longer).parts > _SMS_PARTS:
            break
        text = longer
    return text


def _moment(moment: datetime | None, zone: tzinfo) -> str:
    return "" if moment is None else moment.astimezone(zone).strftime("%m-%d %H:%M")
