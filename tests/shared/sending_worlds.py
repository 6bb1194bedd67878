"""A world with units that must act, people who subscribed, and a hand for releasing warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from warning_worlds import ALL, CHIBI, CHIEF, FACTS, OFFICER, PUBLIC

from anlan.flows.dispatch import dispatch
from anlan.flows.sending import mailroom_of, reader, send_once, vault_of
from anlan.registry.actions import add_organisation
from anlan.settings import Settings
from anlan.store import SYSTEM, FixedClock, Node, World
from anlan.warning import HazardWarning, actions
from anlan.warning.cap import Alert, MsgType, Status, write
from anlan.warning.cap import Scope as MessageScope
from anlan.warning.sending import Answer, Parcel
from anlan.warning.sending.channels import Carrier, carriers_of
from anlan.warning.sending.contacts import add_contact, add_duty
from anlan.warning.sending.outbox import parcel_of
from anlan.warning.sending.rows import all_now
from anlan.warning.sending.rule import Audience, Way
from anlan.warning.sending.sender import Sender
from anlan.warning.sending.subscriptions import Asked, ask, confirm
from anlan.warning.sending.tokens import link_key
from anlan.warning.tables_sending import parcel, parcel_try

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Town:
    """One world and the settings under which it sends."""

    def __init__(self, node: Node, world: World) -> None:
        self.node = node
        self.world = world
        self.settings: Settings = replace(
            PUBLIC, base_url="http://anlan.example", webhook_private_addresses=True
        )
        self.numbers = 0

    @property
    def clock(self) -> FixedClock:
        assert isinstance(self.world.clock, FixedClock)
        return self.world.clock

    def set(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)

    def unit(
        self,
        *contacts: Mapping[str, Any],
        area: str = CHIBI,
        superior: str = "",
        **duty: Any,
    ) -> str:
        """A unit of a county with contacts; gives the id of its organisation."""
        self.numbers += 1
        with self.world.write(SYSTEM) as tx:
            organisation = add_organisation(
                tx,
                code=f"unit-{self.numbers}",
                names={"zh": f"第{self.numbers}单位", "en": f"Unit {self.numbers}"},
                area_code=area,
            )
            add_duty(tx, organisation_id=organisation, area_code=area, superior_id=superior, **duty)
            for one in contacts:
                add_contact(tx, vault_of(self.node, self.world), organisation_id=organisation, **one)
        return organisation

    def desk(self, *contacts: Mapping[str, Any], area: str = "421200") -> str:
        """An organisation that has contacts and no duty of its own."""
        self.numbers += 1
        with self.world.write(SYSTEM) as tx:
            organisation = add_organisation(
                tx,
                code=f"desk-{self.numbers}",
                names={"zh": f"第{self.numbers}单位", "en": f"Desk {self.numbers}"},
                area_code=area,
            )
            for one in contacts:
                add_contact(tx, vault_of(self.node, self.world), organisation_id=organisation, **one)
        return organisation

    def asked(self, way: str = "email", address: str = "", **changes: Any) -> Asked:
        self.numbers += 1
        values: dict[str, Any] = {"area_code": CHIBI, "audience": Audience.PUBLIC, **changes}
        return ask(
            self.world,
            vault_of(self.node, self.world),
            link_key(self.node, self.world),
            self.settings,
            actor=SYSTEM,
            way=way,
            address=address or f"reader{self.numbers}@example.org",
            **values,
        )

    def subscribed(self, way: str = "email", address: str = "", **changes: Any) -> str:
        """A confirmed subscription, without the letter that asked for it."""
        made = self.asked(way, address, **changes)
        confirm(self.world, made.public_id, actor=SYSTEM)
        with self.world.stage() as connection:
            connection.execute(parcel.delete().where(parcel.c.purpose == "confirm"))
        return made.public_id

    def release(self, level: str = "orange", **changes: Any) -> HazardWarning:
        values: dict[str, Any] = {"hazard": "measles", "area_codes": [CHIBI], "facts": FACTS, **changes}
        with self.world.write(OFFICER) as tx:
            step = actions.draft(tx, settings=self.settings, level=level, **values)
        return self._out(step)

    def follow(self, before: HazardWarning, what: str = "update", **changes: Any) -> HazardWarning:
        """Release the next step: ``update``, ``end`` or ``cancel``."""
        self.clock.advance(SECOND)
        with self.world.write(OFFICER) as tx:
            step: HazardWarning = getattr(actions, what)(
                tx, before.public_id, expected_seq=before.known_seq, settings=self.settings, **changes
            )
        return self._out(step)

    def _out(self, step: HazardWarning) -> HazardWarning:
        with self.world.write(OFFICER) as tx:
            step = actions.submit(tx, step.public_id, expected_seq=step.known_seq, settings=self.settings)
        with self.world.write(CHIEF) as tx:
            return actions.release(tx, step.public_id, expected_seq=step.known_seq, settings=self.settings)

    def queue(self) -> None:
        dispatch(self.world, (reader(self.settings),))

    def send(self) -> int:
        return send_once(self.node, self.world, settings=self.settings)

    def sender(self, carriers: Mapping[Way, Carrier] | None = None, **changes: Any) -> Sender:
        return Sender(
            mailroom_of(self.node, self.world, self.settings),
            carriers_of(self.settings) if carriers is None else carriers,
            **changes,
        )

    def parcels(self, **which: Any) -> list[Parcel]:
        with self.world.read() as connection:
            query = sa.select(parcel).order_by(parcel.c.id)
            query = query.where(*(parcel.c[name] == value for name, value in which.items()))
            return [parcel_of(row) for row in connection.execute(query)]

    def states(self, **which: Any) -> list[str]:
        return [one.state for one in self.parcels(**which)]

    def tries(self) -> list[tuple[str, str]]:
        with self.world.read() as connection:
            rows = connection.execute(sa.select(parcel_try).order_by(parcel_try.c.id))
            return [(row.outcome, row.detail) for row in rows]

    def answers(self, **which: Any) -> list[Answer]:
        with self.world.read() as connection:
            return all_now(connection, Answer, self.world.head(), **which)


def ack_of(alert: Alert, **changes: Any) -> bytes:
    """A CAP ``Ack`` of a unit for a message."""
    values: dict[str, Any] = {
        "identifier": "unit-ack-1",
        "sender": "unit@example.org",
        "sent": alert.sent,
        "status": Status.ACTUAL,
        "msg_type": MsgType.ACK,
        "scope": MessageScope.PRIVATE,
        "addresses": alert.sender,
        "references": (alert.reference,),
        **changes,
    }
    return write(Alert(**values))


__all__ = ["ALL", "HOUR", "MINUTE", "SECOND", "Town", "ack_of"]
