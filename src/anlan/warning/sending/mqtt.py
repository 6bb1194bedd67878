"""MQTT: the message is published with quality of service 1 and not retained; the broker's PUBACK is the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anlan.errors import MissingExtraError
from anlan.warning.sending.line import ADDRESS_SECONDS, Line
from anlan.warning.sending.types import Letter, Outcome

if TYPE_CHECKING:
    from paho.mqtt.client import Client

__all__ = ["MqttBroker", "MqttChannel"]

_QUALITY = 1
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class MqttBroker:
    """Where to publish. ``tls`` checks the broker's certificate against those that the system trusts."""

    host: str
    port: int = 1883
    user: str = ""
    password: str = ""
    tls: bool = False


class MqttChannel:
    """Publishes letters, one short session each: a city issues a handful of messages a day."""

    def __init__(self, broker: MqttBroker) -> None:
        self.broker = broker

    def send(self, letter: Letter, line: Line) -> Outcome:
        client = self._client(letter)
        try:
            return self._publish(client, letter, line)
        finally:
            client.disconnect()
            client.loop(timeout=0.01)

    def rest(self) -> None:
        """Nothing is kept open."""

    def _client(self, letter: Letter) -> Client:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise MissingExtraError("MQTT needs paho-mqtt: install anlan[server]") from error
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"anlan-{letter.parcel_id}", clean_session=True
        )
        client.connect_timeout = ADDRESS_SECONDS
        if self.broker.user:
            client.username_pw_set(self.broker.user, self.broker.password)
        if self.broker.tls:
            client.tls_set()
        return client

    def _publish(self, client: Client, letter: Letter, line: Line) -> Outcome:
        refused: list[str] = []
        client.on_connect = lambda _client, _data, _flags, reason, _properties: (
            refused.append(str(reason)) if reason.is_failure else None
        )
        try:
            client.connect(self.broker.host, self.broker.port, keepalive=30)
            while not client.is_connected() and not refused and line.left() > 0.01:
                if client.loop(timeout=_LOOK_SECONDS):
                    break
        except (OSError, ValueError) as error:
            return Outcome("failed", f"the broker cannot be reached: {error}")
        if refused:
            return Outcome("failed", f"the broker refuses the session: {refused[0]}")
        if not client.is_connected():
            return Outcome("failed", "the broker does not open a session")
        told = client.publish(letter.address, letter.body, qos=_QUALITY, retain=False)
        try:
            while not told.is_published() and line.left() > 0.01:
                if client.loop(timeout=_LOOK_SECONDS):
                    break
        except (OSError, ValueError, RuntimeError) as error:
            return Outcome("in_doubt", f"no PUBACK: {error}")
        if not told.is_published():
            return Outcome("in_doubt", "no PUBACK")
        return Outcome("sent", "PUBACK")
