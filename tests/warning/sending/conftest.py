"""Peers on loopback and a furnished world with units, contacts and subscribers."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from peers import HttpPeer, MailPeer, free_port, http_peer, mail_peer, wait_for
from sending_worlds import Town
from warning_worlds import furnish

from anlan.settings import Settings
from anlan.store import FixedClock, Node, World

NOW = datetime(2026, 7, 6, 0, 5, tzinfo=UTC)  # that of the shared clock


@pytest.fixture
def web() -> Iterator[HttpPeer]:
    with http_peer() as peer:
        yield peer


@pytest.fixture
def relay() -> Iterator[MailPeer]:
    with mail_peer() as peer:
        yield peer


@pytest.fixture
def both(node: Node, world: World) -> Town:
    """The live world, on both databases."""
    return Town(node, furnish(world))


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Nodes on SQLite, made once and copied for each test: one with a live world, one with an exercise."""
    folders = {}
    for kind in ("live", "exercise"):
        folders[kind] = tmp_path_factory.mktemp(kind) / "node"
        node = Node(Settings(data_dir=folders[kind]), clock=FixedClock(NOW))
        furnish(node.create_world(kind, kind, {"zh": "演练", "en": "Exercise"}))
        node.close()
    return folders


@pytest.fixture
def town(furnished: dict[str, Path], tmp_path: Path, clock: FixedClock) -> Iterator[Town]:
    """The live world on SQLite, for what does not depend on the database: peers, texts, pages."""
    yield from _copied(furnished["live"], tmp_path, clock)


@pytest.fixture
def drill(furnished: dict[str, Path], tmp_path: Path, clock: FixedClock) -> Iterator[Town]:
    """An exercise, on SQLite."""
    yield from _copied(furnished["exercise"], tmp_path, clock)


def _copied(folder: Path, tmp_path: Path, clock: FixedClock) -> Iterator[Town]:
    shutil.copytree(folder, tmp_path / "copied")
    node = Node(Settings(data_dir=tmp_path / "copied"), clock=clock)
    yield Town(node, node.world(node.world_names()[0]))
    node.close()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an MQTT broker of our own, run by an unprivileged user. A missing one is an error, not a skip."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.fail("no MQTT broker: install the system package 'mosquitto' (make test does so as root)")
    port = free_port()
    folder = tmp_path_factory.mktemp("broker")
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        _open_to(folder, user)
    process = subprocess.Popen(
        [program, "-c", str(settings)],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _listens(port))
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def _open_to(folder: Path, user: str) -> None:
    """The broker reads one file; the folders above are ours alone."""
    number = pwd.getpwnam(user).pw_uid
    os.chown(folder, number, -1)
    for path in (folder, *folder.parents):
        if path.owner() == pwd.getpwuid(os.geteuid()).pw_name and path != Path(path.root):
            path.chmod(path.stat().st_mode | 0o011)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
