"""From release to the first byte on the feed and to a thousand webhook peers; ten thousand e-mails and a page beside them.

`anlan serve` runs as a process of its own (pages, work and sending in one), the peers as another. Warnings are released
as a page would release them; times are those of one clock that all processes share. Pages are asked for without a pause,
alternately alone, while ten thousand e-mails are queued, and while they are sent. Ends with 1 when a peer missed a message or
got it twice unmarked, or when a page is not answered with 200.

Run: ``python benchmarks/bench_sending.py [--peers 1000] [--letters 10000] [--releases 8]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from anlan import registry
from anlan.flows.install import builtin_packs, install_pack, install_places
from anlan.flows.sending import vault_of
from anlan.registry import RoleGrant
from anlan.settings import Settings
from anlan.store import SYSTEM, Actor, Node, Scope, Vault, World, new_public_id
from anlan.warning import HazardWarning, actions
from anlan.warning.levels import Level
from anlan.warning.sending.rows import store
from anlan.warning.sending.rule import Audience, Way
from anlan.warning.sending.types import Subscription
from anlan.warning.tables_sending import parcel
from bench_board import sign_in

OFFICER, CHIEF = Actor("person", "officer"), Actor("person", "chief")
ALL = Scope.everything("benchmark")
FACTS = {"observed": "9", "expected": "1", "period": "2026-W26", "contact": "12320"}
HERE, THERE = "421281", "421221"


async def receive() -> None:
    """Two peers in one process: HTTP that notes key and moment of each request, SMTP that takes everything."""
    got: dict[str, list[tuple[str, float]]] = {}
    letters = 0

    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(line.partition(": ")[::2] for line in head.split("\r\n")[1:])
        path = head.split(" ", 2)[1]
        await reader.readexactly(int(fields.get("Content-Length", 0)))
        body = b""
        if path == "/got":
            body = json.dumps({"got": got, "letters": letters}).encode()
        else:
            got.setdefault(path, []).append((fields["Idempotency-Key"], time.monotonic()))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal letters
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                await writer.drain()
                await reader.readuntil(b"\r\n.\r\n")
                letters += 1
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            await writer.drain()
            if word == b"QUIT":
                break
        writer.close()

    servers = [
        await asyncio.start_server(one, "127.0.0.1", 0, backlog=2000, limit=2**20) for one in (http, smtp)
    ]
    print(json.dumps([one.sockets[0].getsockname()[1] for one in servers]), flush=True)
    await asyncio.gather(*(one.serve_forever() for one in servers))


def subscribe(world: World, vault: Vault, way: Way, addresses: list[str], area: str) -> None:
    """Confirmed subscriptions, written in one transaction."""
    with world.read() as connection:
        place = registry.area(connection, ALL, world.as_of(), area)
    with world.write(SYSTEM) as tx:
        for address in addresses:
            made = Subscription(
                new_public_id(), tx.seq, Audience.PUBLIC, way, (), Level.BLUE, place.code, place.path,
                "zh", "", "", "confirmed", tx.now, tx.now, SYSTEM.id,
            )  # fmt: skip
            store(tx, made)
            vault.put(tx, made.public_id, {"address": address, "secret": "s"})
        tx.event("benchmark.subscribed")


def submitted(world: World, settings: Settings, area: str) -> HazardWarning:
    with world.write(OFFICER) as tx:
        step = actions.draft(
            tx, settings=settings, hazard="measles", level="orange", area_codes=[area], facts=FACTS
        )
    with world.write(OFFICER) as tx:
        return actions.submit(tx, step.public_id, expected_seq=step.known_seq, settings=settings)


def release(world: World, settings: Settings, step: HazardWarning) -> HazardWarning:
    with world.write(CHIEF) as tx:
        return actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=settings)


def start_server(settings: Settings, mail_port: int) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    told = {
        "PUBLIC_RELEASE": "true",
        "WEBHOOK_PRIVATE_ADDRESSES": "true",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail_port),
    }
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from anlan.cli import main; sys.exit(main(sys.argv[1:]))",
            *("serve", "--data-dir", str(settings.data_dir), "--port", str(port)),
        ],
        env={**os.environ, **{f"ANLAN_{name}": value for name, value in told.items()}},
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            if httpx.get(f"{address}/sign-in", timeout=5).status_code == 200:
                return process, address
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise RuntimeError("the server did not start in a minute")


def first_on_feed(address: str, identifier: str, found: list[float], ended: threading.Event) -> None:
    with httpx.Client(base_url=address, timeout=30) as client:
        while not ended.is_set():
            with client.stream("GET", "/feed.atom") as answer:
                first = None
                body = b""
                for part in answer.iter_bytes():
                    first = first or time.monotonic()
                    body += part
            if identifier.encode() in body and first is not None:
                found.append(first)
                return
            time.sleep(0.005)


def got_at(peers: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{peers}/got", timeout=60).json()
    return found


def percentiles(values: list[float]) -> tuple[float, float]:
    cut = statistics.quantiles(values, n=20, method="inclusive") if len(values) > 1 else values * 19
    return statistics.median(values), cut[18]


def time_releases(
    world: World, settings: Settings, address: str, peers: str, *, releases: int, count: int
) -> tuple[list[float], list[float], list[float]]:
    """Seconds from the start of each release to the feed, to each peer, and to the last peer."""
    to_feed, to_peer, to_last = [], [], []
    for number in range(1, releases + 1):
        step = submitted(world, settings, HERE)
        begun = time.monotonic()
        step = release(world, settings, step)
        found: list[float] = []
        ended = threading.Event()
        watch = threading.Thread(
            target=first_on_feed, args=(address, step.message_identifier or "", found, ended)
        )
        watch.start()
        limit = begun + 120
        while time.monotonic() < limit:
            time.sleep(0.25)
            got = got_at(peers)["got"]
            if len(got) == count and all(len(one) >= number for one in got.values()):
                break
        ended.set()
        watch.join()
        moments = [one[number - 1][1] - begun for one in got.values() if len(one) >= number]
        to_feed += [one - begun for one in found]
        to_peer += moments
        to_last.append(max(moments))
    return to_feed, to_peer, to_last


def ask_pages(address: str, session: str, wanted: threading.Event | int, taken: list[float]) -> None:
    """Ask for the duty board without a pause: so many times, or until told to stop."""
    with httpx.Client(base_url=address, cookies={"anlan_session": session}, timeout=60) as client:
        while len(taken) < wanted if isinstance(wanted, int) else not wanted.is_set():
            begun = time.monotonic()
            answer = client.get("/w/live/")
            if answer.status_code != 200:
                raise RuntimeError(f"the board was answered with {answer.status_code}")
            taken.append(time.monotonic() - begun)


def count_letters(world: World, *states: str) -> int:
    query = sa.select(sa.func.count()).where(parcel.c.way == "email")
    with world.read() as connection:
        return int(
            connection.execute(query.where(parcel.c.state.in_(states)) if states else query).scalar_one()
        )


def time_letters(
    world: World, settings: Settings, address: str, session: str, letters: int
) -> tuple[dict[str, list[float]], float, float]:
    """Page times alone, while letters are queued and while they are sent; seconds of queueing and of sending."""
    times: dict[str, list[float]] = {"alone": [], "queueing": [], "sending": []}
    ask_pages(address, session, 20, [])
    ask_pages(address, session, 150, times["alone"])
    step = submitted(world, settings, THERE)
    stop = threading.Event()
    all_times: list[float] = []
    asking = threading.Thread(target=ask_pages, args=(address, session, stop, all_times))
    asking.start()
    begun = time.monotonic()
    release(world, settings, step)
    while count_letters(world) < letters:
        time.sleep(0.02)
    queued = time.monotonic() - begun
    times["queueing"] = list(all_times)
    before = len(all_times)
    while count_letters(world, "sent") < letters and time.monotonic() < begun + 600:
        time.sleep(0.2)
    sent = time.monotonic() - begun
    stop.set()
    asking.join()
    times["sending"] = all_times[before:]
    ask_pages(address, session, len(times["alone"]) + 150, times["alone"])
    return times, queued, sent


def main() -> int:
    if sys.argv[1:] == ["receive"]:
        asyncio.run(receive())
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=int, default=1000)
    parser.add_argument("--letters", type=int, default=10_000)
    parser.add_argument("--releases", type=int, default=8)
    given = parser.parse_args()
    peer = subprocess.Popen([sys.executable, __file__, "receive"], stdout=subprocess.PIPE)
    server = None
    try:
        assert peer.stdout is not None
        http_port, mail_port = json.loads(peer.stdout.readline())
        peers = f"http://127.0.0.1:{http_port}"
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data_dir=Path(folder), public_release=True)
            node = Node(settings)
            world = furnished(node)
            vault = vault_of(node, world)
            subscribe(world, vault, Way.WEBHOOK, [f"{peers}/{n}" for n in range(given.peers)], HERE)
            subscribe(world, vault, Way.EMAIL, [f"r{n}@example.org" for n in range(given.letters)], THERE)
            server, address = start_server(settings, mail_port)
            session = sign_in(address, "chief", "benchmark password")
            to_feed, to_peer, to_last = time_releases(
                world, settings, address, peers, releases=given.releases, count=given.peers
            )
            times, queued, sent = time_letters(world, settings, address, session, given.letters)
            return report(world, got_at(peers), given, (to_feed, to_peer, to_last), times, queued, sent)
    finally:
        for process in (server, peer):
            if process is not None:
                process.terminate()
                process.wait(timeout=60)


def furnished(node: Node) -> World:
    world = node.create_world("live", "live", {"zh": "实况", "en": "Live"})
    install_places(world, SYSTEM)
    for pack in builtin_packs():
        install_pack(world, SYSTEM, pack)
    with world.write(SYSTEM) as tx:
        person = registry.add_person(tx, {"en": "Chief"}, [RoleGrant("chief", sensitivity=2)])
    registry.set_password(world, person, "chief", "benchmark password", actor=SYSTEM)
    return world


def report(
    world: World,
    got: dict[str, Any],
    given: argparse.Namespace,
    releases: tuple[list[float], list[float], list[float]],
    times: dict[str, list[float]],
    queued: float,
    sent: float,
) -> int:
    with world.read() as connection:
        marked = set(
            connection.execute(sa.select(parcel.c.public_id).where(parcel.c.possibly_twice)).scalars()
        )
    keys = Counter(key for one in got["got"].values() for key, _ in one)
    unmarked = [key for key, times_got in keys.items() if times_got > 1 and key not in marked]
    missed = given.peers * given.releases - len(keys) + given.letters - min(got["letters"], given.letters)
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(
        f"{given.releases} releases, {given.peers} webhook peers, one process serves and sends; load {load}\n"
    )
    print("| from the start of the release to | p50 | p95 |")
    print("|---|---:|---:|")
    for name, values in zip(("first byte on the feed", "a peer", "the last peer"), releases, strict=True):
        middle, high = percentiles(values)
        print(f"| {name} | {middle:.2f} s | {high:.2f} s |")
    alone = percentiles(times["alone"])
    print(f"\n{given.letters} e-mails: queued in {queued:.1f} s, sent in {sent:.1f} s\n")
    print("| duty board, asked without a pause | pages | p50 | p95 | p95 to alone |")
    print("|---|---:|---:|---:|---:|")
    for name, values in times.items():
        if values:
            middle, high = percentiles(values)
            print(
                f"| {name} | {len(values)} | {middle * 1000:.0f} ms | {high * 1000:.0f} ms | {high / alone[1]:.2f} |"
            )
    print(f"\nmissed {missed}, twice and unmarked {len(unmarked)}, marked as possibly twice {len(marked)}")
    return 1 if missed or unmarked else 0


if __name__ == "__main__":
    sys.exit(main())
