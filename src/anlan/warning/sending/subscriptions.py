"""Subscriptions: asked for, confirmed by whoever reads the address, ended by the same or by us.

An address is a personal value of the subscription; it is erased when the subscription ends or is not confirmed in two
days. The answer to asking is the same whether an address is known or not, so that nobody can find out who is told.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import sqlalchemy as sa

from anlan.errors import ConflictError, ForbiddenError, InputError, UnavailableError
from anlan.registry import queries as registry
from anlan.settings import Settings
from anlan.store import SYSTEM, Actor, AsOf, Scope, Tx, Vault, World, new_public_id
from anlan.warning.levels import Level, parse_level
from anlan.warning.sending import outbox
from anlan.warning.sending.channels import check_address
from anlan.warning.sending.rows import all_now, one_now, store
from anlan.warning.sending.rule import Audience, Channel, Way, channels_of_world
from anlan.warning.sending.tokens import LinkKey
from anlan.warning.sending.types import Subscription
from anlan.warning.tables_sending import subscription_lookup

__all__ = ["CONFIRM_WITHIN", "Asked", "ask", "confirm", "end", "forget_unconfirmed"]

CONFIRM_WITHIN = timedelta(hours=48)
_ASK_AGAIN = timedelta(hours=1)
_EVERYTHING = Scope.everything("subscriptions")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
SUBSCRIPTION_WAYS = (Way.EMAIL, Way.SMS, Way.WEBHOOK)


@dataclass(frozen=True)
class Asked:
    """What came of asking. ``secret`` signs what a webhook gets; it is shown this once. Both are empty when the
    address is known already: then nothing new was made."""

    public_id: str
    secret: str


def ask(
    world: World,
    vault: Vault,
    key: LinkKey,
    settings: Settings,
    *,
    actor: Actor,
    way: str,
    address: str,
    area_code: str,
    hazards: Sequence[str] = (),
    min_level: str = Level.BLUE,
    language: str = "zh",
    quiet_from: str = "",
    quiet_until: str = "",
    audience: Audience = Audience.PUBLIC,
) -> Asked:
    """Ask to be told. A message with a link goes to the address; nothing else does until it is confirmed.

    Raises
    ------
    ForbiddenError
        This world has no such channel: an exercise takes no public subscriptions.
    InputError, ParameterError, NotFoundError
        A field has no such value; the address is none of that way; no such area.
    UnavailableError
        Too many have asked in this hour.
    """
    chosen = _checked(way, language, quiet_from, quiet_until)
    level = parse_level(min_level)
    if Channel(chosen, audience) not in channels_of_world(world.kind):
        raise ForbiddenError(
            f"a world of kind {world.kind} has no {audience} channel {chosen}", key="sending.no_channel"
        )
    plain = check_address(chosen, address)
    lookup = key.secret_for(f"{chosen}\n{plain.casefold()}\n{area_code}\n{sorted(hazards)}")
    secret = secrets.token_hex(32) if chosen is Way.WEBHOOK else ""
    with world.write(actor) as tx:
        area = registry.area(tx.connection, _EVERYTHING, AsOf(tx.seq), area_code)
        if not _first_to_ask(tx, lookup, settings.subscription_asks_per_hour):
            tx.event("subscription.asked_again", data={"way": way, "area": area.code})
            return Asked("", "")
        made = Subscription(
            public_id=new_public_id(),
            known_seq=tx.seq,
            audience=audience,
            way=chosen,
            hazards=tuple(sorted(set(hazards))),
            min_level=level,
            area_code=area.code,
            area_path=area.path,
            language=language,
            quiet_from=quiet_from,
            quiet_until=quiet_until,
            state="asked",
            asked_at=tx.now,
            changed_at=tx.now,
            changed_by=actor.id,
        )
        store(tx, made)
        vault.put(tx, made.public_id, {"address": plain, "secret": secret})
        tx.connection.execute(
            subscription_lookup.insert().values(
                lookup=lookup, subscription_id=made.public_id, asked_at=tx.now
            )
        )
        outbox.add(
            tx.connection,
            [
                outbox.NewParcel(
                    purpose="confirm",
                    target_kind="subscription",
                    target_id=made.public_id,
                    way=chosen,
                    audience=audience,
                    language=language,
                    level=None,
                    expires=tx.now + CONFIRM_WITHIN,
                )
            ],
            now=world.clock.now(),
        )
        tx.event(
            "subscription.asked",
            subject=("subscription", made.public_id),
            data={"way": way, "area": area.code, "audience": str(audience)},
        )
    return Asked(made.public_id, secret)


def _checked(way: str, language: str, quiet_from: str, quiet_until: str) -> Way:
    quiet = [text for text in (quiet_from, quiet_until) if text]
    times_fit = len(set(quiet)) in (0, 2) and all(_TIME.fullmatch(text) for text in quiet)
    if way not in SUBSCRIPTION_WAYS or language not in ("zh", "en") or not times_fit:
        raise InputError(
            f"a subscription has a way ({', '.join(SUBSCRIPTION_WAYS)}), a language (zh, en) and quiet hours as HH:MM "
            f"to HH:MM or none. Got {way!r}, {language!r}, {quiet_from!r} to {quiet_until!r}.",
            key="sending.subscription_form",
        )
    return Way(way)


def _first_to_ask(tx: Tx, lookup: str, most_per_hour: int) -> bool:
    table = subscription_lookup
    known = tx.connection.execute(sa.select(table.c.asked_at).where(table.c.lookup == lookup)).first()
    if known is not None:
        return False
    recent = sa.select(sa.func.count()).where(table.c.asked_at > tx.now - _ASK_AGAIN)
    if tx.connection.execute(recent).scalar_one() >= most_per_hour:
        raise UnavailableError(
            "too many subscriptions have been asked for in this hour; try again later",
            key="sending.too_many_asks",
        )
    return True


def confirm(world: World, public_id: str, *, actor: Actor) -> Subscription:
    """Somebody who reads the address says yes. Saying it twice changes nothing.

    Raises
    ------
    ConflictError
        It has ended.
    NotFoundError
        There is none.
    """
    with world.read() as connection:
        before = one_now(connection, Subscription, world.head(), public_id)
    if before.state == "confirmed":
        return before
    with world.write(actor) as tx:
        before = one_now(tx.connection, Subscription, tx.seq, public_id)
        if before.state == "ended":
            raise ConflictError("this subscription has ended; ask again", key="sending.subscription_ended")
        after = _changed(tx, before, "confirmed")
        tx.event("subscription.confirmed", subject=("subscription", public_id))
    return after


def end(world: World, vault: Vault, public_id: str, *, actor: Actor, reason: str = "asked") -> None:
    """End it: nothing more is sent, what has not left is dropped, and the address is erased. Twice changes nothing.

    Raises
    ------
    NotFoundError
        There is none.
    """
    with world.read() as connection:
        before = one_now(connection, Subscription, world.head(), public_id)
    if before.state != "ended":
        # First the address: if we die in between, nobody is told against their will, and the link still works.
        vault.erase(public_id, actor=actor, reason="the subscription has ended")
        with world.write(actor) as tx:
            before = one_now(tx.connection, Subscription, tx.seq, public_id)
            _changed(tx, before, "ended")
            outbox.drop(tx.connection, reason="ended", target_id=public_id)
            tx.connection.execute(
                subscription_lookup.delete().where(subscription_lookup.c.subscription_id == public_id)
            )
            tx.event("subscription.ended", subject=("subscription", public_id), data={"reason": reason})


def forget_unconfirmed(world: World, vault: Vault) -> int:
    """End what nobody has confirmed in two days. Returns how many."""
    limit = world.clock.now() - CONFIRM_WITHIN
    with world.read() as connection:
        found = all_now(
            connection, Subscription, world.head(), lambda rows: rows.c.asked_at < limit, state="asked"
        )
    for one in found:
        end(world, vault, one.public_id, actor=SYSTEM, reason="not confirmed")
    return len(found)


def _changed(tx: Tx, before: Subscription, state: str) -> Subscription:
    after = replace(
        before,
        state=state,  # type: ignore[arg-type]
        known_seq=tx.seq,
        changed_at=tx.now,
        changed_by=tx.actor.id,
    )
    return store(tx, after)
