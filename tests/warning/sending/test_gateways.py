"""SMS gateways by template, and an MQTT broker: real peers, good and bad."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from peers import HttpPeer, free_port, wait_for
from sending_worlds import MINUTE, Town
from warning_worlds import ALL

from anlan.warning import queries
from anlan.warning.sending.line import Line
from anlan.warning.sending.mqtt import MqttBroker, MqttChannel
from anlan.warning.sending.sms import SmsChannel, SmsGateway, measure
from anlan.warning.sending.types import Letter

ODD = '赤壁 "a" & <b> 100%\n{to}'


def letter(**changes: Any) -> Letter:
    values: dict[str, Any] = {
        "parcel_id": "id-1",
        "address": "+8613800000000",
        "subject": "",
        "text": ODD,
        "body": b"<alert/>",
        "content_type": "application/cap+xml",
    }
    return Letter(**{**values, **changes})


# --- SMS --------------------------------------------------------------------------------------------------------


def test_values_are_written_as_the_place_demands(web: HttpPeer) -> None:
    url = web.address + "/send"
    gateways = {
        "query": SmsGateway(url=url + "?to={to}&text={text}&key={id}", method="GET"),
        "form": SmsGateway(url=url, body="phone={to}&content={text}&from={sender}", sender="安澜"),
        "json": SmsGateway(
            url=url,
            body='{"to":["{to}"],"text":"{text}"}',
            content_type="application/json",
            headers={"Authorization": "Bearer x"},
        ),
        "xml": SmsGateway(url=url, body='<m to="{to}">{text}</m>', content_type="text/xml; charset=utf-8"),
    }
    for gateway in gateways.values():
        assert SmsChannel(gateway).send(letter(), Line(5)).result == "sent"
    query, form, as_json, xml = web.requests
    asked = parse_qs(urlsplit(query.path).query)
    assert (query.method, asked["to"], asked["text"], asked["key"]) == (
        "GET",
        ["+8613800000000"],
        [ODD],
        ["id-1"],
    )
    posted = parse_qs(form.body.decode())
    assert (posted["phone"], posted["content"], posted["from"]) == (["+8613800000000"], [ODD], ["安澜"])
    assert json.loads(as_json.body) == {"to": ["+8613800000000"], "text": ODD}
    assert as_json.headers["authorization"] == "Bearer x"
    assert xml.body.decode() == '<m to="+8613800000000">赤壁 &quot;a&quot; &amp; &lt;b&gt; 100%\n{to}</m>'
    assert {one.headers["idempotency-key"] for one in web.requests} == {"id-1"}


def test_a_gateway_that_says_200_to_everything(web: HttpPeer) -> None:
    said = [b'{"code":0}', b'{"code":7,"why":"no credit"}']
    web.answer = lambda _request, n: (200, {}, said[n - 1])
    channel = SmsChannel(SmsGateway(url=web.address + "/?{to}={text}", accepted='"code":0'))
    assert [channel.send(letter(), Line(5)).result for _ in range(2)] == ["sent", "refused"]


def test_a_unit_is_told_by_sms_what_it_needs(town: Town, web: HttpPeer) -> None:
    town.set(sms_url=web.address + "/sms", sms_body="to={to}&text={text}")
    town.unit({"way": "sms", "address": "138 0000 0000"})
    town.release("red")
    town.send()
    posted = parse_qs(web.requests[0].body.decode())
    assert posted["to"] == ["13800000000"]
    text = posted["text"][0]
    assert text.startswith(
        "赤壁市麻疹红色预警，有效期至07-06 14:05。请应答：http://anlan.example/w/live/answer/"
    )
    assert measure(text).parts <= 5
    assert town.states() == ["sent"]


# --- MQTT -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def subscriber(port: int, topic: str) -> Iterator[list[tuple[str, bytes, int, bool]]]:
    got: list[tuple[str, bytes, int, bool]] = []
    ready = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)

    def ask(*_: Any) -> None:
        client.subscribe(topic, qos=1)

    client.on_message = lambda _c, _u, one: got.append((one.topic, bytes(one.payload), one.qos, one.retain))
    client.on_subscribe = lambda *_: ready.set()
    client.on_connect = ask
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(5)
    try:
        yield got
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_broker_gets_the_released_bytes_once(town: Town, broker: int) -> None:
    town.set(mqtt_host="127.0.0.1", mqtt_port=broker, mqtt_topic="city/warnings")
    town.unit({"way": "mqtt", "address": "units/chibi"})
    with subscriber(broker, "#") as got:
        step = town.release()
        town.send()
        wait_for(lambda: len(got) == 2)
        town.send()
        with town.world.read() as connection:
            message = queries.message(connection, ALL, town.world.as_of(), step.message_identifier or "")
        assert sorted(topic for topic, *_ in got) == ["city/warnings/measles/orange/421281", "units/chibi"]
        assert {tuple(rest) for _, *rest in got} == {(message.cap_bytes, 1, False)}
    assert town.states() == ["sent", "sent"]


def test_an_exercise_publishes_to_its_units_only(drill: Town, broker: int) -> None:
    drill.set(mqtt_host="127.0.0.1", mqtt_port=broker)
    drill.unit({"way": "mqtt", "address": "drill/chibi"})
    with subscriber(broker, "#") as got:
        drill.release()
        drill.send()
        wait_for(lambda: bool(got))
        assert [topic for topic, *_ in got] == ["drill/chibi"]
        assert b"<status>Exercise</status>" in got[0][1]


def test_a_broker_that_is_not_there_or_comes_back(town: Town, broker: int) -> None:
    town.set(mqtt_host="127.0.0.1", mqtt_port=free_port())
    town.release()
    town.send()
    assert [(one.has_failed, one.possibly_twice) for one in town.parcels()] == [(True, False)]
    town.set(mqtt_port=broker)
    town.clock.advance(MINUTE)
    town.send()
    assert [(one.state, one.possibly_twice) for one in town.parcels()] == [("sent", False)]


@contextlib.contextmanager
def deaf_broker(*, greets: bool) -> Iterator[int]:
    """Opens a session, or not even that, and never says that it has taken anything."""
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            one, _ = server.accept()
            one.recv(1000)
            if greets:
                one.sendall(bytes([0x20, 2, 0, 0]))  # CONNACK, accepted
            ended.wait(10)
            one.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        ended.set()
        server.close()
        thread.join()


def test_without_puback_nobody_knows_and_without_session_nothing_left() -> None:
    for greets, expected in ((True, "in_doubt"), (False, "failed")):
        with deaf_broker(greets=greets) as port:
            begun = time.monotonic()
            outcome = MqttChannel(MqttBroker("127.0.0.1", port)).send(letter(address="a/b"), Line(0.4))
            assert outcome.result == expected
            assert time.monotonic() - begun < 5
