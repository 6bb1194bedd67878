"""A node: one installation, its identity and keys, and the worlds that live on it."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anlan.errors import ConflictError, NotFoundError, ParameterError
from anlan.settings import Settings
from anlan.store import schema
from anlan.store.heads import HeadLog
from anlan.store.journal import FIRST_HASH
from anlan.store.migrate import upgrade
from anlan.store.types import Clock, SystemClock, new_public_id
from anlan.store.world import World, make_engine

__all__ = ["Node"]

KINDS = ("live", "exercise", "replay")
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")


class Node:
    """Opens worlds by name. SQLite: a file ``worlds/<name>.db`` each; PostgreSQL: a schema ``anlan_<name>`` each."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.folder = Path(settings.data_dir)
        self._worlds: dict[str, World] = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.id = _identity(self.folder)
        self.key = _signing_key(self.folder)
        self.master_key = _secret_file(self.folder / "keys" / "personal.key", lambda: secrets.token_bytes(32))

    def world(self, name: str = "live") -> World:
        """Open a world. Raises NotFoundError and names those that exist."""
        if name not in self._worlds:
            if name not in self.world_names():
                known = ", ".join(self.world_names()) or "none yet"
                raise NotFoundError(
                    f"no world {name!r} here; there are: {known}",
                    key="store.unknown_world",
                    values={"name": name},
                )
            self._worlds[name] = World(
                self._engine(name),
                clock=self.clock,
                heads=self._heads(name),
                schema_name=self._schema(name),
                cache_folder=self.folder / "cache" / name,
            )
        return self._worlds[name]

    def world_names(self) -> list[str]:
        """Names of the worlds that exist, the live one first."""
        if self.settings.database_url:
            engine = make_engine(self.settings.database_url)
            with engine.connect() as connection:
                found = [
                    name[6:]
                    for name in sa.inspect(connection).get_schema_names()
                    if name.startswith("anlan_")
                ]
            engine.dispose()
        else:
            found = [path.stem for path in (self.folder / "worlds").glob("*.db")]
        return sorted(found, key=lambda name: (name != "live", name))

    def create_world(
        self, name: str, kind: str, title: Mapping[str, str], *, clock_at: datetime | None = None
    ) -> World:
        """Make an empty world. ``clock_at`` lets its clock stand (replays)."""
        if not _NAME.match(name):
            raise ParameterError(f"a world's name must be lower-case letters, digits and _. Got {name!r}.")
        if kind not in KINDS or (kind == "live") != (name == "live"):
            raise ParameterError(
                f"kind must be one of {', '.join(KINDS)}, and the live world is named 'live'. Got {kind!r}."
            )
        if name in self.world_names():
            raise ConflictError(
                f"a world named {name!r} exists already", key="store.world_exists", values={"name": name}
            )
        if self.settings.database_url:
            maker = make_engine(self.settings.database_url)
            with maker.begin() as connection:
                connection.execute(sa.schema.CreateSchema(f"anlan_{name}"))
            maker.dispose()
        else:
            (self.folder / "worlds").mkdir(parents=True, exist_ok=True)
        engine = self._engine(name)
        upgrade(engine)
        now = (self.clock or SystemClock()).now()
        with engine.connect().execution_options(anlan_write=True) as connection, connection.begin():
            connection.execute(
                schema.world_info.insert().values(
                    id=1,
                    public_id=new_public_id(),
                    name=name,
                    kind=kind,
                    title=dict(title),
                    node_id=self.id,
                    created_at=now,
                    clock_at=clock_at,
                    salt=secrets.token_hex(32),
                )
            )
            connection.execute(
                schema.journal_head.insert().values(id=1, seq=0, hash=FIRST_HASH, at=clock_at or now)
            )
        engine.dispose()
        return self.world(name)

    def upgrade_worlds(self) -> None:
        """Bring every world to the schema of this version."""
        for name in self.world_names():
            engine = self._engine(name)
            upgrade(engine)
            engine.dispose()

    def close(self) -> None:
        for world in self._worlds.values():
            world.close()
        self._worlds.clear()

    def _schema(self, name: str) -> str | None:
        return f"anlan_{name}" if self.settings.database_url else None

    def _engine(self, name: str) -> sa.Engine:
        if self.settings.database_url:
            url = self.settings.database_url
        else:
            url = f"sqlite:///{self.folder / 'worlds' / name}.db"
        return make_engine(
            url, schema_name=self._schema(name), lock_timeout_seconds=self.settings.lock_timeout_seconds
        )

    def _heads(self, name: str) -> HeadLog:
        return HeadLog(self.folder / "heads" / f"{name}.jsonl", self.key)


def _secret_file(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(make())
    return path.read_bytes()


def _signing_key(folder: Path) -> Ed25519PrivateKey:
    def make() -> bytes:
        return Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        )

    return Ed25519PrivateKey.from_private_bytes(_secret_file(folder / "keys" / "node.key", make))


def _identity(folder: Path) -> str:
    path = folder / "node.json"
    if not path.exists():
        path.write_text(json.dumps({"id": new_public_id()}), encoding="utf-8")
    return str(json.loads(path.read_text(encoding="utf-8"))["id"])
