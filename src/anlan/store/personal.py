"""Personal values: apart from everything else, encrypted with a key per subject, erasable, every reading logged.

Erasing a subject destroys its key: the sealed values and their salted commitments stay in the journaled rows, so the
chain still verifies, and can never be opened or guessed again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anlan.errors import ForbiddenError, NotFoundError
from anlan.store import schema
from anlan.store.scope import PERSONAL, Scope
from anlan.store.types import Actor
from anlan.store.versions import latest
from anlan.store.world import Tx, World

__all__ = ["Vault"]

_NONCE = 12


class Vault:
    """Opens and seals personal values of one world with the node's master key."""

    def __init__(self, world: World, master_key: bytes, erased_log: Path) -> None:
        self.world = world
        self._master = AESGCM(master_key)
        self.erased_log = erased_log

    def put(self, tx: Tx, subject_id: str, values: Mapping[str, str]) -> None:
        """Seal values of a subject (a public id) inside a journaled transaction."""
        key = self._key(tx.connection, subject_id) or self._new_key(tx.connection, subject_id)
        rows = []
        for field, value in sorted(values.items()):
            nonce = os.urandom(_NONCE)
            sealed = nonce + AESGCM(key).encrypt(nonce, value.encode(), f"{subject_id}/{field}".encode())
            commitment = hmac.new(key, f"{field}={value}".encode(), hashlib.sha256).hexdigest()
            rows.append(
                {"subject_id": subject_id, "field": field, "sealed": sealed, "commitment": commitment}
            )
        tx.insert(schema.personal_value, rows)

    def open(self, subject_id: str, *, scope: Scope, actor: Actor) -> dict[str, str]:
        """Read the values of a subject. The reading itself is logged before anything is returned."""
        if scope.sensitivity < PERSONAL:
            raise ForbiddenError("this scope may not read personal values", key="personal.forbidden")
        with self.world.read() as connection:
            key = self._key(connection, subject_id)
            now = latest(schema.personal_value, self.world.head())
            rows = connection.execute(sa.select(now).where(now.c.subject_id == subject_id)).all()
        if key is None or not rows:
            raise NotFoundError("no personal values of this subject are kept", key="personal.unknown")
        with self.world.stage() as connection:
            connection.execute(
                schema.reading.insert().values(
                    at=self.world.clock.now(),
                    actor=dict(actor.to_json()),
                    subject_id=subject_id,
                    fields=sorted(row.field for row in rows),
                    purpose=scope.purpose,
                )
            )
        box = AESGCM(key)
        return {
            row.field: box.decrypt(
                row.sealed[:_NONCE], row.sealed[_NONCE:], f"{subject_id}/{row.field}".encode()
            ).decode()
            for row in rows
        }

    def erase(self, subject_id: str, *, actor: Actor, reason: str) -> None:
        """Destroy the subject's key, by law or by request. Noted outside the database too, to be replayed after a restore."""
        with self.world.write(actor) as tx:
            self._destroy(tx.connection, subject_id)
            tx.event("personal.erased", subject=("subject", subject_id), data={"reason": reason})
        self.erased_log.parent.mkdir(parents=True, exist_ok=True)
        with self.erased_log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"world": self.world.public_id, "subject": subject_id}) + "\n")

    def replay_erasures(self, actor: Actor) -> int:
        """After a restore: destroy again the keys of all who were erased since the backup. Returns how many."""
        if not self.erased_log.exists():
            return 0
        done = 0
        for line in self.erased_log.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if entry["world"] != self.world.public_id:
                continue
            with self.world.read() as connection:
                alive = self._key(connection, entry["subject"]) is not None
            if alive:
                with self.world.write(actor) as tx:
                    self._destroy(tx.connection, entry["subject"])
                    tx.event(
                        "personal.erased", subject=("subject", entry["subject"]), data={"reason": "replayed"}
                    )
                done += 1
        return done

    def _key(self, connection: sa.Connection, subject_id: str) -> bytes | None:
        wrapped = connection.execute(
            sa.select(schema.personal_key.c.wrapped_key).where(schema.personal_key.c.subject_id == subject_id)
        ).scalar_one_or_none()
        if wrapped is None:
            return None
        return self._master.decrypt(bytes(wrapped)[:_NONCE], bytes(wrapped)[_NONCE:], subject_id.encode())

    def _new_key(self, connection: sa.Connection, subject_id: str) -> bytes:
        key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
        wrapped = nonce + self._master.encrypt(nonce, key, subject_id.encode())
        connection.execute(schema.personal_key.insert().values(subject_id=subject_id, wrapped_key=wrapped))
        return key

    def _destroy(self, connection: sa.Connection, subject_id: str) -> None:
        connection.execute(schema.personal_key.delete().where(schema.personal_key.c.subject_id == subject_id))
