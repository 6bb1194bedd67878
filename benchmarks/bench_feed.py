"""Feed, documents and public page over HTTP with keep-alive, beside a static file of the same server.

A node with released warnings is built, the server runs as a process of its own, the load comes from two further processes
over loopback. Every address is asked for a few seconds in each of several rounds, in turn, so that other work on the
machine falls on all of them. Ends with 1 when anything is answered with another status than expected.

Run: ``python benchmarks/bench_feed.py [--messages 40] [--connections 16] [--seconds 2] [--rounds 2] [--database-url …]``
(the database must be empty; without it SQLite in a temporary folder).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from anlan.flows.install import builtin_packs, install_pack, install_places
from anlan.settings import Settings
from anlan.store import SYSTEM, Actor, Node, Scope
from anlan.warning import actions, queries
from anlan.web.rendering import STATIC

PROCESSES = 2
OFFICER = Actor("person", "p-officer", "officer")
CHIEF = Actor("person", "p-chief", "chief")
FACTS = {
    "observed": "7",
    "expected": "1.3",
    "contact": "12320",
    "period": "2026-W27",
    "grounds": "x",
    "limit": "1",
}
COUNTIES = ("421281", "421221", "421222", "421223", "421224", "421202")


@dataclass(frozen=True)
class Target:
    """One row of the table: a name, the bytes of a request, the status that must come back."""

    name: str
    request: bytes
    status: int


def build(settings: Settings, messages: int) -> str:
    """A live world with released warnings; gives the identifier of the newest message."""
    node = Node(settings)
    world = node.create_world("live", "live", {"zh": "实况", "en": "Live"})
    install_places(world, SYSTEM)
    for pack in builtin_packs():
        install_pack(world, SYSTEM, pack)
    identifier = ""
    with world.read() as connection:
        hazards = queries.hazards(connection, Scope.everything("benchmark"), world.as_of())
    codes = [one.code for one in hazards]
    for number in range(messages):
        place = COUNTIES[number % len(COUNTIES)]
        with world.write(OFFICER) as tx:
            step = actions.draft(
                tx,
                settings=settings,
                hazard=codes[number % len(codes)],
                level=("blue", "yellow", "orange", "red")[number % 4],
                area_codes=[place],
                facts=FACTS,
                texts={
                    language: {
                        name: f"{name} {number} " + "雨水 " * 40
                        for name in ("headline", "description", "instruction")
                    }
                    for language in ("zh", "en")
                },
                expires=datetime.now(UTC) + timedelta(hours=6),
            )
        with world.write(OFFICER) as tx:
            step = actions.submit(tx, step.public_id, expected_seq=step.known_seq, settings=settings)
        with world.write(CHIEF) as tx:
            step = actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=settings)
        identifier = step.message_identifier or ""
        if number % 9 == 8:
            time.sleep(1)  # ten messages a second is the most that one sender's identifiers allow
    node.close()
    return identifier


def serve(settings: Settings) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    given = {
        "ANLAN_DATABASE_URL": settings.database_url,
        "ANLAN_CAP_SENDER": settings.cap_sender,
        "ANLAN_CAP_SENDER_NAME": settings.cap_sender_name,
        "ANLAN_PUBLIC_RELEASE": "true",
    }
    command = "import sys; from anlan.cli import main; sys.exit(main(sys.argv[1:]))"
    options = ["serve", "--web", "--data-dir", str(settings.data_dir), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *options],
        env={**os.environ, **{name: value for name, value in given.items() if value}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            if httpx.get(f"{address}/feed.atom", timeout=5).status_code == 200:
                return process, address
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise RuntimeError("the server did not start in a minute")


def targets_of(address: str, identifier: str) -> list[Target]:
    host = urlsplit(address).netloc

    def request(path: str, *headers: str) -> bytes:
        return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()

    feed = httpx.get(f"{address}/feed.atom", headers={"accept-encoding": "identity"})
    size = len(feed.content)
    files = [path for path in STATIC.rglob("*") if path.is_file() and path.suffix in (".css", ".js", ".svg")]
    nearest = min(files, key=lambda path: abs(path.stat().st_size - size))
    page = httpx.get(f"{address}/public", headers={"accept-encoding": "identity"})
    document = httpx.get(f"{address}/cap/{identifier}", headers={"accept-encoding": "identity"})
    return [
        Target(f"static file ({nearest.stat().st_size:,} bytes)", request(f"/static/{nearest.relative_to(STATIC).as_posix()}"), 200),
        Target(f"feed.atom ({size:,} bytes)", request("/feed.atom"), 200),
        Target("feed.atom, gzip", request("/feed.atom", "Accept-Encoding: gzip"), 200),
        Target("feed.atom, unchanged (304)", request("/feed.atom", f"If-None-Match: {feed.headers['etag']}"), 304),
        Target("feed.rss", request("/feed.rss"), 200),
        Target(f"one document ({len(document.content):,} bytes)", request(f"/cap/{identifier}"), 200),
        Target(f"public page ({len(page.content):,} bytes)", request("/public"), 200),
    ]  # fmt: skip


def read_answer(one: socket.socket, kept: bytearray) -> int:
    """Read one answer off a kept connection and give its status."""
    while (end := kept.find(b"\r\n\r\n")) < 0:
        got = one.recv(262_144)
        if not got:
            raise ConnectionError("the server closed the connection")
        kept += got
    head = bytes(kept[:end]).lower()
    at = head.find(b"\r\ncontent-length:")
    length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    whole = end + 4 + length
    while len(kept) < whole:
        got = one.recv(262_144)
        if not got:
            raise ConnectionError("the server closed the connection")
        kept += got
    del kept[:whole]
    return int(head[9:12])


def load(
    address: str, request: bytes, status: int, connections: int, seconds: float, results: object
) -> None:
    """One process: some connections, each asking again as soon as it has its answer."""
    parts = urlsplit(address)
    taken: list[float] = []
    wrong = 0
    lock = threading.Lock()

    def one_connection() -> None:
        nonlocal wrong
        mine: list[float] = []
        bad = 0
        kept = bytearray()
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                one.sendall(request)
                bad += read_answer(one, kept) != status
                mine.append((time.perf_counter() - began) * 1000)
        with lock:
            taken.extend(mine)
            wrong += bad

    threads = [threading.Thread(target=one_connection) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((taken, wrong))  # type: ignore[attr-defined]


def measure(address: str, target: Target, connections: int, seconds: float) -> tuple[list[float], int]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    share = max(1, connections // PROCESSES)
    processes = [
        context.Process(target=load, args=(address, target.request, target.status, share, seconds, results))
        for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    taken: list[float] = []
    wrong = 0
    for _ in processes:
        mine, bad = results.get(timeout=seconds + 60)
        taken += mine
        wrong += bad
    for process in processes:
        process.join()
    return taken, wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=40)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--database-url", default="")
    given = parser.parse_args()
    began = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder) / "node",
            database_url=given.database_url,
            public_release=True,
            cap_sender="42120041600000",
            cap_sender_name="咸宁市应急管理局",
        )
        identifier = build(settings, given.messages)
        process, address = serve(settings)
        try:
            targets = targets_of(address, identifier)
            taken: dict[str, list[float]] = {target.name: [] for target in targets}
            wrong = 0
            for _round in range(given.rounds):
                for target in targets:
                    mine, bad = measure(address, target, given.connections, given.seconds)
                    taken[target.name] += mine
                    wrong += bad
        finally:
            process.terminate()
            process.wait(timeout=20)
    print(
        f"{given.messages} messages in force, {given.connections} kept connections from {PROCESSES} processes, "
        f"{given.rounds} rounds of {given.seconds:g} s, load {began:.1f} before and {os.getloadavg()[0]:.1f} after\n"
    )
    print("| what | requests/s | of the static file | p50 ms | p99 ms |\n|---|---|---|---|---|")
    span = given.rounds * given.seconds
    base = len(taken[targets[0].name]) / span
    for target in targets:
        ordered = sorted(taken[target.name])
        rate = len(ordered) / span
        p99 = ordered[int(len(ordered) * 0.99)]
        print(
            f"| {target.name} | {rate:.0f} | {rate / base:.2f} | {statistics.median(ordered):.1f} | {p99:.1f} |"
        )
    print(f"\nanswered otherwise than expected: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
