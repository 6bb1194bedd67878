"""Personal values: apart from everything else, encrypted with a key per subject, erasable, every reading logged.

Erasing a subject destroys its key: the sealed values and their salted commitments stay in the journaled rows, so the
chain still verifies, and can never be opened or guessed again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anlan.errors import ForbiddenError, NotFoundError
from anlan.store import schema
from anlan.store.scope import PERSONAL, Scope
from anlan.store.types import Actor
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
        found = self.open_many([subject_id], scope=scope, actor=actor)
        if subject_id not in found:
            raise NotFoundError("no personal values of this subject are kept", key="personal.unknown")
        return found[subject_id]

    def open_many(
        self, subject_ids: Collection[str], *, scope: Scope, actor: Actor
    ) -> dict[str, dict[str, str]]:
        """Read the values of many subjects at once; those without any are left out. Each reading is logged by itself."""
        if scope.sensitivity < PERSONAL:
            raise ForbiddenError("this scope may not read personal values", key="personal.forbidden")
        wanted = sorted(set(subject_ids))
        table, key_table = schema.personal_value, schema.personal_key
        with self.world.read() as connection:
            keys = connection.execute(sa.select(key_table).where(key_table.c.subject_id.in_(wanted))).all()
            rows = connection.execute(
                sa.select(table).where(table.c.subject_id.in_(wanted)).order_by(table.c.known_seq)
            ).all()
        sealed: dict[str, dict[str, bytes]] = {}
        for row in rows:  # in the order they became known: the newest of a field stays
            sealed.setdefault(row.subject_id, {})[row.field] = row.sealed
        boxes = {row.subject_id: AESGCM(self._unwrap(row)) for row in keys if row.subject_id in sealed}
        if boxes:
            with self.world.stage() as connection:
                connection.execute(
                    schema.reading.insert(),
                    [
                        {
                            "at": self.world.clock.now(),
                            "actor": dict(actor.to_json()),
                            "subject_id": subject_id,
                            "fields": sorted(sealed[subject_id]),
                            "purpose": scope.purpose,
                        }
                        for subject_id in boxes
                    ],
                )
        return {
            subject_id: {
                field: box.decrypt(data[:_NONCE], data[_NONCE:], f"{subject_id}/{field}".encode()).decode()
                for field, data in sealed[subject_id].items()
            }
            for subject_id, box in boxes.items()
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
        row = connection.execute(
            sa.select(schema.personal_key).where(schema.personal_key.c.subject_id == subject_id)
        ).one_or_none()
        return None if row is None else self._unwrap(row)

    def _unwrap(self, row: sa.Row[Any]) -> bytes:
        wrapped = bytes(row.wrapped_key)
        return self._master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], row.subject_id.encode())

    def _new_key(self, connection: sa.Connection, subject_id: str) -> bytes:
        key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
        wrapped = nonce + self._master.encrypt(nonce, key, subject_id.encode())
        connection.execute(schema.personal_key.insert().values(subject_id=subject_id, wrapped_key=wrapped))
        return key

    def _destroy(self, connection: sa.Connection, subject_id: str) -> None:
        connection.execute(schema.personal_key.delete().where(schema.personal_key.c.subject_id == subject_id))
