"""The channels that a node has, made from its settings. A way without settings is one that this node does not have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from anlan.errors import ConfigurationError
from anlan.settings import Settings
from anlan.warning.sending.file_drop import FileDrop
from anlan.warning.sending.line import Line
from anlan.warning.sending.mail import MailChannel, MailRelay, check_mailbox
from anlan.warning.sending.mqtt import MqttBroker, MqttChannel
from anlan.warning.sending.rule import Way
from anlan.warning.sending.sms import SmsChannel, SmsGateway, check_number
from anlan.warning.sending.types import Letter, Outcome
from anlan.warning.sending.web_request import check_url
from anlan.warning.sending.webhook import WebhookChannel

__all__ = ["Carrier", "carriers_of", "check_address", "try_seconds"]

_TOPIC_LIMIT = 200


class Carrier(Protocol):
    """Carries letters by one way. ``send`` answers with an outcome, and raises only for faults of our own."""

    def send(self, letter: Letter, line: Line) -> Outcome: ...

    def rest(self) -> None:
        """There is nothing to do for a while: close what is open."""


def carriers_of(settings: Settings) -> dict[Way, Carrier]:
    """What the settings describe.

    Raises
    ------
    ConfigurationError
        A way is described so that it cannot work.
    """
    made: dict[Way, Carrier] = {
        Way.WEBHOOK: WebhookChannel(private_addresses=settings.webhook_private_addresses)
    }
    if settings.smtp_host:
        made[Way.EMAIL] = MailChannel(
            MailRelay(
                settings.smtp_host,
                settings.smtp_port,
                settings.mail_from,
                settings.smtp_security,
                settings.smtp_user,
                settings.smtp_password,
            )
        )
    if settings.sms_url:
        made[Way.SMS] = SmsChannel(
            SmsGateway(
                url=settings.sms_url,
                method=settings.sms_method,
                body=settings.sms_body,
                content_type=settings.sms_content_type,
                headers=_headers(settings.sms_headers),
                sender=settings.sms_sender,
                accepted=settings.sms_accepted,
            )
        )
    if settings.mqtt_host:
        made[Way.MQTT] = MqttChannel(
            MqttBroker(
                settings.mqtt_host,
                settings.mqtt_port,
                settings.mqtt_user,
                settings.mqtt_password,
                settings.mqtt_tls,
            )
        )
    if settings.drop_dir:
        made[Way.FILE] = FileDrop(Path(settings.drop_dir))
    return made


def try_seconds(way: Way) -> float:
    """How long one try may take. A mail relay may look at the text for a while before it answers."""
    return {Way.EMAIL: 30.0, Way.SMS: 15.0}.get(way, 10.0)


def check_address(way: Way, text: str) -> str:
    """The address in the form that the way needs.

    Raises
    ------
    ParameterError
        It is none of that way.
    ConfigurationError
        The way has no addresses.
    """
    plain = text.strip()
    if way is Way.EMAIL:
        return check_mailbox(plain)
    if way is Way.WEBHOOK:
        return check_url(plain)
    if way in (Way.SMS, Way.PHONE):
        return check_number(plain)
    if way is Way.MQTT and 0 < len(plain) <= _TOPIC_LIMIT and not set(plain) & set("+#\0$"):
        return plain
    raise ConfigurationError(
        f"{way} takes no such address", key="sending.no_address", values={"way": str(way)}
    )


def _headers(text: str) -> Mapping[str, str]:
    """``Name: value`` pairs, one a line or separated by ``;;``."""
    found = {}
    for line in text.replace(";;", "\n").splitlines():
        name, colon, value = line.partition(":")
        if line.strip():
            if not colon or not name.strip().isascii() or " " in name.strip():
                raise ConfigurationError(
                    f"sms_headers must be lines 'Name: value'. Got {line!r}.",
                    key="sending.sms_headers",
                    values={"given": line},
                )
            found[name.strip()] = value.strip()
    return found
